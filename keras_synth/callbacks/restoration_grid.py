"""Grids of degraded, restored and clean images during training."""

import numpy as np

from keras_synth.callbacks.shown_images import ShownImages, stacked_grid
from keras_synth.inference import run_restorer
from keras_synth.io import Provenance


class RestorationGrid(ShownImages):
    """Writes degraded, restored and clean images every `interval` epochs.

    `restored_epoch_0001.png` has three rows: the degraded images, the images
    that the model restores, and the clean images. The images are the same
    each time. For a model that upscales, pixels of the small images are
    repeated. Training is not changed.

    Args:
        degraded: Degraded images, float (n, height, width, channels), or a
            dict of inputs, `{"image": images, "mask": ..., "noise_level":
            ...}`. The model gets those that it takes, see
            `inference.input_names`.
        clean: Clean images (n, height', width', channels') in [0, 1], with
            `height'` a multiple of `height` and `width'` of `width`.
        directory: Folder for the PNG files.
        interval: Number of epochs from one grid to the next.
        log_dir: TensorBoard folder that gets the grids as well. None writes
            PNG files alone.

    Raises:
        ValueError: `degraded` and `clean` are not pairs of images.
    """

    PROVENANCE = Provenance("restored")

    def __init__(self, degraded, clean, directory, interval=1, log_dir=None):
        super().__init__(directory, interval, log_dir)
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
    """Grid of degraded images above restored images above clean images.

    Args:
        degraded: Images (n, height, width, channels), or a dict with these as
            "image".
        restored: Images (n, height', width', channels').
        clean: Images of the shape of `restored`.

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
