"""How many wrong rows are found by who inspects rows in the order of their values."""

from dataclasses import dataclass, field

import numpy as np
from scipy import stats
from scipy.special import expit, gammaln, logit

from ..valuators.inputs import check_level
from .gains import area_weights
from .orders import Players, values_of

_EXACT = 201  # shares at which the band of chance is computed


@dataclass(frozen=True, eq=False)
class DetectionCurve:
    r"""The share of wrong rows found against the share of rows inspected, lowest values first.

    Attributes
    ----------
    inspected : ndarray of shape (n_samples + 1,)
        From 0 to 1; with groups, one entry for each group and one for none.
    found : ndarray of shape (n_samples + 1,)
        The mean over all orders of rows with the same value.
    n_flipped : int
    area : float
        The area under the curve. That of chance is 0.5.
    area_stderr : float
        Its standard error, as these rows are a sample of others. Infinite where it is unknown:
        with a single row of either kind, with groups, whose rows are no independent sample, and
        where all wrong rows come first, or last, or all values are equal.
    area_interval : tuple of (float, float)
        A 95 % interval, by the normal distribution of the logit: near the best area, errors are
        far from symmetric. Where all wrong rows come first, or last, or all values are equal, as
        many pairs of a wrong and a right row as have none in common tell the same; it is what
        Clopper and Pearson say of so many. All that is possible with groups, and with a single
        row of either kind.
    best_area : float
        The area if all wrong rows came first.

    See Also
    --------
    detection_curve : Makes one.

    Notes
    -----
    If a share w of the rows is wrong, and AUC is the chance that a wrong row has a lower value than
    a right one,

    .. math:: \text{area} = \frac{w}{2} + (1 - w)\, \text{AUC}, \qquad
        \text{best area} = 1 - \frac{w}{2}, \qquad \text{gain} = 2\, \text{AUC} - 1

    Examples
    --------
    >>> from skdvl.experiments import detection_curve
    >>> curve = detection_curve([3, 1, 2, 4], [True, True, False, False])
    >>> curve.area, curve.gain
    (0.625, 0.5)
    >>> lower, upper = curve.random_band()
    >>> lower, upper
    (array([0. , 0. , 0. , 0.5, 1. ]), array([0. , 0.5, 1. , 1. , 1. ]))
    """

    inspected: np.ndarray = field(repr=False)
    found: np.ndarray = field(repr=False)
    n_flipped: int
    area: float
    area_stderr: float
    area_interval: tuple
    best_area: float

    @property
    def gain(self):
        """The area above that of chance, where 1 is the best that is possible, and -1 the worst.

        It is twice the area under the ROC curve, less 1.
        """
        return (self.area - 0.5) / (self.best_area - 0.5)

    def found_at(self, share):
        """Return the share of wrong rows found when a share of the rows is inspected.

        Parameters
        ----------
        share : float or array-like of float, from 0 to 1

        Returns
        -------
        found : float or ndarray

        Raises
        ------
        ValueError
            If a share is below 0 or above 1, as per cents are.

        Examples
        --------
        >>> from skdvl.experiments import detection_curve
        >>> detection_curve([3, 1, 2, 4], [True, True, False, False]).found_at([0.25, 0.75])
        array([0.5, 1. ])
        """
        asked = np.asarray(share, dtype=float)
        if not ((asked >= 0) & (asked <= 1)).all():
            raise ValueError(f"share must be from 0 to 1, and not in percent; got {share!r}.")
        return np.interp(asked, self.inspected, self.found)

    def random_band(self, level=0.95):
        """Return what is found in a random order with some probability, row by row.

        The number of wrong rows among those inspected is hypergeometric. Of long curves, the band
        is exact at 200 shares, with straight lines between.

        Parameters
        ----------
        level : float in (0, 1), default=0.95

        Returns
        -------
        lower, upper : ndarray, as long as `inspected`

        Raises
        ------
        ValueError
            If the level is not between 0 and 1.
        """
        check_level(level)
        n, m = round(self.n_flipped / self._rate), self.n_flipped
        places = np.unique(np.linspace(0, len(self.inspected) - 1, _EXACT).round().astype(int))
        drawn = np.rint(self.inspected[places] * n).astype(int)
        ends = [_quantiles(n, m, k, ((1 - level) / 2, (1 + level) / 2)) for k in drawn]
        lower, upper = np.transpose(ends) / m
        shares = self.inspected[places]
        return np.interp(self.inspected, shares, lower), np.interp(self.inspected, shares, upper)

    @property
    def _rate(self):
        return 2 * (1 - self.best_area)


def detection_curve(values, is_flipped, *, groups=None):
    """Inspect rows in the order of their values, lowest first, and count the wrong ones found.

    Rows of the same value are met in every order alike: between two different values the curve
    is a straight line. Rows without a value (NaN) are inspected last.

    Parameters
    ----------
    values : array-like of shape (n_samples,) or fitted valuator
    is_flipped : array-like of bool of shape (n_samples,)
        The rows that are wrong: some and not all.
    groups : array-like of shape (n_samples,) or None, default=None
        Groups that are inspected as a whole, by the mean value of their rows.

    Returns
    -------
    curve : DetectionCurve

    Raises
    ------
    ValueError
        If the shapes differ, or if no row is wrong, or all are.

    See Also
    --------
    skdvl.plotting.DetectionCurveDisplay : The same as a picture.

    References
    ----------
    .. [1] E. R. DeLong, D. M. DeLong, D. L. Clarke-Pearson. Comparing the Areas under Two or More
       Correlated Receiver Operating Characteristic Curves. Biometrics, 1988: the standard error.

    Examples
    --------
    >>> from skdvl.experiments import detection_curve
    >>> curve = detection_curve([0.1, -0.3, 0.2, 0.0], [False, True, False, True])
    >>> curve.inspected, curve.found
    (array([0.  , 0.25, 0.5 , 0.75, 1.  ]), array([0. , 0.5, 1. , 1. , 1. ]))
    >>> curve.area, curve.best_area, curve.gain
    (0.75, 0.75, 1.0)
    """
    wrong = _check_mask(is_flipped)
    values = values_of(values, len(wrong))
    players = Players(len(wrong), groups)
    means = players.mean_values(values)
    n_rows, n_wrong = players.sizes, np.bincount(players.player_of_row, weights=wrong)
    order = np.argsort(means, kind="stable")
    inspected = np.append(0, np.cumsum(n_rows[order])) / len(wrong)
    found = np.append(0, np.cumsum(n_wrong[order])) / wrong.sum()
    found = np.interp(inspected, *_corners(means[order], inspected, found))
    area = float(area_weights(inspected) @ found)
    best = 1 - wrong.mean() / 2
    stderr = np.inf if groups is not None else _stderr(values, wrong) * (1 - wrong.mean())
    n_pairs = min(wrong.sum(), len(wrong) - wrong.sum())
    ends = _interval(area, stderr, 1 - best, best, n_pairs)
    stderr = stderr or np.inf
    told = area, float(stderr), tuple(map(float, ends)), float(best)
    return DetectionCurve(inspected, found, int(wrong.sum()), *told)


def _interval(area, stderr, worst, best, n_pairs):
    """Return the ends of a 95 % interval, within what is possible."""
    share = (area - worst) / (best - worst)  # the area under the ROC curve
    if not np.isfinite(stderr):
        return worst, best
    if stderr == 0:  # all pairs of a wrong and a right row tell the same, as many others may not
        share, others = round(2 * share) / 2, 1 - 0.025 ** (1 / n_pairs)
        ends = share * (1 - others) + np.array([0, others])
        return tuple(worst + (best - worst) * ends)
    reach = 1.959963984540054 * stderr / (best - worst) / (share * (1 - share))
    ends = expit(logit(share) + np.array([-reach, reach]))
    return tuple(worst + (best - worst) * ends)


def _quantiles(n, n_wrong, n_drawn, levels):
    """Return quantiles of the number of wrong rows among so many that are drawn of n."""
    first = max(0, n_drawn - (n - n_wrong))
    possible = np.arange(first, min(n_drawn, n_wrong) + 1)
    found = gammaln(possible + 1) + gammaln(n_wrong - possible + 1)
    others = n_drawn - possible
    log_pmf = -found - gammaln(others + 1) - gammaln(n - n_wrong - others + 1)
    below = np.cumsum(np.exp(log_pmf - log_pmf.max()))  # scipy's own is a thousand times as slow
    return first + np.searchsorted(below / below[-1], levels)


def _check_mask(is_flipped):
    mask = np.asarray(is_flipped)
    if mask.ndim != 1 or not (mask.dtype == bool or np.isin(mask, [0, 1]).all()):
        raise ValueError(
            f"is_flipped must be a mask, True for each wrong row, of shape (n_samples,); got "
            f"entries of type {mask.dtype} of shape {mask.shape}."
        )
    mask = mask.astype(bool)
    if not 0 < mask.sum() < len(mask):
        raise ValueError(
            f"{mask.sum()} of {len(mask)} rows are wrong; there is nothing to tell apart. Mark "
            "some rows, and not all, in is_flipped."
        )
    return mask


def _corners(ordered, inspected, found):
    """Return the points between which the curve is straight: where the value changes."""
    changes = (ordered[1:] != ordered[:-1]) & ~(np.isnan(ordered[1:]) & np.isnan(ordered[:-1]))
    corners = np.concatenate([[0], np.flatnonzero(changes) + 1, [len(ordered)]])
    return inspected[corners], found[corners]


def _stderr(values, wrong):
    """Return the standard error of the area under the ROC curve, after DeLong."""
    n_wrong, n_right = wrong.sum(), len(wrong) - wrong.sum()
    if min(n_wrong, n_right) < 2:
        return np.inf
    values = np.where(np.isnan(values), np.inf, values)
    rank = stats.rankdata(values)
    above = n_right - (rank[wrong] - stats.rankdata(values[wrong]))  # right rows that are higher
    below = rank[~wrong] - stats.rankdata(values[~wrong])  # wrong rows that are lower
    parts = (above / n_right).var(ddof=1) / n_wrong, (below / n_wrong).var(ddof=1) / n_right
    return np.sqrt(sum(parts))
