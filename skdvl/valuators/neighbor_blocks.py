"""Blocks of validation rows: what their games are worth to each player, added up."""

import traceback
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ..neighbors import label_values, radius_values, seats_left, share_values, target_values


def block_sums(blocks, first, last):
    """Return what `Blocks.sums` does, or why not; a task for workers."""
    try:
        return blocks.sums(first, last)
    except (TypeError, ValueError) as error:  # of the user's metric or weights
        return Refusal(type(error) is TypeError, str(error), traceback.format_exc())


class Refusal(NamedTuple):
    """An error on its way back from a worker, which never raises.

    Attributes
    ----------
    is_type_error : bool
        Or else a ValueError.
    words, where : str
    """

    is_type_error: bool
    words: str
    where: str

    def error(self):
        """Return an exception to raise."""
        error = (TypeError if self.is_type_error else ValueError)(self.words)
        error.add_note(self.where)
        return error


@dataclass(frozen=True)
class Blocks:
    """The games of some validation rows at a time.

    Attributes
    ----------
    game : NeighborGame
    search : Pairs or another search of `skdvl.neighbors`
    seats : Seats
    sizes : ndarray or None
        Distribution of the size of a coalition, where the utility asks for it.
    players : ndarray of int of shape (n,), or None
        The player of each row, None where every row is one.
    n_rows : int
        Validation rows whose distances may be held at once.
    """

    game: object
    search: object
    seats: object
    sizes: np.ndarray | None
    players: np.ndarray | None
    n_rows: int

    def sums(self, first, last):
        """Sum over some validation rows of the values of all players, and of their squares.

        Returns
        -------
        total, square : ndarray of shape (n_players,)
        largest_weight : float
            Of all that were met.
        """
        n = len(self.game.y)
        n_players = n if self.players is None else int(self.players.max()) + 1
        total, square, placed = np.zeros(n_players), np.zeros(n_players), np.zeros(n)
        largest, room = 0.0, np.empty((2, 0, 0))
        for begin, order, distances in self._lines(first, last):
            weights = self._weights(distances)
            largest = max(largest, 1.0 if weights is None else float(weights.max(initial=0)))
            if room.shape[1:] != order.shape:
                room = np.empty((2, *order.shape))
            values = self._values(begin, order, distances, weights, room)
            far = self._far(begin, len(order))
            is_few = self.game.cut is not None and far is None  # players, and none is there twice
            for line, (rows, own) in enumerate(zip(order, values, strict=True)):
                if far is not None:
                    rows, own = slice(None), self._with_far(begin + line, far[line], rows, own)
                if self.players is not None:
                    own = np.bincount(self.players[rows], weights=own, minlength=n_players)
                elif is_few:
                    total[rows] += own
                    square[rows] += own * own
                    continue
                else:
                    placed[rows] = own
                    if self.game.X_val is None:
                        placed[begin + line] = 0
                    own = placed
                total += own
                own *= own
                square += own
        return total, square, largest

    def _lines(self, first, last):
        unsorted = self.game.utility == "radius"
        lines = self.search.unsorted if unsorted else self.search.lines
        return lines(first, last, self.n_rows)

    def _values(self, first, order, distances, weights, room):
        """Return the values of some games, by rank."""
        game, truth = self.game, self.game.truth[first : first + len(order), None]
        told = game.y.take(order)
        if game.classifier:
            told = told == truth
        if weights is not None:
            told = told * weights
        k, seats = game.n_neighbors, self.seats
        if not game.classifier:
            return target_values(told, truth[:, 0], k, seats=seats)
        if game.utility == "soft":
            of_all = None if game.cut is None else self._n_right(first, len(order))
            return share_values(told, k, game.n_classes, self.sizes, seats=seats, n_right=of_all)
        if game.utility == "radius":
            return radius_values(told, distances <= game.radius, game.n_classes, seats.asked)
        return label_values(told, k, seats=seats, room=room)

    def _n_right(self, first, n_games):
        """Return how many players of some games tell the right label."""
        truth, alone = self.game.truth[first : first + n_games], self.game.X_val is None
        return np.bincount(self.game.y, minlength=truth.max() + 1)[truth] - alone

    def _far(self, first, n_games):
        """Return what a wrong and a right label are worth beyond the cut, or None if nothing."""
        game, either = self.game, np.array([[0.0, 1.0]])
        if game.cut is None or game.utility != "soft":
            return None
        n_right = self._n_right(first, n_games)
        return seats_left(either, n_right, game.n_neighbors, game.n_classes, self.sizes)

    def _with_far(self, row, far, rows, own):
        """Return the values of all players, of whom some are near."""
        values = far.take(self.game.y == self.game.truth[row])
        values[rows] = own
        if self.game.X_val is None:
            values[row] = 0
        return values

    def _weights(self, distances):
        if self.game.weights == "uniform":
            return None
        weights = np.asarray(self.game.weights(distances))
        if weights.shape != distances.shape:
            raise ValueError(
                f"weights gave an array of shape {weights.shape} for distances of shape "
                f"{distances.shape}; expected one weight for each distance."
            )
        if not (np.isfinite(weights).all() and (weights >= 0).all()):
            worst = weights[~(np.isfinite(weights) & (weights >= 0))].ravel()[0]
            raise ValueError(
                f"weights gave {worst!s}; expected finite numbers of at least 0. Where a weight is "
                "1 / distance, rows that are equal need another: 1 / (1 + distance), say."
            )
        return weights
