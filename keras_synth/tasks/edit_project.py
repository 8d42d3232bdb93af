"""Projection of image files into the latent space of a generator."""

import os
import pathlib
from typing import Literal

import numpy as np

from keras_synth import editing, networks
from keras_synth.io import (
    check_not_read,
    check_target,
    image_grid,
    written_whole,
)
from keras_synth.models.checks import check_count
from keras_synth.tasks.generators import (
    OF_ONE_PASS,
    Edited,
    read_images,
    repeated_labels,
    write_generated,
)
from keras_synth.tasks.loading import load_model_or_preset


def edit_project(
    model: str | os.PathLike,
    source: str | os.PathLike,
    target: str | os.PathLike,
    *,
    space: Literal["w", "w+", "z"] | None = None,
    num_steps: int = 500,
    features: Literal["pixels", "vgg16", "vgg19", "squeezenet"] = "pixels",
    weights: str = "imagenet",
    tuning_steps: int = 0,
    labels: list[int] | None = None,
    seed: int = 0,
    overwrite: bool = False,
    verbose: Literal["auto", 0, 1, 2] = "auto",
) -> Edited:
    """Projects images into the latent space of a generator (GAN inversion).

    The styles, or latents, that make the images go to an `.npz` file; the
    images and what the generator makes of them, side by side, to `NAME.png`.

    Args:
        model: Path of the `.keras` file of a StyleGAN2, GAN or VAE, or name
            of a preset.
        source: Path of an image file, or of a folder with images. They are
            cropped to the shape of the model's images and resized.
        target: Path of the `.npz` file to write.
        space: "w" (one style for all layers, easy to edit) or "w+" (a style
            for each layer, closer to the image) of a StyleGAN2; "z" of the
            others. None takes "w+" or "z".
        num_steps: Number of steps.
        features: Network of the perceptual distance that is lowered; "pixels"
            compares pixels alone.
        weights: Weights of that network: "imagenet" downloads them once;
            otherwise the path of a weights file.
        tuning_steps: Number of steps of pivotal tuning: a copy of the model,
            `NAME.keras`, that makes the images more exactly. 0 for none.
        labels: Classes of the images, for a class-conditional model.
        seed: Seed of all noise.
        overwrite: Whether existing files may be replaced.
        verbose: Progress, see `io.Progress`.

    Returns:
        An `Edited`.

    Raises:
        FileExistsError: A file exists and `overwrite` is False.
        FileNotFoundError: There is no such model or source.
        ValueError: Arguments are out of range, files are no images, or a
            file that is read would be replaced.
    """
    check_count("tuning_steps", tuning_steps, least=0)
    target = pathlib.Path(target)
    image, tuned = target.with_suffix(".png"), target.with_suffix(".keras")
    written = [target, image, tuned] if tuning_steps else [target, image]
    check_not_read(written, [model, weights, source])
    check_target(target, overwrite, (".npz",))
    check_target(image, overwrite)
    if tuning_steps:
        check_target(tuned, overwrite, (".keras",))
    generator = load_model_or_preset(model, OF_ONE_PASS)
    images = read_images(source, generator.image_shape)
    network = _network(features, weights, generator.image_shape[-1])
    labels = repeated_labels(labels, len(images))
    found = editing.project(
        generator,
        images,
        space,
        steps=num_steps,
        features=network,
        labels=labels,
        seed=seed,
        verbose=verbose,
    )
    if tuning_steps:
        found = editing.tune_generator(
            found,
            images,
            steps=tuning_steps,
            features=network,
            seed=seed,
            verbose=verbose,
        )
        with written_whole(tuned) as unfinished:
            found.model.save(unfinished)
    found.save(target, overwrite)
    pairs = np.stack([images, found.images], axis=1)
    grid = image_grid(pairs.reshape(-1, *images.shape[1:]), columns=2)
    write_generated(image, grid, model)
    errors = np.square(found.images - images).mean(axis=(1, 2, 3))
    psnr = -10.0 * np.log10(np.maximum(errors, 1e-10))
    notes = (
        f"PSNR {psnr.mean():.1f} dB, mean of {len(images)} in {found.space}",
    )
    if tuning_steps:
        notes += (f"tuned model: {tuned}",)
    return Edited(target, image, notes)


def _network(features, weights, channels):
    """The feature network of that name, or None."""
    if features == "pixels":
        return None
    if features not in networks.FEATURE_NETWORKS:
        raise ValueError(
            "`features` must be pixels, or one of "
            f"{', '.join(networks.FEATURE_NETWORKS)}. "
            f"Received: features={features!r}"
        )
    build = getattr(networks, f"{features}_features")
    return build(weights, channels=channels)
