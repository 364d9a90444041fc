"""Kernels of linear models by least squares, with or without a ridge penalty."""

from functools import cache
from numbers import Real

import numpy as np
from sklearn.linear_model import LinearRegression, Ridge, RidgeClassifier

from ..base import Answers, Kernel
from .chains import fit_walks
from .fits import EPS, LeastSquares

MOST_FEATURES = 150  # with more, an inverse takes as long as a refit
NEAR = 3e-9  # of two classes, which rounding may turn around


class _LeastSquaresKernel(Kernel):
    """What these kernels share: one product with coefficients predicts all rows."""

    def __init__(self, estimator, X, y, X_val):
        varies = np.ones(X.shape[1], dtype=bool)
        if type(estimator) is LinearRegression:  # a constant feature has a coefficient of zero
            varies = (X != X[0] if estimator.fit_intercept else X != 0).any(axis=0)
            varies |= not varies.any()
        self.problem = LeastSquares(
            X[:, varies],
            self._targets(y),
            getattr(estimator, "alpha", 0.0),
            estimator.fit_intercept,
            cutoff=_cutoff(estimator, X),
            by_svd=getattr(estimator, "solver", "svd") == "svd",
        )
        ones = np.ones((len(X_val), 1))
        self.rows = np.hstack([X_val[:, varies] - self.problem.x_mean, ones]).T.copy()

    @classmethod
    def supports(cls, estimator, X, y, X_val):
        if estimator.positive:
            return "positive=True is solved by iterations"
        if X.shape[1] > MOST_FEATURES:
            return f"there are more than {MOST_FEATURES} features"
        return cls._supports(estimator, X) or cls._is_hopeless(estimator, X, y, X_val)

    @classmethod
    def _supports(cls, estimator, X):
        if not (isinstance(estimator.alpha, Real) and 0 <= estimator.alpha < np.inf):
            return "alpha is not one finite number"
        if estimator.solver not in ("auto", "cholesky", "svd"):
            return f"solver={estimator.solver!r} does not solve exactly"
        return None

    @classmethod
    def _is_hopeless(cls, estimator, X, y, X_val):
        """Say so where not even all rows determine the coefficients well."""
        if X.shape[1] and len(X):
            fits = cls(estimator, X, y, X_val[:1]).problem.fit(np.ones((1, len(X)), dtype=bool))
            if fits.is_sure[0]:
                return None
        return "the features nearly depend on each other, or vary little about large means"

    def __call__(self, masks):
        fits = self.problem.fit(masks)
        return self._answers(fits.coef, fits.is_sure, self._seen(masks))

    def chains(self, start, order):
        n_outputs = self.n_outputs * self.rows.shape[1]
        present = self._seen_on_walks(start, order)
        step = 0
        for coef, is_sure in fit_walks(self.problem, start, order, n_outputs):
            c = is_sure.shape[1]
            seen = present[:, step : step + c].reshape(-1, present.shape[2])
            step += c
            yield self._answers(coef.reshape(-1, *coef.shape[2:]), is_sure.ravel(), seen)

    def _predicted(self, coef):
        """Return predictions of shape (n_targets, B, m)."""
        B, n_targets, width = coef.shape
        predicted = np.swapaxes(coef, 0, 1).reshape(-1, width) @ self.rows
        predicted = predicted.reshape(n_targets, B, -1)
        predicted += self.problem.y_mean[:, None, None]
        return predicted


class _Regression(_LeastSquaresKernel):
    """One target, and what is predicted is the answer."""

    n_outputs = 1

    def _targets(self, y):
        return np.asarray(y, dtype=float)[:, None]

    def _seen(self, masks):
        return None

    def _seen_on_walks(self, start, order):
        return np.empty((len(start), order.shape[1] + 1, 1), dtype=bool)

    def _answers(self, coef, is_sure, seen):
        return Answers(self._predicted(coef), is_sure)


class RidgeKernel(_Regression):
    """Ridge regression on coalitions.

    Exact for every penalty: coalitions that penalty and rows leave too ill-conditioned, so that
    a refit would lose digits of its own, are the caller's.
    """

    estimators = (Ridge,)


class LinearRegressionKernel(_Regression):
    """Ordinary least squares on coalitions, the shortest solution where there are many."""

    estimators = (LinearRegression,)

    @classmethod
    def _supports(cls, estimator, X):
        if not (estimator.fit_intercept and len(X)):
            return None
        constants = np.abs(X[0][(X == X[0]).all(axis=0)])
        # A refit rounds means; what that leaves of a constant has to count as zero for it, too.
        is_exact = (constants == np.round(constants)) & (constants * len(X) < 2**52)
        is_cut = constants * EPS * 1e3 <= _cutoff(estimator, X) * X.std(axis=0).max(initial=0)
        if not (is_exact | is_cut).all():
            return "a constant feature is not quite zero about its rounded mean"
        return None


class RidgeClassifierKernel(_LeastSquaresKernel):
    """Ridge regression on -1 and 1 for each class, on coalitions.

    The targets of a class do not depend on which other classes a coalition has. With two of
    many classes scikit-learn fits one target; the targets of the two are then opposite, and so
    are their decision values.
    """

    estimators = (RidgeClassifier,)
    response = "margin"
    has_decision_function = True

    def __init__(self, estimator, X, y, X_val):
        self.is_class = y[:, None] == np.arange(y.max() + 1)
        super().__init__(estimator, X, y, X_val)

    @classmethod
    def _supports(cls, estimator, X):
        if estimator.class_weight is not None:
            return "class_weight is given"
        return super()._supports(estimator, X)

    @property
    def n_outputs(self):
        """Number of classes."""
        return self.is_class.shape[1]

    def _targets(self, y):
        return np.where(self.is_class[:, 1:] if self.n_outputs == 2 else self.is_class, 1.0, -1.0)

    def _seen(self, masks):
        return masks.astype(float) @ self.is_class > 0

    def _seen_on_walks(self, start, order):
        seen = np.concatenate([self._seen(start)[:, None], self.is_class[order]], axis=1)
        return np.logical_or.accumulate(seen, axis=1)

    def _answers(self, coef, is_sure, seen):
        decision = self._predicted(coef)
        if self.n_outputs == 2:
            half = decision[0] / 2
            decision = np.stack([-half, half])
        else:
            decision[~seen.T] = -np.inf
        # Targets are about one in size, and so are errors, even where decision values cancel.
        contenders = decision >= decision.max(axis=0) - NEAR
        is_sure = is_sure & (np.count_nonzero(contenders, axis=0) == 1).all(axis=1)
        return Answers(decision, is_sure)


def _cutoff(estimator, X):
    """Return below which share of the largest a refit takes a singular value as zero."""
    if type(estimator) is not LinearRegression:
        return None
    return max(estimator.tol, EPS) if _reads_tol() else max(X.shape[1], 1) * EPS


@cache
def _reads_tol():
    """Return whether linear regression on dense rows uses `tol`, which versions do not agree on."""
    if "tol" not in LinearRegression().get_params():
        return False
    model = LinearRegression(tol=0.1, fit_intercept=False)
    return bool(model.fit(np.diag([1.0, 1e-3]), np.ones(2)).coef_[1] == 0)
