"""One player at a time, joining a coalition of the others."""

import numpy as np
from scipy import stats

from ..coalitions import Walks
from .base import IndexSampler, players_of_round


class UniformSampler(IndexSampler):
    """Each player joins a uniformly random coalition of the others.

    Sizes far from n / 2 are rare, so this suits the Banzhaf value, and no other semivalue
    unless n is small.

    Parameters
    ----------
    batch_size : int, default=1
        Samples in each batch of `generate_batches`.
    """

    def __init__(self, *, batch_size=1):
        self.batch_size = batch_size

    def draw(self, round):
        player = players_of_round(round.index, round.n_players)
        start = self._subsets(round, player)
        return Walks(start, player[:, None])

    def size_pmf(self, n):
        return stats.binom.pmf(np.arange(n), n - 1, 0.5)

    @staticmethod
    def _subsets(round, player):
        shape = (len(player), round.n_players)
        start = round.rng.integers(0, 2, size=shape, dtype=bool)
        start[np.arange(len(player)), player] = False
        return start


class AntitheticSampler(UniformSampler):
    """As `UniformSampler`, each coalition followed by its complement among the others.

    The two together are one observation: where the marginals of small and large coalitions
    move against each other, their mean varies less than that of two independent ones.

    Parameters
    ----------
    batch_size : int, default=1
        Samples in each batch of `generate_batches`.
    """

    def draw(self, round):
        player = players_of_round(round.index, round.n_players, copies=2)
        start = self._subsets(round, player)
        complement = ~start
        complement[np.arange(len(player)), player] = False
        start = np.stack([start, complement], axis=1).reshape(-1, round.n_players)
        return Walks(start, np.repeat(player, 2)[:, None], group=2)


class LeaveOneOutSampler(IndexSampler):
    """Each player joins all the others, once. It ends, and the values are exact.

    Parameters
    ----------
    batch_size : int, default=1
        Samples in each batch of `generate_batches`.
    """

    def __init__(self, *, batch_size=1):
        self.batch_size = batch_size

    def draw(self, round):
        player = players_of_round(round.index, round.n_players)
        start = np.ones((len(player), round.n_players), dtype=bool)
        start[np.arange(len(player)), player] = False
        return Walks(start, player[:, None])

    def size_pmf(self, n):
        return (np.arange(n) == n - 1).astype(float)

    def n_rounds(self, n):
        return -(-n // len(players_of_round(0, n)))
