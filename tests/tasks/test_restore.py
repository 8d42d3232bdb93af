"""`restore`: image files are restored, and mistakes are named."""

import pathlib

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage
from skimage import data

from keras_synth import evaluation, presets, tasks, training
from keras_synth.cli import restore as cli_restore
from keras_synth.cli.main import main
from keras_synth.io import bit_depth, progress, read_image, write_image
from keras_synth.tasks import restore

RNG = np.random.default_rng(0)
SIGMA = 20 / 255


@pytest.fixture(scope="module")
def clean():
    """A smooth image with an edge, 48x40 in color."""
    y, x = np.mgrid[:48, :40] / 48
    channels = [0.3 + 0.4 * y, 0.6 - 0.3 * x, np.where(x + y > 0.8, 0.7, 0.3)]
    return np.stack(channels, axis=-1).astype("float32")


@pytest.fixture(scope="module")
def noisy(clean):
    return clean + SIGMA * RNG.standard_normal(clean.shape)


def _error(image, clean):
    return float(np.sqrt(np.mean((image - clean) ** 2)))


@pytest.mark.parametrize(
    "method",
    [m for m in tasks.METHODS if m != "bm3d"]
    + [pytest.param("bm3d", marks=pytest.mark.slow)],
)
def test_every_method_removes_noise(method, clean, noisy, tmp_path):
    write_image(tmp_path / "in.png", noisy)
    (restored,) = restore(
        tmp_path / "in.png", tmp_path / "out.png", method=method
    )
    assert restored.target == tmp_path / "out.png"
    assert abs(restored.noise_level / SIGMA - 1) < 0.25
    result = read_image(tmp_path / "out.png")
    assert _error(result, clean) < 0.75 * _error(noisy, clean)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("transparent", [False, True])
def test_channels_bits_and_transparency_are_kept(
    channels, bits, transparent, noisy, tmp_path
):
    image = np.clip(noisy[..., :channels], 0, 1)
    if transparent:
        alpha = RNG.uniform(size=(48, 40, 1))
        image = np.concatenate([image, alpha], axis=-1)
    write_image(tmp_path / "in.png", image, bits)
    restore(tmp_path / "in.png", tmp_path / "out.png", method="median")
    before, after = (
        read_image(tmp_path / name, alpha="keep")
        for name in ("in.png", "out.png")
    )
    assert before.shape == after.shape
    assert bit_depth(tmp_path / "out.png") == bits
    assert np.abs(before - after)[..., :channels].max() > 0.01
    if transparent:
        np.testing.assert_array_equal(before[..., -1], after[..., -1])


def test_rotation_noted_in_exif_is_applied(noisy, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn
    values = np.uint8(255 * np.clip(noisy, 0, 1))
    Image.fromarray(values).save(tmp_path / "in.jpg", exif=exif, quality=95)
    restore(tmp_path / "in.jpg", tmp_path / "out.jpg", method="median")
    assert read_image(tmp_path / "out.jpg").shape == (40, 48, 3)


def test_sixteen_bits_become_eight_where_the_format_has_no_more(tmp_path):
    write_image(tmp_path / "in.png", RNG.uniform(size=(8, 8, 3)), bits=16)
    restore(tmp_path / "in.png", tmp_path / "out.jpg", method="median")
    assert bit_depth(tmp_path / "out.jpg") == 8


@pytest.mark.parametrize(
    ("method", "size"),
    [
        ("unet", (1, 1)),
        ("unet", (2, 50)),
        ("total_variation", (3, 9)),
        pytest.param("bm3d", (3, 2), marks=pytest.mark.slow),
    ],
)
def test_tiny_images(size, method, tmp_path):
    write_image(tmp_path / "in.png", RNG.uniform(size=(*size, 3)))
    restore(
        tmp_path / "in.png",
        tmp_path / "out.png",
        method=method,
        noise_level=0.1,
    )
    assert read_image(tmp_path / "out.png").shape == (*size, 3)


def test_an_image_too_small_to_estimate_its_noise_is_named(noisy, tmp_path):
    write_image(tmp_path / "in" / "a.png", np.zeros((3, 9)))
    write_image(tmp_path / "in" / "b.png", noisy)
    with pytest.raises(ValueError, match="a.png is too small to estimate"):
        restore(tmp_path / "in", tmp_path / "out", method="total_variation")
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["b.png"]


@pytest.mark.parametrize("method", ["auto", "photo", "median"])
def test_methods_that_need_no_noise_level_take_tiny_images(method, tmp_path):
    write_image(tmp_path / "in.png", np.full((1, 9, 3), 0.5))
    (done,) = restore(tmp_path / "in.png", tmp_path / "out.png", method=method)
    assert done.noise_level == 0.0
    assert read_image(tmp_path / "out.png").shape == (1, 9, 3)


def test_a_blind_network_takes_tiny_images(tmp_path):
    network = training.build_denoiser("dncnn", 3, num_layers=2, width=4)
    network.save(tmp_path / "blind.keras")
    write_image(tmp_path / "in.png", np.full((1, 9, 3), 0.5))
    restore(
        tmp_path / "in.png",
        tmp_path / "out.png",
        method=tmp_path / "blind.keras",
    )
    assert read_image(tmp_path / "out.png").shape == (1, 9, 3)


def test_a_network_trained_again_is_loaded_again(tmp_path):
    write_image(tmp_path / "in.png", np.full((16, 16), 0.5))
    path = tmp_path / "denoiser.keras"
    results = []
    for bias in (0.0, 0.25):
        network = training.build_denoiser("ffdnet", 1, num_layers=2, width=4)
        network.trainable_weights[-1].assign([bias] * 4)
        network.save(path)
        out = tmp_path / f"{bias}.png"
        restore(tmp_path / "in.png", out, method=str(path), noise_level=0.1)
        results.append(read_image(out).mean())
    np.testing.assert_allclose(results, [0.5, 0.25], atol=0.01)


def test_no_noise_leaves_the_image(clean, tmp_path):
    write_image(tmp_path / "in.png", clean)
    restore(tmp_path / "in.png", tmp_path / "out.png", noise_level=0.0)
    np.testing.assert_array_equal(
        read_image(tmp_path / "in.png"), read_image(tmp_path / "out.png")
    )


@pytest.mark.parametrize(
    "method",
    ["auto", "unet", "bm3d", "non_local_means", "total_variation"],
)
def test_a_given_noise_level_of_zero_copies_the_file_and_says_so(
    method, noisy, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    write_image("in.png", noisy)
    (result,) = restore("in.png", "out.png", method=method, noise_level=0)
    facts = result.noise_level, result.jpeg_quality, result.method
    assert facts == (None, None, None)
    assert pathlib.Path("out.png").read_bytes() == (
        pathlib.Path("in.png").read_bytes()
    )
    words = ["restore", "in.png", "again.png", "--method", method]
    assert main([*words, "--noise-level", "0"]) == 0
    said = capsys.readouterr().out
    assert "no noise removed, as asked" in said and "gray levels" not in said


def test_a_folder_keeps_its_names(noisy, tmp_path):
    for name in ("a.png", "b/c.png"):
        write_image(tmp_path / "in" / name, noisy)
    (tmp_path / "in" / "notes.txt").write_text("no image")
    done = restore(tmp_path / "in", tmp_path / "out", method="median")
    assert [str(d.target.relative_to(tmp_path / "out")) for d in done] == [
        "a.png",
        "b/c.png",
    ]


def test_a_broken_file_among_others_is_named_after_the_rest_is_restored(
    noisy, tmp_path
):
    write_image(tmp_path / "in" / "z.png", noisy)
    (tmp_path / "in" / "a.png").write_bytes(b"<html>not found</html>")
    with pytest.raises(ValueError, match="a.png is not a readable image"):
        restore(tmp_path / "in", tmp_path / "out", method="median")
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["z.png"]


def test_a_mistake_leaves_no_folder_behind(noisy, tmp_path):
    write_image(tmp_path / "in.png", noisy)
    with pytest.raises(FileNotFoundError):
        restore(
            tmp_path / "in.png", tmp_path / "new/out.png", method="none.keras"
        )
    with pytest.raises(FileNotFoundError):
        tasks.inpaint(
            tmp_path / "in.png",
            tmp_path / "none.png",
            tmp_path / "new/out.png",
        )
    assert not (tmp_path / "new").exists()


def test_comparisons_have_names_of_their_own(noisy, tmp_path):
    for name in ("a.png", "a.jpg"):
        write_image(tmp_path / "in" / name, noisy[:8, :8])
    places = tmp_path / "in", tmp_path / "out"
    with pytest.raises(ValueError, match="differ in their endings alone"):
        restore(*places, method="median", compare=True)
    assert len(restore(*places, method="median")) == 2


def test_nothing_is_overwritten_unless_asked(noisy, tmp_path):
    write_image(tmp_path / "in.png", noisy)
    write_image(tmp_path / "out.png", np.zeros((2, 2)))
    before = (tmp_path / "out.png").read_bytes()
    with pytest.raises(FileExistsError, match="exists already"):
        restore(tmp_path / "in.png", tmp_path / "out.png")
    with pytest.raises(FileExistsError, match="exists already"):
        restore(tmp_path / "in.png", tmp_path / "in.png")
    assert (tmp_path / "out.png").read_bytes() == before
    restore(
        tmp_path / "in.png",
        tmp_path / "out.png",
        method="median",
        overwrite=True,
    )
    assert read_image(tmp_path / "out.png").shape == (48, 40, 3)


def test_before_and_after_side_by_side(noisy, tmp_path):
    write_image(tmp_path / "in.png", noisy)
    (restored,) = restore(
        tmp_path / "in.png", tmp_path / "out.png", method="median", compare=True
    )
    assert restored.comparison == tmp_path / "out-compare.png"
    assert read_image(restored.comparison).std() > 0.1


def test_a_comparison_has_short_titles_without_folders(
    noisy, tmp_path, monkeypatch
):
    shown = []
    monkeypatch.setattr(
        evaluation, "draw_panel", lambda *args, **_: shown.append(args[2])
    )
    network = training.build_denoiser("dncnn", num_layers=3, width=4)
    write_image(tmp_path / "in.png", noisy)
    for name in "mine.keras", f"{50 * 'long'}.keras":
        network.save(tmp_path / name)
        restore(
            tmp_path / "in.png",
            tmp_path / f"{len(name)}.png",
            method=tmp_path / name,
            compare=True,
        )
    assert shown[0] == {"before": "in.png", "after": "mine.keras"}
    assert shown[1]["after"] == "longlonglonglo…longlong.keras"


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (2, 2), (3, 3), (9, 7)])
def test_every_channel_of_any_size_is_sharpened(size, tmp_path):
    """Unsharp masking, as SciPy's Gaussian filter has it."""
    image = RNG.uniform(0.3, 0.7, size=(*size, 3))
    write_image(tmp_path / "in.png", image)
    restore(
        tmp_path / "in.png",
        tmp_path / "out.png",
        method="median",
    )
    restore(
        tmp_path / "in.png",
        tmp_path / "sharp.png",
        method="median",
        sharpness=1.0,
    )
    plain = read_image(tmp_path / "out.png")
    blurred = ndimage.gaussian_filter(plain, 1.0, mode="reflect", axes=(0, 1))
    np.testing.assert_allclose(
        read_image(tmp_path / "sharp.png"),
        np.clip(2.0 * plain - blurred, 0.0, 1.0),
        atol=2 / 255,
    )


def test_large_images_are_not_restored_in_silence(
    noisy, tmp_path, monkeypatch, capsys
):
    """A line for each tile, and for each symmetry of each tile."""
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 0.0)
    network = training.build_denoiser("ffdnet", 3, num_layers=2, width=4)
    network.save(tmp_path / "denoiser.keras")
    for name in ("a", "b"):
        write_image(tmp_path / f"in/{name}.png", np.tile(noisy, (17, 1, 1)))
    options = {"method": tmp_path / "denoiser.keras", "noise_level": 0.1}
    restore(tmp_path / "in", tmp_path / "out", **options)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("0/2 images, 1/2 tiles, ")
    assert any(line.startswith("1/2 images, 2/2 tiles, ") for line in lines)
    assert lines[-1].startswith("2/2 images, ")
    restore(tmp_path / "in/a.png", tmp_path / "a.png", ensemble=True, **options)
    lines = capsys.readouterr().err.splitlines()
    assert lines[3].startswith("1/8 symmetries, 1/2 tiles, ")


def test_enhancement_adds_contrast_and_sharpness(clean, tmp_path):
    write_image(tmp_path / "in.png", clean)
    spread = []
    for index, options in enumerate(
        ({}, {"contrast": 0.02}, {"sharpness": 1.0})
    ):
        path = tmp_path / f"{index}.png"
        restore(tmp_path / "in.png", path, noise_level=0.0, **options)
        image = read_image(path)
        steps = np.abs(np.diff(image[..., 2], axis=1)).max()
        spread.append((image.std(), steps))
    assert spread[1][0] > 1.1 * spread[0][0]
    assert spread[2][1] > 1.1 * spread[0][1]


@pytest.mark.parametrize("color", [(0.5,), (0.8, 0.4, 0.2)])
def test_contrast_leaves_an_image_of_one_color_as_it_is(color, tmp_path):
    write_image(tmp_path / "in.png", np.full((32, 32, len(color)), color))
    restore(tmp_path / "in.png", tmp_path / "out.png", contrast=0.01)
    result = read_image(tmp_path / "out.png")
    np.testing.assert_array_equal(result, read_image(tmp_path / "in.png"))


@pytest.mark.parametrize(
    ("channels", "options"), [(1, {}), (3, {}), (1, {"ensemble": True})]
)
def test_a_network_from_a_file(channels, options, clean, noisy, tmp_path):
    network = training.build_denoiser("ffdnet", channels, num_layers=2, width=4)
    network.save(tmp_path / "denoiser.keras")
    write_image(tmp_path / "in.png", noisy)
    restore(
        tmp_path / "in.png",
        tmp_path / "out.png",
        method=str(tmp_path / "denoiser.keras"),
        **options,
    )  # untrained, it leaves the image as it is
    np.testing.assert_allclose(
        read_image(tmp_path / "out.png"),
        read_image(tmp_path / "in.png"),
        atol=1 / 255,
    )


def test_a_generator_is_refused(tmp_path):
    vae = training.build_vae((8, 8, 1), 2, architecture="dense")
    vae.save(tmp_path / "vae.keras")
    write_image(tmp_path / "in.png", np.zeros((8, 8)))
    with pytest.raises(ValueError, match="does not restore images"):
        restore(
            tmp_path / "in.png",
            tmp_path / "out.png",
            method=str(tmp_path / "vae.keras"),
        )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "magic"}, "`method` must be one of auto, photo, unet"),
        ({"noise_level": 25}, "noise of 25 gray levels is 0.098"),
        ({"noise_level": "much"}, "`noise_level` must be"),
        ({"noise_level": True}, "`noise_level` must be"),
        ({"noise_level": np.float32(25)}, "`noise_level` must be"),
        ({"contrast": -1}, "`contrast` must be from 0 to 1"),
        ({"contrast": 5}, "`contrast` must be from 0 to 1"),
        ({"contrast": np.nan}, "`contrast` must be from 0 to 1"),
        ({"sharpness": np.nan}, "`sharpness` must be from 0 to 100"),
        ({"sharpness": 1e308}, "`sharpness` must be from 0 to 100"),
        ({"noise_level": np.nan}, "`noise_level` must be"),
        ({"method": "median", "ensemble": True}, "`ensemble` is for networks"),
    ],
)
def test_bad_arguments_are_refused(options, message, tmp_path):
    write_image(tmp_path / "in.png", np.zeros((8, 8)))
    with pytest.raises(ValueError, match=message):
        restore(tmp_path / "in.png", tmp_path / "out.png", **options)
    assert not (tmp_path / "out.png").exists()


@pytest.mark.parametrize(
    ("source", "target", "message"),
    [
        ("none.png", "out.png", "There is no image or folder"),
        ("bad.png", "out.png", "is not a readable image"),
        ("in.png", "out.xyz", "must end in one of"),
        ("in.png", "in.png/out.png", "cannot be a folder"),
        ("folder.png", "out", "holds no images"),
        ("some", "in.png", "the target must be one"),
    ],
)
def test_mistakes_get_one_clear_line(source, target, message, tmp_path, capsys):
    write_image(tmp_path / "in.png", np.zeros((8, 8)))
    write_image(tmp_path / "some/in.png", np.zeros((8, 8)))
    (tmp_path / "bad.png").write_bytes(b"GIF? no")
    (tmp_path / "folder.png").mkdir()
    words = [str(tmp_path / source), str(tmp_path / target), "--overwrite"]
    assert main(["restore", *words, "--method", "median"]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
    assert not (tmp_path / "out.png").exists()


def test_a_folder_as_the_target_of_a_file_gets_that_file(tmp_path):
    write_image(tmp_path / "in.png", np.zeros((8, 8)))
    (tmp_path / "out").mkdir()
    (result,) = restore(tmp_path / "in.png", tmp_path / "out", method="median")
    assert result.target == tmp_path / "out/in.png" and result.target.exists()


def test_the_command_line_prints_what_was_done(noisy, tmp_path, capsys):
    write_image(tmp_path / "in.png", noisy)
    words = ["restore", str(tmp_path / "in.png"), str(tmp_path / "out.png")]
    assert main([*words, "--method", "median", "--compare"]) == 0
    out = capsys.readouterr().out
    assert f"image: {tmp_path}/out.png" in out
    assert f"before and after: {tmp_path}/out-compare.png" in out


@pytest.mark.parametrize("level", [SIGMA, None])
def test_a_gray_image_stored_as_color_is_restored_as_gray(level, noisy):
    images = np.clip(noisy[None, ..., :1], 0, 1).astype("float32")
    for method in ("unet", "bm3d"):
        restorer = tasks.METHODS[method](level, False)
        restored = np.asarray(restorer(np.repeat(images, 3, axis=-1)))
        gray = np.repeat(np.asarray(restorer(images)), 3, axis=-1)
        # BM3D groups more blocks in color.
        close = {"unet": 1e-3, "bm3d": 0.02}[method]
        np.testing.assert_allclose(restored, gray, atol=close)
        assert np.ptp(restored, axis=-1).max() < 1e-3


@pytest.mark.parametrize("level", [SIGMA, None])
def test_color_noise_is_removed_by_the_color_network(level):
    """Whole, at the level of the noise, told or estimated."""
    photo = data.astronaut()[60:188, 160:288] / np.float32(255)
    noisy = photo + SIGMA * RNG.standard_normal(photo.shape).astype("float32")
    restored = tasks.METHODS["unet"](level, False)(noisy[None])
    sigma = np.full((1, 1, 1, 1), SIGMA, "float32")
    network = presets.color_denoiser()
    alone = network({"image": noisy[None], "noise_level": sigma})
    assert _error(restored, photo) < 1.03 * _error(np.asarray(alone), photo)


def test_each_opponent_channel_has_its_own_noise_level(clean):
    """Strong noise of red against blue, and none of the brightness."""
    noise = RNG.standard_normal((96, 96, 1)) * [1, 0, -1]
    smooth = np.full((96, 96, 3), 0.5) + 0.1 * noise
    restored = tasks.METHODS["unet"](None, False)(smooth[None])
    np.testing.assert_allclose(
        restored.mean(axis=-1), smooth[None].mean(axis=-1), atol=1e-3
    )
    assert np.std(restored) < 0.2 * np.std(smooth)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("sigma", [0.0, 1.0])
def test_little_noise_leaves_fine_patterns_alone(channels, sigma):
    """The pretrained network alone changes a checkerboard by 97."""
    pattern = np.indices((64, 64)).sum(axis=0) % 2
    images = np.repeat(pattern[None, ..., None], channels, -1).astype("float32")
    restored = tasks.METHODS["unet"](sigma / 255, False)(images)
    assert np.abs(255 * (restored - images)).max() <= 4 * sigma + 1e-3


def test_the_limit_on_changes_costs_nothing_in_noise(clean):
    """At 5 gray levels the network alone gives the same PSNR."""
    photo = data.camera()[100:196, 200:296, None] / np.float32(255)
    noisy = photo + 5 / 255 * RNG.standard_normal(photo.shape).astype("float32")
    limited = tasks.METHODS["unet"](5 / 255, False)(noisy[None])
    level = np.full((1, 1, 1, 1), 5 / 255, "float32")
    network = presets.gray_denoiser()
    alone = np.asarray(network({"image": noisy[None], "noise_level": level}))
    assert _error(limited, photo) < 1.001 * _error(alone, photo)
    assert _error(limited, photo) < 0.85 * _error(noisy, photo)


def test_words_are_those_of_what_was_done():
    facts = {"marked": None, "noise_level": 0.0, "jpeg_quality": 20}
    words = cli_restore._restored
    assert words(facts | {"method": "photo"}) == "JPEG of quality 20 restored"
    assert words(facts | {"method": "unet", "noise_level": 0.2}) == (
        "noise of 51.0 gray levels removed, JPEG of quality 20 found"
    )
    facts |= {"jpeg_quality": None, "method": None}
    assert words(facts) == "neither noise nor JPEG blocks found"
    assert words(facts | {"noise_level": None}) == "no noise removed, as asked"


@pytest.mark.parametrize(
    "method", ["photo", "median", "adaptive_median", "blind.keras"]
)
def test_a_noise_level_that_is_not_used_is_refused(
    method, noisy, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    training.build_denoiser("dncnn", num_layers=3, width=4).save("blind.keras")
    write_image("in.png", noisy)
    with pytest.raises(ValueError, match="takes no noise level: leave out"):
        restore("in.png", "out.png", method=method, noise_level=0.1)
    assert not (tmp_path / "out.png").exists()


def test_a_strength_of_zero_copies_the_file_and_says_so(
    noisy, tmp_path, capsys
):
    write_image(tmp_path / "in.png", noisy)
    words = ["restore", str(tmp_path / "in.png"), str(tmp_path / "out.png")]
    assert main([*words, "--strength", "0"]) == 0
    said = capsys.readouterr().out
    assert "no noise removed, as asked" in said
    assert "gray levels" not in said
    source, target = tmp_path / "in.png", tmp_path / "out.png"
    assert target.read_bytes() == source.read_bytes()
    (result,) = restore(source, target, strength=0, overwrite=True)
    assert (result.noise_level, result.method) == (None, None)


@pytest.mark.parametrize("method", ["auto", "unet", "bm3d"])
def test_the_noise_of_a_small_cut_out_is_removed(method, tmp_path):
    """Nine tenths are transparent, and say nothing of its noise."""
    image = np.zeros((160, 160, 4))
    image[40:90, 50:100] = 0.5, 0.4, 0.3, 1.0
    clean = image[40:90, 50:100, :3].copy()
    image[40:90, 50:100, :3] += RNG.normal(0.0, 0.1, (50, 50, 3))
    write_image(tmp_path / "cut.png", image.clip(0, 1))
    (result,) = restore(
        tmp_path / "cut.png", tmp_path / "out.png", method=method, verbose=0
    )
    assert 0.07 < result.noise_level < 0.13
    made = read_image(tmp_path / "out.png", alpha="keep")
    np.testing.assert_array_equal(made[..., 3], image[..., 3])
    left = made[40:90, 50:100, :3] - clean
    assert np.sqrt(np.mean(left**2)) < 0.03
