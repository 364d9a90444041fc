"""InfluenceValuator on other linear models: each beside its own refits."""

import numpy as np
import pytest
from sklearn.base import clone, is_classifier
from sklearn.datasets import make_classification
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
from sklearn.metrics import log_loss
from sklearn.svm import SVC, LinearSVC

from skdvl import InfluenceValuator
from skdvl.influence import read

TIGHT = {"tol": 1e-9, "max_iter": 5000}
MODELS = [
    PoissonRegressor(alpha=0.2, solver="newton-cholesky", **TIGHT),
    GammaRegressor(alpha=0.05, solver="newton-cholesky", **TIGHT),
    TweedieRegressor(power=1.5, alpha=0.5, fit_intercept=False, solver="newton-cholesky", **TIGHT),
    HuberRegressor(**TIGHT),
    LinearSVC(C=0.1, dual=False, **TIGHT),
]


def data(model, n=150, n_val=100):
    n_classes = 3 if is_classifier(model) else 2
    X, y = make_classification(
        n + n_val, 4, n_informative=4, n_redundant=0, n_classes=n_classes, flip_y=0.3,
        n_clusters_per_class=1, random_state=5,
    )  # fmt: skip
    rng = np.random.default_rng(0)
    if isinstance(model, HuberRegressor):
        y = X @ [1, 2, 3, 4] + rng.standard_t(2, n + n_val)
    elif not is_classifier(model):
        y = np.exp(X @ [0.3, -0.2, 0.1, 0.2] + 0.3 * rng.standard_normal(n + n_val))
    return X[:n], y[:n], X[n:], y[n:], rng.uniform(0.5, 1.5, n)


@pytest.mark.parametrize("model", MODELS, ids=lambda m: type(m).__name__)
def test_alo_is_nearly_leave_one_out(model):
    X, y, X_val, y_val, weight = data(model)
    valuator = InfluenceValuator(model, kind="alo")
    valuator.fit(X, y, X_val=X_val, y_val=y_val, sample_weight=weight)
    loss = valuator._effects.fit.loss.plain()

    def look(rows):
        near = clone(model).fit(X[rows], y[rows], sample_weight=weight[rows])
        fit = read(near, X[rows], y[rows], weight[rows])
        value = loss.unit * loss.value(y_val, fit.of_model(X_val) @ fit.coef).mean()
        return value, near

    everything, values, own = np.arange(len(y)), [], []
    base, _ = look(everything)
    some = everything[::4]
    for i in some:
        value, near = look(np.delete(everything, i))
        values.append(value - base)
        told = near.decision_function if is_classifier(model) else near.predict
        own.append(told(X[[i]])[0])
    assert np.corrcoef(valuator.values_[some], values)[0, 1] > 0.995
    own = np.ravel(own)
    assert np.abs(valuator.loo_predictions_[some].ravel() - own).mean() < 1e-3 * own.std()


def test_rows_at_a_margin_do_not_mislead():
    """The second derivative of a squared hinge jumps there; of that no slope is taken."""
    rng = np.random.default_rng(214)
    X = rng.normal(size=(110, 4)) + 1
    y = (X @ rng.normal(size=(4, 3)) + rng.gumbel(size=(110, 3))).argmax(axis=1)
    X, X_val, y, y_val = X[:80], X[80:], y[:80], y[80:]
    model = LinearSVC(C=0.05, penalty="l1", dual=False, **TIGHT)
    full = clone(model).fit(X, y)
    margins = full.decision_function(X) * np.where(y[:, None] == np.arange(3), 1, -1)

    def score(svc):
        told = svc.decision_function(X_val) * np.where(y_val[:, None] == np.arange(3), 1, -1)
        return (np.maximum(1 - told, 0) ** 2).sum(axis=1).mean()

    refits = [clone(model).fit(np.delete(X, i, axis=0), np.delete(y, i)) for i in range(80)]
    expected = np.array([score(near) for near in refits]) - score(full)
    told = InfluenceValuator(model, kind="alo").fit(X, y, X_val=X_val, y_val=y_val).values_
    assert np.abs(margins - 1).min() < 1e-4
    assert np.corrcoef(told, expected)[0, 1] > 0.9
    assert 0.9 < told @ expected / (expected @ expected) < 1.1


def at_optimum_of(stochastic, exact, X, y):
    """Check that a model fitted by stochastic gradients minimises what another one does."""
    stochastic.fit(X, y)
    stochastic.coef_, stochastic.intercept_ = np.atleast_2d(exact.coef_), exact.intercept_
    if not is_classifier(stochastic):
        stochastic.coef_ = stochastic.coef_[0]
    fit = read(stochastic, X, y)
    Z = fit.rows(slice(None))
    assert (
        np.abs(fit.gradient()).max()
        < 1e-5 * np.abs(Z.T @ fit.slopes(slice(None), Z) - fit.slope).max()
    )


def test_stochastic_gradients_minimise_what_others_do():
    X, y, *_ = data(LinearSVC())
    n, labels = len(y), (y > 0).astype(int)
    options = {"alpha": 0.01, "random_state": 0}
    ridge = Ridge(alpha=n * 0.01).fit(X, labels)
    at_optimum_of(SGDRegressor(**options), ridge, X, labels)
    signs = Ridge(alpha=n * 0.01).fit(X, 2 * labels - 1)
    at_optimum_of(SGDClassifier("squared_error", **options), signs, X, labels)
    weights = {0: 2.0, 1: 0.5}
    logistic = LogisticRegression(C=1 / (n * 0.01), class_weight=weights, tol=1e-9).fit(X, labels)
    sgd = SGDClassifier("log_loss", class_weight=weights, **options)
    at_optimum_of(sgd, logistic, X, labels)
    flat = {"fit_intercept": False, "class_weight": {0: 2.0, 2: 0.5}}
    svc = LinearSVC(C=1 / (n * 0.01), dual=False, **TIGHT, **flat).fit(X, y)
    at_optimum_of(SGDClassifier("squared_hinge", **options, **flat), svc, X, y)


def test_the_penalty_of_a_mean_keeps_its_weight():
    """Without a row, the penalty of a mean weighs as much as before; that of its sum does not."""
    X, y, X_val, y_val, _ = data(PoissonRegressor())
    model = TweedieRegressor(power=0, alpha=2.0, **TIGHT)  # least squares with a penalty
    valuator = InfluenceValuator(model, kind="alo").fit(X, y, X_val=X_val, y_val=y_val)
    base = ((clone(model).fit(X, y).predict(X_val) - y_val) ** 2).mean()
    for i in range(5):
        near = clone(model).fit(np.delete(X, i, axis=0), np.delete(y, i))
        change = ((near.predict(X_val) - y_val) ** 2).mean() - base
        np.testing.assert_allclose(valuator.values_[i], change, rtol=1e-5)


def test_refusals():
    X, y = make_classification(random_state=0)
    for model, told in (
        (LinearSVC(loss="hinge"), "squared_hinge"),
        (SGDClassifier(), "log_loss"),
        (SGDRegressor("epsilon_insensitive"), "huber"),
        (SVC(), "SGDRegressor.*ShapleyValuator"),
    ):
        with pytest.raises(ValueError, match=told):
            InfluenceValuator(model).fit(X, y)


@pytest.mark.parametrize(
    ("model", "lowest"),
    [(GammaRegressor(), 0), (PoissonRegressor(), -1), (TweedieRegressor(power=1.5), -0.5)],
    ids=repr,
)
def test_targets_without_a_deviance_are_refused(model, lowest):
    X, y, X_val, y_val, _ = data(model)
    valuator, wrong = InfluenceValuator(model, kind="alo"), np.r_[lowest, y_val[1:]]
    with pytest.raises(ValueError, match=f"hold {float(lowest)}; the deviance"):
        valuator.fit(X, y, X_val=X_val, y_val=wrong)
    assert not hasattr(valuator, "values_")
    with pytest.raises(ValueError, match=f"hold {float(lowest)}; the deviance"):
        valuator.fit(X, y).influence_matrix(X_val, wrong)


@pytest.mark.filterwarnings("ignore")  # of parameters that scikit-learn gives up
@pytest.mark.parametrize(
    "model",
    [
        LinearSVC(penalty="l1", dual=False, intercept_scaling=2.0, **TIGHT),
        LogisticRegression(
            penalty="l1", solver="liblinear", intercept_scaling=2.0, random_state=0, **TIGHT
        ),
    ],
    ids=["svc", "logistic"],
)
def test_liblinear_pulls_intercepts_by_their_length(model):
    X, y = make_classification(80, 4, weights=[0.8], flip_y=0.2, random_state=0)
    fit = read(model.set_params(C=2.0).fit(X, y), X, y)
    assert fit.coef[-1] != 0 and np.abs(fit.gradient()).max() < 1e-3 * model.C**-1
    model.set_params(C=1e-5)
    valuator = InfluenceValuator(model, kind="alo").fit(X, y, X_val=X, y_val=y)
    assert not model.fit(np.delete(X, 0, axis=0), y[1:]).intercept_.any()
    np.testing.assert_array_equal(valuator.values_, 0)


def test_classes_are_counted_as_stochastic_gradients_count_them():
    """They take a balance of rows, not of their weights."""
    X, y = make_classification(80, weights=[0.8], random_state=0)
    weight = np.where(y == 1, 3.0, 1.0)
    model = SGDClassifier("log_loss", class_weight="balanced", random_state=0)
    fit = read(model.fit(X, y, sample_weight=weight), X, y, weight)
    np.testing.assert_allclose(fit.weight, weight * len(y) / 2 / np.bincount(y)[y])


@pytest.mark.parametrize("model", [SGDClassifier("log_loss"), SGDRegressor()], ids=repr)
def test_stochastic_gradients_without_a_penalty(model):
    X, y = make_classification(80, random_state=0)
    model = model.set_params(penalty=None, random_state=0).fit(X, y)
    fit = read(model.set_params(l1_ratio=None), X, y)  # as newer versions take it
    assert (fit.ridge == 0).all() and (fit.slope == 0).all()


@pytest.mark.parametrize("kind", ["influence", "alo"])
@pytest.mark.parametrize("solver", ["cholesky", "cg"])
def test_a_model_of_zeros_is_moved_by_no_row(kind, solver):
    X, y = make_classification(80, random_state=0)
    model = Lasso(alpha=100, fit_intercept=False)
    valuator = InfluenceValuator(model, kind=kind, solver=solver).fit(X, y, X_val=X, y_val=y)
    np.testing.assert_array_equal(valuator.values_, 0)


SPARSE_MODELS = [
    Lasso(alpha=0.3, tol=1e-12),
    ElasticNet(alpha=0.5, l1_ratio=0.6, fit_intercept=False, tol=1e-12),
    Lasso(alpha=0.2, positive=True, tol=1e-12),
    LinearRegression(positive=True),
]


@pytest.mark.parametrize("model", SPARSE_MODELS, ids=repr)
def test_the_active_set(model):
    rng = np.random.default_rng(0)
    X, weight = rng.standard_normal((90, 8)) + 1, np.ones(60)
    y = X @ [3, -2, 1, 0, 0, 0, 0, 0] + rng.standard_normal(90)
    X, X_val, y, y_val = X[:60], X[60:], y[:60], y[60:]
    valuator = InfluenceValuator(model, kind="alo")
    valuator.fit(X, y, X_val=X_val, y_val=y_val, sample_weight=weight)
    full = clone(model).fit(X, y)
    base, exact = ((full.predict(X_val) - y_val) ** 2).mean(), 0
    assert 0 < (full.coef_ == 0).sum() < 8
    for i in range(60):
        near = clone(model).fit(np.delete(X, i, axis=0), np.delete(y, i))
        if ((near.coef_ == 0) == (full.coef_ == 0)).all():
            change = ((near.predict(X_val) - y_val) ** 2).mean() - base
            np.testing.assert_allclose(valuator.values_[i], change, rtol=1e-5, atol=1e-8)
            exact += 1
    assert exact > 30


@pytest.mark.filterwarnings("ignore")  # of parameters that scikit-learn gives up
@pytest.mark.parametrize("n_classes", [2, 3])
def test_elastic_net_logistic(n_classes):
    X, y = make_classification(
        260, 8, n_informative=3, n_redundant=0, n_classes=n_classes, n_clusters_per_class=1,
        flip_y=0.2, random_state=0,
    )  # fmt: skip
    X, X_val, y, y_val = X[:160], X[160:], y[:160], y[160:]
    model = LogisticRegression(
        penalty="elasticnet", l1_ratio=0.7, C=0.1, solver="saga", tol=1e-8, max_iter=20_000
    )
    valuator = InfluenceValuator(model, kind="alo").fit(X, y, X_val=X_val, y_val=y_val)
    full, values, told = clone(model).fit(X, y), [], []
    base = log_loss(y_val, full.predict_proba(X_val))
    assert (full.coef_ == 0).any()
    for i in range(0, 160, 2):
        near = clone(model).fit(np.delete(X, i, axis=0), np.delete(y, i))
        if ((near.coef_ == 0) == (full.coef_ == 0)).all():
            values.append(log_loss(y_val, near.predict_proba(X_val)) - base)
            told.append(valuator.values_[i])
    assert len(values) > 15 and np.corrcoef(values, told)[0, 1] > 0.999
