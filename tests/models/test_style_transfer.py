"""Style transfer by optimization: what it lowers, keeps and refuses."""

import functools
import os
import pathlib

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_synth import losses, networks
from keras_synth.io import read_image
from keras_synth.models import StyleTransfer
from keras_synth.models.style_transfer.canvas import make_canvas

RNG = np.random.default_rng(0)


def image(*shape):
    return RNG.uniform(size=shape or (1, 11, 14, 3)).astype("float32")


def features(channels=3):
    """Two convolutions, of fixed random weights."""
    image = keras.Input((None, None, channels))
    maps, x = {}, image
    for index, (name, strides) in enumerate((("first", 1), ("second", 2))):
        x = keras.layers.Conv2D(
            6,
            3,
            strides,
            padding="same",
            activation="relu",
            kernel_initializer=keras.initializers.RandomNormal(seed=index),
            bias_initializer=keras.initializers.RandomUniform(0, 0.1, seed=9),
        )(x)
        maps[name] = x
    return keras.Model(image, maps, name="tiny")


def pixelwise(**maps):
    """A network of single pixels: `{name: filters}`, 0 for the pixels."""
    image = keras.Input((None, None, 3))
    outputs = {
        name: keras.layers.Conv2D(
            filters,
            1,
            activation="relu",
            kernel_initializer=keras.initializers.RandomNormal(seed=1),
        )(image)
        if filters
        else image * 1.0
        for name, filters in maps.items()
    }
    return keras.Model(image, outputs)


@functools.cache
def shared():
    """What many tests stylize with: it is traced once for each size."""
    return transfer()


def transfer(network=None, layers=("second", ("first", "second")), **options):
    """Compiled."""
    model = StyleTransfer(network or features(), *layers)
    model.compile(**options)
    return model


def stylize(model, *arguments, **options):
    return np.asarray(model.stylize(*arguments, verbose=0, **options))


def loss_of(model, *images):
    return float(model.loss_terms(*images)["loss"][0])


# The loss ------------------------------------------------------------


def gram_twin(maps):
    result = np.zeros((len(maps), maps.shape[-1], maps.shape[-1]))
    for row in range(maps.shape[1]):
        for column in range(maps.shape[2]):
            pixel = maps[:, row, column]
            result += pixel[:, :, None] * pixel[:, None, :]
    return result / np.prod(maps.shape[1:])


def test_terms_are_their_formulas():
    network = features()
    model = transfer(
        network,
        ({"first": 0.5, "second": 2.0}, ["first", "second"]),
        content_weight=3.0,
        style_weight=7.0,
        total_variation_weight=11.0,
    )
    images, contents = image(2, 9, 12, 3), image(2, 9, 12, 3)
    styles = image(2, 13, 6, 3)
    x, p, a = (
        {k: np.asarray(v, "float64") for k, v in network(each).items()}
        for each in (images, contents, styles)
    )
    axes = (1, 2, 3)
    content = sum(
        weight * ((x[k] - p[k]) ** 2).sum(axes) / (p[k] ** 2).sum(axes)
        for k, weight in (("first", 0.5), ("second", 2.0))
    )
    style = 0.0
    for k in ("first", "second"):
        wanted = gram_twin(a[k])
        error = ((gram_twin(x[k]) - wanted) ** 2).sum((1, 2))
        style = style + 0.5 * error / (wanted**2).sum((1, 2))
    variation = np.zeros(2)
    for row in range(9):
        for column in range(12):
            here = images[:, row, column]
            if row:
                variation += np.abs(here - images[:, row - 1, column]).sum(-1)
            if column:
                left = images[:, row, column - 1]
                variation += np.abs(here - left).sum(-1)
    variation /= 9 * 12 * 3
    terms = model.loss_terms(images, contents, styles)
    for name, expected in (
        ("content_loss", content),
        ("style_loss", style),
        ("total_variation", variation),
        ("loss", 3.0 * content + 7.0 * style + 11.0 * variation),
    ):
        np.testing.assert_allclose(terms[name], expected, rtol=1e-4)


def test_the_style_term_is_the_style_loss_over_the_targets_energy():
    network = features()
    x, style = image(), image(1, 8, 9, 3)
    model = transfer(network, ("second", "second"))
    term = model.loss_terms(x, x, style)["style_loss"]
    maps = network(x), network(style)
    loss = losses.Style(network, {"second": 1.0}, squared=True)
    nothing = {"second": 0.0 * maps[1]["second"]}
    expected = loss.compare(maps[1], maps[0]) / loss.compare(maps[1], nothing)
    np.testing.assert_allclose(term, expected, rtol=1e-5)


def test_the_gradient_of_the_gram_loss_in_closed_form():
    """`∂‖G - A‖² / ∂F = 4 F (G - A) / (C H W)`, of maps F that are pixels."""
    model = transfer(pixelwise(pixels=0), ("pixels", "pixels"))
    x, style = image(1, 5, 7, 3), image(1, 6, 6, 3)
    with tf.GradientTape() as tape:
        variable = tf.constant(x)
        tape.watch(variable)
        loss = model.loss_terms(variable, x, style)["style_loss"]
    gradient = tape.gradient(loss, variable)[0]
    rows = x.reshape(35, 3).astype("float64")
    wanted = gram_twin(style)[0]
    difference = rows.T @ rows / (35 * 3) - wanted
    expected = 4 * rows @ difference / (35 * 3) / (wanted**2).sum()
    np.testing.assert_allclose(gradient, expected.reshape(5, 7, 3), rtol=1e-4)


def test_several_styles_are_one_blended_gram_matrix():
    """`Σ γ ‖G - A_k‖² - ‖G - Σ γ A_k‖²` is the same for every image."""
    grams = [gram_twin(image(1, 6, 6, 3)) for _ in range(2)]
    mix = (0.3, 0.7)
    blend = sum(w * a for w, a in zip(mix, grams, strict=True))
    differences = []
    for _ in range(3):
        gram = gram_twin(image(1, 6, 6, 3))
        each = sum(
            w * ((gram - a) ** 2).sum() for w, a in zip(mix, grams, strict=True)
        )
        differences.append(each - ((gram - blend) ** 2).sum())
    assert np.ptp(differences) < 1e-12 < differences[0]

    model = shared()
    content, styles = image(), [image(), image(1, 11, 13, 3)]

    def stylized(style, weights=None):
        return stylize(model, content, style, 5, style_weights=weights)

    one, other = stylized(styles[0]), stylized(styles[1])
    np.testing.assert_array_equal(stylized(styles, [2.0, 0.0]), one)
    np.testing.assert_array_equal(stylized(styles, [0, 1]), other)
    both = stylized(styles)
    np.testing.assert_allclose(stylized(styles[::-1], [3, 3]), both, atol=1e-5)
    assert min(np.abs(both - x).max() for x in (one, other)) > 1e-3
    logs = []
    model.stylize(
        content,
        styles,
        1,
        style_weights=[1, 3],
        verbose=0,
        on_step=lambda step, image, terms: logs.append(terms),
    )
    expected = 0.0
    for name in ("first", "second"):
        maps = [model.features(x)[name] for x in (content, *styles)]
        gram, *wanted = (gram_twin(np.asarray(each)) for each in maps)
        blend = 0.25 * wanted[0] + 0.75 * wanted[1]
        expected += 0.5 * ((gram - blend) ** 2).sum() / (blend**2).sum()
    assert logs[0]["style_loss"] == pytest.approx(expected, rel=1e-4)


# What comes out --------------------------------------------------------------


@pytest.mark.parametrize("optimizer", [None, "lbfgs"])
def test_image_in_its_own_style_stays(optimizer):
    model = transfer(optimizer=optimizer, total_variation_weight=0.0)
    content = image()
    np.testing.assert_allclose(
        stylize(model, content, content, 40), content, atol=2e-3
    )


def test_both_optimizers_lower_the_loss():
    content, style = image(), image(1, 20, 9, 3) ** 3
    lowered = {}
    for optimizer in (None, "lbfgs"):
        model = transfer(optimizer=optimizer)
        first = loss_of(model, content, content, style)
        for start in ("content", "noise"):
            stylized = stylize(model, content, style, 40, start=start, seed=1)
            assert stylized.min() >= 0 and stylized.max() <= 1
            lowered[optimizer, start] = loss_of(model, stylized, content, style)
        assert lowered[optimizer, "content"] < 0.3 * first
        # From noise there is no such first loss: the goal is the same.
        assert lowered[optimizer, "noise"] < 0.5 * first
    assert lowered["lbfgs", "content"] < 1.1 * lowered[None, "content"]


def test_optimizers_by_name_are_reset_for_each_image():
    content, style = image(), image()
    model = transfer(optimizer=keras.optimizers.Adam(0.05))
    first = stylize(model, content, style, 3)
    assert int(model.optimizer.iterations) == 0
    np.testing.assert_array_equal(stylize(model, content, style, 3), first)
    model.compile("sgd")
    assert np.abs(stylize(model, content, style, 3) - first).max() > 1e-3


def test_what_is_stylized_does_not_depend_on_the_images_size():
    """Tiles of one image become tiles of its result."""
    model = transfer(
        pixelwise(first=5, second=4),
        ("first", "second"),
        optimizer=keras.optimizers.SGD(2e-3),
        total_variation_weight=0.0,
    )
    content, style = image(1, 6, 5, 3), image(1, 7, 7, 3) ** 2

    def tiled(x):
        return np.tile(x, (1, 3, 2, 1))

    one = stylize(model, content, style, 8)
    assert np.abs(one - content).max() > 0.05
    many = stylize(model, tiled(content), tiled(style), 8)
    np.testing.assert_allclose(many, tiled(one), atol=1e-4)


def test_call_and_predict_give_the_stylized_images():
    model = shared()
    contents, styles = image(2, 9, 12, 3), image(2, 8, 9, 3)
    expected = stylize(model, contents, styles, 3)
    np.testing.assert_array_equal(model([contents, styles], steps=3), expected)
    predicted = model.predict([contents, styles], verbose=0)
    np.testing.assert_array_equal(
        predicted, stylize(model, contents, styles, 300)
    )


@pytest.mark.parametrize("size", [(1, 5, 41, 3), (1, 1, 9, 3)])
def test_any_size_and_aspect(size):
    model = shared()
    stylized = stylize(model, image(*size), image(1, 17, 6, 3), 2)
    assert stylized.shape == size and stylized.dtype == np.float32


def test_batches_are_stylized_one_by_one():
    model = shared()
    contents, styles = image(2, 11, 14, 3), image(2, 11, 14, 3)
    options = {"start": "noise", "seed": 3}
    both = stylize(model, contents, styles, 4, **options)
    first = stylize(model, contents[:1], styles[:1], 4, **options)
    np.testing.assert_array_equal(both[:1], first)
    plain = stylize(model, contents, styles[1:], 4)
    second = stylize(model, contents[1:], styles[1:], 4)
    np.testing.assert_array_equal(plain[1:], second)


def test_noise_follows_the_seed():
    model = shared()
    content, style = image(), image()
    a, b, other = (
        stylize(model, content, style, 1, start="noise", seed=seed)
        for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(a, b)
    assert np.abs(a - other).max() > 0.3
    assert 0.0 <= a.min() and a.max() <= 1.0


def test_a_given_start():
    """With a rate of 0 what comes out is where it began."""
    model = transfer(optimizer=keras.optimizers.SGD(0.0))
    content, style, start = image(), image(), image()
    stylized = stylize(model, content, style, 2, start=start)
    np.testing.assert_array_equal(stylized, start)
    np.testing.assert_array_equal(stylize(model, content, style, 2), content)


def test_from_coarse_to_fine():
    content, style = image(1, 21, 32, 3), image(1, 16, 18, 3)
    shapes, steps = [], []

    def watch(step, image, logs):
        steps.append(step)
        shapes.append(tuple(image.shape[1:3]))
        assert set(logs) == {
            "loss",
            "content_loss",
            "style_loss",
            "total_variation",
        }

    model = transfer(optimizer=keras.optimizers.SGD(0.0))
    stylized = stylize(model, content, style, (1, 2, 3), on_step=watch)
    sizes = [(5, 8), (10, 16), (21, 32)]
    assert shapes == sizes[:1] + 2 * sizes[1:2] + 3 * sizes[2:]
    assert steps == [1, 2, 3, 4, 5, 6]
    expected = content
    for size in sizes:
        expected = tf.image.resize(
            content if size == sizes[0] else expected,
            size,
            "bicubic",
            antialias=True,
        )
        expected = np.clip(expected, 0, 1)
    np.testing.assert_allclose(stylized, expected, atol=1e-5)
    coarse = stylize(shared(), content, style, (15, 15))
    assert loss_of(shared(), coarse, content, style) < 0.8 * loss_of(
        shared(), content, content, style
    )


# Colors ---------------------------------------------------------------------

YIQ = np.array(
    [
        [0.299, 0.587, 0.114],
        [0.5959, -0.2746, -0.3213],
        [0.2115, -0.5227, 0.3112],
    ]
)


@pytest.mark.parametrize(
    ("optimizer", "start"), [(None, "content"), ("lbfgs", "noise")]
)
def test_colors_are_preserved(optimizer, start):
    content, style = image(), image(1, 9, 9, 3)
    content[:, :3] = [1.0, 0.0, 0.0]  # whose brightness is bound
    model = transfer(optimizer=optimizer)
    stylized = stylize(
        model, content, style, 8, preserve_color=True, start=start, seed=0
    )
    before, after = content @ YIQ.T, stylized @ YIQ.T
    np.testing.assert_allclose(after[..., 1:], before[..., 1:], atol=2e-6)
    assert np.abs(after - before)[..., 0].max() > 0.1
    assert stylized.min() >= 0 and stylized.max() <= 1
    plain = stylize(shared(), content, style, 8) @ YIQ.T
    assert np.abs(plain - before)[..., 1:].max() > 0.1


def test_the_styles_brightness_is_matched():
    content, style = image(1, 8, 9, 3), image(1, 7, 7, 3) ** 2
    canvas = make_canvas(tf.constant(content), [tf.constant(style)], 1, True)
    luma = content @ YIQ[0]
    np.testing.assert_allclose(np.mean(canvas.styles[0]), luma.mean(), 1e-5)
    np.testing.assert_allclose(np.std(canvas.styles[0]), luma.std(), 1e-4)
    own = (style @ YIQ[0])[..., None]
    correlation = np.corrcoef(np.ravel(own), np.ravel(canvas.styles[0]))[0, 1]
    assert correlation == pytest.approx(1.0, abs=1e-5)
    np.testing.assert_allclose(canvas.image(canvas.content), content, atol=1e-6)


def test_gray_images():
    gray, color = image(1, 11, 14, 1), image()
    model = shared()
    stylized = stylize(model, gray, color, 5)
    assert (
        stylized.shape == (1, 11, 14, 3) and np.ptp(stylized, axis=-1).max() > 0
    )
    same = stylize(model, np.repeat(gray, 3, axis=-1), color, 5)
    np.testing.assert_array_equal(stylized, same)
    assert stylize(model, color, gray, 1).shape == (1, 11, 14, 3)
    kept = stylize(model, gray, color, 5, preserve_color=True)
    assert kept.shape == (1, 11, 14, 1)
    of_gray = transfer(features(1))
    assert stylize(of_gray, gray, gray, 1).shape == (1, 11, 14, 1)
    stylized = stylize(of_gray, color, color, 3, preserve_color=True)
    assert stylized.shape == (1, 11, 14, 3)


# Films -----------------------------------------------------------------------


def test_frames_start_from_the_last_result():
    model = transfer(optimizer=keras.optimizers.SGD(0.0))
    frames, style = image(3, 8, 9, 3), image()
    results = list(model.stylize_frames(frames, style, 1, verbose=0))
    for result in results:
        np.testing.assert_array_equal(result, frames[0])
    seen = []

    def warp(result, previous, frame):
        seen.append([np.array(x) for x in (result, previous, frame)])
        return result[:, ::-1] * 2.0

    results = list(model.stylize_frames(frames, style, 1, warp=warp, verbose=0))
    np.testing.assert_array_equal(results[0], frames[0])
    np.testing.assert_array_equal(
        results[1], np.minimum(2 * frames[0, ::-1], 1)
    )
    np.testing.assert_array_equal(seen[1][0][0], results[1])
    for index in range(2):
        np.testing.assert_array_equal(seen[index][1], frames[index][None])
        np.testing.assert_array_equal(seen[index][2], frames[index + 1][None])


def test_frames_of_a_still_video_get_better():
    content, style = image(), image()
    model = shared()
    counts = []
    first, second = (
        np.asarray(x)[None]
        for x in model.stylize_frames(
            [content[0]] * 2,
            style,
            10,
            first_steps=30,
            verbose=0,
            on_step=lambda step, *_: counts.append(step),
        )
    )
    assert counts == [*range(1, 31), *range(1, 11)]
    start = loss_of(model, content, content, style)
    assert loss_of(model, second, content, style) < 0.5 * start


@pytest.mark.skipif(
    "KERAS_SYNTH_DATA" not in os.environ, reason="KERAS_SYNTH_DATA is not set"
)
def test_flicker_on_a_real_video():
    """Frames stylized each from the last differ less than stylized apart."""
    data = pathlib.Path(os.environ["KERAS_SYNTH_DATA"])
    files = sorted((data / "video" / "Vid4" / "city").glob("*.png"))[:3]
    frames = [read_image(file, 3)[200:296, 200:328] for file in files]
    style = read_image(data / "style" / "starry_night.jpg", 3)
    style = style[None, 100:228, 100:228]
    network = networks.squeezenet_features(
        data / "weights" / "squeezenet_v1.1_notop_tf_kernels.h5"
    )
    model = transfer(network, (None, None))

    def flicker(stylized):
        return np.abs(np.diff(stylized, axis=0)).mean()

    film = [*model.stylize_frames(frames, style, 25, verbose=0)]
    apart = [stylize(model, x[None], style, 25)[0] for x in frames]
    noise = [
        stylize(model, x[None], style, 25, start="noise")[0] for x in frames
    ]
    assert flicker(film) < 0.8 * flicker(apart) < 0.8 * flicker(noise)


# A Keras model ---------------------------------------------------------------


@pytest.mark.parametrize("optimizer", [keras.optimizers.Adam(0.05), "lbfgs"])
def test_save_and_load(optimizer, tmp_path):
    network = features()
    for weight in network.weights:
        weight.assign(1.1 * weight)  # no builder's
    model = transfer(
        network,
        (["second"], {"first": 0.1, "second": 0.9}),
        optimizer=optimizer,
        style_weight=5.0,
        content_weight=0.5,
        total_variation_weight=0.25,
    )
    content, style = image(), image()
    expected = stylize(model, content, style, 3)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.loss_weights == model.loss_weights
    assert loaded.style_layers == model.style_layers
    np.testing.assert_array_equal(stylize(loaded, content, style, 3), expected)
    assert not loaded.trainable_weights


def test_published_networks_have_their_layers():
    vgg = networks.vgg16_features(
        None, (*StyleTransfer.PAPER_LAYERS, "block4_conv3")
    )
    model = StyleTransfer(vgg)
    assert model.content_layers == {"block4_conv2": 1.0}
    assert model.style_layers == {
        f"block{block}_conv1": 0.2 for block in range(1, 6)
    }
    model = StyleTransfer(networks.vgg16_features(None))
    assert model.content_layers == {"block4_conv3": 1.0}
    assert len(model.style_layers) == 5
    model = StyleTransfer(networks.squeezenet_features(None))
    assert model.content_layers == {"fire5": 1.0}
    assert len(model.style_layers) == 7
    with pytest.raises(ValueError, match="at least 17 x 17"):
        model.compile()
        model.stylize(image(1, 40, 20, 3), image(1, 40, 40, 3), (1, 1))


def test_progress_is_shown(capsys):
    model = shared()
    model.stylize(image(), image(), (2, 1), verbose=2)
    shown = capsys.readouterr().out
    assert "3/3" in shown and "style_loss" in shown
    model.stylize(image(), image(), 2, verbose=0)
    assert not capsys.readouterr().out


def test_compiling_again_replaces_the_old_weights():
    model = transfer()
    content, style = image(), image()
    assert np.abs(stylize(model, content, style, 2) - content).max() > 1e-3
    model.compile(style_weight=0.0, total_variation_weight=0.0)
    stylized = stylize(model, content, style, 2)
    np.testing.assert_allclose(stylized, content, atol=1e-3)


# Mistakes --------------------------------------------------------------------


def test_wrong_constructor_and_compile_arguments_are_refused():
    inputs = keras.Input((None, None, 3))
    with pytest.raises(ValueError, match="`features` must be a network"):
        StyleTransfer(keras.Model(inputs, inputs * 2.0))
    for layers, message in (
        (("fourth", None), "`content_layers` must be layers"),
        ((None, []), "`style_layers` must be layers"),
        ((None, {"first": -1.0}), "`style_layers` must be layers"),
        ((3, None), "'first', 'second'"),
    ):
        with pytest.raises(ValueError, match=message):
            StyleTransfer(features(), *layers)
    model = StyleTransfer(features())
    for options, message in (
        ({"style_weight": -1.0}, "`style_weight` must be"),
        ({"content_weight": float("nan")}, "`content_weight` must be"),
        ({"optimizer": "no such"}, "no such"),
    ):
        with pytest.raises(ValueError, match=message):
            model.compile(**options)
    with pytest.raises(ValueError, match="no weights to train"):
        model.fit(image())


def test_wrong_images_and_options_are_refused():
    model = StyleTransfer(features())
    content, style = image(), image()
    with pytest.raises(ValueError, match=r"Call `compile\(\)` before"):
        model.stylize(content, style)
    model.compile()
    alpha = np.concatenate([content, content[..., :1]], axis=-1)
    for arguments, options, message in (
        ((content[0], style), {}, "`content`: Images must be of shape"),
        ((alpha, style), {}, "`content` has an alpha channel"),
        ((content, alpha), {}, "`style` has an alpha channel"),
        ((content, 255 * style), {}, "`style`: Images must lie in"),
        (((255 * content).astype("uint8"), style), {}, "must be floats"),
        ((content * np.nan, style), {}, "must be finite"),
        ((content, []), {}, "must hold an image"),
        ((content, image(3, 8, 8, 3)), {}, "one image for all contents"),
        ((content, style, 0), {}, "`steps` must be a positive int"),
        ((content, style, (2, 1.5)), {}, "`steps` must be a positive int"),
        ((content, style), {"start": "zeros"}, "`start` must be"),
        ((content, style), {"start": image(1, 5, 5, 3)}, "as large as"),
        ((content, style), {"style_weights": [1, 2]}, "`style_weights` must"),
        ((content, style), {"style_weights": [0]}, "not all 0"),
    ):
        with pytest.raises(ValueError, match=message):
            model.stylize(*arguments, **options, verbose=0)
    gray = transfer(features(1))
    with pytest.raises(ValueError, match="`content` has colors"):
        gray.stylize(content, style)
