"""StyleGAN2 networks: NumPy twins, published sizes, and laws."""

import math

import keras
import numpy as np
import pytest
from scipy import ndimage

from keras_synth import layers
from keras_synth.networks import (
    stylegan2_discriminator,
    stylegan2_mapping,
    stylegan2_synthesis,
)
from tests import twins

RNG = np.random.default_rng(0)
BINOMIAL = (1, 3, 3, 1)
LABELS = np.array([0, 2, 1, 2])


def noise(*shape):
    return RNG.standard_normal(shape).astype("float32")


def images(shape, count=4):
    return RNG.uniform(size=(count, *shape)).astype("float32")


def inputs_of(network, count=4, scale=1.0):
    """Styles and noise of a synthesis network."""
    return [scale * noise(count, *each.shape[1:]) for each in network.inputs]


def in_order(network, *kinds):
    """The network's layers of these kinds, as they were made."""

    def number(layer):
        last = layer.name.rpartition("_")[2]
        return int(last) if last.isdigit() else 0

    found = [layer for layer in network.layers if type(layer) in kinds]
    return sorted(found, key=number)


def randomize(network):
    """Random values for all weights, also those that start at 0 or 1."""
    for weight in network.weights:
        if not weight.path.endswith("kernel"):
            weight.assign(weight + 0.5 * noise(*weight.shape))


def kernel_of(layer):
    kernel = np.asarray(layer.kernel, "float64")
    return kernel / math.sqrt(np.prod(kernel.shape[:-1]))


def styled(layer, image, style, demodulate=True):
    """A modulated convolution of one image."""
    dense = layer.style_to_scales
    scales = style @ kernel_of(dense) + np.asarray(dense.bias)
    taps = BINOMIAL if layer.upsample else None
    image = twins.modulated(image, scales, kernel_of(layer), demodulate, taps)
    return image + np.asarray(layer.bias)


def synthesis_twin(network, styles, noise, sides):
    """Figure 2 (c), one image, one resolution after the other."""
    convolutions = iter(in_order(network, layers.ModulatedConv2D))
    strengths = iter(in_order(network, layers.NoiseInjection))
    (constant,) = in_order(network, layers.LearnedConstant)
    numbers = iter(noise)

    def block(x, style):
        x = styled(next(convolutions), x, style)
        side = len(x)
        plane = np.array([next(numbers) for _ in range(side * side)])
        strength = float(next(strengths).strength)
        return twins.scaled_leaky_relu(
            x + strength * plane.reshape(side, side, 1)
        )

    x = np.asarray(constant.constant, "float64")
    x = block(x, styles[0])
    image = styled(next(convolutions), x, styles[1], demodulate=False)
    for index, side in enumerate(sides[1:]):
        first, second, last = styles[2 * index + 1 : 2 * index + 4]
        x = block(x, first)
        assert len(x) == side
        x = block(x, second)
        image = twins.doubled(image, BINOMIAL)
        added = styled(next(convolutions), x, last, demodulate=False)
        image = image + added
    assert not list(numbers) and not list(convolutions)
    return 0.5 + 0.5 * image


@pytest.mark.parametrize("size, channels", [(16, 1), (32, 3)])
def test_synthesis_equals_the_papers_figure(size, channels):
    network = stylegan2_synthesis((size, size, channels), 7, channel_max=3)
    randomize(network)
    styles, values = inputs_of(network, 2)
    sides = [4, 8, 16, 32][: int(math.log2(size)) - 1]
    expected = [
        synthesis_twin(network, *each, sides)
        for each in zip(styles, values, strict=True)
    ]
    found = network([styles, values])
    assert np.std(expected) > 0.1
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)


def discriminator_twin(network, images, labels=None):
    """Figure 7 (c), with four images as one group."""
    convolutions = iter(in_order(network, layers.EqualizedConv2D))
    dense = in_order(network, layers.EqualizedDense)

    def convolve(x):
        layer = next(convolutions)
        kernel = kernel_of(layer)
        x = [
            twins.halved(image, BINOMIAL, kernel)
            if layer.downsample
            else twins.correlated(image, kernel)
            for image in x
        ]
        bias = np.asarray(layer.bias) if layer.use_bias else 0.0
        return np.stack(x) + bias

    x = twins.scaled_leaky_relu(convolve(2.0 * images - 1.0))
    while x.shape[1] > 4:
        shortcut = convolve(
            np.stack([twins.halved(image, BINOMIAL) for image in x])
        )
        x = twins.scaled_leaky_relu(convolve(x))
        x = twins.scaled_leaky_relu(convolve(x))
        x = (x + shortcut) / math.sqrt(2)
    deviation = np.mean(np.std(x, axis=0))
    plane = np.full((*x.shape[:3], 1), deviation)
    x = twins.scaled_leaky_relu(convolve(np.concatenate([x, plane], axis=-1)))
    assert not list(convolutions)
    x = x.reshape(len(x), -1) @ kernel_of(dense[0]) + np.asarray(dense[0].bias)
    x = twins.scaled_leaky_relu(x)
    if labels is None:
        x = x @ kernel_of(dense[1]) + np.asarray(dense[1].bias)
        return x[:, 0]
    vectors = np.asarray(network.get_layer("label_embedding").embeddings)
    vectors = vectors / np.sqrt(np.mean(vectors**2, axis=1, keepdims=True))
    return np.sum(x * vectors[labels], axis=1) / math.sqrt(x.shape[1])


@pytest.mark.parametrize("num_classes", [None, 3])
@pytest.mark.parametrize("size, channels", [(16, 3), (32, 1)])
def test_the_discriminator_equals_the_papers_figure(
    size, channels, num_classes
):
    network = stylegan2_discriminator(
        (size, size, channels), channel_max=4, num_classes=num_classes
    )
    randomize(network)
    images = noise(4, size, size, channels)
    labels = None if num_classes is None else LABELS
    found = network(images if labels is None else [images, labels])
    expected = discriminator_twin(network, images, labels)
    assert np.ptp(expected) > 0.01
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("num_classes", [None, 3])
def test_mapping_equals_dense_layers_on_normalized_latents(num_classes):
    network = stylegan2_mapping(6, 5, 3, 0.1, num_classes)
    randomize(network)
    latents = noise(4, 6)
    x = latents / np.sqrt(np.mean(latents**2, axis=1, keepdims=True))
    if num_classes is not None:
        vectors = np.asarray(network.get_layer("label_embedding").embeddings)
        vectors = vectors / np.sqrt(np.mean(vectors**2, axis=1, keepdims=True))
        x = np.concatenate([x, vectors[LABELS]], axis=1)
    dense = in_order(network, layers.EqualizedDense)
    assert len(dense) == 3
    for layer in dense:
        x = 0.1 * (x @ kernel_of(layer) + np.asarray(layer.bias))
        x = twins.scaled_leaky_relu(x)
    found = network(latents if num_classes is None else [latents, LABELS])
    np.testing.assert_allclose(found, x, rtol=1e-3, atol=1e-4)


def test_only_the_direction_of_latents_matters():
    network = stylegan2_mapping(6, 5, num_layers=2)
    latents = noise(4, 6)
    np.testing.assert_allclose(
        network(7.0 * latents), network(latents), rtol=1e-3, atol=1e-5
    )


def test_styles_have_the_size_of_the_latents_at_the_start():
    network = stylegan2_mapping(512, 512)
    styles = np.asarray(network(noise(16, 512)))
    # Of 1.04⁸ = 1.37 on average over many networks, see
    # `ops.scaled_leaky_relu`; without m / √n it would be 10³⁸.
    assert 0.5 < np.mean(styles**2) < 3.0


def channels_at(size):
    return min(512, 32768 // size)


def generator_parameters(size, dim=512):
    """Counted by hand: weights, biases, styles' layers, noise strengths."""

    def styled(inward, outward, kernel):
        return (kernel * inward + 1) * outward + (dim + 1) * inward

    mapping = 8 * (dim + 1) * dim
    total = mapping + 4 * 4 * 512 + styled(512, 512, 9) + 1 + styled(512, 3, 1)
    side = 8
    while side <= size:
        before, now = channels_at(side // 2), channels_at(side)
        total += styled(before, now, 9) + 1 + styled(now, now, 9) + 1
        total += styled(now, 3, 1)
        side *= 2
    return total


def discriminator_parameters(size):
    total = (3 + 1) * channels_at(size)
    side = size
    while side > 4:
        now, after = channels_at(side), channels_at(side // 2)
        total += (9 * now + 1) * now + (9 * now + 1) * after + now * after
        side //= 2
    total += (9 * (512 + 1) + 1) * 512  # with the deviation's channel
    return total + (4 * 4 * 512 + 1) * 512 + 512 + 1


def test_numbers_of_parameters_are_those_of_the_paper():
    """About 30 and 29 million at 1024 pixels (section 4.2).

    The authors' program counts 30,370,060 for the generator; and for the
    discriminator 28,864,129 at 256 pixels.
    """
    shape = (1024, 1024, 3)
    mapping, synthesis = stylegan2_mapping(), stylegan2_synthesis(shape)
    ours = mapping.count_params() + synthesis.count_params()
    assert ours == generator_parameters(1024) == 30_370_060
    ours = stylegan2_discriminator(shape).count_params()
    assert ours == discriminator_parameters(1024) == 29_012_513
    assert discriminator_parameters(256) == 28_864_129
    # 17 noise maps, 4 ... 1024 pixels a side, and 18 styles
    styles, values = synthesis.inputs
    assert styles.shape == (None, 18, 512)
    maps = [4] + 2 * [8, 16, 32, 64, 128, 256, 512, 1024]
    assert values.shape == (None, sum(side**2 for side in maps))


@pytest.mark.parametrize(
    "size, channels, styles", [(16, 1, 6), (16, 3, 6), (32, 1, 8), (64, 3, 10)]
)
def test_sizes_of_inputs_and_outputs(size, channels, styles):
    shape = (size, size, channels)
    network = stylegan2_synthesis(
        shape, 5, channel_multiplier=1 / 64, channel_max=6
    )
    values = 16 + 2 * sum(4**k for k in range(3, int(math.log2(size)) + 1))
    assert [x.shape for x in network.inputs] == [
        (None, styles, 5),
        (None, values),
    ]
    assert network.name == "synthesis"
    assert network.output_shape == (None, *shape)
    made = network(inputs_of(network, 2))
    assert made.shape == (2, *shape)
    assert np.abs(made[0] - made[1]).max() > 1e-2

    discriminator = stylegan2_discriminator(
        shape, channel_multiplier=1 / 64, channel_max=6
    )
    assert discriminator.name == "discriminator"
    assert discriminator.output_shape == (None,)
    logits = discriminator(images(shape))
    assert logits.shape == (4,) and np.ptp(logits) > 1e-4


def test_channels_follow_the_multiplier_and_the_maximum():
    network = stylegan2_synthesis((64, 64, 3), 5, 1 / 64, channel_max=20)
    maps = {
        layer.output.shape[1:]
        for layer in in_order(network, layers.ModulatedConv2D)
        if layer.demodulate
    }
    # min(20, 512 / side)
    assert maps == {
        (4, 4, 20),
        (8, 8, 20),
        (16, 16, 20),
        (32, 32, 16),
        (64, 64, 8),
    }


def test_labels_matter():
    mapping = stylegan2_mapping(6, 5, num_layers=2, num_classes=4)
    styles = mapping([np.ones((2, 6), "float32"), np.array([1, 3])])
    assert np.abs(styles[0] - styles[1]).max() > 1e-2
    discriminator = stylegan2_discriminator(
        (16, 16, 1), channel_max=4, num_classes=4
    )
    logits = discriminator(
        [np.ones((2, 16, 16, 1), "float32"), np.array([1, 3])]
    )
    assert np.abs(logits[0] - logits[1]) > 1e-3


def predicted_mean_square(layer, x, styles):
    """Of a modulated convolution with random weights of any input.

    Over all weights, `E y² = Σ s² x² / Σ s²`, the sums over the channels and
    places under the kernel, with x doubled and filtered where the layer does.
    """
    dense = layer.style_to_scales
    scales = styles @ kernel_of(dense) + np.asarray(dense.bias)
    if layer.upsample:  # a pixel further out than the image
        x = np.pad(x, [(0, 0), (1, 1), (1, 1), (0, 0)])
        x = np.asarray(layers.FilteredUpSampling2D()(x))
    squares = np.einsum("bhwc,bc->bhw", x**2, scales**2)
    squares /= np.sum(scales**2, axis=1)[:, None, None]
    means = np.stack(
        [ndimage.uniform_filter(s, 3, mode="constant") for s in squares]
    )
    return np.mean(means[:, 2:-2, 2:-2] if layer.upsample else means)


def test_untrained_layers_keep_unit_variance():
    """Nothing grows, and what shrinks does so where zeros come in.

    Each convolution gives the mean square that it takes in, on average over
    its kernel and its channels. Beyond the border lie zeros: of 4 x 4 pixels
    3 / 10 are lost. White noise that is doubled keeps 25 / 64, and is white
    no longer.
    """
    network = stylegan2_synthesis((64, 64, 3), 64, channel_max=64)
    convolutions = [
        layer
        for layer in in_order(network, layers.ModulatedConv2D)
        if layer.demodulate
    ]
    assert len(convolutions) == 9
    probe = keras.Model(
        network.inputs, [(*layer.input, layer.output) for layer in convolutions]
    )
    styles, silence = inputs_of(network, 8)
    found = probe([styles, 0.0 * silence])
    sizes = [1.0]
    for layer, (x, style, y) in zip(convolutions, found, strict=True):
        x, style, y = np.asarray(x), np.asarray(style), np.asarray(y)
        expected = predicted_mean_square(layer, x, style)
        assert np.mean(y**2) == pytest.approx(expected, rel=0.25)
        assert abs(np.mean(y)) < 0.25 * np.std(y)
        sizes.append(np.mean(y**2))
    assert max(sizes) < 1.2 and min(sizes) > 0.05


def test_zeros_disable_the_noise_and_so_does_initial_strength():
    network = stylegan2_synthesis((16, 16, 1), 5, channel_max=4)
    styles, values = inputs_of(network)
    silent = network([styles, 0.0 * values])
    np.testing.assert_array_equal(network([styles, values]), silent)
    for layer in in_order(network, layers.NoiseInjection):
        layer.strength.assign(0.3)
    assert np.abs(network([styles, values]) - silent).max() > 0.01
    np.testing.assert_array_equal(network([styles, 0.0 * values]), silent)


def test_networks_can_be_saved(tmp_path):
    shape = (16, 16, 3)
    mapping = stylegan2_mapping(6, 5, num_layers=2, num_classes=3)
    synthesis = stylegan2_synthesis(shape, 5, channel_max=4)
    discriminator = stylegan2_discriminator(shape, channel_max=4, num_classes=3)
    for network, data in (
        (mapping, [noise(4, 6), LABELS]),
        (synthesis, inputs_of(synthesis)),
        (discriminator, [images(shape), LABELS]),
    ):
        randomize(network)
        network.save(tmp_path / "network.keras")
        loaded = keras.saving.load_model(tmp_path / "network.keras")
        np.testing.assert_array_equal(loaded(data), network(data))


def test_half_precision_is_finite_and_accurate():
    """Also with styles and images far out; what comes out is float32."""

    def build():
        return (
            stylegan2_mapping(8, 16, num_layers=4, num_classes=3),
            stylegan2_synthesis((32, 32, 3), 16, channel_max=32),
            stylegan2_discriminator((32, 32, 3), channel_max=32),
        )

    full = build()
    keras.config.set_dtype_policy("mixed_float16")
    half = build()
    for network, twin in zip(half, full, strict=True):
        network.set_weights(twin.get_weights())
        assert {w.dtype for w in network.trainable_weights} == {"float32"}
        assert network.output.dtype == "float32"
    for size in (1.0, 1e3):
        styles, values = inputs_of(full[1])
        for index, data in enumerate(
            (
                [size * noise(4, 8), LABELS],
                [size * styles, values],
                0.5 + size * (images((32, 32, 3)) - 0.5),
            )
        ):
            found, expected = half[index](data), full[index](data)
            assert np.isfinite(found).all()
            largest = np.abs(expected).max()
            np.testing.assert_allclose(found, expected, atol=0.02 * largest)


@pytest.mark.parametrize(
    "build", [stylegan2_synthesis, stylegan2_discriminator]
)
def test_bad_shapes_are_refused(build):
    for shape in ((8, 8, 1), (32, 64, 3), (48, 48, 1), (2048, 2048, 3)):
        with pytest.raises(ValueError, match="a power of 2 from 16 to 1024"):
            build(shape)
    with pytest.raises(ValueError, match="1 or 3 channels"):
        build((32, 32, 2))
    with pytest.raises(ValueError, match="height, width, channels"):
        build((32, 32))
    for options in ({"channel_multiplier": 1e-4}, {"channel_max": 0}):
        with pytest.raises(ValueError, match="at least one channel"):
            build((64, 64, 1), **options)


@pytest.mark.parametrize(
    "build, message",
    [
        (lambda: stylegan2_mapping(0), "latent_dim=0"),
        (lambda: stylegan2_mapping(8, 2.5), "style_dim=2.5"),
        (
            lambda: stylegan2_mapping(8, 8, 0),
            "`num_layers` must be a positive int",
        ),
        (
            lambda: stylegan2_mapping(8, 8, 2, learning_rate_multiplier=0),
            "learning_rate_multiplier=0",
        ),
        (lambda: stylegan2_synthesis((16, 16, 1), 0), "style_dim=0"),
        (lambda: stylegan2_synthesis((16, 16, 1), 2.5), "style_dim=2.5"),
        (
            lambda: stylegan2_discriminator((16, 16, 1), group_size=1),
            "group_size=1",
        ),
    ],
)
def test_bad_arguments_are_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()
