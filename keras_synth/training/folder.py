"""Training in a folder: checkpoints, logs and images beside the model."""

import json
import pathlib

import keras

from keras_synth.callbacks import (
    ImageGrid,
    RestorationGrid,
    StyleGrid,
    StyleMixingGrid,
)
from keras_synth.io import written_whole
from keras_synth.training.data import open_images


def check_epochs(epochs, name="epochs", smallest=1):
    """Refuses a number of epochs that is no int or too small.

    Args:
        epochs: Number of epochs.
        name: Name of the argument, for the error.
        smallest: Smallest allowed number.

    Raises:
        ValueError: `epochs` is no int, or below `smallest`.
    """
    if type(epochs) is not int or epochs < smallest:
        raise ValueError(
            f"`{name}` must be an int of at least {smallest}. "
            f"Received: {name}={epochs!r}"
        )


def fit_in_folder(
    model, batches, output, name, *, epochs, callbacks=(), resume, verbose
):
    """Fits a model, and writes the model, its logs and backups to a folder.

    Writes `NAME.keras`, `history.json` (logs of the epochs of this run),
    `log/` (for TensorBoard) and `backup/` (the state after the last finished
    epoch).

    Args:
        model: A compiled `keras.Model`.
        batches: The `tf.data.Dataset` to fit on.
        output: The folder; it is created where it does not exist.
        name: Name of the model's file, without `.keras`.
        epochs: Passes over the data.
        callbacks: Further callbacks. They run before TensorBoard, which
            therefore logs what they measure.
        resume: Whether to continue after the last finished epoch in
            `output/backup`. False deletes that backup and starts anew.
        verbose: As in `keras.Model.fit`.
    """
    output = pathlib.Path(output)
    output.mkdir(parents=True, exist_ok=True)
    backup = output / "backup"
    if not resume and backup.exists():
        for file in backup.iterdir():
            file.unlink()
    history = model.fit(
        batches,
        epochs=epochs,
        shuffle=False,  # The pipeline shuffles.
        callbacks=[
            *callbacks,
            keras.callbacks.TensorBoard(output / "log"),
            keras.callbacks.BackupAndRestore(backup, delete_checkpoint=False),
        ],
        verbose=verbose,
    )
    model.save(output / f"{name}.keras")
    if history.epoch:  # Empty where a finished training is resumed.
        logs = {
            name: list(map(float, h)) for name, h in history.history.items()
        }
        with written_whole(output / "history.json") as unfinished:
            unfinished.write_text(
                json.dumps({"epoch": history.epoch, **logs}, indent=1)
            )


def fit_generator(
    build,
    data,
    output,
    name,
    *,
    epochs,
    seed,
    resume,
    verbose,
    **data_options,
):
    """Builds a generative model for some data and fits it in a folder.

    Args:
        build: Function from `TrainingImages` to `(model, callbacks)`: the
            compiled model, and the callbacks of its training.
        data: As in `open_data`.
        output: As in `fit_in_folder`.
        name: As in `fit_in_folder`.
        epochs: Passes over the data.
        seed: Seed of the initial weights, the order of the data and all
            other random draws.
        resume: As in `fit_in_folder`.
        verbose: As in `keras.Model.fit`.
        **data_options: Further arguments of `open_images`.

    Returns:
        The trained model.

    Raises:
        ValueError: `epochs` is below 1, or data or options do not fit.
    """
    check_epochs(epochs)
    keras.utils.set_random_seed(seed)
    images = open_images(data, seed=seed, **data_options)
    model, callbacks = build(images)
    fit_in_folder(
        model,
        images.batches,
        output,
        name,
        epochs=epochs,
        callbacks=callbacks,
        resume=resume,
        verbose=verbose,
    )
    return model


def sample_grid(model, output, num_classes=None, **options):
    """An `ImageGrid` of 64 samples, written after each epoch.

    Args:
        model: The generative model. A class-conditional one shows its classes
            in turn.
        output: Folder of the training.
        num_classes: Number of classes of a class-conditional model.
        **options: Further arguments of `callbacks.ImageGrid`.

    Returns:
        A `callbacks.ImageGrid`.
    """
    if model.conditional:
        options["labels"] = [i % num_classes for i in range(64)]
    output = pathlib.Path(output)
    return ImageGrid(output / "images", log_dir=output / "log", **options)


def style_mixing_grid(model, output, num_classes=None):
    """A `StyleMixingGrid` of 5 by 7 styles, written after each epoch.

    Args:
        model: A `models.StyleGAN2`.
        output: Folder of the training.
        num_classes: Number of classes of a class-conditional model.

    Returns:
        A `callbacks.StyleMixingGrid`.
    """
    labels = None
    if model.conditional:
        labels = [i % num_classes for i in range(5 + 7)]
    output = pathlib.Path(output)
    return StyleMixingGrid(
        output / "images", 5, 7, labels=labels, log_dir=output / "log"
    )


def restoration_grid(pairs, output):
    """A `RestorationGrid` of degraded, restored and clean images.

    Args:
        pairs: Dataset of `(degraded, clean)`. Its first batch is shown.
        output: Folder of the training.

    Returns:
        A `callbacks.RestorationGrid`.
    """
    output = pathlib.Path(output)
    degraded, clean = next(pairs.take(1).as_numpy_iterator())
    return RestorationGrid(
        degraded, clean, output / "images", log_dir=output / "log"
    )


def style_grid(pairs, output):
    """A `StyleGrid` of contents, styles and stylized images.

    Args:
        pairs: Dataset of `(content, style)`. Its first batch is shown.
        output: Folder of the training.

    Returns:
        A `callbacks.StyleGrid`.
    """
    output = pathlib.Path(output)
    contents, styles = next(pairs.take(1).as_numpy_iterator())
    return StyleGrid(
        contents, styles, output / "images", log_dir=output / "log"
    )
