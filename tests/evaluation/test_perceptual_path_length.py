"""Perceptual path length of a model whose lengths are known."""

import keras
import numpy as np
import pytest
from keras import ops
from scipy import stats

from keras_synth.evaluation import perceptual_path_length
from keras_synth.metrics import PerceptualDistance

STEP = 1e-4
RNG = np.random.default_rng(0)
MAPPING = RNG.normal(size=(5, 3))
TURNS = 0.1 * RNG.normal(size=(3, 2, 2))  # of each pixel


class Wheel:
    """Pixels whose color turns with the style, by `TURNS` a unit of it.

    The step of a length δ in angle, on a circle of radius ½ in the plane of
    red and green, is one of δ for colors that are scaled to length 1.
    """

    latent_dim, noise_size = 5, 4

    def __init__(self, largest=0.5):
        self.largest = largest
        self.latents, self.labels, self.styles, self.noise = [], [], [], []

    def map_latents(self, latents, labels=None):
        self.latents.append(latents)
        self.labels.append(labels)
        return ops.convert_to_tensor(latents @ MAPPING, "float32")

    def synthesize(self, styles, noise, clip):
        self.styles.append(np.asarray(styles))
        self.noise.append(noise)
        turns = np.tensordot(np.asarray(styles, "float64"), TURNS, 1)
        angles = np.pi / 4 + turns + 0.02 * noise.reshape(-1, 2, 2)
        colors = [np.cos(angles), np.sin(angles), 0 * angles]
        images = self.largest * np.stack(colors, axis=-1)
        return np.clip(images, 0, 1) if clip else images


def distance():
    """Distances in double precision, because steps of 10⁻⁴ are squared."""
    image = keras.Input((2, 2, 3), dtype="float64")
    network = keras.Model(image, {"pixels": image})
    return PerceptualDistance(network, dtype="float64")


def measured(model=None, **options):
    model = model or Wheel()
    return perceptual_path_length(model, distance(), **options), model


def lengths_of(model):
    """Mean over pixels of the squared turn from one style to the other."""
    first, second = (
        np.concatenate(model.latents[start::2]) @ MAPPING for start in (0, 1)
    )
    turns = np.tensordot(second - first, TURNS, 1)
    return np.mean(turns**2, axis=(1, 2))


@pytest.mark.parametrize("sampling", ["full", "end"])
def test_a_generator_of_known_gradient(sampling):
    value, model = measured(num_samples=200, sampling=sampling)
    assert isinstance(value, float)
    # Between the 1st and the 99th percentile: all but the outermost.
    expected = np.mean(np.sort(lengths_of(model))[1:-1])
    assert value == pytest.approx(expected, rel=5e-3)


def test_images_beyond_the_range_are_not_clipped():
    """Colors of three times the length turn as far."""
    inside, _ = measured(num_samples=50)
    beyond, _ = measured(Wheel(1.5), num_samples=50)
    assert beyond == pytest.approx(inside, rel=1e-3)


def test_a_generator_that_ignores_its_style_has_length_0():
    model = Wheel()
    model.map_latents = lambda latents, labels: ops.zeros((len(latents), 3))
    assert measured(model, num_samples=8)[0] == 0.0


def test_outliers_are_left_out():
    class Outlier:
        """The distances of 300 pairs, two of them enormous."""

        def compare(self, here, further, clip):
            values = np.arange(300.0)
            values[[7, 70]] = 1e9
            return STEP**2 * values

    value = perceptual_path_length(Wheel(), Outlier(), 300, batch_size=300)
    kept = [x for x in range(300) if x not in (7, 70)]
    # Ranks 0, 1 and 298, 299 of 0 ... 299 lie outside of 2.99 and 296.01,
    # taken to the ranks around them.
    assert value == pytest.approx(np.mean(kept[2:]), rel=1e-6)


def test_full_samples_the_line_and_end_its_end():
    for sampling in ("full", "end"):
        _, model = measured(num_samples=400, sampling=sampling, batch_size=400)
        first, second = (z @ MAPPING for z in model.latents)
        here, further = model.styles
        way = np.sum((second - first) ** 2, axis=1)
        shares = np.sum((here - first) * (second - first), axis=1) / way
        steps = np.sum((further - here) * (second - first), axis=1) / way
        np.testing.assert_allclose(steps, STEP, rtol=2e-2)
        if sampling == "end":
            np.testing.assert_allclose(shares, 0.0, atol=1e-6)
        else:
            assert stats.kstest(shares, "uniform").pvalue > 0.01


def test_noise_is_the_same_in_a_pair_and_differs_between_pairs():
    _, model = measured(num_samples=6, batch_size=3)
    for here, further in (model.noise[:2], model.noise[2:]):
        np.testing.assert_array_equal(here, further)
    assert np.unique(np.concatenate(model.noise[::2]), axis=0).shape == (6, 4)


def test_labels_are_given_batch_by_batch():
    labels = np.arange(7)
    _, model = measured(num_samples=7, batch_size=3, labels=labels)
    assert [len(z) for z in model.latents] == [3, 3, 3, 3, 1, 1]
    for which in (0, 1):
        found = np.concatenate(model.labels[which::2])
        np.testing.assert_array_equal(found, labels)
    assert measured(num_samples=2)[1].labels == [None, None]
    _, model = measured(num_samples=7, batch_size=3, labels=2)
    np.testing.assert_array_equal(
        np.concatenate(model.labels[::2]), np.full(7, 2)
    )


def test_the_seed_determines_the_value():
    values = [measured(num_samples=20, seed=seed)[0] for seed in (0, 0, 1)]
    assert values[0] == values[1] != values[2]


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match='`sampling` must be "full" or "end"'):
        measured(sampling="middle")
    for number in (0, -3, 2.5):
        with pytest.raises(ValueError, match=f"num_samples={number}"):
            measured(num_samples=number)


def test_models_without_styles_are_refused():
    with pytest.raises(TypeError, match="must have styles"):
        perceptual_path_length(object(), None)
