"""Semivalues: which coalition sizes count, and how much.

Every semivalue is a probability distribution over the sizes 0..n-1 of the coalition that a
player joins; marginals of one size are averaged uniformly. Nothing else distinguishes them.
"""

from abc import ABC, abstractmethod
from numbers import Integral, Real

import numpy as np
from scipy import stats
from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import Interval

from .pages import HasPage

__all__ = [
    "AME",
    "Banzhaf",
    "BetaShapley",
    "DeltaShapley",
    "LeaveOneOut",
    "Semivalue",
    "Shapley",
]


class Semivalue(HasPage, BaseEstimator, ABC):
    r"""Base class for semivalues: write `size_pmf`, and that is all.

    The value of player i is ``sum_k p[k] * mean of u(S + i) - u(S)`` over the coalitions S of
    size k without i, where ``p = size_pmf(n)``.

    Notes
    -----
    With a probability :math:`p_k` for each size, which `size_pmf` returns, and the score u(S) of a
    coalition S, the value of a player i is

    .. math:: v_i = \sum_{k=0}^{n-1} p_k \binom{n-1}{k}^{-1}
        \sum_{S \not\ni i,\; |S| = k} \big( u(S \cup i) - u(S) \big)

    Examples
    --------
    >>> import numpy as np
    >>> from skdvl import SemivalueValuator
    >>> from skdvl.games import AirportGame
    >>> from skdvl.semivalues import Semivalue
    >>> class First(Semivalue):
    ...     '''What a player is worth alone.'''
    ...     def size_pmf(self, n):
    ...         return (np.arange(n) == 0).astype(float)
    >>> SemivalueValuator(semivalue=First()).fit_utility(AirportGame([1, 2, 5])).values_
    array([1., 2., 5.])
    """

    _parameter_constraints: dict = {}

    @abstractmethod
    def size_pmf(self, n):
        """Probability of each size of the coalition that a player joins.

        Parameters
        ----------
        n : int
            Number of players.

        Returns
        -------
        pmf : ndarray of shape (n,)
            Non-negative, summing to 1; entry k belongs to size k.
        """


class Shapley(Semivalue):
    r"""All sizes alike; the only semivalue whose values sum to u(all) - u(none).

    Notes
    -----
    .. math:: p_k = \frac{1}{n}, \qquad \sum_i v_i = u(N) - u(\emptyset)

    References
    ----------
    Shapley (1953), "A value for n-person games"; Ghorbani & Zou (2019), "Data Shapley:
    equitable valuation of data for machine learning", arXiv:1904.02868.

    Examples
    --------
    >>> from skdvl.semivalues import Shapley
    >>> Shapley().size_pmf(4)
    array([0.25, 0.25, 0.25, 0.25])
    """

    def size_pmf(self, n):
        return np.full(n, 1 / n)


class Banzhaf(Semivalue):
    r"""All coalitions alike, or every other player present with probability `p`.

    Parameters
    ----------
    p : float in (0, 1), default=0.5
        Probability that each of the other players is present; 0.5 is the Banzhaf value.

    Notes
    -----
    .. math:: p_k = \binom{n-1}{k} p^k (1 - p)^{n-1-k}

    References
    ----------
    Wang & Jia (2023), "Data Banzhaf: a robust data valuation framework for machine
    learning", arXiv:2205.15466.

    Examples
    --------
    >>> from skdvl.semivalues import Banzhaf
    >>> Banzhaf().size_pmf(3)
    array([0.25, 0.5 , 0.25])
    """

    _parameter_constraints = {"p": [Interval(Real, 0, 1, closed="neither")]}

    def __init__(self, p=0.5):
        self.p = p

    def size_pmf(self, n):
        return stats.binom.pmf(np.arange(n), n - 1, self.p)


class BetaShapley(Semivalue):
    r"""Beta-binomial sizes; ``alpha = beta = 1`` is Shapley.

    Parameters
    ----------
    alpha : float, default=16.0
        Positive; larger than `beta` favours small coalitions, where single rows matter.
    beta : float, default=1.0
        Positive.

    Notes
    -----
    With the beta function B,

    .. math:: p_k = \binom{n-1}{k} \frac{B(k + \beta,\; n - 1 - k + \alpha)}{B(\beta, \alpha)}

    References
    ----------
    Kwon & Zou (2022), "Beta Shapley: a unified and noise-reduced data valuation framework for
    machine learning", arXiv:2110.14049.

    Examples
    --------
    >>> from skdvl.semivalues import BetaShapley
    >>> BetaShapley(alpha=2, beta=1).size_pmf(3).round(3)
    array([0.5  , 0.333, 0.167])
    """

    _parameter_constraints = {
        "alpha": [Interval(Real, 0, None, closed="neither")],
        "beta": [Interval(Real, 0, None, closed="neither")],
    }

    def __init__(self, alpha=16.0, beta=1.0):
        self.alpha = alpha
        self.beta = beta

    def size_pmf(self, n):
        # The paper weights small coalitions up with alpha; scipy counts successes, hence the order.
        return stats.betabinom.pmf(np.arange(n), n - 1, self.beta, self.alpha)


class AME(Semivalue):
    r"""The average marginal effect: every other player present with a probability of a grid.

    The mean of the weighted Banzhaf values of the levels. With many levels, evenly from 0 to 1, it
    comes near to the Shapley value.

    Parameters
    ----------
    levels : sequence of float in (0, 1), default=(0.2, 0.4, 0.6, 0.8)
        Probabilities that another player is present, each of them as likely.

    Notes
    -----
    With levels q of a grid Q,

    .. math:: p_k = \frac{1}{|Q|} \sum_{q \in Q} \binom{n-1}{k} q^k (1 - q)^{n-1-k}

    References
    ----------
    Lin, Zhang, Lecuyer, Li, Panda & Sen (2022), "Measuring the effect of training data on deep
    learning predictions via randomized experiments", arXiv:2206.10013.

    Examples
    --------
    >>> from skdvl.semivalues import AME
    >>> AME(levels=(0.25, 0.75)).size_pmf(3).round(3)
    array([0.312, 0.375, 0.312])
    """

    _parameter_constraints = {"levels": ["array-like"]}

    def __init__(self, levels=(0.2, 0.4, 0.6, 0.8)):
        self.levels = levels

    def size_pmf(self, n):
        return stats.binom.pmf(np.arange(n)[:, None], n - 1, self._grid()).mean(axis=1)

    def _validate_params(self):
        super()._validate_params()
        self._grid()

    def _grid(self):
        return check_levels(self.levels)


def check_levels(levels):
    """Return the levels of a grid of probabilities as an array, or say what is wrong with them."""
    try:
        grid = np.asarray(levels, dtype=float) if np.ndim(levels) == 1 else np.empty(0)
    except (TypeError, ValueError):  # texts, say
        grid = np.empty(0)
    if not len(grid) or not ((grid > 0) & (grid < 1)).all():
        raise ValueError(
            f"levels must be a list of probabilities above 0 and below 1, such as (0.2, 0.8); got "
            f"{levels!r}."
        )
    return grid


class LeaveOneOut(Semivalue):
    r"""Only joining all the others counts.

    Notes
    -----
    .. math:: p_{n-1} = 1, \qquad v_i = u(N) - u(N \setminus i)

    Examples
    --------
    >>> from skdvl.semivalues import LeaveOneOut
    >>> LeaveOneOut().size_pmf(3)
    array([0., 0., 1.])
    """

    def size_pmf(self, n):
        return (np.arange(n) == n - 1).astype(float)


class DeltaShapley(Semivalue):
    r"""Uniform over a band of sizes.

    Parameters
    ----------
    lower, upper : int or float, default=0.1 and 0.5
        First and last size of the band. An integer is a size; a float in [0, 1] is a share of
        n - 1, rounded. Sizes above n - 1 are cut to n - 1.

    Notes
    -----
    With the sizes a and b at the ends of the band,

    .. math:: p_k = \frac{1}{b - a + 1}, \qquad a \le k \le b

    References
    ----------
    Watson et al. (2023), "Accelerated Shapley value approximation for data evaluation",
    arXiv:2311.05346.

    Examples
    --------
    >>> from skdvl.semivalues import DeltaShapley
    >>> DeltaShapley(lower=1, upper=2).size_pmf(4)
    array([0. , 0.5, 0.5, 0. ])
    """

    _parameter_constraints = {
        "lower": [Interval(Integral, 0, None, closed="left"), Interval(Real, 0, 1, closed="both")],
        "upper": [Interval(Integral, 0, None, closed="left"), Interval(Real, 0, 1, closed="both")],
    }

    def __init__(self, lower=0.1, upper=0.5):
        self.lower = lower
        self.upper = upper

    def size_pmf(self, n):
        return band_pmf(self.lower, self.upper, n)


def band_pmf(lower, upper, n):
    """Uniform distribution over the sizes `lower` to `upper`, both included, of n - 1 at most."""
    ends = [
        min(int(end) if isinstance(end, Integral) else round(end * (n - 1)), n - 1)
        for end in (lower, upper)
    ]
    if ends[0] > ends[1]:
        raise ValueError(
            f"lower={lower!r} and upper={upper!r} leave no coalition size between them for "
            f"{n} players. Choose lower <= upper."
        )
    size = np.arange(n)
    return ((size >= ends[0]) & (size <= ends[1])) / (ends[1] - ends[0] + 1)
