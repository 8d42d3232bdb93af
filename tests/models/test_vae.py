"""The VAE: its objective against NumPy, and what every model must keep."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_synth import callbacks, datasets, layers, losses, models, networks
from tests.helpers import check_model, check_resumes

SHAPE = (8, 8, 1)


def random_images(count=8, shape=SHAPE, seed=0):
    uniform = np.random.default_rng(seed).uniform(size=(count, *shape))
    return (uniform > 0.5).astype("float32")


def small_vae(likelihood=None, num_classes=None, kind="dense", **options):
    options.setdefault("seed", 0)
    per_channel = likelihood.parameters_per_channel if likelihood else 1
    if kind == "dense":
        make_encoder, make_decoder = (
            networks.dense_encoder,
            networks.dense_decoder,
        )
        size = {"hidden": (16,)}
    else:
        make_encoder, make_decoder = (
            networks.conv_encoder,
            networks.conv_decoder,
        )
        size = {"width": 4, "hidden": 16}
    model = models.VAE(
        make_encoder(SHAPE, 3, num_classes=num_classes, **size),
        make_decoder(
            SHAPE,
            3,
            parameters_per_channel=per_channel,
            num_classes=num_classes,
            **size,
        ),
        likelihood=likelihood,
        **options,
    )
    model.compile(keras.optimizers.Adam(1e-2))
    return model


class GivenNoise(layers.GaussianSampling):
    """Sampling whose noise is handed in, the same for every row."""

    def call(self, inputs, noise=None):
        shape = keras.ops.shape(inputs[0])
        if self.num_samples is not None:
            noise = keras.ops.linspace(-1.0, 1.0, self.num_samples)
            noise = keras.ops.reshape(noise, (-1, 1, 1))
            noise = noise * keras.ops.ones((self.num_samples, *shape))
        else:
            noise = keras.ops.ones(shape)
        return super().call(inputs, noise=noise)


def with_given_noise(model):
    model.sampling = GivenNoise(model.sampling.num_samples)
    return model


def numpy_parts(model, images, noise):
    """log p(x|z), KL per dimension and log p(z)/q(z|x), step by step."""
    mean, log_variance = (np.asarray(part) for part in model.encode(images))
    z = mean + np.exp(0.5 * log_variance) * noise
    logits = np.asarray(model.decoder(z)).astype("float64")
    log_likelihood = (images * logits - np.log1p(np.exp(logits))).sum((1, 2, 3))
    kl = 0.5 * (mean**2 + np.exp(log_variance) - 1 - log_variance)
    log_ratio = (-0.5 * z**2 + 0.5 * noise**2 + 0.5 * log_variance).sum(1)
    return log_likelihood, kl, log_ratio


# The objective -------------------------------------------------------------


@pytest.mark.parametrize("beta", [1.0, 4.0, 0.0])
@pytest.mark.parametrize("free_bits", [0.0, 1.0])
def test_objective_is_the_formula(beta, free_bits):
    model = with_given_noise(small_vae(beta=beta, free_bits=free_bits))
    images = random_images()
    bias = model.encoder.get_layer("mean").bias
    bias.assign([0.0, 0.5, 1.0])  # dimensions below and above the free bits
    log_likelihood, kl, _ = numpy_parts(model, images, noise=1.0)
    per_dimension = kl.mean(axis=0)
    assert per_dimension.min() < 1.0 < per_dimension.max()
    logs = model.evaluate(images, verbose=0, return_dict=True)
    assert logs["reconstruction"] == pytest.approx(
        -log_likelihood.mean(), rel=1e-5
    )
    assert logs["kl"] == pytest.approx(kl.sum(axis=1).mean(), rel=1e-4)
    assert logs["loss"] == pytest.approx(
        -log_likelihood.mean()
        + beta * np.maximum(free_bits, per_dimension).sum(),
        rel=1e-5,
    )


def test_importance_weighted_bound_is_the_formula():
    model = with_given_noise(small_vae(num_importance_samples=4))
    images = random_images()
    log_weights = []
    for noise in np.linspace(-1, 1, 4):
        log_likelihood, _, log_ratio = numpy_parts(model, images, noise)
        log_weights.append(log_likelihood + log_ratio)
    expected = -np.log(np.mean(np.exp(log_weights), axis=0)).mean()
    logs = model.evaluate(images, verbose=0, return_dict=True)
    assert logs["loss"] == pytest.approx(expected, rel=1e-5)


def test_logs_average_over_images_not_batches():
    model = with_given_noise(small_vae())
    images = random_images(10)
    whole = model.evaluate(images, batch_size=10, verbose=0, return_dict=True)
    split = model.evaluate(images, batch_size=4, verbose=0, return_dict=True)
    for name, value in whole.items():
        assert split[name] == pytest.approx(value, rel=1e-5), name


def linear_vae(num_importance_samples=1, wrong=0.0):
    """Probabilistic PCA, whose likelihood and posterior are known.

    `x = W z + b + 0.5 ε` with orthogonal columns in W, so that the true
    posterior is a diagonal Gaussian, which the encoder gives exactly (or
    shifted by `wrong`).
    """
    rng = np.random.default_rng(0)
    scales = np.array([1.5, 0.7])
    weights = np.linalg.qr(rng.normal(size=(16, 2)))[0] * scales
    bias = 0.5 * np.ones(16)
    variance = 0.5**2 / (scales**2 + 0.5**2)
    shape = (4, 4, 1)
    encoder = networks.dense_encoder(shape, 2, hidden=())
    decoder = networks.dense_decoder(shape, 2, hidden=())
    to_mean = weights / (scales**2 + 0.5**2)
    encoder.set_weights(
        [
            to_mean / 2,  # the encoder sees 2 x - 1
            (0.5 - bias) @ to_mean + wrong,
            np.zeros((16, 2)),
            np.log(variance),
        ]
    )
    decoder.set_weights([weights.T, bias])
    model = models.VAE(
        encoder,
        decoder,
        likelihood=losses.Gaussian(0.5),
        num_importance_samples=num_importance_samples,
        seed=0,
    )
    model.compile()
    images = rng.uniform(size=(5, *shape)).astype("float32")
    covariance = weights @ weights.T + 0.25 * np.eye(16)
    centered = images.reshape(5, 16) - bias
    mahalanobis = (centered @ np.linalg.inv(covariance) * centered).sum(1)
    log_p = -0.5 * (
        mahalanobis + np.linalg.slogdet(covariance)[1] + 16 * np.log(2 * np.pi)
    )
    return model, images, log_p


def test_with_the_true_posterior_every_bound_is_the_log_likelihood():
    for k in (1, 3):
        model, images, log_p = linear_vae(k)
        np.testing.assert_allclose(
            model.log_likelihood(images, num_samples=1), log_p, rtol=1e-5
        )
    # The weighted bound is exact draw by draw, the ELBO on average.
    bound = model.evaluate(images, verbose=0)[0]
    assert bound == pytest.approx(-log_p.mean(), rel=1e-5)


def test_bounds_tighten_with_more_samples():
    bounds = []
    for k in (1, 5, 50):
        model, images, log_p = linear_vae(k, wrong=0.3)
        many = np.repeat(images, 400, axis=0)
        bounds.append(-model.evaluate(many, verbose=0)[0])
    assert bounds[0] + 0.1 < bounds[1] < bounds[2] < log_p.mean()
    estimate = model.log_likelihood(images, num_samples=20_000)
    np.testing.assert_allclose(estimate, log_p, atol=0.1)


def test_log_likelihood_does_not_depend_on_batch_sizes():
    model, images, log_p = linear_vae()  # exact, whatever is drawn
    for num_samples, batch_size, samples_per_step in (
        (12, 5, 12),
        (12, 2, 5),
        (3, 4, 50),
    ):
        estimate = model.log_likelihood(
            images,
            num_samples,
            batch_size=batch_size,
            samples_per_step=samples_per_step,
        )
        np.testing.assert_allclose(estimate, log_p, rtol=1e-5)


# What every model must keep ------------------------------------------------


def dropout_vae():
    """Its networks have seeds of their own, which resuming must keep."""
    inputs = keras.Input(SHAPE)
    x = keras.layers.Dropout(0.2, seed=1)(keras.layers.Flatten()(inputs))
    heads = [keras.layers.Dense(3)(x), keras.layers.Dense(3)(x)]
    encoder = keras.Model(inputs, heads)
    model = models.VAE(encoder, networks.dense_decoder(SHAPE, 3), seed=0)
    model.compile(keras.optimizers.Adam(1e-2))
    return model


@pytest.mark.slow
def test_seeds_of_sublayers_resume(tmp_path):
    assert len(dropout_vae().seed_states) == 2
    check_resumes(dropout_vae, (random_images(),), tmp_path)


@pytest.mark.parametrize(
    "case",
    [
        pytest.param("dense", marks=pytest.mark.slow),
        "conditional",
        pytest.param("conv", marks=pytest.mark.slow),
        pytest.param("iwae", marks=pytest.mark.slow),
    ],
)
def test_model_contract(case, tmp_path):
    data = (random_images(),)
    options = {"kind": "conv" if case == "conv" else "dense"}
    if case == "iwae":
        options["num_importance_samples"] = 3
    if case == "conditional":
        options["num_classes"] = 4
        data = (random_images(), np.arange(8) % 4)
    check_model(lambda: small_vae(**options), data, directory=tmp_path)


@pytest.mark.parametrize(
    "likelihood",
    [
        pytest.param(losses.Gaussian(0.3), marks=pytest.mark.slow),
        losses.Gaussian(None),
        pytest.param(losses.DiscretizedLogistic(), marks=pytest.mark.slow),
    ],
    ids=["gaussian", "learned", "logistic"],
)
def test_other_likelihoods_learn_gray_images(likelihood):
    images = np.random.default_rng(0).uniform(size=(8, *SHAPE))
    model = small_vae(likelihood)
    history = model.fit(images, epochs=60, verbose=0).history["loss"]
    assert np.isfinite(history).all()
    assert history[-1] < history[0] - 20


@pytest.mark.parametrize(
    "case",
    [
        "conditional",
        pytest.param("conv", marks=pytest.mark.slow),
        pytest.param("iwae", marks=pytest.mark.slow),
    ],
)
def test_two_replicas_equal_one(two_replicas, case):
    """With SGD (Adam hides a wrong scale) and the noise given.

    The last two batches are of 3 and of 1: one replica gets less, or none
    (which TensorFlow's convolutions refuse).
    """
    options = {
        "conv": {"kind": "conv"},
        "iwae": {"num_importance_samples": 3},
        "conditional": {"num_classes": 4},
    }[case]
    data = (random_images(12),)
    if case == "conditional":
        data = (*data, np.arange(12) % 4)
    data = tf.data.Dataset.from_tensor_slices(
        data if len(data) > 1 else data[0]
    )
    batches = [data.take(8), data.skip(8).take(3), data.skip(11)]
    whole, less, one = (part.batch(8) for part in batches)
    data = whole.concatenate(less)
    if case != "conv":
        data = data.concatenate(one)

    def build():
        keras.utils.set_random_seed(0)
        model = with_given_noise(small_vae(**options))
        model.compile(keras.optimizers.SGD(0.01))
        return model

    one = build()
    logs_one = one.fit(data, epochs=2, verbose=0, shuffle=False).history
    with two_replicas.scope():
        two = build()
    logs_two = two.fit(data, epochs=2, verbose=0, shuffle=False).history
    for ours, theirs in zip(one.weights, two.weights, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=2e-6, err_msg=ours.path)
    for name, values in logs_one.items():
        np.testing.assert_allclose(logs_two[name], values, rtol=1e-4)


def test_replicas_draw_different_noise(two_replicas):
    with two_replicas.scope():
        model = small_vae()

    @tf.function
    def latents():
        mean = tf.zeros((500, 3))
        return two_replicas.experimental_local_results(
            two_replicas.run(lambda: model.sampling([mean, mean]))
        )

    first, second = latents()
    correlation = np.corrcoef(np.ravel(first), np.ravel(second))[0, 1]
    assert abs(correlation) < 0.15


def test_loss_includes_weight_regularization():
    inputs = keras.Input(SHAPE)
    hidden = keras.layers.Flatten()(inputs)
    heavy = keras.layers.Dense(
        3,
        kernel_initializer="ones",
        kernel_regularizer=keras.regularizers.L1(1),
    )
    encoder = keras.Model(
        inputs, [heavy(hidden), keras.layers.Dense(3)(hidden)]
    )
    model = models.VAE(encoder, networks.dense_decoder(SHAPE, 3))
    model.compile(keras.optimizers.SGD(0.0))
    logs = model.fit(
        random_images(), validation_data=(random_images(),), verbose=0
    ).history
    for prefix in ("", "val_"):
        loss, reconstruction, kl = (
            logs[prefix + name][0] for name in ("loss", "reconstruction", "kl")
        )
        assert loss - reconstruction - kl == pytest.approx(3 * 64, rel=1e-3)


# Use -----------------------------------------------------------------------


def test_sampling_is_the_decoder_on_the_prior():
    model = small_vae()
    samples = model.sample(5, seed=3)
    np.testing.assert_array_equal(samples, model.sample(5, seed=3))
    assert np.abs(samples - model.sample(5, seed=4)).max() > 0
    assert np.abs(model.sample(5) - model.sample(5)).max() > 0
    latents = tf.random.stateless_normal((5, 3), seed=[3, 0])
    np.testing.assert_array_equal(samples, model.generate(latents))
    assert 0 <= np.min(samples) and np.max(samples) <= 1
    np.testing.assert_array_equal(
        model.sample(5, truncation=0.0, seed=3),
        np.repeat(model.decode(np.zeros((1, 3), "float32")), 5, axis=0),
    )


def test_reconstruction_goes_through_the_posterior_mean():
    model, images = small_vae(), random_images()
    mean, log_variance = model.encode(images)
    assert mean.shape == log_variance.shape == (8, 3)
    expected = model.decode(mean)
    np.testing.assert_array_equal(model.reconstruct(images), expected)
    np.testing.assert_allclose(
        model.predict(images, verbose=0), expected, atol=1e-6
    )


def compile_with_metric(model):
    error = keras.metrics.MeanAbsoluteError("error")
    model.compile(keras.optimizers.SGD(0.0), metrics=[error])


@pytest.mark.parametrize("samples", [1, 3])
def test_metrics_compare_images_with_reconstructions(samples, tmp_path):
    model, images = small_vae(num_importance_samples=samples), random_images()
    compile_with_metric(model)
    expected = np.abs(images - model.predict(images, verbose=0)).mean()
    logs = model.evaluate(images, batch_size=3, verbose=0, return_dict=True)
    assert logs["error"] == pytest.approx(expected, rel=1e-5)
    model.save(tmp_path / "vae.keras")
    loaded = keras.saving.load_model(tmp_path / "vae.keras")
    again = loaded.evaluate(images, verbose=0, return_dict=True)
    assert again["error"] == pytest.approx(expected, rel=1e-5)
    # In training the latents are drawn: the first of GivenNoise's are known.
    model = with_given_noise(model)
    compile_with_metric(model)
    mean, log_variance = model.encode(images)
    noise = -1.0 if samples > 1 else 1.0
    drawn = model.decode(mean + np.exp(0.5 * log_variance) * noise)
    expected = np.abs(images - drawn).mean()
    logs = model.fit(images, verbose=0).history
    assert logs["error"][0] == pytest.approx(expected, rel=1e-5)
    assert set(logs) == {
        "loss",
        "reconstruction",
        "kl",
        "active_units",
        "error",
    }


def test_call_is_clipped_to_images():
    model = small_vae(losses.Gaussian(0.3))
    for value in (-5.0, 5.0):
        model.decoder.set_weights(
            [np.full(w.shape, value) for w in model.decoder.get_weights()]
        )
        made = np.asarray(model(random_images()))
        assert made.min() >= 0 and made.max() <= 1
        assert made.max() == 1 or made.min() == 0


def test_latents_are_interpolated_on_a_straight_line():
    model = small_vae()
    start, end = np.zeros((2, 3)), np.ones((2, 3))
    lines = model.interpolate_latents(start, end, steps=3)
    assert lines.shape == (2, 3, *SHAPE)
    for index, share in enumerate((0.0, 0.5, 1.0)):
        np.testing.assert_allclose(
            lines[:, index], model.decode(share * end), atol=1e-6
        )
    with pytest.raises(ValueError, match="must both be"):
        model.interpolate_latents(start, end[:1])


def test_interpolation_runs_from_one_reconstruction_to_the_other():
    model, images = small_vae(), random_images()
    lines = model.interpolate_images(images[:2], images[2:4], steps=5)
    assert lines.shape == (2, 5, *SHAPE)
    ends = model.reconstruct(images[:4])
    np.testing.assert_allclose(lines[:, 0], ends[:2], atol=1e-6)
    np.testing.assert_allclose(lines[:, -1], ends[2:], atol=1e-6)
    middle = model.encode(images[:2])[0] + model.encode(images[2:4])[0]
    np.testing.assert_allclose(
        lines[:, 2], model.decode(0.5 * middle), atol=1e-6
    )


def test_conditional_model_depends_on_labels():
    model = small_vae(num_classes=4)
    images, labels = random_images(4), np.arange(4)
    other = (labels + 1) % 4
    for method in (model.reconstruct, lambda i, y: model.encode(i, y)[0]):
        assert np.abs(method(images, labels) - method(images, other)).max() > 0
    np.testing.assert_allclose(
        model.predict((images, labels), verbose=0),
        model.reconstruct(images, labels),
        atol=1e-6,
    )
    data = tf.data.Dataset.from_tensors((images, labels))
    np.testing.assert_allclose(
        model.predict(data, verbose=0),
        model.reconstruct(images, labels),
        atol=1e-6,
    )
    one_class = model.sample(3, labels=2, seed=0)
    each = model.sample(3, labels=[2, 2, 2], seed=0)
    np.testing.assert_array_equal(one_class, each)
    assert model.log_likelihood(images, 5, labels=labels).shape == (4,)
    twos = np.full(4, 2)
    for method, *arguments in (
        (model.reconstruct, images),
        (lambda *x, labels: model.encode(*x, labels)[0], images),
        (model.decode, np.ones((4, 3))),
        (model.generate, np.ones((4, 3))),
        (model.interpolate_images, images, images, 2),
        (model.interpolate_latents, np.ones((4, 3)), np.zeros((4, 3)), 2),
        (lambda *x, labels: model.log_likelihood(*x, 5, labels), images),
    ):
        np.testing.assert_allclose(
            method(*arguments, labels=2),
            method(*arguments, labels=twos),
            rtol=1e-6,
        )
    lines = model.interpolate_images(images, images, 3, labels=labels)
    np.testing.assert_allclose(
        lines[:, 1], model.reconstruct(images, labels), atol=1e-6
    )


def test_float64_images_are_accepted():
    model, images = small_vae(), random_images().astype("float64")
    for use in (model.encode, model.reconstruct, model.log_likelihood):
        np.testing.assert_allclose(
            use(images)[0], use(images.astype("float32"))[0], rtol=1e-6
        )
    assert model.decode(np.zeros((2, 3))).dtype == "float32"


@pytest.mark.parametrize("num_classes", [None, 4])
def test_keras_export_works(num_classes, tmp_path):
    model, images, labels = (
        small_vae(num_classes=num_classes),
        random_images(2),
        np.array([1, 3], "int32"),
    )
    model.export(tmp_path / "saved_model", verbose=False)
    served = tf.saved_model.load(str(tmp_path / "saved_model"))
    data = (images, labels) if num_classes else (images,)
    answer = served.serve(list(data) if num_classes else images)
    np.testing.assert_allclose(answer, model.reconstruct(*data), atol=1e-6)


def test_restored_model_trains_from_its_first_epoch_in_a_later_fit(tmp_path):
    model = small_vae()
    backup = keras.callbacks.BackupAndRestore(tmp_path, delete_checkpoint=False)
    model.fit(random_images(), epochs=2, verbose=0, callbacks=[backup])
    again = small_vae()
    again.fit(random_images(), epochs=2, verbose=0, callbacks=[backup])
    logs = again.fit(random_images(), epochs=2, verbose=0).history
    assert len(logs["loss"]) == 2


# What is refused -----------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"beta": -1.0}, "`beta` must be a number of at least 0"),
        (
            {"free_bits": float("nan")},
            "`free_bits` must be a number of at least 0",
        ),
        ({"num_importance_samples": 0}, "must be a positive int"),
        ({"num_importance_samples": 5, "beta": 2.0}, "no KL divergence"),
        ({"num_importance_samples": 5, "free_bits": 1.0}, "no KL divergence"),
    ],
)
def test_wrong_objectives_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        small_vae(**options)


def test_networks_that_do_not_fit_are_refused():
    encoder = networks.dense_encoder(SHAPE, 3)
    decoder = networks.dense_decoder(SHAPE, 3)
    inputs = keras.Input(SHAPE)
    flat = keras.layers.Flatten()(inputs)
    one_head = keras.Model(inputs, keras.layers.Dense(3)(flat))
    uneven = keras.Model(
        inputs, [keras.layers.Dense(3)(flat), keras.layers.Dense(1)(flat)]
    )
    for encoder_, decoder_, message in (
        (one_head, decoder, "two outputs"),
        (uneven, decoder, "same shape"),
        (encoder, networks.dense_decoder(SHAPE, 4), "same `latent_dim`"),
        (encoder, networks.dense_decoder((8, 4, 1), 3), "must give"),
        (
            encoder,
            networks.dense_decoder(SHAPE, 3, num_classes=2),
            "same `num_classes`",
        ),
    ):
        with pytest.raises(ValueError, match=message):
            models.VAE(encoder_, decoder_)
    with pytest.raises(ValueError, match="parameters_per_channel=2"):
        models.VAE(encoder, decoder, losses.DiscretizedLogistic())


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.heads = [keras.layers.Dense(3), keras.layers.Dense(3)]

    def call(self, inputs):
        flat = keras.ops.reshape(inputs, (-1, 64))
        return [head(flat) for head in self.heads]


def test_a_subclassed_encoder_is_refused_and_taken_in_a_functional_one():
    decoder = networks.dense_decoder(SHAPE, 3)
    with pytest.raises(ValueError, match="wrapped, `keras.Model"):
        models.VAE(Subclassed(), decoder)
    image = keras.Input(SHAPE)
    model = models.VAE(keras.Model(image, Subclassed()(image)), decoder)
    assert model.reconstruct(random_images()).shape == (8, *SHAPE)


def test_a_decoder_with_a_sigmoid_of_its_own_is_refused():
    encoder = networks.dense_encoder(SHAPE, 3)
    decoder = keras.Sequential(
        [
            keras.Input((3,)),
            keras.layers.Dense(64, activation="sigmoid"),
            keras.layers.Reshape(SHAPE),
        ]
    )
    with pytest.raises(ValueError, match="must end in logits"):
        models.VAE(encoder, decoder)
    models.VAE(encoder, decoder, losses.Gaussian())


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -1.0])
def test_weights_that_are_no_numbers_are_refused(wrong):
    for name in ("beta", "free_bits"):
        with pytest.raises(ValueError, match=f"`{name}` must be a number"):
            small_vae(**{name: wrong})


def test_a_loss_is_refused():
    for foreign in (
        {"loss": "mse"},
        {"weighted_metrics": ["mae"]},
        {"loss_weights": [2.0]},
    ):
        with pytest.raises(ValueError, match="choose the likelihood"):
            small_vae().compile("adam", **foreign)


def test_wrong_images_are_refused():
    model = small_vae()
    for images, message in (
        (random_images(shape=(8, 4, 1)), r"shape \(batch, 8, 8, 1\)"),
        (255 * random_images(), "divide 8-bit ones by 255"),
        ((255 * random_images()).astype("uint8"), "dtype uint8"),
        (np.full((2, *SHAPE), np.nan), "must be finite"),
    ):
        for use in (model.encode, model.reconstruct, model.log_likelihood):
            with pytest.raises(ValueError, match=message):
                use(images)
        with pytest.raises(ValueError, match=message):
            model.fit(images, verbose=0)
    with pytest.raises(ValueError, match=r"shape \(batch, 3\)"):
        model.decode(np.zeros((2, 4), "float32"))
    with pytest.raises(ValueError, match="at least 2"):
        model.interpolate_images(random_images(), random_images(), steps=1)
    with pytest.raises(ValueError, match="num_samples"):
        model.log_likelihood(random_images(), num_samples=0)


def test_wrong_labels_are_refused():
    with pytest.raises(ValueError, match="takes no labels"):
        small_vae().fit(random_images(), random_images(), verbose=0)
    model = small_vae(num_classes=4)
    with pytest.raises(ValueError, match="class-conditional"):
        model.fit(random_images(), verbose=0)
    with pytest.raises(ValueError, match="class-conditional"):
        model.sample(3)
    with pytest.raises(ValueError, match="from 0 to 3"):
        model.sample(3, labels=4)
    with pytest.raises(ValueError, match="from 0 to 3"):
        model.fit(random_images(), np.full(8, -1), verbose=0)
    with pytest.raises(ValueError, match=r"shape \(batch,\)"):
        model.fit(random_images(), np.zeros((8, 4)), verbose=0)


@pytest.mark.slow
def test_a_pipeline_feeds_replicas_and_keeps_its_epochs(two_replicas):
    images = (255 * random_images(16)).astype("uint8")
    source = datasets.source_from_arrays(
        "noise", "all", images, np.zeros(16, int)
    )
    with two_replicas.scope():
        model = small_vae()
    data = datasets.synthesis_pipeline(source, batch_size=8)
    warmup = callbacks.KLWarmup(steps=10)
    logs = model.fit(data, epochs=3, verbose=0, callbacks=[warmup]).history
    assert len(logs["loss"]) == 3 and np.isfinite(logs["loss"]).all()
    iterations = keras.ops.convert_to_numpy(model.optimizer.iterations)
    assert iterations == 6
    weight = keras.ops.convert_to_numpy(model.kl_weight)
    assert weight == pytest.approx(5 / 10)


@pytest.mark.slow
def test_initial_epoch_continues_the_order_of_the_data():
    images = (255 * random_images(16)).astype("uint8")
    source = datasets.source_from_arrays(
        "noise", "all", images, np.zeros(16, int)
    )

    def fit(model, **epochs):
        data = datasets.synthesis_pipeline(
            source, batch_size=4, augment=datasets.stochastic_binarization
        )
        model.fit(data, verbose=0, **epochs)
        return model

    straight = fit(small_vae(), epochs=3)
    keras.utils.set_random_seed(0)
    stopped = fit(fit(small_vae(), epochs=2), epochs=3, initial_epoch=2)
    for ours, theirs in zip(stopped.weights, straight.weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.slow
def test_it_learns_compiled_by_xla():
    model = small_vae()
    model.compile(keras.optimizers.Adam(1e-2), jit_compile=True)
    batch = tf.data.Dataset.from_tensors(random_images())
    first = model.evaluate(batch, verbose=0)[0]
    model.fit(batch.repeat(50), verbose=0, steps_per_epoch=50)
    assert model.evaluate(batch, verbose=0)[0] < first - 1
