"""Small networks for the tests of flow matching: learned, and exact ones."""

import math

import keras
import numpy as np
from keras import layers, ops

from keras_synth.networks.conditions import (
    condition_inputs,
    optional_condition_vector,
)

SHAPE = (4, 4, 1)
SIGMA = 0.4  # standard deviation of the images in [-1, 1]


def small_network(num_classes=None, condition_shape=None, shape=SHAPE):
    """A dense network of image, time and condition."""
    image = keras.Input(shape, name="image")
    time = keras.Input((), name="time")
    condition = condition_inputs(num_classes, condition_shape)
    known = [layers.Flatten()(image), layers.Reshape((1,))(time)]
    if condition:
        known.append(optional_condition_vector(condition, num_classes, 8))
    x = layers.Dense(32, activation="relu")(layers.Concatenate()(known))
    x = layers.Dense(math.prod(shape), dtype="float32")(x)
    x = layers.Reshape(shape, dtype="float32")(x)
    return keras.Model([image, time, *condition], x)


def covariance(sides=(2, 2), seed=0):
    """Eigenvalues and eigenvectors of the covariance of small images."""
    rng = np.random.default_rng(seed)
    count = int(np.prod(sides))
    basis = np.linalg.qr(rng.normal(size=(count, count)))[0]
    return np.linspace(0.2, 1.0, count) * SIGMA**2, basis


def gaussian_network(parameterization, mean=0.1, isotropic=True):
    """The network that is exact for images N(mean, covariance) in [-1, 1]."""
    values, basis = covariance()
    if isotropic:
        values = np.full(4, SIGMA**2)
    image = keras.Input((2, 2, 1))
    time = keras.Input(())
    t = ops.reshape(time, (-1, 1))
    x = ops.reshape(image, (-1, 4))
    rotated = layers.Dense(4, use_bias=False, name="there")
    back = layers.Dense(4, use_bias=False, name="back")
    if parameterization == "flow":
        variance = [(1 - t) ** 2 * v + t**2 for v in values.tolist()]
        gains = [
            (t - (1 - t) * v) / each
            for v, each in zip(values.tolist(), variance, strict=True)
        ]
        centered = x - (1 - t) * mean
        output = back(rotated(centered) * ops.concatenate(gains, 1)) - mean
    else:
        t = ops.exp(4.0 * t)
        scale = ops.sqrt(t**2 + SIGMA**2)
        x = x * scale
        gains = [v / (v + t**2) for v in values.tolist()]
        clean = back(rotated(x - mean) * ops.concatenate(gains, 1)) + mean
        skip = SIGMA**2 / scale**2
        output = (clean - skip * x) / (t * SIGMA / scale)
    network = keras.Model([image, time], ops.reshape(output, (-1, 2, 2, 1)))
    network.get_layer("there").set_weights([basis])
    network.get_layer("back").set_weights([basis.T])
    return network


def log_density(images, mean=0.1, isotropic=True):
    """log p of images in [0, 1], in nats, by hand."""
    values, basis = covariance()
    if isotropic:
        values = np.full(4, SIGMA**2)
    x = 2.0 * np.reshape(images, (-1, 4)) - 1.0
    squares = ((x - mean) @ basis) ** 2 / values
    log_p = -0.5 * (squares + np.log(2 * np.pi * values)).sum(axis=1)
    return log_p + 4 * np.log(2.0)
