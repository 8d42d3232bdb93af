"""Pretrained classifiers of digits and clothes, and their feature networks."""

from keras_synth.networks import FeatureNetwork, small_classifier
from keras_synth.presets.files import load_preset


def mnist_classifier(weights="pretrained"):
    """Classifier of handwritten digits (MNIST), a small residual network.

    Trained on the training split of MNIST (CC BY-SA 3.0). Accuracy on the test
    split: 99.56 %. License of the weights: Apache-2.0. See
    `presets/mnist_classifier.md`.

    Args:
        weights: "pretrained", None for random weights, or the path of a
            `.weights.h5` file.

    Returns:
        A `keras.Model` from (batch, height, width, 1) in [0, 1], any height
        and width, to the probabilities of the classes, (batch, 10).

    Raises:
        FileNotFoundError: There is no file at that path.
        ValueError: The file holds other weights.

    Example:

    >>> import keras
    >>> network = mnist_classifier()
    >>> probabilities = network(keras.ops.zeros((2, 28, 28, 1)))
    >>> tuple(probabilities.shape)
    (2, 10)

    Reference:
        He et al., "Deep Residual Learning for Image Recognition" (2016),
        figure 2: the block.
    """
    return _load("mnist_classifier", weights)


def fashion_mnist_classifier(weights="pretrained"):
    """Classifier of clothes (Fashion-MNIST), a small residual network.

    Trained on the training split of Fashion-MNIST (MIT). Accuracy on the test
    split: 92.59 %. License of the weights: Apache-2.0. See
    `presets/fashion_mnist_classifier.md`.

    Args:
        weights: "pretrained", None for random weights, or the path of a
            `.weights.h5` file.

    Returns:
        A `keras.Model` from (batch, height, width, 1) in [0, 1] to the
        probabilities of the classes, (batch, 10).

    Raises:
        FileNotFoundError: There is no file at that path.
        ValueError: The file holds other weights.
    """
    return _load("fashion_mnist_classifier", weights)


def mnist_features(weights="pretrained"):
    """Feature network of `mnist_classifier`: its 64 penultimate features.

    For Frechet distance, kernel distance, precision and recall on digits.

    Args:
        weights: "pretrained", None for random weights, or the path of a
            `.weights.h5` file of the classifier.

    Returns:
        A `FeatureNetwork` from (batch, height, width, 1) in [0, 1] to
        (batch, 64).

    Raises:
        FileNotFoundError: There is no file at that path.
        ValueError: The file holds other weights.

    Example:

    >>> mnist_features().output_shape
    (None, 64)
    """
    return _penultimate(mnist_classifier(weights))


def fashion_mnist_features(weights="pretrained"):
    """Feature network of `fashion_mnist_classifier`: 64 penultimate features.

    For Frechet distance, kernel distance, precision and recall on clothes.

    Args:
        weights: "pretrained", None for random weights, or the path of a
            `.weights.h5` file of the classifier.

    Returns:
        A `FeatureNetwork` from (batch, height, width, 1) in [0, 1] to
        (batch, 64).

    Raises:
        FileNotFoundError: There is no file at that path.
        ValueError: The file holds other weights.
    """
    return _penultimate(fashion_mnist_classifier(weights))


def _penultimate(classifier):
    return FeatureNetwork(
        classifier.input,
        classifier.get_layer("features").output,
        name=classifier.name,
    )


def _load(name, weights):
    network = small_classifier(name=name)
    load_preset(network, weights, "Train one: keras-synth train classifier")
    return network
