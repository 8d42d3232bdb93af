"""KL warm-up: a schedule of a VAE's KL weight."""

import keras

from keras_synth.ops.numbers import is_int, is_number


class KLWarmup(keras.callbacks.Callback):
    """KL warm-up: raises a VAE's KL weight from 0 to `beta` during training.

    With the full weight from the start, the KL divergence can push the
    posterior onto the prior before the decoder uses the latents ("posterior
    collapse"). The weight depends on the optimizer's step alone, so resumed
    training continues the schedule. `evaluate` always uses `beta`. With
    `steps_per_execution` above 1 the weight changes once per execution.

    Args:
        steps: Length of one rise, in optimizer steps.
        schedule: "linear" rises once and stays at `beta`. "cyclical" rises,
            stays as long at `beta`, and starts again from 0, `cycles` times.
        cycles: Number of cycles of "cyclical".

    Raises:
        TypeError: When training begins: a model that is no VAE.
        ValueError: The schedule is unknown, or `steps` or `cycles` is below
            1; when training begins, a model with the importance-weighted
            bound, which has no KL term.

    Reference: Bowman et al. 2016, section 3.1 (linear); Fu et al. 2019,
    equation 6 with R = ½ (cyclical).

    Example:

    >>> warmup = KLWarmup(steps=100)
    >>> [warmup.share(step) for step in (0, 50, 500)]
    [0.0, 0.5, 1.0]
    """

    def __init__(self, steps, schedule="linear", cycles=4):
        super().__init__()
        if schedule not in ("linear", "cyclical"):
            raise ValueError(
                '`schedule` must be "linear" or "cyclical". '
                f"Received: schedule={schedule!r}"
            )
        if not (
            is_number(steps)
            and 1 <= steps < float("inf")
            and is_int(cycles)
            and cycles >= 1
        ):
            raise ValueError(
                "`steps` and `cycles` must be at least 1. "
                f"Received: steps={steps!r}, cycles={cycles!r}"
            )
        self.steps = steps
        self.schedule = schedule
        self.cycles = cycles

    def share(self, step):
        """Share of `beta` at an optimizer step.

        Args:
            step: Number of optimizer steps so far, an int.

        Returns:
            A float from 0 to 1.
        """
        if self.schedule == "cyclical":
            cycle, step = divmod(step, 2 * self.steps)
            if cycle >= self.cycles:
                return 1.0
        return min(1.0, step / self.steps)

    def on_train_begin(self, logs=None):
        if not hasattr(self.model, "kl_weight"):
            raise TypeError(
                "KLWarmup needs a model with a KL term, a `models.VAE`. "
                f"Received: a {type(self.model).__name__}"
            )
        if self.model.num_importance_samples > 1:
            raise ValueError(
                "KLWarmup needs a model with a KL term. The bound with "
                "`num_importance_samples` above 1 has no KL term."
            )

    def on_train_batch_begin(self, batch, logs=None):
        step = int(keras.ops.convert_to_numpy(self.model.optimizer.iterations))
        self.model.kl_weight.assign(self.model.beta * self.share(step))
