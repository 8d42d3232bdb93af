"""Random state: a training seeds its own, and leaves that of its caller."""

import functools
import random

import keras
import numpy as np


def keeps_random_state(train):
    """Decorator: leaves the global random state of the caller as it was.

    That of Python and NumPy is restored. TensorFlow and Keras do not say
    theirs: they go on from a seed that follows from Python's state, not from
    that of the training.

    Args:
        train: Function that calls `keras.utils.set_random_seed`.

    Returns:
        A function with the same signature.
    """

    @functools.wraps(train)
    def keeping(*args, **kwargs):
        of_python, of_numpy = random.getstate(), np.random.get_state()
        try:
            return train(*args, **kwargs)
        finally:
            random.setstate(of_python)
            keras.utils.set_random_seed(random.getrandbits(31))
            random.setstate(of_python)
            np.random.set_state(of_numpy)

    return keeping
