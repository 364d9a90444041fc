"""KNNShapleyValuator: scikit-learn's neighbours in the open, the closed form inside."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from sklearn.datasets import load_diabetes, load_digits, load_iris, make_regression
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import StandardScaler

from skdvl import KNNShapleyValuator
from skdvl.semivalues import Shapley
from skdvl.testing import enumerate_values
from skdvl.utilities import Utility
from skdvl.valuators import knn_shapley
from skdvl.valuators.inputs import task_of_target


class ByDefinition(Utility):
    """Mean score over validation rows of scikit-learn's own neighbours among the members."""

    def __init__(self, X, y, X_val, y_val, n_neighbors, *, alone, classifier, mean=0.0):
        self.n_players = len(y)
        self.sets = X, y, X_val, y_val
        self.n_neighbors, self.alone, self.classifier, self.mean = (
            n_neighbors,
            alone,
            classifier,
            mean,
        )

    def _score(self, mask, row):
        X, y, X_val, y_val = self.sets
        members = np.flatnonzero(mask)
        if self.alone:
            members = members[members != row]
        k, found = self.n_neighbors, np.empty(0, dtype=int)
        if len(members):
            search = NearestNeighbors(n_neighbors=min(k, len(members))).fit(X[members])
            found = members[search.kneighbors(X_val[[row]], return_distance=False)[0]]
        if self.classifier:
            return np.count_nonzero(y[found] == y_val[row]) / k
        told = (y[found].sum() + (k - len(found)) * self.mean) / k
        return -((told - y_val[row]) ** 2)

    def __call__(self, masks):
        rows = range(len(self.sets[3]))
        return np.array([np.mean([self._score(mask, row) for row in rows]) for mask in masks])


@pytest.mark.parametrize("classifier", [True, False])
@pytest.mark.parametrize("n_neighbors", [1, 3, 9])
@pytest.mark.parametrize("alone", [True, False])
def test_values_are_those_of_the_definition(classifier, n_neighbors, alone):
    rng = np.random.default_rng(5)
    X, X_val = rng.normal(size=(8, 2)), rng.normal(size=(5, 2))
    labels, labels_val = rng.permutation([0, 1, 2, 0, 1, 2, 0, 1]), rng.integers(0, 3, 5)
    y, y_val = (labels, labels_val) if classifier else (rng.normal(9, 1, 8), rng.normal(9, 1, 5))
    given = {} if alone else {"X_val": X_val, "y_val": y_val}
    valuator = KNNShapleyValuator(n_neighbors).fit(X, y, **given)
    utility = ByDefinition(
        X, y, *((X, y) if alone else (X_val, y_val)), n_neighbors,
        alone=alone, classifier=classifier, mean=y.mean(),
    )  # fmt: skip
    np.testing.assert_allclose(valuator.values_, enumerate_values(utility, Shapley()), atol=1e-12)
    everybody = np.ones((1, 8), dtype=bool)
    gain = (utility(everybody) - utility(~everybody))[0]
    assert valuator.values_.sum() == pytest.approx(gain)
    assert valuator.task_ == ("classification" if classifier else "regression")


def test_blocks_do_not_change_values(monkeypatch):
    X, y = load_iris(return_X_y=True)
    whole = KNNShapleyValuator().fit(X, y)
    monkeypatch.setattr(knn_shapley, "_CELLS", 1000)
    blocks = KNNShapleyValuator().fit(X, y)
    np.testing.assert_allclose(blocks.values_, whole.values_, atol=1e-15)
    np.testing.assert_allclose(blocks.stderr_, whole.stderr_, atol=1e-15)


def test_standard_errors_are_those_of_a_mean_over_validation_rows():
    X, y = load_iris(return_X_y=True)
    train, val = np.arange(0, 150, 3), np.arange(1, 150, 3)
    valuator = KNNShapleyValuator().fit(X[train], y[train], X_val=X[val], y_val=y[val])
    each = [
        KNNShapleyValuator().fit(X[train], y[train], X_val=X[[row]], y_val=y[[row]]) for row in val
    ]
    values = np.stack([one.values_ for one in each])
    np.testing.assert_allclose(valuator.values_, values.mean(axis=0))
    np.testing.assert_allclose(valuator.stderr_, values.std(axis=0, ddof=1) / np.sqrt(len(val)))
    assert np.isinf(each[0].stderr_).all()
    assert (valuator.counts_ == len(val)).all()


def test_groups_add_up():
    X, y = load_iris(return_X_y=True)
    vendors = np.array(["a", "b", "c"])[np.arange(150) % 3]
    rows, groups = KNNShapleyValuator().fit(X, y), KNNShapleyValuator().fit(X, y, groups=vendors)
    sums = [rows.values_[vendors == name].sum() for name in "abc"]
    np.testing.assert_allclose(groups.group_values_, sums)
    np.testing.assert_allclose(groups.values_, groups.group_values_[np.arange(150) % 3] / 50)
    assert list(groups.groups_) == ["a", "b", "c"]
    alone = KNNShapleyValuator().fit(X, y, groups=np.arange(150)[::-1])  # each row is a group
    np.testing.assert_allclose(alone.values_, rows.values_)
    np.testing.assert_allclose(alone.group_values_, rows.values_[::-1])
    assert (groups.group_stderr_ > 0).all()
    assert list(groups.to_frame().columns) == ["value", "stderr", "count", "group"]
    groups.fit(X, y)
    assert not hasattr(groups, "group_values_")


@pytest.mark.parametrize("load", [load_iris, load_digits])
def test_wrong_labels_are_found(load):
    X, y = load(return_X_y=True)
    rng = np.random.default_rng(0)
    flipped = rng.random(len(y)) < 0.15
    y = np.where(flipped, (y + 1) % (y.max() + 1), y)
    valuator = KNNShapleyValuator().fit(StandardScaler().fit_transform(X), y)
    assert roc_auc_score(flipped, -valuator.values_) > 0.95
    sure = valuator.values_ + 2 * valuator.stderr_ < 0
    assert sure.sum() > flipped.sum() / 4 and flipped[sure].mean() > 0.9


def test_wrong_targets_are_found():
    X, y = load_diabetes(return_X_y=True)
    rng = np.random.default_rng(0)
    wrong = rng.random(len(y)) < 0.1
    y = np.where(wrong, y + 3 * y.std() * rng.choice([-1, 1], len(y)), y)
    valuator = KNNShapleyValuator().fit(X, y)
    assert valuator.task_ == "regression"
    assert roc_auc_score(wrong, -valuator.values_) > 0.9


def test_values_do_not_depend_on_the_mean_of_y():
    X, y = make_regression(60, 3, noise=1, random_state=0)
    near, far = (KNNShapleyValuator().fit(X, y + shift) for shift in (0, 1000))
    np.testing.assert_allclose(far.values_, near.values_, rtol=1e-6, atol=1e-6 * y.var())


def test_containers_and_metrics():
    X, y = load_iris(return_X_y=True)
    names = np.array(["setosa", "versicolor", "virginica"])[y]
    values = KNNShapleyValuator().fit(X, y).values_
    for same in (pd.DataFrame(X), X.tolist(), np.asfortranarray(X)):
        np.testing.assert_allclose(KNNShapleyValuator().fit(same, names).values_, values)
    sparse = KNNShapleyValuator().fit(sp.coo_matrix(X), y).values_
    assert np.corrcoef(sparse, values)[0, 1] > 0.99  # other rounding, other ties
    holes = X.copy()
    holes[3, 1] = np.nan
    assert np.isfinite(KNNShapleyValuator(metric="nan_euclidean").fit(holes, y).values_).all()
    city = KNNShapleyValuator(metric="manhattan").fit(X, y).values_
    by_hand = KNNShapleyValuator(metric=lambda a, b: np.abs(a - b).sum()).fit(X, y).values_
    assert np.corrcoef(city, by_hand)[0, 1] > 0.99
    assert not np.allclose(city, values)
    assert np.isfinite(KNNShapleyValuator(metric="chebyshev").fit(X, y).values_).all()


def test_memory_values_the_same_data_once(tmp_path, monkeypatch):
    X, y = load_iris(return_X_y=True)
    fresh = KNNShapleyValuator().fit(X, y)
    KNNShapleyValuator(memory=str(tmp_path)).fit(X, y)
    monkeypatch.setattr(knn_shapley.NeighborGame, "values", None)  # nothing can be computed now
    again = KNNShapleyValuator(memory=str(tmp_path)).fit(X, y)
    np.testing.assert_array_equal(again.values_, fresh.values_)
    with pytest.raises(TypeError):
        KNNShapleyValuator(n_neighbors=4, memory=str(tmp_path)).fit(X, y)


@pytest.mark.parametrize(
    ("y", "task"),
    [
        (["a", "b"], "classification"),
        ([True, False], "classification"),
        ([0, 1, 1, 2], "classification"),
        ([1.0, 2.0], "classification"),
        ([1.5, 2.0], "regression"),
        (np.arange(200) % 40, "classification"),  # codes
        (np.arange(200) % 40 + 1, "classification"),
        (np.arange(200) % 40 + 18, "regression"),  # ages
        (np.arange(100), "regression"),
        (load_diabetes().target, "regression"),  # whole numbers
        (np.array([1.5, 2.5], dtype=object), "regression"),
        (np.array(["a", 1], dtype=object), "classification"),
        (load_digits().target, "classification"),
    ],
)
def test_task_is_read_off_the_target(y, task):
    assert task_of_target(np.asarray(y)) == task


@pytest.mark.parametrize(
    ("change", "fit", "message"),
    [
        (
            {"task": "regression"},
            {"y": np.ones(150), "X_val": np.ones((1, 4)), "y_val": ["a"]},
            "y_val holds <U1 and not numbers",
        ),
        ({"n_neighbors": 0}, {}, "n_neighbors"),
        ({"metric": "precomputed"}, {}, "metric"),
        ({}, {"y": np.ones(150)}, "one class only"),
        ({}, {"y": np.ones((150, 2))}, "one label or target for each row"),
        ({"task": "regression"}, {"y": np.repeat(["a", "b", "c"], 50)}, "not numbers"),
        ({}, {"X_val": [[1, 2, 3, 4]]}, "X_val was passed without y_val"),
        ({}, {"groups": np.zeros(150)}, "one group only"),
        ({}, {"y": pd.Series(["a", "b", None] * 50, dtype="string")}, "contains NaN or None"),
        ({}, {"X": np.array([["x"], ["y"]] * 75)}, "encode the columns first"),
        ({}, {"X": pd.DataFrame({"a": ["x", "y"] * 75})}, "encode the columns first"),
    ],
)
def test_refusals(change, fit, message):
    X, y = load_iris(return_X_y=True)
    with pytest.raises(ValueError, match=message):
        KNNShapleyValuator(**change).fit(**({"X": X, "y": y} | fit))
