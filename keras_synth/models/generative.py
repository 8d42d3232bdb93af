"""What every model that makes images from latents shares."""

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from keras_synth.models.checks import check_images, check_labels
from keras_synth.models.resumable import ResumableModel


class GenerativeModel(ResumableModel):
    """A model with `generate(latents, labels)`, and sampling on top of it.

    Attributes, set by the subclass:
        latent_dim: dimension of the latents, which are standard normal.
        image_shape: (height, width, channels).
        conditional: whether the model is told the class of each image.
        labeled_network: the network from latents (and labels) to images.
    """

    def fit(self, x=None, y=None, *args, **kwargs):
        """`keras.Model.fit`, see there."""
        if isinstance(y, np.ndarray):
            check_labels(y, self.labeled_network)
        return super().fit(x, y, *args, **kwargs)

    def sample(self, num_images, *, labels=None, truncation=1.0, seed=None):
        """New images.

        Args:
            num_images: how many.
            labels: class of each, int (num_images,), or one int for all; for
                a class-conditional model.
            truncation: scale of the latents' standard deviation; below 1
                gives more typical and less varied images.
            seed: int for the same images each time, None for new ones.

        Returns:
            Images, (num_images, height, width, channels) in [0, 1]; a VAE's
            are the likelihood's means.
        """
        latents, labels = self.sampled_latents(num_images, labels, seed)
        return self.generate(truncation * latents, labels)

    def sampled_latents(self, num_images, labels=None, seed=None):
        """What `sample` makes images of: `(latents, labels)`."""
        shape = (num_images, self.latent_dim)
        if seed is None:
            latents = tf.random.normal(shape)
        else:
            latents = tf.random.stateless_normal(shape, seed=[seed, 0])
        if labels is not None:
            labels = tf.broadcast_to(tf.cast(labels, "int32"), (num_images,))
        return latents, labels

    def sampling_endpoints(self):
        """`sample` and `sample_seeded`, for `export_endpoints`."""
        label = self._label_signature()
        count = tf.TensorSpec((), "int32", name="num_images")
        seed = tf.TensorSpec((), "int32", name="seed")

        def sample(num_images, labels=None):
            return self.sample(num_images, labels=labels)

        def sample_seeded(num_images, seed, labels=None):
            return self.sample(num_images, labels=labels, seed=seed)

        return {
            "sample": (sample, [count, *label]),
            "sample_seeded": (sample_seeded, [count, seed, *label]),
        }

    def with_label(self, signature):
        """What `call` takes: that, and the label where there is one."""
        label = self._label_signature()
        return [signature, *label] if label else signature

    def _label_signature(self):
        label = tf.TensorSpec((None,), "int32", name="labels")
        return [label] if self.conditional else []

    def _batch(self, data):
        """`[images]` or `[images, labels]`, from what `fit` hands over."""
        images, labels, weights = keras.utils.unpack_x_y_sample_weight(data)
        if weights is not None:
            raise ValueError(
                f"A {type(self).__name__} takes no sample weights."
            )
        if isinstance(images, list | tuple):
            images, labels = images
        return self._inputs(images, labels)

    def _inputs(self, images, labels=None):
        images = ops.convert_to_tensor(images)
        check_images(images, self.image_shape)
        return [ops.cast(images, "float32"), *self._labels(labels)]

    def _labels(self, labels):
        check_labels(labels, self.labeled_network)
        return [] if labels is None else [ops.convert_to_tensor(labels)]
