"""Bradley-Terry, opinion scores and agreement against their packages."""

import itertools
import math

import choix
import krippendorff
import numpy as np
import pytest
from scipy import optimize

from keras_synth.evaluation import ratings

STRENGTHS = np.linspace(-1.2, 1.2, 8)
LOG_TIE = -0.7


def answers(generator, num_raters=20, each=40, log_tie=LOG_TIE):
    """Simulated answers: `(pairs, outcomes, raters)`."""
    methods = np.array(list(itertools.permutations(range(8), 2)))
    pairs = methods[generator.integers(len(methods), size=num_raters * each)]
    one, other = STRENGTHS[pairs].T
    odds = np.exp([one, log_tie + (one + other) / 2, other])
    chosen = (
        np.cumsum(odds / odds.sum(0), 0) < generator.random(len(pairs))
    ).sum(0)
    return pairs, 1 - chosen, np.repeat(np.arange(num_raters), each)


def test_strengths_without_ties_are_those_of_choix():
    pairs, outcomes, _ = answers(np.random.default_rng(0), log_tie=-np.inf)
    wins = [
        p if won > 0 else p[::-1]
        for p, won in zip(pairs, outcomes, strict=True)
    ]
    expected = choix.opt_pairwise(8, wins, alpha=0.01, tol=1e-10)
    fit = ratings.bradley_terry(pairs, outcomes, 8, num_bootstrap=10)
    np.testing.assert_allclose(
        fit.strengths, expected - expected.mean(), atol=1e-6
    )
    assert fit.log_tie == -math.inf
    assert fit.probabilities(0, 7)[1] == 0.0


def test_strengths_with_ties_maximize_the_likelihood_of_davidson():
    pairs, outcomes, _ = answers(np.random.default_rng(1))

    def loss(x):
        one, other = x[pairs].T
        tie = x[-1] + (one + other) / 2
        logits = np.stack([other, tie, one])
        likelihood = logits[outcomes + 1, np.arange(len(pairs))]
        whole = np.log(np.exp(logits).sum(0))
        return (whole - likelihood).sum() + 0.01 * (x**2).sum()

    expected = optimize.minimize(loss, np.zeros(9), tol=1e-9).x
    fit = ratings.bradley_terry(pairs, outcomes, 8, num_bootstrap=10)
    centered = expected[:8] - expected[:8].mean()
    np.testing.assert_allclose(fit.strengths, centered, atol=1e-4)
    assert fit.log_tie == pytest.approx(expected[-1], abs=1e-4)
    # The order of a pair is no information, and probabilities add up.
    turned = ratings.bradley_terry(
        pairs[:, ::-1], -outcomes, 8, num_bootstrap=10
    )
    np.testing.assert_allclose(turned.strengths, fit.strengths, atol=1e-9)
    chances = fit.probabilities(2, 5)
    assert sum(chances) == pytest.approx(1.0)
    assert chances == pytest.approx(fit.probabilities(5, 2)[::-1])


def test_a_method_that_wins_every_pair_stays_finite():
    fit = ratings.bradley_terry([(0, 1)] * 30, [1] * 30, 2, num_bootstrap=50)
    assert 1.0 < fit.strengths[0] < 10.0
    assert np.isfinite(fit.intervals).all()


def test_intervals_are_seeded_and_narrow_with_more_answers():
    few = answers(np.random.default_rng(2), num_raters=10)
    many = answers(np.random.default_rng(2), num_raters=160)
    wide, again, narrow = (
        ratings.bradley_terry(*x[:2], 8, raters=x[2], num_bootstrap=200)
        for x in (few, few, many)
    )
    np.testing.assert_array_equal(wide.intervals, again.intervals)
    widths = [np.ptp(fit.intervals, axis=1).mean() for fit in (wide, narrow)]
    assert widths[0] / widths[1] == pytest.approx(4.0, rel=0.25)


def test_raters_who_agree_with_themselves_widen_the_intervals():
    """Each rater gives the same answer twenty times."""
    pairs, outcomes, _ = answers(np.random.default_rng(3), 40, 10)
    repeated = [np.repeat(x, 20, axis=0) for x in (pairs, outcomes)]
    who = np.repeat(np.arange(400), 20)
    naive = ratings.bradley_terry(*repeated, 8, num_bootstrap=200)
    honest = ratings.bradley_terry(*repeated, 8, raters=who, num_bootstrap=200)
    widths = [np.ptp(fit.intervals, axis=1).mean() for fit in (honest, naive)]
    assert widths[0] / widths[1] == pytest.approx(math.sqrt(20), rel=0.2)


@pytest.mark.parametrize(
    "pairs, outcomes, match",
    [
        ([(0, 0)], [1], "two different ones"),
        ([(0, 8)], [1], "from 0 to 7"),
        ([(0.5, 1)], [1], "ints"),
        ([(0, 1)], [2], "no difference"),
        ([(0, 1)], [1], "No chain of answers"),
    ],
)
def test_answers_that_say_nothing_are_refused(pairs, outcomes, match):
    with pytest.raises(ValueError, match=match):
        ratings.bradley_terry(pairs, outcomes, 8)


def test_raters_are_two_at_least():
    with pytest.raises(ValueError, match="two at least"):
        ratings.bradley_terry([(0, 1)] * 3, [1, 1, -1], 2, raters=[1, 1, 1])


@pytest.mark.slow
def test_intervals_cover_the_truth():
    """Few studies here; the benchmark `ratings` has 300."""
    covered = []
    for seed in range(40):
        pairs, outcomes, raters = answers(np.random.default_rng(seed))
        fit = ratings.bradley_terry(
            pairs, outcomes, 8, raters=raters, num_bootstrap=200, seed=seed
        )
        low, high = fit.intervals.T
        covered.append((low <= STRENGTHS) & (STRENGTHS <= high))
    assert 0.9 <= np.mean(covered) <= 0.985


def test_screening_leaves_out_who_answers_at_random():
    generator = np.random.default_rng(4)
    truth = generator.uniform(1.5, 4.5, 60)
    scores = np.clip(truth + 0.4 * generator.normal(size=(20, 60)), 1, 5)
    scores[7] = generator.choice([1.0, 5.0], 60)
    scores[3] = np.clip(scores[3] + 1.2, 1, 5)  # generous, and consistent
    kept = ratings.screen_raters(scores)
    assert not kept[7] and kept.sum() == 19


def test_screening_follows_the_recommendation():
    """A loop over presentations and raters, as annex 1 writes it."""
    generator = np.random.default_rng(5)
    scores = np.round(3 + 0.7 * generator.normal(size=(12, 60)))
    scores[0] = 3 + 2 * np.sign(generator.normal(size=60))
    scores[generator.random(scores.shape) < 0.2] = np.nan
    high, low = np.zeros(12), np.zeros(12)
    for column in scores.T:
        known = column[~np.isnan(column)]
        off = known - known.mean()
        beta = np.mean(off**4) / np.mean(off**2) ** 2
        far = (2 if 2 <= beta <= 4 else 20**0.5) * known.std(ddof=1)
        for rater, score in enumerate(column):
            high[rater] += score >= known.mean() + far
            low[rater] += score <= known.mean() - far
    share = (high + low) / (~np.isnan(scores)).sum(1)
    with np.errstate(invalid="ignore"):
        one_sided = np.abs(high - low) / (high + low)
    expected = ~((share > 0.05) & (one_sided < 0.3))
    np.testing.assert_array_equal(ratings.screen_raters(scores), expected)
    assert 0 < expected.sum() < 12


def test_mean_opinion_scores():
    scores = [[5, 1, np.nan, np.nan], [3, 1, 4, np.nan], [4, 4, np.nan, np.nan]]
    means, half, counts = ratings.mean_opinion_scores(scores)
    np.testing.assert_array_equal(counts, [3, 3, 1, 0])
    np.testing.assert_allclose(means, [4, 2, 4, np.nan])
    assert half[0] == pytest.approx(1.96 / 3**0.5)
    assert half[2] == math.inf and math.isnan(half[3])


@pytest.mark.parametrize("level", ["nominal", "ordinal", "interval"])
@pytest.mark.parametrize("seed", range(5))
def test_agreement_is_that_of_the_package(level, seed):
    generator = np.random.default_rng(seed)
    scores = generator.integers(1, 6, (7, 25)).astype(float)
    scores[1:3] = np.clip(scores[0] + generator.integers(-1, 2, 25), 1, 5)
    scores[generator.random(scores.shape) < 0.3] = np.nan
    expected = krippendorff.alpha(scores, level_of_measurement=level)
    assert ratings.krippendorff_alpha(scores, level) == pytest.approx(expected)


def test_agreement_without_pairs_is_not_a_number():
    assert math.isnan(ratings.krippendorff_alpha([[1, np.nan], [np.nan, 2]]))
    assert math.isnan(ratings.krippendorff_alpha([[1, 1], [1, 1]]))
    with pytest.raises(ValueError, match="nominal, ordinal or interval"):
        ratings.krippendorff_alpha([[1, 2], [2, 1]], "ratio")


def test_rank_correlation():
    assert ratings.rank_correlation([1, 2, 3], [9, 8, 1]) == (-1.0, -1.0)
    rho, tau = ratings.rank_correlation([1, 2, 3, 4], [1, 3, 2, 4])
    assert (rho, tau) == pytest.approx((0.8, 2 / 3))
    assert all(map(math.isnan, ratings.rank_correlation([1, 2], [5, 5])))
    with pytest.raises(ValueError, match="two methods"):
        ratings.rank_correlation([1], [1])
