"""A linear model of the utility, and what it leaves over."""

from functools import cached_property, reduce
from math import log

import numpy as np

from ..workers import thread_map
from .base import Estimate, importance
from .kept import KeptScores
from .moments import FoldMoments, Moments, Sample
from .surrogate import Surrogate, fit

_FOLDS = 5
_GROWTH = 1.25, 2.0  # of the number of rounds, between two estimates, with few players and many
_FEW = 300
_TWO_SLOPES = 3000  # players, at most; with more, effects do not change with the size
_MOST_PLAYERS = 10_000  # with effects of their own: their moments are n x n numbers
_LEVERAGE = 0.95  # at most
_LONG = 1e9  # cube of the number of effects, from which on a fit is worth a thread: some 50 ms


class RegressionAdjusted(KeptScores):
    r"""The values of a linear model of the utility, and of what the model leaves over.

    Scores of coalitions are described by a ridge regression on their size, their members, and
    control variates: other games of the same players, such as that of the nearest neighbours.
    The semivalues of all of these are known. What it leaves over is valued by maximum sample
    reuse; that part is scaled by a factor in [0, 1] which is found by cross-validation. With
    the factor 1, the values are unbiased whatever the model says, and standard errors are around
    them.

    A run keeps its coalitions, n bits for each. An estimate takes O(m n^2 + n^3) time for m
    coalitions, so it is made whenever there are a quarter more rounds (twice as many, above 300
    players), and at the end. Above 3000 players effects do not depend on the size, and above
    10 000 there are none but that of the size.

    It works best on coalitions of `SizeOptimalSampler` for the same semivalue: for `Shapley` with
    ``tilt=0.35, enumerate_border="auto"``, for `BetaShapley(4, 1)` with ``tilt=0.2``, for
    `Banzhaf` with ``paired=True``. Valuators take it by themselves for up to 3000 rows; their
    `control_variates` says which controls.

    Parameters
    ----------
    semivalue : skdvl.semivalues.Semivalue
    sampler : skdvl.samplers.IndexSampler
    n : int
        Number of players.
    controls : object or None, default=None
        Control variates: what `EvaluationStrategy` says of ``takes_controls``. None: none.
    n_jobs : int or None, default=None
        Threads that make an estimate, as everywhere in scikit-learn; they have no bearing on it.

    Notes
    -----
    With the model h, the factor c, and the estimate :math:`\hat v_i` of `SampleReuse`, values, and
    those without bias that standard errors are around, are

    .. math:: v_i(h) + c\, \hat v_i(u - h) \quad \text{and} \quad v_i(h) + \hat v_i(u - h)

    References
    ----------
    Witter, Liu & Musco (2025), "Regression-adjusted Monte Carlo estimators for Shapley values
    and probabilistic values", arXiv:2506.11849.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from skdvl import ShapleyValuator
    >>> from skdvl.samplers import SizeOptimalSampler
    >>> from skdvl.stopping import MaxEvaluations
    >>> from skdvl.strategies import RegressionAdjusted
    >>> X, y = load_iris(return_X_y=True)
    >>> valuator = ShapleyValuator(
    ...     GaussianNB(),
    ...     sampler=SizeOptimalSampler(tilt=0.35, enumerate_border="auto"),
    ...     strategy=RegressionAdjusted,
    ...     stopping=MaxEvaluations(1500),
    ...     random_state=0,
    ... )
    >>> valuator.fit(X[::2], y[::2], X_val=X[1::2], y_val=y[1::2]).values_.shape
    (75,)
    """

    keeps_scores = True
    takes_controls = True

    def __init__(self, semivalue, sampler, n, controls=None, n_jobs=None):
        super().__init__(semivalue, sampler, n)
        if self.group == 2 and not np.allclose(self.pmf, self.pmf[::-1], rtol=1e-6, atol=0):
            raise ValueError(
                "Pairs of a coalition and its complement suit semivalues that are symmetric in "
                f"the size, such as Shapley() and Banzhaf(), and {semivalue!r} is not. Use "
                "SizeOptimalSampler(paired=False)."
            )
        n_slopes = 2 if n <= _TWO_SLOPES else 1 if n <= _MOST_PLAYERS else 0
        self.surrogate = Surrogate(self.pmf, n_slopes)
        self.semivalue, self.controls, self.n_jobs = semivalue, controls, n_jobs
        self._moments = FoldMoments(self.surrogate.add, _FOLDS)

    def _each(self, function, tasks):
        """Return the results of a function of each fold, or of each fit."""
        n_effects = self.surrogate.n_slopes * self.n
        n_jobs = self.n_jobs if n_effects**3 > _LONG else 1
        return thread_map(function, tasks, n_jobs=n_jobs)

    def _needs(self, proposal):
        share = np.arange(self.n + 1) / self.n  # of the coalitions of a size that have a player
        is_sure = self._is_enumerated(proposal)
        inside, outside = (np.where(is_sure, 1.0, proposal * p) for p in (share, 1 - share))
        return [(self.pmf, inside[1:]), (self.pmf, outside[:-1])]

    def _is_enumerated(self, proposal):
        """Sizes whose coalitions are all scored: none and all, and next to them if not drawn."""
        sizes = np.arange(self.n + 1)
        border = np.isin(sizes, [1, self.n - 1]) & (proposal == 0)
        return border | (sizes == 0) | (sizes == self.n)

    def _weigh(self, proposal):
        n, k = self.n, np.arange(1, self.n + 1)
        self.enumerated = self._is_enumerated(proposal)
        drawn = np.where(self.enumerated, 0.0, proposal)
        drawn /= max(drawn.sum(), np.finfo(float).tiny)
        joined, left = np.append(0, self.pmf * n / k), np.append(self.pmf * n / k[::-1], 0)
        self.drawn = drawn
        self.inside, self.outside = importance(joined, drawn), importance(left, drawn)
        sizes = np.arange(n + 1)
        self.precision = sizes * self.inside**2 + (n - sizes) * self.outside**2
        self.precision /= max(drawn @ self.precision, np.finfo(float).tiny)
        how_many = np.where(np.isin(sizes, [1, n - 1]), n, 1)
        self.border_inside, self.border_outside = joined / how_many, left / how_many

    def is_due(self, n_rounds):
        growth = _GROWTH[self.n > _FEW]
        return n_rounds < 4 or int(log(n_rounds, growth)) > int(log(n_rounds - 1, growth))

    def empty(self):
        return super().empty() | {"controls": np.empty((0, 0))}

    def _kept(self, masks, scores):
        return super()._kept(masks, scores) | {"controls": self._controls_of(masks)}

    def _controls_of(self, masks):
        """Return what each control is worth to some coalitions, of shape (m, c)."""
        return np.empty((len(masks), 0)) if self.controls is None else self.controls.scores(masks)

    @cached_property
    def border_controls(self):
        """What each control is worth to the coalitions that are enumerated."""
        return self._controls_of(self.border)

    @cached_property
    def control_values(self):
        """The semivalues of each control and their standard errors, of shape (n, c)."""
        if self.controls is None:
            return np.empty((self.n, 0)), np.empty((self.n, 0))
        return self.controls.values(self.semivalue)

    def estimate(self, tally):
        count = len(tally["border"]) + len(tally["scores"])
        counts = np.full(self.n, count)
        if not count:
            return Estimate(np.full(self.n, np.nan), np.full(self.n, np.inf), counts)
        origin = tally["border"].mean()  # so that an offset of the scores costs no digits
        border = self.border, np.count_nonzero(self.border, axis=1), tally["border"] - origin
        if self.enumerated.all():
            return Estimate(self._of_border(*border), np.zeros(self.n), counts)
        sample = self._sample(tally, origin)
        values, stderr, centre = self._values(sample, border, count)
        freedom = np.full(self.n, max(sample.n_observations - 1.0, 1.0))
        return Estimate(values, stderr, counts, centre, freedom)

    def _sample(self, tally, origin):
        sizes, paired = tally["sizes"], self.group == 2
        parts = sizes, tally["scores"] - origin, tally["controls"], self.precision[sizes]
        return Sample(tally["masks"], *parts, paired)

    def _values(self, sample, border, count):
        folds = self._moments.of(sample, self._each)
        total = reduce(Moments.plus, folds)
        fits, penalty, (left, border_left) = self._fitted(sample, border, folds, total)
        beta, gamma = fits[0]
        exact = np.stack([self._of_border(*border[:2], one) for one in border_left.T], axis=1)
        correction, *halves = self._corrections(sample, left, exact)
        is_over = self.limit is not None and count >= self.limit
        factor = 1.0 if is_over else _factor(*halves)
        mean = correction.mean()
        values = self.surrogate.values(beta, gamma, self.control_values[0])
        centre = values + correction
        values += mean + factor * (correction - mean)
        if self.limit is not None:  # an enumeration that is not over is no random sample
            return values, np.full(self.n, 0.0 if is_over else np.inf), centre
        stderr = self._stderr(sample, left[:, 0], total, penalty)
        weights = gamma[self.surrogate.n_curves :]
        return values, np.sqrt(stderr**2 + self.control_values[1] ** 2 @ weights**2), centre

    def _fitted(self, sample, border, folds, total):
        """Fit the model to all observations, and to all but each fold.

        Controls stay out if the folds are predicted better without them.

        Returns
        -------
        fits : list of (beta, gamma)
        penalty : float
        left : tuple of ndarray
            What they leave over.
        """
        n_curves, n_controls = self.surrogate.n_curves, sample.controls.shape[1]
        *_, penalty = first = fit(total)
        if total.count < 2 * _FOLDS * n_curves:
            return [first[:2]], penalty, self._left_over(sample, border, [first[:2]])
        fits = [first[:2], *self._without_each(folds, total, penalty)]
        if n_controls:
            some, *others = (part.of_curves(n_curves) for part in (total, *folds))
            alone = [fit(some, penalty)[:2], *self._without_each(others, some, penalty)]
            fits += [(beta, np.append(gamma, np.zeros(n_controls))) for beta, gamma in alone]
        left, border_left = self._left_over(sample, border, fits)
        n_fits = _FOLDS + 1
        losses = [self._loss(sample, left[:, j + 1 : j + n_fits])
                  for j in range(0, len(fits), n_fits)]  # fmt: skip
        best = slice(n_fits * np.argmin(losses), n_fits * (np.argmin(losses) + 1))
        return fits[best], penalty, (left[:, best], border_left[:, best])

    def _without_each(self, folds, total, penalty):
        """Return the fits to all but each fold."""
        tasks = [(fold, total, penalty) for fold in folds]
        return self._each(_fit_without, tasks)

    def _loss(self, sample, left):
        """Return the weighted square of what fits leave over of the folds they have not seen."""
        own = self._fold_of(len(left))
        unseen = sample.difference(left[np.arange(len(left)), own])
        return sample.of_each(sample.weights) @ unseen**2

    def _fold_of(self, n_coalitions):
        return np.arange(n_coalitions) // self.group % _FOLDS

    def _left_over(self, sample, border, fits):
        """Return what each fit leaves over of the scores, of both kinds of coalitions."""
        left = np.empty((len(sample.sizes), len(fits)))
        for part, masks in sample.stretches(self.n):
            sizes, controls = sample.sizes[part], sample.controls[part]
            predicted = self.surrogate.predict(masks, sizes, controls, fits)
            left[part] = sample.scores[part][:, None] - predicted
        masks, sizes, scores = border
        predicted = self.surrogate.predict(masks.astype(float), sizes, self.border_controls, fits)
        return left, scores[:, None] - predicted

    def _of_border(self, masks, sizes, scores):
        """Return what the enumerated coalitions add to the values."""
        inside, outside = self.border_inside[sizes] * scores, self.border_outside[sizes] * scores
        return (inside + outside) @ masks - outside.sum()

    def _corrections(self, sample, left, exact):
        """Return what is left over by sample reuse.

        Returns
        -------
        correction : ndarray of shape (n,)
            Of what the first fit leaves over.
        seen, unseen : ndarray of shape (n, n_folds)
            Of what the fit without each fold leaves over, of the other folds and of this one.
        """
        n_folds = left.shape[1] - 1
        is_own = self._fold_of(len(left))[:, None] == np.arange(n_folds)
        some = np.concatenate([np.ones((len(left), 1), dtype=bool), ~is_own, is_own], axis=1)
        left = np.concatenate([left, left[:, 1:]], axis=1) * some
        counts = sample.of_each(some).sum(axis=0)
        means = self._summed(sample, *self._says(sample, left)) / np.maximum(counts, 1)
        means += np.concatenate([exact, exact[:, 1:]], axis=1)
        return means[:, 0], means[:, 1 : n_folds + 1], means[:, n_folds + 1 :]

    def _says(self, sample, scores):
        """Return what each observation says of the players in its (first) coalition, and others.

        Parameters
        ----------
        scores : ndarray of shape (m, c)

        Returns
        -------
        inside, outside : ndarray of shape (n_observations, c)
        """
        inside = self.inside[sample.sizes][:, None] * scores
        outside = self.outside[sample.sizes][:, None] * scores
        if not sample.paired:
            return inside, -outside
        return (inside[::2] - outside[1::2]) / 2, (inside[1::2] - outside[::2]) / 2

    def _summed(self, sample, inside, outside):
        """Return the sums of what observations say of each player, of shape (n, c)."""
        sums = np.zeros((self.n, inside.shape[1])) + outside.sum(axis=0)
        each = inside - outside
        step = self.group
        for part, masks in sample.stretches(self.n):
            sums += sample.of_each(masks).T @ each[part.start // step : part.stop // step]
        return sums

    def _stderr(self, sample, left, moments, penalty):
        """Return the standard errors of the values with the whole correction."""
        n_observations = sample.n_observations
        if n_observations < 2 * self.surrogate.n_curves:
            return np.full(self.n, np.inf)
        leverage = self.surrogate.leverages(sample, moments, penalty)
        each = np.repeat(1 - np.minimum(leverage, _LEVERAGE), self.group)
        inside, outside = self._says(sample, (left / each)[:, None])
        inside, outside = (np.concatenate([one, one**2], axis=1) for one in (inside, outside))
        total, square = self._summed(sample, inside, outside).T
        variance = (square - total**2 / n_observations) / (n_observations - 1)
        return np.sqrt(np.maximum(variance, 0) / n_observations)


def _fit_without(fold, total, penalty):
    return fit(total.plus(fold, -1), penalty)[:2]


def _factor(seen, unseen):
    """Return the factor of a correction that suits coalitions which it has not seen."""
    seen, unseen = seen - seen.mean(axis=0), unseen - unseen.mean(axis=0)
    square = (seen**2).sum()
    return float(np.clip((seen * unseen).sum() / square, 0, 1)) if square > 0 else 1.0
