"""When to stop. A rule says how far along a run is, from 0 to 1; at 1 it stops.

Rules are asked between rounds, so a run ends with the first whole round at or beyond its
limit. ``a | b`` stops when either would, ``a & b`` when both would.
"""

import math
from abc import ABC, abstractmethod
from numbers import Integral, Real

import numpy as np
from scipy.stats import rankdata
from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import Interval

__all__ = [
    "AllOf",
    "AnyOf",
    "MaxEvaluations",
    "MaxRounds",
    "MaxTime",
    "MaxUpdates",
    "MinUpdates",
    "NoStopping",
    "RankStability",
    "StandardError",
    "StoppingRule",
    "TargetReliability",
    "ValueStability",
]

_COUNT = [Interval(Integral, 1, None, closed="left")]
_SHARE = [Interval(Real, 0, 1, closed="right")]
_TOLERANCE = [Interval(Real, 0, None, closed="left")]


class StoppingRule(BaseEstimator, ABC):
    """Base class for stopping rules: write `completion`.

    Attributes
    ----------
    window : int
        How many passes the rule looks back in ``run.recent``, itself included; 1 by default.
    ends : bool
        Whether the rule can stop a run at all.
    round_limit, time_limit : float
        Rounds, and seconds, at which the rule is sure to stop, where it knows; infinite by
        default. Nothing is drawn beyond, and a round that is under way when time is up is given
        up.
    """

    _parameter_constraints: dict = {}
    ends = True
    round_limit = math.inf
    time_limit = math.inf

    @property
    def window(self):
        return 1

    @abstractmethod
    def completion(self, run):
        """How far along the run is.

        Parameters
        ----------
        run : skdvl.run.Run

        Returns
        -------
        share : float
            0 at the beginning; the run stops at 1 or more.
        """

    def __or__(self, other):
        return AnyOf(self, other) if isinstance(other, StoppingRule) else NotImplemented

    def __and__(self, other):
        return AllOf(self, other) if isinstance(other, StoppingRule) else NotImplemented


_RULE = [StoppingRule]


class AnyOf(StoppingRule):
    """Stop when either rule would; written ``left | right``.

    Examples
    --------
    >>> from skdvl.stopping import MaxEvaluations, MaxTime
    >>> MaxEvaluations(1000) | MaxTime(60)
    AnyOf(left=MaxEvaluations(n_evaluations=1000), right=MaxTime(seconds=60))
    """

    _parameter_constraints = {"left": _RULE, "right": _RULE}

    def __init__(self, left, right):
        self.left = left
        self.right = right

    @property
    def window(self):
        return max(self.left.window, self.right.window)

    @property
    def ends(self):
        return self.left.ends or self.right.ends

    @property
    def round_limit(self):
        return min(self.left.round_limit, self.right.round_limit)

    @property
    def time_limit(self):
        return min(self.left.time_limit, self.right.time_limit)

    def _validate_params(self):
        super()._validate_params()
        self.left._validate_params()
        self.right._validate_params()

    def completion(self, run):
        return max(self.left.completion(run), self.right.completion(run))


class AllOf(AnyOf):
    """Stop when both rules would; written ``left & right``."""

    @property
    def ends(self):
        return self.left.ends and self.right.ends

    @property
    def round_limit(self):
        return math.inf  # the other rule may not be done by then

    @property
    def time_limit(self):
        return math.inf

    def completion(self, run):
        return min(self.left.completion(run), self.right.completion(run))


class MaxRounds(StoppingRule):
    """Stop after a number of rounds, each of which draws from every fold once.

    Parameters
    ----------
    n_rounds : int, default=100
    """

    _parameter_constraints = {"n_rounds": _COUNT}

    def __init__(self, n_rounds=100):
        self.n_rounds = n_rounds

    @property
    def round_limit(self):
        return self.n_rounds

    def completion(self, run):
        return run.n_rounds / self.n_rounds


class MaxEvaluations(StoppingRule):
    """Stop after a number of scored coalitions, over all folds together.

    Parameters
    ----------
    n_evaluations : int, default=10_000
    """

    _parameter_constraints = {"n_evaluations": _COUNT}

    def __init__(self, n_evaluations=10_000):
        self.n_evaluations = n_evaluations

    def completion(self, run):
        return run.n_evaluations / self.n_evaluations


class MinUpdates(StoppingRule):
    """Stop when every player's value rests on at least this many scores.

    Parameters
    ----------
    n_updates : int, default=10
    """

    _parameter_constraints = {"n_updates": _COUNT}

    def __init__(self, n_updates=10):
        self.n_updates = n_updates

    def completion(self, run):
        return run.counts[run.plays].min() / self.n_updates


class MaxUpdates(StoppingRule):
    """Stop when some player's value rests on at least this many scores.

    Parameters
    ----------
    n_updates : int, default=1000
    """

    _parameter_constraints = {"n_updates": _COUNT}

    def __init__(self, n_updates=1000):
        self.n_updates = n_updates

    def completion(self, run):
        return run.counts[run.plays].max() / self.n_updates


class MaxTime(StoppingRule):
    """Stop on the clock, so the number of rounds, and with it the values, may differ.

    Time is up within one block of coalitions, amid a round if need be, which then does not count.

    Parameters
    ----------
    seconds : float, default=60.0
        Over all sessions, when a run is continued.
    """

    _parameter_constraints = {"seconds": [Interval(Real, 0, None, closed="neither")]}

    def __init__(self, seconds=60.0):
        self.seconds = seconds

    @property
    def time_limit(self):
        return self.seconds

    def completion(self, run):
        return run.elapsed / self.seconds


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
    """

    _parameter_constraints = {
        "atol": _TOLERANCE,
        "rtol": _TOLERANCE,
        "fraction": _SHARE,
        "min_rounds": _COUNT,
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
    """Stop when the values are known well enough to tell the players apart.

    The reliability of values is the correlation with the true ones that their errors allow,
    ``sqrt(1 - mean(stderr**2) / var(values))``: with 0.95, a tenth of their variance is error.
    It asks for no more precision than the differences between the players are worth.

    Parameters
    ----------
    target : float in (0, 1), default=0.95
    min_rounds : int, default=4
        Rounds before which a standard error is not trusted, unless every value is exact. Later,
        it is looked at whenever there are a tenth more rounds: many looks would find a lucky one.

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
        "min_rounds": _COUNT,
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
        return done if _is_look(run.n_rounds) else min(done, 0.99)


def _is_look(n_rounds):
    """Whether there are a tenth more rounds than at the last look."""
    looks = [int(math.log(t, 1.1)) for t in (n_rounds, max(n_rounds - 1, 1))]
    return n_rounds == 1 or looks[0] > looks[1]


def _now_and_before(run, window):
    """Values of those who play, now and `window - 1` passes ago; None where unknown."""
    if len(run.recent) < window or np.isnan(run.recent[-window][run.plays]).any():
        return None, None
    return run.recent[-1][run.plays], run.recent[-window][run.plays]


class RankStability(StoppingRule):
    """Stop when the order of the values has settled.

    Settled means: Spearman's correlation with the values of `n_rounds` passes over all players
    before is at least `rho`. Players without a value yet keep the run going.

    Parameters
    ----------
    rho : float in (0, 1], default=0.99
    n_rounds : int, default=10
        How many rounds to look back; passes, where a round does not serve every player.
    """

    _parameter_constraints = {"rho": _SHARE, "n_rounds": _COUNT}

    def __init__(self, rho=0.99, n_rounds=10):
        self.rho = rho
        self.n_rounds = n_rounds

    @property
    def window(self):
        return self.n_rounds + 1

    def completion(self, run):
        now, before = _now_and_before(run, self.window)
        if before is None:
            return 0.0
        now, before = rankdata(now), rankdata(before)
        if np.array_equal(now, before):
            return 1.0
        if np.ptp(now) == 0 or np.ptp(before) == 0:
            return 0.0
        rho = np.corrcoef(now, before)[0, 1]
        return 1.0 if rho >= self.rho else max(rho, 0.0) * 0.99


class ValueStability(StoppingRule):
    """Stop when the values have settled.

    Settled means: over the last `n_rounds` rounds the values moved, on average over the
    players, by at most `rtol` times their mean absolute size. The scale is that of all players
    together, since single values may lie close to zero.

    Parameters
    ----------
    rtol : float, default=0.05
    n_rounds : int, default=10
        How many rounds to look back; passes, where a round does not serve every player.
    """

    _parameter_constraints = {"rtol": _TOLERANCE, "n_rounds": _COUNT}

    def __init__(self, rtol=0.05, n_rounds=10):
        self.rtol = rtol
        self.n_rounds = n_rounds

    @property
    def window(self):
        return self.n_rounds + 1

    def completion(self, run):
        now, before = _now_and_before(run, self.window)
        if before is None:
            return 0.0
        moved = np.abs(now - before).mean()
        allowed = self.rtol * np.abs(now).mean()
        return 1.0 if moved <= allowed else 0.99 * allowed / moved


class NoStopping(StoppingRule):
    """Never stop: for samplers that end by themselves, such as the exhaustive ones."""

    ends = False

    def completion(self, run):
        return 0.0
