"""Games whose values are known in closed form: for tests, teaching and benchmarks.

Each game is a utility like any other, so every valuator can play it through `fit_utility`, and
each knows its Shapley, Banzhaf, leave-one-out and least-core values without enumeration.

The least core is taken over all coalitions: the smallest subsidy e such that some values v with
``sum(v) = u(all)`` satisfy ``sum of v over S + e >= u(S)`` for every S; of those v, the one of
smallest Euclidean norm.
"""

from .airport import AirportGame
from .base import Game
from .shoes import ShoesGame
from .sizes import MinerGame, SizeGame, SymmetricVotingGame
from .spanning_tree import MinimumSpanningTreeGame
from .weighted_voting import WeightedVotingGame

__all__ = [
    "AirportGame",
    "Game",
    "MinerGame",
    "MinimumSpanningTreeGame",
    "ShoesGame",
    "SizeGame",
    "SymmetricVotingGame",
    "WeightedVotingGame",
]
