"""Restorers from `.keras` files, run on images of any channels and size."""

import functools
import numbers

import keras
import numpy as np

from keras_synth import inference, ops, presets, restoration
from keras_synth.io import Progress
from keras_synth.tasks.loading import load_once

# The U-Net sees 84 pixels far; see `inference.restore_tiled`. The networks of
# pix2pix halve six times, and see farther than any tile: in tiles, theirs are
# approximate.
_TILE, _OVERLAP, _MULTIPLE = 768, 96, 64
#: Side in pixels of the smallest image whose noise is estimated.
SMALLEST = 4
# Of plug-and-play restoration, in pixels of the restored image.
_SOLVED_TILE, _SOLVED_OVERLAP = 512, 64
# The prior of plug-and-play restoration, for gray images as well.
_denoiser = functools.cache(presets.color_denoiser)


def load_restorer(path):
    """Loads a network or model from images to images.

    Args:
        path: Path of a `.keras` file with a network, or with a
            `models.RestorationGAN`.

    Returns:
        `(model, inputs)`: what `inference.run_restorer` runs, and the shapes
        of its inputs by name, "image" among them.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file holds a model of another kind.
    """
    model = load_once(path, keras.Model)
    if hasattr(model, "sample"):
        raise ValueError(
            f"{path} holds a generator, which does not restore images "
            "(keras-synth sample samples from it)."
        )
    inputs = inference.input_shapes(model)
    if inputs.get("image", ()) is None:
        raise ValueError(
            f"{path} holds a {type(model).__name__} that does not say which "
            "images it takes: save a functional `keras.Model`, such as "
            "`keras.Model(x, model(x))` with x = "
            "`keras.Input((None, None, 3))`."
        )
    if len(inputs.get("image") or ()) != 4:
        raise ValueError(
            f"{path} holds a {type(model).__name__} that takes no images: "
            "it cannot restore them."
        )
    return model, inputs


def in_tiles(model, inputs, ensemble=False, verbose=0):
    """Runs a restorer tile by tile, or on all eight symmetries as well.

    Args:
        model: A `keras.Model`.
        inputs: Images (batch, height, width, channels), or a dict of inputs,
            see `inference.restore_tiled`.
        ensemble: Whether to average over the eight symmetries.
        verbose: Progress of the tiles, see `io.Progress`.

    Returns:
        float32 (batch, height, width, channels).
    """

    with Progress(8 if ensemble else 1, "symmetries", verbose) as progress:

        def tiled(inputs):
            restored = inference.restore_tiled(
                model,
                inputs,
                _TILE,
                _OVERLAP,
                batch_size=1,
                multiple=_MULTIPLE,
                verbose=progress,
            )
            progress.add()
            return restored

        if ensemble:
            return inference.self_ensemble(tiled, inputs)
        return tiled(inputs)


def with_channels(run, channels, images):
    """Runs on color images what takes gray ones, and the reverse.

    Color channels are restored each by itself. A gray image becomes a color
    image, and the mean of what comes back is taken.

    Args:
        run: Function from images (batch, height, width, channels) to such.
        channels: Channels that `run` takes, 1 or 3.
        images: Array (1, height, width, 1 or 3).

    Returns:
        What `run` made of them.

    Raises:
        ValueError: `run` makes color images of gray ones, and `images` are
            color images.
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


def check_noise_level(noise_level):
    """Refuses what is neither "auto" nor a noise level from 0 to 1."""
    number = isinstance(noise_level, numbers.Real)
    known = number and not isinstance(noise_level, bool)
    if noise_level != "auto" and not (known and 0 <= noise_level <= 1):
        raise ValueError(
            '`noise_level` must be "auto" or a number from 0 to 1 (noise of '
            f"25 gray levels is {25 / 255:.3f}). Received: {noise_level!r}"
        )


def seen_part(image):
    """The frame of what is not wholly transparent.

    Args:
        image: The `ImageFile`.

    Returns:
        Slices of rows and columns; all where nothing is transparent, nothing
        is seen, or so little that its noise cannot be estimated.
    """
    whole = np.s_[:, :]
    if image.alpha is None or not image.alpha.any():
        return whole
    seen = image.alpha[..., 0] > 0
    places = [np.flatnonzero(seen.any(axis=axis)) for axis in (1, 0)]
    if min(each[-1] + 1 - each[0] for each in places) < SMALLEST:
        return whole
    return tuple(np.s_[each[0] : each[-1] + 1] for each in places)


def estimated_level(image):
    """Noise level σ of a file's image, of red, green and blue, or of gray.

    Args:
        image: What `restore_files` gives, with `path` and `color`.

    Raises:
        ValueError: The image is too small.
    """
    if min(image.color.shape[:2]) < SMALLEST:
        raise ValueError(
            f"{image.path} is too small to estimate its noise: give a noise "
            "level."
        )
    color = image.color[seen_part(image)]
    return float(np.linalg.norm(ops.opponent_noise_levels(color[None])))


def plug_and_play(operator, iterations, scale=1, **options):
    """Plug-and-play restoration, tile by tile, by the pretrained denoiser.

    Args:
        operator: The `restoration.Operator` of the degradation.
        iterations: Number of iterations.
        scale: Factor of height and width from y to the restored image.
        **options: Other arguments of `restoration.PlugAndPlay`.

    Returns:
        A function from inputs, a dict of "image" (1, height, width, channels),
        "noise_level", a number, and what the operator takes, and from the
        progress of the tiles to (1, scale · height, scale · width, channels);
        or to the third argument, see `inference.restore_tiled`.
    """
    model = restoration.PlugAndPlay(
        _denoiser(), operator, num_iterations=iterations, **options
    )

    def restore(inputs, verbose=0, output=None):
        step = None
        if isinstance(verbose, Progress):
            step = functools.partial(verbose.add, 0)  # which may stop it
        level = np.full((1, 1, 1, 1), inputs["noise_level"], "float32")
        overlap = -(-_SOLVED_OVERLAP // scale)
        return inference.restore_tiled(
            lambda inputs: model.restore(inputs, step),
            {**inputs, "noise_level": level},
            max(_SOLVED_TILE // scale, 2 * overlap + 4),
            overlap,
            batch_size=1,
            multiple=2,
            scale=scale,
            output=output,
            verbose=verbose,
        )

    return restore
