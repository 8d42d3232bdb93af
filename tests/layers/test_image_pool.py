"""ImagePool: nothing is lost, nothing is doubled, half is swapped."""

import keras
import numpy as np
import pytest

from keras_synth.layers import ImagePool


def levels(*values):
    """Images of one level each."""
    return np.ones((1, 2, 3, 1), "float32") * np.reshape(values, (-1, 1, 1, 1))


def levels_of(images):
    images = np.asarray(images)
    np.testing.assert_array_equal(images, levels(*images[:, 0, 0, 0]))
    return [int(level) for level in images[:, 0, 0, 0]]


def test_it_is_filled_first():
    pool = ImagePool(4, seed=0)
    for batch in ([1, 2], [3, 4, 5], [6]):
        before = levels_of(pool.images) if pool.built else [0] * 4
        made = levels_of(pool(levels(*batch)))
        if batch != [6]:
            assert made == batch
    assert before == [1, 2, 3, 4]  # 5 found no place
    assert made in ([6], [1], [2], [3], [4])


@pytest.mark.parametrize("count", [1, 3, 4, 6])
def test_images_are_swapped_with_those_of_earlier_batches(count):
    """In and out together hold the same images before and after."""
    pool = ImagePool(4, seed=1)
    pool(levels(1, 2, 3, 4))
    swapped, places = 0, set()
    for step in range(40):
        batch = list(range(10 * step + 10, 10 * step + 10 + count))
        before = levels_of(pool.images)
        made = levels_of(pool(levels(*batch)))
        after = levels_of(pool.images)
        assert sorted(before + batch) == sorted(after + made)
        for new, old in zip(batch, made, strict=True):
            if new == old:
                assert new not in after
            else:
                assert after.index(new) == before.index(old)
                swapped += 1
                places.add(before.index(old))
    # Half of those that find a place.
    expected = 40 * min(count, 4) / 2
    assert abs(swapped - expected) < 4 * np.sqrt(expected / 2)
    assert places == set(range(4))


def test_state_is_saved(tmp_path):
    def build():
        image = keras.Input((2, 3, 1))
        return keras.Model(image, ImagePool(3, seed=2)(image))

    model, again = build(), build()
    pool = model.layers[1]
    pool(levels(1, 2, 3))
    model.save_weights(tmp_path / "pool.weights.h5")
    again.load_weights(tmp_path / "pool.weights.h5")
    assert levels_of(again.layers[1].images) == [1, 2, 3]
    assert int(again.layers[1].num_images) == 3
    assert ImagePool.from_config(pool.get_config()).pool_size == 3
    assert pool.compute_output_shape((None, 2, 3, 1)) == (None, 2, 3, 1)


def test_bad_sizes_are_refused():
    with pytest.raises(ValueError, match="`pool_size` must be a positive int"):
        ImagePool(0)


def test_all_images_of_a_batch_above_the_pool_may_be_swapped():
    pool, swaps = ImagePool(2, seed=0), np.zeros(4)
    pool(levels(0, 0))
    for step in range(1, 201):
        swaps += np.array(levels_of(pool(levels(*[step] * 4)))) < step
    # Two of four are chosen, half of which are swapped.
    np.testing.assert_allclose(swaps / 200, 0.25, atol=0.1)


@pytest.mark.parametrize("shape", [(2, 2, 3, 3), (2, 4, 3, 1)])
def test_images_of_another_shape_are_refused(shape):
    pool = ImagePool(4, seed=0)
    pool(levels(1, 2))
    with pytest.raises(ValueError, match="This pool is for images of shape"):
        pool(np.zeros(shape, "float32"))
