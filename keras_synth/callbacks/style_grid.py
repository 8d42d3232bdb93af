"""Grids of contents, stylized images and styles during training."""

import numpy as np

from keras_synth.callbacks.shown_images import ShownImages, stacked_grid
from keras_synth.io import Provenance


class StyleGrid(ShownImages):
    """Writes contents, stylized images and styles every `interval` epochs.

    `stylized_epoch_0001.png` has three rows: the content images, the images
    that the model stylizes, and the style images. The images are the same
    each time. The model needs a method `stylize(contents, styles)`, as
    `models.AdaINTransfer` has. Training is not changed.

    Args:
        contents: Content images, float (n, height, width, channels) in
            [0, 1].
        styles: Style images of the same shape.
        directory: Folder for the PNG files.
        interval: Number of epochs from one grid to the next.
        log_dir: TensorBoard folder that gets the grids as well. None writes
            PNG files alone.

    Raises:
        TypeError: When training begins: a model without `stylize`.
        ValueError: `contents` and `styles` are not pairs of images.
    """

    METHODS = ("stylize",)
    PROVENANCE = Provenance("edited")

    def __init__(self, contents, styles, directory, interval=1, log_dir=None):
        super().__init__(directory, interval, log_dir)
        self.contents, self.styles = np.asarray(contents), np.asarray(styles)
        if self.contents.ndim != 4 or self.contents.shape != self.styles.shape:
            raise ValueError(
                "`contents` and `styles` must be pairs, (n, height, width, "
                f"channels). Received: shapes {self.contents.shape} and "
                f"{self.styles.shape}"
            )

    def grids(self):
        stylized = np.asarray(self.model.stylize(self.contents, self.styles))
        return {"stylized": stacked_grid(self.contents, stylized, self.styles)}
