"""Biharmonic inpainting."""

import numpy as np
from skimage.restoration import inpaint_biharmonic

from keras_synth.restoration.arguments import inpainting_inputs


def biharmonic():
    """Biharmonic inpainting: a smooth surface through the missing pixels.

    Solves `Δ² x = 0` where the mask is 1, with all other pixels given:
    `skimage.restoration.inpaint_biharmonic`. Slow for large missing regions.

    Returns:
        A function from images (batch, height, width, channels) and a mask
        (batch, height, width, 1), 1 where a pixel is missing, or from a dict
        of these, "image" and "mask", to float32 images. Pixels where the mask
        is 0 are returned unchanged.

    Raises:
        ValueError: Raised by the function for a mask that is missing, of
            another shape, or 1 in all of an image.

    Reference: Damelin & Hoang, On Surface Completion and Image Inpainting by
    Biharmonic Functions: Numerical Aspects, 2018.

    Example:

    >>> ramp = np.tile(np.linspace(0.0, 1.0, 9), (9, 1))[None, :, :, None]
    >>> mask = np.zeros((1, 9, 9, 1))
    >>> mask[:, 3:6, 3:6] = 1.0
    >>> inputs = {"image": ramp * (1.0 - mask), "mask": mask}
    >>> filled = biharmonic()(inputs)
    >>> bool(np.abs(filled - ramp).max() < 1e-3)
    True
    """

    def restore(images, mask=None):
        images, missing = inpainting_inputs("biharmonic", images, mask)
        filled = [
            inpaint_biharmonic(
                image, region, split_into_regions=True, channel_axis=-1
            )
            if region.any()
            else image
            for image, region in zip(images, missing, strict=True)
        ]
        return np.stack(filled).astype("float32")

    return restore
