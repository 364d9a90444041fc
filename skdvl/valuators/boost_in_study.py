"""Fits, and what their trees tell of the rows, for `BoostInValuator`."""

import numpy as np
from sklearn.base import clone
from sklearn.utils.metaestimators import _safe_split
from sklearn.utils.validation import _check_method_params

from ..boosting import Rows, effects_of_rows, effects_on_rows, read
from ..influence import last_step
from .influence_study import over_folds, weight_of


def study(estimator, is_fitted, X, y, params, X_val, y_val, splits, kind, player_of_row):
    """Fit the booster, unless it is fitted, and value rows, or groups of them.

    Returns
    -------
    estimator : estimator
        Fitted on all rows.
    values, stderr : ndarray of shape (n_players,)
    counts : ndarray of int of shape (n_players,)
    """
    n_players = player_of_row.max() + 1
    if not is_fitted:
        estimator.fit(X, y, **params)
    if splits is not None:
        folds = _of_folds(estimator, X, y, params, splits, kind, player_of_row)
        return estimator, *over_folds(folds, n_players)
    if kind == "self_influence":
        values = -_effects(estimator, X, y, params, kind)
        counts = np.bincount(player_of_row, minlength=n_players)
    else:
        values, n_val = _on_others(estimator, X, y, params, kind, X_val, y_val)
        counts = np.full(n_players, n_val)
    return estimator, *_of_players(values, player_of_row), counts


def _of_folds(estimator, X, y, params, splits, kind, player_of_row):
    """Yield players of each fold, their values and errors, and the number of held-out rows."""
    for train, test in splits:
        model = clone(estimator)
        X_train, y_train = _safe_split(model, X, y, train)
        X_test, y_test = _safe_split(model, X, y, test, train)
        own = _check_method_params(X, params, train)
        model.fit(X_train, y_train, **own)
        values, n_test = _on_others(model, X_train, y_train, own, kind, X_test, y_test)
        if n_test:
            players, places = np.unique(player_of_row[train], return_inverse=True)
            total, stderr = _of_players(values, places)
            known = ~np.isnan(total)
            yield players[known], total[known], stderr[known], n_test


def _of_players(values, player_of_row):
    """Return sums over rows that have been trained on, and what is known of their errors."""
    n_players = player_of_row.max() + 1
    known = ~np.isnan(values)
    players = player_of_row[known]
    total = np.bincount(players, weights=values[known], minlength=n_players)
    total[np.bincount(players, minlength=n_players) == 0] = np.nan
    return total, np.full(n_players, np.inf)


def _on_others(estimator, X, y, params, kind, X_val, y_val):
    """Return effects on validation rows, without labels not fitted on, and their number."""
    model = last_step(estimator)
    if hasattr(model, "classes_"):
        known = np.flatnonzero(np.isin(y_val, model.classes_))
        if len(known) < len(y_val):
            X_val, _ = _safe_split(estimator, X_val, None, known)
            y_val = y_val[known]
    if not len(y_val):
        return np.zeros(len(y)), 0
    return _effects(estimator, X, y, params, kind, (X_val, y_val)), len(y_val)


def _effects(estimator, X, y, params, kind, others=None):
    """Return what the going of each row adds to the loss of others, or to its own.

    NaN for rows that were held out to stop early.
    """
    model = last_step(estimator)
    booster, see = read(model), _seen_by(estimator)
    weight = booster.weight(y, weight_of(estimator, X, params))
    rows = booster.trained_on(y, len(y))
    told = np.full(len(y), np.nan)
    X_trained = X if len(rows) == len(y) else _safe_split(estimator, X, None, rows)[0]
    trained = Rows.of(booster, see(X_trained), y[rows], None if weight is None else weight[rows])
    if others is None:
        told[rows] = effects_of_rows(booster, trained)
    else:
        asked = Rows.of(booster, see(others[0]), others[1])
        told[rows] = effects_on_rows(booster, trained, asked, kind == "influence")
    return told


def _seen_by(estimator):
    """Return the function that takes X to what the last step of pipelines sees."""
    steps = []
    while hasattr(estimator, "steps"):
        if len(estimator.steps) > 1:
            steps.append(estimator[:-1])
        estimator = estimator.steps[-1][1]

    def see(X):
        for step in steps:
            X = step.transform(X)
        return X

    return see
