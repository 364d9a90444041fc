"""Kernels of the dummies, that look at the labels only."""

import numpy as np
from sklearn.dummy import DummyClassifier, DummyRegressor

from .base import Answers, Kernel

_CELLS = 2**21  # at most, of one piece of a chain


class PriorKernel(Kernel):
    """`DummyClassifier` that predicts the most frequent class, or the shares of classes."""

    name = "dummy"
    estimators = (DummyClassifier,)
    response = "probability"
    ties_are_exact = True  # counts, divided by the same number

    @classmethod
    def supports(cls, estimator, X, y, X_val):
        if estimator.strategy not in ("prior", "most_frequent"):
            return f"strategy={estimator.strategy!r} is not a function of the counts of classes"
        return None

    def __init__(self, estimator, X, y, X_val):
        self._shares = estimator.strategy == "prior"
        self._n_val = len(X_val)
        self._is_of_class = np.equal.outer(y, np.arange(y.max() + 1)).astype(float)

    def __call__(self, masks):
        return self._answers(masks.astype(float) @ self._is_of_class)

    def chains(self, start, order):
        counts = start.astype(float) @ self._is_of_class
        n_steps = max(1, _CELLS // (counts.size * self._n_val))
        for first in range(0, order.shape[1] + 1, n_steps):
            joining = self._is_of_class[order[:, max(first - 1, 0) : first + n_steps - 1]]
            if first == 0:
                joining = np.concatenate([counts[:, None], joining], axis=1)
            else:
                joining[:, 0] += counts
            steps = joining.cumsum(axis=1)
            counts = steps[:, -1]
            yield self._answers(steps.reshape(-1, counts.shape[1]))

    def _answers(self, counts):
        """Answer for coalitions with these numbers of rows of each class."""
        if self._shares:
            share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
            decision = np.where(counts > 0, share, -np.inf).T
        else:
            decision = np.where(counts > 0, 0.0, -np.inf).T
            decision[counts.argmax(axis=1), np.arange(len(counts))] = 1.0
        shape = (*decision.shape, self._n_val)
        decision = np.ascontiguousarray(np.broadcast_to(decision[:, :, None], shape))
        return Answers(decision, np.ones(len(counts), dtype=bool))


class MeanKernel(Kernel):
    """`DummyRegressor` that predicts the mean."""

    name = "dummy"
    estimators = (DummyRegressor,)

    @classmethod
    def supports(cls, estimator, X, y, X_val):
        if estimator.strategy != "mean":
            return f"strategy={estimator.strategy!r} is not a function of sums"
        return None

    def __init__(self, estimator, X, y, X_val):
        self._n_val = len(X_val)
        self._centre = y.mean()  # sums of what is left keep their digits
        self._y = y - self._centre

    def __call__(self, masks):
        total = masks.astype(float) @ self._y
        return self._answers(total, np.count_nonzero(masks, axis=1))

    def chains(self, start, order):
        total, size = start.astype(float) @ self._y, np.count_nonzero(start, axis=1)[:, None]
        totals = np.concatenate([total[:, None], self._y[order]], axis=1).cumsum(axis=1)
        n_steps = max(1, _CELLS // (len(start) * self._n_val))
        for first in range(0, totals.shape[1], n_steps):
            some = totals[:, first : first + n_steps]
            sizes = size + np.arange(first, first + some.shape[1])
            yield self._answers(some.ravel(), sizes.ravel())

    def _answers(self, total, size):
        mean = self._centre + total / np.maximum(size, 1)
        decision = np.repeat(mean, self._n_val).reshape(1, len(mean), self._n_val)
        return Answers(decision, np.ones(len(mean), dtype=bool))
