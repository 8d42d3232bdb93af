"""Range of images: refuses values that no image in [0, 1] has."""

import numpy as np

_ROUNDING = 1e-6

# No noise takes an image so far from [0, 1]; 8-bit values do.
_FURTHEST = 10.0


class InvalidInput(ValueError):
    """A `ValueError` about an input, whose message Keras leaves as it is.

    Around other errors of a `call` Keras writes all arguments of that call.
    """

    # Keras sets this on errors whose message is complete.
    _keras_call_info_injected = True


def check_range(images, name, degraded=False):
    """Refuses images with values out of range, NaN or infinity.

    Args:
        images: An array or an eager tensor of floats, not empty.
        name: What the message calls the images.
        degraded: False expects values in [0, 1]. True allows those about it
            that noise causes.

    Raises:
        ValueError: With the line that converts values of usual other ranges.
    """
    least, most = -_ROUNDING, 1.0 + _ROUNDING  # resizing rounds
    if degraded:
        least, most = -_FURTHEST, _FURTHEST
    low, high = float(np.min(images)), float(np.max(images))
    if not np.isfinite([low, high]).all():
        raise InvalidInput(
            f"{name} must be finite, in [0, 1]. Received: NaN or infinity"
        )
    mapped = -1 - _ROUNDING <= low < -0.5 and high <= 1 + _ROUNDING
    if degraded:
        # Noise that makes many values so low takes some of them further.
        mapped = mapped and np.mean(np.asarray(images) < -0.5) > 0.05
    if not mapped and low >= least and high <= most:
        return
    if mapped:
        convert = "map those in [-1, 1] by `(images + 1) / 2`"
    elif -0.5 <= low and high <= 1.5:
        convert = "clip those slightly outside: `np.clip(images, 0, 1)`"
    elif high <= 255:
        convert = "divide 8-bit ones by 255: `images / 255`"
    else:
        convert = "divide 16-bit ones by 65535: `images / 65535`"
    raise InvalidInput(
        f"{name} must lie {'about' if degraded else 'in'} [0, 1] "
        f"({convert}). Received: values from {low:g} to {high:g}"
    )
