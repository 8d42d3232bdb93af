"""Letting the KL divergence in gently."""

import keras


class KLWarmup(keras.callbacks.Callback):
    """Raises a VAE's KL weight from 0 to its `beta` during training.

    Early in training an untrained decoder ignores the latents, and the
    divergence pushes the posterior onto the prior for good ("posterior
    collapse"). Starting without it gives the latents time to matter. The
    weight depends on the optimizer's step alone, so that resumed training
    goes on where it stopped. `evaluate` always uses `beta` itself.

    With `steps_per_execution` above 1 the weight moves once an execution.

    Args:
        steps: length of one rise, in optimizer steps.
        schedule: "linear" rises once and stays; "cyclical" rises, stays as
            long, falls back to 0 and starts again, `cycles` times.
        cycles: how many times, for "cyclical".

    Raises:
        ValueError: unknown schedule, or a model trained on the
            importance-weighted bound, which has no KL term.

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
        if steps < 1 or cycles < 1:
            raise ValueError(
                "`steps` and `cycles` must be at least 1. "
                f"Received: steps={steps!r}, cycles={cycles!r}"
            )
        self.steps = steps
        self.schedule = schedule
        self.cycles = cycles

    def share(self, step):
        """The part of `beta` in force at an optimizer step, 0 to 1."""
        if self.schedule == "cyclical":
            cycle, step = divmod(step, 2 * self.steps)
            if cycle >= self.cycles:
                return 1.0
        return min(1.0, step / self.steps)

    def on_train_begin(self, logs=None):
        if self.model.num_importance_samples > 1:
            raise ValueError(
                "KLWarmup has nothing to warm up: the importance-weighted "
                "bound (`num_importance_samples` above 1) has no KL term."
            )

    def on_train_batch_begin(self, batch, logs=None):
        step = int(keras.ops.convert_to_numpy(self.model.optimizer.iterations))
        self.model.kl_weight.assign(self.model.beta * self.share(step))
