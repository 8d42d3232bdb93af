"""Denoising networks: any size, identity at the start, noise maps, training."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_synth import networks
from keras_synth.layers import PullPush

RNG = np.random.default_rng(0)
SMALL = {
    "autoencoder": {"widths": (8, 8)},
    "dncnn": {"num_layers": 4, "width": 8},
    "ffdnet": {"num_layers": 4, "width": 8},
    "unet": {"widths": (8, 16), "num_blocks": 1},
}


def build(name, **options):
    return getattr(networks, name)(**{"channels": 1, **SMALL[name], **options})


def inputs_of(network, images, level=0.1):
    if not isinstance(network.input, dict):
        return images
    levels = np.full((len(images), 1, 1, 1), level, "float32")
    return {"image": images, "noise_level": levels}


def noise(*shape):
    return RNG.uniform(size=shape).astype("float32")


def randomize(network):
    """Random values for all weights, also those that start at zero."""
    for weight in network.trainable_weights:
        weight.assign(weight + 0.1 * RNG.standard_normal(weight.shape))


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [(1, 1), (7, 10), (16, 16)])
def test_images_of_any_size_are_taken(name, channels, size):
    network = build(name, channels=channels)
    images = noise(2, *size, channels)
    output = network(inputs_of(network, images))
    assert output.shape == images.shape and np.isfinite(output).all()


@pytest.mark.parametrize("name", ["dncnn", "ffdnet", "unet"])
def test_residual_networks_start_at_the_identity(name):
    network = build(name)
    images = noise(2, 9, 12, 1)
    np.testing.assert_array_equal(network(inputs_of(network, images)), images)


@pytest.mark.parametrize("name", SMALL)
def test_compile_and_fit_train_them(name):
    network = build(name)
    clean = np.tile(np.linspace(0, 1, 16, dtype="float32"), (4, 16, 1))
    clean = clean[..., None]
    noisy = clean + 0.2 * RNG.standard_normal(clean.shape).astype("float32")
    data = inputs_of(network, noisy, 0.2)
    network.compile(keras.optimizers.Adam(3e-3), "mse")
    before = np.mean((noisy - clean) ** 2)
    batch = tf.data.Dataset.from_tensors((data, clean))
    network.fit(batch.repeat(100), shuffle=False, verbose=0)
    assert network.evaluate(data, clean, verbose=0) < 0.3 * before


@pytest.mark.parametrize("name", SMALL)
def test_saved_networks_predict_the_same(name, tmp_path):
    network = build(name)
    randomize(network)
    data = inputs_of(network, noise(2, 9, 12, 1))
    network.save(tmp_path / "network.keras")
    again = keras.saving.load_model(tmp_path / "network.keras")
    np.testing.assert_array_equal(again(data), network(data))


@pytest.mark.parametrize("name", SMALL)
def test_outputs_stay_in_float32_under_mixed_precision(name):
    keras.config.set_dtype_policy("mixed_bfloat16")
    network = build(name)
    dtypes = {layer.compute_dtype for layer in network.layers if layer.weights}
    assert dtypes == {"bfloat16", "float32"}
    images = noise(1, 8, 8, 1)
    assert network(inputs_of(network, images)).dtype == "float32"


@pytest.mark.parametrize("name", ["ffdnet", "unet"])
def test_a_noise_level_equals_a_constant_map(name):
    network = build(
        name, **({"noise_conditional": True} if name == "unet" else {})
    )
    randomize(network)
    images = noise(2, 9, 12, 1)
    levels = np.array([0.1, 0.3], "float32")[:, None, None, None]
    maps = np.broadcast_to(levels, images.shape)
    restored = network({"image": images, "noise_level": levels})
    np.testing.assert_array_equal(
        network({"image": images, "noise_level": maps}), restored
    )
    other = network({"image": images, "noise_level": levels[::-1]})
    assert np.abs(other - restored).max() > 1e-3


def test_the_noise_map_acts_locally():
    network = build("ffdnet")
    randomize(network)
    images, maps = noise(1, 32, 32, 1), np.full((1, 32, 32, 1), 0.1, "float32")
    first = np.asarray(network({"image": images, "noise_level": maps}))
    maps[:, 24:] = 0.3
    second = np.asarray(network({"image": images, "noise_level": maps}))
    # 4 convolutions at half resolution reach 8 pixels, and one block.
    np.testing.assert_array_equal(first[:, :14], second[:, :14])
    assert np.abs(first[:, 24:] - second[:, 24:]).max() > 1e-3


@pytest.mark.parametrize("name", ["dncnn", "ffdnet"])
def test_the_receptive_field_is_that_of_the_papers(name):
    network = build(name)
    randomize(network)
    images = noise(1, 41, 41, 1)
    first = np.asarray(network(inputs_of(network, images)))
    images[0, 20, 20] += 1.0
    changed = np.asarray(network(inputs_of(network, images))) != first
    rows = np.flatnonzero(changed.any(axis=(0, 2, 3)))
    # depth 4: 9 pixels, at half resolution 9 blocks of 2
    assert rows[-1] - rows[0] + 1 == {"dncnn": 9, "ffdnet": 18}[name]


def test_without_biases_the_network_scales_with_its_input():
    network = build("unet", noise_conditional=True, use_bias=False)
    randomize(network)
    images = noise(1, 16, 16, 1)
    levels = np.full((1, 1, 1, 1), 0.1, "float32")
    once = network({"image": images, "noise_level": levels})
    twice = network({"image": 2 * images, "noise_level": 2 * levels})
    np.testing.assert_allclose(twice, 2 * once, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("dncnn", {"channels": 2}, "`channels` must be 1 or 3"),
        (
            "dncnn",
            {"num_layers": 1},
            "`num_layers` must be an int of at least 2",
        ),
        ("ffdnet", {"width": 0}, "`width` must be an int of at least 1"),
        ("unet", {"widths": ()}, "`widths` must hold ints"),
        ("unet", {"num_blocks": 1.5}, "`num_blocks` must be an int"),
        ("autoencoder", {"widths": (8, -1)}, "`widths` must hold ints"),
    ],
)
def test_bad_arguments_are_refused(name, options, message):
    with pytest.raises(ValueError, match=message):
        getattr(networks, name)(**options)


def test_mask_unet_gives_probabilities_of_any_size():
    network = networks.mask_unet(1, (4, 4, 8, 8))
    images = noise(2, 7, 10, 1)
    # The last layer starts at zero: nothing is known yet.
    np.testing.assert_array_equal(network(images), 0.5)
    randomize(network)
    mask = np.asarray(network(images))
    assert mask.shape == (2, 7, 10, 1)
    assert 0.0 <= mask.min() < mask.max() <= 1.0
    assert np.isfinite(network(np.ones((1, 8, 8, 1)))).all()
    with pytest.raises(ValueError, match="`channels` must be 1 or 3"):
        networks.mask_unet(2)
    with pytest.raises(ValueError, match="4 numbers, one for each level"):
        networks.mask_unet(widths=(4, 8))


@pytest.mark.parametrize("widths", [(4,), (4, 8), (4, 8, 12)])
@pytest.mark.parametrize("num_blocks", [1, 2])
@pytest.mark.parametrize("use_bias", [True, False])
def test_the_blind_twin_is_the_network_told_a_level_of_0(
    widths, num_blocks, use_bias
):
    options = {"widths": widths, "num_blocks": num_blocks, "channels": 3}
    told = networks.unet(**options, noise_conditional=True, use_bias=use_bias)
    randomize(told)
    images = noise(2, 9, 12, 3)
    np.testing.assert_allclose(
        networks.transfer_unet(told)(images),
        told(inputs_of(told, images, 0.0)),
        atol=1e-6,
    )


def test_a_transferred_network_keeps_all_that_fits():
    given = networks.unet(widths=(4, 8), num_blocks=1)
    randomize(given)
    twin = networks.transfer_unet(given, networks.unet_inpainter)
    ours, theirs = (
        [x for x in network.layers if x.__class__.__name__[:4] == "Conv"]
        for network in (twin, given)
    )
    for index in range(1, len(theirs)):
        for mine, other in zip(
            ours[index].weights, theirs[index].weights, strict=True
        ):
            np.testing.assert_array_equal(mine, other)
    assert ours[0].kernel.shape != theirs[0].kernel.shape
    # All of an image but one pixel is known: the mask alone is new, and 0.
    image, mask = noise(1, 32, 32, 3), np.zeros((1, 32, 32, 1), "float32")
    mask[0, 9, 9] = 1.0
    made = np.array(twin({"image": image, "mask": mask}))
    filled = PullPush(5)([image, mask])
    expected = np.array(given(filled))[0, 9, 9]
    np.testing.assert_allclose(made[0, 9, 9], expected, atol=1e-5)
    made[0, 9, 9] = image[0, 9, 9]
    np.testing.assert_array_equal(made, image)


@pytest.mark.parametrize("num_blocks", [1, 2])
def test_features_are_the_maps_of_the_encoder(num_blocks):
    """Followed by hand: `x + W₂ relu(W₁ x)`, then a strided convolution."""
    network = networks.unet(1, widths=(4, 6, 8), num_blocks=num_blocks)
    randomize(network)
    image = noise(2, 16, 24, 1)
    maps = networks.unet_features(network)(image)
    convolutions = iter(
        [x for x in network.layers if x.__class__.__name__ == "Conv2D"]
    )
    x = next(convolutions)(keras.ops.space_to_depth(image, 2))
    for level in (1, 2, 3):
        if level > 1:
            x = next(convolutions)(x)
        for _ in range(num_blocks):
            y = keras.ops.relu(next(convolutions)(x))
            x = x + next(convolutions)(y)
        np.testing.assert_allclose(maps[f"level{level}"], x, atol=1e-5)
    assert len(maps) == 3
    with pytest.raises(ValueError, match="takes a noise level"):
        networks.unet_features(networks.unet(noise_conditional=True))
    with pytest.raises(ValueError, match=r"Only a `networks\.unet`"):
        networks.unet_features(networks.edsr(2, width=4, num_blocks=1))


@pytest.mark.parametrize("conditional", [False, True])
def test_a_gray_network_does_what_the_color_one_does_to_gray(conditional):
    color = networks.unet(
        widths=(4, 8),
        num_blocks=1,
        noise_conditional=conditional,
        use_bias=not conditional,
    )
    randomize(color)
    gray = networks.gray_unet(color)
    images = noise(2, 9, 12, 1)
    if conditional:
        expected = color(
            inputs_of(color, np.repeat(images, 3, -1), 0.1 * 3**0.5)
        )
        given = inputs_of(gray, images, 0.1)
    else:
        expected, given = color(np.repeat(images, 3, -1)), images
    np.testing.assert_allclose(
        gray(given), np.mean(expected, -1, keepdims=True), atol=1e-5
    )


def test_only_a_unet_is_transferred():
    gray = build("unet")
    for other in (build("ffdnet"), networks.edsr(4, 3, 4, 2)):
        for transfer in (networks.transfer_unet, networks.gray_unet):
            with pytest.raises(ValueError, match=r"Only a `networks\.unet`"):
                transfer(other)
    with pytest.raises(ValueError, match="made of one for color images"):
        networks.gray_unet(gray)
    with pytest.raises(ValueError, match=r"`build` must be `networks\.unet`"):
        networks.transfer_unet(gray, networks.mask_unet)
