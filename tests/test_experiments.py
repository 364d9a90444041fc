"""Curves against plain loops, areas against enumeration, and what may go wrong."""

import itertools
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from scipy.integrate import trapezoid
from scipy.stats import hypergeom, norm
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris
from sklearn.exceptions import FitFailedWarning
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.model_selection import KFold, train_test_split
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from skdvl import DataOOBValuator, KNNShapleyValuator, RandomValuator, ShapleyValuator
from skdvl.caching import MemoryCache
from skdvl.experiments import (
    addition_curve,
    compare_valuators,
    corrupt_features,
    detection_curve,
    flip_labels,
    removal_curve,
)
from skdvl.stopping import MaxRounds


@pytest.fixture
def iris():
    X, y = load_iris(return_X_y=True)
    X, X_test, y, y_test = train_test_split(X, y, test_size=60, random_state=0, stratify=y)
    values = np.random.default_rng(0).standard_normal(len(y))
    return values, X, y, X_test, y_test


# ------------------------------------------------------------------ curves


@pytest.mark.parametrize("from_", ["lowest", "highest"])
def test_removal_is_a_plain_loop(iris, from_):
    values, X, y, X_test, y_test = iris
    fractions = [0, 0.1, 0.25, 0.777]
    curve = removal_curve(
        GaussianNB(), *iris, fractions=fractions, from_=from_, n_random=2, random_state=0
    )
    order = np.argsort(values if from_ == "lowest" else -values)
    for fraction, n_rows, score in zip(fractions, curve.n_rows, curve.scores, strict=True):
        assert n_rows == int(fraction * 90 + 1e-9)
        left = np.sort(order[n_rows:])
        assert score == GaussianNB().fit(X[left], y[left]).score(X_test, y_test)
    np.testing.assert_allclose(curve.fractions, curve.n_rows / 90)


def test_addition_is_removal_backwards(iris):
    fractions = np.array([0.2, 0.5, 0.8])
    options = {"n_random": 2, "random_state": 0}
    added = addition_curve(GaussianNB(), *iris, fractions=fractions, **options)
    left = removal_curve(GaussianNB(), *iris, fractions=1 - fractions, **options)
    np.testing.assert_array_equal(added.scores, left.scores[::-1])
    np.testing.assert_allclose(added.fractions, 1 - left.fractions[::-1])


def test_all_rows_and_no_rows(iris):
    values, X, y, X_test, y_test = iris
    model = LogisticRegression(max_iter=300)
    curve = removal_curve(
        model, *iris, fractions=[1.0, 0.0], scoring="neg_log_loss", n_random=2, random_state=0
    )
    whole = -log_loss(y_test, model.fit(X, y).predict_proba(X_test))
    share = np.bincount(y) / len(y)
    nothing = -log_loss(y_test, np.tile(share, (len(y_test), 1)))
    np.testing.assert_allclose(curve.scores, [whole, nothing])
    np.testing.assert_allclose(curve.random_scores, [curve.scores] * 2)
    assert abs(curve.gain) < 1e-12


def test_classes_may_vanish_and_models_may_fail(iris):
    _, X, y, X_test, y_test = iris
    values = y.astype(float)  # the lowest rows are all of class 0, then 1
    curve = removal_curve(
        GaussianNB(), values, X, y, X_test, y_test, fractions=[0.34, 0.7], scoring="neg_log_loss"
    )
    assert np.isfinite(curve.scores).all() and np.isfinite(curve.random_scores).all()
    accuracy = removal_curve(GaussianNB(), values, *iris[1:], fractions=[0.7, 0.9])
    np.testing.assert_array_equal(accuracy.scores, (y_test == 2).mean())
    with pytest.warns(FitFailedWarning, match="sets of rows could not be fitted"):
        curve = removal_curve(KNeighborsClassifier(5), *iris, fractions=[0.96], random_state=0)
    assert curve.n_rows == 86 and curve.scores == pytest.approx((y_test == 0).mean())


def test_order_of_ties_and_of_rows_without_a_value(iris):
    values, X, y, X_test, y_test = iris
    values = np.where(np.arange(90) < 45, np.nan, 0.0)
    model = DecisionTreeClassifier(random_state=0)
    curves = [
        removal_curve(model, values, *iris[1:], fractions=[0.3, 0.5], from_=from_, random_state=s)
        for s, from_ in itertools.product(range(4), ("lowest", "highest"))
    ]
    left = np.arange(45)  # rows without a value are the last to go, from either end
    expected = model.fit(X[left], y[left]).score(X_test, y_test)
    assert {curve.scores[1] for curve in curves} == {expected}
    assert len({curve.scores[0] for curve in curves}) > 1  # ties are broken by chance
    with pytest.raises(ValueError, match="nothing but NaN"):
        removal_curve(model, np.full(90, np.nan), *iris[1:])


def test_groups_go_as_a_whole(iris):
    values, X, y, X_test, y_test = iris
    groups = np.array(list("abcdef"))[np.random.default_rng(1).integers(0, 6, 90)]
    mean = {name: values[groups == name].mean() for name in "abcdef"}
    size = {name: (groups == name).sum() for name in "abcdef"}
    lowest = sorted(mean, key=mean.get)
    fractions = [0.0, 0.3, 0.6, 1.0]
    curve = removal_curve(
        GaussianNB(), *iris, fractions=fractions, groups=groups, n_random=3, random_state=0
    )
    ends = np.cumsum([0] + [size[name] for name in lowest])
    for fraction, n_rows, score in zip(fractions, curve.n_rows, curve.scores, strict=True):
        n_groups = max(k for k in range(7) if ends[k] <= fraction * 90)
        assert n_rows == ends[n_groups]
        left = ~np.isin(groups, lowest[:n_groups])
        if left.any():
            assert score == GaussianNB().fit(X[left], y[left]).score(X_test, y_test)
    assert curve.random_scores.shape == (3, 4)
    np.testing.assert_allclose(curve.random_scores[:, 0], curve.scores[0])
    np.testing.assert_allclose(curve.random_scores[:, -1], curve.scores[-1])


def test_random_orders_of_groups_are_interpolated(iris):
    """With groups of one row there is nothing to interpolate: the same as without."""
    options = {"fractions": [0.1, 0.5, 0.9], "n_random": 3, "random_state": 0}
    plain = removal_curve(GaussianNB(), *iris, **options)
    alone = removal_curve(GaussianNB(), *iris, groups=np.arange(90), **options)
    np.testing.assert_array_equal(plain.scores, alone.scores)
    np.testing.assert_allclose(plain.random_scores, alone.random_scores)


def test_any_container_and_any_number_of_workers(iris):
    values, X, y, X_test, y_test = iris
    options = {"fractions": [0.2, 0.4], "n_random": 2, "random_state": 0}
    model = make_pipeline(StandardScaler(with_mean=False), LogisticRegression())
    plain = removal_curve(model, *iris, **options)
    named = np.array(["x", "y", "z"])
    frame, frame_test = pd.DataFrame(X, index=np.arange(90) * 2), pd.DataFrame(X_test)
    others = [
        (values.tolist(), X.tolist(), y.tolist(), X_test.tolist(), y_test.tolist()),
        (values, frame, pd.Series(named[y]), frame_test, pd.Series(named[y_test])),
        (values, sparse.csr_array(X), y, sparse.csr_array(X_test), y_test),
    ]
    for rows in others:
        again = removal_curve(model, *rows, **options)
        np.testing.assert_array_equal(plain.scores, again.scores)
        np.testing.assert_array_equal(plain.random_scores, again.random_scores)
    parallel = removal_curve(model, *iris, n_jobs=2, **options)
    np.testing.assert_array_equal(plain.scores, parallel.scores)
    assert plain.gain_stderr == parallel.gain_stderr


def test_precomputed_kernels_lose_columns_too(iris):
    values, X, y, X_test, y_test = iris
    options = {"fractions": [0.2, 0.5], "n_random": 2, "random_state": 0}
    linear = removal_curve(SVC(kernel="linear"), *iris, **options)
    given = removal_curve(
        SVC(kernel="precomputed"), values, X @ X.T, y, X_test @ X.T, y_test, **options
    )
    np.testing.assert_array_equal(linear.scores, given.scores)


def test_regression_and_several_methods():
    X, y = load_diabetes(return_X_y=True)
    X, X_test, y, y_test = train_test_split(X, y, test_size=300, random_state=0)
    methods = {"KNN": KNNShapleyValuator(), "random": RandomValuator(random_state=0)}
    options = {"fractions": [0.0, 0.2], "n_random": 3, "random_state": 0}
    curves = removal_curve(Ridge(), methods, X, y, X_test, y_test, **options)
    assert list(curves) == ["KNN", "random"] and curves["KNN"].scoring == "r2"
    np.testing.assert_array_equal(curves["KNN"].random_scores, curves["random"].random_scores)
    values = KNNShapleyValuator().fit(X, y).values_
    left = np.sort(np.argsort(values)[28:])
    expected = Ridge().fit(X[left], y[left]).score(X_test, y_test)
    assert curves["KNN"].scores[1] == pytest.approx(expected, abs=1e-12)
    assert not hasattr(methods["KNN"], "values_")


def test_cross_validation_values_each_fold_anew(iris):
    _, X, y, _, _ = iris
    cv = KFold(3, shuffle=True, random_state=0)
    curve = removal_curve(
        GaussianNB(), KNNShapleyValuator(), X, y, cv=cv, fractions=[0, 0.2], random_state=0
    )
    scores = []
    for train, test in cv.split(X):
        values = KNNShapleyValuator().fit(X[train], y[train]).values_
        left = train[np.sort(np.argsort(values, kind="stable")[12:])]
        models = [clone(GaussianNB()).fit(X[rows], y[rows]) for rows in (train, left)]
        scores.append([model.score(X[test], y[test]) for model in models])
    np.testing.assert_allclose(curve.scores, np.mean(scores, axis=0))
    assert curve.n_rows.tolist() == [0, 12]
    assert curve.gain_interval[0] < curve.gain < curve.gain_interval[1]
    with pytest.raises(ValueError, match="may know the held-out ones"):
        removal_curve(GaussianNB(), np.zeros(90), X, y, cv=3)


# ------------------------------------------------------------------ areas and their errors


def test_gain_is_a_difference_of_areas(iris):
    curve = removal_curve(GaussianNB(), *iris, fractions=[0, 0.1, 0.4], random_state=1)
    areas = [trapezoid(s, curve.fractions) / 0.4 for s in curve.random_scores]
    area = trapezoid(curve.scores, curve.fractions) / 0.4
    assert curve.area == pytest.approx(area)
    assert curve.gain == pytest.approx(area - np.mean(areas))
    lower, upper = curve.random_band()
    assert (lower <= curve.random_mean).all() and (curve.random_mean <= upper).all()


def test_error_of_the_gain_is_that_of_a_mean_over_test_rows(iris):
    """With ten test rows each is a part of its own, and the jackknife of a mean is s^2 / n."""
    values, X, y, X_test, y_test = iris
    rng = np.random.default_rng(0)
    y = rng.permutation(y)  # nothing to learn, so that errors differ
    rows = values, X, y, X_test[:10], y_test[:10]
    model = DecisionTreeClassifier(random_state=0)
    options = {"fractions": [0.5], "n_random": 4, "random_state": 3}
    curve = removal_curve(model, *rows, **options)
    tests = [(X_test[[j]], y_test[[j]]) for j in range(10)]
    singles = [removal_curve(model, values, X, y, *test, **options) for test in tests]
    assert all(np.isinf(single.gain_stderr) for single in singles)
    gains = np.array([single.gain for single in singles])
    assert gains.std() > 0 and curve.gain == pytest.approx(gains.mean())
    of_orders = curve.random_scores.var(ddof=1) / 4
    assert curve.gain_stderr**2 == pytest.approx(gains.var(ddof=1) / 10 + of_orders)


def test_a_few_test_rows_that_are_all_right_prove_nothing(iris):
    values, X, y, X_test, y_test = iris
    easy = np.flatnonzero(y_test == 0)[:5]
    model = LogisticRegression(max_iter=500)
    curve = removal_curve(model, values, X, y, X_test[easy], y_test[easy], fractions=[0.1, 0.3])
    assert (curve.scores == 1).all() and (curve.random_scores == 1).all()
    assert curve.gain == 0 and np.isinf(curve.gain_stderr)
    assert curve.gain_interval == (-np.inf, np.inf)


def test_intervals_hold_the_gain_on_very_many_test_rows():
    rng = np.random.default_rng(0)

    def draw(n):
        y = rng.integers(0, 2, n)
        return rng.standard_normal((n, 3)) + 0.7 * y[:, None], y

    X, y = draw(60)
    y, is_flipped = flip_labels(y, 0.3, random_state=0)
    values = 0.5 * rng.standard_normal(60) - is_flipped
    options = {"fractions": [0.2], "n_random": 10}
    truth = removal_curve(
        GaussianNB(), values, X, y, *draw(40_000), random_state=0, **(options | {"n_random": 300})
    )
    held = 0
    for seed in range(30):
        curve = removal_curve(GaussianNB(), values, X, y, *draw(80), random_state=seed, **options)
        held += curve.gain_interval[0] <= truth.gain <= curve.gain_interval[1]
    assert truth.gain > 0
    assert 25 <= held  # of 30


@pytest.mark.parametrize("seed", range(3))
def test_detection_is_the_mean_over_all_orders_of_ties(seed):
    rng = np.random.default_rng(seed)
    values = rng.integers(0, 3, 7).astype(float)
    values[2] = np.nan
    wrong = np.isin(np.arange(7), [1, 2, 4])
    curve = detection_curve(values, wrong)
    ranked = np.where(np.isnan(values), 9, values)
    found = []
    for order in itertools.permutations(range(7)):
        order = np.array(order)
        if (np.diff(ranked[order]) >= 0).all():
            found.append(np.append(0, np.cumsum(wrong[order])) / 3)
    np.testing.assert_allclose(curve.found, np.mean(found, axis=0))
    np.testing.assert_allclose(curve.inspected, np.arange(8) / 7)
    assert curve.area == pytest.approx(trapezoid(curve.found, curve.inspected))
    assert curve.gain == pytest.approx(2 * roc_auc_score(wrong, -ranked) - 1)
    assert curve.found_at(1 / 7) == pytest.approx(curve.found[1])
    best = detection_curve(-wrong.astype(float), wrong)
    assert best.area == pytest.approx(best.best_area) == pytest.approx(curve.best_area)
    assert best.gain == pytest.approx(1)


def test_error_of_detection_is_delongs():
    rng = np.random.default_rng(0)
    wrong = rng.random(40) < 0.3
    values = np.round(rng.standard_normal(40) - wrong, 1)
    curve = detection_curve(values, wrong)
    wins = np.array([[(a < b) + (a == b) / 2 for b in values[~wrong]] for a in values[wrong]])
    variance = wins.mean(axis=1).var(ddof=1) / wins.shape[0]
    variance += wins.mean(axis=0).var(ddof=1) / wins.shape[1]
    assert curve.area_stderr == pytest.approx(np.sqrt(variance) * (1 - wrong.mean()))
    assert curve.area_interval[0] < curve.area < curve.area_interval[1]


def test_intervals_of_detection_hold_the_area_near_the_best_one():
    """About as often as they say, where few rows are wrong and most of them come first."""
    true, held = norm.cdf(2.2 / np.sqrt(2)), []
    for seed in range(400):
        rng = np.random.default_rng(seed)
        wrong = np.arange(200) < 20
        curve = detection_curve(rng.standard_normal(200) - 2.2 * wrong, wrong)
        lower, upper = ((np.array(curve.area_interval) - 0.05) / 0.9).tolist()
        held.append(lower <= true <= upper)
    assert np.mean(held) > 0.9


def test_few_wrong_rows_that_come_first_prove_little():
    wrong = np.arange(10) < 2
    for values, best in ((np.arange(10), 0.9), (-np.arange(10), 0.9), (np.zeros(10), 0.9)):
        curve = detection_curve(values, wrong)
        lower, upper = (np.array(curve.area_interval) - 0.1) / 0.8
        assert np.isinf(curve.area_stderr) and curve.best_area == best
        least = np.sqrt(0.025)  # the chance that two pairs tell the same, if each does
        ends = {0.9: (least, 1), 0.1: (0, 1 - least), 0.5: (least / 2, 1 - least / 2)}
        assert (lower, upper) == pytest.approx(ends[round(curve.area, 12)])


def test_intervals_of_detection_hold_where_few_rows_seldom_overlap():
    rng = np.random.default_rng(0)
    wrong, exact = np.arange(16) < 3, norm.cdf(2 / np.sqrt(2))
    missed = 0
    for _ in range(1000):
        curve = detection_curve(rng.standard_normal(16) + 2 * ~wrong, wrong)
        lower, upper = (np.array(curve.area_interval) - 3 / 32) / (13 / 16)
        missed += not lower <= exact <= upper
    assert missed <= 70


def test_random_band_of_detection_holds_random_orders():
    rng = np.random.default_rng(0)
    wrong = np.arange(60) < 12
    lower, upper = detection_curve(np.arange(60), wrong).random_band(0.9)
    shares = [np.append(0, np.cumsum(wrong[rng.permutation(60)])) / 12 for _ in range(2000)]
    law = hypergeom(60, 12, np.arange(61))
    np.testing.assert_allclose([12 * lower, 12 * upper], [law.ppf(0.05), law.ppf(0.95)], atol=1e-9)
    inside = np.mean((lower <= shares) & (shares <= upper), axis=0)
    assert inside.min() > 0.88 and lower[-1] == upper[-1] == 1


def test_detection_in_groups():
    groups = list("aabbbc")
    curve = detection_curve([1, 3, 0, 0, 0, 5], [1, 0, 1, 1, 0, 0], groups=groups)
    np.testing.assert_allclose(curve.inspected, [0, 3 / 6, 5 / 6, 1])  # b, a, c
    np.testing.assert_allclose(curve.found, [0, 2 / 3, 1, 1])


# ------------------------------------------------------------------ wrong rows


@pytest.mark.parametrize("y", [[0, 1] * 30, list("abc") * 20, [True, False] * 30])
def test_flipped_labels_are_of_another_class(y):
    flipped, mask = flip_labels(y, 0.35, random_state=0)
    assert mask.sum() == 21 and set(flipped.tolist()) <= set(y)
    np.testing.assert_array_equal(flipped != np.array(y), mask)
    series, again = flip_labels(pd.Series(y, index=range(5, 65)), 0.35, random_state=0)
    assert series.index[0] == 5 and series.tolist() == flipped.tolist()
    np.testing.assert_array_equal(mask, again)
    assert flip_labels(y, 1, random_state=0)[1].all()
    assert not flip_labels(y, 0.0)[1].any()


def test_every_other_class_is_as_likely():
    flipped, mask = flip_labels(np.tile(np.arange(4), 1500), 1.0, random_state=0)
    table = np.zeros((4, 4))
    np.add.at(table, (np.tile(np.arange(4), 1500), flipped), 1)
    off = table[~np.eye(4, dtype=bool)]
    assert abs(off - 500).max() < 4.5 * np.sqrt(500 * 2 / 3)


def test_noise_and_shuffled_cells():
    X = np.random.default_rng(0).standard_normal((4000, 3)) * [1, 10, 0.1]
    noisy, mask = corrupt_features(X, 0.5, scale=2.0, features=[0, 1], random_state=0)
    assert mask.sum() == 2000
    np.testing.assert_array_equal(noisy[~mask], X[~mask])
    np.testing.assert_array_equal(noisy[:, 2], X[:, 2])
    ratio = (noisy - X)[mask][:, :2].std(axis=0) / X[:, :2].std(axis=0)
    np.testing.assert_allclose(ratio, 2, rtol=0.1)
    options = {"scale": 2.0, "features": ["a", "b"], "random_state": 0}
    named, _ = corrupt_features(pd.DataFrame(X, columns=["a", "b", "c"]), 0.5, **options)
    np.testing.assert_array_equal(named, noisy)
    frame = pd.DataFrame({"n": np.arange(20), "c": pd.Categorical(list("abcd") * 5)})
    shuffled, mask = corrupt_features(frame, 0.5, how="shuffle", random_state=0)
    assert (shuffled.dtypes == frame.dtypes).all() and mask.sum() == 10
    np.testing.assert_array_equal(shuffled["n"] != frame["n"], mask)
    assert shuffled[~mask].equals(frame[~mask])
    with pytest.raises(ValueError, match="needs numbers"):
        corrupt_features(frame, 0.5)


# ------------------------------------------------------------------ tables


def test_comparison(iris):
    _, X, y, X_test, y_test = iris
    y, is_flipped = flip_labels(y, 0.2, random_state=0)
    shapley = ShapleyValuator(GaussianNB(), stopping=MaxRounds(2), random_state=0, cv=3)
    methods = {
        "KNN": KNNShapleyValuator(),
        "Data-OOB": DataOOBValuator(random_state=0),
        "Shapley": shapley,
    }
    options = {"is_flipped": is_flipped, "estimator": GaussianNB(), "fractions": [0.0, 0.2]}
    options |= {"X_test": X_test, "y_test": y_test, "random_state": 0, "return_valuators": True}
    table = compare_valuators(methods, X, y, **options)
    assert table.index.tolist() == list(methods)
    assert table["seconds"].min() > 0
    fitted = table.loc["Shapley", "valuator"]
    assert table["evaluations"].tolist() == [0, 0, fitted.n_evaluations_] and not hasattr(
        shapley, "values_"
    )
    values = KNNShapleyValuator().fit(X, y).values_
    assert table.loc["KNN", "detection_area"] == detection_curve(values, is_flipped).area
    assert (table["removal_lower"] < table["removal_upper"]).all()
    parallel = compare_valuators(methods, X, y, n_jobs=2, **options)
    same = table.columns.difference(["seconds", "valuator"])
    pd.testing.assert_frame_equal(table[same], parallel[same])


def test_comparison_hands_on_validation_rows_and_caches(iris):
    _, X, y, X_val, y_val = iris
    cache = MemoryCache()
    options = {"stopping": MaxRounds(2), "random_state": 0, "cache": cache, "kernel": "refit"}
    methods = {name: ShapleyValuator(GaussianNB(), **options) for name in ("first", "second")}
    rows = {"X_val": X_val, "y_val": y_val}
    table = compare_valuators(methods, X, y, **rows, return_valuators=True)
    assert cache.stats.hits >= table["evaluations"]["second"] > 0
    alone = ShapleyValuator(GaussianNB(), **options).fit(X, y, **rows)
    np.testing.assert_array_equal(table["valuator"]["second"].values_, alone.values_)


# ------------------------------------------------------------------ refusals


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda v, *rows: removal_curve(GaussianNB(), v[:-1], *rows), r"shape \(89,\)"),
        (lambda v, *rows: removal_curve(GaussianNB(), {"m": v[:-1]}, *rows), "m has shape"),
        (lambda v, *rows: removal_curve(GaussianNB(), {}, *rows), "empty dict"),
        (lambda v, *rows: removal_curve(GaussianNB(), v, *rows, fractions=[1.1]), "from 0 to 1"),
        (lambda v, *rows: removal_curve(GaussianNB(), v, *rows, from_="low"), "from_ must be"),
        (lambda v, *rows: removal_curve(GaussianNB(), v, *rows, n_random=1), "n_random"),
        (lambda v, *rows: removal_curve(GaussianNB(), v, *rows, cv=3), "not both"),
        (lambda v, X, y, *_: removal_curve(GaussianNB(), v, X, y), "missing"),
        (lambda v, *rows: removal_curve(StandardScaler(), v, *rows), "Set scoring"),
        (lambda v, X, y, *t: removal_curve(GaussianNB(), v, X, y[:5], *t), "90 rows and y has 5"),
        (lambda v, *rows: removal_curve(GaussianNB(), v, *rows, groups=[1]), "groups has shape"),
        (lambda v, X, y, *t: removal_curve(GaussianNB(), v, X, y * 0, *t), "one class only"),
        (lambda v, *_: detection_curve(v, np.zeros(90)), "nothing to tell apart"),
        (lambda v, *_: detection_curve(v, np.arange(90)), "mask"),
        (lambda v, *_: detection_curve(v[:4], np.arange(90) < 3), "shape"),
        (lambda v, *_: flip_labels(v), "targets of a regression"),
        (lambda v, X, y, *_: flip_labels(y * 0), "one class only"),
        (lambda v, X, y, *_: flip_labels(y, 1.5), "fraction"),
        (lambda v, X, y, *_: corrupt_features(sparse.csr_array(X)), "sparse"),
        (lambda v, X, y, *_: corrupt_features(X, how="x"), "how must be"),
        (lambda v, X, y, *_: corrupt_features(X, scale=0), "scale"),
        (lambda v, X, y, *_: compare_valuators([], X, y), "dict"),
        (lambda v, X, y, *_: flip_labels([]), "no entries"),
        (lambda v, X, y, *_: corrupt_features(X, features=[4]), "4 columns"),
        (lambda v, X, y, *_: corrupt_features(X, features=["a"]), "4 columns"),
        (lambda v, *rows: removal_curve(GaussianNB(), v, *rows, fractions="x"), "from 0 to 1"),
        (
            lambda v, X, y, *_: compare_valuators({"r": RandomValuator()}, X, y, is_flipped=[1]),
            "is_flipped has shape",
        ),
        (
            lambda v, X, y, *_: compare_valuators({"r": RandomValuator()}, X, y, estimator=1),
            "together",
        ),
        (lambda v, X, y, X_test, y_test: _curve_of(v, X, y, X_test, y_test.astype(str)), "none of"),
        (lambda v, *_: detection_curve(v, v > 1).found_at(30), "in percent"),
        (lambda v, *_: detection_curve(v, v > 1).random_band(95), "level"),
        (lambda v, *rows: _curve_of(v, *rows).random_band(95), "level"),
    ],
)
def test_refusals(iris, call, match):
    with pytest.raises(ValueError, match=match):
        call(*iris)


@pytest.mark.parametrize(
    ("values", "match"),
    [
        (KNNShapleyValuator, r"class; write KNNShapleyValuator\(\)"),
        (GaussianNB(), r"ShapleyValuator\(GaussianNB\(\)\)"),
    ],
)
def test_models_and_classes_are_no_valuators(iris, values, match):
    with pytest.raises(TypeError, match=match):
        removal_curve(GaussianNB(), values, *iris[1:])
    with pytest.raises(TypeError, match=match):
        compare_valuators({"mine": values}, *iris[1:3])


def _curve_of(values, *rows):
    return removal_curve(GaussianNB(), values, *rows, fractions=[0, 0.1], random_state=0)


def test_a_test_row_may_be_of_a_new_class(iris):
    values, X, y, X_test, y_test = iris
    new = _curve_of(values, X, y, X_test, np.where(y_test == 0, 7, y_test))
    known = _curve_of(values, X, y, X_test, y_test)
    assert (new.scores <= known.scores - 0.3).all()


@pytest.mark.parametrize(
    ("estimator", "match"),
    [(GaussianNB, r"write GaussianNB\(\)"), (np.arange(90), "in each other's place")],
)
def test_values_and_classes_are_no_models(iris, estimator, match):
    with pytest.raises(TypeError, match=match):
        removal_curve(estimator, GaussianNB(), *iris[1:])


class Untouched(KNNShapleyValuator):
    def fit(self, X, y, *, X_val=None, y_val=None, groups=None):
        raise AssertionError("fitted")


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"groups": [1, 2]}, "groups has shape"),
        ({"X_val": [[0.0] * 4]}, "X_val and y_val together"),
        ({"scoring": "acc"}, "scoring"),
        ({"estimator": StandardScaler()}, "Set scoring"),
        ({"estimator": GaussianNB}, r"write GaussianNB\(\)"),
        ({"y_test": np.zeros((60, 2))}, "y_test has shape"),
        ({"y_test": ["?"] * 60}, "none of the labels"),
    ],
)
def test_a_comparison_is_refused_before_any_fit(iris, options, match):
    _, X, y, X_test, y_test = iris
    given = {"estimator": GaussianNB(), "X_test": X_test, "y_test": y_test} | options
    with pytest.raises((TypeError, ValueError), match=match):
        compare_valuators({"mine": Untouched()}, X, y, **given)


def test_pipelines_that_end_in_a_valuator(iris):
    _, X, y, X_test, y_test = iris
    pipeline = make_pipeline(StandardScaler(), KNNShapleyValuator())
    options = {"fractions": [0.2, 0.5], "random_state": 0}
    fresh = removal_curve(GaussianNB(), pipeline, X, y, X_test, y_test, **options)
    fitted = pipeline.fit(X, y)
    again = removal_curve(GaussianNB(), fitted, X, y, X_test, y_test, **options)
    values = fitted[-1].values_
    plain = removal_curve(GaussianNB(), values, X, y, X_test, y_test, **options)
    for curve in (fresh, again):
        np.testing.assert_array_equal(curve.scores, plain.scores)
    assert detection_curve(fitted, y == 0).area == detection_curve(values, y == 0).area


def test_a_valuator_that_fails_is_named(iris):
    methods = {"mine": ShapleyValuator()}
    with pytest.raises(RuntimeError, match="mine failed: ValueError.*no estimator"):
        compare_valuators(methods, *iris[1:3])


def test_nothing_but_the_table_needs_pandas():
    code = (
        "import sys; sys.modules['pandas'] = None\n"
        "from skdvl.experiments import compare_valuators, detection_curve\n"
        "print(detection_curve([0, 1], [1, 0]).area)\n"
        "compare_valuators({}, [[0]], [0])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "0.75\n" and "ImportError" in done.stderr
    assert 'pip install "skdvl[experiments]"' in done.stderr
