"""`inpaint`: what a mask marks is filled, all else stays as it was."""

import importlib
import shutil

import numpy as np
import pytest
import skimage.data
from PIL import Image

import keras_synth
from keras_synth import inference, models, networks, presets, training
from keras_synth.cli.main import main
from keras_synth.io import FileOptions, bit_depth, read_image, write_image
from keras_synth.tasks import inpaint, restore, translate
from keras_synth.tasks.inpaint import choose_method
from keras_synth.tasks.masks import read_marked

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def clean():
    """Smooth, 20x24 in color."""
    y, x = np.mgrid[:20, :24] / 24
    channels = [0.3 + 0.4 * y, 0.6 - 0.3 * x, 0.2 + 0.3 * (x + y)]
    return np.stack(channels, axis=-1).astype("float32")


@pytest.fixture(scope="module")
def mask():
    """A hole of 6x5, and one in a corner."""
    mask = np.zeros((20, 24, 1), "float32")
    mask[4:10, 7:12] = 1.0
    mask[-2:, -3:] = 1.0
    return mask


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """`(path, model)` of models, by name."""
    folder = tmp_path_factory.mktemp("models")
    discriminator = networks.patch_discriminator(1, condition=(), widths=(4,))
    kept = {
        "inpainter": models.RestorationGAN(
            networks.gated_inpainter(1, widths=(4,), dilations=(2,)),
            discriminator,
        ),
        "plain": networks.gated_inpainter(3, widths=(4,), dilations=(2,)),
        "blind": models.RestorationGAN(
            networks.pix2pix_generator(1, 1, widths=(4, 8)), discriminator
        ),
        "denoiser": training.build_denoiser("ffdnet", 1, num_layers=2, width=4),
        "larger": networks.edsr(2, 1, width=4, num_blocks=1),
        "translator": models.RestorationGAN(
            networks.pix2pix_generator(1, 3, widths=(4, 8)),
            networks.patch_discriminator(3, condition=(), widths=(4,)),
        ),
    }
    for name, model in kept.items():
        model.save(folder / f"{name}.keras")
    return {name: (str(folder / f"{name}.keras"), kept[name]) for name in kept}


@pytest.fixture
def torn(clean, mask, tmp_path):
    """An image with white holes, and its mask, as files."""
    write_image(tmp_path / "in.png", np.maximum(clean, mask))
    write_image(tmp_path / "mask.png", mask)
    return tmp_path


def _restore(folder, **options):
    (restored,) = inpaint(
        folder / "in.png", folder / "mask.png", folder / "out.png", **options
    )
    return read_image(folder / "out.png", alpha="keep"), restored


@pytest.mark.parametrize("method", ["unet", "biharmonic", "patch_match"])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("transparent", [False, True])
def test_holes_are_filled_and_all_else_is_bit_equal(
    method, channels, bits, transparent, clean, mask, tmp_path
):
    noise = RNG.uniform(-0.02, 0.02, clean.shape).astype("float32")
    degraded = np.maximum(clean + noise, mask)[..., :channels]
    if transparent:
        alpha = RNG.uniform(0.1, 1.0, (20, 24, 1)).astype("float32")
        degraded = np.concatenate([degraded, alpha], axis=-1)
    write_image(tmp_path / "in.png", degraded, bits)
    write_image(tmp_path / "mask.png", mask)
    result, restored = _restore(tmp_path, method=method)
    before = read_image(tmp_path / "in.png", alpha="keep")
    hole = mask[..., 0] > 0
    assert result.shape == before.shape
    assert bit_depth(tmp_path / "out.png") == bits
    np.testing.assert_array_equal(result[~hole], before[~hole])
    if transparent:
        np.testing.assert_array_equal(result[..., -1], before[..., -1])
    inside = result[hole][:, :channels]
    assert np.abs(inside - clean[hole][:, :channels]).max() < (
        0.1 if method == "biharmonic" else 0.25
    )
    assert restored.filled == pytest.approx(36 / 480)
    assert restored.method == method and restored.reason is None


def test_a_model_of_train_inpainter_fills_them(saved, torn, mask):
    """A gray one each channel of a color image by itself."""
    path, gan = saved["inpainter"]
    result, _ = _restore(torn, method=path)
    before = read_image(torn / "in.png")
    expected = np.concatenate(
        [
            gan.restore(before[None, ..., i : i + 1], mask[None])[0]
            for i in range(3)
        ],
        axis=-1,
    )
    np.testing.assert_allclose(result, expected, atol=0.51 / 255)
    known = mask[..., 0] == 0
    np.testing.assert_array_equal(result[known], before[known])
    assert np.abs(result - before)[~known].min() > 0.01


@pytest.mark.parametrize("ensemble", [False, True])
def test_a_plain_network_fills_them(ensemble, saved, torn, mask):
    path, network = saved["plain"]
    result, _ = _restore(torn, method=path, ensemble=ensemble)
    before = read_image(torn / "in.png")
    inputs = {"image": before[None], "mask": mask[None]}
    run = inference.self_ensemble if ensemble else inference.run_restorer
    made = np.clip(run(network, inputs)[0], 0, 1)
    expected = np.where(mask > 0, made, before)
    np.testing.assert_allclose(result, expected, atol=0.51 / 255)


def test_a_blind_model_restores_all_or_what_the_mask_marks(saved, torn, mask):
    path, gan = saved["blind"]
    gray = read_image(torn / "in.png", channels=1)
    write_image(torn / "in.png", gray)
    gray = read_image(torn / "in.png")
    result, _ = _restore(torn, method=path)
    np.testing.assert_allclose(
        result, gan.restore(gray[None], mask[None])[0], atol=0.51 / 255
    )
    restore(torn / "in.png", torn / "all.png", method=path)
    everywhere = read_image(torn / "all.png")
    (done,) = translate(torn / "in.png", torn / "same.png", model=path)
    np.testing.assert_array_equal(read_image(torn / "same.png"), everywhere)
    assert done.size == (20, 24) and done.comparison is None
    np.testing.assert_allclose(
        everywhere, gan.restore(gray[None])[0], atol=0.51 / 255
    )
    assert np.abs(everywhere - result)[mask == 0].max() > 0.01


def test_a_translator_makes_color_of_gray(saved, torn):
    path, gan = saved["translator"]
    gray = read_image(torn / "mask.png")
    translate(torn / "mask.png", torn / "out.png", model=path, compare=True)
    np.testing.assert_allclose(
        read_image(torn / "out.png"),
        gan.restore(gray[None])[0],
        atol=0.51 / 255,
    )
    with pytest.raises(ValueError, match="color images of gray ones"):
        restore(torn / "in.png", torn / "new.png", method=path)


@pytest.mark.parametrize("method", ["auto", "biharmonic"])
def test_a_file_says_whether_a_network_made_what_is_new(
    torn, mask, method, monkeypatch
):
    def said():
        _restore(torn, method=method, overwrite=True)
        return (torn / "out.png").read_bytes()

    write_image(torn / "mask.png", np.eye(20, 24))  # a hair: biharmonic
    assert b"algorithmicallyEnhanced" in said()
    assert f"{keras_synth.__version__}, biharmonic".encode() in said()
    if method == "auto":
        write_image(torn / "mask.png", mask)
        module = importlib.import_module("keras_synth.tasks.inpaint")
        monkeypatch.setattr(module, "choose_method", lambda _: ("unet", ""))
        assert b"compositeWithTrainedAlgorithmicMedia" in said()


def test_a_mask_may_be_as_large_as_its_image(torn, mask):
    files = FileOptions(max_megapixels=1e-4)
    with pytest.raises(ValueError, match="more than the 0.0001 that are"):
        read_marked(torn / "mask.png", files)
    assert read_marked(torn / "mask.png").shape == mask.shape


def test_a_black_mask_leaves_the_file_as_it_is(mask, tmp_path):
    values = RNG.integers(0, 256, (20, 24, 3), "uint8")
    Image.fromarray(values).save(tmp_path / "in.jpg", quality=50)
    write_image(tmp_path / "mask.png", 0 * mask)
    (restored,) = inpaint(
        tmp_path / "in.jpg", tmp_path / "mask.png", tmp_path / "out.jpg"
    )
    before, after = (
        (tmp_path / name).read_bytes() for name in ("in.jpg", "out.jpg")
    )
    assert before == after and restored.filled == 0.0
    assert restored.method is None


def _hole(height, width, side=40):
    """A mask with a hole in the middle."""
    mask = np.zeros((side, side, 1), "float32")
    top, left = (side - height) // 2, (side - width) // 2
    mask[top : top + height, left : left + width] = 1.0
    return mask


@pytest.mark.parametrize(
    ("hole", "method", "reason"),
    [
        (_hole(30, 3), "biharmonic", "all pixels are less than 3 from"),
        (_hole(40, 4), "biharmonic", "all pixels are less than 3 from"),
        (_hole(40, 5), "unet", "pixels are up to 3 from the border"),
        (_hole(14, 14), "unet", "pixels are up to 7 from"),
        (_hole(16, 40), "patch_match", "pixels are up to 8 from"),
        (_hole(30, 30), "unet", "no patch without hole is left"),
    ],
)
def test_the_depth_of_a_hole_decides_the_method(hole, method, reason, tmp_path):
    """`method` wins over that, and a seed repeats the result."""
    chosen, why = choose_method(hole)
    assert chosen == method and reason in why
    image = RNG.uniform(size=(40, 40, 3)).astype("float32")
    write_image(tmp_path / "in.png", image)
    write_image(tmp_path / "mask.png", hole)
    by_itself, restored = _restore(tmp_path)
    assert (restored.method, restored.reason) == (method, why)
    same, restored = _restore(tmp_path, method=method, overwrite=True)
    assert (restored.method, restored.reason) == (method, None)
    np.testing.assert_array_equal(same, by_itself)
    other, _ = _restore(tmp_path, method=method, seed=1, overwrite=True)
    assert (np.abs(other - same).max() > 0) == (method == "patch_match")


@pytest.mark.parametrize("ensemble", [False, True])
def test_the_pretrained_network_sees_only_tiles_with_holes(
    ensemble, tmp_path, monkeypatch
):
    """What it makes of a large image is what it makes of the whole of it."""
    monkeypatch.setattr("keras_synth.tasks.restorers._TILE", 384)
    image = np.tile(skimage.data.astronaut()[100:300, 100:400], (2, 2, 1)) / 255
    hole = np.zeros((400, 600, 1), "float32")
    hole[2:10, 20:50] = 1.0
    write_image(tmp_path / "in.png", image)
    write_image(tmp_path / "mask.png", hole)
    run, calls = inference.run_restorer, []
    with monkeypatch.context() as patched:
        patched.setattr(
            inference, "run_restorer", lambda *x: calls.append(1) or run(*x)
        )
        result, _ = _restore(tmp_path, method="unet", ensemble=ensemble)
    before = read_image(tmp_path / "in.png")
    inputs = {"image": before[None], "mask": hole[None]}
    run = inference.self_ensemble if ensemble else run
    expected = np.clip(run(presets.inpainter(), inputs)[0], 0, 1)
    # Only the smooth start knows the whole image.
    assert np.abs(result - expected).max() < 4 / 255
    assert len(calls) == (8 if ensemble else 1)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_hole_of_whole_tiles_gets_the_mean_color(
    channels, tmp_path, monkeypatch
):
    for name, value in {"_TILE": 64, "_OVERLAP": 16, "_MULTIPLE": 16}.items():
        monkeypatch.setattr(f"keras_synth.tasks.restorers.{name}", value)
    color = np.float32([0.8, 0.6, 0.4])[:channels]
    hole = np.zeros((160, 160, 1), "float32")
    hole[8:-8, 8:-8] = 1.0
    write_image(tmp_path / "in.png", color * (1.0 - hole))
    write_image(tmp_path / "mask.png", hole)
    result, _ = _restore(tmp_path, method="unet")
    assert np.abs(result - color).max() < 0.1


def test_a_mask_of_several_images_is_refused(torn):
    """Of which one alone would be used, for all pages of an image."""
    with Image.open(torn / "in.png") as page:
        page.save(torn / "in.tif", save_all=True, append_images=[page])
    with Image.open(torn / "mask.png") as first:
        second = Image.new(first.mode, first.size)
        first.save(torn / "mask.tif", save_all=True, append_images=[second])
    places = torn / "in.tif", torn / "mask.tif", torn / "out.tif"
    with pytest.raises(ValueError, match="must be one image, .* 2 images"):
        inpaint(*places)
    assert not places[2].exists()


def test_what_is_transparent_in_a_mask_is_not_marked(torn, mask):
    """White strokes on a transparent layer, as drawing programs save it."""
    layer = np.concatenate([np.ones((20, 24, 3), "float32"), mask], axis=-1)
    write_image(torn / "mask.png", layer)
    _, restored = _restore(torn)
    assert restored.filled == pytest.approx(36 / 480)


def test_masks_are_as_large_as_the_rotated_image(clean, mask, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn
    degraded = np.uint8(255 * np.maximum(clean, mask))
    Image.fromarray(degraded).save(tmp_path / "in.jpg", exif=exif, quality=95)
    write_image(tmp_path / "upright.png", np.rot90(mask, -1))
    write_image(tmp_path / "lying.png", mask)
    Image.fromarray(np.uint8(255 * mask[..., 0])).save(
        tmp_path / "lying.jpg", exif=exif
    )
    for name in ("upright.png", "lying.jpg"):
        inpaint(
            tmp_path / "in.jpg",
            tmp_path / name,
            tmp_path / "out.png",
            overwrite=True,
        )
        after = np.rot90(read_image(tmp_path / "out.png"))
        assert np.abs(after - clean).max() < 0.25  # white is 0.4 off
    with pytest.raises(ValueError, match="20x24. Received: 24x20"):
        inpaint(
            tmp_path / "in.jpg", tmp_path / "lying.png", tmp_path / "new.png"
        )


def test_a_folder_takes_a_folder_of_masks(torn, tmp_path):
    for name in ("a.png", "b/c.png"):
        (torn / "many" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(torn / "in.png", torn / "many" / name)
    write_image(torn / "masks/a.bmp", read_image(torn / "mask.png"))
    words = (torn / "many", torn / "masks", torn / "out")
    with pytest.raises(FileNotFoundError, match="no mask.*many/b/c.png"):
        inpaint(*words)
    write_image(torn / "masks/b/c.png", np.zeros((20, 24)))
    done = inpaint(*words)
    assert [each.filled > 0 for each in done] == [True, False]
    write_image(torn / "masks/a.png", np.zeros((20, 24)))
    with pytest.raises(ValueError, match="have the same name: which of them"):
        inpaint(*words, overwrite=True)


def test_the_command_line_says_how_much_it_filled(torn, capsys):
    files = [str(torn / name) for name in ("in.png", "mask.png", "out.png")]
    words = ["inpaint", *files, "--compare"]
    assert main(words) == 0
    out = capsys.readouterr().out
    assert (
        f"image: {torn}/out.png (7.5 % of it filled by unet: pixels "
        "are up to 3 from the border of the hole)"
    ) in out
    assert f"before and after: {torn}/out-compare.png" in out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("inpaint mask.png --method dncnn", "one of auto, unet, biharmonic, p"),
        ("inpaint torn.png --method patch_match", "none without a missing"),
        ("inpaint mask.png --method denoiser", "takes image, noise_level"),
        ("inpaint mask.png --method larger", "an image like the degraded one"),
        ("inpaint mask.png --noise-level 0.1", "--noise-level"),
        ("inpaint mask.png --ensemble", "--ensemble is for networks"),
        ("inpaint none.png", "There is no mask"),
        ("inpaint .", "An image needs a mask"),
        ("inpaint in.txt", "is not a readable image"),
        ("inpaint white.png", "is white all over"),
        ("inpaint ones.png", "must be white where in.png is degraded"),
        ("inpaint small.png", "as large as its image"),
        ("restore --method biharmonic", "'biharmonic' needs a mask"),
        ("restore --method patch_match", "'patch_match' needs a mask"),
        ("restore --method inpainter", "inpainter.keras is an inpainter"),
        ("restore --method plain", "plain.keras is an inpainter"),
        ("restore --method larger", "changes the size of images"),
        ("translate --model plain", "plain.keras takes image, mask. Exp"),
        ("translate --model larger", "changes the size of images"),
    ],
)
def test_a_mistake_is_one_line(
    words, message, saved, torn, capsys, monkeypatch
):
    monkeypatch.chdir(torn)
    write_image("white.png", np.ones((20, 24)))
    write_image("torn.png", np.tile(np.eye(4), (5, 6)))
    write_image("small.png", np.zeros((20, 23)))
    write_image("ones.png", np.eye(24)[:20] / 255)  # of 0 and 1, not 255
    (torn / "in.txt").write_text("no image")
    write_image("out.png", np.zeros((2, 2)))
    before = (torn / "out.png").read_bytes()
    command, *words = (
        saved[word][0] if word in saved else word for word in words.split()
    )
    masks = words[:1] if command == "inpaint" else []
    words = [command, "in.png", *masks, "out.png", *words[len(masks) :]]
    assert main([*words, "--overwrite"]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
    assert (torn / "out.png").read_bytes() == before


def test_a_mask_is_not_replaced_by_what_it_restores(torn):
    mask = (torn / "mask.png").read_bytes()
    with pytest.raises(ValueError, match="mask.png is read as well"):
        inpaint(
            torn / "in.png",
            torn / "mask.png",
            torn / "new" / ".." / "mask.png",
            overwrite=True,
        )
    assert (torn / "mask.png").read_bytes() == mask


@pytest.mark.parametrize("stroke", [0.0, 0.3, 1.0])
def test_strokes_on_a_transparent_ground_are_a_mask(stroke, torn, mask):
    """Of any one color; a photograph with holes in it says nothing."""
    strokes = np.dstack([np.full(mask.shape[:2] + (3,), stroke), mask])
    write_image(torn / "strokes.png", strokes)
    words = {"method": "biharmonic"}
    (a,) = inpaint(torn / "in.png", torn / "mask.png", torn / "a.png", **words)
    (b,) = inpaint(
        torn / "in.png", torn / "strokes.png", torn / "b.png", **words
    )
    assert a.filled == b.filled > 0
    np.testing.assert_array_equal(
        read_image(torn / "a.png"), read_image(torn / "b.png")
    )
    ramp = np.broadcast_to(
        np.linspace(0.2, 0.8, mask.shape[1])[:, None], (*mask.shape[:2], 3)
    )
    write_image(torn / "holes.png", np.dstack([ramp, 1.0 - mask]))
    with pytest.raises(ValueError, match="does not say what is marked"):
        inpaint(torn / "in.png", torn / "holes.png", torn / "c.png", **words)


def test_a_bad_seed_is_not_blamed_on_the_image(torn, mask, tmp_path):
    with pytest.raises(ValueError, match="`seed` must be an int") as caught:
        inpaint(torn, mask, tmp_path / "out.png", seed=-1)
    assert not hasattr(caught.value, "errors")
