"""Hashes that identify trained weights."""

import hashlib

from keras import ops


def weight_hash(network):
    """Weight hash: 12 hexadecimal digits that identify a network's weights.

    SHA-256 over shape, dtype and bytes of each weight, in the network's
    order. A change of value, shape, dtype or order changes the hash; names of
    layers do not.

    Args:
        network: A built `keras.Model` or layer.

    Returns:
        The first 12 hexadecimal digits, a string.

    Example:

    >>> import keras
    >>> layer = keras.layers.Dense(1, kernel_initializer="ones")
    >>> layer.build((None, 2))
    >>> weight_hash(layer)
    '51bba0fa2ab9'
    """
    digest = hashlib.sha256()
    for weight in network.weights:
        digest.update(f"{tuple(weight.shape)} {weight.dtype}\n".encode())
        digest.update(ops.convert_to_numpy(weight).tobytes())
    return digest.hexdigest()[:12]
