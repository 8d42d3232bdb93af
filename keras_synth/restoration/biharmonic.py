"""Biharmonic inpainting."""

import numpy as np
from skimage import restoration

from keras_synth.restoration.arguments import checked_images


def biharmonic():
    """Fills holes with the smoothest surface that fits around them.

    Solves `Δ² x = 0` inside the holes, the rest given:
    `skimage.restoration.inpaint_biharmonic`. Slow for large holes.

    Returns:
        A method, (images, mask) → images, with the mask (batch, height,
        width, 1), 1 where pixels are degraded. All others stay as they are.

    Raises:
        ValueError: from the method, a mask of another shape, or one that
            leaves nothing of an image.

    Reference: Damelin & Hoang, On Surface Completion and Image Inpainting by
    Biharmonic Functions: Numerical Aspects, 2018.

    Example:

    >>> ramp = np.tile(np.linspace(0.0, 1.0, 9), (9, 1))[None, :, :, None]
    >>> mask = np.zeros((1, 9, 9, 1))
    >>> mask[:, 3:6, 3:6] = 1.0
    >>> filled = biharmonic()(ramp * (1.0 - mask), mask)
    >>> bool(np.abs(filled - ramp).max() < 1e-3)
    True
    """

    def restore(images, mask):
        inpaint = restoration.inpaint_biharmonic
        images = checked_images(images)
        mask = np.asarray(mask)
        if mask.shape != (*images.shape[:3], 1):
            raise ValueError(
                f"`mask` must be {(*images.shape[:3], 1)}, 1 where pixels are "
                f"degraded. Received: shape {mask.shape}"
            )
        degraded = mask[..., 0] > 0.5
        if degraded.all(axis=(1, 2)).any():
            raise ValueError(
                "`mask` must leave something of each image: biharmonic "
                "inpainting is for holes. Received: a mask of ones"
            )
        filled = [
            inpaint(image, hole, split_into_regions=True, channel_axis=-1)
            if hole.any()
            else image
            for image, hole in zip(images, degraded, strict=True)
        ]
        return np.stack(filled).astype("float32")

    return restore
