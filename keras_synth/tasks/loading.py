"""Loading models by the path of a file, or by the name of a preset."""

import functools
import os
import pathlib

from keras_synth import models, presets
from keras_synth.models.loading import check_kind, load_model


def load_model_or_preset(model, kind=models.GenerativeModel):
    """Loads a `.keras` file, or a preset by its name.

    Args:
        model: Path of the file, or name of a preset (`presets.catalog`).
        kind: Class of model that it must be, or a tuple of them.

    Returns:
        The model.

    Raises:
        FileNotFoundError: There is no such file or preset.
        ValueError: As `load_model`.
    """
    names = [preset.name for preset in presets.catalog()]
    names += list(presets.REALESRGAN)
    if str(model) in names and not pathlib.Path(model).exists():
        loaded = presets.load(str(model))
        check_kind(loaded, model, kind)
        return loaded
    path = pathlib.Path(model)
    if not (path.suffix or path.exists()):
        raise FileNotFoundError(
            f"There is no model {model}: neither a .keras file nor a preset "
            "(`presets.catalog`, keras-synth presets)."
        )
    return load_model(path, kind)


def load_once(model, kind):
    """Loads a model, unless it was loaded before and is unchanged.

    The four that were used last stay in memory: whoever restores one image
    after the other waits once.

    Args:
        model: Path of a `.keras` file, or name of a preset.
        kind: Class of model that it must be, or a tuple of them.

    Returns:
        The model, which must not be changed.

    Raises:
        FileNotFoundError: There is no such file or preset.
        ValueError: As `load_model`.
    """
    if not os.path.isfile(model):
        return _loaded(str(model), kind)
    facts = os.stat(model)
    path = os.path.abspath(model)
    return _loaded(path, kind, facts.st_mtime_ns, facts.st_size)


@functools.lru_cache(maxsize=4)
def _loaded(model, kind, *_):
    return load_model_or_preset(model, kind)
