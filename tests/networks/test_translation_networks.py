"""Networks of pix2pix, CycleGAN and CUT, the PatchGAN discriminator."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_synth.layers import SpectralNormalization
from keras_synth.networks import (
    patch_discriminator,
    pix2pix_generator,
    projection_head,
    resnet_translator,
)
from tests.twins import convolved as full_convolution
from tests.twins import correlated, with_zeros_between

RNG = np.random.default_rng(0)


def noise(*shape):
    return RNG.uniform(size=shape).astype("float32")


def small_generator(**options):
    return pix2pix_generator(**{"widths": (4, 8, 8, 8), **options})


def conditioned(height=16, width=20, channels=1, in_channels=None):
    return {
        "image": noise(2, height, width, channels),
        "degraded": noise(2, height, width, in_channels or channels),
        "mask": np.round(noise(2, height, width, 1)),
    }


def scaled_up(network, factor=10.0):
    """Larger kernels; they are about 0.02 at the start."""
    for weight in network.trainable_weights:
        if weight.name == "kernel":
            weight.assign(factor * weight)
    return network


@pytest.mark.parametrize("size", [(1, 1), (7, 10), (16, 32)])
@pytest.mark.parametrize("channels", [(1, 3), (3, 1)])
@pytest.mark.parametrize("normalization", ["instance", "batch", None])
def test_images_of_any_size_give_images_in_the_unit_range(
    size, channels, normalization
):
    network = small_generator(
        in_channels=channels[0],
        out_channels=channels[1],
        normalization=normalization,
    )
    images = noise(2, *size, channels[0])
    made = np.asarray(network(images))
    assert made.shape == (2, *size, channels[1])
    assert np.abs(made - 0.5).max() < 0.2  # the start
    made = np.asarray(scaled_up(network, 1e3)(images))
    assert 0 <= made.min() and made.max() <= 1
    assert network.name == "generator"


def test_maps_and_weights_are_those_of_the_paper():
    network = pix2pix_generator(
        widths=(64, 128, 256, 512, 512, 512, 512, 512), normalization="batch"
    )
    kinds = keras.layers.Conv2D, keras.layers.Conv2DTranspose
    found = {kind: [] for kind in kinds}
    size = 256
    for layer in network.layers:
        if isinstance(layer, kinds):
            found[type(layer)].append(layer.filters)
            down = type(layer) is keras.layers.Conv2D
            size = size // 2 if down else size * 2
    down, up = found.values()
    assert down == [64, 128, 256, 512, 512, 512, 512, 512]
    assert up == [512, 512, 512, 512, 256, 128, 64, 3]
    assert size == 256
    # The skips double the inputs of all but the first step up.
    kernels = sum(
        16 * one * other
        for one, other in [
            *zip([3, *down], down, strict=False),
            *zip([512, *(2 * width for width in up)], up, strict=False),
        ]
    )
    counted = [w for w in network.weights if w.name == "kernel"]
    assert sum(int(np.prod(w.shape)) for w in counted) == kernels
    # The authors' PyTorch network has 54.414 million weights.
    assert network.count_params() == pytest.approx(54.414e6, rel=5e-4)


@pytest.mark.parametrize(
    ("normalization", "kind"),
    [
        ("instance", keras.layers.GroupNormalization),
        ("batch", keras.layers.BatchNormalization),
    ],
)
def test_first_and_last_level_of_the_encoder_are_not_normalized(
    normalization, kind
):
    network = small_generator(normalization=normalization)
    follows = [type(layer) for layer in network.layers]
    down = [
        follows[place + 1] is kind
        for place, each in enumerate(follows)
        if each is keras.layers.Conv2D
    ]
    assert down == [False, True, True, False]
    assert follows.count(kind) == 2 + 3


def test_instance_normalization_treats_each_image_by_itself():
    network = scaled_up(small_generator(dropout=0.0))
    images = noise(4, 32, 32, 3)
    together = network(images, training=True)
    np.testing.assert_array_equal(network(images), together)
    alone = network(images[1:2])[0]
    np.testing.assert_allclose(alone, together[1], atol=1e-5)
    normalized = [
        layer.output
        for layer in network.layers
        if isinstance(layer, keras.layers.GroupNormalization)
    ]
    for features in keras.Model(network.input, normalized)(images):
        mean = np.mean(features, axis=(1, 2))
        np.testing.assert_allclose(mean, 0, atol=1e-4)
        np.testing.assert_allclose(np.var(features, axis=(1, 2)), 1, atol=0.05)


def test_dropout_is_active_in_training_only():
    network = scaled_up(small_generator())
    images = noise(1, 32, 32, 3)
    np.testing.assert_array_equal(network(images), network(images))
    first, second = (network(images, training=True) for _ in range(2))
    assert np.abs(first - second).max() > 1e-3
    rates = [
        layer.rate
        for layer in network.layers
        if isinstance(layer, keras.layers.Dropout)
    ]
    assert rates == [0.5] * 3


def test_skip_connections_keep_positions():
    """A pixel of the input reaches the output at its own place."""
    network = scaled_up(small_generator(normalization=None))
    images = noise(1, 32, 32, 3)
    first = np.asarray(network(images))
    images[0, 3, 27] += 0.5
    difference = np.abs(np.asarray(network(images)) - first).sum(axis=(0, 3))
    row, column = np.unravel_index(difference.argmax(), difference.shape)
    assert abs(row - 3) <= 2 and abs(column - 27) <= 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"in_channels": 2}, "`in_channels` must be 1 or 3"),
        ({"out_channels": 2}, "`out_channels` must be 1 or 3"),
        ({"widths": (8, 0)}, "`widths` must hold ints"),
        ({"normalization": "layer"}, "normalization='layer'"),
        ({"dropout": 1.0}, r"`dropout` must be in \[0, 1\)"),
        ({"synchronized": True}, "`synchronized` needs"),
    ],
)
def test_bad_generators_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        small_generator(**options)


@pytest.mark.parametrize(
    ("widths", "field"),
    [((4,), 7), ((4, 4), 16), ((4, 4, 4), 34), ((4, 4, 4, 4), 70)],
)
def test_the_receptive_field_of_a_logit_is_that_of_the_paper(widths, field):
    network = patch_discriminator(out_channels=1, condition=(), widths=widths)
    images = tf.Variable(noise(1, 160, 160, 1))
    with tf.GradientTape() as tape:
        logits = network(images)
        row = logits.shape[1] // 2
        logit = logits[0, row, row, 0]
    gradient = np.asarray(tape.gradient(logit, images))[0, :, :, 0]
    stride = 2 ** (len(widths) - 1)
    assert logits.shape == (1, 160 // stride, 160 // stride, 1)
    assert field == 9 * stride - 2
    for axis in (0, 1):
        seen = np.flatnonzero(gradient.any(axis=axis))
        assert seen[-1] - seen[0] + 1 == field
        assert abs((seen[0] + seen[-1]) / 2 - row * stride) < field / 4


@pytest.mark.parametrize("size", [(1, 1), (7, 10), (33, 64)])
@pytest.mark.parametrize("channels", [1, 3])
def test_any_size_gives_a_map_of_logits(size, channels):
    network = patch_discriminator(channels, widths=(4, 8, 8))
    logits = network(conditioned(*size, channels))
    assert logits.shape == (2, *(-(-side // 4) for side in size), 1)
    assert network.name == "discriminator"
    assert np.isfinite(logits).all()


@pytest.mark.parametrize(
    "condition", [(), ("mask",), ("degraded",), ("degraded", "mask")]
)
def test_logits_depend_on_the_given_conditions(condition):
    network = patch_discriminator(
        out_channels=1, condition=condition, widths=(4, 8)
    )
    data = conditioned()
    if not condition:
        assert network(data["image"]).shape == (2, 8, 10, 1)
        return
    assert set(network.input) == {"image", *condition}
    given = {key: data[key] for key in network.input}
    expected = network(given)
    for key in given:
        other = network({**given, key: 1 - given[key]})
        assert np.abs(other - expected).max() > 1e-3


def test_the_condition_may_have_other_channels():
    network = patch_discriminator(3, in_channels=1, widths=(4, 8))
    data = conditioned(channels=3, in_channels=1)
    assert network(data).shape == (2, 8, 10, 1)
    assert network.input["degraded"].shape[-1] == 1


def test_mid_gray_gives_zero_and_logits_are_unbounded():
    network = patch_discriminator(out_channels=1, condition=(), widths=(4, 8))
    gray = np.full((1, 16, 16, 1), 0.5, "float32")
    np.testing.assert_array_equal(network(gray), np.zeros((1, 8, 8, 1)))
    far = 1e6 * (noise(8, 16, 16, 1) - 0.5)
    logits = np.asarray(network(far))
    assert logits.min() < -100 and logits.max() > 100


def test_every_convolution_is_spectrally_normalized_or_none():
    def kinds(**options):
        network = patch_discriminator(widths=(4, 8, 8), **options)
        return [type(layer) for layer in network.layers if layer.weights]

    assert kinds() == [SpectralNormalization] * 4
    assert kinds(spectral_normalization=False) == [keras.layers.Conv2D] * 4


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_logits_are_float32_in_mixed_precision(policy):
    keras.config.set_dtype_policy(policy)
    generator = small_generator()
    made = generator(noise(1, 32, 32, 3))
    low = {layer.compute_dtype for layer in generator.layers if layer.weights}
    assert low == {policy.removeprefix("mixed_"), "float32"}
    assert made.dtype == generator.output.dtype == "float32"
    assert np.isfinite(made).all()
    discriminator = patch_discriminator(out_channels=1, widths=(4, 8))
    logits = discriminator(conditioned())
    assert logits.dtype == discriminator.output.dtype == "float32"
    inner = [layer.layer for layer in discriminator.layers if layer.weights]
    assert [layer.compute_dtype for layer in inner] == [
        *2 * [policy.removeprefix("mixed_")],
        "float32",
    ]


@pytest.mark.parametrize("synchronized", [False, True])
def test_networks_can_be_saved(tmp_path, synchronized):
    normalization = "batch" if synchronized else "instance"
    for network, data in (
        (
            small_generator(
                normalization=normalization, synchronized=synchronized
            ),
            noise(1, 10, 12, 3),
        ),
        (patch_discriminator(out_channels=1, widths=(4, 8)), conditioned()),
        (
            patch_discriminator(out_channels=1, condition=(), widths=(4,)),
            noise(1, 9, 9, 1),
        ),
    ):
        network.save(tmp_path / "network.keras")
        loaded = keras.saving.load_model(tmp_path / "network.keras")
        np.testing.assert_array_equal(loaded(data), network(data))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"out_channels": 2}, "`out_channels` must be 1 or 3"),
        ({"widths": ()}, "`widths` must hold ints"),
        ({"condition": "mask"}, "`condition` must name some of"),
        ({"condition": ("edges",)}, "`condition` must name some of"),
        ({"condition": ("mask", "mask")}, "`condition` must name some of"),
        ({"in_channels": 2}, "`in_channels` must be 1 or 3"),
        (
            {"condition": ("mask",), "in_channels": 3},
            "`in_channels` must be 1 or 3",
        ),
        ({"size": (3, 8)}, r"of at least 4 with .* size=\(3, 8\)"),
        ({"size": 3}, "of at least 4 with .* size=3"),
        ({"size": 8.0}, "an int or .* size=8.0"),
        ({"size": (8,)}, "`size` must be None, an int or"),
    ],
)
def test_bad_discriminators_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        patch_discriminator(**options)


def test_a_fixed_size_is_an_input_size():
    network = patch_discriminator(
        out_channels=1, size=(32, 48), condition=(), widths=(4, 8)
    )
    assert network.input_shape == (None, 32, 48, 1)
    assert network.output_shape == (None, 16, 24, 1)


@pytest.mark.parametrize(("num_blocks", "millions"), [(9, 11.378), (6, 7.838)])
def test_a_translator_has_as_many_weights_as_the_authors(num_blocks, millions):
    network = resnet_translator(num_blocks=num_blocks)
    assert round(network.count_params() / 1e6, 3) == millions
    assert network.name == "translator"


@pytest.mark.parametrize("size", [(1, 1), (7, 10), (16, 32)])
@pytest.mark.parametrize("channels", [(1, 3), (3, 1)])
def test_a_translator_takes_images_of_any_size(size, channels):
    network = resnet_translator(*channels, width=2, num_blocks=1)
    images = noise(2, *size, channels[0])
    made = np.asarray(network(images))
    assert made.shape == (2, *size, channels[1])
    assert np.abs(made - 0.5).max() < 0.4  # the start
    made = np.asarray(scaled_up(network, 1e3)(images))
    assert 0 <= made.min() and made.max() <= 1


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize("size", [(1, 1), (7, 10), (16, 32)])
def test_a_residual_translator_begins_with_the_image(size, policy):
    keras.config.set_dtype_policy(policy)
    network = resnet_translator(width=2, num_blocks=1, residual=True)
    images = noise(2, *size, 3)
    np.testing.assert_array_equal(network(images), images)


def test_a_translator_without_normalization_looks_at_a_neighborhood_alone():
    """With it, all pixels depend on all others."""
    images = noise(1, 64, 64, 3)
    other = images.copy()
    other[:, :8, :8] = 1.0
    for normalization, equal in (("instance", False), (None, True)):
        network = resnet_translator(
            3, 3, 4, 1, residual=True, normalization=normalization
        )
        for kernel in network.trainable_weights:
            if not np.any(kernel):
                kernel.assign(0.1 * noise(*kernel.shape))
        made, changed = network(images), network(other)
        same = np.all(np.asarray(made == changed)[:, -16:, -16:])
        assert same == equal


@pytest.mark.parametrize("normalization", ["instance", None])
@pytest.mark.parametrize("residual", [False, True])
def test_a_translator_is_its_layers_in_numpy(residual, normalization):
    """Two residual blocks; SciPy's correlation and NumPy's reflection."""
    network = resnet_translator(
        *(1, 1), 2, 2, residual=residual, normalization=normalization
    )
    for kernel in [w for w in network.weights if w.name == "kernel"]:
        if not np.any(kernel):  # at the start
            kernel.assign(0.02 * noise(*kernel.shape))
    # He's kernels are large as they are.
    network = scaled_up(network, 20.0 if normalization else 1.0)
    convolutions = iter(
        [np.asarray(w) for w in network.weights if w.name == "kernel"]
    )
    image = noise(8, 12)

    def padded(x, border):
        edges = ((border, border), (border, border), (0, 0))
        return np.pad(x, edges, mode="reflect")

    def convolved(x, border):
        return correlated(padded(x, border), next(convolutions), "valid")

    def normalized(x):
        if normalization is None:
            return x
        deviation = np.sqrt(x.var(axis=(0, 1)) + 1e-5)
        return (x - x.mean(axis=(0, 1))) / deviation

    x = convolved(2.0 * image[..., None] - 1.0, 3)
    x = np.maximum(normalized(x), 0)
    for _ in range(2):
        kernel = next(convolutions)
        x = np.pad(x, ((0, 1), (0, 1), (0, 0)))
        x = correlated(x, kernel, "valid")[::2, ::2]
        x = np.maximum(normalized(x), 0)
    for _ in range(2):
        y = np.maximum(normalized(convolved(x, 1)), 0)
        x = x + normalized(convolved(y, 1))
    for _ in range(2):
        if residual:
            x = convolved(x.repeat(2, 0).repeat(2, 1), 1)
        else:
            # (size, size, out, in); the first pixel of the full result counts.
            kernel = np.swapaxes(next(convolutions), 2, 3)
            height, width, _ = x.shape
            x = full_convolution(with_zeros_between(x), kernel)
            x = x[: 2 * height, : 2 * width]
        x = np.maximum(normalized(x), 0)
    difference = np.tanh(convolved(x, 3))
    expected = 0.5 + 0.5 * difference
    if residual:
        expected = np.clip(image[..., None] + difference, 0, 1)
    made = network(image[None, ..., None])[0]
    np.testing.assert_allclose(made, expected, atol=2e-4)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_translators_in_mixed_precision_give_float32(policy, tmp_path):
    keras.config.set_dtype_policy(policy)
    network = resnet_translator(width=2, num_blocks=1)
    images = noise(1, 16, 12, 3)
    made = network(images)
    assert made.dtype == network.output.dtype == "float32"
    low = {layer.compute_dtype for layer in network.layers if layer.weights}
    assert low == {policy.removeprefix("mixed_"), "float32"}
    network.save(tmp_path / "network.keras")
    loaded = keras.saving.load_model(tmp_path / "network.keras")
    np.testing.assert_array_equal(loaded(images), made)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"in_channels": 2}, "`in_channels` must be 1 or 3"),
        ({"out_channels": 2}, "`out_channels` must be 1 or 3"),
        ({"width": 0}, "`width` must be an int"),
        ({"num_blocks": 0}, "`num_blocks` must be an int"),
        ({"in_channels": 1, "residual": True}, "keeps the channels"),
        ({"normalization": "batch"}, '"instance" or None'),
    ],
)
def test_bad_translators_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        resnet_translator(**options)


def test_a_projection_head_is_an_mlp_for_each_layer(tmp_path):
    generator = resnet_translator(1, 3, width=4, num_blocks=5)
    head = projection_head(generator, units=6)
    names = ["pixels", "down_1", "down_2", "block_1", "block_5"]
    assert list(head.input) == list(head.output) == names
    channels = {"pixels": 1, "down_1": 8}
    features = {n: noise(2, 7, channels.get(n, 16)) - 0.5 for n in names}
    for weight in head.trainable_weights:
        weight.assign(RNG.normal(size=weight.shape))
    made = head(features)
    for name, x in features.items():
        kernel, bias = head.get_layer(f"{name}_hidden").get_weights()
        x = np.maximum(x @ kernel + bias, 0.0)
        kernel, bias = head.get_layer(f"{name}_projection").get_weights()
        x = x @ kernel + bias
        x /= np.linalg.norm(x, axis=-1, keepdims=True)
        np.testing.assert_allclose(made[name], x, rtol=1e-4, atol=1e-5)
    head.save(tmp_path / "head.keras")
    loaded = keras.saving.load_model(tmp_path / "head.keras")(features)
    for name in names:
        np.testing.assert_array_equal(loaded[name], made[name])


def test_features_of_0_have_no_direction_and_no_gradient():
    """Those of mid-gray pixels, before the biases have learned."""
    head = projection_head(resnet_translator(1, 1, 4, 1), ["pixels"], 5)
    with tf.GradientTape() as tape:
        made = head({"pixels": tf.zeros((1, 4, 1))})["pixels"]
        loss = tf.reduce_sum(made)
    np.testing.assert_array_equal(made, 0.0)
    for gradient in tape.gradient(loss, head.trainable_variables):
        np.testing.assert_array_equal(gradient, 0.0)


def test_a_projection_head_has_as_many_weights_as_the_authors():
    head = projection_head(resnet_translator())
    # Of 3, 128 and three times 256 channels, to 256 and 256 again.
    expected = 256 * (3 + 128 + 3 * 256 + 5) + 5 * (256**2 + 256)
    assert head.count_params() == expected == 560_384


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_projections_are_float32_in_mixed_precision(policy):
    keras.config.set_dtype_policy(policy)
    head = projection_head(resnet_translator(1, 1, 4, 1), ["down_1"], 5)
    made = head({"down_1": noise(2, 7, 8)})["down_1"]
    assert made.dtype == "float32"
    lengths = np.linalg.norm(made, axis=-1)
    np.testing.assert_allclose(lengths, 1.0, atol=1e-5)


def test_bad_projection_heads_are_refused():
    generator = resnet_translator(1, 1, width=2, num_blocks=1)
    for options, message in (
        ({"layer_names": ["block_2"]}, r"some of \[.*Received: \['block_2'"),
        ({"layer_names": []}, "Layers must be named"),
        ({"units": 0}, "`units` must be a positive int"),
    ):
        with pytest.raises(ValueError, match=message):
            projection_head(generator, **options)
    with pytest.raises(ValueError, match="Layers must be named"):
        projection_head(small_generator())


def test_one_side_of_a_patch_discriminator_is_that_of_a_square():
    network = patch_discriminator(1, (), widths=(4, 8), size=16)
    assert network.input_shape == (None, 16, 16, 1)
