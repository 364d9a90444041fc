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

    Examples
    --------
    >>> import numpy as np
    >>> from skdvl import BanzhafValuator
    >>> from skdvl.games import AirportGame
    >>> from skdvl.samplers import UniformSampler
    >>> from skdvl.stopping import MaxRounds
    >>> game = AirportGame(range(12))
    >>> valuator = BanzhafValuator(
    ...     sampler=UniformSampler(), stopping=MaxRounds(200), random_state=0
    ... ).fit_utility(game)
    >>> error = valuator.values_ - game.banzhaf_values()
    >>> bool((np.abs(error) < 4 * valuator.stderr_).all())
    True
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

    Examples
    --------
    >>> from skdvl.samplers import AntitheticSampler
    >>> batches = AntitheticSampler(batch_size=2).generate_batches(range(6), random_state=0)
    >>> for player, others in next(batches):
    ...     print(player, others)
    0 [1 3 4]
    0 [2 5]
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

    Examples
    --------
    >>> from skdvl import LeaveOneOutValuator
    >>> from skdvl.games import AirportGame
    >>> from skdvl.samplers import LeaveOneOutSampler
    >>> sampler = LeaveOneOutSampler()
    >>> sampler.n_rounds(4), sampler.sample_limit(range(4))
    (1, 4)
    >>> valuator = LeaveOneOutValuator(sampler=sampler).fit_utility(AirportGame([1, 2, 3, 5]))
    >>> valuator.values_  # without the largest plane, the runway is shorter
    array([0., 0., 0., 2.])
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
