"""BM3D against a slow NumPy twin, on a photograph, and as a Keras model."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf
from skimage import data

from keras_synth import restoration
from keras_synth.ops.transforms import (
    biorthogonal_matrix,
    dct_matrix,
    haar_matrix,
    kaiser_window,
)
from keras_synth.restoration.bm3d.profiles import PROFILES, STRONG_NOISE
from keras_synth.restoration.bm3d.stages import run_stage

NOISE_LEVEL = 25 / 255


def photograph(side=96, color=False, noise_level=NOISE_LEVEL):
    """A clean crop and a noisy one, (1, side, side, channels)."""
    image = data.astronaut() if color else data.camera()[..., None]
    clean = image[80 : 80 + side, 200 : 200 + side] / 255.0
    noise = np.random.RandomState(0).normal(size=clean.shape)
    noisy = clean + noise_level * noise
    return clean[None].astype("float32"), noisy[None].astype("float32")


def psnr(images, clean):
    return float(-10 * np.log10(np.mean(np.square(images - clean))))


@pytest.fixture(scope="module")
def restored():
    """(clean, noisy, denoised), shared by several tests."""
    clean, noisy = photograph()
    model = restoration.BM3D(noise_level=NOISE_LEVEL)
    return clean, noisy, model.predict(noisy, verbose=0)


def twin(stage, noisy, noise_level, pilot=None):
    """A stage in NumPy, block by block: float64 (height, width)."""
    side, step = stage.block, stage.step
    height, width = noisy.shape
    more = [(0, -(length - side) % step) for length in noisy.shape]
    noisy = np.pad(noisy, more, "symmetric")
    matched = noisy if pilot is None else np.pad(pilot, more, "symmetric")
    make = biorthogonal_matrix if pilot is None else dct_matrix
    rows, inverse = make(side), np.linalg.inv(make(side))
    basis = np.einsum("ui,vj->uvij", rows, rows)
    down, across = (length - side + 1 for length in noisy.shape)

    def block(image, corner):
        row, column = corner
        return image[row : row + side, column : column + side]

    corners = [(r, c) for r in range(down) for c in range(across)]
    numerator, denominator = np.zeros((2, *noisy.shape))
    for reference in corners:
        if reference[0] % step or reference[1] % step:
            continue
        near = []
        for corner in corners:
            away = np.subtract(corner, reference)
            if np.abs(away).max() <= stage.radius:
                gap = block(matched, corner) - block(matched, reference)
                near.append((np.mean(gap**2), corner))
        near.sort()
        limit = stage.match_distance + stage.match_noise * noise_level**2
        similar = [corner for distance, corner in near if distance <= limit]
        members = 2 ** int(np.log2(min(len(similar), stage.group)))
        similar = similar[:members]
        haar = haar_matrix(members)

        def transform(image, similar=similar, haar=haar):
            blocks = [rows @ block(image, c) @ rows.T for c in similar]
            return np.einsum("km,muv->kuv", haar, blocks)

        spread = np.zeros((members, side, side))
        for k in range(members):
            canvas = np.zeros((side, side, *noisy.shape))
            for corner, weight in zip(similar, haar[k], strict=True):
                r, c = corner
                canvas[:, :, r : r + side, c : c + side] += weight * basis
            spread[k] = np.sum(canvas**2, axis=(2, 3))
        spread = np.maximum(spread, 0.02)

        group = transform(noisy)
        if pilot is None:
            factors = group**2 > (stage.shrinkage * noise_level) ** 2 * spread
        else:
            energy = transform(matched) ** 2
            noise = stage.shrinkage * noise_level**2 * spread
            factors = energy / (energy + noise)
        factors = factors.astype("float64")
        factors[0, 0, 0] = 1.0  # the mean
        weight = 1.0 / max(np.sum(factors**2 * spread), 1.0)
        blocks = np.einsum("km,kuv->muv", haar, group * factors)
        window = kaiser_window(side, stage.beta)
        for corner, coefficients in zip(similar, blocks, strict=True):
            pixels = inverse @ coefficients @ inverse.T
            block(numerator, corner)[:] += weight * window * pixels
            block(denominator, corner)[:] += weight * window
    return (numerator / denominator)[:height, :width]


def test_both_stages_equal_the_slow_twin():
    _, noisy = photograph(24)
    noisy = noisy[0, :, :, 0]
    levels = tf.constant([NOISE_LEVEL], "float32")
    # Small distances, so that groups of all sizes occur.
    first, second = (
        dataclasses.replace(stage, match_distance=0.0, match_noise=share)
        for stage, share in zip(PROFILES["normal"], (1.9, 0.1), strict=True)
    )
    pilot = run_stage(first, noisy[..., None], levels)
    expected = twin(first, noisy.astype("float64"), NOISE_LEVEL)
    np.testing.assert_allclose(pilot[..., 0], expected, atol=1e-4)
    got = run_stage(second, noisy[..., None], levels, pilot)
    exact = pilot.numpy()[..., 0].astype("float64")
    expected = twin(second, noisy.astype("float64"), NOISE_LEVEL, exact)
    np.testing.assert_allclose(got[..., 0], expected, atol=1e-4)


def test_it_gains_almost_9_decibels_on_a_photograph(restored):
    clean, noisy, denoised = restored
    assert denoised.dtype == "float32" and denoised.shape == noisy.shape
    gain = psnr(denoised, clean) - psnr(noisy, clean)
    assert gain > 8.7


def test_an_estimated_noise_level_costs_at_most_0_2_decibels(restored):
    clean, noisy, denoised = restored
    blind = restoration.BM3D()(noisy)
    assert psnr(blind, clean) > psnr(denoised, clean) - 0.2


def test_second_stage_improves_on_the_first(restored):
    clean, noisy, denoised = restored
    pilot = run_stage(
        PROFILES["normal"][0], noisy[0], tf.constant([NOISE_LEVEL])
    )
    assert psnr(denoised, clean) > psnr(pilot[None], clean) + 0.1


def test_noise_level_0_returns_the_image():
    clean, _ = photograph(40, color=True)
    np.testing.assert_allclose(
        restoration.BM3D(noise_level=0.0)(clean), clean, atol=1e-5
    )


@pytest.mark.parametrize(
    "value",
    [
        0.0,
        pytest.param(0.3, marks=pytest.mark.slow),
        pytest.param(1.0, marks=pytest.mark.slow),
    ],
)
def test_constant_images_stay_constant(value):
    flat = np.full((1, 30, 41, 1), value, "float32")
    for noise_level in (0.0, 0.1, None):
        got = restoration.BM3D(noise_level=noise_level)(flat)
        np.testing.assert_allclose(got, flat, atol=1e-5)


@pytest.mark.parametrize(
    "color", [(0.52, 0.5, 0.48), (0.02, 0.02, 0.02)], ids=["faint", "dark"]
)
def test_faint_colors_and_dark_areas_are_kept(color):
    """With the mean shrunk like the rest, a third of them was left."""
    noise = np.random.RandomState(0).normal(size=(1, 64, 64, 3))
    noise -= noise.mean(axis=(1, 2))
    got = restoration.BM3D(noise_level=0.2)(
        np.float32(color) + 0.2 * noise.astype("float32") + 0.3
    )
    np.testing.assert_allclose(
        np.mean(got, axis=(0, 1, 2)), np.add(color, 0.3), atol=6e-3
    )


def test_a_batch_equals_its_images_one_by_one():
    _, weak = photograph(40)
    _, strong = photograph(40, noise_level=0.3)
    model = restoration.BM3D()
    got = model(np.concatenate([weak, strong]))
    for index, noisy in enumerate([weak, strong]):
        np.testing.assert_allclose(got[index], model(noisy)[0], atol=1e-4)


@pytest.mark.parametrize("shape", [(1, 1, 1), (5, 3, 1), (8, 31, 1), (9, 4, 3)])
def test_images_of_any_size_keep_their_shape(shape):
    noisy = np.random.RandomState(0).uniform(size=(1, *shape))
    got = restoration.BM3D(noise_level=0.1)(noisy.astype("float32")).numpy()
    assert got.shape == noisy.shape and np.isfinite(got).all()
    assert np.std(got) <= np.std(noisy)


def test_color_is_better_than_channel_by_channel():
    clean, noisy = photograph(64, color=True)
    model = restoration.BM3D(noise_level=NOISE_LEVEL)
    together = model(noisy)
    apart = model(np.moveaxis(noisy, -1, 0).reshape(3, 64, 64, 1)).numpy()
    apart = np.moveaxis(apart.reshape(1, 3, 64, 64), 1, -1)
    assert psnr(together, clean) > psnr(apart, clean) + 0.3


def test_gray_as_color_stays_gray():
    _, noisy = photograph(40)
    got = restoration.BM3D()(np.repeat(noisy, 3, axis=-1)).numpy()
    gray = restoration.BM3D()(noisy).numpy()
    np.testing.assert_allclose(got, np.repeat(got[..., :1], 3, -1), atol=1e-4)
    # The groups of the second stage are larger in color.
    np.testing.assert_allclose(got[..., :1], gray, atol=0.02)


@pytest.mark.slow
def test_graphs_with_unknown_channels():
    # `predict` traces such a graph for gray images after color images.
    model = restoration.BM3D(noise_level=0.1)
    unknown = tf.TensorSpec((None, None, None, None))
    call = tf.function(model.call, input_signature=[unknown])
    _, noisy = photograph(20, color=True)
    for images in (noisy, noisy[..., :1]):
        np.testing.assert_allclose(call(images), model(images), atol=1e-4)


def test_profile_auto_is_high_for_strong_noise():
    _, noisy = photograph(40, noise_level=0.2)

    def denoise(noise_level, profile="auto"):
        return restoration.BM3D(noise_level, profile)(noisy).numpy()

    weak, strong = STRONG_NOISE - 1e-3, STRONG_NOISE + 1e-3
    np.testing.assert_array_equal(denoise(weak), denoise(weak, "normal"))
    np.testing.assert_array_equal(denoise(strong), denoise(strong, "high"))
    gap = abs(denoise(strong, "high") - denoise(strong, "normal"))
    assert gap.max() > 1e-3


def test_the_call_clips_to_0_and_1():
    dark = np.random.RandomState(0).normal(0.0, 0.1, (1, 24, 24, 1))
    clipped = restoration.BM3D(noise_level=0.05)(dark).numpy()
    shifted = restoration.BM3D(noise_level=0.05)(dark + 0.5).numpy() - 0.5
    assert shifted.min() < -0.01
    assert clipped.min() == 0.0
    np.testing.assert_allclose(clipped, np.maximum(shifted, 0), atol=0.02)


@pytest.mark.slow
def test_evaluate_works_and_fit_is_refused(restored):
    clean, noisy, denoised = restored
    model = restoration.BM3D(noise_level=NOISE_LEVEL)
    model.compile(metrics=["mae"])
    logs = model.evaluate(noisy, clean, verbose=0, return_dict=True)
    assert logs["loss"] == pytest.approx(
        np.mean(np.square(denoised - clean)), rel=1e-3
    )
    assert set(logs) == {"loss", "mae"}
    assert not model.weights
    with pytest.raises(ValueError, match="no weights to train"):
        model.fit(noisy, clean)


def test_saves_and_exports(restored, tmp_path):
    _, noisy, denoised = restored
    model = restoration.BM3D(noise_level=NOISE_LEVEL, profile="normal")
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.get_config() == model.get_config()
    signature = [keras.InputSpec("float32", (None, None, None, 1))]
    loaded.export(tmp_path / "served", input_signature=signature, verbose=False)
    served = tf.saved_model.load(tmp_path / "served")
    # Rounding decides between blocks that are equally near.
    np.testing.assert_allclose(served.serve(noisy), denoised, atol=1e-3)
    assert served.serve(noisy[:, :20, :30]).shape == (1, 20, 30, 1)


def test_export_endpoints_equal_the_call():
    _, noisy = photograph(20, color=True)
    model = restoration.BM3D(noise_level=NOISE_LEVEL)
    endpoints = model.export_endpoints()
    assert set(endpoints) == {"restore", "restore_color"}
    for function, (signature,) in endpoints.values():
        images = noisy[..., : signature.shape[-1]]
        assert signature.is_compatible_with(tf.constant(images))
        np.testing.assert_array_equal(function(images), model(images))


@pytest.mark.parametrize("noise_level", [-0.1, 25, float("nan"), True, "auto"])
def test_bad_noise_levels_are_refused(noise_level):
    with pytest.raises(ValueError, match="`noise_level`"):
        restoration.BM3D(noise_level=noise_level)


def test_bad_profiles_are_refused():
    with pytest.raises(ValueError, match="`profile`.*'fast'"):
        restoration.BM3D(profile="fast")


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((1, 16, 16, 2), "float32"), "1 or 3"),
        (np.zeros((16, 16, 1), "float32"), "1 or 3"),
        (np.zeros((1, 16, 16, 1), "uint8"), "divide 8-bit"),
        (np.full((1, 16, 16, 1), np.nan, "float32"), "NaN"),
    ],
)
def test_bad_images_are_refused(images, message):
    model = restoration.BM3D(noise_level=0.1)
    for use in (model, lambda x: model.predict(x, verbose=0)):
        with pytest.raises(ValueError, match=message):
            use(images)


def test_images_too_small_to_estimate_noise_are_refused():
    with pytest.raises(ValueError, match="at least 4x4"):
        restoration.BM3D()(np.zeros((1, 3, 9, 1), "float32"))


@pytest.mark.parametrize(
    ("level", "message"),
    [
        (np.full((2, 8, 8, 1), 0.1), "one `noise_level` for each"),
        (np.float32([0.1, 0.1]), "one `noise_level` for each"),
        (np.full((2, 1, 1, 1), np.nan), "at least 0"),
        (np.full((2, 1, 1, 1), -0.1), "at least 0"),
        (np.full((1, 1, 1, 1), 25.0), "divide that of 8-bit"),
    ],
)
def test_levels_of_the_call_are_checked(level, message):
    images = np.full((2, 8, 8, 1), 0.5, "float32")
    with pytest.raises(ValueError, match=message):
        restoration.BM3D()({"image": images, "noise_level": level})
