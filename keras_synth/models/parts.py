"""Networks and other parts of a saved model, from its config."""

import keras

from keras_synth.layers.nested import freeze_again


def deserialized(config, names, custom_objects=None):
    """A model's config with its parts as objects; frozen layers stay frozen.

    Args:
        config: Arguments of the model's constructor, a dict.
        names: Those that are networks or other serialized objects.
        custom_objects: As in `keras.saving.deserialize_keras_object`.

    Returns:
        A new dict.
    """
    config = dict(config)
    for name in names:
        part = keras.saving.deserialize_keras_object(
            config[name], custom_objects=custom_objects
        )
        if isinstance(part, keras.Model):
            freeze_again(part)
        config[name] = part
    return config
