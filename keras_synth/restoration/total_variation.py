"""Total variation denoising."""

import numpy as np
from skimage import restoration

from keras_synth.restoration.arguments import check_above_0, image_method


def total_variation(weight=0.1):
    """The image near the degraded one that has the least total variation.

    `argmin_x ‖x - y‖² / 2 + weight · Σ |∇x|`, all channels together:
    `skimage.restoration.denoise_tv_chambolle`.

    Args:
        weight: of the variation; the larger, the smoother.

    Returns:
        A method, images → images.

    Raises:
        ValueError: `weight` is not above 0.

    Reference: Chambolle, An Algorithm for Total Variation Minimization and
    Applications, 2004.

    Example:

    >>> noisy = np.random.default_rng(0).normal(0.5, 0.1, (1, 32, 32, 1))
    >>> bool(total_variation(0.3)(noisy).std() < 0.03)
    True
    """
    check_above_0("weight", weight)

    def restore(images):
        denoise = restoration.denoise_tv_chambolle
        return np.stack([denoise(x, weight, channel_axis=-1) for x in images])

    return image_method(restore)
