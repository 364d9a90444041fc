"""Values that a kernel knows without sampling, beside the sum over all coalitions."""

import numpy as np
import pytest
import sklearn
from sklearn.datasets import load_diabetes, load_iris
from sklearn.model_selection import KFold
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor

from skdvl import (
    BanzhafValuator,
    BetaShapleyValuator,
    LeaveOneOutValuator,
    SemivalueValuator,
    ShapleyValuator,
)
from skdvl.neighbors import nearest_values
from skdvl.samplers import ExhaustiveSampler, PermutationSampler
from skdvl.semivalues import Banzhaf, BetaShapley, DeltaShapley, LeaveOneOut, Shapley
from skdvl.stopping import MaxRounds
from skdvl.testing import enumerate_values
from skdvl.utilities import Utility

VALUATORS = [ShapleyValuator, BanzhafValuator, BetaShapleyValuator, LeaveOneOutValuator]


class Nearest(Utility):
    """The first member alone decides."""

    def __init__(self, scores, empty_score):
        self.scores, self.empty_score, self.n_players = scores, empty_score, len(scores)

    def __call__(self, masks):
        return np.where(masks.any(axis=1), self.scores[masks.argmax(axis=1)], self.empty_score)


@pytest.mark.parametrize("n", [1, 2, 7])
@pytest.mark.parametrize(
    "semivalue", [Shapley(), Banzhaf(0.3), BetaShapley(4, 1), LeaveOneOut(), DeltaShapley(1, 4)]
)
def test_nearest_values(semivalue, n):
    if isinstance(semivalue, DeltaShapley) and n < 5:
        pytest.skip("it wants sizes that are not there")
    scores = np.random.default_rng(n).normal(size=(3, n))
    values = nearest_values(scores, np.array([[0.3], [0.0], [2.0]]), semivalue.size_pmf(n))
    for line, given, empty in zip(values, scores, [0.3, 0.0, 2.0], strict=True):
        np.testing.assert_allclose(line, enumerate_values(Nearest(given, empty), semivalue))


def test_many_players():
    scores = np.random.default_rng(0).normal(size=(2, 1500))
    for semivalue in (Shapley(), Banzhaf(), BetaShapley(16, 1)):
        values = nearest_values(scores, 0.0, semivalue.size_pmf(1500))
        assert np.isfinite(values).all()
        if isinstance(semivalue, Shapley):
            np.testing.assert_allclose(values.sum(axis=1), scores[:, 0])


def few(load, n=8, m=20):
    """Rows of which no two are equally near to a third."""
    X, y = load(return_X_y=True)
    rng = np.random.default_rng(5)
    rows = rng.permutation(len(X))[: n + m]
    X = X[rows] + 1e-3 * rng.random((n + m, X.shape[1]))
    return X[:n], y[rows][:n], {"X_val": X[n:], "y_val": y[rows][n:]}


@pytest.mark.parametrize(
    "kind, estimator, scoring, load",
    [(kind, KNeighborsClassifier(1), "accuracy", load_iris) for kind in VALUATORS]
    + [
        (ShapleyValuator, KNeighborsClassifier(1, weights="distance"), "accuracy", load_iris),
        (BanzhafValuator, KNeighborsClassifier(1, metric="manhattan"), "accuracy", load_iris),
        (ShapleyValuator, KNeighborsRegressor(1), "r2", load_diabetes),
        (ShapleyValuator, KNeighborsRegressor(1), "neg_mean_squared_error", load_diabetes),
        (BanzhafValuator, KNeighborsRegressor(1), "neg_mean_absolute_error", load_diabetes),
    ],
)
def test_one_neighbour_is_enumeration(kind, estimator, scoring, load):
    X, y, where = few(load)
    valuator = kind(estimator, scoring=scoring).fit(X, y, **where)
    assert valuator.utility_info_.tier == "closed form"
    assert (valuator.stderr_ == 0).all() and valuator.n_evaluations_ == 0
    enumerated = SemivalueValuator(
        estimator,
        semivalue=valuator._make_semivalue(),
        scoring=scoring,
        sampler=ExhaustiveSampler(),
        kernel="refit",
    ).fit(X, y, **where)
    assert enumerated.utility_info_.tier == "refit" and enumerated.n_evaluations_ > 250
    np.testing.assert_allclose(valuator.values_, enumerated.values_, rtol=1e-8, atol=1e-12)


def test_folds_are_pooled():
    X, y, _ = few(load_iris, n=12)
    settings = {"cv": KFold(3), "scoring": "accuracy", "random_state": 0}
    valuator = ShapleyValuator(KNeighborsClassifier(1), **settings).fit(X, y)
    assert valuator.utility_info_.tier == "closed form"
    enumerated = ShapleyValuator(
        KNeighborsClassifier(1), sampler=ExhaustiveSampler(), kernel="refit", **settings
    ).fit(X, y)
    np.testing.assert_allclose(valuator.values_, enumerated.values_, atol=1e-12)


def test_what_is_sampled_all_the_same():
    X, y, where = few(load_iris, n=20)
    twice = np.r_[X, X[:4]], np.r_[y, y[4:8]]  # equal rows of several classes
    groups = {"groups": np.arange(20) // 2}
    for params, data, more in [
        ({"sampler": PermutationSampler()}, (X, y), {}),
        ({"store_history": True}, (X, y), {}),
        ({"kernel": "refit"}, (X, y), {}),
        ({"scoring": "balanced_accuracy"}, (X, y), {}),
        ({}, twice, {}),
        ({}, (X, y), groups),
        ({"estimator": KNeighborsClassifier(2)}, (X, y), {}),
    ]:
        settings = {"estimator": KNeighborsClassifier(1), "stopping": MaxRounds(1)} | params
        valuator = ShapleyValuator(**settings).fit(*data, **where, **more)
        assert valuator.utility_info_.tier != "closed form", params
        assert valuator.n_evaluations_ > 0


def test_it_goes_with_memory_checkpoints_and_warm_starts(tmp_path, capsys):
    X, y, where = few(load_iris, n=20)
    plain = ShapleyValuator(KNeighborsClassifier(1)).fit(X, y, **where)
    for params in [
        {"memory": str(tmp_path)},
        {"checkpoint": tmp_path / "run"},
        {"warm_start": True},
        {"verbose": 1},
        {"cache": "memory"},
        {"n_jobs": 2},
    ]:
        valuator = ShapleyValuator(KNeighborsClassifier(1), **params)
        for _ in range(2):
            valuator.fit(X, y, **where)
            np.testing.assert_array_equal(valuator.values_, plain.values_)
    assert not (tmp_path / "run").exists()  # there is nothing to go on from


@pytest.mark.skipif(not hasattr(sklearn, "callback"), reason="callbacks came with 1.9")
def test_callbacks_see_it_begin_and_end(capsys):
    from sklearn.callback import ProgressBar

    X, y, where = few(load_iris)
    valuator = ShapleyValuator(KNeighborsClassifier(1)).set_callbacks(ProgressBar())
    assert valuator.fit(X, y, **where).utility_info_.tier == "closed form"
