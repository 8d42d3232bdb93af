"""File options: how the image files of a task are read, chosen and written."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class FileOptions:
    """File options, the same for every task that turns images into images.

    Args:
        skip_existing: Whether a file that exists already is left as it is,
            and its image is not read again: so a job that was stopped goes
            on.
    """

    skip_existing: bool = False
