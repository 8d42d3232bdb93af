"""Generators and discriminators: shapes, ranges, precision, and laws."""

import inspect

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_synth import networks
from keras_synth.layers import SpectralNormalization

GENERATORS = {
    "dense": (networks.dense_generator, {"hidden": (16,)}),
    "transposed": (networks.dcgan_generator, {"width": 4}),
    "nearest": (
        networks.dcgan_generator,
        {"width": 4, "upsampling": "nearest"},
    ),
    "residual": (networks.residual_generator, {"width": 4}),
}
DISCRIMINATORS = {
    "dense": (networks.dense_discriminator, {"hidden": (16,)}),
    "dense spectral": (
        networks.dense_discriminator,
        {"hidden": (16,), "normalization": "spectral"},
    ),
    **{
        f"dcgan {normalization}": (
            networks.dcgan_discriminator,
            {"width": 4, "normalization": normalization},
        )
        for normalization in ("spectral", "batch", "layer", None)
    },
    "dcgan deviation": (
        networks.dcgan_discriminator,
        {"width": 4, "minibatch_deviation": True},
    ),
    "residual": (networks.residual_discriminator, {"width": 4}),
}
OF_EACH = ["dense", "dcgan deviation", "residual"]
SHAPES = [  # and numbers of classes
    ((28, 28, 1), None),
    ((32, 32, 3), 3),
    ((64, 64, 1), None),
    ((32, 64, 3), 3),
    ((128, 128, 3), None),
    ((9, 15, 1), 3),
]


def generator(kind, image_shape, latent_dim=5, **options):
    build, size = GENERATORS[kind]
    return build(image_shape, latent_dim, **size, **options)


def discriminator(kind, image_shape, **options):
    build, size = DISCRIMINATORS[kind]
    return build(image_shape, **size, **options)


def latents(count=4, latent_dim=5, scale=1.0):
    rng = np.random.default_rng(0)
    return (scale * rng.normal(size=(count, latent_dim))).astype("float32")


def random_images(image_shape, count=4):
    rng = np.random.default_rng(1)
    return rng.uniform(size=(count, *image_shape)).astype("float32")


LABELS = np.array([0, 2, 1, 2])


@pytest.mark.parametrize("kind", GENERATORS)
@pytest.mark.parametrize("shape, num_classes", SHAPES)
def test_generators_make_images(kind, shape, num_classes):
    network = generator(kind, shape, num_classes=num_classes)
    assert network.output_shape == (None, *shape)
    assert network.name == "generator"
    inputs = latents() if num_classes is None else [latents(), LABELS]
    made = network(inputs)
    assert made.shape == (4, *shape)
    assert np.abs(made[0] - made[1]).max() > 1e-4


@pytest.mark.parametrize("kind", OF_EACH)
@pytest.mark.parametrize("shape, num_classes", SHAPES)
def test_discriminators_return_one_logit_per_image(kind, shape, num_classes):
    network = discriminator(kind, shape, num_classes=num_classes)
    assert network.output_shape == (None,)
    assert network.name == "discriminator"
    images = random_images(shape)
    inputs = images if num_classes is None else [images, LABELS]
    logits = network(inputs)
    assert logits.shape == (4,)
    assert np.abs(logits[0] - logits[1]) > 1e-5


@pytest.mark.parametrize("kind", GENERATORS)
def test_images_span_the_unit_range_and_never_leave_it(kind):
    network = generator(kind, (8, 8, 1))
    made = np.asarray(network(latents(8, scale=1e4)))
    assert made.min() == 0.0 and made.max() == 1.0
    rest = np.asarray(network(latents(8, scale=0.0)))
    np.testing.assert_allclose(rest, 0.5, atol=0.02)


@pytest.mark.parametrize("kind", OF_EACH)
def test_logits_are_unbounded(kind):
    network = discriminator(kind, (8, 8, 1))
    far = 1e6 * (random_images((8, 8, 1), 8) - 0.5)
    assert np.abs(network(np.concatenate([far, -far]))).max() > 10
    for weight in network.layers[-2].weights:
        if weight.path.endswith("bias"):
            weight.assign([-1000.0])
    assert np.max(network(random_images((8, 8, 1)))) < -900


def test_the_dense_generator_has_the_weights_of_its_layers():
    network = networks.dense_generator((28, 28, 1), 100, hidden=(128, 128))
    layers = (100 + 1) * 128 + (128 + 1) * 128 + (128 + 1) * 784
    assert network.count_params() == layers == 130576


@pytest.mark.parametrize(
    "shape, maps",
    [
        ((32, 32, 3), [(4, 4, 16), (8, 8, 8), (16, 16, 4), (32, 32, 3)]),
        ((28, 28, 1), [(4, 4, 16), (8, 8, 8), (14, 14, 4), (28, 28, 1)]),
        ((32, 64, 1), [(4, 8, 16), (8, 16, 8), (16, 32, 4), (32, 64, 1)]),
    ],
)
@pytest.mark.parametrize("upsampling", ["transposed", "nearest"])
def test_dcgan_doubles_the_sides_and_halves_the_channels(
    shape, maps, upsampling
):
    network = generator(upsampling, shape)
    kind = keras.layers.Conv2D, keras.layers.Conv2DTranspose
    found = [
        layer.output.shape[1:]
        for layer in network.layers
        if isinstance(layer, keras.layers.Reshape | kind[0] | kind[1])
    ]
    assert found == maps


@pytest.mark.parametrize(
    "shape, maps",
    [
        ((32, 64, 3), [(16, 32, 4), (8, 16, 8), (4, 8, 16)]),
        ((28, 28, 1), [(14, 14, 4), (7, 7, 8), (4, 4, 16)]),
    ],
)
def test_dcgan_halves_the_sides_and_doubles_the_channels(shape, maps):
    network = discriminator("dcgan spectral", shape)
    found = [
        layer.output.shape[1:]
        for layer in network.layers
        if isinstance(layer, keras.layers.LeakyReLU)
    ]
    assert found == maps


@pytest.mark.parametrize("kind", GENERATORS)
def test_labels_matter_to_generators(kind):
    network = generator(kind, (8, 8, 1), num_classes=4)
    made = network([np.ones((2, 5), "float32"), np.array([1, 3])])
    assert np.abs(made[0] - made[1]).max() > 1e-4


def features_and_embedding(network, images):
    """What the label's vector is multiplied with, and the vectors."""
    dot = next(
        layer for layer in network.layers if isinstance(layer, keras.layers.Dot)
    )
    features = keras.Model(network.inputs[0], dot.input[0])
    embedding = network.get_layer("label_embedding")
    return np.asarray(features(images)), embedding


@pytest.mark.parametrize("kind", OF_EACH)
def test_labels_enter_as_a_projection(kind):
    network = discriminator(kind, (8, 8, 1), num_classes=4)
    images = random_images((8, 8, 1))
    first, second = np.array([0, 1, 2, 3]), np.array([3, 3, 0, 2])
    features, embedding = features_and_embedding(network, images)
    difference = network([images, first]) - network([images, second])
    expected = np.sum(features * (embedding(first) - embedding(second)), axis=1)
    assert np.abs(expected).max() > 1e-3
    np.testing.assert_allclose(difference, expected, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("kind", GENERATORS)
def test_generators_return_float32_in_mixed_precision(kind):
    keras.config.set_dtype_policy("mixed_float16")
    network = generator(kind, (8, 8, 1), num_classes=3)
    with_weights = [layer for layer in network.layers if layer.weights]
    assert {layer.compute_dtype for layer in with_weights} == {"float16"}
    made = network([latents(), LABELS])
    assert made.dtype == network.output.dtype == "float32"


@pytest.mark.parametrize("kind", OF_EACH)
def test_discriminators_return_float32_in_mixed_precision(kind):
    keras.config.set_dtype_policy("mixed_float16")
    images = random_images((8, 8, 1))
    logits = discriminator(kind, (8, 8, 1))(images)
    assert logits.dtype == "float32"
    assert np.any(logits != np.asarray(logits, "float16"))  # nor rounded to it

    network = discriminator(kind, (8, 8, 1), num_classes=3)
    assert network([images, LABELS]).dtype == network.output.dtype == "float32"
    features, embedding = features_and_embedding(network, images)
    assert features.dtype == "float16"
    assert embedding(LABELS).dtype == "float32"


@pytest.mark.parametrize("upsampling", ["nearest", "transposed"])
def test_nearest_upsampling_leaves_no_checkerboard(upsampling):
    network = generator(upsampling, (32, 32, 1))
    dense = next(
        layer
        for layer in network.layers
        if isinstance(layer, keras.layers.Dense)
    )
    uniform = np.random.default_rng(0).normal(size=(5, 1, 16))
    dense.kernel.assign(np.tile(uniform, (1, 4 * 4, 1)).reshape(5, -1))
    made = np.asarray(network(latents()))
    # The border grows by a pixel and doubles, 0 -> 1 -> 3 -> 7.
    inside = made[:, 7:-7, 7:-7]
    unevenness = np.ptp(inside, axis=(1, 2)).max()
    if upsampling == "nearest":
        assert unevenness < 1e-6
    else:
        assert unevenness > 1e-3


@pytest.mark.parametrize("num_classes", [None, 3])
@pytest.mark.parametrize("kind", ["residual", "dcgan spectral"])
def test_every_layer_is_spectrally_normalized(kind, num_classes):
    network = discriminator(kind, (32, 32, 3), num_classes=num_classes)
    with_weights = [layer for layer in network.layers if layer.weights]
    # blocks of two layers and a shortcut, two without; output; embedding
    count = 3 * 3 + 2 * 2 + 1 if kind == "residual" else 3 + 1
    assert len(with_weights) == count + (num_classes is not None)
    for layer in with_weights:
        assert isinstance(layer, SpectralNormalization)


@pytest.mark.parametrize(
    "kind, normalization, count",
    [
        ("dcgan batch", keras.layers.BatchNormalization, 2),
        ("dcgan layer", keras.layers.LayerNormalization, 2),
        ("dcgan None", keras.layers.Normalization, 0),
        ("dense", keras.layers.Normalization, 0),
    ],
)
def test_the_first_layer_is_not_batch_or_layer_normalized(
    kind, normalization, count
):
    network = discriminator(kind, (32, 32, 1))
    kinds = [type(layer) for layer in network.layers]
    assert kinds.count(normalization) == count
    assert SpectralNormalization not in kinds
    if count:
        assert kinds.index(normalization) > kinds.index(keras.layers.LeakyReLU)


def test_layer_normalization_treats_each_image_by_itself():
    network = discriminator("dcgan layer", (32, 32, 1))
    images = random_images((32, 32, 1))
    together = network(images, training=True)
    for i in range(4):
        alone = network(images[i : i + 1], training=True)[0]
        assert float(alone) == pytest.approx(float(together[i]), abs=1e-5)


@pytest.mark.parametrize("kind", DISCRIMINATORS)
def test_every_variant_returns_one_logit_per_image(kind):
    logits = discriminator(kind, (9, 9, 1))(random_images((9, 9, 1)))
    assert logits.shape == (4,)
    assert np.ptp(logits) > 1e-5


def test_minibatch_deviation_depends_on_the_batch():
    images = random_images((8, 8, 1))
    same = np.repeat(images[:1], 4, axis=0)
    with_it = discriminator("dcgan deviation", (8, 8, 1))
    without = discriminator("dcgan spectral", (8, 8, 1))
    moved = [
        abs(float(network(images)[0] - network(same)[0]))
        for network in (with_it, without)
    ]
    assert moved[0] > 1e-3 and moved[1] < 1e-6


@pytest.mark.parametrize("hidden", [(), (32, 32)])
def test_spectral_normalization_bounds_the_gradient_norm(hidden):
    network = networks.dense_discriminator(
        (8, 8, 1), hidden, normalization="spectral"
    )
    rng = np.random.default_rng(0)
    for layer in network.layers:
        if isinstance(layer, SpectralNormalization):
            kernel = layer.layer.kernel
            kernel.assign(5 * rng.normal(size=kernel.shape))
            layer.update(200)
    images = tf.Variable(random_images((8, 8, 1), 64))
    with tf.GradientTape() as tape:
        logits = network(images)
    gradient = np.asarray(tape.gradient(logits, images))
    norms = np.sqrt(np.sum(gradient**2, axis=(1, 2, 3)))
    bound = 2.0  # images are [-1, 1] inside
    if hidden:
        assert 0.05 < norms.max() <= bound
    else:  # nothing lost on the way
        np.testing.assert_allclose(norms, bound, rtol=1e-5)
    others = images + 0.1 * rng.normal(size=images.shape).astype("float32")
    distance = np.sqrt(np.sum((others - images) ** 2, axis=(1, 2, 3)))
    assert np.all(np.abs(network(others) - logits) <= bound * distance)


@pytest.mark.parametrize(
    "build", [networks.dcgan_generator, networks.residual_generator]
)
def test_synchronized_statistics_are_those_of_the_global_batch(
    build, two_replicas
):
    options = dict(image_shape=(8, 8, 1), latent_dim=5, width=4)
    z = latents(8)
    plain = build(**options)
    expected = plain(z, training=True)
    halves = [plain(half, training=True) for half in (z[:4], z[4:])]
    assert np.abs(np.concatenate(halves) - expected).max() > 1e-3
    with two_replicas.scope():
        synchronised = build(**options, synchronized=True)
    for layer in synchronised.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            assert layer.synchronized
    synchronised.set_weights(plain.get_weights())
    (parts,) = two_replicas.experimental_distribute_dataset(
        tf.data.Dataset.from_tensors(z).unbatch().batch(8)
    )

    @tf.function
    def run(parts):
        return two_replicas.run(synchronised, [parts], {"training": True})

    made = two_replicas.experimental_local_results(run(parts))
    np.testing.assert_allclose(np.concatenate(made), expected, atol=1e-4)


def test_networks_can_be_saved(tmp_path):
    for network, first in (
        (generator("residual", (9, 9, 1), num_classes=3), latents()),
        (
            discriminator("dcgan deviation", (9, 9, 1), num_classes=3),
            random_images((9, 9, 1)),
        ),
    ):
        network.save(tmp_path / "network.keras")
        loaded = keras.saving.load_model(tmp_path / "network.keras")
        np.testing.assert_array_equal(
            loaded([first, LABELS]), network([first, LABELS])
        )


BUILDERS = [
    networks.dense_generator,
    networks.dcgan_generator,
    networks.residual_generator,
    networks.dense_discriminator,
    networks.dcgan_discriminator,
    networks.residual_discriminator,
]


def makes_images(build):
    return "latent_dim" in inspect.signature(build).parameters


@pytest.mark.parametrize("build", BUILDERS)
def test_bad_shapes_are_refused(build):
    with pytest.raises(ValueError, match="1 or 3 channels"):
        build((32, 32, 2))
    with pytest.raises(ValueError, match="height, width, channels"):
        build((32, 32))
    if makes_images(build):
        for latent_dim in (0, -1, 2.5):
            with pytest.raises(ValueError, match="`latent_dim` must be"):
                build((32, 32, 1), latent_dim)
    if "dense" not in build.__name__:
        for shape in ((4, 4, 1), (32, 7, 1)):
            with pytest.raises(ValueError, match="sides of at least 8"):
                build(shape)


@pytest.mark.parametrize(
    "build", [networks.dense_discriminator, networks.dcgan_discriminator]
)
@pytest.mark.parametrize("size", [8, 32])
def test_unknown_normalizations_are_refused(build, size):
    with pytest.raises(ValueError, match="normalization='instance'"):
        build((size, size, 1), normalization="instance")


def test_unknown_upsamplings_are_refused():
    with pytest.raises(ValueError, match="upsampling='bilinear'"):
        networks.dcgan_generator((32, 32, 1), upsampling="bilinear")


@pytest.mark.parametrize("sides", [(0, 8), (8.0, 8), (-8, 8), (None, 8)])
def test_sides_are_positive_ints(sides):
    with pytest.raises(ValueError, match="sides that are positive ints"):
        networks.dense_generator((*sides, 1))


@pytest.mark.parametrize(
    "build", [networks.dense_generator, networks.dcgan_generator]
)
def test_sizes_may_be_ints_of_numpy(build):
    sizes = np.int64([8, 8, 1])
    network = build(tuple(sizes), sizes[0], num_classes=sizes[1])
    latents, labels = np.zeros((2, 8), "float32"), np.array([0, 7])
    assert network.predict([latents, labels], verbose=0).shape == (2, 8, 8, 1)
    for wrong in (True, 1.5, 0):
        with pytest.raises(ValueError, match="num_classes="):
            build((8, 8, 1), 8, num_classes=wrong)
