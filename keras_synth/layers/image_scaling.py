"""Input scaling of published networks (Caffe, torchvision) as a layer."""

import keras
from keras import ops

# Caffe's mean of ImageNet and torchvision's, of red, green and blue.
_CAFFE_MEAN = (123.68 / 255.0, 116.779 / 255.0, 103.939 / 255.0)
_TORCHVISION_MEAN = (0.485, 0.456, 0.406)
_TORCHVISION_DEVIATION = (0.229, 0.224, 0.225)


@keras.saving.register_keras_serializable("keras_synth")
class ImageScaling(keras.layers.Layer):
    """Input scaling: images in [0, 1] to the range of a published network.

    `(x - mean) * scale` for red, green and blue; a gray image is repeated to
    three channels. Mean and scale are weights, so that a weights file carries
    the scaling that it was trained with. They start as Caffe's, `255 x -
    mean`.

    Args:
        smallest: Smallest side of an image in pixels, at which every feature
            map still has a pixel.

    Call arguments:
        images: (batch, height, width, 1 or 3).

    Returns:
        (batch, height, width, 3).

    Raises:
        ValueError: The images are too small.

    Example:

    >>> white = ImageScaling()(ops.ones((1, 1, 1, 3)))
    >>> [round(float(level), 3) for level in white[0, 0, 0]]
    [131.32, 138.221, 151.061]
    """

    def __init__(self, smallest=1, **kwargs):
        super().__init__(**kwargs)
        self.smallest = smallest

    def build(self, input_shape):
        # So that images of other channels are refused here.
        axes = {-1: input_shape[-1]}
        self.input_spec = keras.layers.InputSpec(ndim=4, axes=axes)
        self.mean = self._constant("mean", _CAFFE_MEAN)
        self.scale = self._constant("scale", (255.0,) * 3)

    def call(self, images):
        height, width = images.shape[1:3]
        if any(side and side < self.smallest for side in (height, width)):
            raise ValueError(
                f"Images must have at least {self.smallest} x "
                f"{self.smallest} pixels for these feature maps. "
                f"Received: {height} x {width}"
            )
        # Gray images become three channels by broadcasting.
        return (images - self.mean) * self.scale

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], 3)

    def set_torchvision(self):
        """Sets torchvision's scaling: mean 0 and deviation 1 on ImageNet."""
        self.mean.assign(_TORCHVISION_MEAN)
        self.scale.assign([1.0 / value for value in _TORCHVISION_DEVIATION])

    def get_config(self):
        return super().get_config() | {"smallest": self.smallest}

    def _constant(self, name, values):
        return self.add_weight(
            shape=(3,),
            initializer=lambda shape, dtype: ops.cast(values, dtype),
            trainable=False,
            name=name,
        )
