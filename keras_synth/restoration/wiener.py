"""Wiener deconvolution of a Gaussian blur of known width."""

import numpy as np
from scipy import fft, ndimage

from keras_synth.restoration.arguments import check_above_0, image_method


def wiener(sigma, balance=1e-3):
    """Wiener-Hunt deconvolution of a Gaussian blur of known width.

    `x̂ = h y / (h² + balance · l²)` for each frequency of the cosine
    transform, with y the degraded image, h the response of the blur and l the
    response of the Laplacian. Beyond its edges the image continues as its
    mirror image, as in `degradations.GaussianBlur`;
    `skimage.restoration.wiener` does the same for periodic images.

    Args:
        sigma: Standard deviation of the blur in pixels.
        balance: Weight of smoothness against sharpness. 1e-4 suits images
            rounded to 8 bits, 1e-2 images with noise of level 0.01.

    Returns:
        A function from images (batch, height, width, channels), or a dict
        with these as "image", to float32 images of the same shape, not
        clipped.

    Raises:
        ValueError: `sigma` or `balance` is not a number above 0.

    Reference: Gonzalez & Woods, Digital Image Processing, 4th edition, 2018,
    section 5.9, constrained least squares filtering.

    Example:

    >>> from keras_synth.degradations import GaussianBlur
    >>> edge = np.repeat([0.0, 1.0], 16)[None, None, :, None].repeat(32, 1)
    >>> blurred = np.asarray(GaussianBlur(1.0)(edge.astype("float32"), seed=0))
    >>> sharpened = wiener(1.0, balance=1e-5)(blurred)
    >>> float(np.std(sharpened - edge) / np.std(blurred - edge)) < 0.2
    True
    """
    check_above_0("sigma", sigma)
    check_above_0("balance", balance)

    def restore(images):
        def response(line_filter, size):
            """Factor of each cosine when a mirrored line is filtered."""
            point = np.eye(1, size)[0]
            return fft.dct(line_filter(point)) / fft.dct(point)

        height, width = (
            (
                response(lambda x: ndimage.gaussian_filter1d(x, sigma), size),
                response(ndimage.laplace, size),
            )
            for size in images.shape[1:3]
        )
        blur = np.multiply.outer(height[0], width[0])
        laplacian = np.add.outer(height[1], width[1])
        gain = blur / (blur**2 + balance * laplacian**2)
        spectrum = fft.dctn(images.astype("float64"), axes=(1, 2))
        return fft.idctn(gain[..., None] * spectrum, axes=(1, 2))

    return image_method(restore)
