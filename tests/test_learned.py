"""Utilities that are learned from some of their scores."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import RandomForestRegressor
from sklearn.exceptions import FitFailedWarning
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.metrics import r2_score
from sklearn.model_selection import KFold, cross_val_predict
from sklearn.naive_bayes import GaussianNB

from skdvl import BanzhafValuator, LeastCoreValuator, ShapleyValuator
from skdvl.caching import MemoryCache
from skdvl.samplers import ExhaustiveSampler
from skdvl.semivalues import Shapley
from skdvl.stopping import MaxEvaluations, MaxRounds
from skdvl.testing import SmallGame, check_utility, enumerate_values
from skdvl.utilities import LearnedUtility, Utility

N = 8
EVERY = (np.arange(2**N)[:, None] >> np.arange(N) & 1).astype(bool)


class Counted(Utility):
    """A game that counts the coalitions it scores; a sum, and a little more."""

    n_players = N

    def __init__(self, bend=0.0):
        self.bend, self.count = bend, 0

    def __call__(self, masks):
        self.count += len(masks)
        sizes = masks.sum(axis=1)
        return masks @ np.arange(1.0, N + 1) + self.bend * np.sin(sizes * 3.0) + 2


@pytest.mark.parametrize("model", [LinearRegression(), RandomForestRegressor(5, random_state=0)])
def test_answers_are_those_of_the_model_and_of_the_budget(model):
    game = Counted(bend=1.0)
    learned = LearnedUtility(game, model, budget=60, seed=5)
    check_utility(learned)
    scored = [row.tobytes() for row in learned.asked]
    assert len(scored) == len(set(scored)) == game.count
    assert 40 < len(scored) <= 60
    X, y = learned.asked.astype(float), Counted(bend=1.0)(learned.asked)
    expected = clone(model).fit(X, y).predict(EVERY.astype(float))
    is_scored = np.array([row.tobytes() in scored for row in EVERY])
    expected[is_scored] = Counted(bend=1.0)(EVERY)[is_scored]
    np.testing.assert_allclose(learned(EVERY), expected)
    assert is_scored[0] and is_scored[-1]
    held_out = cross_val_predict(model, X, y, cv=KFold(5, shuffle=True, random_state=0))
    assert learned.r2_ == pytest.approx(r2_score(y, held_out))
    assert not np.array_equal(LearnedUtility(game, model, 60, seed=6).asked, learned.asked)


def test_a_sum_is_learned_from_a_few():
    game = Counted()
    settings = {"utility_model": LinearRegression(), "utility_budget": 40}
    valuator = ShapleyValuator(sampler=ExhaustiveSampler(), **settings, random_state=0)
    valuator.fit_utility(game)
    np.testing.assert_allclose(valuator.values_, np.arange(1.0, N + 1))
    assert valuator.utility_r2_ == pytest.approx(1.0)
    assert game.count <= 40 < valuator.n_evaluations_
    assert "learned from these" in str(valuator.utility_info_)
    plain = ShapleyValuator(random_state=0).fit_utility(game)
    assert not hasattr(plain, "utility_r2_")


def test_a_budget_for_every_coalition_makes_it_exact():
    settings = {"utility_model": Ridge(), "utility_budget": 2**N}
    valuator = ShapleyValuator(**settings).fit_utility(SmallGame(N))
    np.testing.assert_allclose(valuator.values_, enumerate_values(SmallGame(N), Shapley()))


def _fit(medium, estimator=None, **settings):
    X, y, X_val, y_val, _ = medium
    settings = {"utility_model": Ridge(), "utility_budget": 120, "random_state": 0} | settings
    settings = {"stopping": MaxRounds(2)} | settings
    valuator = BanzhafValuator(GaussianNB() if estimator is None else estimator, **settings)
    given = {} if "cv" in settings else {"X_val": X_val, "y_val": y_val}
    return valuator.fit(X, y, **given)


def test_rows_have_the_same_bits_for_any_number_of_workers(medium):
    for settings in ({}, {"cv": 3}):
        one, two = (_fit(medium, n_jobs=n_jobs, **settings) for n_jobs in (1, 2))
        np.testing.assert_array_equal(one.values_, two.values_)
        assert one.utility_r2_ == two.utility_r2_
        assert one.utility_info_.n_scored <= 120 * settings.get("cv", 1)


def test_a_fit_goes_on_from_its_checkpoint_and_tells_others(medium, tmp_path):
    path = tmp_path / "run"
    _fit(medium, checkpoint=path, stopping=MaxRounds(1))
    longer, whole = _fit(medium, checkpoint=path), _fit(medium)
    np.testing.assert_array_equal(longer.values_, whole.values_)
    with pytest.raises(ValueError, match="another"):
        _fit(medium, checkpoint=path, utility_model=Ridge(2.0))
    with pytest.raises(ValueError, match="another"):
        _fit(medium, checkpoint=path, utility_budget=121)


@pytest.mark.filterwarnings("ignore:utility_model=")
def test_scores_come_from_a_cache_and_predictions_never_go_there(medium):
    cache, model = MemoryCache(), LogisticRegression(max_iter=300)
    settings = {"cache": cache, "kernel": "refit", "utility_budget": 40}
    first = _fit(medium, model, **settings)
    n_kept = len(cache)
    second = _fit(medium, model, **settings)
    assert 30 <= n_kept <= 40 and len(cache) == n_kept
    assert first.utility_info_.n_scored > 0 == second.utility_info_.n_scored
    np.testing.assert_array_equal(first.values_, second.values_)


def test_other_valuators_take_one(medium):
    X, y, X_val, y_val, _ = medium
    settings = {"utility_model": Ridge(), "n_coalitions": 100, "random_state": 0}
    valuator = LeastCoreValuator(GaussianNB(), **settings)
    valuator.fit(X, y, X_val=X_val, y_val=y_val, groups=np.arange(40) % 13)
    assert np.isfinite(valuator.subsidy_) and np.isfinite(valuator.utility_r2_)


class Fails(GaussianNB):
    """Cannot be fitted on fewer than ten rows."""

    def fit(self, X, y):
        if len(y) < 10:
            raise ArithmeticError("too few rows")
        return super().fit(X, y)


def test_failures_are_counted(medium):
    with pytest.warns(FitFailedWarning, match="too few rows"):
        valuator = _fit(medium, Fails())
    assert 0 < valuator.n_failed_fits_ < 60


@pytest.mark.parametrize("budget", [4, 40])
def test_a_model_that_says_nothing_is_told_of(budget, medium):
    """With four coalitions nobody knows; a constant is what R^2 compares with."""
    with pytest.warns(UserWarning, match=f"Raise utility_budget, which is {budget}"):
        _fit(medium, utility_model=DummyRegressor(), utility_budget=budget)


def test_what_cannot_learn_is_refused(medium):
    class Untouched(GaussianNB):
        def fit(self, X, y):
            raise AssertionError("nothing is to be fitted")

    with pytest.raises(ValueError, match="is a classifier"):
        _fit(medium, Untouched(), utility_model=GaussianNB())
    with pytest.raises(ValueError, match="'utility_budget' parameter"):
        _fit(medium, Untouched(), utility_budget=1)
    with pytest.raises(ValueError, match="'utility_model' parameter"):
        _fit(medium, Untouched(), utility_model="ridge")

    class Many(Ridge):
        def predict(self, X):
            return np.zeros((len(X), 2))

    learned = LearnedUtility(Counted(), Many(), budget=8)
    with pytest.raises(ValueError, match="Use a regressor"):
        ShapleyValuator(stopping=MaxEvaluations(10)).fit_utility(learned)
