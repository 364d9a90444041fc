"""Logistic regression: the iterations of scikit-learn, in lockstep over coalitions."""

import numpy as np
from sklearn.linear_model import LogisticRegression

from ..base import Answers, Kernel
from .lbfgs import MEMORY, minimize
from .loss import BinaryLoss, MultinomialLoss

LANES = 256  # coalitions in lockstep, at most
FEWEST = 8  # of them, however large they are
WORTHWHILE = 4, 8  # from how many on it takes less time than refits, of two classes and of more
CELLS = 2**18  # of raw predictions, and of a step that is kept, in lockstep
NOISE = 1e-13  # relative; hundreds of times as much as rounding makes
MOVED = 3e-9  # relative, by noise, at most, of decisions that rounding leaves alone
NEAR = 2e-8  # relative, of two classes that are left to a refit
# Spread, iterations and blur up to which rounding does not grow. Of 143 000 coalitions close to
# these, of 25 kinds of data, noise moved 39 by more than MOVED, and one by 5e-8; the decisions of
# 12 000 refits were within 2e-11.
CALM = (60, 24, 1e8), (300, 20, 1e6)
UNEVEN = 3e4  # spread with which rounding may do more than the noise
MOST_ITERATIONS = 150


class LogisticRegressionKernel(Kernel):
    """What `LogisticRegression` says with the solver "lbfgs", stopped where scikit-learn stops.

    With its default tolerance the solver stops well before the optimum, so nothing but its very
    iterations will do. They let rounding errors grow, the more the longer they take. Where they
    take long, a coalition is done twice, the second time with noise in it that is much larger
    than rounding errors are, and only where this makes next to no difference the kernel is sure.
    """

    estimators = (LogisticRegression,)
    response = "softmax"
    has_decision_function = True
    rounding = 1e-11  # and now and then some ten times as much, but in few rows

    @classmethod
    def supports(cls, estimator, X, y, X_val):
        reason = odd_parameters(estimator, "lbfgs") or too_many(X, y)
        return reason or cls(estimator, X, y, X_val[:1])._hopeless()

    def __init__(self, estimator, X, y, X_val):
        self.y, self.n_classes = y, y.max() + 1
        self.C = np.inf if estimator.penalty is None else float(estimator.C)
        self.tol, self.max_iter = estimator.tol, estimator.max_iter
        self.rows, self.val = X, X_val
        if estimator.fit_intercept:
            self.rows, self.val = (np.hstack([A, np.ones((len(A), 1))]) for A in (X, X_val))
        self.is_penalised = (np.arange(self.rows.shape[1]) < X.shape[1]).astype(float)
        self.n_vectors = _n_vectors(y)
        self.at_least = WORTHWHILE[int(self.n_vectors > 1)]
        self.loss = BinaryLoss if self.n_vectors == 1 else MultinomialLoss
        self.is_of_class = (y[:, None] == np.arange(self.n_classes)).astype(float)

    def __call__(self, masks):
        decision = np.zeros((self.n_classes, len(masks), len(self.val)))
        is_sure = np.zeros(len(masks), dtype=bool)
        is_seen = masks.astype(float) @ self.is_of_class > 0
        asked = np.flatnonzero(np.count_nonzero(is_seen, axis=1) > 1)
        # Coalitions of about the same size take about as many iterations.
        asked = asked[np.argsort(np.count_nonzero(masks[asked], axis=1), kind="stable")]
        lanes = self._lanes()
        for first in range(0, len(asked), lanes):
            some = asked[first : first + lanes]
            raw, is_sure[some] = self._solve(masks[some])
            if len(raw) == 1:
                raw = np.concatenate([-raw / 2, raw / 2])
            raw[~is_seen[some].T] = -np.inf
            is_sure[some] &= is_apart(raw)
            decision[:, some] = raw
        return Answers(decision, is_sure)

    def _lanes(self):
        """Return how many coalitions go in lockstep: as many as caches and memory hold."""
        n, size = self.rows.shape
        lanes = CELLS // (self.n_vectors * max(n, MEMORY * size))
        return min(max(FEWEST, lanes), LANES)

    def _solve(self, masks):
        """Return raw predictions of shape (n_vectors, B, m), and which are sure."""
        scaling = self._scaling(masks)
        fits = self._minimize(masks, scaling)
        raw = self._raw(fits.x, scaling)
        is_sure = fits.is_clear & (fits.spread < UNEVEN) & (fits.n_iter < MOST_ITERATIONS)
        is_calm = np.any(
            [
                (fits.spread <= spread) & (fits.n_iter <= n_iter) & (fits.blur <= blur)
                for spread, n_iter, blur in CALM
            ],
            axis=0,
        )
        if scaling is not None:
            is_sure &= scaling.is_sure
        doubtful = np.flatnonzero(is_sure & ~is_calm)
        if len(doubtful):
            scaling = None if scaling is None else scaling.take(doubtful)
            again = self._minimize(masks[doubtful], scaling, NOISE)
            moved = np.abs(self._raw(again.x, scaling) - raw[:, doubtful])
            moved /= np.maximum(np.abs(raw[:, doubtful]), 1)
            is_sure[doubtful] = (
                (again.n_trials == fits.n_trials[doubtful])
                & (again.n_iter == fits.n_iter[doubtful])
                & (moved <= MOVED).all(axis=(0, 2))
            )
        return raw, is_sure

    def _scaling(self, masks):
        """Return what scalers make of the rows of each coalition, or None."""
        return None

    def _minimize(self, masks, scaling, noise=0.0):
        loss = self.loss(masks, self.y, self.rows, self.is_penalised, self.C, noise, scaling)
        most = min(self.max_iter, MOST_ITERATIONS)
        return minimize(loss, self.n_vectors * self.rows.shape[1], self.tol, most)

    def _raw(self, x, scaling):
        x = x.reshape(len(x), self.n_vectors, -1)
        if scaling is not None:
            x = x / scaling.scale[:, None]
        raw = (x.reshape(-1, x.shape[2]) @ self.val.T).reshape(*x.shape[:2], -1)
        if scaling is not None:
            raw -= (x * scaling.centre[:, None]).sum(axis=2, keepdims=True)
        return raw.swapaxes(0, 1)

    def _hopeless(self):
        """Say so where rounding decides what a refit is, even without any reason for doubt."""
        n = len(self.y)
        parts = [np.ones(n, dtype=bool)] + [np.arange(n) % 2 == part for part in (0, 1)]
        parts = [part for part in parts if len(np.unique(self.y[part])) > 1]
        if np.count_nonzero(self(np.array(parts)).is_sure) <= len(parts) / 2:
            return (
                "refits take so many iterations that rounding decides where they end; scale the "
                "features"
            )
        return None


def is_apart(decision):
    """Tell which coalitions have a clearly best class for all rows."""
    best = decision.max(axis=0)
    bound = best - NEAR * np.maximum(np.abs(best), 1)
    return (np.count_nonzero(decision >= bound, axis=0) == 1).all(axis=1)


def odd_parameters(estimator, solver):
    """Return what a refit would do that a kernel for this solver does not, or None."""
    if estimator.solver != solver:
        return f"solver={estimator.solver!r} is another one than {solver!r}"
    if estimator.penalty not in ("l2", "deprecated", None):
        return f"penalty={estimator.penalty!r} is not 'l2' or None"
    if estimator.l1_ratio not in (None, 0):
        return f"l1_ratio={estimator.l1_ratio!r} is not 0"
    if getattr(estimator, "multi_class", "deprecated") != "deprecated":
        return "multi_class is given"
    if estimator.class_weight is not None:
        return "class_weight is given"
    if estimator.dual or estimator.warm_start:
        return "dual or warm_start is set"
    if not (estimator.tol > 0 and estimator.max_iter > 0 and estimator.C > 0):
        return "tol, max_iter or C is not positive"
    return None


def too_many(X, y):
    """Return the reason if many fits at once would not fit into caches, or None."""
    if _n_vectors(y) * max(len(X), 2 * MEMORY * X.shape[1]) > CELLS:
        return "there are too many rows, features or classes for many fits at once"
    return None


def _n_vectors(y):
    n_classes = y.max() + 1
    return 1 if n_classes == 2 else n_classes
