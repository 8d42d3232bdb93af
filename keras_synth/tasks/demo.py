"""Demo: a VAE trained on digits, and a degraded photograph restored."""

import os
import pathlib
from typing import Literal

import numpy as np
from skimage import data

from keras_synth import callbacks, datasets, degradations, ops
from keras_synth.export import export_saved_model
from keras_synth.io import (
    Provenance,
    check_target,
    image_grid,
    read_image,
    write_image,
)
from keras_synth.tasks.generators import write_generated
from keras_synth.tasks.restore import restore
from keras_synth.training import train_vae

_IMAGES = (
    "samples",
    "reconstructions",
    "interpolation",
    "photo",
    "photo_degraded",
    "photo_restored",
)
# A small camera in a dark room, and a small file.
_DEGRADATION = degradations.Compose(
    [
        degradations.CameraNoise(20 / 255),
        degradations.JPEGCompression(30),
    ]
)


def demo(
    output: str | os.PathLike = "runs/demo",
    *,
    epochs: int = 40,
    resume: bool = False,
    overwrite: bool = False,
    seed: int = 0,
    verbose: Literal["auto", 0, 1, 2] = "auto",
) -> dict[str, pathlib.Path | float]:
    """Trains a VAE on embedded digits, and restores a degraded photograph.

    Both jobs of the library in a few minutes on two cores, and nothing is
    downloaded. The photograph gets the noise of a camera and JPEG blocks, and
    `presets.photo_restorer` restores it in seconds.

    The photograph is a part of `skimage.data.coffee()`, which comes with
    scikit-image: by Rachel Michetti, courtesy of Pikolo Espresso Bar, CC0.

    Args:
        output: Path of the folder for the model, the images and the log.
        epochs: Number of passes over the 4,000 embedded training digits.
        resume: Whether to go on where a demo in `output` stopped. One that
            is finished makes its images again.
        overwrite: Whether files in `output` may be replaced.
        seed: Seed of everything random.
        verbose: Progress of the training, as in `fit`.

    Returns:
        A dict from what was written to its path. `psnr_degraded` and
        `psnr_restored` are no paths, but the PSNR of both photographs against
        the original, in dB.

    Raises:
        FileExistsError: `output` holds a demo, and neither `resume` nor
            `overwrite` is True.
        ImportError: The package with the embedded digits is missing.
        ValueError: `epochs` is below 1.
    """
    output = pathlib.Path(output)
    for name in _IMAGES:
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
    made = {
        **{
            name: write_generated(output / f"{name}.png", grid, "vae.keras")
            for name, grid in grids.items()
        },
        "model": output / "vae.keras",
        "SavedModel": export_saved_model(model, output / "saved_model"),
        "log": output / "log",
        **restore_photo(output, seed),
    }
    callbacks.write_projector(output / "log", model, images, labels)
    return made


def restore_photo(output, seed):
    """Degrades a photograph, restores it and writes both; see `demo`.

    Args:
        output: Path of the folder. Files in it are replaced.
        seed: Seed of the noise.

    Returns:
        A dict: the paths of `photo_degraded`, `photo_restored` and `photo`,
        which holds both side by side; `psnr_degraded` and `psnr_restored`.
    """
    clean = data.coffee()[8:392, 150:534] / np.float32(255.0)
    files = {
        name: pathlib.Path(output) / f"{name}.png"
        for name in _IMAGES
        if name.startswith("photo")
    }
    before, after = files["photo_degraded"], files["photo_restored"]
    write_image(before, _DEGRADATION(clean, seed))
    restore(before, after, method="photo", overwrite=True, verbose=0)
    both = np.stack([read_image(before), read_image(after)])
    grid = image_grid(both, columns=2)
    write_image(
        files["photo"], grid, provenance=Provenance("restored", "photo")
    )
    clean = np.broadcast_to(clean, both.shape)
    psnr = ops.peak_signal_to_noise_ratio(both, clean)
    return {
        **files,
        "psnr_degraded": float(psnr[0]),
        "psnr_restored": float(psnr[1]),
    }
