"""What a network that scores pictures is, and how it takes any size."""

import keras

from keras_synth import ops


@keras.saving.register_keras_serializable("keras_synth")
class AntialiasedResizing(keras.layers.Layer):
    """Pictures of any size at one size, bilinear with antialiasing.

    Pictures that have the size already pass unchanged.

    Args:
        height: of the result.
        width: of the result.
    """

    def __init__(self, height, width, **kwargs):
        super().__init__(**kwargs)
        self.height = height
        self.width = width
        # TensorFlow's antialiased resizing has no XLA kernel.
        self.supports_jit = False

    def build(self, input_shape):
        # So that grey pictures for a colour network fail here, by name.
        axes = {-1: input_shape[-1]}
        self.input_spec = keras.layers.InputSpec(ndim=4, axes=axes)

    def call(self, images):
        size = (self.height, self.width)
        given = tuple(images.shape[1:3])
        if given == size:
            return images
        # Without need of it, resizing works in other people's XLA steps too.
        shrinks = any(
            side is None or side > wanted
            for side, wanted in zip(given, size, strict=True)
        )
        return keras.ops.image.resize(
            images,
            size,
            interpolation="bilinear",
            antialias=shrinks,
            data_format="channels_last",
        )

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.height, self.width, input_shape[-1])

    def get_config(self):
        return super().get_config() | {
            "height": self.height,
            "width": self.width,
        }


@keras.saving.register_keras_serializable("keras_synth")
class FeatureNetwork(keras.Model):
    """A functional network from pictures in [0, 1] to features (batch, d).

    Scores (Frechet and kernel distances, precision and recall) are figures of
    the features, so that each carries what identifies the network: its name,
    its `input_size`, its `resizing` and its `weight_hash`.

    Args:
        inputs: `keras.Input` of pictures.
        outputs: the features, computed from `inputs`.
        name: of the network.

    Example:

    >>> from keras_synth import networks
    >>> network = networks.mnist_features()
    >>> network.name, network.input_size, network.resizing
    ('mnist_classifier', (28, 28), 'bilinear, antialiased')
    """

    @property
    def weight_hash(self):
        """12 hexadecimal digits that only these weights have."""
        return ops.weight_hash(self)

    @property
    def input_size(self):
        """(height, width) to which pictures are resized inside, or None."""
        layer = self._resizing_layer()
        return layer and (layer.height, layer.width)

    @property
    def resizing(self):
        """How pictures are resized inside: a str."""
        return "bilinear, antialiased" if self._resizing_layer() else "none"

    def _resizing_layer(self):
        for layer in self.layers:
            if isinstance(layer, AntialiasedResizing):
                return layer
        return None
