"""Least squares with fewer rows than unknowns, for many coalitions of one size at once."""

import numpy as np
from scipy.linalg.blas import dtrsm
from scipy.linalg.lapack import dpotrf, dtrtri


def differences(x, y, count, x_sum, y_sum):
    """Turn rows into differences from the mean of those before them.

    Least squares with an intercept on the first t rows, for any t, are least squares without an
    intercept on the first t of these, since they are an orthogonal transformation of the rows
    about their mean.

    Parameters
    ----------
    x : ndarray of shape (B, c, d)
    y : ndarray of shape (B, c, n_targets)
    count : ndarray of int of shape (B,)
        Rows that come before.
    x_sum, y_sum : ndarray of shape (B, 1, d) and (B, 1, n_targets), or 0.0
        Sums of the rows that come before.

    Returns
    -------
    u, e : ndarray
        Of the shapes of x and y.
    """
    c = x.shape[1]
    before = count[:, None] + np.arange(c)
    share = (1 / np.maximum(before, 1))[:, :, None]
    weight = np.sqrt(before / (before + 1))[:, :, None]
    earlier = np.tri(c, k=-1)  # a product with it is faster than a cumulated sum
    return tuple(
        (rows - (earlier @ rows + total) * share) * weight
        for rows, total in ((x, x_sum), (y, y_sum))
    )


def inverses(matrices):
    """Return inverses of symmetric matrices, nan where one is not positive definite."""
    roots = matrices.copy()
    for root in roots:  # LAPACK reads columns first, to which a lower triangle is an upper one
        _, info = dpotrf(root.T, overwrite_a=1)
        if not info:
            _, info = dtrtri(root.T, overwrite_c=1)
        if info:
            root[...] = np.nan
    return np.swapaxes(roots, -1, -2) @ roots


def solve_lower(factors, sides):
    """Solve with lower triangular matrices, in place; both in C order."""
    for factor, side in zip(factors, sides, strict=True):
        dtrsm(1.0, factor.T, side.T, side=1, overwrite_b=1)
    return sides


def penalised(u, e, alpha):
    """Solve ridge regression without an intercept in as many unknowns as there are rows.

    Parameters
    ----------
    u : ndarray of shape (B, k, d)
    e : ndarray of shape (B, k, n_targets)
        In units of the targets' scale.
    alpha : float

    Returns
    -------
    weights : ndarray of shape (B, n_targets, d)
    errors : ndarray of shape (B,)
        By how much rounding errors may grow.
    steepest : ndarray of shape (B,)
        By how much weights may change with a target, at most.
    """
    gram = u @ np.swapaxes(u, 1, 2)
    diagonal = np.einsum("bii->bi", gram)
    diagonal += alpha
    inverse = inverses(gram)
    errors = (diagonal * np.einsum("bii->bi", inverse)).sum(axis=1)
    dual = inverse @ e
    # Equal rows with other targets have huge opposite shares, of which a refit rounds the sum.
    squares = diagonal.sum(axis=1)
    share = np.sqrt((dual**2).sum(axis=1).max(axis=1) / u.shape[1]) * squares
    errors = np.maximum(errors, share)
    steepest = np.sqrt(np.einsum("bii->b", inverse))
    return np.swapaxes(dual, 1, 2) @ u, np.where(np.isfinite(errors), errors, np.inf), steepest


def shortest(u, e, cutoff, noise):
    """Find the shortest of the weights that fit all rows, without an intercept.

    Parameters
    ----------
    u : ndarray of shape (B, k, d)
    e : ndarray of shape (B, k, n_targets)
    cutoff : float
        Singular values below this share of the largest are zero to a refit.
    noise : float
        A singular value that the refit ought to take as zero may be as large as this.

    Returns
    -------
    weights : ndarray of shape (B, n_targets, d)
    errors : ndarray of shape (B,)
        By how much rounding errors may grow; infinite where rows depend on each other.
    """
    Q, R = np.linalg.qr(np.swapaxes(u, 1, 2))
    k = R.shape[-1]
    pivots = np.abs(np.einsum("bii->bi", R))
    size = np.linalg.norm(R, axis=(1, 2))
    depends = ~(pivots.min(axis=1) > 1e-12 * size)
    R[depends] = np.eye(k)
    inverse = np.linalg.inv(R)
    ratio = size * np.linalg.norm(inverse, axis=(1, 2))
    is_known = ~depends & (2 * cutoff * ratio < 1) & (cutoff * size > noise * np.sqrt(k))
    weights = np.swapaxes(Q @ (np.swapaxes(inverse, 1, 2) @ e), 1, 2)
    return weights, np.where(is_known, ratio, np.inf)
