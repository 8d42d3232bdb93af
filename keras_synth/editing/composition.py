"""Composition: Poisson blending, composites, and how visible the seam is."""

import numpy as np
from scipy import ndimage, sparse
from scipy.sparse import linalg

from keras_synth.models.checks import check_number
from keras_synth.ops.numbers import is_int

# The four neighbors of a pixel: (axis, step).
_NEIGHBORS = ((0, -1), (0, 1), (1, -1), (1, 1))


def composite(base, edited, mask):
    """Composite: the edited image inside a mask, the base outside of it.

    Args:
        base: Images (..., height, width, channels).
        edited: Images of the same shape.
        mask: (..., height, width, 1) in [0, 1], 1 where the edited image is
            taken; (height, width, 1) for all images.

    Returns:
        Images of the dtype of `base`, rounded and clipped for whole numbers
        and bools; where
        the mask is 0 they are the base, bit for bit.

    Raises:
        ValueError: The shapes differ, or the mask has values outside of
            [0, 1].

    Example:

    >>> base, mask = np.zeros((2, 2, 1)), np.eye(2)[..., None]
    >>> composite(base, base + 1.0, mask)[..., 0]
    array([[1., 0.],
           [0., 1.]])
    """
    base, edited, mask = map(np.asarray, (base, edited, mask))
    if base.ndim < 3 or edited.shape != base.shape:
        raise ValueError(
            "`base` and `edited` must be of the same shape (..., height, "
            f"width, channels). Received: shapes {base.shape} and "
            f"{edited.shape}"
        )
    check_mask(mask, base.shape)
    integers = base.dtype.kind in "biu"
    values = base.astype("float64") if integers else base
    mixed = values + mask * (edited - values)
    mixed = np.where(mask == 1, edited, mixed)
    if base.dtype == bool:
        mixed = mixed > 0.5
    elif integers:
        limits = np.iinfo(base.dtype)
        mixed = np.clip(np.rint(mixed), limits.min, limits.max)
    return np.where(mask == 0, base, mixed.astype(base.dtype))


def paste(base, part, mask, position=(0, 0)):
    """Collage: puts a part and its mask into the frame of the base.

    Args:
        base: Image (height, width, channels).
        part: Image of any size and the same channels.
        mask: (part height, part width, 1) in [0, 1], 1 where the part is
            wanted.
        position: (top, left) of the part in the base, ints, which may be
            negative: what lies outside of the base is cut off.

    Returns:
        `(part, mask)` of the size of the base; where the part does not reach,
        its outermost pixels are repeated.

    Raises:
        ValueError: These are no images, or the position is not two ints; the
            part and its mask differ in size, the channels differ, or nothing
            of the mask lies inside of the base, or it leaves [0, 1].
    """
    base, part, mask = map(np.asarray, (base, part, mask))
    if base.ndim != 3 or part.ndim != 3:
        raise ValueError(
            "`base` and `part` must be images (height, width, channels). "
            f"Received: shapes {base.shape} and {part.shape}"
        )
    if np.shape(position) != (2,) or not all(map(is_int, position)):
        raise ValueError(
            "`position` must be two ints, (top, left). "
            f"Received: position={position!r}"
        )
    if mask.shape != (*part.shape[:2], 1):
        raise ValueError(
            f"`mask` must be {(*part.shape[:2], 1)}, of the size of the part. "
            f"Received: shape {mask.shape}"
        )
    check_mask_values(mask)
    if part.shape[-1] != base.shape[-1]:
        raise ValueError(
            f"`part` must have the channels of the base, {base.shape[-1]}. "
            f"Received: {part.shape[-1]}"
        )
    wanted = [
        np.arange(whole) - start
        for start, whole in zip(position, base.shape[:2], strict=True)
    ]
    rows, columns = (
        np.clip(places, 0, size - 1)
        for places, size in zip(wanted, part.shape[:2], strict=True)
    )
    there = np.logical_and.outer(rows == wanted[0], columns == wanted[1])
    placed = part[rows][:, columns]
    placed_mask = mask[rows][:, columns] * there[..., None]
    if not (placed_mask > 0).any():
        raise ValueError(
            "Nothing of the mask lies inside of the base: "
            f"{base.shape[1]}x{base.shape[0]}. Received: position "
            f"{tuple(position)}, part {part.shape[1]}x{part.shape[0]}"
        )
    return placed, placed_mask


def poisson_blend(base, part, mask, mixed=False):
    """Poisson blending: the gradients of a part, the colors of the base.

    Solves `Δf = div v` inside the mask with f equal to the base around it,
    where v is the gradient of the part; a sparse linear system. At the edges
    of the image nothing is given.

    Args:
        base: Image (height, width, channels).
        part: Image of the same shape, see `paste`.
        mask: (height, width, 1), above one half where the part is put.
        mixed: Whether v is the larger of both gradients at each place, so
            that the base shows through where the part is flat.

    Returns:
        float32 image, not clipped; where the mask is 0 it is the base.

    Raises:
        ValueError: The shapes differ, or the mask leaves [0, 1], or nothing
            of the base beside it.

    Reference: Pérez et al., Poisson Image Editing, 2003, equations 7 and 12.
    """
    base, part = np.asarray(base), np.asarray(part)
    mask = np.asarray(mask)
    _check_shapes(base, part, mask)
    inside = mask[..., 0] > 0.5
    result = base.astype("float32")
    if not inside.any():
        return result
    if inside.all():
        raise ValueError(
            "`mask` must leave pixels of the base, whose colors the part "
            "takes on. Received: a mask that fills the image"
        )
    matrix, guidance = poisson_system(base, part, inside, mixed)
    solved = linalg.splu(matrix.tocsc()).solve(guidance)
    result[inside] = solved
    return result


def poisson_system(base, part, inside, mixed=False):
    """The linear system of Poisson blending.

    Args:
        base: Image (height, width, channels).
        part: Image of the same shape.
        inside: bool (height, width), the n pixels to solve for.
        mixed: See `poisson_blend`.

    Returns:
        `(matrix, right side)`: sparse (n, n) and float64 (n, channels), the
        pixels in the order of the rows.
    """
    base, part = (np.asarray(x, "float64") for x in (base, part))
    number = np.full(inside.shape, -1)
    number[inside] = np.arange(inside.sum())
    own = np.argwhere(inside)
    right = np.zeros((len(own), base.shape[-1]))
    count = np.zeros(len(own))
    rows, columns = [], []
    for axis, step in _NEIGHBORS:
        other = own.copy()
        other[:, axis] += step
        size = inside.shape[axis]
        there = (other[:, axis] >= 0) & (other[:, axis] < size)
        here, beside = own[there].T, other[there].T
        gradient = part[*here] - part[*beside]
        if mixed:
            of_base = base[*here] - base[*beside]
            stronger = np.abs(of_base) > np.abs(gradient)
            gradient = np.where(stronger, of_base, gradient)
        right[there] += gradient
        count[there] += 1
        unknown = inside[*beside]
        rows.append(np.flatnonzero(there)[unknown])
        columns.append(number[*beside[:, unknown]])
        known = np.flatnonzero(there)[~unknown]
        right[known] += base[*beside[:, ~unknown]]
    rows, columns = np.concatenate(rows), np.concatenate(columns)
    shape = (len(own), len(own))
    links = sparse.coo_array((np.ones(len(rows)), (rows, columns)), shape)
    return sparse.diags_array(count) - links, right


def seam_ratio(image, mask, band=2):
    """Seam measure: steps across the edge of a mask, relative to its sides.

    The mean absolute difference of neighboring pixels of which one is inside
    and one outside, divided by that of all other neighbors within `band`
    pixels of the edge. About 1 where no seam can be seen.

    Args:
        image: Image (height, width, channels) in [0, 1], or of whole
            numbers up to the largest of their type.
        mask: (height, width, 1), above one half inside.
        band: Distance from the edge, in pixels.

    Returns:
        The ratio, a float.

    Raises:
        ValueError: The mask is not of the size of the image, or has no edge
            in it.
    """
    check_number("band", band)
    image = np.asarray(image)
    white = np.iinfo(image.dtype).max if image.dtype.kind in "iu" else 1.0
    image = image.astype("float64") / white
    if image.ndim != 3:
        raise ValueError(
            "`image` must be (height, width, channels). "
            f"Received: shape {image.shape}"
        )
    _check_mask_shape(mask, image.shape)
    inside = check_edge(mask)
    depth = np.where(
        inside,
        ndimage.distance_transform_edt(inside),
        ndimage.distance_transform_edt(~inside),
    )
    across, along = [], []
    for axis in (0, 1):
        step = np.abs(np.diff(image, axis=axis)).mean(axis=-1)
        crosses = np.diff(inside, axis=axis)
        ends = np.moveaxis(depth, axis, 0)
        near = np.moveaxis(np.maximum(ends[:-1], ends[1:]) <= band, 0, axis)
        across.append(step[crosses])
        along.append(step[near & ~crosses])
    across, along = np.concatenate(across), np.concatenate(along)
    beside = along.mean() if len(along) else 0.0
    return float(across.mean() / max(beside, 1.0 / 255.0))


def check_mask(mask, shape):
    """Refuses what is not a mask in [0, 1] of images.

    Args:
        mask: Array of numbers or bools.
        shape: Shape of the images, (..., height, width, channels).
    """
    _check_mask_shape(mask, shape)
    check_mask_values(mask)


def check_mask_values(mask):
    """Refuses a mask with values outside of [0, 1], such as those of 8 bits.

    Args:
        mask: Array of numbers or bools.
    """
    low, high = np.min(mask), np.max(mask)
    # A sum of shares may be a rounding error above 1.
    if not (low >= 0 and high <= 1 + 1e-6):
        raise ValueError(
            "`mask` must lie in [0, 1]. Received: values from "
            f"{low:g} to {high:g}"
        )


def check_edge(mask):
    """Refuses a mask that has no edge in the image.

    Args:
        mask: (height, width, 1), above one half inside.

    Returns:
        bool (height, width), True inside.
    """
    inside = np.asarray(mask)[..., 0] > 0.5
    if inside.all() or not inside.any():
        raise ValueError(
            "`mask` must have an edge in the image: values above one half, "
            "and others. Received: values from "
            f"{np.min(mask):g} to {np.max(mask):g}"
        )
    return inside


def _check_shapes(base, part, mask):
    if base.ndim != 3 or part.shape != base.shape:
        raise ValueError(
            "`base` and `part` must be of the same shape (height, width, "
            f"channels). Received: shapes {base.shape} and {part.shape}"
        )
    check_mask(mask, base.shape)


def _check_mask_shape(mask, shape):
    one, each = (*shape[-3:-1], 1), (*shape[:-1], 1)
    if np.shape(mask) not in (one, each):
        wanted = f"{one}" if one == each else f"{one} or {each}"
        raise ValueError(
            f"`mask` must be {wanted}. Received: shape {np.shape(mask)}"
        )
