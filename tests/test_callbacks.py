"""scikit-learn's callbacks see the rounds of a fit, wherever the valuator stands."""

import subprocess
import sys

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import Pipeline as SklearnPipeline
from sklearn.preprocessing import StandardScaler

import skdvl
from skdvl.samplers import ExhaustiveSampler
from skdvl.stopping import MaxEvaluations, MaxRounds, MaxTime, StandardError

callback = pytest.importorskip("sklearn.callback", reason="came with scikit-learn 1.9")


class Listener:
    """Writes down what it is told; stops a fit after some rounds."""

    max_propagation_depth = None

    def __init__(self, stop_after=np.inf):
        self.stop_after, self.told, self.open = stop_after, [], 0

    def setup(self, estimator, context):
        self.told.append("setup")

    def teardown(self, estimator, context):
        self.told.append("teardown")

    def on_fit_task_begin(self, estimator, context):
        self.open += 1
        if context.task_name == "round":
            most = context.parent.max_subtasks
            assert most is None or context.task_id < most

    def on_fit_task_end(self, estimator, context):
        self.open -= 1
        self.told.append((type(estimator).__name__, context.task_name, context.task_id))
        return context.task_name == "round" and context.task_id + 1 >= self.stop_after

    @property
    def n_rounds(self):
        return sum(task[1] == "round" for task in self.told if isinstance(task, tuple))


def _shapley(n_rounds=3, **params):
    settings = {"stopping": MaxRounds(n_rounds), "random_state": 0, "cv": 2} | params
    return skdvl.ShapleyValuator(GaussianNB(), **settings)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_every_round_is_told(n_jobs, medium):
    listener = Listener()
    valuator = _shapley(n_jobs=n_jobs, kernel="refit").set_callbacks(listener)
    values = valuator.fit(*medium[:2]).values_
    rounds = [("ShapleyValuator", "round", i) for i in range(3)]
    assert listener.told == ["setup", *rounds, ("ShapleyValuator", "fit", 0), "teardown"]
    assert listener.open == 0
    np.testing.assert_array_equal(values, _shapley(kernel="refit").fit(*medium[:2]).values_)


@pytest.mark.parametrize(
    "params",
    [
        {"stopping": StandardError(atol=0.1, min_rounds=3)},
        {"sampler": ExhaustiveSampler(), "stopping": None},
    ],
    ids=["unknown", "exhaustive"],
)
def test_rounds_are_told_whatever_ends_them(params, small):
    X, y, X_val, y_val = small
    listener = Listener()
    valuator = _shapley(**params).set_callbacks(listener).fit(X, y, X_val=X_val, y_val=y_val)
    assert listener.n_rounds == valuator.n_rounds_ and listener.open == 0


@pytest.mark.filterwarnings("ignore:.*rows have no value")
def test_time_amid_a_round_closes_it(medium):
    listener = Listener()
    _shapley(stopping=MaxTime(0.05)).set_callbacks(listener).fit(*medium[:2])
    assert listener.open == 0 and listener.told[-1] == "teardown"


def test_a_callback_may_stop_a_fit(medium):
    X, y = medium[:2]
    valuator = _shapley(100).set_callbacks(Listener(stop_after=2)).fit(X, y)
    np.testing.assert_array_equal(valuator.values_, _shapley(2).fit(X, y).values_)


def test_resumed_fits_tell_the_rounds_that_are_left(medium, tmp_path):
    X, y = medium[:2]
    _shapley(2, checkpoint=tmp_path / "run").fit(X, y)
    for expected in (3, 0):
        listener = Listener()
        _shapley(5, checkpoint=tmp_path / "run").set_callbacks(listener).fit(X, y)
        assert listener.n_rounds == expected and listener.open == 0


def test_a_failed_fit_tears_down(medium):
    listener = Listener()
    with pytest.raises(ValueError, match="must be"):
        _shapley(cv="five").set_callbacks(listener).fit(*medium[:2])
    assert listener.told == []
    broken = skdvl.ShapleyValuator(LogisticRegression(C=-1.0)).set_callbacks(listener)
    with pytest.raises(ValueError, match="'C' parameter"):
        broken.fit(*medium[:2])
    assert listener.told == ["setup", "teardown"]


@pytest.mark.parametrize("kind", [SklearnPipeline, skdvl.Pipeline])
def test_pipelines_hand_callbacks_down_to_the_rounds(kind, medium):
    listener = Listener()
    pipeline = kind(
        [
            ("scale", StandardScaler()),
            ("prune", skdvl.DataPruner(_shapley(), quantile=0.1)),
            ("model", LogisticRegression()),
        ]
    )
    pipeline.set_callbacks(listener).fit(*medium[:2])
    assert listener.n_rounds == 3 and listener.told.count("setup") == 1 and listener.open == 0
    assert not hasattr(pipeline["prune"], "_skl_callbacks")


def test_pruned_estimators_hand_callbacks_down(medium):
    listener = Listener()
    model = skdvl.PrunedEstimator(LogisticRegression(), skdvl.DataPruner(_shapley()))
    model.set_callbacks(listener).fit(*medium[:2])
    assert listener.n_rounds == 3 and listener.open == 0


@pytest.mark.parametrize("valuator", [skdvl.KNNShapleyValuator(), skdvl.RandomValuator()])
def test_valuators_without_rounds_are_one_task(valuator, medium):
    listener = Listener()
    valuator.set_callbacks(listener).fit(*medium[:2])
    name = type(valuator).__name__
    assert listener.told == ["setup", (name, "fit", 0), "teardown"]
    pruner = skdvl.DataPruner(skdvl.RandomValuator(random_state=0)).set_callbacks(Listener())
    pruner.fit(*medium[:2])


def test_recalled_and_complete_fits_are_told_without_rounds(medium, tmp_path):
    X, y = medium[:2]
    for params in (
        {"memory": str(tmp_path / "memory")},
        {"checkpoint": tmp_path / "run", "stopping": MaxEvaluations(50)},
    ):
        for expected in (1, 0):
            listener = Listener()
            _shapley(1, **params).set_callbacks(listener).fit(X, y)
            assert min(listener.n_rounds, 1) == expected and listener.open == 0
            assert listener.told[0] == "setup" and listener.told[-1] == "teardown"


SEARCH = """
from sklearn.callback import ProgressBar
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.naive_bayes import GaussianNB
from skdvl import DataPruner, Pipeline, ShapleyValuator
from skdvl.stopping import MaxRounds

if __name__ == "__main__":
    X, y = load_iris(return_X_y=True)
    valuator = ShapleyValuator(GaussianNB(), stopping=MaxRounds(2), cv=2, random_state=0)
    pipeline = Pipeline([("prune", DataPruner(valuator)), ("model", LogisticRegression())])
    search = GridSearchCV(pipeline, {"prune__quantile": [0.0, 0.1]}, cv=2, n_jobs=2)
    search.set_callbacks(ProgressBar(max_propagation_depth=None)).fit(X[::3], y[::3])
    print("best", search.best_params_)
"""


def test_the_progress_bar_shows_rounds_within_a_parallel_search(tmp_path):
    pytest.importorskip("rich")
    script = tmp_path / "search.py"
    script.write_text(SEARCH)
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0 and "best" in done.stdout, done.stderr
    assert done.stdout.count("ShapleyValuator - fit") >= 5  # in four folds, and the refit
    assert "Traceback" not in done.stderr
