"""Data order by epoch, so that resumed training continues it."""

import keras


class EpochOrder(keras.callbacks.Callback):
    """Sets the order of a dataset by the number of the epoch.

    With it, `fit(initial_epoch=k)` and `keras.callbacks.BackupAndRestore`
    continue with the same data as training without a stop. The models of
    `keras_synth.models` do this by themselves; a plain `keras.Model`, such as
    a denoiser, needs this callback.

    Args:
        dataset: A dataset of `keras_synth.datasets`, made with
            `training=True`.

    Raises:
        ValueError: `dataset` has no method `set_epoch`.
    """

    def __init__(self, dataset):
        super().__init__()
        if not hasattr(dataset, "set_epoch"):
            raise ValueError(
                "`dataset` must come from `keras_synth.datasets` with "
                f"`training=True`. Received: {dataset!r}"
            )
        self.dataset = dataset

    def on_epoch_begin(self, epoch, logs=None):
        self.dataset.set_epoch(epoch)
