"""PSNR, SSIM and MS-SSIM as metrics: their protocols against NumPy twins."""

import importlib.util
import json
import os
import pathlib
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from skimage.color import rgb2ycbcr
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from keras_synth.losses import Charbonnier
from keras_synth.metrics import PSNR, SSIM, MultiScaleSSIM

TWO_SCALES = (0.4, 0.6)
ALL = [PSNR, SSIM, lambda **kw: MultiScaleSSIM(power_factors=TWO_SCALES, **kw)]
NAMES = ["psnr", "ssim", "multi_scale_ssim"]


def images(count=2, size=(24, 30), channels=3, seed=0):
    rng = np.random.default_rng(seed)
    coarse = rng.uniform(size=(count, 6, 6, channels))
    images = tf.image.resize(coarse, size, "bicubic")
    return np.clip(images, 0, 1).astype("float32")


def noisy(images, sigma=0.1):
    noise = np.random.default_rng(9).normal(size=images.shape)
    return (images + sigma * noise).astype("float32")


def score(metric, *arguments, **kwargs):
    metric.update_state(*arguments, **kwargs)
    return float(metric.result())


def protocol(images, luma=None, border=0, round_to_8_bits=False):
    """Float images in [0, 1] as the metrics compare them, in float64."""
    images = np.clip(images.astype("float64"), 0, 1)
    if round_to_8_bits:
        images = np.rint(255 * images).astype("uint8") / 255
    if luma == "studio":
        images = rgb2ycbcr(images, channel_axis=-1)[..., :1] / 255
    if luma == "full":
        weights = np.array([0.299, 0.587, 0.114])
        images = (images * weights).sum(axis=-1, keepdims=True)
    height, width = images.shape[1:3]
    return images[:, border : height - border, border : width - border]


def psnr_twin(clean, restored):
    scores = [
        peak_signal_noise_ratio(x, y, data_range=1.0)
        for x, y in zip(clean, restored, strict=True)
    ]
    return np.mean(scores)


def ssim_twin(clean, restored):
    scores = [
        structural_similarity(
            x,
            y,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            data_range=1.0,
            channel_axis=-1,
        )
        for x, y in zip(clean, restored, strict=True)
    ]
    return np.mean(scores)


def multi_scale_twin(clean, restored):
    return np.mean(tf.image.ssim_multiscale(clean, restored, 1.0, TWO_SCALES))


PROTOCOLS = [
    {},
    {"round_to_8_bits": True},
    {"luma": "full"},
    {"luma": "studio", "round_to_8_bits": True},
    {"border": 1},
    {"luma": "studio", "border": 1, "round_to_8_bits": True},
]


@pytest.mark.parametrize(
    "build, twin",
    [*zip(ALL, [psnr_twin, ssim_twin, multi_scale_twin], strict=True)],
    ids=NAMES,
)
@pytest.mark.parametrize("arguments", PROTOCOLS, ids=str)
def test_every_protocol_equals_its_numpy_twin(build, twin, arguments):
    clean, restored = images(), noisy(images(), 0.02)
    expected = twin(
        protocol(clean, **arguments), protocol(restored, **arguments)
    )
    assert score(build(**arguments), clean, restored) == pytest.approx(
        expected, abs=1e-4
    )


def test_no_two_protocols_give_the_same_psnr():
    clean, restored = images(), noisy(images(), 0.02)
    scores = [score(PSNR(**a), clean, restored) for a in PROTOCOLS]
    assert np.diff(np.sort(scores)).min() > 1e-3, scores


@pytest.mark.parametrize("build", ALL, ids=NAMES)
@pytest.mark.parametrize("arguments", PROTOCOLS, ids=str)
def test_max_value_only_changes_the_unit(build, arguments):
    clean, restored = images(), noisy(images())
    metric = build(max_value=255.0, **arguments)
    assert score(metric, 255 * clean, 255 * restored) == pytest.approx(
        score(build(**arguments), clean, restored), rel=1e-5
    )


def test_integer_images_need_max_value():
    clean, restored = (
        np.rint(255 * x).astype("uint8") for x in (images(), images(seed=1))
    )
    expected = psnr_twin(clean / 255, restored / 255)
    metric = PSNR(max_value=255)
    assert score(metric, clean, restored) == pytest.approx(expected, abs=1e-4)
    with pytest.raises(ValueError, match="uint8"):
        PSNR().update_state(clean, restored)


def test_psnr_of_studio_range_is_1_32_db_above_full_range():
    clean, restored = images(), noisy(images())
    above = score(PSNR(luma="studio"), clean, restored) - score(
        PSNR(luma="full"), clean, restored
    )
    assert above == pytest.approx(20 * np.log10(255 / 219), abs=1e-4)


def test_gray_images_are_their_own_luma():
    clean, restored = images(channels=1), noisy(images(channels=1))
    expected = score(PSNR(), clean, restored)
    for luma in ("full", "studio"):
        assert score(PSNR(luma=luma), clean, restored) == expected


def test_only_predictions_are_clipped():
    clean = np.ones((1, 12, 12, 1), "float32")
    assert score(PSNR(), clean, clean + 0.5) == np.inf
    assert score(PSNR(), clean + 0.5, clean + 0.5) == pytest.approx(
        -20 * np.log10(0.5), abs=1e-4
    )


@pytest.mark.parametrize("build", ALL, ids=NAMES)
def test_batches_of_any_size_give_the_same_mean(build):
    clean, restored = images(5), noisy(images(5))
    each = [score(build(), clean[[i]], restored[[i]]) for i in range(5)]
    metric = build()
    for batch in (slice(0, 2), slice(2, 2), slice(2, 5)):  # one is empty
        metric.update_state(clean[batch], restored[batch])
    assert float(metric.result()) == pytest.approx(np.mean(each), rel=1e-5)
    weights = np.array([1.0, 0.0, 2.0, 0.0, 3.0])
    metric.reset_state()
    weighted = score(metric, clean, restored, sample_weight=weights[:, None])
    expected = np.average(each, weights=weights)
    assert weighted == pytest.approx(expected, rel=1e-5)


def test_an_exact_image_has_infinite_psnr_unless_its_weight_is_zero():
    clean, restored = images(2), noisy(images(2))
    restored[0] = clean[0]
    assert score(PSNR(), clean, restored) == np.inf
    expected = score(PSNR(), clean[1:], restored[1:])
    weights = np.array([0.0, 1.0])
    assert score(PSNR(), clean, restored, weights) == pytest.approx(expected)


@pytest.mark.parametrize("build", ALL, ids=NAMES)
def test_nan_gives_nan(build):
    restored = images()
    restored[0, 12, 12] = np.nan
    for arguments in PROTOCOLS:
        assert np.isnan(score(build(**arguments), images(), restored))


def test_float64_is_available():
    clean = images().astype("float64")
    restored = clean + 1e-9 * np.sin(np.arange(clean.size)).reshape(clean.shape)
    expected = -10 * np.log10(
        ((clean - restored.clip(0, 1)) ** 2).mean((1, 2, 3))
    )
    metric = PSNR(dtype="float64")
    assert score(metric, clean, restored) == pytest.approx(
        expected.mean(), abs=1e-6
    )


def test_compile_takes_them_and_early_stopping_knows_their_direction():
    clean = images(5, channels=1)
    restored = noisy(clean)
    model = keras.Sequential(
        [
            keras.Input((None, None, 1)),
            keras.layers.Conv2D(1, 3, padding="same"),
        ]
    )
    metrics = [PSNR(round_to_8_bits=True, border=1), *(b() for b in ALL[1:])]
    model.compile(
        "sgd", Charbonnier(), metrics=metrics, weighted_metrics=[SSIM(name="w")]
    )
    stop = keras.callbacks.EarlyStopping("val_psnr")
    weights = np.array([0.0, 1.0, 1.0, 1.0, 1.0])
    model.fit(
        restored,
        clean,
        batch_size=2,
        validation_data=(restored, clean, weights),
        callbacks=[stop],
        verbose=0,
    )
    assert stop.monitor_op(2.0, 1.0)  # more is better
    logs = model.evaluate(
        restored, clean, 2, 0, sample_weight=weights, return_dict=True
    )
    predicted = model.predict(restored, verbose=0)
    for name, build in zip(NAMES[1:], ALL[1:], strict=True):
        expected = score(build(), clean, predicted)
        assert logs[name] == pytest.approx(expected, abs=1e-5)
    options = {"round_to_8_bits": True, "border": 1}
    expected = psnr_twin(
        protocol(clean, **options), protocol(predicted, **options)
    )
    assert logs["psnr"] == pytest.approx(expected, abs=1e-3)
    expected = score(SSIM(), clean[1:], predicted[1:])
    assert logs["w"] == pytest.approx(expected, abs=1e-5)


def test_replicas_give_the_mean_over_all_images(two_replicas):
    clean, restored = images(4), noisy(images(4))
    with two_replicas.scope():
        metric = PSNR()
    data = tf.data.Dataset.from_tensors((clean, restored)).unbatch().batch(4)
    for batch in two_replicas.experimental_distribute_dataset(data):
        two_replicas.run(metric.update_state, args=batch)
    expected = score(PSNR(), clean, restored)
    assert float(metric.result()) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    "metric",
    [
        PSNR(255.0, "studio", 4, True, "y", "float64"),
        SSIM(2.0, "full", 1, True, "s"),
        MultiScaleSSIM(2.0, TWO_SCALES, "full", 1, True, "m"),
    ],
)
def test_configuration_holds_every_argument(metric):
    config = keras.saving.serialize_keras_object(metric)
    again = keras.saving.deserialize_keras_object(
        json.loads(json.dumps(config))
    )
    assert type(again) is type(metric)
    assert again.get_config() == metric.get_config()
    assert len(metric.get_config()) >= 6


@pytest.mark.parametrize(
    "build, arguments, message",
    [
        (PSNR, {"max_value": 0}, "`max_value` must"),
        (SSIM, {"max_value": "white"}, "`max_value` must"),
        (PSNR, {"luma": "y"}, "`luma` must"),
        (SSIM, {"border": -1}, "`border` must"),
        (PSNR, {"border": 1.5}, "`border` must"),
        (MultiScaleSSIM, {"power_factors": ()}, "`power_factors` must"),
    ],
)
def test_bad_arguments_are_refused(build, arguments, message):
    with pytest.raises(ValueError, match=message):
        build(**arguments)


@pytest.mark.parametrize(
    "metric, shape, message",
    [
        (PSNR(border=4), (8, 20), "at least 1 x 1 .* Received: 0 x 12"),
        (SSIM(border=4), (18, 40), "at least 11 x 11 .* Received: 10 x 32"),
        (MultiScaleSSIM(), (160, 170), "at least 161 x 161"),
    ],
)
def test_images_that_are_too_small_are_refused(metric, shape, message):
    images = np.zeros((1, *shape, 3), "float32")
    with pytest.raises(ValueError, match=message):
        metric.update_state(images, images)


def test_images_and_weights_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="same shape"):
        PSNR().update_state(images(channels=1), images())
    with pytest.raises(ValueError, match="3 channels"):
        PSNR(luma="full").update_state(images(channels=2), images(channels=2))
    with pytest.raises(ValueError, match="one number an image"):
        PSNR().update_state(images(), images(), np.ones((2, 24, 30)))


SCRIPT = """
import json, sys
import numpy as np, keras
from keras_synth import losses, metrics
clean, restored, expected = np.load(sys.argv[1]).values()
values = []
options = dict(luma="studio", border=1, round_to_8_bits=True)
for build, more in [(metrics.PSNR, {}), (metrics.SSIM, {}),
                    (metrics.MultiScaleSSIM, {"power_factors": (0.4, 0.6)})]:
    metric = build(**more, **options)
    metric.update_state(clean, restored, np.array([1.0, 2.0]))
    values.append(float(metric.result()))
for loss in [losses.Charbonnier(), losses.SSIMLoss(),
             losses.MultiScaleSSIMLoss(power_factors=(0.4, 0.6))]:
    values.append(float(loss(clean, restored)))
values.append(float(losses.total_variation(restored)[0]))
if len(expected):
    np.testing.assert_allclose(values, expected, rtol=1e-5)
    assert "tensorflow" not in sys.modules
"""


@pytest.mark.slow  # JAX is installed by the extra test-all
@pytest.mark.parametrize("backend", ["torch", "jax"])
def test_metrics_and_losses_are_the_same_on_other_backends(backend, tmp_path):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    clean = images(size=(25, 31))  # odd, so that halving pads
    case = {"clean": clean, "restored": noisy(clean)}
    np.savez(tmp_path / "case.npz", **case, expected=[])
    scope = {"__name__": "script"}
    argv, sys.argv = sys.argv, ["script", str(tmp_path / "case.npz")]
    try:
        exec(SCRIPT, scope)
    finally:
        sys.argv = argv
    np.savez(tmp_path / "case.npz", **case, expected=scope["values"])
    subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path / "case.npz")],
        check=True,
        env=os.environ | {"KERAS_BACKEND": backend},
    )


def test_bicubic_upscaling_of_set5_has_its_published_figures():
    """28.42 dB and 0.8104, MATLAB's `imresize` by 4, as every paper cites."""
    if "KERAS_SYNTH_DATA" not in os.environ:
        pytest.skip("needs the original files: KERAS_SYNTH_DATA is not set")
    folder = pathlib.Path(os.environ["KERAS_SYNTH_DATA"]) / "sr" / "Set5"
    protocol = dict(luma="studio", border=4, round_to_8_bits=True)
    psnr, ssim = PSNR(**protocol), SSIM(**protocol)
    for path in sorted(folder.glob("*.bmp")):
        with Image.open(path) as file:
            clean = np.asarray(file.convert("RGB"), "float32")[None] / 255
        height, width = (size - size % 4 for size in clean.shape[1:3])
        clean = clean[:, :height, :width]
        small = tf.image.resize(
            clean, (height // 4, width // 4), "bicubic", antialias=True
        )
        small = np.rint(255 * np.clip(small, 0, 1)) / 255
        upscaled = tf.image.resize(small, (height, width), "bicubic")
        psnr.update_state(clean, upscaled)
        ssim.update_state(clean, upscaled)
    assert int(psnr.count) == 5
    assert float(psnr.result()) == pytest.approx(28.42, abs=0.02)
    assert float(ssim.result()) == pytest.approx(0.8104, abs=0.001)
