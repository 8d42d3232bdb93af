"""Tells a pipeline which epoch begins."""

import keras


class EpochOrder(keras.callbacks.Callback):
    """Makes a pipeline's order depend on the epoch's number after a stop too.

    The models of `keras_synth.models` do this by themselves; a plain
    `keras.Model` (a denoiser, say) needs this callback, so that
    `fit(initial_epoch=k)`, or `BackupAndRestore`, sees the images that
    never stopping would have seen.

    Args:
        dataset: made by `keras_synth.datasets`, with `training=True`.

    Raises:
        ValueError: a dataset that has no order of its own.
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
