"""Imports of TensorFlow, which fail where two threads start one at once."""

import threading

#: Held by whoever may be the first to import TensorFlow.
IMPORTING = threading.RLock()


def import_tasks():
    """Imports `keras_synth.tasks`, and TensorFlow with it.

    Returns:
        The module.
    """
    with IMPORTING:
        from keras_synth import tasks
    return tasks
