"""A training leaves the random state of its caller."""

import random

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_synth import training
from keras_synth.training.seeds import keeps_random_state


def test_every_training_keeps_the_state():
    for name in training.__all__:
        if name.startswith("train_"):
            assert hasattr(getattr(training, name), "__wrapped__"), name


def draws():
    return (
        random.random(),
        np.random.random(),
        float(tf.random.uniform(())),
        float(keras.random.uniform(())),
    )


@keeps_random_state
def train(seed, error=None):
    keras.utils.set_random_seed(seed)
    if error:
        raise error
    return draws()


def test_python_and_numpy_go_on_as_if_nothing_had_been():
    keras.utils.set_random_seed(1)
    expected = draws()[:2]
    keras.utils.set_random_seed(1)
    first = train(0)
    assert draws()[:2] == expected
    assert train(0) == first != train(1)


@pytest.mark.parametrize("error", [None, ValueError("wrong")])
def test_what_follows_does_not_depend_on_the_seed_of_the_training(error):
    followed = []
    for of_caller, of_training in ((1, 0), (1, 5), (2, 0)):
        keras.utils.set_random_seed(of_caller)
        try:
            train(of_training, error)
        except ValueError:
            assert error
        followed.append(draws())
    assert followed[0] == followed[1] != followed[2]
    for first, other in zip(followed[0], followed[2], strict=True):
        assert first != other
