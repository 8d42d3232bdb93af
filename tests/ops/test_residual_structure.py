"""`ops.residual_structure` against NumPy, and what noise and texture have."""

import numpy as np
import pytest
import skimage.data

from keras_synth.ops import residual_structure

RNG = np.random.default_rng(0)


def by_hand(image, restored):
    """The definition, of one image, in double precision."""
    image, restored = (x.astype("float64").mean(-1) for x in (image, restored))
    residual = image - restored
    kurtosis = np.mean(residual**4) / np.mean(residual**2) ** 2
    rows, columns = (side // 9 for side in image.shape)
    both = [
        [
            (np.sqrt(np.mean(r**2)), np.std(x))
            for r, x in (
                (residual[i : i + 9, j : j + 9], restored[i : i + 9, j : j + 9])
                for j in range(0, 9 * columns, 9)
            )
        ]
        for i in range(0, 9 * rows, 9)
    ]
    pairs = np.reshape(both, (-1, 2)).T
    return kurtosis * (1 + np.corrcoef(pairs)[0, 1])


@pytest.mark.parametrize("channels", [1, 3])
def test_it_is_its_definition(channels):
    images = RNG.uniform(size=(3, 50, 61, channels)).astype("float32")
    restored = images + 0.1 * RNG.normal(size=images.shape) ** 3
    restored = restored.astype("float32")
    expected = [by_hand(*pair) for pair in zip(images, restored, strict=True)]
    np.testing.assert_allclose(
        residual_structure(images, restored), expected, rtol=1e-4
    )


def test_noise_has_less_than_the_details_of_a_photograph():
    photo = skimage.data.coffee()[None, :300, :300] / 255.0
    noise = 0.02 * RNG.normal(size=photo.shape)
    blurred = np.mean(
        [np.roll(photo, (i, j), (1, 2)) for i in (0, 1) for j in (0, 1)], axis=0
    )
    (of_noise,) = residual_structure(photo + noise, photo)
    (of_details,) = residual_structure(photo, blurred)
    assert of_noise < 3.2 and of_details > 10


def test_nothing_removed_has_none_and_images_may_be_tiny():
    image = RNG.uniform(size=(1, 20, 20, 1)).astype("float32")
    assert residual_structure(image, image)[0] == 0
    # One block: there is nothing to correlate.
    tiny, none = image[:, :5, :7], np.zeros((1, 5, 7, 1))
    expected = np.mean(tiny**4) / np.mean(tiny**2) ** 2
    np.testing.assert_allclose(
        residual_structure(tiny, none)[0], expected, rtol=1e-5
    )
