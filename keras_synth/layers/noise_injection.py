"""Noise injection: learned-strength Gaussian noise (StyleGAN)."""

import keras


@keras.saving.register_keras_serializable("keras_synth")
class NoiseInjection(keras.layers.Layer):
    """Noise injection: adds a noise map to all channels, with learned strength.

    `x + strength · noise`, with one strength per layer, 0 at the start. The
    noise is the source of fine random detail, which the generator would
    otherwise have to derive from the latents.

    Call arguments:
        inputs: `[x, noise]`, (batch, height, width, channels) and (batch,
            height, width, 1).

    Returns:
        A tensor of the shape of `x`.

    Reference: Karras et al., Analyzing and Improving the Image Quality of
    StyleGAN, 2020, section 2 and appendix B (one strength for all channels).

    Example:

    >>> layer = NoiseInjection()
    >>> x = keras.ops.ones((1, 2, 2, 3))
    >>> layer([x, keras.ops.ones((1, 2, 2, 1))])[0, 0, 0].numpy()
    array([1., 1., 1.], dtype=float32)
    """

    def build(self, input_shapes):
        self.strength = self.add_weight(
            shape=(), initializer="zeros", name="strength"
        )

    def call(self, inputs):
        x, noise = inputs
        return x + self.strength * noise

    def compute_output_shape(self, input_shapes):
        return input_shapes[0]
