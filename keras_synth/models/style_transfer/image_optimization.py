"""Image optimization: gradient descent on the pixels, within bounds.

Both optimizers take an objective, `objective(image, targets)`, that gives a
dict of scalars, of which "loss" is minimized, and a function that makes the
targets. Both functions are compiled, so that an image equal to its own target
has a gradient of exactly 0 and stays; a rounding error between two ways to
compute it would be a gradient, which some optimizers make as large as any
other.
"""

import keras
import tensorflow as tf
from keras import ops
from scipy import optimize


class StepReport:
    """Reports each step: a progress bar, and the user's own function.

    Args:
        total: Number of steps.
        verbose: Verbosity of `keras.utils.Progbar`; 0 shows nothing.
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
        """The function that an optimizer calls after each step.

        Args:
            image_of: Function from the optimized tensor to an image.
        """

        def report(optimized, terms):
            self._step += 1
            if self._bar is None and self._on_step is None:
                return
            logs = {name: float(term) for name, term in terms.items()}
            if self._bar is not None:
                self._bar.update(self._step, list(logs.items()))
            if self._on_step is not None:
                self._on_step(self._step, image_of(optimized), logs)

        return report

    def end(self):
        """Ends the progress bar, also where L-BFGS has ended early."""
        if self._bar is not None and self._step < self._total:
            self._bar.update(self._step, finalize=True)


class Descents:
    """Optimizers of images, compiled once for each image size.

    Args:
        objective: Function `objective(image, targets)`.
        targets_of: Function that makes the targets.
        optimizer: A Keras optimizer, or "lbfgs".
    """

    def __init__(self, objective, targets_of, optimizer):
        self._functions = objective, targets_of
        self._optimizer = optimizer
        self._by_shape = {}

    def of(self, shape):
        """The `GradientDescent` or `QuasiNewton` of an image shape."""
        found = self._by_shape.pop(shape, None)
        if found is None and self._optimizer == "lbfgs":
            found = QuasiNewton(*self._functions, shape)
        elif found is None:
            found = GradientDescent(*self._functions, shape, self._optimizer)
        self._by_shape[shape] = found
        return found

    def keep(self, count):
        """Drops all but the `count` last used."""
        for shape in list(self._by_shape)[:-count]:
            del self._by_shape[shape]


class GradientDescent:
    """Gradient descent with a Keras optimizer on images of one size.

    Args:
        objective: Function `objective(image, targets)`.
        targets_of: Function that makes the targets.
        shape: Shape of the image, (1, height, width, channels).
        optimizer: A Keras optimizer. A copy of it is used, and reset before
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
            terms, gradient = _terms_and_gradient(objective, image, targets)
            self._optimizer.apply([gradient], [self._image])
            self._image.assign(ops.clip(self._image, low, high))
            return terms

        self._step = step

    def run(self, start, given, low, high, steps, report):
        """Optimizes an image.

        Args:
            start: The image to start from, within its bounds.
            given: Arguments of `targets_of`.
            low: Least value of each pixel, a tensor.
            high: Largest value of each pixel, a tensor.
            steps: Number of steps.
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
    """L-BFGS-B of SciPy: fewer, costlier steps, and no learning rate.

    It ends early where no step lowers the loss.

    Args:
        objective: Function `objective(image, targets)`.
        targets_of: Function that makes the targets.
        shape: Shape of the image, (1, height, width, channels).

    Reference: Byrd et al., A Limited Memory Algorithm for Bound Constrained
    Optimization, 1995.
    """

    def __init__(self, objective, targets_of, shape):
        self._targets_of = tf.function(targets_of)
        self._shape = shape

        @tf.function
        def evaluate(image, targets):
            return _terms_and_gradient(objective, image, targets)

        self._evaluate = evaluate

    def run(self, start, given, low, high, steps, report):
        """Optimizes an image, with the arguments of `GradientDescent.run`.

        The terms that it reports are those after the step.
        """
        targets = self._targets_of(*given)
        latest = {}

        def value_and_gradient(values):
            image = ops.reshape(ops.cast(values, "float32"), self._shape)
            terms, gradient = self._evaluate(image, targets)
            latest.update(image=image, terms=terms)
            value = len(values) * float(terms["loss"])
            return value, ops.convert_to_numpy(gradient).ravel().astype(
                "float64"
            )

        bounds = [
            ops.convert_to_numpy(ops.broadcast_to(bound, self._shape)).ravel()
            for bound in (low, high)
        ]
        result = optimize.minimize(
            value_and_gradient,
            ops.convert_to_numpy(start).ravel().astype("float64"),
            jac=True,
            method="L-BFGS-B",
            bounds=optimize.Bounds(*bounds),
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


def _terms_and_gradient(objective, image, targets):
    """The objective's terms, and the gradient of its loss at each pixel."""
    with tf.GradientTape() as tape:
        tape.watch(image)
        terms = objective(image, targets)
        # The gradient of a mean over pixels shrinks as their number grows;
        # steps should not depend on the image's size.
        loss = tf.cast(tf.size(image), "float32") * terms["loss"]
    return terms, tape.gradient(loss, image)
