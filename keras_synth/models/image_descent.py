"""Lowering an objective by moving the pixels of an image, within bounds.

Both ways take an objective, `objective(image, targets)`, that gives a dict
of scalars, of which "loss" is lowered; and a function that makes the targets.
Both functions are compiled. An image that is its own target has no slope at
all then, and stays; a rounding error between the two would be a slope, which
some optimizers make as large as any other.
"""

import keras
import tensorflow as tf
from keras import ops


class StepReport:
    """Tells of each step: a progress bar, and the user's own function.

    Args:
        total: steps.
        verbose: of the bar, see `keras.utils.Progbar`; 0 for none.
        on_step: None, or a function of the step's number, the image and
            a dict of floats.
    """

    def __init__(self, total, verbose, on_step):
        self._step = 0
        self._total = total
        self._bar = None
        if verbose:
            self._bar = keras.utils.Progbar(
                total, verbose=verbose, stateless_metrics=()
            )
        self._on_step = on_step

    def of(self, image_of):
        """What a descent reports to.

        Args:
            image_of: function from what is moved to an image.
        """

        def report(moved, terms):
            self._step += 1
            if self._bar is None and self._on_step is None:
                return
            logs = {name: float(term) for name, term in terms.items()}
            if self._bar is not None:
                self._bar.update(self._step, list(logs.items()))
            if self._on_step is not None:
                self._on_step(self._step, image_of(moved), logs)

        return report

    def end(self):
        """L-BFGS may have ended early."""
        if self._bar is not None and self._step < self._total:
            self._bar.update(self._step, finalize=True)


class Descents:
    """What moves images: compiled for each of their sizes, and kept.

    Args:
        objective: see above.
        targets_of: function that makes the targets.
        optimizer: a Keras optimizer, or "lbfgs".
    """

    def __init__(self, objective, targets_of, optimizer):
        self._functions = objective, targets_of
        self._optimizer = optimizer
        self._by_shape = {}

    def of(self, shape):
        """A `GradientDescent` or `QuasiNewton` for this shape."""
        found = self._by_shape.pop(shape, None)
        if found is None and self._optimizer == "lbfgs":
            found = QuasiNewton(*self._functions, shape)
        elif found is None:
            found = GradientDescent(*self._functions, shape, self._optimizer)
        self._by_shape[shape] = found
        return found

    def keep(self, count):
        """Forgets all but the last used."""
        for shape in list(self._by_shape)[:-count]:
            del self._by_shape[shape]


class GradientDescent:
    """Steps of a Keras optimizer on images of one size.

    Args:
        objective: see above.
        targets_of: function that makes the targets.
        shape: of the image, (1, height, width, channels).
        optimizer: a Keras optimizer; a copy of it works here, afresh in
            each run.
    """

    def __init__(self, objective, targets_of, shape, optimizer):
        self._targets_of = tf.function(targets_of)
        self._image = keras.Variable(ops.zeros(shape), name="image")
        self._optimizer = keras.optimizers.deserialize(
            keras.optimizers.serialize(optimizer)
        )
        self._optimizer.build([self._image])
        self._fresh = [v.numpy() for v in self._optimizer.variables]

        @tf.function
        def step(targets, low, high):
            image = tf.identity(self._image.value)
            terms, slope = _terms_and_slope(objective, image, targets)
            self._optimizer.apply([slope], [self._image])
            self._image.assign(ops.clip(self._image, low, high))
            return terms

        self._step = step

    def run(self, start, given, low, high, steps, report):
        """Moves an image.

        Args:
            start: the image, within its bounds.
            given: what the targets are made of, arguments of `targets_of`.
            low: least value of each pixel, a tensor.
            high: largest value.
            steps: how many.
            report: `report(image, terms)`, called after each step with
                the image and what the objective gave before it.

        Returns:
            The image.
        """
        targets = self._targets_of(*given)
        self._image.assign(start)
        variables = self._optimizer.variables
        for variable, value in zip(variables, self._fresh, strict=True):
            variable.assign(value)
        for _ in range(steps):
            terms = self._step(targets, low, high)
            report(tf.identity(self._image.value), terms)
        return tf.identity(self._image.value)


class QuasiNewton:
    """L-BFGS-B, as SciPy has it: fewer, dearer steps, no rate to choose.

    It ends early where no step lowers the loss.

    Args:
        objective: see above.
        targets_of: function that makes the targets.
        shape: of the image.

    Reference: Byrd et al., A Limited Memory Algorithm for Bound Constrained
    Optimization, 1995.
    """

    def __init__(self, objective, targets_of, shape):
        try:
            import scipy.optimize
        except ImportError as error:
            raise ImportError(
                'optimizer="lbfgs" needs SciPy: pip install scipy'
            ) from error
        self._scipy = scipy.optimize
        self._targets_of = tf.function(targets_of)
        self._shape = shape

        @tf.function
        def evaluate(image, targets):
            return _terms_and_slope(objective, image, targets)

        self._evaluate = evaluate

    def run(self, start, given, low, high, steps, report):
        """As that of `GradientDescent`; terms are those after the step."""
        targets = self._targets_of(*given)
        latest = {}

        def value_and_slope(values):
            image = ops.reshape(ops.cast(values, "float32"), self._shape)
            terms, slope = self._evaluate(image, targets)
            latest.update(image=image, terms=terms)
            value = len(values) * float(terms["loss"])
            return value, ops.convert_to_numpy(slope).ravel().astype("float64")

        bounds = [
            ops.convert_to_numpy(ops.broadcast_to(bound, self._shape)).ravel()
            for bound in (low, high)
        ]
        result = self._scipy.minimize(
            value_and_slope,
            ops.convert_to_numpy(start).ravel().astype("float64"),
            jac=True,
            method="L-BFGS-B",
            bounds=self._scipy.Bounds(*bounds),
            callback=lambda _: report(latest["image"], latest["terms"]),
            options={
                "maxiter": steps,
                "maxfun": 20 * steps,
                "maxcor": 20,
                # Only where nothing is left to gain.
                "ftol": 0.0,
                "gtol": 0.0,
            },
        )
        return ops.reshape(ops.cast(result.x, "float32"), self._shape)


def _terms_and_slope(objective, image, targets):
    """The objective's terms, and the slope of its loss at each pixel."""
    with tf.GradientTape() as tape:
        tape.watch(image)
        terms = objective(image, targets)
        # A loss that is a mean over pixels moves each of them the less, the
        # more there are: steps shall not depend on the image's size.
        loss = tf.cast(tf.size(image), "float32") * terms["loss"]
    return terms, tape.gradient(loss, image)
