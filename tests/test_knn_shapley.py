"""KNNShapleyValuator: scikit-learn's neighbours in the open, the closed form inside."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from joblib import parallel_config
from scipy.spatial.distance import cdist
from sklearn import config_context
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_digits, load_iris, make_regression
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import StandardScaler

from skdvl import KNNShapleyValuator
from skdvl.neighbors import Seats, choice, euclidean, label_values, order, search, single
from skdvl.semivalues import (
    Banzhaf,
    BetaShapley,
    DeltaShapley,
    LeaveOneOut,
    Shapley,
)
from skdvl.testing import enumerate_values
from skdvl.utilities import Utility
from skdvl.valuators import neighbor_game
from skdvl.valuators.inputs import task_of_target

SEMIVALUES = [
    Shapley(), Banzhaf(), Banzhaf(0.2), BetaShapley(16, 1), BetaShapley(1, 4), LeaveOneOut(),
    DeltaShapley(0.2, 0.6),
]  # fmt: skip


class ByDefinition(Utility):
    """Mean score over validation rows of the nearest among the members, sorted out one by one."""

    def __init__(self, X, y, X_val, y_val, n_neighbors=3, *, classifier=True, utility="jia",
                 radius=None, weights=None):  # fmt: skip
        alone = X_val is None
        self.n_players, self.y = len(y), y
        self.truth = y if alone else y_val
        distances = cdist(X if alone else X_val, X)
        if alone:
            np.fill_diagonal(distances, np.nan)
        self.orders = np.argsort(distances, axis=1, kind="stable")
        if alone:
            self.orders = self.orders[:, :-1]
        self.distances, self.weights = distances, weights
        self.n_neighbors, self.classifier = n_neighbors, classifier
        self.utility, self.radius = utility, radius

    def _score(self, mask, row):
        found = [i for i in self.orders[row] if mask[i]]
        if self.utility == "radius":
            found = [i for i in found if self.distances[row, i] <= self.radius]
        else:
            found = found[: self.n_neighbors]
        weights = np.ones(len(found))
        if self.weights is not None:
            weights = self.weights(self.distances[row, found])
        if not self.classifier:
            mean = self.y.mean()
            told = mean + weights @ (self.y[found] - mean) / self.n_neighbors
            return -((told - self.truth[row]) ** 2)
        right = weights @ (self.y[found] == self.truth[row])
        if self.utility == "jia":
            return right / self.n_neighbors
        return right / len(found) if found else 1 / len(set(self.y))

    def __call__(self, masks):
        rows = range(len(self.truth))
        return np.array([np.mean([self._score(mask, row) for row in rows]) for mask in masks])


def _game(classifier, alone, seed=5, n=6):
    """Rows on a grid, so that many are at the same distance."""
    rng = np.random.default_rng(seed)
    X, X_val = rng.integers(0, 3, (n, 2)) / 2, rng.integers(0, 3, (3, 2)) / 2
    y, y_val = np.arange(n) % 3, np.array([0, 2, 1])
    if not classifier:
        y, y_val = rng.normal(9, 1, n), rng.normal(9, 1, 3)
    return (X, y, None, None) if alone else (X, y, X_val, y_val)


def _fit(valuator, sets):
    X, y, X_val, y_val = sets
    return valuator.fit(X, y, X_val=X_val, y_val=y_val)


def _kernel(distances):
    return np.exp(-distances)


@pytest.fixture(params=["pairs", "products"])
def search_kind(request, monkeypatch):
    """Take distances pair by pair, or from matrix products, which few rows would not."""
    if request.param == "products":
        monkeypatch.setattr(choice, "FEW", 0)
        monkeypatch.setattr(order, "_FEW", 0)


@pytest.mark.parametrize("semivalue", SEMIVALUES, ids=str)
@pytest.mark.parametrize("alone", [True, False])
@pytest.mark.parametrize(
    "options",
    [
        {"n_neighbors": 1},
        {"n_neighbors": 3},
        {"n_neighbors": 10},
        {"weights": _kernel},
        {"utility": "soft"},
        {"utility": "soft", "n_neighbors": 1},
        {"utility": "soft", "n_neighbors": 10, "weights": _kernel},
        {"utility": "radius", "radius": 0.75},
        {"utility": "radius", "radius": 0.5, "weights": _kernel},
        {"task": "regression", "n_neighbors": 1},
        {"task": "regression", "n_neighbors": 4},
        {"task": "regression", "n_neighbors": 10, "weights": _kernel},
    ],
    ids=str,
)
def test_values_are_those_of_the_definition(semivalue, alone, options, search_kind):
    options = {"n_neighbors": 3} | options
    classifier = options.get("task") != "regression"
    sets = _game(classifier, alone)
    valuator = _fit(KNNShapleyValuator(semivalue=semivalue, **options), sets)
    given = {name: value for name, value in options.items() if name != "task"}
    utility = ByDefinition(*sets, classifier=classifier, **given)
    expected = enumerate_values(utility, semivalue)
    np.testing.assert_allclose(valuator.values_, expected, atol=1e-12)
    if type(semivalue) is Shapley:
        everybody = np.ones((1, len(sets[1])), dtype=bool)
        gain = (utility(everybody) - utility(~everybody))[0]
        assert valuator.values_.sum() == pytest.approx(gain)
    assert valuator.task_ == ("classification" if classifier else "regression")
    assert valuator.max_error_ == 0


def test_neighbours_are_those_of_scikit_learn():
    rng = np.random.default_rng(0)
    X, X_val, y = rng.normal(size=(1200, 4)), rng.normal(size=(20, 4)), rng.integers(0, 3, 1200)
    near = NearestNeighbors(n_neighbors=1200, algorithm="kd_tree").fit(X)
    near = near.kneighbors(X_val, return_distance=False)
    expected = np.empty((20, 1200))
    np.put_along_axis(expected, near, label_values(y[near] == y[:20, None], 5), axis=1)
    valuator = KNNShapleyValuator().fit(X, y, X_val=X_val, y_val=y[:20])
    np.testing.assert_allclose(valuator.values_, expected.mean(axis=0), atol=1e-15)


def _rows(kind, n=1300):
    """Return rows of which many are as far, or nearly so, in one way or another."""
    rng = np.random.default_rng(3)
    X = rng.normal(size=(n, 4))
    return {
        "normal": X,
        "copies": X[rng.integers(0, n // 2, n)],
        "whole": np.round(3 * X),
        "decimals": np.round(X, 1),
        "sixteenths": np.round(X * 16) / 16,
        "far away": X + 1e8,
        "outlier": np.where(np.arange(n)[:, None] == 7, 1e7, X),
        "huge": X * 1e160,
        "tiny": X * 1e-90,
        "nearly": 1 + np.round(X, 1) * 1e-14,
        "one place": np.ones((n, 4)),
    }[kind]


KINDS = "normal copies whole decimals sixteenths outlier huge tiny nearly".split()


@pytest.mark.parametrize("kind", [*KINDS, "far away", "one place"])
@pytest.mark.parametrize("alone", [True, False])
def test_orders_are_those_of_a_stable_argsort(kind, alone):
    X = _rows(kind)
    X_val = None if alone else X[::50] * 1.01
    with np.errstate(over="ignore"):
        distances = cdist(X[:50] if alone else X_val, X, "sqeuclidean")
    expected = order.argsorted(distances, np.arange(50) if alone else None)
    pairs = search.Pairs(X, X_val, "euclidean", {}, np.dtype(float))
    products = euclidean.Products.of(pairs)
    assert (products is None) == (kind == "huge" or (alone and kind == "one place"))
    for found in (pairs, products or pairs):
        lines = [line.copy() for _, some, _ in found.lines(0, len(distances), 8) for line in some]
        np.testing.assert_array_equal(lines, expected)


def test_whole_numbers_need_no_second_look():
    pairs = search.Pairs(_rows("sixteenths"), None, "euclidean", {}, np.dtype(float))
    assert euclidean.Products.of(pairs).doubt == 0


def test_single_precision_keeps_copies_in_order():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(1500, 30)), rng.integers(0, 3, 1500)
    X[700:] = X[rng.integers(0, 700, 800)]
    kinds = {"exact": "float64", "rounded": "float32"}
    values = {k: KNNShapleyValuator(dtype=dtype).fit(X, y).values_ for k, dtype in kinds.items()}
    np.testing.assert_allclose(values["rounded"], values["exact"], atol=1e-5)
    pairs = search.Pairs(X, None, "euclidean", {}, np.dtype(np.float32))
    found = single.SingleProducts.of(pairs)
    first = {row.tobytes(): i for i, row in reversed(list(enumerate(X)))}
    assert dict(zip(found.copies, found.originals, strict=True)) == {
        i: first[row.tobytes()] for i, row in enumerate(X) if first[row.tobytes()] != i
    }
    lines = np.concatenate([some.copy() for _, some, _ in found.lines(0, 40, 7)])
    copies = [np.flatnonzero((X == X[i]).all(axis=1)) for i in range(700, 720)]
    for asking, line in enumerate(lines):
        place = np.full(len(X), -1)
        place[line] = np.arange(len(line))
        for same in copies:
            assert (np.diff(place[same[same != asking]]) > 0).all()


@pytest.mark.parametrize("semivalue", [None, BetaShapley(4, 1), Banzhaf(0.05)], ids=str)
@pytest.mark.parametrize("kind", ["classification", "regression", "soft"])
@pytest.mark.parametrize("alone", [True, False])
def test_a_cut_is_off_by_no_more_than_it_says(semivalue, kind, alone):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(400, 3)), rng.integers(0, 3, 400)
    X[200:] = X[rng.integers(0, 200, 200)]  # copies, some of them of the asking row
    y = y + 0.5 * rng.normal(size=400) if kind == "regression" else y
    sets = (X, y, None, None) if alone else (X[:300], y[:300], X[300:], y[300:])
    task = {"utility": "soft"} if kind == "soft" else {"task": kind}
    exact = _fit(KNNShapleyValuator(semivalue=semivalue, **task), sets)
    for max_rank in (20, 100):
        cut = _fit(KNNShapleyValuator(semivalue=semivalue, max_rank=max_rank, **task), sets)
        off = np.abs(cut.values_ - exact.values_)
        assert 0 < off.max() <= cut.max_error_ + 1e-15
        if semivalue is None and kind != "regression":
            assert cut.max_error_ == pytest.approx(1 / max_rank)
    vendors = rng.integers(0, 9, len(sets[0]))
    grouped = clone(cut).fit(*sets[:2], X_val=sets[2], y_val=sets[3], groups=vendors)
    together = [cut.values_[vendors == name].sum() for name in grouped.groups_]
    np.testing.assert_allclose(grouped.group_values_, together, atol=1e-14)
    whole = _fit(KNNShapleyValuator(semivalue=semivalue, max_rank=400, **task), sets)
    np.testing.assert_array_equal(whole.values_, exact.values_)
    assert whole.max_error_ == 0


@pytest.mark.parametrize("alone", [True, False])
def test_far_rows_have_what_they_add_where_seats_are_left(alone):
    """A cut just before the end changes next to nothing, though a row beyond it has a value."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(160, 3)), rng.integers(0, 3, 160)
    sets = (X, y, None, None) if alone else (X[:120], y[:120], X[120:], y[120:])
    exact = _fit(KNNShapleyValuator(utility="soft"), sets)
    n = len(sets[0]) - alone
    cut = _fit(KNNShapleyValuator(utility="soft", max_rank=n - 1), sets)
    off = np.abs(cut.values_ - exact.values_)
    assert 0 < off.max() <= 1 / (n - 1) - 1 / n + 1e-15
    one = KNNShapleyValuator(utility="soft", max_rank=5)
    values = one.fit(X[:120], y[:120], X_val=X[[120]], y_val=y[[120]]).values_
    near, beyond = np.split(np.argsort(cdist(X[[120]], X[:120])[0]), [5])
    told = (y[:120] == y[120]).astype(float)
    sizes = np.arange(1, 5)  # with a seat left, and somebody there
    expected = (told - 1 / 3) / 120
    expected += (1 / 120 / (sizes + 1)).sum() * (told - (told.sum() - told) / 119)
    np.testing.assert_allclose(values[beyond], expected[beyond], atol=1e-15)
    seats = Seats.of_shapley(120, 5).first(5)
    expected[near] += label_values(told[near][None], 5, seats=seats)[0] - told[near] / 120
    np.testing.assert_allclose(values[near], expected[near], atol=1e-15)
    assert np.abs(expected[beyond]).min() > 1e-4


def test_a_cut_is_the_game_of_the_nearest():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 2)), rng.integers(0, 2, 60)
    X_val, y_val = rng.normal(size=(5, 2)), rng.integers(0, 2, 5)
    cut = KNNShapleyValuator(3, max_rank=10, weights=_kernel)
    cut.fit(X, y, X_val=X_val, y_val=y_val)
    expected = np.zeros((5, 60))
    for row in range(5):
        near = np.argsort(cdist(X_val[[row]], X)[0])[:10]
        alone = KNNShapleyValuator(3, weights=_kernel, task="classification")
        alone.fit(X[near], y[near], X_val=X_val[[row]], y_val=y_val[[row]])
        expected[row, near] = alone.values_
    np.testing.assert_allclose(cut.values_, expected.mean(axis=0), atol=1e-15)
    np.testing.assert_allclose(cut.stderr_, expected.std(axis=0, ddof=1) / np.sqrt(5))


@pytest.mark.parametrize(
    ("options", "backend"),
    [
        ({}, "loky"),
        ({}, "threading"),
        ({"max_rank": 20}, "threading"),
        ({"metric": "manhattan"}, "threading"),
    ],
)
def test_bits_do_not_depend_on_workers(options, backend, monkeypatch):
    monkeypatch.setattr(neighbor_game, "_TASK", 2**15)
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(1100, 6)), rng.integers(0, 3, 1100)
    one = KNNShapleyValuator(**options).fit(X, y, X_val=X[:100] + 0.1, y_val=y[:100])
    with parallel_config(backend=backend):
        two = KNNShapleyValuator(n_jobs=2, **options)
        two.fit(X, y, X_val=X[:100] + 0.1, y_val=y[:100])
    np.testing.assert_array_equal(two.values_, one.values_)
    np.testing.assert_array_equal(two.stderr_, one.stderr_)


def test_bits_do_not_depend_on_working_memory():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(3000, 6)), rng.integers(0, 3, 3000)
    given = {"X_val": X[:70] + 0.1, "y_val": y[:70]}
    much = KNNShapleyValuator().fit(X, y, **given)
    with config_context(working_memory=1):
        little = KNNShapleyValuator().fit(X, y, **given)
    np.testing.assert_array_equal(little.values_, much.values_)
    np.testing.assert_array_equal(little.stderr_, much.stderr_)


@pytest.mark.parametrize(
    ("metric", "params"),
    [("seuclidean", None), ("mahalanobis", None), ("minkowski", {"p": 3}), ("cosine", None)],
)
def test_metrics_with_parameters(metric, params):
    X, y = load_iris(return_X_y=True)
    options = {"metric": metric, "metric_params": params}
    valuator = KNNShapleyValuator(**options).fit(X, y, X_val=X[:9] + 0.1, y_val=y[:9])
    given = params or {
        "seuclidean": {"V": X.var(axis=0, ddof=1)},
        "mahalanobis": {"VI": np.linalg.inv(np.cov(X.T))},
    }.get(metric, {})
    near = np.argsort(cdist(X[:9] + 0.1, X, metric, **given), axis=1, kind="stable")
    expected = np.empty((9, 150))
    np.put_along_axis(expected, near, label_values(y[near] == y[:9, None], 5), axis=1)
    np.testing.assert_allclose(valuator.values_, expected.mean(axis=0), atol=1e-3)


def test_blocks_do_not_change_values(monkeypatch):
    X, y = load_iris(return_X_y=True)
    whole = KNNShapleyValuator().fit(X, y)
    monkeypatch.setattr(neighbor_game, "_TASK", 1000)
    monkeypatch.setattr(neighbor_game, "_BLOCK", 500)
    monkeypatch.setattr(search, "_SMALL", 300)
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


def test_rows_that_no_distance_tells_apart_and_nobody_to_work():
    X, y = load_iris(return_X_y=True)
    holes = X.copy()
    holes[3] = np.nan
    with pytest.raises(ValueError, match="metric='nan_euclidean' gave nan for .* pairs of rows"):
        KNNShapleyValuator(metric="nan_euclidean").fit(holes, y)
    with pytest.raises(ValueError, match="n_jobs=0 leaves nobody to work"):
        KNNShapleyValuator(n_jobs=0).fit(X, y)


def test_memory_values_the_same_data_once(tmp_path, monkeypatch):
    X, y = load_iris(return_X_y=True)
    fresh = KNNShapleyValuator().fit(X, y)
    KNNShapleyValuator(memory=str(tmp_path)).fit(X, y)
    monkeypatch.setattr(neighbor_game.NeighborGame, "seats", None)  # nothing can be computed now
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
        ({"metric_params": {"w": np.ones(4)}}, {}, "'euclidean' takes no parameters"),
        ({}, {"X": np.full((150, 4), np.nan)}, "pass metric='nan_euclidean'"),
        ({}, {"y": np.ones(150)}, "one class only"),
        ({"utility": "radius"}, {}, "pass a radius with utility='radius'"),
        ({"radius": 1.0}, {}, "utility='jia' was given radius=1.0"),
        ({"utility": "soft", "task": "regression"}, {}, "scores labels, and this is a regression"),
        ({"utility": "radius", "radius": 1, "max_rank": 9}, {}, "do not go together"),
        ({"utility": "soft", "weights": _kernel, "max_rank": 9}, {}, "count by their distance"),
        ({"max_rank": 4}, {}, "Pass max_rank=5 or more"),
        ({"semivalue": Banzhaf(2.0)}, {}, "'p' parameter of Banzhaf"),
        ({"semivalue": "shapley"}, {}, "semivalue"),
        ({"weights": "distance"}, {}, "weights"),
        ({"dtype": "int"}, {}, "dtype"),
        (
            {"weights": lambda d: np.where(d > 0, 1, np.inf)},
            {},
            "expected finite numbers of at least 0",
        ),
        ({"weights": lambda d: -d}, {}, "expected finite numbers of at least 0"),
        ({"weights": lambda d: d.ravel()}, {}, "expected one weight for each distance"),
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
