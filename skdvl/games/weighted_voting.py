"""A vote with weights and a quota."""

import numpy as np
from scipy.optimize import linprog, minimize

from .base import Game


class WeightedVotingGame(Game):
    r"""A coalition wins if its weights reach a quota.

    Values come from counting coalitions by size and weight, in O(n^2 * quota) for each player;
    the least core from a linear program whose constraints are found by a knapsack.

    Parameters
    ----------
    weights : array-like of int of shape (n_players,)
        Non-negative.
    quota : int or None, default=None
        The weight that wins, 1 at least. None means more than half of all weights.

    Raises
    ------
    ValueError
        If a weight is no integer or negative, or the quota lets the empty coalition win.

    Notes
    -----
    With the weights w and the quota q, u(S) is 1 if

    .. math:: \sum_{i \in S} w_i \ge q

    and 0 otherwise.

    References
    ----------
    Mann & Shapley (1962), "Values of large games, VI"; Elkind et al. (2009), "On the
    computational complexity of weighted voting games".

    Examples
    --------
    >>> from skdvl.games import WeightedVotingGame
    >>> WeightedVotingGame([3, 2, 1]).shapley_values()
    array([0.666..., 0.166..., 0.166...])
    """

    def __init__(self, weights, quota=None):
        self.weights = np.asarray(weights)
        odd = self.weights.ndim != 1 or self.weights.dtype.kind not in "iu"
        if odd or (self.weights < 0).any():
            raise ValueError(f"weights must be non-negative integers; got {weights!r}.")
        self.quota = int(self.weights.sum()) // 2 + 1 if quota is None else int(quota)
        self.n_players = len(self.weights)
        if self.quota < 1:
            raise ValueError(f"quota={quota!r} lets the empty coalition win; choose 1 or more.")

    def __call__(self, masks):
        return (masks @ self.weights >= self.quota).astype(float)

    def semivalues(self, semivalue):
        pmf = semivalue.size_pmf(self.n_players)
        return np.array([self._one(pmf, player) for player in range(self.n_players)])

    def _one(self, pmf, player):
        """Chance that a player turns a losing coalition into a winning one."""
        n, quota, weight = self.n_players, self.quota, self.weights[player]
        if quota <= 0:
            return 0.0
        # chance[k, w]: a uniform coalition of size k of the others has weight w < quota
        chance = np.zeros((n, quota))
        chance[0, 0] = 1.0
        for met, other in enumerate(np.delete(self.weights, player), start=1):
            k = np.arange(1, met + 1)[:, None]
            without = chance[1 : met + 1] * (met - k) / met
            joined = np.zeros((met, quota))
            if other < quota:
                joined[:, other:] = chance[:met, : quota - other]
            chance[1 : met + 1] = without + joined * k / met
        return pmf @ chance[:, max(quota - weight, 0) :].sum(axis=1)

    def least_core(self):
        n, total = self.n_players, float(self.weights.sum() >= self.quota)
        if self.quota <= 0 or not total:
            return np.full(n, total / n), max(0.0, 1.0 - total) * (self.quota <= 0)
        coalitions = np.ones((1, n))
        while True:  # smallest subsidy for the coalitions so far; then add the worst of all
            values, subsidy = _least_subsidy(coalitions, total)
            worst = self._cheapest_winners(values)
            if values @ worst + subsidy >= 1 - 1e-9 or worst.tolist() in coalitions.tolist():
                break
            coalitions = np.vstack([coalitions, worst])
        while True:  # smallest norm at that subsidy
            values = _least_norm(values, coalitions, 1 - subsidy, total)
            worst = self._cheapest_winners(values)
            if values @ worst + subsidy >= 1 - 1e-9 or worst.tolist() in coalitions.tolist():
                return values, subsidy
            coalitions = np.vstack([coalitions, worst])

    def _cheapest_winners(self, values):
        """Winning coalition of the smallest total value, by a knapsack."""
        quota = self.quota
        cost = np.full(quota + 1, np.inf)
        cost[0] = 0.0
        taken = np.zeros((self.n_players, quota + 1), dtype=bool)
        source = np.maximum(np.arange(quota + 1)[None, :] - self.weights[:, None], 0)
        for player in range(self.n_players):
            joined = cost[source[player]] + values[player]
            taken[player] = joined < cost
            cost = np.minimum(cost, joined)
        mask, weight = np.zeros(self.n_players), quota
        for player in range(self.n_players - 1, -1, -1):
            if taken[player, weight]:
                mask[player], weight = 1.0, source[player, weight]
        return mask


def _least_subsidy(coalitions, total):
    """Values >= 0 with the given sum that leave no coalition, of worth 1, short by more.

    Nobody is worth less than 0, since a winning coalition does not lose by growing.
    """
    n = coalitions.shape[1]
    found = linprog(
        np.append(np.zeros(n), 1.0),
        np.hstack([-coalitions, -np.ones((len(coalitions), 1))]),
        -np.ones(len(coalitions)),
        np.append(np.ones(n), 0.0)[None],
        [total],
        [(0, None)] * (n + 1),
    )
    return found.x[:n], float(found.x[n])


def _least_norm(start, coalitions, at_least, total):
    """Shortest v >= 0 with ``coalitions @ v >= at_least`` and ``sum(v) = total``."""
    n = coalitions.shape[1]
    worth = {"fun": lambda v: coalitions @ v - at_least + 1e-11, "jac": lambda v: coalitions}
    whole = {"fun": lambda v: v.sum() - total, "jac": lambda v: np.ones(n)}
    found = minimize(
        lambda v: v @ v,
        start,
        jac=lambda v: 2 * v,
        method="SLSQP",
        bounds=[(0, None)] * n,
        constraints=[{"type": "ineq", **worth}, {"type": "eq", **whole}],
        options={"maxiter": 1000, "ftol": 1e-14},
    )
    return np.maximum(found.x, 0)
