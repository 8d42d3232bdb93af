"""Pretrained denoising networks."""

import keras

from keras_synth.networks import unet
from keras_synth.networks.pretrained import float32_layers
from keras_synth.presets.files import load_preset

_WIDE = (48, 96, 192)


def gray_denoiser(weights="pretrained"):
    """Gray denoiser: a U-Net conditioned on the noise level.

    For Gaussian noise of σ from 0 to 75 gray levels. Trained on 240 photographs
    (CC BY-SA 4.0 and the Unsplash license), from `color_denoiser`. PSNR on
    Set12 for σ = 15 / 25 / 50: 32.43 / 30.16 / 27.12 dB; on BSD68: 31.42 /
    29.01 / 26.18 dB. License of the weights: Apache-2.0. See
    `presets/gray_denoiser.md`.

    Args:
        weights: "pretrained", None for random weights, or the path of a
            `.weights.h5` file.

    Returns:
        A `keras.Model` from `{"image": (batch, height, width, 1),
        "noise_level": (batch, 1, 1, 1) or (batch, height, width, 1)}`, the
        level from 0 to 75 / 255, to (batch, height, width, 1), not clipped.

    Raises:
        FileNotFoundError: There is no file at that path.
        ValueError: The file holds other weights.

    Example:

    >>> noisy = keras.ops.zeros((1, 30, 20, 1))
    >>> level = 0.1 * keras.ops.ones((1, 1, 1, 1))
    >>> gray_denoiser()({"image": noisy, "noise_level": level}).shape
    TensorShape([1, 30, 20, 1])
    """
    network = _unet(
        "gray_denoiser",
        channels=1,
        widths=_WIDE,
        noise_conditional=True,
        use_bias=False,
    )
    load_preset(network, weights, "Train one: make presets")
    return network


def color_denoiser(weights="pretrained"):
    """Color denoiser: a U-Net conditioned on the noise level.

    For Gaussian noise of σ from 0 to 75 gray levels. Trained on 240 color
    photographs (CC BY-SA 4.0 and the Unsplash license). PSNR on CBSD68 for σ =
    15 / 25 / 50: 33.55 / 31.00 / 27.90 dB; CBM3D, as published: 33.52 / 30.71
    / 27.38 dB. License of the weights: Apache-2.0. See
    `presets/color_denoiser.md`.

    Args:
        weights: "pretrained", None for random weights, or the path of a
            `.weights.h5` file.

    Returns:
        A `keras.Model` from `{"image": (batch, height, width, 3),
        "noise_level": (batch, 1, 1, 1) or (batch, height, width, 1)}`, the
        level from 0 to 75 / 255, to (batch, height, width, 3), not clipped.

    Raises:
        FileNotFoundError: There is no file at that path.
        ValueError: The file holds other weights.

    Example:

    >>> noisy = keras.ops.zeros((1, 30, 20, 3))
    >>> level = 0.1 * keras.ops.ones((1, 1, 1, 1))
    >>> color_denoiser(None)({"image": noisy, "noise_level": level}).shape
    TensorShape([1, 30, 20, 3])
    """
    network = _unet(
        "color_denoiser", widths=_WIDE, noise_conditional=True, use_bias=False
    )
    load_preset(network, weights, "Train one: make presets")
    return network


def photo_restorer(weights="pretrained"):
    """Photo restorer: a U-Net for blur, noise and JPEG that nobody describes.

    For photographs as they come: slight blur, noise of the sensor, JPEG
    compression from quality 10 to 95, in any combination. On held-out
    photographs it gains 1.60, 1.67 and 1.59 dB for JPEG of quality 10, 20 and
    40, and 3.86 dB for all three together. Trained on 240 color
    photographs (CC BY-SA 4.0 and the Unsplash license), from `color_denoiser`.
    License of the weights: Apache-2.0. See `presets/photo_restorer.md`.

    Args:
        weights: "pretrained", None for random weights, or the path of a
            `.weights.h5` file.

    Returns:
        A `keras.Model` from (batch, height, width, 3) to the same shape, not
        clipped.

    Raises:
        FileNotFoundError: There is no file at that path.
        ValueError: The file holds other weights.

    Example:

    >>> photo_restorer(None)(keras.ops.zeros((1, 30, 20, 3))).shape
    TensorShape([1, 30, 20, 3])
    """
    network = _unet("photo_restorer", widths=_WIDE)
    load_preset(network, weights, "Train one: make presets")
    return network


def _unet(name, **options):
    with float32_layers():
        network = unet(**options)
        return keras.Model(network.input, network.output, name=name)
