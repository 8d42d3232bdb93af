"""What counts as a number, and as a whole one, in an argument."""

import numbers


def is_int(value):
    """Whether a value is an int of Python or NumPy, and no bool."""
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def is_number(value):
    """Whether a value is a real number of Python or NumPy, and no bool."""
    return isinstance(value, numbers.Real) and not isinstance(value, bool)
