"""Loading and downloading of published and pretrained weights."""

import contextlib
import hashlib
import pathlib
import warnings

import keras


@contextlib.contextmanager
def float32_layers():
    """Context in which new layers are float32, whatever the dtype policy."""
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float32")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(policy)


def load_weights(network, weights, advice, read=keras.Model.load_weights):
    """Loads the weights of a network; errors say where to get them.

    Args:
        network: A `keras.Model`.
        weights: Path of a weights file; None to leave the network unchanged.
        advice: Where to get the weights, a sentence without its period.
        read: Function `read(network, path)`, which raises if the file does
            not fit.

    Raises:
        FileNotFoundError: There is no file at that path.
        ValueError: The file holds other weights.
    """
    if weights is None:
        return
    if not pathlib.Path(weights).is_file():
        raise FileNotFoundError(
            f"There is no weights file {str(weights)!r}. {advice}, and pass "
            "its path as `weights`."
        )
    try:
        with warnings.catch_warnings():
            # Keras only warns of layers that the file does not hold.
            warnings.simplefilter("error", UserWarning)
            read(network, weights)
    except (ValueError, OSError, KeyError, UserWarning) as error:
        raise ValueError(
            f"{str(weights)!r} does not hold weights of {network.name}. "
            f"{advice}, and pass its path as `weights`."
        ) from error


def download(address, expected_md5, argument):
    """Downloads a file into the cache of Keras and verifies its checksum.

    Args:
        address: Address of the file.
        expected_md5: Expected MD5 of the file.
        argument: What takes the path of a file instead, for the error.

    Returns:
        Path of the file in the cache, a str.

    Raises:
        OSError: The download failed.
    """
    name = address.rpartition("/")[2]
    try:
        return keras.utils.get_file(
            name, address, cache_subdir="models", file_hash=expected_md5
        )
    except Exception as error:  # Keras raises a bare one.
        raise OSError(
            f"Could not download {name} ({error}). Fetch it elsewhere, "
            f"curl -LO {address}, and pass its path as {argument}."
        ) from error


def md5(path):
    """The MD5 of a file, a str."""
    content = pathlib.Path(path).read_bytes()
    return hashlib.md5(content, usedforsecurity=False).hexdigest()
