"""A runway that all planes share."""

import numpy as np
from scipy.optimize import brentq

from .base import Game, chance


class AirportGame(Game):
    r"""A runway as long as the largest plane of the coalition needs.

    Parameters
    ----------
    costs : array-like of shape (n_players,)
        The length of runway that each plane needs: non-negative.

    Raises
    ------
    ValueError
        If a cost is negative, or not a number.

    Notes
    -----
    .. math:: u(S) = \max_{i \in S} c_i

    References
    ----------
    Littlechild & Owen (1973), "A simple expression for the Shapley value in a special case".

    Examples
    --------
    >>> from skdvl.games import AirportGame
    >>> AirportGame([1, 2, 3]).shapley_values()
    array([0.333..., 0.833..., 1.833...])
    """

    def __init__(self, costs):
        self.costs = np.asarray(costs, dtype=float)
        if self.costs.ndim != 1 or not len(self.costs) or not (self.costs >= 0).all():
            raise ValueError(
                f"costs must be non-negative numbers, one for each player; got {costs!r}."
            )
        self.n_players = len(self.costs)

    def __call__(self, masks):
        return np.max(masks * self.costs, axis=1)

    def semivalues(self, semivalue):
        n = self.n_players
        by_cost = np.argsort(self.costs, kind="stable")
        steps = np.diff(self.costs[by_cost], prepend=0.0)
        # A player pays for the k-th stretch of runway if none of the other n - 1 - k players
        # who need it is there: the coalition is one of the k who do not.
        k = np.arange(n)
        size = k[:, None]
        alone = chance(0, n - 1, n - 1 - k, size)
        values = np.empty(n)
        values[by_cost] = np.cumsum(steps * (semivalue.size_pmf(n) @ alone))
        return values

    def least_core(self):
        top = self.costs.max()

        def excess(subsidy):
            return np.maximum(self.costs - subsidy, 0).sum() - top

        subsidy = brentq(excess, 0, top, xtol=1e-15) if excess(0) > 0 else 0.0
        return np.maximum(self.costs - subsidy, 0), subsidy
