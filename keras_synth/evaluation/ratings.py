"""Ratings by people: Bradley-Terry, mean opinion scores, agreement."""

import dataclasses
import math

import numpy as np
from scipy import sparse, stats

_ITERATIONS, _TOLERANCE = 100, 1e-8
_LARGEST_STEP = 2.0  # of Newton's method, in a log strength
# ITU-R BT.500-15, annex 1, section 2.3.1.
_NORMAL_KURTOSIS = (2.0, 4.0)
_NORMAL, _OTHER = 2.0, math.sqrt(20.0)  # standard deviations
_SHARE, _ONE_SIDED = 0.05, 0.3
_QUANTILE = 1.96


@dataclasses.dataclass(frozen=True, eq=False)
class BradleyTerry:
    """Result of `bradley_terry`.

    Attributes:
        strengths: Array (methods,): the log strengths θ, of mean 0.
        intervals: Array (methods, 2): their confidence intervals.
        log_tie: log ν of the ties; -inf where nobody answered "no
            difference".
        num_answers: Number of answers.
    """

    strengths: np.ndarray
    intervals: np.ndarray
    log_tie: float
    num_answers: int

    def probabilities(self, first, second):
        """Probabilities of the answers to a pair.

        Args:
            first: Index of a method.
            second: Index of another one.

        Returns:
            `(first is better, no difference, second is better)`, of sum 1.
        """
        one, other = self.strengths[[first, second]]
        logits = np.array([one, self.log_tie + (one + other) / 2, other])
        odds = np.exp(logits - logits.max())
        return tuple(float(each) for each in odds / odds.sum())


def bradley_terry(
    pairs,
    outcomes,
    num_methods,
    *,
    raters=None,
    penalty=0.01,
    level=0.95,
    num_bootstrap=1000,
    seed=0,
):
    """Bradley-Terry strengths of methods from pairs, with ties (Davidson).

    With log strengths θ, the first method of a pair is better, neither is, or
    the second one is, with probabilities in the proportion

        exp(θ₁) : ν exp((θ₁ + θ₂) / 2) : exp(θ₂)

    The log-likelihood, less `penalty` times the sum of squares of θ and log ν,
    is maximized by Newton's method. The intervals are those between quantiles
    of the bootstrap, which draws raters, or else answers, with replacement.

    Args:
        pairs: Ints (answers, 2), the indices of the two methods.
        outcomes: (answers,): 1 where the first one is better, -1 where the
            second one is, 0 for no difference.
        num_methods: Number of methods.
        raters: (answers,), who gave each answer: ints or strs. The answers of
            one rater are no independent ones, so that whole raters are drawn.
            None draws answers.
        penalty: Weight of the squares. It keeps strengths finite where a
            method has won, or lost, every pair.
        level: Probability that an interval covers the true strength.
        num_bootstrap: Number of times that answers are drawn.
        seed: Seed of the bootstrap.

    Returns:
        A `BradleyTerry`.

    Raises:
        ValueError: Arguments are out of range, or no chain of answers connects
            some methods.

    Example:

    >>> fit = bradley_terry([(0, 1)] * 4, [1, 1, 0, -1], 2)
    >>> bool(fit.strengths[0] > fit.strengths[1])
    True

    Reference: Davidson, On Extending the Bradley-Terry Model to Accommodate
    Ties in Paired Comparison Experiments, 1970, equation 2.6.
    """
    pairs, outcomes = _checked(pairs, outcomes, num_methods)
    if not 0 < level < 1 or not penalty > 0 or num_bootstrap < 1:
        raise ValueError(
            "`level` must be between 0 and 1, `penalty` above 0 and "
            "`num_bootstrap` at least 1. Received: "
            f"{level}, {penalty}, {num_bootstrap}"
        )
    methods, counts = _counts(pairs, outcomes, num_methods, raters)
    features = _features(methods, num_methods)
    total = counts.sum(0)
    if not (outcomes == 0).any():
        total[:, 1] = 0.0
        features = features[:, [0, 2], :num_methods]
        counts = counts[:, :, [0, 2]]
        total = total[:, [0, 2]]
    start = np.zeros((1, features.shape[-1]))
    found = _maximized(total[None], features, penalty, start)
    drawn = _drawn(counts, raters, num_bootstrap, seed)
    replicas = _maximized(drawn, features, penalty, found)
    strengths = _centered(found[:, :num_methods])[0]
    tails = [(1.0 - level) / 2, (1.0 + level) / 2]
    spread = _centered(replicas[:, :num_methods]) - strengths
    if raters is not None:  # few raters vary less than all people do
        spread *= math.sqrt(len(counts) / (len(counts) - 1))
    intervals = strengths[:, None] + np.quantile(spread, tails, axis=0).T
    with_ties = found.shape[1] > num_methods
    return BradleyTerry(
        strengths,
        intervals,
        float(found[0, -1]) if with_ties else -math.inf,
        len(pairs),
    )


def _checked(pairs, outcomes, num_methods):
    pairs, outcomes = np.asarray(pairs), np.asarray(outcomes)
    if (
        pairs.shape != (len(outcomes), 2)
        or not len(pairs)
        or not np.issubdtype(pairs.dtype, np.integer)
        or pairs.min() < 0
        or pairs.max() >= num_methods
        or (pairs[:, 0] == pairs[:, 1]).any()
    ):
        raise ValueError(
            "`pairs` must be ints (answers, 2), two different ones from 0 to "
            f"{num_methods - 1} for each outcome. Received: shape "
            f"{pairs.shape} of {pairs.dtype} for {len(outcomes)} outcomes"
        )
    if not np.isin(outcomes, (-1, 0, 1)).all():
        raise ValueError(
            "`outcomes` must be 1 (the first is better), 0 (no difference) or "
            f"-1 (the second is better). Received: {np.unique(outcomes)}"
        )
    ones = np.ones(len(pairs))
    graph = sparse.coo_array(
        (ones, (pairs[:, 0], pairs[:, 1])), shape=(num_methods, num_methods)
    )
    parts, which = sparse.csgraph.connected_components(graph, directed=False)
    if parts > 1:
        apart = np.flatnonzero(which != which[0]).tolist()
        raise ValueError(
            f"No chain of answers compares the methods {apart} with method 0: "
            "ask for more pairs."
        )
    return pairs, outcomes


def _counts(pairs, outcomes, num_methods, raters):
    """`(pairs of methods (p, 2), answers (raters, p, 3))`.

    Without raters, all answers are those of one.
    """
    methods = np.stack(np.triu_indices(num_methods, 1), axis=1)
    place = np.zeros((num_methods, num_methods), int)
    place[tuple(methods.T)] = np.arange(len(methods))
    low, high = np.sort(pairs, axis=1).T
    outcome = np.where(pairs[:, 0] < pairs[:, 1], outcomes, -outcomes)
    who = np.zeros(len(pairs), int)
    if raters is not None:
        if np.shape(raters) != (len(pairs),):
            raise ValueError(
                "`raters` must say who gave each answer. Received: shape "
                f"{np.shape(raters)} for {len(pairs)} answers"
            )
        names, who = np.unique(np.asarray(raters), return_inverse=True)
        if len(names) < 2:
            raise ValueError("`raters` must be two at least. Received: one")
    counts = np.zeros((who.max() + 1, len(methods), 3))
    np.add.at(counts, (who, place[low, high], 1 - outcome), 1.0)
    return methods, counts


def _features(methods, num_methods):
    """What θ and log ν count for in the log odds: (p, 3, methods + 1)."""
    one, other = np.eye(num_methods + 1)[methods.T]
    tie = (one + other) / 2
    tie[:, -1] = 1.0
    return np.stack([one, tie, other], axis=1)


def _drawn(counts, raters, num_bootstrap, seed):
    """Answers drawn with replacement: (num_bootstrap, p, outcomes)."""
    generator = np.random.default_rng(seed)
    if raters is None:
        shares = counts[0].ravel() / counts.sum()
        drawn = generator.multinomial(
            int(counts.sum()), shares, size=num_bootstrap
        )
    else:
        people = len(counts)
        weights = generator.multinomial(
            people, np.full(people, 1 / people), size=num_bootstrap
        )
        drawn = weights @ counts.reshape(people, -1)
    return drawn.reshape(-1, *counts.shape[1:]).astype(float)


def _maximized(counts, features, penalty, start):
    """Newton's method, for a batch of counts (batch, p, outcomes)."""
    batch, size = len(counts), features.shape[-1]
    flat = features.reshape(-1, size)
    products = (flat[:, :, None] * flat[:, None]).reshape(len(flat), -1)
    asked = counts.sum(-1)
    x = np.broadcast_to(start, (batch, size)).copy()
    for _ in range(_ITERATIONS):
        logits = (x @ flat.T).reshape(counts.shape)
        odds = np.exp(logits - logits.max(-1, keepdims=True))
        expected = asked[..., None] * odds / odds.sum(-1, keepdims=True)
        of_pair = np.einsum("bpk,pkx->bpx", expected, features)
        gradient = (counts - expected).reshape(batch, -1) @ flat
        gradient -= 2 * penalty * x
        curvature = (expected.reshape(batch, -1) @ products).reshape(
            batch, size, size
        )
        scaled = of_pair / np.maximum(asked, 1.0)[..., None]
        curvature -= np.swapaxes(of_pair, 1, 2) @ scaled
        curvature += 2 * penalty * np.eye(size)
        step = np.linalg.solve(curvature, gradient[..., None])[..., 0]
        x += np.clip(step, -_LARGEST_STEP, _LARGEST_STEP)
        if np.abs(step).max() < _TOLERANCE:
            break
    return x


def _centered(strengths):
    return strengths - strengths.mean(axis=1, keepdims=True)


def screen_raters(scores):
    """Screening of raters by ITU-R BT.500: who answers unlike all others.

    A score is far off above or below the mean of its presentation by 2
    standard deviations, or √20 where the kurtosis lies outside of 2 to 4. A
    rater is left out where more than 5 % of the scores are far off, about as
    many above as below: the difference is less than 30 % of their number.

    Args:
        scores: Floats (raters, presentations), NaN where a rater did not
            answer.

    Returns:
        Array (raters,) of bool: True for those that are kept.

    Example:

    >>> screen_raters(np.full((3, 4), 5.0)).tolist()
    [True, True, True]

    Reference: Recommendation ITU-R BT.500-15, 2023, annex 1, section 2.3.1.
    """
    scores = _scores(scores)
    known = ~np.isnan(scores)
    count = np.maximum(known.sum(0), 1)
    mean = np.where(known, scores, 0.0).sum(0) / count
    off = np.where(known, scores - mean, 0.0)
    second, fourth = (off**2).sum(0), (off**4).sum(0)
    deviation = np.sqrt(second / np.maximum(count - 1, 1))
    with np.errstate(invalid="ignore", divide="ignore"):
        kurtosis = count * fourth / second**2
    low, high = _NORMAL_KURTOSIS
    normal = (kurtosis >= low) & (kurtosis <= high)
    far = np.where(normal, _NORMAL, _OTHER) * deviation
    varied = known & (deviation > 0)
    above = (varied & (off >= far)).sum(1)
    below = (varied & (off <= -far)).sum(1)
    both = above + below
    often = both > _SHARE * known.sum(1)
    two_sided = np.abs(above - below) < _ONE_SIDED * both
    return ~(often & two_sided)


def mean_opinion_scores(scores):
    """Mean opinion scores (MOS), with intervals of 95 % by ITU-R BT.500.

        mean ± 1.96 S / √N

    Args:
        scores: Floats (raters, presentations), NaN where a rater did not
            answer. A presentation is an image or, with the mean score that a
            rater gave each, a method.

    Returns:
        `(means, half widths, counts)`, arrays (presentations,). What nobody
        rated has NaN, what one rater alone did an infinite half width.

    Example:

    >>> means, half, counts = mean_opinion_scores([[4.0], [5.0], [3.0]])
    >>> float(means[0]), round(float(half[0]), 3)
    (4.0, 1.132)

    Reference: Recommendation ITU-R BT.500-15, 2023, annex 1, section 2.2.1.
    """
    scores = _scores(scores)
    known = ~np.isnan(scores)
    count = known.sum(0)
    total = np.where(known, scores, 0.0).sum(0)
    means = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    off = np.where(known, scores - means, 0.0)
    variance = (off**2).sum(0) / np.maximum(count - 1, 1)
    half = _QUANTILE * np.sqrt(variance / np.maximum(count, 1))
    half = np.where(count > 1, half, np.where(count > 0, np.inf, np.nan))
    return means, half, count


def krippendorff_alpha(ratings, level="nominal"):
    """Agreement of raters: Krippendorff's α = 1 - observed / expected.

    1 is agreement, 0 what chance gives.

    Args:
        ratings: Floats (raters, units), NaN where a rater did not answer.
        level: "nominal" (answers are equal or not), "ordinal" (scores), or
            "interval" (the squared difference counts).

    Returns:
        α, a float; NaN where no two raters answered about one unit, or all
        answers are the same.

    Raises:
        ValueError: There is no such level.

    Example:

    >>> krippendorff_alpha([[1, 2, 2, 1], [1, 2, 2, 1]])
    1.0

    Reference: Krippendorff, Computing Krippendorff's Alpha-Reliability, 2011.
    """
    ratings = _scores(ratings)
    values, places = np.unique(ratings[~np.isnan(ratings)], return_inverse=True)
    counts = np.zeros((ratings.shape[1], len(values)))  # (units, values)
    np.add.at(counts, (np.nonzero(~np.isnan(ratings))[1], places), 1.0)
    counts = counts[counts.sum(1) > 1]
    each = counts.sum(1)
    pairs = counts.T @ (counts / np.maximum(each - 1, 1)[:, None])
    pairs -= np.diag((counts / (each - 1)[:, None]).sum(0))
    totals = pairs.sum(0)
    expected = np.outer(totals, totals) - np.diag(totals)
    distance = _distances(values, totals, level)
    chance = (expected * distance).sum()
    if not chance > 0:
        return math.nan
    observed = (pairs * distance).sum()
    return float(1.0 - (totals.sum() - 1.0) * observed / chance)


def _distances(values, totals, level):
    """Squared distances between values (values, values)."""
    if level == "nominal":
        return 1.0 - np.eye(len(values))
    if level == "interval":
        return np.subtract.outer(values, values) ** 2
    if level == "ordinal":
        # The sum of the totals from one value to the other, ends by half.
        ranks = np.cumsum(totals) - totals / 2
        return np.subtract.outer(ranks, ranks) ** 2
    raise ValueError(
        f"`level` must be nominal, ordinal or interval. Received: {level!r}"
    )


def rank_correlation(ratings, metric):
    """Rank correlation of people's ratings with a metric.

    Args:
        ratings: (methods,): strengths or mean opinion scores.
        metric: (methods,): PSNR, SSIM or LPIPS, say. Of a distance, such as
            LPIPS, a good metric has a correlation near -1.

    Returns:
        `(Spearman's ρ, Kendall's τ)`; NaN where all values are the same.

    Raises:
        ValueError: There are fewer than two methods, or not as many values.

    Example:

    >>> rank_correlation([0.1, 0.2, 0.9], [20.0, 25.0, 31.0])
    (1.0, 1.0)
    """
    ratings, metric = np.asarray(ratings, float), np.asarray(metric, float)
    if ratings.shape != metric.shape or ratings.ndim != 1 or len(metric) < 2:
        raise ValueError(
            "`ratings` and `metric` must have a value for each of two methods "
            f"or more. Received: shapes {ratings.shape} and {metric.shape}"
        )
    if np.ptp(ratings) == 0 or np.ptp(metric) == 0:
        return math.nan, math.nan
    rho = stats.spearmanr(ratings, metric).statistic
    tau = stats.kendalltau(ratings, metric).statistic
    return round(float(rho), 12), round(float(tau), 12)


def _scores(scores):
    scores = np.asarray(scores, float)
    if scores.ndim != 2:
        raise ValueError(
            "Expected one row for each rater and one column for each image or "
            f"unit, NaN where there is no answer. Received: {scores.shape}"
        )
    return scores
