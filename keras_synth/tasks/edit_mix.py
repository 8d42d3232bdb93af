"""Mixing images of a generator: two styles, or two regions."""

import os
import pathlib

import numpy as np

from keras_synth import editing
from keras_synth.io import check_not_read, check_target
from keras_synth.models import StyleGAN2
from keras_synth.tasks.generators import (
    OF_ONE_PASS,
    Edited,
    check_random,
    fitted,
    projection_of,
    rows_of,
    write_generated,
)
from keras_synth.tasks.loading import load_model_or_preset
from keras_synth.tasks.masks import read_marked


def edit_mix(
    model: str | os.PathLike,
    target: str | os.PathLike,
    *,
    styles: str | None = None,
    at: int | None = None,
    mask: str | None = None,
    num_images: int = 8,
    labels: list[int] | None = None,
    seed: int = 0,
    overwrite: bool = False,
) -> Edited:
    """Mixes images of a generator: two styles, or two regions.

    Writes three columns: the first images, the second ones, and the mixed
    ones. The second image of each row is the first of the next one.

    Args:
        model: Path of the `.keras` file of a StyleGAN2, GAN or VAE, or name
            of a preset.
        target: Path of the image file to write.
        styles: Path of the `.npz` file of `edit project` with the images to
            mix, two at least. None mixes random ones.
        at: Index of the first layer that reads the style of the second image.
            None takes half of the layers. For a StyleGAN2.
        mask: Path of an image file, white where the feature maps of the
            second image are taken, or in one color on a transparent ground;
            instead of `at`.
        num_images: Number of random images.
        labels: Classes of the random images, for a class-conditional model.
            They are repeated until there are enough.
        seed: Seed of their latents.
        overwrite: Whether an existing file may be replaced.

    Returns:
        An `Edited`.

    Raises:
        FileExistsError: The file exists and `overwrite` is False.
        FileNotFoundError: There is no such model, mask or styles file.
        ValueError: The files do not fit the model, the model cannot mix in
            this way, or a file that is read would be replaced.
    """
    check_random(edit_mix, locals())
    target = pathlib.Path(target)
    check_not_read([target], [model, styles, mask])
    check_target(target, overwrite)
    if mask is not None and at is not None:
        raise ValueError("`mask` and `at` are two ways to mix: give one.")
    generator = load_model_or_preset(model, OF_ONE_PASS)
    if mask is None and not isinstance(generator, StyleGAN2):
        raise ValueError(
            f"A {type(generator).__name__} has no styles to mix: give a "
            "`mask`, which mixes its feature maps."
        )
    projection = projection_of(generator, styles, num_images, seed, labels)
    one = projection.styles
    if len(one) < 2:
        raise ValueError(f"Two images are mixed. Received: {len(one)}")
    other = np.roll(one, -1, axis=0)
    labels = projection.labels
    own_noise = projection.noise is not None
    noise = projection.noise if own_noise else "fixed"
    if mask is None:
        at = generator.num_layers // 2 if at is None else at
        mixed = np.asarray(generator.style_mix(one, other, at, noise))
    else:
        region = fitted(read_marked(mask), (*generator.image_shape[:2], 1))
        mixed = editing.blend_features(
            generator,
            one,
            other,
            region,
            noise=noise,
            labels=labels,
            part_noise=np.roll(noise, -1, axis=0) if own_noise else None,
            part_labels=None if labels is None else np.roll(labels, -1, axis=0),
        )
    images = projection.images
    rows = rows_of([images, np.roll(images, -1, axis=0), mixed])
    write_generated(target, rows, model)
    return Edited(target, target)
