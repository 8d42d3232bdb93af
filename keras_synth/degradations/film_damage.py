"""Film damage: dust, hairs, scratches and stains cut out of mask images."""

import pathlib

import keras
import tensorflow as tf

from keras_synth.degradations.base import (
    Degradation,
    blend,
    check_range,
    draw_range,
    num_channels,
    one_by_one,
    split_seed,
)
from keras_synth.degradations.occlusion import check_folder

# Places of a mask, among its opaque pixels, that may come into an image.
_ANCHORS = 256
# Change of a channel that is seen among grain and texture.
_SEEN = 0.1


@keras.saving.register_keras_serializable("keras_synth")
class FilmDamage(Degradation):
    """Film damage: dust, hairs, scratches and stains from mask images.

    Each object is one of the masks α, turned, mirrored and scaled at random,
    with an opaque pixel of it at a random place of the image. What it covers
    becomes bright (the emulsion is gone from a negative's print, dust lay on
    the negative) or dark:

        `y = (1 - o α) x + o α c`

    All masks are read at the start and kept in memory, one byte for each
    pixel. Each pixel of the image averages four places of a mask. The record's
    mask is 1 where a channel changes by more than 0.1, which is seen among
    grain and texture: white dust on white paper is not there.
    Its parameters hold `count`, int32 (batch, 1, 1, 1).

    Args:
        folder: Folder of PNG files whose alpha channel (or brightness, of
            files without one) is α. Folders below it are read too.
        count: Number of objects of an image, an int or a range.
        scale: Pixels of the image for one of the mask, or a range.
        bright: Probability that an object is bright, from 0 to 1.
        opacity: o, from 0 to 1, or a range.

    Raises:
        FileNotFoundError: There is no such folder.
        ValueError: It holds no masks, or one that cannot be read.

    Reference: Ivanova et al., Simulating Analogue Film Damage to
    Analyse and Improve Artefact Restoration on High-Resolution Scans, 2023.
    """

    def __init__(
        self,
        folder,
        count=(1, 4),
        scale=(0.4, 1.2),
        bright=0.6,
        opacity=(0.5, 1.0),
    ):
        self.folder = str(folder)
        self.count = check_range(count, "count", whole=True)
        self.scale = check_range(scale, "scale")
        self.bright = check_range(bright, "bright", high=1.0)[0]
        self.opacity = check_range(opacity, "opacity", high=1.0)
        if self.scale[0] == 0:
            raise ValueError(f"`scale` must be above 0. Received: {scale!r}")
        masks = _read_masks(check_folder(folder))
        with tf.init_scope(), tf.device("CPU"):
            self._masks = tf.constant(masks)
            self._anchors = _anchors(self._masks)

    def apply(self, images, seed):
        seeds = split_seed(seed, 7)
        shape = tf.shape(images)
        batch, most = shape[0], self.count[1]
        count = draw_range(self.count, (batch, 1, 1, 1), seeds[0])
        if not most:
            return images, tf.zeros_like(images[..., :1]), {"count": count}
        objects = (batch, most)
        index = tf.random.stateless_uniform(
            objects, seeds[1], 0, self._masks.shape[0], "int32"
        )
        place = tf.random.stateless_uniform(
            objects, seeds[2], 0, _ANCHORS, "int32"
        )
        anchor = tf.gather_nd(
            self._anchors, tf.stack([index, place], axis=-1)
        )  # (batch, most, 2) of row and column
        target = tf.random.stateless_uniform((*objects, 2), seeds[3])
        target *= tf.cast(shape[1:3], "float32")
        transform = self._transform(anchor, target, seeds[4])
        color = self._color(objects, num_channels(images), seeds[5])
        opacity = draw_range(self.opacity, objects, seeds[6])
        exists = tf.range(most) < count[:, 0, 0]  # (batch, most)
        opacity = tf.where(exists, opacity, 0.0)

        def draw(degraded, one):
            index, transform, color, opacity = one
            alpha = tf.raw_ops.ImageProjectiveTransformV3(
                images=tf.gather(self._masks, index),
                transforms=transform,
                output_shape=2 * shape[1:3],
                fill_value=0.0,
                interpolation="BILINEAR",
                fill_mode="CONSTANT",
            )
            alpha = tf.nn.avg_pool2d(tf.cast(alpha, "float32"), 2, 2, "VALID")
            alpha *= opacity[:, None, None, None] / 255.0
            return blend(degraded, alpha, color[:, None, None])

        items = (index, transform, color, opacity)
        degraded = one_by_one(draw, images, items)
        change = tf.reduce_max(tf.abs(degraded - images), -1, keepdims=True)
        mask = tf.cast(change > _SEEN, "float32")
        return degraded, mask, {"count": count}

    def _transform(self, anchor, target, seed):
        """From an image of twice the size to the mask, (batch, most, 8)."""
        angle_seed, scale_seed, mirror_seed = split_seed(seed, 3)
        objects = tf.shape(anchor)[:2]
        angle = draw_range((0.0, 6.2831853), objects, angle_seed)
        scale = draw_range(self.scale, objects, scale_seed)
        mirror = draw_range((0, 1), objects, mirror_seed)
        sign = 1.0 - 2.0 * tf.cast(mirror, "float32")
        cosine = tf.cos(angle) / (2.0 * scale)
        sine = tf.sin(angle) / (2.0 * scale)
        a, b, c, d = sign * cosine, -sign * sine, sine, cosine
        row, column = tf.unstack(2.0 * target, axis=-1)
        dx = anchor[..., 1] - a * column - b * row
        dy = anchor[..., 0] - c * column - d * row
        zero = tf.zeros_like(a)
        return tf.stack([a, b, dx, c, d, dy, zero, zero], axis=-1)

    def _color(self, objects, channels, seed):
        """Nearly white or nearly black, (batch, most, channels)."""
        choice_seed, gray_seed, tint_seed = split_seed(seed, 3)
        bright = self.bright > tf.random.stateless_uniform(objects, choice_seed)
        gray = draw_range((0.0, 0.25), objects, gray_seed)
        gray = tf.where(bright, 1.0 - gray, gray)[..., None]
        tint = draw_range((-0.05, 0.05), (*objects, channels), tint_seed)
        return tf.clip_by_value(gray + tint, 0.0, 1.0)

    def get_config(self):
        return {
            "folder": self.folder,
            "count": self.count,
            "scale": self.scale,
            "bright": self.bright,
            "opacity": self.opacity,
        }


def _read_masks(folder):
    """uint8 (masks, height, width, 1), padded to one size with zeros."""
    masks = []
    for file in sorted(pathlib.Path(folder).rglob("*")):
        hidden = any(p.startswith(".") for p in file.relative_to(folder).parts)
        if hidden or file.suffix.lower() != ".png":
            continue
        try:
            image = tf.io.decode_png(file.read_bytes())
        except tf.errors.InvalidArgumentError as error:
            raise ValueError(
                f"{file} is not a readable image: {error.message}"
            ) from error
        # Alpha is the last channel of two or four.
        if image.shape[-1] in (2, 4):
            mask = image[..., -1:]
        else:
            mask = tf.reduce_max(image, axis=-1, keepdims=True)
        if tf.reduce_max(mask) > 127:  # something is opaque
            masks.append(mask)
    if not masks:
        raise ValueError(f"{folder} holds no masks (.png).")
    height = max(mask.shape[0] for mask in masks)
    width = max(mask.shape[1] for mask in masks)
    return tf.stack(
        [tf.image.pad_to_bounding_box(m, 0, 0, height, width) for m in masks]
    )


def _anchors(masks):
    """Opaque pixels of each mask: float32 (masks, _ANCHORS, 2)."""
    anchors = []
    for index in range(masks.shape[0]):
        places = tf.where(masks[index, :, :, 0] > 127)
        chosen = tf.random.stateless_uniform(
            (_ANCHORS,), (0, index), 0, tf.shape(places)[0], "int32"
        )
        anchors.append(tf.cast(tf.gather(places, chosen), "float32"))
    return tf.stack(anchors)
