"""Damaged pictures as a training learns to mend them."""

import numpy as np

from keras_synth.callbacks.shown_pictures import ShownPictures, stacked_grid


class RestorationGrid(ShownPictures):
    """Writes damaged, mended and true pictures every few epochs.

    Three rows of the same pictures each time, as `mended_epoch_0001.png`: what
    is given, what the model makes of it, what it should make. Small pictures
    of a model that enlarges are shown with their pixels repeated.

    It works on a `RestorationGAN` and on plain networks, and does not touch
    the training.

    Args:
        damaged: float (n, height, width, channels), or what a model takes by
            name: `{"image": such, "mask": ..., "noise_level": ...}`.
        clean: (n, height', width', channels') in [0, 1], `height'` a multiple
            of `height`, `width'` of `width`.
        directory: where the files go.
        every: epochs between pictures.
        log_dir: TensorBoard folder to show them in as well; None for PNG
            files alone.

    Raises:
        ValueError: `damaged` and `clean` that are no pairs.
    """

    def __init__(self, damaged, clean, directory, every=1, log_dir=None):
        super().__init__(directory, every, log_dir)
        named = damaged if isinstance(damaged, dict) else {"image": damaged}
        self.damaged = {name: np.asarray(x) for name, x in named.items()}
        self.clean = np.asarray(clean)
        _check(self.damaged, self.clean)

    def grids(self):
        mended = _mended(self.model, self.damaged)
        return {"mended": restoration_grid(self.damaged, mended, self.clean)}


def restoration_grid(damaged, mended, clean):
    """Damaged pictures above mended ones above true ones.

    Args:
        damaged: (n, height, width, channels), or a dict with it as "image".
        mended: (n, height', width', channels').
        clean: likewise.

    Returns:
        float32 (grid height, grid width, channels), in [0, 1].

    Example:

    >>> small, large = np.zeros((2, 4, 4, 1)), np.ones((2, 8, 8, 3))
    >>> restoration_grid(small, large, large).shape
    (32, 22, 3)
    """
    image = damaged["image"] if isinstance(damaged, dict) else damaged
    for axis in (1, 2):
        times = clean.shape[axis] // image.shape[axis]
        image = np.repeat(image, times, axis=axis)
    rows = np.broadcast_arrays(image, mended, clean)
    return np.clip(stacked_grid(*rows), 0.0, 1.0)


def _mended(model, damaged):
    """What the model makes of pictures, in [0, 1]."""
    if hasattr(model, "restore"):
        masks = damaged.get("mask") if model.takes_mask else None
        return np.asarray(model.restore(damaged["image"], masks))
    takes, inputs = getattr(model, "input", None), damaged["image"]
    if isinstance(takes, dict):
        inputs = {name: damaged[name] for name in takes}
    return np.clip(model.predict_on_batch(inputs), 0.0, 1.0)


def _check(damaged, clean):
    image = damaged.get("image", np.empty(0))
    fits = image.ndim == clean.ndim == 4 and 0 < len(image) == len(clean)
    if not fits or any(
        large % small
        for large, small in zip(clean.shape[1:3], image.shape[1:3], strict=True)
    ):
        raise ValueError(
            "`damaged` and `clean` must be pairs, (n, height, width, "
            "channels), of one size or the clean ones a multiple. Received: "
            f"shapes {image.shape} and {clean.shape}"
        )
