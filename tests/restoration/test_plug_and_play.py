"""PlugAndPlay: the splittings against a NumPy twin, and its protocol."""

import importlib

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_synth import degradations, evaluation, export, inference, metrics
from keras_synth.presets import gray_denoiser
from keras_synth.restoration import (
    BM3D,
    Blur,
    ColorFilterArray,
    Mask,
    PlugAndPlay,
    total_variation_denoiser,
)

RNG = np.random.default_rng(0)
BOX = np.ones((3, 3))
IMAGES = RNG.uniform(size=(2, 12, 10, 3)).astype("float32")
HOLES = np.float32(RNG.uniform(size=(2, 12, 10, 1)) < 0.3)


def fading(channels):
    """A network in place of a denoiser: `x - level · x²`, in closed form."""
    inputs = {
        "image": keras.Input((None, None, channels), name="image"),
        "noise_level": keras.Input((None, None, 1), name="noise_level"),
    }
    image = inputs["image"]
    return keras.Model(
        inputs, image - inputs["noise_level"] * keras.ops.square(image)
    )


def fade(images, noise_level):
    return images - noise_level * np.square(images)


def twin(y, known, noise_level, count, z, denoise, admm=False):
    """The iteration of the papers, for a mask."""
    levels = np.geomspace(49 / 255, noise_level, count)
    u = np.zeros_like(z)
    for level in levels:
        rho = 0.19 * noise_level**2 / level**2
        x = (known * y + rho * (z - u)) / (known + rho)
        z = denoise(x + u, level)
        if admm:
            u = u + x - z
    return np.clip(z, 0.0, 1.0)


@pytest.mark.parametrize("denoiser", [fading(3), fade], ids=["model", "code"])
@pytest.mark.parametrize("splitting", ["half-quadratic", "admm"])
def test_the_iteration_equals_its_twin(denoiser, splitting):
    known = 1.0 - HOLES
    y = IMAGES * known
    restorer = PlugAndPlay(
        denoiser, Mask(), 0.02, num_iterations=5, splitting=splitting
    )
    start = np.asarray(Mask(HOLES).start(y))
    admm = splitting == "admm"
    expected = twin(y, known, 0.02, 5, start, fade, admm)
    inputs = {"image": y, "mask": HOLES}
    np.testing.assert_allclose(restorer(inputs), expected, atol=1e-5)
    np.testing.assert_allclose(restorer.restore(inputs), expected, atol=1e-5)
    predicted = restorer.predict(inputs, verbose=0)
    np.testing.assert_allclose(predicted, expected, atol=1e-5)


def test_a_gray_network_restores_opponent_colors():
    from keras_synth.ops.transforms import opponent_matrix

    matrix = opponent_matrix()

    def opponent(x, level):
        planes = x @ matrix.T + (0.0, 0.5, 0.5)
        planes = fade(planes, level / np.sqrt(3.0))
        return (planes - (0.0, 0.5, 0.5)) @ np.linalg.inv(matrix).T

    y = IMAGES * (1.0 - HOLES)
    restorer = PlugAndPlay(fading(1), Mask(HOLES), 0.05, num_iterations=3)
    start = np.asarray(Mask(HOLES).start(y))
    expected = twin(y, 1.0 - HOLES, 0.05, 3, start, opponent)
    np.testing.assert_allclose(restorer(y), expected, atol=1e-5)


def test_a_color_network_restores_gray_images():
    y = IMAGES[..., :1]
    restorer = PlugAndPlay(fading(3), Blur(BOX), 0.05, 2)
    gray = PlugAndPlay(fading(1), Blur(BOX), 0.05, 2)
    np.testing.assert_allclose(restorer(y), gray(y), atol=1e-5)


def test_each_image_has_its_own_noise_level():
    restorer = PlugAndPlay(fading(3), Blur(BOX), num_iterations=3)
    levels = np.float32([0.01, 0.3]).reshape(2, 1, 1, 1)
    both = restorer({"image": IMAGES, "noise_level": levels})
    for image, level, found in zip(IMAGES, levels, both, strict=True):
        given = PlugAndPlay(fading(3), Blur(BOX), float(level.item()), 3)
        np.testing.assert_allclose(found, given(image[None])[0], atol=1e-5)


def test_the_noise_level_is_estimated():
    noisy = np.float32(0.5 + 0.1 * RNG.normal(size=(1, 64, 64, 1)))
    seen = []

    def denoise(images, noise_level):
        seen.append(noise_level.item())
        return images

    PlugAndPlay(denoise, Blur(BOX), num_iterations=2)(noisy)
    assert abs(seen[-1] - 0.1) < 0.02 and abs(seen[0] - 49 / 255) < 1e-6
    seen.clear()
    PlugAndPlay(denoise, ColorFilterArray(), num_iterations=1)(noisy)
    np.testing.assert_allclose(seen, 0.001, rtol=1e-5)


def test_each_iteration_denoises_another_symmetry():
    seen = []

    def denoise(images, noise_level):
        seen.append(images[0])
        return images

    nothing = Mask(np.zeros((1, 12, 10, 1), "float32"))
    found = PlugAndPlay(denoise, nothing, 0.01, 9)(IMAGES[:1])
    np.testing.assert_allclose(found, IMAGES[:1], atol=1e-6)
    symmetries = [
        np.rot90(x, turns)
        for turns in range(4)
        for x in (IMAGES[0], IMAGES[0, ::-1])
    ]
    matches = [
        [i for i, x in enumerate(symmetries) if _same(x, image)]
        for image in seen
    ]
    assert sorted(matches[:8]) == [[i] for i in range(8)]
    assert matches[8] == matches[0]


def _same(a, b):
    return a.shape == b.shape and np.allclose(a, b, atol=1e-5)


def test_every_size_and_number_of_channels_goes_through_predict():
    restorer = PlugAndPlay(fading(1), Blur(BOX), 0.05, num_iterations=2)
    for shape in ((1, 12, 9, 1), (2, 7, 16, 3), (1, 5, 6, 1)):
        y = RNG.uniform(size=shape).astype("float32")
        predicted = restorer.predict(y, verbose=0)
        np.testing.assert_allclose(predicted, restorer.restore(y), atol=1e-5)


def test_progress_counts_iterations():
    counted = []
    restorer = PlugAndPlay(fading(3), Blur(BOX), 0.05, num_iterations=4)
    restorer.restore(IMAGES, progress=lambda: counted.append(1))
    assert len(counted) == 4


def test_a_saved_restorer_restores_the_same(tmp_path):
    restorer = PlugAndPlay(fading(1), Mask(), 0.05, 3, 0.3, 0.2, "admm")
    inputs = {"image": IMAGES, "mask": HOLES}
    expected = restorer(inputs)
    path = tmp_path / "restorer.keras"
    restorer.save(path)
    again = keras.saving.load_model(path)
    np.testing.assert_array_equal(again(inputs), expected)


@pytest.mark.slow
def test_an_exported_restorer_restores_the_same(tmp_path):
    blurred = PlugAndPlay(fading(1), Blur(BOX, 2), num_iterations=2)
    export.export_saved_model(blurred, tmp_path / "blurred")
    served = tf.saved_model.load(tmp_path / "blurred")
    for run, y in (
        (served.restore, IMAGES[..., :1]),
        (served.restore_color, IMAGES),
    ):
        np.testing.assert_allclose(run(y), blurred(y), atol=1e-5)
    torn = PlugAndPlay(fading(3), Mask(), 0.01, num_iterations=2)
    export.export_saved_model(torn, tmp_path / "torn")
    served = tf.saved_model.load(tmp_path / "torn")
    expected = torn({"image": IMAGES, "mask": HOLES})
    np.testing.assert_allclose(served.restore(IMAGES, HOLES), expected)
    mosaic = PlugAndPlay(fading(3), ColorFilterArray(), 0.01, 1)
    (endpoint,) = mosaic.export_endpoints().values()
    assert endpoint[1][0].shape[-1] == 1
    with pytest.raises(TypeError, match="a denoiser that is a keras.Model"):
        PlugAndPlay(fade, Mask()).export_endpoints()


def test_it_is_compared_swept_and_measured_as_every_restorer():
    torn = PlugAndPlay(fading(3), Mask(), 0.01, num_iterations=2)
    assert inference.input_names(torn) == ("image", "mask")
    assert inference.input_shapes(torn) == {"image": None, "mask": None}
    found = evaluation.compare(
        {"pnp": torn},
        IMAGES,
        degradations.Occlusion.severity(3),
        metrics.PSNR(),
        verbose=0,
    )
    assert {row["method"] for row in found.rows} == {"degraded", "pnp"}
    found = evaluation.robustness(
        {"pnp": PlugAndPlay(fading(3), Blur(BOX), 0.01, 1)},
        IMAGES,
        [degradations.GaussianBlur],
        metrics.PSNR(),
        severities=[1],
        verbose=0,
    )
    assert len(found.rows) == 2
    card = evaluation.cost_card(torn, (16, 16, 3), repeats=1, memory=False)
    assert card.seconds_per_megapixel > 0
    tiled = inference.restore_tiled(
        torn,
        {"image": IMAGES, "mask": HOLES},
        tile=10,
        overlap=2,
        multiple=2,
        verbose=0,
    )
    assert tiled.shape == IMAGES.shape


def test_bm3d_is_a_denoiser_too():
    noisy = np.float32(0.5 + 0.05 * RNG.normal(size=(1, 16, 16, 1)))
    level = np.full((1, 1, 1, 1), 0.05, "float32")
    given = BM3D()({"image": noisy, "noise_level": level})
    np.testing.assert_allclose(given, BM3D(0.05)(noisy), atol=1e-6)
    restorer = PlugAndPlay(BM3D(), Blur([[1.0]]), 0.05, num_iterations=1)
    assert np.std(restorer(noisy)) < 0.02


def test_total_variation_by_splitting_sharpens_an_edge():
    edge = np.repeat([0.2, 0.8], 16)[None, None, :, None].repeat(32, 1)
    blurred = np.asarray(Blur(np.ones((1, 5))).forward(np.float32(edge)))
    restorer = PlugAndPlay(
        total_variation_denoiser(0.02), Blur(np.ones((1, 5))), 0.005, 12
    )
    restored = restorer(blurred)
    clean = edge[:, :, 2:-2]
    assert np.std(restored - clean) < 0.3 * np.std(blurred - clean)
    with pytest.raises(ValueError, match="`strength` must be a number above 0"):
        total_variation_denoiser(0)


def test_total_variation_without_noise_changes_nothing():
    images = np.random.default_rng(0).uniform(size=(2, 9, 8, 1))
    images = images.astype("float32")
    levels = np.float32([0.0, 0.1]).reshape(2, 1, 1, 1)
    clean, denoised = total_variation_denoiser()(images, levels)
    np.testing.assert_array_equal(clean, images[0])
    assert denoised.std() < 0.9 * images[1].std()


@pytest.fixture(scope="module")
def photo():
    """(1, 80, 80, 3) out of a photograph."""
    from keras_synth.datasets import load_source

    element = next(iter(load_source("photos", "test").dataset))
    return element["image"].numpy()[None, 90:170, 190:270] / np.float32(255.0)


def decibels(x, clean):
    return -10 * np.log10(np.mean((x - clean) ** 2))


def test_the_preset_deblurs_a_photograph_without_ringing_borders(
    photo, monkeypatch
):
    blur = Blur(np.eye(7))
    blurred = blur.forward(photo).numpy()
    noise = np.random.default_rng(0).normal(size=blurred.shape)
    blurred += 0.01 * noise.astype("float32")
    clean = np.asarray(blur.visible(photo))
    restored = PlugAndPlay(gray_denoiser(), blur, 0.01).restore(blurred)
    assert decibels(restored, clean) > decibels(blurred, clean) + 6
    top = np.s_[:, :6]
    gain = decibels(restored[top], clean[top])
    assert gain > decibels(blurred[top], clean[top]) + 1.5
    # Proximal steps that are found to the last bit restore no better.
    module = importlib.import_module("keras_synth.restoration.operators.base")
    monkeypatch.setattr(module, "_TOLERANCE", 1e-4)
    exact = PlugAndPlay(gray_denoiser(), blur, 0.01).restore(blurred)
    assert decibels(restored, clean) > decibels(exact, clean) - 0.05


def test_admm_fills_missing_pixels_better(photo):
    mask = np.random.default_rng(0).uniform(size=(1, 80, 80, 1)) < 0.5
    inputs = {"image": photo, "mask": np.float32(mask)}
    half, admm = (
        PlugAndPlay(
            gray_denoiser(), Mask(), 5 / 255, 12, splitting=splitting
        ).restore(inputs)
        for splitting in ("half-quadratic", "admm")
    )
    assert decibels(admm, photo) > decibels(half, photo) + 0.3


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"denoiser": "unet"}, "`denoiser` must be a keras.Model"),
        ({"operator": fade}, "`operator` must be a restoration.Operator"),
        ({"noise_level": 15}, "in units of"),
        ({"num_iterations": 0}, "`num_iterations` must be an int"),
        ({"strength": 0}, "`strength` must be a number above 0"),
        ({"first_level": "x"}, "`first_level` must be a number above 0"),
        ({"splitting": "dual"}, "`splitting` must be"),
    ],
)
def test_wrong_arguments_of_the_restorer_are_named(arguments, message):
    given = {"denoiser": fade, "operator": Mask(), **arguments}
    with pytest.raises(ValueError, match=message):
        PlugAndPlay(**given)


def test_wrong_networks_and_inputs_are_named():
    image = keras.Input((None, None, 1), name="image")
    with pytest.raises(ValueError, match="must take the noise level"):
        PlugAndPlay(keras.Model(image, 2.0 * image), Mask())
    with pytest.raises(ValueError, match="This operator needs"):
        PlugAndPlay(fade, Mask())(IMAGES)
    with pytest.raises(ValueError, match="Images must be floats"):
        PlugAndPlay(fade, Blur(BOX))(np.zeros((1, 8, 8, 1), "uint8"))
    with pytest.raises(ValueError, match="images like those that it gets"):
        PlugAndPlay(lambda x, noise_level: x[..., :1], Blur(BOX), 0.1)(IMAGES)


def test_masks_of_other_values_count_as_holes_and_of_other_shapes_do_not():
    solve = PlugAndPlay(fade, Mask(), num_iterations=2, noise_level=0.05)
    image, hole = IMAGES[:1], HOLES[:1]
    expected = solve({"image": image, "mask": hole})
    for mask in (255 * np.uint8(hole), 0.9 * hole, hole > 0):
        found = solve({"image": image, "mask": mask})
        np.testing.assert_array_equal(found, expected)
    own = PlugAndPlay(
        fade, Mask(255 * hole), num_iterations=2, noise_level=0.05
    )
    np.testing.assert_allclose(own(image * (1 - hole)), expected, atol=1e-6)
    solve({"image": IMAGES, "mask": hole})  # one mask for all
    for shape in ((1, 1, 10, 1), (12, 10, 1), (1, 12, 10, 3), (3, 12, 10, 1)):
        with pytest.raises(ValueError, match="`mask` must be"):
            solve({"image": IMAGES, "mask": np.ones(shape, "float32")})


def test_a_mosaic_has_one_channel():
    with pytest.raises(ValueError, match="makes images of 1 channels"):
        PlugAndPlay(fade, ColorFilterArray())(IMAGES)
