"""Moving images along a direction of a generator, as files."""

import os
import pathlib

from keras_synth import editing
from keras_synth.editing.spaces import latent_space
from keras_synth.io import check_not_read, check_target
from keras_synth.tasks.generators import (
    Edited,
    check_random,
    projection_of,
    rows_of,
    write_generated,
)
from keras_synth.tasks.loading import load_model_or_preset

_AMOUNTS = (-3.0, -1.5, 0.0, 1.5, 3.0)


def edit_move(
    model: str | os.PathLike,
    direction: str | os.PathLike,
    target: str | os.PathLike,
    *,
    styles: str | None = None,
    amounts: list[float] | None = None,
    layers: list[int] | None = None,
    num_images: int = 8,
    labels: list[int] | None = None,
    seed: int = 0,
    overwrite: bool = False,
) -> Edited:
    """Moves images along a direction in the latent space of a generator.

    Args:
        model: Path of the `.keras` file of a StyleGAN2, GAN or VAE, or name
            of a preset.
        direction: Path of the direction, a file of `edit directions`.
        target: Path of the image file to write: a row for each image, a
            column for each amount.
        styles: Path of the `.npz` file of `edit project` with the images to
            move. None moves random ones.
        amounts: Amounts, in standard deviations. None takes -3, -1.5, 0, 1.5
            and 3.
        layers: Layers of a StyleGAN2 that are moved. None takes those of the
            direction.
        num_images: Number of random images.
        labels: Classes of the random images, for a class-conditional model.
            They are repeated until there are enough.
        seed: Seed of their latents.
        overwrite: Whether an existing file may be replaced.

    Returns:
        An `Edited`.

    Raises:
        FileExistsError: The file exists and `overwrite` is False.
        FileNotFoundError: There is no such model, direction or styles file.
        ValueError: The files do not fit the model, or one that is read would
            be replaced.
    """
    check_random(edit_move, locals())
    if amounts is not None and not len(amounts):
        raise ValueError("`amounts` must hold a number. Received: none")
    target = pathlib.Path(target)
    check_not_read([target], [model, direction, styles])
    check_target(target, overwrite)
    generator = load_model_or_preset(model)
    found = editing.load_direction(direction)
    latent_space(generator).check_direction(found)
    projection = projection_of(generator, styles, num_images, seed, labels)
    columns = [
        projection.render(
            editing.move(projection.styles, found, amount, layers)
        )
        for amount in (_AMOUNTS if amounts is None else amounts)
    ]
    write_generated(target, rows_of(columns), model)
    return Edited(target, target, (f"moved along {found.name}",))
