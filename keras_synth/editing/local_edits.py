"""Local edits: a change inside a mask, while the outside stays."""

import dataclasses

import numpy as np
from keras import ops

from keras_synth.editing.composition import (
    check_edge,
    check_mask_values,
    composite,
    poisson_blend,
    seam_ratio,
)
from keras_synth.editing.directions import Direction, move
from keras_synth.editing.distances import image_distance
from keras_synth.editing.projection import Projection, Projector
from keras_synth.editing.spaces import latent_space
from keras_synth.models.checks import check_images, check_loss_weights

BLENDS = ("poisson", "composite", None)


@dataclasses.dataclass(frozen=True, eq=False)
class LocalEdit:
    """Result of `edit_region`.

    Attributes:
        projection: `Projection` of the edited images: styles, noise, images
            as the generator makes them, losses.
        images: Edited images, (batch, height, width, channels) in [0, 1].
        seams: `seam_ratio` of each image, (batch,).
    """

    projection: Projection
    images: np.ndarray = dataclasses.field(repr=False)
    seams: np.ndarray


def edit_region(
    projection,
    mask,
    target,
    *,
    amount=3.0,
    originals=None,
    blend="poisson",
    outside_weight=1.0,
    steps=200,
    features=None,
    pixel_weight=1.0,
    learning_rate=0.05,
    seed=0,
    verbose="auto",
):
    """Local edit: the inside of a mask follows a target, the outside stays.

    Styles (or latents) are optimized from those of a projection, so that the
    generator makes the target inside and the original outside:
    `d(m x + (1 - m) c, c) + outside_weight · mean((1 - m) (x - c)²)` with the
    image x and the composite `c = m t + (1 - m) o` of target t and original o.

    Args:
        projection: `Projection` of the images, of `project` or
            `as_projection`.
        mask: (height, width, 1) or (batch, height, width, 1) in [0, 1], 1
            inside, with an edge in each image.
        target: What the inside becomes: images (height, width, channels) or
            (batch, height, width, channels); a color (channels,); or a
            `Direction`, along which the whole image is moved.
        amount: How far a direction moves, see `move`.
        originals: The images that were projected, which the outside is
            taken from; None for the projection's own images.
        blend: How the result is put into the originals, which outside of the
            mask then stay bit for bit: "poisson" (see `poisson_blend`) or
            "composite", which keeps the colors and may show a seam. None
            leaves it as the generator makes it.
        outside_weight: Weight of the mean squared error outside.
        steps: Number of steps.
        features: See `project`.
        pixel_weight: See `project`.
        learning_rate: Largest learning rate of a whole projection. An edit
            begins near its end, and takes half of it at most.
        seed: Seed of all noise, an int.
        verbose: Progress, see `io.Progress`.

    Returns:
        A `LocalEdit`.

    Raises:
        TypeError: `projection` is no `Projection`.
        ValueError: Mask, target or originals do not fit the images, or
            arguments are out of range.
    """
    if blend not in BLENDS:
        raise ValueError(
            f"`blend` must be one of {BLENDS}. Received: blend={blend!r}"
        )
    check_loss_weights({"outside_weight": outside_weight})
    if not isinstance(projection, Projection):
        raise TypeError(
            "`projection` must be a `Projection`, see `project` and "
            f"`as_projection`. Received: {type(projection).__name__}"
        )
    if originals is None:
        originals = projection.images
    originals = np.asarray(originals)
    check_images(originals, projection.model.image_shape)
    if len(originals) != len(projection.images):
        raise ValueError(
            "`originals` must be the images that were projected, "
            f"{len(projection.images)}. Received: {len(originals)}"
        )
    mask = _mask_for(mask, originals)
    targets = _targets(projection, target, amount, originals)
    compare = image_distance(features, pixel_weight)
    wanted = composite(originals, targets, mask)

    def distance(wanted, made):
        outside = (1.0 - mask) * ops.square(made - wanted)
        inner = mask * made + (1.0 - mask) * wanted
        return compare(wanted, inner) + outside_weight * ops.mean(
            outside, axis=(1, 2, 3)
        )

    projector = Projector(
        projection.model,
        projection.space,
        distance=distance,
        learning_rate=learning_rate,
        mean_weight=0.0,
        noise="fixed",
        seed=seed,
    )
    edited = projector.run(
        wanted,
        steps,
        start=projection,
        labels=projection.labels,
        verbose=verbose,
    )
    images = edited.images
    if blend == "poisson":
        images = np.stack(
            [
                np.clip(poisson_blend(*each), 0.0, 1.0)
                for each in zip(originals, images, mask, strict=True)
            ]
        )
    if blend is not None:
        images = composite(originals, images, mask)
    seams = [
        seam_ratio(image, one) for image, one in zip(images, mask, strict=True)
    ]
    return LocalEdit(edited, images, np.array(seams))


def _mask_for(mask, images):
    """The mask of each image, float32 (batch, height, width, 1)."""
    mask = np.asarray(mask, "float32")
    wanted = (*images.shape[1:3], 1)
    if mask.shape[-3:] != wanted or mask.shape[:-3] not in (
        (),
        (len(images),),
    ):
        raise ValueError(
            f"`mask` must be {wanted}, or {(len(images), *wanted)}. "
            f"Received: shape {mask.shape}"
        )
    check_mask_values(mask)
    masks = np.broadcast_to(mask, (len(images), *wanted))
    for each in masks:
        check_edge(each)
    return masks


def _targets(projection, target, amount, originals):
    """What each image becomes inside, (batch, height, width, channels)."""
    if isinstance(target, Direction):
        latent_space(projection.model).check_direction(target)
        return projection.render(move(projection.styles, target, amount))
    target = np.asarray(target, "float32")
    image_shape = originals.shape[1:]
    if target.shape not in (image_shape[-1:], image_shape, originals.shape):
        raise ValueError(
            f"`target` must be images {originals.shape} or {image_shape}, a "
            f"color {image_shape[-1:]}, or a Direction. "
            f"Received: shape {target.shape}"
        )
    target = np.broadcast_to(target, originals.shape)
    check_images(target, image_shape, name="Targets")
    return target
