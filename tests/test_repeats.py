"""Stochastic estimators: the mean over seeds, and errors that know of it."""

import json
from itertools import count

import numpy as np
import pytest
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier, ExtraTreeClassifier

import skdvl
from skdvl.caching import MemoryCache
from skdvl.samplers import CoalitionSampler, ExhaustiveSampler, PairedSampler, PermutationSampler
from skdvl.semivalues import Banzhaf, BetaShapley, LeaveOneOut, Shapley
from skdvl.stopping import MaxRounds, MaxTime
from skdvl.strategies import PerSizeReuse
from skdvl.testing import SmallGame, enumerate_values
from skdvl.truncation import RelativeTruncation
from skdvl.utilities import ModelUtility, Scored, Utility
from skdvl.utilities.repeats import Repeats
from skdvl.valuators.keeper import Keeper


class NoisyGame(Utility):
    """A small game whose every score is a little off, by a fixed amount for each coalition."""

    is_noisy = True

    def __init__(self, n_players, seed, size=0.3):
        self.game, self.n_players, self.size = SmallGame(n_players), n_players, size
        self.seed = seed
        self.off = np.random.default_rng(seed).normal(size=2**n_players)

    def spread(self, masks):
        return self.size * (1 + masks.sum(axis=1) / self.n_players)

    def __call__(self, masks):
        codes = masks @ (1 << np.arange(self.n_players))
        return self.game(masks) + self.spread(masks) * self.off[codes]

    def evaluate(self, masks):
        return Scored(
            self(masks),
            {},
            noise=np.stack([2 * self.spread(masks) ** 2, np.full(len(masks), 2)], 1),
        )


CASES = {
    "enumerated": (6, Shapley(), ExhaustiveSampler(), 1, {}),
    "enumerated beta": (7, BetaShapley(4, 1), ExhaustiveSampler(), 1, {}),
    "leave one out": (9, LeaveOneOut(), "auto", 1, {}),
    "few permutations": (8, Shapley(), PermutationSampler(), 10, {}),
    "many permutations": (5, Shapley(), PermutationSampler(), 100, {}),
    "antithetic": (6, Shapley(), PermutationSampler(antithetic=True), 40, {}),
    "coalitions": (6, Banzhaf(), CoalitionSampler(), 20, {}),
    "pairs": (6, Banzhaf(), PairedSampler(), 20, {}),
    "by size": (7, Banzhaf(), CoalitionSampler(), 20, {"strategy": PerSizeReuse}),
}


@pytest.mark.parametrize("case", CASES)
def test_errors_tell_how_values_of_other_seeds_differ(case):
    n, semivalue, sampler, n_rounds, params = CASES[case]
    exact = enumerate_values(SmallGame(n), semivalue)
    stopping = MaxRounds(n_rounds)
    z = []
    for seed in range(40):
        valuator = skdvl.SemivalueValuator(
            semivalue=semivalue, sampler=sampler, stopping=stopping, random_state=seed, **params
        )
        valuator.fit_utility(NoisyGame(n, seed))
        assert np.isfinite(valuator.stderr_).all() and (valuator.stderr_ > 0).all()
        z.append((valuator.values_ - exact) / valuator.stderr_)
    lower = 0.5 if case == "by size" else 0.85  # which is conservative
    assert lower < np.sqrt(np.mean(np.square(z))) < 1.15
    assert np.abs(np.mean(z)) < 0.3


class Tossed(RegressorMixin, BaseEstimator):
    """Predicts a number that is drawn, around the mean of y."""

    def __init__(self, random_state=None):
        self.random_state = random_state

    def fit(self, X, y):
        json.skdvl_log.append((len(X), self.random_state))
        rng = np.random.default_rng(self.random_state)
        self.prediction_ = float(np.mean(y)) + rng.normal() * (1 if len(X) < 4 else 1e-6)
        return self

    def predict(self, X):
        return np.full(len(X), self.prediction_)


def _prediction(model, X, y):
    return float(model.predict(X)[0])


class Dreamt(RegressorMixin, BaseEstimator):
    """A number that depends on the seed alone."""

    def __init__(self, random_state=None):
        self.random_state = random_state

    def fit(self, X, y):
        rng = np.random.default_rng(self.random_state)
        self.prediction_ = 10.0 + rng.normal() / 5
        return self

    def predict(self, X):
        return np.full(len(X), self.prediction_)


@pytest.mark.parametrize("params", [{}, {"n_repeats": 20, "repeat_rtol": 0.007}], ids=str)
@pytest.mark.parametrize("cv", [None, 4])
def test_errors_are_honest_over_folds_and_under_a_tolerance(cv, params):
    """All values are 0 but for the seeds."""
    X, y, z = np.arange(12.0)[:, None], np.arange(12.0), []
    where = {} if cv else {"X_val": X, "y_val": y}
    for seed in range(80):
        valuator = skdvl.LeaveOneOutValuator(
            Dreamt(),
            scoring=_prediction,
            empty_score=10.0,
            cv=cv or 5,
            random_state=seed,
            **{"n_repeats": 4} | params,
        )
        valuator.fit(X, y, **where)
        z.append(valuator.values_ / valuator.stderr_)
    assert 0.75 < np.sqrt(np.mean(np.square(z))) < 1.4  # those of a fit depend on each other


@pytest.fixture
def log(monkeypatch):
    monkeypatch.setattr(json, "skdvl_log", [], raising=False)  # not a part of any digest
    return json.skdvl_log


def test_a_score_is_the_mean_over_seeds_that_follow_from_the_coalition(log):
    X, y = np.arange(6.0)[:, None], np.arange(6.0)
    utility = ModelUtility(
        Tossed(), X, y, X, y, _prediction, empty_score=0.0, repeats=Repeats(5, None, seed=3)
    )
    utility.bind()
    masks = np.array([[1, 1, 0, 0, 0, 0], [0, 1, 1, 0, 0, 0], [1] * 6], dtype=bool)
    log.clear()
    scored = utility.evaluate(masks)
    seeds = [seed for _, seed in log]
    assert len(set(seeds)) == 10  # all rows were scored when the utility was bound
    for j in range(2):
        drawn = [
            y[masks[j]].mean() + np.random.default_rng(seed).normal()
            for seed in seeds[5 * j : 5 * j + 5]
        ]
        np.testing.assert_allclose(scored.scores[j], np.mean(drawn))
        np.testing.assert_allclose(scored.noise[j], [5 * np.var(drawn), 5])
    assert scored.noise[2, 0] > 0
    np.testing.assert_array_equal(utility.evaluate(masks[:1]).scores, scored.scores[:1])


def test_a_tolerance_ends_what_is_sure(log):
    X, y = np.arange(1.0, 9.0)[:, None], np.arange(1.0, 9.0)
    settings = {"scoring": _prediction, "empty_score": 0.0, "random_state": 0}
    valuator = skdvl.ShapleyValuator(Tossed(), n_repeats=7, repeat_rtol=0.01, **settings)
    valuator.fit(X, y, X_val=X, y_val=y)
    fits = {}
    for size, seed in log[1:]:  # the first is the fit on all rows that is published
        fits.setdefault(size, []).append(seed)
    assert all(len(fits[size]) == 3 * n for size, n in ((4, 70), (7, 8), (8, 1)))
    assert len(fits[2]) > 6 * 28
    assert valuator.n_evaluations_ == 2**8 - 2


def test_same_bits_in_parallel_from_caches_and_from_checkpoints(medium, tmp_path):
    X, y, X_val, y_val, _ = medium
    X, y, settings = X[::3], y[::3], {"random_state": 0, "n_repeats": 2}
    estimator = make_pipeline(StandardScaler(), DecisionTreeClassifier(splitter="random"))
    where = {"X_val": X_val, "y_val": y_val}

    def fit(n_rounds=2, **params):
        valuator = skdvl.ShapleyValuator(
            clone(estimator), stopping=MaxRounds(n_rounds), **settings | params
        )
        return valuator.fit(X, y, **where)

    alone, cache = fit(), MemoryCache()
    fit(1, checkpoint=tmp_path / "run")
    others = [fit(n_jobs=2), fit(cache=cache), fit(checkpoint=tmp_path / "run")]
    cache.stats.clear()
    others.append(fit(cache=cache))
    assert cache.stats.sets == 0
    for other in others:
        np.testing.assert_array_equal(other.values_, alone.values_)
        np.testing.assert_array_equal(other.stderr_, alone.stderr_)
    assert not np.array_equal(fit(n_repeats=3).values_, alone.values_)


@pytest.mark.filterwarnings("ignore:.*rows have no value")
@pytest.mark.parametrize("truncation", [None, RelativeTruncation(0.05)], ids=str)
def test_stopped_amid_rounds_again_and_again_it_ends_in_the_same_bits(
    truncation, medium, monkeypatch, tmp_path
):
    X, y, X_val, y_val, _ = medium
    monkeypatch.setattr("skdvl.engine.perf_counter", (n / 50 for n in count()).__next__)

    def fit(stopping, **params):
        return skdvl.ShapleyValuator(
            ExtraTreeClassifier(max_depth=3),
            sampler=PermutationSampler(),
            truncation=truncation,
            stopping=stopping,
            random_state=0,
            n_repeats=3,
            **params,
        ).fit(X[:14], y[:14], X_val=X_val, y_val=y_val)

    class Listens(Keeper):
        def look(self, run):
            places[k] = run.place  # at last, where session k ends
            return super().look(run)

    places, k = {}, 0
    monkeypatch.setattr("skdvl.valuators.coalition.Keeper", Listens)
    whole = fit(MaxRounds(3))
    for k in count(1):
        part = fit(MaxTime(0.1 * k) | MaxRounds(3), checkpoint=tmp_path / "run")
        if part.n_rounds_ == 3:
            break
    amid = [place for _, place in sorted(places.items()) if place[1] > 0]
    assert amid == sorted(set(amid)) and {n_rounds for n_rounds, _ in amid} == {0, 1, 2}
    for name in ("values_", "stderr_", "counts_"):
        np.testing.assert_array_equal(getattr(part, name), getattr(whole, name))
    assert part.n_evaluations_ == whole.n_evaluations_ and (whole.stderr_ > 0).all()


def test_estimators_without_chance_lose_nothing_but_time(medium):
    X, y, X_val, y_val, _ = medium
    X, y = X[:6], y[:6]
    if len(np.unique(y)) < len(np.unique(y_val)):
        X_val, y_val = X_val[np.isin(y_val, y)], y_val[np.isin(y_val, y)]
    where, settings = {"X_val": X_val, "y_val": y_val}, {"random_state": 0}
    once = skdvl.ShapleyValuator(LogisticRegression(), **settings).fit(X, y, **where)
    thrice = skdvl.ShapleyValuator(LogisticRegression(), n_repeats=3, **settings)
    thrice.fit(X, y, **where)
    np.testing.assert_allclose(thrice.values_, once.values_, atol=1e-14)
    np.testing.assert_allclose(thrice.stderr_, 0, atol=1e-14)
    plain = skdvl.ShapleyValuator(GaussianNB(), **settings).fit(X, y, **where)
    with pytest.warns(UserWarning, match="n_repeats=3 has no effect: GaussianNB") as told:
        again = skdvl.ShapleyValuator(GaussianNB(), n_repeats=3, **settings).fit(X, y, **where)
    np.testing.assert_array_equal(plain.values_, again.values_)
    assert {warning.filename for warning in told} == {__file__}


def test_groups_and_folds_are_repeated_too(medium):
    X, y = medium[:2]
    tree = DecisionTreeClassifier(splitter="random")
    settings = {"random_state": 0, "stopping": MaxRounds(1), "n_repeats": 2}
    grouped = skdvl.ShapleyValuator(tree, cv=3, **settings)
    grouped.fit(X, y, groups=np.arange(len(y)) % 6)
    assert (grouped.stderr_ > 0).all()


def test_a_tolerance_needs_repeats(medium):
    X, y = medium[:2]
    with pytest.raises(ValueError, match="repeat_rtol=0.1 needs n_repeats.*at least 3; it is 2"):
        skdvl.ShapleyValuator(ExtraTreesClassifier(), n_repeats=2, repeat_rtol=0.1).fit(X, y)


@pytest.mark.parametrize("n", [1, 2])
def test_hardly_any_players(n):
    valuator = skdvl.ShapleyValuator().fit_utility(NoisyGame(n, seed=0))
    np.testing.assert_array_equal(valuator.values_.shape, (n,))
    assert np.isfinite(valuator.stderr_).all() and (valuator.stderr_ > 0).all()
