"""Canvas of style transfer: the part of an image that is optimized."""

import dataclasses

import keras
from keras import ops

from keras_synth.ops import full_range_luma


@dataclasses.dataclass(frozen=True, eq=False)
class Canvas:
    """The optimized part of a content image, at one resolution.

    The image is the optimized part plus `rest`. Where colors are preserved,
    the optimized part is the luma Y and `rest` holds the color differences
    (B - Y and so on), which a change of Y leaves alone; else `rest` is 0.

    Attributes:
        content: Optimized part of the content image, (1, height, width,
            channels, or 1 where colors are preserved).
        styles: List of the same part of each style image.
        rest: The rest of the content image, to be added.
        low: Least value of the optimized part that keeps the image in [0, 1].
        high: Largest such value.
    """

    content: object
    styles: list
    rest: object
    low: object
    high: object

    def start(self, kind, seeds):
        """The start of the optimization.

        Args:
            kind: "content", "noise", or an image of any size.
            seeds: A `SeedGenerator` for the noise.
        """
        if not isinstance(kind, str):
            kind = resized_to(kind, self.content.shape[1:3])
            if self.content.shape[-1] == 1:
                kind = _luma(kind)
            return ops.clip(kind, self.low, self.high)
        if kind == "content":
            return self.content
        uniform = keras.random.uniform(self.content.shape, seed=seeds)
        return self.low + (self.high - self.low) * uniform

    def image(self, optimized):
        """The image in [0, 1] of the optimized part."""
        return ops.clip(optimized + self.rest, 0.0, 1.0)


def make_canvas(content, styles, scale, preserve_color):
    """The canvas of a content image and its styles.

    Args:
        content: (1, height, width, channels).
        styles: list of (1, height', width', channels').
        scale: Factor of the images' sides, at most 1.
        preserve_color: Whether only the luma is stylized. The styles' luma
            then gets the mean and standard deviation of the content's.

    Returns:
        A `Canvas`.
    """
    content, *styles = [
        resized_to(each, [max(1, round(scale * n)) for n in each.shape[1:3]])
        for each in (content, *styles)
    ]
    if not preserve_color:
        return Canvas(content, styles, ops.zeros((1, 1, 1, 1)), 0.0, 1.0)
    luma = _luma(content)
    rest = content - luma
    return Canvas(
        luma,
        [_with_statistics(_luma(style), luma) for style in styles],
        rest,
        -ops.min(rest, axis=-1, keepdims=True),
        1.0 - ops.max(rest, axis=-1, keepdims=True),
    )


def resized_to(images, size):
    """Images resized bicubically, with antialiasing, clipped to [0, 1]."""
    if tuple(images.shape[1:3]) == tuple(size):
        return images
    resized = ops.image.resize(
        images,
        tuple(size),
        interpolation="bicubic",
        antialias=True,
        data_format="channels_last",
    )
    return ops.clip(resized, 0.0, 1.0)


def _luma(images):
    return images if images.shape[-1] == 1 else full_range_luma(images)


def _with_statistics(images, other):
    """An image with mean and standard deviation of another."""
    deviation = ops.maximum(ops.std(images), keras.config.epsilon())
    normalized = (images - ops.mean(images)) / deviation
    return ops.std(other) * normalized + ops.mean(other)
