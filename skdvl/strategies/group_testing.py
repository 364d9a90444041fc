"""Differences of Shapley values from random tests of groups."""

import numpy as np

from ..coalitions import Walks
from .base import Estimate, EvaluationStrategy, importance


def group_testing_pmf(n):
    """Distribution of the sizes 0 to n of tested coalitions: in proportion to 1/k + 1/(n - k)."""
    k = np.arange(1, n)
    weight = np.concatenate([[0.0], 1 / k + 1 / k[::-1], [0.0]]) if n > 1 else np.ones(2)
    return weight / weight.sum()


def group_testing_bound(n, epsilon, delta, score_range=1.0):
    """Return how many tests bring the values within `epsilon` with probability ``1 - delta``.

    Parameters
    ----------
    n : int
        Number of players.
    epsilon : float
        Largest Euclidean distance of all values from the exact ones.
    delta : float
    score_range : float, default=1.0
        Between the lowest and the highest score.

    Returns
    -------
    n_coalitions : int

    References
    ----------
    Jia et al. (2019), "Towards efficient data valuation based on the Shapley value",
    arXiv:1902.10275, Theorem 3.

    Examples
    --------
    >>> from skdvl.strategies import group_testing_bound
    >>> group_testing_bound(20, epsilon=0.5, delta=0.05)
    260023
    """
    if n == 1:
        return 1
    k, pmf = np.arange(1, n), group_testing_pmf(n)[1:-1]
    together = 1 - 2 * k * (n - k) / (n * (n - 1))  # chance that two players are on one side
    same = pmf @ together
    spread = 1 - same**2
    reach = epsilon / (_normalisation(n) * score_range * np.sqrt(n) * spread)
    exponent = (1 + reach) * np.log1p(reach) - reach
    return int(np.ceil(8 * np.log(n * (n - 1) / (2 * delta)) / (spread * exponent)))


def _normalisation(n):
    return 2 * (1 / np.arange(1, n)).sum()


class GroupTesting(EvaluationStrategy):
    r"""Shapley values from what coalitions score with one of two players and without the other.

    A test of size k, drawn in proportion to 1/k + 1/(n - k), says of every two players how much
    more the one is worth. All these differences are consistent, and with the sum of the values,
    which is known, they give the values in closed form: there is nothing to be solved.

    Kept for comparison: at as many evaluations its errors are much larger than those of
    permutations, let alone `RegressionAdjusted`.

    Parameters
    ----------
    semivalue : skdvl.semivalues.Semivalue
    sampler : skdvl.samplers.IndexSampler
    n : int
        Number of players.

    Notes
    -----
    .. math:: v_i - v_j = \mathbb{E}\big[ Z\, u(S)\, (1_{i \in S} - 1_{j \in S}) \big],
        \qquad Z = 2 \sum_{k=1}^{n-1} \frac{1}{k}

    References
    ----------
    Jia et al. (2019), "Towards efficient data valuation based on the Shapley value",
    arXiv:1902.10275.

    Examples
    --------
    >>> from skdvl import ShapleyValuator
    >>> from skdvl.games import AirportGame
    >>> from skdvl.samplers import GroupTestingSampler
    >>> from skdvl.stopping import MaxEvaluations
    >>> from skdvl.strategies import GroupTesting
    >>> valuator = ShapleyValuator(
    ...     sampler=GroupTestingSampler(),
    ...     strategy=GroupTesting,
    ...     stopping=MaxEvaluations(1000),
    ...     random_state=0,
    ... ).fit_utility(AirportGame(range(12)))
    >>> round(float(valuator.values_.sum()), 3)  # what is known of them all
    11.0
    >>> bool(valuator.stderr_.min() > 0.1)  # and how little of each
    True
    """

    accepts = "coalitions"

    def _needs(self, proposal):
        return [(group_testing_pmf(self.n), proposal)] if self.n > 1 else []

    def _weigh(self, proposal):
        self.weight = importance(group_testing_pmf(self.n), proposal) * _normalisation(self.n)
        if self.n == 1:
            self.weight[:] = 0

    def prelude(self):
        ends = np.repeat([[False], [True]], self.n, axis=1)
        return Walks(ends, np.empty((2, 0), dtype=np.intp), 2)

    def empty(self):
        return {
            "ends": np.empty(0),
            "count": np.zeros((), dtype=np.int64),
            "group": np.ones((), dtype=np.int64),
            "sum": np.zeros(self.n),
            "square": np.zeros(self.n),
        }

    def fold(self, tally, walks, scores):
        scores, masks, sizes = scores[:, 0], walks.start, walks.sizes[:, 0]
        if not len(tally["ends"]):
            tally["ends"] = scores[:2].copy()
            scores, masks, sizes = scores[2:], masks[2:], sizes[2:]
        said = self.weight[sizes] * (scores - tally["ends"][0])
        told = said[:, None] * (masks - (sizes / self.n)[:, None])
        told = told.reshape(-1, walks.group, self.n).mean(axis=1)
        tally["count"] += len(told)
        tally["group"][...] = walks.group
        tally["sum"] += told.sum(axis=0)
        tally["square"] += (told**2).sum(axis=0)

    def estimate(self, tally):
        count, unknown = int(tally["count"]), np.full(self.n, np.inf)
        counts = np.full(self.n, count * int(tally["group"]))
        if not count:
            return Estimate(np.full(self.n, np.nan), unknown, counts)
        mean = tally["sum"] / count
        values = mean + (tally["ends"][1] - tally["ends"][0]) / self.n
        if self.limit is not None:  # an enumeration that is not over is no random sample
            is_over = counts[0] >= self.limit
            return Estimate(values, np.zeros(self.n) if is_over else unknown, counts)
        if count < 2:
            return Estimate(values, unknown, counts)
        variance = np.maximum(tally["square"] / count - mean**2, 0) / (count - 1)
        return Estimate(values, np.sqrt(variance), counts, freedom=np.full(self.n, count - 1.0))
