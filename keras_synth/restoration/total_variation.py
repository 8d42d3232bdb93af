"""Total variation denoising."""

import numpy as np
from skimage.restoration import denoise_tv_chambolle

from keras_synth.restoration.arguments import check_above_0, image_method


def total_variation(weight=0.1):
    """Total variation denoising, for Gaussian noise.

    It finds `argmin_x ‖x - y‖² / 2 + weight · Σ |∇x|` for the degraded image
    y, all channels together: `skimage.restoration.denoise_tv_chambolle`.

    Args:
        weight: Weight of the total variation. The larger, the smoother.

    Returns:
        A function from images (batch, height, width, channels), or a dict
        with these as "image", to float32 images of the same shape.

    Raises:
        ValueError: `weight` is not a number above 0.

    Reference: Chambolle, An Algorithm for Total Variation Minimization and
    Applications, 2004.

    Example:

    >>> noisy = np.random.default_rng(0).normal(0.5, 0.1, (1, 32, 32, 1))
    >>> bool(total_variation(0.3)(noisy).std() < 0.03)
    True
    """
    check_above_0("weight", weight)

    def restore(images):
        return np.stack(
            [denoise_tv_chambolle(x, weight, channel_axis=-1) for x in images]
        )

    return image_method(restore)


def total_variation_denoiser(strength=0.02):
    """Total variation as the prior of `PlugAndPlay`.

    It finds `argmin_x ‖x - y‖² / 2 + strength · σ² · Σ |∇x|`, with σ the noise
    level in gray levels of 255, so that `PlugAndPlay` minimizes a data term
    with a total variation of one weight.

    Args:
        strength: Weight of the total variation. The larger, the smoother.

    Returns:
        A function from images (batch, height, width, channels) and the noise
        level, a number or (batch, 1, 1, 1), to float32 images; at a level of 0
        they stay as they are.

    Raises:
        ValueError: `strength` is not a number above 0.

    Reference: Chambolle, An Algorithm for Total Variation Minimization and
    Applications, 2004.

    Example:

    >>> noisy = np.random.default_rng(0).normal(0.5, 0.1, (1, 32, 32, 1))
    >>> denoised = total_variation_denoiser(0.02)(noisy, 0.1)
    >>> bool(denoised.std() < 0.09)
    True
    """
    check_above_0("strength", strength)

    def denoise(images, noise_level):
        levels = np.broadcast_to(noise_level, (len(images), 1, 1, 1)).ravel()
        weights = strength * (255.0 * levels) ** 2 / 255.0
        return np.stack(
            [
                denoise_tv_chambolle(x, weight, channel_axis=-1)
                if weight > 0
                else x
                for x, weight in zip(images, weights, strict=True)
            ]
        ).astype("float32")

    return denoise
