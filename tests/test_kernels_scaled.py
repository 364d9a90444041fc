"""Logistic regression behind a scaler: each coalition has a scaler of its own rows."""

import numpy as np
import pytest
from refits import ODD, coalitions, compare_decisions, data_sets
from sklearn.datasets import load_breast_cancer
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from skdvl import ShapleyValuator
from skdvl.stopping import MaxEvaluations
from skdvl.testing import check_kernel
from skdvl.utilities.kernels.logistic import ScaledLogisticRegressionKernel

SETS = data_sets()


def scaled(*args, **kwargs):
    return make_pipeline(StandardScaler(), LogisticRegression(*args, **kwargs))


def check(estimator, data, size=24, seed=0):
    return compare_decisions(ScaledLogisticRegressionKernel, estimator, data, size, seed)


@pytest.mark.parametrize("name", [*ODD, "breast_cancer", "wine", "wide", "sparse"])
def test_refits_say_the_same(name):
    assert check(scaled(), SETS[name]) > 0.9


@pytest.mark.parametrize("params", [{"C": 0.01}, {"fit_intercept": False}, {"tol": 1e-2}], ids=str)
@pytest.mark.parametrize("name", ["breast_cancer", "iris", "rare class"])
def test_parameters(params, name):
    assert check(scaled(**params), SETS[name]) > 0.9


def test_columns_that_hardly_vary():
    """In a coalition, a column may be constant, or differ by rounding only."""
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((60, 4)), rng.integers(0, 2, 60)
    X[:, 1] = 0.1 + (np.arange(60) < 5)  # one value in most small coalitions
    X[:, 2] = np.where(np.arange(60) < 30, 0.3, 0.1 + 0.2)  # two, that differ in the last digit
    X[:, 3] = np.where(np.arange(60) < 5, 1.0, 1e-14 * X[:, 3])
    data = X[:50], y[:50], X[50:]
    kernel = ScaledLogisticRegressionKernel(scaled(), *data)
    masks = coalitions(50, 60, np.random.default_rng(1))
    is_sure = kernel(masks).is_sure
    mixed = masks[:, :30].any(axis=1) & masks[:, 30:].any(axis=1)
    assert not is_sure[mixed].any()
    check(scaled(), data, 60, seed=1)
    assert check(scaled(), (X[:50, :2], y[:50], X[50:, :2]), 60, seed=1) > 0.9


def test_contract():
    X, y = load_breast_cancer(return_X_y=True)
    kind = ScaledLogisticRegressionKernel
    share = check_kernel(kind, scaled(), X[:100], y[:100], n_coalitions=40)
    assert share > 0.8


def test_valuators_take_it():
    X, y = load_breast_cancer(return_X_y=True)
    settings = {"stopping": MaxEvaluations(300), "random_state": 0}
    rows = {"X_val": X[100:200], "y_val": y[100:200]}
    quick = ShapleyValuator(scaled(), **settings).fit(X[:50], y[:50], **rows)
    slow = ShapleyValuator(scaled(), kernel="refit", **settings).fit(X[:50], y[:50], **rows)
    assert quick.utility_info_.kernel == "scaled_logistic" and slow.utility_info_.kernel is None
    np.testing.assert_array_equal(quick.values_, slow.values_)


class OwnPipeline(Pipeline):
    """May do anything."""


@pytest.mark.parametrize(
    ("estimator", "words"),
    [
        (make_pipeline(MinMaxScaler(), LogisticRegression()), "steps MinMaxScaler"),
        (make_pipeline(LogisticRegression()), "steps LogisticRegression"),
        (make_pipeline(StandardScaler(), PCA(2), LogisticRegression()), "PCA"),
        (make_pipeline(StandardScaler(with_mean=False), LogisticRegression()), "with_mean"),
        (make_pipeline(StandardScaler(), LogisticRegression(), memory="folder"), "memory"),
        (scaled(solver="liblinear"), "solver"),
        (scaled(class_weight="balanced"), "class_weight"),
    ],
)
def test_declines(estimator, words):
    X, y, X_val = SETS["iris"]
    assert words in ScaledLogisticRegressionKernel.supports(estimator, X, y, X_val)


def test_declines_columns_far_from_zero():
    X, y, X_val = SETS["iris"]
    reason = ScaledLogisticRegressionKernel.supports(scaled(), X + 1000, y, X_val)
    assert "100 standard deviations" in reason


def test_other_pipelines_are_refitted():
    X, y, X_val = SETS["iris"]
    rows = {"X_val": X[1::2], "y_val": y[1::2]}
    for estimator in (
        OwnPipeline(scaled().steps),
        make_pipeline(StandardScaler(), "passthrough", LogisticRegression()),
    ):
        valuator = ShapleyValuator(estimator, stopping=MaxEvaluations(60), random_state=0)
        valuator.fit(X[::4], y[::4], **rows)
        assert valuator.utility_info_.kernel is None
