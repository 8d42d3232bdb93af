"""What a network that scores images is, and how it takes any size."""

import keras

from keras_synth import ops
from keras_synth.layers import AntialiasedResizing


@keras.saving.register_keras_serializable("keras_synth")
class FeatureNetwork(keras.Model):
    """A functional network from images in [0, 1] to features (batch, d).

    Scores (Frechet and kernel distances, precision and recall) are figures of
    the features, so that each carries what identifies the network: its name,
    its `input_size`, its `resizing` and its `weight_hash`.

    Args:
        inputs: `keras.Input` of images.
        outputs: the features, computed from `inputs`.
        name: of the network.

    Example:

    >>> from keras_synth import presets
    >>> network = presets.mnist_features()
    >>> network.name, network.input_size, network.resizing
    ('mnist_classifier', (28, 28), 'bilinear, antialiased')
    """

    @property
    def weight_hash(self):
        """12 hexadecimal digits that only these weights have."""
        return ops.weight_hash(self)

    @property
    def input_size(self):
        """(height, width) to which images are resized inside, or None."""
        layer = self._resizing_layer()
        return layer and (layer.height, layer.width)

    @property
    def resizing(self):
        """How images are resized inside: a str."""
        return "bilinear, antialiased" if self._resizing_layer() else "none"

    def _resizing_layer(self):
        for layer in self.layers:
            if isinstance(layer, AntialiasedResizing):
                return layer
        return None
