"""Coverage of the intervals of Bradley-Terry strengths on simulated studies."""

import itertools

import numpy as np

from benchmarks.rows import figure, write_row
from keras_synth.evaluation import bradley_terry

STUDIES, METHODS, RATERS, ANSWERS = 300, 8, 40, 40
STRENGTHS = np.linspace(-1.4, 1.4, METHODS)
LOG_TIE = -0.7  # a quarter of the answers between equals are ties


def simulated(generator, num_raters=RATERS, each=ANSWERS):
    """Answers of raters to random pairs: `(pairs, outcomes, raters)`."""
    pairs = np.array(list(itertools.permutations(range(METHODS), 2)))
    pairs = pairs[generator.integers(len(pairs), size=num_raters * each)]
    one, other = STRENGTHS[pairs].T
    odds = np.exp([one, LOG_TIE + (one + other) / 2, other])
    limits = np.cumsum(odds / odds.sum(0), axis=0)
    chosen = (limits < generator.random(len(pairs))).sum(0)
    return pairs, 1 - chosen, np.repeat(np.arange(num_raters), each)


def coverage(with_raters):
    """Share of the intervals of 95 % that cover the strength, in %."""
    covered = []
    for study in range(STUDIES):
        pairs, outcomes, raters = simulated(np.random.default_rng(study))
        fit = bradley_terry(
            pairs,
            outcomes,
            METHODS,
            raters=raters if with_raters else None,
            num_bootstrap=500,
            seed=study,
        )
        low, high = fit.intervals.T
        covered.append((low <= STRENGTHS) & (STRENGTHS <= high))
    covered = np.array(covered)
    error = covered.mean(1).std(ddof=1) / STUDIES**0.5
    return 100 * covered.mean(), 100 * error


def run(name):
    """Measures the coverage, and writes the row."""
    figures = {}
    for words, with_raters in (("raters", True), ("answers", False)):
        share, error = coverage(with_raters)
        figures[f"{words} drawn: covered"] = figure(
            share, "%", 1, better="higher", bar=93.0, error=error
        )
        figures[f"{words} drawn: off 95 %"] = figure(
            abs(share - 95), "%", 1, better="lower", bar=2.0
        )
    write_row(
        name,
        "How often do intervals of people's ratings cover the truth?",
        figures,
        data=f"{STUDIES} simulated studies of {METHODS} methods with known "
        f"strengths from {STRENGTHS[0]} to {STRENGTHS[-1]} and ties; {RATERS} "
        f"raters of {ANSWERS} answers each",
        protocol="`evaluation.bradley_terry`, 500 bootstrap replicas, "
        "intervals of 95 %; the share of all intervals that hold the true "
        "strength, which should be 93 to 97 %",
        seed=0,
    )
