"""Editing with generators of every condition, and what it says to others."""

import keras
import numpy as np
import pytest

from keras_synth import editing, layers, models, networks
from keras_synth.editing.spaces import latent_space

SHAPE = (8, 8, 1)
LATENTS = np.random.default_rng(0).normal(size=(2, 3)).astype("float32")
VECTORS = np.random.default_rng(1).normal(size=(2, 5)).astype("float32")


def test_vectors_condition_projections(vector_gan, tmp_path):
    images = np.asarray(vector_gan.generate(LATENTS, VECTORS))
    rendered = editing.render(vector_gan, LATENTS, labels=VECTORS)
    np.testing.assert_allclose(rendered, images, atol=1e-6)
    known = editing.as_projection(vector_gan, LATENTS, labels=VECTORS)
    np.testing.assert_allclose(known.images, images, atol=1e-6)
    known.save(tmp_path / "known.npz")
    again = editing.load_projection(tmp_path / "known.npz", vector_gan)
    np.testing.assert_array_equal(again.labels, VECTORS)
    found = editing.project(
        vector_gan, images, labels=VECTORS, steps=30, verbose=0
    )
    assert (found.losses[-1] < found.losses[0]).all()
    tuned = editing.tune_generator(found, images, steps=2, verbose=0)
    assert tuned.losses.shape == (2, 2)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (None, "class-conditional"),
        (1.7, "must be ints"),
        ([0, 1, 2], "a row for each of 2 images"),
        (4, "from 0 to 3"),
    ],
)
def test_labels_that_do_not_fit_are_refused(gan, labels, message):
    for use in (editing.render, editing.as_projection):
        with pytest.raises(ValueError, match=message):
            use(gan, LATENTS, labels=labels)


def gan_of_classes():
    keras.utils.set_random_seed(1)
    classes = {"num_classes": 3}
    return models.StyleGAN2(
        networks.stylegan2_mapping(3, 4, 1, **classes),
        networks.stylegan2_synthesis((16, 16, 1), 4, channel_max=2),
        networks.stylegan2_discriminator((16, 16, 1), channel_max=2, **classes),
    )


def test_labels_of_styles_are_checked(style_gan):
    gan = gan_of_classes()
    image = np.zeros((1, 16, 16, 1), "float32")
    with pytest.raises(ValueError, match="from 0 to 2"):
        editing.project(gan, image, labels=[99], verbose=0)
    with pytest.raises(ValueError, match="takes no labels"):
        editing.project(style_gan, image, labels=[1], verbose=0)
    styles = editing.sample_vectors(gan, 2, labels=[0, 2])
    assert editing.as_projection(gan, styles, labels=[0, 2]).labels is None


@pytest.mark.parametrize("space", ["w", "w+"])
def test_styles_start_in_the_class_of_their_image(space):
    gan = gan_of_classes()
    images = np.zeros((3, 16, 16, 1), "float32")

    def found(start, **options):
        return editing.project(
            gan, images, space, steps=1, learning_rate=0.0, start=start,
            verbose=0, **options,
        ).styles.reshape(3, -1, 4)[:, 0]  # fmt: skip

    means = [latent_space(gan, "w").statistics(0, k)[0] for k in range(3)]
    assert np.abs(means[0] - means[2]).max() > 0.01
    np.testing.assert_allclose(
        found("mean", labels=[2, 0, 2]), np.array(means)[[2, 0, 2]], atol=1e-5
    )
    np.testing.assert_allclose(
        found("mean", labels=1), 3 * [means[1]], atol=1e-5
    )
    everyone = latent_space(gan, "w").statistics(0)[0]
    np.testing.assert_allclose(found("mean"), 3 * [everyone], atol=1e-5)
    near = found("nearest", labels=[2, 0, 2])
    for style, label in zip(near, [2, 0, 2], strict=True):
        drawn = latent_space(gan, "w").draw(256, 0, label)
        made = np.asarray(latent_space(gan, "w").render(drawn))
        nearest = drawn[np.square(made).mean((1, 2, 3)).argmin()]
        np.testing.assert_allclose(style, nearest, atol=1e-5)


def test_each_class_has_its_mean_and_deviation():
    space = latent_space(gan_of_classes(), "w")
    means, deviations = space.statistics_of_each(np.array([2, 0, 2]))
    for mean, deviation, label in zip(
        means, deviations, [2, 0, 2], strict=True
    ):
        styles = space.draw(4096, 0, label)
        np.testing.assert_allclose(mean, styles.mean(0), atol=1e-5)
        spread = np.sqrt(np.square(styles - styles.mean(0)).mean())
        np.testing.assert_allclose(deviation, [spread], rtol=1e-4)


def test_styles_of_a_vector_are_projected():
    known = {"condition_shape": (5,)}
    gan = models.StyleGAN2(
        networks.stylegan2_mapping(3, 4, 1, **known),
        networks.stylegan2_synthesis((16, 16, 1), 4, channel_max=2),
        networks.stylegan2_discriminator((16, 16, 1), channel_max=2, **known),
    )
    styles = editing.sample_vectors(gan, 2, labels=VECTORS)
    found = editing.project(
        gan, editing.render(gan, styles), labels=VECTORS, steps=2, verbose=0
    )
    assert found.styles.shape == (2, gan.num_layers, 4)
    with pytest.raises(ValueError, match="no list of all conditions"):
        editing.project(gan, found.images, steps=2, verbose=0)


def test_a_start_of_another_number_of_images_is_refused(vae):
    known = editing.as_projection(vae, LATENTS)
    with pytest.raises(ValueError, match="a projection of 1 images in z"):
        editing.project(vae, known.images[:1], start=known, verbose=0)


def test_tokens_are_refused():
    gan = models.GAN(
        networks.dense_generator(SHAPE, 3, (4,), condition_shape=(2, 5)),
        networks.dense_discriminator(SHAPE, (4,), condition_shape=(2, 5)),
    )
    tokens = np.zeros((2, 2, 5), "float32"), np.ones((2, 2), "float32")
    with pytest.raises(ValueError, match="cannot be edited"):
        editing.render(gan, LATENTS, labels=tokens)


def test_styles_of_any_vector_have_no_mean():
    known = {"condition_shape": (5,)}
    gan = models.StyleGAN2(
        networks.stylegan2_mapping(3, 4, 1, **known),
        networks.stylegan2_synthesis((16, 16, 1), 4, channel_max=2),
        networks.stylegan2_discriminator((16, 16, 1), channel_max=2, **known),
    )
    with pytest.raises(ValueError, match="styles of this StyleGAN2 depend"):
        editing.principal_directions(gan, 1, 10)


def test_flows_have_no_network_of_images():
    flow = models.FlowMatching(networks.dit(SHAPE, width=8, num_blocks=1))
    latents = np.zeros((1, 64), "float32")
    flow.sampler = models.FlowSampler("euler", 1)
    known = editing.as_projection(flow, latents)
    for use in (
        lambda: editing.closed_form_directions(flow),
        lambda: editing.tune_generator(known, known.images, steps=1),
        lambda: editing.blend_features(
            flow, latents, latents, np.ones((8, 8, 1))
        ),
    ):
        with pytest.raises(TypeError, match="in one pass of a network"):
            use()


def test_generators_with_an_augmentation_are_tuned(style_gan):
    gan = models.StyleGAN2.from_config(style_gan.get_config())
    gan.compile(augmentation=layers.AdaptiveAugment())
    styles = np.asarray(gan.map_latents(LATENTS[:1]))
    known = editing.as_projection(gan, styles)
    tuned = editing.tune_generator(known, known.images, steps=1, verbose=0)
    assert tuned.losses.shape == (1, 1)
    before = np.asarray(gan.synthesize(styles))
    after = np.asarray(tuned.model.synthesize(styles))
    np.testing.assert_allclose(after, before, atol=0.1)
