"""The restoration GAN: what it minimizes, what it keeps, what it refuses."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_synth import layers, losses, models, networks
from tests.helpers import (
    assert_same_state,
    check_mixed_precision,
    check_overfits,
    check_resumes,
)

SIZE = 16


def pairs(count=8, seed=0):
    """Smooth images with a masked square each: `({"image", "mask"}, clean)`."""
    rng = np.random.default_rng(seed)
    corners = rng.uniform(size=(count, 4, 1, 1)).astype("float32")
    ramp = np.linspace(0, 1, SIZE, dtype="float32")
    x, y = ramp[None, None, :], ramp[None, :, None]
    clean = corners[:, 0] * (1 - x) * (1 - y) + corners[:, 1] * x * (1 - y)
    clean = (clean + corners[:, 2] * (1 - x) * y + corners[:, 3] * x * y)[
        ..., None
    ]
    mask = np.zeros_like(clean)
    for index, (row, column) in enumerate(rng.integers(0, 10, (count, 2))):
        mask[index, row : row + 6, column : column + 6] = 1.0
    return {"image": clean * (1 - mask), "mask": mask}, clean


def features():
    """A tiny network in the form that perceptual losses take."""
    image = keras.Input((None, None, 1))
    x = keras.layers.Conv2D(
        4,
        3,
        activation="relu",
        kernel_initializer=keras.initializers.RandomNormal(seed=1),
    )(image)
    y = keras.layers.Conv2D(
        4,
        3,
        strides=2,
        activation="relu",
        kernel_initializer=keras.initializers.RandomNormal(seed=2),
    )(x)
    return keras.Model(image, {"first": x, "second": y}, name="tiny")


def small_generator():
    """Two convolutions of the image and its mask: quick to trace."""
    inputs = {
        "image": keras.Input((None, None, 1), name="image"),
        "mask": keras.Input((None, None, 1), name="mask"),
    }
    image, mask = inputs.values()
    x = keras.ops.concatenate([image * (1.0 - mask), mask], axis=-1)
    x = keras.layers.Conv2D(8, 5, padding="same", activation="relu")(x)
    x = keras.layers.Conv2D(1, 5, padding="same", dtype="float32")(x)
    return keras.Model(inputs, x)


def inpainter(local=True, with_features=True, model=models.RestorationGAN):
    """Not compiled."""
    return model(
        small_generator(),
        networks.patch_discriminator(out_channels=1, widths=(4,)),
        networks.patch_discriminator(
            out_channels=1,
            condition=(),
            widths=(4,),
            size=(8, 8),
            name="local_discriminator",
        )
        if local
        else None,
        features() if with_features else None,
        seed=0,
    )


def blind(**options):
    return models.RestorationGAN(
        networks.unet(channels=1, widths=(4,), num_blocks=1),
        networks.patch_discriminator(
            out_channels=1, condition=("degraded",), widths=(4,)
        ),
        seed=0,
        **options,
    )


def compiled(gan, **options):
    gan.compile(**options)
    return gan


def everything():
    return compiled(
        inpainter(),
        generator_optimizer=keras.optimizers.Adam(2e-3),
        discriminator_optimizer=keras.optimizers.Adam(1e-3),
        loss=losses.RelativisticAverage(),
        gradient_penalty=losses.R1(0.01, interval=2),
        style_weight=1.0,
        total_variation_weight=0.1,
    )


def copies(variables):
    return [np.array(variable) for variable in variables]


def moved(variables, before):
    return [
        np.abs(np.asarray(v) - b).max() > 0
        for v, b in zip(variables, before, strict=True)
    ]


# What is minimized -----------------------------------------------------------


def test_losses_are_the_formulas():
    degraded, clean = pairs()
    mask = degraded["mask"]
    gan = inpainter(local=False)
    gan.compile(
        loss=losses.LeastSquares(),
        hole_weight=2.0,
        known_weight=0.5,
        adversarial_weight=0.3,
        perceptual_weight=0.7,
        style_weight=0.9,
        total_variation_weight=0.4,
    )
    made = np.asarray(gan.generator_average(degraded))
    restored = mask * made + (1 - mask) * clean
    logits = [
        np.asarray(
            gan.discriminator(
                {"image": image, "degraded": degraded["image"], "mask": mask}
            )
        )
        for image in (clean, restored)
    ]
    error = np.abs(made - clean)
    psnr = -10 * np.log10(
        np.mean((np.clip(restored, 0, 1) - clean) ** 2, axis=(1, 2, 3))
    )
    expected = {
        "reconstruction_loss": np.mean((2.0 * mask + 0.5 * (1 - mask)) * error),
        "perceptual_loss": np.mean(
            losses.Perceptual(gan.features).call(clean, restored)
        ),
        "style_loss": np.mean(losses.Style(gan.features).call(clean, restored)),
        "total_variation": np.mean(losses.total_variation(restored)) / SIZE**2,
        "generator_loss": 0.5 * np.mean((logits[1] - 1) ** 2),
        "discriminator_loss": 0.5
        * (np.mean((logits[0] - 1) ** 2) + np.mean(logits[1] ** 2)),
        "psnr": psnr.mean(),
    }
    logs = gan.evaluate(
        degraded, clean, batch_size=8, verbose=0, return_dict=True
    )
    for name, value in expected.items():
        assert logs[name] == pytest.approx(value, rel=1e-4), name
    weights = (1.0, 0.7, 0.9, 0.4, 0.3, 1.0)
    total = sum(
        w * v for w, v in zip(weights, list(expected.values())[:6], strict=True)
    )
    assert logs["loss"] == pytest.approx(total, rel=1e-4)


def test_each_step_moves_its_own_networks_alone():
    degraded, clean = pairs()
    gan = inpainter()
    variables_of = (
        gan.generator.trainable_variables,
        gan.discriminator.trainable_variables
        + gan.local_discriminator.trainable_variables,
    )
    for index in (0, 1):
        optimizers = [keras.optimizers.SGD(0.5 * (index == i)) for i in (0, 1)]
        gan.compile(*optimizers, style_weight=1.0, adversarial_weight=1.0)
        before = [copies(variables) for variables in variables_of]
        frozen = copies(gan.features.weights)
        gan.fit(degraded, clean, batch_size=8, verbose=0)
        assert sum(moved(variables_of[index], before[index])) > 3
        assert not any(moved(variables_of[1 - index], before[1 - index]))
        assert not any(moved(gan.features.weights, frozen))


@pytest.mark.slow
def test_without_adversarial_loss_discriminators_are_not_trained():
    degraded, clean = pairs()
    gan = compiled(inpainter(with_features=False), adversarial_weight=0.0)
    before = copies(gan.discriminator.weights)
    local = copies(gan.local_discriminator.weights)
    logs = gan.fit(degraded, clean, verbose=0).history
    assert not any(moved(gan.discriminator.weights, before))
    assert not any(moved(gan.local_discriminator.weights, local))
    assert set(logs) == {
        "loss",
        "reconstruction_loss",
        "psnr",
        "generator_gradient_norm",
    }
    # After the warm-up, the same model trains them.
    gan.compile()
    logs = gan.fit(degraded, clean, verbose=0).history
    assert any(moved(gan.discriminator.weights, before))
    assert "discriminator_loss" in logs


def test_known_pixels_do_not_count_without_weight():
    """Only masked pixels count, and the input below them is not read."""
    degraded, clean = pairs()
    gan = compiled(
        inpainter(with_features=False),
        known_weight=0.0,
        adversarial_weight=0.0,
    )
    loss = gan.evaluate(degraded, clean, verbose=0, return_dict=True)["loss"]
    mask = degraded["mask"]
    other = {"image": degraded["image"] + 5.0 * mask, "mask": mask}
    same = gan.evaluate(other, clean, verbose=0, return_dict=True)["loss"]
    assert loss == pytest.approx(same, rel=1e-6)


def test_local_discriminator_sees_a_window_around_the_degradation():
    """Each window holds a degraded pixel, of real and fake at one place."""
    seen = []

    class Recording(models.RestorationGAN):
        def comparisons(self, batch, fakes, training):
            comparisons = super().comparisons(batch, fakes, training)
            seen.extend(
                (np.asarray(real), np.asarray(fake))
                for _, real, fake in comparisons
            )
            return comparisons

    degraded, clean = pairs()
    gan = inpainter(with_features=False, model=Recording)
    gan.compile(run_eagerly=True)
    gan.fit(degraded, clean, batch_size=8, shuffle=False, verbose=0)
    (whole, _), (real, fake), *_ = seen
    np.testing.assert_array_equal(whole, clean)
    assert real.shape == (8, 8, 8, 1)
    for image, window, restored in zip(clean, real, fake, strict=True):
        places = [
            (row, column)
            for row in range(SIZE - 7)
            for column in range(SIZE - 7)
            if (image[row : row + 8, column : column + 8] == window).all()
        ]
        assert len(places) == 1
        assert (window != restored).any()


# What every model must keep --------------------------------------------------


def test_it_learns():
    degraded, clean = pairs(4)

    def build():
        return compiled(
            inpainter(with_features=False),
            generator_optimizer=keras.optimizers.Adam(5e-3),
            adversarial_weight=0.0,
            average_decay=0.5,
        )

    check_overfits(build, (degraded, clean), steps=100, fall=0.5)


@pytest.mark.slow
def test_stopping_and_resuming_changes_nothing(tmp_path):
    check_resumes(lambda: compiled(inpainter()), pairs(4), tmp_path)


@pytest.mark.slow
def test_it_trains_in_half_precision():
    check_mixed_precision(everything, pairs(4), "mixed_float16", epochs=80)


@pytest.mark.slow
def test_saved_with_the_weights_of_its_features(tmp_path):
    gan = everything()
    gan.fit(*pairs(4), verbose=0)
    gan.save(tmp_path / "gan.keras")
    again = keras.saving.load_model(tmp_path / "gan.keras")
    assert_same_state(gan, again)
    for ours, theirs in zip(
        gan.features.weights, again.features.weights, strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)
    assert again.loss_weights == gan.loss_weights
    degraded, _ = pairs(3, seed=5)
    for loaded in (
        again,
        keras.saving.load_model(tmp_path / "gan.keras", compile=False),
    ):
        np.testing.assert_array_equal(
            loaded.restore(degraded["image"], degraded["mask"]),
            gan.restore(degraded["image"], degraded["mask"]),
        )


@pytest.mark.slow
def test_two_replicas_equal_one(two_replicas):
    degraded, clean = pairs(12)
    data = tf.data.Dataset.from_tensor_slices((degraded, clean)).batch(4)

    def build():
        keras.utils.set_random_seed(0)
        gan = inpainter(local=False)
        gan.compile(
            keras.optimizers.SGD(0.01),
            keras.optimizers.SGD(0.01),
            loss=losses.LeastSquares(),
            style_weight=1.0,
            total_variation_weight=0.1,
            adversarial_weight=1.0,
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
    for name in ("loss", "perceptual_loss", "reconstruction_loss", "psnr"):
        np.testing.assert_allclose(
            logs_two[name], logs_one[name], rtol=1e-4, err_msg=name
        )


# Use -------------------------------------------------------------------------


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_known_pixels_come_out_bit_equal(policy):
    degraded, _ = pairs()
    keras.config.set_dtype_policy(policy)
    try:
        gan = inpainter()
    finally:
        keras.config.set_dtype_policy("float32")
    restored = np.asarray(gan.restore(degraded["image"], degraded["mask"]))
    mask = degraded["mask"] > 0
    np.testing.assert_array_equal(restored[~mask], degraded["image"][~mask])
    assert np.abs(restored - degraded["image"])[mask].max() > 0
    assert restored.min() >= 0 and restored.max() <= 1
    np.testing.assert_array_equal(gan.restore(degraded), restored)
    predicted = gan.predict(degraded, verbose=0)
    assert predicted.min() >= 0 and predicted.max() <= 1
    np.testing.assert_array_equal(predicted[~mask], restored[~mask])
    np.testing.assert_allclose(predicted, restored, atol=1e-2)


def test_call_is_clipped_to_images():
    generator = keras.Sequential(
        [keras.Input((None, None, 1)), keras.layers.Rescaling(3.0, -1.0)]
    )
    gan = models.RestorationGAN(
        keras.Model(generator.inputs[0], generator.outputs[0]),
        networks.patch_discriminator(out_channels=1, condition=(), widths=(4,)),
    )
    images = pairs()[1]
    expected = np.clip(3.0 * images - 1.0, 0.0, 1.0)
    assert expected.min() == 0 and expected.max() == 1
    for restored in (
        gan(images),
        gan.restore(images),
        gan.predict(images, verbose=0),
    ):
        np.testing.assert_allclose(restored, expected, atol=1e-6)


def test_input_names_are_those_of_the_generator():
    assert inpainter().input_names == ("image", "mask")
    assert blind().input_names == ("image",)


def test_metrics_compare_the_clean_images_with_the_restored_ones(tmp_path):
    degraded, clean = pairs()
    gan = compiled(
        inpainter(local=False, with_features=False),
        generator_optimizer=keras.optimizers.SGD(0.0),
        average_decay=0.0,
        metrics=[keras.metrics.MeanAbsoluteError("error")],
    )
    restored = np.asarray(gan.restore(degraded))
    expected = np.abs(restored - clean).mean()
    logs = gan.evaluate(
        degraded, clean, batch_size=3, verbose=0, return_dict=True
    )
    assert logs["error"] == pytest.approx(expected, rel=1e-4)
    logs = gan.fit(degraded, clean, batch_size=8, epochs=2, verbose=0).history
    np.testing.assert_allclose(logs["error"], expected, rtol=1e-4)
    gan.save(tmp_path / "gan.keras")
    loaded = keras.saving.load_model(tmp_path / "gan.keras")
    again = loaded.evaluate(degraded, clean, verbose=0, return_dict=True)
    assert again["error"] == pytest.approx(expected, rel=1e-4)


@pytest.mark.slow
def test_a_blind_model_restores_all_or_what_a_mask_says():
    degraded, clean = pairs()
    gan = compiled(blind(), adversarial_weight=0.01)
    logs = gan.fit(degraded["image"], clean, verbose=0).history
    assert np.isfinite(logs["loss"]).all()
    gan.fit(degraded, clean, verbose=0)  # the mask weighs the error
    everywhere = np.asarray(gan.restore(degraded["image"]))
    assert np.abs(everywhere - degraded["image"]).min(axis=(1, 2, 3)).max() > 0
    kept = np.asarray(gan.restore(degraded["image"], degraded["mask"]))
    mask = degraded["mask"] > 0
    np.testing.assert_array_equal(kept[~mask], degraded["image"][~mask])
    np.testing.assert_array_equal(kept[mask], everywhere[mask])


def test_it_upscales():
    _, clean = pairs()
    small = clean.reshape(8, SIZE // 2, 2, SIZE // 2, 2, 1).mean(axis=(2, 4))
    gan = models.RestorationGAN(
        networks.edsr(2, channels=1, width=4, num_blocks=1),
        networks.patch_discriminator(out_channels=1, condition=(), widths=(4,)),
        seed=0,
    )
    gan.compile(
        loss=losses.RelativisticAverage(), augmentation=layers.DiffAugment()
    )
    logs = gan.fit(small, clean, verbose=0).history
    assert np.isfinite(logs["loss"]).all()
    assert gan.restore(small).shape == (8, SIZE, SIZE, 1)


def test_it_translates():
    """Pix2pix: from images of other channels."""
    rng = np.random.default_rng(0)
    plan = rng.uniform(size=(2, 20, 16, 3)).astype("float32")
    gan = models.RestorationGAN(
        networks.pix2pix_generator(3, 1, widths=(4, 8)),
        networks.patch_discriminator(
            1, ("degraded",), in_channels=3, widths=(4,)
        ),
        seed=0,
    )
    gan.compile()
    gan.fit(plan, plan[..., :1], verbose=0)
    assert gan.restore(plan).shape == (2, 20, 16, 1)


# Mistakes --------------------------------------------------------------------


def test_networks_that_do_not_fit_are_refused():
    generator = networks.unet(channels=1, widths=(4,), num_blocks=1)
    discriminator = networks.patch_discriminator(
        out_channels=1, condition=(), widths=(4,)
    )
    for arguments, message in (
        ((networks.unet(3, widths=(4,)), discriminator), "3 channels"),
        (
            (
                networks.unet(channels=1, widths=(4,), noise_conditional=True),
                discriminator,
            ),
            "noise_level",
        ),
        ((generator, discriminator, discriminator), "fixed size"),
        (
            (
                generator,
                discriminator,
                networks.patch_discriminator(3, (), widths=(4,), size=(8, 8)),
            ),
            "takes 3",
        ),
        ((None, discriminator), "`generator` must be a functional"),
        ((generator, "patch"), "`discriminator` must be a functional"),
        (
            (
                networks.pix2pix_generator(1, 3, widths=(4, 8)),
                networks.patch_discriminator(3, ("degraded",), widths=(4,)),
            ),
            "`in_channels=1`",
        ),
    ):
        with pytest.raises(ValueError, match=message):
            models.RestorationGAN(*arguments)
    x = keras.Input((8, 8, 1))
    end = keras.layers.Dense(1, activation="sigmoid")(keras.layers.Flatten()(x))
    with pytest.raises(ValueError, match="must end in logits"):
        models.RestorationGAN(generator, keras.Model(x, end))
    image = keras.Input((None, None, 3))
    with pytest.raises(ValueError, match="`features` must take images of 1"):
        models.RestorationGAN(
            generator,
            discriminator,
            features=keras.Model(image, {"same": image * 1.0}),
        )


def test_wrong_compile_arguments_are_refused():
    gan = blind()
    for options, message in (
        ({"hole_weight": -1.0}, "`hole_weight` must be"),
        ({"style_weight": 1.0}, "needs a model with `features`"),
        ({"augmentation": layers.DiffAugment()}, "sees the image"),
        ({"weighted_metrics": ["mae"]}, "takes no `weighted_metrics`"),
    ):
        with pytest.raises(ValueError, match=message):
            gan.compile(**options)


def test_bad_data_are_refused():
    degraded, clean = pairs()
    image, mask = degraded["image"], degraded["mask"]
    gan = compiled(inpainter(), adversarial_weight=0.0)
    for arguments, message in (
        ((degraded,), "learns from pairs"),
        ((image, clean), "restores what a mask marks"),
        ((degraded, 255 * clean), "lie in"),
        ((degraded, clean[..., 0]), "must be of shape"),
        (({"image": image, "mask": 0.5 * mask}, clean), "0 \\(keep\\)"),
        (({"image": image, "mask": mask[:, :8]}, clean), "as large as"),
        (({"image": image * np.nan, "mask": mask}, clean), "must be finite"),
        (({"image": 255 * image, "mask": mask}, clean), "divide 8-bit ones"),
        (((255 * image).astype("uint8"), clean), "floats"),
        ((degraded, clean[:, :8]), "as large as"),
        (({"image": image, "mask": mask[:, :8]}, clean[:, :8]), "as large as"),
    ):
        with pytest.raises(ValueError, match=message):
            gan.fit(*arguments, verbose=0)
    with pytest.raises(ValueError, match="restores what a mask marks"):
        gan.restore(image)
    with pytest.raises(ValueError, match="as large as"):
        gan.restore(image, mask[:4])
    with pytest.raises(ValueError, match="`restore\\(images, masks\\)`"):
        gan.restore(degraded, mask)
    with pytest.raises(ValueError, match="restores images, or a dict"):
        gan.restore({**degraded, "noise_level": mask})


def test_clean_images_are_as_large_as_what_is_made():
    _, clean = pairs()
    upscaling = models.RestorationGAN(
        networks.edsr(4, channels=1, width=4, num_blocks=1),
        networks.patch_discriminator(out_channels=1, condition=(), widths=(4,)),
    )
    for gan, degraded in (
        (compiled(upscaling), clean[:, ::2, ::2]),
        (compiled(blind()), clean[:, ::2]),
    ):
        with pytest.raises(ValueError, match="as large as what `generator`"):
            gan.fit(degraded, clean, verbose=0)
    with pytest.raises(ValueError, match="masks for one that makes 64x64 of"):
        upscaling.restore(clean, np.ones_like(clean))


def test_sample_weights_are_refused():
    """Not taken for clean images, nor left out without a word."""
    degraded, clean = pairs()
    triples = tf.data.Dataset.from_tensor_slices(
        (degraded["image"], degraded["mask"], clean)
    ).batch(4)
    gan = compiled(blind())
    with pytest.raises(ValueError, match="takes no sample weights"):
        gan.fit(triples, verbose=0)
    with pytest.raises(ValueError, match="takes no sample weights"):
        gan.fit(clean, clean, sample_weight=np.ones(8), verbose=0)


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param("uint8", marks=pytest.mark.slow),
        pytest.param("bool", marks=pytest.mark.slow),
        pytest.param("float64", marks=pytest.mark.slow),
    ],
)
def test_masks_and_images_of_any_kind_of_number(kind):
    """Also from datasets, which Keras leaves as they are."""
    degraded, clean = pairs()
    wide = "float64" if kind == "float64" else "float32"
    named = {
        "image": degraded["image"].astype(wide),
        "mask": degraded["mask"].astype(kind),
    }
    logs, images = [], []
    for inputs, target in ((degraded, clean), (named, clean.astype(wide))):
        keras.utils.set_random_seed(0)
        gan = compiled(inpainter(local=False, with_features=False))
        data = tf.data.Dataset.from_tensor_slices((inputs, target)).batch(4)
        gan.fit(data, None, None, 1, 0)  # in the order of Keras' own
        logs.append(gan.evaluate(data, verbose=0, return_dict=True))
        images.append(gan.predict(data.map(lambda x, _: x), verbose=0))
        images.append(gan.restore(inputs["image"], inputs["mask"].tolist()))
    assert logs[0] == logs[1]
    for one, other in zip(images[:2], images[2:], strict=True):
        np.testing.assert_array_equal(one, other)


def test_adaptive_augmentation_moves_once_a_step():
    whole, window = (
        networks.patch_discriminator(
            out_channels=1, condition=(), widths=(4,), size=size
        )
        for size in (None, (8, 8))
    )
    model = models.RestorationGAN(small_generator(), whole, window, seed=0)
    augment = layers.AdaptiveAugment(interval=1, ramp=0.1)
    model.compile(augmentation=augment, run_eagerly=True)
    for network in model.discriminator_networks:
        network.weights[-1].assign(10.0 + 0.0 * network.weights[-1])
    model.fit(*pairs(4), batch_size=4, verbose=0)
    # 4 images, of 100 for the whole way.
    assert float(augment.strength) == pytest.approx(0.04, rel=1e-5)
