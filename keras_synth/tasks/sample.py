"""Sampling: new images from a trained generator."""

import math
import os
import pathlib

from keras_synth.io import check_target, image_grid
from keras_synth.tasks.generators import repeated_labels, write_generated
from keras_synth.tasks.loading import load_model_or_preset


def sample(
    model: str | os.PathLike,
    target: str | os.PathLike,
    *,
    num_images: int = 64,
    labels: list[int] | None = None,
    truncation: float = 1.0,
    seed: int | None = None,
    overwrite: bool = False,
) -> pathlib.Path:
    """Samples new images from a trained generator, as one grid.

    Args:
        model: Path of the `.keras` file of a VAE, GAN, StyleGAN2 or
            FlowMatching, or name of a preset.
        target: Path of the image file to write.
        num_images: Number of images.
        labels: Classes of the images, for a class-conditional model. They
            are repeated until there are enough.
        truncation: Factor of the distance from the mean of the latents or
            styles. Below 1, images are more typical and less varied.
        seed: Seed of the latents. None gives other images each time.
        overwrite: Whether an existing file may be replaced.

    Returns:
        The path of the image.

    Raises:
        FileExistsError: The file exists and `overwrite` is False.
        FileNotFoundError: There is no such model or preset.
        PermissionError: The place cannot be written to.
        ValueError: Arguments are out of range, the file holds no generator,
            or the model does not have such labels.
    """
    if num_images < 1:
        raise ValueError(
            f"`num_images` must be at least 1. Received: {num_images}"
        )
    if not math.isfinite(truncation):
        raise ValueError(
            f"`truncation` must be a finite number. Received: {truncation}"
        )
    labels = repeated_labels(labels, num_images)
    check_target(target, overwrite)
    generator = load_model_or_preset(model)
    images = generator.sample(
        num_images, labels=labels, truncation=truncation, seed=seed
    )
    return write_generated(target, image_grid(images), model)
