"""Export: a trained model as SavedModel, ONNX or LiteRT file."""

import os
import pathlib
from typing import Literal

import keras

from keras_synth import models
from keras_synth.export import (
    check_saved_model_folder,
    export_litert,
    export_onnx,
    export_saved_model,
)
from keras_synth.io import check_target
from keras_synth.tasks.loading import load_model_or_preset

#: Name of a format: function that exports a model to a path.
EXPORTS = {
    "savedmodel": export_saved_model,
    "onnx": export_onnx,
    "litert": export_litert,
}

_ENDINGS = {"savedmodel": None, "onnx": (".onnx",), "litert": (".tflite",)}


def export(
    model: str | os.PathLike,
    target: str | os.PathLike,
    *,
    format: Literal["savedmodel", "onnx", "litert"] = "savedmodel",
    overwrite: bool = False,
) -> pathlib.Path:
    """Exports a trained model for use without Keras and keras_synth.

    Args:
        model: Path of the model's `.keras` file, or name of a preset
            (`presets`).
        target: Path of the folder of a SavedModel, or of the file of the
            other formats, which ends in ".onnx" or ".tflite".
        format: "savedmodel" holds all endpoints of the model. "onnx" and
            "litert" hold one function: the decoder of a generator, the call
            of a restorer or a network.
        overwrite: Whether existing files may be replaced.

    Returns:
        The path written.

    Raises:
        FileExistsError: The target exists and `overwrite` is False.
        FileNotFoundError: There is no such model.
        ImportError: A package that the format needs is missing.
        PermissionError: The place cannot be written to.
        ValueError: The format is unknown, the file's ending is another, or
            the model cannot be exported so.
    """
    if format not in EXPORTS:
        raise ValueError(
            f"`format` must be one of {', '.join(EXPORTS)}. "
            f"Received: {format!r}"
        )
    target = pathlib.Path(target)
    for other, endings in _ENDINGS.items():
        if format == "savedmodel" and target.suffix in (endings or ()):
            raise ValueError(
                f"A SavedModel is a folder, and {target} the name of a file: "
                f"ask for the format {other} (`format`, --format {other})."
            )
    if not (format == "savedmodel" and target.is_dir()):
        check_target(target, overwrite, _ENDINGS[format])
    elif any(target.iterdir()) and not overwrite:
        raise FileExistsError(
            f"{target} exists already, and is not empty: ask to overwrite it "
            "(`overwrite`)."
        )
    else:
        check_saved_model_folder(target)
    loaded = load_model_or_preset(model, keras.Model)
    if isinstance(loaded, models.StyleTransfer):
        raise ValueError(
            f"{model} holds a StyleTransfer, which optimizes each image and is "
            "no function to export: take an AdaINTransfer."
        )
    try:
        return EXPORTS[format](loaded, target)
    except TypeError as error:
        raise ValueError(f"{model}: {error}") from error
