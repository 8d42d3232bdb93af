"""Networks out of `.keras` files, for images of any channels."""

import keras
import numpy as np

from keras_synth import models
from keras_synth.evaluation.comparison import named_inputs
from keras_synth.tasks.saved import load_model


def load_restorer(path):
    """Loads what makes images out of images.

    Args:
        path: a `.keras` file with a network, or a `models.RestorationGAN`.

    Returns:
        `(model, inputs)`: what `inference.restore_batch` runs, and its inputs
        by name, "image" and what else it is told.

    Raises:
        FileNotFoundError: no such file.
        ValueError: a model of another kind.
    """
    model = load_model(path, keras.Model)
    if isinstance(model, models.GenerativeModel):
        raise ValueError(f"{path} makes images; it does not restore them.")
    inputs = inputs_of(model)
    image = inputs.get("image")
    if len(getattr(image, "shape", ())) != 4:
        raise ValueError(
            f"{path} holds a {type(model).__name__} that takes no images: "
            "it cannot restore them."
        )
    return model, inputs


def inputs_of(model):
    """What a network, or a RestorationGAN's generator, takes.

    Args:
        model: a `keras.Model`.

    Returns:
        dict, name → `keras.KerasTensor`; a single input is the "image", None
        where a model does not say what it takes.
    """
    network = model
    if isinstance(model, models.RestorationGAN):
        network = model.generator
    single = getattr(network, "input", None)
    return named_inputs(network) or {"image": single}


def with_channels(run, channels, images):
    """Runs on color images what takes gray ones, and the reverse.

    Colors are restored each by itself; a gray image becomes a color one,
    and of what comes back the mean.

    Args:
        run: function from images (batch, height, width, channels) to such.
        channels: that it takes, 1 or 3.
        images: (1, height, width, 1 or 3).

    Returns:
        What `run` made of them.

    Raises:
        ValueError: it makes color out of gray, and the image has colors.
    """
    if images.shape[-1] == channels:
        return run(images)
    if channels == 3:
        restored = run(np.repeat(images, 3, axis=-1))
        return restored.mean(axis=-1, keepdims=True)
    restored = run(channels_as_batch(images))
    if restored.shape[-1] != 1:
        raise ValueError(
            "This network makes color images of gray ones. Received: a "
            "color image"
        )
    return batch_as_channels(restored)


def channels_as_batch(images):
    """(1, height, width, channels) → (channels, height, width, 1)."""
    return np.moveaxis(images, -1, 0)[:, 0, ..., None]


def batch_as_channels(images):
    """(channels, height, width, 1) → (1, height, width, channels)."""
    return np.moveaxis(images, 0, -1)[None, ..., 0, :]
