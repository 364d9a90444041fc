"""An inverse from a low-rank approximation of the Hessian, for models of many columns."""

import numpy as np
from scipy import linalg

from .inverse import Inverse
from .products import Products


def nystroem(fit, rank, seed):
    """Return the inverse of a Hessian whose part that comes from the rows has a low rank.

    That part, in units of the penalty, is replaced by its Nystroem approximation from random
    directions. Intercepts, which have no penalty, are eliminated exactly.

    Parameters
    ----------
    fit : LinearFit
        With an L2 penalty.
    rank : int
    seed : int

    Returns
    -------
    inverse : Inverse
    """
    bound, loose = fit.free & (fit.ridge > 0), fit.free & (fit.ridge == 0)
    if loose[:-1].any():
        raise ValueError(
            "solver='nystroem' needs an L2 penalty on every coefficient, and this estimator has "
            "none. Use solver='cg' or 'cholesky'."
        )
    product = Products(fit)
    diagonal = np.divide(1, fit.ridge, out=np.zeros(fit.ridge.shape), where=bound)
    half = _low_rank(product, np.sqrt(diagonal), bound, rank, np.random.default_rng(seed))
    inverse = Inverse(half, -np.ones(len(half)), diagonal, is_direct=False)
    if not loose.any():
        return inverse
    units = np.zeros((*loose.shape, loose.sum()))
    units[(*np.nonzero(loose), np.arange(loose.sum()))] = 1
    across = product.of_losses(units)
    inner = units - inverse.solve(across * bound[:, :, None])  # what is orthogonal to the others
    schur = np.tensordot(across, inner, axes=([0, 1], [0, 1]))
    values, vectors = linalg.eigh((schur + schur.T) / 2)
    kept = values > values.max() * 1e-12
    edge = np.tensordot(vectors[:, kept].T / np.sqrt(values[kept, None]), inner, axes=(1, 2))
    sign = np.r_[inverse.sign, np.ones(len(edge))]
    return Inverse(np.concatenate([half, edge]), sign, diagonal, is_direct=False)


def _low_rank(product, scale, bound, rank, rng):
    """Return K with ``diag(scale**2) - K'K`` the inverse of the penalised part."""
    P, m = bound.shape
    size = int(bound.sum())
    rank = min(rank, size)

    def apply(columns):
        whole = np.zeros((P, m, columns.shape[1]))
        whole[bound] = columns
        return (scale[:, :, None] * product.of_losses(scale[:, :, None] * whole))[bound]

    basis = linalg.qr(rng.standard_normal((size, rank)), mode="economic")[0]
    basis = linalg.qr(apply(basis), mode="economic")[0]  # nearer to the leading directions
    seen = apply(basis)
    lift = np.finfo(float).eps * np.linalg.norm(seen)  # so that rounding leaves it definite
    seen += lift * basis
    root = linalg.cholesky(_even(basis.T @ seen) + lift * np.eye(rank))
    left, singular, _ = linalg.svd(
        linalg.solve_triangular(root, seen.T, trans="T").T, full_matrices=False
    )
    values = np.maximum(singular**2 - lift, 0)
    half = np.zeros((rank, P, m))
    half[:, bound] = (left * np.sqrt(values / (1 + values))).T * scale[bound]
    return half


def _even(matrix):
    return (matrix + matrix.T) / 2
