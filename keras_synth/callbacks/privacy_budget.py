"""Privacy budget: epsilon of a training with differential privacy, logged."""

import keras


class PrivacyBudget(keras.callbacks.Callback):
    """Privacy budget: logs ε after each epoch, under the name `epsilon`.

    It must come before the callbacks that write logs, such as TensorBoard.

    Args:
        delta: δ, at which ε is quoted, see
            `models.DifferentialPrivacy.epsilon`. None takes 1 / (10 n) for n
            training images.

    Raises:
        ImportError: When training begins: `dp-accounting` is not installed.
        TypeError: When training begins: the model has no `privacy`.
    """

    def __init__(self, delta=None):
        super().__init__()
        self.delta = delta

    def on_train_begin(self, logs=None):
        if getattr(self.model, "privacy", None) is None:
            raise TypeError(
                "PrivacyBudget needs a model that is trained with "
                "differential privacy, a `models.PrivateVAE` or "
                f"`models.PrivateNetwork`. Received: {self.model!r}"
            )
        self.model.privacy.epsilon(0, self.delta)  # what is wrong is seen now

    def on_epoch_end(self, epoch, logs=None):
        if logs is not None:
            logs["epsilon"] = self.model.privacy.epsilon(
                int(self.model.optimizer.iterations), self.delta
            )
