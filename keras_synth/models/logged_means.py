"""Means of logged values: one Keras metric for all logs of a step."""

import keras
from keras import ops


class LoggedMeans(keras.metrics.Metric):
    """Weighted means of several logged values, updated together.

    One metric for all of them costs two variable updates a step, in place of
    two for each.

    Args:
        names: Names of the values.
    """

    def __init__(self, names, name="logged_means"):
        super().__init__(name=name)
        self.names = tuple(names)
        shape = (len(self.names),)
        self.totals = self.add_variable(shape, "zeros", name="totals")
        self.weights = self.add_variable(shape, "zeros", name="weights")

    def update_state(self, logs):
        """Adds the values of a step.

        Args:
            logs: `{name: [(value, weight), ...]}`. Names that are missing
                stay as they are.
        """
        values, weights = [], []
        for name in self.names:
            pairs = logs.get(name, [(0.0, 0.0)])
            value, weight = pairs[0]
            if len(pairs) > 1:
                weight = sum(weight for _, weight in pairs)
                total = sum(value * weight for value, weight in pairs)
                value = ops.divide_no_nan(total, weight)
            values.append(ops.cast(value, "float32"))
            weights.append(ops.cast(weight, "float32"))
        weights = ops.stack(weights)
        self.totals.assign_add(ops.stack(values) * weights)
        self.weights.assign_add(weights)

    def result(self):
        """`{name: mean}`, 0 where there are no values."""
        means = ops.divide_no_nan(self.totals, self.weights)
        return dict(zip(self.names, ops.unstack(means), strict=True))
