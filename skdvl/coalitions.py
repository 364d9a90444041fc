"""Coalitions of players, and walks through nested coalitions.

A walk starts at one coalition and adds players one at a time. A walk of length zero is a
single coalition, a walk of length one is a marginal `(i, S)`, and a full permutation is a
walk from the empty coalition through every player. Everything that skdvl evaluates is a
batch of walks, so samplers, utilities and strategies need no other word for "sample".
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

MAX_CELLS = 2**22
"""Most entries of one boolean coalition matrix; it bounds the memory of every block."""


@dataclass(frozen=True, init=False)
class Walks:
    """A batch of B walks of length L over n players.

    Attributes
    ----------
    start : ndarray of bool of shape (B, n)
        Where each walk begins.
    order : ndarray of int of shape (B, L)
        The players added, in order; none of them is in `start`.
    group : int, default=1
        How many consecutive walks were drawn together and are not independent, such as a
        permutation and its reverse. The mean over a group is one independent observation,
        so standard errors stay honest.

    Examples
    --------
    >>> import numpy as np
    >>> from skdvl.coalitions import Walks
    >>> walks = Walks(np.zeros((1, 3), dtype=bool), np.array([[2, 0, 1]]))
    >>> walks
    Walks(n_walks=1, length=3, n_players=3, group=1)
    >>> walks.masks()[0].astype(int)
    array([[0, 0, 0],
           [0, 0, 1],
           [1, 0, 1],
           [1, 1, 1]])
    """

    start: np.ndarray
    order: np.ndarray
    group: int = 1

    def __init__(self, start, order, group=1):
        own = self.__dict__  # a frozen class writes to itself at twice the cost
        own["start"], own["order"], own["group"] = start, order, group

    def __len__(self):
        return len(self.start)

    def __repr__(self):
        shape = f"n_walks={len(self)}, length={self.length}, n_players={self.n_players}"
        return f"Walks({shape}, group={self.group})"

    @property
    def length(self):
        """Number of players that each walk adds."""
        return self.order.shape[1]

    @property
    def n_players(self):
        """Number of players of the game."""
        return self.start.shape[1]

    @property
    def sizes(self):
        """Size of every coalition met on the way, of shape (B, L + 1)."""
        return np.count_nonzero(self.start, axis=1)[:, None] + np.arange(self.length + 1)

    def masks(self, first=0, last=None):
        """Coalitions met at the steps `first` to `last - 1`.

        Step 0 is `start`, step L the end. Only the steps asked for are built, so that a walk
        through n = 100 000 players never becomes an n x n matrix.

        Parameters
        ----------
        first : int, default=0
        last : int or None, default=None
            None: up to the end.

        Returns
        -------
        masks : ndarray of bool of shape (B, last - first, n)
        """
        last = self.length + 1 if last is None else last
        if not self.length:
            return self.start[:, None, :][:, first:last]
        joins = np.where(self.start, -1, self.length)  # the step after which a player is in
        np.put_along_axis(joins, self.order, np.arange(self.length)[None, :], axis=1)
        return joins[:, None, :] < np.arange(first, last)[None, :, None]

    def after(self, others):
        """Return these walks behind others of the same length and group.

        Parameters
        ----------
        others : Walks

        Returns
        -------
        walks : Walks
        """
        start = np.concatenate([others.start, self.start])
        return Walks(start, np.concatenate([others.order, self.order]), self.group)

    def rows(self, first, last):
        """Return the walks `first` to `last - 1` of this batch.

        Parameters
        ----------
        first, last : int

        Returns
        -------
        walks : Walks
        """
        return Walks(self.start[first:last], self.order[first:last], self.group)


@dataclass(frozen=True)
class Placement:
    """Where the players of a game are among all those that its utility knows.

    Which of the *others* are there is drawn anew for each group of walks.

    Attributes
    ----------
    seats : ndarray of int of shape (n,)
        Of each player, its number in the utility.
    names : ndarray of int
        What those that the utility knows are called in an error.
    draw_others : callable or None, default=None
        ``draw_others(rng, count, n)`` returns `count` coalitions of n others, a boolean array of
        shape (count, n). None: each of them is there by the toss of a coin.
    """

    seats: np.ndarray
    names: np.ndarray
    draw_others: Callable | None = None

    def place(self, walks, rng):
        """Return walks of the players as walks of the utility, with some of the others there."""
        groups, n = len(walks) // walks.group, len(self.names)
        if self.draw_others is None:
            start = rng.random((groups, n)) < 0.5
        else:
            start, others = np.zeros((groups, n), dtype=bool), np.delete(np.arange(n), self.seats)
            start[:, others] = self.draw_others(rng, groups, len(others))
        start = np.repeat(start, walks.group, axis=0)
        start[:, self.seats] = walks.start
        return Walks(start, self.seats[walks.order], walks.group)

    def take(self, walks):
        """Return the players' part of walks of the utility."""
        number = np.empty(len(self.names), dtype=np.intp)
        number[self.seats] = np.arange(len(self.seats))
        return Walks(walks.start[:, self.seats], number[walks.order], walks.group)


def draws_per_round(n, at_most):
    """How many coalitions of n players one round draws: `at_most`, or what memory allows."""
    return int(np.clip(MAX_CELLS // n, 1, at_most))


def random_subsets(rng, sizes, n):
    """Uniform subsets of n players with the given sizes, as a boolean matrix."""
    return rng.permuted(np.arange(n) < np.asarray(sizes)[:, None], axis=1)


def bernoulli_subsets(rng, probabilities, n):
    """Subsets in which every one of n players is present with the given probabilities."""
    noise = rng.random((len(probabilities), n), dtype=np.float32)
    return noise < np.asarray(probabilities, dtype=np.float32)[:, None]
