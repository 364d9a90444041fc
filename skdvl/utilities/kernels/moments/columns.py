"""What is found out about rows once, before any coalition: where to centre, what is too odd."""

import numpy as np


def centres(X, y):
    """Return values to centre the columns of each class on; sums of squares lose few digits then.

    Such a value is the most frequent one, of equals the one nearest to the median: where the
    rows of a coalition agree, they mostly agree on this value, and then all sums are 0 exactly.

    Parameters
    ----------
    X : ndarray of shape (n, d)
    y : ndarray of intp of shape (n,)

    Returns
    -------
    centres : ndarray of shape (n_classes, d)
    """
    return _of_columns(_centre, X, y)


def smallest_steps(X, y):
    """Return the least difference between two different values in each column of each class.

    Parameters
    ----------
    X : ndarray of shape (n, d)
    y : ndarray of intp of shape (n,)

    Returns
    -------
    steps : ndarray of shape (n_classes, d)
        inf where all values are equal.
    """
    return _of_columns(lambda column: np.diff(np.unique(column)).min(initial=np.inf), X, y)


def largest(X, y):
    """Return the largest absolute values in each column of each class.

    Parameters
    ----------
    X : ndarray of shape (n, d)
    y : ndarray of intp of shape (n,)

    Returns
    -------
    largest : ndarray of shape (n_classes, d)
    """
    return _of_columns(lambda column: np.abs(column).max(), X, y)


def sums_are_exact(X):
    """Tell which columns hold whole numbers, but for a power of 2, that stay whole in sums.

    Parameters
    ----------
    X : ndarray of shape (n, d)

    Returns
    -------
    exact : ndarray of bool of shape (d,)
    """
    units = np.ldexp(X, 20)
    return (units == np.rint(units)).all(axis=0) & (np.abs(units).sum(axis=0) < 2**53)


def odd_numbers(X, X_val):
    """Return a reason to decline rows with such numbers, or None."""
    for rows in (X, X_val):
        if not np.abs(rows).max(initial=0.0) < 1e100:  # false for nan, too
            return "numbers beyond 1e100, or missing ones, are left to scikit-learn"
    return None


def far_from_zero(X):
    """Return a reason to decline rows that lose their digits to an offset, or None."""
    spread = X.max(axis=0) - X.min(axis=0)
    if (np.abs(X).max(axis=0) > 1e7 * spread)[spread > 0].any():
        return "a column is too far from 0, for what it varies, to know how scikit-learn rounds"
    return None


def rounding(X):
    """Return how far scikit-learn rounds decisions, relative to their size, by an offset of X."""
    spread = X.max(axis=0) - X.min(axis=0)
    varies = spread > 0
    offset = np.abs(X).max(axis=0)[varies] / spread[varies]
    return 64 * np.finfo(float).eps * offset.max(initial=1.0)


def too_wide(X):
    """Return a reason to decline rows whose products do not fit into memory, or None."""
    n_rows, d = X.shape
    if n_rows * d * (d + 1) // 2 > 32_000_000:
        return "the products of all pairs of columns would take too much memory"
    return None


def odd_priors(priors, y):
    """Return a reason to decline these priors, or None."""
    if priors is None:
        return None
    priors = np.asarray(priors)
    if priors.shape != (y.max() + 1,) or not (priors > 0).all() or abs(priors.sum() - 1) > 1e-8:
        return "the priors are not one positive number for each class with a sum of 1"
    return None


def _of_columns(function, X, y):
    return np.array([[function(column) for column in X[y == c].T] for c in range(y.max() + 1)])


def _centre(column):
    values, counts = np.unique(column, return_counts=True)
    if counts.max() < 0.05 * len(column):
        return np.sort(column)[len(column) // 2]
    values = values[counts == counts.max()]
    return values[np.abs(values - np.median(column)).argmin()]
