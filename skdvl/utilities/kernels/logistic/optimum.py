"""Logistic regression at its optimum: masks and chains of two classes, with a proof for each."""

import numpy as np
from sklearn.linear_model import LogisticRegression

from ..base import Answers, Kernel
from .logistic import is_apart, odd_parameters
from .newton import Lanes, Rows

MOST_TOL = 1e-12  # with a larger one refits stop where their decisions are not the optimum's
MOST_LOOSE = 1e-6  # of raw predictions of a refit that stops as late as its `tol` allows
MOST_FEATURES = 150  # with more, an inverse takes as long as a refit
MOST_SPREAD = 1e13  # of curvatures, relative, with which refits still find Newton's steps
LANES = 256  # coalitions in lockstep, at most
FEWEST = 8  # of them, however large they are
CELLS = 2**18  # of rows or products of features, in lockstep
DECISIONS = 2**20  # in one piece of a chain


class OptimumKernel(Kernel):
    """What `LogisticRegression` says with the solver "newton-cholesky" and a tiny `tol`.

    There is one optimum, so any way will do that leads there. Chains go from the optimum of one
    prefix to that of the next by steps with an inverse that follows in rank-one updates.
    """

    estimators = (LogisticRegression,)
    response = "softmax"
    has_decision_function = True
    rounding = 1e-11  # what is proven is hardly less, and what is found mostly far less
    lockstep = 64

    @classmethod
    def supports(cls, estimator, X, y, X_val):
        reason = odd_parameters(estimator, "newton-cholesky")
        if reason:
            return reason
        if estimator.tol > MOST_TOL or estimator.max_iter < 100:
            return f"tol={estimator.tol!r} or max_iter={estimator.max_iter!r} stops refits early"
        if estimator.penalty is None or not np.isfinite(estimator.C):
            return "without a penalty there may be no optimum"
        if y.max() > 1:
            return "there are more than two classes"
        if X.shape[1] > MOST_FEATURES:
            return f"there are more than {MOST_FEATURES} features"
        return _ill_scaled(estimator, X)

    def __init__(self, estimator, X, y, X_val):
        self.rows = Rows(X, y, X_val, float(estimator.C), estimator.fit_intercept)
        self.tol, self.C = estimator.tol, float(estimator.C)

    def __call__(self, masks):
        coef, is_sure = np.zeros((len(masks), self.rows.size)), np.zeros(len(masks), dtype=bool)
        counts = masks.astype(float) @ self.rows.is_of_class
        asked = np.flatnonzero(counts.all(axis=1))
        at_once = CELLS // max(masks.shape[1], self.rows.size**2)
        at_once = min(max(FEWEST, at_once), LANES)
        for first in range(0, len(asked), at_once):
            some = asked[first : first + at_once]
            lanes, everyone = Lanes(self.rows, masks[some]), np.arange(len(some))
            lanes.begin(everyone)
            lanes.solve(everyone)
            coef[some] = lanes.coef
            is_sure[some] = self._is_sure(lanes)
        return self._answers(coef, is_sure)

    def chains(self, start, order):
        n_walks, n_steps = len(start), order.shape[1] + 1
        c = max(1, DECISIONS // (n_walks * max(2 * self.rows.val.shape[1], self.rows.size)))
        lanes, counts = Lanes(self.rows, start), start.astype(float) @ self.rows.is_of_class
        for first in range(0, n_steps, c):
            steps = range(first, min(first + c, n_steps))
            coef = np.empty((n_walks, len(steps), self.rows.size))
            is_sure = np.empty((n_walks, len(steps)), dtype=bool)
            for place, step in enumerate(steps):
                self._extend(lanes, counts, order[:, step - 1] if step else None)
                coef[:, place], is_sure[:, place] = lanes.coef, self._is_sure(lanes)
            yield self._answers(coef.reshape(-1, self.rows.size), is_sure.ravel())

    def _extend(self, lanes, counts, players):
        """Let the next rows join, if any, and go to the new optimum."""
        if players is not None:
            going = np.flatnonzero(lanes.is_proven)
            lanes.add(going, players[going])
            lanes.masks[np.arange(len(players)), players] = 1.0
            counts += self.rows.is_of_class[players]
        asked = counts.all(axis=1)
        lanes.begin(np.flatnonzero(asked & ~lanes.is_proven))
        lanes.solve(np.flatnonzero(asked))

    @np.errstate(all="ignore")  # nothing is known where nothing was solved
    def _is_sure(self, lanes):
        """Whether the optimum is proven, and refits come close to it."""
        is_close = lanes.masks.sum(axis=1) * self.tol * lanes.looseness <= MOST_LOOSE
        spread = (lanes.masks @ self.rows.steepest + 1 / self.C) * lanes.softness
        return lanes.is_proven & is_close & (spread > 0) & (spread <= MOST_SPREAD)

    def _answers(self, coef, is_sure):
        coef[~is_sure] = 0.0
        half = (coef @ self.rows.val) / 2
        decision = np.stack([-half, half])
        return Answers(decision, is_sure & is_apart(decision))


def _ill_scaled(estimator, X):
    """Say so where refits cannot solve for Newton's steps, and end elsewhere; else None."""
    if estimator.fit_intercept:
        X = np.hstack([X, np.ones((len(X), 1))])
    curvature = X.T @ X / 4
    places = np.arange(X.shape[1] - estimator.fit_intercept)
    curvature[places, places] += 1 / estimator.C
    curvatures = np.linalg.eigvalsh(curvature)
    if curvatures[0] * MOST_SPREAD >= curvatures[-1]:
        return None
    return "the means of features are too large for their spread, or for each other; scale them"
