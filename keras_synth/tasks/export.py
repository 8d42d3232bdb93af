"""Export: a trained model as SavedModel, ONNX or LiteRT file."""

import os
import pathlib
from typing import Literal

from keras_synth import models
from keras_synth.export import (
    check_saved_model_folder,
    export_litert,
    export_onnx,
    export_saved_model,
)
from keras_synth.io import check_target
from keras_synth.tasks.loading import load_model

#: Name of a format: function that exports a model to a path.
EXPORTS = {
    "savedmodel": export_saved_model,
    "onnx": export_onnx,
    "litert": export_litert,
}


def export(
    model: str | os.PathLike,
    target: str | os.PathLike,
    *,
    format: Literal["savedmodel", "onnx", "litert"] = "savedmodel",
    overwrite: bool = False,
) -> pathlib.Path:
    """Exports a trained model for use without Keras and keras_synth.

    Args:
        model: Path of the model's `.keras` file.
        target: Path of the folder of a SavedModel, or of the file of the
            other formats.
        format: "savedmodel" holds all endpoints of the model. "onnx" and
            "litert" hold the decoder of a generator alone.
        overwrite: Whether existing files may be replaced.

    Returns:
        The path written.

    Raises:
        FileExistsError: The target exists and `overwrite` is False.
        FileNotFoundError: There is no such model.
        ImportError: A package that the format needs is missing.
        PermissionError: The place cannot be written to.
        ValueError: The format is unknown, or the model does not have it.
    """
    if format not in EXPORTS:
        raise ValueError(
            f"`format` must be one of {', '.join(EXPORTS)}. "
            f"Received: {format!r}"
        )
    target = pathlib.Path(target)
    if not (format == "savedmodel" and target.is_dir()):
        check_target(target, overwrite, endings=None)
    elif any(target.iterdir()) and not overwrite:
        raise FileExistsError(
            f"{target} exists already, and is not empty: ask to overwrite it "
            "(`overwrite`, --overwrite)."
        )
    else:
        check_saved_model_folder(target)
    loaded = load_model(
        model,
        (models.GenerativeModel, models.RestorationGAN, models.AdaINTransfer),
    )
    if format != "savedmodel" and not hasattr(loaded, "image_decoder"):
        raise ValueError(
            f"{model} holds a {type(loaded).__name__}, which has no decoder "
            f"to export as {format}: take savedmodel."
        )
    return EXPORTS[format](loaded, target)
