"""Blind blur estimation: the width of a Gaussian, or a line of motion."""

import dataclasses

import numpy as np
from scipy import fft

from keras_synth.ops import (
    estimate_noise_level,
    gaussian_kernels,
    jpeg_noise,
    line_kernels,
)
from keras_synth.ops.color import LUMA_WEIGHTS
from keras_synth.restoration.arguments import checked_images

_BLOCKS = (128, 64)  # pixels: the largest of which four fit into the image
_LOWEST = 0.04  # frequency, in cycles a pixel
# Power spectra of photographs fall with these powers of the frequency.
_POWERS = np.array([1.6, 2.0, 2.4, 2.8, 3.2])[:, None]
_WIDTHS = np.arange(0.3, 5.05, 0.1)
_LENGTHS = (4, 5, 6, 7, 8, 9, 10, 12, 14, 16, 18, 20, 23, 26, 30)
_ANGLES = range(0, 180, 15)
# Width of the Gaussian that photographs have which are not blurred: the median
# of every tenth of photos/train, found after a blur of σ = 1.2.
_SHARP = 0.48
_LEAST_SIGMA = 0.6
# Differences of the log-likelihood of one frequency, in nats: for a Gaussian
# blur, and for a motion.
_EVIDENCE = (0.02, 0.05)
_EVIDENCE_IN_JPEG = (0.04, 0.3)  # of which few frequencies are left
# The spectrum of a motion is 0 at whole numbers of these. Of less, it is like
# that of edges in one direction.
_LEAST_CYCLES = 1.5
# Lines and edges in one direction look like a motion of any length. The
# likelihood of a motion is above those of lengths as different as these, by so
# many nats, because of its zeros.
_OTHER_LENGTHS = (0.6, 1.6)
_PEAK = (0.04, 0.08)  # in JPEG, noise hides the spectrum of the scene
_LONGEST = 45  # pixels: of more, the zeros are closer than a block resolves
_ROUNDING = 1 / 255 / 12**0.5  # noise of 8 bits
_MOST_LOST = 0.3  # share of a frequency that JPEG compression made 0
_LEAST_COUNT = 200  # frequencies that are left


@dataclasses.dataclass(frozen=True, eq=False)
class BlurEstimate:
    """Result of `estimate_blur`.

    Attributes:
        kernel: float32 (rows, columns), of sum 1.
        sigma: σ of a Gaussian blur in pixels, or None.
        length: Length of a motion in pixels, or None.
        angle: Its angle in degrees, counterclockwise from the horizontal, from
            0 to 180, or None.
        evidence: By how many nats the mean log-likelihood of a frequency is
            above that of no blur, for a motion also of a Gaussian one.
    """

    kernel: np.ndarray
    sigma: float | None
    length: float | None
    angle: float | None
    evidence: float

    def __str__(self):
        if self.sigma is not None:
            return f"Gaussian blur of σ = {self.sigma:.2f} pixels"
        return f"motion of {self.length:.1f} pixels at {self.angle:.0f}°"


def estimate_blur(images, noise_level=None, luma_table=None):
    """Blind blur estimation: Gaussian or linear motion, by their spectrum.

    The power spectrum of photographs falls evenly, like `f^-α`. A blur
    multiplies it with the squared transfer function |K|² of its kernel:

        P(f) = a f^-α |K(f)|² + σ²

    For each kernel of a grid of widths, or of lengths and angles, the
    likelihood of the mean spectrum of blocks is greatest for some a and α
    (Whittle's likelihood, `-Σ log P + I / P` of the spectrum I). The greatest
    of all tells the kernel.

    JPEG compression adds noise of a spectrum that follows from its
    quantization table, and makes high frequencies 0, which do not count then.

    Args:
        images: Float images (1, height, width, channels) in [0, 1], of at
            least 64x64 pixels.
        noise_level: σ of the noise in units of [0, 1]. None estimates it.
        luma_table: Quantization table of luma of a JPEG image, 64 steps in
            natural order, such as `ops.luma_table(75)`. None for an image
            that was not compressed.

    Returns:
        A `BlurEstimate`.

    Raises:
        ValueError: The image is too small, or shows too little to tell how it
            is blurred, or whether it is.

    Reference: Whittle, Estimation and information in stationary time series,
    1953; Field, Relations between the statistics of natural images and the
    response properties of cortical cells, 1987, for the power law.

    Example:

    >>> from keras_synth import datasets, degradations
    >>> (photo,) = datasets.load_source("photos", "test").dataset.take(1)
    >>> clean = photo["image"].numpy()[None, :256, :256] / np.float32(255)
    >>> blurred = degradations.GaussianBlur(2.0)(clean, seed=0)
    >>> bool(abs(estimate_blur(blurred).sigma - 2.0) < 0.3)
    True
    """
    images = checked_images(images)[:1]
    weights = LUMA_WEIGHTS if images.shape[-1] == 3 else (1.0,)
    gray = images @ np.float32(weights)
    if noise_level is None:
        level = float(np.squeeze(estimate_noise_level(gray[..., None])))
    else:
        # As if that of the colors were independent.
        level = noise_level * np.linalg.norm(weights)
    spectrum = _Spectrum(gray[0], np.hypot(level, _ROUNDING))
    if luma_table is not None:
        spectrum.compress(*jpeg_noise(images[0], luma_table))
    scores = np.array([spectrum.of_gaussian(width) for width in _WIDTHS])
    width = _refined(_WIDTHS, scores)
    sigma = np.sqrt(max(width**2 - _SHARP**2, 0.0))
    gaussian, sharp = scores.max(), spectrum.of_gaussian(_SHARP)
    length, angle, motion = _best_line(spectrum)
    evidence = motion - max(gaussian, sharp)
    jpeg = luma_table is not None
    least, least_of_motion = _EVIDENCE_IN_JPEG if jpeg else _EVIDENCE
    clear = evidence > least_of_motion
    peak = motion - max(
        spectrum.of_motion(share * length, angle) for share in _OTHER_LENGTHS
    )
    has_zeros = spectrum.cycles(length, angle) >= _LEAST_CYCLES
    has_zeros &= length <= _LONGEST
    if clear and has_zeros and peak > _PEAK[jpeg]:
        return _motion(length, angle % 180.0, evidence)
    evidence = gaussian - sharp
    if clear or evidence < least or sigma < _LEAST_SIGMA:
        raise ValueError(
            "The image does not show clearly how it is blurred, or whether it "
            "is (its spectrum is most like that of a Gaussian blur of "
            f"σ = {sigma:.1f} pixels). Give the blur: sigma, motion or kernel."
        )
    return _gaussian(sigma, evidence)


def _best_line(spectrum):
    """`(length, angle, likelihood)` of the most likely motion."""

    def best(lines):
        return max(lines, key=lambda line: spectrum.of_motion(*line))

    def refined(length, angle):
        for share, degrees in ((0.1, 5.0), (0.03, 2.0)):
            length, angle = best(
                (length * (1.0 + i * share), angle + j * degrees)
                for i in (-1, 0, 1)
                for j in (-1, 0, 1)
            )
        return length, angle

    coarse = best((n, angle) for n in _LENGTHS for angle in _ANGLES)
    length, angle = refined(*coarse)
    # At an angle that is slightly off, a long line looks like a shorter one.
    longer = [refined(n * length, angle) for n in (2, 3)]
    line = best([(length, angle), *longer])
    return *line, spectrum.of_motion(*line)


def _gaussian(sigma, evidence):
    line = np.asarray(gaussian_kernels(np.float32([sigma]), sigma))[0]
    return BlurEstimate(np.outer(line, line), sigma, None, None, evidence)


def _motion(length, angle, evidence):
    kernel = np.asarray(
        line_kernels(np.float32([length]), np.float32([angle]), length)
    )[0]
    return BlurEstimate(kernel, None, length, angle, evidence)


class _Spectrum:
    """Mean power spectrum of an image, and the likelihood of kernels."""

    def __init__(self, gray, noise_level):
        fitting = [b for b in _BLOCKS if 2 * b <= min(gray.shape)]
        side = fitting[0] if fitting else _BLOCKS[-1]
        if min(gray.shape) < side:
            raise ValueError(
                f"To estimate the blur, an image must be at least {side}x"
                f"{side} pixels. Received: {gray.shape[1]}x{gray.shape[0]}"
            )
        self.noise = noise_level**2
        power = _mean_periodogram(gray.astype("float64"), side)
        self.rows = np.fft.fftfreq(side)[:, None]
        self.columns = np.fft.fftfreq(side)[None]
        self.squares = self.rows**2 + self.columns**2
        # Half of the plane holds all.
        self.chosen = (self.squares > _LOWEST**2) & (self.columns >= 0)
        self.power = power[self.chosen]
        distance = np.sqrt(np.maximum(self.squares, side**-2.0))
        self.fall = distance[None] ** -_POWERS[..., None]

    def compress(self, noise, lost):
        """Takes account of JPEG compression.

        Args:
            noise: Variances of the coefficients of the DCT, (8, 8).
            lost: Shares of their power that were made 0, (8, 8).
        """
        side = len(self.rows)
        waves = fft.idct(np.eye(8), axis=1, norm="ortho")
        spread = np.abs(np.fft.fft(waves, side, axis=1)) ** 2 / 8.0
        noise = spread.T @ noise @ spread
        nearest = np.minimum(np.rint(16 * np.abs(self.rows[:, 0])), 7)
        nearest = nearest.astype(int)
        known = lost[np.ix_(nearest, nearest)] < _MOST_LOST
        self.power = self.power[known[self.chosen]]
        self.chosen &= known
        self.noise = np.maximum(self.noise, noise[self.chosen])
        if self.power.size < _LEAST_COUNT:
            raise ValueError(
                "JPEG compression has left too little of the image to tell "
                "how it is blurred. Give the blur: sigma, motion or kernel."
            )

    def of_gaussian(self, width):
        return self._of(np.exp(-4.0 * np.pi**2 * width**2 * self.squares))

    def of_motion(self, length, angle):
        along = self._along(angle)
        sharp = np.exp(-4.0 * np.pi**2 * _SHARP**2 * self.squares)
        return self._of(np.sinc(length * along) ** 2 * sharp)

    def cycles(self, length, angle):
        """Cycles that the highest frequency has along a motion."""
        return length * np.abs(self._along(angle)[self.chosen]).max()

    def _along(self, angle):
        """Frequencies in the direction of a motion, in cycles a pixel."""
        radians = np.deg2rad(angle)
        return np.cos(radians) * self.columns - np.sin(radians) * self.rows

    def _of(self, response):
        """Greatest mean log-likelihood of a frequency, over a and α.

        Args:
            response: |K|², (side, side).
        """
        shape = self.fall * response
        for axis in (1, 2):  # as the window of the blocks blurs a spectrum
            around = np.roll(shape, 1, axis) + np.roll(shape, -1, axis)
            shape = (4.0 * shape + around) / 6.0
        shape = shape[:, self.chosen]
        signal = np.maximum(self.power - self.noise, 0.1 * self.power)
        scale = np.exp(np.median(np.log(signal / shape), axis=1))[:, None]
        for _ in range(4):  # weighted least squares
            model = scale * shape + self.noise
            weights = (shape / model) ** 2
            scale = np.sum(
                weights * (self.power - self.noise) / shape,
                axis=1,
                keepdims=True,
            ) / np.sum(weights, axis=1, keepdims=True)
            scale = np.maximum(scale, 1e-12)
        model = scale * shape + self.noise
        return -np.min(np.mean(np.log(model) + self.power / model, axis=1))


def _mean_periodogram(gray, side):
    """Power of windowed blocks that overlap by half, (side, side)."""
    window = np.hanning(side + 2)[1:-1]
    window = np.outer(window, window)
    window /= np.sqrt(np.sum(window**2))
    blocks = np.lib.stride_tricks.sliding_window_view(gray, (side, side))
    blocks = blocks[:: side // 2, :: side // 2].reshape(-1, side, side)
    power = 0.0
    for block in blocks:  # in little memory
        block = window * (block - block.mean())
        power += np.abs(np.fft.fft2(block)) ** 2
    return power / len(blocks)


def _refined(places, values):
    """Place of the top of a parabola through the greatest values."""
    best = int(np.clip(np.argmax(values), 1, len(values) - 2))
    left, middle, right = values[best - 1 : best + 2]
    bend = left - 2.0 * middle + right
    shift = 0.5 * (left - right) / bend if bend < 0 else 0.0
    return places[best] + np.clip(shift, -1, 1) * (places[1] - places[0])
