"""Spectral normalization, a layer wrapper."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("keras_synth")
class SpectralNormalization(keras.layers.Wrapper):
    """Spectral normalization: divides a layer's kernel by its spectral norm.

    `W̄ = W / σ(W)`, with σ the largest singular value of W as a matrix (all
    axes but the last against the last). σ is followed by power iteration,

        u ← normalize(Wᵀ W u),   σ = ‖W u‖,

    which costs two matrix-vector products a step, since W changes little from
    one step to the next.

    The layer is pure: calling it, in training or not, changes nothing. The
    kernel that the optimizer sees is W itself, and the gradient flows through
    σ (equation 12 of the paper). Only `update()` moves u. The adversarial
    models of this library call it at the start of each step, on the networks
    that this step trains; in a training of your own, call it once a step.
    (`keras.layers.SpectralNormalization` assigns the kernel in every forward
    pass in training, so that a generator's step changes the discriminator.)

    Args:
        layer: One with a `kernel` (Dense, convolutions) or `embeddings`.

    Reference: Miyato et al., Spectral Normalization for Generative
    Adversarial Networks, 2018, algorithm 1.

    Example:

    >>> layer = SpectralNormalization(keras.layers.Dense(4, use_bias=False))
    >>> layer(ops.ones((2, 3))).shape
    TensorShape([2, 4])
    """

    def __init__(self, layer, **kwargs):
        # σ in full precision; the layer computes in its own.
        kwargs.update(dtype="float32", autocast=False)
        super().__init__(layer, **kwargs)

    def build(self, input_shape=None):
        super().build(input_shape)
        if self._weight is None:
            raise ValueError(
                "SpectralNormalization needs a layer with a `kernel` or "
                f"`embeddings`. Received: {type(self.layer).__name__}"
            )
        self.u = self.add_weight(
            shape=(self._weight.shape[-1],),
            initializer="random_normal",
            trainable=False,
            name="u",
        )
        self.update(iterations=20)  # so that σ is right from the start

    def update(self, iterations=1):
        """Updates the spectral norm: power iteration steps, stored in `u`."""
        matrix = self._matrix()
        u = ops.expand_dims(self.u, 0)  # rows, the faster product
        for _ in range(iterations):
            v = ops.normalize(ops.matmul(u, ops.transpose(matrix)))
            u = ops.normalize(ops.matmul(v, matrix))
        # From 0, where a kernel of zeros leads, u would never return.
        self.u.assign(ops.where(ops.any(u != 0), u[0], self.u.value))

    def call(self, inputs):
        matrix = self._matrix()
        # A moving average of unit vectors is shorter than one.
        u = ops.normalize(ops.stop_gradient(self.u))
        sigma = ops.norm(ops.matmul(matrix, u))
        # A kernel of zeros stays one.
        sigma = ops.maximum(sigma, keras.config.epsilon())
        normalized = ops.reshape(matrix / sigma, self._weight.shape)
        values = [
            (v, normalized if v is self._weight else v)
            for v in self.layer.variables
        ]
        with keras.StatelessScope(values):
            return self.layer(inputs)

    def compute_output_shape(self, input_shape):
        return self.layer.compute_output_shape(input_shape)

    @classmethod
    def from_config(cls, config, custom_objects=None):
        # Keras would take the layer out of the caller's own config.
        return super().from_config(dict(config), custom_objects)

    @property
    def _weight(self):
        """What is normalized; None where the layer has no such weight."""
        embeddings = getattr(self.layer, "embeddings", None)
        return getattr(self.layer, "kernel", embeddings)

    def _matrix(self):
        """All axes but the last against the last."""
        return ops.reshape(self._weight, (-1, self._weight.shape[-1]))
