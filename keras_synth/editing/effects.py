"""Effect of a direction: strips to look at, and scores to measure."""

import collections.abc
import dataclasses

import numpy as np

from keras_synth.editing.directions import check_direction, move
from keras_synth.editing.spaces import clipped, in_batches, space_of
from keras_synth.io import image_grid
from keras_synth.models.checks import check_images


@dataclasses.dataclass(frozen=True)
class Effect:
    """Effect of moving along a direction on scores of the images.

    Attributes:
        change: `{score: mean change}`.
        absolute_change: `{score: mean of the absolute change}`.
    """

    change: dict[str, float]
    absolute_change: dict[str, float]


def render(model, styles, noise="fixed", labels=None):
    """Images of styles or latents, of any number.

    Args:
        model: A generator.
        styles: w, w+ or latents, (n, ...).
        noise: Noise of a StyleGAN2, as in `StyleGAN2.synthesize`.
        labels: Classes of latents, int (n,) or one int for all, for a
            class-conditional model.

    Returns:
        NumPy array (n, height, width, channels) in [0, 1].

    Raises:
        ValueError: The model has no vectors of this shape, or no noise.
    """
    space = space_of(model, styles)
    styles = space.check(styles)
    labels = space.labels_for(labels, len(styles))
    if not space.has_styles and not isinstance(noise, str):
        raise ValueError(
            f"A {type(model).__name__} has no noise. Received: noise={noise!r}"
        )
    if np.ndim(noise) < 2 or len(noise) == 1:
        return in_batches(
            lambda part, labels: clipped(space.render(part, noise, labels)),
            styles,
            labels,
        )
    return in_batches(
        lambda *parts: clipped(space.render(*parts)), styles, noise, labels
    )


def score_images(scorer, images):
    """Scores of images, as float arrays.

    Args:
        scorer: Function or network from images (batch, height, width,
            channels) to scores (batch,) or (batch, 1).
        images: (n, height, width, channels) in [0, 1].

    Returns:
        float32 (n,).

    Raises:
        ValueError: It gives more than one score an image, or `images` are no
            images in [0, 1].
    """
    images = np.asarray(images)
    check_images(images, (None, None, None))
    if not len(images):
        raise ValueError("`images` must hold an image. Received: none")

    def scores_of(part):
        scores = np.asarray(scorer(part))
        if scores.shape not in ((len(part),), (len(part), 1)):
            raise ValueError(
                "`scorer` must give one score an image: (batch,). "
                f"Received: shape {scores.shape} for {len(part)} images"
            )
        return scores.reshape(-1)

    return in_batches(scores_of, images.astype("float32")).astype("float32")


def direction_effect(
    model,
    styles,
    direction,
    amount,
    scorers,
    *,
    layers=None,
    noise="fixed",
    labels=None,
):
    """Effect of a direction on scores: does it change what it should?

    Args:
        model: A generator.
        styles: w, w+ or latents that are moved, (n, ...).
        direction: A `Direction`.
        amount: How far, as in `move`.
        scorers: `{name: function from images to scores (batch,)}`.
        layers: As in `move`.
        noise: As in `render`.
        labels: As in `render`.

    Returns:
        An `Effect`.

    Raises:
        TypeError: `direction` is no `Direction`, or `scorers` no dict.
        ValueError: Styles, direction, layers or labels do not fit.
    """
    if not isinstance(scorers, collections.abc.Mapping):
        raise TypeError(
            "`scorers` must be a dict, {name: function}. "
            f"Received: {type(scorers).__name__}"
        )
    check_direction(direction)
    space_of(model, styles).check_direction(direction)
    moved = move(styles, direction, amount, layers)
    before = render(model, styles, noise, labels)
    after = render(model, moved, noise, labels)
    changes = {
        name: score_images(scorer, after) - score_images(scorer, before)
        for name, scorer in scorers.items()
    }
    return Effect(
        {name: float(each.mean()) for name, each in changes.items()},
        {name: float(np.abs(each).mean()) for name, each in changes.items()},
    )


def direction_strip(
    model,
    styles,
    direction,
    amounts=(-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0),
    *,
    layers=None,
    noise="fixed",
    labels=None,
):
    """Strip image of a direction: a row for each style, a column an amount.

    Args:
        model: A generator.
        styles: w, w+ or latents, (n, ...).
        direction: A `Direction`.
        amounts: Amounts of `move`, from left to right.
        layers: As in `move`.
        noise: As in `render`.
        labels: As in `render`.

    Returns:
        float32 image (grid height, grid width, channels) in [0, 1].

    Raises:
        TypeError: `direction` is no `Direction`.
        ValueError: Styles, direction, amounts, layers or labels do not fit.
    """
    amounts = np.asarray(amounts)
    if amounts.ndim != 1 or not len(amounts):
        raise ValueError(
            "`amounts` must be a list of numbers, from left to right. "
            f"Received: shape {amounts.shape}"
        )
    check_direction(direction)
    space_of(model, styles).check_direction(direction)
    columns = [
        render(model, move(styles, direction, amount, layers), noise, labels)
        for amount in amounts
    ]
    rows = np.stack(columns, axis=1)
    return image_grid(
        rows.reshape(-1, *rows.shape[2:]), columns=len(columns), padding=1
    )
