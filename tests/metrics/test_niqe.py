"""NIQE: the published value, a NumPy twin, order of quality, mistakes."""

import os
import pathlib

import keras
import numpy as np
import pytest
from skimage import data

from keras_synth import evaluation, metrics
from keras_synth.degradations import GaussianBlur, GaussianNoise
from keras_synth.io import read_image
from keras_synth.metrics import niqe

CAMERA = (data.camera()[:288, :384] / 255.0)[None, ..., None].astype("f")


def score(images, **options):
    metric = metrics.NIQE(**options)
    metric.update_state(images, images)
    return float(metric.result())


def test_the_published_value_of_an_image():
    """5.7296 for baboon, by the authors' MATLAB code."""
    folder = os.environ.get("KERAS_SYNTH_DATA")
    if not folder:
        pytest.skip("KERAS_SYNTH_DATA is not set")
    path = pathlib.Path(folder) / "sr" / "Set14" / "baboon.bmp"
    assert score(read_image(path)[None]) == pytest.approx(5.7296, abs=1e-3)


def test_a_generalized_gaussian_is_recognized():
    """Laplace and normal noise have shapes 1 and 2; halves of two widths."""
    rng = np.random.default_rng(0)
    for values, shape in (
        (rng.laplace(size=400_000), 1.0),
        (rng.normal(size=400_000), 2.0),
    ):
        found, left, right = niqe._asymmetric_gaussian(values)
        assert found == pytest.approx(shape, abs=0.02)
        assert left == pytest.approx(right, rel=0.02)
    # Laplace: E|x| is the scale, and so are both sides'.
    assert niqe._asymmetric_gaussian(2.5 * rng.laplace(size=400_000))[
        1
    ] == pytest.approx(2.5, rel=0.02)
    values = rng.normal(size=400_000)
    _, left, right = niqe._asymmetric_gaussian(
        np.where(values < 0, values, 3.0 * values)
    )
    assert right / left == pytest.approx(3.0, rel=0.02)


def test_half_size_is_that_of_the_degradation():
    from keras_synth.degradations import Downsample

    expected = np.asarray(Downsample(2)(CAMERA, seed=0))[0, ..., 0]
    found = niqe._half_size(CAMERA[0, ..., 0])
    np.testing.assert_allclose(np.clip(found, 0, 1), expected, atol=1e-5)


def test_degraded_images_are_worse():
    clean = score(CAMERA)
    for degrade in (GaussianNoise(0.1), GaussianBlur(3.0)):
        assert score(np.asarray(degrade(CAMERA, seed=0))) > clean + 1.0


def test_white_channels_border_and_batches():
    color = np.repeat(CAMERA, 3, axis=-1)
    assert score(255.0 * CAMERA, max_value=255) == pytest.approx(score(CAMERA))
    # Gray as color has the luma of television, which is narrower.
    assert score(color) == pytest.approx(score(CAMERA), rel=0.1)
    padded = np.pad(CAMERA, ((0, 0), (7, 7), (7, 7), (0, 0)))
    assert score(padded, border=7) == pytest.approx(score(CAMERA))
    both = np.concatenate([CAMERA, CAMERA[:, ::-1]])
    alone = [score(image[None]) for image in both]
    assert score(both) == pytest.approx(np.mean(alone))


def test_mistakes_are_named():
    with pytest.raises(ValueError, match="two blocks of 96x96"):
        score(CAMERA[:, :96, :191])
    with pytest.raises(ValueError, match="not of one value"):
        score(np.full((1, 192, 192, 1), 0.5, "float32"))
    image = keras.Input((None, None, 1))
    model = keras.Model(image, keras.layers.Activation("linear")(image))
    model.compile(loss="mse", metrics=[metrics.NIQE()])
    with pytest.raises(ValueError, match="run_eagerly=True"):
        model.evaluate(CAMERA, CAMERA, verbose=0)
    model.compile(loss="mse", metrics=[metrics.NIQE()], run_eagerly=True)
    found = model.evaluate(CAMERA, CAMERA, verbose=0, return_dict=True)
    assert found["niqe"] == pytest.approx(score(CAMERA), rel=1e-5)


def test_it_is_saved_and_compares():
    metric = metrics.NIQE(border=3)
    config = keras.saving.serialize_keras_object(metric)
    again = keras.saving.deserialize_keras_object(config)
    assert again.get_config() == metric.get_config()
    assert again.border == 3
    comparison = evaluation.compare(
        {"nothing": lambda images: images},
        CAMERA,
        GaussianNoise(0.1),
        [metrics.PSNR(), metrics.NIQE()],
        verbose=0,
    )
    assert comparison.rows[0]["niqe"] == comparison.rows[1]["niqe"] > 5
