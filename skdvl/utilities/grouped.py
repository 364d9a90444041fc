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
    player_of_row : ndarray of int of shape (n_rows,)
        The group of every row, from 0.
    """

    def __init__(self, utility, player_of_row):
        self.utility = utility
        self.player_of_row = player_of_row
        self.n_players = int(player_of_row.max()) + 1
        self.block_size = utility.block_size

    def __call__(self, masks):
        return self.evaluate(masks).scores

    def evaluate(self, masks):
        step = max(1, MAX_CELLS // len(self.player_of_row))
        pieces = [
            self.utility.evaluate(masks[first : first + step, self.player_of_row])
            for first in range(0, len(masks), step)
        ]
        failures = [words for piece in pieces for words in piece.failures]
        return Scored(np.concatenate([piece.scores for piece in pieces]), failures)

    @property
    def full_score(self):
        return self.utility.full_score
