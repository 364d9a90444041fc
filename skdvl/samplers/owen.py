"""Coalitions in which every player flips a coin, with a grid of biases."""

from numbers import Integral

import numpy as np
from scipy import stats
from sklearn.utils._param_validation import Interval

from ..coalitions import Walks, bernoulli_subsets
from .base import IndexSampler, players_of_round


class OwenSampler(IndexSampler):
    r"""Each player joins one coalition for each bias q of a grid from 0 to 1.

    Every other player is present with probability q. The multilinear extension, integrated
    over q, is the Shapley value; the samples are weighted by their true size distribution, so
    the estimate has no error from the grid. Sizes between the levels are rare when there are few
    levels for many players; a grid that is too coarse for the semivalue is refused.

    Parameters
    ----------
    n_levels : int, default=11
        Points of the grid; both ends are among them.
    antithetic : bool, default=False
        Draw from the lower half of the grid, and the complement of each coalition with it.
    batch_size : int, default=1
        Samples in each batch of `generate_batches`.

    Notes
    -----
    .. math:: v_i = \int_0^1 \mathbb{E}_q\big[ u(S \cup i) - u(S) \big]\, dq

    where each of the others is in S with probability q.

    References
    ----------
    Okhrati & Lipani (2021), "A multilinear sampling algorithm to estimate Shapley values",
    arXiv:2010.12082.

    Examples
    --------
    >>> from skdvl.samplers import OwenSampler
    >>> sampler = OwenSampler(n_levels=3, batch_size=3)
    >>> for player, others in next(sampler.generate_batches(range(8), random_state=0)):
    ...     print(player, others)
    0 []
    0 [1 3 5]
    0 [1 2 3 4 5 6 7]
    >>> OwenSampler(n_levels=101).size_pmf(4).round(2)  # many levels: all sizes alike
    array([0.25, 0.25, 0.25, 0.25])
    """

    _parameter_constraints = {
        "n_levels": [Interval(Integral, 2, None, closed="left")],
        "antithetic": ["boolean"],
    }

    def __init__(self, n_levels=11, antithetic=False, *, batch_size=1):
        self.n_levels = n_levels
        self.antithetic = antithetic
        self.batch_size = batch_size

    def _levels(self):
        return np.linspace(0, 0.5 if self.antithetic else 1, self.n_levels)

    def draw(self, round):
        n, levels = round.n_players, self._levels()
        copies = len(levels) * (2 if self.antithetic else 1)
        players = players_of_round(round.index, n, copies)
        start = bernoulli_subsets(round.rng, np.tile(levels, len(players)), n)
        if self.antithetic:
            start = np.stack([start, ~start], axis=1).reshape(-1, n)
        order = np.repeat(players, copies)
        start[np.arange(len(start)), order] = False
        return Walks(start, order[:, None], group=copies)

    def size_pmf(self, n):
        levels = self._levels()
        if self.antithetic:
            levels = np.append(levels, 1 - levels)
        return stats.binom.pmf(np.arange(n)[:, None], n - 1, levels).mean(axis=1)
