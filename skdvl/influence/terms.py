"""The terms of an objective as an estimator's parameters and coefficients tell them."""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from .linear_fit import LinearFit
from .losses import Loss


@dataclass(frozen=True)
class Terms:
    """What a reader finds in a fitted estimator.

    Attributes
    ----------
    loss : Loss
    y : ndarray of shape (n,)
        As the loss takes it.
    coef : ndarray of shape (p, m)
    intercept : ndarray of shape (m,)
    free : ndarray of bool of shape (p, m) or None
        Which of `coef` move; None for all. If one does not, this is a model on its active set.
    has_intercept : ndarray of bool of shape (m,)
    l2, l1 : float
        Of ``l2 / 2 * ||coef||^2 + l1 * |coef|``.
    l2_intercept, l1_intercept : float
        The same of the intercepts; with L1, those at 0 stay there.
    share : ndarray of shape (n,) or None
        If the penalty is that of a mean: how many times it enters the sum with each row.
    class_weight : ndarray of shape (n_classes,) or None
        What the weight of a row is multiplied by.
    """

    loss: Loss
    y: np.ndarray
    coef: np.ndarray
    intercept: np.ndarray
    has_intercept: np.ndarray
    free: object = None
    l2: float = 0.0
    l1: float = 0.0
    l2_intercept: float = 0.0
    l1_intercept: float = 0.0
    share: object = None
    class_weight: object = None


def coefficients(estimator):
    """Return the coefficients of a fitted estimator as an array; `sparsify` leaves a matrix."""
    coef = estimator.coef_
    return coef.toarray() if sparse.issparse(coef) else coef


def assemble(terms, X, weight):
    """Return the `LinearFit` of some terms on the rows X, which are numbers."""
    free, columns, coef = terms.free, None, terms.coef
    if terms.class_weight is not None:
        weight = weight * terms.class_weight[terms.y]
    if free is None:
        free = np.ones(coef.shape, dtype=bool)
    elif not free.any(axis=1).all():
        columns = np.flatnonzero(free.any(axis=1))
        X, free, coef = X[:, columns], free[columns], coef[columns]
    shift, intercept = np.zeros(X.shape[1]), terms.intercept
    is_pulled = terms.l2_intercept or terms.l1_intercept
    if terms.has_intercept[0] and not is_pulled and not sparse.issparse(X):
        shift = np.average(X, axis=0, weights=weight)
        intercept = intercept + shift @ coef
    times, left = 1.0, 1.0
    if terms.share is not None:
        times, left = terms.share.sum(), terms.share.sum() - terms.share.mean()
    ridge = np.full(coef.shape, terms.l2 * left)
    edge = np.full((1, coef.shape[1]), terms.l2_intercept * left)
    slope = terms.l2 * coef + terms.l1 * np.sign(coef)
    edge_slope = terms.l1_intercept * np.sign(terms.intercept)
    slope = np.vstack([slope, terms.l2_intercept * terms.intercept + edge_slope])
    moves = terms.has_intercept & ((terms.intercept != 0) | (terms.l1_intercept == 0))
    pull = None if terms.share is None else slope
    return LinearFit(
        X, terms.y, weight, terms.loss, np.vstack([coef, intercept]),
        np.vstack([free, moves]), np.vstack([ridge, edge]),
        times * slope, pull, terms.share, shift, columns,
    )  # fmt: skip
