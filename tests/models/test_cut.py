"""CUT: its losses, its step, its encoder and its one direction."""

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
from tests.models.test_cycle_gan import (
    SIZE,
    both,
    descend,
    discriminator,
    random_images,
    still,
)

PLACES = SIZE * SIZE


def translator(channels=1, out_channels=1):
    """Two convolutions, of which the first one's map is compared."""
    image = keras.Input((None, None, channels), name="image")
    x = keras.layers.Conv2D(
        4, 3, padding="same", activation="tanh", name="first"
    )(image)
    x = keras.layers.Conv2D(
        out_channels, 3, padding="same", activation="sigmoid", dtype="float32"
    )(x)
    return keras.Model(image, x)


def small(spectral=False, seed=0):
    """Not compiled."""
    generator = translator()
    head = networks.projection_head(generator, ("image", "first"), units=6)
    for weight in head.trainable_weights:
        # Vectors are short at the start, and their gradients large: a step
        # of plain gradient descent would magnify what is rounded.
        weight.assign(20.0 * weight)
    return models.CUT(
        generator,
        discriminator(spectral_normalization=spectral),
        head,
        seed=seed,
    )


def compiled(model, **options):
    model.compile(**options)
    return model


def networks_of(model):
    return [
        model.generator,
        model.projection_head,
        model.discriminator,
    ]


def nce(model, sources, made):
    """The contrastive loss of all places, as its formula says."""
    of_layers = []
    for name in ("image", "first"):
        vectors = []
        for images in (sources, made):
            layer = model.generator.get_layer(name)
            x = images if name == "image" else layer(images)
            for part in ("hidden", "projection"):
                x = model.projection_head.get_layer(f"{name}_{part}")(x)
            shape = len(images), PLACES, 6
            vectors.append(tf.linalg.l2_normalize(tf.reshape(x, shape), -1))
        keys, queries = vectors
        scores = queries @ tf.transpose(tf.stop_gradient(keys), (0, 2, 1))
        right = tf.one_hot([range(PLACES)] * len(images), PLACES)
        of_layers.append(
            tf.nn.softmax_cross_entropy_with_logits(right, scores / 0.07)
        )
    return tf.reduce_mean(of_layers)


def formulas(model, a, b, averages=False):
    """Terms of the generator's loss, and the discriminator's loss."""
    translate = model.generator_average if averages else model.generator
    fake = translate(a)
    d, mean, square = model.discriminator, tf.reduce_mean, tf.square
    terms = {
        "adversarial": mean(square(d(fake) - 1)),
        "nce": nce(model, a, fake),
        "identity": nce(model, b, translate(b)),
    }
    return terms, 0.5 * mean(square(d(b) - 1) + square(d(fake)))


def test_losses_are_those_of_the_authors():
    model = compiled(small(), run_eagerly=True)
    a, b = both()
    terms, of_d = formulas(model, a, b, averages=True)
    logs = model.evaluate(a, b, batch_size=4, verbose=0, return_dict=True)
    expected = {
        "generator_loss": terms["adversarial"] / 2,  # half the squares
        "discriminator_loss": of_d,
        "nce_loss": terms["nce"],
        "identity_loss": terms["identity"],
        "loss": terms["adversarial"]
        + 0.5 * terms["nce"]
        + 0.5 * terms["identity"]
        + of_d,
    }
    for name, value in expected.items():
        assert logs[name] == pytest.approx(float(value), rel=1e-4), name
    others = {"accuracy_real", "accuracy_fake", "diversity"}
    assert set(logs) == {*expected, *others}
    # FastCUT
    model.compile(nce_weight=10.0, identity_weight=0.0, run_eagerly=True)
    logs = model.evaluate(a, b, batch_size=4, verbose=0, return_dict=True)
    assert "identity_loss" not in logs
    expected = terms["adversarial"] + 10 * terms["nce"] + of_d
    assert logs["loss"] == pytest.approx(float(expected), rel=1e-4)


@pytest.mark.parametrize("steps", [1, 2])
def test_a_step_is_gradient_descent_on_the_formulas(steps):
    """The generator's step sees the discriminator's new weights."""
    model, twin = small(), small()
    twin.set_weights(model.get_weights())
    model.compile(
        still(0.02), still(0.5), discriminator_steps=steps, run_eagerly=True
    )
    a, b = both()
    model.fit(a, b, batch_size=4, shuffle=False, verbose=0)
    for part in range(steps):
        step = slice(part, None, steps)
        with tf.GradientTape() as tape:
            _, loss = formulas(twin, a[step], b[step])
        descend(tape, loss, [twin.discriminator], 0.5)
    with tf.GradientTape() as tape:
        terms, _ = formulas(twin, a[step], b[step])
        loss = terms["adversarial"] + 0.5 * (terms["nce"] + terms["identity"])
    descend(tape, loss, [twin.generator, twin.projection_head], 0.02)
    for network, other in zip(*map(networks_of, (model, twin)), strict=True):
        for ours, theirs in zip(network.weights, other.weights, strict=True):
            np.testing.assert_allclose(ours, theirs, atol=2e-5)


def test_each_step_moves_its_own_networks_alone():
    for rates, moves in (
        ((0.1, 0.0), [True, True, False]),
        ((0.0, 0.1), [False, False, True]),
    ):
        model = small()
        model.compile(*map(still, rates), run_eagerly=True)
        before = [network.get_weights() for network in networks_of(model)]
        model.fit(*both(), batch_size=4, verbose=0)
        changed = [
            any(
                np.abs(new - old).max() > 0
                for new, old in zip(network.get_weights(), weights, strict=True)
            )
            for network, weights in zip(networks_of(model), before, strict=True)
        ]
        assert changed == moves


def test_the_encoder_shares_the_layers_wherever_the_generator_is(tmp_path):
    model = compiled(small())
    model.generator.get_layer("first").bias.assign([1.0, 2.0, 3.0, 4.0])
    model.save(tmp_path / "cut.keras")
    images = random_images()
    for each in (model, keras.saving.load_model(tmp_path / "cut.keras")):
        encoder = each.encoder()
        maps = encoder(images)
        np.testing.assert_array_equal(maps["image"], images)
        first = each.generator.get_layer("first")
        assert encoder.get_layer("first") is first
        np.testing.assert_array_equal(maps["first"], first(images))
        assert np.all(np.asarray(first.bias) == [1.0, 2.0, 3.0, 4.0])
    # No weights twice: generator, its average, head, discriminator, a count.
    parts = [*networks_of(model), model.generator_average]
    assert len(model.weights) == sum(len(x.weights) for x in parts) + 1
    copied = keras.models.clone_model(model.generator)
    names = [layer.name for layer in model.generator.layers]
    assert [layer.name for layer in copied.layers] == names


def test_a_translator_is_compared_where_the_paper_does():
    generator = networks.resnet_translator(width=4, num_blocks=6)
    model = models.CUT(
        generator,
        networks.patch_discriminator(3, (), widths=(4,)),
        networks.projection_head(generator, units=8),
    )
    maps = model.encoder()(np.zeros((1, 16, 24, 3), "float32"))
    shapes = {name: tuple(each.shape[1:]) for name, each in maps.items()}
    assert shapes == {
        "pixels": (16, 24, 3),
        "down_1": (8, 12, 8),
        "down_2": (4, 6, 16),
        "block_1": (4, 6, 16),
        "block_5": (4, 6, 16),
    }
    np.testing.assert_array_equal(maps["pixels"], -1.0)


def test_places_are_random_in_training_distinct_and_shared_by_the_batch():
    seen = []

    class Recording(models.CUT):
        def _places(self, maps, seed):
            places = super()._places(maps, seed)
            seen.append(np.asarray(places))
            return places

    generator = translator()
    head = networks.projection_head(generator, ("first",), units=4)
    model = Recording(generator, discriminator(), head, seed=0)
    model.compile(num_patches=10, identity_weight=0.0, run_eagerly=True)
    model.fit(*both(8), batch_size=4, verbose=0)
    model.evaluate(*both(8), batch_size=4, verbose=0)
    for places in seen:
        assert len(set(places)) == len(places) == 10
        assert places.min() >= 0 and places.max() < PLACES
    first, second, *evaluated = map(tuple, seen)
    assert first != second
    assert len(set(evaluated)) == 1


def test_it_learns_a_batch_and_keeps_places():
    """Trained without adversary to speak of, places are told apart."""

    def build():
        return compiled(
            small(),
            generator_optimizer=keras.optimizers.Adam(0.01),
            nce_weight=10.0,
            num_patches=32,
        )

    check_overfits(build, both(), steps=100, fall=0.8)


def everything(**options):
    """Spectral norms, random places and a decay."""
    return compiled(
        small(spectral=True, seed=None),
        generator_optimizer=keras.optimizers.Adam(LinearDecay(1e-2, 6)),
        num_patches=20,
        **options,
    )


@pytest.mark.slow
def test_stopping_and_resuming_changes_nothing(tmp_path):
    check_resumes(everything, both(), tmp_path)


@pytest.mark.slow
def test_a_loaded_model_is_compiled_as_it_was(tmp_path):
    model = everything(nce_weight=3.0, temperature=0.1, discriminator_steps=2)
    model.fit(*both(), batch_size=4, verbose=0)
    model.save(tmp_path / "cut.keras")
    loaded = keras.saving.load_model(tmp_path / "cut.keras")
    assert loaded.get_compile_config() == model.get_compile_config()
    assert_same_state(loaded, model)
    assert loaded.loss_weights == {"nce_weight": 3.0, "identity_weight": 0.5}
    assert loaded.num_patches == 20
    assert loaded.patch_nce.temperature == 0.1


@pytest.mark.parametrize(
    "policy",
    [
        "mixed_float16",
        pytest.param("mixed_bfloat16", marks=pytest.mark.slow),
    ],
)
@pytest.mark.slow
def test_mixed_precision_trains(policy):
    """In float16 the first three steps look for the loss scale."""
    expected = compiled(small(spectral=True)).fit(*both(), verbose=0).history
    _, logs = check_mixed_precision(
        lambda: compiled(small(spectral=True)), both(), policy, epochs=60
    )
    for name in ("loss", "nce_loss", "discriminator_loss"):
        assert logs[name][0] == pytest.approx(expected[name][0], rel=0.03)


@pytest.mark.slow
def test_two_replicas_equal_one(two_replicas):
    """Also the places, which are few of many here."""
    data = tf.data.Dataset.from_tensor_slices(both(21)).batch(8)

    def build():
        keras.utils.set_random_seed(0)
        model = small()
        # Slow, or steps magnify what is rounded.
        model.compile(
            still(0.002), still(0.1), average_decay=0.5, num_patches=9
        )
        return model

    one = build()
    logs_one = one.fit(data, epochs=2, verbose=0).history
    with two_replicas.scope():
        two = build()
    logs_two = two.fit(data, epochs=2, verbose=0).history
    for ours, theirs in zip(one.weights, two.weights, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5, err_msg=ours.path)
    for name in ("loss", "nce_loss", "discriminator_loss"):
        np.testing.assert_allclose(
            # Keras takes the mean over replicas, of which one had less.
            logs_two[name],
            logs_one[name],
            rtol=5e-3,
            err_msg=name,
        )


def test_it_translates_with_the_average():
    model = compiled(small())
    model.generator_average.set_weights(
        [weight + 0.1 for weight in model.generator.get_weights()]
    )
    images = random_images(3)
    made = model.translate(images)
    assert made.shape == (3, SIZE, SIZE, 1)
    np.testing.assert_allclose(
        made, np.clip(model.generator_average(images), 0, 1), atol=1e-6
    )
    assert np.abs(made - model.generator(images)).max() > 1e-3
    np.testing.assert_allclose(
        model.predict(images, verbose=0), made, atol=1e-6
    )
    assert model.translate(np.zeros((1, 9, 14, 1))).shape == (1, 9, 14, 1)


def test_images_of_any_size_train_augmented_and_penalized():
    model = compiled(
        small(),
        gradient_penalty=losses.R1(),
        augmentation=layers.DiffAugment(),
        run_eagerly=True,
    )
    for size in (8, 12):
        a = np.random.default_rng(0).random((2, size, size + 1, 1), "float32")
        assert np.isfinite(model.fit(a, a, verbose=0).history["loss"]).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda a, b: (a,), r"A CUT learns from two sets: `fit\(images_a"),
        (lambda a, b: (255 * a, b), "Images of A must lie in"),
        (lambda a, b: (a, 2 * b - 1), "Images of B must lie in"),
        (lambda a, b: (a[..., [0, 0]], b), r"of shape \(batch, any, any, 1"),
        (lambda a, b: (a, b[:3]), "as many images of B as of A"),
        (lambda a, b: (a, b, np.ones(4)), "takes no sample weights"),
    ],
)
def test_bad_data_is_refused(change, message):
    model = compiled(small())
    data = change(*both())
    with pytest.raises(ValueError, match=message):
        model.fit(*data[:2], sample_weight=data[2] if data[2:] else None)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"nce_weight": -1.0}, "`nce_weight` must be a number"),
        ({"identity_weight": "1"}, "`identity_weight` must be a number"),
        ({"num_patches": 1}, "`num_patches` must be an int of at least 2"),
        ({"temperature": 0.0}, "`temperature` must be"),
        ({"metrics": ["mae"]}, "CUT takes no `metrics`.*KernelDistance"),
        ({"optimizer": "adam"}, "takes no `optimizer`"),
    ],
)
def test_bad_compile_arguments_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        small().compile(**options)


def test_bad_networks_and_images_are_refused():
    generator, critic = translator(), discriminator()
    head = networks.projection_head(generator, ("first",))
    for parts, message in (
        ((translator(1, 3), discriminator(3), head), "`generator` must make"),
        ((generator, discriminator(3), head), "discriminator of 3 channels"),
        ((generator, critic, critic), "`projection_head` must take a dict"),
        (
            (networks.resnet_translator(1, 1, 4, 1), critic, head),
            "Received.*'f",
        ),
        (
            (translator(3, 3), discriminator(3), image_head(generator)),
            "takes 1 channels of the layer 'image', and the generator has 3",
        ),
    ):
        with pytest.raises(ValueError, match=message):
            models.CUT(*parts)
    with pytest.raises(ValueError, match="must lie in"):
        small().translate(255 * random_images())


def image_head(generator):
    return networks.projection_head(generator, ("image",))
