"""The least core: values with which no coalition would rather leave."""

import numpy as np
from scipy.linalg import svd
from scipy.optimize import linprog, nnls
from sklearn.base import BaseEstimator

from ..pages import HasPage
from .base import Estimate
from .kept import KeptScores

_ZERO = 1e-9  # of the range of the scores, and of a multiplier


class Core(HasPage, BaseEstimator):
    """What is asked for: the least core, which is no semivalue.

    Parameters
    ----------
    egalitarian : bool, default=True
        Of all values in the least core take those of least norm, which are unique. Otherwise any.
    non_negative_subsidy : bool, default=False
        Never let the subsidy be below 0, so that a game with a core has any values of the core.

    Examples
    --------
    >>> from skdvl.games import MinerGame
    >>> from skdvl.samplers import ExhaustiveSampler
    >>> from skdvl.strategies import Core, LeastCore
    >>> from skdvl.testing import play
    >>> game = MinerGame(2)  # one bar, that neither of them carries alone
    >>> for core in (Core(), Core(non_negative_subsidy=True)):
    ...     run = play(game, ExhaustiveSampler(), core, n_rounds=1, strategy=LeastCore)
    ...     print(run.values.round(3), round(run.misfit, 3) + 0.0)
    [0.5 0.5] -0.5
    [0.5 0.5] 0.0
    """

    _parameter_constraints = {"egalitarian": ["boolean"], "non_negative_subsidy": ["boolean"]}

    def __init__(self, egalitarian=True, non_negative_subsidy=False):
        self.egalitarian = egalitarian
        self.non_negative_subsidy = non_negative_subsidy

    def size_pmf(self, n):
        """No size of coalitions has a weight of its own.

        Parameters
        ----------
        n : int
            Number of players.

        Returns
        -------
        zeros : ndarray of shape (n,)
        """
        return np.zeros(n)


class LeastCore(KeptScores):
    r"""Values in the least core of the coalitions that were scored.

    They sum to what everybody adds to nobody, and each coalition gets what it adds to nobody, but
    for the least *subsidy* that makes this possible. Coalitions are enumerated, or come with their
    complements: a coalition and its complement bound the subsidy from below, and single ones may
    not. The least core is a linear program, solved by HiGHS; the values of least norm are a
    least-distance problem, solved by non-negative least squares. Both are solved once, at the end.

    Standard errors are unknown but for an enumeration.

    Parameters
    ----------
    semivalue : Core
    sampler : IndexSampler
    n : int

    Notes
    -----
    With the subsidy e,

    .. math:: \min_{v,\, e} e \quad \text{with} \quad \sum_{i \in N} v_i = u(N) - u(\emptyset),
        \qquad \sum_{i \in S} v_i + e \ge u(S) - u(\emptyset)

    References
    ----------
    Yan & Procaccia (2021), "If you like Shapley then you'll love the core", AAAI;
    Lawson & Hanson (1974), "Solving least squares problems", chapter 23.

    Examples
    --------
    >>> from skdvl.games import AirportGame
    >>> from skdvl.samplers import ExhaustiveSampler
    >>> from skdvl.strategies import Core, LeastCore
    >>> from skdvl.testing import play
    >>> game = AirportGame([1, 2, 5])
    >>> run = play(game, ExhaustiveSampler(), Core(), n_rounds=1, strategy=LeastCore)
    >>> run.values.round(3) + 0.0, round(float(run.misfit), 3)
    (array([0., 1., 4.]), 1.0)
    >>> game.least_core_values()  # in closed form
    array([0., 1., 4.])
    """

    def __init__(self, semivalue, sampler, n):
        super().__init__(semivalue, sampler, n)
        self.core = semivalue
        if self.group != 2 and self.limit is None:
            raise ValueError(
                f"The least core needs each coalition's complement too, or the subsidy may be "
                f"unbounded, and {sampler!r} draws single coalitions. Use PairedSampler() or "
                "SizeOptimalSampler(paired=True)."
            )

    def _needs(self, proposal):
        return []

    def is_due(self, n_rounds):
        return False

    def estimate(self, tally):
        count = len(tally["border"]) + len(tally["scores"])
        counts, unknown = np.full(self.n, count), np.full(self.n, np.inf)
        if not count:
            return Estimate(np.full(self.n, np.nan), unknown, counts)
        nobody, everybody = tally["border"]
        masks, told = np.unique(tally["masks"], axis=0, return_index=True)
        masks = np.unpackbits(masks, axis=1, count=self.n).astype(float)
        values, subsidy = solve(
            masks, tally["scores"][told] - nobody, everybody - nobody, self.core
        )
        stderr = np.zeros(self.n) if self.limit is not None and count >= self.limit else unknown
        return Estimate(values, stderr, counts, misfit=subsidy)


def solve(masks, scores, total, core):
    """Return the values and the subsidy of the least core of some coalitions.

    Parameters
    ----------
    masks : ndarray of float of shape (m, n)
        Coalitions, without nobody and everybody.
    scores : ndarray of shape (m,)
        What each of them adds to nobody.
    total : float
        What everybody adds to nobody.
    core : Core

    Returns
    -------
    values : ndarray of shape (n,)
    subsidy : float
    """
    n = masks.shape[1]
    if not len(masks):  # a single player, who gets all there is
        return np.full(n, total / n), 0.0
    scale = max(np.abs(scores).max(), abs(total)) or 1.0
    values, subsidy, force = _linear_program(masks, scores / scale, total / scale, core)
    if core.egalitarian:
        shares = total / scale / n
        centred = masks - masks.mean(axis=1, keepdims=True)
        wanted = scores / scale - subsidy - shares * masks.sum(axis=1)
        values = shares + _least_norm(centred, wanted, force > _ZERO, values - shares)
    return values * scale, subsidy * scale


def _linear_program(masks, scores, total, core):
    """Solve the dual: the mixture of coalitions that leaves the most to be wished for.

    Returns
    -------
    values : ndarray of shape (n,)
    subsidy : float
    force : ndarray of shape (m,)
        The mixture. Where it is positive, a coalition gets what it has to get and nothing more.
    """
    m, n = masks.shape
    balanced = np.column_stack([masks.T, np.ones(n)])  # everybody is in the mixture alike
    one = np.append(np.ones(m), 0.0)[None]
    given = {"A_eq": np.concatenate([balanced, one]), "b_eq": np.append(np.zeros(n), 1.0)}
    if core.non_negative_subsidy:
        given = {"A_eq": balanced, "b_eq": np.zeros(n), "A_ub": one, "b_ub": [1.0]}
    bounds = [(0, None)] * m + [(None, None)]
    found = linprog(-np.append(scores, total), **given, bounds=bounds, method="highs")
    if found.status != 0:
        raise ValueError(f"The linear program of the least core was not solved: {found.message}")
    return -found.eqlin.marginals[:n], -found.fun, found.x[:m]


def _least_norm(rows, wanted, is_tight, known):
    """Return the w of least norm with ``rows @ w >= wanted``, and equal where that is known.

    Constraints join a few at a time, those that are violated most: most of them never have to.

    Parameters
    ----------
    rows : ndarray of shape (m, n)
    wanted : ndarray of shape (m,)
    is_tight : ndarray of bool of shape (m,)
    known : ndarray of shape (n,)
        Some w of these.
    """
    base, free = _solve_equations(rows[is_tight], wanted[is_tight])
    if not free.shape[1]:
        return base
    rows, wanted = rows @ free, wanted - rows @ base
    joined = np.zeros(len(rows), dtype=bool)
    w = np.zeros(free.shape[1])
    while True:
        lacking = np.where(joined, 0.0, wanted - rows @ w)
        if lacking.max() <= _ZERO:
            return base + free @ w
        most = np.argsort(-lacking, kind="stable")[: max(20, len(w) // 10)]
        joined[most[lacking[most] > _ZERO]] = True
        w = _least_distance(rows[joined], wanted[joined])
        if w is None:  # the linear program knows better what is possible
            return known


def _solve_equations(rows, wanted):
    """Return the solution of least norm, and a basis of what can be added to it."""
    n = rows.shape[1]
    if not len(rows):
        return np.zeros(n), np.eye(n)
    left, sizes, right = svd(rows, full_matrices=True)
    rank = np.count_nonzero(sizes > 1e-10 * sizes[0])
    base = right[:rank].T @ (left[:, :rank].T @ wanted / sizes[:rank])
    return base, right[rank:].T


def _least_distance(rows, wanted):
    """Return the w of least norm with ``rows @ w >= wanted``, or None if there is none."""
    scale = np.abs(wanted).max() or 1.0
    system = np.concatenate([rows.T, wanted[None] / scale])
    aim = np.append(np.zeros(len(system) - 1), 1.0)
    force, _ = nnls(system, aim, maxiter=max(1000, 30 * len(wanted)))
    left = system @ force - aim
    return None if left[-1] > -1e-12 else -left[:-1] / left[-1] * scale
