"""AdaIN transfer: its losses, its training, its images, its refusals."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_synth import datasets, export, networks
from keras_synth.models import AdaINTransfer
from tests.helpers import (
    check_mixed_precision,
    check_overfits,
    check_resumes,
)

RNG = np.random.default_rng(0)


def random_images(count=4, *shape):
    return RNG.uniform(size=(count, *(shape or (16, 16, 3)))).astype("float32")


def features(channels=3):
    """Three convolutions at two sizes, of fixed random weights."""
    image = keras.Input((None, None, channels))
    maps, x = {}, image
    for index, (name, filters) in enumerate((("first", 4), ("second", 8))):
        if index:
            x = keras.layers.MaxPooling2D()(x)
        x = keras.layers.Conv2D(
            filters,
            3,
            padding="same",
            activation="relu",
            kernel_initializer=keras.initializers.HeNormal(seed=index),
            bias_initializer=keras.initializers.RandomUniform(0, 0.1, seed=9),
            dtype="float32",
        )(x)
        maps[name] = x
    return keras.Model(image, maps, name="tiny")


def model(channels=3, **options):
    """Compiled; a tiny network and its mirror."""
    network = features(channels)
    transfer = AdaINTransfer(network, networks.style_decoder(network))
    transfer.compile(**{"optimizer": keras.optimizers.Adam(5e-3), **options})
    return transfer


def transparent():
    """Encoder and decoder that do nothing: AdaIN of the pixels."""
    image = keras.Input((None, None, 3))
    network = keras.Model(image, {"pixels": keras.layers.ReLU()(image)})
    maps = keras.Input((None, None, 3))
    decoder = keras.Model(maps, keras.layers.Activation("linear")(maps))
    return AdaINTransfer(network, decoder)


def adain(content, style):
    c, s = (x.astype("float64") for x in (content, style))
    axes = {"axis": (1, 2), "keepdims": True}
    scale = np.sqrt(s.var(**axes) + 1e-5) / np.sqrt(c.var(**axes) + 1e-5)
    return scale * (c - c.mean(**axes)) + s.mean(**axes)


# The losses ------------------------------------------------------------------


def relative(target, values):
    axes = tuple(range(1, target.ndim))
    return ((values - target) ** 2).sum(axes) / (target**2).sum(axes)


@pytest.mark.parametrize("size", [(8, 10), (7, 9)])
def test_losses_are_their_formulas(size):
    network = features()
    transfer = AdaINTransfer(
        network,
        networks.style_decoder(network),
        {"first": 0.5, "second": 2.0},
    )
    transfer.compile(
        content_weight=3.0, style_weight=7.0, total_variation_weight=11.0
    )
    contents, styles = random_images(3, *size, 3), random_images(3, 12, 6, 3)
    height, width = (side + side % 2 for side in size)
    edge = ((0, 0), (0, height - size[0]), (0, width - size[1]), (0, 0))
    padded = np.pad(contents, edge, "symmetric")
    wanted = {k: np.asarray(v) for k, v in network(styles).items()}
    goal = adain(np.asarray(network(padded)["second"]), wanted["second"])
    made = np.asarray(transfer.decoder(goal))[:, : size[0], : size[1]]
    seen = {k: np.asarray(v) for k, v in network(made).items()}
    again = seen["second"]
    content = relative(goal[:, : again.shape[1], : again.shape[2]], again)
    style = 0.0
    for name, weight in (("first", 0.5), ("second", 2.0)):
        statistics = [
            np.concatenate(
                [x.mean((1, 2)), np.sqrt(x.var((1, 2)) + 1e-5)], axis=-1
            )
            for x in (wanted[name], seen[name])
        ]
        style = style + weight * relative(*statistics)
    variation = sum(
        np.abs(np.diff(made, axis=axis)).sum((1, 2, 3)) for axis in (1, 2)
    ) / (size[0] * size[1] * 3)
    logs = transfer.evaluate(contents, styles, verbose=0, return_dict=True)
    for name, expected in (
        ("content_loss", content),
        ("style_loss", style),
        ("total_variation", variation),
        ("loss", 3.0 * content + 7.0 * style + 11.0 * variation),
    ):
        assert logs[name] == pytest.approx(expected.mean(), rel=1e-3), name


def test_the_decoder_alone_is_trained():
    transfer = model()
    before = [np.array(w) for w in transfer.features.weights]
    trained = transfer.decoder.trainable_weights
    decoder = [np.array(w) for w in trained]
    logs = transfer.fit(
        random_images(), random_images(4, 12, 20, 3), verbose=0
    ).history
    assert set(logs) == {"loss", "content_loss", "style_loss"}
    for weight, old in zip(transfer.features.weights, before, strict=True):
        np.testing.assert_array_equal(weight, old)
    for weight, old in zip(trained, decoder, strict=True):
        assert np.abs(weight - old).max() > 0
    assert len(transfer.trainable_weights) == len(decoder)


def small_steps():
    """Weights so small that the first steps in float16 do not overflow."""
    return model(content_weight=0.05, style_weight=0.5)


def test_it_learns_a_batch():
    images = random_images()
    check_overfits(small_steps, (images, images), steps=60, fall=0.7)
    check_mixed_precision(small_steps, (images, images), "mixed_float16")


@pytest.mark.slow
def test_stopping_and_resuming_changes_nothing(tmp_path):
    images = random_images()
    check_resumes(small_steps, (images, images), tmp_path)


def test_options_survive_saving(tmp_path):
    network = features()
    transfer = AdaINTransfer(
        network, networks.style_decoder(network), {"first": 0.25}
    )
    transfer.compile(
        style_weight=2.0, total_variation_weight=0.5, run_eagerly=True
    )
    transfer.fit(random_images(), random_images(), verbose=0)
    transfer.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.loss_weights == transfer.loss_weights
    assert loaded.run_eagerly and loaded.style_layers == {"first": 0.25}
    content, style = random_images(2, 15, 9, 3), random_images(1, 11, 11, 3)
    np.testing.assert_array_equal(
        loaded.stylize(content, style), transfer.stylize(content, style)
    )


@pytest.mark.slow
def test_two_replicas_equal_one(two_replicas):
    """With SGD, for Adam hides a wrong scale; the last batch is smaller."""
    data = tf.data.Dataset.from_tensor_slices(
        (random_images(7), random_images(7))
    )
    data = data.map(lambda c, s: (c[:12, :14], s)).batch(4)

    def fitted(scope):
        keras.utils.set_random_seed(0)
        with scope:
            transfer = model(optimizer=keras.optimizers.SGD(1e-2))
        trained = transfer.trainable_weights
        before = [np.array(weight) for weight in trained]
        logs = transfer.fit(data, epochs=2, verbose=0, shuffle=False).history
        moves = [
            np.array(new) - old
            for new, old in zip(trained, before, strict=True)
        ]
        return moves, logs

    one, logs_one = fitted(tf.distribute.get_strategy().scope())
    two, logs_two = fitted(two_replicas.scope())
    for ours, theirs in zip(one, two, strict=True):
        largest = np.abs(ours).max()
        assert largest > 1e-4
        np.testing.assert_allclose(ours, theirs, atol=1e-3 * largest)
    for name, values in logs_one.items():
        np.testing.assert_allclose(logs_two[name], values, rtol=1e-4)


@pytest.mark.slow
def test_it_learns_from_a_pipeline():
    sources = [
        datasets.source_from_arrays(
            "mine",
            "all",
            RNG.integers(0, 256, (count, 20, 24, 3), "uint8"),
            np.zeros(count, "int64"),
        )
        for count in (6, 2)
    ]
    pairs = datasets.style_pipeline(*sources, 16, jitter=1.0, batch_size=2)
    transfer = model()
    logs = transfer.fit(pairs, epochs=2, verbose=0).history
    assert np.isfinite(logs["loss"]).all()
    predicted = transfer.predict(pairs, verbose=0)
    assert predicted.shape == (6, 16, 16, 3)


# What comes out --------------------------------------------------------------


def test_with_nothing_to_decode_it_is_adain_of_the_pixels():
    transfer = transparent()
    content, styles = (
        random_images(2, 9, 7, 3),
        [random_images(1, 6, 8, 3), random_images(2)],
    )
    edges = ((0, 0), (4, 4), (4, 4), (0, 0))
    framed = np.pad(content, edges, mode="symmetric")
    results = [adain(framed, style)[:, 4:-4, 4:-4] for style in styles]

    def stylized(style, alpha=1.0, **options):
        return np.asarray(transfer.stylize(content, style, alpha, **options))

    def near(ours, expected):
        np.testing.assert_allclose(ours, np.clip(expected, 0, 1), atol=1e-5)

    near(stylized(styles[0]), results[0])
    near(stylized(styles[1]), results[1])
    np.testing.assert_array_equal(stylized(styles[0], 0.0), content)
    near(stylized(styles[0], 0.25), 0.75 * content + 0.25 * results[0])
    near(stylized(styles), 0.5 * results[0] + 0.5 * results[1])
    mixed = 0.25 * results[0] + 0.75 * results[1]
    near(stylized(styles, style_weights=[1, 3]), mixed)
    near(stylized(styles, 0.5, style_weights=[1, 3]), 0.5 * (content + mixed))
    called = transfer([content, np.repeat(styles[0], 2, axis=0)])
    assert results[0].max() > 1.01
    near(called, results[0])


@pytest.mark.parametrize("size", [(12, 10), (2, 3)])
def test_the_networks_see_a_mirrored_frame(size):
    """Without it they would see zeros at the edges."""
    transfer = model()
    frame = 4 * transfer.stride
    content, style = random_images(2, *size, 3), random_images(1)
    far = [-side % transfer.stride + frame for side in size]
    edges = ((0, 0), *((frame, end) for end in far), (0, 0))
    maps, goal = (
        np.asarray(transfer.features(images)["second"])
        for images in (np.pad(content, edges, "symmetric"), style)
    )
    expected = np.asarray(transfer.decoder(adain(maps, goal)))
    height, width = size
    expected = expected[:, frame : frame + height, frame : frame + width]
    np.testing.assert_allclose(
        transfer.stylize(content, style), np.clip(expected, 0, 1), atol=1e-5
    )


def test_trained_on_a_pair_it_comes_nearer_to_the_style():
    transfer = model(optimizer=keras.optimizers.Adam(1e-2))
    content, style = np.random.default_rng(0).random(
        (2, 2, 16, 16, 3), "float32"
    )
    style **= 4
    # Also of its own style, which is what a strength of 0 gives.
    pairs = np.tile(content, (2, 1, 1, 1)), np.concatenate([style, content])
    transfer.fit(tf.data.Dataset.from_tensors(pairs).repeat(200), verbose=0)
    stylized = np.asarray(transfer.stylize(content, style))
    assert stylized.min() >= 0 and stylized.max() <= 1

    def brightness(x):
        return x.mean((1, 2, 3))

    gap = np.abs(brightness(stylized) - brightness(style))
    assert (gap < 0.8 * np.abs(brightness(content) - brightness(style))).all()
    kept = np.asarray(transfer.stylize(content, style, 0.0))
    assert np.mean((kept - content) ** 2) < np.mean((stylized - content) ** 2)


@pytest.mark.parametrize("size", [(17, 40), (31, 18)])
def test_any_size_with_networks_that_lose_edges(size):
    network = networks.squeezenet_features(None, ("relu_conv1", "fire3"))
    transfer = AdaINTransfer(network, networks.style_decoder(network))
    assert (transfer.stride, transfer.margin) == (4, 4)
    stylized = transfer.stylize(
        random_images(1, *size, 3), random_images(1, 19, 21, 3)
    )
    assert stylized.shape == (1, *size, 3)
    transfer.compile()
    logs = transfer.evaluate(
        random_images(1, *size, 3), random_images(1, 19, 21, 3), verbose=0
    )
    assert np.isfinite(logs).all()


def test_gray_images():
    gray, color = random_images(1, 9, 9, 1), random_images(1, 9, 9, 3)
    stylized = model().stylize(gray, color)
    assert stylized.shape == (1, 9, 9, 3)
    assert model(1).stylize(gray, gray).shape == (1, 9, 9, 1)
    with pytest.raises(ValueError, match="`style` has colors"):
        model(1).stylize(gray, color)


def test_export_gives_the_same_images(tmp_path):
    transfer = model()
    export.export_saved_model(transfer, tmp_path / "served")
    served = tf.saved_model.load(str(tmp_path / "served"))
    content, style = random_images(2, 13, 10, 3), random_images(2, 11, 14, 3)
    for answer, expected in (
        (served.stylize(content, style), transfer.stylize(content, style)),
        (
            served.stylize_partly(content, style, tf.constant(0.3)),
            transfer.stylize(content, style, 0.3),
        ),
    ):
        np.testing.assert_allclose(answer, expected, atol=1e-5)


# Mistakes --------------------------------------------------------------------


def test_networks_that_do_not_fit_are_refused():
    network = features()
    decoder = networks.style_decoder(network)
    image = keras.Input((None, None, 3))
    with pytest.raises(ValueError, match="`features` must be a network"):
        AdaINTransfer(keras.Model(image, image * 2.0), decoder)
    with pytest.raises(ValueError, match="take the 8 channels of 'second'"):
        AdaINTransfer(network, networks.style_decoder(network, "first"))
    with pytest.raises(ValueError, match="`style_layers` must be layers"):
        AdaINTransfer(network, decoder, ["third"])
    maps = keras.Input((None, None, 8))
    for scale in (1, 4):
        x = keras.layers.UpSampling2D(scale)(maps) if scale > 1 else maps
        wrong = keras.Model(maps, keras.layers.Conv2D(3, 1)(x))
        with pytest.raises(ValueError, match=f"upscales {scale} times"):
            AdaINTransfer(network, wrong)


def test_wrong_arguments_of_compile_and_fit_are_refused():
    transfer = model()
    for options, message in (
        ({"style_weight": -1}, "`style_weight` must be"),
        ({"loss": "mse"}, "without `loss` and `metrics`"),
        ({"metrics": ["mae"]}, "without `loss` and `metrics`"),
    ):
        with pytest.raises(ValueError, match=message):
            transfer.compile(**options)
    transfer.compile()
    images = random_images()
    for arguments, message in (
        ((images,), "must come in pairs"),
        ((tf.data.Dataset.from_tensors(images),), "must come in pairs"),
        ((images, 255 * images), "lie in"),
        ((images[:, :2], images), "more than 2 pixels a side. Received: 2 x"),
        ((images[..., :1], images), "must be of shape"),
        (((255 * images).astype("uint8"), images), "must be floats"),
    ):
        with pytest.raises(ValueError, match=message):
            transfer.fit(*arguments, verbose=0)


def test_wrong_images_and_options_are_refused():
    transfer = model()
    content, style = random_images(1), random_images(1)
    alpha = random_images(1, 8, 8, 4)
    for arguments, options, message in (
        ((content, style, 1.5), {}, "`alpha` must be from 0 to 1"),
        ((content[0], style), {}, "`content`: Images must be of shape"),
        ((content, alpha), {}, "`style` has an alpha channel"),
        ((content, style), {"style_weights": [1, 1]}, "`style_weights` must"),
        ((content, random_images(3)), {}, "one image for all contents"),
    ):
        with pytest.raises(ValueError, match=message):
            transfer.stylize(*arguments, **options)
