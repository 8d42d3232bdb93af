"""Arguments of sampling and of likelihoods that no model can use."""

import numpy as np
import pytest

from keras_synth import losses, models, networks, training

NAN = float("nan")


@pytest.fixture(scope="module")
def generators():
    shape = (8, 8, 1)
    return {
        "vae": models.VAE(
            networks.dense_encoder(shape, 2, hidden=(2,)),
            networks.dense_decoder(shape, 2, hidden=(2,)),
        ),
        "gan": models.GAN(
            networks.dense_generator(shape, 2, hidden=(2,)),
            networks.dense_discriminator(shape, hidden=(2,)),
        ),
        "stylegan2": training.build_stylegan2((16, 16, 1), 2, 2, channel_max=2),
        "flow": models.FlowMatching(
            networks.dit(shape, width=8, num_blocks=1),
            sampler=models.FlowSampler("euler", 1),
        ),
    }


@pytest.mark.parametrize("name", ["vae", "gan", "stylegan2", "flow"])
@pytest.mark.parametrize(
    ("count", "options", "message"),
    [
        (-1, {}, "`num_images` must be an int of at least 0"),
        (2.5, {}, "`num_images` must be an int"),
        ("2", {}, "`num_images` must be an int"),
        (2, {"seed": 1.5}, "`seed` must be an int"),
        (2, {"seed": "a"}, "`seed` must be an int"),
        (2, {"truncation": NAN}, "`truncation` must be a finite number"),
        (2, {"truncation": None}, "`truncation` must be a finite number"),
    ],
)
def test_samples_out_of_range_are_refused(
    generators, name, count, options, message
):
    with pytest.raises(ValueError, match=message):
        generators[name].sample(count, **options)


def test_numpy_numbers_are_numbers(generators):
    images = generators["gan"].sample(
        np.int64(2), seed=np.int32(1), truncation=np.float32(1.0)
    )
    again = generators["gan"].sample(2, seed=1)
    np.testing.assert_array_equal(images, again)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("vae", {"num_samples": 2.5}, "`num_samples` must be an int"),
        ("vae", {"batch_size": 0}, "`batch_size` must be an int of at least 1"),
        ("vae", {"samples_per_step": 0}, "`samples_per_step` must be an int"),
        ("vae", {"seed": None}, "`seed` must be an int"),
        ("flow", {"num_probes": 1.5}, "`num_probes` must be an int"),
        ("flow", {"batch_size": 0}, "`batch_size` must be an int of at least"),
        ("flow", {"seed": "a"}, "`seed` must be an int"),
    ],
)
def test_likelihoods_out_of_range_are_refused(
    generators, name, options, message
):
    with pytest.raises(ValueError, match=message):
        generators[name].log_likelihood(np.zeros((2, 8, 8, 1)), **options)


@pytest.mark.parametrize("guidance", [NAN, "high"])
def test_guidance_that_is_no_number_is_refused(generators, guidance):
    with pytest.raises(ValueError, match="`guidance` must be a finite number"):
        generators["flow"].sample(1, guidance=guidance)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"churn": "a"}, "`churn` must be a number"),
        ({"churn_noise": NAN}, "`churn_noise` must be a number"),
        ({"churn_levels": (3, 1)}, "`churn_levels` must be"),
        ({"churn_levels": 5}, "`churn_levels` must be"),
    ],
)
def test_samplers_out_of_range_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        models.FlowSampler(**options)


@pytest.mark.parametrize(
    "options", [{"condition_dropout": "a"}, {"times": (NAN, 1.0)}]
)
def test_flows_are_not_compiled_out_of_range(generators, options):
    (name,) = options
    with pytest.raises(ValueError, match=f"`{name}` must be"):
        generators["flow"].compile(**options)


def test_noise_of_other_images_is_refused(generators):
    gan = generators["stylegan2"]
    noise = np.zeros((3, gan.noise_size))
    with pytest.raises(ValueError, match="`noise` must be of shape"):
        gan.synthesize(np.zeros((2, 2)), noise)


@pytest.mark.parametrize("likelihood", ["bernoulli", losses.Bernoulli])
def test_likelihoods_are_objects(generators, likelihood):
    vae = generators["vae"]
    with pytest.raises(ValueError, match="must be an object such as"):
        models.VAE(vae.encoder, vae.decoder, likelihood)


@pytest.mark.parametrize("name", ["vae", "gan", "stylegan2"])
@pytest.mark.parametrize("shape", [(2,), (3, 4, 2)])
def test_latents_are_a_batch_of_vectors(generators, name, shape):
    with pytest.raises(ValueError, match=r"of shape \(batch, 2\)"):
        generators[name].generate(np.zeros(shape))
