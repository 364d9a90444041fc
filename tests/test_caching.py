"""Caches: the same values with and without, nothing computed twice, nothing wrong ever returned."""

import json
import math
import multiprocessing
import pickle
import shutil
import sqlite3
import threading

import joblib
import numpy as np
import pytest
from errands import look_up, read_and_write, write_without_end
from folder_cache import FolderCache
from forks import begin
from models import Means
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.exceptions import FitFailedWarning
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.tree import DecisionTreeClassifier

import skdvl
from skdvl.caching import Cache, DiskCache, MemoryCache, shared_memory
from skdvl.caching.recall import Recall
from skdvl.samplers import (
    CoalitionSampler,
    ExhaustiveSampler,
    PairedSampler,
    PermutationSampler,
    SizeOptimalSampler,
    StratifiedSampler,
)
from skdvl.semivalues import Banzhaf, BetaShapley
from skdvl.stopping import MaxEvaluations, MaxRounds
from skdvl.strategies import RegressionAdjusted
from skdvl.testing import SmallGame, check_cache
from skdvl.truncation import RelativeTruncation
from skdvl.utilities import ModelUtility, Utility


@pytest.fixture(autouse=True)
def _patient(monkeypatch):
    """Wait as long as it takes: a busy machine is not a fault; and what is one is one for good."""
    monkeypatch.setattr("skdvl.caching.disk._PATIENCE", 600.0)
    monkeypatch.setattr(DiskCache, "deadline", math.inf)
    monkeypatch.setattr("skdvl.caching.breaker._PAUSE", math.inf)


FITS = {
    "permutations": {},
    "antithetic": {"sampler": PermutationSampler(antithetic=True)},
    "truncated": {"truncation": RelativeTruncation(rtol=0.02)},
    "stratified": {"sampler": StratifiedSampler("harmonic")},
    "paired": {"semivalue": Banzhaf(), "sampler": PairedSampler()},
    "coalitions": {"semivalue": Banzhaf(), "sampler": CoalitionSampler()},
    "regression": {"sampler": SizeOptimalSampler(), "strategy": RegressionAdjusted},
    "folds": {"cv": 3},
}


class Counted(Utility):
    """A game of 9 players that counts its calls, in this process."""

    n_players, block_size = 9, 16
    derived = ("n_scored",)

    def __init__(self):
        self.n_scored = 0

    def __call__(self, masks):
        self.n_scored += len(masks)
        return np.sqrt(masks @ np.arange(1.0, 10.0))


def _same(a, b):
    for name in ("values_", "stderr_", "counts_"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
    assert (a.n_rounds_, a.n_evaluations_) == (b.n_rounds_, b.n_evaluations_)


# ---------------------------------------------------------------------- fits


@pytest.mark.parametrize("case", FITS)
@pytest.mark.parametrize(  # the slower to change, since each change of workers takes seconds
    ("backend", "n_jobs"), [("sequential", 1), ("threading", 2), ("loky", 2), ("loky", 3)]
)
def test_off_cold_and_warm_give_the_same_bits_everywhere(
    case, backend, n_jobs, many_portions, medium
):
    X, y, X_val, y_val, _ = medium
    where = {} if case == "folds" else {"X_val": X_val, "y_val": y_val}
    settings = {"kernel": "refit", "stopping": MaxRounds(3), "random_state": 0} | FITS[case]

    def fit(cache):
        valuator = skdvl.SemivalueValuator(Means(), cache=cache, **settings)
        return valuator.fit(X, y, **where)

    alone, cache = fit(None), MemoryCache()
    with joblib.parallel_config(backend=backend, n_jobs=n_jobs):
        _same(alone, fit(None))
        _same(alone, fit(cache))
        cache.stats.clear()
        _same(alone, fit(cache))
    assert cache.stats.sets == 0 and cache.stats.hits > 0


def test_a_warm_fit_scores_nothing_and_ends_by_its_rule():
    cache, utility = MemoryCache(), Counted()
    settings = {"random_state": 0, "cache": cache, "stopping": MaxEvaluations(500)}
    cold = skdvl.ShapleyValuator(sampler=PermutationSampler(), **settings).fit_utility(utility)
    assert utility.n_scored > 0
    for n_jobs in (1, 2):
        fresh = Counted()
        warm = skdvl.ShapleyValuator(sampler=PermutationSampler(), n_jobs=n_jobs, **settings)
        _same(cold, warm.fit_utility(fresh))
        assert fresh.n_scored == 0


def test_other_samplers_and_semivalues_use_what_is_known():
    cache = MemoryCache()
    exact = skdvl.ShapleyValuator(sampler=ExhaustiveSampler(), cache=cache)
    exact.fit_utility(Counted())
    for params in FITS.values():
        for semivalue in (Banzhaf(), BetaShapley(4, 1)):
            utility = Counted()
            settings = {"stopping": MaxRounds(2), "random_state": 0, "cache": cache} | params
            settings |= {"semivalue": semivalue, "sampler": settings.get("sampler", "auto")}
            settings["truncation"] = None
            skdvl.SemivalueValuator(**settings).fit_utility(utility)
            assert utility.n_scored == 0


def test_a_long_fit_goes_on_from_a_half_known_one():
    """Some blocks are known and others are not; they come in their order."""
    for n_jobs in (1, 2):
        cache = MemoryCache()
        settings = {"random_state": 0, "sampler": PermutationSampler(), "n_jobs": n_jobs}
        alone = skdvl.ShapleyValuator(stopping=MaxRounds(6), **settings).fit_utility(Counted())
        settings["cache"] = cache
        for seed, n_rounds in ((1, 2), (0, 3), (2, 1)):
            settings["random_state"] = seed
            skdvl.ShapleyValuator(stopping=MaxRounds(n_rounds), **settings).fit_utility(Counted())
        settings["random_state"] = 0
        _same(
            alone, skdvl.ShapleyValuator(stopping=MaxRounds(6), **settings).fit_utility(Counted())
        )


class Picky(ClassifierMixin, BaseEstimator):
    """Fails on some coalitions."""

    def __init__(self, limit=3):
        self.limit = limit

    def fit(self, X, y):
        if len(X) % self.limit == 0 and len(X) < 35:
            raise OSError("disk full")
        self.classes_, counts = np.unique(y, return_counts=True)
        self.majority_ = self.classes_[counts.argmax()]
        return self

    def predict(self, X):
        return np.full(len(X), self.majority_)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.FitFailedWarning")
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_failures_are_counted_again_and_never_kept(n_jobs, medium):
    X, y, X_val, y_val, _ = medium
    settings = {"stopping": MaxRounds(1), "random_state": 0, "n_jobs": n_jobs}
    off = skdvl.ShapleyValuator(Picky(), **settings).fit(X, y, X_val=X_val, y_val=y_val)
    cache = MemoryCache()
    for _ in range(2):
        fitted = skdvl.ShapleyValuator(Picky(), cache=cache, **settings)
        _same(off, fitted.fit(X, y, X_val=X_val, y_val=y_val))
        assert fitted.n_failed_fits_ == off.n_failed_fits_ > 0


@pytest.mark.parametrize(
    "other",
    [
        {"estimator": Means(0.1)},
        {"scoring": "balanced_accuracy"},
        {"error_score": 0.0},
        {"empty_score": 0.0},
    ],
    ids=str,
)
def test_nothing_is_shared_with_another_utility(other, medium):
    X, y, X_val, y_val, _ = medium
    cache = MemoryCache()
    settings = {"estimator": Means(), "stopping": MaxRounds(1), "random_state": 0}
    settings["sampler"] = PermutationSampler()  # which seldom meets a set twice
    skdvl.ShapleyValuator(cache=cache, **settings).fit(X, y, X_val=X_val, y_val=y_val)

    def n_hits(X, y, X_val, y_val, **params):
        cache.stats.clear()
        skdvl.ShapleyValuator(cache=cache, **(settings | params)).fit(
            X, y, X_val=X_val, y_val=y_val
        )
        return cache.stats.hits

    assert n_hits(X, y, X_val, y_val) > 0
    assert n_hits(X, y, X_val, y_val, **other) == 0
    assert n_hits(X + 1e-9, y, X_val, y_val) == 0
    assert n_hits(X, 1 - y, X_val, y_val) == 0
    assert n_hits(X, y, X_val + 1e-9, y_val) == 0
    assert n_hits(X, y, X_val, 1 - y_val) == 0
    assert n_hits(np.asfortranarray(X), y.copy(), X_val, y_val) > 0


class Framed(ClassifierMixin, BaseEstimator):
    """Predicts the rarest class if it was fitted on a data frame, and the majority otherwise."""

    def fit(self, X, y):
        self.classes_, counts = np.unique(y, return_counts=True)
        choose = np.argmin if hasattr(X, "columns") else np.argmax
        self.label_ = self.classes_[choose(counts)]
        return self

    def predict(self, X):
        return np.full(len(X), self.label_)


def test_what_transformers_hand_on_is_part_of_a_score(medium):
    """It is a setting of scikit-learn's, and no parameter of anything."""
    X, y, X_val, y_val, _ = medium
    estimator, cache = make_pipeline(StandardScaler(), Framed()), MemoryCache()
    settings = {"stopping": MaxRounds(1), "random_state": 0, "sampler": PermutationSampler()}
    found = []
    for output in ("default", "pandas"):
        with config_context(transform_output=output):
            off, on = (
                skdvl.ShapleyValuator(estimator, cache=given, **settings).fit(
                    X, y, X_val=X_val, y_val=y_val
                )
                for given in (None, cache)
            )
        _same(off, on)
        found.append(on.values_)
    assert cache.stats.hits == 0 and not np.array_equal(*found)


class Ensemble(Utility):
    """Players are trained models; a coalition votes."""

    def __init__(self, models, X, y):
        self.models, self.X, self.y = models, X, y
        self.n_players = len(models)

    def __call__(self, masks):
        votes = masks.astype(float) @ [model.predict(self.X) for model in self.models]
        return ((votes > masks.sum(axis=1, keepdims=True) / 2) == self.y).mean(axis=1)


def test_what_trained_models_know_is_part_of_a_score(medium):
    """Of those that a scorer compares with, that a transformer calls, or that play."""
    X, y, X_val, y_val, _ = medium
    few, settings = (
        np.r_[np.flatnonzero(y == 0)[:2], np.flatnonzero(y == 1)[:3]],
        {"random_state": 0},
    )

    def values(cache, trained):
        def agreement(model, X, y):
            return (model.predict(X) == trained.predict(X)).mean()

        def told(X):
            return np.c_[X, trained.predict(X)]

        tree, behind = DecisionTreeClassifier(), FunctionTransformer(trained.predict_proba)
        valuators = [
            skdvl.ShapleyValuator(tree, scoring=agreement, cache=cache, **settings),
            skdvl.ShapleyValuator(make_pipeline(behind, tree), cache=cache, **settings),
            skdvl.ShapleyValuator(
                make_pipeline(FunctionTransformer(told), tree), cache=cache, **settings
            ),
        ]
        found = [v.fit(X[few], y[few], X_val=X_val, y_val=y_val).values_ for v in valuators]
        game = Ensemble([trained, *(GaussianNB().fit(X[i:], y[i:]) for i in (9, 19))], X_val, y_val)
        found.append(skdvl.ShapleyValuator(cache=cache, **settings).fit_utility(game).values_)
        return np.concatenate(found)

    cache = MemoryCache()
    for labels in (y, 1 - y):
        trained = GaussianNB().fit(X, labels)
        assert np.array_equal(values(cache, trained), values(None, trained))
        assert cache.stats.hits == 0
    assert np.array_equal(values(cache, trained), values(None, trained)) and cache.stats.hits > 0


@pytest.mark.parametrize("setting", [{"enable_cython_pairwise_dist": False}, {"working_memory": 1}])
def test_settings_of_scikit_learn_are_part_of_a_score(setting, medium):
    """Some of them change the last bits."""
    X, y, X_val, y_val, _ = medium
    X, y, cache = X[:6], y[:6], MemoryCache()
    valuator = skdvl.ShapleyValuator(DecisionTreeClassifier(), cache=cache, random_state=0)
    valuator.fit(X, y, X_val=X_val, y_val=y_val)
    with config_context(**setting):
        valuator.fit(X, y, X_val=X_val, y_val=y_val)
    assert cache.stats.hits == 0
    with config_context(display="text"):
        valuator.fit(X, y, X_val=X_val, y_val=y_val)
    assert cache.stats.hits > 0


def test_one_key_one_score_to_the_last_bit():
    """However arrays lie in memory; and numpy's numbers make float64 of float32."""
    rng = np.random.default_rng(0)
    X, X_val, y_val = rng.normal(size=(6, 37)), rng.normal(size=(201, 37)), rng.normal(size=201)
    y, cache = rng.normal(size=6), MemoryCache()
    valuator = skdvl.ShapleyValuator(LinearRegression(), kernel="refit", cache=cache)
    forms = [X_val, np.asfortranarray(X_val), np.repeat(X_val, 2, axis=1)[:, ::2]]
    found = [valuator.fit(X, y, X_val=form, y_val=y_val).values_ for form in forms]
    assert cache.stats.hits == 2 * cache.stats.misses > 0
    off = valuator.set_params(cache=None)
    found += [off.fit(X, y, X_val=form, y_val=y_val).values_ for form in forms]
    assert all(np.array_equal(values, found[0]) for values in found)

    X, y, X_val, y_val = X.astype("f4"), y > 0, X_val.astype("f4"), y_val > 0
    valuator.set_params(scoring="neg_log_loss", random_state=0)
    for C in (0.1, np.float64(0.1)):
        valuator.set_params(estimator=LogisticRegression(C=C))
        on, off = (
            valuator.set_params(cache=given).fit(X, y, X_val=X_val, y_val=y_val).values_
            for given in (cache, None)
        )
        assert np.array_equal(on, off)


def test_a_thousand_mutations_give_no_stale_hit(medium):
    """Keys of one coalition under utilities that differ in one part each."""
    X, y, X_val, y_val, _ = medium
    rng = np.random.default_rng(0)
    mask = np.ones((1, len(y)), dtype=bool)
    mask[0, :5] = False

    def key(X=X, y=y, X_val=X_val, y_val=y_val, scorer="accuracy", mask=mask, **params):
        names = ("error_score", "empty_score", "fit_params", "score_params")
        given = {name: params.pop(name) for name in names if name in params}
        model = params.pop("model", LogisticRegression)(**params)
        utility = ModelUtility(model, X, y, X_val, y_val, scorer, **given)
        return Recall(MemoryCache(), [utility])._keys(0, mask)[0]

    def touched(array):
        array = array.copy()
        place = tuple(rng.integers(size) for size in array.shape)
        array[place] = 1 - array[place] if array.dtype.kind in "ib" else array[place] + rng.normal()
        return array

    weights = rng.uniform(size=len(y))
    mutations = [
        lambda: {"X": touched(X)},
        lambda: {"y": touched(y)},
        lambda: {"X_val": touched(X_val)},
        lambda: {"y_val": touched(y_val)},
        lambda: {"mask": touched(mask)},
        lambda: {"X": X[:, rng.permutation(X.shape[1])]},
        lambda: {"C": rng.uniform(1.1, 9)},
        lambda: {"tol": rng.uniform(1e-9, 1e-5)},
        lambda: {"class_weight": {0: rng.uniform(1, 2), 1: 1.0}},
        lambda: {"max_iter": int(rng.integers(101, 9999))},
        lambda: {"random_state": int(rng.integers(1, 9999))},
        lambda: {"scorer": rng.choice(["f1", "roc_auc", "neg_log_loss", "balanced_accuracy"])},
        lambda: {"error_score": rng.uniform()},
        lambda: {"empty_score": rng.uniform()},
        lambda: {"fit_params": {"sample_weight": touched(weights)}},
        lambda: {"score_params": {"sample_weight": rng.uniform(size=len(y_val))}},
        lambda: {"X": X.astype(np.float32), "C": rng.uniform(1, 2)},
        lambda: {"model": KNeighborsClassifier, "n_neighbors": int(rng.integers(1, 50))},
        lambda: {"solver": rng.choice(["newton-cg", "sag", "saga", "liblinear"])},
        lambda: {"fit_intercept": False, "intercept_scaling": rng.uniform(1, 2)},
    ]
    whole = key()
    assert all(key(**mutations[i % len(mutations)]()) != whole for i in range(1000))
    forms = [
        {}, {"X": np.asfortranarray(X)}, {"X": X.copy()}, {"X": X[::-1][::-1]}, {"C": 1},
        {"X": X.astype(">f8")}, {"y": y.copy()}, {"mask": mask.copy()}, {"X_val": X_val.copy()},
        {"mask": np.asfortranarray(mask)}, {"fit_params": {}},
    ]  # fmt: skip
    assert {key(**form) for form in forms} == {whole}


def test_what_cannot_be_told_leaves_the_cache_out(medium):
    X, y, X_val, y_val, _ = medium
    lock, cache = threading.Lock(), MemoryCache()

    def score(model, X, y):
        return model.score(X, y) + lock.locked()

    settings = {"scoring": score, "stopping": MaxRounds(1), "random_state": 0}
    off = skdvl.ShapleyValuator(GaussianNB(), kernel="refit", **settings).fit(
        X, y, X_val=X_val, y_val=y_val
    )
    valuator = skdvl.ShapleyValuator(GaussianNB(), kernel="refit", cache=cache, **settings)
    with pytest.warns(UserWarning, match=r"The scorer's lock is a _thread\.lock.*left out"):
        _same(off, valuator.fit(X, y, X_val=X_val, y_val=y_val))
    assert len(cache) == 0


def test_memory_is_shared_by_all_that_ask_for_it(medium):
    X, y = medium[:2]
    shared_memory().clear()
    shared_memory().stats.clear()
    settings = {"stopping": MaxRounds(1), "cv": 2, "random_state": 0, "cache": "memory"}
    valuator = skdvl.ShapleyValuator(Means(), **settings)
    search = GridSearchCV(
        skdvl.make_pipeline(skdvl.DataPruner(valuator), GaussianNB()),
        {"datapruner__quantile": [0.0, 0.1, 0.2]},
        cv=2,
    ).fit(X, y)
    stats = shared_memory().stats
    assert stats.hits >= 2 * stats.sets * 2 / 3 and search.best_score_ > 0
    with pytest.raises(ValueError, match="'cache' parameter"):
        skdvl.ShapleyValuator(GaussianNB(), cache="memroy").fit(X, y)


def test_groups_have_keys_of_their_own():
    cache, game = MemoryCache(), SmallGame(4)
    skdvl.ShapleyValuator(cache=cache).fit_utility(game)
    grouped = skdvl.utilities.GroupedUtility(SmallGame(4), [0, 0, 1, 1])
    values = skdvl.ShapleyValuator(cache=cache).fit_utility(grouped).values_
    np.testing.assert_array_equal(values, skdvl.ShapleyValuator().fit_utility(grouped).values_)


# ---------------------------------------------------------------------- the cache itself


def test_odd_records_are_missing():
    rng = np.random.default_rng(0)
    cache = MemoryCache()
    keys = [bytes(rng.bytes(16)) for _ in range(50)]
    scores = dict(zip(keys, rng.normal(size=50).tolist(), strict=True))
    cache.put_many(scores)
    assert cache.get_many(keys) == scores
    good = dict(cache._kept)
    for _ in range(2000):
        key = keys[rng.integers(50)]
        record = bytearray(good[key])
        match rng.integers(5):
            case 0:
                record[rng.integers(16)] ^= 1 << rng.integers(8)
            case 1:
                del record[rng.integers(16) :]
            case 2:
                record = bytearray(good[keys[(keys.index(key) + 1) % 50]])  # of another key
            case 3:
                record += b"x"
            case _:
                record = bytearray(rng.bytes(16))
        cache._kept[key] = bytes(record)
        assert cache.get_many([key]) == {}
        cache._kept[key] = good[key]
    assert cache.stats.errors == 2000 and cache.get_many(keys) == scores
    cache._kept[keys[0]] = pickle.dumps(0.5)
    assert cache.get_many(keys[:1]) == {}


def test_no_score_is_no_number():
    cache = MemoryCache()
    cache.put_many({b"a": np.nan, b"b": np.inf, b"c": -0.0, b"d": 5e-324})
    assert cache.get_many([b"a", b"b", b"c", b"d"]) == {b"c": -0.0, b"d": 5e-324}


def test_a_secret_tells_who_wrote():
    class Signed(MemoryCache):
        secret = "mine"

    ours, theirs = Signed(), MemoryCache()
    theirs.put_many({b"a": 1.0})
    ours._kept = theirs._kept
    assert ours.get_many([b"a"]) == {} and ours.stats.errors == 1
    ours.put_many({b"a": 2.0})
    assert ours.get_many([b"a"]) == {b"a": 2.0}


def test_the_latest_used_stay():
    cache = MemoryCache(max_size=10 * 256)
    for i in range(30):
        cache.put_many({bytes([i]): float(i)})
        cache.get_many([b"\0"])
    assert len(cache) == 10
    assert set(cache.get_many([bytes([i]) for i in range(30)])) == {
        b"\0", *(bytes([i]) for i in range(21, 30))
    }  # fmt: skip
    cache.clear()
    assert len(cache) == 0
    with pytest.raises(ValueError, match="max_size"):
        MemoryCache(max_size=0).put_many({b"a": 1.0})


def test_threads_may_share_it():
    cache, wrong = MemoryCache(max_size=256 * 50), []

    def work(seed):
        rng = np.random.default_rng(seed)
        for _ in range(300):
            numbers = rng.integers(100, size=20).tolist()
            keys = [bytes([i]) for i in numbers]
            found = cache.get_many(keys)
            wrong.extend(key for key, score in found.items() if score != key[0])
            cache.put_many({key: float(key[0]) for key in keys})

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong and len(cache) <= 50


def test_clones_share_it_and_it_does_not_travel():
    cache = MemoryCache(max_size=10**6)
    cache.put_many({b"a": 1.0})
    valuator = skdvl.ShapleyValuator(GaussianNB(), kernel="refit", cache=cache)
    assert clone(valuator).cache is cache
    travelled = pickle.loads(pickle.dumps(cache))
    assert len(travelled) == 0 and travelled.max_size == 10**6 and len(cache) == 1


# ---------------------------------------------------------------------- the disk


def _filled(path, n=200, **params):
    cache = DiskCache(path, **params)
    scores = {bytes([i % 256, i // 256]) * 8: i / 7 for i in range(n)}
    cache.put_many(scores)
    return cache, scores


def test_what_is_on_disk_is_there_for_others(tmp_path):
    cache, scores = _filled(tmp_path / "kept")
    assert cache.get_many(list(scores)) == scores
    _end(begin(look_up, tmp_path / "kept", scores))
    assert (tmp_path / "kept").stat().st_mode & 0o777 == 0o700
    travelled = pickle.loads(pickle.dumps(cache))
    assert travelled.get_many(list(scores)) == scores
    cache.clear()
    assert travelled.get_many(list(scores)) == {}


def _end(process):
    process.join(timeout=600)
    assert process.exitcode == 0
    process.close()


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_fit_in_another_run_is_warm(n_jobs, medium, tmp_path):
    X, y, X_val, y_val, _ = medium
    settings = {"stopping": MaxRounds(2), "random_state": 0, "n_jobs": n_jobs}
    off = skdvl.ShapleyValuator(GaussianNB(), kernel="refit", **settings).fit(
        X, y, X_val=X_val, y_val=y_val
    )
    for warm in (False, True):
        cache = DiskCache(tmp_path)
        on = skdvl.ShapleyValuator(GaussianNB(), kernel="refit", cache=cache, **settings)
        _same(off, on.fit(X, y, X_val=X_val, y_val=y_val))
        assert (cache.stats.sets == 0) == warm


class Bomb:
    """Says so when it is unpickled."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return open, (self.path, "w")


def test_no_pickle_is_ever_loaded(tmp_path):
    cache, scores = _filled(tmp_path / "kept")
    bomb = pickle.dumps(Bomb(tmp_path / "bang"))
    (tmp_path / "kept" / "bomb.val").write_bytes(bomb)
    file = sqlite3.connect(tmp_path / "kept" / "cache.db")
    with file:
        rows = "UPDATE Cache SET mode = ?, value = ?, filename = ? WHERE rowid % 4 = ?"
        planted = [(1, None), (4, None), (2, "bomb.val"), (4, "bomb.val")]
        for place, (mode, name) in enumerate(planted):
            file.execute(rows, (mode, bomb, name, place))
        file.execute("UPDATE Cache SET raw = 0 WHERE rowid % 3 = 0")
    file.close()
    again = DiskCache(tmp_path / "kept")
    assert again.get_many(list(scores)) == {}
    cache.put_many(scores)
    assert len(again.get_many(list(scores))) > len(scores) / 2
    assert not (tmp_path / "bang").exists()


def test_damaged_files_never_lie_and_never_raise(tmp_path):
    """Any bytes of the file may change, or be missing, while it is in use or before."""
    cache, scores = _filled(tmp_path / "kept")
    cache._close()
    keys, rng = list(scores), np.random.default_rng(0)
    blob = (tmp_path / "kept" / "cache.db").read_bytes()
    n_hits = 0
    for i in range(300):
        folder = tmp_path / f"{i % 3}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        damaged = bytearray(blob)
        if i % 4 == 0:
            del damaged[rng.integers(len(blob)) :]
        else:
            for place in rng.integers(len(blob), size=rng.integers(1, 400)):
                damaged[place] = rng.integers(256)
        (folder / "cache.db").write_bytes(damaged)
        cache = DiskCache(folder)
        for part in (keys[:50], keys[50:]):
            found = cache.get_many(part)
            assert all(scores[key] == score for key, score in found.items())
            n_hits += len(found)
        cache.put_many({keys[0]: 5.0})
        assert cache.get_many(keys[:1]) in ({}, {keys[0]: 5.0}, {keys[0]: scores[keys[0]]})
        cache._close()
    assert n_hits > 1000


def test_a_cache_that_fails_costs_one_warning_and_no_value(medium, tmp_path):
    X, y, X_val, y_val, _ = medium
    settings = {"stopping": MaxRounds(2), "random_state": 0}
    off = skdvl.ShapleyValuator(GaussianNB(), kernel="refit", **settings).fit(
        X, y, X_val=X_val, y_val=y_val
    )
    (tmp_path / "file").write_text("no folder")
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / "cache.db").write_bytes(b"no database" * 1000)
    for name in ("file", "odd"):
        cache = DiskCache(tmp_path / name)
        valuator = skdvl.ShapleyValuator(GaussianNB(), kernel="refit", cache=cache, **settings)
        with pytest.warns(RuntimeWarning, match=f"{name}.*cannot be used") as told:
            _same(off, valuator.fit(X, y, X_val=X_val, y_val=y_val))
        assert len(told) == 1 and cache.stats.errors > 0 and cache.stats.hits == 0
        _same(off, valuator.fit(X, y, X_val=X_val, y_val=y_val))  # and no second warning


def test_a_full_disk_loses_nothing_that_was_kept(tmp_path):
    cache, scores = _filled(tmp_path)
    cache._opened()._sql("PRAGMA max_page_count = 1")
    more = {bytes([i % 256, i // 256, 1, 2]) * 4: float(i) for i in range(5000)}
    cache.put_many(more)
    assert "full" in cache.take_trouble() and cache.stats.errors == 1
    assert cache.take_trouble() is None
    assert cache.get_many(list(scores)) == scores and cache.get_many(list(more)) == {}


def test_several_processes_write_at_once(tmp_path):
    for process in [begin(read_and_write, tmp_path, k) for k in range(1, 4)]:
        _end(process)
    keys = [bytes([i, j, k]) * 4 for i in range(40) for j in range(16) for k in range(4)]
    assert DiskCache(tmp_path).get_many(keys) == {key: float(key[0]) for key in keys}


def test_a_killed_writer_loses_nothing_that_it_said_was_kept(tmp_path):
    for k in range(5):
        heard, said = multiprocessing.Pipe(duplex=False)
        writer = begin(write_without_end, tmp_path / str(k), said)
        for _ in range(3 + 7 * k):
            last = heard.recv()
        writer.kill()
        writer.join()
        writer.close()
        heard.close()
        said.close()
        keys = [b"%d %d" % (i, j) for i in range(last + 1) for j in range(20)]
        found = DiskCache(tmp_path / str(k)).get_many(keys)
        assert found == {key: float(key.split()[0]) for key in keys}


def test_a_limit_drops_what_was_not_used(tmp_path):
    cache = DiskCache(tmp_path, size_limit=100_000)
    for i in range(200):
        cache.put_many({b"%d %d" % (i, j): 1.0 for j in range(20)})
    assert 0 < len(cache._opened()) < 4000
    with pytest.raises(ValueError, match="size_limit"):
        DiskCache(tmp_path, size_limit=0).put_many({b"a": 1.0})
    with pytest.raises(ValueError, match="'path' parameter of DiskCache"):
        skdvl.ShapleyValuator(GaussianNB(), cache=DiskCache(3)).fit(np.eye(4), [0, 1, 0, 1])


class Logged(GaussianNB):
    """Writes down what it is fitted on."""

    def fit(self, X, y):
        getattr(json, "skdvl_log", []).append(X.tobytes())  # workers have none
        return super().fit(X, y)


class PickyAndLogged(Picky):
    def fit(self, X, y):
        json.skdvl_log.append(len(X))
        return super().fit(X, y)


@pytest.fixture
def log(monkeypatch):
    monkeypatch.setattr(json, "skdvl_log", [], raising=False)  # not a part of any digest
    return json.skdvl_log


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_no_coalition_is_fitted_twice_though_others_of_its_block_are_new(n_jobs, log, medium):
    X, y, X_val, y_val, _ = medium
    X, y, where, cache = X[:12], y[:12], {"X_val": X_val, "y_val": y_val}, MemoryCache()
    settings = {"stopping": MaxRounds(6), "random_state": 0, "n_jobs": n_jobs}
    settings["sampler"] = PermutationSampler()
    off = skdvl.ShapleyValuator(Logged(), **settings).fit(X, y, **where)
    log.clear()
    _same(off, skdvl.ShapleyValuator(Logged(), cache=cache, **settings).fit(X, y, **where))
    if n_jobs == 1:  # workers keep logs of their own
        assert len(log) == len(set(log)) > 100  # the first is the fit on all rows
        known, settings["sampler"] = set(log[1:]), CoalitionSampler()
        log.clear()
        skdvl.BanzhafValuator(Logged(), cache=cache, **settings).fit(X, y, **where)
        assert len(log) > 100 and not known & set(log[1:])


def test_only_what_failed_is_fitted_again(log, medium):
    X, y, X_val, y_val, _ = medium
    where, cache = {"X_val": X_val, "y_val": y_val}, MemoryCache()
    settings = {"stopping": MaxRounds(1), "random_state": 0, "cache": cache}
    with pytest.warns(FitFailedWarning):
        cold = skdvl.ShapleyValuator(PickyAndLogged(), **settings).fit(X, y, **where)
    log.clear()
    with pytest.warns(FitFailedWarning):
        warm = skdvl.ShapleyValuator(PickyAndLogged(), **settings).fit(X, y, **where)
    _same(cold, warm)
    assert len(log) == 1 + cold.n_failed_fits_


class Smallest(Cache):
    """No more than the contract asks for."""

    def __init__(self):
        self.clear()

    def _read(self, keys):
        return {key: self._records[key] for key in keys if key in self._records}

    def _write(self, records):
        self._records.update(records)

    def _clear(self):
        self._records = {}


@pytest.mark.parametrize("kind", ["memory", "disk", "limited", "secret", "smallest", "folder"])
def test_the_contract(kind, tmp_path):
    make = {
        "memory": MemoryCache,
        "disk": lambda: DiskCache(tmp_path),
        "limited": lambda: DiskCache(tmp_path, size_limit=10**7),
        "secret": lambda: DiskCache(tmp_path, secret="mine"),
        "smallest": Smallest,
        "folder": lambda: FolderCache(str(tmp_path)),
    }
    check_cache(make[kind]())


def test_secrets_are_not_told(tmp_path):
    cache = DiskCache(tmp_path, secret="xyzzy")
    told = repr(cache), repr(skdvl.ShapleyValuator(cache=cache))
    assert all("secret=" in words and "xyzzy" not in words for words in told)


def test_a_file_beyond_use_is_named_and_can_be_cleared(tmp_path):
    cache = DiskCache(tmp_path)
    cache.put_many({b"a": 1.0})
    cache.close()
    (tmp_path / "cache.db").write_bytes(b"no database" * 1000)
    cache.put_many({b"a": 1.0})
    assert str(tmp_path) in cache.take_trouble()
    cache.clear()
    cache.put_many({b"a": 1.0})
    assert cache.get_many([b"a"]) == {b"a": 1.0}


def test_what_is_open_follows_its_parameters(tmp_path):
    cache = DiskCache(tmp_path / "a")
    cache.put_many({b"a": 1.0})
    assert cache.set_params(path=tmp_path / "b").get_many([b"a"]) == {}
    assert cache.set_params(path=tmp_path / "a").get_many([b"a"]) == {b"a": 1.0}
