"""What of an image is stylized, and what is left as it is."""

import dataclasses

import keras
from keras import ops

from keras_synth.ops import full_range_luma


@dataclasses.dataclass(frozen=True)
class Canvas:
    """What is stylized of a content image, at one resolution.

    The image is what was stylized plus `rest`: nothing, or where colors
    are preserved, what its colors differ from its brightness (B - Y and so
    on), which painting Y does not change.

    Attributes:
        scene: what the content shows of what is stylized, (1, height, width,
            channels, or 1 where colors are preserved).
        styles: what the styles show of it.
        rest: of the content, to be added.
        low: least value of what is stylized, with which the image is in
            [0, 1].
        high: largest such value.
    """

    scene: object
    styles: list
    rest: object
    low: object
    high: object

    def start(self, kind, seeds):
        """The first painting.

        Args:
            kind: "content", "noise", or an image of any size.
            seeds: a `SeedGenerator` for the noise.
        """
        if not isinstance(kind, str):
            kind = resized_to(kind, self.scene.shape[1:3])
            if self.scene.shape[-1] == 1:
                kind = _luma(kind)
            return ops.clip(kind, self.low, self.high)
        if kind == "content":
            return self.scene
        uniform = keras.random.uniform(self.scene.shape, seed=seeds)
        return self.low + (self.high - self.low) * uniform

    def image(self, painting):
        """The image in [0, 1] of a painting."""
        return ops.clip(painting + self.rest, 0.0, 1.0)


def stretch_canvas(content, styles, scale, preserve_color):
    """The canvas of a content.

    Args:
        content: (1, height, width, channels).
        styles: list of (1, height', width', channels').
        scale: of the images' sides, at most 1.
        preserve_color: whether only brightness is stylized. The styles'
            brightness then gets the content's mean and deviation.

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
    """Bicubic, with antialiasing, in [0, 1]."""
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
    """Mean and deviation of another image, over all pixels."""
    deviation = ops.maximum(ops.std(images), keras.config.epsilon())
    normalized = (images - ops.mean(images)) / deviation
    return ops.std(other) * normalized + ops.mean(other)
