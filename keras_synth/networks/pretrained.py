"""What networks with published or pretrained weights share."""

import contextlib
import hashlib
import pathlib
import warnings

import keras


@contextlib.contextmanager
def float32_layers():
    """Context in which layers are float32, also those of keras.applications."""
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float32")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(policy)


def load_weights(network, weights, advice, read=keras.Model.load_weights):
    """Loads the weights of a network, or explains why it cannot.

    Args:
        network: a `keras.Model`.
        weights: None to leave it as it is, or the path of a weights file.
        advice: Where to get one, a sentence without its full stop.
        read: `read(network, path)`, which raises where the file does not fit.

    Raises:
        FileNotFoundError: No file at that path.
        ValueError: The file holds other weights.
    """
    if weights is None:
        return
    if not pathlib.Path(weights).is_file():
        raise FileNotFoundError(
            f"There is no weights file {str(weights)!r}. {advice}, and give "
            "its path as `weights`."
        )
    try:
        with warnings.catch_warnings():
            # Keras only warns of layers that the file leaves as they were.
            warnings.simplefilter("error", UserWarning)
            read(network, weights)
    except (ValueError, OSError, KeyError, UserWarning) as error:
        raise ValueError(
            f"{str(weights)!r} does not hold weights of {network.name}. "
            f"{advice}, and give its path as `weights`."
        ) from error


def download(address, expected_md5, call):
    """Downloads a file once, with its checksum.

    Args:
        address: Address of the file.
        expected_md5: Expected md5 of its content.
        call: How the user gives the path instead, with `{}` in its place.

    Returns:
        Its path in Keras' own cache, a str.

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
            f"curl -LO {address}, and give its path: {call.format(repr(name))}"
        ) from error


def md5(path):
    """The MD5 of a file, by which published ones are known: a str."""
    content = pathlib.Path(path).read_bytes()
    return hashlib.md5(content, usedforsecurity=False).hexdigest()
