"""Images in the styles of others, as a training learns to stylize."""

import numpy as np

from keras_synth.callbacks.shown_images import ShownImages, stacked_grid


class StyleGrid(ShownImages):
    """Writes contents, styles and paintings every few epochs.

    Three rows of the same images each time, as `stylized_epoch_0001.png`:
    what is shown, what the model makes of it, in which style. It works on a
    model with `stylize(contents, styles)`, such as `models.AdaINTransfer`,
    and does not touch the training.

    Args:
        contents: float (n, height, width, channels), in [0, 1].
        styles: as many, of the same shape.
        directory: where the files go.
        every: epochs between images.
        log_dir: TensorBoard folder to show them in as well; None for PNG
            files alone.

    Raises:
        ValueError: `contents` and `styles` that are no pairs.
    """

    def __init__(self, contents, styles, directory, every=1, log_dir=None):
        super().__init__(directory, every, log_dir)
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
