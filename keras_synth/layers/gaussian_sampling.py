"""Gaussian sampling by the reparameterization trick, a layer."""

import keras
from keras import ops

from keras_synth.ops import ReplicaSeedGenerator
from keras_synth.ops.numbers import is_int


@keras.saving.register_keras_serializable("keras_synth")
class GaussianSampling(keras.layers.Layer):
    """Reparameterization trick: a differentiable sample of a Gaussian.

    `z = m + exp(½ log s²) · ε`, with `ε ~ N(0, I)`: z is differentiable with
    respect to m and log s². Computed in float32, whatever the precision
    policy. Each replica of a `MirroredStrategy` draws its own ε.

    Args:
        num_samples: Number of samples per row. None (the default) draws one
            and keeps the shape; an int adds a leading axis of that length.
        seed: Seed of the noise, an int; None for a random one.

    Call arguments:
        inputs: `[mean, log_variance]`, each (batch, latent_dim).
        noise: Noise ε of the output's shape; None (the default) draws it.

    Returns:
        (batch, latent_dim), or (num_samples, batch, latent_dim).

    Reference: Kingma & Welling, Auto-Encoding Variational Bayes, 2014,
    section 2.4.

    Example:

    >>> mean, log_variance = keras.ops.zeros((4, 2)), keras.ops.zeros((4, 2))
    >>> GaussianSampling(seed=0)([mean, log_variance]).shape
    TensorShape([4, 2])
    """

    def __init__(self, num_samples=None, seed=None, **kwargs):
        kwargs["dtype"] = "float32"
        super().__init__(**kwargs)
        if num_samples is not None and (
            not is_int(num_samples) or num_samples < 1
        ):
            raise ValueError(
                "`num_samples` must be None or a positive int. "
                f"Received: num_samples={num_samples!r}"
            )
        self.num_samples = num_samples
        self.seed = seed
        self.seed_generator = ReplicaSeedGenerator(seed)
        self.built = True

    def call(self, inputs, noise=None):
        mean, log_variance = inputs
        if noise is None:
            shape = ops.shape(mean)
            if self.num_samples is not None:
                shape = (self.num_samples, *shape)
            noise = keras.random.normal(shape, seed=self.seed_generator)
        return mean + ops.exp(0.5 * log_variance) * noise

    def compute_output_shape(self, input_shape):
        shape = tuple(input_shape[0])
        if self.num_samples is None:
            return shape
        return (self.num_samples, *shape)

    def get_config(self):
        config = super().get_config()
        config.update(num_samples=self.num_samples, seed=self.seed)
        return config
