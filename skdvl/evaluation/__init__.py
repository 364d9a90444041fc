"""From walks to scores: cut into blocks, score in workers, put together in order.

A round is cut into blocks whose size depends on the utility and the number of players, and
never on the number of workers. That, and utilities that are functions of the set, is why the
scores have the same bits everywhere.

An inner room, which may change.
"""

from .blocks import score_block
from .rounds import BegunRound, Effort, Part, ScoredRound
from .stream import score_rounds

__all__ = ["BegunRound", "Effort", "Part", "ScoredRound", "score_block", "score_rounds"]
