"""Membership inference: rates against scikit-learn and closed forms."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from scipy.stats import norm

from keras_synth.evaluation import membership_inference
from keras_synth.evaluation.membership import attack_scores


def gaussians(distance, count, seed=0):
    random = np.random.default_rng(seed)
    return random.normal(distance, 1, count), random.normal(0, 1, count)


@pytest.mark.parametrize("ties", [False, True])
def test_rates_equal_scikit_learn(ties):
    metrics = pytest.importorskip("sklearn.metrics")
    members, others = gaussians(1.0, 400)
    others = others[:250]
    if ties:
        members, others = np.round(members), np.round(others)
    found = membership_inference(members, others, num_resamples=2)
    scores = np.concatenate([members, others])
    truth = np.arange(650) < 400
    assert found.auc == pytest.approx(metrics.roc_auc_score(truth, scores))
    false, true, _ = metrics.roc_curve(truth, scores, drop_intermediate=False)
    assert found.tpr == pytest.approx(true[false <= 0.01].max())
    assert (found.num_members, found.num_others) == (400, 250)


@pytest.mark.parametrize("distance", [0.0, 1.0, 2.0])
def test_two_gaussians_have_the_rates_of_the_closed_form(distance):
    found = membership_inference(*gaussians(distance, 200_000), 1)
    auc = norm.cdf(distance / np.sqrt(2))
    tpr = norm.sf(norm.isf(0.01) - distance)
    assert found.auc == pytest.approx(auc, abs=3e-3)
    assert found.tpr == pytest.approx(tpr, abs=5e-3)


def test_intervals_are_as_wide_as_theory_says():
    """DeLong's standard error, computed from the kernel's projections."""
    members, others = gaussians(1.0, 500)
    found = membership_inference(members, others)
    wins = members[:, None] > others
    error = np.sqrt(
        wins.mean(1).var(ddof=1) / 500 + wins.mean(0).var(ddof=1) / 500
    )
    low, high = found.auc_interval
    assert low < found.auc < high
    assert high - low == pytest.approx(2 * 1.96 * error, rel=0.1)
    assert found.tpr_interval[0] < found.tpr < found.tpr_interval[1]
    again = membership_inference(members, others)
    assert again == found != membership_inference(members, others, seed=1)


def test_scores_that_are_the_same_for_all_are_chance():
    found = membership_inference(np.zeros(300), np.zeros(200), 3)
    assert found.auc == 0.5 and found.tpr == 0.0
    found = membership_inference(np.ones(300), np.zeros(200), 3)
    assert found.auc == found.tpr == 1.0


@pytest.mark.parametrize(
    "scores", [[], [[1.0]], [np.nan, 1.0]], ids=["none", "matrix", "nan"]
)
def test_bad_scores_are_refused(scores):
    with pytest.raises(ValueError, match="`members` must be a vector"):
        membership_inference(scores, [1.0])
    with pytest.raises(ValueError, match="`others` must be a vector"):
        membership_inference([1.0], scores)


class Fake:
    """A model whose log p(x) and logit are the mean, times a factor."""

    conditional = False

    def __init__(self, factor=1.0):
        self.factor = factor

    def log_likelihood(self, images, labels, seed):
        return self.factor * images.mean(axis=(1, 2, 3))

    def discriminate(self, images, labels):
        return -self.factor * images.mean(axis=3)  # a map of logits


def images(count, seed):
    return np.random.default_rng(seed).uniform(size=(count, 3, 3, 1))


def test_scores_are_calibrated_by_similar_images():
    every, samples = images(140, 0), images(30, 1)
    found = attack_scores(Fake(), every, 20, samples=samples)
    mean = every.mean(axis=(1, 2, 3))
    flat = every.reshape(140, -1)
    nearest = cdist(flat, samples.reshape(30, -1)).min(axis=1)
    raw = {
        "likelihood": mean,
        "discriminator": -mean,
        "nearest sample": -nearest,
    }
    distances = cdist(flat, flat)
    np.fill_diagonal(distances, np.inf)
    distances[:, :20] = np.inf  # the training images
    similar = np.argsort(distances, axis=1)[:, :5]
    assert set(found) == {*raw, *(f"{name}, calibrated" for name in raw)}
    for name, scores in raw.items():
        np.testing.assert_allclose(found[name], scores)
        np.testing.assert_allclose(
            found[f"{name}, calibrated"], scores - scores[similar].mean(axis=1)
        )


def test_scores_are_calibrated_by_a_reference():
    every, samples = images(40, 0), images(30, 1)
    found = attack_scores(
        Fake(),
        every,
        20,
        samples=samples,
        reference=Fake(0.25),
        reference_samples=samples,
    )
    mean = every.mean(axis=(1, 2, 3))
    np.testing.assert_allclose(found["likelihood, calibrated"], 0.75 * mean)
    np.testing.assert_allclose(found["discriminator, calibrated"], -0.75 * mean)
    np.testing.assert_allclose(found["nearest sample, calibrated"], 0.0)


def test_a_batch_of_the_discriminator_mixes_training_images_and_others():
    class Recording(Fake):
        def discriminate(self, images, labels):
            self.batches.append(set(labels.tolist()))
            assert (labels == images[:, 0, 0, 0]).all()
            return images[:, 0, 0, 0]

    model = Recording()
    model.batches, model.conditional = [], True
    every = np.zeros((300, 3, 3, 1))
    every[150:] = 1.0
    labels = np.repeat([0, 1], 150)
    found = attack_scores(
        model, every, 150, labels=labels, samples=images(9, 1)
    )
    np.testing.assert_array_equal(found["discriminator"], labels)
    assert model.batches == [{0, 1}] * 3
