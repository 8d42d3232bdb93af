"""Spectral normalization as a layer wrapper."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("keras_synth")
class SpectralNormalization(keras.layers.Wrapper):
    """Spectral normalization: divides a layer's kernel by its spectral norm.

    `W̄ = W / σ(W)`, with σ the largest singular value of W as a matrix (all
    axes but the last against the last). σ is estimated by power iteration,

        u ← normalize(Wᵀ W u),   σ = ‖W u‖.

    One iteration a step, two matrix-vector products, suffices, since W
    changes little from one step to the next.

    A call, in training or not, changes no weights. The optimizer updates W
    itself, and the gradient flows through σ (equation 12 of the paper). Only
    `update()` changes u. The adversarial models of this library call it at
    the start of each step, on the networks that the step trains; in a custom
    training loop, call it once a step. (`keras.layers.SpectralNormalization`
    assigns the kernel in every forward pass in training, so that a
    generator's step changes the discriminator.)

    Args:
        layer: Layer with a `kernel` (Dense, convolutions) or `embeddings`.

    Reference: Miyato et al., Spectral Normalization for Generative
    Adversarial Networks, 2018, algorithm 1.

    Example:

    >>> layer = SpectralNormalization(keras.layers.Dense(4, use_bias=False))
    >>> layer(ops.ones((2, 3))).shape
    TensorShape([2, 4])
    """

    def __init__(self, layer, **kwargs):
        # σ in float32; the wrapped layer in its own precision.
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
        """Updates the estimate of the spectral norm by power iteration.

        Args:
            iterations: Number of power iteration steps.
        """
        matrix = self._matrix()
        u = ops.expand_dims(self.u, 0)  # rows, the faster product
        for _ in range(iterations):
            v = ops.normalize(ops.matmul(u, ops.transpose(matrix)))
            u = ops.normalize(ops.matmul(v, matrix))
        # A kernel of zeros would make u 0 forever.
        self.u.assign(ops.where(ops.any(u != 0), u[0], self.u.value))

    def call(self, inputs):
        matrix = self._matrix()
        # A moving average of weights makes u shorter than 1.
        u = ops.normalize(ops.stop_gradient(self.u))
        sigma = ops.norm(ops.matmul(matrix, u))
        # A kernel of zeros stays one.
        sigma = ops.maximum(sigma, keras.config.epsilon())
        normalized = ops.cast(
            ops.reshape(matrix / sigma, self._weight.shape), self._weight.dtype
        )
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
        """The normalized weight; None where the layer has no such weight."""
        embeddings = getattr(self.layer, "embeddings", None)
        return getattr(self.layer, "kernel", embeddings)

    def _matrix(self):
        """The weight as a matrix: all axes but the last against the last."""
        matrix = ops.reshape(self._weight, (-1, self._weight.shape[-1]))
        return ops.cast(matrix, "float32")
