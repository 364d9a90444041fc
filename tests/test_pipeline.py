"""Pipeline: scikit-learn's own, and X, y and metadata lose their rows together."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sklearn
import sklearn.pipeline
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.cluster import DBSCAN, KMeans
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.decomposition import PCA
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import HalvingGridSearchCV, cross_val_score
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import FeatureUnion
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from skdvl import DataPruner, Pipeline, PrunedEstimator, make_pipeline


class Recorder(LogisticRegression):
    """Remembers what it was fitted on."""

    def fit(self, X, y, sample_weight=None, X_val=None, groups=None):
        self.X_, self.y_, self.weight_ = X, np.asarray(y), sample_weight
        self.X_val_, self.groups_ = X_val, groups
        return super().fit(X, y, sample_weight)


class Witness(TransformerMixin, BaseEstimator):
    """A step without fit_transform of its own that remembers metadata."""

    def fit(self, X, y=None, sample_weight=None):
        self.n_, self.weight_ = len(X), sample_weight
        return self

    def transform(self, X):
        return X


@pytest.fixture
def rows():
    X, y = load_breast_cancer(return_X_y=True)
    flipped = np.random.default_rng(0).random(240) < 0.2
    X = StandardScaler().fit_transform(X)
    return X[:240, :6], np.where(flipped, 1 - y[:240], y[:240])


@pytest.fixture
def weight():
    return np.random.default_rng(1).random(240)


# ---------------------------------------------------------------------- scikit-learn's own tests


SWAP = """
import sklearn.pipeline
import skdvl

sklearn.pipeline.Pipeline = skdvl.Pipeline
sklearn.pipeline.make_pipeline = skdvl.make_pipeline
"""
# The loop that drops rows, even without a step that does.
EVERY_STEP = "skdvl.Pipeline._resamples = lambda self: True"


def run_tests_of_scikit_learn(folder, plugin, *arguments):
    """Run scikit-learn's tests of Pipeline against skdvl's; return pytest's last line."""
    (folder / "swap_pipeline.py").write_text(plugin)
    (folder / "pytest.ini").write_text("[pytest]\n")  # skdvl's own settings are not theirs
    path = os.pathsep.join([str(folder), str(Path(__file__).parent.parent)])
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "--tb=line",
            "-p",
            "no:cacheprovider",
            "-c",
            str(folder / "pytest.ini"),
        ]
        + ["-p", "swap_pipeline", "--pyargs", "sklearn.tests.test_pipeline", *arguments],
        capture_output=True,
        text=True,
        cwd=Path(sklearn.__file__).parent,
        env=os.environ | {"PYTHONPATH": path},
        timeout=1500,
    )
    return done.returncode, done.stdout.strip().splitlines()[-1]


def test_scikit_learns_own_tests_pass(tmp_path):
    code, summary = run_tests_of_scikit_learn(tmp_path, SWAP)
    assert code == 0, summary
    assert int(summary.split(" passed")[0].split()[-1]) >= 140


def test_scikit_learns_own_tests_pass_where_rows_could_be_dropped(tmp_path):
    # fit_transform and fit_predict are fit, and then transform or predict, here: these tests
    # look for the fit_transform or the fit_predict of the last step.
    one_step = ["test_pipeline_fit_transform", "test_transform_input_pipeline[fit_transform]"]
    one_step += [
        f"test_metadata_routing_{kind}for_pipeline[{method}]"
        for kind in ("", "error_")
        for method in ("fit_predict", "fit_transform")
    ]
    skipped = [f"--deselect=tests/test_pipeline.py::{name}" for name in one_step]
    skipped += [f"--deselect=::{name}" for name in one_step]
    code, summary = run_tests_of_scikit_learn(tmp_path, SWAP + EVERY_STEP, *skipped)
    assert code == 0, summary
    assert int(summary.split(" passed")[0].split()[-1]) >= 130


# ---------------------------------------------------------------------- rows that go together


def test_rows_are_dropped_for_all_later_steps(rows, weight):
    X, y = rows
    pipeline = make_pipeline(StandardScaler(), DataPruner(quantile=0.2), Witness(), Recorder())
    groups = np.arange(240)
    pipeline.fit(
        X, y, witness__sample_weight=weight, recorder__sample_weight=weight.tolist(),
        recorder__groups=pd.Series(groups, index=groups + 7), recorder__X_val=X,
    )  # fmt: skip
    scaled = StandardScaler().fit_transform(X)
    kept = DataPruner(quantile=0.2).fit(scaled, y).sample_indices_
    model = pipeline[-1]
    np.testing.assert_array_equal(model.X_, scaled[kept])
    np.testing.assert_array_equal(model.y_, y[kept])
    np.testing.assert_array_equal(model.weight_, weight[kept])
    np.testing.assert_array_equal(model.groups_, kept)
    assert model.X_val_ is X  # as many rows as X, and a validation set all the same
    assert pipeline["witness"].n_ == 192
    np.testing.assert_array_equal(pipeline["witness"].weight_, weight[kept])
    assert pipeline["datapruner"].mode_ == "drop"
    assert pipeline.predict(X).shape == (240,) and pipeline.predict_proba(X[:3]).shape == (3, 2)
    np.testing.assert_array_equal(pipeline[:-1].transform(X), scaled)
    alone = LogisticRegression().fit(scaled[kept], y[kept], weight[kept])
    np.testing.assert_array_equal(alone.coef_, model.coef_)


def test_weights_reach_steps_before_the_pruner_whole(rows, weight):
    X, y = rows
    pipeline = make_pipeline(Witness(), DataPruner(quantile=0.5), Recorder())
    pipeline.fit(X, y, witness__sample_weight=weight, recorder__sample_weight=weight)
    np.testing.assert_array_equal(pipeline["witness"].weight_, weight)
    assert len(pipeline["recorder"].weight_) == 120


def test_two_pruners(rows, weight):
    X, y = rows
    pipeline = make_pipeline(DataPruner(n_drop=40), DataPruner(n_drop=60), Recorder())
    pipeline.fit(X, y, recorder__sample_weight=weight)
    first, second = (pipeline[name].sample_indices_ for name in ("datapruner-1", "datapruner-2"))
    np.testing.assert_array_equal(pipeline[-1].X_, X[first][second])
    np.testing.assert_array_equal(pipeline[-1].weight_, weight[first][second])


def test_regression():
    X, y = load_diabetes(return_X_y=True)
    wrong = np.random.default_rng(0).random(442) < 0.1
    y_bad = np.where(wrong, y + 600, y)
    plain = Ridge(alpha=0.01).fit(X, y_bad).score(X, y)
    pipeline = make_pipeline(DataPruner(quantile=0.15), Ridge(alpha=0.01)).fit(X, y_bad)
    assert pipeline.score(X, y) > plain + 0.05


def test_fit_transform_is_fit_and_transform_of_all_rows(rows):
    X, y = rows
    pipeline = make_pipeline(StandardScaler(), DataPruner(quantile=0.3), PCA(2))
    together = pipeline.fit_transform(X, y)
    np.testing.assert_array_equal(together, clone(pipeline).fit(X, y).transform(X))
    assert together.shape == (240, 2)
    assert pipeline["pca"].n_samples_ == 168
    empty = make_pipeline(StandardScaler(), DataPruner(), "passthrough")
    np.testing.assert_allclose(empty.fit_transform(X, y), StandardScaler().fit_transform(X))
    assert list(pipeline.get_feature_names_out()) == ["pca0", "pca1"]


def test_fit_predict(rows):
    X, y = rows
    clusters = make_pipeline(DataPruner(), KMeans(2, random_state=0, n_init=1))
    assert clusters.fit_predict(X, y).shape == (240,)
    with pytest.raises(TypeError, match="DBSCAN predicts only for the rows"):
        make_pipeline(DataPruner(), DBSCAN()).fit_predict(X, y)


@pytest.mark.parametrize("outer", [make_pipeline, sklearn.pipeline.make_pipeline])
def test_pipelines_in_pipelines(rows, outer):
    X, y = rows
    inner = make_pipeline(StandardScaler(), DataPruner(quantile=0.5), PCA(2))
    nested = outer(inner, Recorder()).fit(X, y)
    assert nested[0]["pca"].n_samples_ == 120  # rows are dropped for the inner steps only
    assert len(nested[-1].y_) == 240
    union = FeatureUnion([("pruned", inner), ("all", StandardScaler())])
    assert outer(union, SVC()).fit(X, y).predict(X).shape == (240,)
    last = outer(StandardScaler(), make_pipeline(DataPruner(quantile=0.5), Recorder()))
    last.fit(X, y)
    assert len(last[-1][-1].y_) == 120
    scores = cross_val_score(last, X, y, cv=3, error_score="raise")
    assert (scores > 0.5).all()


def test_weights_reach_into_nested_pipelines(rows, weight):
    X, y = rows
    nested = make_pipeline(DataPruner(quantile=0.5), Pipeline([("model", Recorder())]))
    nested.fit(X, y, pipeline__model__sample_weight=weight)
    kept = nested[0].sample_indices_
    np.testing.assert_array_equal(nested[-1]["model"].weight_, weight[kept])


def test_memory(rows, weight, tmp_path):
    X, y = rows
    plain = make_pipeline(StandardScaler(), DataPruner(quantile=0.2), Recorder())
    cached = make_pipeline(
        StandardScaler(), DataPruner(quantile=0.2), Recorder(), memory=str(tmp_path)
    )
    plain.fit(X, y, recorder__sample_weight=weight)
    pruner = cached[1]
    for _ in range(2):
        cached.fit(X, y, recorder__sample_weight=weight)
        np.testing.assert_array_equal(cached[-1].weight_, plain[-1].weight_)
        np.testing.assert_array_equal(cached[-1].coef_, plain[-1].coef_)
    assert not hasattr(pruner, "values_")  # a clone was fitted, or came from the cache
    assert cached["datapruner"].n_dropped_ == 48
    cached.set_params(datapruner__quantile=0.4).fit(X, y)
    assert len(cached[-1].y_) == 144


def test_verbose(rows, capsys):
    X, y = rows
    make_pipeline(StandardScaler(), DataPruner(), "passthrough", SVC(), verbose=True).fit(X, y)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4
    assert "(step 2 of 4) Processing datapruner" in lines[1]


def test_steps_can_be_swapped_for_passthrough(rows):
    X, y = rows
    pipeline = Pipeline([("prune", DataPruner()), ("model", Recorder())])
    for empty in ("passthrough", None):
        pipeline.set_params(prune=empty).fit(X, y)
        assert len(pipeline[-1].y_) == 240
    pipeline.set_params(prune=DataPruner(), model="passthrough").fit(X, y)
    assert pipeline.transform(X).shape == X.shape


def test_slices_repr_and_html(rows):
    X, y = rows
    pipeline = make_pipeline(StandardScaler(), DataPruner(), SVC()).fit(X, y)
    assert isinstance(pipeline[1:], Pipeline)
    assert pipeline[:2].transform(X).shape == X.shape
    assert pipeline[1:].predict(pipeline[0].transform(X)).shape == (240,)
    assert "DataPruner" in repr(pipeline)
    assert "DataPruner" in pipeline._repr_html_()
    assert pipeline["datapruner"] is pipeline.named_steps.datapruner
    assert list(pipeline.classes_) == [0, 1] and pipeline.n_features_in_ == 6


def test_samplers_of_imbalanced_learn(rows, weight):
    from imblearn.over_sampling import SMOTE
    from imblearn.under_sampling import RandomUnderSampler

    X, y = rows
    under = RandomUnderSampler(random_state=0)
    pipeline = make_pipeline(StandardScaler(), under, DataPruner(), Recorder())
    pipeline.fit(X, y, recorder__sample_weight=weight)
    chosen = under.sample_indices_[pipeline["datapruner"].sample_indices_]
    np.testing.assert_array_equal(pipeline[-1].weight_, weight[chosen])
    assert pipeline.predict(X).shape == (240,) and pipeline.score(X, y) > 0.5
    assert pipeline[:-1].transform(X).shape == X.shape
    pipeline.set_output(transform="pandas").fit(pd.DataFrame(X).rename(columns=str), y)

    smote = make_pipeline(DataPruner(), SMOTE(random_state=0), Recorder()).fit(X, y)
    counts = np.bincount(smote[-1].y_)
    assert counts[0] == counts[1]
    with pytest.raises(ValueError, match="sample_weight has one entry.*step 'smote' does not tell"):
        smote.fit(X, y, recorder__sample_weight=weight)
    smote.fit(X, y, datapruner__X_val=X, datapruner__y_val=y)  # nothing that would have to follow


def test_a_pruner_gives_what_set_output_asks_for(rows):
    X, y = rows
    pick = ColumnTransformer([("first", StandardScaler(), ["x0", "x1"])])
    pipeline = make_pipeline(DataPruner(), pick, Recorder()).set_output(transform="pandas")
    pipeline.fit(X, y)  # and no warning at predict time, about names
    assert pipeline.predict(X).shape == (240,)
    assert list(pipeline[-1].X_.columns) == ["first__x0", "first__x1"]


def test_validation_rows_pass_resamplers(rows):
    from imblearn.under_sampling import RandomUnderSampler

    X, y = rows
    with sklearn.config_context(enable_metadata_routing=True):
        for resampler in (
            RandomUnderSampler(random_state=0),
            DataPruner(mode="resample").set_fit_request(X_val=False),
        ):
            model = Recorder().set_fit_request(X_val=True)
            pipeline = make_pipeline(StandardScaler(), resampler, model, transform_input=["X_val"])
            pipeline.fit(X, y, X_val=X[:7])
            scaled = StandardScaler().fit(X).transform(X[:7])
            np.testing.assert_array_equal(model.X_val_, scaled)
            np.testing.assert_array_equal(pipeline[:-1].transform(X[:7]), scaled)


def test_a_frozen_pruner_is_the_identity(rows):
    X, y = rows
    frozen = FrozenEstimator(DataPruner().fit(X[:60], y[:60]))
    pipeline = make_pipeline(DataPruner(quantile=0.5), frozen, Recorder()).fit(X, y)
    assert len(pipeline[-1].y_) == 120 and len(frozen.values_) == 60


def test_a_pipeline_of_scikit_learn_that_ends_in_a_pruner(rows):
    X, y = rows
    inner = sklearn.pipeline.make_pipeline(StandardScaler(), DataPruner())
    pipeline = make_pipeline(DataPruner(), inner, Recorder()).fit(X, y)
    assert pipeline[1][-1].mode_ == "replace" and len(pipeline[-1].y_) == 216


def test_inverse_transform(rows):
    X, y = rows
    pipeline = make_pipeline(StandardScaler(), DataPruner(), PCA(6)).fit(X, y)
    np.testing.assert_allclose(pipeline.inverse_transform(pipeline.transform(X)), X)


def test_halving_search(rows):
    X, y = rows
    pipeline = make_pipeline(DataPruner(), GaussianNB())
    grid = {"datapruner__quantile": [0, 0.1, 0.2], "gaussiannb__var_smoothing": [1e-9, 1e-3]}
    search = HalvingGridSearchCV(pipeline, grid, cv=3, random_state=0, error_score="raise")
    assert search.fit(X, y).predict(X).shape == (240,)


def test_routed_metadata(rows, weight):
    X, y = rows
    with sklearn.config_context(enable_metadata_routing=True):
        asks = {"sample_weight": True, "X_val": True}
        pipeline = make_pipeline(
            StandardScaler().set_fit_request(sample_weight=True),
            DataPruner(quantile=0.2).set_fit_request(X_val=False),
            Recorder().set_fit_request(**asks),
            transform_input=["X_val"],
        )
        pipeline.fit(X, y, sample_weight=weight, X_val=X)
        kept = pipeline["datapruner"].sample_indices_
        scaled = StandardScaler().fit(X, sample_weight=weight).transform(X)
        np.testing.assert_array_equal(pipeline[-1].weight_, weight[kept])
        np.testing.assert_array_equal(pipeline[-1].X_val_, scaled)
    with pytest.raises(ValueError, match="transform_input.*metadata routing"):
        pipeline.fit(X, y)


class Tasks:
    """A callback that writes down every task that ends, and the rows it ended with."""

    def __init__(self):
        self.ended = []

    def setup(self, estimator, context):
        self.ended.clear()

    def teardown(self, estimator, context):
        self.ended.append("teardown")

    def on_fit_task_begin(self, estimator, context, **_):
        pass

    def on_fit_task_end(self, estimator, context, *, X=None, y=None, **_):
        self.ended.append((context.task_name, len(X), len(y)))


@pytest.mark.skipif(not hasattr(Pipeline, "set_callbacks"), reason="scikit-learn before 1.9")
def test_callbacks(rows):
    X, y = rows
    tasks = Tasks()
    pipeline = make_pipeline(StandardScaler(), DataPruner(), "passthrough", SVC())
    pipeline.set_callbacks(tasks).fit(X, y)
    assert tasks.ended == [
        ("fit-transform-standardscaler", 240, 240),
        ("fit-transform-datapruner", 216, 216),
        ("fit-transform-passthrough", 216, 216),
        ("fit-final-estimator", 216, 216),
        ("fit", 216, 216),
        "teardown",
    ]


# ---------------------------------------------------------------------- bad input


def test_refusals(rows, weight):
    X, y = rows
    with pytest.raises(TypeError, match="last step 'datapruner'.*PrunedEstimator"):
        make_pipeline(StandardScaler(), DataPruner()).fit(X, y)
    with pytest.raises(TypeError, match="last step"):
        make_pipeline(StandardScaler(), DataPruner()).fit_transform(X, y)
    with pytest.raises(ValueError, match="y to be passed"):
        make_pipeline(DataPruner(), SVC()).fit(X)
    with pytest.raises(ValueError, match="recorder__sample_weight|stepname__parameter"):
        make_pipeline(DataPruner(), Recorder()).fit(X, y, sample_weight=weight)
    with pytest.raises(TypeError, match="intermediate steps should be transformers"):
        make_pipeline(DataPruner(), SVC(), SVC()).fit(X, y)
    with pytest.raises(ValueError, match="not unique"):
        Pipeline([("a", DataPruner()), ("a", SVC())]).fit(X, y)
    with pytest.raises(sklearn.exceptions.NotFittedError):
        make_pipeline(DataPruner(), SVC()).predict(X)
    pruned = make_pipeline(StandardScaler(), PrunedEstimator(SVC(), DataPruner())).fit(X, y)
    assert pruned.predict(X).shape == (240,)  # the way out
