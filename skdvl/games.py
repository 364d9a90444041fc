"""Games whose values are known in closed form: for tests, teaching and benchmarks.

Each game is a utility like any other, so every valuator can play it through `fit_utility`, and
each knows its Shapley, Banzhaf, leave-one-out and least-core values without enumeration.

The least core is taken over all coalitions: the smallest subsidy e such that some values v with
``sum(v) = u(all)`` satisfy ``sum of v over S + e >= u(S)`` for every S; of those v, the one of
smallest Euclidean norm.
"""

from abc import abstractmethod

import numpy as np
from scipy import stats
from scipy.optimize import brentq, linprog, minimize

from .semivalues import Banzhaf, LeaveOneOut, Shapley
from .utilities import Utility

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


class Game(Utility):
    """Base class for games with closed-form values."""

    def shapley_values(self):
        """Return the Shapley values, of shape (n_players,)."""
        return self.semivalues(Shapley())

    def banzhaf_values(self):
        """Return the Banzhaf values, of shape (n_players,)."""
        return self.semivalues(Banzhaf())

    def leave_one_out_values(self):
        """Return the leave-one-out values, of shape (n_players,)."""
        return self.semivalues(LeaveOneOut())

    @abstractmethod
    def semivalues(self, semivalue):
        """Return the values of any semivalue, of shape (n_players,)."""

    @abstractmethod
    def least_core(self):
        """Return the least-core values of smallest norm, and the subsidy.

        Returns
        -------
        values : ndarray of shape (n_players,)
        subsidy : float
        """


class SizeGame(Game):
    """A game in which only the size of a coalition counts.

    Parameters
    ----------
    worth : array-like of shape (n_players + 1,)
        Worth of a coalition of each size; the first is 0.

    Examples
    --------
    >>> from skdvl.games import SizeGame
    >>> SizeGame([0, 1, 1]).shapley_values()
    array([0.5, 0.5])
    """

    def __init__(self, worth):
        self.worth = np.asarray(worth, dtype=float)
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
    """Two miners carry one bar of gold; a coalition is worth the bars that it can carry.

    Parameters
    ----------
    n_players : int

    Examples
    --------
    >>> from skdvl.games import MinerGame
    >>> MinerGame(3).shapley_values()
    array([0.333..., 0.333..., 0.333...])
    """

    def __init__(self, n_players):
        super().__init__(np.arange(n_players + 1) // 2)


class AirportGame(Game):
    """A runway as long as the largest plane of the coalition needs.

    Parameters
    ----------
    costs : array-like of shape (n_players,)
        Non-negative.

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
        if (self.costs < 0).any():
            raise ValueError(f"costs must be non-negative; got {costs!r}.")
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
        alone = _chance(0, n - 1, n - 1 - k, size)
        values = np.empty(n)
        values[by_cost] = np.cumsum(steps * (semivalue.size_pmf(n) @ alone))
        return values

    def least_core(self):
        top = self.costs.max()

        def excess(subsidy):
            return np.maximum(self.costs - subsidy, 0).sum() - top

        subsidy = brentq(excess, 0, top, xtol=1e-15) if excess(0) > 0 else 0.0
        return np.maximum(self.costs - subsidy, 0), subsidy


class ShoesGame(Game):
    """Some players hold a left shoe, the others a right one; a pair is worth 1.

    Parameters
    ----------
    n_left, n_right : int
        The first `n_left` players hold the left shoes.

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
        chance = _chance(same, n - 1, mine - 1, size)
        return pmf @ (chance * (size - same > same)).sum(axis=1)

    def least_core(self):
        scarce = np.array([self.n_left <= self.n_right, self.n_right <= self.n_left])
        share = scarce / scarce.sum() * (min(self.n_left, self.n_right) > 0)
        return np.repeat(share, [self.n_left, self.n_right]), 0.0


class MinimumSpanningTreeGame(Game):
    """The cheapest tree that joins a coalition of a ring of players to a source.

    Neighbours on the ring are joined at a cost of 1, a player and the source at n + 1, and no
    others can be joined. The worth of a coalition is the cost of its tree.

    Parameters
    ----------
    n_players : int

    References
    ----------
    Castro, Gomez & Tejada (2009), "Polynomial calculation of the Shapley value based on
    sampling".

    Examples
    --------
    >>> from skdvl.games import MinimumSpanningTreeGame
    >>> MinimumSpanningTreeGame(100).shapley_values()[0]
    np.float64(2.0...)
    """

    def __init__(self, n_players):
        self.n_players = n_players

    def __call__(self, masks):
        n = self.n_players
        size = masks.sum(axis=1)
        arcs = np.count_nonzero(masks & ~np.roll(masks, 1, axis=1), axis=1)
        arcs = np.where(size == n, 1, arcs)  # the whole ring is one arc without an end
        return (arcs * (n + 1) + size - arcs).astype(float)

    def semivalues(self, semivalue):
        n = self.n_players
        pmf = semivalue.size_pmf(n)
        # Joining beside j neighbours changes the arcs by 1 - j and costs n (1 - j) + 1,
        # except for the last to join, who closes the ring for 1.
        neighbours = np.minimum(n - 1, 2)
        j = np.arange(neighbours + 1)[None, :]
        size = np.arange(n)[:, None]
        cost = (_chance(j, n - 1, neighbours, size) * (n * (1 - j) + 1)).sum(axis=1)
        cost[1:][-1:] = 1.0
        return np.full(n, pmf @ cost)

    def least_core(self):
        n = self.n_players  # every second player alone is the costliest coalition
        return np.full(n, 2.0), float((n - 1) * (n // 2))


class WeightedVotingGame(Game):
    """A coalition wins if its weights reach a quota.

    Values come from counting coalitions by size and weight, in O(n^2 * quota) for each player;
    the least core from a linear program whose constraints are found by a knapsack.

    Parameters
    ----------
    weights : array-like of int of shape (n_players,)
        Non-negative.
    quota : int or None, default=None
        None means more than half of all weights.

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
        if self.weights.dtype.kind not in "iu" or (self.weights < 0).any():
            raise ValueError(f"weights must be non-negative integers; got {weights!r}.")
        self.quota = int(self.weights.sum()) // 2 + 1 if quota is None else int(quota)
        self.n_players = len(self.weights)

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


def _chance(hits, others, marked, size):
    """Chance that a uniform coalition of `size` of the `others` holds `hits` of the `marked`."""
    if others == 0:  # which scipy calls no distribution
        return np.ones(np.broadcast_shapes(*map(np.shape, (hits, marked, size)))) * (hits == 0)
    return stats.hypergeom.pmf(hits, others, marked, size)


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
