"""What counts as a whole number in an argument."""

import numbers


def is_int(value):
    """Whether a value is an int of Python or NumPy, and no bool."""
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)
