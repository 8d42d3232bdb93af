"""Learned constant: the input of a style-based generator."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("keras_synth")
class LearnedConstant(keras.layers.Layer):
    """Learned constant: the same trained tensor for each image of a batch.

    Args:
        shape: Shape of the tensor, a tuple of ints.
        stddev: Standard deviation of the normal values that it starts with.

    Call arguments:
        inputs: (batch, ...). Only the batch size is used.

    Returns:
        (batch, *shape).

    Reference: Karras et al., A Style-Based Generator Architecture, 2019,
    section 2: "the generator starts from a learned constant".

    Example:

    >>> LearnedConstant((4, 4, 2))(ops.zeros((3, 5))).shape
    TensorShape([3, 4, 4, 2])
    """

    def __init__(self, shape, stddev=1.0, **kwargs):
        super().__init__(**kwargs)
        self.shape = tuple(shape)
        self.stddev = stddev

    def build(self, input_shape):
        self.constant = self.add_weight(
            shape=self.shape,
            initializer=keras.initializers.RandomNormal(stddev=self.stddev),
            name="constant",
        )

    def call(self, inputs):
        count = ops.shape(inputs)[0]
        constant = ops.convert_to_tensor(self.constant)
        return ops.broadcast_to(constant[None], (count, *self.shape))

    def compute_output_shape(self, input_shape):
        return (input_shape[0], *self.shape)

    def get_config(self):
        config = super().get_config()
        return {**config, "shape": self.shape, "stddev": self.stddev}
