"""Coalitions in which every player flips a coin; the coins of a round differ in their bias."""

import numpy as np
from scipy import stats

from ..coalitions import Walks, bernoulli_subsets, draws_per_round
from ..semivalues import AME, check_levels
from .base import IndexSampler


class AMESampler(IndexSampler):
    """Single coalitions in which each player is present with a probability of a grid.

    The levels of the grid take turns, so that each of them serves equally many coalitions.

    Parameters
    ----------
    levels : sequence of float in (0, 1), default=(0.2, 0.4, 0.6, 0.8)
        Probabilities that a player is present.
    batch_size : int, default=1
        Samples in each batch of `generate_batches`; the index of each is None.

    References
    ----------
    Lin, Zhang, Lecuyer, Li, Panda & Sen (2022), "Measuring the effect of training data on deep
    learning predictions via randomized experiments", arXiv:2206.10013.

    Examples
    --------
    >>> from skdvl.samplers import AMESampler
    >>> AMESampler(levels=(0.25, 0.75)).levels_of(5)
    array([0.25, 0.75, 0.25, 0.75, 0.25])
    """

    draws = "coalitions"
    _parameter_constraints = AME._parameter_constraints

    def __init__(self, levels=(0.2, 0.4, 0.6, 0.8), *, batch_size=1):
        self.levels = levels
        self.batch_size = batch_size

    def _validate_params(self):
        super()._validate_params()
        check_levels(self.levels)

    def levels_of(self, n_coalitions):
        """Return the level behind each of the coalitions of a round.

        Parameters
        ----------
        n_coalitions : int

        Returns
        -------
        levels : ndarray of shape (n_coalitions,)
        """
        return np.resize(check_levels(self.levels), n_coalitions)

    def draw(self, round):
        n, turns = round.n_players, len(self.levels)
        how_many = -(-draws_per_round(n, at_most=max(n, 256)) // turns) * turns
        start = bernoulli_subsets(round.rng, self.levels_of(how_many), n)
        return Walks(start, np.empty((how_many, 0), dtype=np.intp))

    def size_pmf(self, n):
        levels = check_levels(self.levels)
        return stats.binom.pmf(np.arange(n + 1)[:, None], n, levels).mean(axis=1)
