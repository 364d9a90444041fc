"""What `InfluenceValuator` cannot be asked, in words."""

import numpy as np

from ..influence import check_exact, check_targets
from .inputs import check_validation


def check_kind(name, model, kind, solver, newton):
    """Refuse parameters that do not go together, or not with a model."""
    if kind == "loo":
        check_exact(name, model)
        if solver == "nystroem":
            raise ValueError(
                "kind='loo' is exact, and solver='nystroem' approximates the Hessian. Use "
                "kind='alo' with it, or another solver."
            )
    if kind != "influence" and not newton:
        raise ValueError(f"kind={kind!r} needs the model without the row: newton=True.")


def check_judges(scoring, kind, y, y_val, splits):
    """Refuse targets that a score is not defined for, before anything is fitted.

    Parameters
    ----------
    scoring : str or None
    kind : str
    y : ndarray of shape (n,)
    y_val : ndarray of shape (n_val,) or None
    splits : list of pairs of ndarray, or None
        Training and held-out rows of every fold.
    """
    if kind == "self_influence":
        check_targets(scoring, y)
    elif splits is None:
        check_targets(scoring, y_val)
    else:
        for _, held_out in splits:
            check_targets(scoring, y[held_out])


def check_test_rows(valuator, X_test, y_test, y, classifier):
    """Check rows to be asked about against the training rows, as validation rows are checked."""
    if X_test is None or y_test is None:
        raise ValueError(
            "influence_matrix needs test rows and their labels or targets; got "
            f"X_test={'None' if X_test is None else '...'}, "
            f"y_test={'None' if y_test is None else '...'}."
        )
    is_table = hasattr(X_test, "iloc") or np.ndim(X_test) == 2 or hasattr(X_test, "nnz")
    if hasattr(valuator, "n_features_in_") and not is_table:
        raise ValueError(
            f"X_test has shape {np.shape(X_test)}; expected rows of {valuator.n_features_in_} "
            "features, of shape (n_test, n_features), also of a single row."
        )
    try:
        return check_validation(valuator, X_test, y_test, y, classifier)
    except ValueError as error:  # which knows them by their names in `fit`
        told = str(error).replace("X_val", "X_test").replace("y_val", "y_test")
        raise ValueError(told) from error


def rows_that_go(rows, n):
    """Return numbers of rows of the training set, each of them once."""
    try:
        told = np.arange(n)[rows]
    except IndexError as error:
        raise ValueError(
            f"rows={rows!r} names rows that the training set does not have; it has {n}."
        ) from error
    if np.ndim(rows) > 1 or np.ndim(told) > 1:
        raise ValueError(
            f"rows must be a row number, or a list, slice or mask of rows; got {rows!r}."
        )
    told = np.atleast_1d(told)
    if len(np.unique(told)) < len(told) or not 0 < len(told) < n:
        raise ValueError("rows must name each row that goes once, and leave some.")
    return told
