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
from skdvl.boosting.leaves import LeafMasks, LeafWalks
from skdvl.boosting.places import places
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


def with_few_values(rng, n):
    return rng.integers(-3, 4, size=(n, 6)).astype(float)


def with_categories(rng, n):
    X = with_gaps(rng, n)
    X[:, 1] = rng.integers(0, 40, n)
    X[:, 4] = np.where(rng.random(n) < 0.1, np.nan, rng.integers(0, 5, n))
    return X


TABLES = [numbers, with_gaps, with_infinities, with_few_values, with_categories]


@pytest.mark.parametrize("max_leaf_nodes", [2, 31, 60, 65])
@pytest.mark.parametrize("table", TABLES)
def test_leaves_are_those_of_scikit_learns_walk(table, max_leaf_nodes):
    rng = np.random.default_rng(0)
    X, X_new = table(rng, 1500), table(rng, 700)
    y = np.nan_to_num(X, posinf=4, neginf=-4)
    y = np.sin(y[:, 3] * 2) + (y[:, 1] % 7 > 3) + np.isnan(X[:, 2])
    booster = HistGradientBoostingRegressor(
        max_iter=140, max_leaf_nodes=max_leaf_nodes, min_samples_leaf=3,
        categorical_features=[1, 4] if table is with_categories else None,
    )  # fmt: skip
    with np.errstate(invalid="ignore"):  # quantiles of infinities
        booster.fit(X, y)
    if table is with_categories:
        X_new[:5, 1] = 77  # categories never seen
    told = read(booster)
    most = max(tree.get_n_leaf_nodes() for trees in booster._predictors for tree in trees)
    assert type(told.finder) is (LeafMasks if most <= 64 else LeafWalks)
    assert (most > 32) == (max_leaf_nodes > 32) or table is with_few_values
    walks = LeafWalks(
        [tree for trees in booster._predictors for tree in trees],
        *booster._bin_mapper.make_known_categories_bitsets(),
    )
    for given in (X, X_new):
        rows = told.rows(given)
        rounds = list(told.leaves(rows))
        assert len(rounds) == 140
        for [leaf], expected in zip(rounds, walks.leaves(rows), strict=True):
            np.testing.assert_array_equal(leaf, expected)
        added = sum(said[leaf] for [said], [leaf] in zip(told.said, rounds, strict=True))
        raw = booster._baseline_prediction.ravel() + added
        expected = booster._raw_predict(given).ravel()
        np.testing.assert_allclose(raw, expected, rtol=1e-12, atol=1e-12)


def test_trees_without_nodes_and_with_many_features():
    X, y = make_regression(200, 150, n_informative=150, random_state=0)
    stumps = read(HistGradientBoostingRegressor(max_iter=3, min_samples_leaf=150).fit(X, y))
    assert [leaf.sum() for [leaf] in stumps.leaves(stumps.rows(X))] == [0, 0, 0]
    X, y = make_regression(200, 300, n_informative=300, random_state=0)
    wide = HistGradientBoostingRegressor(max_iter=200, min_samples_leaf=2).fit(X, y)
    assert type(read(wide).finder) is LeafWalks


@pytest.mark.parametrize("scale", [1e-300, 1e-3, 1.0, 1e5, 1e300])
@pytest.mark.parametrize("spread", ["even", "skewed", "few"])
def test_places_are_those_of_a_bisection(spread, scale):
    rng = np.random.default_rng(3)
    for n_thresholds in (0, 1, 2, 3, 40, 200):
        draw = {
            "even": lambda size: rng.normal(size=size),
            "skewed": lambda size: rng.standard_cauchy(size) ** 3,
            "few": lambda size: rng.integers(-5, 5, size).astype(float),
        }[spread]
        with np.errstate(over="ignore"):
            thresholds = np.unique(draw(n_thresholds) * scale)
            column = np.concatenate([draw(500) * scale, [np.inf, -np.inf, 0.0, -0.0]])
        beside = [np.nextafter(thresholds, side) for side in (-np.inf, np.inf)]
        column = np.concatenate([column, thresholds, *beside])
        for ends in (thresholds, np.unique(np.append(thresholds, np.inf))):
            np.testing.assert_array_equal(places(column, ends), np.searchsorted(ends, column))


@pytest.mark.parametrize("weighted", [False, True])
def test_derivatives_from_odds_are_those_of_the_loss(weighted):
    rng = np.random.default_rng(1)
    n, loss = 400, HalfBinomialLoss()
    raw, y = rng.normal(size=n) * 30, rng.integers(0, 2, n).astype(float)
    weight = rng.uniform(0, 2, n) if weighted else None
    odds = OddsSlopes(raw.copy(), y, weight)
    plain = Slopes(loss, raw.copy()[:, None], y, weight)
    for _ in range(200):
        said, leaf = rng.normal(size=7), rng.integers(0, 7, n)
        for slopes in (odds, plain):
            slopes.step(0, said, leaf)
        for ours, theirs in zip(odds.derivatives(), plain.derivatives(), strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-10)


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
    monkeypatch.setattr("skdvl.boosting.shared_leaves._CELLS", 13 * n_classes * 100)
    np.testing.assert_allclose(valuator.fit(**rows).values_, values, rtol=1e-9, atol=1e-15)


def test_other_rows_are_refused_before_any_goes_through_the_trees(monkeypatch):
    X, y = make_classification(300, 5, random_state=0)
    model = HistGradientBoostingClassifier(max_iter=20).fit(X[:200], y[:200])
    for name in ("slopes.OddsSlopes.step", "shared_leaves._ways_at_the_end"):
        monkeypatch.setattr(f"skdvl.boosting.{name}", lambda *_: pytest.fail("before the check"))
    for kind in ("influence", "boostin", "self_influence"):
        valuator = BoostInValuator(model, prefit=True, kind=kind)
        val = {} if kind == "self_influence" else {"X_val": X[:50], "y_val": y[:50]}
        with pytest.raises(ValueError, match="own fit alone"):
            valuator.fit(X[100:], y[100:], **val)
