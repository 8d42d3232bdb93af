"""Tiled inference for large images, and self-ensemble."""

import numpy as np

from keras_synth.inference.inputs import fixed_sides, run_restorer
from keras_synth.io import Progress


def restore_tiled(
    restorer,
    images,
    tile=256,
    overlap=32,
    *,
    batch_size=4,
    multiple=8,
    scale=None,
    output=None,
    verbose="auto",
):
    """Tiled inference: restores images that are too large for memory.

    Tiles overlap, and only the inner part of each is kept; nothing is
    blended. Tiles at the border of the image end there, so that a network
    pads them as it pads the whole image. Up to rounding, the result is
    that of the whole image if two conditions hold:

    - `overlap` is at least the radius of the receptive field. A convolution
      of k x k adds (k - 1) / 2 pixels to it, times the stride of the layers
      before: 17 convolutions of 3 x 3 need an overlap of 17, or of 34 at half
      resolution. With global pooling, attention, instance normalization, or a
      search as in BM3D there is no such radius, and tiles differ slightly
      from the whole image.
    - `multiple` is divisible by the stride of the network, that is by the
      number to whose multiple it pads: 2 for FFDNet, 2 ** levels for a U-Net.
      Tiles start at multiples of it and have the same remainder as the image.

    A network of a fixed input size gets tiles of that size, whatever `tile`
    and `multiple` are, with at most a quarter of them as `overlap`. Images
    that are smaller are mirrored at their borders.

    Args:
        restorer: A `keras.Model`, or a function that returns images; see
            `run_restorer`.
        images: Float images (batch, height, width, channels), or a dict of
            inputs, `{"image": images, "noise_level": ..., "mask": ...}`. Maps
            (batch, height, width, ...) in it are cut into tiles as well;
            arrays (batch, 1, 1, 1) and (batch, ...) are given to each tile.
            Arrays on disk (`numpy.memmap`) are read tile by tile.
        tile: Largest side of a tile in pixels, overlap included.
        overlap: Number of pixels that are dropped at each side of a tile, but
            not at the border of the image.
        batch_size: Number of tiles that are restored at a time.
        multiple: Number of which the offsets of tiles are multiples, in
            pixels.
        scale: Factor of height and width from images to output, an int. None
            takes that of the first tiles.
        output: Array of the output's shape to write into, such as a
            `numpy.memmap`. None makes a new one.
        verbose: Progress, see `io.Progress`: 0 shows none; or that of a
            larger task.

    Returns:
        float32 (batch, scale · height, scale · width, output channels), or
        `output`.

    Raises:
        ValueError: Arguments do not fit each other, images are not finite
            floats, or the restorer returns images of another size.

    Example:

    >>> import keras
    >>> images = np.random.default_rng(0).uniform(size=(1, 70, 90, 1))
    >>> network = keras.layers.Conv2D(1, 5, padding="same")
    >>> tiled = restore_tiled(network, images, 48, overlap=8, verbose=0)
    >>> bool(np.allclose(tiled, network(images), atol=1e-5))
    True
    """
    inputs = _checked_inputs(images)
    fixed = fixed_sides(restorer)
    _check_tiling(tile, overlap, batch_size, multiple, scale, None in fixed)
    count, height, width = inputs["image"].shape[:3]
    missing = [
        max(0, (side or 0) - given)
        for side, given in zip(fixed, (height, width), strict=True)
    ]
    if any(missing):
        larger = {
            name: _mirrored(array, missing, (height, width))
            for name, array in inputs.items()
        }
        restored = restore_tiled(
            restorer,
            larger if isinstance(images, dict) else larger["image"],
            tile,
            overlap,
            batch_size=batch_size,
            multiple=multiple,
            scale=scale,
            verbose=verbose,
        )
        scale = restored.shape[1] // (height + missing[0])
        restored = restored[:, : scale * height, : scale * width]
        if output is None:
            return restored
        _check_output(output, restored.shape)
        output[:] = restored
        return output

    def cuts(length, side):
        if side is None:
            return _cuts(length, tile, overlap, multiple)
        return _cuts(length, side, min(overlap, side // 4), 1)

    places = [
        (index, *row, *column)
        for index in range(count)
        for row in cuts(height, fixed[0])
        for column in cuts(width, fixed[1])
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
            restorer, batch if isinstance(images, dict) else batch["image"]
        )
        scale = _checked_scale(batch["image"].shape, restored.shape, scale)
        shape = (count, scale * height, scale * width, restored.shape[-1])
        if output is None:
            output = np.empty(shape, "float32")
        _check_output(output, shape)
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


def self_ensemble(restorer, images):
    """Self-ensemble: mean over eight rotated and mirrored versions of images.

    `x̂ = 1/8 Σ T⁻¹ f(T y)`, with T the four rotations by quarter turns, with
    and without mirroring. It takes eight times as long and is a little better.
    Images need not be square.

    For large images: `self_ensemble(lambda x: restore_tiled(network, x), y)`.

    Args:
        restorer: A `keras.Model`, or a function that returns images; see
            `run_restorer`.
        images: Float images (batch, height, width, channels), or a dict of
            inputs, `{"image": images, "noise_level": ..., "mask": ...}`. Maps
            in it are rotated and mirrored as well.

    Returns:
        float32 images, of the shape that the restorer returns for `images`.

    Raises:
        ValueError: Images are not finite floats, or the restorer does not
            return a batch of images.

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
                restorer,
                turned if isinstance(images, dict) else turned["image"],
            )
            if mirrored:
                restored = restored[:, :, ::-1]
            total = total + np.rot90(restored, -turns, axes=(1, 2))
    return total / np.float32(8.0)


def _checked_inputs(images):
    """Inputs as a dict of arrays, with images as "image"."""
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
        # One image at a time, because the array may be larger than memory.
        if not all(np.isfinite(np.sum(row, dtype="float64")) for row in array):
            raise ValueError(f"{name!r} must be finite. Received: NaN or Inf")
    return inputs


def _check_tiling(tile, overlap, batch_size, multiple, scale, tiled):
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
    # A tile may be `multiple - 1` smaller, and must still advance.
    if tiled and tile < 2 * overlap + 2 * multiple:
        raise ValueError(
            "`tile` must be at least 2 · overlap + 2 · multiple = "
            f"{2 * overlap + 2 * multiple}. Received: tile={tile}"
        )


def _check_output(output, shape):
    if output.shape != shape:
        raise ValueError(
            f"`output` must be of shape {shape}. Received: {output.shape}"
        )


def _cuts(length, tile, overlap, multiple):
    """`(slice of a tile, slice that is kept)` of all tiles along one axis."""
    if length <= tile:
        return [(slice(0, length), slice(0, length))]
    # All have one size, with the remainder of the image, so that a network
    # pads them alike.
    size = tile - (tile - length) % multiple
    step = (size - 2 * overlap) // multiple * multiple
    last = length - size
    starts = [*range(0, last, step), last]
    ends = [start + size - overlap for start in starts[:-1]] + [length]
    return [
        (slice(start, start + size), slice(first, end))
        for start, first, end in zip(starts, [0, *ends], ends, strict=False)
    ]


def _mirrored(array, missing, size):
    """Images and maps of `size`, mirrored at the bottom and at the right."""
    if array.ndim != 4 or array.shape[1:3] != size:
        return array
    edges = ((0, 0), *((0, pixels) for pixels in missing), (0, 0))
    return np.pad(array, edges, mode="symmetric")


def _part(array, index, rows, columns, size):
    """A tile of an image or a map; arrays of other shapes as a whole."""
    if array.ndim == 4 and array.shape[1:3] == size:
        return array[index, rows, columns]
    return array[index]


def _checked_scale(given, returned, scale):
    """Factor from the sides of a tile to those of its restored image."""
    found = returned[1] // given[1] if scale is None else scale
    if found < 1 or returned[1:3] != (found * given[1], found * given[2]):
        raise ValueError(
            "The restorer must return images of the size of its input, or an "
            f"integer times larger{f' ({scale})' if scale else ''}. Received: "
            f"{returned[1:3]} for {given[1:3]}"
        )
    return found


def _times(part, scale, start=0):
    return slice(scale * (part.start - start), scale * (part.stop - start))


def _turn(array, turns, mirrored):
    """Rotates and mirrors images or maps; (batch, 1, 1, 1) stays the same."""
    if array.ndim != 4:
        return array
    array = np.rot90(array, turns, axes=(1, 2))
    # A copy, because a function may change its input in place.
    return (array[:, :, ::-1] if mirrored else array).copy()
