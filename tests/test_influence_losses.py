"""Losses of linear predictors: derivatives by finite differences, and optima of scikit-learn."""

from functools import partial

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import is_classifier
from sklearn.datasets import make_classification
from sklearn.linear_model import (
    GammaRegressor,
    HuberRegressor,
    LinearRegression,
    LogisticRegression,
    PoissonRegressor,
    Ridge,
    TweedieRegressor,
)
from sklearn.metrics import log_loss, mean_squared_error, mean_tweedie_deviance
from sklearn.svm import LinearSVC

from skdvl.influence import label_losses as labels
from skdvl.influence import read
from skdvl.influence import target_losses as targets
from skdvl.influence.inverse import direct, hessian

LABELS = [
    labels.Logistic(),
    labels.SquaredHinge(),
    labels.ModifiedHuber(),
    labels.OfSigns(targets.Huber(0.7)),
    labels.Softmax(3),
    labels.OneVsRest(labels.Logistic(), np.arange(1, 4)),
]
TARGETS = [
    targets.SquaredError(),
    targets.Huber(0.7),
    targets.SquaredInsensitive(0.3),
    targets.ScaledHuber(1.2),
]
TWEEDIE = [
    targets.Tweedie(power, log)
    for power, log in ((0, True), (1, True), (1.5, True), (2, True), (3, True), (-1, False))
] + [targets.Tweedie(1.5, False), targets.Tweedie(2, False)]
LOSSES = [*TARGETS, *LABELS, *TWEEDIE]


def name(part):
    return type(part).__name__


def rows_for(loss, n=30, seed=0):
    rng = np.random.default_rng(seed)
    eta = rng.standard_normal((n, loss.n_outputs)) * 1.5
    if loss in LABELS:
        return rng.integers(max(loss.n_outputs, 2), size=n), eta
    if loss in TWEEDIE:
        return rng.uniform(0.2, 3, n), eta if loss.log else np.abs(eta) + 0.5
    if isinstance(loss, targets.ScaledHuber):
        eta[:, 1] = np.abs(eta[:, 1]) + 0.5
    return rng.standard_normal(n), eta


@pytest.mark.parametrize("loss", LOSSES, ids=name)
def test_derivatives_are_finite_differences(loss):
    y, eta = rows_for(loss)
    step = 1e-6
    for a in range(loss.n_outputs):
        aside = step * np.eye(loss.n_outputs)[a]
        slope = (loss.value(y, eta + aside) - loss.value(y, eta - aside)) / (2 * step)
        np.testing.assert_allclose(loss.gradient(y, eta)[:, a], slope, rtol=1e-6, atol=1e-8)
        bend = (loss.gradient(y, eta + aside) - loss.gradient(y, eta - aside)) / (2 * step)
        np.testing.assert_allclose(loss.hessian(y, eta)[:, a], bend, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("loss", LOSSES, ids=name)
def test_turns_are_finite_differences_away_from_jumps(loss):
    y, eta = rows_for(loss, n=400)
    way, step = np.random.default_rng(1).standard_normal(eta.shape), 1e-5
    ahead, behind = (loss.hessian(y, eta + sign * step * way) for sign in (1, -1))
    expected = (ahead - behind) / (2 * step)
    told = loss.turn(y, eta, way)
    if loss.steady:
        assert (expected == 0).mean() > 0.95
        expected = np.zeros_like(expected)
    np.testing.assert_allclose(told, expected, rtol=1e-3, atol=1e-3 * (1 - loss.steady))


def test_units_are_those_of_the_metrics():
    metrics = [(TARGETS[0], mean_squared_error), (LABELS[0], log_loss)]
    metrics += [
        (loss, partial(mean_tweedie_deviance, power=loss.power)) for loss in TWEEDIE if loss.log
    ]
    for loss, metric in metrics:
        y, eta = rows_for(loss)
        expected = metric(y, loss.predict(eta))
        np.testing.assert_allclose(loss.unit * loss.value(y, eta).mean(), expected)


TIGHT = {"tol": 1e-10, "max_iter": 20_000}
FITTED = [
    LinearRegression(),
    Ridge(3.0),
    Ridge(3.0, fit_intercept=False),
    LogisticRegression(**TIGHT),
    LogisticRegression(C=0.1, class_weight={0: 3.0}, fit_intercept=False, **TIGHT),
    LogisticRegression(class_weight="balanced", solver="newton-cholesky", **TIGHT),
    LogisticRegression(solver="liblinear", intercept_scaling=2.5, **TIGHT),
    LogisticRegression(C=np.inf, **TIGHT),
    PoissonRegressor(alpha=0.1, **TIGHT),
    GammaRegressor(alpha=0.01, **TIGHT),
    TweedieRegressor(power=1.5, **TIGHT),
    TweedieRegressor(power=3, alpha=0.2, fit_intercept=False, **TIGHT),
    TweedieRegressor(power=0, link="log", **TIGHT),
    TweedieRegressor(power=0, **TIGHT),
    HuberRegressor(alpha=0.5, **TIGHT),
    HuberRegressor(epsilon=2, fit_intercept=False, **TIGHT),
    LinearSVC(C=0.3, intercept_scaling=2, dual=False, class_weight={0: 2.0}, **TIGHT),
    LinearSVC(fit_intercept=False, dual=False, **TIGHT),
]


def task(model, n_classes=2):
    X, y = make_classification(
        150,
        6,
        n_informative=4,
        n_redundant=0,
        n_classes=n_classes,
        weights=[0.6, 0.3][: n_classes - 1],
        flip_y=0.2,
        random_state=1,
    )
    if not is_classifier(model):
        y = X @ np.arange(6) + np.random.default_rng(0).standard_normal(150)
        if not isinstance(model, (LinearRegression, Ridge, HuberRegressor)):
            y = np.exp(y / 10)
    return X + 1.5, y, np.random.default_rng(2).uniform(0.2, 3, 150)


def prediction(model, X):
    for name in ("predict_proba", "decision_function", "predict"):
        if hasattr(model, name):
            return getattr(model, name)(X)


def check_optimum(model, X, y, weight, tolerance=1e-4):
    """Check that derivatives of what we say that it minimises are 0, beside those of a row."""
    fit = read(model.fit(X, y, sample_weight=weight), X, y, weight)
    everything = slice(None)
    single = (
        np.abs(fit.rows(everything).T).max()
        * np.abs(fit.slopes(slice(None), fit.rows(everything))).max()
    )
    assert np.abs(fit.gradient()).max() < tolerance * single
    np.testing.assert_allclose(
        fit.loss.predict(fit.rows(everything) @ fit.coef),
        prediction(model, X),
        atol=1e-10,
    )
    return fit


@pytest.mark.filterwarnings("ignore")  # of parameters that scikit-learn gives up
@pytest.mark.parametrize("model", FITTED, ids=repr)
def test_scikit_learn_is_at_the_optimum(model):
    X, y, weight = task(model)
    loose = isinstance(model, HuberRegressor)  # which stops early, whatever its tolerance
    fit = check_optimum(model, X, y, weight, 1e-3 if loose else 1e-4)
    again = read(
        model.fit(sparse.csr_matrix(X), y, sample_weight=weight), sparse.csr_matrix(X), y, weight
    )
    np.testing.assert_allclose(again.X.toarray(), fit.X)


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("class_weight", [None, "balanced", {0: 2.0, 2: 0.5}])
def test_several_classes_are_at_the_optimum(fit_intercept, class_weight):
    options = {"fit_intercept": fit_intercept, "class_weight": class_weight, **TIGHT}
    for model in (LogisticRegression(**options), LinearSVC(dual=False, **options)):
        check_optimum(model, *task(model, 3))


@pytest.mark.parametrize("model", [LogisticRegression(), LogisticRegression(C=np.inf)], ids=repr)
@pytest.mark.filterwarnings("ignore")
def test_the_inverse_of_the_hessian(model):
    X, y, _ = task(model, 3)
    fit = read(model.fit(X, y), X, y)
    matrix, inverse = hessian(fit), direct(fit)
    told = np.linalg.inv(matrix)  # which has curvature where all classes rise alike
    P, m = fit.coef.shape
    np.testing.assert_allclose(
        inverse.solve(np.eye(P * m).reshape(P, m, -1)).reshape(P * m, -1),
        told,
        rtol=1e-5,
        atol=1e-7 * np.abs(told).max(),
    )
    Z = fit.rows(slice(7))
    expected = np.einsum("ip,paqb,iq->iab", Z, told.reshape(P, m, P, m), Z)
    np.testing.assert_allclose(
        inverse.leverages(Z), expected, rtol=1e-4, atol=1e-6 * np.abs(expected).max()
    )
