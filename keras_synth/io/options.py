"""File options: how the image files of a task are read, chosen and written."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class FileOptions:
    """File options, the same for every task that turns images into images.

    Args:
        skip_existing: Whether a file that exists already is left as it is,
            and its image is not read again: so a job that was stopped goes
            on.
        shard: Part of a folder, "I/N": the Ith of N parts that differ by one
            image at most, as "2/4" for the second of four machines. None
            takes the whole folder.
    """

    skip_existing: bool = False
    shard: str | None = None
