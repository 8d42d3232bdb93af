"""Range guard: models refuse data that they cannot learn from."""

import contextlib
import types

import keras
import tensorflow as tf

from keras_synth.models.checks import (
    InvalidInput,
    check_precision,
)
from keras_synth.models.workers import fit_on_workers, has_workers


class DataGuard:
    """Range guard of data, whatever their kind, before a model gets them.

    Arrays and tensors are checked whole. A `tf.data.Dataset` is mapped, so
    that the check sees its first batch on the way to the model, and later
    ones that hold NaN, infinity or labels out of range: nothing is read twice
    and no order changes. Of other data the first batch is looked at, as Keras
    does itself.

    A context: at its end the error of a check is raised as it was, in place
    of TensorFlow's error about the pipeline.

    Args:
        check: Function of a batch, `x`, `(x, y)` or `(x, y, sample_weight)`,
            that raises a `ValueError`.
        num_classes: Number of classes of the labels in later batches. None
            looks at no labels.
    """

    def __init__(self, check, num_classes=None):
        self.check = check
        self.num_classes = num_classes
        self.error = None

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        # TensorFlow keeps the functions of a pipeline for good, and this
        # object with them: the model behind `check` must not stay as well.
        error, self.error, self.check = self.error, None, None
        if error is not None:
            raise error from None

    def of(self, x, y=None, sample_weight=None):
        """Checks data.

        Args:
            x: As in `keras.Model.fit`.
            y: As in `keras.Model.fit`.
            sample_weight: As in `keras.Model.fit`.

        Returns:
            What takes the place of `x`.

        Raises:
            ValueError: The check refused the data.
        """
        if x is None:
            return x
        if isinstance(x, tf.data.Dataset):
            return self._mapped(x)
        if isinstance(x, types.GeneratorType):
            first = next(x, None)
            if first is None:
                return x
            self.check(first)
            return _with_first(first, x)
        if isinstance(x, keras.utils.PyDataset):
            self.check(x[0])
        elif isinstance(x, tf.distribute.DistributedDataset):
            strategy = tf.distribute.get_strategy()
            self.check(
                tf.nest.map_structure(
                    lambda value: strategy.experimental_local_results(value)[0],
                    next(iter(x)),
                )
            )
        elif hasattr(x, "__getitem__") or hasattr(x, "shape"):
            self.check((x, y, sample_weight))
        else:  # a PyTorch DataLoader, say
            self.check(next(iter(x)))
        return x

    def _mapped(self, dataset):
        def guarded(index, batch):
            flat = tf.nest.flatten(batch)
            fits = tf.cond(
                tf.reduce_all([index > 0, *map(self._seems_fine, flat)]),
                lambda: tf.constant(True),
                lambda: tf.numpy_function(look, flat, tf.bool),
            )
            with tf.control_dependencies([fits]):
                return tf.nest.map_structure(tf.identity, batch)

        def look(*flat):
            if self.check is None:
                return True  # the pipeline is used once more, by its owner
            try:
                self.check(tf.nest.pack_sequence_as(spec, list(flat)))
            except ValueError as error:
                self.error = error
                raise
            return True

        spec = dataset.element_spec
        return dataset.enumerate().map(guarded)

    def _seems_fine(self, tensor):
        """Whether a tensor of a later batch needs no look."""
        if tensor.dtype.is_floating:
            return tf.math.is_finite(tf.reduce_sum(tensor))
        if tensor.dtype.is_integer and self.num_classes is not None:
            return tf.reduce_all((tensor >= 0) & (tensor < self.num_classes))
        return tf.constant(True)


def _with_first(first, rest):
    yield first
    yield from rest


class GuardedModel(keras.Model):
    """Range guard: the base class of all models, which check what they get.

    `fit`, `evaluate` and `predict` check the first batch of every kind of
    data, and all of arrays, see `DataGuard`: images are floats in [0, 1] and
    finite, labels ints in range, masks 0 or 1. Of validation data that are a
    dataset the first batch is read before training starts. `train_on_batch`,
    `test_on_batch` and `predict_on_batch` check each batch.

    Subclasses implement `check_batch` and `check_inputs`.
    """

    def check_batch(self, data):
        """Refuses a batch of `fit` or `evaluate` that cannot be learned from.

        Args:
            data: `x`, `(x, y)` or `(x, y, sample_weight)`: arrays, or tensors
                of a graph, of which only shapes and types are checked.

        Raises:
            ValueError: Images, labels or masks are missing or out of range.
        """
        raise NotImplementedError

    def check_inputs(self, data):
        """Refuses a batch of `predict`.

        Args:
            data: As in `check_batch`.

        Raises:
            ValueError: Inputs are missing or out of range.
        """
        raise NotImplementedError

    def _guard(self, check):
        condition = getattr(self, "condition", None)
        return DataGuard(check, condition and condition.num_classes)

    def compile(self, *args, **kwargs):
        check_precision(self)
        super().compile(*args, **kwargs)

    def fit(
        self,
        x=None,
        y=None,
        *args,
        validation_data=None,
        sample_weight=None,
        class_weight=None,
        **kwargs,
    ):
        """`keras.Model.fit`; checks the first batch.

        Several workers train with `models.workers.fit_on_workers`.
        """
        if class_weight is not None:
            raise InvalidInput(
                f"A {type(self).__name__} takes no class weights: repeat "
                "images of a class in the data instead. "
                f"Received: class_weight={class_weight!r}"
            )
        with contextlib.ExitStack() as stack:
            training, validation = (
                stack.enter_context(self._guard(self.check_batch))
                for _ in range(2)
            )
            x = training.of(x, y, sample_weight)
            if isinstance(validation_data, list | tuple):
                seen = validation.of(*validation_data)
                if seen is not validation_data[0]:
                    validation_data = (seen, *validation_data[1:])
            else:
                seen = validation_data = validation.of(validation_data)
            if isinstance(seen, tf.data.Dataset):
                for _ in seen.take(1):
                    pass  # it is checked on the way
            kwargs["validation_data"] = validation_data
            kwargs["sample_weight"] = sample_weight
            if has_workers(self):
                return fit_on_workers(self, x, *args, y=y, **kwargs)
            return super().fit(x, y, *args, **kwargs)

    def evaluate(self, x=None, y=None, *args, sample_weight=None, **kwargs):
        """`keras.Model.evaluate`; checks the first batch."""
        # `fit` has checked its validation data, which Keras keeps.
        checked = "_use_cached_eval_dataset" in kwargs
        with self._guard(self.check_batch) as guard:
            if not checked:
                x = guard.of(x, y, sample_weight)
            if sample_weight is not None:
                kwargs["sample_weight"] = sample_weight
            return super().evaluate(x, y, *args, **kwargs)

    def predict(self, x, *args, **kwargs):
        """`keras.Model.predict`; checks the first batch."""
        with self._guard(self.check_inputs) as guard:
            return super().predict(guard.of(x), *args, **kwargs)

    def train_on_batch(self, x, y=None, sample_weight=None, **kwargs):
        """`keras.Model.train_on_batch`; checks the batch."""
        self.check_batch((x, y, sample_weight))
        return super().train_on_batch(x, y, sample_weight, **kwargs)

    def test_on_batch(self, x, y=None, sample_weight=None, **kwargs):
        """`keras.Model.test_on_batch`; checks the batch."""
        self.check_batch((x, y, sample_weight))
        return super().test_on_batch(x, y, sample_weight, **kwargs)

    def predict_on_batch(self, x):
        """`keras.Model.predict_on_batch`; checks the batch."""
        self.check_inputs(x)
        return super().predict_on_batch(x)

    def save(self, filepath, *args, **kwargs):
        """`keras.Model.save`, to a `.keras` file."""
        if str(filepath).endswith((".h5", ".hdf5")):
            raise ValueError(
                f"A {type(self).__name__} cannot be loaded from an HDF5 file: "
                'save to a file that ends in ".keras". '
                f"Received: filepath={str(filepath)!r}"
            )
        super().save(filepath, *args, **kwargs)
