"""Conditions of networks: a class label, a vector, or tokens with a mask.

A condition is what a network takes besides its first inputs:

- a label, int (batch,), of `num_classes` classes;
- a vector, (batch, dim), with `condition_shape=(dim,)`;
- tokens, (batch, length, dim), with `condition_shape=(length, dim)`, and a
  mask, (batch, length), 1 where there is a token.

Where a condition may be missing, a label of -1, a vector of zeros and a mask
of zeros stand for none.
"""

import keras
from keras import layers, ops

from keras_synth.layers import LearnedConstant
from keras_synth.ops.numbers import is_int


def condition_inputs(num_classes=None, condition_shape=None):
    """Inputs of a condition.

    Args:
        num_classes: Number of classes of a label; None for no label.
        condition_shape: `(dim,)` of a vector or `(length, dim)` of tokens;
            None for neither.

    Returns:
        List of `keras.Input`: none, a label, a vector, or tokens and mask.

    Raises:
        ValueError: Both are given, or no positive ints.
    """
    sizes = [] if condition_shape is None else list(condition_shape)
    counts = [*sizes, *([] if num_classes is None else [num_classes])]
    if not all(is_int(size) and size > 0 for size in counts) or (
        condition_shape is not None
        and (num_classes is not None or len(sizes) not in (1, 2))
    ):
        raise ValueError(
            "A condition is a label (`num_classes=10`), a vector "
            "(`condition_shape=(dim,)`) or tokens (`condition_shape=(length, "
            f"dim)`). Received: num_classes={num_classes!r}, "
            f"condition_shape={condition_shape!r}"
        )
    if num_classes is not None:
        return [keras.Input((), dtype="int32", name="label")]
    if len(sizes) == 1:
        return [keras.Input(sizes, name="vector")]
    if len(sizes) == 2:
        return [
            keras.Input(sizes, name="tokens"),
            keras.Input(sizes[:1], name="mask"),
        ]
    return []


def condition_layer(num_classes, dim, initializer="uniform", dtype=None):
    """The layer that makes vectors of a condition.

    Args:
        num_classes: Number of classes of a label; None for another condition.
        dim: Dimension of the vectors.
        initializer: Initializer of the vectors of labels.
        dtype: Policy of the layer.

    Returns:
        An `Embedding`, or a `Dense` without bias.
    """
    if num_classes is None:
        return layers.Dense(
            dim, use_bias=False, dtype=dtype, name="condition_embedding"
        )
    return layers.Embedding(
        int(num_classes),
        dim,
        embeddings_initializer=initializer,
        dtype=dtype,
        name="label_embedding",
    )


def condition_vector(condition, layer):
    """One learned vector of a condition.

    Args:
        condition: What `condition_inputs` gave, not empty.
        layer: What `condition_layer` gave, or the same with a normalization.

    Returns:
        (batch, dim). Of tokens, the mean over those that the mask shows.
    """
    first, *mask = condition
    x = layer(first)
    if not mask:
        return x
    weights = ops.cast(mask[0], x.dtype)
    count = ops.maximum(ops.sum(weights, axis=1, keepdims=True), 1.0)
    return ops.sum(x * weights[:, :, None], axis=1) / count


def optional_condition_vector(condition, num_classes, dim):
    """One learned vector of a condition; zeros where it is missing.

    Args:
        condition: What `condition_inputs` gave, not empty.
        num_classes: Number of classes of a label; None for no label.
        dim: Dimension of the vector.

    Returns:
        (batch, dim).
    """
    layer = condition_layer(num_classes, dim)
    if num_classes is None:
        return condition_vector(condition, layer)
    (label,) = condition
    x = layer(ops.maximum(label, 0))
    return x * ops.cast(label >= 0, x.dtype)[:, None]


def join_condition(x, condition, num_classes):
    """Concatenates a learned vector of a condition to (batch, features)."""
    if not condition:
        return x
    vector = condition_vector(condition, condition_layer(num_classes, 32))
    return layers.Concatenate()([x, vector])


def network_inputs(first, condition):
    """Inputs of a `keras.Model`: the first alone, or with the condition."""
    return [first, *condition] if condition else first


def attended_tokens(condition):
    """What cross-attention reads: the tokens, and one learned token more.

    The learned token is there for every image, so that there is something to
    read where no token is.

    Args:
        condition: What `condition_inputs` gave.

    Returns:
        `(tokens, mask)`, (batch, 1 + length, dim) and bool (batch, 1, 1 +
        length); None where the condition has no tokens.
    """
    if len(condition) < 2:
        return None
    tokens, mask = condition
    extra = LearnedConstant((1, tokens.shape[-1]), name="no_token")(tokens)
    tokens = layers.Concatenate(axis=1)([extra, tokens])
    shown = ops.concatenate([ops.ones_like(mask[:, :1]), mask], axis=1)
    return tokens, (shown > 0)[:, None, :]
