"""`upscale`: image files are upscaled, and mistakes are named."""

import importlib
import pathlib

import numpy as np
import pytest
from PIL import Image

from keras_synth import inference, models, networks, presets, restoration
from keras_synth.cli.main import main
from keras_synth.io import bit_depth, read_image, write_image
from keras_synth.tasks import upscale

MODULE = importlib.import_module("keras_synth.tasks.upscale")
RNG = np.random.default_rng(0)
HALF_LEVEL = 0.5 / 65535 + 1e-6
# BT.601, full range: Y, Cb, Cr out of R, G, B.
TO_YCBCR = np.array(
    [
        [0.299, 0.587, 0.114],
        [-0.168736, -0.331264, 0.5],
        [0.5, -0.418688, -0.081312],
    ]
)


@pytest.fixture(scope="module")
def color():
    """13x10, without pure black or white, so that little is clipped."""
    return RNG.uniform(0.3, 0.7, (13, 10, 3)).astype("float32")


@pytest.fixture(scope="module")
def small_upscaler():
    """In the pretrained one's place: as random, and faster."""
    network = networks.edsr(4, channels=1, width=4, num_blocks=1)
    for weight in network.trainable_weights:
        values = RNG.standard_normal(weight.shape)
        weight.assign(weight + 0.1 * values)
    return network


@pytest.fixture
def pretrained(monkeypatch, small_upscaler):
    monkeypatch.setattr(MODULE, "_edsr", lambda scale: small_upscaler)
    return small_upscaler


@pytest.fixture(scope="module")
def saved(tmp_path_factory, small_upscaler):
    """Paths of models, by name."""
    folder = tmp_path_factory.mktemp("models")
    gan = models.RestorationGAN(
        networks.edsr(2, channels=1, width=4, num_blocks=1),
        networks.patch_discriminator(out_channels=1, condition=(), widths=(4,)),
    )
    inpainter = networks.gated_inpainter(
        channels=1, widths=(4,), dilations=(2,)
    )
    kept = {
        "four": small_upscaler,
        "three": networks.edsr(3, 3, width=4, num_blocks=1),
        "gan": gan,
        "same": networks.unet(channels=1, widths=(4,), num_blocks=1),
        "inpainter": inpainter,
    }
    for name, model in kept.items():
        model.save(folder / f"{name}.keras")
    return {name: (str(folder / f"{name}.keras"), kept[name]) for name in kept}


def _upscale(directory, image, bits=16, **options):
    """The image that a file becomes."""
    source, target = directory / "in.png", directory / "out.png"
    write_image(source, image, bits)
    (done,) = upscale(source, target, **options)
    large = read_image(target, alpha="keep")
    assert done.target == target and done.size == large.shape[:2]
    return large, done


def _clipped(images):
    return np.clip(np.asarray(images)[0], 0, 1)


def test_bicubic_is_that_of_the_comparisons(color, tmp_path):
    large, done = _upscale(tmp_path, color, method="bicubic", scale=3)
    expected = _clipped(restoration.bicubic(3)(color[None]))
    np.testing.assert_allclose(large, expected, atol=2 * HALF_LEVEL)
    assert (done.scale, done.size) == (3, (39, 30))


def test_gray_images_go_through_the_network(pretrained, color, tmp_path):
    gray = color[..., :1]
    large, done = _upscale(tmp_path, gray)
    np.testing.assert_allclose(
        large, _clipped(pretrained(gray[None])), atol=1e-4
    )
    assert large.shape == (52, 40, 1) and done.scale == 4


def test_color_is_brightness_by_network_and_two_differences_bicubic(
    pretrained, color, tmp_path
):
    large, _ = _upscale(tmp_path, color)
    parts = color[None] @ TO_YCBCR.T.astype("float32")
    expected = restoration.bicubic(4)(parts)
    expected[..., :1] = pretrained(parts[..., :1])
    expected = _clipped(expected @ np.linalg.inv(TO_YCBCR).T)
    np.testing.assert_allclose(large, expected, atol=1e-4)


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("channels", [1, 3])
def test_every_scale_has_a_pretrained_network(channels, scale, color, tmp_path):
    image = color[..., :channels]
    network = presets.upscaler(scale)
    given = np.repeat(image[None], 3 // channels, axis=-1)
    large, done = _upscale(tmp_path, image, scale=scale)
    expected = _clipped(network(given)).mean(-1, keepdims=True)
    if channels == 3:
        expected = _clipped(network(given))
    np.testing.assert_allclose(large, expected, atol=1e-4)
    assert done.scale == scale


def test_real_photographs_have_a_network_of_their_own(color, tmp_path):
    large, done = _upscale(tmp_path, color, method="photo")
    expected = presets.photo_upscaler()(color[None])
    expected = _clipped(restoration.keep_colors(color[None], expected))
    np.testing.assert_allclose(large, expected, atol=1e-4)
    assert done.scale == 4
    with pytest.raises(ValueError, match="upscales 4 times"):
        upscale(
            tmp_path / "in.png", tmp_path / "b.png", method="photo", scale=2
        )
    with pytest.raises(ValueError, match="`scale` must be 4"):
        presets.photo_upscaler(2)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("bits", [8, 16])
def test_what_a_file_is_stays(channels, bits, pretrained, tmp_path):
    image = RNG.uniform(size=(6, 5, channels + 1)).astype("float32")
    large, _ = _upscale(tmp_path, image, bits)
    assert large.shape == (24, 20, channels + 1)
    assert bit_depth(tmp_path / "out.png") == bits
    alpha = read_image(tmp_path / "in.png", alpha="keep")[None, ..., -1:]
    np.testing.assert_allclose(
        large[..., -1:],
        _clipped(restoration.bicubic(4)(alpha)),
        atol=0.51 / (2**bits - 1),
    )


def test_rotation_noted_in_exif_is_applied(pretrained, color, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn
    values = np.uint8(255 * color)
    Image.fromarray(values).save(tmp_path / "in.jpg", exif=exif)
    upscale(tmp_path / "in.jpg", tmp_path / "out.jpg")
    assert read_image(tmp_path / "out.jpg").shape == (40, 52, 3)


def test_a_network_of_ones_own_says_its_scale(saved, color, tmp_path):
    path, network = saved["three"]
    large, done = _upscale(tmp_path, color, method=pathlib.Path(path))
    np.testing.assert_allclose(large, _clipped(network(color[None])), atol=1e-4)
    assert done.scale == 3


def test_a_network_for_color_takes_gray(saved, color, tmp_path):
    path, network = saved["three"]
    large, _ = _upscale(tmp_path, color[..., :1], method=path)
    gray = np.repeat(color[None, ..., :1], 3, axis=-1)
    expected = np.asarray(network(gray)).mean(axis=-1, keepdims=True)
    np.testing.assert_allclose(large, _clipped(expected), atol=1e-4)


def test_a_restoration_gan_that_upscales(saved, color, tmp_path):
    path, gan = saved["gan"]
    gray = color[..., :1]
    large, done = _upscale(tmp_path, gray, method=path, scale=2)
    np.testing.assert_allclose(large, gan.restore(gray[None])[0], atol=1e-4)
    assert done.scale == 2


def test_the_ensemble_is_inferences(pretrained, color, tmp_path):
    gray = color[..., :1]
    large, _ = _upscale(tmp_path, gray, ensemble=True)
    expected = inference.self_ensemble(pretrained, gray[None])
    np.testing.assert_allclose(large, _clipped(expected), atol=1e-4)
    assert np.abs(large - _clipped(pretrained(gray[None]))).max() > 1e-3


def test_tiles_do_not_show(pretrained, monkeypatch, tmp_path):
    monkeypatch.setattr(MODULE, "_TILE", 32)
    monkeypatch.setattr(MODULE, "_OVERLAP", 5)  # 2 blocks + 3
    image = RNG.uniform(size=(50, 41, 1)).astype("float32")
    large, _ = _upscale(tmp_path, image)
    np.testing.assert_allclose(
        large, _clipped(pretrained(image[None])), atol=1e-4
    )


def test_tiles_overlap_as_far_as_the_networks_see():
    """2 · blocks + 3, of the pretrained network and of `train_upscaler`'s."""
    for blocks, radius in ((12, 27), (16, 35)):
        network = networks.edsr(4, channels=1, width=2, num_blocks=blocks)
        for weight in network.trainable_weights:
            # Nothing cancels, nothing hides in rounding.
            value = 0.2 if len(weight.shape) > 1 else 0.0
            weight.assign(np.full(weight.shape, value))
        line = np.zeros((1, 1, 2 * radius + 21, 1), "float32")
        line[:, :, radius + 10] = 1.0
        moved = np.flatnonzero(np.asarray(network(line)).any((0, 1, 3)))
        assert (moved[0] // 4, moved[-1] // 4) == (10, 2 * radius + 10)
        assert radius <= MODULE._OVERLAP


def test_a_folder_keeps_its_names_and_names_what_is_broken(color, tmp_path):
    write_image(tmp_path / "in/b/c.png", color)
    (tmp_path / "in/a.png").write_bytes(b"<html>not found</html>")
    with pytest.raises(ValueError, match="a.png is not a readable image"):
        upscale(tmp_path / "in", tmp_path / "out", method="bicubic")
    written = [p for p in (tmp_path / "out").rglob("*") if p.is_file()]
    assert written == [tmp_path / "out/b/c.png"]


def test_nothing_is_overwritten_unless_asked(color, tmp_path):
    write_image(tmp_path / "in.png", color)
    words = (tmp_path / "in.png", tmp_path / "in.png")
    with pytest.raises(FileExistsError, match="exists already"):
        upscale(*words, method="bicubic")
    assert read_image(tmp_path / "in.png").shape == (13, 10, 3)
    upscale(*words, method="bicubic", scale=2, overwrite=True)
    assert read_image(tmp_path / "in.png").shape == (26, 20, 3)


@pytest.mark.parametrize(
    ("ending", "largest"), [(".webp", 16383), (".avif", 32768)]
)
def test_a_side_that_a_format_does_not_hold_is_refused_before_any_work(
    ending, largest, monkeypatch, tmp_path
):
    small = tmp_path / "in.png"
    write_image(small, np.zeros((1, largest // 4 + 1, 1)))
    monkeypatch.setattr(inference, "restore_tiled", None)  # would be called
    with pytest.raises(ValueError, match=f"{ending} files hold {largest}"):
        upscale(small, tmp_path / f"out{ending}", method="bicubic")
    assert [file.name for file in tmp_path.iterdir()] == ["in.png"]


def test_the_command_line_says_what_it_did(color, tmp_path, capsys):
    write_image(tmp_path / "in.png", color)
    words = ["upscale", str(tmp_path / "in.png"), str(tmp_path / "out.png")]
    options = ["--method", "bicubic", "--scale", "2", "--compare"]
    assert main([*words, *options]) == 0
    out = capsys.readouterr().out
    assert f"image: {tmp_path}/out.png (20x26, 2 times larger)" in out
    assert f"before and after: {tmp_path}/out-compare.png" in out
    assert read_image(tmp_path / "out-compare.png").std() > 0.1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            "--method magic",
            "--method must be edsr, photo, realesrgan, realesrgan_anime, "
            "bicubic, pnp or a .keras file",
        ),
        ("--method bicubic --scale 1", "--scale must be an int, at least 2"),
        ("--method bicubic --ensemble", "--ensemble is for networks"),
        ("--scale 5", "edsr upscales 2, 3 or 4 times. Received: --scale 5"),
        ("--method three --scale 4", "three.keras upscales 3 times"),
        ("--method same", "same.keras does not upscale images"),
        ("--method inpainter", "inpainter.keras takes image, mask"),
        ("--method none.keras", "There is no model"),
    ],
)
def test_mistakes_get_one_clear_line(
    options, message, saved, pretrained, color, tmp_path, capsys
):
    write_image(tmp_path / "in.png", color)
    write_image(tmp_path / "out.png", color[:2])
    before = (tmp_path / "out.png").read_bytes()
    words = [
        saved[word][0] if word in saved else word for word in options.split()
    ]
    files = [str(tmp_path / "in.png"), str(tmp_path / "out.png")]
    assert main(["upscale", *files, "--overwrite", *words]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
    assert (tmp_path / "out.png").read_bytes() == before


def test_a_result_that_fills_the_memory_is_refused(tmp_path, capsys):
    write_image(tmp_path / "in.png", np.full((20, 30, 3), 0.5))
    words = ["upscale", str(tmp_path / "in.png"), str(tmp_path / "out.png")]
    words += ["--method", "bicubic", "--scale"]
    assert main([*words, "1000"]) == 2
    said = capsys.readouterr().err
    assert "600 megapixels, more than the 200" in said
    assert "--max-megapixels" in said and "smaller --scale" in said
    assert not (tmp_path / "out.png").exists()
    assert main([*words, "4", "--max-megapixels", "0.009"]) == 2
    assert main([*words, "4", "--max-megapixels", "0.01"]) == 0
