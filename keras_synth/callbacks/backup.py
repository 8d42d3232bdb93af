"""Backup of a training after each epoch, and an end to one that diverged."""

import pathlib
import re
import tempfile

import keras
import numpy as np

from keras_synth.io import written_whole
from keras_synth.models.replicas import is_chief

_NAME = re.compile(r"epoch_(\d+)\.weights\.h5")


class Backup(keras.callbacks.Callback):
    """Backup of the state of a training after each epoch, to resume it.

    Like `keras.callbacks.BackupAndRestore`, which writes over its only file,
    so that a process that is killed in that moment leaves none. Here the file
    of an epoch, `epoch_00012.weights.h5`, is written aside and renamed, and
    the one before is removed last: whenever the process is killed, the state
    after the last finished epoch is there, whole, with its number.

    Training that diverged stops with an error: at the first loss that is not
    finite, or at the end of an epoch that left such weights. The last backup
    stays as it is.

    Where several workers train together, the chief writes the files, and all
    of them read them when they resume.

    With the models of `keras_synth.models`, and data of
    `keras_synth.datasets` (see `callbacks.EpochOrder`), training that was
    resumed equals training that never stopped, to the last bit.

    Args:
        directory: Folder of the backup. No other files should be in it.

    Raises:
        FloatingPointError: In training, where it diverges.

    Example:

        backup = callbacks.Backup("runs/vae/backup")
        model.fit(data, epochs=40, callbacks=[backup],
                  initial_epoch=backup.restore(model))
    """

    def __init__(self, directory):
        super().__init__()
        self.directory = pathlib.Path(directory)

    def restore(self, model):
        """Restores the state after the last finished epoch, if there is one.

        Args:
            model: A built and compiled `keras.Model`.

        Returns:
            Number of finished epochs, an int: the `initial_epoch` of `fit`.
        """
        files = self._files()
        if not files:
            return 0
        if model.optimizer is not None and not model.optimizer.built:
            model.optimizer.build(model.trainable_variables)
        epoch = max(files)
        model.load_weights(files[epoch])
        return epoch

    def remove(self):
        """Removes the backup."""
        for file in self._files().values():
            file.unlink(missing_ok=True)  # another worker removes it too

    def on_train_batch_end(self, batch, logs=None):
        loss = (logs or {}).get("loss", 0.0)
        if not np.isfinite(loss):
            raise FloatingPointError(
                f"Training diverged: the loss is {loss} at batch {batch + 1} "
                f"of this epoch. {self._advice()}"
            )

    def on_epoch_end(self, epoch, logs=None):
        for weight in self.model.weights:
            if not np.isfinite(keras.ops.convert_to_numpy(weight)).all():
                raise FloatingPointError(
                    f"Training diverged: {weight.path} is not finite after "
                    f"epoch {epoch + 1}. {self._advice()}"
                )
        new = self.directory / f"epoch_{epoch + 1:05d}.weights.h5"
        save_by_chief(self.model.save_weights, new, self.model)
        if is_chief(self.model.distribute_strategy):
            for file in self._files().values():
                if file != new:
                    file.unlink()

    def _files(self):
        """Finished backups, by the number of epochs."""
        found = {}
        for file in self.directory.glob("epoch_*.weights.h5"):
            match = _NAME.fullmatch(file.name)
            if match:
                found[int(match[1])] = file
        return found

    def _advice(self):
        files = self._files()
        kept = "No epoch was finished before."
        if files:
            epoch = max(files)
            kept = f"The state after epoch {epoch} is kept, {files[epoch]}."
        return f"{kept} A lower learning rate may help."


def save_by_chief(save, path, model):
    """Saves a model to a file, whole; of several workers, the chief does.

    All workers must call it: states that they hold a part of each, those of
    metrics, are added up while they are saved.

    Args:
        save: Method of the model that writes to a path.
        path: Path of the file, `pathlib.Path`.
        model: The `keras.Model`.
    """
    if is_chief(model.distribute_strategy):
        with written_whole(path) as unfinished:
            save(unfinished)
        return
    with tempfile.TemporaryDirectory() as folder:
        save(pathlib.Path(folder) / path.name)
