"""A market of left and right shoes."""

import numpy as np

from .base import Game, chance


class ShoesGame(Game):
    r"""Some players hold a left shoe, the others a right one; a pair is worth 1.

    Parameters
    ----------
    n_left, n_right : int
        How many hold which; the first `n_left` players hold the left shoes.

    Raises
    ------
    ValueError
        If one is negative, or there is no player.

    Notes
    -----
    With the players L who hold left shoes and R who hold right ones,

    .. math:: u(S) = \min(|S \cap L|, |S \cap R|)

    References
    ----------
    Shapley & Shubik (1969), "Pure competition, coalitional power, and fair division".

    Examples
    --------
    >>> from skdvl.games import ShoesGame
    >>> ShoesGame(1, 2).shapley_values()
    array([0.666..., 0.166..., 0.166...])
    """

    def __init__(self, n_left, n_right):
        if min(n_left, n_right) < 0 or n_left + n_right < 1:
            raise ValueError(
                f"n_left={n_left!r} and n_right={n_right!r} must not be negative, nor both 0."
            )
        self.n_left = n_left
        self.n_right = n_right
        self.n_players = n_left + n_right

    def __call__(self, masks):
        left = masks[:, : self.n_left].sum(axis=1)
        return np.minimum(left, masks.sum(axis=1) - left).astype(float)

    def semivalues(self, semivalue):
        pmf = semivalue.size_pmf(self.n_players)
        sides = (self.n_left, self.n_right), (self.n_right, self.n_left)
        return np.concatenate([np.full(mine, self._one(pmf, mine)) for mine, _ in sides])

    def _one(self, pmf, mine):
        """Value of a holder of a shoe of which there are `mine`."""
        if not mine:
            return 0.0
        n = self.n_players
        size = np.arange(n)[:, None]
        same = np.arange(n)[None, :]  # holders of the same side in the coalition joined
        odds = chance(same, n - 1, mine - 1, size)
        return pmf @ (odds * (size - same > same)).sum(axis=1)

    def least_core(self):
        scarce = np.array([self.n_left <= self.n_right, self.n_right <= self.n_left])
        share = scarce / scarce.sum() * (min(self.n_left, self.n_right) > 0)
        return np.repeat(share, [self.n_left, self.n_right]), 0.0
