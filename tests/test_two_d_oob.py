"""TwoDOOBValuator: the definition cell by cell, and the cells that were spoilt."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.ensemble import BaggingClassifier, BaggingRegressor, RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import Ridge
from sklearn.metrics import roc_auc_score
from sklearn.naive_bayes import GaussianNB
from sklearn.preprocessing import StandardScaler

from skdvl import DataOOBValuator, DataPruner, TwoDOOBValuator
from skdvl.valuators import scores

ENSEMBLES = [
    BaggingClassifier(n_estimators=30, max_features=0.5, random_state=0),
    BaggingClassifier(GaussianNB(), 70, max_features=3, bootstrap_features=True, random_state=0),
    BaggingRegressor(n_estimators=30, max_features=0.3, max_samples=0.5, random_state=0),
    BaggingRegressor(Ridge(), n_estimators=20, max_features=2, random_state=0),
]


def by_definition(ensemble, X, y):
    """Means, standard errors and counts, from lists of the scores behind each cell."""
    told = [[[] for _ in row] for row in X]
    parts = zip(
        ensemble.estimators_, ensemble.estimators_samples_, ensemble.estimators_features_,
        strict=True,
    )  # fmt: skip
    for member, seen, own in parts:
        unseen = sorted(set(range(len(y))) - set(seen.tolist()))
        for row, said in zip(unseen, member.predict(X[unseen][:, own]), strict=True):
            if hasattr(ensemble, "classes_"):
                score = float(ensemble.classes_[int(said)] == y[row])
            else:
                score = -((said - y[row]) ** 2)
            for column in set(own.tolist()):
                told[row][column].append(score)
    counts = np.array([[len(cell) for cell in row] for row in told])
    mean = np.array([[np.mean(cell) if cell else np.nan for cell in row] for row in told])
    left = np.array([[np.var(cell) * len(cell) if cell else 0.0 for cell in row] for row in told])
    borrowed = left.sum() / np.maximum(counts - 1, 0).sum()  # one pseudo-observation of each
    with np.errstate(divide="ignore", invalid="ignore"):
        error = np.where(counts > 1, np.sqrt((left + borrowed) / counts / counts), np.inf)
    return mean, error, counts


@pytest.mark.parametrize("models", [7, 64])
@pytest.mark.parametrize("ensemble", ENSEMBLES, ids=lambda e: str(e)[:50])
def test_cells_are_those_of_the_definition(ensemble, models, monkeypatch):
    monkeypatch.setattr(scores, "_MODELS", models)
    load, step = (load_iris, 4) if hasattr(ensemble, "predict_proba") else (load_diabetes, 9)
    X, y = load(return_X_y=True)
    X, y = X[::step], y[::step]
    fitted = clone(ensemble).fit(X, y)
    valuator = TwoDOOBValuator(fitted, prefit=True).fit(X, y)
    mean, error, counts = by_definition(fitted, X, y)
    np.testing.assert_array_equal(valuator.cell_counts_, counts)
    np.testing.assert_allclose(valuator.cell_values_, mean)
    np.testing.assert_allclose(valuator.cell_stderr_, error, rtol=1e-6, atol=1e-7)
    rows = DataOOBValuator(FrozenEstimator(fitted)).fit(X, y)
    for name in ("values_", "stderr_", "counts_"):
        np.testing.assert_allclose(getattr(valuator, name), getattr(rows, name))
    if models == 64:
        again = TwoDOOBValuator(ensemble, n_jobs=2).fit(pd.DataFrame(X), y)
        np.testing.assert_array_equal(again.cell_values_, valuator.cell_values_)


def test_spoilt_cells_are_found():
    X, y = load_breast_cancer(return_X_y=True)
    rng = np.random.default_rng(0)
    columns = np.flatnonzero(np.abs(np.corrcoef(X.T, y)[-1, :-1]) > 0.7)
    X, spoilt = X[:, columns], rng.random((len(y), len(columns))) < 0.03
    X = StandardScaler().fit_transform(X)
    others = np.array([rng.choice(np.flatnonzero(y != label)) for label in y])
    X[spoilt] = X[others][spoilt]
    ensemble = BaggingClassifier(n_estimators=200, max_features=0.25)
    valuator = TwoDOOBValuator(ensemble, random_state=0).fit(X, y)
    hurt = (spoilt.sum(axis=1) == 1) & (valuator.values_ < 0.9)
    assert hurt.sum() > 20
    relative = (valuator.cell_values_ - valuator.values_[:, None])[hurt]
    assert roc_auc_score(spoilt[hurt].ravel(), -relative.ravel()) > 0.85
    assert (relative.argmin(axis=1) == spoilt[hurt].argmax(axis=1)).mean() > 0.6


def test_default_for_targets_and_pruner():
    X, y = load_diabetes(return_X_y=True)
    valuator = TwoDOOBValuator(random_state=0).fit(X, y, groups=np.arange(442) % 5)
    assert type(valuator.estimator_) is BaggingRegressor and valuator.task_ == "regression"
    assert valuator.cell_values_.shape == X.shape and valuator.group_values_.shape == (5,)
    pruner = DataPruner(TwoDOOBValuator(ENSEMBLES[2]), quantile=0.1).fit(X, y)
    assert pruner.n_dropped_ == 44


def test_refusals_and_warnings():
    X, y = load_iris(return_X_y=True)
    with pytest.raises(ValueError, match=r"Use BaggingClassifier\(max_features=0.5\)"):
        TwoDOOBValuator(RandomForestClassifier()).fit(X, y)
    with pytest.warns(UserWarning, match="uses all 4 columns"):
        TwoDOOBValuator(BaggingClassifier(n_estimators=40, random_state=0)).fit(X, y)
    with pytest.raises(ValueError, match="takes a forest or a bagging"):
        TwoDOOBValuator(GaussianNB()).fit(X, y)
