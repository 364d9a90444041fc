"""DataPruner and PrunedEstimator: which rows go, and what becomes of them."""

import json

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse as sp
import sklearn
from models import OnePermutation
from sklearn.base import BaseEstimator, clone
from sklearn.compose import ColumnTransformer, make_column_transformer
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import get_scorer
from sklearn.model_selection import (
    GridSearchCV,
    StratifiedKFold,
    cross_val_predict,
    cross_val_score,
    cross_validate,
    train_test_split,
)
from sklearn.naive_bayes import GaussianNB, MultinomialNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from skdvl import (
    DataPruner,
    KNNShapleyValuator,
    PrunedEstimator,
    RandomValuator,
    ShapleyValuator,
)
from skdvl.pruning.selection import keep_rows
from skdvl.stopping import MaxRounds, Selection


class Given(BaseEstimator):
    """A valuator whose values are given beforehand."""

    def __init__(self, values=None, stderr=None, task=None):
        self.values = values
        self.stderr = stderr
        self.task = task

    def fit(self, X, y, **received):
        self.received_ = received
        self.values_ = np.asarray(self.values, dtype=float)
        if self.stderr is not None:
            self.stderr_ = np.asarray(self.stderr, dtype=float)
        if self.task is not None:
            self.task_ = self.task
        return self


class Recorder(LogisticRegression):
    """Remembers what it was fitted on."""

    def fit(self, X, y, sample_weight=None):
        self.X_, self.y_, self.weight_ = X, np.asarray(y), sample_weight
        return super().fit(X, y, sample_weight)


@pytest.fixture
def noisy():
    """Breast-cancer rows, scaled, one label in five flipped."""
    X, y = load_breast_cancer(return_X_y=True)
    X = StandardScaler().fit_transform(X)[:240]
    flipped = np.random.default_rng(0).random(240) < 0.2
    return X, np.where(flipped, 1 - y[:240], y[:240]), flipped


# ---------------------------------------------------------------------- which rows go


def lowest(values, n):
    """The definition of a quantile, one row at a time."""
    rest = [(value, row) for row, value in enumerate(values) if not np.isnan(value)]
    return {row for _, row in sorted(rest)[:n]}


@pytest.mark.parametrize("quantile", [0, 0.05, 0.1, 0.29, 0.5, 0.7, 0.99])
@pytest.mark.parametrize("n", [10, 30, 100])
def test_quantile_drops_the_lowest_in_row_order(quantile, n):
    rng = np.random.default_rng([n, int(100 * quantile)])
    values = rng.integers(0, 5, size=n) / 4  # many ties
    y = rng.normal(size=n)
    pruner = DataPruner(Given(values), quantile=quantile).fit(np.zeros((n, 1)), y)
    n_dropped = round(100 * quantile) * n // 100
    assert pruner.n_dropped_ == n_dropped
    assert set(np.flatnonzero(~pruner.sample_mask_)) == lowest(values, n_dropped)
    np.testing.assert_array_equal(pruner.sample_indices_, np.flatnonzero(pruner.sample_mask_))


def test_threshold_auto_and_n_drop():
    values = np.array([-3.0, -1, 0, 1, 2, -2, np.nan, -0.5])
    stderr = np.array([1.0, 0.1, 1, 1, 1, 1.5, 0.1, np.inf])
    X, y = np.zeros((8, 1)), np.linspace(0, 1, 8)

    def dropped(**how):
        pruner = DataPruner(Given(values, stderr), **how).fit(X, y)
        return list(np.flatnonzero(~pruner.sample_mask_))

    assert dropped(threshold=0) == [0, 1, 5, 7]
    assert dropped(threshold=-1.0) == [0, 5]
    assert dropped(threshold=-9) == []
    assert dropped(threshold="auto") == dropped(quantile="auto") == [0, 1]
    assert dropped(n_drop=3) == [0, 1, 5]
    assert dropped(n_drop=0) == dropped(quantile=None) == dropped(quantile=0.1) == []
    assert dropped(quantile=0.99) == [0, 1, 2, 3, 4, 5, 7]  # not the one without a value


def test_auto_drops_half_at_most():
    values = -np.arange(1.0, 11)
    pruner = DataPruner(Given(values, np.zeros(10)), threshold="auto")
    pruner.fit(np.zeros((10, 1)), np.linspace(0, 1, 10))
    assert list(np.flatnonzero(~pruner.sample_mask_)) == [5, 6, 7, 8, 9]


@pytest.mark.parametrize("min_class_rows", [1, 3])
def test_no_class_and_no_group_disappears(min_class_rows):
    rng = np.random.default_rng(0)
    for _ in range(50):
        n = 40
        y, groups = rng.choice(["a", "b", "c"], n, p=[0.6, 0.3, 0.1]), rng.integers(0, 4, n)
        y[:3], groups[:4] = ["a", "b", "c"], range(4)
        values = rng.normal(size=n) - 3 * (y == "c")
        pruner = DataPruner(Given(values), quantile=0.6, min_class_rows=min_class_rows)
        mask = pruner.fit(np.zeros((n, 1)), y, groups=groups).sample_mask_
        np.testing.assert_array_equal(pruner.valuator_.received_["groups"], groups)
        for parts in (y, groups):
            for part in np.unique(parts):
                rows = np.flatnonzero(parts == part)
                assert mask[rows].sum() >= min(min_class_rows, len(rows))
        # A row that was kept though lower than one that went was needed by its class or group.
        assert pruner.n_dropped_ == 24
        for row in np.flatnonzero(mask & (values < values[~mask].max())):
            kept = [(mask & (parts == parts[row])).sum() for parts in (y, groups)]
            assert min(kept) <= min_class_rows
        mask = pruner.fit(np.zeros((n, 1)), y).sample_mask_
        for name in "abc":  # the best ones stay
            assert values[mask & (y == name)].min() >= max(values[~mask & (y == name)], default=-9)


def test_the_next_lowest_go_in_place_of_the_last_of_a_class():
    values = np.arange(6.0)
    y = np.array(["rare", "often", "often", "often", "often", "often"])
    pruner = DataPruner(Given(values), n_drop=2).fit(np.zeros((6, 1)), y)
    assert list(pruner.sample_indices_) == [0, 3, 4, 5]


def test_several_outputs_keep_their_classes():
    y = np.array([[0, 0], [0, 1], [1, 0], [1, 0], [1, 0], [1, 0]])
    pruner = DataPruner(Given(np.arange(6.0), task="classification"), n_drop=2)
    pruner.fit(np.zeros((6, 1)), y)
    assert list(pruner.sample_indices_) == [1, 3, 4, 5]  # the last 0 of output 1, the last 1 of 2


def test_selection_does_not_touch_its_arguments():
    values, parts = np.array([3.0, 1, 2]), np.array([0, 1, 0])
    before = values.copy(), parts.copy()
    keep_rows(values, None, "n_drop", 2, [parts], [1])
    np.testing.assert_array_equal(values, before[0])
    np.testing.assert_array_equal(parts, before[1])


# ---------------------------------------------------------------------- what becomes of them


def test_direct_calls_drop_rows(noisy):
    X, y, _ = noisy
    pruner = DataPruner(quantile=0.2)
    kept = pruner.fit_transform(X, y)
    assert pruner.mode_ == "drop" and pruner.n_dropped_ == 48
    np.testing.assert_array_equal(kept, X[pruner.sample_indices_])
    np.testing.assert_array_equal(pruner.values_, KNNShapleyValuator().fit(X, y).values_)
    X_kept, y_kept = DataPruner(quantile=0.2).fit_resample(X, y)
    np.testing.assert_array_equal(X_kept, kept)
    np.testing.assert_array_equal(y_kept, y[pruner.sample_indices_])
    np.testing.assert_array_equal(pruner.transform(X), X)
    np.testing.assert_array_equal(pruner.transform(X[:7]), X[:7])


def test_replaced_rows_are_copies_of_kept_ones_of_their_class(noisy):
    X, y, _ = noisy
    pipeline = make_pipeline(DataPruner(quantile=0.3), Recorder()).fit(X, y)
    pruner, seen = pipeline["datapruner"], pipeline["recorder"]
    assert pruner.mode_ == "replace"
    np.testing.assert_array_equal(seen.y_, y)
    kept = pruner.sample_mask_
    np.testing.assert_array_equal(seen.X_[kept], X[kept])
    order = np.argsort(-pruner.values_, kind="stable")
    for label in (0, 1):
        best = [row for row in order if kept[row] and y[row] == label]
        places = [row for row in range(len(y)) if not kept[row] and y[row] == label]
        assert places
        for turn, row in enumerate(places):
            np.testing.assert_array_equal(seen.X_[row], X[best[turn % len(best)]])


def test_replaced_rows_in_regression_have_the_nearest_target():
    X, y = load_diabetes(return_X_y=True)
    y = np.round(y, -1)  # ties
    X_seen = DataPruner(Given(np.sin(np.arange(442.0)), task="regression"), mode="replace")
    pruner, seen = X_seen, X_seen.fit_transform(X, y)
    kept = np.flatnonzero(pruner.sample_mask_)
    assert pruner.mode_ == "replace" and pruner.n_dropped_ == 44
    for row in np.flatnonzero(~pruner.sample_mask_):
        near = kept[np.abs(y[kept] - y[row]) == np.abs(y[kept] - y[row]).min()]
        np.testing.assert_array_equal(seen[row], X[near[pruner.values_[near].argmax()]])


def test_replaced_rows_of_several_outputs():
    y = np.array([[0, 0], [0, 1], [1, 0], [1, 1], [1, 1], [0, 0]])
    X = np.arange(6.0)[:, None]
    pruner = DataPruner(Given([5.0, 4, 3, 2, 1, 0], task="classification"), n_drop=2)
    seen = pruner.set_params(mode="replace").fit_transform(X, y)
    assert list(seen[:, 0]) == [0, 1, 2, 3, 3, 0]


def test_weights_of_pruned_rows_are_zero(noisy):
    X, y, _ = noisy
    weight = np.random.default_rng(0).random(len(y))
    with sklearn.config_context(enable_metadata_routing=True):
        model = Recorder().set_fit_request(sample_weight=True)
        steps = [("prune", DataPruner(mode="weight")), ("model", model)]
        pipeline = Pipeline(steps, transform_input=["sample_weight"])
        for output in ("default", "pandas"):
            pipeline.set_output(transform=output).fit(X, y, sample_weight=weight)
            pruner = pipeline["prune"]
            assert pruner.mode_ == "weight" and pruner.n_dropped_ == 24
            np.testing.assert_array_equal(np.asarray(model.X_), X)
            np.testing.assert_array_equal(model.weight_, weight * pruner.sample_mask_)
        outer = make_pipeline(
            StandardScaler().set_fit_request(sample_weight=False), clone(pipeline)
        )
        outer.fit(X, y, sample_weight=weight)
        assert np.count_nonzero(outer[-1]["model"].weight_ == 0) == 24
    with pytest.raises(ValueError, match="got 7 sample weights.*fitted on 240 rows"):
        pruner.transform(weight[:7])
    kept = pruner.sample_mask_
    dropped = LogisticRegression().fit(X[kept], y[kept], weight[kept])
    np.testing.assert_allclose(model.coef_, dropped.coef_, atol=1e-3)


def test_resampler_for_imbalanced_learn(noisy):
    from imblearn.over_sampling import RandomOverSampler
    from imblearn.pipeline import make_pipeline as make_imblearn_pipeline

    X, y, _ = noisy
    pruner = DataPruner(mode="resample")
    assert hasattr(pruner, "fit_resample")
    assert not hasattr(pruner, "transform") and not hasattr(pruner, "fit_transform")
    pipeline = make_imblearn_pipeline(
        StandardScaler(), pruner, RandomOverSampler(random_state=0), Recorder()
    ).fit(X, y)
    kept = y[pipeline["datapruner"].sample_indices_]
    assert len(kept) == 216
    assert len(pipeline["recorder"].y_) == 2 * np.bincount(kept).max()
    assert pipeline.predict(X).shape == (240,)
    with pytest.raises(TypeError, match="fit_resample"):  # one face only
        make_imblearn_pipeline(DataPruner(), Recorder()).fit(X, y)
    replacing = make_imblearn_pipeline(DataPruner(mode="replace"), Recorder()).fit(X, y)
    assert replacing["datapruner"].mode_ == "replace" and len(replacing["recorder"].y_) == 240


@pytest.mark.parametrize("mode", ["auto", "drop", "replace", "weight", "resample"])
def test_faces(mode):
    pruner = DataPruner(mode=mode)
    assert hasattr(pruner, "transform") == hasattr(pruner, "fit_transform") == (mode != "resample")
    assert hasattr(pruner, "fit_resample") == (mode not in ("replace", "weight"))


# ---------------------------------------------------------------------- containers of steps


def test_pipelines_of_scikit_learn_simply_work(noisy):
    X, y, _ = noisy
    valuator = ShapleyValuator(LogisticRegression(), stopping=MaxRounds(1), cv=2, random_state=0)
    pipeline = make_pipeline(StandardScaler(), DataPruner(valuator), SVC()).fit(X, y)
    assert pipeline["datapruner"].mode_ == "replace"
    assert pipeline.score(X, y) > 0.7
    X, y = load_diabetes(return_X_y=True)
    pipeline = make_pipeline(StandardScaler(), DataPruner(), Ridge()).fit(X, y)
    assert pipeline["datapruner"].valuator_.task_ == "regression"
    assert pipeline.predict(X).shape == y.shape


class Louder(DataPruner):
    """A subclass that adds a call of its own to the stack."""

    def fit_transform(self, X, y=None, **params):
        return super().fit_transform(X, y, **params)


@pytest.mark.parametrize("pruner", [DataPruner(), Louder()], ids=["pruner", "subclass"])
@pytest.mark.parametrize("memory", [False, True])
def test_pipelines_of_scikit_learn_are_noticed(noisy, memory, pruner, tmp_path):
    X, y, _ = noisy
    cache = {"memory": str(tmp_path)} if memory else {}
    plain = make_pipeline(clone(pruner), Recorder(), **cache).fit(X, y)
    assert plain[0].mode_ == "replace" and len(plain[-1].X_) == len(y)
    inner = make_pipeline(StandardScaler(), clone(pruner), **cache)
    outer = make_pipeline(clone(inner), Recorder(), **cache).fit(X, y)
    assert outer[0][-1].mode_ == "replace" and len(outer[-1].X_) == len(y)
    assert len(inner.fit_transform(X, y)) == 216  # called by the user
    search = GridSearchCV(plain, {"recorder__C": [1.0]}, cv=2, n_jobs=2, error_score="raise")
    assert len(search.fit(X, y).best_estimator_[-1].y_) == 240


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_branches_are_refused_and_a_pipeline_inside_works(noisy, n_jobs):
    X, y, _ = noisy
    scale = StandardScaler()
    pruners = [DataPruner(), DataPruner(mode="drop"), DataPruner(mode="replace")]
    for pruner in pruners[: 3 if n_jobs is None else 1]:  # each error ends a pool of workers
        for branch in (pruner, make_pipeline(scale, pruner), make_pipeline(pruner, scale)):
            union = FeatureUnion([("kept", branch), ("all", scale)], n_jobs=n_jobs)
            columns = ColumnTransformer([("kept", branch, [0, 1]), ("all", scale, [2])])
            for container in (union, columns.set_params(n_jobs=n_jobs)):
                with pytest.raises(
                    TypeError, match="branch of a FeatureUnion or ColumnTransformer"
                ):
                    clone(container).fit_transform(X, y)
                with pytest.raises(
                    TypeError, match="branch of a FeatureUnion or ColumnTransformer"
                ):
                    make_pipeline(clone(container), Recorder()).fit(X, y)
    inside = _skdvl_pipeline(DataPruner(), scale)
    union = FeatureUnion([("kept", inside), ("all", scale)], n_jobs=n_jobs)
    assert union.fit_transform(X, y).shape == (240, 60)


def test_dropping_where_y_cannot_follow_is_refused_at_once(noisy):
    X, y, _ = noisy
    never = Given(None)  # fit would fail
    pipeline = make_pipeline(StandardScaler(), DataPruner(never, mode="drop"), SVC())
    with pytest.raises(TypeError, match="skdvl.Pipeline") as refused:
        pipeline.fit(X, y)
    for way_out in ("make_pipeline", 'mode="auto"', "PrunedEstimator", "Nothing was computed"):
        assert way_out in str(refused.value)
    assert DataPruner(mode="drop").fit_transform(X, y).shape == (216, 30)


def test_replacing_is_as_good_as_dropping():
    X, y = load_breast_cancer(return_X_y=True)
    scores = []
    for seed in range(4):
        X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=seed)
        flipped = np.random.default_rng(seed).random(len(y_train)) < 0.2
        y_train = np.where(flipped, 1 - y_train, y_train)
        for model in (DecisionTreeClassifier(random_state=0), KNeighborsClassifier()):
            pruner = DataPruner(quantile=0.2)
            for variant in (
                make_pipeline(StandardScaler(), model),
                make_pipeline(StandardScaler(), pruner, model),
                make_pipeline(StandardScaler(), PrunedEstimator(model, pruner)),
            ):
                scores.append(clone(variant).fit(X_train, y_train).score(X_test, y_test))
    plain, replaced, dropped = np.reshape(scores, (-1, 3)).mean(axis=0)
    assert min(replaced, dropped) > plain + 0.05
    assert abs(replaced - dropped) < 0.02


class Witness(GaussianNB):
    """Writes down every row it is fitted on, by its first column."""

    seen: set = set()

    def fit(self, X, y, sample_weight=None):
        Witness.seen.update(np.asarray(X)[:, 0].tolist())
        return super().fit(X, y, sample_weight)


def test_test_rows_are_never_looked_at(noisy):
    _, y, _ = noisy
    X = np.column_stack([np.arange(240.0), np.random.default_rng(0).normal(size=(240, 3))])
    valuator = ShapleyValuator(Witness(), stopping=MaxRounds(1), cv=2, random_state=0)
    for pipeline in (
        make_pipeline(DataPruner(valuator), Witness()),
        PrunedEstimator(Witness(), DataPruner(valuator)),
    ):
        for train, test in StratifiedKFold(3).split(X, y):
            Witness.seen = set()
            cross_validate(pipeline, X, y, cv=[(train, test)], error_score="raise")
            assert Witness.seen and Witness.seen <= set(train.tolist())
    assert cross_val_predict(pipeline, X, y, cv=3).shape == (240,)  # every row is predicted


# ---------------------------------------------------------------------- grid searches


class Counting(GaussianNB):
    """Counts fits on all rows of a fold of a grid search."""

    def fit(self, X, y, sample_weight=None):
        json.skdvl_log.append(len(y))  # behind a library: what a class holds is part of it
        return super().fit(X, y, sample_weight)


@pytest.mark.parametrize("make", [make_pipeline, "skdvl"])
def test_a_grid_over_quantiles_values_each_fold_once(noisy, tmp_path, make):
    import skdvl

    make = skdvl.make_pipeline if make == "skdvl" else make
    X, y, _ = noisy
    valuator = ShapleyValuator(
        Counting(), stopping=MaxRounds(1), cv=2, random_state=0, memory=str(tmp_path)
    )
    pipeline = make(StandardScaler(), DataPruner(valuator), DecisionTreeClassifier(random_state=0))
    grid = {"datapruner__quantile": [0, 0.05, 0.1, 0.2, 0.3]}
    json.skdvl_log = []
    search = GridSearchCV(pipeline, grid, cv=3, error_score="raise").fit(X, y)
    # A valuation fits the model once on all of its rows: those of three folds, and all.
    assert sorted(n for n in json.skdvl_log if n in (160, 240)) == [160, 160, 160, 240]
    assert len(set(search.cv_results_["mean_test_score"])) > 1


def test_grid_over_values_and_steps(noisy):
    X, y, _ = noisy
    valuator = ShapleyValuator(LogisticRegression(), stopping=MaxRounds(1), cv=2, random_state=0)
    pipeline = Pipeline([("prune", DataPruner(valuator)), ("model", DecisionTreeClassifier())])
    grid = [
        {"prune__quantile": [0.1], "prune__valuator__estimator__C": [0.1, 1.0]},
        {"prune": ["passthrough", DataPruner(threshold="auto")]},
    ]
    search = GridSearchCV(pipeline, grid, cv=2, n_jobs=2, error_score="raise").fit(X, y)
    assert len(search.cv_results_["params"]) == 4
    assert search.predict(X).shape == y.shape


# ---------------------------------------------------------------------- metadata


@pytest.mark.parametrize("asks", ["pruner", "valuator", "alias"])
def test_validation_rows_are_scaled_by_the_pipeline(noisy, asks):
    X, y, _ = noisy
    X_val, y_val = X[200:] * 7 + 3, y[200:]
    X, y = X[:200] * 7 + 3, y[:200]
    with sklearn.config_context(enable_metadata_routing=True):
        request, given = {"X_val": True, "y_val": True}, {"X_val": X_val, "y_val": y_val}
        if asks == "alias":
            request, given = (
                {"X_val": "X_hold", "y_val": "y_hold"},
                {"X_hold": X_val, "y_hold": y_val},
            )
        pruner = DataPruner(KNNShapleyValuator())
        (pruner.valuator if asks == "valuator" else pruner).set_fit_request(**request)
        for make in (make_pipeline, _skdvl_pipeline):
            pipeline = make(StandardScaler(), clone(pruner), SVC(), transform_input=["X_val"])
            pipeline.fit(X, y, **given)
            scale = StandardScaler().fit(X).transform
            valuator = KNNShapleyValuator().fit(scale(X), y, X_val=scale(X_val), y_val=y_val)
            np.testing.assert_array_equal(pipeline["datapruner"].values_, valuator.values_)
            search = GridSearchCV(pipeline, {"datapruner__quantile": [0, 0.2]}, cv=2)
            assert search.fit(X, y, **given).best_score_ > 0.5
        with pytest.raises(sklearn.exceptions.UnsetMetadataPassedError, match="X_val"):
            make_pipeline(DataPruner(), SVC()).fit(X, y, X_val=X_val, y_val=y_val)
        direct = DataPruner().fit(X, y, X_val=X_val, y_val=y_val)  # no request needed
        assert (direct.valuator_.counts_ == 40).all()


def _skdvl_pipeline(*steps, **options):
    from skdvl import make_pipeline

    return make_pipeline(*steps, **options)


def test_cross_validation_with_weights(noisy):
    X, y, _ = noisy
    weight = np.random.default_rng(0).random(240)
    with sklearn.config_context(enable_metadata_routing=True):
        model = LogisticRegression().set_fit_request(sample_weight=True)
        scorer = get_scorer("accuracy").set_score_request(sample_weight=True)
        for pipeline in (
            _skdvl_pipeline(DataPruner(), model),
            make_pipeline(PrunedEstimator(model, DataPruner())),
        ):
            result = cross_validate(
                pipeline, X, y, params={"sample_weight": weight}, cv=3, scoring=scorer
            )
            for (train, test), score in zip(
                StratifiedKFold(3).split(X, y), result["test_score"], strict=True
            ):
                kept = train[DataPruner().fit(X[train], y[train]).sample_indices_]
                plain = LogisticRegression().fit(X[kept], y[kept], weight[kept])
                assert score == pytest.approx(plain.score(X[test], y[test], weight[test]))


def test_metadata_for_the_model_inside_the_valuator(noisy):
    X, y, _ = noisy
    weight = np.random.default_rng(0).random(240)
    valuator = ShapleyValuator(Recorder(), stopping=MaxRounds(1), cv=2, random_state=0)
    plain = DataPruner(valuator).fit(X, y, sample_weight=weight)
    np.testing.assert_array_equal(plain.valuator_.estimator_.weight_, weight)
    with sklearn.config_context(enable_metadata_routing=True):
        valuator.estimator.set_fit_request(sample_weight=True)
        routed = DataPruner(valuator).fit(X, y, sample_weight=weight)
    np.testing.assert_array_equal(routed.values_, plain.values_)


# ---------------------------------------------------------------------- containers of data


def _columns(X):
    return [f"c{column}" for column in range(X.shape[1])]


@pytest.mark.parametrize(
    "container",
    [
        np.asarray,
        lambda X: pd.DataFrame(X, columns=_columns(X), index=np.arange(len(X)) + 1000),
        lambda X: pl.DataFrame(X, schema=_columns(X)),
        sp.csr_matrix,
        sp.csr_array,
        sp.coo_matrix,
        lambda X: X.tolist(),
    ],
    ids=["ndarray", "pandas", "polars", "csr_matrix", "csr_array", "coo_matrix", "list"],
)
def test_containers(noisy, container):
    X, y, _ = noisy
    X = X[:, :5]
    given = container(X)
    reference = DataPruner(KNNShapleyValuator(metric="manhattan"), quantile=0.2).fit(X, y)
    pruner = clone(reference)
    kept = pruner.fit_transform(given, y)
    np.testing.assert_array_equal(pruner.sample_indices_, reference.sample_indices_)
    dense = kept.toarray() if sp.issparse(kept) else np.asarray(kept)
    np.testing.assert_array_equal(dense, X[pruner.sample_indices_])
    if not isinstance(given, (list, sp.coo_matrix)):
        assert type(kept) is type(given) is type(pruner.transform(given))
    if hasattr(given, "columns"):
        names = StandardScaler().fit(given).get_feature_names_out()
        assert list(pruner.get_feature_names_out()) == list(names)
    if isinstance(given, pd.DataFrame):
        assert list(kept.index) == [1000 + row for row in pruner.sample_indices_]
    for make in (make_pipeline, _skdvl_pipeline):
        score = make(pruner, LogisticRegression()).fit(given, list(y)).score(given, y)
        assert score > 0.6


@pytest.mark.parametrize("output", ["pandas", "polars"])
def test_set_output(noisy, output):
    X, y, _ = noisy
    frame = {"pandas": pd, "polars": pl}[output].DataFrame
    pruner = DataPruner().set_output(transform=output)
    kept = pruner.fit_transform(X[:, :3], y)
    assert isinstance(kept, frame) and list(kept.columns) == ["x0", "x1", "x2"]
    assert kept.shape == (216, 3)
    assert pruner.transform(X[:, :3]).shape == (240, 3)
    pipeline = _skdvl_pipeline(StandardScaler(), DataPruner(), Recorder())
    pipeline.set_output(transform=output).fit(X[:, :3], y)
    assert isinstance(pipeline["recorder"].X_, frame)


def test_data_frames_reach_a_column_transformer(noisy):
    X, y, flipped = noisy
    frame = pd.DataFrame({"size": X[:, 0], "kind": np.where(flipped, "odd", "even")})
    encode = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), ["kind"]), remainder="passthrough"
    )
    valuator = ShapleyValuator(
        make_pipeline(encode, GaussianNB()),
        sampler=OnePermutation(),
        stopping=MaxRounds(1),
        cv=2,
        random_state=0,
    )
    for make in (make_pipeline, _skdvl_pipeline):
        pipeline = make(DataPruner(valuator), encode, LogisticRegression()).fit(frame, y)
        assert pipeline.score(frame, y) > 0.6
        unseen = frame.assign(size=np.nan)  # for an imputer that may follow
        assert pipeline[:1].transform(unseen) is unseen


# ---------------------------------------------------------------------- PrunedEstimator


def test_pruned_estimator_is_the_estimator_on_kept_rows(noisy):
    X, y, _ = noisy
    names = np.array(["benign", "malignant"])[y]
    weight = np.random.default_rng(0).random(240)
    model = PrunedEstimator(SVC(), DataPruner(quantile=0.2))
    model.fit(pd.DataFrame(X, columns=_columns(X)), names, sample_weight=weight)
    kept = DataPruner(quantile=0.2).fit(X, names).sample_indices_
    plain = SVC().fit(X[kept], names[kept], sample_weight=weight[kept])
    frame = pd.DataFrame(X, columns=_columns(X))
    np.testing.assert_array_equal(model.predict(frame), plain.predict(X))
    np.testing.assert_array_equal(model.decision_function(frame), plain.decision_function(X))
    assert model.score(frame, names) == plain.score(X, names)
    assert model.score(frame, names, sample_weight=weight) == plain.score(X, names, weight)
    assert list(model.classes_) == ["benign", "malignant"]
    assert model.n_features_in_ == 30 and list(model.feature_names_in_) == _columns(X)
    assert not hasattr(model, "predict_proba") and not hasattr(model, "transform")
    nb = PrunedEstimator(GaussianNB()).fit(X, y)
    assert nb.predict_proba(X).shape == nb.predict_log_proba(X).shape == (240, 2)


def test_pruned_estimator_takes_the_task_from_the_estimator():
    X, y = load_iris(return_X_y=True)
    assert PrunedEstimator(Ridge()).fit(X, y).pruner_.valuator_.task_ == "regression"
    assert PrunedEstimator(GaussianNB()).fit(X, y).pruner_.valuator_.task_ == "classification"
    ages = np.arange(150) % 40 + 18  # many whole numbers, and a classifier all the same
    fitted = PrunedEstimator(DecisionTreeClassifier()).fit(X, ages)
    assert fitted.pruner_.valuator_.task_ == "classification"
    assert len(fitted.classes_) == 40


def test_pruned_estimator_hands_the_validation_set_to_the_pruner(noisy):
    X, y, _ = noisy
    model = PrunedEstimator(LogisticRegression()).fit(
        X[:200], y[:200], X_val=X[200:], y_val=y[200:]
    )
    expected = KNNShapleyValuator().fit(X[:200], y[:200], X_val=X[200:], y_val=y[200:])
    np.testing.assert_array_equal(model.pruner_.values_, expected.values_)
    with sklearn.config_context(enable_metadata_routing=True):
        booster = HistGradientBoostingClassifier(max_iter=3, early_stopping=True)
        asks = {"X_val": True, "y_val": True}
        if not hasattr(booster, "set_fit_request") or "X_val" not in _fit_parameters(booster):
            booster = LogisticRegression()
        else:
            booster.set_fit_request(**asks)
        model = PrunedEstimator(booster, DataPruner().set_fit_request(**asks))
        pipeline = make_pipeline(StandardScaler(), model, transform_input=["X_val"])
        pipeline.fit(X[:200], y[:200], X_val=X[200:], y_val=y[200:])
        assert (pipeline[-1].pruner_.valuator_.counts_ == 40).all()


def _fit_parameters(estimator):
    import inspect

    return inspect.signature(estimator.fit).parameters


def test_pruned_estimator_in_a_grid(noisy):
    X, y, _ = noisy
    model = PrunedEstimator(LogisticRegression(), DataPruner())
    grid = {"pruner__quantile": [0, 0.2], "estimator__C": [0.1, 1.0]}
    pipeline = make_pipeline(StandardScaler(), model)
    grid = {f"prunedestimator__{name}": choices for name, choices in grid.items()}
    search = GridSearchCV(pipeline, grid, cv=2).fit(X, y)
    assert len(search.cv_results_["params"]) == 4


# ---------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"quantile": 1.0}, ValueError, "quantile"),
        ({"quantile": -0.1}, ValueError, "quantile"),
        ({"quantile": 0.2, "threshold": 0.0}, ValueError, "quantile=0.2 and threshold=0.0"),
        ({"quantile": 0.2, "n_drop": 3}, ValueError, "n_drop=3 and quantile=0.2"),
        ({"threshold": 0, "n_drop": 3}, ValueError, "n_drop=3 and threshold=0"),
        ({"n_drop": 240}, ValueError, "every one of the 240 rows"),
        ({"mode": "delete"}, ValueError, "mode"),
        ({"min_class_rows": 0}, ValueError, "min_class_rows"),
        ({"valuator": LogisticRegression()}, TypeError, "is a model"),
        ({"valuator": object()}, ValueError, "valuator"),
    ],
)
def test_refusals_before_valuing(noisy, options, error, message):
    X, y, _ = noisy
    options = {"valuator": Given(None)} | options  # fit would fail otherwise
    with pytest.raises(error, match=message):
        DataPruner(**options).fit(X, y)


def test_refusals_after_valuing(noisy):
    X, y, _ = noisy
    with pytest.raises(ValueError, match="would drop every row"):
        DataPruner(threshold=1.0).fit(X, y)
    with pytest.raises(ValueError, match="would drop every row"):
        DataPruner(RandomValuator(0), threshold=99.0).fit(X, np.linspace(0, 1, 240))
    with pytest.raises(ValueError, match="one class only"):
        DataPruner().fit(X, np.ones(240))
    with pytest.raises(ValueError, match="one class only"):
        DataPruner(RandomValuator(0)).fit(X, np.ones(240))
    with pytest.raises(TypeError, match="no values_ after fit"):
        DataPruner(StandardScaler()).fit(X, y)
    with pytest.raises(ValueError, match="has no stderr_"):
        DataPruner(Given(np.zeros(240)), threshold="auto").fit(X, y)
    with pytest.raises(ValueError, match="y to be passed"):
        DataPruner().fit_transform(X)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        DataPruner().fit(X, y[:7])
    with pytest.raises(sklearn.exceptions.NotFittedError):
        DataPruner().transform(X)
    with pytest.raises(ValueError, match="7 features"):
        DataPruner().fit(X, y).transform(X[:, :7])
    with pytest.raises(TypeError, match="no sample_indices_"):
        PrunedEstimator(SVC(), StandardScaler()).fit(X, y)
    with pytest.raises(ValueError, match="estimator"):
        PrunedEstimator().fit(X, y)


def test_weights_without_routing_are_refused(noisy):
    X, y, _ = noisy
    pipeline = make_pipeline(DataPruner(Given(None), mode="weight"), SVC())
    with pytest.raises(TypeError, match="enable_metadata_routing=True"):
        pipeline.fit(X, y)


def test_outliers_that_a_pipeline_of_scikit_learn_keeps_are_told():
    X, y = load_diabetes(return_X_y=True)
    wrong = np.random.default_rng(0).random(442) < 0.05
    y = np.where(wrong, y + 600, y)
    with pytest.warns(UserWarning, match=r"\d+ of 44 pruned rows.*skdvl.Pipeline"):
        make_pipeline(DataPruner(), Ridge()).fit(X, y)
    _skdvl_pipeline(DataPruner(), Ridge()).fit(X, y)  # warnings are errors here


def test_a_pipeline_may_end_in_a_valuator(noisy):
    X, y, _ = noisy
    names = np.array(["benign", "malignant"])[y]
    frame = pd.DataFrame({"size": X[:, 0], "kind": np.where(X[:, 1] > 0, "odd", "even")})
    encode = make_column_transformer((OneHotEncoder(), ["kind"]), remainder="passthrough")
    pruner = DataPruner(make_pipeline(encode, KNNShapleyValuator())).fit(frame, names)
    values = KNNShapleyValuator().fit(encode.fit_transform(frame), names).values_
    np.testing.assert_array_equal(pruner.values_, values)
    assert pruner.n_dropped_ == 24


@pytest.mark.parametrize("make", [make_pipeline, "skdvl"])
def test_the_model_that_follows_says_what_y_is(make):
    make = _skdvl_pipeline if make == "skdvl" else make
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(25), 8) * 10 + 100  # as such, many whole numbers with gaps
    X = np.repeat(rng.normal(size=(25, 4)) * 3, 8, axis=0) + rng.normal(size=(200, 4))
    tree = DecisionTreeClassifier(random_state=0)
    for pruner in (DataPruner(quantile=0.6), DataPruner(KNNShapleyValuator(), quantile=0.6)):
        assert DataPruner().fit(X, labels).task_ == "regression"  # by itself it has to guess
        pipeline = make(pruner, tree).fit(X, labels)
        assert pipeline[0].task_ == pipeline[0].valuator_.task_ == "classification"
        assert len(np.unique(labels[pipeline[0].sample_mask_])) == 25
        search = GridSearchCV(make(pruner, tree), {"datapruner__quantile": [0.6]}, cv=2, n_jobs=2)
        inner = search.fit(X, labels).best_estimator_
        assert inner[0].task_ == "classification" and len(inner.classes_) == 25
        nested = make(StandardScaler(), make(pruner, StandardScaler()), tree).fit(X, labels)
        assert nested[1][0].task_ == "classification"
    counts = rng.poisson(3, size=200)  # few whole numbers
    pipeline = make(DataPruner(), Ridge()).fit(X, counts)
    assert pipeline[0].task_ == "regression"
    np.testing.assert_array_equal(
        pipeline[0].values_, KNNShapleyValuator(task="regression").fit(X, counts).values_
    )


def test_copies_take_the_index_of_the_rows_that_they_stand_for(noisy):
    X, y, _ = noisy
    frame = pd.DataFrame(X, columns=_columns(X), index=np.arange(240) + 1000)
    seen = DataPruner(mode="replace").fit_transform(frame, y)
    assert list(seen.index) == list(frame.index)


def test_texts_pass_through(noisy):
    _, y, _ = noisy
    texts = [f"tumour {'large' if label else 'small'} {row}" for row, label in enumerate(y)]
    valuator = ShapleyValuator(
        make_pipeline(CountVectorizer(), MultinomialNB()),
        sampler=OnePermutation(),
        stopping=MaxRounds(1),
        cv=2,
        random_state=0,
    )
    model = LogisticRegression()
    for given in (texts, np.array(texts), pd.Series(texts)):
        for make in (make_pipeline, _skdvl_pipeline):
            pipeline = make(DataPruner(valuator), TfidfVectorizer(), model).fit(given, y)
            assert pipeline.score(given, y) > 0.9


def test_missing_values_that_fit_took_are_taken_by_transform(noisy):
    X, y, _ = noisy
    X = X.copy()
    X[3, 2] = np.nan
    booster = HistGradientBoostingClassifier(max_iter=2)
    for make in (make_pipeline, _skdvl_pipeline):
        assert make(DataPruner(Given(X[:, 0])), booster).fit(X, y).predict(X).shape == (240,)


def test_rare_classes_keep_half_of_their_rows():
    X, y = load_digits(return_X_y=True)
    X, y = X[:900], (y[:900] == 3).astype(int)
    rare = np.count_nonzero(y)
    pruner = DataPruner().fit(X, y)
    assert pruner.n_dropped_ == 90 and y[pruner.sample_mask_].sum() == (rare + 1) // 2
    assert y[DataPruner(min_class_rows=1.0).fit(X, y).sample_mask_].sum() == rare
    assert y[DataPruner(min_class_rows=5).fit(X, y).sample_mask_].sum() == 5


def test_a_frozen_valuator_knows_its_own_rows_only(noisy):
    X, y, _ = noisy
    frozen = FrozenEstimator(KNNShapleyValuator(n_neighbors=3).fit(X, y))
    pruner = DataPruner(frozen).fit(X, y)
    np.testing.assert_array_equal(pruner.values_, frozen.values_)
    with pytest.raises(ValueError, match=r"shape \(240,\), and X has 160 rows.*frozen"):
        cross_val_score(make_pipeline(DataPruner(frozen), SVC()), X, y, cv=3, error_score="raise")


def test_a_failed_fit_leaves_the_last_one_whole(noisy):
    X, y, _ = noisy
    pruner = DataPruner().fit(X, y)
    before = pruner.values_, pruner.sample_indices_, pruner.n_dropped_
    pruner.set_params(threshold=99.0)
    with pytest.raises(ValueError, match="every row"):
        pruner.fit(X[:100], y[:100])
    assert (pruner.values_, pruner.sample_indices_, pruner.n_dropped_) == before or all(
        a is b for a, b in zip(before, (pruner.values_, pruner.sample_indices_), strict=False)
    )


def test_dropping_nothing_is_silent(noisy):
    X, y, _ = noisy
    pruner = DataPruner(quantile=0)
    np.testing.assert_array_equal(pruner.fit_transform(X, y), X)
    assert pruner.n_dropped_ == 0


# ------------------------------------------------------------------ what is sure


class Sure(Given):
    """A valuator that is sure of some rows."""

    def __init__(self, values=None, sure=(), stderr=None, task="classification"):
        super().__init__(values, stderr, task)
        self.sure = sure

    def certify(self, **asked):
        Sure.asked = asked
        inside = np.isin(np.arange(len(self.values)), self.sure)
        return Selection(inside, ~inside)


@pytest.mark.parametrize(
    ("amount", "asked"),
    [
        ({"quantile": 0.3}, {"quantile": 0.3, "delta": 0.05}),
        ({"n_drop": 3}, {"quantile": 0.3, "delta": 0.05}),
        ({"threshold": 2.5}, {"threshold": 2.5, "delta": 0.05}),
        ({"threshold": "auto"}, {"threshold": 0.0, "delta": 0.05}),
        ({"quantile": 0.3, "certified_only": 0.2}, {"quantile": 0.3, "delta": 0.2}),
    ],
    ids=str,
)
def test_only_what_is_sure_is_dropped(amount, asked):
    X, y = np.arange(10.0)[:, None], np.arange(10) % 2
    values = np.arange(10.0) - 3 * ("auto" in amount.values())
    valuator = Sure(values, sure=[1, 2, 5], stderr=np.full(10, 0.1))
    pruner = DataPruner(valuator, **({"certified_only": True} | amount)).fit(X, y)
    assert Sure.asked == asked
    assert np.flatnonzero(pruner.certified_).tolist() == [1, 2, 5]
    expected = [1, 2] if "threshold" in amount else [1, 2, 5]  # three rows, of those that are sure
    assert np.flatnonzero(~pruner.sample_mask_).tolist() == expected
    assert not hasattr(pruner.set_params(certified_only=False).fit(X, y), "certified_")


def test_to_drop_what_is_sure_takes_a_valuator_that_is(noisy):
    X, y = noisy[:2]
    with pytest.raises(ValueError, match="Given has no certify"):
        DataPruner(Given(np.zeros(len(y))), certified_only=True).fit(X, y)
    with pytest.raises(ValueError, match="'certified_only' parameter"):
        DataPruner(certified_only=2).fit(X, y)
    pruner = DataPruner(threshold=0.0, certified_only=True).fit(X, y)  # of nearest neighbours
    inside = KNNShapleyValuator().fit(X, y).certify(threshold=0.0).inside
    np.testing.assert_array_equal(pruner.certified_, inside)
    assert pruner.n_dropped_ == inside.sum() < DataPruner(threshold=0.0).fit(X, y).n_dropped_
