"""Active sampling: the pair, or the image, whose rating is least certain."""

import collections


class PairTally:
    """Counts of the answers to pairs of methods.

    The share p of answers for one of two methods has the posterior variance

        p (1 - p) / (n + 3)

    of a beta distribution after n answers, a tie being half of one for each,
    and a uniform prior. A unit is `(image, method, other method)`, the methods
    in order.
    """

    def __init__(self):
        self._for_first = collections.Counter()
        self._answered = collections.Counter()
        self._asked = collections.Counter()  # of pairs, and of units

    def ask(self, unit):
        """Counts a question that is asked."""
        self._asked[unit] += 1
        self._asked[unit[1:]] += 1

    def answer(self, unit, value):
        """Counts an answer: 1 for the first method, 0, or -1."""
        self._for_first[unit[1:]] += (1 + value) / 2
        self._answered[unit[1:]] += 1

    def variance(self, unit):
        """Posterior variance of the share of a unit's first method."""
        pair = unit[1:]
        share = (self._for_first[pair] + 1) / (self._answered[pair] + 2)
        return share * (1 - share) / (self._asked[pair] + 3)

    def choose(self, units, randomness):
        """The unit of the least certain pair, with the least shown image.

        Args:
            units: List of units.
            randomness: `random.Random` that decides between equal ones.

        Returns:
            One of them.
        """

        def order(unit):
            return -self.variance(unit), self._asked[unit], randomness.random()

        return min(units, key=order)


class ScoreTally:
    """Counts of scores of images; a unit is `(image, method)`.

    The mean score has the variance (s² + 1) / (n + 1): that of the n scores
    asked for, and one of a prior.
    """

    def __init__(self):
        self._sums = collections.defaultdict(lambda: [0, 0.0, 0.0])
        self._asked = collections.Counter()

    def ask(self, unit):
        """Counts a question that is asked."""
        self._asked[unit] += 1

    def answer(self, unit, value):
        """Counts a score."""
        sums = self._sums[unit]
        for place, number in enumerate((1, value, value**2)):
            sums[place] += number

    def variance(self, unit):
        """Variance of the mean score of a unit."""
        count, total, squares = self._sums[unit]
        spread = squares / count - (total / count) ** 2 if count else 0.0
        return (spread + 1) / (self._asked[unit] + 1)

    def choose(self, units, randomness):
        """The unit with the least certain mean; see `PairTally.choose`."""
        return min(
            units, key=lambda unit: (-self.variance(unit), randomness.random())
        )
