"""Degraded images as a training learns to restore them."""

import numpy as np

from keras_synth.callbacks.shown_images import ShownImages, stacked_grid
from keras_synth.inference import run_restorer


class RestorationGrid(ShownImages):
    """Writes degraded, restored and true images every few epochs.

    Three rows of the same images each time, as `restored_epoch_0001.png`: what
    is given, what the model makes of it, what it should make. Small images
    of a model that upscales are shown with their pixels repeated.

    It works on a `RestorationGAN` and on plain networks, and does not touch
    the training.

    Args:
        degraded: float (n, height, width, channels), or what a model takes by
            name: `{"image": such, "mask": ..., "noise_level": ...}`.
        clean: (n, height', width', channels') in [0, 1], `height'` a multiple
            of `height`, `width'` of `width`.
        directory: where the files go.
        every: epochs between images.
        log_dir: TensorBoard folder to show them in as well; None for PNG
            files alone.

    Raises:
        ValueError: `degraded` and `clean` that are no pairs.
    """

    def __init__(self, degraded, clean, directory, every=1, log_dir=None):
        super().__init__(directory, every, log_dir)
        named = degraded if isinstance(degraded, dict) else {"image": degraded}
        self.degraded = {name: np.asarray(x) for name, x in named.items()}
        self.clean = np.asarray(clean)
        _check(self.degraded, self.clean)

    def grids(self):
        restored = run_restorer(self.model, self.degraded)
        restored = np.clip(restored, 0.0, 1.0)
        return {
            "restored": restoration_grid(self.degraded, restored, self.clean)
        }


def restoration_grid(degraded, restored, clean):
    """Degraded images above restored ones above true ones.

    Args:
        degraded: (n, height, width, channels), or a dict with it as "image".
        restored: (n, height', width', channels').
        clean: likewise.

    Returns:
        float32 (grid height, grid width, channels), in [0, 1].

    Example:

    >>> small, large = np.zeros((2, 4, 4, 1)), np.ones((2, 8, 8, 3))
    >>> restoration_grid(small, large, large).shape
    (32, 22, 3)
    """
    image = degraded["image"] if isinstance(degraded, dict) else degraded
    for axis in (1, 2):
        times = clean.shape[axis] // image.shape[axis]
        image = np.repeat(image, times, axis=axis)
    rows = np.broadcast_arrays(image, restored, clean)
    return np.clip(stacked_grid(*rows), 0.0, 1.0)


def _check(degraded, clean):
    image = degraded.get("image", np.empty(0))
    fits = image.ndim == clean.ndim == 4 and 0 < len(image) == len(clean)
    if not fits or any(
        large % small
        for large, small in zip(clean.shape[1:3], image.shape[1:3], strict=True)
    ):
        raise ValueError(
            "`degraded` and `clean` must be pairs, (n, height, width, "
            "channels), of one size or the clean ones a multiple. Received: "
            f"shapes {image.shape} and {clean.shape}"
        )
