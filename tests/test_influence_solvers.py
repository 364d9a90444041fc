"""Solvers of InfluenceValuator agree; sparse rows and pipelines give what dense ones do."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.compose import make_column_transformer
from sklearn.datasets import make_classification
from sklearn.linear_model import (
    HuberRegressor,
    Lasso,
    LinearRegression,
    LogisticRegression,
    PoissonRegressor,
    Ridge,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skdvl import InfluenceValuator

MODELS = [
    Ridge(2.0),
    LogisticRegression(),
    LogisticRegression(solver="liblinear"),
    PoissonRegressor(alpha=0.1),
    HuberRegressor(alpha=0.1, max_iter=1000),
]
KINDS = ["influence", "self_influence", "alo"]


def data(n_classes=2, n=80, p=12):
    X, y = make_classification(
        n + 30, p, n_informative=5, n_classes=n_classes, flip_y=0.2, random_state=2
    )
    return X[:n], y[:n], {"X_val": X[n:], "y_val": y[n:]}


@pytest.mark.parametrize("solver", ["cg", "nystroem"])
@pytest.mark.parametrize("model", MODELS, ids=lambda m: type(m).__name__)
def test_solvers_agree(model, solver):
    """A rank that is no less than the number of coefficients leaves nothing out."""
    for n_classes in (2, 3) if model is MODELS[1] else (2,):
        X, y, given = data(n_classes)
        for kind in KINDS:
            expected = InfluenceValuator(model, kind=kind, solver="cholesky").fit(X, y, **given)
            told = InfluenceValuator(model, kind=kind, solver=solver, newton=True)
            told.fit(X, y, **given)
            # Of "alo", only "cholesky" corrects the mean to second order.
            rtol = 0.2 if kind == "alo" and model is not MODELS[0] else 1e-5
            size = np.abs(expected.values_).max()
            np.testing.assert_allclose(told.values_, expected.values_, atol=rtol * size)
            np.testing.assert_allclose(
                told.loo_predictions_, expected.loo_predictions_, rtol=1e-5, atol=1e-6
            )
            if solver == "nystroem" and kind == "influence":
                np.testing.assert_allclose(told.stderr_, expected.stderr_, rtol=1e-4)


def test_a_low_rank_is_nearly_enough(monkeypatch):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((120, 60)) * 0.8 ** np.arange(60)
    y = (X[:, 0] + rng.standard_normal(120) > 0).astype(int)
    model, given = LogisticRegression(), {"X_val": X[80:], "y_val": y[80:]}
    expected = InfluenceValuator(model).fit(X[:80], y[:80], **given).values_
    monkeypatch.setattr("skdvl.influence.solvers._RANK", 25)
    told = InfluenceValuator(model, solver="nystroem", random_state=0).fit(X[:80], y[:80], **given)
    assert np.corrcoef(told.values_, expected)[0, 1] > 0.999
    assert not np.array_equal(told.values_, expected)


def test_auto_takes_conjugate_gradients_for_many_columns(monkeypatch):
    X, y, given = data()
    monkeypatch.setattr("skdvl.influence.solvers._DIRECT", 5)
    told = InfluenceValuator(Ridge()).fit(X, y, **given)
    assert np.isinf(told.stderr_).all() and not hasattr(told, "self_influence_")
    monkeypatch.undo()
    expected = InfluenceValuator(Ridge(), newton=False).fit(X, y, **given).values_
    np.testing.assert_allclose(told.values_, expected, rtol=1e-7)
    with pytest.raises(ValueError, match="needs an L2 penalty"):
        InfluenceValuator(LinearRegression(), solver="nystroem").fit(X, y, **given)


def test_many_columns_and_sparse_rows():
    rng = np.random.default_rng(0)
    X = sparse.random(300, 5_000, density=0.004, format="csr", rng=rng)
    y = (np.asarray(X[:, :500].sum(axis=1)).ravel() > 0.5).astype(int)
    model = LogisticRegression(C=10, tol=1e-8, max_iter=1000)
    given = {"X_val": X[200:], "y_val": y[200:]}
    valuator = InfluenceValuator(model, newton=False).fit(X[:200], y[:200], **given)
    weight = np.ones(200)
    for i in (3,):  # a finite difference of the fit itself
        near = LogisticRegression(C=10, tol=1e-10, max_iter=5000)
        told = []
        for change in (-0.01, 0.01):
            weight[i] = 1 + change
            p = near.fit(X[:200], y[:200], sample_weight=weight).predict_proba(X[200:])
            told.append(-np.log(p[np.arange(100), y[200:]]).mean())
        weight[i] = 1
        np.testing.assert_allclose(valuator.values_[i], (told[0] - told[1]) / 0.02, rtol=1e-2)


@pytest.mark.parametrize("model", [*MODELS, Lasso(alpha=0.05)], ids=lambda m: type(m).__name__)
@pytest.mark.parametrize("kind", KINDS)
def test_sparse_rows_are_dense_ones(model, kind):
    X, y, given = data()
    X, given["X_val"] = np.where(X > 0.3, X, 0), np.where(given["X_val"] > 0.3, given["X_val"], 0)
    dense = InfluenceValuator(model, kind=kind).fit(X, y, **given)
    given["X_val"] = sparse.csc_array(given["X_val"])
    told = InfluenceValuator(model, kind=kind).fit(sparse.csr_array(X), y, **given)
    size = np.abs(dense.values_).max()
    np.testing.assert_allclose(told.values_, dense.values_, rtol=1e-3, atol=1e-3 * size)
    if kind == "influence":
        matrix = np.asarray(told.influence_matrix(given["X_val"], given["y_val"]))
        np.testing.assert_allclose(matrix.mean(axis=1), told.values_, rtol=1e-6, atol=1e-9 * size)
    np.testing.assert_allclose(
        told.predict_without([1, 2]), dense.predict_without([1, 2]), rtol=1e-2, atol=1e-3
    )


def test_data_frames_behind_transformers():
    X, y, given = data()
    frame = pd.DataFrame(X[:, :3], columns=list("abc")).assign(kind=np.where(X[:, 3] > 0, "u", "v"))
    scaled = make_column_transformer(
        (StandardScaler(), ["a", "b", "c"]), (OneHotEncoder(), ["kind"])
    )
    model = make_pipeline(scaled, LogisticRegression())
    labels = np.array(["no", "yes"])[y]
    told = InfluenceValuator(model, kind="self_influence").fit(frame, labels)
    Z = scaled.fit_transform(frame)
    plain = InfluenceValuator(LogisticRegression(), kind="self_influence").fit(Z, labels)
    np.testing.assert_allclose(told.values_, plain.values_)
    folds = InfluenceValuator(model, kind="alo").fit(frame, labels)
    assert np.isfinite(folds.values_).all()
    assert folds.predict_without(3, frame[:5]).shape == (5, 2)
