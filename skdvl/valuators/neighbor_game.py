"""The nearest-neighbour games of a training set, solved block by block."""

from dataclasses import dataclass

import numpy as np
from scipy import stats
from sklearn import get_config

from ..neighbors import Seats, make_search, thinned
from ..semivalues import Banzhaf, BetaShapley, Shapley
from ..workers import ordered_stream, pinned_threads
from .neighbor_blocks import Blocks, Refusal, block_sums

_TASK = 2**23  # pairs, or as many rows as make a matrix product worth while
_BLOCK = 2**20  # pairs whose distances are held at once, at most, and likewise
# At least; with fewer, laying out the training rows takes longer than the product. With more, those
# of a hundred thousand training rows would take fresh memory each time.
_ROWS = 40


@dataclass(frozen=True)
class NeighborGame:
    """One game for each validation row: what its neighbours tell it.

    Attributes
    ----------
    X, y : training rows, and their labels as integers or their targets as floats
    X_val, y_val : validation rows, or None to score the training rows by each other
    n_neighbors : int
    semivalue : Semivalue
    weights : "uniform" or callable
    utility : {"jia", "soft", "radius"}
    radius : float or None
    metric : str or callable
    metric_params : dict
    dtype : numpy dtype
    max_rank : int or None
    classifier : bool
    n_classes : int
    """

    X: object
    y: np.ndarray
    X_val: object
    y_val: np.ndarray | None
    n_neighbors: int
    semivalue: object
    weights: object
    utility: str
    radius: float | None
    metric: object
    metric_params: dict
    dtype: np.dtype
    max_rank: int | None
    classifier: bool
    n_classes: int

    @property
    def truth(self):
        """Return the labels or targets of the validation rows."""
        return self.y if self.X_val is None else self.y_val

    @property
    def n_others(self):
        """Number of players of each game: a row is none of its own neighbours."""
        return len(self.y) - (self.X_val is None)

    @property
    def cut(self):
        """Rank beyond which rows are left out, or None."""
        return None if (self.max_rank or np.inf) >= self.n_others else self.max_rank

    def seats(self):
        """Return the chances of a seat for each rank; of a single one, with a radius."""
        k = 1 if self.utility == "radius" else self.n_neighbors
        seats = seats_of(self.semivalue, len(self.y), k)
        return seats.first(self.cut or self.n_others)

    def sizes(self):
        """Return the distribution of sizes among the players of a game, where it is needed."""
        if self.utility != "soft":
            return None
        pmf = self.semivalue.size_pmf(len(self.y))
        return thinned(pmf) if self.X_val is None else pmf

    def max_error(self, seats, largest_weight):
        """Return how far a row's value may be off, since neighbours were cut."""
        if self.cut is None:
            return 0.0
        chance = seats.asked[-1] / self.n_neighbors
        if self.classifier:
            return float(chance * largest_weight)
        # A neighbour changes the prediction by 2 Y / K, and the squared error by at most twice the
        # largest error times that; the marginals with and without the cut differ by two of those.
        told = largest_weight * np.abs(self.y).max()
        return float(chance * 8 * told * (told + np.abs(self.truth).max()))


def seats_of(semivalue, n, n_neighbors):
    """Return the chances of a seat among n players; see `skdvl.neighbors.Seats`."""
    if type(semivalue) is Shapley:
        return Seats.of_shapley(n, n_neighbors)
    if type(semivalue) is Banzhaf:
        p = semivalue.p
        return Seats.of_chance(lambda j, r: stats.binom.pmf(j, r, p), n, n_neighbors)
    if type(semivalue) is BetaShapley:
        a, b = semivalue.beta, semivalue.alpha
        return Seats.of_chance(lambda j, r: stats.betabinom.pmf(j, r, a, b), n, n_neighbors)
    return Seats.of_sizes(semivalue.size_pmf(n), n_neighbors)


def solve(game, player_of_row, n_jobs=None):
    """Mean over the validation rows, and its standard error, for every player.

    Parameters
    ----------
    game : NeighborGame
    player_of_row : ndarray of int of shape (n,)
    n_jobs : int or None, default=None
        Changes no bit of the result.

    Returns
    -------
    mean, stderr : ndarray of shape (n_players,)
    max_error : float
        Bound on what the cut of neighbours changes the value of a row by.
    """
    n, n_scored = len(game.y), len(game.truth)
    players = None if np.array_equal(player_of_row, np.arange(n)) else player_of_row
    budget = get_config()["working_memory"] * 2**20 // (16 * n)
    n_rows = int(np.clip(budget, 1, max(_ROWS, _BLOCK // n)))
    step = max(1, _TASK // (game.cut or n) // _ROWS) * _ROWS
    tasks = [(first, min(first + step, n_scored)) for first in range(0, n_scored, step)]
    with pinned_threads():
        search = make_search(game)
        blocks = Blocks(game, search, game.seats(), game.sizes(), players, n_rows)
        total = square = largest = 0.0
        for sums in ordered_stream(block_sums, [tasks], shared=(blocks,), n_jobs=n_jobs):
            if isinstance(sums, Refusal):
                raise sums.error()
            total, square, largest = total + sums[0], square + sums[1], max(largest, sums[2])
    mean, max_error = total / n_scored, game.max_error(blocks.seats, largest)
    if n_scored < 2:
        return mean, np.full(len(mean), np.inf), max_error
    variance = np.maximum(square / n_scored - mean**2, 0) * n_scored / (n_scored - 1)
    return mean, np.sqrt(variance / n_scored), max_error
