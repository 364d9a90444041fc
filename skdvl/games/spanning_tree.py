"""A network that joins a ring of players to a source."""

import numpy as np

from .base import Game, chance


class MinimumSpanningTreeGame(Game):
    """The cheapest tree that joins a coalition of a ring of players to a source.

    Neighbours on the ring are joined at a cost of 1, a player and the source at n + 1, and no
    others can be joined. The worth of a coalition is the cost of its tree.

    Parameters
    ----------
    n_players : int

    References
    ----------
    Castro, Gomez & Tejada (2009), "Polynomial calculation of the Shapley value based on
    sampling".

    Examples
    --------
    >>> from skdvl.games import MinimumSpanningTreeGame
    >>> round(float(MinimumSpanningTreeGame(100).shapley_values()[0]), 6)
    2.0
    """

    def __init__(self, n_players):
        self.n_players = n_players

    def __call__(self, masks):
        n = self.n_players
        size = masks.sum(axis=1)
        arcs = np.count_nonzero(masks & ~np.roll(masks, 1, axis=1), axis=1)
        arcs = np.where(size == n, 1, arcs)  # the whole ring is one arc without an end
        return (arcs * (n + 1) + size - arcs).astype(float)

    def semivalues(self, semivalue):
        n = self.n_players
        pmf = semivalue.size_pmf(n)
        # Joining beside j neighbours changes the arcs by 1 - j and costs n (1 - j) + 1,
        # except for the last to join, who closes the ring for 1.
        neighbours = np.minimum(n - 1, 2)
        j = np.arange(neighbours + 1)[None, :]
        size = np.arange(n)[:, None]
        cost = (chance(j, n - 1, neighbours, size) * (n * (1 - j) + 1)).sum(axis=1)
        cost[1:][-1:] = 1.0
        return np.full(n, pmf @ cost)

    def least_core(self):
        n = self.n_players  # every second player alone is the costliest coalition
        return np.full(n, 2.0), float((n - 1) * (n // 2))
