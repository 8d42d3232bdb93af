"""Diffusion networks: sizes, weights, conditions, and their absence."""

import keras
import numpy as np
import pytest

from keras_synth import networks

RNG = np.random.default_rng(0)
SMALL = {
    "diffusion_unet": {"widths": (8, 16), "num_blocks": 1, "head_width": 8},
    "dit": {"patch_size": 2, "width": 8, "num_blocks": 2, "num_heads": 2},
}
CONDITIONS = {
    "none": {},
    "label": {"num_classes": 3},
    "vector": {"condition_shape": (5,)},
    "tokens": {"condition_shape": (4, 5)},
}


def build(name, shape=(8, 8, 1), **options):
    network = getattr(networks, name)(shape, **SMALL[name], **options)
    for weight in network.trainable_weights:  # some start at zero
        weight.assign(weight + 0.1 * RNG.standard_normal(weight.shape))
    return network


def condition_of(kind, count=2):
    """A condition, another one, and none at all."""
    tokens = RNG.normal(size=(2, count, 4, 5)).astype("float32")
    mask = np.tile(np.float32([1, 1, 0, 0]), (count, 1))
    return {
        "none": ([], [], []),
        "label": (
            [np.full(count, 1)],
            [np.full(count, 2)],
            [np.full(count, -1)],
        ),
        "vector": (
            [tokens[0, :, 0]],
            [tokens[1, :, 0]],
            [0 * tokens[0, :, 0]],
        ),
        "tokens": ([tokens[0], mask], [tokens[1], mask], [tokens[0], 0 * mask]),
    }[kind]


def run(network, condition, time=0.3, seed=0):
    shape = (2, *network.inputs[0].shape[1:])
    images = np.random.default_rng(seed).normal(size=shape).astype("float32")
    return np.asarray(
        network([images, np.full(2, time, "float32"), *condition])
    )


@pytest.mark.parametrize("kind", CONDITIONS)
@pytest.mark.parametrize("name", SMALL)
def test_conditions_and_times_change_the_output(name, kind):
    network = build(name, **CONDITIONS[kind])
    first, second, none = condition_of(kind)
    output = run(network, first)
    assert output.shape == (2, 8, 8, 1) and np.isfinite(output).all()
    assert np.abs(output - run(network, first, time=0.31)).max() > 1e-3
    if kind != "none":
        assert np.abs(output - run(network, second)).max() > 1e-3
        assert np.abs(output - run(network, none)).max() > 1e-3


@pytest.mark.parametrize("name", SMALL)
def test_what_the_mask_hides_changes_nothing(name):
    network = build(name, **CONDITIONS["tokens"])
    (tokens, mask), _, _ = condition_of("tokens")
    other = tokens + 5.0 * (1.0 - mask[:, :, None])
    expected = run(network, [tokens, mask])
    np.testing.assert_allclose(run(network, [other, mask]), expected, atol=1e-5)
    # Without a token, no token matters.
    np.testing.assert_allclose(
        run(network, [tokens, 0 * mask]),
        run(network, [other + 1.0, 0 * mask]),
        atol=1e-5,
    )


@pytest.mark.parametrize("name", SMALL)
def test_each_image_is_computed_alone_and_attention_reaches_all(name):
    network = build(name)
    image = RNG.normal(size=(1, 8, 8, 1)).astype("float32")
    changed = image.copy()
    changed[0, 0, 0] += 1.0
    time = np.full(2, 0.5, "float32")
    both = network([np.concatenate([image, changed]), time])
    alone = network([image, time[:1]])
    np.testing.assert_allclose(both[:1], alone, atol=1e-5)
    assert np.abs(both[1, 7, 7] - both[0, 7, 7]).max() > 1e-6


@pytest.mark.parametrize("name", SMALL)
def test_networks_start_at_zero(name):
    network = getattr(networks, name)((8, 8, 1), **SMALL[name])
    np.testing.assert_array_equal(run(network, []), 0.0)


@pytest.mark.parametrize(
    ("shape", "options"),
    [((28, 28, 1), {}), ((30, 45, 3), {}), ((7, 5, 3), {"head_width": 100})],
)
def test_unet_takes_odd_sizes(shape, options):
    options = SMALL["diffusion_unet"] | {"widths": (4, 4, 4)} | options
    network = networks.diffusion_unet(shape, **options)
    assert network.output_shape == (None, *shape)


def unet_count(widths, num_blocks, levels, channels=1):
    """Weights of a U-Net with attention at some levels, counted by hand."""

    def conv(a, b, size=3):
        return size * size * a * b + b

    def block(a, b):
        skip = conv(a, b, 1) if a != b else 0
        modulation = (4 * widths[0] + 1) * 2 * b
        return 2 * a + conv(a, b) + modulation + 2 * b + conv(b, b) + skip

    def attention(c):
        return 2 * c + 4 * (c * c + c)

    first = widths[0]
    dim = 4 * first
    count = (dim // 4 * 2 + 1) * dim + (dim + 1) * dim + conv(channels, first)
    x, known = first, [first]
    for level, width in enumerate(widths):
        if level:
            count += conv(x, x)
            known.append(x)
        for _ in range(num_blocks):
            count += block(x, width) + attention(width) * (level in levels)
            x = width
            known.append(x)
    count += 2 * block(x, x) + attention(x)
    for level, width in reversed([*enumerate(widths)]):
        for _ in range(num_blocks + 1):
            count += block(x + known.pop(), width)
            count += attention(width) * (level in levels)
            x = width
        if level:
            count += conv(x, x)
    return count + 2 * x + conv(x, channels)


@pytest.mark.parametrize("widths", [(8, 16), (8, 16, 24)])
def test_unet_has_the_weights_of_the_paper(widths):
    network = networks.diffusion_unet((28, 28, 1), widths=widths)
    levels = range(1, len(widths))  # of 14 and 7 pixels
    assert network.count_params() == unet_count(widths, 2, levels)


def test_patches_of_a_unet_become_channels():
    options = {"widths": (8, 16), "num_blocks": 2, "attention_resolution": 7}
    network = networks.diffusion_unet((28, 28, 1), patch_size=2, **options)
    # As a network of 14 x 14 pixels with 4 channels.
    assert network.count_params() == unet_count((8, 16), 2, [1], channels=4)
    last = [
        layer
        for layer in network.layers
        if isinstance(layer, keras.layers.Conv2D)
    ][-1]
    last.bias.assign([0.0, 1.0, 2.0, 3.0])  # its kernel is 0
    patches = run(network, []).reshape(2, 14, 2, 14, 2)
    np.testing.assert_array_equal(patches[1, 5, :, 3], [[0.0, 1.0], [2.0, 3.0]])
    with pytest.raises(ValueError, match="`patch_size` must divide both"):
        networks.diffusion_unet((8, 9, 3), patch_size=2)


def test_dit_has_the_weights_of_the_paper():
    width, blocks = 16, 3
    network = networks.dit(
        (28, 28, 1), width=width, num_blocks=blocks, num_heads=2
    )
    square = width * (width + 1)
    block = 4 * square + 6 * square + 8 * width * width + 5 * width
    patches = 16 * width + width + 49 * width
    time = (width // 2 + width // 2 % 2) * width + width + square
    last = 2 * square + 16 * (width + 1)
    assert network.count_params() == patches + time + blocks * block + last


@pytest.mark.parametrize("name", SMALL)
def test_saved_networks_predict_the_same(name, tmp_path):
    network = build(name, **CONDITIONS["tokens"])
    network.save(tmp_path / "network.keras")
    again = keras.saving.load_model(tmp_path / "network.keras")
    condition, _, _ = condition_of("tokens")
    np.testing.assert_array_equal(
        run(again, condition), run(network, condition)
    )


@pytest.mark.parametrize("name", SMALL)
def test_outputs_stay_in_float32_under_mixed_precision(name):
    keras.config.set_dtype_policy("mixed_bfloat16")
    network = build(name, **CONDITIONS["tokens"])
    condition, _, _ = condition_of("tokens")
    output = run(network, condition)
    assert output.dtype == "float32" and np.isfinite(output).all()


def test_wrong_arguments_are_refused():
    for options in (
        {"num_classes": 3, "condition_shape": (5,)},
        {"condition_shape": (5, 4, 3)},
        {"condition_shape": ()},
        {"num_classes": 0},
    ):
        with pytest.raises(ValueError, match="A condition is a label"):
            networks.dit((8, 8, 1), **options)
    with pytest.raises(ValueError, match="multiples of 4"):
        networks.dit((6, 8, 1))
    with pytest.raises(ValueError, match="divisible by `num_heads`"):
        networks.dit((8, 8, 1), width=10, num_heads=4)
    with pytest.raises(ValueError, match="`num_blocks` must"):
        networks.diffusion_unet((8, 8, 1), num_blocks=0)
