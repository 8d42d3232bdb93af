"""Linear decay of a learning rate, after a part in which it is constant."""

import keras
from keras import ops

from keras_synth.models.checks import check_count, check_loss_weights
from keras_synth.ops.numbers import is_int


@keras.saving.register_keras_serializable("keras_synth")
class LinearDecay(keras.optimizers.schedules.LearningRateSchedule):
    """Learning rate that is constant, then falls to 0 along a line.

    Args:
        learning_rate: Learning rate at the start.
        steps: Number of steps after which it is 0.
        constant_steps: Number of steps before it begins to fall; None for
            half of `steps`.

    Raises:
        ValueError: Not 0 ≤ `constant_steps` < `steps`, or these or the rate
            are no numbers of at least 0.

    Example:

    >>> rate = LinearDecay(0.2, 100)
    >>> [round(float(rate(step)), 3) for step in (0, 50, 75, 100, 200)]
    [0.2, 0.2, 0.1, 0.0, 0.0]

    Reference: Zhu et al., Unpaired Image-to-Image Translation using
    Cycle-Consistent Adversarial Networks, 2017, section 4.
    """

    def __init__(self, learning_rate, steps, constant_steps=None):
        super().__init__()
        check_loss_weights({"learning_rate": learning_rate})
        check_count("steps", steps)
        if constant_steps is None:
            constant_steps = steps // 2
        if not (is_int(constant_steps) and 0 <= constant_steps < steps):
            raise ValueError(
                "`constant_steps` must be at least 0 and below `steps`. "
                f"Received: steps={steps!r}, constant_steps={constant_steps!r}"
            )
        self.learning_rate = learning_rate
        self.steps = steps
        self.constant_steps = constant_steps

    def __call__(self, step):
        left = self.steps - ops.cast(step, "float32")
        share = left / (self.steps - self.constant_steps)
        return self.learning_rate * ops.clip(share, 0.0, 1.0)

    def get_config(self):
        return {
            "learning_rate": self.learning_rate,
            "steps": self.steps,
            "constant_steps": self.constant_steps,
        }
