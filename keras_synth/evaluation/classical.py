"""Restoration without learning: the filters that every paper compares to.

Each function here gives a method, a function from damaged pictures (batch,
height, width, channels) to restored ones, float32, for `compare` or on its
own. The work is scikit-image's, SciPy's and Keras'.
"""

import importlib

import numpy as np
from keras import ops

from keras_synth.ops import estimate_noise_level


def median(size=3):
    """The median of each pixel's neighbourhood, channel by channel.

    Against salt-and-pepper noise, at the price of fine detail. Borders are
    repeated outwards.

    Args:
        size: side of the neighbourhood in pixels, odd.

    Returns:
        A method, images → images.

    Raises:
        ValueError: `size` is even or below 3.
        ImportError: without the extra `samples`; so do the others here.

    Example:

    >>> images = np.zeros((1, 5, 5, 1))
    >>> images[0, 2, 2] = 1.0
    >>> float(median(3)(images).max())
    0.0
    """
    _check_odd("size", size)

    def restore(images):
        return _rank(_imported("scipy.ndimage").median_filter, images, size)

    return _method(restore)


def adaptive_median(largest=7):
    """The median, only where a pixel is an impulse, as small as will do.

    For neighbourhoods of 3, 5, ... `largest` pixels a side, with least value
    z_min, median z_med and greatest value z_max: where z_min < z_med < z_max
    the median is no impulse, so the pixel z stays if z_min < z < z_max and
    becomes z_med otherwise; where it is one, the next size decides. What the
    last size does not decide becomes its z_med.

    Keeps more detail than `median` and stands heavier salt-and-pepper noise.

    Args:
        largest: side of the largest neighbourhood in pixels, odd.

    Returns:
        A method, images → images.

    Raises:
        ValueError: `largest` is even or below 3.

    Reference: Gonzalez & Woods, Digital Image Processing, 4th edition, 2018,
    section 5.3, adaptive median filter.

    Example:

    >>> images = np.linspace(0.1, 0.9, 25).reshape(1, 5, 5, 1)
    >>> images[0, 2, 2] = 1.0
    >>> changed = adaptive_median()(images) != images.astype("float32")
    >>> np.argwhere(changed[0, 1:-1, 1:-1, 0]).tolist()
    [[1, 1]]
    """
    _check_odd("largest", largest)

    def restore(images):
        ndimage = _imported("scipy.ndimage")
        restored = np.empty_like(images)
        undecided = np.ones(images.shape, bool)
        for size in range(3, largest + 1, 2):
            smallest, middle, greatest = (
                _rank(rank, images, size)
                for rank in (
                    ndimage.minimum_filter,
                    ndimage.median_filter,
                    ndimage.maximum_filter,
                )
            )
            good_median = (smallest < middle) & (middle < greatest)
            good_pixel = (smallest < images) & (images < greatest)
            decided = undecided & (good_median | (size == largest))
            chosen = np.where(good_median & good_pixel, images, middle)
            restored[decided] = chosen[decided]
            undecided &= ~decided
        return restored

    return _method(restore)


def non_local_means(noise_level=None, patch_size=5, patch_distance=6):
    """Means over pixels whose surroundings look alike, for Gaussian noise.

    `skimage.restoration.denoise_nl_means` in its fast mode, with the filter's
    strength h = 0.8 σ, as its documentation recommends.

    Args:
        noise_level: σ in units of [0, 1]; None estimates it for each picture,
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
        _check_above_0("noise_level", noise_level)

    def restore(images):
        denoise = _imported("skimage.restoration").denoise_nl_means
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

    return _method(restore)


def total_variation(weight=0.1):
    """The picture near the damaged one that has the least total variation.

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
    _check_above_0("weight", weight)

    def restore(images):
        denoise = _imported("skimage.restoration").denoise_tv_chambolle
        return np.stack([denoise(x, weight, channel_axis=-1) for x in images])

    return _method(restore)


def biharmonic():
    """Fills holes with the smoothest surface that fits around them.

    Solves `Δ² x = 0` inside the holes, the rest given:
    `skimage.restoration.inpaint_biharmonic`. Slow for large holes.

    Returns:
        A method, (images, mask) → images, with the mask (batch, height,
        width, 1), 1 where pixels are damaged. All others stay as they are.

    Raises:
        ValueError: from the method, a mask of another shape, or one that
            leaves nothing of a picture.

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
        inpaint = _imported("skimage.restoration").inpaint_biharmonic
        images = _checked(images)
        mask = np.asarray(mask)
        if mask.shape != (*images.shape[:3], 1):
            raise ValueError(
                f"`mask` must be {(*images.shape[:3], 1)}, 1 where pixels are "
                f"damaged. Received: shape {mask.shape}"
            )
        damaged = mask[..., 0] > 0.5
        if damaged.all(axis=(1, 2)).any():
            raise ValueError(
                "`mask` must leave something of each picture: biharmonic "
                "inpainting is for holes. Received: a mask of ones"
            )
        filled = [
            inpaint(image, hole, split_into_regions=True, channel_axis=-1)
            if hole.any()
            else image
            for image, hole in zip(images, damaged, strict=True)
        ]
        return np.stack(filled).astype("float32")

    return restore


def wiener(sigma, balance=1e-3):
    """Undoes a Gaussian blur of known width, as far as noise allows.

    `x̂ = h y / (h² + balance · l²)` for each frequency of the cosine transform:
    y the damaged picture, h what the blur leaves of the frequency, l the
    Laplacian's response. The filter of Wiener and Hunt, with the picture
    going on beyond its edges as its mirror image, as in
    `degradations.GaussianBlur`. `skimage.restoration.wiener` does the same
    for a picture that repeats itself.

    Args:
        sigma: σ of the blur in pixels.
        balance: of smoothness against sharpness; 1e-4 suits pictures rounded
            to 8 bits, 1e-2 those with noise of level 0.01.

    Returns:
        A method, images → images.

    Raises:
        ValueError: `sigma` or `balance` is not above 0.

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
    _check_above_0("sigma", sigma)
    _check_above_0("balance", balance)

    def restore(images):
        fft = _imported("scipy.fft")
        ndimage = _imported("scipy.ndimage")

        def response(line_filter, size):
            """How a mirroring filter scales each cosine of a line."""
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

    return _method(restore)


def bicubic(scale):
    """Enlarges by cubic convolution: what super-resolution starts from.

    Keys' kernel with a = -1/2, borders mirrored: MATLAB's `imresize`, before
    its rounding to 8 bits.

    Args:
        scale: int, how many times as high and as wide.

    Returns:
        A method, images → images (batch, scale · height, scale · width,
        channels).

    Raises:
        ValueError: `scale` is no int of at least 1.

    Reference: Keys, Cubic Convolution Interpolation for Digital Image
    Processing, 1981, equation 15.

    Example:

    >>> bicubic(4)(np.zeros((1, 8, 12, 3))).shape
    (1, 32, 48, 3)
    """
    if type(scale) is not int or scale < 1:
        raise ValueError(
            f"`scale` must be an int, at least 1. Received: scale={scale!r}"
        )

    def restore(images):
        edge = 2  # pixels that the kernel reaches beyond the border
        margin = ((0, 0), (edge, edge), (edge, edge), (0, 0))
        padded = np.pad(images, margin, "symmetric")
        size = [scale * side for side in padded.shape[1:3]]
        # With antialiasing, which changes nothing when enlarging, TensorFlow
        # computes the weights and does not look them up in a coarse table.
        enlarged = ops.convert_to_numpy(
            ops.image.resize(padded, size, "bicubic", antialias=True)
        )
        cut = slice(scale * edge, -scale * edge)
        return enlarged[:, cut, cut]

    return _method(restore)


def _method(restore):
    """Arrays in and out, whatever the pictures come as."""

    def method(images):
        return restore(_checked(images)).astype("float32")

    return method


def _checked(images):
    images = np.asarray(images)
    if images.ndim != 4 or not np.issubdtype(images.dtype, np.floating):
        raise ValueError(
            "`images` must be floats (batch, height, width, channels), in "
            f"[0, 1]. Received: {images.dtype}, shape {images.shape}"
        )
    return images.astype("float32")


def _rank(rank_filter, images, size):
    """SciPy's filter over squares, borders repeated."""
    return rank_filter(images, size=(1, size, size, 1), mode="nearest")


def _imported(name):
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ImportError(
            "The classical methods are scikit-image's and SciPy's: "
            "pip install 'keras_synth[samples]'"
        ) from error


def _check_odd(name, value):
    if not isinstance(value, int) or value < 3 or value % 2 == 0:
        raise ValueError(
            f"`{name}` must be an odd int, at least 3. "
            f"Received: {name}={value!r}"
        )


def _check_above_0(name, value):
    if isinstance(value, bool) or not (
        isinstance(value, int | float) and value > 0
    ):
        raise ValueError(
            f"`{name}` must be a number above 0. Received: {name}={value!r}"
        )
