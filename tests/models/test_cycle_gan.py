"""CycleGAN: its losses, its step, its pools, both directions."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_synth import layers, losses, models, networks
from keras_synth.models import LinearDecay
from tests.helpers import (
    assert_same_state,
    check_mixed_precision,
    check_overfits,
    check_resumes,
)

SIZE = 8


def random_images(count=4, seed=0, channels=1):
    rng = np.random.default_rng(seed)
    return rng.uniform(size=(count, SIZE, SIZE, channels)).astype("float32")


def both(count=4):
    """Images of A, and darker ones of B."""
    return random_images(count), 0.5 * random_images(count, seed=1)


def translator(in_channels=1, out_channels=1):
    """Two convolutions: quicker than what one translates with."""
    image = keras.Input((None, None, in_channels))
    x = keras.layers.Conv2D(4, 3, padding="same", activation="relu")(image)
    x = keras.layers.Conv2D(
        out_channels, 3, padding="same", activation="sigmoid", dtype="float32"
    )(x)
    return keras.Model(image, x)


def discriminator(channels=1, **options):
    return networks.patch_discriminator(channels, (), widths=(4,), **options)


def small(model=models.CycleGAN, spectral=False, **options):
    """Not compiled."""
    parts = [translator(), translator()]
    for _ in "ab":
        parts.append(discriminator(spectral_normalization=spectral))
    options = {"image_size": SIZE, "pool_size": 0, "seed": 0, **options}
    return model(*parts, **options)


def compiled(gan, **options):
    gan.compile(**options)
    return gan


def still(rate=0.0):
    return keras.optimizers.SGD(rate)


def networks_of(gan):
    return [*gan.generator_networks, *gan.discriminator_networks]


def formulas(gan, a, b, averages=False):
    """Losses of both generators and of both discriminators, terms apart."""
    to_b, to_a = gan._generators(not averages)
    fake_b, fake_a = to_b(a), to_a(b)
    mean, square = tf.reduce_mean, tf.square
    d_a, d_b = gan.discriminator_a, gan.discriminator_b
    terms = {
        "adversarial": mean(square(d_b(fake_b) - 1))
        + mean(square(d_a(fake_a) - 1)),
        "cycle": 2 * mean(abs(to_a(fake_b) - a))
        + 2 * mean(abs(to_b(fake_a) - b)),
        "identity": 2 * mean(abs(to_b(b) - b)) + 2 * mean(abs(to_a(a) - a)),
    }
    of_d = [
        0.5 * mean(square(network(real) - 1) + square(network(fake)))
        for network, real, fake in ((d_b, b, fake_b), (d_a, a, fake_a))
    ]
    return terms, 0.5 * sum(of_d)


def test_losses_are_those_of_the_paper():
    gan = compiled(small())
    a, b = both()
    terms, of_d = formulas(gan, a, b, averages=True)
    logs = gan.evaluate(a, b, batch_size=4, verbose=0, return_dict=True)
    expected = {
        # Half the squares, and the mean of both sides, are logged.
        "generator_loss": terms["adversarial"] / 4,
        "discriminator_loss": of_d,
        "cycle_loss": terms["cycle"],
        "identity_loss": terms["identity"],
        "loss": terms["adversarial"]
        + 10 * terms["cycle"]
        + 5 * terms["identity"]
        + of_d,
    }
    for name, value in expected.items():
        assert logs[name] == pytest.approx(float(value), rel=1e-5), name
    others = {"accuracy_real", "accuracy_fake", "diversity"}
    assert set(logs) == {*expected, *others}
    gan.compile(identity_weight=0.0, cycle_weight=2.0)
    logs = gan.evaluate(a, b, batch_size=4, verbose=0, return_dict=True)
    assert "identity_loss" not in logs
    expected = terms["adversarial"] + 2 * terms["cycle"] + of_d
    assert logs["loss"] == pytest.approx(float(expected), rel=1e-5)


@pytest.mark.parametrize("steps", [1, 2])
def test_a_step_is_gradient_descent_on_the_formulas(steps):
    """The generators' step sees the discriminators' new weights."""
    gan, twin = small(), small()
    twin.set_weights(gan.get_weights())
    gan.compile(still(0.02), still(0.5), discriminator_steps=steps)
    a, b = both()
    gan.fit(a, b, batch_size=4, shuffle=False, verbose=0)
    for part in range(steps):
        step = slice(part, None, steps)
        with tf.GradientTape() as tape:
            _, loss = formulas(twin, a[step], b[step])
        descend(tape, loss, twin.discriminator_networks, 0.5)
    with tf.GradientTape() as tape:
        terms, _ = formulas(twin, a[step], b[step])
        loss = terms["adversarial"] + 10 * terms["cycle"]
        loss += 5 * terms["identity"]
    descend(tape, loss, twin.generator_networks, 0.02)
    for network, other in zip(networks_of(gan), networks_of(twin), strict=True):
        for ours, theirs in zip(network.weights, other.weights, strict=True):
            np.testing.assert_allclose(ours, theirs, atol=2e-5)


def descend(tape, loss, parts, rate):
    variables = [v for part in parts for v in part.trainable_variables]
    for weight, gradient in zip(
        variables, tape.gradient(loss, variables), strict=True
    ):
        weight.assign(weight - rate * gradient)


def test_each_step_moves_its_own_networks_alone():
    gan = small(pool_size=2)
    for rates, moves in (
        ((0.1, 0.0), [1, 1, 0, 0]),
        ((0.0, 0.1), [0, 0, 1, 1]),
    ):
        gan.compile(*map(still, rates))
        before = [network.get_weights() for network in networks_of(gan)]
        gan.fit(*both(), batch_size=4, verbose=0)
        changed = [
            any(
                np.abs(new - old).max() > 0
                for new, old in zip(network.get_weights(), weights, strict=True)
            )
            for network, weights in zip(networks_of(gan), before, strict=True)
        ]
        assert changed == list(map(bool, moves))


def test_averages_follow_both_generators():
    gan = compiled(small(), average_decay=0.5)
    gan.compile(still(0.05), still(0.05), average_decay=0.5)
    start = [network.get_weights() for network in gan.generator_networks]
    gan.fit(*both(), batch_size=4, verbose=0)
    decay = 2 / 11  # of the first step
    for (average, network), weights in zip(gan.averages(), start, strict=True):
        for ours, new, old in zip(
            average.weights, network.weights, weights, strict=True
        ):
            expected = decay * old + (1 - decay) * np.asarray(new)
            np.testing.assert_allclose(ours, expected, atol=1e-6)
    assert not gan.generator_ba_average.trainable_variables


def test_it_learns_a_batch():
    def build():
        return compiled(
            small(), generator_optimizer=keras.optimizers.Adam(0.01)
        )

    check_overfits(build, both(), steps=150, fall=0.7)


def everything(**options):
    """Spectral norms, pools and a decay."""
    return compiled(
        small(spectral=True, pool_size=3, seed=None),
        generator_optimizer=keras.optimizers.Adam(LinearDecay(1e-2, 6)),
        **options,
    )


@pytest.mark.slow
def test_stopping_and_resuming_changes_nothing(tmp_path):
    """The pools are full after one epoch."""
    check_resumes(everything, both(), tmp_path)


@pytest.mark.slow
def test_a_loaded_model_is_compiled_as_it_was(tmp_path):
    gan = everything(cycle_weight=3.0, discriminator_steps=2)
    gan.fit(*both(), batch_size=4, verbose=0)
    assert [int(pool.num_images) for pool in gan.pools] == [3, 3]
    gan.save(tmp_path / "gan.keras")
    loaded = keras.saving.load_model(tmp_path / "gan.keras")
    assert loaded.get_compile_config() == gan.get_compile_config()
    assert_same_state(loaded, gan)
    assert loaded.loss_weights == {"cycle_weight": 3.0, "identity_weight": 1.5}


@pytest.mark.parametrize(
    "policy",
    [
        "mixed_float16",
        pytest.param("mixed_bfloat16", marks=pytest.mark.slow),
    ],
)
@pytest.mark.slow
def test_mixed_precision_trains(policy):
    expected = compiled(small(spectral=True)).fit(*both(), verbose=0).history
    gan, logs = check_mixed_precision(
        lambda: compiled(small(spectral=True, pool_size=3)),
        both(),
        policy,
        epochs=10,
    )
    assert {pool.images.dtype for pool in gan.pools} == {"float32"}
    for name in ("loss", "cycle_loss", "discriminator_loss"):
        assert logs[name][0] == pytest.approx(expected[name][0], rel=0.02)


@pytest.mark.slow
def test_two_replicas_equal_one(two_replicas):
    """Also the pools, which swap the images of the whole batch."""
    data = tf.data.Dataset.from_tensor_slices(both(21)).batch(8)

    def build():
        keras.utils.set_random_seed(0)
        gan = small(pool_size=6)
        gan.compile(still(0.01), still(0.1), average_decay=0.5)
        return gan

    one = build()
    logs_one = one.fit(data, epochs=2, verbose=0).history
    with two_replicas.scope():
        two = build()
    logs_two = two.fit(data, epochs=2, verbose=0).history
    for ours, theirs in zip(one.weights, two.weights, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5, err_msg=ours.path)
    for name in ("loss", "cycle_loss", "discriminator_loss"):
        np.testing.assert_allclose(
            # Keras takes the mean over replicas, of which one had less.
            logs_two[name],
            logs_one[name],
            rtol=5e-3,
            err_msg=name,
        )


def test_discriminators_see_images_of_earlier_steps():
    seen = []

    class Recording(models.CycleGAN):
        def comparisons(self, batch, fakes, training):
            seen.append([images.numpy() for images in fakes])
            return super().comparisons(batch, fakes, training)

    gan = small(Recording, pool_size=4)
    gan.compile(still(0.05), still(0.05), run_eagerly=True)
    gan.fit(*both(20), batch_size=4, shuffle=False, verbose=0)
    pooled, made = seen[::2], seen[1::2]
    for side in (0, 1):
        np.testing.assert_array_equal(pooled[0][side], made[0][side])
        earlier = [
            image.tobytes() for each in made[:-1] for image in each[side]
        ]
        swapped = [
            image.tobytes() in earlier
            for each in pooled[1:]
            for image in each[side]
        ]
        assert 0 < sum(swapped) < 16
    of_a, of_b = (np.asarray(pool.images) for pool in gan.pools)
    assert np.abs(of_a - of_b).max() > 0


@pytest.mark.slow
def test_it_translates_both_ways(tmp_path):
    parts = translator(1, 3), translator(3, 1), discriminator(1)
    gan = models.CycleGAN(*parts, discriminator(3), SIZE, pool_size=2, seed=0)
    gan.compile(still(0.1), still(0.1), average_decay=0.9)
    a, b = random_images(3), random_images(3, 1, channels=3)
    logs = gan.fit(a, b, verbose=0).history
    assert "identity_loss" not in logs
    made = gan.translate(a)
    assert made.shape == (3, SIZE, SIZE, 3)
    np.testing.assert_allclose(
        made, np.clip(gan.generator_average(a), 0, 1), atol=1e-6
    )
    np.testing.assert_allclose(gan.predict(a, verbose=0), made, atol=1e-6)
    back = gan.translate(b, "b_to_a")
    assert back.shape == (3, SIZE, SIZE, 1)
    np.testing.assert_allclose(
        back, np.clip(gan.generator_ba_average(b), 0, 1), atol=1e-6
    )
    assert np.abs(back - gan.generator_ba(b)).max() > 1e-6
    assert gan.translate(np.zeros((1, 9, 14, 1))).shape == (1, 9, 14, 3)


def test_images_of_any_size_train_without_pools_augmented_and_penalized():
    gan = compiled(
        small(),
        gradient_penalty=losses.R1(),
        augmentation=layers.DiffAugment(),
        run_eagerly=True,
    )
    for size in (8, 12):
        a = np.random.default_rng(0).random((2, size, size + 1, 1), "float32")
        assert np.isfinite(gan.fit(a, a, verbose=0).history["loss"]).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda a, b: (a,), r"learns from two sets: `fit\(images_a"),
        (lambda a, b: (255 * a, b), "Images of A must lie in"),
        (lambda a, b: (a, 2 * b - 1), "Images of B must lie in"),
        (
            lambda a, b: (a[:, :4], b),
            r"of shape \(batch, 8, 8",
        ),
        (lambda a, b: (a, b, np.ones(4)), "takes no sample weights"),
    ],
)
def test_bad_data_is_refused(change, message):
    gan = compiled(small(pool_size=2))
    data = change(*both())
    with pytest.raises(ValueError, match=message):
        gan.fit(*data[:2], sample_weight=data[2] if data[2:] else None)
    if len(data) == 2:
        with pytest.raises(ValueError, match=message):
            gan.fit(tf.data.Dataset.from_tensors(data), verbose=0)


def test_sets_of_different_sizes_are_refused():
    gan = compiled(small())
    a, b = both()
    with pytest.raises(ValueError, match="as many images of B as of A"):
        gan.fit(a, b[:3], verbose=0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cycle_weight": -1.0}, "`cycle_weight` must be a number"),
        ({"identity_weight": "1"}, "`identity_weight` must be a number"),
        ({"metrics": ["mae"]}, "metrics.KernelDistance"),
        ({"optimizer": "adam"}, "takes no `optimizer`"),
    ],
)
def test_bad_compile_arguments_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        small().compile(**options)


def test_bad_networks_and_directions_are_refused():
    parts = [translator(), translator(), discriminator(), discriminator()]
    with pytest.raises(ValueError, match="`generator_ab` must make images"):
        models.CycleGAN(translator(1, 3), *parts[1:], SIZE)
    with pytest.raises(ValueError, match="`generator_ba` must make images"):
        models.CycleGAN(parts[0], translator(3, 1), *parts[2:], SIZE)
    for size in (0, None, 16.0):
        with pytest.raises(ValueError, match="`image_size` must be"):
            models.CycleGAN(*parts, image_size=size)
    assert models.CycleGAN(*parts, image_size=np.int64(16)).image_size == 16
    gan = models.CycleGAN(*parts, SIZE)
    with pytest.raises(ValueError, match="`direction` must be one of"):
        gan.translate(random_images(), "ab")
    with pytest.raises(ValueError, match="must lie in"):
        gan.translate(255 * random_images())
    mixed = translator(1, 3), translator(3, 1), discriminator(1)
    gan = models.CycleGAN(*mixed, discriminator(3), SIZE)
    with pytest.raises(ValueError, match="`identity_weight` must be 0"):
        gan.compile(identity_weight=1.0)
