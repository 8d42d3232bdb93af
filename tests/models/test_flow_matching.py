"""Flow matching: loss, solutions in closed form, likelihood, restoration."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_synth import export, models, restoration
from keras_synth.models.flow_matching.parameterizations import levels
from keras_synth.models.flow_matching.sampler import _with_noise
from tests.helpers import check_model
from tests.models.flow_networks import (
    SHAPE,
    SIGMA,
    covariance,
    gaussian_network,
    log_density,
    small_network,
)

BOTH = pytest.mark.parametrize(
    "parameterization", ["flow", pytest.param("edm", marks=pytest.mark.slow)]
)


def random_images(count=8, shape=SHAPE, seed=0):
    uniform = np.random.default_rng(seed).uniform(size=(count, *shape))
    return (uniform > 0.5).astype("float32")


def condition_of(kind, count=8):
    """Arguments of the network, and a condition for it."""
    rng = np.random.default_rng(1)
    tokens = rng.normal(size=(count, 3, 5)).astype("float32")
    mask = np.float32(rng.uniform(size=(count, 3)) > 0.4)
    return {
        "none": ({}, None),
        "label": ({"num_classes": 4}, np.arange(count) % 4),
        "vector": ({"condition_shape": (5,)}, tokens[:, 0]),
        "tokens": ({"condition_shape": (3, 5)}, (tokens, mask)),
    }[kind]


def small_flow(kind="none", **options):
    arguments, _ = condition_of(kind)
    options = {"seed": 0, "sampler": models.FlowSampler(num_steps=3)} | options
    flow = models.FlowMatching(small_network(**arguments), **options)
    flow.compile(keras.optimizers.Adam(1e-2))
    return flow


def gaussian_flow(parameterization="flow", isotropic=True, **options):
    network = gaussian_network(parameterization, isotropic=isotropic)
    return models.FlowMatching(
        network, parameterization, sigma_data=SIGMA, **options
    )


def latents_of(flow, count=5, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(count, flow.latent_dim)).astype("float32")


# The loss -------------------------------------------------------------------


class GivenDraws(models.FlowMatching):
    """Draws that are the same for every image, on every replica."""

    def draw(self, images, seeds):
        noise = keras.ops.sin(10.0 * images + 1.0)
        count = keras.ops.shape(images)[:1]
        t = keras.ops.full(count, 0.3)
        return t, noise, keras.ops.full(count, 0.5)


@BOTH
@pytest.mark.parametrize("weighting", [None, "edm", "min_snr"])
def test_loss_is_the_formula(parameterization, weighting):
    network = small_network()
    flow = GivenDraws(network, parameterization, sigma_data=SIGMA)
    flow.compile(weighting=weighting)
    images, t = random_images(), 0.3
    clean, noise = 2.0 * images - 1.0, np.sin(10.0 * images + 1.0)
    if parameterization == "flow":
        x = (1 - t) * clean + t * noise
        output = np.asarray(network([x, np.full(8, t, "float32")]))
        denoised, level, own = x - t * output, t / (1 - t), 1 / t**2
    else:
        x, scale = clean + t * noise, np.hypot(t, SIGMA)
        time = np.full(8, np.log(t) / 4, "float32")
        output = np.asarray(network([x / scale, time]))
        skip, gain = SIGMA**2 / scale**2, t * SIGMA / scale
        denoised, level, own = skip * x + gain * output, t, 1 / gain**2
    weight = {
        None: own,
        "edm": (level**2 + SIGMA**2) / (level * SIGMA) ** 2,
        "min_snr": min(1 / level**2, 5.0),
    }[weighting]
    expected = weight * np.mean((denoised - clean) ** 2)
    loss = flow.evaluate(images, verbose=0)
    assert loss == pytest.approx(expected, rel=1e-4)


def test_times_follow_their_distribution():
    draws = np.random.default_rng(0).normal(size=20_000).astype("float32")
    flow = models.flow_matching.parameterizations.Flow()
    edm = models.flow_matching.parameterizations.EDM(0.5)
    uniform = np.asarray(levels(draws, flow, "uniform"))
    for share in (0.1, 0.5, 0.9):
        assert np.mean(uniform < share) == pytest.approx(share, abs=0.01)
    t = np.asarray(levels(draws, flow, "logit_normal"), "float64")
    logits = np.log(t / (1 - t))
    np.testing.assert_allclose(logits, draws, atol=1e-3)
    sigma = np.asarray(levels(draws, edm, "logit_normal"))
    np.testing.assert_allclose(np.log(sigma), 1.2 * draws - 1.2, atol=1e-3)
    t = np.asarray(levels(draws, flow, (1.0, 0.5)), "float64")
    np.testing.assert_allclose(np.log(t / (1 - t)), 1 + draws / 2, atol=1e-3)


@pytest.mark.parametrize("kind", ["label", "tokens"])
def test_dropped_conditions_are_absent(kind):
    flow = small_flow(kind)
    _, labels = condition_of(kind)
    images, *condition = flow._inputs(random_images(), labels)
    draws = (None, None, np.float32([0.05] * 4 + [0.5] * 4))
    dropped = flow._dropped(condition, draws)
    for before, after in zip(condition, dropped, strict=True):
        empty = -1 if kind == "label" else 0
        np.testing.assert_array_equal(after[:4], np.full_like(after[:4], empty))
        np.testing.assert_array_equal(after[4:], before[4:])


# What every model must keep -------------------------------------------------


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param("none", marks=pytest.mark.slow),
        pytest.param("edm", marks=pytest.mark.slow),
        pytest.param("label", marks=pytest.mark.slow),
        "tokens",
        "guide",
    ],
)
def test_model_contract(kind, tmp_path):
    options = {
        "edm": {"parameterization": "edm"},
        "guide": {"guide": small_network(), "guidance": 1.5},
    }.get(kind, {})
    kind = "none" if options else kind
    _, labels = condition_of(kind)
    data = (random_images(),) if labels is None else (random_images(), labels)
    check_model(lambda: small_flow(kind, **options), data, directory=tmp_path)


def test_two_replicas_equal_one(two_replicas):
    data = tf.data.Dataset.from_tensor_slices(
        (random_images(11), np.arange(11) % 4)
    ).batch(8)

    def build():
        keras.utils.set_random_seed(0)
        network = small_network(num_classes=4)
        model = GivenDraws(network)
        metric = keras.metrics.MeanAbsoluteError("error")
        model.compile(keras.optimizers.SGD(0.01), metrics=[metric])
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


def test_average_follows_the_network_and_makes_the_images():
    flow = small_flow()
    flow.compile(keras.optimizers.SGD(0.1), average_decay=0.5)
    before = [np.asarray(w) for w in flow.network_average.weights]
    flow.fit(random_images(), verbose=0)
    decay = 2 / 11  # (1 + t) / (10 + t) at the first step
    for old, new, average in zip(
        before, flow.network.weights, flow.network_average.weights, strict=True
    ):
        expected = decay * old + (1 - decay) * np.asarray(new)
        np.testing.assert_allclose(average, expected, atol=1e-6)
    samples = flow.sample(2, seed=0)
    flow.network.set_weights([0 * w for w in flow.network.get_weights()])
    np.testing.assert_array_equal(flow.sample(2, seed=0), samples)


def test_metrics_compare_images_with_denoised_ones(tmp_path):
    flow, images = small_flow(), random_images()
    metric = keras.metrics.MeanAbsoluteError("error")
    flow.compile(metrics=[metric], times=(-9.0, 0.1), weighting="min_snr")
    logs = flow.evaluate(images, verbose=0, return_dict=True)
    assert logs["error"] < 0.01  # almost without noise
    flow.save(tmp_path / "flow.keras")
    loaded = keras.saving.load_model(tmp_path / "flow.keras")
    again = loaded.evaluate(images, verbose=0, return_dict=True)
    assert again["error"] == pytest.approx(logs["error"], rel=0.2)
    assert list(loaded.times) == [-9.0, 0.1]
    assert loaded.weighting == "min_snr"
    assert loaded.sampler.get_config() == flow.sampler.get_config()


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param("none", marks=pytest.mark.slow),
        pytest.param("label", marks=pytest.mark.slow),
        "tokens",
    ],
)
def test_exported_model_makes_the_same_images(kind, tmp_path):
    flow = small_flow(kind, guidance=1.5)
    _, labels = condition_of(kind, 5)
    latents, images = latents_of(flow), random_images(5)
    given = [] if labels is None else [labels]
    if kind == "label":
        given = [labels.astype("int32")]
    export.export_saved_model(flow, tmp_path / "saved")
    served = tf.saved_model.load(str(tmp_path / "saved"))
    for name, first in (("generate", latents), ("encode", images)):
        np.testing.assert_allclose(
            getattr(served, name)(first, *given),
            getattr(flow, name)(first, *given),
            atol=1e-5,
        )
    np.testing.assert_allclose(
        served.sample_seeded(5, 3, *given),
        flow.sample(5, labels=labels, seed=3),
        atol=1e-5,
    )
    inputs = latents if labels is None else (latents, labels)
    np.testing.assert_allclose(
        flow.predict(inputs, verbose=0), flow(inputs), atol=1e-5
    )


# Solutions in closed form ---------------------------------------------------


def exact_images(flow, latents, isotropic):
    """The images of latents: the affine map from N(0, I) to the images."""
    values, basis = covariance()
    values = np.full(4, SIGMA**2) if isotropic else values
    largest = flow.schedule.largest
    signal = 1.0 if flow.parameterization == "edm" else 0.0
    start = largest * latents - signal * 0.1
    spread = np.sqrt(signal * values + largest**2)
    x = 0.1 + ((start @ basis) * (np.sqrt(values) / spread)) @ basis.T
    return np.clip((x.reshape(-1, 2, 2, 1) + 1) / 2, 0, 1)


@BOTH
@pytest.mark.parametrize("isotropic", [True, False])
def test_samples_are_the_exact_map_of_latents(parameterization, isotropic):
    flow = gaussian_flow(parameterization, isotropic)
    latents = latents_of(flow)
    expected = exact_images(flow, latents, isotropic)
    made = flow.generate(latents, sampler=models.FlowSampler(num_steps=60))
    np.testing.assert_allclose(made, expected, atol=4e-3)


def test_shift_multiplies_noise_levels():
    flow = gaussian_flow(isotropic=False)
    straight, shifted = (flow.schedule.times(8, s) for s in (1.0, 2.5))
    assert shifted[0] == 1.0 and shifted[-1] == 0.0
    levels_of = [t[1:] / (1.0 - t[1:]) for t in (straight, shifted)]
    np.testing.assert_allclose(levels_of[1], 2.5 * levels_of[0])
    latents = latents_of(flow)
    sampler = models.FlowSampler(num_steps=60, shift=2.5)
    made = flow.generate(latents, sampler=sampler)
    expected = exact_images(flow, latents, False)
    np.testing.assert_allclose(made, expected, atol=4e-3)
    few = [models.FlowSampler("euler", 3, shift=s) for s in (1.0, 2.5)]
    one, other = (flow.generate(latents, sampler=s) for s in few)
    assert np.abs(one - other).max() > 1e-3
    twin = models.FlowSampler.from_config(sampler.get_config())
    assert twin.shift == 2.5
    with pytest.raises(ValueError, match="for the times of a rectified flow"):
        gaussian_flow("edm").generate(latents, sampler=sampler)


@pytest.mark.parametrize("labels", [None, 3, [1, 2]])
def test_images_are_interpolated_with_and_without_a_class(labels):
    flow, images = small_flow("label"), random_images(4)
    lines = flow.interpolate_images(images[:2], images[2:], 3, labels)
    assert lines.shape == (2, 3, *SHAPE)


@BOTH
def test_heun_is_of_second_order_and_euler_of_first(parameterization):
    flow = gaussian_flow(parameterization, isotropic=False)
    latents = latents_of(flow, 20)
    expected = exact_images(flow, latents, False)

    def error(method, num_steps):
        sampler = models.FlowSampler(method, num_steps)
        return np.abs(flow.generate(latents, sampler=sampler) - expected).mean()

    assert 1.5 < error("euler", 12) / error("euler", 24) < 2.7
    assert error("heun", 12) / error("heun", 24) > 2.8
    assert error("heun", 24) < 0.7 * error("euler", 48)


@BOTH
def test_encoding_is_the_inverse(parameterization):
    flow = gaussian_flow(
        parameterization, sampler=models.FlowSampler(num_steps=50)
    )
    latents = 0.8 * latents_of(flow)
    images = flow.generate(latents)
    np.testing.assert_allclose(flow.encode(images), latents, atol=0.02)
    lines = flow.interpolate_images(images[:2], images[2:4], steps=3)
    assert lines.shape == (2, 3, 2, 2, 1)
    np.testing.assert_allclose(lines[:, 0], images[:2], atol=0.01)


@BOTH
def test_log_likelihood_of_a_gaussian(parameterization):
    flow = gaussian_flow(parameterization)
    images = np.random.default_rng(0).uniform(0.3, 0.8, size=(6, 2, 2, 1))
    sampler = models.FlowSampler(num_steps=60)
    found = flow.log_likelihood(
        images, sampler=sampler, batch_size=4, verbose=0
    )
    np.testing.assert_allclose(found, log_density(images), atol=0.08)
    levels_of = np.rint(255 * images).astype("float32") / 255
    bits = flow.bits_per_dimension(levels_of, sampler=sampler)
    expected = 8.0 - log_density(levels_of) / (4 * np.log(2.0))
    np.testing.assert_allclose(bits, expected, atol=0.05)


def test_probes_belong_to_the_image_and_not_to_the_batch():
    flow = gaussian_flow(isotropic=False)
    images = np.random.default_rng(0).uniform(0.3, 0.8, size=(5, 2, 2, 1))
    sampler = models.FlowSampler(num_steps=2)
    together, apart = (
        flow.log_likelihood(images, sampler=sampler, seed=1, batch_size=size)
        for size in (5, 2)
    )
    np.testing.assert_allclose(together, apart, atol=1e-4)


@pytest.mark.slow
def test_probes_estimate_the_divergence_without_bias():
    flow = gaussian_flow(isotropic=False)
    images = np.random.default_rng(0).uniform(0.3, 0.8, size=(3, 2, 2, 1))
    exact = log_density(images, isotropic=False)
    sampler = models.FlowSampler(num_steps=30)
    few, many = (
        flow.log_likelihood(images, sampler=sampler, num_probes=n, seed=1)
        for n in (1, 24)
    )
    np.testing.assert_allclose(many, exact, atol=0.4)
    assert np.abs(few - exact).max() > np.abs(many - exact).max()


@BOTH
def test_churn_keeps_the_distribution(parameterization):
    flow = gaussian_flow(parameterization)
    sampler = models.FlowSampler(num_steps=40, churn=10.0, churn_noise=1.0)
    images = np.asarray(flow.sample(2000, seed=0, sampler=sampler))
    np.testing.assert_array_equal(
        images, flow.sample(2000, seed=0, sampler=sampler)
    )
    plain = np.asarray(flow.sample(2000, seed=0))
    assert np.abs(images - plain).mean() > 0.05
    assert images.mean() == pytest.approx(0.55, abs=0.01)
    assert images.std() == pytest.approx(SIGMA / 2, rel=0.06)
    assert sampler.num_evaluations == 79


@pytest.mark.parametrize("seed", [5, 2**40, np.int64(7)])
def test_churn_is_the_same_in_a_function(seed):
    """Under AutoGraph, and with seeds as tensors."""
    flow = small_flow(sampler=models.FlowSampler(num_steps=3, churn=2.0))
    latents = tf.constant(latents_of(flow, 2))
    expected = flow.generate(latents, seed=seed)

    @tf.function
    def traced(latents, given):
        return flow.generate(latents, seed=seed), flow.generate(
            latents, seed=given
        )

    for made in traced(latents, tf.constant(seed, "int64")):
        np.testing.assert_allclose(made, expected, atol=1e-6)
    noise = tf.random.stateless_normal((2, *SHAPE), [seed, 1])
    found = _with_noise(tf.zeros((2, *SHAPE)), 1.0, 1.0, seed, 0)
    np.testing.assert_array_equal(found, noise)


def test_xla_has_the_gradient_of_samples():
    flow = small_flow()

    def gradient(latents):
        with tf.GradientTape() as tape:
            tape.watch(latents)
            made = flow.generate(latents)
        return tape.gradient(made, latents)

    latents = tf.constant(latents_of(flow, 2))
    np.testing.assert_allclose(
        tf.function(gradient, jit_compile=True)(latents),
        gradient(latents),
        atol=1e-5,
    )


def test_guidance_goes_beyond_the_condition():
    flow = small_flow("label")
    latents, labels = latents_of(flow), np.arange(5) % 4
    one = models.FlowSampler("euler", 1)  # an image is latents - velocity

    def unclipped(labels, guidance):
        x = np.asarray(latents).reshape(-1, *SHAPE)
        return x - flow.velocity(x, 1.0, labels, guidance)

    without, given = unclipped(None, 1.0), unclipped(labels, 1.0)
    assert np.abs(without - given).max() > 1e-3
    np.testing.assert_allclose(
        unclipped(labels, 2.5), without + 2.5 * (given - without), atol=1e-5
    )
    np.testing.assert_allclose(unclipped(labels, 0.0), without, atol=1e-5)
    made = flow.generate(latents, labels, sampler=one, guidance=2.5)
    expected = np.clip((unclipped(labels, 2.5) + 1) / 2, 0, 1)
    np.testing.assert_allclose(made, expected, atol=1e-5)


@pytest.mark.parametrize("kind", ["none", "label"])
def test_autoguidance_goes_away_from_the_guide(kind, tmp_path):
    _, labels = condition_of(kind, 5)
    weak = small_flow(kind)
    plain = small_flow(kind)
    guided = models.FlowMatching(
        plain.network, guide=weak.network_average, guidance=1.5, seed=0
    )
    x = np.asarray(latents_of(plain)).reshape(-1, *SHAPE)
    strong, away = (
        each.velocity(x, 0.6, labels, 1.0) for each in (plain, weak)
    )
    assert np.abs(strong - away).max() > 1e-2
    for guidance, wanted in ((None, 1.5), (0.0, 0.0), (1.0, 1.0)):
        np.testing.assert_allclose(
            guided.velocity(x, 0.6, labels, guidance),
            away + wanted * (strong - away),
            atol=1e-5,
        )
    # Trained, the guide stays as it is; and it is in the file.
    guided.compile(keras.optimizers.Adam(1e-2))
    data = (random_images(5),) if labels is None else (random_images(5), labels)
    guided.fit(*data, verbose=0)
    weights = guided.guide.weights, weak.network_average.weights
    for ours, theirs in zip(*weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    guided.save(tmp_path / "guided.keras")
    loaded = keras.saving.load_model(tmp_path / "guided.keras")
    assert not loaded.guide.trainable_variables
    options = {"labels": labels, "seed": 1}
    np.testing.assert_array_equal(
        loaded.sample(5, **options), guided.sample(5, **options)
    )
    changed = guided.sample(5, guidance=1.0, **options)
    assert np.abs(changed - guided.sample(5, **options)).max() > 1e-3


# Restoration ----------------------------------------------------------------


@BOTH
def test_noisy_pixels_are_restored_with_the_exact_posterior(parameterization):
    """Independent pixels: the known ones have a Gaussian posterior."""
    flow = gaussian_flow(parameterization)
    y = np.full((3000, 2, 2, 1), 0.8, "float32")
    masks = np.zeros_like(y)
    masks[:, 0] = 1.0
    operator = restoration.operators.Mask(masks)
    made = np.asarray(
        flow.restore(
            operator,
            operator.forward(y),
            noise_level=0.1,
            seed=0,
            sampler=models.FlowSampler(num_steps=40),
        )
    )
    prior, noise = (SIGMA / 2) ** 2, 0.1**2
    mean = (prior * 0.8 + noise * 0.55) / (prior + noise)
    deviation = np.sqrt(prior * noise / (prior + noise))
    assert made[:, 1].mean() == pytest.approx(mean, abs=0.01)
    assert made[:, 1].std() == pytest.approx(deviation, rel=0.1)
    assert made[:, 0].mean() == pytest.approx(0.55, abs=0.02)
    assert made[:, 0].std() == pytest.approx(SIGMA / 2, rel=0.1)


def test_inpainting_keeps_the_known_pixels():
    flow = gaussian_flow()
    images = np.random.default_rng(0).uniform(size=(2, 2, 2, 1))
    masks = np.zeros((2, 2, 2, 1))
    masks[0, 0], masks[1, :, 1] = 1.0, 1.0
    one, other = (flow.inpaint(images, masks, seed=n) for n in (0, 1))
    np.testing.assert_allclose(
        np.asarray(one)[masks == 0], images[masks == 0], atol=1e-6
    )
    assert np.abs(one - other)[masks == 1].max() > 0.05


def test_guidance_by_an_image_is_the_formula():
    """Step by step in NumPy, where D is linear in x."""
    flow = gaussian_flow(isotropic=False, sampler=models.FlowSampler("euler"))
    values, basis = covariance()
    masks = np.zeros((3, 2, 2, 1), "float32")
    masks[:, 0, 0] = 1.0
    known = np.float32([[0.0, 0.75, 0.45, 0.7]] * 3)
    shown, noise = np.float32([0, 1, 1, 1]), 0.05
    x = np.asarray(flow.sampled_latents(3, seed=0)[0])
    for t in np.linspace(1.0, 0.05, 20):
        s = 1.0 - t
        gains = values * s / (s * s * values + t * t)
        jacobian = (basis * gains) @ basis.T
        clean = 0.1 + (x - s * 0.1) @ jacobian
        ratio = 1.0 + (t / max(s, 1e-3) / SIGMA) ** 2
        variance = (t / max(s, 1e-3)) ** 2 / ratio
        pull = shown * (2.0 * known - 1.0 - clean)
        pull = pull / (1.0 + max((2.0 * noise) ** 2 / variance, 1e-4))
        corrected = clean + ratio * s * pull @ jacobian.T
        x = x - 0.05 * (x - corrected) / t
    expected = np.clip((x + 1.0) / 2.0, 0.0, 1.0)
    operator = restoration.operators.Mask(masks)
    made = flow.restore(
        operator, known.reshape(-1, 2, 2, 1), noise_level=noise, seed=0
    )
    np.testing.assert_allclose(
        np.reshape(made, (3, 4)), expected, rtol=1e-3, atol=1e-4
    )


def test_upscaled_images_fit_the_small_ones():
    flow = small_flow()
    operator = restoration.operators.BicubicDownsampling(2)
    small = operator.forward(random_images(2))
    made = flow.restore(operator, small, seed=0)
    assert made.shape == (2, *SHAPE)
    raw = np.abs(operator.forward(made) - small).mean()
    plain = flow.sample(2, seed=0)
    assert raw < 0.5 * np.abs(operator.forward(plain) - small).mean()


class Moments:
    """An operator whose results are no images: sums of two channels."""

    def forward(self, x):
        return 100.0 * tf.concat([x, -x], axis=-1)

    def prox(self, z, y, rho):
        return y[..., :1] / 100.0


def test_measurements_need_not_be_images():
    flow, images = gaussian_flow(), random_images(2, (2, 2, 1))
    made = flow.restore(Moments(), Moments().forward(images), seed=0)
    np.testing.assert_allclose(made, images, atol=0.02)


def test_restoration_takes_any_batch_in_a_function():
    flow, images = small_flow(), random_images(3)
    masks = np.zeros((3, 4, 4, 1), "float32")
    masks[:, 1:3, 1:3] = 1.0
    operator = restoration.operators.BicubicDownsampling(2)
    small = operator.forward(images)

    def both(images, masks, small):
        return flow.inpaint(images, masks, seed=0), flow.restore(
            operator, small, seed=0
        )

    specs = [tf.TensorSpec((None, *SHAPE))] * 2 + [
        tf.TensorSpec((None, 2, 2, 1))
    ]
    traced = tf.function(both, input_signature=specs)
    for ours, theirs in zip(
        traced(images, masks, small), both(images, masks, small), strict=True
    ):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_numpy_numbers_are_numbers(tmp_path):
    sampler = models.FlowSampler(num_steps=np.int64(2), churn=np.float32(1))
    flow = small_flow(sampler=sampler, guidance=np.float32(1.5))
    flow.save(tmp_path / "flow.keras")
    loaded = keras.saving.load_model(tmp_path / "flow.keras")
    assert loaded.guidance == 1.5 and loaded.sampler.num_steps == 2
    made = loaded.restore(
        restoration.operators.Mask(np.zeros((2, 4, 4, 1))),
        random_images(2),
        noise_level=np.float64(0.1),
    )
    assert made.shape == (2, *SHAPE)


def test_no_images_have_no_likelihood():
    assert small_flow().log_likelihood(random_images(0)).shape == (0,)


# What is refused ------------------------------------------------------------


def test_wrong_arguments_are_refused():
    network = small_network()
    for options, message in (
        ({"parameterization": "ddpm"}, "`parameterization` must be"),
        ({"guidance": -1.0}, "`guidance` must be"),
        ({"sigma_data": 0.0}, "`sigma_data` must be"),
        ({"sampler": "euler"}, "`sampler` must be"),
    ):
        with pytest.raises(ValueError, match=message):
            models.FlowMatching(network, **options)
    for guide, message in (
        (small_network(num_classes=4), "must have the inputs"),
        (small_network(shape=(2, 2, 1)), "must have the inputs"),
        (models.FlowMatching(network), "`guide` must be a functional"),
    ):
        with pytest.raises(ValueError, match=message):
            models.FlowMatching(network, guide=guide)
    image = keras.Input(SHAPE)
    with pytest.raises(ValueError, match=r"must go from \[image, time\]"):
        models.FlowMatching(keras.Model(image, image * 2.0))
    for options, message in (
        ({"loss": "mse"}, "call compile without `loss`"),
        ({"times": "cosine"}, "`times` must be"),
        ({"weighting": "snr"}, "`weighting` must be"),
        ({"condition_dropout": 1.5}, "`condition_dropout` must be"),
        ({"average_decay": 1.0}, "`average_decay` must be"),
    ):
        with pytest.raises(ValueError, match=message):
            small_flow().compile(**options)
    for options, message in (
        ({"method": "rk4"}, "`method` must be"),
        ({"num_steps": 0}, "`num_steps` must be"),
        ({"churn": -1.0}, "`churn` must be"),
        ({"shift": 0.0}, "`shift` must be"),
    ):
        with pytest.raises(ValueError, match=message):
            models.FlowSampler(**options)


def test_wrong_inputs_are_refused():
    flow = small_flow()
    with pytest.raises(ValueError, match="divide 8-bit ones by 255"):
        flow.fit(255 * random_images(), verbose=0)
    with pytest.raises(ValueError, match=r"shape \(batch, 16\)"):
        flow.generate(np.zeros((2, 4), "float32"))
    with pytest.raises(ValueError, match="takes no labels"):
        flow.sample(3, labels=1)
    with pytest.raises(ValueError, match="must be a `models.FlowSampler`"):
        flow.sample(3, sampler="euler")
    with pytest.raises(ValueError, match="must hold 0"):
        flow.inpaint(random_images(2), np.full((2, 4, 4, 1), 0.5))
    operator = restoration.operators.BicubicDownsampling(2)
    with pytest.raises(ValueError, match=r"must be \(batch, 2, 2, 1\)"):
        flow.restore(operator, random_images(2))
    with pytest.raises(ValueError, match="`operator` must be"):
        flow.restore(None, random_images(2))
    small = np.asarray(operator.forward(random_images(2)))
    with pytest.raises(ValueError, match="divide 8-bit ones by 255"):
        flow.restore(operator, np.uint8(255 * small))
    with pytest.raises(ValueError, match="divide 8-bit ones by 255"):
        flow.restore(operator, 255 * small)
    with pytest.raises(ValueError, match="must be finite"):
        flow.restore(operator, np.nan * small)
    with pytest.raises(ValueError, match="`noise_level` must be"):
        flow.restore(
            operator, operator.forward(random_images(2)), noise_level=-1
        )
    with pytest.raises(ValueError, match="class-conditional"):
        small_flow("label").fit(random_images(), verbose=0)
    with pytest.raises(ValueError, match="from 0 to 3"):
        small_flow("label").sample(2, labels=4)
