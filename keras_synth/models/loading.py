"""Loading trained models from `.keras` files."""

import pathlib
import zipfile

import keras

from keras_synth.models.generative import GenerativeModel

_KINDS = {
    "GenerativeModel": "a generator (StyleGAN2, GAN, VAE or FlowMatching)",
}


def load_model(path, kind=GenerativeModel):
    """Loads a `.keras` file of keras_synth, or says clearly why not.

    The checksums (CRC) of all that it holds are verified.

    Args:
        path: Path of the file.
        kind: Class of model that the file must hold, or a tuple of them.

    Returns:
        The model, compiled as it was saved.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is no `.keras` file, is corrupted, or holds another
            kind of model.
    """
    path = pathlib.Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"There is no model {path}")
    if path.suffix != ".keras" or not zipfile.is_zipfile(path):
        raise ValueError(f"{path} is not a .keras file")
    _check_sums(path)
    try:
        model = keras.saving.load_model(path)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{path} holds no model that Keras and keras_synth know"
        ) from error
    check_kind(model, path, kind)
    return model


def _check_sums(path):
    """Refuses changed bytes: Keras would load weights with them."""
    corrupted = (
        f"{path} is corrupted: its checksums do not fit. Copy it again, or "
        "train again."
    )
    try:
        with zipfile.ZipFile(path) as archive:
            first = archive.testzip()
    except Exception as error:  # of many kinds, wherever the bytes are
        raise ValueError(corrupted) from error
    if first is not None:
        raise ValueError(corrupted)


def check_kind(model, path, kind):
    """Refuses a model of another kind.

    Args:
        model: A `keras.Model`.
        path: Where it comes from, for the message.
        kind: Class of model that it must be, or a tuple of them.

    Raises:
        ValueError: It is of another kind.
    """
    if not isinstance(model, kind):
        kinds = kind if isinstance(kind, tuple) else (kind,)
        names = " or ".join(
            _KINDS.get(each.__name__, each.__name__) for each in kinds
        )
        own = type(model).__name__
        article = "an" if own[0] in "AEIO" else "a"
        raise ValueError(
            f"{path} holds {article} {own}, which cannot do this. "
            f"Expected: {names}"
        )
