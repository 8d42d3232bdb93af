"""Grids of samples and reconstructions during training."""

import numpy as np

from keras_synth.callbacks.labels import check_labels
from keras_synth.callbacks.shown_images import ShownImages, stacked_grid
from keras_synth.io import image_grid
from keras_synth.ops.numbers import is_int


class ImageGrid(ShownImages):
    """Writes samples and reconstructions every `interval` epochs.

    Samples come from `model.sample(..., seed=seed)`, so each grid shows the
    same latents. If the model has a method `reconstruct` and `images` are
    given, a second grid shows these above their reconstructions.

    Args:
        directory: Folder for `samples_epoch_0001.png` and
            `reconstructions_epoch_0001.png`.
        num_images: Number of samples in a grid.
        images: Images to reconstruct, (n, height, width, channels) in [0, 1].
            None writes no reconstructions.
        image_labels: Classes of `images`, int (n,), for a class-conditional
            model.
        labels: Classes of the samples, int (num_images,) or one int for all,
            for a class-conditional model.
        interval: Number of epochs from one grid to the next.
        log_dir: TensorBoard folder that gets the grids as well. None writes
            PNG files alone.
        seed: Seed of the samples, an int.

    Raises:
        TypeError: When training begins: a model without `sample`.
        ValueError: `interval` or `num_images` is not a positive int; when
            training begins, a class-conditional model without labels, or
            labels that do not fit it or the number of images.
    """

    METHODS = ("sample",)

    def __init__(
        self,
        directory,
        num_images=64,
        images=None,
        image_labels=None,
        labels=None,
        interval=1,
        log_dir=None,
        seed=0,
    ):
        super().__init__(directory, interval, log_dir)
        if not is_int(num_images) or num_images < 1:
            raise ValueError(
                "`num_images` must be a positive int. "
                f"Received: num_images={num_images!r}"
            )
        self.num_images = num_images
        self.images = images
        self.image_labels = image_labels
        self.labels = labels
        self.seed = seed

    def on_train_begin(self, logs=None):
        if getattr(self.model, "requires_labels", False) and (
            self.labels is None
            or (self.images is not None and self.image_labels is None)
        ):
            raise ValueError(
                "This model is class-conditional: give ImageGrid the classes "
                "to sample, `labels=...`, and those of `images`, "
                "`image_labels=...`."
            )
        check_labels(self.model, self.labels, self.num_images)
        if self.images is None and self.image_labels is not None:
            raise ValueError(
                "`image_labels` are the classes of `images`. Received: labels "
                "without images"
            )
        if self.images is not None:
            check_labels(self.model, self.image_labels, len(self.images))
        super().on_train_begin(logs)

    def grids(self):
        samples = self.model.sample(
            self.num_images, labels=self.labels, seed=self.seed
        )
        grids = {"samples": image_grid(samples)}
        if self.images is not None and hasattr(self.model, "reconstruct"):
            grids["reconstructions"] = reconstruction_grid(
                self.model, self.images, self.image_labels
            )
        return grids


def reconstruction_grid(model, images, labels=None):
    """Grid of images above their reconstructions, in ten columns.

    Args:
        model: A model with a method `reconstruct`, such as `models.VAE`.
        images: Images (n, height, width, channels) in [0, 1].
        labels: Classes of the images, int (n,), for a class-conditional
            model.

    Returns:
        float32 (grid height, grid width, channels).
    """
    arguments = (images,) if labels is None else (images, labels)
    reconstructions = np.asarray(model.reconstruct(*arguments))
    return stacked_grid(np.asarray(images), reconstructions)
