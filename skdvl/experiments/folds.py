"""Rows to train on and rows to score on, that have nothing to do with each other."""

from typing import NamedTuple

import numpy as np
from sklearn.base import is_classifier
from sklearn.model_selection import check_cv
from sklearn.utils import _safe_indexing, indexable
from sklearn.utils.validation import _num_samples

from ..utilities.pairwise import is_pairwise, take_pairs
from ..valuators.inputs import check_classes, check_target, make_splits, takes_groups
from .orders import fitted_values, is_valuator


class Fold(NamedTuple):
    """Training rows, the values of each method for them, and test rows.

    Attributes
    ----------
    X, y, X_test, y_test : array-like
    groups : ndarray or None
        Groups of the training rows.
    values : dict of str to ndarray
    """

    X: object
    y: np.ndarray
    X_test: object
    y_test: np.ndarray
    groups: object
    values: dict


def check_data(X, y, name_X, name_y):
    """Check rows and labels against each other.

    Returns
    -------
    X : indexable
    y : ndarray
    """
    (X,) = indexable(X)
    y = check_target(y, name_y)
    if _num_samples(X) != len(y):
        raise ValueError(
            f"{name_X} has {_num_samples(X)} rows and {name_y} has {len(y)} entries; they have "
            "inconsistent numbers of samples."
        )
    if not len(y):
        raise ValueError(f"{name_X} has 0 rows.")
    return X, y


def check_test_rows(estimator, X_test, y_test, y):
    """Check test rows against each other, and their labels against those of the training rows.

    Labels that are new may be among them, as they may be in use; but not all.

    Returns
    -------
    X_test : indexable
    y_test : ndarray
    """
    X_test, y_test = check_data(X_test, y_test, "X_test", "y_test")
    if y_test.shape[1:] != y.shape[1:]:
        raise ValueError(f"y_test has shape {y_test.shape} and y has shape {y.shape}.")
    if is_classifier(estimator) and y.ndim == 1 and set(y.tolist()).isdisjoint(y_test.tolist()):
        raise ValueError(
            f"y_test holds none of the labels that y holds: y_test has {str(y_test[0])!r} of "
            f"type {y_test.dtype}, and y has {str(y[0])!r} of type {y.dtype}. Pass labels of the "
            "same kind."
        )
    return X_test, y_test


def make_folds(estimator, given, X, y, X_test, y_test, cv, groups):
    """Return one fold of explicit test rows, or those of a splitter.

    Parameters
    ----------
    estimator : estimator
    given : dict of str to (array-like or valuator)
    X, y, X_test, y_test, cv, groups
        As in `skdvl.experiments.removal_curve`.

    Returns
    -------
    folds : list of Fold
    """
    if (X_test is None) != (y_test is None) or (X_test is None) == (cv is None):
        raise ValueError(
            "Pass X_test and y_test, or cv, and not both: test rows must have had no part in the "
            f"values. Got X_test {'missing' if X_test is None else 'given'}, y_test "
            f"{'missing' if y_test is None else 'given'}, cv={cv!r}."
        )
    if is_classifier(estimator):
        check_classes(y)
    if cv is None:
        X_test, y_test = check_test_rows(estimator, X_test, y_test, y)
        params = {} if groups is None else {"groups": groups}
        values = {name: fitted_values(one, X, y, **params) for name, one in given.items()}
        return [Fold(X, y, X_test, y_test, groups, values)]
    for name, one in given.items():
        if not is_valuator(one):
            raise ValueError(
                f"cv={cv!r} needs a valuator, that values the training rows of each fold anew, and "
                f"{name} is a {type(one).__name__}: values that were made on all rows may know the "
                "held-out ones. Pass a valuator, or X_test and y_test."
            )
    return [
        _cut(estimator, given, X, y, groups, *pair) for pair in _split(estimator, cv, X, y, groups)
    ]


def _split(estimator, cv, X, y, groups):
    splitter = check_cv(cv, y, classifier=is_classifier(estimator))
    params = {"groups": groups} if groups is not None and takes_groups(splitter) else {}
    return make_splits(splitter, X, y, may_validate=False, **params)


def _cut(estimator, given, X, y, groups, train, test):
    """Return a fold of some rows, and value those to train on."""
    groups = None if groups is None else np.asarray(groups)[train]
    params = {} if groups is None else {"groups": groups}
    if is_pairwise(estimator):
        X_train, X_test = take_pairs(X, train, train), take_pairs(X, test, train)
    else:
        X_train, X_test = _safe_indexing(X, train), _safe_indexing(X, test)
    values = {
        name: fitted_values(one, X_train, y[train], anew=True, **params)
        for name, one in given.items()
    }
    return Fold(X_train, y[train], X_test, y[test], groups, values)
