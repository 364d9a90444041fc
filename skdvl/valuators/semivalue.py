"""Shapley, Banzhaf and their kin: a semivalue, and the sampler that suits it."""

from dataclasses import replace
from numbers import Integral, Real

from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_is_fitted

from ..engine import Game, revalue
from ..samplers import (
    CoalitionSampler,
    DeltaShapleySampler,
    ExhaustiveSampler,
    LeaveOneOutSampler,
    PermutationSampler,
)
from ..semivalues import Banzhaf, BetaShapley, DeltaShapley, LeaveOneOut, Semivalue, Shapley
from ..truncation import RelativeTruncation
from ..workers import pinned_threads
from .coalition import CoalitionValuator

_ENUMERATED = 10  # players for which every coalition is scored: 1024 at most


class _Valuator(CoalitionValuator):
    """Chooses the sampler by the semivalue and the number of players."""

    def _make_sampler(self, n_players):
        if n_players <= _ENUMERATED:
            return ExhaustiveSampler()
        semivalue = self._make_semivalue()
        if isinstance(semivalue, Banzhaf):
            return CoalitionSampler(p=semivalue.p)
        if isinstance(semivalue, DeltaShapley):
            return DeltaShapleySampler(lower=semivalue.lower, upper=semivalue.upper)
        if isinstance(semivalue, LeaveOneOut):
            return LeaveOneOutSampler()
        return PermutationSampler()

    def revalue(self, semivalue):
        """Values of another semivalue, from the coalitions that were scored already.

        Nothing is trained and nothing is drawn. The sampler draws the sizes that suit its own
        semivalue best; where another one needs others, standard errors tell.

        Parameters
        ----------
        semivalue : Semivalue

        Returns
        -------
        valuator : SemivalueValuator
            Fitted, with the parameters and attributes of this one but for the values.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            If the strategy does not keep scores: `PerSizeReuse` and `RegressionAdjusted` do.
            Or if the sampler has never drawn a size that the semivalue needs.

        References
        ----------
        Li & Yu (2024), "One sample fits all: approximating all probabilistic values
        simultaneously and efficiently", arXiv:2410.23808.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from sklearn.naive_bayes import GaussianNB
        >>> from skdvl import ShapleyValuator
        >>> from skdvl.samplers import SizeOptimalSampler
        >>> from skdvl.semivalues import Banzhaf
        >>> from skdvl.stopping import MaxEvaluations
        >>> from skdvl.strategies import RegressionAdjusted
        >>> X, y = load_iris(return_X_y=True)
        >>> shapley = ShapleyValuator(
        ...     GaussianNB(),
        ...     sampler=SizeOptimalSampler(),
        ...     strategy=RegressionAdjusted,
        ...     stopping=MaxEvaluations(1000),
        ...     random_state=0,
        ... )
        >>> banzhaf = shapley.fit(X, y).revalue(Banzhaf())
        >>> banzhaf.values_.shape
        (150,)
        """
        check_is_fitted(self, "values_")
        if not isinstance(semivalue, Semivalue):
            raise ValueError(
                f"revalue takes a semivalue, such as Banzhaf() of skdvl.semivalues; got "
                f"{semivalue!r}."
            )
        semivalue._validate_params()
        if self._scored is None:
            raise ValueError(
                "The scores of coalitions are gone: only PerSizeReuse and RegressionAdjusted keep "
                "them. Set strategy to one of these, with a sampler of coalitions; or set cache, "
                "and fit a valuator with the other semivalue and the same sampler."
            )
        plan, players, run = self._scored
        plan = replace(plan, semivalue=semivalue)
        strategies = plan.strategies(players)
        games = [Game(None, *parts) for parts in zip(strategies, players, strict=True)]
        names = set(SemivalueValuator().get_params(deep=False)) - {"semivalue"}
        given = {name: getattr(self, name) for name in names}
        valuator = SemivalueValuator(semivalue=semivalue, **given)
        # Neither the history nor what a warm start would go on with is of these values.
        others = {*self.get_params(deep=False), "_continues"}
        others |= {"history_", "history_stderr_", "history_evaluations_"}
        fitted = vars(self).keys() - others
        vars(valuator).update({name: getattr(self, name) for name in fitted})
        with pinned_threads():  # for the bits of a fit
            valuator._scored = plan, players, revalue(games, run)
        valuator._set_values(valuator._scored[-1], getattr(self, "groups_", None))
        return valuator


class SemivalueValuator(_Valuator):
    r"""Value rows by any semivalue.

    Parameters
    ----------
    estimator : estimator or None, default=None
        The model that is trained on coalitions of rows; None is for `fit_utility` alone.
    semivalue : Semivalue or None, default=None
        None means `Shapley()`.
    {shared}

    Notes
    -----
    With the score u(S) of a model that is trained on the rows S, and the probabilities
    :math:`p_k` of the semivalue,

    .. math:: v_i = \sum_{k=0}^{n-1} p_k \binom{n-1}{k}^{-1}
        \sum_{S \not\ni i,\; |S| = k} \big( u(S \cup i) - u(S) \big)

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from skdvl import SemivalueValuator
    >>> from skdvl.semivalues import Banzhaf
    >>> from skdvl.stopping import MaxRounds
    >>> X, y = load_iris(return_X_y=True)
    >>> valuator = SemivalueValuator(
    ...     GaussianNB(), semivalue=Banzhaf(p=0.3), stopping=MaxRounds(2), random_state=0
    ... )
    >>> valuator.fit(X, y).values_.shape
    (150,)
    """

    _parameter_constraints = {"semivalue": [Semivalue, None]}

    def __init__(self, estimator=None, *, semivalue=None, **shared):
        super().__init__(estimator, **shared)
        self.semivalue = semivalue

    def _make_semivalue(self):
        return Shapley() if self.semivalue is None else self.semivalue


class ShapleyValuator(_Valuator):
    r"""Value rows by their Shapley value; the values sum to what all rows add to none.

    Parameters
    ----------
    estimator : estimator or None, default=None
        The model that is trained on coalitions of rows; None is for `fit_utility` alone.
    {shared}

    Notes
    -----
    With the score u(S) of a model that is trained on the rows S,

    .. math:: v_i = \frac{1}{n} \sum_{S \not\ni i} \binom{n-1}{|S|}^{-1}
        \big( u(S \cup i) - u(S) \big), \qquad \sum_i v_i = u(N) - u(\emptyset)

    References
    ----------
    Ghorbani & Zou (2019), "Data Shapley: equitable valuation of data for machine learning",
    arXiv:1904.02868.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from skdvl import ShapleyValuator
    >>> X, y = load_iris(return_X_y=True)
    >>> X_val, y_val = X[1::5], y[1::5]
    >>> valuator = ShapleyValuator(GaussianNB(), random_state=0)
    >>> valuator = valuator.fit(X[::5], y[::5], X_val=X_val, y_val=y_val)
    >>> gain = valuator.estimator_.score(X_val, y_val) - 1 / 3  # a guess is right for a third
    >>> round(float(valuator.values_.sum()), 3), round(gain, 3)
    (0.5, 0.5)
    """

    def _make_semivalue(self):
        return Shapley()


class BanzhafValuator(_Valuator):
    r"""Value rows by their (weighted) Banzhaf value; robust against noisy scores.

    Parameters
    ----------
    estimator : estimator or None, default=None
        The model that is trained on coalitions of rows; None is for `fit_utility` alone.
    p : float in (0, 1), default=0.5
        Probability that each of the other rows is present.
    {shared}

    Notes
    -----
    With the score u(S) of a model that is trained on the rows S,

    .. math:: v_i = \sum_{S \not\ni i} p^{|S|} (1 - p)^{n-1-|S|} \big( u(S \cup i) - u(S) \big)

    References
    ----------
    Wang & Jia (2023), "Data Banzhaf: a robust data valuation framework for machine learning",
    arXiv:2205.15466.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skdvl import BanzhafValuator
    >>> X = np.array([[0.0], [1.0], [2.0], [7.0], [8.0], [9.0]])
    >>> y = np.array([0, 0, 1, 1, 1, 1])  # the label of the third row is wrong
    >>> X_val, y_val = X + 0.3, [0, 0, 0, 1, 1, 1]
    >>> valuator = BanzhafValuator(LogisticRegression())
    >>> int(valuator.fit(X, y, X_val=X_val, y_val=y_val).values_.argmin())
    2
    """

    _parameter_constraints = {"p": [Interval(Real, 0, 1, closed="neither")]}

    def __init__(self, estimator=None, *, p=0.5, **shared):
        super().__init__(estimator, **shared)
        self.p = p

    def _make_semivalue(self):
        return Banzhaf(self.p)


class BetaShapleyValuator(_Valuator):
    r"""Value rows by Beta Shapley: sizes weighted by a beta-binomial distribution.

    Parameters
    ----------
    estimator : estimator or None, default=None
        The model that is trained on coalitions of rows; None is for `fit_utility` alone.
    alpha : float, default=16.0
        Larger than `beta` favours small coalitions.
    beta : float, default=1.0
    {shared}

    Notes
    -----
    With the score u(S) of a model that is trained on the rows S, and the beta function B,

    .. math:: v_i = \sum_{S \not\ni i}
        \frac{B(|S| + \beta,\; n - 1 - |S| + \alpha)}{B(\beta, \alpha)}
        \big( u(S \cup i) - u(S) \big)

    References
    ----------
    Kwon & Zou (2022), "Beta Shapley: a unified and noise-reduced data valuation framework for
    machine learning", arXiv:2110.14049.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from skdvl import BetaShapleyValuator
    >>> from skdvl.stopping import MaxEvaluations
    >>> X, y = load_iris(return_X_y=True)
    >>> X, y, X_val, y_val = X[::5], y[::5].copy(), X[1::5], y[1::5]
    >>> y[[3, 13, 23]] = 1, 2, 0  # three wrong labels
    >>> valuator = BetaShapleyValuator(
    ...     GaussianNB(), alpha=4.0, stopping=MaxEvaluations(2000), random_state=0
    ... )
    >>> valuator = valuator.fit(X, y, X_val=X_val, y_val=y_val)
    >>> sorted(valuator.values_.argsort()[:3].tolist())  # the rows of lowest value
    [3, 13, 23]
    """

    _parameter_constraints = {
        "alpha": [Interval(Real, 0, None, closed="neither")],
        "beta": [Interval(Real, 0, None, closed="neither")],
    }

    def __init__(self, estimator=None, *, alpha=16.0, beta=1.0, **shared):
        super().__init__(estimator, **shared)
        self.alpha = alpha
        self.beta = beta

    def _make_semivalue(self):
        return BetaShapley(self.alpha, self.beta)


class DeltaShapleyValuator(_Valuator):
    r"""Value rows by the marginals in a band of coalition sizes.

    Parameters
    ----------
    estimator : estimator or None, default=None
        The model that is trained on coalitions of rows; None is for `fit_utility` alone.
    lower, upper : int or float, default=0.1 and 0.5
        First and last size of the band: an integer is a size, a float in [0, 1] a share of the
        other rows.
    {shared}

    Notes
    -----
    With the score u(S) of a model that is trained on the rows S, and the sizes a and b at the ends
    of the band,

    .. math:: v_i = \frac{1}{b - a + 1} \sum_{S \not\ni i,\; a \le |S| \le b}
        \binom{n-1}{|S|}^{-1} \big( u(S \cup i) - u(S) \big)

    References
    ----------
    Watson et al. (2023), "Accelerated Shapley value approximation for data evaluation",
    arXiv:2311.05346.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.linear_model import Ridge
    >>> from skdvl import DeltaShapleyValuator
    >>> from skdvl.stopping import MaxEvaluations
    >>> X, y = load_diabetes(return_X_y=True)
    >>> X, y, X_val, y_val = X[:40], y[:40].copy(), X[40:200], y[40:200]
    >>> y[7] += 1000  # a slip of the pen
    >>> valuator = DeltaShapleyValuator(
    ...     Ridge(), lower=5, upper=15, stopping=MaxEvaluations(2000), random_state=0
    ... )
    >>> int(valuator.fit(X, y, X_val=X_val, y_val=y_val).values_.argmin())
    7
    """

    _parameter_constraints = {
        end: [Interval(Integral, 0, None, closed="left"), Interval(Real, 0, 1, closed="both")]
        for end in ("lower", "upper")
    }

    def __init__(self, estimator=None, *, lower=0.1, upper=0.5, **shared):
        super().__init__(estimator, **shared)
        self.lower = lower
        self.upper = upper

    def _make_semivalue(self):
        return DeltaShapley(self.lower, self.upper)


class LeaveOneOutValuator(_Valuator):
    r"""Value rows by what the score loses when one of them is left out. Exact: n + 1 fits.

    With `cv`, that is so for each fold, among the rows that it trains on.

    Parameters
    ----------
    estimator : estimator or None, default=None
        The model that is trained on coalitions of rows; None is for `fit_utility` alone.
    {shared}

    Notes
    -----
    With the score u(S) of a model that is trained on the rows S,

    .. math:: v_i = u(N) - u(N \setminus i)

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.linear_model import LinearRegression
    >>> from skdvl import LeaveOneOutValuator
    >>> X, y = load_diabetes(return_X_y=True)
    >>> X, y, X_val, y_val = X[:50], y[:50], X[50:], y[50:]
    >>> valuator = LeaveOneOutValuator(LinearRegression()).fit(X, y, X_val=X_val, y_val=y_val)
    >>> without = LinearRegression().fit(X[1:], y[1:]).score(X_val, y_val)
    >>> loss = valuator.estimator_.score(X_val, y_val) - without
    >>> bool(abs(valuator.values_[0] - loss) < 1e-9)
    True
    """

    def _make_semivalue(self):
        return LeaveOneOut()

    def _make_sampler(self, n_players):
        return LeaveOneOutSampler()


class TMCShapleyValuator(_Valuator):
    r"""Truncated Monte Carlo Shapley: permutations that end once the score is close to full.

    A preset of `ShapleyValuator`: a permutation sampler, and by default
    ``truncation=RelativeTruncation(rtol=0.01)``. It saves evaluations and is biased: rows that
    come late in a permutation are taken to add nothing.

    Parameters
    ----------
    estimator : estimator or None, default=None
        The model that is trained on coalitions of rows; None is for `fit_utility` alone.
    {shared}

    Notes
    -----
    With the score u(S) of a model that is trained on the rows S, and the rows :math:`S_i^\pi` that
    stand before row i in the permutation :math:`\pi`, of which m are drawn,

    .. math:: v_i \approx \frac{1}{m} \sum_\pi \big( u(S_i^\pi \cup i) - u(S_i^\pi) \big)

    where the terms after the first score with
    :math:`|u(N) - u(S)| \le \text{rtol} \cdot |u(N)|` are taken to be 0.

    References
    ----------
    Ghorbani & Zou (2019), "Data Shapley: equitable valuation of data for machine learning",
    arXiv:1904.02868.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from skdvl import TMCShapleyValuator
    >>> from skdvl.stopping import MaxRounds
    >>> from skdvl.truncation import RelativeTruncation
    >>> X, y = load_iris(return_X_y=True)
    >>> valuator = TMCShapleyValuator(
    ...     GaussianNB(),
    ...     truncation=RelativeTruncation(rtol=0.05),
    ...     stopping=MaxRounds(10),
    ...     random_state=0,
    ... )
    >>> valuator = valuator.fit(X[::2], y[::2], X_val=X[1::2], y_val=y[1::2])
    >>> bool(valuator.n_evaluations_ < 0.5 * valuator.counts_.sum())  # of whole walks
    True
    """

    def _make_semivalue(self):
        return Shapley()

    def _make_sampler(self, n_players):
        return PermutationSampler()

    def _make_truncation(self):
        return RelativeTruncation() if self.truncation is None else self.truncation
