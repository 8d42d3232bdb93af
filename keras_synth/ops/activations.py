"""Activations: GELU for every format of export, the scaled leaky ReLU."""

import math

from keras import ops


def gelu(x):
    """Gaussian error linear unit: `x Φ(x) = x (1 + erf(x / √2)) / 2`.

    As `keras.ops.gelu(x, approximate=False)`, by an operation that ONNX has:
    TensorFlow takes `erfc`, which it has not.

    Args:
        x: Float tensor of any shape.

    Returns:
        A tensor of that shape.

    Reference: Hendrycks and Gimpel, Gaussian Error Linear Units, 2016.

    Example:

    >>> gelu(ops.array([-1.0, 0.0, 1.0])).numpy().round(4)
    array([-0.1587,  0.    ,  0.8413], dtype=float32)
    """
    return 0.5 * x * (1.0 + ops.erf(math.sqrt(0.5) * x))


def scaled_leaky_relu(x):
    """Scaled leaky ReLU: `√2 · (x where x > 0, x / 5 elsewhere)`.

    For normal values of mean 0 and variance 1 the mean square of the result
    is 1.04, so that stacked layers keep the size of their values.

    Args:
        x: Float tensor of any shape.

    Returns:
        A tensor of that shape.

    Reference: Karras et al., Analyzing and Improving the Image Quality of
    StyleGAN, 2020, appendix B ("we scale the activation function by √2").

    Example:

    >>> scaled_leaky_relu(ops.array([-5.0, 1.0])).numpy()
    array([-1.4142135,  1.4142135], dtype=float32)
    """
    return math.sqrt(2.0) * ops.leaky_relu(x, negative_slope=0.2)
