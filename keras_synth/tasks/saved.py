"""What one does with a trained model in a file."""

import math
import pathlib
import zipfile

import keras

from keras_synth import export, models
from keras_synth.io import image_grid, write_image


def load_model(path, kind=models.GenerativeModel):
    """Loads a `.keras` file of ours, or says clearly why not.

    Args:
        path: the file.
        kind: what class of model it must hold, or a tuple of them.

    Returns:
        The model, compiled as it was saved.

    Raises:
        FileNotFoundError: no such file.
        ValueError: not a `.keras` file, or not a model of keras_synth.
    """
    path = pathlib.Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"There is no model {path}")
    if path.suffix != ".keras" or not zipfile.is_zipfile(path):
        raise ValueError(f"{path} is not a .keras file")
    try:
        model = keras.saving.load_model(path)
    except (KeyError, TypeError) as error:
        raise ValueError(
            f"{path} holds no model that Keras and keras_synth know"
        ) from error
    if not isinstance(model, kind):
        kinds = kind if isinstance(kind, tuple) else (kind,)
        names = " or a ".join(each.__name__ for each in kinds)
        raise ValueError(
            f"{path} holds a {type(model).__name__}, which cannot do this: "
            f"it takes a {names} made by keras_synth"
        )
    return model


def save_samples(
    model_path,
    image_path,
    num_images=64,
    labels=None,
    truncation=1.0,
    seed=None,
):
    """Samples from a saved model, as one image.

    Args:
        model_path: a `.keras` file.
        image_path: where the grid goes.
        num_images: how many samples.
        labels: classes, for a class-conditional model; they take turns.
        truncation: see the model's `sample`.
        seed: int for the same images each time.

    Returns:
        The path of the image.

    Raises:
        ValueError: `num_images` below 1, `truncation` not finite, or labels
            that the model does not know.
    """
    if num_images < 1:
        raise ValueError(
            f"`num_images` must be at least 1. Received: {num_images}"
        )
    if not math.isfinite(truncation):
        raise ValueError(
            f"`truncation` must be a finite number. Received: {truncation}"
        )
    model = load_model(model_path)
    if labels is not None:
        labels = [labels[i % len(labels)] for i in range(num_images)]
    images = model.sample(
        num_images, labels=labels, truncation=truncation, seed=seed
    )
    return write_image(image_path, image_grid(images))


EXPORTS = {
    "savedmodel": export.export_saved_model,
    "onnx": export.export_onnx,
    "litert": export.export_litert,
}


def export_model(model_path, target, form="savedmodel"):
    """Exports a saved model.

    Args:
        model_path: a `.keras` file.
        target: folder of the SavedModel, or file of the others.
        form: a key of `EXPORTS`; of models that make images out of images
            (`RestorationGAN`, `AdaINTransfer`) a "savedmodel".

    Returns:
        The path written.

    Raises:
        ValueError: another form, or a model that has not got it.
    """
    if form not in EXPORTS:
        raise ValueError(
            f"`form` must be one of {', '.join(EXPORTS)}. Received: {form!r}"
        )
    model = load_model(
        model_path,
        (models.GenerativeModel, models.RestorationGAN, models.AdaINTransfer),
    )
    if form != "savedmodel" and not hasattr(model, "image_decoder"):
        raise ValueError(
            f"{model_path} holds a {type(model).__name__}, which has no "
            f"decoder to export as {form}: take savedmodel."
        )
    return EXPORTS[form](model, target)
