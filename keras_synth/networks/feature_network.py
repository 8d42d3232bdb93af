"""Feature network: a model from images of any size to feature vectors."""

import keras

from keras_synth import ops
from keras_synth.layers import AntialiasedResizing


@keras.saving.register_keras_serializable("keras_synth")
class FeatureNetwork(keras.Model):
    """Feature network: a functional model from images to features (batch, d).

    Scores (Frechet and kernel distance, precision and recall) depend on the
    network, so they are reported with what identifies it: its name,
    `input_size`, `resizing` and `weight_hash`.

    Args:
        inputs: `keras.Input` of images.
        outputs: Tensor of features (batch, d), computed from `inputs`.
        name: Name of the network.

    Example:

    >>> from keras_synth import presets
    >>> network = presets.mnist_features()
    >>> network.name, network.input_size, network.resizing
    ('mnist_classifier', (28, 28), 'bilinear, antialiased')
    """

    @property
    def weight_hash(self):
        """Weight hash: 12 hexadecimal digits that identify the weights."""
        return ops.weight_hash(self)

    @property
    def input_size(self):
        """(height, width) to which images are resized, or None."""
        layer = self._resizing_layer()
        return layer and (layer.height, layer.width)

    @property
    def resizing(self):
        """Method by which images are resized, a str."""
        return "bilinear, antialiased" if self._resizing_layer() else "none"

    def _resizing_layer(self):
        for layer in self.layers:
            if isinstance(layer, AntialiasedResizing):
                return layer
        return None
