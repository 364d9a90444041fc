"""From X and y to `values_`: against a definition written with itertools and plain refits."""

import re
from itertools import combinations
from math import comb

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.dummy import DummyClassifier
from sklearn.exceptions import ConvergenceWarning, FitFailedWarning
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.metrics import get_scorer
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    ShuffleSplit,
    StratifiedKFold,
)
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

import skdvl
from skdvl import semivalues as sv
from skdvl.games import AirportGame
from skdvl.samplers import ExhaustiveSampler, PermutationSampler, StratifiedSampler
from skdvl.stopping import (
    MaxEvaluations,
    MaxRounds,
    MinUpdates,
    NoStopping,
    RankStability,
    StandardError,
    ValueStability,
)
from skdvl.truncation import FixedTruncation, RelativeTruncation
from skdvl.utilities import ModelUtility


def refit(rows, X, y, X_val, y_val, estimator):
    """Score of a coalition, by scikit-learn alone."""
    accuracy = get_scorer("accuracy")
    if not len(rows):
        return accuracy(DummyClassifier(strategy="prior").fit(X, y), X_val, y_val)
    rows = list(rows)
    if len(set(y[rows])) == 1:
        return np.mean(y_val == y[rows[0]])
    return accuracy(clone(estimator).fit(X[rows], y[rows]), X_val, y_val)


def brute_force(players, pmf, score):
    """The definition of a semivalue; players are tuples of rows."""
    n, worth = len(players), {}
    for k in range(n + 1):
        for chosen in combinations(range(n), k):
            worth[chosen] = score(sorted(row for c in chosen for row in players[c]))
    values = np.zeros(n)
    for i in range(n):
        for chosen in worth:
            if i not in chosen:
                k, joined = len(chosen), tuple(sorted((*chosen, i)))
                values[i] += pmf[k] / comb(n - 1, k) * (worth[joined] - worth[chosen])
    return values


VALUATORS = {
    "Shapley": (skdvl.ShapleyValuator, {}, sv.Shapley()),
    "Banzhaf": (skdvl.BanzhafValuator, {"p": 0.4}, sv.Banzhaf(0.4)),
    "Beta": (skdvl.BetaShapleyValuator, {"alpha": 4, "beta": 1}, sv.BetaShapley(4, 1)),
    "Delta": (skdvl.DeltaShapleyValuator, {"lower": 1, "upper": 4}, sv.DeltaShapley(1, 4)),
    "LeaveOneOut": (skdvl.LeaveOneOutValuator, {}, sv.LeaveOneOut()),
    "Semivalue": (skdvl.SemivalueValuator, {"semivalue": sv.BetaShapley(1, 3)},
                  sv.BetaShapley(1, 3)),
}  # fmt: skip


@pytest.fixture(scope="module")
def known():
    """Scores of refits of one model on the small data set, for all semivalues."""
    return {}


@pytest.mark.parametrize("name", VALUATORS)
def test_values_are_those_of_the_definition(name, small, known):
    X, y, X_val, y_val = small
    kind, params, semivalue = VALUATORS[name]
    estimator = LogisticRegression()
    valuator = kind(estimator, **params).fit(X, y, X_val=X_val, y_val=y_val)

    def score(rows):
        if tuple(rows) not in known:
            known[tuple(rows)] = refit(rows, X, y, X_val, y_val, estimator)
        return known[tuple(rows)]

    exact = brute_force([(i,) for i in range(9)], semivalue.size_pmf(9), score)
    np.testing.assert_allclose(valuator.values_, exact, atol=1e-12)
    assert not valuator.stderr_.any()  # exact


@pytest.mark.parametrize("name", [*VALUATORS, "Truncated"])
def test_sampled_values_agree_within_their_errors(name, small):
    X, y, X_val, y_val = small
    kind, params, semivalue = VALUATORS.get(name, (skdvl.TMCShapleyValuator, {}, sv.Shapley()))
    if name == "Truncated":
        params = {"truncation": RelativeTruncation(rtol=0.0, burn_in=1.0)}  # never before the end
    sampler = PermutationSampler(antithetic=name == "Beta")
    valuator = kind(GaussianNB(), sampler=sampler, stopping=MaxRounds(20), random_state=0, **params)
    valuator.fit(X, y, X_val=X_val, y_val=y_val)
    exact = kind(GaussianNB(), **(params if name != "Truncated" else {})).fit(
        X, y, X_val=X_val, y_val=y_val
    )
    if name == "Truncated":
        exact = skdvl.ShapleyValuator(GaussianNB()).fit(X, y, X_val=X_val, y_val=y_val)
    error = np.abs(valuator.values_ - exact.values_)
    assert (error <= 4.5 * valuator.stderr_ + 1e-12).all() and valuator.stderr_.max() < 0.05


def test_folds_are_averaged(small):
    X, y, _, _ = small
    X, y = X[:8], np.array([0, 1] * 4)
    cv, estimator = StratifiedKFold(3), GaussianNB()
    valuator = skdvl.ShapleyValuator(estimator, cv=3).fit(X, y)
    total, known = np.zeros(8), np.zeros(8)
    for train, test in cv.split(X, y):
        values = brute_force(
            [(i,) for i in range(len(train))],
            sv.Shapley().size_pmf(len(train)),
            lambda rows, a=train, b=test: refit(rows, X[a], y[a], X[b], y[b], estimator),
        )
        total[train] += values
        known[train] += 1
        full = refit(range(len(train)), X[train], y[train], X[test], y[test], estimator)
        none = refit([], X[train], y[train], X[test], y[test], estimator)
        assert values.sum() == pytest.approx(full - none)  # efficiency, per fold
    np.testing.assert_allclose(valuator.values_, total / known, atol=1e-12)


@pytest.mark.parametrize(
    "cv",
    [
        ShuffleSplit(2, test_size=4, random_state=1),
        [(np.array([7, 0, 5, 2, 9]), np.array([3, 1, 10, 4])), (np.arange(4, 11), np.arange(4))],
        [(np.arange(11) % 3 > 0, np.arange(11) % 3 == 0)],
    ],
    ids=["shuffle", "unsorted", "flags"],
)
@pytest.mark.filterwarnings("ignore:.*rows have no value")
def test_rows_keep_their_values_in_unsorted_folds(cv, medium):
    X, y = medium[0][:11, :3], medium[1][:11]
    splits = list(cv.split(X, y)) if hasattr(cv, "split") else cv
    valuator = skdvl.ShapleyValuator(GaussianNB(), cv=cv).fit(X, y)
    total, known = np.zeros(11), np.zeros(11)
    for train, test in splits:
        train, test = np.arange(11)[train], np.arange(11)[test]
        total[train] += brute_force(
            [(i,) for i in range(len(train))],
            sv.Shapley().size_pmf(len(train)),
            lambda rows, a=train, b=test: refit(rows, X[a], y[a], X[b], y[b], GaussianNB()),
        )
        known[train] += 1
    expected = np.divide(total, known, out=np.full(11, np.nan), where=known > 0)
    np.testing.assert_allclose(valuator.values_, expected, atol=1e-12)


@pytest.mark.parametrize(
    "rule",
    [
        MinUpdates(2),
        StandardError(atol=100.0),
        RankStability(0.01, n_rounds=1),
        ValueStability(100.0, n_rounds=1),
    ],
    ids=repr,
)
@pytest.mark.filterwarnings("ignore:.*rows have no value")
def test_rows_that_never_play_do_not_keep_a_fit_going(rule, medium):
    X, y = medium[:2]
    cv = ShuffleSplit(1, test_size=0.25, random_state=0)
    valuator = skdvl.ShapleyValuator(
        GaussianNB(), cv=cv, stopping=rule | MaxRounds(50), random_state=0
    )
    assert valuator.fit(X, y).n_rounds_ < 50


def test_efficiency_of_sampled_values(medium):
    """A permutation's marginals telescope: the sum is exact whatever the sampling error."""
    X, y, X_val, y_val, _ = medium
    valuator = skdvl.ShapleyValuator(GaussianNB(), stopping=MaxRounds(1), random_state=0)
    valuator.fit(X, y, X_val=X_val, y_val=y_val)
    whole = refit(range(40), X, y, X_val, y_val, GaussianNB())
    none = refit([], X, y, X_val, y_val, GaussianNB())
    assert valuator.values_.sum() == pytest.approx(whole - none)


def test_groups_are_players(small):
    X, y, X_val, y_val = small
    groups = np.array(list("cabcabcab"))
    valuator = skdvl.ShapleyValuator(GaussianNB()).fit(
        X, y, X_val=X_val, y_val=y_val, groups=groups
    )
    rows = {g: tuple(np.flatnonzero(groups == g)) for g in "abc"}
    exact = brute_force(
        [rows[g] for g in "abc"],
        [1 / 3] * 3,
        lambda rows: refit(rows, X, y, X_val, y_val, GaussianNB()),
    )
    assert list(valuator.groups_) == ["a", "b", "c"]
    np.testing.assert_allclose(valuator.group_values_, exact, atol=1e-12)
    np.testing.assert_allclose(
        valuator.values_, (exact / 3)[np.searchsorted(list("abc"), groups)], atol=1e-12
    )
    assert list(valuator.to_frame()["group"]) == list(groups)
    valuator.fit(X, y, X_val=X_val, y_val=y_val)
    assert not hasattr(valuator, "group_values_")


def test_groups_over_folds(medium):
    X, y = medium[:2]
    groups = np.arange(40) % 8
    for cv in (3, GroupKFold(4)):
        valuator = skdvl.ShapleyValuator(GaussianNB(), cv=cv, random_state=0)
        valuator.fit(X, y, groups=groups)
        assert valuator.group_values_.shape == (8,) and not np.isnan(valuator.values_).any()
        assert not valuator.stderr_.any()  # 8 players: every coalition was scored


def test_a_single_split_leaves_rows_without_a_value(medium):
    X, y = medium[:2]
    valuator = skdvl.ShapleyValuator(
        GaussianNB(), cv=ShuffleSplit(1, test_size=0.25, random_state=0), stopping=MaxRounds(1)
    )
    with pytest.warns(UserWarning, match=r"10 of 40 rows have no value \(NaN\)"):
        valuator.fit(X, y)
    assert np.isnan(valuator.values_).sum() == 10
    assert np.isinf(valuator.stderr_[np.isnan(valuator.values_)]).all()
    iterable = [(np.arange(0, 30), np.arange(30, 40)), (np.arange(10, 40), np.arange(0, 10))]
    assert not np.isnan(valuator.set_params(cv=iterable).fit(X, y).values_).any()


def test_the_budget_is_shared_between_folds(medium):
    X, y = medium[:2]
    valuator = skdvl.ShapleyValuator(
        GaussianNB(), cv=4, stopping=MaxEvaluations(2000), random_state=0
    ).fit(X, y)
    one_round = valuator.n_evaluations_ / valuator.n_rounds_
    assert 2000 <= valuator.n_evaluations_ < 2000 + one_round


def test_mislabelled_rows_come_last(medium):
    X, y, X_val, y_val, flipped = medium
    valuator = skdvl.ShapleyValuator(
        LogisticRegression(), stopping=MaxRounds(15), random_state=0
    ).fit(X, y, X_val=X_val, y_val=y_val)
    assert set(np.flatnonzero(flipped)) <= set(np.argsort(valuator.values_)[:8])
    assert (valuator.values_[flipped] < 0).all()


def test_attributes_and_frame(medium):
    X, y, X_val, y_val, _ = medium
    frame = pd.DataFrame(X, columns=[f"f{j}" for j in range(30)], index=np.arange(40) + 100)
    valuator = skdvl.ShapleyValuator(
        GaussianNB(),
        sampler=PermutationSampler(),
        stopping=MaxRounds(3),
        store_history=True,
        random_state=0,
    )
    valuator.fit(frame, y, X_val=pd.DataFrame(X_val, columns=frame.columns), y_val=y_val)
    assert valuator.n_features_in_ == 30
    assert list(valuator.feature_names_in_) == list(frame.columns)
    assert valuator.history_.shape == (3, 40)
    np.testing.assert_array_equal(valuator.history_[-1], valuator.values_)
    np.testing.assert_array_equal(valuator.history_stderr_[-1], valuator.stderr_)
    assert valuator.history_evaluations_[-1] == valuator.n_evaluations_
    assert (np.diff(valuator.history_evaluations_) > 0).all()
    assert (valuator.n_rounds_, valuator.n_failed_fits_) == (3, 0)
    assert (valuator.counts_ == 3 * 7).all() and valuator.n_evaluations_ == 3 * 7 * 39
    np.testing.assert_array_equal(
        valuator.estimator_.predict(frame), GaussianNB().fit(X, y).predict(X)
    )
    table = valuator.to_frame(sort=True)
    assert list(table.columns) == ["value", "stderr", "count"]
    assert table["value"].is_monotonic_increasing and set(table.index) == set(frame.index)
    assert (valuator.to_frame().index == frame.index).all()


def test_regressors_and_several_outputs(medium):
    X = medium[0]
    y = np.column_stack([X[:, 0], X[:, 1] ** 2])
    for target, estimator in ((y[:, 0], Ridge()), (y, LinearRegression())):
        valuator = skdvl.ShapleyValuator(estimator, stopping=MaxRounds(1), random_state=0)
        assert np.isfinite(valuator.fit(X[:, :5], target).values_).all()


def test_failures_are_counted_and_told(medium):
    X, y, X_val, y_val, _ = medium
    valuator = skdvl.ShapleyValuator(KNeighborsClassifier(5), stopping=MaxRounds(1), random_state=0)
    with pytest.warns(FitFailedWarning, match="KNeighborsClassifier failed on a coalition of"):
        valuator.fit(X, y, X_val=X_val, y_val=y_val)
    assert 0 < valuator.n_failed_fits_ < valuator.n_evaluations_
    with pytest.raises(RuntimeError, match="failed on a coalition of"):
        valuator.set_params(error_score="raise", n_jobs=2).fit(X, y, X_val=X_val, y_val=y_val)


def test_truncation_saves_evaluations(medium):
    X, y, X_val, y_val, _ = medium
    params = {"stopping": MaxRounds(1), "random_state": 0}
    full = skdvl.ShapleyValuator(GaussianNB(), sampler=PermutationSampler(), **params)
    half = skdvl.ShapleyValuator(GaussianNB(), truncation=FixedTruncation(0.5), **params)
    tmc = skdvl.TMCShapleyValuator(GaussianNB(), **params)
    counts = [v.fit(X, y, X_val=X_val, y_val=y_val).n_evaluations_ for v in (full, half, tmc)]
    assert counts[1] == counts[0] / 39 * 20 and counts[2] < counts[0]
    assert np.isfinite(tmc.values_).all()


def test_the_default_stopping_ends(small):
    X, y, X_val, y_val = small
    X, y = np.tile(X, (2, 1)), np.tile(y, 2)  # 18 rows: too many to enumerate

    class Majority(ClassifierMixin, BaseEstimator):
        def fit(self, X, y):
            self.classes_, counts = np.unique(y, return_counts=True)
            self.top_ = self.classes_[counts.argmax()]
            return self

        def predict(self, X):
            return np.full(len(X), self.top_)

    valuator = skdvl.ShapleyValuator(Majority(), random_state=0)
    valuator.fit(X, y, X_val=X_val, y_val=y_val)
    error, spread = (valuator.stderr_**2).mean(), valuator.values_.var()
    assert error <= (1 - 0.95**2) * spread or valuator.n_evaluations_ >= 20_000
    exhaustive = skdvl.ShapleyValuator(GaussianNB(), sampler=ExhaustiveSampler())
    exhaustive.fit(X[:11], y[:11], X_val=X_val, y_val=y_val)
    assert not exhaustive.stderr_.any() and exhaustive.n_evaluations_ == 2**11 - 2


def test_many_players_need_little_memory():
    """A permutation of 100 000 players never becomes an n x n matrix."""
    import tracemalloc

    game = AirportGame(np.ones(100_000))
    valuator = skdvl.ShapleyValuator(sampler=PermutationSampler(), stopping=MaxRounds(1))

    class Cheap(AirportGame):
        def __call__(self, masks):
            assert masks.size <= 2**22
            return masks[:, 0].astype(float)

    game = Cheap(np.ones(100_000))
    game.block_size = 4000  # the memory, not this, is what limits a block
    tracemalloc.start()
    valuator.set_params(truncation=FixedTruncation(0.0005)).fit_utility(game)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 200e6
    stratified = skdvl.ShapleyValuator(sampler=StratifiedSampler(), stopping=MaxRounds(2))
    with pytest.warns(UserWarning, match="have no value"):
        stratified.fit_utility(game)
    assert np.isfinite(stratified.values_).sum() == 2 * (2**22 // 100_000)


# ---------------------------------------------------------------- as scikit-learn users write it


def test_in_a_pipeline(medium):
    X, y, X_val, y_val, _ = medium
    pipeline = make_pipeline(
        StandardScaler(),
        skdvl.ShapleyValuator(GaussianNB(), stopping=MaxRounds(1), random_state=0),
    ).fit(X, y)
    assert pipeline[-1].values_.shape == (40,)


def test_validation_rows_are_transformed_by_the_pipeline(medium):
    X, y, X_val, y_val, _ = medium
    X, X_val = 10 * X + 3, 10 * X_val + 3
    valuator = skdvl.ShapleyValuator(KNeighborsClassifier(1), stopping=MaxRounds(1), random_state=0)
    scaler = StandardScaler().fit(X)
    direct = clone(valuator).fit(scaler.transform(X), y, X_val=scaler.transform(X_val), y_val=y_val)
    with sklearn.config_context(enable_metadata_routing=True):
        valuator.set_fit_request(X_val=True, y_val=True)
        pipeline = Pipeline(
            [("scale", StandardScaler()), ("value", valuator)], transform_input=["X_val"]
        )
        pipeline.fit(X, y, X_val=X_val, y_val=y_val)
    np.testing.assert_array_equal(pipeline[-1].values_, direct.values_)


def test_sample_weight_reaches_the_estimator(medium):
    X, y, X_val, y_val, _ = medium
    weight = np.random.default_rng(0).random(40)
    params = {"random_state": 0}
    plain = skdvl.LeaveOneOutValuator(GaussianNB(), **params).fit(X, y)
    by_name = skdvl.LeaveOneOutValuator(GaussianNB(), **params).fit(X, y, sample_weight=weight)
    assert not np.array_equal(plain.values_, by_name.values_)
    with sklearn.config_context(enable_metadata_routing=True):
        inner = GaussianNB().set_fit_request(sample_weight=True)
        scorer = get_scorer("accuracy").set_score_request(sample_weight=False)
        routed = skdvl.LeaveOneOutValuator(inner, scoring=scorer, **params)
        routed.fit(X, y, sample_weight=weight)
        np.testing.assert_array_equal(routed.values_, by_name.values_)
        scorer = get_scorer("accuracy").set_score_request(sample_weight=True)
        both = skdvl.LeaveOneOutValuator(inner, scoring=scorer, **params)
        assert not np.array_equal(both.fit(X, y, sample_weight=weight).values_, routed.values_)
        with pytest.raises(ValueError, match="one entry for each row of X"):
            both.fit(X, y, X_val=X_val, y_val=y_val, sample_weight=weight)


def test_weights_that_the_score_does_not_ask_for(medium):
    """Without `scoring`, the estimator's own request for its score decides."""
    X, y, X_val, y_val, _ = medium
    weight = np.random.default_rng(0).random(40)
    params = {"random_state": 0}
    by_name = skdvl.LeaveOneOutValuator(GaussianNB(), **params).fit(X, y, sample_weight=weight)
    with sklearn.config_context(enable_metadata_routing=True):
        for asks in (None, False, True):
            inner = GaussianNB().set_fit_request(sample_weight=True)
            inner.set_score_request(sample_weight=asks)
            routed = skdvl.LeaveOneOutValuator(inner, **params).fit(X, y, sample_weight=weight)
            assert np.array_equal(routed.values_, by_name.values_) == (asks is not True)
        own = get_scorer("accuracy").set_score_request(sample_weight="val_weight")
        valuator = skdvl.LeaveOneOutValuator(GaussianNB().set_fit_request(sample_weight=False))
        valuator.set_params(scoring=own, **params)
        for n in (40, 50):  # as many rows as X, and others
            valuator.fit(X, y, X_val=X_val[:n], y_val=y_val[:n], val_weight=np.ones(n))


@pytest.mark.parametrize(
    "estimator",
    [LinearRegression(copy_X=False), make_pipeline(StandardScaler(copy=False), Ridge())],
    ids=repr,
)
def test_estimators_that_write_into_their_data(estimator, medium):
    X = medium[0][:, :3] + 5
    kept, y = X.copy(), X[:, 0] ** 2
    params = {"random_state": 0, "cv": 3}
    plain = clone(estimator)
    if isinstance(plain, LinearRegression):
        plain.set_params(copy_X=True)
    else:
        plain.set_params(standardscaler__copy=True)
    for given in ({}, {"X_val": X[:15], "y_val": y[:15]}):
        a, b = (
            skdvl.LeaveOneOutValuator(e, **params).fit(X, y, **given) for e in (estimator, plain)
        )
        np.testing.assert_array_equal(X, kept)
        np.testing.assert_allclose(a.values_, b.values_)


def test_warnings_are_those_of_the_fit_on_all_rows(medium):
    X, y, X_val, y_val, _ = medium
    valuator = skdvl.ShapleyValuator(
        LogisticRegression(max_iter=2), stopping=MaxRounds(1), random_state=0
    )
    for n_jobs in (1, 2):
        with pytest.warns(ConvergenceWarning) as told:
            valuator.set_params(n_jobs=n_jobs).fit(X, y, X_val=X_val, y_val=y_val)
        assert [warning.category for warning in told].count(ConvergenceWarning) == 1
        assert valuator.n_failed_fits_ == 0


def test_few_draws_that_agree_are_no_proof(medium):
    """Most marginals of an accuracy are 0; three of them do not make a value exact."""
    X, y, X_val, y_val, _ = medium
    valuator = skdvl.ShapleyValuator(
        GaussianNB(), sampler=StratifiedSampler(), stopping=MaxRounds(4), random_state=0
    ).fit(X, y, X_val=X_val, y_val=y_val)
    assert (valuator.values_ == 0).any() and (valuator.stderr_ > 0).all()


def test_a_shuffle_without_a_seed_takes_the_valuators(medium):
    X, y = medium[:2]
    params = {"cv": KFold(2, shuffle=True), "stopping": MaxRounds(1), "random_state": 0}
    a, b = (skdvl.ShapleyValuator(GaussianNB(), **params).fit(X, y).values_ for _ in range(2))
    np.testing.assert_array_equal(a, b)
    assert params["cv"].random_state is None


def test_grid_search_over_parts(medium):
    """A valuator is an ordinary estimator: a search over its parts needs a score only."""
    X, y, _, _, flipped = medium

    def known(valuator, X, y):
        return float(np.mean(valuator.stderr_ < 1))

    valuator = skdvl.ShapleyValuator(
        GaussianNB(), sampler=PermutationSampler(), stopping=MaxRounds(1), cv=2, random_state=0
    )
    search = GridSearchCV(
        valuator, {"sampler__antithetic": [False, True]}, scoring=known, cv=KFold(2)
    )
    search.fit(X, y)
    assert set(search.cv_results_["mean_test_score"]) == {1.0}


def test_utilities_of_ones_own():
    game = AirportGame(np.arange(1.0, 13.0))
    valuator = skdvl.ShapleyValuator(stopping=MinUpdates(2000), random_state=0)
    valuator.fit_utility(game)
    error = np.abs(valuator.values_ - game.shapley_values())
    assert (error < 4.5 * valuator.stderr_ + 1e-12).all()
    data = np.random.default_rng(0).standard_normal((30, 2))
    rows, labels = data, (data[:, 0] > 0).astype(int)
    model = ModelUtility(GaussianNB(), rows[:8], labels[:8], rows[8:], labels[8:], "accuracy")
    direct = skdvl.ShapleyValuator(GaussianNB()).fit(
        rows[:8], labels[:8], X_val=rows[8:], y_val=labels[8:]
    )
    exact = skdvl.ShapleyValuator().fit_utility(model)
    np.testing.assert_array_equal(exact.values_, direct.values_)
    assert not hasattr(direct.fit_utility(game), "estimator_")
    with pytest.raises(ValueError, match=r"expected \(m, 8\), a row for each coalition"):
        model(np.ones((1, 7), dtype=bool))
    with pytest.raises(ValueError, match="instance of skdvl.utilities.Utility"):
        valuator.fit_utility(lambda masks: masks.sum(axis=1))
    with pytest.raises(ValueError, match="never stops and PermutationSampler"):
        valuator.set_params(stopping=NoStopping()).fit_utility(game)


def test_random_values(medium):
    X, y = medium[:2]
    a, b = (skdvl.RandomValuator(random_state=s).fit(X, y) for s in (0, 0))
    np.testing.assert_array_equal(a.values_, b.values_)
    assert a.to_frame(sort=True)["value"].is_monotonic_increasing
    assert list(a.fit(X.tolist(), y.tolist()).to_frame().index) == list(range(40))


def test_verbose_tells_how_it_goes(medium, capsys, monkeypatch):
    X, y = medium[:2]
    monkeypatch.setattr("skdvl.valuators.keeper._SECONDS", 0.0)
    monkeypatch.setattr("skdvl.evaluation.stream._SECONDS", 0.0)
    settings = {"sampler": PermutationSampler(), "stopping": MaxRounds(2), "verbose": 1}
    skdvl.ShapleyValuator(GaussianNB(), **settings).fit(X, y)
    lines = capsys.readouterr().out.splitlines()
    form = r"\[skdvl\] +(\d+)% \| ([\d.]+) rounds \| (\d+) coalitions \| \d+ per second"
    told = [re.match(form + r"( \| about \d+ (?:s|min|h) left)?", line) for line in lines]
    shares, rounds, coalitions = zip(
        *([float(x) for x in t.groups()[:3]] for t in told), strict=True
    )
    assert rounds[-1] == 2 and shares[-1] == 100 and 1.0 in rounds and rounds[0] < 0.2
    assert shares == tuple(sorted(shares)) and coalitions == tuple(sorted(coalitions))
    assert all(t[4] for t in told[5:]) and "median standard error" in lines[-1]
