"""Non-local means denoising."""

import numpy as np
from skimage.restoration import denoise_nl_means

from keras_synth.ops import estimate_noise_level
from keras_synth.restoration.arguments import (
    check_above_0,
    check_pixels,
    image_method,
)


def non_local_means(noise_level=None, patch_size=5, patch_distance=6):
    """Non-local means denoising, for Gaussian noise.

    Each pixel becomes a weighted mean of the pixels whose surrounding patches
    look alike: `skimage.restoration.denoise_nl_means` in its fast mode, with
    the filter strength h = 0.8 σ that its documentation recommends.

    Args:
        noise_level: Standard deviation of the noise, σ, in units of [0, 1].
            None estimates it for each image with `ops.estimate_noise_level`.
        patch_size: Side of the patches in pixels.
        patch_distance: Largest distance to a compared patch, in pixels.

    Returns:
        A function from images (batch, height, width, channels), or a dict
        with these as "image", to float32 images of the same shape.

    Raises:
        ValueError: `noise_level` is not a number above 0, or a size in pixels
            is no int above 0.

    Reference: Buades et al., A Non-Local Algorithm for Image Denoising, 2005.

    Example:

    >>> noisy = np.random.default_rng(0).normal(0.5, 0.1, (1, 32, 32, 1))
    >>> bool(non_local_means()(noisy).std() < 0.03)
    True
    """
    if noise_level is not None:
        check_above_0("noise_level", noise_level)
    check_pixels("patch_size", patch_size)
    check_pixels("patch_distance", patch_distance)

    def restore(images):
        restored = images.copy()
        for image, place in zip(images, restored, strict=True):
            sigma = noise_level or float(
                np.mean(estimate_noise_level(image[None]))
            )
            if sigma:
                place[:] = denoise_nl_means(
                    image,
                    patch_size,
                    patch_distance,
                    h=0.8 * sigma,
                    sigma=sigma,
                    channel_axis=-1,
                ).reshape(image.shape)  # it drops a single channel
        return restored

    return image_method(restore)
