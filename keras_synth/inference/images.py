"""Running a restorer on images larger than memory, or eight times over."""

import numpy as np

from keras_synth.inference.inputs import run_restorer
from keras_synth.io import Progress


def restore_tiled(
    model,
    images,
    tile=256,
    overlap=32,
    *,
    batch_size=4,
    multiple=8,
    scale=None,
    output=None,
    verbose=1,
):
    """Restores images tile by tile; the seams do not show.

    Tiles overlap, and of each only the inner part is kept: nothing is
    blended. Tiles at the image's border end there, so that a network pads
    them as it pads the whole image. The result is therefore that of the
    whole image (to rounding) under two conditions.

    `overlap` covers the receptive field's radius: what lies farther from an
    output pixel must not reach it. Each convolution of k x k adds
    (k - 1) / 2 pixels, times the stride of the layers before it: 17 of 3 x 3
    need an overlap of 17, or of 34 at half resolution. Networks that look at
    the whole image (global pooling, attention, instance normalization)
    have no such radius; neither have methods that search, as BM3D does: their
    tiles differ a little from the whole.

    `multiple` is divisible by the network's stride, what its input's sides
    are padded to a multiple of: 2 for FFDNet, 2 ** levels for a U-Net. Tiles
    start at multiples of it, and leave the same remainder as the image.

    Args:
        model: a `keras.Model`, or any function from a batch of images (or
            the dict below) to a batch of images.
        images: (batch, height, width, channels) float, or `{"image": such,
            "noise_level": ..., "mask": ...}`, where maps (batch, height,
            width, ...) are cut alike and (batch, 1, 1, 1) or (batch, ...)
            are handed on. Arrays on disk (`numpy.memmap`) are read tile by
            tile.
        tile: largest side of a tile in pixels, overlap included.
        overlap: pixels dropped at each side of a tile that is no border of
            the image.
        batch_size: tiles at a time.
        multiple: of the tiles' offsets in pixels.
        scale: how many times larger the output is on each side; None finds
            out from the first tiles.
        output: array to write into, a `numpy.memmap` say, of the output's
            shape; None makes one.
        verbose: Progress, see `io.Progress`: 0 shows none.

    Returns:
        float32 (batch, scale · height, scale · width, output channels), or
        `output`.

    Raises:
        ValueError: arguments that do not fit each other, images that are
            not finite floats, or a model that returns another size.

    Example:

    >>> import keras
    >>> images = np.random.default_rng(0).uniform(size=(1, 70, 90, 1))
    >>> network = keras.layers.Conv2D(1, 5, padding="same")
    >>> tiled = restore_tiled(network, images, 48, overlap=8, verbose=0)
    >>> bool(np.allclose(tiled, network(images), atol=1e-5))
    True
    """
    inputs = _checked_inputs(images)
    _check_tiling(tile, overlap, batch_size, multiple, scale)
    count, height, width = inputs["image"].shape[:3]
    places = [
        (index, *row, *column)
        for index in range(count)
        for row in _cuts(height, tile, overlap, multiple)
        for column in _cuts(width, tile, overlap, multiple)
    ]
    progress = Progress(len(places), "tiles", verbose)
    for start in range(0, len(places), batch_size):
        chosen = places[start : start + batch_size]
        batch = {
            name: np.stack(
                [
                    _part(array, index, rows, columns, (height, width))
                    for index, rows, _, columns, _ in chosen
                ]
            )
            for name, array in inputs.items()
        }
        restored = run_restorer(
            model, batch if isinstance(images, dict) else batch["image"]
        )
        scale = _checked_scale(batch["image"].shape, restored.shape, scale)
        shape = (count, scale * height, scale * width, restored.shape[-1])
        if output is None:
            output = np.empty(shape, "float32")
        if output.shape != shape:
            raise ValueError(
                f"`output` must be of shape {shape}. Received: {output.shape}"
            )
        for place, image in zip(chosen, restored, strict=True):
            index, rows, kept_rows, columns, kept_columns = place
            output[
                index, _times(kept_rows, scale), _times(kept_columns, scale)
            ] = image[
                _times(kept_rows, scale, rows.start),
                _times(kept_columns, scale, columns.start),
            ]
        progress.add(len(chosen))
    progress.close()
    return output


def self_ensemble(model, images):
    """Mean over the eight symmetries of a square: a little better, 8 x slower.

    `x̂ = 1/8 Σ T⁻¹ f(T y)`, T the four quarter turns, with and without
    mirroring. It works on images that are no squares too. Of a function
    that commutes with turns and mirrors it is that function.

    For large images: `self_ensemble(lambda x: restore_tiled(model, x), y)`.

    Args:
        model: a `keras.Model`, or any function from a batch of images (or
            the dict below) to a batch of images.
        images: (batch, height, width, channels), or `{"image": such,
            "noise_level": ..., "mask": ...}`, where maps are turned alike.

    Returns:
        float32, what the model returns for `images`.

    Raises:
        ValueError: images that are not finite floats, or a model that does
            not return a batch of images.

    Reference: Timofte et al., Seven Ways to Improve Example-Based Single Image
    Super Resolution, 2016, section 3.5.

    Example:

    >>> images = np.random.default_rng(0).uniform(size=(2, 4, 6, 3))
    >>> doubled = self_ensemble(lambda x: 2.0 * x, images)
    >>> bool(np.allclose(doubled, 2.0 * images))
    True
    """
    inputs = _checked_inputs(images)
    total = 0.0
    for turns in range(4):
        for mirrored in (False, True):
            turned = {
                name: _turn(array, turns, mirrored)
                for name, array in inputs.items()
            }
            restored = run_restorer(
                model, turned if isinstance(images, dict) else turned["image"]
            )
            if mirrored:
                restored = restored[:, :, ::-1]
            total = total + np.rot90(restored, -turns, axes=(1, 2))
    return total / np.float32(8.0)


def _checked_inputs(images):
    """Arrays by name, "image" among them."""
    inputs = images if isinstance(images, dict) else {"image": images}
    if "image" not in inputs:
        raise ValueError(
            'A dict of inputs must have images as "image". Received: '
            f"{list(inputs)}"
        )
    inputs = {name: np.asarray(array) for name, array in inputs.items()}
    image = inputs["image"]
    if image.ndim != 4 or 0 in image.shape:
        raise ValueError(
            "`images` must be (batch, height, width, channels). Received: "
            f"shape {image.shape}"
        )
    if not np.issubdtype(image.dtype, np.floating):
        raise ValueError(
            "`images` must be floats in [0, 1]: divide uint8 images by 255. "
            f"Received: dtype {image.dtype}"
        )
    for name, array in inputs.items():
        is_map = array.ndim == 4 and array.shape[1:3] != (1, 1)
        if array.shape[:1] != image.shape[:1] or (
            is_map and array.shape[1:3] != image.shape[1:3]
        ):
            raise ValueError(
                f"{name!r} must go with images {image.shape}: (batch, "
                "height, width, ...) for a map, (batch, 1, 1, 1) or (batch, "
                f"...) else. Received: shape {array.shape}"
            )
        # One image at a time: they may be larger than memory.
        if not all(np.isfinite(np.sum(row, dtype="float64")) for row in array):
            raise ValueError(f"{name!r} must be finite. Received: NaN or Inf")
    return inputs


def _check_tiling(tile, overlap, batch_size, multiple, scale):
    for name, value, smallest in (
        ("tile", tile, 1),
        ("overlap", overlap, 0),
        ("batch_size", batch_size, 1),
        ("multiple", multiple, 1),
        ("scale", 1 if scale is None else scale, 1),
    ):
        if (
            isinstance(value, bool)
            or not isinstance(value, int | np.integer)
            or value < smallest
        ):
            raise ValueError(
                f"`{name}` must be an int, at least {smallest}. "
                f"Received: {name}={value!r}"
            )
    # A tile may come out `multiple - 1` smaller, and must still move on.
    if tile < 2 * overlap + 2 * multiple:
        raise ValueError(
            "`tile` must be at least 2 · overlap + 2 · multiple = "
            f"{2 * overlap + 2 * multiple}. Received: tile={tile}"
        )


def _cuts(length, tile, overlap, multiple):
    """Along one axis, `(tile's slice, slice of it that is kept)` of each."""
    if length <= tile:
        return [(slice(0, length), slice(0, length))]
    # All of one size, with the image's remainder: padding as the whole's.
    size = tile - (tile - length) % multiple
    step = (size - 2 * overlap) // multiple * multiple
    last = length - size
    starts = [*range(0, last, step), last]
    ends = [start + size - overlap for start in starts[:-1]] + [length]
    return [
        (slice(start, start + size), slice(first, end))
        for start, first, end in zip(starts, [0, *ends], ends, strict=False)
    ]


def _part(array, index, rows, columns, size):
    """A tile of one image or map; all of what is neither."""
    if array.ndim == 4 and array.shape[1:3] == size:
        return array[index, rows, columns]
    return array[index]


def _checked_scale(given, returned, scale):
    """The factor from a tile to what the model made of it."""
    found = returned[1] // given[1] if scale is None else scale
    if found < 1 or returned[1:3] != (found * given[1], found * given[2]):
        raise ValueError(
            "The model must return images as large as its input or an "
            f"integer times larger{f' ({scale})' if scale else ''}. Received: "
            f"{returned[1:3]} for {given[1:3]}"
        )
    return found


def _times(part, scale, start=0):
    return slice(scale * (part.start - start), scale * (part.stop - start))


def _turn(array, turns, mirrored):
    """A batch of images or maps; of (batch, 1, 1, 1) nothing changes."""
    if array.ndim != 4:
        return array
    array = np.rot90(array, turns, axes=(1, 2))
    # A copy: a function may work in place.
    return (array[:, :, ::-1] if mirrored else array).copy()
