"""Folders of training images, and an interrupted training."""

import keras
import numpy as np
import pytest

from keras_synth.io import write_image


def image_folder(directory):
    """Twelve small images in two classes."""
    rng = np.random.default_rng(0)
    for index in range(12):
        name = f"images/{'ab'[index % 2]}/{index}.png"
        write_image(directory / name, rng.uniform(size=(8, 8, 3)))
    return directory / "images"


def unpaired_folders(directory):
    """Four dark images of A, six bright ones of B."""
    random = np.random.default_rng(0)
    for index in range(6):
        image = 0.5 * random.uniform(size=(16, 16))
        if index < 4:
            write_image(directory / f"images/a/{index}.png", image)
        write_image(directory / f"images/b/other{index}.png", 0.5 + image)
    return directory / "images"


def compile_eagerly(monkeypatch, model):
    """Models of a class run eagerly: faster than tracing for a few steps."""
    compile_model = model.compile

    def compile_to_run_eagerly(self, *arguments, **options):
        options["run_eagerly"] = True
        compile_model(self, *arguments, **options)

    monkeypatch.setattr(model, "compile", compile_to_run_eagerly)


class Stop(Exception):
    """Interrupts a training."""


def stop_after_one_epoch(monkeypatch, train, folder, output):
    """Runs a training of two epochs that is interrupted after the first."""
    fit = keras.Model.fit

    def interrupted(self, *args, callbacks, **kwargs):
        def fail(epoch, logs):
            if epoch == 1:
                raise Stop

        stop = keras.callbacks.LambdaCallback(on_epoch_begin=fail)
        return fit(self, *args, callbacks=[*callbacks, stop], **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(keras.Model, "fit", interrupted)
        with pytest.raises(Stop):
            train(folder, output, epochs=2)
