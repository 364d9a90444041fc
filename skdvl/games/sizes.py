"""Games in which only the size of a coalition counts."""

import numpy as np

from .base import Game


class SizeGame(Game):
    """A game in which only the size of a coalition counts.

    Parameters
    ----------
    worth : array-like of shape (n_players + 1,)
        Worth of a coalition of each size, the empty one first.

    Raises
    ------
    ValueError
        If there are no two sizes.

    Examples
    --------
    >>> from skdvl.games import SizeGame
    >>> SizeGame([0, 1, 1]).shapley_values()
    array([0.5, 0.5])
    """

    def __init__(self, worth):
        self.worth = np.asarray(worth, dtype=float)
        if self.worth.ndim != 1 or len(self.worth) < 2:
            raise ValueError(
                f"worth has shape {self.worth.shape}; expected (n_players + 1,), of a player at "
                "least."
            )
        self.n_players = len(self.worth) - 1

    def __call__(self, masks):
        return self.worth[masks.sum(axis=1)]

    def semivalues(self, semivalue):
        n = self.n_players
        return np.full(n, semivalue.size_pmf(n) @ np.diff(self.worth))

    def least_core(self):
        n = self.n_players
        share = self.worth[-1] / n  # by symmetry and convexity
        return np.full(n, share), float(np.max(self.worth - share * np.arange(n + 1)))


class SymmetricVotingGame(SizeGame):
    """A coalition wins with at least `quota` members, by default more than half.

    Parameters
    ----------
    n_players : int
    quota : int or None, default=None
        Members that win. None means more than half of all players.

    Examples
    --------
    >>> from skdvl.games import SymmetricVotingGame
    >>> SymmetricVotingGame(3).banzhaf_values()
    array([0.5, 0.5, 0.5])
    """

    def __init__(self, n_players, quota=None):
        self.quota = n_players // 2 + 1 if quota is None else quota
        super().__init__(np.arange(n_players + 1) >= self.quota)


class MinerGame(SizeGame):
    r"""Two miners carry one bar of gold; a coalition is worth the bars that it can carry.

    Parameters
    ----------
    n_players : int

    Notes
    -----
    .. math:: u(S) = \lfloor |S| / 2 \rfloor

    Examples
    --------
    >>> from skdvl.games import MinerGame
    >>> MinerGame(3).shapley_values()
    array([0.333..., 0.333..., 0.333...])
    """

    def __init__(self, n_players):
        super().__init__(np.arange(n_players + 1) // 2)
