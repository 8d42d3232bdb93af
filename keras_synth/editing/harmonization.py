"""Harmonization: a collage becomes one image through a generator."""

import dataclasses

import numpy as np

from keras_synth.editing.composition import (
    check_edge,
    paste,
    poisson_blend,
    seam_ratio,
)
from keras_synth.editing.projection import Projection, project
from keras_synth.models.checks import check_images


@dataclasses.dataclass(frozen=True, eq=False)
class Harmonized:
    """Result of `harmonize`.

    Attributes:
        image: The image, (height, width, channels) in [0, 1].
        collage: The part on the base, as it was put there.
        projection: `Projection` of the collage, of one image.
        seam: `seam_ratio` of the image.
    """

    image: np.ndarray = dataclasses.field(repr=False)
    collage: np.ndarray = dataclasses.field(repr=False)
    projection: Projection
    seam: float


def harmonize(model, base, part, mask, position=(0, 0), **options):
    """Harmonization through a generator: collage, projection, blend.

    The collage is projected into the latent space, where images are like
    those of the training; what the generator makes of the part is then put
    into the base by Poisson blending.

    Args:
        model: A generator.
        base: Image (height, width, channels) in [0, 1], of the model's size.
        part: Image of any size and the same channels.
        mask: (part height, part width, 1), 1 where the part is wanted.
        position: (top, left) of the part in the base.
        **options: Arguments of `project`, such as `space`, `steps` and
            `features`. Fewer steps stay nearer to images of the training.

    Returns:
        A `Harmonized`; outside of the mask its image is the base.

    Raises:
        ValueError: The images do not fit the model or each other.

    Reference: Chai et al., Using Latent Space Regression to Analyze and
    Leverage Compositionality in GANs, 2021, section 3: collages through a
    generator.
    """
    base = np.asarray(base)
    check_images(base[None], model.image_shape)
    placed, mask = paste(base, part, mask, position)
    check_edge(mask)
    collage = np.where(mask > 0.5, placed, base).astype("float32")
    check_images(collage[None], model.image_shape, name="Collages")
    projection = project(model, collage[None], **options)
    blended = poisson_blend(base, projection.images[0], mask)
    image = np.clip(blended, 0.0, 1.0)
    return Harmonized(image, collage, projection, seam_ratio(image, mask))
