"""Feature maps of VGG-16, VGG-19 and SqueezeNet, for perceptual losses.

All take images in [0, 1] of any size (above a smallest), which are not
resized, scale them as their weights need it, and return `{layer name: map}`,
the maps after the ReLU. All compute in float32, whatever the dtype policy, and
their weights are frozen.
"""

import pathlib

import keras
from keras import layers as keras_layers

from keras_synth.layers.image_scaling import ImageScaling
from keras_synth.networks.perceptual_network import (
    ARCHITECTURES,
    PerceptualNetwork,
    fill,
)
from keras_synth.networks.pretrained import float32_layers

#: The last convolution of each block, which LPIPS compares.
VGG16_LAYERS = (
    "block1_conv2",
    "block2_conv2",
    "block3_conv3",
    "block4_conv3",
    "block5_conv3",
)
VGG19_LAYERS = (*VGG16_LAYERS[:2], *(f"block{i}_conv4" for i in (3, 4, 5)))
#: The layers that LPIPS compares.
SQUEEZENET_LAYERS = (
    "relu_conv1",
    *(f"fire{i}" for i in (3, 5, 6, 7, 8, 9)),
)


def vgg16_features(
    weights="imagenet", layers=VGG16_LAYERS, channels=3, name=None
):
    """VGG-16 feature maps, for perceptual and style losses and LPIPS.

    The network ends at the deepest of the given layers.

    Args:
        weights: "imagenet" for the authors' weights (Caffe), which Keras
            downloads once (59 MB); the path of that file; the path of a
            `.weights.h5` file, written by `convert_torchvision` or saved
            from a network of this function; or None for random weights.
        layers: Names of the maps, from `block1_conv1`, `block1_conv2`,
            `block1_pool`, `block2_conv1`, ... `block5_pool`; by default the
            five that LPIPS compares.
        channels: Channels of the images: 3, or 1 for gray images, which are
            repeated to three channels.
        name: Name of the network; by default "vgg16", followed by "_imagenet"
            or "_torchvision" if the weights are known to be those.

    Returns:
        A `PerceptualNetwork` from (batch, height, width, channels) in [0, 1]
        to `{layer: (batch, height / s, width / s, c)}`, with stride s and
        channels c of 1 and 64, 2 and 128, 4 and 256, 8 and 512, 16 and 512 in
        the five blocks.

    Raises:
        FileNotFoundError: There is no file at that path; the message says
            which to download.
        ValueError: Arguments are out of range, or the file holds other
            weights.
        OSError: The download failed.

    Example:

    >>> network = vgg16_features(weights=None, layers=("block2_conv2",))
    >>> network(keras.ops.zeros((1, 20, 32, 3)))["block2_conv2"].shape
    TensorShape([1, 10, 16, 128])

    Reference: Simonyan and Zisserman, Very Deep Convolutional Networks for
    Large-Scale Image Recognition, 2015, table 1, column D.
    """
    return _build("vgg16", _vgg(2, 2, 3, 3, 3), weights, layers, channels, name)


def vgg19_features(
    weights="imagenet", layers=VGG19_LAYERS, channels=3, name=None
):
    """VGG-19 feature maps, for perceptual and style losses.

    The network ends at the deepest of the given layers.

    Args:
        weights: "imagenet" (80 MB), a path or None, as for `vgg16_features`.
        layers: Names of the maps, as for `vgg16_features`; the last three
            blocks have four convolutions. By default the last convolution of
            each block.
        channels: Channels of the images: 3, or 1 for gray images, which are
            repeated to three channels.
        name: Name of the network; by default "vgg19", followed by "_imagenet"
            or "_torchvision" if the weights are known to be those.

    Returns:
        A `PerceptualNetwork`, see `vgg16_features`.

    Raises:
        FileNotFoundError: There is no file at that path; the message says
            which to download.
        ValueError: Arguments are out of range, or the file holds other
            weights.
        OSError: The download failed.

    Reference: Simonyan and Zisserman 2015, table 1, column E.
    """
    return _build("vgg19", _vgg(2, 2, 4, 4, 4), weights, layers, channels, name)


def squeezenet_features(
    weights, layers=SQUEEZENET_LAYERS, channels=3, name=None
):
    """SqueezeNet 1.1 feature maps, for perceptual losses and LPIPS (3 MB).

    The network ends at the deepest of the given layers. Pooling includes the
    incomplete window at the right and bottom, as in Caffe and torchvision.

    Args:
        weights: The path of `squeezenet_weights_tf_dim_ordering_tf_kernels_
            notop.h5` (the authors' weights, ImageNet on Caffe); "imagenet" to
            download that file once; the path of a `.weights.h5` file, written
            by `convert_torchvision` or saved from a network of this function;
            or None for random weights.
        layers: Names of the maps, from `relu_conv1`, `pool1`, `fire2`,
            `fire3`, `pool3`, `fire4`, `fire5`, `pool5`, `fire6`, ... `fire9`;
            by default the seven that LPIPS compares.
        channels: Channels of the images: 3, or 1 for gray images, which are
            repeated to three channels.
        name: Name of the network; by default "squeezenet", followed by
            "_imagenet" or "_torchvision" if the weights are known to be
            those.

    Returns:
        A `PerceptualNetwork` from (batch, height, width, channels) in [0, 1],
        at least 17 x 17 for the deepest maps, to `{layer: map}`, of 64, 128,
        256, 384, 384, 512, 512 channels.

    Raises:
        FileNotFoundError: There is no file at that path; the message says
            which to download.
        ValueError: Arguments are out of range, or the file holds other
            weights.
        OSError: The download failed.

    Example:

    >>> maps = squeezenet_features(None)(keras.ops.zeros((1, 64, 64, 3)))
    >>> maps["fire9"].shape
    TensorShape([1, 3, 3, 512])

    Reference: Iandola et al., SqueezeNet: AlexNet-level accuracy with 50x
    fewer parameters, 2016, table 1; version 1.1 is the authors' later one,
    with a smaller first convolution and earlier pooling.
    """
    return _build("squeezenet", _squeezenet, weights, layers, channels, name)


def _build(architecture, steps, weights, selected, channels, name):
    """Builds a perceptual network and loads its weights.

    Args:
        architecture: Name of the architecture.
        steps: Function that returns a list of `(layer name, function of the
            map before, smallest side of an image)`.
        weights: Kind or path of the weights, see `vgg16_features`.
        selected: Names of the maps.
        channels: Channels of the images.
        name: Name of the network, or None.
    """
    if channels not in (1, 3):
        raise ValueError(f"`channels` must be 1 or 3. Received: {channels!r}")
    with float32_layers():
        steps = steps()
        names = [step[0] for step in steps]
        selected = [selected] if isinstance(selected, str) else list(selected)
        if not selected or not set(selected) <= set(names):
            raise ValueError(
                f"`layers` must be of {', '.join(names)}. "
                f"Received: layers={selected!r}"
            )
        steps = steps[: 1 + max(names.index(each) for each in selected)]
        image = keras.Input((None, None, channels), name="image")
        x = ImageScaling(steps[-1][2], name="scaling")(image)
        maps = {}
        for layer_name, step, _ in steps:
            x = step(x)
            if layer_name in selected:
                maps[layer_name] = x
    network = PerceptualNetwork(image, maps, name=architecture)
    source = None
    if weights is not None:
        origin = fill(network, ARCHITECTURES[architecture], weights)
        if name is None and origin is not None:
            name = f"{architecture}_{origin}"
        source = {
            "architecture": architecture,
            "weights": _weights_source(weights),
            "origin": origin,
            "hash": network.weight_hash,
        }
    network = PerceptualNetwork(image, maps, name=name or architecture)
    network.trainable = False
    network.source = source
    return network


def _weights_source(weights):
    if weights == "imagenet":
        return weights
    return str(pathlib.Path(weights).resolve())


def _vgg(*counts):
    """The steps of a VGG with the given numbers of convolutions per block."""

    def steps():
        chain = []
        widths = (64, 128, 256, 512, 512)
        for block, (width, count) in enumerate(
            zip(widths, counts, strict=True), start=1
        ):
            for index in range(1, count + 1):
                name = f"block{block}_conv{index}"
                step = _convolution(width, 3, name, padding="same")
                chain.append((name, step, 2 ** (block - 1)))
            name = f"block{block}_pool"
            pool = keras_layers.MaxPooling2D(2, name=name)
            chain.append((name, pool, 2**block))
        return chain

    return steps


def _squeezenet():
    """The steps of SqueezeNet 1.1."""
    smallest = 3

    def first(x):
        x = _convolution(64, 3, "conv1", strides=2, activation=None)(x)
        return keras_layers.ReLU(name="relu_conv1")(x)

    chain = [("relu_conv1", first, smallest)]
    widths = iter((16, 16, 32, 32, 48, 48, 64, 64))
    for pool, fires in ((1, (2, 3)), (3, (4, 5)), (5, (6, 7, 8, 9))):
        smallest = 2 * smallest - 1
        chain.append((f"pool{pool}", _pool(f"pool{pool}"), smallest))
        for fire in fires:
            name = f"fire{fire}"
            chain.append((name, _fire(name, next(widths)), smallest))
    return chain


def _pool(name):
    def step(x):
        # One row and column of zeros, the minimum of a ReLU.
        x = keras_layers.ZeroPadding2D(((0, 1), (0, 1)))(x)
        return keras_layers.MaxPooling2D(3, strides=2, name=name)(x)

    return step


def _fire(name, width):
    """Fire module: 1 x 1 filters, then four times as many, 1 x 1 and 3 x 3."""

    def step(x):
        x = _convolution(width, 1, f"{name}_squeeze1x1")(x)
        pointwise = _convolution(4 * width, 1, f"{name}_expand1x1")(x)
        local = _convolution(4 * width, 3, f"{name}_expand3x3", padding="same")
        return keras_layers.Concatenate(name=name)([pointwise, local(x)])

    return step


def _convolution(width, size, name, activation="relu", **options):
    return keras_layers.Conv2D(
        width,
        size,
        activation=activation,
        # Keeps the scale of maps of random weights over depth.
        kernel_initializer="he_normal",
        name=name,
        **options,
    )


#: Pretrained networks whose feature maps compare images: `{name: function}`.
FEATURE_NETWORKS = {
    "vgg19": vgg19_features,
    "vgg16": vgg16_features,
    "squeezenet": squeezenet_features,
}
