"""Non-local means: for Gaussian noise."""

import numpy as np
from skimage import restoration

from keras_synth.ops import estimate_noise_level
from keras_synth.restoration.arguments import check_above_0, image_method


def non_local_means(noise_level=None, patch_size=5, patch_distance=6):
    """Means over pixels whose surroundings look alike, for Gaussian noise.

    `skimage.restoration.denoise_nl_means` in its fast mode, with the filter's
    strength h = 0.8 σ, as its documentation recommends.

    Args:
        noise_level: σ in units of [0, 1]; None estimates it for each image,
            see `ops.estimate_noise_level`.
        patch_size: side of the surroundings in pixels.
        patch_distance: how far to look for them in pixels.

    Returns:
        A method, images → images.

    Raises:
        ValueError: `noise_level` is not above 0.

    Reference: Buades et al., A Non-Local Algorithm for Image Denoising, 2005.

    Example:

    >>> noisy = np.random.default_rng(0).normal(0.5, 0.1, (1, 32, 32, 1))
    >>> bool(non_local_means()(noisy).std() < 0.03)
    True
    """
    if noise_level is not None:
        check_above_0("noise_level", noise_level)

    def restore(images):
        denoise = restoration.denoise_nl_means
        restored = images.copy()
        for image, place in zip(images, restored, strict=True):
            sigma = noise_level or float(
                np.mean(estimate_noise_level(image[None]))
            )
            if sigma:
                place[:] = denoise(
                    image,
                    patch_size,
                    patch_distance,
                    h=0.8 * sigma,
                    sigma=sigma,
                    channel_axis=-1,
                ).reshape(image.shape)  # it drops a single channel
        return restored

    return image_method(restore)
