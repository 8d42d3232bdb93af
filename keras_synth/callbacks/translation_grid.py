"""Grids of images, translated there and back, during training."""

import inspect

import numpy as np

from keras_synth.callbacks.shown_images import ShownImages, stacked_grid
from keras_synth.io import Provenance


class TranslationGrid(ShownImages):
    """Writes images translated there and back every `interval` epochs.

    `a_to_b_epoch_0001.png` has three rows: images of A, what the model makes
    of them, and what it makes of these on the way back. `b_to_a_epoch_0001.png`
    begins with images of B. The images are the same each time. The model
    needs a method `translate(images, direction)`, as `models.CycleGAN` has.
    Training is not changed.

    Of a model that translates from A to B alone, `models.CUT`, there are two
    rows of images of A and no `images_b`.

    Args:
        images_a: Images of A, float (n, height, width, channels) in [0, 1].
        images_b: Images of B. None for a model of one direction, which needs
            a method `translate(images)`.
        directory: Folder for the PNG files.
        interval: Number of epochs from one grid to the next.
        log_dir: TensorBoard folder that gets the grids as well. None writes
            PNG files alone.

    Raises:
        TypeError: When training begins: a model without `translate`.
        ValueError: `images_a` or `images_b` are no batch of images; when
            training begins, `images_b` for a model of one direction, or none
            for one of two.
    """

    METHODS = ("translate",)
    PROVENANCE = Provenance("edited")

    def __init__(self, images_a, images_b, directory, interval=1, log_dir=None):
        super().__init__(directory, interval, log_dir)
        given = {"images_a": images_a, "images_b": images_b}
        for name, images in given.items():
            if images is None and name == "images_b":
                continue
            given[name] = np.asarray(images)
            if given[name].ndim != 4 or not len(given[name]):
                raise ValueError(
                    f"`{name}` must be (n, height, width, channels). "
                    f"Received: shape {given[name].shape}"
                )
        self.images_a, self.images_b = given.values()

    def on_train_begin(self, logs=None):
        arguments = inspect.signature(self.model.translate).parameters
        if self.images_b is not None and len(arguments) < 2:
            raise ValueError(
                f"A {type(self.model).__name__} translates from A to B alone: "
                "build TranslationGrid with `images_b=None`."
            )
        if self.images_b is None and len(arguments) > 1:
            raise ValueError(
                f"A {type(self.model).__name__} translates in both directions: "
                "give `images_b` as well."
            )
        super().on_train_begin(logs)

    def grids(self):
        if self.images_b is None:
            made = np.asarray(self.model.translate(self.images_a))
            both = np.broadcast_arrays(self.images_a, made)
            return {"a_to_b": stacked_grid(*both)}
        return {
            "a_to_b": self._there_and_back(self.images_a, "a_to_b", "b_to_a"),
            "b_to_a": self._there_and_back(self.images_b, "b_to_a", "a_to_b"),
        }

    def _there_and_back(self, images, direction, back):
        there = np.asarray(self.model.translate(images, direction))
        again = np.asarray(self.model.translate(there, back))
        return stacked_grid(*np.broadcast_arrays(images, there, again))
