"""Stop when standard errors are small enough."""

from numbers import Real

import numpy as np
from sklearn.utils._param_validation import Interval

from .base import COUNT, SHARE, TOLERANCE, StoppingRule, is_look

_GROWTH = 1.1  # of the number of rounds, from one look to the next


class StandardError(StoppingRule):
    """Stop when a share of the values is known to within a tolerance.

    A value is known when its standard error is at most ``atol + rtol * abs(value)``.

    Parameters
    ----------
    atol : float, default=0.0
        In units of the score.
    rtol : float, default=0.05
        As a share of the value.
    fraction : float in (0, 1], default=1.0
        Share of the players that must be known.
    min_rounds : int, default=4
        Rounds before which a standard error is not trusted, unless every value is exact.

    Examples
    --------
    >>> from skdvl import ShapleyValuator
    >>> from skdvl.games import AirportGame
    >>> from skdvl.stopping import MaxEvaluations, StandardError
    >>> rule = StandardError(atol=0.05, rtol=0.0) | MaxEvaluations(100_000)
    >>> valuator = ShapleyValuator(stopping=rule, random_state=0)
    >>> bool(valuator.fit_utility(AirportGame(range(15))).stderr_.max() <= 0.05)
    True
    """

    _parameter_constraints = {
        "atol": TOLERANCE,
        "rtol": TOLERANCE,
        "fraction": SHARE,
        "min_rounds": COUNT,
    }

    def __init__(self, atol=0.0, rtol=0.05, fraction=1.0, min_rounds=4):
        self.atol = atol
        self.rtol = rtol
        self.fraction = fraction
        self.min_rounds = min_rounds

    def completion(self, run):
        stderr, values = run.stderr[run.plays], np.nan_to_num(run.values[run.plays])
        done = np.mean(stderr <= self.atol + self.rtol * np.abs(values)) / self.fraction
        trusted = run.n_rounds >= self.min_rounds or not stderr.any()
        return done if trusted else min(done, run.n_rounds / self.min_rounds)


class TargetReliability(StoppingRule):
    r"""Stop when the values are known well enough to tell the players apart.

    The reliability of values is the correlation with the true ones that their errors allow,
    ``sqrt(1 - mean(stderr**2) / var(values))``: with 0.95, a tenth of their variance is error.
    It asks for no more precision than the differences between the players are worth.

    Parameters
    ----------
    target : float in (0, 1), default=0.95
    min_rounds : int, default=4
        Rounds before which a standard error is not trusted, unless every value is exact. Later,
        it is looked at whenever there are a tenth more rounds: many looks would find a lucky one.

    Notes
    -----
    It stops once

    .. math:: \sqrt{1 - \frac{\frac{1}{n} \sum_i \text{stderr}_i^2}{\operatorname{Var}(v)}}
        \ge \text{target}

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from skdvl import ShapleyValuator
    >>> from skdvl.stopping import MaxEvaluations, TargetReliability
    >>> X, y = load_iris(return_X_y=True)
    >>> rule = TargetReliability(0.8) | MaxEvaluations(50_000)
    >>> valuator = ShapleyValuator(GaussianNB(), stopping=rule, random_state=0)
    >>> valuator = valuator.fit(X[::2], y[::2], X_val=X[1::2], y_val=y[1::2])
    >>> bool((valuator.stderr_**2).mean() <= (1 - 0.8**2) * valuator.values_.var())
    True
    """

    _parameter_constraints = {
        "target": [Interval(Real, 0, 1, closed="neither")],
        "min_rounds": COUNT,
    }

    def __init__(self, target=0.95, min_rounds=4):
        self.target = target
        self.min_rounds = min_rounds

    def completion(self, run):
        error = np.mean(run.stderr[run.plays] ** 2)
        if error == 0:
            return 1.0
        allowed = (1 - self.target**2) * np.var(np.nan_to_num(run.values[run.plays]))
        done = allowed / error
        if run.n_rounds < self.min_rounds:
            return min(done, run.n_rounds / self.min_rounds)
        return done if is_look(run.n_rounds, _GROWTH) else min(done, 0.99)
