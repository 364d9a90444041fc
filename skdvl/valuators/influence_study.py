"""Fits, and what they tell of their rows, for `InfluenceValuator`."""

from dataclasses import dataclass

import numpy as np
from sklearn import get_config
from sklearn.base import clone
from sklearn.utils.metadata_routing import process_routing
from sklearn.utils.metaestimators import _safe_split
from sklearn.utils.validation import _check_method_params, _check_sample_weight

from ..influence import (
    Effects,
    Target,
    as_design,
    as_target,
    invert,
    joint_effects,
    last_model,
    read,
)


@dataclass(frozen=True)
class Question:
    """What `InfluenceValuator` is asked for, as its parameters say.

    Attributes
    ----------
    kind, solver, group_effect : str
    newton : bool or "auto"
    scoring : str or None
    seed : int
    """

    kind: str
    solver: str
    group_effect: str
    newton: object
    scoring: object
    seed: int

    @property
    def first_order(self):
        """Whether effects on validation rows are taken by their slope."""
        return self.kind not in ("alo", "loo")

    def tell(self, effects, target, player_of_row):
        """Return mean effects of players on a target, and standard errors."""
        # Groups of one row each are groups too: their names may be in another order.
        has_groups = not np.array_equal(player_of_row, np.arange(len(player_of_row)))
        if has_groups and self.group_effect == "joint":
            return joint_effects(effects, target, self.first_order, player_of_row)
        groups = player_of_row if has_groups else None
        return effects.mean_on_losses(target, self.first_order, groups)


def weight_of(estimator, X, params):
    """Return the sample weights that the last step of pipelines was given to fit, or None."""
    while hasattr(estimator, "steps") and params:
        name, step = estimator.steps[-1]
        if get_config()["enable_metadata_routing"]:
            params = process_routing(estimator, "fit", **params)[name].fit
        else:
            start = f"{name}__"
            params = {k[len(start) :]: v for k, v in params.items() if k.startswith(start)}
        estimator = step
    weight = params.get("sample_weight")
    return None if weight is None else _check_sample_weight(weight, X)


def effects_of(estimator, X, y, params, question):
    """Return the `Effects` of the rows that an estimator was fitted on."""
    fit = read(estimator, X, y, weight_of(estimator, X, params))
    inverse = invert(fit, question.solver, question.seed)
    newton = question.newton
    if newton == "auto":
        newton = question.kind != "influence" or inverse.knows_leverages
    return Effects(fit, inverse, newton, question.scoring)


def target_of(estimator, effects, X, y):
    """Return rows whose loss matters, as `Effects` takes them; without labels not fitted on."""
    model = last_model(estimator)
    if hasattr(model, "classes_"):
        known = np.flatnonzero(np.isin(y, model.classes_))
        if len(known) < len(y):
            X, _ = _safe_split(estimator, X, None, known)
            y = y[known]
    return Target.of(effects.fit, as_design(estimator, X), as_target(model, y), effects.scoring)


def study(estimator, is_fitted, X, y, params, X_val, y_val, splits, question, player_of_row):
    """Fit the estimator, unless it is fitted, and value rows, or groups of them.

    Returns
    -------
    estimator : estimator
        Fitted on all rows.
    effects : Effects
        Of its rows.
    values, stderr : ndarray of shape (n_players,)
    counts : ndarray of int of shape (n_players,)
    """
    n_players = player_of_row.max() + 1
    if not is_fitted:
        estimator.fit(X, y, **params)
    effects = effects_of(estimator, X, y, params, question)
    if question.kind == "self_influence":
        own = np.bincount(player_of_row, weights=effects.self_influence, minlength=n_players)
        counts = np.bincount(player_of_row, minlength=n_players)
        return estimator, effects, -own, np.zeros(n_players), counts
    if splits is None:
        target = target_of(estimator, effects, X_val, y_val)
        told = question.tell(effects, target, player_of_row)
        return estimator, effects, *told, np.full(n_players, target.Z.shape[0])
    folds = _of_folds(estimator, X, y, params, splits, question, player_of_row)
    return estimator, effects, *over_folds(folds, n_players)


def _of_folds(estimator, X, y, params, splits, question, player_of_row):
    """Yield players of each fold, their values and errors, and the number of held-out rows."""
    for train, test in splits:
        model = clone(estimator)
        X_train, y_train = _safe_split(model, X, y, train)
        X_test, y_test = _safe_split(model, X, y, test, train)
        own = _check_method_params(X, params, train)
        effects = effects_of(model.fit(X_train, y_train, **own), X_train, y_train, own, question)
        target = target_of(model, effects, X_test, y_test)
        if target.Z.shape[0]:
            players, places = np.unique(player_of_row[train], return_inverse=True)
            told = question.tell(effects, target, places)
            yield players, *told, target.Z.shape[0]


def over_folds(folds, n_players):
    """Return the means over the folds that a player is trained on in; NaN if there is none."""
    total, variance = np.zeros(n_players), np.zeros(n_players)
    counts, n_folds = np.zeros(n_players, dtype=np.int64), np.zeros(n_players)
    for players, mean, stderr, n_held_out in folds:
        total[players] += mean
        variance[players] += stderr**2
        counts[players] += n_held_out
        n_folds[players] += 1
    with np.errstate(invalid="ignore"):
        stderr = np.where(n_folds > 0, np.sqrt(variance) / np.maximum(n_folds, 1), np.inf)
        return total / n_folds, stderr, counts
