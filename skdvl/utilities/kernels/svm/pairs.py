"""Kernel matrices with the very bits that libsvm would compute from the rows.

Its iterations end long before the optimum is exact, so the last bits of a kernel decide where.
libsvm takes dot products from BLAS's `ddot` and keeps kernels as float32, but for the diagonal.
So products are taken from `ddot` here. `exp` is not the same in every library, but need only be
so exact that float32 does not show the difference; where it might, nothing is said.
"""

import platform

import numpy as np
from scipy.linalg.blas import ddot
from scipy.spatial.distance import cdist

_EPS = np.finfo(float).eps
_BLUR = 8 * _EPS  # relative; at least twice what any library's exp is wrong by
_MOST_COLUMNS = 10_000  # with more of them, BLAS may share a product among threads
_PIECE = 2**14  # entries of a kernel that are made at once
_OFFSETS = 8  # in floats, to the end of a cache line
_ROUNDS_TWICE = platform.machine().lower() in ("x86_64", "amd64")  # no sum is fused to a product


class Pairs:
    """The kernel between coalitions and validation rows, and that within coalitions.

    Parameters
    ----------
    estimator : SVC, NuSVC, SVR or NuSVR
        With a kernel that has a name.
    X, X_val : ndarray of float64

    Attributes
    ----------
    is_kept : bool
        Whether the matrix of all rows is, so that no coalition's is computed from its rows.
    """

    def __init__(self, estimator, X, X_val):
        self.kernel, self.gamma = estimator.kernel, estimator.gamma
        self._degree, self._coef0 = int(estimator.degree), float(estimator.coef0)
        self.is_fixed = self.kernel in ("linear", "precomputed") or self.gamma != "scale"
        self.X, self.X_val, self._all = X, X_val, None
        self._unclear = np.empty((0, 2), dtype=np.intp)
        self.is_kept = self.kernel == "precomputed"
        if self.kernel == "precomputed":
            self._all, self._val = X, np.ascontiguousarray(X_val.T)
            self._size = np.abs(self._val).max(axis=0)
            return
        self._val = cdist(X, X_val, "sqeuclidean") if self.kernel == "rbf" else X @ X_val.T
        self._length, self._val_length = (np.sqrt((A**2).sum(axis=1)) for A in (X, X_val))
        if self.is_fixed:
            self._apply(self._val, self.gamma_of(None))

    def gamma_of(self, rows):
        """Return gamma, which may depend on the variance of a coalition.

        Parameters
        ----------
        rows : ndarray of int
        """
        if self.kernel in ("linear", "precomputed"):
            return 0.0
        if not isinstance(self.gamma, str):
            return float(self.gamma)
        if self.gamma == "auto":
            return 1.0 / self.X.shape[1]
        variance = self.X.take(rows, axis=0).var()
        return 1.0 / (self.X.shape[1] * variance) if variance != 0 else 1.0

    def to_train(self, rows, gamma):
        """Return what libsvm is to be given: a kernel, or rows where its bits are not certain.

        Parameters
        ----------
        rows : ndarray of int
        gamma : float

        Returns
        -------
        X : ndarray of shape (len(rows), d) or (len(rows), len(rows))
        kernel : str
        """
        if self.is_kept:
            K = self._kernel_of(rows, gamma)
            if K is not None:
                return K, "precomputed"
        return self.X.take(rows, axis=0), self.kernel

    def _kernel_of(self, rows, gamma):
        """Return the kernel of a coalition, or None where its bits are not certain.

        It is made piece by piece, in the processor's cache.
        """
        if len(self._unclear) and np.isin(self._unclear, rows).all(axis=1).any():
            return None
        K = np.empty((len(rows), len(rows)))
        step = max(1, _PIECE // len(rows))
        for first in range(0, len(rows), step):
            piece = K[first : first + step]
            some = self._all.take(rows[first : first + step], axis=0)
            some.take(rows, axis=1, out=piece, mode="clip")  # which checks no number
            if not self.is_fixed:
                self._apply(piece, gamma)
                if self.kernel == "rbf" and _hangs(piece).any():
                    return None
        return K

    def to_predict(self, rows, gamma):
        """Return the kernel between rows and validation rows, of shape (len(rows), m)."""
        K = self._val.take(rows, axis=0)
        return K if self.is_fixed else self._apply(K, gamma)

    def size(self, rows, gamma):
        """Return by how many eps rounding changes an entry, but for the lengths of sums.

        Parameters
        ----------
        rows : ndarray of int
        gamma : float

        Returns
        -------
        size : float or ndarray of shape (m,)
            A bound for any of the rows and each validation row.
        """
        if self.kernel == "rbf":
            return 1.0
        if self.kernel == "precomputed":
            return self._size
        reach = self._length[rows].max() * self._val_length
        if self.kernel == "linear":
            return reach
        reach = abs(gamma) * reach + abs(self._coef0)
        if self.kernel == "sigmoid":
            return 1 + reach
        return max(1, self._degree) * reach**self._degree

    def vectors(self, rows):
        """Return the rows themselves, of which libsvm wants none if the kernel is given."""
        return np.empty((0, 0)) if self.kernel == "precomputed" else self.X.take(rows, axis=0)

    def asking(self, rows, which):
        """Return some validation rows as a machine that is trained on rows takes them."""
        if self.kernel == "precomputed":
            return self.X_val[np.ix_(which, rows)]
        return self.X_val[which]

    # ------------------------------------------------------------------ all rows at once

    def may_keep(self):
        """Whether the bits of the matrix of all rows would be those of each coalition's own."""
        if self.kernel == "poly" and self._coef0 != 0 and not _ROUNDS_TWICE:
            return False
        if self.kernel == "sigmoid" or self.X.shape[1] > _MOST_COLUMNS:
            return False  # the diagonal is kept as float64, so tanh would have to be the same
        return _is_blind_to_place(self.X)

    def keep(self):
        """Compute the matrix of all rows."""
        dots = _dots(self.X)
        if self.kernel == "rbf":
            square = dots.diagonal().copy()
            np.subtract(square[:, None] + square, 2 * dots, out=dots)
        self._all, self.is_kept = dots, True
        if self.is_fixed:
            self._apply(dots, self.gamma_of(None))
            if self.kernel == "rbf":
                unclear = [
                    (i, j) for i, row in enumerate(dots) for j in np.flatnonzero(_hangs(row))
                ]
                self._unclear = np.array(unclear, dtype=np.intp).reshape(-1, 2)

    def forget(self):
        """Go back to rows."""
        self._all, self.is_kept = None, False

    def _apply(self, K, gamma):
        """Make kernels of dot products, or of squared distances, in place."""
        if self.kernel == "linear":
            return K
        if self.kernel == "rbf":
            np.multiply(K, -gamma, out=K)
            return np.exp(K, out=K)
        np.multiply(K, gamma, out=K)
        np.add(K, self._coef0, out=K)
        return np.tanh(K, out=K) if self.kernel == "sigmoid" else _power(K, self._degree)


def _power(K, degree):
    """Take a power in place, by squares as libsvm does."""
    square, result = K.copy(), K
    result.fill(1.0)
    while degree > 0:
        if degree % 2:
            result *= square
        square *= square
        degree //= 2
    return result


def _hangs(K):
    """Tell which numbers another `exp` might have rounded to another float32."""
    return (K * (1 - _BLUR)).astype(np.float32) != (K * (1 + _BLUR)).astype(np.float32)


def _dots(X, Y=None):
    """Return products of rows as `ddot` computes them; of X alone, a symmetric matrix."""
    left, right = list(X), list(X if Y is None else Y)
    if Y is not None:
        return np.array([[ddot(x, y) for y in right] for x in left])
    dots = np.empty((len(X), len(X)))
    for i, x in enumerate(left):
        dots[i, : i + 1] = [ddot(x, y) for y in right[: i + 1]]
        dots[: i + 1, i] = dots[i, : i + 1]
    return dots


def _is_blind_to_place(X):
    """Whether products have the same bits wherever in memory their rows lie."""
    some = X[np.linspace(0, len(X) - 1, min(len(X), 6)).astype(int)]
    moved = []
    for offset in range(_OFFSETS):
        room = np.empty(some.size + _OFFSETS)[offset : offset + some.size].reshape(some.shape)
        room[:] = some
        moved.append(room)
    expected = _dots(some)
    return all(np.array_equal(_dots(a, b), expected) for a in moved for b in moved)
