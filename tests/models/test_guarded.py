"""Range guard: every model refuses data that it cannot learn from."""

import gc
import weakref

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_synth import models, networks
from keras_synth.models.guarded import DataGuard

SHAPE = (16, 16, 1)
RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.uniform(size=(4, *SHAPE)).astype("float32")
MASKS = (IMAGES > 0.7).astype("float32")
LABELS = np.array([0, 1, 2, 1])
LATENTS = RANDOM.normal(size=(4, 3)).astype("float32")


def vae(num_classes=None):
    sizes = {"latent_dim": 3, "num_classes": num_classes}
    return models.VAE(
        networks.dense_encoder(SHAPE, **sizes),
        networks.dense_decoder(SHAPE, **sizes),
    )


def gan(num_classes=None):
    return models.GAN(
        networks.dense_generator(SHAPE, 3, num_classes=num_classes),
        networks.dense_discriminator(SHAPE, num_classes=num_classes),
    )


def stylegan2():
    return models.StyleGAN2(
        networks.stylegan2_mapping(3, 4, num_layers=1),
        networks.stylegan2_synthesis(SHAPE, 4, channel_max=2),
        networks.stylegan2_discriminator(SHAPE, channel_max=2),
    )


def restoration_gan():
    return models.RestorationGAN(
        networks.unet(channels=1, widths=(2, 4), num_blocks=1),
        networks.patch_discriminator(1, ("degraded",), widths=(2,)),
    )


def inpainter():
    return models.RestorationGAN(
        networks.gated_inpainter(channels=1, widths=(2, 4)),
        networks.patch_discriminator(1, widths=(2,)),
    )


def adain():
    features = feature_network()
    return models.AdaINTransfer(features, networks.style_decoder(features))


def feature_network():
    layers = ("relu_conv1", "fire2")
    return networks.squeezenet_features(None, layers)


COLOR = np.repeat(np.repeat(IMAGES, 3, axis=-1), 3, axis=1)
COLOR = np.repeat(COLOR, 3, axis=2)
#: Name of a model: (function that builds it, x and y of `fit`, of `predict`).
MODELS = {
    "VAE": (vae, (IMAGES, None), IMAGES),
    "conditional VAE": (lambda: vae(3), (IMAGES, LABELS), [IMAGES, LABELS]),
    "GAN": (gan, (IMAGES, None), LATENTS),
    "conditional GAN": (lambda: gan(3), (IMAGES, LABELS), [LATENTS, LABELS]),
    "StyleGAN2": (stylegan2, (IMAGES, None), LATENTS),
    "RestorationGAN": (restoration_gan, (IMAGES, IMAGES), IMAGES),
    "inpainter": (
        inpainter,
        ({"image": IMAGES, "mask": MASKS}, IMAGES),
        {"image": IMAGES, "mask": MASKS},
    ),
    "AdaINTransfer": (adain, (COLOR, COLOR), [COLOR, COLOR]),
}


def with_nan(values):
    return np.where(values == values.max(), np.nan, values)


#: What is wrong with an image: what makes it so, and what the message says.
WRONG_IMAGES = {
    "uint8": (lambda x: (255 * x).astype("uint8"), "255"),
    "[0, 255]": (lambda x: 255 * x, "images / 255"),
    "[-1, 1]": (lambda x: 2 * x - 1, "(images + 1) / 2"),
    "NaN": (with_nan, "must be finite"),
}
WRONG_LABELS = {
    "-1": (lambda y: y - 1, "from 0 to 2"),
    "too high": (lambda y: y + 1, "from 0 to 2"),
    "floats": (lambda y: y + 0.5, "must be ints"),
    "strings": (lambda y: y.astype(str), "must be ints"),
}
WRONG_MASKS = {"255": (lambda m: 255 * m, "masks / 255")}
WRONG_LATENTS = {"NaN": (with_nan, "must be finite")}


def kinds_of(value):
    """The faults that a part of a batch can have."""
    if value.ndim == 1:
        return WRONG_LABELS
    if value.ndim == 2:
        return WRONG_LATENTS
    return WRONG_MASKS if value is MASKS else WRONG_IMAGES


def wrong_versions(data):
    """Data with one fault each, and a part of the message about it."""
    parts = tf.nest.flatten(data)
    for index, part in enumerate(parts):
        if part is None:
            continue
        for wrong, message in kinds_of(part).values():
            changed = [*parts[:index], wrong(part), *parts[index + 1 :]]
            yield tf.nest.pack_sequence_as(data, changed), message


def as_dataset(data, batch_size=2):
    data = tuple(data) if isinstance(data, list) else data
    return tf.data.Dataset.from_tensor_slices(data).batch(batch_size)


@pytest.mark.parametrize(
    "kind",
    ["arrays", pytest.param("tensors", marks=pytest.mark.slow), "dataset"],
)
@pytest.mark.parametrize("name", MODELS)
def test_wrong_data_are_refused_before_a_weight_moves(name, kind):
    build, pair, inputs = MODELS[name]
    model = build()
    model.compile(run_eagerly=True)  # nothing to trace
    before = model.get_weights()

    def given(x, y=None):
        if kind == "dataset":
            return (as_dataset(x if y is None else (x, y), 4),)
        if kind == "tensors":
            x, y = tf.nest.map_structure(
                lambda part: None if part is None else tf.constant(part), (x, y)
            )
        return (x,) if y is None else (x, y)

    for use, data in (
        (model.fit, pair),
        (model.evaluate, pair),
        (model.predict, (inputs,)),
        (model.train_on_batch, pair),
        (model.test_on_batch, pair),
        (model.predict_on_batch, (inputs,)),
    ):
        quiet = {} if use.__name__.endswith("_on_batch") else {"verbose": 0}
        if kind == "dataset" and not quiet:
            continue  # one batch is no dataset
        for wrong, message in wrong_versions(data):
            with pytest.raises(ValueError) as refused:
                use(*given(*wrong), **quiet)
            said = str(refused.value)
            assert message in said
            assert "\x1b" not in said and len(said) < 300, said
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    assert model.optimizer.iterations == 0


def test_style_transfer_refuses_wrong_images_and_has_nothing_to_fit():
    model = models.StyleTransfer(feature_network())
    model.compile()
    for wrong, message in wrong_versions([COLOR, COLOR]):
        for given in (wrong, as_dataset(tuple(wrong), len(COLOR))):
            with pytest.raises(ValueError) as refused:
                model.predict(given, verbose=0)
            assert message in str(refused.value)
    for use in (model.fit, model.evaluate):
        with pytest.raises(ValueError, match="StyleTransfer has no"):
            use(COLOR, COLOR)


def test_style_transfer_predicts_from_a_dataset_of_pairs(monkeypatch):
    def stylize(self, contents, styles, steps, verbose):
        return 0.5 * (contents + styles)

    monkeypatch.setattr(models.StyleTransfer, "stylize", stylize)
    model = models.StyleTransfer(feature_network())
    model.compile()
    pair = [COLOR, COLOR[:, ::-1]]
    np.testing.assert_array_equal(
        model.predict(as_dataset(tuple(pair)), verbose=0),
        model.predict(pair, verbose=0),
    )


def eager_vae(num_classes=None):
    model = vae(num_classes)
    model.compile(run_eagerly=True)
    return model


class Batches(keras.utils.PyDataset):
    """Batches as Keras' own class of data gives them."""

    def __len__(self):
        return 2

    def __getitem__(self, index):
        return (255 * IMAGES,)


@pytest.mark.parametrize(
    "data",
    [
        ((255 * IMAGES,) for _ in range(2)),
        Batches(),
        tf.distribute.get_strategy().experimental_distribute_dataset(
            as_dataset(255 * IMAGES)
        ),
    ],
    ids=["generator", "PyDataset", "distributed"],
)
def test_other_kinds_of_data_are_checked_too(data):
    with pytest.raises(ValueError, match="images / 255"):
        eager_vae().fit(data, verbose=0)


def test_a_model_is_freed_after_training_on_a_dataset():
    """TensorFlow never frees a function of a pipeline."""
    model = eager_vae()
    model.fit(as_dataset(IMAGES), validation_data=as_dataset(IMAGES), verbose=0)
    model.predict(as_dataset(IMAGES), verbose=0)
    alive = weakref.ref(model)
    del model
    gc.collect()
    assert alive() is None


def test_a_generator_trains_without_a_warning():
    model = eager_vae()
    batches = ((IMAGES,) for _ in range(2))
    model.fit(batches, steps_per_epoch=2, verbose=0)  # a warning is an error
    assert model.optimizer.iterations == 2


def test_a_generator_loses_no_batch():
    guard = DataGuard(lambda batch: None)
    seen = list(guard.of(index for index in range(1, 4)))
    assert seen == [1, 2, 3]


def test_validation_data_are_checked():
    for validation in (
        (255 * IMAGES,),
        as_dataset(255 * IMAGES),
        (as_dataset(255 * IMAGES),),
    ):
        with pytest.raises(ValueError, match="images / 255"):
            model = eager_vae()
            model.fit(IMAGES, validation_data=validation, verbose=0)
        assert model.optimizer.iterations == 0


def test_later_batches_of_a_dataset_with_nan_or_unknown_labels_are_refused():
    """A network would be NaN for good, or TensorFlow names an `indices[2]`."""
    images = np.stack([IMAGES] * 3)
    spoiled = images.copy()
    spoiled[2, 1, 2, 3] = np.nan
    labels = np.stack([LABELS] * 3)
    high = np.stack([LABELS, LABELS, LABELS + 1])
    for data, message in (
        ((spoiled, labels), "must be finite"),
        ((images, high), "from 0 to 2. Received: from 1 to 3"),
    ):
        batches, seen = tf.data.Dataset.from_tensor_slices(data), 0
        with (
            pytest.raises(ValueError, match=message),
            DataGuard(vae(3).check_batch, num_classes=3) as guard,
        ):
            for _ in guard.of(batches):
                seen += 1
        assert seen == 2


def test_a_guarded_dataset_is_the_same_and_is_checked_once():
    looks = []
    data = tf.data.Dataset.range(9).map(
        lambda i: ({"image": tf.cast(i, "float32")}, i)
    )
    data = data.batch(2)
    guarded = DataGuard(looks.append).of(data)
    assert guarded.element_spec == data.element_spec
    assert guarded.cardinality() == data.cardinality()
    for ours, theirs in zip(guarded, data, strict=True):
        np.testing.assert_array_equal(ours[0]["image"], theirs[0]["image"])
        np.testing.assert_array_equal(ours[1], theirs[1])
    assert len(looks) == 1


def test_a_guarded_pipeline_feeds_replicas(two_replicas):
    with two_replicas.scope():
        model = vae()
        model.compile()
    with pytest.raises(ValueError, match="images / 255"):
        model.fit(as_dataset(255 * IMAGES), verbose=0)
    model.fit(as_dataset(IMAGES), verbose=0)
    assert model.optimizer.iterations == 2


def test_sample_and_class_weights_are_refused():
    weights = np.ones(4)
    triples = as_dataset((IMAGES, LABELS, weights))
    for use, data, options in (
        ("fit", (IMAGES,), {"sample_weight": weights}),
        ("fit", (IMAGES, LABELS), {"sample_weight": weights}),
        ("evaluate", (IMAGES, LABELS), {"sample_weight": weights}),
        ("fit", (IMAGES, LABELS), {"class_weight": {0: 2.0}}),
        ("fit", (triples,), {}),
    ):
        with pytest.raises(ValueError, match="weights"):
            getattr(eager_vae(3), use)(*data, **options, verbose=0)
    triples = as_dataset((COLOR, COLOR, weights))
    model = adain()
    model.compile(run_eagerly=True)
    with pytest.raises(ValueError, match="takes no sample weights"):
        model.fit(triples, verbose=0)


def test_degraded_images_may_be_noisy_but_not_mapped():
    model = restoration_gan()
    for level in (0.1, 0.2, 0.3):
        black = level * RANDOM.normal(size=(1, 64, 64, 1)).astype("float32")
        model.check_inputs(black)
        model.check_inputs(black + 0.5)
    with pytest.raises(ValueError, match="images \\+ 1"):
        model.check_inputs(2 * IMAGES - 1)


def test_messages_of_a_call_are_plain():
    """Keras would write the arguments of the call around them, in bold."""
    for use in (eager_vae(), inpainter()):
        with pytest.raises(ValueError) as refused:
            use(255 * IMAGES)
        assert "\x1b" not in str(refused.value)
        assert "Arguments received" not in str(refused.value)


@pytest.mark.parametrize("ending", ["h5", "hdf5"])
def test_hdf5_files_that_could_not_be_loaded_are_refused(tmp_path, ending):
    path = tmp_path / f"model.{ending}"
    for model in (vae(), models.StyleTransfer(feature_network())):
        with pytest.raises(ValueError, match=r'ends in ".keras"'):
            model.save(path)
    assert not path.exists()


@pytest.mark.parametrize("policy", ["float16", "bfloat16", "float64"])
def test_precisions_without_float32_losses_are_refused(policy):
    keras.config.set_dtype_policy(policy)
    foreign = [vae(), gan(), restoration_gan()]
    keras.config.set_dtype_policy("float32")
    for model in foreign:
        with pytest.raises(ValueError, match=f"Received: {policy}"):
            model.compile()
    keras.config.set_floatx("float64")
    try:
        with pytest.raises(ValueError, match="Received: floatx float64"):
            vae().compile()
    finally:
        keras.config.set_floatx("float32")


def test_log_variances_that_overflow_lead_back():
    """exp(100) is infinite in float32; training goes on, and down."""
    image = keras.Input(SHAPE)
    x = keras.layers.Flatten()(image)
    heads = [
        keras.layers.Dense(3),
        keras.layers.Dense(
            3, bias_initializer=keras.initializers.Constant(100.0)
        ),
    ]
    encoder = keras.Model(image, [head(x) for head in heads])
    model = models.VAE(encoder, networks.dense_decoder(SHAPE, 3), seed=0)
    model.compile(keras.optimizers.Adam(1.0), run_eagerly=True)
    losses = model.fit(IMAGES, epochs=3, verbose=0).history["loss"]
    assert np.isfinite(losses).all()
    assert np.max(heads[1].bias) < 100.0
