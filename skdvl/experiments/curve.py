"""A curve of scores as data: named arrays, that a picture reads."""

from dataclasses import dataclass, field

import numpy as np
from scipy import stats

from ..valuators.inputs import check_level
from .gains import area_weights


@dataclass(frozen=True, eq=False)
class ScoreCurve:
    r"""Scores on test rows after some training rows were dropped, or added.

    Attributes
    ----------
    kind : {"removal", "addition"}
    from_ : {"lowest", "highest"}
        Which rows are dropped, or added, first.
    fractions : ndarray of shape (m,)
        The share of the training rows that was dropped, or is there: that of whole rows or groups.
    n_rows : ndarray of shape (m,)
        The same as a number of rows; with `cv`, the mean over the folds.
    scores : ndarray of shape (m,)
    random_scores : ndarray of shape (n_random, m)
        The same for random orders.
    gain : float
        The area under `scores` less the mean of those under `random_scores`, as mean heights: in
        units of the score. When the lowest rows are dropped, good values gain; when the highest
        are, they lose.
    gain_stderr : float
        How far it may be off, by the draw of the test rows and that of the random orders; with
        `cv`, by the folds. Infinite if that is unknown, as where no test row makes a difference.
    gain_interval : tuple of (float, float)
        A 95 % interval, by Student's t; without ends, (-inf, inf), where the error is unknown.
    scoring : str
        What the score is.

    See Also
    --------
    removal_curve, addition_curve : Make one.

    Notes
    -----
    With the areas A under the curve and :math:`A_1, \dots, A_R` under those of random orders, the
    gain g, its standard error s, and gains :math:`g_{(j)}` without each of m parts of the test
    rows,

    .. math:: g = A - \bar A, \qquad
        s^2 = \frac{m-1}{m} \sum_{j=1}^m \big( g_{(j)} - \bar g_{(\cdot)} \big)^2
        + \frac{1}{R (R-1)} \sum_{r=1}^R (A_r - \bar A)^2

    With J folds, whose gains are :math:`g_j`, g is their mean, and

    .. math:: s^2 = \Big( \frac{1}{J} + \frac{n_\text{test}}{n_\text{train}} \Big)
        \frac{1}{J - 1} \sum_{j=1}^J (g_j - g)^2

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import train_test_split
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from skdvl import RandomValuator
    >>> from skdvl.experiments import removal_curve
    >>> X, X_test, y, y_test = train_test_split(*load_iris(return_X_y=True), random_state=0)
    >>> curve = removal_curve(
    ...     GaussianNB(), RandomValuator(random_state=0), X, y, X_test, y_test, random_state=0
    ... )
    >>> lower, upper = curve.random_band()
    >>> curve.scores.shape, curve.random_scores.shape, lower.shape
    ((11,), (10, 11), (11,))
    """

    kind: str
    from_: str
    fractions: np.ndarray = field(repr=False)
    n_rows: np.ndarray = field(repr=False)
    scores: np.ndarray = field(repr=False)
    random_scores: np.ndarray = field(repr=False)
    gain: float
    gain_stderr: float
    gain_interval: tuple
    scoring: str

    @property
    def area(self):
        """The area under `scores`, as a mean height."""
        return float(area_weights(self.fractions) @ self.scores)

    @property
    def random_mean(self):
        """The mean over the random orders, an array of shape (m,)."""
        return self.random_scores.mean(axis=0)

    def random_band(self, level=0.95):
        """Where one more random order would be with some probability, if scores were normal.

        Parameters
        ----------
        level : float in (0, 1), default=0.95

        Returns
        -------
        lower, upper : ndarray of shape (m,)

        Raises
        ------
        ValueError
            If the level is not between 0 and 1.
        """
        check_level(level)
        n = len(self.random_scores)
        reach = stats.t.ppf((1 + level) / 2, n - 1) * np.sqrt(1 + 1 / n)
        reach = reach * self.random_scores.std(axis=0, ddof=1)
        return self.random_mean - reach, self.random_mean + reach
