"""Demo: a class-conditional VAE trained on digits, and what it makes."""

import os
import pathlib
from typing import Literal

import numpy as np

from keras_synth import callbacks, datasets
from keras_synth.export import export_saved_model
from keras_synth.io import check_target, image_grid
from keras_synth.tasks.generators import write_generated
from keras_synth.training import train_vae


def demo(
    output: str | os.PathLike = "runs/demo",
    *,
    epochs: int = 40,
    resume: bool = False,
    overwrite: bool = False,
    seed: int = 0,
    verbose: Literal["auto", 0, 1, 2] = "auto",
) -> dict[str, pathlib.Path]:
    """Trains a VAE on embedded digits, and shows samples.

    It takes a few minutes on two cores, and downloads nothing.

    Args:
        output: Path of the folder for the model, the images and the log.
        epochs: Number of passes over the 4,000 embedded training digits.
        resume: Whether to go on where a demo in `output` stopped. One that
            is finished makes its images again.
        overwrite: Whether files in `output` may be replaced.
        seed: Seed of everything random.
        verbose: Progress of the training, as in `fit`.

    Returns:
        A dict from what was written to its path.

    Raises:
        FileExistsError: `output` holds a demo, and neither `resume` nor
            `overwrite` is True.
        ImportError: The package with the embedded digits is missing.
        ValueError: `epochs` is below 1.
    """
    output = pathlib.Path(output)
    for name in ("samples", "reconstructions", "interpolation"):
        check_target(output / f"{name}.png", overwrite or resume)
    model = train_vae(
        "digits",
        output,
        epochs=epochs,
        latent_dim=8,
        conditional=True,
        resume=resume,
        overwrite=overwrite,
        seed=seed,
        verbose=verbose,
    )
    images, labels = datasets.load_source("digits", "test").arrays()
    samples = model.sample(100, labels=np.arange(100) % 10, seed=seed)
    # From each digit to the next of its own class in the test split.
    strips = model.interpolate_images(images[:8], images[10:18], 10, labels[:8])
    strips = np.reshape(strips, (-1, *model.image_shape))
    grids = {
        "samples": image_grid(samples, columns=10),
        "reconstructions": callbacks.reconstruction_grid(
            model, images[:30], labels[:30]
        ),
        "interpolation": image_grid(strips, columns=10),
    }
    paths = {
        **{
            name: write_generated(output / f"{name}.png", grid, "vae.keras")
            for name, grid in grids.items()
        },
        "model": output / "vae.keras",
        "SavedModel": export_saved_model(model, output / "saved_model"),
        "log": output / "log",
    }
    callbacks.write_projector(output / "log", model, images, labels)
    return paths
