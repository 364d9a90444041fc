"""Single coalitions, each of which says something of every player."""

from numbers import Real

import numpy as np
from scipy import stats
from sklearn.utils._param_validation import Interval

from ..coalitions import Walks, bernoulli_subsets, draws_per_round, random_subsets
from ..semivalues import Semivalue, Shapley
from .base import IndexSampler


def _single(start, group=1):
    return Walks(start, np.empty((len(start), 0), dtype=np.intp), group)


def _per_round(n):
    return draws_per_round(n, at_most=max(n, 256))


class CoalitionSampler(IndexSampler):
    """Every player present with probability `p`, independently: maximum sample reuse.

    Parameters
    ----------
    p : float in (0, 1), default=0.5
    batch_size : int, default=1
        Samples in each batch of `generate_batches`; the index of each is None.

    References
    ----------
    Wang & Jia (2023), "Data Banzhaf: a robust data valuation framework for machine learning",
    arXiv:2205.15466.
    """

    draws = "coalitions"
    _parameter_constraints = {"p": [Interval(Real, 0, 1, closed="neither")]}

    def __init__(self, p=0.5, *, batch_size=1):
        self.p = p
        self.batch_size = batch_size

    def draw(self, round):
        n = round.n_players
        return _single(bernoulli_subsets(round.rng, np.full(_per_round(n), self.p), n))

    def size_pmf(self, n):
        return stats.binom.pmf(np.arange(n + 1), n, self.p)


class SizeOptimalSampler(IndexSampler):
    """Coalitions whose sizes minimise the variance of a semivalue's sample-reuse estimate.

    Size k is drawn in proportion to ``sqrt(p[k-1]**2 / k + p[k]**2 / (n - k))``, where p is
    the semivalue's size distribution.

    Parameters
    ----------
    semivalue : Semivalue or None, default=None
        None means `Shapley()`.
    batch_size : int, default=1
        Samples in each batch of `generate_batches`; the index of each is None.

    References
    ----------
    Li & Yu (2024), "One sample fits all: approximating all probabilistic values
    simultaneously and efficiently", arXiv:2410.23808.
    """

    draws = "coalitions"
    _parameter_constraints = {"semivalue": [Semivalue, None]}

    def __init__(self, semivalue=None, *, batch_size=1):
        self.semivalue = semivalue
        self.batch_size = batch_size

    def draw(self, round):
        return _single(self._subsets(round, _per_round(round.n_players)))

    def size_pmf(self, n):
        pmf = (Shapley() if self.semivalue is None else self.semivalue).size_pmf(n)
        k = np.arange(1, n + 1)
        inside = np.append(0, pmf**2 / k)  # what the players of a coalition of size k need
        outside = np.append(pmf**2 / k[::-1], 0)  # and what those who are not in it need
        weight = np.sqrt(inside + outside)
        return weight / weight.sum()

    def _subsets(self, round, how_many):
        n = round.n_players
        sizes = round.rng.choice(n + 1, size=how_many, p=self.size_pmf(n))
        return random_subsets(round.rng, sizes, n)


class PairedSampler(SizeOptimalSampler):
    """As `SizeOptimalSampler`, each coalition followed by its complement.

    The sizes are made symmetric, since a coalition of size k brings one of size n - k. The two
    together are one observation.

    Parameters
    ----------
    semivalue : Semivalue or None, default=None
        None means `Shapley()`.
    batch_size : int, default=1
        Samples in each batch of `generate_batches`; the index of each is None.

    References
    ----------
    Musco & Witter (2025), "Provably accurate Shapley value estimation via leverage score
    sampling", arXiv:2410.01917.
    """

    def draw(self, round):
        n = round.n_players
        start = self._subsets(round, -(-_per_round(n) // 2))
        return _single(np.stack([start, ~start], axis=1).reshape(-1, n), group=2)

    def size_pmf(self, n):
        pmf = super().size_pmf(n)
        return (pmf + pmf[::-1]) / 2
