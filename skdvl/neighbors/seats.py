"""Who is asked: how likely it is, under a semivalue, to be among the nearest of a coalition.

The others are present at random, all of them alike, in numbers that the semivalue draws. Only
how many of the nearer ones are present matters for a player, so a chance for every rank is all
that the values of these games need.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

_NEGLIGIBLE = 1e-25  # chance of a number of players, that is left out


@dataclass(frozen=True)
class Seats:
    """Chances of a seat among the `n_neighbors` that are asked, by rank, nearest first.

    Attributes
    ----------
    n_neighbors : int
    asked : ndarray of shape (n_players,)
        That a player who joins gets a seat: fewer nearer ones than seats are present.
    pushed_out : ndarray of shape (n_players,)
        That a player is present and has the last seat, which a nearer one who joins will take.
    both : ndarray of shape (n_players,)
        That a player who joins gets a seat, and a certain nearer one is present and has one.
    both_less : ndarray of shape (n_players,)
        That a player has the last seat, a certain nearer one has another, and a third joins
        who is nearer too.

    Examples
    --------
    >>> from skdvl.neighbors import Seats
    >>> seats = Seats.of_shapley(5, n_neighbors=2)
    >>> seats.asked.round(3)  # the third is asked where at most one of two nearer ones is there
    array([1.   , 1.   , 0.667, 0.5  , 0.4  ])
    """

    n_neighbors: int
    asked: np.ndarray
    pushed_out: np.ndarray
    both: np.ndarray
    both_less: np.ndarray

    @classmethod
    def of_shapley(cls, n, n_neighbors):
        """Return the chances where all sizes are alike.

        Parameters
        ----------
        n, n_neighbors : int
            Of players and of seats.

        Returns
        -------
        seats : Seats
        """
        rank = np.arange(1, n + 1)
        pushed_out = np.where(
            rank > n_neighbors, n_neighbors / (rank * np.maximum(rank - 1.0, 1)), 0
        )
        return cls._from(n_neighbors, pushed_out, 0.5, np.minimum(n_neighbors, rank) / rank)

    @classmethod
    def of_chance(cls, chance, n, n_neighbors):
        """Return the chances where players are present as if each drew by itself.

        Parameters
        ----------
        chance : callable
            ``chance(j, r)`` is the probability that exactly j of r players are present, for an
            integer j and an array r; the same whatever the number of players.
        n, n_neighbors : int
            Of players and of seats.

        Returns
        -------
        seats : Seats
        """
        pushed_out = np.zeros(n)
        nearer = np.arange(n_neighbors, n)
        pushed_out[n_neighbors:] = chance(n_neighbors, nearer) * n_neighbors / nearer
        return cls._from(n_neighbors, pushed_out, float(chance(1, np.array([1]))[0]))

    @classmethod
    def of_sizes(cls, size_pmf, n_neighbors):
        """Return the chances for any distribution over the sizes of a coalition.

        Parameters
        ----------
        size_pmf : ndarray of shape (n_players,)
            Of the semivalue; see `skdvl.semivalues`.
        n_neighbors : int

        Returns
        -------
        seats : Seats
        """
        n = len(size_pmf)
        pushed_out = np.zeros(n)
        first, chance = _trimmed(0, np.asarray(size_pmf, dtype=float))
        for nearer in range(n - 1, n_neighbors - 1, -1):
            if first <= n_neighbors < first + len(chance):
                of_all = chance[n_neighbors - first]
                pushed_out[nearer] = of_all * n_neighbors / nearer
            first, chance = _trimmed(*_one_less(first, chance, nearer))
        presence = np.arange(n) @ size_pmf / max(n - 1, 1)
        return cls._from(n_neighbors, pushed_out, presence)

    @classmethod
    def _from(cls, n_neighbors, pushed_out, presence, asked=None):
        """Return all chances: one who is a rank farther is asked less often by the last seat."""
        rank = np.arange(1, len(pushed_out) + 1)
        both_less = pushed_out * (n_neighbors - 1) / np.maximum(rank - 2, 1)
        if asked is None:
            asked = np.maximum(1 - pushed_out.cumsum(), 0)
        both = np.maximum(presence - both_less.cumsum(), 0) * (n_neighbors > 1)
        return cls(n_neighbors, asked, pushed_out, both, both_less)

    @cached_property
    def share(self):
        """Return `asked`, divided by the number of seats."""
        return self.asked / self.n_neighbors

    @cached_property
    def units(self):
        """Return `share` as integers, of which four of the largest fit 64 bits, and the unit."""
        unit = 2.0 ** (np.ceil(np.log2(max(self.share.max(initial=0), 1e-300))) - 61)
        return np.rint(self.share / unit).astype(np.int64), unit

    def first(self, n):
        """Return the chances of the n nearest; the others are present, or not, as before.

        Parameters
        ----------
        n : int

        Returns
        -------
        seats : Seats
        """
        arrays = (self.asked, self.pushed_out, self.both, self.both_less)
        return Seats(self.n_neighbors, *(array[:n] for array in arrays))


def thinned(size_pmf):
    """Distribution of the size of a coalition without a certain player.

    Parameters
    ----------
    size_pmf : ndarray of shape (n,)
        Of the sizes 0 to n - 1, among n - 1 players.

    Returns
    -------
    size_pmf : ndarray of shape (n - 1,)
    """
    pmf = np.asarray(size_pmf, dtype=float)
    first, chance = _one_less(0, pmf, len(pmf) - 1)
    return chance[: len(pmf) - 1]


def _one_less(first, chance, n):
    """Chances of numbers among n - 1 players, from those among n; numbers begin at `first`."""
    count = np.arange(first, first + len(chance))
    lost = chance * (count / n)
    kept = chance - lost
    if first == 0:  # lost[0] is 0
        kept[:-1] += lost[1:]
        return 0, kept
    fewer = np.append(lost, 0.0)
    fewer[1:] += kept
    return first - 1, fewer


def _trimmed(first, chance):
    """Leave out numbers of players, at both ends, that hardly ever occur."""
    if chance[0] > _NEGLIGIBLE and chance[-1] > _NEGLIGIBLE:
        return first, chance
    likely = np.flatnonzero(chance > _NEGLIGIBLE)
    return first + likely[0], chance[likely[0] : likely[-1] + 1]
