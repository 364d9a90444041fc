"""Matrices of pairs: kernels and distances between rows, of which a column is a training row too.

Estimators say by their tag `pairwise` that they take one. As in scikit-learn's cross-validation,
a subset of the training rows is then a subset of the columns, in fitting and in predicting.
"""

import numpy as np
from sklearn.utils import _safe_indexing


def is_pairwise(estimator):
    """Whether an estimator is fitted on a square matrix of pairs of rows.

    Parameters
    ----------
    estimator : estimator

    Returns
    -------
    is_pairwise : bool
    """
    if not hasattr(estimator, "__sklearn_tags__"):
        return False
    return bool(estimator.__sklearn_tags__().input_tags.pairwise)


def check_pairs(estimator, X, X_val=None):
    """Refuse what is no matrix of pairs of training rows, or of validation and training rows.

    Parameters
    ----------
    estimator : estimator
        One that `is_pairwise`.
    X : array, data frame or sparse matrix
    X_val : array, data frame or sparse matrix or None, default=None
    """
    name = type(estimator).__name__
    for given, what in ((X, "X"), (X_val, "X_val")):
        if given is not None and len(getattr(given, "shape", ())) != 2:
            raise ValueError(
                f"{what} is a {type(given).__name__}; {name} takes a kernel or distances between "
                "rows, as an array, a data frame or a sparse matrix of two dimensions."
            )
    n_rows, n_columns = X.shape
    if n_rows != n_columns:
        raise ValueError(
            f"X has {n_rows} rows and {n_columns} columns; {name} takes a kernel or distances "
            "between rows, so X must be square: a column for each row of it."
        )
    if X_val is not None and X_val.shape[1] != n_rows:
        raise ValueError(
            f"X_val has {X_val.shape[1]} columns and X has {n_rows} rows; {name} takes a kernel "
            "or distances between rows, so X_val must have a column for each row of X."
        )


def take_pairs(X, rows, columns):
    """Cut a matrix of pairs to some rows and some columns.

    Parameters
    ----------
    X : array, data frame or sparse matrix
    rows : ndarray of int or None
        None takes all of them.
    columns : ndarray of int

    Returns
    -------
    X : array, data frame or sparse matrix
        A copy.
    """
    if type(X) is np.ndarray:
        return X[:, columns] if rows is None else X[np.ix_(rows, columns)]
    if rows is not None:
        X = _safe_indexing(X, rows)
    return _safe_indexing(X, columns, axis=1)
