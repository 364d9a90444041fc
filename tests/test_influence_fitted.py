"""InfluenceValuator on models that are fitted already, and on ends of pipelines."""

import warnings

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris, load_wine
from sklearn.exceptions import ConvergenceWarning
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import (
    ElasticNet,
    GammaRegressor,
    HuberRegressor,
    Lasso,
    LinearRegression,
    LogisticRegression,
    PoissonRegressor,
    Ridge,
    SGDClassifier,
    SGDRegressor,
    TweedieRegressor,
)
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler, scale
from sklearn.svm import LinearSVC

from skdvl import InfluenceValuator
from skdvl.influence import last_model

OFF = "not at the optimum"
REGRESSORS = [
    LinearRegression(),
    LinearRegression(positive=True),
    Ridge(),
    Ridge(solver="lsqr"),
    Lasso(alpha=0.1),
    ElasticNet(alpha=0.01),
    HuberRegressor(),
    PoissonRegressor(),
    GammaRegressor(),
    TweedieRegressor(power=1.5),
    TweedieRegressor(power=0),
]
CLASSIFIERS = [
    LogisticRegression(max_iter=5000),
    LogisticRegression(C=np.inf, max_iter=5000),
    LogisticRegression(solver="newton-cg", C=10),
    LogisticRegression(class_weight="balanced", solver="newton-cholesky"),
    LinearSVC(dual=False),
    LinearSVC(dual=False, penalty="l1", random_state=0),
]
LOADERS = [load_iris, load_wine, load_breast_cancer, load_digits]


def told_of(model, X, y, **params):
    """Return what is warned of a fitted model."""
    valuator = InfluenceValuator(model, prefit=True, kind="self_influence", newton=True)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        valuator.fit(X, y, **params)
    return [str(warning.message) for warning in caught if OFF in str(warning.message)]


def fitted(model, X, y, **params):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return clone(model).fit(X, y, **params)


@pytest.mark.parametrize("model", REGRESSORS, ids=repr)
def test_regressors_on_their_own_rows_and_on_others(model):
    X, y = load_diabetes(return_X_y=True)
    weight = np.random.default_rng(0).uniform(0, 3, len(y))
    assert not told_of(fitted(model, X, y), X, y)
    assert not told_of(fitted(model, X, y, sample_weight=weight), X, y, sample_weight=weight)
    assert told_of(fitted(model, X, y, sample_weight=weight**2), X, y)
    some = fitted(model, X[::2], y[::2])
    for rows in (slice(None), slice(1, None, 2)):
        (told,) = told_of(some, X[rows], y[rows])
        assert "other rows" in told and "prefit=False" in told


@pytest.mark.parametrize("model", CLASSIFIERS, ids=repr)
def test_classifiers_on_their_own_rows_and_on_others(model):
    for load in LOADERS[:3] if "solver" in repr(model) or model.C == np.inf else LOADERS:
        X, y = load(return_X_y=True)
        X, y = X[:300], y[:300]
        for scaled in (False, True):
            if model.max_iter == 5000 and not scaled:
                continue  # takes long
            Z = scale(X) if scaled else X
            assert not told_of(fitted(model, Z, y), Z, y), (load, scaled)
        assert told_of(fitted(model, Z[::2], y[::2]), Z[1::2], y[1::2]), load


def test_columns_that_are_not_scaled():
    """What has not converged is told as that."""
    X, y = load_breast_cancer(return_X_y=True)
    assert not told_of(fitted(LogisticRegression(solver="newton-cholesky"), X, y), X, y)
    (told,) = told_of(fitted(LogisticRegression(max_iter=20), X, y), X, y)
    assert "stopped too early, at max_iter=20" in told and "Scale the columns" in told


def test_sparse_rows_and_exact_fits():
    X, _ = load_diabetes(return_X_y=True)
    y = X @ np.arange(10)
    assert not told_of(LinearRegression().fit(X, y), X, y)
    y = np.where(np.arange(len(y)) % 7 == 0, 3.0, y)
    for make in (sparse.csr_array, sparse.csc_matrix):
        model = Ridge(solver="sparse_cg", tol=1e-8).fit(make(X), y)
        assert not told_of(model, make(X), y)
        assert told_of(model, make(X[::-1]), y)


@pytest.mark.parametrize("model", [SGDClassifier("log_loss"), SGDRegressor()], ids=repr)
def test_stochastic_gradients_are_not_judged(model):
    X, y = load_iris(return_X_y=True)
    model.set_params(random_state=0, max_iter=5000).fit(X[50:], y[50:] - 1)
    assert not told_of(model, X[50:], y[50:] - 1)


def test_the_warning_names_the_callers_line():
    X, y = load_diabetes(return_X_y=True)
    model = Ridge().fit(X[:200], y[:200])
    with pytest.warns(UserWarning, match=OFF) as caught:
        InfluenceValuator(model, prefit=True).fit(X[200:], y[200:], X_val=X, y_val=y)
    assert caught[0].filename == __file__


@pytest.mark.parametrize(
    "model",
    [
        LogisticRegression(solver="liblinear", penalty="l1", random_state=0),
        LogisticRegression(C=0.5),
        LinearSVC(penalty="l1", dual=False, C=0.1, random_state=0),
        SGDClassifier("log_loss", penalty="l1", random_state=0),
        SGDRegressor(random_state=0),
    ],
    ids=repr,
)
@pytest.mark.filterwarnings("ignore::FutureWarning")  # of parameters that scikit-learn gives up
@pytest.mark.filterwarnings("ignore:Inconsistent values")
def test_coefficients_in_a_sparse_matrix(model):
    X, y = load_breast_cancer(return_X_y=True)
    X, given = scale(X)[:, :8], {"X_val": scale(X)[:100, :8], "y_val": y[:100]}
    model = model.fit(X, y)
    dense = InfluenceValuator(model, prefit=True, kind="alo").fit(X, y, **given)
    told = InfluenceValuator(clone(model).fit(X, y).sparsify(), prefit=True, kind="alo")
    assert sparse.issparse(told.fit(X, y, **given).estimator_.coef_)
    np.testing.assert_allclose(told.values_, dense.values_, rtol=1e-9, atol=1e-15)
    without = told.predict_without([0, 4], X[:7])
    np.testing.assert_allclose(without, dense.predict_without([0, 4], X[:7]))


def test_a_pipeline_that_ends_frozen():
    """Its transformers are fitted, and the model stays as it is: it has seen all rows."""
    X, y = load_diabetes(return_X_y=True)
    X = X * np.arange(1, 11) + 1
    scaler = StandardScaler().fit(X)
    model = Ridge(3.0).fit(scaler.transform(X), y)
    given = {"X_val": X[:50], "y_val": y[:50]}
    expected = InfluenceValuator(make_pipeline(StandardScaler(), Ridge(3.0)), kind="loo")
    expected = expected.fit(X, y, **given)
    pipeline = make_pipeline(StandardScaler(), FrozenEstimator(model))
    nested = make_pipeline(FrozenEstimator(make_pipeline(scaler, model)))
    fitted_already = clone(pipeline).fit(X, y)
    for valuator in (
        InfluenceValuator(pipeline, kind="loo"),
        InfluenceValuator(nested, kind="loo"),
        InfluenceValuator(fitted_already, kind="loo", prefit=True),
        InfluenceValuator(FrozenEstimator(fitted_already), kind="loo"),
    ):
        told = clone(valuator) if not valuator.prefit else valuator
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            told.fit(X, y, **given)
        np.testing.assert_allclose(told.values_, expected.values_, rtol=1e-9)
        matrices = (v.influence_matrix(X[:5], y[:5])[:] for v in (told, expected))
        np.testing.assert_allclose(*matrices, rtol=1e-9)
        np.testing.assert_allclose(told.predict_without(3), expected.predict_without(3))
        assert last_model(told.estimator_).coef_ is model.coef_
        with pytest.raises(ValueError, match="pass X_val and y_val"):
            told.fit(X, y)
    with pytest.warns(UserWarning, match=OFF):  # the scaler of other rows
        InfluenceValuator(pipeline, kind="loo").fit(X[:80], y[:80], **given)
    labels = LogisticRegression().fit(X[:, :2], y > 100)
    with pytest.raises(ValueError, match="does not know these labels"):
        InfluenceValuator(make_pipeline(StandardScaler(), FrozenEstimator(labels))).fit(
            X, y.astype(int)
        )


@pytest.mark.parametrize("last", ["passthrough", None, "nothing"])
def test_a_pipeline_without_a_model(last):
    X, y = load_diabetes(return_X_y=True)
    steps = [("scale", StandardScaler()), ("model", last)] if last != "nothing" else []
    with pytest.raises(ValueError, match="a model at the end of a pipeline.*It takes.*Ridge"):
        InfluenceValuator(Pipeline(steps)).fit(X, y)


def test_exact_and_approximate_do_not_go_together():
    X, y = load_diabetes(return_X_y=True)
    with pytest.raises(ValueError, match="exact, and solver='nystroem' approximates"):
        InfluenceValuator(Ridge(), kind="loo", solver="nystroem").fit(X, y)


@pytest.mark.parametrize("scales", [[1e5, 0.01, 1, 1, 1], [1e-3, 0.03, 1, 30, 1e3]])
def test_least_squares_that_stop_short_of_their_minimum_are_warned_of(scales):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(180, 5))
    y = X.sum(axis=1) + rng.normal(size=180)
    rows = {"X": X[:120], "y": y[:120], "X_val": X[120:], "y_val": y[120:]}
    valuator = InfluenceValuator(LinearRegression(), kind="loo").fit(**rows)
    uneven = {**rows, "X": rows["X"] * scales, "X_val": rows["X_val"] * scales}
    scaled = InfluenceValuator(make_pipeline(StandardScaler(), LinearRegression()), kind="loo")
    np.testing.assert_allclose(scaled.fit(**uneven).values_, valuator.values_, rtol=1e-6)
    for model in (LinearRegression(), LinearRegression().fit(uneven["X"], uneven["y"])):
        if getattr(model, "tol", None):  # before, scikit-learn kept directions as far as they go
            prefit = hasattr(model, "coef_")
            with pytest.warns(UserWarning, match="short of the minimum.* lower tol=1e-06"):
                InfluenceValuator(model, kind="loo", prefit=prefit).fit(**uneven)
        else:
            told = InfluenceValuator(LinearRegression(), kind="loo").fit(**uneven).values_
            np.testing.assert_allclose(told, valuator.values_, rtol=1e-6)
    sparse_rows = {
        **uneven,
        "X": sparse.csr_matrix(uneven["X"]),
        "X_val": sparse.csr_matrix(uneven["X_val"]),
    }
    with pytest.warns(UserWarning, match="short of the minimum"):
        InfluenceValuator(LinearRegression(), kind="loo").fit(**sparse_rows)


@pytest.mark.parametrize("solver", ["svd", "sparse_cg", "sag"])
def test_least_squares_are_not_warned_of_for_what_a_solver_leaves(solver):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(180, 5))
    y = X.sum(axis=1) + rng.normal(size=180)
    model = Ridge(solver=solver, random_state=0)
    told = InfluenceValuator(model, kind="loo").fit(X[:120], y[:120], X_val=X[120:], y_val=y[120:])
    exact = InfluenceValuator(Ridge(solver="cholesky"), kind="loo")
    exact.fit(X[:120], y[:120], X_val=X[120:], y_val=y[120:])
    difference = np.abs(told.values_ - exact.values_).max() / np.abs(exact.values_).max()
    assert difference < (1e-10 if solver == "svd" else 0.01)
