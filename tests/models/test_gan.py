"""The GAN: its training step, what every model must keep, its use."""

import re

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_synth import callbacks, layers, losses, models, networks
from keras_synth.models.adversarial import LoggedMeans
from keras_synth.training import build_gan, compile_gan
from tests.helpers import (
    assert_same_state,
    check_mixed_precision,
    check_resumes,
    optimizers,
)

SHAPE = (8, 8, 1)
LATENT_DIM = 3


def random_images(count=8, seed=0):
    rng = np.random.default_rng(seed)
    return rng.uniform(size=(count, *SHAPE)).astype("float32")


def small_gan(kind="dense", num_classes=None, seed=0, model=models.GAN, **size):
    """Not compiled."""
    size = size or ({"hidden": (16,)} if kind == "dense" else {"width": 4})
    generator = {} if kind == "dense" else {"synchronized": True}
    return model(
        getattr(networks, f"{kind}_generator")(
            SHAPE, LATENT_DIM, num_classes=num_classes, **size, **generator
        ),
        getattr(networks, f"{kind}_discriminator")(
            SHAPE, num_classes=num_classes, **size
        ),
        seed=seed,
    )


def compiled(gan, **options):
    gan.compile(**options)
    return gan


def still(learning_rate=0.0):
    return keras.optimizers.SGD(learning_rate)


def copies(variables):
    return [np.array(variable) for variable in variables]


def moved(variables, before):
    return [
        np.abs(np.asarray(v) - b).max() > 0
        for v, b in zip(variables, before, strict=True)
    ]


class GivenNoise(models.GAN):
    """Latents that are a function of the real images beside them."""

    def draw_latents(self, images, training=True):
        return 4.0 * images[:, 0, :LATENT_DIM, 0] - 2.0


# The training step -----------------------------------------------------------


@pytest.mark.parametrize(
    "kind", ["dense", "dcgan", pytest.param("residual", marks=pytest.mark.slow)]
)
def test_each_step_moves_its_own_network_alone(kind):
    gan = small_gan(kind)
    options = {"gradient_penalty": losses.R1(), "average_decay": 0.5}
    gan.compile(still(), still(0.1), **options)
    before = [copies(n.trainable_variables) for n in networks_of(gan)]
    gan.fit(random_images(), batch_size=8, verbose=0)
    generator, discriminator = networks_of(gan)
    assert not any(moved(generator.trainable_variables, before[0]))
    assert sum(moved(discriminator.trainable_variables, before[1])) > 1

    gan.compile(still(0.1), still(), **options)
    before = [copies(n.trainable_variables) for n in networks_of(gan)]
    gan.fit(random_images(), batch_size=8, verbose=0)
    assert sum(moved(generator.trainable_variables, before[0])) > 1
    assert not any(moved(discriminator.trainable_variables, before[1]))


def networks_of(gan):
    return gan.generator, gan.discriminator


def test_spectral_vectors_are_updated_in_the_discriminators_step_alone():
    gan = compiled(small_gan("dcgan"))
    gan.fit(random_images(), verbose=0)
    vectors = [
        layer.u
        for layer in gan.discriminator.layers
        if isinstance(layer, layers.SpectralNormalization)
    ]
    before = copies(vectors)
    gan.generator_step([tf.constant(random_images())], {})
    assert len(vectors) > 1 and not any(moved(vectors, before))
    gan.fit(random_images(), verbose=0)
    assert any(moved(vectors, before))


def test_losses_are_the_formulas():
    gan = compiled(small_gan(model=GivenNoise), loss=losses.LeastSquares())
    real = random_images()
    fake = np.asarray(gan.generator(gan.draw_latents(real)))
    r = np.asarray(gan.discriminator(real))
    f = np.asarray(gan.discriminator(fake))
    expected = {
        "discriminator_loss": 0.5 * np.mean((r - 1) ** 2 + f**2),
        "generator_loss": 0.5 * np.mean((f - 1) ** 2),
        "accuracy_real": np.mean(r > 0.5),
        "accuracy_fake": np.mean(f < 0.5),
        "diversity": fake.std(axis=0).mean() / real.std(axis=0).mean(),
    }
    logs = gan.evaluate(real, batch_size=8, verbose=0, return_dict=True)
    for name, value in expected.items():
        assert logs[name] == pytest.approx(value, rel=1e-5), name
    both = expected["discriminator_loss"] + expected["generator_loss"]
    assert logs["loss"] == pytest.approx(both, rel=1e-5)
    assert set(logs) == {*expected, "loss"}


def test_a_step_is_gradient_descent_on_the_formula():
    """Both networks, by hand: the second sees the first one's new weights."""
    gan = small_gan(model=GivenNoise)
    gan.compile(still(0.5), still(0.2), loss=losses.NonSaturating())
    twin = small_gan(model=GivenNoise)
    twin.generator.set_weights(gan.generator.get_weights())
    twin.discriminator.set_weights(gan.discriminator.get_weights())
    real = random_images()
    logs = gan.fit(real, verbose=0).history

    latents = twin.draw_latents(real)
    with tf.GradientTape() as tape:
        fake = twin.generator(latents)
        loss = tf.reduce_mean(
            tf.math.softplus(-twin.discriminator(real))
        ) + tf.reduce_mean(tf.math.softplus(twin.discriminator(fake)))
    norm = descend(tape, loss, twin.discriminator, 0.2)
    assert logs["discriminator_gradient_norm"][0] == pytest.approx(norm, 1e-4)
    with tf.GradientTape() as tape:
        fake = twin.generator(latents)
        loss = tf.reduce_mean(tf.math.softplus(-twin.discriminator(fake)))
    norm = descend(tape, loss, twin.generator, 0.5)
    assert logs["generator_gradient_norm"][0] == pytest.approx(norm, 1e-4)
    for network, other in zip(networks_of(gan), networks_of(twin), strict=True):
        for ours, theirs in zip(network.weights, other.weights, strict=True):
            np.testing.assert_allclose(ours, theirs, atol=1e-6)


def descend(tape, loss, network, rate):
    gradients = tape.gradient(loss, network.trainable_variables)
    for weight, gradient in zip(
        network.trainable_variables, gradients, strict=True
    ):
        weight.assign(weight - rate * gradient)
    return float(tf.linalg.global_norm(gradients))


def test_lazy_penalty_is_due_every_interval_and_that_much_heavier():
    def weights_after(steps, penalty):
        keras.utils.set_random_seed(0)
        gan = small_gan(model=GivenNoise)
        gan.compile(still(), still(0.01), gradient_penalty=penalty)
        data = tf.data.Dataset.from_tensors(random_images()).repeat(steps)
        logs = gan.fit(data, verbose=0).history
        return gan.discriminator.get_weights(), logs

    lazy, lazy_logs = weights_after(1, losses.R1(1.0, interval=3))
    eager, eager_logs = weights_after(1, losses.R1(3.0))
    for ours, theirs in zip(lazy, eager, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)
    # Logged as it is, averaged over the steps that computed it.
    assert 3 * lazy_logs["gradient_penalty"][0] == pytest.approx(
        eager_logs["gradient_penalty"][0], rel=1e-4
    )

    class Never(losses.R1):
        def __call__(self, discriminate, real, fake, seed):
            return 0.0 * super().__call__(discriminate, real, fake, seed)

    # The second and third step have no penalty.
    class Counted(losses.R1):
        def __call__(self, discriminate, real, fake, seed):
            calls.assign_add(1)
            return super().__call__(discriminate, real, fake, seed)

    calls = tf.Variable(0)
    _, logs = weights_after(7, Counted(1.0, interval=3))
    assert int(calls) == 3  # steps 0, 3 and 6
    without, _ = weights_after(3, Never(1.0, interval=3))
    plain, logs = weights_after(3, None)
    for ours, theirs in zip(without, plain, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)
    assert "gradient_penalty" not in logs


def test_discriminator_steps_split_the_batch():
    seen = []

    class Recording(models.GAN):
        def discriminator_step(self, batch, logs, fakes=None):
            seen.append(batch[0].numpy())
            return super().discriminator_step(batch, logs, fakes)

    gan = small_gan(model=Recording)
    gan.compile(discriminator_steps=3, run_eagerly=True)
    images = random_images(9)
    gan.fit(images, batch_size=9, shuffle=False, verbose=0)
    assert [len(part) for part in seen] == [3, 3, 3]
    joined = {image.tobytes() for part in seen for image in part}
    assert joined == {image.tobytes() for image in images}
    assert [int(o.iterations) for o in optimizers(gan)] == [1, 3]


def test_fewer_images_than_discriminator_steps_train():
    gan = compiled(small_gan(), discriminator_steps=3)
    logs = gan.fit(random_images(5), batch_size=4, verbose=0).history
    for name, values in logs.items():
        assert np.isfinite(values).all(), name
    assert all(np.isfinite(weight).all() for weight in gan.weights)


def test_spectral_norms_of_a_generator_are_updated():
    latents = keras.Input((LATENT_DIM,))
    x = layers.SpectralNormalization(keras.layers.Dense(64))(latents)
    x = keras.layers.Activation("sigmoid")(keras.layers.Reshape(SHAPE)(x))
    gan = models.GAN(
        keras.Model(latents, x), networks.dense_discriminator(SHAPE), seed=0
    )
    gan.compile(still(0.5), still(0.5), average_decay=0.5)
    before = np.array(gan.generator.layers[1].u)
    gan.fit(random_images(), batch_size=2, epochs=3, verbose=0)
    assert np.abs(np.asarray(gan.generator.layers[1].u) - before).max() > 0


def test_all_that_the_discriminator_sees_is_augmented_alike():
    """Real and fake by the same draw, in both steps."""
    seen = []

    class Recording(layers.DiffAugment):
        def call(self, images, draw):
            seen.append((images.numpy(), draw.numpy()))
            return super().call(images, draw) + 7.0

    class Recorder(keras.layers.Layer):
        def call(self, images):
            if hasattr(images, "numpy"):  # not while the network is built
                logits_seen.append(float(keras.ops.min(images)))
            return keras.ops.mean(images, axis=(1, 2, 3))

    logits_seen = []
    image = keras.Input(SHAPE)
    gan = models.GAN(
        networks.dense_generator(SHAPE, LATENT_DIM),
        keras.Model(image, Recorder()(image)),
        seed=0,
    )
    loss = losses.RelativisticAverage()  # whose generator sees real ones too
    gan.compile(loss=loss, augmentation=Recording(), run_eagerly=True)
    logits_seen.clear()
    real = random_images()
    gan.fit(real, batch_size=8, shuffle=False, verbose=0)
    (first, draw), (fake, same), (again, other), (_, its) = seen
    np.testing.assert_array_equal(first, real)
    np.testing.assert_array_equal(draw, same)
    np.testing.assert_array_equal(other, its)
    assert np.abs(draw - other).max() > 0
    assert np.abs(fake - real).max() > 0
    np.testing.assert_array_equal(again, real)
    assert len(logits_seen) == 4 and min(logits_seen) > 3.0


def test_fakes_have_the_labels_of_the_real_images_beside_them():
    seen = []

    class Recording(models.GAN):
        def make_fakes(self, batch, training):
            seen.append(("made", batch[1].numpy()))
            return super().make_fakes(batch, training)

        def comparisons(self, batch, fakes, training):
            seen.append(("compared", batch[1].numpy()))
            return super().comparisons(batch, fakes, training)

    gan = small_gan(num_classes=4, model=Recording)
    gan.compile(run_eagerly=True)
    labels = np.arange(8) % 4
    gan.fit(random_images(), labels, batch_size=8, shuffle=False, verbose=0)
    assert [what for what, _ in seen].count("made") == 2
    for _, given in seen:
        np.testing.assert_array_equal(given, labels)


def test_logged_means_are_weighted_over_steps():
    means = LoggedMeans(("a", "b", "c"))
    means.update_state({"a": [(1.0, 2.0)], "b": [(1.0, 1.0), (4.0, 2.0)]})
    means.update_state({"a": [(4.0, 1.0)], "b": [(6.0, 0.0)]})
    results = {name: float(value) for name, value in means.result().items()}
    assert results == {"a": 2.0, "b": 3.0, "c": 0.0}
    means.reset_state()
    assert not any(float(value) for value in means.result().values())


def test_evaluation_does_not_change_training():
    def trained(evaluate):
        keras.utils.set_random_seed(0)
        gan = compiled(small_gan())
        for _ in range(2):
            gan.fit(random_images(), verbose=0, shuffle=False)
            if evaluate:
                gan.evaluate(random_images(), verbose=0)
        return gan

    with_it, without = trained(True), trained(False)
    for ours, theirs in zip(with_it.weights, without.weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_compiling_anew_keeps_the_average(tmp_path):
    gan = compiled(small_gan(), average_decay=0.999)
    gan.fit(random_images(), batch_size=1, epochs=20, verbose=0)
    before = copies(gan.generator_average.weights)
    gan.compile(still(), still(), average_decay=0.999)
    gan.fit(random_images(), batch_size=8, verbose=0)
    for ours, average, weight in zip(
        gan.generator_average.weights,
        before,
        gan.generator.weights,
        strict=True,
    ):
        decay = (1 + 161) / (10 + 161)
        expected = decay * average + (1 - decay) * np.asarray(weight)
        np.testing.assert_allclose(ours, expected, atol=1e-6)


def test_average_follows_the_generator():
    gan = small_gan("dcgan")
    gan.compile(still(0.1), still(0.1), average_decay=0.2)
    average = copies(gan.generator.weights)
    for step in range(1, 5):
        gan.fit(random_images(seed=step), batch_size=8, verbose=0)
        decay = min(0.2, (1 + step) / (10 + step))
        average = [
            decay * a + (1 - decay) * np.asarray(w)
            for a, w in zip(average, gan.generator.weights, strict=True)
        ]
        for ours, theirs in zip(
            gan.generator_average.weights, average, strict=True
        ):
            np.testing.assert_allclose(ours, theirs, atol=1e-5)
    assert not gan.generator_average.trainable_variables

    gan.compile(average_decay=0.0)
    assert float(gan.average_steps) == 4
    gan.fit(random_images(), verbose=0)
    for ours, theirs in zip(
        gan.generator_average.weights, gan.generator.weights, strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)


def test_regularization_counts_for_its_own_network():
    inputs = keras.Input(SHAPE)
    dense = keras.layers.Dense(
        1,
        kernel_initializer="ones",
        kernel_regularizer=keras.regularizers.L1(1.0),
    )
    outputs = dense(keras.layers.Flatten()(inputs))
    gan = models.GAN(
        networks.dense_generator(SHAPE, LATENT_DIM),
        keras.Model(inputs, keras.layers.Reshape(())(outputs)),
        seed=0,
    )
    gan.compile(still(), still())
    logs = gan.fit(random_images(), verbose=0).history
    both = logs["generator_loss"][0] + logs["discriminator_loss"][0]
    assert logs["loss"][0] == pytest.approx(both + 64, rel=1e-4)


@pytest.mark.parametrize(
    ("loss", "penalty"),
    [
        (losses.NonSaturating(), losses.R1(1.0)),
        (losses.Wasserstein(), losses.WassersteinGradientPenalty()),
        *(
            pytest.param(*pair, marks=pytest.mark.slow)
            for pair in (
                (losses.Hinge(), losses.R1(0.3)),
                (losses.LeastSquares(0.1), losses.R1(1.0)),
                (losses.RelativisticAverage(), losses.R2()),
            )
        ),
    ],
    ids=lambda part: type(part).__name__,
)
def test_it_learns_four_images(loss, penalty):
    """Each image is made (two at least by least squares), and no others."""
    targets = np.zeros((4, *SHAPE), "float32")
    for index in range(4):
        row, column = 4 * (index // 2), 4 * (index % 2)
        targets[index, row : row + 4, column : column + 4] = 1.0
    gan = small_gan(hidden=(64,))
    gan.compile(
        keras.optimizers.Adam(3e-3, beta_1=0.0),
        keras.optimizers.Adam(3e-3, beta_1=0.0),
        loss=loss,
        gradient_penalty=penalty,
        average_decay=0.99,
    )
    data = tf.data.Dataset.from_tensors(np.repeat(targets, 8, axis=0))
    gan.fit(data.repeat(600), verbose=0)
    samples = np.asarray(gan.sample(200, seed=1)).reshape(200, -1)
    distance = np.sqrt(
        ((samples[:, None] - targets.reshape(4, -1)) ** 2).mean(axis=-1)
    )
    # Two of the images are 0.71 apart.
    assert np.median(distance.min(axis=1)) < 0.2
    shares = np.bincount(distance.argmin(axis=1), minlength=4) / 200
    wanted = 2 if isinstance(loss, losses.LeastSquares) else 4
    assert (shares > 0.05).sum() >= wanted, shares


# What every model must keep --------------------------------------------------


def everything(kind="dcgan", **options):
    """Batch and spectral norm, augmentation, lazy penalty, two rates."""
    options = {
        "generator_optimizer": keras.optimizers.Adam(1e-3),
        "discriminator_optimizer": keras.optimizers.Adam(4e-3),
        "loss": losses.Hinge(),
        "gradient_penalty": losses.WassersteinGradientPenalty(interval=2),
        "augmentation": layers.DiffAugment(),
        "average_decay": 0.9,
        **options,
    }
    return compiled(small_gan(kind, num_classes=4, seed=None), **options)


@pytest.mark.parametrize(
    "case", ["plain", pytest.param("everything", marks=pytest.mark.slow)]
)
def test_stopping_and_resuming_changes_nothing(case, tmp_path):
    data = (random_images(8),)
    if case == "everything":
        data = (*data, np.arange(8) % 4)
        check_resumes(everything, data, tmp_path)
    else:
        check_resumes(lambda: compiled(small_gan()), data, tmp_path)


@pytest.mark.slow
def test_a_loaded_model_is_compiled_as_it_was(tmp_path):
    gan = everything(discriminator_steps=2, run_eagerly=False)
    gan.fit(random_images(), np.arange(8) % 4, verbose=0)
    gan.save(tmp_path / "gan.keras")
    loaded = keras.saving.load_model(tmp_path / "gan.keras")
    assert loaded.get_compile_config() == gan.get_compile_config()
    assert_same_state(loaded, gan)
    np.testing.assert_array_equal(
        loaded.sample(4, labels=1, seed=0), gan.sample(4, labels=1, seed=0)
    )
    not_compiled = keras.saving.load_model(
        tmp_path / "gan.keras", compile=False
    )
    assert not_compiled.get_compile_config() == {}
    np.testing.assert_array_equal(
        not_compiled.sample(4, labels=1, seed=0),
        gan.sample(4, labels=1, seed=0),
    )


@pytest.mark.parametrize(
    "policy, penalty",
    [
        ("mixed_float16", losses.R1()),
        pytest.param(
            "mixed_bfloat16",
            losses.WassersteinGradientPenalty(),
            marks=pytest.mark.slow,
        ),
        pytest.param("mixed_bfloat16", losses.R1(), marks=pytest.mark.slow),
        pytest.param(
            "mixed_float16",
            losses.WassersteinGradientPenalty(),
            marks=pytest.mark.slow,
        ),
    ],
)
@pytest.mark.slow
def test_mixed_precision_trains(policy, penalty):
    """200 steps, few skipped, the first losses those of float32."""

    def build():
        wasserstein = isinstance(penalty, losses.WassersteinGradientPenalty)
        return compiled(
            small_gan("dcgan", model=GivenNoise),
            loss=losses.Wasserstein() if wasserstein else None,
            gradient_penalty=penalty,
        )

    data = (random_images(4),)
    keras.utils.set_random_seed(0)
    expected = build().fit(*data, verbose=0).history
    _, logs = check_mixed_precision(build, data, policy, epochs=200)
    for name in ("loss", "generator_loss", "discriminator_loss"):
        assert logs[name][0] == pytest.approx(expected[name][0], rel=0.01)


@pytest.mark.parametrize(
    "case",
    [
        "dense",
        pytest.param("dcgan", marks=pytest.mark.slow),
        pytest.param("residual", marks=pytest.mark.slow),
        pytest.param("conditional", marks=pytest.mark.slow),
    ],
)
def test_two_replicas_equal_one(two_replicas, case):
    """SGD, the noise given, norms synchronised.

    In the last batch one replica gets less than the other; in the dense case
    none at all, which TensorFlow's convolutions refuse.
    """
    conditional = case == "conditional"
    kind = "dcgan" if conditional else case
    count = 17 if case == "dense" else 21
    data = (random_images(count),)
    if conditional:
        data = (*data, np.arange(count) % 4)
    data = tf.data.Dataset.from_tensor_slices(
        data if conditional else data[0]
    ).batch(8)

    def build():
        keras.utils.set_random_seed(0)
        gan = small_gan(kind, 4 if conditional else None, model=GivenNoise)
        gan.compile(
            still(0.01),
            still(0.01),
            loss=losses.LeastSquares(),
            gradient_penalty=losses.R1(1.0, interval=2 if conditional else 1),
            average_decay=0.5,
        )
        return gan

    one = build()
    logs_one = one.fit(data, epochs=2, verbose=0).history
    with two_replicas.scope():
        two = build()
    logs_two = two.fit(data, epochs=2, verbose=0).history
    for ours, theirs in zip(one.weights, two.weights, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6, err_msg=ours.path)
    for name in ("loss", "generator_loss", "gradient_penalty", "accuracy_real"):
        np.testing.assert_allclose(
            logs_two[name], logs_one[name], rtol=1e-4, err_msg=name
        )


@pytest.mark.slow
def test_replicas_share_a_lazy_penalty_and_draw_their_own_noise(two_replicas):
    with two_replicas.scope():
        gan = everything()
    labels = np.arange(8) % 4
    logs = gan.fit(random_images(), labels, batch_size=4, epochs=3, verbose=0)
    assert np.isfinite(logs.history["gradient_penalty"]).all()

    @tf.function
    def latents():
        images = tf.zeros((500, *SHAPE))
        return two_replicas.experimental_local_results(
            two_replicas.run(lambda: gan.draw_latents(images))
        )

    first, second = latents()
    correlation = np.corrcoef(np.ravel(first), np.ravel(second))[0, 1]
    assert abs(correlation) < 0.15


@pytest.mark.slow
def test_replicas_scale_the_loss_in_half_precision(two_replicas):
    keras.config.set_dtype_policy("mixed_float16")
    with two_replicas.scope():
        gan = compiled(small_gan(), gradient_penalty=losses.R1())
    logs = gan.fit(random_images(), batch_size=4, epochs=3, verbose=0).history
    assert np.isfinite(logs["loss"]).all()
    for optimizer in optimizers(gan):
        assert keras.ops.convert_to_numpy(optimizer.iterations) in (5, 6)


# Use -------------------------------------------------------------------------


def test_sampling_is_the_average_on_noise():
    gan = compiled(small_gan("dcgan"), average_decay=0.9)
    gan.fit(random_images(), epochs=3, verbose=0)
    samples = gan.sample(5, seed=3)
    latents = tf.random.stateless_normal((5, LATENT_DIM), seed=[3, 0])
    np.testing.assert_array_equal(samples, gan.generate(latents))
    np.testing.assert_allclose(
        samples, gan.generator_average(latents), atol=1e-6
    )
    assert np.abs(samples - gan.generator(latents)).max() > 1e-4
    assert 0 <= np.min(samples) and np.max(samples) <= 1
    np.testing.assert_array_equal(samples, gan.sample(5, seed=3))
    assert np.abs(gan.sample(5) - gan.sample(5)).max() > 0
    np.testing.assert_allclose(
        gan.predict(latents, verbose=0), samples, atol=1e-6
    )
    np.testing.assert_allclose(
        gan.sample(2, truncation=0.0),
        gan.generate(np.zeros((2, LATENT_DIM))),
        atol=1e-6,
    )


def test_interpolation_is_an_arc():
    recorded = []

    class Recording(models.GAN):
        def generate(self, latents, labels=None):
            recorded.append(np.asarray(latents))
            return super().generate(latents, labels)

    gan = small_gan(model=Recording)
    start = np.array([[1.0, 0.0, 0.0], [1.0, 1.0, 0.0]])
    end = np.array([[0.0, 2.0, 0.0], [1.0, 1.0, 0.0]])
    strip = gan.interpolate_latents(start, end, steps=5)
    assert strip.shape == (2, 5, *SHAPE)
    way = recorded[0].reshape(2, 5, 3)
    np.testing.assert_allclose(way[:, 0], start, atol=1e-5)
    np.testing.assert_allclose(way[:, -1], end, atol=1e-5)
    half = np.sqrt(0.5)
    np.testing.assert_allclose(way[0, 2], [half, 2 * half, 0], atol=1e-5)
    np.testing.assert_allclose(way[1], np.repeat(start[1:], 5, 0), atol=1e-2)
    np.testing.assert_array_equal(strip[:, 0], gan.generate(start))


def test_discriminate_gives_the_logits():
    gan = small_gan(num_classes=4)
    images, labels = random_images(4), np.arange(4)
    logits = gan.discriminate(images, labels)
    np.testing.assert_allclose(
        logits, gan.discriminator([images, labels]), atol=1e-6
    )
    other = gan.discriminate(images, (labels + 1) % 4)
    assert np.abs(logits - other).max() > 0


def test_conditional_model_depends_on_labels():
    gan = everything()
    gan.fit(random_images(), np.arange(8) % 4, verbose=0)
    first = gan.sample(3, labels=2, seed=0)
    np.testing.assert_array_equal(first, gan.sample(3, labels=[2] * 3, seed=0))
    assert np.abs(first - gan.sample(3, labels=1, seed=0)).max() > 0
    latents = np.ones((3, LATENT_DIM), "float32")
    np.testing.assert_allclose(
        gan.predict((latents, np.array([0, 1, 2])), verbose=0),
        gan.generate(latents, [0, 1, 2]),
        atol=1e-6,
    )
    twos = np.full(3, 2)
    for method, *arguments in (
        (gan.generate, latents),
        (gan.discriminate, random_images(3)),
        (gan.interpolate_latents, latents, 2 * latents, 2),
    ):
        np.testing.assert_allclose(
            method(*arguments, labels=2),
            method(*arguments, labels=twos),
            atol=1e-6,
        )
    line = gan.interpolate_latents(latents, 2 * latents, 3, labels=[0, 1, 2])
    np.testing.assert_allclose(
        line[:, 0], gan.generate(latents, [0, 1, 2]), atol=1e-6
    )


def test_keras_callbacks_work(tmp_path):
    gan = compiled(small_gan())
    gan.fit(
        random_images(),
        epochs=2,
        verbose=0,
        validation_data=(random_images(),),
        callbacks=[
            keras.callbacks.LearningRateScheduler(lambda epoch: 0.125),
            keras.callbacks.TensorBoard(tmp_path / "log", histogram_freq=1),
            keras.callbacks.ModelCheckpoint(
                tmp_path / "best.keras",
                monitor="val_diversity",
                mode="max",
                save_best_only=True,
            ),
            callbacks.ImageGrid(tmp_path / "images"),
        ],
    )
    assert float(gan.generator_optimizer.learning_rate) == 0.125
    assert (tmp_path / "best.keras").exists()
    assert (tmp_path / "images" / "samples_epoch_0002.png").exists()


def rates(gan):
    return [
        float(optimizer.learning_rate)
        for optimizer in (gan.generator_optimizer, gan.discriminator_optimizer)
    ]


def test_a_learning_rate_scheduler_reaches_both_optimizers():
    """Each by its own rate: a factor keeps their ratio."""
    gan = compiled(small_gan(), generator_optimizer=still(0.5))
    gan.compile(still(0.5), still(0.125), run_eagerly=True)
    halve = keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2)
    logs = gan.fit(random_images(), epochs=2, verbose=0, callbacks=halve)
    assert rates(gan) == [0.125, 0.03125]
    assert logs.history["learning_rate"] == [0.25, 0.125]
    fixed = keras.callbacks.LearningRateScheduler(lambda epoch: 0.25)
    gan.fit(random_images(), verbose=0, callbacks=[[fixed]])
    assert rates(gan) == [0.25, 0.25]


def test_reduce_on_plateau_reaches_both_optimizers():
    gan = small_gan()
    gan.compile(still(0.5), still(0.125), run_eagerly=True)
    reduce = keras.callbacks.ReduceLROnPlateau(
        "constant", factor=0.5, patience=1, mode="min", min_lr=0.05
    )

    def constant(epoch, logs):
        logs["constant"] = 1.0

    first = keras.callbacks.LambdaCallback(on_epoch_end=constant)
    gan.fit(random_images(), epochs=4, verbose=0, callbacks=[first, reduce])
    # Three epochs without improvement; the smaller rate stops at its least.
    np.testing.assert_allclose(rates(gan), [0.0625, 0.05], rtol=1e-6)


def test_training_that_diverged_stops():
    gan = compiled(small_gan(), generator_optimizer=still(float("inf")))
    stop = keras.callbacks.TerminateOnNaN()
    logs = gan.fit(random_images(), epochs=5, verbose=0, callbacks=[stop])
    assert len(logs.epoch) < 5


def test_steps_per_execution():
    gan = compiled(small_gan(), steps_per_execution=2)
    logs = gan.fit(random_images(), batch_size=2, epochs=2, verbose=0).history
    assert np.isfinite(logs["loss"]).all()
    assert int(gan.generator_optimizer.iterations) == 8


@pytest.mark.slow
def test_it_trains_compiled_by_xla():
    gan = everything(jit_compile=True)
    logs = gan.fit(
        random_images(), np.arange(8) % 4, epochs=3, verbose=0
    ).history
    assert np.isfinite(logs["loss"]).all()


# Mistakes --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"loss": "hinge"}, "such as losses.Hinge()"),
        ({"loss": losses.Hinge}, "such as losses.Hinge()"),
        ({"gradient_penalty": 10.0}, "such as losses.R1()"),
        ({"gradient_penalty": np.mean}, "such as losses.R1()"),
        ({"augmentation": "flip"}, "such as layers.DiffAugment()"),
        ({"discriminator_steps": 0}, "positive int"),
        ({"average_decay": 1.0}, "below 1"),
        ({"metrics": ["mse"]}, "takes no `metrics`"),
        ({"metrics": ["mse"]}, "callbacks.GenerativeQuality"),
        ({"optimizer": "adam"}, "takes no `optimizer`"),
    ],
)
def test_compile_refuses(options, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        small_gan().compile(**options)


def test_one_optimizer_for_two_is_refused():
    adam = keras.optimizers.Adam()
    with pytest.raises(ValueError, match="an optimizer each"):
        small_gan().compile(adam, adam)


def test_networks_that_do_not_fit_are_refused():
    generator = networks.dense_generator(SHAPE, LATENT_DIM)
    with pytest.raises(ValueError, match="same `image_shape`"):
        models.GAN(generator, networks.dense_discriminator((4, 4, 1)))
    with pytest.raises(ValueError, match="same `num_classes`"):
        models.GAN(
            generator, networks.dense_discriminator(SHAPE, num_classes=2)
        )


def test_sigmoid_and_tanh_outputs_are_refused():
    """A sigmoid before a loss that has one; tanh where [0, 1] is wanted."""
    generator = networks.dense_generator(SHAPE, LATENT_DIM)
    head = [
        keras.Input(SHAPE),
        keras.layers.Flatten(),
        keras.layers.Dense(1, activation="sigmoid"),
    ]
    with pytest.raises(ValueError, match="must end in logits"):
        models.GAN(generator, keras.Sequential(head))
    with pytest.raises(ValueError, match="begins with `keras.Input"):
        models.GAN(generator, keras.Sequential(head[1:]))
    start = [keras.Input((LATENT_DIM,)), keras.layers.Dense(64)]
    tanh, shape = keras.layers.Activation("tanh"), keras.layers.Reshape(SHAPE)
    nested = keras.Sequential([*start, tanh, shape])
    latents = keras.Input((LATENT_DIM,))
    for maker in (
        keras.Sequential([*start, shape, tanh]),
        nested,
        keras.Sequential([nested, keras.layers.Identity()]),
        keras.Model(latents, keras.ops.tanh(nested(latents))),
    ):
        with pytest.raises(ValueError, match="Rescaling"):
            models.GAN(maker, networks.dense_discriminator(SHAPE))
    models.GAN(
        keras.Sequential([nested, keras.layers.Rescaling(0.5, offset=0.5)]),
        networks.dense_discriminator(SHAPE),
    )
    with pytest.raises(ValueError, match="same classes. Received: 4 and 3"):
        models.GAN(
            networks.dense_generator(SHAPE, LATENT_DIM, num_classes=4),
            networks.dense_discriminator(
                SHAPE, num_classes=3, normalization="spectral"
            ),
        )


def test_a_penalty_and_batch_normalization_are_refused():
    gan = models.GAN(
        networks.dense_generator(SHAPE, LATENT_DIM),
        networks.dense_discriminator(SHAPE, normalization="batch"),
    )
    with pytest.raises(ValueError, match="batch normalization mixes"):
        gan.compile(gradient_penalty=losses.R1())
    gan.compile()


def test_bad_data_are_refused():
    gan = compiled(small_gan())
    with pytest.raises(ValueError, match="divide 8-bit ones"):
        gan.fit(255 * random_images(), verbose=0)
    with pytest.raises(ValueError, match="takes no labels"):
        gan.fit(random_images(), np.zeros(8, int), verbose=0)
    with pytest.raises(ValueError, match=r"\(batch, 3\)"):
        gan.generate(np.zeros((2, 5)))
    with pytest.raises(ValueError, match="at least 2"):
        gan.interpolate_latents(np.zeros((1, 3)), np.zeros((1, 3)), steps=1)
    with pytest.raises(ValueError, match=r"both be of shape \(batch, 3\)"):
        gan.interpolate_latents(np.zeros((1, 3)), np.zeros((2, 3)))
    conditional = compiled(small_gan(num_classes=4))
    with pytest.raises(ValueError, match="takes no sample weights"):
        conditional.fit(
            random_images(),
            np.zeros(8, int),
            sample_weight=np.ones(8),
            verbose=0,
        )
    with pytest.raises(ValueError, match="class-conditional"):
        conditional.sample(2)
    with pytest.raises(ValueError, match="from 0 to 3"):
        conditional.sample(2, labels=7)


@pytest.mark.usefixtures("optimized_graphs")
@pytest.mark.slow
def test_training_prints_no_errors_of_tensorflows_optimizer(capfd):
    """Which fails on the leaky ReLU of a discriminator with a penalty."""
    before = tf.config.optimizer.get_experimental_options()
    gan = build_gan((28, 28, 1), width=4)
    compile_gan(gan)
    gan.fit(np.zeros((16, 28, 28, 1), "float32"), batch_size=8, verbose=0)
    assert "meta_optimizer" not in capfd.readouterr().err
    after = tf.config.optimizer.get_experimental_options()
    assert after == {"remapping": True, **before}
