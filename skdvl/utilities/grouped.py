"""Groups of rows as players: data vendors, patients, sessions."""

import numpy as np

from ..coalitions import MAX_CELLS
from .base import Scored, Utility


class GroupedUtility(Utility):
    """A utility over rows, played by groups of rows.

    Parameters
    ----------
    utility : Utility
        Its players are rows.
    groups : array-like of shape (n_rows,)
        The group of every row; players are the groups in sorted order.

    Examples
    --------
    >>> import numpy as np
    >>> from skdvl.games import MinerGame
    >>> from skdvl.utilities import GroupedUtility
    >>> miners = MinerGame(6)  # in teams of one, two and three
    >>> teams = GroupedUtility(miners, ["a", "b", "b", "c", "c", "c"])
    >>> teams
    GroupedUtility(MinerGame(n_players=6), n_players=3)
    >>> teams(np.array([[True, False, False], [True, False, True], [True, True, True]]))
    array([0., 2., 3.])
    """

    _made_of = ("utility",)

    def __init__(self, utility, groups):
        names, self.player_of_row = np.unique(groups, return_inverse=True)
        if len(self.player_of_row) != utility.n_players:
            raise ValueError(
                f"groups has {len(self.player_of_row)} entries and the utility has "
                f"{utility.n_players} rows."
            )
        self.utility = utility
        self.n_players = len(names)
        self.block_size = utility.block_size
        self.known_sizes = (0, self.n_players) if utility.known_sizes else ()
        self.is_noisy = utility.is_noisy
        self.is_recalled = utility.is_recalled
        self.scores_apart = utility.scores_apart

    def __call__(self, masks):
        return self.evaluate(masks).scores

    def evaluate(self, masks):
        step = max(1, MAX_CELLS // len(self.player_of_row))
        pieces = [
            self.utility.evaluate(masks[first : first + step, self.player_of_row])
            for first in range(0, len(masks), step)
        ]
        failures = {
            i * step + j: words
            for i, piece in enumerate(pieces)
            for j, words in piece.failures.items()
        }
        scores = np.concatenate([piece.scores for piece in pieces])
        noise = np.concatenate([piece.noise for piece in pieces]) if self.is_noisy else None
        return Scored(scores, failures, sum(piece.n_refitted for piece in pieces), noise)

    def lockstep(self, length):
        return self.utility.lockstep(0)

    def is_quick(self, length):
        return self.utility.is_quick(0)

    def tier(self, length):
        return self.utility.tier(0)

    def bind(self):
        return self.utility.bind()

    @property
    def ingredients(self):
        rows = self.utility.ingredients
        return {"kind": type(self), "player_of_row": self.player_of_row, "utility": rows}

    @property
    def full_score(self):
        return self.utility.full_score
