"""The hash of a network's weights: what changes it, and what does not."""

import hashlib

import keras
import numpy as np

from keras_synth.ops import weight_hash


def network(units=3, name=None):
    keras.utils.set_random_seed(1)
    return keras.Sequential(
        [keras.Input((2,)), keras.layers.Dense(units, name=name)]
    )


def test_it_is_sha256_of_shapes_dtypes_and_bytes():
    net = network()
    digest = hashlib.sha256()
    for values in net.get_weights():
        digest.update(f"{values.shape} {values.dtype}\n".encode())
        digest.update(values.tobytes())
    assert weight_hash(net) == digest.hexdigest()[:12]


def test_equal_weights_have_equal_hashes_under_any_name():
    assert weight_hash(network()) == weight_hash(network(name="other"))


def test_one_changed_bit_changes_the_hash():
    net = network()
    before = weight_hash(net)
    kernel = net.weights[0]
    kernel.assign(np.nextafter(np.asarray(kernel), np.float32(10)))
    assert weight_hash(net) != before


def test_the_shape_changes_the_hash():
    two, three = (
        keras.Sequential(
            [
                keras.Input((size,)),
                keras.layers.Dense(
                    6 // size, use_bias=False, kernel_initializer="ones"
                ),
            ]
        )
        for size in (2, 3)
    )
    assert weight_hash(two) != weight_hash(three)


def test_the_order_changes_the_hash():
    net = keras.Sequential(
        [keras.Input((2,)), keras.layers.Dense(2), keras.layers.Dense(2)]
    )
    before = weight_hash(net)
    *first, kernel, bias = net.get_weights()
    net.set_weights([kernel, bias, *first])
    assert weight_hash(net) != before
    net.set_weights([*first, kernel, bias])
    assert weight_hash(net) == before
