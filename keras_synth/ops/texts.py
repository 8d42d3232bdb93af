"""Texts as token ids: the bytes of UTF-8, for every language."""

import numpy as np


def byte_ids(texts, length):
    """Token ids of texts: their UTF-8 bytes plus 1, and 0 behind their end.

    Longer texts are cut at the last whole character that fits.

    Args:
        texts: A str, or a list of them.
        length: Number of ids of each text.

    Returns:
        int32 (texts, length), or (length,) for one str.

    Raises:
        TypeError: A text is no str.

    Example:

    >>> byte_ids(["cat", "猫"], 4).tolist()
    [[100, 98, 117, 0], [232, 141, 172, 0]]
    """
    if isinstance(texts, str):
        return byte_ids([texts], length)[0]
    ids = np.zeros((len(texts), length), "int32")
    for row, text in zip(ids, texts, strict=True):
        if not isinstance(text, str):
            raise TypeError(
                f"Texts must be str. Received: a {type(text).__name__}"
            )
        known = text.encode()[:length].decode(errors="ignore").encode()
        row[: len(known)] = np.frombuffer(known, "uint8").astype("int32") + 1
    return ids
