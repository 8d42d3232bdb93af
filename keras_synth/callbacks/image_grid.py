"""Images of training, as it goes."""

import numpy as np

from keras_synth.callbacks.shown_images import ShownImages, stacked_grid
from keras_synth.io import image_grid


class ImageGrid(ShownImages):
    """Writes samples, and reconstructions, every few epochs.

    Samples come from `model.sample(..., seed=seed)`: the same latents each
    time, so that one sees the same images improve. Where the model can
    `reconstruct` and `images` are given, those are shown above their
    reconstructions. Works on any model with these methods.

    Args:
        directory: where `samples_epoch_0001.png` and
            `reconstructions_epoch_0001.png` go.
        num_images: samples a grid.
        images: images to reconstruct, (n, height, width, channels) in
            [0, 1].
        image_labels: int (n,), their classes, for a class-conditional model.
        labels: int (num_images,), classes to sample, for the same.
        every: epochs between grids.
        log_dir: TensorBoard folder to show the grids in as well; None for
            PNG files alone.
        seed: of the samples.
    """

    def __init__(
        self,
        directory,
        num_images=64,
        images=None,
        image_labels=None,
        labels=None,
        every=1,
        log_dir=None,
        seed=0,
    ):
        super().__init__(directory, every, log_dir)
        self.num_images = num_images
        self.images = images
        self.image_labels = image_labels
        self.labels = labels
        self.seed = seed

    def on_train_begin(self, logs=None):
        if getattr(self.model, "conditional", False) and (
            self.labels is None
            or (self.images is not None and self.image_labels is None)
        ):
            raise ValueError(
                "This model is class-conditional: give ImageGrid the classes "
                "to sample, `labels=...`, and those of `images`, "
                "`image_labels=...`."
            )
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
    """Images above their reconstructions, ten columns.

    Args:
        model: a model with `reconstruct`.
        images: (n, height, width, channels), in [0, 1].
        labels: int (n,), for a class-conditional model.

    Returns:
        float32 (grid height, grid width, channels).
    """
    arguments = (images,) if labels is None else (images, labels)
    reconstructions = np.asarray(model.reconstruct(*arguments))
    return stacked_grid(np.asarray(images), reconstructions)
