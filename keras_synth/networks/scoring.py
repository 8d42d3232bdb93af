"""Inception-v3 features, for Frechet and kernel distance.

The network takes images of any size in [0, 1], which it resizes, and computes
in float32, whatever the dtype policy.
"""

import keras
from keras import layers

from keras_synth.layers import AntialiasedResizing
from keras_synth.networks.feature_network import FeatureNetwork
from keras_synth.networks.pretrained import (
    download,
    float32_layers,
    load_weights,
    md5,
)

_INCEPTION_FILE = "inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5"
_INCEPTION_ADDRESS = (
    "https://storage.googleapis.com/tensorflow/keras-applications/"
    f"inception_v3/{_INCEPTION_FILE}"
)
_INCEPTION_MD5 = "bcbd6486424b2319ff4ef7d526e38f63"


def inception_features(weights="imagenet", channels=3):
    """Inception-v3 features, for FID and KID.

    The weights are those of the ImageNet training of Keras. The original FID
    code uses another training of the network (2015): scores are comparable
    with each other, but may differ slightly from published ones. Images are
    resized with antialiasing and not rounded to 8 bits.

    Args:
        weights: "imagenet", which Keras downloads once (88 MB), the path of
            that file (`.h5`), or None for random weights.
        channels: Channels of the images: 3, or 1 for gray images, which are
            repeated to three channels.

    Returns:
        A `FeatureNetwork` from (batch, height, width, channels) in [0, 1] to
        (batch, 2048), named "inception_v3_imagenet" if the weights are
        Keras' ImageNet ones and "inception_v3" otherwise.

    Raises:
        ValueError: `channels` is not 1 or 3, or the file holds other weights.
        FileNotFoundError: There is no file at that path.
        OSError: The download failed.

    Reference:
        Heusel et al., "GANs Trained by a Two Time-Scale Update Rule Converge
        to a Local Nash Equilibrium" (2017), section 4: the distance.
        Parmar et al., "On Aliased Resizing and Surprising Subtleties in GAN
        Evaluation" (2022): why antialiasing.
    """
    if channels not in (1, 3):
        raise ValueError(f"`channels` must be 1 or 3. Received: {channels!r}")
    if weights == "imagenet":
        weights = download(
            _INCEPTION_ADDRESS,
            _INCEPTION_MD5,
            "`weights` of `inception_features` (of `score` --features-weights)",
        )
    with float32_layers():
        image = keras.Input((None, None, channels), name="image")
        x = AntialiasedResizing(299, 299)(image)
        x = layers.Rescaling(2.0, offset=-1.0)(x)
        if channels == 1:
            x = layers.Concatenate()([x, x, x])
        inception = keras.applications.InceptionV3(
            include_top=False,
            weights=None,
            input_shape=(299, 299, 3),
            pooling="avg",
            name="inception_v3",
        )
        outputs = inception(x)
    name = "inception_v3"
    if weights is not None:
        load_weights(inception, weights, f"Fetch {_INCEPTION_ADDRESS}")
        if md5(weights) == _INCEPTION_MD5:
            name = "inception_v3_imagenet"
    network = FeatureNetwork(image, outputs, name=name)
    if name == "inception_v3_imagenet":
        network.published_hash = network.weight_hash
    return network
