"""Leaves and slopes of boosted trees beside scikit-learn's own."""

import numpy as np
import pytest
from sklearn._loss.loss import HalfBinomialLoss
from sklearn.datasets import make_classification, make_regression
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)
from threadpoolctl import threadpool_limits

from skdvl import BoostInValuator
from skdvl.boosting import read
from skdvl.boosting.leaf_bits import LeafBits
from skdvl.boosting.leaves import LeafWalks
from skdvl.boosting.slopes import OddsSlopes, Slopes, slopes_of


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Small trees take longer on several; and those of scikit-learn warn of infinities."""
    with threadpool_limits(1):
        yield


def numbers(rng, n):
    return rng.normal(size=(n, 6)) * 10.0 ** np.arange(-3, 3)


def with_gaps(rng, n):
    X = numbers(rng, n)
    X[rng.random(X.shape) < 0.2] = np.nan
    return X


def with_infinities(rng, n):
    X = numbers(rng, n)
    X[rng.random(X.shape) < 0.05] = np.inf
    X[rng.random(X.shape) < 0.05] = -np.inf
    return X


def with_gaps_and_infinities(rng, n):
    X = with_infinities(rng, n)
    X[rng.random(X.shape) < 0.1] = np.nan
    return X


def with_few_values(rng, n):
    return rng.integers(-3, 4, size=(n, 6)).astype(float)


def with_categories(rng, n):
    X = with_gaps(rng, n)
    X[:, 1] = rng.integers(0, 40, n)
    X[:, 4] = np.where(rng.random(n) < 0.1, np.nan, rng.integers(0, 5, n))
    return X


TABLES = [
    numbers, with_gaps, with_infinities, with_gaps_and_infinities, with_few_values, with_categories,
]  # fmt: skip


@pytest.mark.parametrize("max_leaf_nodes", [2, 31, 65, 256, 258])
@pytest.mark.parametrize("table", TABLES)
def test_leaves_are_those_of_scikit_learns_walk(table, max_leaf_nodes):
    rng = np.random.default_rng(0)
    n, max_iter = (1500, 140) if max_leaf_nodes < 256 else (4000, 4)
    X, X_new = table(rng, n), table(rng, 700)
    y = np.nan_to_num(X, posinf=4, neginf=-4)
    y = np.sin(y[:, 3] * 2) + (y[:, 1] % 7 > 3) + np.isnan(X[:, 2])
    booster = HistGradientBoostingRegressor(
        max_iter=max_iter, max_leaf_nodes=max_leaf_nodes, min_samples_leaf=3,
        categorical_features=[1, 4] if table is with_categories else None,
    )  # fmt: skip
    with np.errstate(invalid="ignore"):  # quantiles of infinities
        booster.fit(X, y)
    if table is with_categories:
        X_new[:5, 1] = 77  # categories never seen
    told = read(booster)
    most = max(tree.get_n_leaf_nodes() for trees in booster._predictors for tree in trees)
    assert type(told.finder) is (LeafBits if most <= 256 else LeafWalks)
    assert most == max_leaf_nodes or table is with_few_values
    walks = LeafWalks(
        [tree for trees in booster._predictors for tree in trees],
        *booster._bin_mapper.make_known_categories_bitsets(),
    )
    for given in (X, X_new):
        rows = told.rows(given)
        found = list(told.finder.leaves(rows))
        assert len(found) == max_iter
        for leaf, expected in zip(found, walks.leaves(rows), strict=True):
            np.testing.assert_array_equal(leaf, expected)
        raw = booster._baseline_prediction.ravel() + sum(
            told.said[here][seat].sum(axis=(0, 1)) for here, seat in told.seats(rows, 3)
        )
        expected = booster._raw_predict(given).ravel()
        np.testing.assert_allclose(raw, expected, rtol=1e-12, atol=1e-12)


def test_trees_without_nodes_and_with_many_features():
    X, y = make_regression(200, 150, n_informative=150, random_state=0)
    stumps = read(HistGradientBoostingRegressor(max_iter=3, min_samples_leaf=150).fit(X, y))
    [(here, seat)] = stumps.seats(stumps.rows(X), 5)
    assert here == slice(0, 3)
    np.testing.assert_array_equal(seat, np.broadcast_to([[[0]], [[1]], [[2]]], (3, 1, 200)))
    X, y = make_regression(200, 300, n_informative=300, random_state=0)
    wide = HistGradientBoostingRegressor(max_iter=200, min_samples_leaf=2).fit(X, y)
    told, n_features = read(wide), len(np.unique(np.concatenate(
        [tree.nodes["feature_idx"] for [tree] in wide._predictors]
    )))  # fmt: skip
    assert type(told.finder) is LeafBits and n_features > 256
    raw = sum(told.said[here][seat].sum(axis=(0, 1)) for here, seat in told.seats(X, 7))
    raw = raw + wide._baseline_prediction.ravel()
    np.testing.assert_allclose(raw, wide.predict(X), rtol=1e-12)


@pytest.mark.parametrize("n", [1, 63, 64, 65, 4096, 4097, 6200])
def test_any_number_of_rows_goes_through_the_trees(n):
    rng = np.random.default_rng(0)
    X = numbers(rng, 6200)
    booster = HistGradientBoostingRegressor(max_iter=5).fit(X, X[:, 3] - X[:, 2] * X[:, 4])
    told = read(booster)
    whole = np.array(list(told.finder.leaves(X)))
    np.testing.assert_array_equal(np.array(list(told.finder.leaves(X[-n:]))), whole[:, -n:])


def test_kinds_of_rows_have_seats_of_their_own():
    X, y = make_classification(300, 5, n_informative=4, n_redundant=0, n_classes=3, random_state=0)
    for kind in (
        GradientBoostingClassifier(n_estimators=7),
        HistGradientBoostingClassifier(max_iter=7),
    ):
        booster, rng = read(kind.fit(X, y)), np.random.default_rng(0)
        rows, of_row = booster.rows(X), rng.integers(0, 5, 300)
        plain = [(here, seat.copy()) for here, seat in booster.seats(rows, 2)]
        bounds = [np.append(booster.begins[:, 0], len(booster.said))[t] for t in (0, 2, 4, 6, 7)]
        assert [here for here, _ in plain] == [
            slice(*each) for each in zip(bounds, bounds[1:], strict=False)
        ]
        by_kind = booster.seats(rows, 2, kind=of_row, n_kinds=5)
        for (here, leaf), (same, seat) in zip(plain, by_kind, strict=True):
            assert here == same
            np.testing.assert_array_equal(seat, 5 * leaf + of_row)


def test_categories_never_seen_go_as_if_they_were_missing():
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.integers(0, 12, 600), rng.normal(size=600)])
    y = np.isin(X[:, 0], [1, 4, 5, 9]) + 0.3 * X[:, 1]
    booster = HistGradientBoostingRegressor(max_iter=20, categorical_features=[0]).fit(X, y)
    X_new = np.column_stack([rng.integers(0, 40, 300), rng.normal(size=300)])
    told = read(booster)
    raw = sum(told.said[here][seat].sum(axis=(0, 1)) for here, seat in told.seats(X_new, 6))
    raw = raw + booster._baseline_prediction.ravel()
    np.testing.assert_allclose(raw, booster.predict(X_new), rtol=1e-12, atol=1e-12)


def test_answers_leave_numpys_buffer_as_it_was():
    X, y = make_classification(300, 5, random_state=0)
    booster, size = read(HistGradientBoostingClassifier(max_iter=2).fit(X, y)), np.getbufsize()
    np.setbufsize(4096)
    try:
        list(booster.finder.leaves(X))
        assert np.getbufsize() == 4096
        with pytest.raises(IndexError):
            list(booster.finder.leaves(X[:, :1]))
        assert np.getbufsize() == 4096
    finally:
        np.setbufsize(size)


@pytest.mark.parametrize("weighted", [False, True])
def test_derivatives_from_odds_are_those_of_the_loss(weighted):
    rng = np.random.default_rng(1)
    n, loss = 400, HalfBinomialLoss()
    raw, y = rng.normal(size=n) * 30, rng.integers(0, 2, n).astype(float)
    weight = rng.uniform(0, 2, n) if weighted else None
    odds = OddsSlopes(raw.copy(), y, weight)
    plain = Slopes(loss, raw.copy()[:, None], y, weight)
    rooms = np.empty((2, 3, 8, 1, n))
    for n_rounds in (1, 7, 3) * 20:
        said, leaf = rng.normal(size=9), rng.integers(0, 9, (n_rounds, 1, n))
        told = [
            slopes.over(said, leaf * len(slopes.signs) + slopes.kind, room[:, : n_rounds + 1])
            for slopes, room in zip((odds, plain), rooms, strict=True)
        ]
        np.testing.assert_allclose(told[0][0] * odds.signs[odds.kind], told[1][0], rtol=1e-10)
        np.testing.assert_allclose(told[0][1], told[1][1], rtol=1e-10)
    assert (plain.signs == 1).all()


def test_odds_are_left_alone_where_they_could_overflow():
    X, y = make_classification(300, 5, random_state=0)
    near = HistGradientBoostingClassifier(max_iter=20).fit(X, y)
    far = HistGradientBoostingClassifier(max_iter=20, learning_rate=400).fit(X, y)
    for model, kind in ((near, OddsSlopes), (far, Slopes)):
        booster = read(model)
        assert type(slopes_of(booster, booster.rows(X), booster.target(y))) is kind
    valuator = BoostInValuator(far, prefit=True, kind="self_influence")
    assert np.isfinite(valuator.fit(X, y).values_).all()


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("kind", [GradientBoostingClassifier, HistGradientBoostingClassifier])
def test_rows_asked_go_through_the_trees_in_pieces(kind, n_classes, monkeypatch):
    X, y = make_classification(
        300, 5, n_informative=4, n_redundant=0, n_classes=n_classes, random_state=0
    )
    valuator = BoostInValuator(kind(random_state=0).fit(X[:200], y[:200]), prefit=True)
    rows = {"X": X[:200], "y": y[:200], "X_val": X[200:], "y_val": y[200:]}
    values = valuator.fit(**rows).values_
    monkeypatch.setattr("skdvl.boosting.shared_leaves._ASKED", 13 * n_classes * 100)
    np.testing.assert_allclose(valuator.fit(**rows).values_, values, rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize("n_rounds", [1, 3, 10])
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("kind", ["influence", "boostin", "self_influence"])
def test_stretches_of_rounds_go_on_from_each_other(kind, n_classes, n_rounds, monkeypatch):
    X, y = make_classification(
        300, 5, n_informative=4, n_redundant=0, n_classes=n_classes, random_state=0
    )
    model = HistGradientBoostingClassifier(max_iter=10).fit(X[:200], y[:200])
    valuator = BoostInValuator(model, kind=kind, prefit=True)
    val = {} if kind == "self_influence" else {"X_val": X[200:], "y_val": y[200:]}
    values = valuator.fit(X[:200], y[:200], **val).values_
    cells = n_rounds * 200 * (n_classes if n_classes > 2 else 1)
    monkeypatch.setattr("skdvl.boosting.shared_leaves._CELLS", cells)
    again = valuator.fit(X[:200], y[:200], **val).values_
    np.testing.assert_allclose(again, values, rtol=1e-9, atol=1e-15)


def test_other_rows_are_refused_before_any_goes_through_the_trees(monkeypatch):
    X, y = make_classification(300, 5, random_state=0)
    model = HistGradientBoostingClassifier(max_iter=20).fit(X[:200], y[:200])
    for name in ("shared_leaves._ways_of_then", "shared_leaves._ways_at_the_end"):
        monkeypatch.setattr(f"skdvl.boosting.{name}", lambda *_: pytest.fail("before the check"))
    for kind in ("influence", "boostin", "self_influence"):
        valuator = BoostInValuator(model, prefit=True, kind=kind)
        val = {} if kind == "self_influence" else {"X_val": X[:50], "y_val": y[:50]}
        with pytest.raises(ValueError, match="own fit alone"):
            valuator.fit(X[100:], y[100:], **val)
