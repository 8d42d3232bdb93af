"""Latent manifold, and files for TensorBoard's projector."""

import types

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from keras_synth import models, networks
from keras_synth.callbacks import (
    LatentManifold,
    latent_manifold,
    write_projector,
)
from keras_synth.io import image_grid, read_image
from tests.models.test_vae import SHAPE, random_images, small_vae


class PlaneOfLatents:
    """Decodes latents z to images of 1x2 pixels, Φ(z)."""

    latent_dim = 2

    def decode(self, latents):
        return stats.norm.cdf(latents)[:, None, :, None]


def test_the_manifold_covers_equal_parts_of_the_prior():
    grid = latent_manifold(PlaneOfLatents(), num_images=4)[..., 0]
    centers = (np.arange(4) + 0.5) / 4
    np.testing.assert_allclose(grid[:, 0::2], 4 * [centers], atol=1e-6)
    np.testing.assert_allclose(grid[:, 1::2].T, 4 * [centers[::-1]], atol=1e-6)


def test_the_callback_writes_the_manifold_of_the_model(tmp_path):
    model = models.VAE(
        networks.dense_encoder(SHAPE, 2, hidden=()),
        networks.dense_decoder(SHAPE, 2, hidden=()),
    )
    model.compile()
    callback = LatentManifold(tmp_path, num_images=3)
    model.fit(random_images(), epochs=2, verbose=0, callbacks=[callback])
    np.testing.assert_allclose(
        read_image(tmp_path / "manifold_epoch_0002.png"),
        latent_manifold(model, 3),
        atol=0.5 / 255 + 1e-6,
    )


def test_more_than_two_latents_are_refused_before_training(tmp_path):
    with pytest.raises(ValueError, match="latent_dim=3"):
        small_vae().fit(
            random_images(), verbose=0, callbacks=[LatentManifold(tmp_path)]
        )


@pytest.mark.parametrize("num_images", [0, -1, 2.5])
def test_a_manifold_without_images_is_refused(num_images, tmp_path):
    for make in (
        lambda: LatentManifold(tmp_path, num_images=num_images),
        lambda: latent_manifold(PlaneOfLatents(), num_images),
    ):
        with pytest.raises(
            ValueError, match="`num_images` must be an int of at least 1"
        ):
            make()


def test_a_class_that_the_model_does_not_have_is_refused(tmp_path):
    keras.utils.set_random_seed(0)
    classes = {"num_classes": 3}
    gan = models.GAN(
        networks.dense_generator(SHAPE, 2, (4,), **classes),
        networks.dense_discriminator(SHAPE, (4,), **classes),
    )
    gan.compile()
    grid = LatentManifold(tmp_path, 2, label=3)
    with pytest.raises(ValueError, match="from 0 to 2"):
        gan.fit(random_images(), np.arange(8) % 3, verbose=0, callbacks=[grid])
    assert int(gan.optimizer.iterations) == 0


def test_the_projector_reads_the_files(tmp_path):
    from google.protobuf import text_format
    from tensorboard.plugins.projector import ProjectorConfig

    model, images = small_vae(), random_images(5)
    labels = np.array([0, 1, 1, 0, 1])
    path = write_projector(tmp_path, model, images, labels, ["no", "yes"])
    config = text_format.Parse(path.read_text(), ProjectorConfig())
    (embedding,) = config.embeddings
    latents = np.loadtxt(tmp_path / embedding.tensor_path, delimiter="\t")
    np.testing.assert_allclose(latents, model.encode(images)[0], atol=1e-6)
    names = (tmp_path / embedding.metadata_path).read_text().split()
    assert names == ["no", "yes", "yes", "no", "yes"]
    assert list(embedding.sprite.single_image_dim) == [8, 8]
    np.testing.assert_array_equal(
        read_image(tmp_path / embedding.sprite.image_path),
        image_grid(images, columns=3, padding=0),
    )


def test_projector_of_a_conditional_model(tmp_path):
    model, labels = small_vae(num_classes=4), np.arange(4)
    write_projector(tmp_path, model, random_images(4), labels)
    latents = np.loadtxt(tmp_path / "latents.tsv", delimiter="\t")
    expected = model.encode(random_images(4), labels)[0]
    np.testing.assert_allclose(latents, expected, atol=1e-6)
    assert (tmp_path / "labels.tsv").read_text().split() == list("0123")


def test_sprites_larger_than_tensorboard_shows_are_refused(tmp_path):
    images = np.zeros((300, 500, 500, 1), "bool")  # 18 a side: 9,000 pixels
    with pytest.raises(ValueError, match="at most 256 images of 500x500"):
        write_projector(tmp_path, small_vae(), images)


def test_projector_is_found_by_tensorboard(tmp_path):
    from tensorboard.plugins import base_plugin
    from tensorboard.plugins.projector import projector_plugin

    write_projector(tmp_path, small_vae(), random_images(4))
    context = base_plugin.TBContext(logdir=str(tmp_path))
    plugin = projector_plugin.ProjectorPlugin(context)
    plugin._update_configs()
    assert list(plugin._configs) == ["."]


def test_it_works_beside_keras_tensorboard(tmp_path):
    model = small_vae()
    callback = keras.callbacks.TensorBoard(
        tmp_path, histogram_freq=1, write_graph=True, profile_batch=0
    )
    model.fit(random_images(), verbose=0, callbacks=[callback])
    tags = set()
    for file in (tmp_path / "train").glob("events*"):
        for event in tf.compat.v1.train.summary_iterator(str(file)):
            tags |= {value.tag for value in event.summary.value}
    for name in ("loss", "reconstruction", "kl", "active_units"):
        assert f"epoch_{name}" in tags
    assert any("kernel" in tag for tag in tags)  # histograms of weights


def test_the_manifold_of_a_gan_is_what_it_generates():
    gan = models.GAN(
        networks.dense_generator(SHAPE, 2, hidden=(4,)),
        networks.dense_discriminator(SHAPE, hidden=(4,)),
    )
    height, width, channels = SHAPE
    grid = latent_manifold(gan, 1)
    assert grid.shape == (height, width, channels)
    np.testing.assert_allclose(
        grid, np.asarray(gan.generate(np.zeros((1, 2))))[0], atol=1e-6
    )


@pytest.mark.parametrize(
    ("labels", "names", "message"),
    [
        ([0, 1], (), r"must be of shape \(4,\)"),
        ([0, 1, 2, 0], ("a", "b"), "must hold a name for each class"),
        ([0, 1, -1, 0], ("a", "b"), "must hold a name for each class"),
    ],
)
def test_labels_that_do_not_fit_write_nothing(labels, names, message, tmp_path):
    model = types.SimpleNamespace(encode=lambda images: (images[:, 0, 0], None))
    with pytest.raises(ValueError, match=message):
        write_projector(
            tmp_path / "log", model, random_images(4), labels, names
        )
    assert not (tmp_path / "log").exists()


def test_names_of_classes_are_one_line_each(tmp_path):
    model = types.SimpleNamespace(encode=lambda images: (images[:, 0, 0], None))
    names = ["a", "b\n\tB"]
    write_projector(tmp_path, model, random_images(4), [0, 1, 1, 0], names)
    lines = (tmp_path / "labels.tsv").read_text().splitlines()
    assert lines == ["a", "b B", "b B", "a"]
