"""Active units: the number of latent dimensions that a VAE uses."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("keras_synth")
class ActiveUnits(keras.metrics.Metric):
    """Active units: latent dimensions whose posterior mean varies.

    `A_j = Var_x(E_q[z_j | x]) > threshold`; the metric counts them.

    Args:
        latent_dim: Number of latent dimensions.
        threshold: Variance above which a dimension counts as active; 0.01 in
            the paper.
        name: Name in the logs.

    `update_state` takes the posterior means, (batch, latent_dim).

    Reference: Burda et al., Importance Weighted Autoencoders, 2016, section 5.

    Example:

    >>> metric = ActiveUnits(latent_dim=2)
    >>> metric.update_state([[1.0, 0.0], [-1.0, 0.0]])
    >>> float(metric.result())
    1.0
    """

    def __init__(self, latent_dim, threshold=0.01, name="active_units", **kw):
        super().__init__(name=name, **kw)
        self.latent_dim = latent_dim
        self.threshold = threshold
        # Sums of float32 would cancel where means are large.
        self.total, self.squares, self.count = (
            self.add_variable(shape, "zeros", "float64", name=name)
            for name, shape in (
                ("total", (latent_dim,)),
                ("squares", (latent_dim,)),
                ("count", ()),
            )
        )

    def update_state(self, means):
        """Adds a batch of posterior means, (batch, latent_dim)."""
        means = ops.cast(means, "float64")
        self.total.assign_add(ops.sum(means, axis=0))
        self.squares.assign_add(ops.sum(ops.square(means), axis=0))
        self.count.assign_add(ops.cast(ops.shape(means)[0], "float64"))

    def result(self):
        """The number of active dimensions so far."""
        count = ops.maximum(self.count, 1.0)
        mean = self.total / count
        variance = self.squares / count - ops.square(mean)
        active = ops.cast(variance > self.threshold, self.dtype)
        return ops.sum(active)

    def get_config(self):
        config = super().get_config()
        config.update(latent_dim=self.latent_dim, threshold=self.threshold)
        return config
