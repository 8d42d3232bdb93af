"""Minibatch standard deviation, a layer against mode collapse."""

import keras
from keras import ops

from keras_synth.ops.numbers import is_int


@keras.saving.register_keras_serializable("keras_synth")
class MinibatchStandardDeviation(keras.layers.Layer):
    """Minibatch standard deviation: variation in a batch as a channel.

    In each group of images the standard deviation of every feature at every
    position is averaged to one number, which fills a new feature map. So the
    discriminator detects a generator whose images are too much alike.

    Groups are taken within the batch of one replica: with `group_size` g and
    n images, image i is in group `i mod (n / g)`. A batch size that g does
    not divide gives one group.

    Args:
        group_size: Number of images in a group, at least 2.
        epsilon: Constant added to the variance, whose root has no gradient
            at 0.

    Call arguments:
        inputs: (batch, height, width, channels).

    Returns:
        (batch, height, width, channels + 1).

    Reference: Karras et al., Progressive Growing of GANs, 2018, section 3.

    Example:

    >>> layer = MinibatchStandardDeviation()
    >>> features = ops.concatenate(
    ...     [ops.zeros((2, 2, 2, 1)), ops.ones((2, 2, 2, 1))], axis=0)
    >>> layer(features)[0, 0, 0].numpy()  # the feature, and the deviation
    array([0. , 0.5], dtype=float32)
    """

    def __init__(self, group_size=4, epsilon=1e-8, **kwargs):
        super().__init__(**kwargs)
        if not is_int(group_size) or group_size < 2:
            raise ValueError(
                "`group_size` must be an int of at least 2. "
                f"Received: group_size={group_size!r}"
            )
        self.group_size = group_size
        self.epsilon = epsilon
        self.built = True

    def call(self, inputs):
        _, height, width, channels = inputs.shape
        count = ops.shape(inputs)[0]
        if isinstance(count, int):
            size = count if count % self.group_size else self.group_size
        else:
            even = ops.equal(count % self.group_size, 0)
            size = ops.where(even, self.group_size, count)
        x = ops.cast(inputs, "float32")
        # (group_size, groups, height, width, channels)
        x = ops.reshape(x, (size, -1, height, width, channels))
        deviation = ops.sqrt(ops.var(x, axis=0) + self.epsilon)
        deviation = ops.mean(deviation, axis=(1, 2, 3))  # (groups,)
        deviation = ops.reshape(ops.tile(deviation, (size,)), (-1, 1, 1, 1))
        plane = ops.broadcast_to(deviation, (count, height, width, 1))
        return ops.concatenate([inputs, ops.cast(plane, inputs.dtype)], axis=-1)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], input_shape[-1] + 1)

    def get_config(self):
        config = super().get_config()
        config.update(group_size=self.group_size, epsilon=self.epsilon)
        return config
