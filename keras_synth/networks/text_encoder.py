"""Text encoders: a small transformer, and a bag of hashed n-grams."""

import keras
from keras import layers, ops

from keras_synth.networks.diffusion_transformer import positions
from keras_synth.ops import gelu

#: Number of token ids: 256 bytes, and 0 where there is none.
VOCABULARY = 257


def text_encoder(
    length=64,
    width=128,
    num_blocks=2,
    num_heads=4,
    name="text_encoder",
):
    """Text encoder: a transformer from token ids to vectors of the same place.

    The ids are those of `ops.byte_ids`, the bytes of UTF-8, so that one
    network reads every language. It is trained together with a generator, see
    `with_text`.

    Args:
        length: Number of ids of a text.
        width: Dimension of the vectors, divisible by `num_heads`.
        num_blocks: Number of transformer blocks.
        num_heads: Number of attention heads.
        name: Name of the network.

    Returns:
        A `keras.Model` from ids, int (batch, length), to (batch, length,
        width).

    Raises:
        ValueError: `width` is not divisible by `num_heads`.

    Reference: Vaswani et al., Attention Is All You Need, 2017, section 3, with
    the normalization before each layer; bytes: Xue et al., ByT5, 2022.

    Example:

    >>> text_encoder(length=8, width=16)(ops.ones((2, 8), "int32")).shape
    TensorShape([2, 8, 16])
    """
    if width % num_heads:
        raise ValueError(
            "`width` must be divisible by `num_heads`. "
            f"Received: width={width}, num_heads={num_heads}"
        )
    ids = keras.Input((length,), dtype="int32", name="ids")
    shown = (ids > 0)[:, None, :]
    x = layers.Embedding(VOCABULARY, width, name="bytes")(ids)
    x = layers.Add()([x, positions(x)])
    for _ in range(num_blocks):
        y = layers.LayerNormalization()(x)
        attention = layers.MultiHeadAttention(num_heads, width // num_heads)
        x = layers.Add()([x, attention(y, y, attention_mask=shown)])
        y = layers.LayerNormalization()(x)
        y = gelu(layers.Dense(4 * width)(y))
        x = layers.Add()([x, layers.Dense(width)(y)])
    x = layers.LayerNormalization(dtype="float32")(x)
    return keras.Model(ids, x, name=name)


def ngram_encoder(
    length=64,
    width=128,
    sizes=(2, 3, 4, 5, 6),
    num_buckets=16384,
    name="ngram_encoder",
):
    """N-gram text encoder: one vector, a sum over hashed n-grams of bytes.

    A text of few words is the bag of its parts: all n-grams g, sequences of n
    bytes, of several sizes n. Each has the learned vector of its bucket h(g),
    and the text has

        `Σ_g e[h(g)] / sqrt(number of g)`

    where `h ← (257 h + byte) mod num_buckets`, from h = n. It learns to read
    from some thousand captions, where a transformer needs many more, and knows
    no order of words. Three bytes of UTF-8 are a Chinese character.

    Args:
        length: Number of ids of a text, at least the largest size.
        width: Dimension of the vector.
        sizes: Sizes n of the n-grams.
        num_buckets: Number of learned vectors, which n-grams share by chance;
            from 2 to 4,000,000.
        name: Name of the network.

    Returns:
        A `keras.Model` from ids of `ops.byte_ids`, int (batch, length), to
        (batch, width).

    Raises:
        ValueError: Arguments are out of range.

    Reference: Bojanowski et al., Enriching Word Vectors with Subword
    Information, 2017, section 3.2: n-grams, and their hashes.

    Example:

    >>> ngram_encoder(length=8, width=16)(ops.ones((2, 8), "int32")).shape
    TensorShape([2, 16])
    """
    if not sizes or not 1 <= min(sizes) <= max(sizes) <= length:
        raise ValueError(
            "`sizes` must be from 1 to `length`. Received: "
            f"sizes={tuple(sizes)}, length={length}"
        )
    if not 2 <= num_buckets <= 4_000_000:  # hashes are int32
        raise ValueError(
            "`num_buckets` must be from 2 to 4,000,000. Received: "
            f"num_buckets={num_buckets}"
        )
    ids = keras.Input((length,), dtype="int32", name="ids")
    buckets, shown = [], []
    for size in sizes:
        bucket = size + ops.zeros_like(ids[:, size - 1 :])
        for place in range(size):
            byte = ids[:, place : length - size + 1 + place]
            bucket = (VOCABULARY * bucket + byte) % num_buckets
        buckets.append(bucket)
        shown.append(ids[:, size - 1 :] > 0)
    x = layers.Embedding(num_buckets, width, name="byte_ngrams")(
        ops.concatenate(buckets, axis=1)
    )
    weights = ops.cast(ops.concatenate(shown, axis=1), x.dtype)
    count = ops.maximum(ops.sum(weights, axis=1, keepdims=True), 1.0)
    x = ops.sum(x * weights[:, :, None], axis=1) / ops.sqrt(count)
    return keras.Model(ids, x, name=name)


def with_text(network, text_encoder, name=None):
    """Joins a conditional network and a text encoder: a network of texts.

    Both are trained together; freeze a pretrained encoder before, with
    `text_encoder.trainable = False`.

    Args:
        network: Network whose last inputs are tokens, (batch, length, dim),
            and their mask, such as
            `diffusion_unet(..., condition_shape=(64, 128))`; or whose last
            input is a vector, (batch, dim).
        text_encoder: Network from token ids, int (batch, length), with 0
            where there is none, to (batch, length, dim); or to one vector of
            the whole text, (batch, dim).
        name: Name of the joined network; None for that of `network`.

    Returns:
        A `keras.Model` with the ids in place of the condition. A text without
        ids stands for no condition.

    Raises:
        ValueError: The networks do not fit each other.
    """
    made = tuple(text_encoder.outputs[0].shape[1:])
    taken = [tuple(each.shape[1:]) for each in network.inputs]
    condition = [made] if len(made) == 1 else [made, made[:1]]
    if taken[-len(condition) :] != condition:
        raise ValueError(
            "`network` must take what `text_encoder` makes, and of tokens "
            f"their mask: make it with `condition_shape={made}`. Received "
            f"inputs of {taken}"
        )
    first = [
        keras.Input(batch_shape=each.shape, dtype=each.dtype, name=each.name)
        for each in network.inputs[: -len(condition)]
    ]
    ids = keras.Input(text_encoder.input_shape[1:], dtype="int32", name="ids")
    shown = ops.cast(ids > 0, "float32")
    if len(made) == 1:
        any_shown = ops.max(shown, axis=1, keepdims=True)
        texts = [text_encoder(ids) * any_shown]
    else:
        texts = [text_encoder(ids), shown]
    outputs = network([*first, *texts])
    return keras.Model([*first, ids], outputs, name=name or network.name)
