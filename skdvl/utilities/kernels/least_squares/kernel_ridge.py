"""Kernel ridge regression on coalitions."""

from numbers import Real

import numpy as np
from scipy.linalg.blas import dtrsm
from scipy.linalg.lapack import dpotrf, dpotrs
from sklearn.kernel_ridge import KernelRidge
from sklearn.metrics.pairwise import pairwise_kernels

from ..base import Answers, Kernel
from .fits import TABLE_CELLS

KERNELS = ("linear", "poly", "polynomial", "rbf", "laplacian", "cosine", "sigmoid")
MOST_ROWS = 4000  # the kernel of all of them is kept
LARGEST_STATE = 32_000_000  # numbers in the factors of all walks
# By how much rounding errors may grow: to 1e-9 at most, and in 15 000 fits to 1e-11 at most.
MOST_AMPLIFIED = 4e6
STEPS = 32


class KernelRidgeKernel(Kernel):
    """Kernel ridge regression: the kernel of all rows is computed once.

    A walk keeps the Cholesky factor of its kernel matrix. Factors of prefixes are parts of it,
    so that a step costs the square of the number of rows instead of the cube.
    """

    estimators = (KernelRidge,)

    def __init__(self, estimator, X, y, X_val):
        self.alpha = float(estimator.alpha)
        self.K = _kernel(estimator, X, X)
        self.K = (self.K + self.K.T) / 2
        # What all rows say of validation rows, and the targets behind it: both are solved for.
        self.sides = np.column_stack([_kernel(estimator, X, X_val), y])
        self.scale = np.std(y) or 1.0
        self.largest = max(np.abs(self.K.diagonal()).max(), np.abs(self.sides[:, :-1]).max())
        self.noise = 1.0
        if estimator.kernel == "rbf":  # distances are differences of squares
            gamma = 1 / X.shape[1] if estimator.gamma is None else estimator.gamma
            self.noise += gamma * (X**2).sum(axis=1).max()

    @classmethod
    def supports(cls, estimator, X, y, X_val):
        if not (isinstance(estimator.alpha, Real) and 0 < estimator.alpha < np.inf):
            return "alpha is not one positive number"
        if not isinstance(estimator.kernel, str) or estimator.kernel not in KERNELS:
            return f"kernel={estimator.kernel!r} is computed by refits only"
        if len(X) > MOST_ROWS:
            return f"the kernel of more than {MOST_ROWS} rows takes too much memory"
        return None

    def __call__(self, masks):
        predicted = np.zeros((1, len(masks), self.sides.shape[1] - 1))
        is_sure = np.zeros(len(masks), dtype=bool)
        for b, mask in enumerate(masks):
            rows = np.flatnonzero(mask)
            factor = self._factor(self.K[np.ix_(rows, rows)])
            if factor is not None and len(rows):
                y = self.sides[rows, -1]
                dual, _ = dpotrs(factor.T, y)
                predicted[0, b] = dual @ self.sides[rows, :-1]
                is_sure[b] = self._growth(y @ dual, len(rows)) <= MOST_AMPLIFIED
        return Answers(predicted, is_sure)

    def _factor(self, K):
        """Return the Cholesky factor of a kernel with its penalty, or None; K is spent."""
        K.flat[:: len(K) + 1] += self.alpha
        if not len(K):
            return K
        # LAPACK reads columns first, to which a lower triangle is an upper one.
        factor, info = dpotrf(K.T, overwrite_a=1)
        return None if info else factor.T

    def _growth(self, explained, size):
        """Return by how much rounding errors may have grown.

        Dual coefficients s of targets y are at most as long as the root of y @ s / alpha, and
        predictions depend on them, as they are rounded, by at most largest / alpha.
        """
        length = np.sqrt(np.maximum(explained, 0) / self.alpha * size) / self.scale
        reach = np.sqrt(self.largest / self.alpha)
        return (self.largest + self.alpha) * length * reach * self.noise

    def chains(self, start, order):
        size = np.count_nonzero(start, axis=1).max(initial=0) + order.shape[1]
        width = size + self.sides.shape[1]
        if len(start) * size * width > LARGEST_STATE:
            yield from self._one_by_one(start, order)
            return
        walks = [_Walk(self, mask, size) for mask in start]
        n_val = self.sides.shape[1] - 1
        c = int(np.clip(TABLE_CELLS // (len(start) * n_val), 1, STEPS))
        for first in range(0, max(order.shape[1], 1), c):
            parts = [
                walk.extend(rows)
                for walk, rows in zip(walks, order[:, first : first + c], strict=True)
            ]
            skip = int(first > 0)  # the piece before has ended where this one begins
            predicted = np.concatenate([part[0][skip:] for part in parts])
            yield Answers(predicted[None], np.concatenate([part[1][skip:] for part in parts]))

    def _one_by_one(self, start, order):
        """Answer for walks whose factors would take too much memory."""
        present = start.copy()
        yield self(present)
        for rows in order.T:
            present[np.arange(len(start)), rows] = True
            yield self(present)


class _Walk:
    """One walk: its rows, their factor, what it makes of the sides, and the prediction."""

    def __init__(self, kernel, mask, size):
        self.kernel, self.size = kernel, 0
        self.rows = np.empty(size, dtype=np.intp)
        self.factor = np.empty((size, size))
        self.solved = np.empty((size, kernel.sides.shape[1]))
        self.predicted = np.zeros(kernel.sides.shape[1] - 1)
        self.explained = 0.0
        self.is_lost = False
        self.extend(np.flatnonzero(mask))

    def extend(self, rows):
        """Add rows and return what is predicted before and after each, and who is sure."""
        kernel, k, c = self.kernel, self.size, len(rows)
        if not self.is_lost:
            self.is_lost = not self._grow(rows)
        if self.is_lost:
            return np.zeros((c + 1, len(self.predicted))), np.zeros(c + 1, dtype=bool)
        self.size = k + c
        solved = self.solved[k : k + c]
        moves = np.tri(c + 1, c, -1) @ (solved[:, -1:] * solved)
        predicted = self.predicted + moves[:, :-1]
        explained = self.explained + moves[:, -1]
        self.predicted, self.explained = predicted[-1], explained[-1]
        growth = kernel._growth(explained, np.arange(k, k + c + 1))
        return predicted, growth <= MOST_AMPLIFIED

    def _grow(self, rows):
        """Extend the factor and the solved sides; return whether the kernel allows it."""
        kernel, k, c = self.kernel, self.size, len(rows)
        if not c:
            return True
        below = kernel.K[np.ix_(rows, self.rows[:k])]
        corner = kernel.K[np.ix_(rows, rows)]
        side = kernel.sides[rows]
        if k:
            below = dtrsm(1.0, self.factor[:k, :k].T, below.T, overwrite_b=1, trans_a=1).T
            corner -= below @ below.T
            side -= below @ self.solved[:k]
        corner = kernel._factor(corner)
        if corner is None:
            return False
        side = dtrsm(1.0, corner.T, side.T, side=1, overwrite_b=1).T
        self.rows[k : k + c] = rows
        self.factor[k : k + c, :k] = below
        self.factor[k : k + c, k : k + c] = corner
        self.solved[k : k + c] = side
        return True


def _kernel(estimator, X, Y):
    params = {"gamma": estimator.gamma, "degree": estimator.degree, "coef0": estimator.coef0}
    return pairwise_kernels(X, Y, metric=estimator.kernel, filter_params=True, **params)
