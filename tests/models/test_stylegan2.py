"""StyleGAN2: styles, noise, lazy regularization, and what must be kept."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_synth import layers, losses, models, networks, ops
from keras_synth.models.lazy_regularization import lazy_adam
from tests.helpers import check_mixed_precision, check_resumes
from tests.models.test_gan import copies, moved, still

SHAPE = (16, 16, 1)
LATENT_DIM, STYLE_DIM, NUM_LAYERS = 3, 5, 6


def random_images(count=4, seed=0):
    rng = np.random.default_rng(seed)
    return rng.uniform(size=(count, *SHAPE)).astype("float32")


def latents(count=2, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(count, LATENT_DIM)).astype("float32")


def small_gan(
    num_classes=None, seed=0, model=models.StyleGAN2, discriminator=None
):
    """Not compiled; its noise has some strength."""
    mapping = networks.stylegan2_mapping(
        LATENT_DIM, STYLE_DIM, 2, num_classes=num_classes
    )
    synthesis = networks.stylegan2_synthesis(SHAPE, STYLE_DIM, channel_max=4)
    for layer in synthesis.layers:
        if isinstance(layer, layers.NoiseInjection):
            layer.strength.assign(0.5)
    discriminator = discriminator or networks.stylegan2_discriminator(
        SHAPE, channel_max=4, num_classes=num_classes
    )
    return model(mapping, synthesis, discriminator, seed=seed)


def compiled(gan, **options):
    """Eager: for a step or two that is faster than tracing a graph."""
    gan.compile(run_eagerly=True, **options)
    return gan


class Given(models.StyleGAN2):
    """All that is drawn is a function of the real images beside it."""

    def draw_latents(self, images, training=True):
        return 4.0 * images[:, 0, :LATENT_DIM, 0] - 2.0

    def draw_noise(self, images, training=True):
        flat = keras.ops.reshape(images, (-1, 256))
        return keras.ops.tile(flat, (1, 3))[:, : self.noise_size]

    def draw_directions(self, images):
        return 4.0 * keras.ops.flip(images, axis=1) - 2.0


# Styles and noise ------------------------------------------------------------


def test_generate_is_synthesis_of_the_mapped_latents():
    gan = small_gan()
    styles = gan.map_latents(latents())
    np.testing.assert_allclose(styles, gan.mapping(latents()), atol=1e-6)
    image = gan.synthesize(styles)
    np.testing.assert_array_equal(gan.generate(latents()), image)
    everywhere = np.repeat(np.asarray(styles)[:, None], NUM_LAYERS, axis=1)
    np.testing.assert_array_equal(gan.synthesize(everywhere), image)
    assert image.shape == (2, *SHAPE)
    assert 0 <= np.min(image) and np.max(image) <= 1
    np.testing.assert_allclose(
        gan.predict(latents(), verbose=0), image, atol=1e-6
    )
    expected = gan.synthesis([everywhere, np.zeros((2, gan.noise_size))])
    np.testing.assert_allclose(
        gan.synthesize(styles, noise="off"), np.clip(expected, 0, 1), atol=1e-6
    )
    # The network that GAN knows is the same, without noise.
    np.testing.assert_allclose(gan.generator(latents()), expected, atol=1e-6)


def test_truncation_moves_styles_towards_the_mean():
    gan = compiled(small_gan())
    gan.fit(random_images(), batch_size=2, verbose=0)
    mean, full = np.asarray(gan.style_mean), gan.map_latents(latents())
    assert np.abs(mean).max() > 0
    half = gan.map_latents(latents(), truncation=0.5)
    np.testing.assert_allclose(half, (mean + full) / 2, atol=1e-6)
    flat = np.asarray(gan.sample(3, truncation=0.0, seed=1))
    np.testing.assert_allclose(flat, np.repeat(flat[:1], 3, axis=0), atol=1e-5)
    np.testing.assert_allclose(flat[:1], gan.synthesize(mean[None]), atol=1e-6)


def test_noise_is_fixed_random_off_or_given():
    gan = small_gan()
    one, again = gan.generate(latents()), gan.generate(latents())
    np.testing.assert_array_equal(one, again)
    same = np.repeat(latents(1), 2, axis=0)
    first, second = np.asarray(gan.generate(same))
    np.testing.assert_array_equal(first, second)  # the same in each image
    random = [np.asarray(gan.generate(same, noise="random")) for _ in "ab"]
    assert np.abs(random[0] - random[1]).max() > 1e-3
    assert np.abs(random[0][0] - random[0][1]).max() > 1e-3
    off = gan.generate(latents(), noise="off")
    np.testing.assert_array_equal(off, gan.generate(latents(), noise="off"))
    assert np.abs(off - one).max() > 1e-3
    values = np.random.default_rng(0).normal(size=(1, gan.noise_size))
    given = gan.generate(latents(), noise=values)
    np.testing.assert_array_equal(given, gan.generate(latents(), noise=values))
    assert np.abs(given - one).max() > 1e-3


def test_style_mix_changes_the_layers_from_the_crossing_on():
    gan = small_gan()
    coarse, fine = (np.asarray(gan.map_latents(latents(2, s))) for s in (1, 2))
    network = gan.generator_average.get_layer("synthesis")
    # In the order in which layers read their styles, images aside.
    convolutions = [
        layer
        for layer in network.layers
        if isinstance(layer, layers.ModulatedConv2D) and layer.demodulate
    ]
    outputs = keras.Model(network.inputs, [c.output for c in convolutions])
    noise = np.zeros((2, gan.noise_size), "float32")
    plain = np.repeat(coarse[:, None], NUM_LAYERS, axis=1)
    expected = outputs([plain, noise])
    for at in range(NUM_LAYERS + 1):
        mixed = np.concatenate(
            [plain[:, :at], np.repeat(fine[:, None], NUM_LAYERS - at, axis=1)],
            axis=1,
        )
        np.testing.assert_array_equal(
            gan.style_mix(coarse, fine, at), gan.synthesize(mixed)
        )
        for index, (ours, old) in enumerate(
            zip(outputs([mixed, noise]), expected, strict=True)
        ):
            assert (np.abs(ours - old).max() > 0) == (index >= at), (index, at)


def test_training_mixes_most_images_at_a_random_layer():
    gan = compiled(small_gan(), style_mixing=0.75)
    styles = np.asarray(gan._drawn_styles(random_images(2000), [], True)())
    changes = np.abs(np.diff(styles, axis=1)).max(axis=2) > 0
    assert changes.sum(axis=1).max() == 1  # one crossing at most
    assert changes.any(axis=1).mean() == pytest.approx(0.75, abs=0.04)
    shares = changes.sum(axis=0) / changes.sum()
    np.testing.assert_allclose(shares, 1 / (NUM_LAYERS - 1), atol=0.04)
    gan.compile(style_mixing=0.0)
    styles = np.asarray(gan._drawn_styles(random_images(), [], True)())
    np.testing.assert_array_equal(styles, styles[:, :1].repeat(6, axis=1))


# Training --------------------------------------------------------------------


def test_each_step_moves_its_own_network_alone():
    gan = small_gan(model=Given)
    for rates in ((0.0, 0.1), (0.1, 0.0)):
        gan.compile(*map(still, rates), run_eagerly=True)
        both = gan.generator, gan.discriminator
        before = [copies(n.trainable_variables) for n in both]
        gan.fit(random_images(), batch_size=4, verbose=0)
        for rate, network, weights in zip(rates, both, before, strict=True):
            count = sum(moved(network.trainable_variables, weights))
            assert count == 0 if rate == 0 else count > 10


@pytest.mark.slow
def test_path_length_regularization_is_the_formula():
    """At steps 0 and 2 of three, and its gradient in the first."""
    rate, decay = 0.1, 0.25
    path_length = losses.PathLength(3.0, interval=2, decay=decay)
    options = {
        "style_mixing": 0.0,
        "gradient_penalty": None,
        "run_eagerly": True,
    }
    gan = small_gan(model=Given)
    gan.compile(still(rate), still(), path_length=path_length, **options)
    twin = small_gan(model=Given)
    twin.compile(still(rate), still(), path_length=None, **options)
    gan.path_length_mean.assign(0.5)
    twin.set_weights(gan.get_weights())
    images = random_images()

    half = tf.constant(images[::2])
    noise, directions = gan.draw_noise(half), gan.draw_directions(half)
    with tf.GradientTape() as tape:
        styles = gan.mapping(gan.draw_latents(half))
        styles = tf.repeat(styles[:, None], NUM_LAYERS, axis=1)
        lengths = ops.path_lengths(
            lambda w: gan.synthesis([w, noise]), styles, directions
        )
        penalty = 3.0 * tf.reduce_mean((lengths - 0.5) ** 2)
        due = 2.0 * penalty  # twice as heavy, at every second step
    variables = gan.generator.trainable_variables
    gradients = tape.gradient(due, variables)
    mean = 0.5 + decay * (np.mean(lengths) - 0.5)

    logs = gan.fit(images, batch_size=4, shuffle=False, verbose=0).history
    twin.fit(images, batch_size=4, shuffle=False, verbose=0)
    assert logs["path_length_penalty"][0] == pytest.approx(
        float(penalty), rel=1e-4
    )
    assert float(gan.path_length_mean) == pytest.approx(mean, rel=1e-4)
    assert logs["path_length"][0] == pytest.approx(mean, rel=1e-4)
    for weight, other, gradient in zip(
        variables, twin.generator.trainable_variables, gradients, strict=True
    ):
        change = np.zeros(weight.shape) if gradient is None else gradient
        change = -rate * np.asarray(change)
        np.testing.assert_allclose(
            np.asarray(weight) - np.asarray(other),
            change,
            atol=0.01 * np.abs(change).max() + 1e-5,
        )
    gan.fit(images, batch_size=4, shuffle=False, verbose=0)  # not due
    assert float(gan.path_length_mean) == pytest.approx(mean, rel=1e-6)
    gan.fit(images, batch_size=4, shuffle=False, verbose=0)
    assert abs(float(gan.path_length_mean) - mean) > 0.01


@pytest.mark.slow
def test_first_path_length_is_the_mean_without_penalty():
    gan = compiled(small_gan(), path_length=losses.PathLength(100.0))
    logs = gan.fit(random_images(), batch_size=4, verbose=0).history
    assert logs["path_length_penalty"] == [0.0]
    assert logs["path_length"][0] > 0.01


def test_the_mean_style_and_the_images_are_counted():
    gan = small_gan(model=Given)
    compiled(
        gan,
        generator_optimizer=still(),
        discriminator_optimizer=still(),
        style_decay=0.5,
        style_mixing=0.0,
    )
    images = random_images()
    styles = gan.mapping(gan.draw_latents(images))
    logs = gan.fit(images, batch_size=4, verbose=0).history
    # Once in each step.
    np.testing.assert_allclose(
        gan.style_mean, 0.75 * np.mean(styles, axis=0), atol=1e-6
    )
    gan.fit(images, batch_size=2, verbose=0)
    assert int(gan.images_seen) == 8
    assert logs["thousand_images"][0] == pytest.approx(0.004)


@pytest.mark.slow
def test_adaptive_augmentation_follows_the_discriminator():
    gan = small_gan()
    for layer in gan.discriminator.layers:
        if isinstance(layer, layers.EqualizedDense) and layer.units == 1:
            layer.bias.assign([10.0])  # sure of every image
    augment = layers.AdaptiveAugment(interval=1, ramp=0.1)
    compiled(gan, augmentation=augment)
    logs = gan.fit(random_images(), batch_size=4, epochs=2, verbose=0).history
    # 4 images a step, of 100 for the whole way.
    np.testing.assert_allclose(
        logs["augmentation_strength"], [0.04, 0.08], rtol=1e-5
    )


@pytest.mark.slow
def test_it_learns_two_images():
    targets = np.zeros((2, *SHAPE), "float32")
    targets[0, :8], targets[1, 8:] = 1.0, 1.0
    keras.utils.set_random_seed(0)
    gan = models.StyleGAN2(
        networks.stylegan2_mapping(4, 16, 2),
        networks.stylegan2_synthesis(SHAPE, 16, channel_max=16),
        networks.stylegan2_discriminator(SHAPE, channel_max=16),
        seed=0,
    )
    rate = 5e-3
    gan.compile(
        lazy_adam(None, rate),
        lazy_adam(16, rate),
        path_length=None,
        average_decay=0.9,
    )
    data = tf.data.Dataset.from_tensors(np.repeat(targets, 8, axis=0))
    gan.fit(data.repeat(250), verbose=0)
    samples = np.asarray(gan.sample(100, seed=1))
    distance = np.sqrt(((samples[:, None] - targets) ** 2).mean(axis=(2, 3, 4)))
    # The two are 1 apart.
    assert np.median(distance.min(axis=1)) < 0.25
    assert 0.1 < distance.argmin(axis=1).mean() < 0.9


# What every model must keep --------------------------------------------------


def everything(**options):
    """Classes, adaptive augmentation, all that is lazy."""
    options = {
        "gradient_penalty": losses.R1(0.1, interval=2),
        "path_length": losses.PathLength(interval=2),
        "augmentation": layers.AdaptiveAugment(
            initial_strength=0.3, interval=2, ramp=0.5
        ),
        "average_decay": 0.9,
        **options,
    }
    gan = small_gan(num_classes=4, seed=None)
    gan.compile(**options)
    return gan


@pytest.mark.slow
def test_stopping_and_resuming_changes_nothing(tmp_path):
    check_resumes(
        lambda: everything(run_eagerly=True),
        (random_images(), np.arange(4)),
        tmp_path,
    )


@pytest.mark.slow
def test_a_loaded_model_is_the_same(tmp_path):
    gan = everything(run_eagerly=True)
    gan.fit(random_images(), np.arange(4), batch_size=2, verbose=0)
    gan.save(tmp_path / "gan.keras")
    loaded = keras.saving.load_model(tmp_path / "gan.keras")
    assert loaded.get_compile_config() == gan.get_compile_config()
    for name in ("style_mean", "path_length_mean", "images_seen"):
        value = np.asarray(getattr(gan, name))
        np.testing.assert_array_equal(getattr(loaded, name), value)
        assert np.abs(value).max() > 0, name
    strength = float(gan.augmentation.strength)
    assert float(loaded.augmentation.strength) == strength != 0.3
    options = {"labels": 1, "seed": 0, "truncation": 0.7}
    np.testing.assert_array_equal(
        loaded.sample(4, **options), gan.sample(4, **options)
    )


@pytest.mark.slow
def test_half_precision_trains():
    def build():
        return compiled(small_gan(), path_length=losses.PathLength(interval=2))

    check_mixed_precision(build, (random_images(),), "mixed_float16", epochs=20)


@pytest.mark.slow
def test_it_trains_compiled_by_xla():
    gan = small_gan()
    gan.compile(path_length=losses.PathLength(interval=2), jit_compile=True)
    logs = gan.fit(random_images(), epochs=3, verbose=0).history
    assert np.isfinite(logs["loss"]).all()
    penalties = logs["path_length_penalty"]
    assert penalties[1] == 0.0 and penalties[2] > 0.0


@pytest.mark.slow
def test_two_replicas_equal_one(two_replicas):
    """SGD, all noise given; a discriminator that compares no images."""
    data = tf.data.Dataset.from_tensor_slices(random_images(8)).batch(8)

    def build():
        keras.utils.set_random_seed(0)
        discriminator = networks.residual_discriminator(SHAPE, width=4)
        gan = small_gan(model=Given, discriminator=discriminator)
        gan.compile(
            still(0.01),
            still(0.01),
            gradient_penalty=losses.R1(1.0, interval=2),
            path_length=losses.PathLength(interval=2),
            style_mixing=0.0,
            average_decay=0.5,
        )
        return gan

    one = build()
    logs_one = one.fit(data, epochs=3, verbose=0).history
    with two_replicas.scope():
        two = build()
    logs_two = two.fit(data, epochs=3, verbose=0).history
    assert float(one.path_length_mean) > 0
    for ours, theirs in zip(one.weights, two.weights, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5, err_msg=ours.path)
    for name in ("loss", "path_length_penalty", "path_length"):
        np.testing.assert_allclose(
            logs_two[name], logs_one[name], rtol=1e-3, err_msg=name
        )


@pytest.mark.parametrize("conditional", [False, True])
def test_the_network_for_export_is_generate(conditional):
    """With the fixed noise, and clipped."""
    gan = small_gan(num_classes=4) if conditional else small_gan()
    inputs = [latents(3), np.arange(3)][: 1 + conditional]
    made = gan.image_decoder()(inputs)
    np.testing.assert_allclose(made, gan.generate(*inputs), atol=1e-5)
    without = gan.generate(*inputs, noise="off")
    assert np.abs(made - without).max() > 1e-3
    assert np.min(made) == 0.0 or np.max(made) == 1.0


class OfFirstPixels(models.StyleGAN2):
    """A StyleGAN2 whose latents are the first pixels of the real images."""

    def draw_latents(self, images, training=True):
        return images[:, 0, :LATENT_DIM, 0]


@pytest.mark.parametrize("num_images", [7, 5])
def test_means_over_uneven_replicas(two_replicas, num_images):
    """The last 3 of 7 come as 2 and 1; the last of 5 leaves a replica none.

    Dense networks, since TensorFlow's convolutions of no image fail on a CPU.
    """
    images = random_images(num_images)

    def fitted():
        keras.utils.set_random_seed(0)
        noise, styles = keras.Input((5,)), keras.Input((3, STYLE_DIM))
        x = keras.layers.Dense(int(np.prod(SHAPE)), activation="sigmoid")(
            keras.layers.Flatten()(styles)
        )
        x = keras.layers.Reshape(SHAPE)(
            x + 0.0 * keras.ops.sum(noise, axis=1, keepdims=True)
        )
        synthesis = keras.Model([styles, noise], x, name="synthesis")
        mapping = networks.stylegan2_mapping(LATENT_DIM, STYLE_DIM, 1)
        gan = OfFirstPixels(
            mapping, synthesis, networks.dense_discriminator(SHAPE), seed=0
        )
        gan.compile(
            still(),
            still(),
            path_length=losses.PathLength(interval=1),
            style_mixing=0.0,
            style_decay=0.5,
        )
        return gan

    one = fitted()
    with two_replicas.scope():
        two = fitted()
    for gan in (one, two):
        gan.fit(images, batch_size=4, shuffle=False, verbose=0)
    np.testing.assert_allclose(two.style_mean, one.style_mean, atol=1e-6)
    lengths = [np.asarray(gan.path_length_mean) for gan in (one, two)]
    assert np.isfinite(lengths).all() and min(lengths) > 0.0
    assert np.isfinite(two.sample(2, seed=0)).all()


@pytest.mark.slow
def test_replicas_train_with_everything(two_replicas):
    with two_replicas.scope():
        gan = everything()
    logs = gan.fit(
        random_images(8), np.arange(8) % 4, batch_size=4, epochs=2, verbose=0
    ).history
    for name, values in logs.items():
        assert np.isfinite(values).all(), name
    assert keras.ops.convert_to_numpy(gan.images_seen) == 16


# Mistakes --------------------------------------------------------------------


def test_networks_that_do_not_fit_are_refused():
    mapping = networks.stylegan2_mapping(LATENT_DIM, STYLE_DIM, 1)
    synthesis = networks.stylegan2_synthesis(SHAPE, STYLE_DIM, channel_max=2)
    discriminator = networks.stylegan2_discriminator(SHAPE, channel_max=2)
    other = networks.stylegan2_mapping(LATENT_DIM, 7, 1)
    with pytest.raises(ValueError, match="same `style_dim`"):
        models.StyleGAN2(other, synthesis, discriminator)
    with pytest.raises(ValueError, match="`synthesis` must be a functional"):
        models.StyleGAN2(mapping, mapping, discriminator)
    twin = networks.stylegan2_mapping(3, STYLE_DIM, 1, name="synthesis")
    with pytest.raises(ValueError, match="names of their own"):
        models.StyleGAN2(twin, synthesis, discriminator)
    larger = networks.stylegan2_discriminator((32, 32, 1), channel_max=2)
    with pytest.raises(ValueError, match="same `image_shape`"):
        models.StyleGAN2(mapping, synthesis, larger)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"path_length": 2.0}, "`path_length` must be"),
        ({"style_mixing": 1.5}, "`style_mixing` must be"),
        ({"style_decay": 1.0}, "`style_decay` must be"),
        ({"gradient_penalty": "r2"}, "`gradient_penalty` must be"),
    ],
)
def test_wrong_compile_arguments_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        small_gan().compile(**options)


def test_wrong_styles_and_noise_are_refused():
    gan = small_gan()
    styles = gan.map_latents(latents())
    for call, message in (
        (lambda: gan.map_latents(np.zeros((2, 9))), "Latents must be"),
        (lambda: gan.synthesize(np.zeros((2, 9))), "Styles must be"),
        (lambda: gan.synthesize(styles, noise="loud"), "`noise` must be"),
        (lambda: gan.synthesize(styles, noise=np.ones((2, 3))), "`noise` must"),
        (lambda: gan.style_mix(styles, styles, 7), "`at` must be"),
        (lambda: gan.sample(2, labels=1), "takes no labels"),
    ):
        with pytest.raises(ValueError, match=message):
            call()
