"""Training in a folder: checkpoints, logs and images beside the model."""

import json
import math
import numbers
import os
import pathlib

import keras

from keras_synth.callbacks import (
    Backup,
    ImageGrid,
    RestorationGrid,
    StyleGrid,
    StyleMixingGrid,
    TranslationGrid,
)
from keras_synth.callbacks.backup import save_by_chief
from keras_synth.datasets import Source
from keras_synth.io import write_whole
from keras_synth.models.checks import check_images, check_precision
from keras_synth.models.guarded import DataGuard, GuardedModel
from keras_synth.models.replicas import is_chief
from keras_synth.models.restoration_checks import check_masks
from keras_synth.training import distributed
from keras_synth.training.data import open_images

# What `overwrite` removes beside the model: its logs, cards and images.
_REPLACED = (
    "history.json",
    "settings.json",
    "privacy.md",
    "images/*_epoch_*.png",
    "log/*/events.out.tfevents.*",
)
# What a training leaves in its folder.
_LEFT = (
    "settings.json",
    "history.json",
    "backup",
    "*.keras",
    "*.weights.h5",
)
# Arguments of a training that do not change what it computes.
_NO_SETTINGS = (
    "output",
    "resume",
    "overwrite",
    "verbose",
    "data_dir",
    "manual_dir",
)


def check_run(arguments):
    """Checks the arguments and the folder of a training, before any work.

    Args:
        arguments: `locals()` of the training function: all its arguments by
            name, `output` and `overwrite` among them.

    Returns:
        The settings, a dict: the arguments that decide what the training
        computes, and the dtype policy, for `fit_in_folder`.

    Raises:
        FileExistsError: The folder holds a training, and neither `resume`
            nor `overwrite` is True.
        ValueError: A number is not finite, or a training of other settings
            should be resumed.
    """
    for name, value in arguments.items():
        for number in value if isinstance(value, tuple | list) else [value]:
            if isinstance(number, numbers.Real) and not math.isfinite(number):
                raise ValueError(
                    f"`{name}` must be finite. Received: {name}={value!r}"
                )
    if not arguments.get("learning_rate", 1.0) > 0:
        raise ValueError(
            "`learning_rate` must be above 0. "
            f"Received: learning_rate={arguments['learning_rate']!r}"
        )
    settings = {
        name: _setting(value)
        for name, value in arguments.items()
        if name not in _NO_SETTINGS
    }
    settings["dtype_policy"] = keras.config.dtype_policy().name
    output = pathlib.Path(arguments["output"])
    for folder in (output, output / "warmup"):
        _check_folder(
            folder,
            settings,
            arguments.get("resume"),
            arguments["overwrite"],
        )
    return settings


def _setting(value):
    """An argument as JSON holds it; objects by what tells them apart."""
    if isinstance(value, list | tuple):
        return [_setting(each) for each in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, keras.Model):
        return f"{value.name} of {value.count_params():,} weights"
    if isinstance(value, Source):
        shape = "x".join(str(side or "any") for side in value.image_shape)
        images = f"{value.num_images:,} images, {shape}"
        return f"{value.name} {value.split}, {images}"
    if hasattr(value, "get_config"):
        config = json.dumps(value.get_config(), default=str, sort_keys=True)
        return f"{type(value).__name__} {config}"
    return type(value).__name__


def _check_folder(output, settings, resume, overwrite):
    """Refuses to lose a training, and to resume one of other settings."""
    if not is_chief():
        return  # The chief may have begun to write.
    if resume and overwrite:
        raise ValueError(
            "A training is resumed or overwritten: give `resume` or "
            "`overwrite`, not both."
        )
    left = sorted(file for name in _LEFT for file in output.glob(name))
    if not left or overwrite:
        return
    instead = "`overwrite` replaces it; another `output` leaves it alone."
    if not resume:
        # Some cannot be resumed, and have no such argument.
        resumed = "" if resume is None else "`resume` goes on; "
        raise FileExistsError(
            f"{output} holds a training ({left[0].name}): {resumed}{instead}"
        )
    file = output / "settings.json"
    if settings is None:
        return
    if not file.exists():
        raise ValueError(
            f"{output} holds a training that cannot be resumed, since there "
            f"is no {file.name}: {instead}"
        )
    stored = json.loads(file.read_text())
    now = json.loads(json.dumps(settings))
    for name in stored:
        if name in now and stored[name] != now[name]:
            raise ValueError(
                f"{output} holds a training of {name}={stored[name]!r}, and "
                f"`resume` needs the same settings. {instead} "
                f"Received: {name}={now[name]!r}"
            )


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


def begin_folder(output, name, settings, overwrite):
    """Writes `settings.json`, and removes what is to be replaced.

    Args:
        output: Folder of the training, `pathlib.Path`.
        name: Name of the model's file, without `.keras`.
        settings: What `check_run` gave.
        overwrite: Whether an earlier training is replaced.
    """
    if overwrite:
        Backup(output / "backup").remove()
    if not is_chief():
        return
    if overwrite:
        for pattern in (f"{name}.keras", *_REPLACED):
            for file in output.glob(pattern):
                file.unlink()
    _write_json(output / "settings.json", settings)


def fit_in_folder(
    model,
    batches,
    output,
    name,
    *,
    epochs,
    callbacks=(),
    settings=None,
    resume=False,
    overwrite=False,
    verbose="auto",
):
    """Fits a model, and writes the model, its logs and backups to a folder.

    Writes `NAME.keras`, `history.json` (logs of all epochs), `settings.json`,
    `log/` (for TensorBoard) and `backup/` (the state after the last finished
    epoch, see `callbacks.Backup`). Each file is written whole or not at all:
    a process may be killed at any moment, and resumed.

    In the scope of a `tf.distribute.Strategy` with several workers or devices
    it trains on all of them, see `distributed.fit`. The chief writes the
    files; to resume, all workers must see the same folder.

    Args:
        model: A compiled `keras.Model`.
        batches: The `tf.data.Dataset` to fit on.
        output: The folder; it is created where it does not exist.
        name: Name of the model's file, without `.keras`.
        epochs: Passes over the data.
        callbacks: Further callbacks. They run before TensorBoard, which
            therefore logs what they measure.
        settings: What `check_run` gave, or None for nothing to compare.
        resume: Whether to continue after the last finished epoch in
            `output/backup`.
        overwrite: Whether a training in `output` may be replaced.
        verbose: As in `keras.Model.fit`.

    Raises:
        FileExistsError: As in `check_run`.
        FloatingPointError: Training diverged.
        ValueError: As in `check_run`, or data out of range.
    """
    output = pathlib.Path(output)
    _check_folder(output, settings, resume, overwrite)
    check_precision(model)
    backup, chief = Backup(output / "backup"), is_chief()
    begin_folder(output, name, settings, overwrite)
    distributed.wait_for_workers()
    finished = backup.restore(model)
    if not distributed.wait_for_workers(finished):
        raise ValueError(
            f"The workers see different backups in {output}, this one that of "
            f"epoch {finished}: give `output` as a folder that all of them "
            "share."
        )
    history = [_history(output / "history.json", finished)] if chief else []
    with DataGuard(_check_pairs) as guard:
        # Models of keras_synth check their data themselves.
        guarded = isinstance(model, GuardedModel)
        distributed.fit(
            model,
            batches if guarded else guard.of(batches),
            epochs=epochs,
            initial_epoch=finished,
            callbacks=[
                *callbacks,
                keras.callbacks.TensorBoard(output / "log"),
                *history,
                backup,
            ],
            verbose=verbose,
        )
    save_model(model, output, name)
    distributed.wait_for_workers()


def _history(path, finished):
    """A callback that writes the logs of all epochs, as JSON.

    Args:
        path: Path of the file, `pathlib.Path`.
        finished: Number of epochs whose logs are there already.
    """
    logs_of = {"epoch": []}
    if finished and path.exists():
        stored = json.loads(path.read_text())
        logs_of = {name: values[:finished] for name, values in stored.items()}

    def record(epoch, logs):
        # Some are logged at every few epochs only: null at the others.
        row = {"epoch": epoch} | {k: float(v) for k, v in logs.items()}
        for name in row:
            logs_of.setdefault(name, [None] * len(logs_of["epoch"]))
        for name, values in logs_of.items():
            values.append(row.get(name))
        _write_json(path, logs_of)

    return keras.callbacks.LambdaCallback(on_epoch_end=record)


def _write_json(path, value):
    write_whole(path, json.dumps(value, indent=1).encode())


def _check_pairs(data):
    """Refuses a batch that a restoration network cannot learn from."""
    inputs, clean, _ = keras.utils.unpack_x_y_sample_weight(data)
    named = inputs if isinstance(inputs, dict) else {"image": inputs}
    anything = (None,) * (len(clean.shape) - 1)
    check_images(clean, anything, name="Clean images")
    for name, value in named.items():
        if name == "mask":
            check_masks(value, named["image"], True)
        elif len(value.shape) == len(clean.shape):
            check_images(value, anything, degraded=True)


def save_model(model, output, name):
    """Writes `NAME.keras` to the folder of a training, whole."""
    save_by_chief(model.save, pathlib.Path(output) / f"{name}.keras", model)


def fit_generator(
    build,
    data,
    output,
    name,
    *,
    epochs,
    seed,
    settings,
    resume,
    overwrite,
    verbose,
    order_seed=None,
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
        settings: As in `fit_in_folder`.
        resume: As in `fit_in_folder`.
        overwrite: As in `fit_in_folder`.
        verbose: As in `keras.Model.fit`.
        order_seed: Seed of the order of the data in place of `seed`.
        **data_options: Further arguments of `open_images`.

    Returns:
        The trained model.

    Raises:
        ValueError: `epochs` is below 1, or data or options do not fit.
    """
    check_epochs(epochs)
    keras.utils.set_random_seed(seed)
    order = seed if order_seed is None else order_seed
    images = open_images(data, seed=order, **data_options)
    model, callbacks = build(images)
    fit_in_folder(
        model,
        images.batches,
        output,
        name,
        epochs=epochs,
        callbacks=callbacks,
        settings=settings,
        resume=resume,
        overwrite=overwrite,
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
    if num_classes and model.conditional:
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


def translation_grid(batches, output, both_ways=True):
    """A `TranslationGrid` of images translated there and back.

    Args:
        batches: Dataset of `(images of A, images of B)`. Its first batch is
            shown.
        output: Folder of the training.
        both_ways: Whether the model translates both ways, or from A to B.

    Returns:
        A `callbacks.TranslationGrid`.
    """
    output = pathlib.Path(output)
    images_a, images_b = next(batches.take(1).as_numpy_iterator())
    return TranslationGrid(
        images_a,
        images_b if both_ways else None,
        output / "images",
        log_dir=output / "log",
    )
