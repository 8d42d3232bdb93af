"""Decoder of AdaIN style transfer: from feature maps to images."""

import dataclasses

import keras
from keras import layers, ops

from keras_synth.layers import NearestUpSampling2D

_PROBE_SIDE = 128  # side of the images on which maps are measured
_EDGES = ((0, 0), (1, 1), (1, 1), (0, 0))


def style_decoder(features, layer=None, name="style_decoder"):
    """Style decoder: mirrors a feature network, from one map to images.

    In reverse order, each convolution of `features` becomes a convolution of
    3 x 3 from its filters to its inputs, and each downsampling a
    nearest-neighbor upsampling. For VGG up to `block4_conv1` that is the
    decoder of the paper. Parallel branches (SqueezeNet) are one step, and
    steps to fewer channels (squeeze) are left out. Images are padded by
    reflection. No layer normalizes, since that would remove the style.

    Maps are divided by their root mean square on noise, which is saved with the
    weights, so that training starts alike for every network. The image is
    `0.5 + 0.1 y` of the last convolution's y; without the factor the first
    steps of Adam change the image so much that units die.

    Args:
        features: Network from images to `{layer name: map}`, such as
            `networks.vgg16_features()`.
        layer: Name of the map that the decoder takes; the last (deepest) by
            default.
        name: Name of the decoder.

    Returns:
        A `keras.Model` from (batch, h, w, c), of at least 2 x 2, to (batch,
        stride · h, stride · w, channels of the images), not clipped.

    Raises:
        ValueError: There is no such layer, or no convolution before it.

    Reference: Huang and Belongie, Arbitrary Style Transfer in Real-Time with
    Adaptive Instance Normalization, 2017, section 6.1.

    Example:

    >>> from keras_synth import networks
    >>> features = networks.vgg16_features(None, layers=("block2_conv1",))
    >>> style_decoder(features)(ops.ones((1, 8, 6, 128))).shape
    TensorShape([1, 16, 12, 3])
    """
    names = list(features.output)
    layer = names[-1] if layer is None else layer
    if layer not in names:
        raise ValueError(
            f"`layer` must be one of {names}. Received: layer={layer!r}"
        )
    steps = _steps(features, features.output[layer])
    convolutions = [step for step in steps if step.channels]
    if not convolutions:
        raise ValueError(
            f"`features` has no convolution before {layer!r} to mirror."
        )
    encoded = keras.Input((None, None, features.output[layer].shape[-1]))
    x = Division(_size_on_noise(features, layer))(encoded)
    upscaled = False
    for step in reversed(steps):
        if step.stride > 1:
            if upscaled:
                x = _convolution(x, x.shape[-1])  # avoids blocks
            x = NearestUpSampling2D(step.stride)(x)
        if step.channels and step is not convolutions[0]:
            x = _convolution(x, step.channels)
        upscaled = not step.channels
    x = ops.pad(x, _EDGES, mode="reflect")
    x = layers.Conv2D(features.input_shape[-1], 3, dtype="float32")(x)
    x = layers.Rescaling(0.1, 0.5, dtype="float32")(x)
    return keras.Model(encoded, x, name=name)


@keras.saving.register_keras_serializable("keras_synth")
class Division(layers.Layer):
    """Division by a number, in float32.

    The number is a weight that is not trained, so that files of weights hold
    it: it belongs to the encoder that the decoder was trained with.

    Args:
        number: The number at first.

    Call arguments:
        inputs: Tensor of any shape.

    Returns:
        A float32 tensor of that shape.
    """

    def __init__(self, number=1.0, **kwargs):
        super().__init__(**{**kwargs, "dtype": "float32"})
        self.number = self.add_weight(
            shape=(),
            initializer=keras.initializers.Constant(number),
            trainable=False,
            name="number",
        )

    def call(self, inputs):
        return inputs / self.number

    def compute_output_shape(self, input_shape):
        return input_shape


@dataclasses.dataclass(frozen=True, eq=False)
class _Step:
    """Step of a feature network between two of its bottlenecks.

    Attributes:
        stride: Factor by which the sides become smaller.
        channels: Input channels of its convolution; None without one.
    """

    stride: int
    channels: int | None


def _steps(features, output):
    """The chain of `_Step`s from the image to a map."""
    path = keras.Model(features.input, output).operations
    places = {id(each.output): index for index, each in enumerate(path)}
    reach = [0] * len(path)  # last operation that uses each output
    for index, each in enumerate(path):
        for tensor in keras.tree.flatten(each.input):
            place = places[id(tensor)]
            reach[place] = max(reach[place], index)
    channels, side = features.input_shape[-1], _PROBE_SIDE
    shapes = keras.Model(
        features.input, [each.output for each in path]
    ).compute_output_shape((None, side, side, channels))
    steps = []
    beside, convolved = 0, False
    for index, (each, shape) in enumerate(zip(path, shapes, strict=True)):
        convolved = convolved or hasattr(each, "kernel")
        alone = beside <= index  # no branch runs past this operation
        beside = max(beside, reach[index])
        stride = round(side / shape[1])
        widened = convolved and shape[-1] >= channels
        if alone and (widened or stride > 1):
            steps.append(_Step(stride, channels if convolved else None))
            side = shape[1]
            if convolved:
                channels, convolved = shape[-1], False
    return steps


def _size_on_noise(features, layer):
    """Root mean square of a map on noise."""
    shape = (1, _PROBE_SIDE, _PROBE_SIDE, features.input_shape[-1])
    maps = features(keras.random.uniform(shape, seed=0))[layer]
    energy = ops.mean(ops.square(ops.cast(maps, "float32")))
    return float(ops.sqrt(energy)) or 1.0


def _convolution(x, width):
    x = ops.pad(x, _EDGES, mode="reflect")
    return layers.Conv2D(
        width, 3, activation="relu", kernel_initializer="he_normal"
    )(x)
