"""Random windows of images around masked pixels."""

import keras
from keras import ops


def random_windows(images, mask, size, seed):
    """Random windows: crops of images around a random masked pixel.

    The pixel is in the middle of the window, or as near to it as the borders
    of the image allow. Where the mask is empty the window is at the
    top left.

    Args:
        images: List of tensors (batch, height, width, channels), all cropped
            at the same positions.
        mask: (batch, height, width, 1), 1 = missing or corrupted.
        size: (height, width) of the window, at most that of the images.
        seed: Seed of the positions, an int or `keras.random.SeedGenerator`.

    Returns:
        A list of windows, (batch, *size, channels).

    Raises:
        ValueError: The window is larger than the images.

    Example:

    >>> image = ops.reshape(ops.arange(36.0), (1, 6, 6, 1))
    >>> mask = ops.cast(ops.equal(image, 14.0), "float32")  # row 2, column 2
    >>> random_windows([image], mask, (2, 2), seed=0)[0][0, :, :, 0].numpy()
    array([[ 7.,  8.],
           [13., 14.]], dtype=float32)
    """
    given = mask.shape[1:3]
    if any(
        side is not None and side < wanted
        for side, wanted in zip(given, size, strict=True)
    ):
        raise ValueError(
            f"`size` must be at most that of the images, {tuple(given)}. "
            f"Received: size={tuple(size)}"
        )
    count, height, width, _ = ops.shape(mask)
    chances = keras.random.uniform((count, height * width), seed=seed)
    # Adding 1 keeps a draw of 0 on a degraded pixel above all sound pixels.
    degraded = ops.reshape(mask, (count, height * width)) > 0.0
    chosen = ops.argmax(ops.where(degraded, chances + 1.0, 0.0), axis=1)
    chosen = ops.cast(chosen, "int32")

    def places(middle, side, wanted):  # (batch, wanted)
        first = ops.clip(middle - wanted // 2, 0, side - wanted)
        return first[:, None] + ops.arange(wanted, dtype="int32")

    rows = places(chosen // width, height, size[0])[:, :, None, None]
    columns = places(chosen % width, width, size[1])[:, None, :, None]

    def cut(image):
        part = ops.take_along_axis(image, rows, axis=1)
        return ops.take_along_axis(part, columns, axis=2)

    return [cut(image) for image in images]
