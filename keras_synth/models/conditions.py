"""Conditions of models: class labels, vectors, tokens with a mask, texts.

Every model takes its condition as the argument `labels`, and in `fit` as the
second element of a batch. What it must be follows from the inputs of the
network, after its first ones:

| kind | `labels` |
|---|---|
| a class | int (batch,), or one int for all |
| a vector | float (batch, dim), or (dim,) for all |
| tokens | `(tokens, mask)`: float (batch, length, dim), and (batch, length) |
| | with 1 where there is a token; or the tokens alone |
| token ids of a text | int (batch, length), or (length,) for all; 0 where |
| | there is no token |
"""

import numpy as np
import tensorflow as tf
from keras import ops

from keras_synth.models.checks import (
    described,
    dtype_name,
    has_values,
    num_classes,
    shape_of,
)
from keras_synth.ops.ranges import InvalidInput


class Condition:
    """What a network is conditioned on.

    Args:
        network: A functional `keras.Model`.
        first: Number of its inputs that are no condition.

    Attributes:
        kind: "label", "vector", "tokens", "ids", or None without a condition.
        num_classes: Number of classes of labels; None for the other kinds, or
            where the network has no embedding of them.
    """

    def __init__(self, network, first=1):
        # The order of `inputs`, whatever the structure of `input`.
        self.inputs = list(network.inputs)[first:]
        self.kind = _kind(self.inputs)
        self.num_classes = None
        if self.kind == "label":
            self.num_classes = num_classes(network)

    def check(self, value):
        """Refuses a condition of another kind, shape or range.

        Args:
            value: The condition, see the top of this module, or None.

        Raises:
            ValueError: It does not fit, is missing, or is not expected.
        """
        if value is None:
            if self.kind is not None:
                raise InvalidInput(_MISSING[self.kind])
            return
        if self.kind is None:
            raise InvalidInput(
                "This model takes no labels: train and use it on images alone, "
                "`fit(images)`, or build a class-conditional one with "
                "networks made with `num_classes=...` (another condition: "
                "`condition_shape=...`)."
            )
        if self.kind == "label":
            _check_labels(value, self.num_classes)
            return
        parts = self._parts(value)
        for part, wanted in zip(parts, self.inputs, strict=False):
            _check_part(part, wanted, self.kind)
        if len({shape_of(part)[:1] for part in parts}) > 1:
            raise InvalidInput(
                "Tokens and mask must be of the same batch. Received: "
                f"{' and '.join(map(described, parts))}"
            )

    def tensors(self, value, count):
        """A condition as tensors, one row for each image.

        Args:
            value: The condition, or None.
            count: Number of images.

        Returns:
            List of tensors (count, ...), as many as the network's inputs.
        """
        self.check(value)
        if value is None:
            return []
        parts = [
            # A small type, such as uint8, has no -1 for no class.
            ops.cast(part, "int32" if self.kind == "label" else wanted.dtype)
            for part, wanted in zip(
                self._parts(value), self.inputs, strict=False
            )
        ]
        if len(parts) < len(self.inputs):
            parts.append(ops.ones(ops.shape(parts[0])[:-1]))
        _check_number_of_rows(parts[0], self.inputs[0], count)
        return [
            ops.broadcast_to(part, (count, *part.shape))
            if len(part.shape) < len(wanted.shape)
            else part
            for part, wanted in zip(parts, self.inputs, strict=True)
        ]

    def packed(self, tensors):
        """The condition of a list of tensors: what `tensors` was given."""
        return tuple(tensors) if len(tensors) > 1 else next(iter(tensors), None)

    def absent(self, count):
        """What stands for no condition, as tensors, see `networks`."""
        empty = -1 if self.kind == "label" else 0
        return [
            ops.full((count, *each.shape[1:]), empty, each.dtype)
            for each in self.inputs
        ]

    def signature(self):
        """`[spec]` of the argument `labels`, or `[]` without a condition."""
        if self.kind == "label":
            return [tf.TensorSpec((None,), "int32", name="labels")]
        specs = [
            tf.TensorSpec(each.shape, each.dtype, name=each.name)
            for each in self.inputs
        ]
        return [self.packed(specs)] if specs else []

    def _parts(self, value):
        if self.kind == "tokens":
            parts = list(value) if isinstance(value, list | tuple) else [value]
            if len(parts) > 2:
                raise InvalidInput(
                    "A condition of tokens is `(tokens, mask)`, or tokens "
                    f"alone. Received: {len(parts)} arrays"
                )
        else:
            parts = [value]
        return [p if hasattr(p, "dtype") else np.asarray(p) for p in parts]


_MISSING = {
    "label": (
        "This model is class-conditional: give the class of each image, "
        "`labels=...` (`fit(images, labels)` when training)."
    ),
    "vector": (
        "This model is conditioned on a vector: give one for each image, "
        "float (batch, dim), as `labels=...` (`fit(images, vectors)`)."
    ),
    "tokens": (
        "This model is conditioned on tokens: give `labels=(tokens, mask)` "
        "(`fit(images, (tokens, mask))`)."
    ),
    "ids": (
        "This model is conditioned on texts: give the token ids of each, int "
        "(batch, length), as `labels=...` (`fit(images, ids)`)."
    ),
}


def _kind(inputs):
    if not inputs:
        return None
    first, *others = inputs
    rank = len(first.shape)
    if rank == 1 and not others:
        return "label"
    if rank == 2 and not others:
        return "ids" if "int" in first.dtype else "vector"
    if rank == 3 and len(others) == 1 and len(others[0].shape) == 2:
        return "tokens"
    raise ValueError(
        "A network's condition must be a label, int (batch,), a vector "
        "(batch, dim), token ids, int (batch, length), or tokens and a mask, "
        "(batch, length, dim) and (batch, length). Received inputs of: "
        f"{[(each.shape, each.dtype) for each in inputs]}"
    )


def _check_number_of_rows(part, wanted, count):
    """Refuses conditions of more or fewer images than there are."""
    given = shape_of(part)
    if len(given) < len(wanted.shape) or not isinstance(count, int):
        return
    if given[0] not in (None, count):
        raise InvalidInput(
            f"The condition ({wanted.name}) must have a row for each of "
            f"{count} images, or be one for all. Received: {described(part)}"
        )


def _check_part(part, wanted, kind):
    """Refuses vectors, tokens, masks or ids of another shape or type."""
    sides = tuple(wanted.shape[1:])
    given = shape_of(part)
    if given and len(given) not in (len(sides), len(sides) + 1):
        given = ()
    fits = given and all(
        side in (None, known)
        for side, known in zip(sides, given[-len(sides) :], strict=True)
    )
    name = wanted.name
    if not fits:
        words = ", ".join(str(side or "any") for side in sides)
        raise InvalidInput(
            f"The condition ({name}) must be of shape (batch, {words}). "
            f"Received: {described(part)}"
        )
    whole = kind == "ids"
    if whole != ("int" in dtype_name(part)) and name != "mask":
        raise InvalidInput(
            f"The condition ({name}) must hold "
            f"{'ints' if whole else 'floats'}. "
            f"Received: dtype {dtype_name(part)}"
        )
    if not has_values(part) or not np.size(part):
        return
    values = np.asarray(part)
    if not np.isfinite(values).all() or (whole and values.min() < 0):
        raise InvalidInput(
            f"The condition ({name}) must hold finite numbers"
            f"{' of at least 0' if whole else ''}."
        )


def _check_labels(labels, count):
    """Refuses labels that are no ints, or out of range."""
    if not hasattr(labels, "dtype"):
        labels = np.asarray(labels)
    if len(labels.shape) > 1:
        raise InvalidInput(
            "Labels must be ints of shape (batch,), one class an image, or "
            f"one int for all. Received: {described(labels)}"
        )
    if "int" not in dtype_name(labels):
        raise InvalidInput(
            "Labels must be ints, one class an image. "
            f"Received: dtype {dtype_name(labels)}"
        )
    if not has_values(labels) or not np.size(labels):
        return
    low, high = int(np.min(labels)), int(np.max(labels))
    if count is not None and (low < 0 or high >= count):
        raise InvalidInput(
            f"Labels must be from 0 to {count - 1}. "
            f"Received: from {low} to {high}"
        )
