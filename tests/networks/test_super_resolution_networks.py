"""Super-resolution networks: shapes, published sizes, initialization."""

import keras
import numpy as np
import pytest

from keras_synth import (
    datasets,
    degradations,
    layers,
    networks,
    presets,
    restoration,
)

BUILDERS = {
    "srcnn": {"widths": (8, 4)},
    "edsr": {"width": 8, "num_blocks": 1},
    "srresnet": {"width": 8, "num_blocks": 1},
    "rrdb": {"width": 8, "growth": 4, "num_blocks": 1},
}


def random_images(*shape, seed=0):
    return np.random.default_rng(seed).uniform(size=shape).astype("float32")


@pytest.mark.parametrize("name", BUILDERS)
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_images_of_any_size_are_upscaled(name, scale):
    network = getattr(networks, name)(scale, 1, **BUILDERS[name])
    result = network(random_images(2, 5, 7, 1))
    assert result.shape == (2, 5 * scale, 7 * scale, 1)
    assert network.output_shape == (None, None, None, 1)


@pytest.mark.parametrize("name", BUILDERS)
def test_saved_networks_predict_the_same_in_half_precision(name, tmp_path):
    keras.config.set_dtype_policy("mixed_float16")
    try:
        network = getattr(networks, name)(2, 3, **BUILDERS[name])
    finally:
        keras.config.set_dtype_policy("float32")
    images = random_images(1, 6, 6, 3)
    result = network(images)
    assert result.dtype == "float32" and np.isfinite(result).all()
    network.save(tmp_path / "network.keras")
    again = keras.saving.load_model(tmp_path / "network.keras")
    np.testing.assert_array_equal(again(images), result)


@pytest.mark.slow
def test_numbers_of_weights_are_the_published_ones():
    """Weights without biases: 8,032 (Dong et al. 2016, table 1's 9-1-5);
    RRDB of ESRGAN's released code: 16,697,987."""
    srcnn = networks.srcnn(4, 1)
    kernels = [w for w in srcnn.weights if len(w.shape) == 4]
    assert sum(int(np.prod(w.shape)) for w in kernels) == 8032
    assert networks.rrdb(4, 3).count_params() == 16_697_987


def test_an_initial_pixel_shuffle_is_nearest_neighbor_upscaling():
    """Constant over each square, unlike with the default initializer."""
    image = keras.Input((None, None, 2))

    def spread(initializer):
        convolution = keras.layers.Conv2D(
            3 * 9, 3, padding="same", kernel_initializer=initializer
        )
        shuffled = keras.ops.depth_to_space(convolution(image), 3)
        result = keras.Model(image, shuffled)(random_images(1, 4, 5, 2))
        squares = np.asarray(result).reshape(4, 3, 5, 3, 3)
        return squares.std(axis=(1, 3)).max()

    assert spread(layers.ICNR(3, "he_normal")) < 1e-6
    assert spread("he_normal") > 0.1
    with pytest.raises(ValueError, match="multiple of scale² = 9"):
        layers.ICNR(3)((3, 3, 2, 10))


def test_edsr_equals_its_formula():
    """By hand: shuffled features on top of repeated pixels."""
    network = networks.edsr(2, 1, width=4, num_blocks=1, residual_scale=0.5)
    images = random_images(1, 4, 5, 1)
    kernels = network.get_weights()

    def convolve(x, index):
        padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
        kernel, bias = kernels[2 * index : 2 * index + 2]
        return bias + sum(
            padded[:, i : i + 4, j : j + 5] @ kernel[i, j]
            for i in range(3)
            for j in range(3)
        )

    first = convolve(images, 0)
    block = first + 0.5 * convolve(np.maximum(convolve(first, 1), 0), 2)
    values = convolve(convolve(block, 3) + first, 4)
    shuffled = np.zeros((1, 8, 10, 1))
    for row in range(2):
        for column in range(2):
            shuffled[:, row::2, column::2, 0] = values[..., 2 * row + column]
    expected = shuffled + images.repeat(2, 1).repeat(2, 2)
    np.testing.assert_allclose(network(images), expected, atol=1e-5)


@pytest.mark.parametrize("residual_scale", [1.0, 0.1])
def test_an_edsr_for_another_scale_keeps_all_but_its_last_layer(residual_scale):
    given = networks.edsr(4, 1, 4, 2, residual_scale)
    twin = networks.rescaled_edsr(given, 3)
    for ours, theirs in zip(twin.weights[:-2], given.weights[:-2], strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert twin(random_images(1, 5, 6, 1)).shape == (1, 15, 18, 1)
    for other in (
        networks.srresnet(2, 1, 4, 1),
        networks.rrdb(2, 1, 4, 1),
        networks.srcnn(2, 1),
    ):
        with pytest.raises(ValueError, match=r"Only a `networks\.edsr`"):
            networks.rescaled_edsr(other, 3)


def test_networks_are_interpolated():
    """Of one linear layer each, the result is linear in the share."""

    def linear(seed):
        image = keras.Input((None, None, 1))
        start = keras.initializers.RandomNormal(seed=seed)
        layer = keras.layers.Conv2D(1, 3, kernel_initializer=start)
        return keras.Model(image, layer(image))

    first, second = linear(0), linear(1)
    images = random_images(1, 5, 5, 1)
    before = first.get_weights()
    for share in (0.0, 0.3, 1.0):
        between = networks.interpolate_networks(first, second, share)
        np.testing.assert_allclose(
            between(images),
            (1 - share) * first(images) + share * second(images),
            atol=1e-6,
        )
    np.testing.assert_array_equal(before[0], first.get_weights()[0])
    with pytest.raises(ValueError, match="`share` must be from 0 to 1"):
        networks.interpolate_networks(first, second, 1.5)
    with pytest.raises(ValueError, match="same architecture"):
        networks.interpolate_networks(
            first, networks.edsr(2, channels=1, width=4, num_blocks=1), 0.5
        )


@pytest.mark.parametrize("name", BUILDERS)
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"scale": 5}, "`scale` must be 2, 3 or 4"),
        ({"scale": 2, "channels": 2}, "`channels` must be 1 or 3"),
    ],
)
def test_bad_arguments_are_refused(name, arguments, message):
    with pytest.raises(ValueError, match=message):
        getattr(networks, name)(**arguments)


def test_bad_sizes_are_refused():
    with pytest.raises(ValueError, match="`num_blocks` must be an int"):
        networks.edsr(channels=1, num_blocks=0)
    with pytest.raises(ValueError, match="`widths` must be two"):
        networks.srcnn(channels=1, widths=(8,))


def test_pretrained_weights_upscale_a_photograph():
    """Far better than bicubic, on an image that is not in the training set."""
    (photo,) = datasets.load_source("photos", "test").dataset.take(1)
    clean = photo["image"].numpy()[None, :240, :320] / np.float32(255.0)
    small = degradations.Downsample(4)(clean, seed=0)

    def psnr(large):
        error = np.asarray(large)[:, 4:-4, 4:-4] - clean[:, 4:-4, 4:-4]
        return -10 * np.log10(np.mean(error**2))

    network = presets.upscaler()
    assert psnr(network(small)) > psnr(restoration.bicubic(4)(small)) + 0.7
    card = presets.path("upscaler_x4.md").read_text()
    assert "Set5, EDSR" in card
    for layer in network.layers:
        assert layer.dtype_policy.name == "float32"


def test_missing_and_other_weights_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="make presets"):
        presets.upscaler(4, tmp_path / "missing.weights.h5")
    networks.edsr(4, width=8, num_blocks=1).save_weights(
        tmp_path / "other.weights.h5"
    )
    with pytest.raises(ValueError, match="does not hold weights"):
        presets.upscaler(4, tmp_path / "other.weights.h5")
