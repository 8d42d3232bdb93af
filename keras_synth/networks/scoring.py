"""Networks in whose features pictures are compared and scored.

All take pictures of any size in [0, 1] and resize them inside; all work in
float32, whatever the dtype policy, so that a figure does not depend on it.
"""

import keras
from keras import layers

from keras_synth.networks.feature_network import (
    AntialiasedResizing,
    FeatureNetwork,
)
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


def mnist_classifier(weights="shipped"):
    """A small residual network that reads handwritten digits.

    The shipped weights come from `recipes.train_classifier("mnist")`;
    `weights/mnist_classifier.md` says how many of MNIST's test digits they
    read right.

    Args:
        weights: "shipped", None for random ones, or the path of a
            `.weights.h5` file.

    Returns:
        A `keras.Model` from (batch, height, width, 1) in [0, 1], any height
        and width, to the probabilities of the classes, (batch, 10).

    Raises:
        FileNotFoundError: no file at that path.
        ValueError: the file holds other weights.

    Example:

    >>> network = mnist_classifier()
    >>> probabilities = network(keras.ops.zeros((2, 28, 28, 1)))
    >>> tuple(probabilities.shape)
    (2, 10)

    Reference:
        He et al., "Deep Residual Learning for Image Recognition" (2016),
        figure 2: the block.
    """
    return _classifier("mnist_classifier", weights)


def fashion_mnist_classifier(weights="shipped"):
    """The network of `mnist_classifier` for Zalando's ten kinds of clothes.

    The shipped weights come from `recipes.train_classifier("fashion_mnist")`,
    see `weights/fashion_mnist_classifier.md`.

    Args:
        weights: as for `mnist_classifier`.

    Returns:
        A `keras.Model` from (batch, height, width, 1) in [0, 1] to the
        probabilities of the classes, (batch, 10).

    Raises:
        FileNotFoundError: no file at that path.
        ValueError: the file holds other weights.
    """
    return _classifier("fashion_mnist_classifier", weights)


def mnist_features(weights="shipped"):
    """What `mnist_classifier` knows of a picture just before it decides.

    Args:
        weights: as for `mnist_classifier`.

    Returns:
        A `FeatureNetwork` from (batch, height, width, 1) in [0, 1] to
        (batch, 64).

    Raises:
        FileNotFoundError: no file at that path.
        ValueError: the file holds other weights.

    Example:

    >>> mnist_features().output_shape
    (None, 64)
    """
    return _penultimate(mnist_classifier(weights))


def fashion_mnist_features(weights="shipped"):
    """What `fashion_mnist_classifier` knows just before it decides.

    Args:
        weights: as for `mnist_classifier`.

    Returns:
        A `FeatureNetwork` from (batch, height, width, 1) in [0, 1] to
        (batch, 64).

    Raises:
        FileNotFoundError: no file at that path.
        ValueError: the file holds other weights.
    """
    return _penultimate(fashion_mnist_classifier(weights))


def inception_features(weights="imagenet", channels=3):
    """Inception-v3's pooled features, the ones of the usual FID.

    The weights are those of Keras' own ImageNet training. The original FID
    code uses a network of 2015, trained otherwise: figures are comparable
    with each other, but may differ a little from published ones. Pictures
    are resized with antialiasing and never rounded to 8 bits.

    Args:
        weights: "imagenet" (Keras downloads 88 MB once), the path of the same
            file (`.h5`), or None for random ones.
        channels: 3, or 1 for grey pictures, which are repeated inside.

    Returns:
        A `FeatureNetwork` from (batch, height, width, channels) in [0, 1] to
        (batch, 2048), named "inception_v3_imagenet" if the weights are
        Keras' ImageNet ones and "inception_v3" otherwise.

    Raises:
        ValueError: other `channels`, or a file with other weights.
        FileNotFoundError: no file at that path.
        OSError: the download failed.

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
            "inception_features(weights={})",
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


def _classifier(name, weights):
    with float32_layers():
        image = keras.Input((None, None, 1), name="image")
        x = AntialiasedResizing(28, 28)(image)
        x = layers.Rescaling(2.0, offset=-1.0)(x)
        for channels in (16, 32):
            x = layers.ReLU()(_convolution(x, channels))
            x = layers.MaxPooling2D()(x)
        x = layers.ReLU()(_convolution(x, 64))  # (batch, 7, 7, 64)
        y = layers.ReLU()(_convolution(x, 64))
        x = layers.ReLU()(layers.Add()([x, _convolution(y, 64)]))
        x = layers.MaxPooling2D()(x)  # (batch, 3, 3, 64)
        x = layers.Flatten()(x)
        x = layers.Dropout(0.3)(x)
        x = layers.Dense(64, activation="relu", name="features")(x)
        x = layers.Dropout(0.2)(x)
        x = layers.Dense(10, activation="softmax", name="probabilities")(x)
        network = keras.Model(image, x, name=name)
    load_weights(network, weights, "Train one: keras-synth train classifier")
    return network


def _convolution(x, channels):
    """Convolution and batch normalisation, which needs no bias before it."""
    x = layers.Conv2D(channels, 3, padding="same", use_bias=False)(x)
    return layers.BatchNormalization()(x)


def _penultimate(classifier):
    return FeatureNetwork(
        classifier.input,
        classifier.get_layer("features").output,
        name=classifier.name,
    )
