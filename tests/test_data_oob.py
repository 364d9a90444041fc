"""DataOOBValuator: the definition, member by member, and scikit-learn's own out-of-bag numbers."""

import pickle

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import sklearn
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris
from sklearn.ensemble import (
    BaggingClassifier,
    BaggingRegressor,
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, Ridge, RidgeClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline as make_sklearn_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from skdvl import DataOOBValuator, DataPruner, TwoDOOBValuator, make_pipeline
from skdvl.valuators import out_of_bag

CLASSIFIERS = [
    RandomForestClassifier(25, random_state=0),
    RandomForestClassifier(25, max_samples=0.3, random_state=0),
    ExtraTreesClassifier(25, bootstrap=True, random_state=0),
    BaggingClassifier(n_estimators=25, random_state=0),
    BaggingClassifier(n_estimators=25, max_samples=0.4, bootstrap=False, random_state=0),
    BaggingClassifier(n_estimators=25, max_features=0.5, bootstrap_features=True, random_state=0),
    BaggingClassifier(GaussianNB(), n_estimators=25, max_features=3, random_state=0),
    BaggingClassifier(make_sklearn_pipeline(StandardScaler(), GaussianNB()), 25, random_state=0),
    # members that have not met every class
    BaggingClassifier(KNeighborsClassifier(1), 25, max_samples=6, random_state=0),
    BaggingClassifier(DecisionTreeClassifier(), 25, max_samples=4, random_state=0),
]
REGRESSORS = [
    RandomForestRegressor(25, random_state=0),
    RandomForestRegressor(25, criterion="absolute_error", max_depth=3, random_state=0),
    ExtraTreesRegressor(25, bootstrap=True, max_samples=0.5, random_state=0),
    BaggingRegressor(n_estimators=25, max_features=0.5, random_state=0),
    BaggingRegressor(Ridge(), n_estimators=25, bootstrap=False, max_samples=0.5, random_state=0),
]
NAMES = np.array(["setosa", "versicolor", "virginica"])


def no_training(*_, **__):
    raise AssertionError("an ensemble was trained")


def by_definition(ensemble, X, y, score="label"):
    """Scores of every member on every row, by public methods alone; NaN where the row was seen."""
    features = getattr(ensemble, "estimators_features_", [np.arange(X.shape[1])] * 1000)
    told = np.full((len(ensemble.estimators_), len(y)), np.nan)
    parts = zip(ensemble.estimators_, ensemble.estimators_samples_, features, strict=False)
    for b, (member, seen, own) in enumerate(parts):
        unseen = np.array(sorted(set(range(len(y))) - set(seen.tolist())), dtype=int)
        if not len(unseen):
            continue
        x, truth = X[unseen][:, own], y[unseen]
        if not hasattr(ensemble, "classes_"):
            told[b, unseen] = -((truth - member.predict(x)) ** 2)
        elif score == "label":
            told[b, unseen] = ensemble.classes_[member.predict(x).astype(int)] == truth
        else:
            labels = ensemble.classes_[member.classes_.astype(int)]
            told[b, unseen] = (member.predict_proba(x) * (labels == truth[:, None])).sum(axis=1)
    return told


def check_against(valuator, told):
    counts = np.count_nonzero(~np.isnan(told), axis=0)
    np.testing.assert_array_equal(valuator.counts_, counts)
    known = counts > 0
    np.testing.assert_allclose(valuator.values_[known], np.nanmean(told[:, known], axis=0))
    assert np.isnan(valuator.values_[~known]).all() and np.isinf(valuator.stderr_[counts < 2]).all()
    several = counts > 1
    left, counts = np.nanvar(told[:, several], axis=0) * counts[several], counts[several]
    borrowed = left.sum() / (counts - 1).sum()  # one pseudo-observation of each row
    errors = np.sqrt((left + borrowed) / counts / counts)
    np.testing.assert_allclose(valuator.stderr_[several], errors, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("score", ["label", "probability"])
@pytest.mark.parametrize("ensemble", CLASSIFIERS, ids=lambda e: str(e)[:60])
def test_values_are_those_of_the_definition(ensemble, score):
    X, y = load_iris(return_X_y=True)
    X, y = X[::4], NAMES[y[::4]]
    fitted = clone(ensemble).fit(X, y)
    told = by_definition(fitted, X, y, score)
    valuator = DataOOBValuator(fitted, scoring=score, prefit=True).fit(X, y)
    check_against(valuator, told)
    assert valuator.task_ == "classification" and valuator.estimator_ is fitted
    again = DataOOBValuator(ensemble, scoring=score).fit(X, y)
    np.testing.assert_array_equal(again.values_, valuator.values_)
    assert valuator.n_unvalued_ == 0


@pytest.mark.parametrize("ensemble", REGRESSORS, ids=lambda e: str(e)[:60])
def test_targets_are_scored_by_squared_errors(ensemble):
    X, y = load_diabetes(return_X_y=True)
    X, y = X[::9], y[::9]
    valuator = DataOOBValuator(ensemble).fit(X, y)
    check_against(valuator, by_definition(valuator.estimator_, X, y))
    assert valuator.task_ == "regression" and (valuator.values_ <= 0).all()


@pytest.mark.parametrize(
    "kind", [RandomForestClassifier, BaggingClassifier, ExtraTreesClassifier], ids=str
)
def test_probabilities_are_those_of_the_out_of_bag_decision_function(kind):
    X, y = load_breast_cancer(return_X_y=True)
    ensemble = kind(n_estimators=60, bootstrap=True, oob_score=True, random_state=0).fit(X, y)
    valuator = DataOOBValuator(FrozenEstimator(ensemble), scoring="probability").fit(X, y)
    told = ensemble.oob_decision_function_[np.arange(len(y)), y]
    np.testing.assert_allclose(valuator.values_, told)


@pytest.mark.parametrize("copied", [1e-9, 1e9])
def test_whether_rows_are_copied_has_no_bearing(monkeypatch, copied):
    X, y = load_iris(return_X_y=True)
    forest = RandomForestClassifier(30, random_state=0).fit(X, y)
    usual = DataOOBValuator(forest, prefit=True).fit(X, y)
    monkeypatch.setattr(out_of_bag, "_COPIED", copied)
    other = DataOOBValuator(forest, prefit=True).fit(X, y)
    np.testing.assert_array_equal(other.values_, usual.values_)


def test_rows_that_were_always_seen_are_counted():
    X, y = load_iris(return_X_y=True)
    ensemble = BaggingClassifier(n_estimators=2, random_state=0)
    with pytest.warns(UserWarning, match=r"has 2 members"):
        with pytest.warns(UserWarning, match=r"\d+ of 150 rows have no value \(NaN\)"):
            valuator = DataOOBValuator(ensemble).fit(X, y)
    never = np.isnan(valuator.values_)
    assert 0 < never.sum() == valuator.n_unvalued_ < 150
    np.testing.assert_array_equal(never, valuator.counts_ == 0)
    selection = valuator.certify(quantile=0.5)
    assert not (selection.inside | selection.outside)[never].any()
    with pytest.warns(UserWarning):
        pruner = DataPruner(DataOOBValuator(ensemble), quantile=0.1).fit(X, y)
    assert pruner.sample_mask_[never].all() and pruner.n_dropped_ == 15


def test_a_prefit_ensemble_is_not_trained(monkeypatch):
    X, y = load_iris(return_X_y=True)
    forest = RandomForestClassifier(30, random_state=0).fit(X, y)
    monkeypatch.setattr(RandomForestClassifier, "fit", no_training)
    by_flag = DataOOBValuator(forest, prefit=True).fit(X, y)
    frozen = clone(DataOOBValuator(FrozenEstimator(forest))).fit(X, y)
    np.testing.assert_array_equal(by_flag.values_, frozen.values_)
    assert frozen.estimator_ is forest
    with pytest.raises(AssertionError):  # the control: this one has to train
        DataOOBValuator(forest).fit(X, y)


def test_containers():
    X, y = load_iris(return_X_y=True)
    forest = RandomForestClassifier(30, random_state=0)
    values = DataOOBValuator(forest).fit(X, y).values_
    frame = pd.DataFrame(X, columns=list("abcd"), index=np.arange(150) + 7)
    valuator = DataOOBValuator(forest).fit(frame, pd.Series(NAMES[y], index=frame.index))
    np.testing.assert_array_equal(valuator.values_, values)
    assert list(valuator.to_frame().index[:2]) == [7, 8]
    assert list(valuator.feature_names_in_) == list("abcd")
    for same in (X.tolist(), np.asfortranarray(X), sp.csr_matrix(X), sp.csc_array(X)):
        np.testing.assert_array_equal(DataOOBValuator(forest).fit(same, y).values_, values)
    holes = X.copy()
    holes[::5, 1] = np.nan
    assert np.isfinite(DataOOBValuator(forest).fit(holes, y).values_).all()


@pytest.mark.parametrize("member", [DecisionTreeClassifier(), RidgeClassifier()])
def test_sparse_rows_in_bags(member):
    X, y = load_iris(return_X_y=True)
    bag = BaggingClassifier(member, 20, max_features=0.5, random_state=0)
    dense, *others = (
        DataOOBValuator(bag).fit(kind(X), y) for kind in (np.array, sp.csr_matrix, sp.csc_matrix)
    )
    for sparse in others:
        np.testing.assert_allclose(sparse.values_, dense.values_)


def test_weights_reach_the_ensemble():
    X, y = load_iris(return_X_y=True)
    weights = np.random.default_rng(0).uniform(0.1, 3, 150)
    forest = RandomForestClassifier(30, max_depth=2, random_state=0)
    weighted = DataOOBValuator(forest).fit(X, y, sample_weight=weights)
    fitted = clone(forest).fit(X, y, sample_weight=weights)
    check_against(weighted, by_definition(fitted, X, y))
    assert not np.array_equal(weighted.values_, DataOOBValuator(forest).fit(X, y).values_)
    with sklearn.config_context(enable_metadata_routing=True):
        asked = clone(forest).set_fit_request(sample_weight=True)
        routed = DataOOBValuator(asked).fit(X, y, sample_weight=weights)
    np.testing.assert_array_equal(routed.values_, weighted.values_)
    with pytest.raises(TypeError, match="colour"):
        DataOOBValuator(forest).fit(X, y, colour=weights)
    with pytest.raises(TypeError, match="fitted already"):
        DataOOBValuator(fitted, prefit=True).fit(X, y, sample_weight=weights)


def test_groups_add_up_and_errors_know_that_a_member_errs_on_many_rows():
    X, y = load_iris(return_X_y=True)
    forest = RandomForestClassifier(40, max_depth=1, random_state=0)
    vendors = np.array(["a", "b", "c"])[np.arange(150) % 3]
    rows, groups = (
        DataOOBValuator(forest).fit(X, y),
        DataOOBValuator(forest).fit(X, y, groups=vendors),
    )
    sums = [rows.values_[vendors == name].sum() for name in "abc"]
    np.testing.assert_allclose(groups.group_values_, sums)
    np.testing.assert_allclose(groups.values_, groups.group_values_[np.arange(150) % 3] / 50)
    alone = DataOOBValuator(forest).fit(X, y, groups=np.arange(150)[::-1])
    np.testing.assert_allclose(alone.group_values_, rows.values_[::-1])
    np.testing.assert_allclose(alone.stderr_, rows.stderr_, atol=1e-9)
    values = []
    for seed in range(20):
        again = clone(forest).set_params(random_state=seed + 1)
        values.append(DataOOBValuator(again).fit(X, y, groups=vendors).group_values_)
    ratio = groups.group_stderr_ / np.std(values, axis=0, ddof=1)
    assert (ratio > 0.5).all() and (ratio < 2).all()
    assert not hasattr(groups.fit(X, y), "group_values_")


@pytest.mark.parametrize("n_jobs", [2, -1])
def test_the_number_of_threads_has_no_bearing(n_jobs):
    X, y = load_diabetes(return_X_y=True)
    one = DataOOBValuator(random_state=3).fit(X, y)
    several = DataOOBValuator(n_jobs=n_jobs, random_state=3).fit(X, y)
    np.testing.assert_array_equal(one.values_, several.values_)
    np.testing.assert_array_equal(one.stderr_, several.stderr_)
    assert several.estimator_.n_jobs == n_jobs


@pytest.mark.parametrize("score", ["label", "probability"])
def test_wrong_labels_are_found(score):
    X, y = load_digits(return_X_y=True)
    rng = np.random.default_rng(0)
    flipped = rng.random(len(y)) < 0.15
    y = np.where(flipped, (y + rng.integers(1, 10, len(y))) % 10, y)
    valuator = DataOOBValuator(RandomForestClassifier(60), scoring=score, random_state=0).fit(X, y)
    assert roc_auc_score(flipped, -valuator.values_) > 0.97


def test_wrong_targets_are_found_and_the_task_is_read_off_y():
    X, y = load_diabetes(return_X_y=True)
    wrong = np.random.default_rng(0).random(len(y)) < 0.1
    y = np.where(wrong, y + 3 * y.std(), y)
    valuator = DataOOBValuator(random_state=0).fit(X, y)
    assert valuator.task_ == "regression" and len(valuator.estimator_.estimators_) == 200
    assert roc_auc_score(wrong, -valuator.values_) > 0.9
    codes = DataOOBValuator(task="classification", random_state=0).fit(X, np.arange(442) % 40 + 18)
    assert codes.task_ == "classification"


def test_memory_trains_once(tmp_path, monkeypatch):
    X, y = load_iris(return_X_y=True)
    forest = RandomForestClassifier(20)
    first = DataOOBValuator(forest, random_state=0, memory=str(tmp_path)).fit(X, y)
    monkeypatch.setattr(RandomForestClassifier, "fit", no_training)
    again = DataOOBValuator(forest, random_state=0, n_jobs=2, memory=str(tmp_path)).fit(X, y)
    np.testing.assert_array_equal(again.values_, first.values_)
    with pytest.raises(AssertionError):
        DataOOBValuator(forest, random_state=1, memory=str(tmp_path)).fit(X, y)


def test_in_a_pruner_and_a_search(tmp_path):
    X, y = load_iris(return_X_y=True)
    forest = RandomForestClassifier(20)
    valuator = DataOOBValuator(forest, random_state=0, memory=str(tmp_path))
    pipeline = make_pipeline(DataPruner(valuator), DecisionTreeClassifier(random_state=0))
    grid = {"datapruner__quantile": [0.0, 0.2], "datapruner__valuator__scoring": ["label"]}
    search = GridSearchCV(pipeline, grid, cv=3).fit(X, y)
    assert search.best_score_ > 0.9
    fitted = pickle.loads(pickle.dumps(valuator.fit(X, y)))
    np.testing.assert_array_equal(fitted.values_, valuator.values_)
    # A frozen forest knows the rows of its fit only, and folds are others.
    frozen = DataOOBValuator(FrozenEstimator(clone(forest).fit(X, y)))
    assert DataPruner(frozen, quantile=0.1).fit(X, y).n_dropped_ == 15
    with pytest.raises(ValueError, match="was fitted on 150 rows, and X has 100"):
        GridSearchCV(
            make_pipeline(DataPruner(frozen), GaussianNB()), {}, cv=3, error_score="raise"
        ).fit(X, y)


FITTED = RandomForestClassifier(20, random_state=0).fit(*load_iris(return_X_y=True))
GROWN = BaggingClassifier(n_estimators=10, warm_start=True).fit(*load_iris(return_X_y=True))
GROWN.set_params(n_estimators=20).fit(*load_iris(return_X_y=True))


@pytest.mark.parametrize(
    ("params", "fit", "error", "message"),
    [
        ({"estimator": LogisticRegression()}, {}, ValueError, "Bag it, as in BaggingCl"),
        ({"estimator": GradientBoostingClassifier()}, {}, ValueError, "takes a forest"),
        ({"estimator": IsolationForest()}, {}, ValueError, "takes a forest"),
        ({"estimator": ExtraTreesClassifier()}, {}, ValueError, "Set bootstrap=True.$"),
        (
            {"estimator": BaggingClassifier(bootstrap=False)}, {}, ValueError,
            "or a max_samples below 1.0",
        ),
        (
            {"estimator": RandomForestClassifier(), "prefit": True}, {}, NotFittedError,
            "FrozenEstimator",
        ),
        ({"prefit": True}, {}, ValueError, "prefit=True needs an estimator"),
        (
            {"estimator": FITTED, "prefit": True},
            {"X": np.ones((100, 4)), "y": np.arange(100) % 2}, ValueError,
            "was fitted on 150 rows, and X has 100",
        ),
        ({"estimator": FITTED, "prefit": True}, {"X": np.ones((150, 3))}, ValueError, "ting 4"),
        (
            {"estimator": FITTED, "prefit": True}, {"y": np.arange(150) % 4}, ValueError,
            r"was not fitted on: \[3\]",
        ),
        ({"estimator": GROWN, "prefit": True}, {}, ValueError, "warm_start"),
        (
            {"estimator": BaggingClassifier(RidgeClassifier(), 20), "scoring": "probability"}, {},
            ValueError, "Use scoring='label'",
        ),
        ({"scoring": "margin"}, {}, ValueError, "scoring"),
        ({"n_jobs": 0}, {}, ValueError, "n_jobs=0"),
        ({}, {"y": np.ones(150)}, ValueError, "one class only"),
        ({}, {"y": np.ones((150, 2))}, ValueError, "one label or target for each row"),
        ({"task": "regression"}, {"y": np.repeat(["a", "b"], 75)}, ValueError, "if these are"),
        ({}, {"groups": np.zeros(150)}, ValueError, "one group only"),
    ],
)  # fmt: skip
def test_refusals(params, fit, error, message):
    X, y = load_iris(return_X_y=True)
    valuator = DataOOBValuator(**params)
    with pytest.raises(error, match=message):
        valuator.fit(**({"X": X, "y": y} | fit))
    assert not hasattr(valuator, "values_")


def test_what_is_refused_is_not_trained_first(monkeypatch):
    X, y = load_iris(return_X_y=True)
    for kind in (BaggingClassifier, RandomForestRegressor):
        monkeypatch.setattr(kind, "fit", no_training)
    bag = BaggingClassifier(RidgeClassifier(), 20)
    with pytest.raises(ValueError, match="Use scoring='label'"):
        DataOOBValuator(bag, scoring="probability").fit(X, y)
    with pytest.raises(ValueError, match="y holds <U10 and not numbers"):
        DataOOBValuator(RandomForestRegressor(20)).fit(X, NAMES[y])


def test_warnings_name_the_line_that_fits():
    X, y = load_iris(return_X_y=True)
    for valuator in (
        DataOOBValuator(RandomForestClassifier(3, random_state=0)),
        TwoDOOBValuator(BaggingClassifier(n_estimators=3, random_state=0)),
    ):
        with pytest.warns(UserWarning) as told:
            valuator.fit(X, y)
        assert len(told) >= 2 and {warning.filename for warning in told} == {__file__}


def test_forests_that_resample_otherwise_are_refused():
    imblearn = pytest.importorskip("imblearn.ensemble")
    X, y = load_iris(return_X_y=True)
    with pytest.raises(ValueError, match="balances the rows before"):
        DataOOBValuator(imblearn.BalancedRandomForestClassifier()).fit(X, y)
