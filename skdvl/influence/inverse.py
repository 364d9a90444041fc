"""The inverse of the Hessian as a factor: solutions and leverages from matrix products."""

from dataclasses import dataclass

import numpy as np
from scipy import linalg, sparse

_DEPENDENT = 1e-7  # of a column's length, what is orthogonal to the columns before it


@dataclass(frozen=True)
class Inverse:
    """The matrix ``diag(diagonal) + sum_k sign[k] * outer(half[k], half[k])``.

    Attributes
    ----------
    half : ndarray of shape (r, P, m)
    sign : ndarray of shape (r,) or None
        1 or -1; None for ones.
    diagonal : ndarray of shape (P, m) or None
    is_direct : bool
        Whether the Hessian is small enough to be held.
    """

    half: np.ndarray
    sign: object = None
    diagonal: object = None
    is_direct: bool = True
    knows_leverages = True  # for little more than a pass over the rows

    @property
    def width(self):
        """Numbers that are held for each row when its leverages are taken."""
        return self.half.shape[0] * self.half.shape[2]

    def solve(self, right):
        """Return the products with columns of shape (P, m, k), or (P, m), in the same shape."""
        flat = self.half.reshape(len(self.half), np.prod(self.half.shape[1:]))
        columns = right.reshape(flat.shape[1], -1)
        inner = flat @ columns
        if self.sign is not None:
            inner *= self.sign[:, None]
        told = flat.T @ inner
        if self.diagonal is not None:
            told += self.diagonal.reshape(-1, 1) * columns
        return told.reshape(right.shape)

    def leverages(self, Z):
        """Return ``Z_i H^-1 Z_i'`` of every row, of shape (b, m, m)."""
        n, m = Z.shape[0], self.half.shape[2]
        halves = [Z @ self.half[:, :, a].T for a in range(m)]
        told = np.empty((n, m, m))
        for a in range(m):
            left = halves[a] if self.sign is None else halves[a] * self.sign
            for b in range(a, m):
                told[:, a, b] = told[:, b, a] = np.einsum("ij,ij->i", left, halves[b])
        if self.diagonal is not None:
            squares = Z.multiply(Z) if sparse.issparse(Z) else Z**2
            told[:, np.arange(m), np.arange(m)] += squares @ self.diagonal
        return told


def direct(fit):
    """Return the inverse of the Hessian of a `LinearFit`, taken at its coefficients.

    Where it has none, as with more columns than rows and no penalty, it is the pseudoinverse, which
    is what least squares of smallest norm take.
    """
    free = fit.free.ravel()
    root = _triangle(fit, free) if _is_tall(fit) else None
    if root is not None:
        half = _inverse_of_root(root, max(len(fit), len(root)))
    else:
        half = _inverse_of_hessian(hessian(fit)[np.ix_(free, free)])
    whole = np.zeros((len(half), len(free)))
    whole[:, free] = half
    return Inverse(whole.reshape(len(half), *fit.free.shape))


def hessian(fit, levelled=True):
    """Return the Hessian of all coefficients, of shape (P m, P m).

    Where all classes may rise together at no cost it is given some curvature there, unless
    `levelled` is False: no gradient points that way, so that any will do.
    """
    P, m = fit.coef.shape
    total = pulled_back(fit, fit.bends).reshape(P, m, P, m)
    if fit.loss.levelled and levelled:
        for j in np.flatnonzero(fit.free.all(axis=1) & (fit.ridge == 0).all(axis=1)):
            total[j, :, j, :] += np.trace(total[j, :, j, :]) / m**2
    total = total.reshape(P * m, P * m)
    total[np.diag_indices(P * m)] += fit.ridge.ravel()
    return total


def pulled_back(fit, bends_of):
    """Return the sum over rows of second derivatives by the coefficients, of shape (P m, P m).

    Parameters
    ----------
    fit : LinearFit
    bends_of : callable
        From a slice of b rows, and Z of these, to those by the predictors, of shape (b, m, m).
    """
    P, m = fit.coef.shape
    total = np.zeros((P, m, P, m))
    for where in fit.blocks(fit.coef.size):
        Z = fit.rows(where)
        bends = bends_of(where, Z)
        for a in range(m):
            for b in range(a, m):
                total[:, a, :, b] += _gram(Z, bends[:, a, b])
    for a in range(m):
        for b in range(a):
            total[:, a, :, b] = total[:, b, :, a]
    return total.reshape(P * m, P * m)


def _gram(Z, weights):
    if sparse.issparse(Z):
        return (Z.T @ Z.multiply(weights[:, None]).tocsr()).toarray()
    return Z.T @ (Z * weights[:, None])


def _is_tall(fit):
    return fit.coef.shape[1] == 1 and not sparse.issparse(fit.X)


def _triangle(fit, free):
    """Return R with ``R'R`` the Hessian, by QR of the rows: nothing is squared, so it is exact.

    None if the loss bends downwards somewhere, and there is no such R.
    """
    root = np.diag(np.sqrt(fit.ridge.ravel()))[:, free]
    for where in fit.blocks(fit.coef.size):
        Z = fit.rows(where)
        bends = fit.bends(where, Z)[:, 0, 0]
        if (bends < 0).any():
            return None
        root = linalg.qr(
            np.vstack([root, Z[:, free] * np.sqrt(bends)[:, None]]), mode="r", check_finite=False
        )[0][: free.sum()]
    return root


def _inverse_of_root(root, n_rows):
    """Return L with ``L'L`` the (pseudo)inverse of ``R'R``."""
    lengths = np.linalg.norm(root, axis=0)
    own = np.abs(np.diag(root))
    if len(root) == root.shape[1] and (own > _DEPENDENT * lengths).all() and (lengths > 0).all():
        eye = np.eye(len(root))
        return linalg.solve_triangular(root, eye, trans="T", check_finite=False)
    _, singular, right = linalg.svd(root, full_matrices=False)
    kept = singular > singular.max(initial=0) * np.finfo(float).eps * n_rows
    return right[kept] / singular[kept, None]


def _inverse_of_hessian(matrix):
    """Return L with ``L'L`` the (pseudo)inverse of a symmetric matrix."""
    scale = np.sqrt(np.maximum(np.diag(matrix), np.finfo(float).tiny))
    try:
        lower = linalg.cholesky(matrix / np.outer(scale, scale), lower=True, check_finite=False)
    except linalg.LinAlgError:
        lower = np.zeros((1, 1))
    if (np.diag(lower) > _DEPENDENT).all():
        return linalg.solve_triangular(lower, np.diag(1 / scale), lower=True, check_finite=False)
    values, vectors = linalg.eigh(matrix)
    kept = values > values.max() * np.finfo(float).eps * 10 * len(values)
    return vectors[:, kept].T / np.sqrt(values[kept, None])
