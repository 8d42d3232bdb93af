"""What every training recipe does around `fit`."""

import json
import pathlib

import keras

from keras_synth import callbacks, datasets
from keras_synth.training.data import open_data


def open_images(
    data,
    image_size=None,
    *,
    data_dir=None,
    manual_dir=None,
    channels=3,
    unreadable="raise",
    cache=True,
    batch_size=32,
    labels=False,
    augment=None,
    seed=0,
):
    """The training split of what the user named, ready for `fit`.

    Args:
        data: see `open_data`, the next four likewise.
        image_size: see `datasets.synthesis_pipeline`, the rest likewise.
        data_dir: see `open_data`.
        manual_dir: see `open_data`.
        channels: see `open_data`.
        unreadable: see `open_data`.
        cache: see `datasets.synthesis_pipeline`.
        batch_size: see `datasets.synthesis_pipeline`.
        labels: see `datasets.synthesis_pipeline`.
        augment: see `datasets.synthesis_pipeline`.
        seed: see `datasets.synthesis_pipeline`.

    Returns:
        `(source, images, image_shape)`.
    """
    source = open_data(
        data, "train", data_dir, manual_dir, channels, unreadable
    )
    images = datasets.synthesis_pipeline(
        source,
        image_size,
        batch_size=batch_size,
        labels=labels,
        augment=augment,
        cache=cache,
        seed=seed,
    )
    image = images.element_spec[0] if labels else images.element_spec
    return source, images, tuple(image.shape[1:])


def fit_in_folder(
    model, images, output, name, *, epochs, watchers, resume, verbose
):
    """Trains, and leaves all that comes of it in a folder.

    `NAME.keras`, `history.json` (logs of the epochs of this run), `log/`
    (TensorBoard) and `backup/` (the last finished epoch).

    Args:
        model: compiled.
        images: the dataset.
        output: the folder.
        name: of the model's file, without its ending.
        epochs: passes over the data.
        watchers: further callbacks; they come before TensorBoard, which logs
            what they measure.
        resume: go on after the last finished epoch in `output/backup`.
        verbose: as in `fit`.
    """
    output = pathlib.Path(output)
    output.mkdir(parents=True, exist_ok=True)
    backup = output / "backup"
    if not resume and backup.exists():
        for file in backup.iterdir():
            file.unlink()
    history = model.fit(
        images,
        epochs=epochs,
        shuffle=False,  # the pipeline does
        callbacks=[
            *watchers,
            keras.callbacks.TensorBoard(output / "log"),
            keras.callbacks.BackupAndRestore(backup, delete_checkpoint=False),
        ],
        verbose=verbose,
    )
    model.save(output / f"{name}.keras")
    if history.epoch:  # none where a finished training is resumed
        logs = {
            name: list(map(float, h)) for name, h in history.history.items()
        }
        (output / "history.json").write_text(
            json.dumps({"epoch": history.epoch, **logs}, indent=1)
        )


def grid_of_samples(model, output, num_classes=None, **options):
    """The `ImageGrid` that every training of a generator has."""
    if model.conditional:
        options["labels"] = [i % num_classes for i in range(64)]
    output = pathlib.Path(output)
    return callbacks.ImageGrid(
        output / "images", log_dir=output / "log", **options
    )


def grid_of_mixtures(model, output, num_classes=None):
    """The `StyleMixingGrid` of a training with styles: 5 by 7 of them."""
    labels = None
    if model.conditional:
        labels = [i % num_classes for i in range(5 + 7)]
    output = pathlib.Path(output)
    return callbacks.StyleMixingGrid(
        output / "images", 5, 7, labels=labels, log_dir=output / "log"
    )


def grid_of_repairs(pairs, output):
    """The `RestorationGrid` of a training on pairs.

    Args:
        pairs: dataset of `(degraded, clean)`; its first batch is shown.
        output: the training's folder, a `pathlib.Path`.
    """
    degraded, clean = next(pairs.take(1).as_numpy_iterator())
    return callbacks.RestorationGrid(
        degraded, clean, output / "images", log_dir=output / "log"
    )


def grid_of_paintings(pairs, output):
    """The `StyleGrid` of a training on pairs of `(content, style)`."""
    contents, styles = next(pairs.take(1).as_numpy_iterator())
    return callbacks.StyleGrid(
        contents, styles, output / "images", log_dir=output / "log"
    )
