"""Texts: ids, the encoder, and networks that are joined with it."""

import keras
import numpy as np
import pytest

from keras_synth import models, networks
from keras_synth.ops import byte_ids

TEXTS = ["a smiling cat", "微笑的猫", "", "a cat that smiles on and on"]


def small_encoder(**options):
    options = {"length": 12, "width": 8, "num_heads": 2} | options
    return networks.text_encoder(**options)


def test_ids_are_bytes_in_every_language():
    ids = byte_ids(TEXTS, 16)
    assert ids.shape == (4, 16) and ids.dtype == "int32"
    for text, row in zip(TEXTS[:2], ids[:2], strict=True):
        assert bytes((row[row > 0] - 1).tolist()).decode() == text
    assert not ids[2].any()
    np.testing.assert_array_equal(byte_ids(TEXTS[0], 16), ids[0])


def test_long_texts_are_cut_between_characters():
    assert byte_ids("微笑的猫", 8).tolist()[6:] == [0, 0]
    assert (byte_ids(TEXTS[3], 8) > 0).all()
    with pytest.raises(TypeError, match="must be str"):
        byte_ids([3], 8)


def test_what_follows_a_text_changes_nothing_and_order_does():
    short, long = small_encoder(length=4), small_encoder(length=12)
    for ours, theirs in zip(long.weights, short.weights, strict=True):
        values = np.asarray(theirs)
        if ours.shape != theirs.shape:  # positions
            values = np.concatenate([values, 9.0 + np.asarray(ours)[4:]])
        ours.assign(values)
    expected = short(byte_ids(["cat"], 4))
    np.testing.assert_allclose(
        long(byte_ids(["cat"], 12))[:, :3], expected[:, :3], atol=1e-5
    )
    other = short(byte_ids(["act"], 4))
    assert np.abs(other - expected)[:, 2].max() > 1e-4


@pytest.mark.slow
def test_encoder_and_generator_are_trained_together(tmp_path):
    image = keras.Input((4, 4, 1))
    network = networks.dit(
        (4, 4, 1), 2, 8, 1, num_heads=2, condition_shape=(12, 8)
    )
    joined = networks.with_text(network, small_encoder())
    assert [tuple(each.shape) for each in joined.inputs] == [
        (None, *image.shape[1:]),
        (None,),
        (None, 12),
    ]
    flow = models.FlowMatching(
        joined, sampler=models.FlowSampler("euler", 2), seed=0
    )
    assert flow.condition.kind == "ids"
    flow.compile(keras.optimizers.Adam(1e-2))
    ids = byte_ids(TEXTS, 12)
    images = np.random.default_rng(0).uniform(size=(4, 4, 4, 1))
    before = [np.asarray(w) for w in flow.network.trainable_weights]
    flow.fit(images, ids, epochs=6, verbose=0)
    moved = [
        np.abs(old - np.asarray(new)).max() > 0
        for old, new in zip(before, flow.network.trainable_weights, strict=True)
    ]
    # Not the biases of keys, which attention does not see.
    assert np.mean(moved) > 0.9
    samples = flow.sample(4, labels=ids, seed=0)
    again = flow.sample(4, labels=ids[::-1].copy(), seed=0)
    assert np.abs(samples - again).max() > 0
    # The empty text is no condition.
    np.testing.assert_allclose(samples[2], flow.sample(4, seed=0)[2], atol=1e-6)
    flow.save(tmp_path / "flow.keras")
    loaded = keras.saving.load_model(tmp_path / "flow.keras")
    np.testing.assert_allclose(
        loaded.sample(4, labels=ids, seed=0), samples, atol=1e-6
    )


def test_a_frozen_encoder_is_loaded_frozen(tmp_path):
    encoder = small_encoder(num_blocks=1)
    encoder.trainable = False
    network = networks.dit(
        (4, 4, 1), 2, 8, 1, num_heads=2, condition_shape=(12, 8)
    )
    flow = models.FlowMatching(networks.with_text(network, encoder))
    flow.compile()
    flow.save(tmp_path / "flow.keras")
    loaded = keras.saving.load_model(tmp_path / "flow.keras")
    wanted = [v.path for v in flow.network.trainable_variables]
    assert [v.path for v in loaded.network.trainable_variables] == wanted
    count = len(flow.optimizer.variables)
    assert len(loaded.optimizer.variables) == count


def test_a_wide_encoder_has_the_weights_of_a_transformer():
    width, length, blocks = 16, 10, 3
    network = networks.text_encoder(length, width, blocks)
    block = 4 * width * (width + 1) + 8 * width**2 + 5 * width + 4 * width
    expected = 257 * width + length * width + blocks * block + 2 * width
    assert network.count_params() == expected


def test_ngrams_are_hashed_and_summed():
    """Against a loop over the bytes of each text, in several languages."""
    sizes, buckets, width = (1, 2, 3), 37, 5
    encoder = networks.ngram_encoder(12, width, sizes, buckets)
    ids = byte_ids(TEXTS, 12)
    table = encoder.get_layer("byte_ngrams").get_weights()[0]
    for row, found in zip(ids, np.asarray(encoder(ids)), strict=True):
        vectors = []
        for size in sizes:
            for start in range(np.count_nonzero(row) - size + 1):
                bucket = size
                for byte in row[start : start + size]:
                    bucket = (257 * bucket + int(byte)) % buckets
                vectors.append(table[bucket])
        expected = np.sum(vectors, axis=0) if vectors else np.zeros(width)
        expected = expected / np.sqrt(max(len(vectors), 1))
        np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize(
    "options",
    [
        {"sizes": ()},
        {"sizes": (0, 1)},
        {"sizes": (1, 9)},
        {"num_buckets": 1},
        {"num_buckets": 5_000_000},
    ],
)
def test_ngrams_out_of_range_are_refused(options):
    with pytest.raises(ValueError, match=f"`{next(iter(options))}` must be"):
        networks.ngram_encoder(8, **options)


def test_an_encoder_of_whole_texts_makes_a_vector():
    encoder = small_encoder()
    ids = keras.Input((12,), dtype="int32")
    encoder = keras.Model(ids, keras.ops.mean(encoder(ids), axis=1))
    network = networks.dit(
        (4, 4, 1), 2, 8, 1, num_heads=2, condition_shape=(8,)
    )
    for weight in network.trainable_weights:  # some of them start at 0
        weight.assign(keras.random.normal(weight.shape, seed=1))
    joined = networks.with_text(network, encoder)
    texts = keras.ops.convert_to_tensor(byte_ids(TEXTS[:3], 12))
    image = keras.random.normal((3, 4, 4, 1), seed=0)
    time = keras.ops.ones(3)
    vectors = np.array(encoder(texts))
    vectors[2] = 0.0  # the empty text is no condition
    np.testing.assert_allclose(
        joined([image, time, texts]),
        network([image, time, keras.ops.convert_to_tensor(vectors)]),
        rtol=1e-4,
        atol=1e-4,
    )


def test_networks_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="condition_shape"):
        networks.with_text(networks.dit((4, 4, 1)), small_encoder())
    with pytest.raises(ValueError, match="divisible by `num_heads`"):
        small_encoder(width=9)
