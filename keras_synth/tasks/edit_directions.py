"""Directions in the latent space of a generator, as files."""

import dataclasses
import os
import pathlib
from typing import Literal

from keras_synth import editing, models
from keras_synth.io import check_not_read, check_target
from keras_synth.models.checks import check_count
from keras_synth.tasks.arguments import check_taken
from keras_synth.tasks.generators import (
    OF_ONE_PASS,
    Edited,
    projection_of,
    repeated_labels,
    scorer_of,
    write_generated,
)
from keras_synth.tasks.loading import load_model_or_preset

_OF_BOUNDARY = ("name", "classifier", "classes", "orthogonal_to")


def edit_directions(
    model: str | os.PathLike,
    target: str | os.PathLike,
    *,
    method: Literal["closed-form", "principal", "boundary"] = "closed-form",
    count: int = 5,
    name: str | None = None,
    classifier: str | None = None,
    classes: list[int] | None = None,
    orthogonal_to: list[str] | None = None,
    layers: list[int] | None = None,
    num_samples: int = 4000,
    labels: list[int] | None = None,
    seed: int = 0,
    overwrite: bool = False,
) -> Edited:
    """Finds directions in the latent space of a generator.

    Each goes to a file `NAME.npz` in a folder, with a strip image
    `NAME.png`: a row for each of six images, moved by -3 to 3 standard
    deviations.

    Args:
        model: Path of the `.keras` file of a StyleGAN2, GAN or VAE, or name
            of a preset.
        target: Path of the folder to write to.
        method: "closed-form" (SeFa: what the first weights amplify most),
            "principal" (GANSpace: where styles vary most), or "boundary"
            (InterFaceGAN: towards higher scores).
        count: Number of directions of the first two methods.
        name: Name of the direction of "boundary".
        classifier: What gives the scores of "boundary": "brightness", or a
            network from images to probabilities: name of a preset, or path
            of a `.keras` file.
        classes: Classes of the classifier whose probabilities are summed up
            to a score.
        orthogonal_to: Paths of directions whose change is left out of
            "boundary".
        layers: Layers of a StyleGAN2 that the directions move. None for all.
        num_samples: Number of random images of "boundary" and "principal".
        labels: Classes of the random images, for a class-conditional model.
            They are repeated until there are enough.
        seed: Seed of their latents.
        overwrite: Whether existing files may be replaced.

    Returns:
        An `Edited`.

    Raises:
        FileExistsError: A file exists and `overwrite` is False.
        FileNotFoundError: There is no such model, classifier or direction.
        ValueError: Arguments are out of range, the model has no such
            directions, or a direction that is read would be replaced.
    """
    ignored = {
        "closed-form": (*_OF_BOUNDARY, "num_samples"),
        "principal": _OF_BOUNDARY,
        "boundary": ("count",),
    }
    if method not in ignored:
        raise ValueError(
            "`method` must be closed-form, principal or boundary. "
            f"Received: method={method!r}"
        )
    check_taken(
        edit_directions,
        locals(),
        ignored[method],
        "another method",
        method=method,
    )
    target = pathlib.Path(target)
    kind = OF_ONE_PASS if method == "closed-form" else models.GenerativeModel
    generator = load_model_or_preset(model, kind)
    shown = projection_of(generator, None, 6, seed + 1, labels)
    if method == "closed-form":
        found = editing.closed_form_directions(generator, count, layers)
    elif method == "principal":
        found = editing.principal_directions(
            generator, count, num_samples, seed
        )
        found = [dataclasses.replace(each, layers=layers) for each in found]
    else:
        if not name or "/" in name or "\\" in name:
            raise ValueError(
                "`name` must say what the direction changes, such as sleeves, "
                "without slashes: it names the file. "
                f"Received: name={name!r}"
            )
        if isinstance(orthogonal_to, str | os.PathLike):
            orthogonal_to = [orthogonal_to]
        check_count("num_samples", num_samples, least=2)
        check_not_read([target / f"{name}.npz"], orthogonal_to or [])
        _check_targets(target, [name], overwrite)
        others = [editing.load_direction(x) for x in orthogonal_to or []]
        scorer = scorer_of(classifier, classes, generator.image_shape)
        classes_of = repeated_labels(labels, num_samples)
        styles = editing.sample_vectors(
            generator, num_samples, seed, classes_of
        )
        images = editing.render(generator, styles, labels=classes_of)
        scores = editing.score_images(scorer, images)
        found = [
            editing.boundary_direction(
                generator,
                styles,
                scores,
                name,
                orthogonal_to=others,
                layers=layers,
            )
        ]
    _check_targets(target, [each.name for each in found], overwrite)
    notes = []
    for each in found:
        strip = editing.direction_strip(
            generator, shown.styles, each, labels=shown.labels
        )
        write_generated(target / f"{each.name}.png", strip, model)
        each.save(target / f"{each.name}.npz", overwrite)
        notes.append(f"direction: {target / each.name}.npz, and .png")
    return Edited(target, None, tuple(notes))


def _check_targets(folder, names, overwrite):
    for name in names:
        for ending in (".npz", ".png"):
            check_target(folder / f"{name}{ending}", overwrite, None)
