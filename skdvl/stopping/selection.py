"""Stop when it is sure which rows are of lowest value."""

import math
from numbers import Real
from typing import NamedTuple

import numpy as np
from scipy import stats
from sklearn.utils._param_validation import Interval

from .base import COUNT, SHARE, StoppingRule, is_look

_FREEDOM = 20  # degrees of freedom, at most: errors of scores have heavier tails than a normal's
_GROWTH = 1.5  # of the number of rounds, from one look to the next


class Selection(NamedTuple):
    """Which players are surely selected, and which surely are not; the others are undecided.

    Attributes
    ----------
    inside, outside : ndarray of bool of shape (n_players,)

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_iris
    >>> from skdvl import KNNShapleyValuator
    >>> X, y = load_iris(return_X_y=True)
    >>> y[:3] = 2  # wrong labels
    >>> selection = KNNShapleyValuator().fit(X, y).certify(threshold=0.0)
    >>> selection
    Selection(n_inside=1, n_outside=127, n_undecided=22)
    >>> np.flatnonzero(selection.inside)
    array([0])
    """

    inside: np.ndarray
    outside: np.ndarray

    def __repr__(self):
        inside, outside = (int(np.count_nonzero(which)) for which in self)
        rest = np.size(self.inside) - inside - outside
        return f"Selection(n_inside={inside}, n_outside={outside}, n_undecided={rest})"


def select(centre, stderr, freedom, *, quantile=None, threshold=None, delta=0.05):
    """Decide which players are among those of lowest value, as far as errors allow.

    All decisions are right together with probability ``1 - delta``: every value lies within its
    interval, of Student's t at level ``delta / n``.

    Parameters
    ----------
    centre, stderr, freedom : ndarray of shape (n_players,)
        Estimates without bias, their standard errors and degrees of freedom. NaN is undecided.
    quantile : float in [0, 1) or None, default=None
        The share of the players that is selected, rounded down.
    threshold : float or None, default=None
        Players below are selected. Pass one of the two.
    delta : float in (0, 1), default=0.05

    Returns
    -------
    selection : Selection

    Examples
    --------
    >>> import numpy as np
    >>> from skdvl.stopping import select
    >>> values, many = np.array([-1.0, 0.1, 0.2, 1.0]), np.full(4, np.inf)
    >>> selection = select(values, np.full(4, 0.1), many, quantile=0.25)
    >>> selection.inside, selection.outside
    (array([ True, False, False, False]), array([False,  True,  True,  True]))
    """
    n = len(centre)
    known = ~np.isnan(centre)
    reach = stderr * stats.t.isf(delta / (2 * n), np.minimum(freedom, _FREEDOM))
    reach = np.where(known, reach, np.inf)
    lower, upper = np.nan_to_num(centre) - reach, np.nan_to_num(centre) + reach
    if threshold is not None:
        return Selection(upper < threshold, lower >= threshold)
    n_selected = int(quantile * n + 1e-9)
    above = n - np.searchsorted(np.sort(lower), upper, side="right")  # surely higher than each
    below = np.searchsorted(np.sort(upper), lower, side="left")
    return Selection(above >= n - n_selected, (below >= n_selected) & known)


class CertifiedSelection(StoppingRule):
    """Stop when it is sure, of most rows, whether they are among those of lowest value.

    Each row is surely in the set that a `DataPruner` would drop, surely not, or undecided; all that
    is sure is right with probability ``1 - delta``. That takes wide intervals, since they hold
    all at once, and since the values are looked at several times: whenever there are half as
    many rounds again, with a share of `delta` that falls as one over the square of the number of
    looks.

    Parameters
    ----------
    quantile : float in [0, 1) or None, default=0.1
        The share of the rows that is to be told from the others. Gives way to `threshold`.
    threshold : float or None, default=None
        Rows are told by whether their value is below.
    delta : float in (0, 1), default=0.05
        Probability that anything that is called sure is wrong.
    fraction : float in (0, 1], default=0.9
        Share of the rows that has to be decided. Those next to the edge may take very long.
    min_rounds : int, default=4
        Rounds before which a standard error is not trusted, unless every value is exact.

    See Also
    --------
    skdvl.ShapleyValuator.certify : What is sure once a fit has ended.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from skdvl import ShapleyValuator
    >>> from skdvl.stopping import CertifiedSelection, MaxEvaluations
    >>> X, y = load_iris(return_X_y=True)
    >>> rule = CertifiedSelection(threshold=0.0, fraction=0.5) | MaxEvaluations(50_000)
    >>> valuator = ShapleyValuator(GaussianNB(), stopping=rule, random_state=0)
    >>> valuator = valuator.fit(X[::2], y[::2], X_val=X[1::2], y_val=y[1::2])
    >>> inside, outside = valuator.certify(threshold=0.0)
    >>> bool((inside | outside).mean() >= 0.5)
    True
    """

    _parameter_constraints = {
        "quantile": [Interval(Real, 0, 1, closed="left"), None],
        "threshold": [Real, None],
        "delta": [Interval(Real, 0, 1, closed="neither")],
        "fraction": SHARE,
        "min_rounds": COUNT,
    }

    def __init__(self, quantile=0.1, threshold=None, delta=0.05, fraction=0.9, min_rounds=4):
        self.quantile = quantile
        self.threshold = threshold
        self.delta = delta
        self.fraction = fraction
        self.min_rounds = min_rounds

    def _validate_params(self):
        super()._validate_params()
        if self.quantile is None and self.threshold is None:
            raise ValueError("CertifiedSelection needs a quantile or a threshold; both are None.")

    def completion(self, run):
        plays = run.plays
        centre = run.values if run.centre is None else run.centre
        freedom = np.full(len(centre), np.inf) if run.freedom is None else run.freedom
        selection = select(
            centre[plays],
            run.stderr[plays],
            freedom[plays],
            quantile=self.quantile,
            threshold=self.threshold,
            delta=self.delta * self.share_of_delta(run.n_rounds),
        )
        done = np.mean(selection.inside | selection.outside) / self.fraction
        if not run.stderr[plays].any():
            return done
        if run.n_rounds < self.min_rounds:
            return min(done, run.n_rounds / self.min_rounds)
        return done if is_look(run.n_rounds, _GROWTH) else min(done, 0.99)

    def share_of_delta(self, n_rounds):
        n_looks = int(math.log(max(n_rounds, 1), _GROWTH)) + 2 - is_look(n_rounds, _GROWTH)
        return 6 / (math.pi * n_looks) ** 2  # of all looks, they sum to 1
