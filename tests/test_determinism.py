"""The same bits on every backend, for every number of workers, and after every interruption."""

import json
import warnings
from contextlib import suppress
from types import SimpleNamespace

import joblib
import numpy as np
import pytest
from models import Means
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import RandomForestClassifier
from sklearn.naive_bayes import GaussianNB

from skdvl import BanzhafValuator, SemivalueValuator, ShapleyValuator
from skdvl.run import Run
from skdvl.samplers import (
    CoalitionSampler,
    PairedSampler,
    PermutationSampler,
    SizeOptimalSampler,
    StratifiedSampler,
)
from skdvl.semivalues import Banzhaf
from skdvl.stopping import MaxEvaluations, MaxRounds, MaxTime, RankStability, StandardError
from skdvl.strategies import PerSizeReuse, RegressionAdjusted
from skdvl.testing import SmallGame
from skdvl.truncation import RelativeTruncation
from skdvl.utilities import ModelUtility
from skdvl.valuators.keeper import Keeper

CASES = {
    "permutations": {},
    "antithetic": {"sampler": PermutationSampler(antithetic=True)},
    "truncated": {"truncation": RelativeTruncation(rtol=0.02)},
    "stratified": {"sampler": StratifiedSampler("harmonic")},
    "paired": {"sampler": PairedSampler()},
    "per size": {
        "semivalue": Banzhaf(),
        "sampler": CoalitionSampler(),
        "strategy": PerSizeReuse,
    },
    "regression": {
        "sampler": SizeOptimalSampler(tilt=0.35, enumerate_border="auto"),
        "strategy": RegressionAdjusted,
    },
    "pairs and regression": {
        "semivalue": Banzhaf(),
        "sampler": SizeOptimalSampler(Banzhaf(), paired=True),
        "strategy": RegressionAdjusted,
        "store_history": False,
    },
}


def _same(a, b):
    for name in ("values_", "stderr_", "counts_"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
    assert (a.n_rounds_, a.n_evaluations_) == (b.n_rounds_, b.n_evaluations_)


def _same_history(a, b):
    assert hasattr(a, "history_") == a.store_history == hasattr(b, "history_")
    if a.store_history:
        for name in ("history_", "history_stderr_", "history_evaluations_"):
            np.testing.assert_array_equal(getattr(a, name), getattr(b, name))


def _valuator(case, **params):
    settings = {"random_state": 5, "stopping": MaxRounds(2), "store_history": True}
    settings["kernel"] = "refit"  # of which the rounds are cut into blocks
    return SemivalueValuator(Means(), **(settings | CASES[case] | params))


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize(  # the slower to change, since each change of workers takes seconds
    ("backend", "n_jobs"),
    [
        ("sequential", 2),
        ("threading", 2),
        ("threading", 3),
        ("loky", 1),
        ("loky", 2),
        ("loky", 3),
        ("multiprocessing", 2),
    ],
)
def test_same_bits_on_every_backend(case, backend, n_jobs, many_portions, medium):
    X, y, X_val, y_val, _ = medium
    alone = _valuator(case).fit(X, y, X_val=X_val, y_val=y_val)
    with joblib.parallel_config(backend=backend, n_jobs=n_jobs):
        _same(alone, _valuator(case).fit(X, y, X_val=X_val, y_val=y_val))


@pytest.mark.usefixtures("fresh_workers")
@pytest.mark.parametrize("n_jobs", [2])
def test_same_bits_over_folds_and_stopping_rules(n_jobs, medium):
    X, y = medium[0][:20], medium[1][:20]
    stopping = MaxEvaluations(1000) | StandardError(atol=0.02) | RankStability(n_rounds=2)
    params = {"kernel": "refit", "stopping": stopping, "random_state": 1, "cv": 3}
    alone = ShapleyValuator(GaussianNB(), **params).fit(X, y)
    _same(alone, ShapleyValuator(GaussianNB(), n_jobs=n_jobs, **params).fit(X, y))


def test_a_second_fit_gives_the_same_values(medium):
    X, y = medium[:2]
    valuator = _valuator("permutations")
    first = valuator.fit(X, y).values_
    np.testing.assert_array_equal(valuator.fit(X, y).values_, first)
    other = _valuator("permutations", random_state=6).fit(X, y).values_
    assert not np.array_equal(other, first)


def test_random_states_inside_the_estimator_are_pinned(small):
    X, y, X_val, y_val = small
    X, y = X[:6], y[:6]
    forest = RandomForestClassifier(n_estimators=2)
    a, b = (
        ShapleyValuator(forest, random_state=0).fit(X, y, X_val=X_val, y_val=y_val).values_
        for _ in range(2)
    )
    np.testing.assert_array_equal(a, b)
    own = RandomForestClassifier(n_estimators=2, random_state=9)
    fitted = ShapleyValuator(own, random_state=0).fit(X, y, X_val=X_val, y_val=y_val)
    assert fitted.estimator_.random_state == 9


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("n_rounds", [1, 2, 3])
def test_resumed_at_every_round(case, n_rounds, medium, tmp_path):
    X, y = medium[:2]
    whole = _valuator(case, stopping=MaxRounds(4), cv=2).fit(X, y)
    path = tmp_path / "run"
    part = _valuator(case, stopping=MaxRounds(n_rounds), cv=2, checkpoint=path).fit(X, y)
    assert part.n_rounds_ == n_rounds
    resumed = _valuator(case, stopping=MaxRounds(4), cv=2, checkpoint=path).fit(X, y)
    _same(whole, resumed)
    _same_history(whole, resumed)
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.parametrize("case", CASES)
def test_warm_start_goes_on(case, medium):
    X, y = medium[:2]
    whole = _valuator(case, stopping=MaxRounds(4), cv=2).fit(X, y)
    warm = _valuator(case, stopping=MaxRounds(1), cv=2, warm_start=True).fit(X, y)
    for n_rounds in (2, 4):
        warm.set_params(stopping=MaxRounds(n_rounds)).fit(X, y)
    _same(whole, warm)
    with pytest.raises(ValueError, match="warm_start=True goes on with the last fit"):
        warm.fit(X[::-1], y)


def test_a_checkpoint_keeps_its_seed(medium, tmp_path):
    """Without a random_state, the seed is that of the file."""
    X, y = medium[:2]

    def fitted(n_rounds):
        params = {"checkpoint": tmp_path / "run", "cv": 2, "stopping": MaxRounds(n_rounds)}
        return ShapleyValuator(Means(), **params).fit(X, y)

    first, longer, again = fitted(1), fitted(3), fitted(3)
    assert longer.n_rounds_ == 3 and not np.array_equal(first.values_, longer.values_)
    _same(longer, again)


COUNTED = SimpleNamespace(calls=0, limit=np.inf)
json.skdvl_counted = COUNTED


class Interrupts(ClassifierMixin, BaseEstimator):
    """Predicts the majority; a call of fit beyond a limit is interrupted from the keyboard."""

    def fit(self, X, y):
        counted = json.skdvl_counted  # behind a library, since what a class refers to is part of it
        counted.calls += 1
        if counted.calls > counted.limit:
            raise KeyboardInterrupt
        self.classes_, counts = np.unique(y, return_counts=True)
        self.majority_ = self.classes_[counts.argmax()]
        return self

    def predict(self, X):
        return np.full(len(X), self.majority_)


def test_an_interrupted_fit_publishes_nothing_and_goes_on(medium, tmp_path):
    X, y, X_val, y_val, _ = medium

    def valuator(path):
        return ShapleyValuator(Interrupts(), stopping=MaxRounds(5), random_state=0, checkpoint=path)

    whole = valuator(None).fit(X, y, X_val=X_val, y_val=y_val)
    COUNTED.limit = COUNTED.calls + 700
    interrupted = valuator(tmp_path / "run")
    with pytest.raises(KeyboardInterrupt):
        interrupted.fit(X, y, X_val=X_val, y_val=y_val)
    assert not hasattr(interrupted, "values_")
    COUNTED.limit = np.inf
    before = COUNTED.calls
    _same(whole, valuator(tmp_path / "run").fit(X, y, X_val=X_val, y_val=y_val))
    assert COUNTED.calls - before < 5 * 280  # the first rounds were not played again


def test_an_interrupted_fit_goes_on_by_warm_start(medium):
    X, y, X_val, y_val, _ = medium
    params = {"stopping": MaxRounds(5), "random_state": 0, "warm_start": True}
    whole = ShapleyValuator(Interrupts(), **params).fit(X, y, X_val=X_val, y_val=y_val)
    COUNTED.limit = COUNTED.calls + 700
    interrupted = ShapleyValuator(Interrupts(), **params)
    with pytest.raises(KeyboardInterrupt):
        interrupted.fit(X, y, X_val=X_val, y_val=y_val)
    COUNTED.limit, before = np.inf, COUNTED.calls
    _same(whole, interrupted.fit(X, y, X_val=X_val, y_val=y_val))
    assert COUNTED.calls - before < 5 * 280


class SmallBlocks(SmallGame):
    block_size = 6  # several in each round; each restart takes as long as dozens of them


@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize("case", CASES)
def test_nothing_scored_is_lost_amid_a_round(case, n_jobs, monkeypatch, tmp_path):
    """Stopped again and again, between any two blocks, and started again."""
    monkeypatch.setattr("skdvl.evaluation.stream._SECONDS", 0.0)
    monkeypatch.setattr("skdvl.valuators.keeper._SECONDS", 0.0)
    params = {"random_state": 0, "store_history": True, "stopping": MaxRounds(3)} | CASES[case]

    class Stop(Exception):
        pass

    class Stops(Keeper):
        def look(self, run):
            stops = super().look(run)
            places.append(run.place)
            if len(places) % 3 == 0:
                raise Stop
            return stops

    whole = SemivalueValuator(**params).fit_utility(SmallBlocks(9))
    monkeypatch.setattr("skdvl.valuators.coalition.Keeper", Stops)
    params |= {"checkpoint": tmp_path / "run", "n_jobs": n_jobs}
    places, valuator = [], SemivalueValuator(**params)
    while not hasattr(valuator, "values_"):
        with suppress(Stop):
            valuator.fit_utility(SmallBlocks(9))
    _same(whole, valuator)
    _same_history(whole, valuator)
    assert places == sorted(set(places)) and len(places) > 6


@pytest.mark.parametrize("truncation", [None, RelativeTruncation(0.3)])
def test_time_that_ends_amid_a_round_loses_nothing(truncation, medium, tmp_path):
    X, y = medium[:2]
    params = {"random_state": 0, "cv": 3, "truncation": truncation, "checkpoint": tmp_path / "run"}
    whole = ShapleyValuator(
        GaussianNB(), kernel="refit", stopping=MaxRounds(2), **(params | {"checkpoint": None})
    ).fit(X, y)
    for seconds in np.arange(0.02, 0.2, 0.04):
        with warnings.catch_warnings():  # of rows without a value yet
            warnings.simplefilter("ignore")
            ShapleyValuator(
                GaussianNB(), kernel="refit", stopping=MaxTime(seconds) | MaxRounds(2), **params
            ).fit(X, y)
    _same(
        whole,
        ShapleyValuator(GaussianNB(), kernel="refit", stopping=MaxRounds(2), **params).fit(X, y),
    )


@pytest.mark.filterwarnings("ignore:.*rows have no value")
@pytest.mark.parametrize("limit", [65, 85, 105])
def test_time_costs_a_few_models_more_than_it_has(limit, medium, monkeypatch):
    """A fit of the model takes a second, and whatever is else takes no time."""
    X, y, X_val, y_val, _ = medium
    began = COUNTED.calls
    monkeypatch.setattr("skdvl.engine.perf_counter", lambda: COUNTED.calls)
    valuator = ShapleyValuator(Interrupts(), stopping=MaxTime(limit), random_state=0)
    valuator.fit(X, y, X_val=X_val, y_val=y_val)
    assert limit <= COUNTED.calls - began < limit + 10


def test_a_longer_look_back_continues_bit_for_bit(medium):
    X, y = medium[:2]
    rule = RankStability(0.5, n_rounds=5)
    whole = _valuator("permutations", stopping=rule, cv=2).fit(X, y)
    part = _valuator("permutations", stopping=MaxRounds(4), cv=2, warm_start=True).fit(X, y)
    _same(whole, part.set_params(stopping=rule).fit(X, y))


def test_random_state_instances_can_go_on(medium, tmp_path):
    X, y = medium[:2]
    params = {"cv": 2, "checkpoint": tmp_path / "run", "warm_start": True}
    params["random_state"] = np.random.RandomState(0)
    valuator = ShapleyValuator(Means(), stopping=MaxRounds(1), **params).fit(X, y)
    assert valuator.set_params(stopping=MaxRounds(2)).fit(X, y).n_rounds_ == 2


def test_utilities_can_go_on_and_are_told_apart(medium):
    X, y, X_val, y_val, _ = medium
    utility = ModelUtility(Means(), X, y, X_val, y_val, "accuracy")
    params = {"random_state": 0, "warm_start": True}
    whole = ShapleyValuator(stopping=MaxRounds(3), **params).fit_utility(utility)
    part = ShapleyValuator(stopping=MaxRounds(1), **params).fit_utility(utility)
    _same(whole, part.set_params(stopping=MaxRounds(3)).fit_utility(utility))

    class Other(SmallGame):
        def __call__(self, masks):
            return -super().__call__(masks)

    for foreign in (ModelUtility(Means(), X, y, X_val, y_val, "f1"), SmallGame(40)):
        with pytest.raises(ValueError, match="differ"):
            part.fit_utility(foreign)
    small = ShapleyValuator(stopping=MaxRounds(1), **params).fit_utility(SmallGame(12))
    with pytest.raises(ValueError, match="differ"):
        small.fit_utility(Other(12))


def test_memory_keeps_whole_results(medium, tmp_path):
    X, y, X_val, y_val, _ = medium
    valuator = BanzhafValuator(
        Interrupts(), stopping=MaxRounds(1), random_state=0, memory=str(tmp_path)
    )
    first = valuator.fit(X, y, X_val=X_val, y_val=y_val)
    calls = COUNTED.calls
    second = BanzhafValuator(**first.get_params(deep=False)).fit(X, y, X_val=X_val, y_val=y_val)
    assert COUNTED.calls == calls
    _same(first, second)
    second.set_params(p=0.4).fit(X, y, X_val=X_val, y_val=y_val)
    assert COUNTED.calls > calls


def test_runs_survive_the_file(tmp_path):
    run = Run.begin([{"a": np.arange(3.0)}, {"b": np.eye(2)}], 3, seed=7, window=2)
    run.save(tmp_path / "run", "f")
    again = Run.load(tmp_path / "run", "f", window=2)
    assert again.seed == 7 and again.n_rounds == 0
    np.testing.assert_array_equal(again.tallies[1]["b"], np.eye(2))
    assert np.isnan(again.values).all()
