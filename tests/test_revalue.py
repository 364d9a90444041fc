"""One set of evaluations, read as several semivalues."""

import pickle

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.naive_bayes import GaussianNB

from skdvl import BanzhafValuator, SemivalueValuator, ShapleyValuator
from skdvl.samplers import CoalitionSampler, PermutationSampler, SizeOptimalSampler
from skdvl.semivalues import Banzhaf, BetaShapley, LeaveOneOut, Shapley
from skdvl.stopping import MaxRounds
from skdvl.strategies import PerSizeReuse, RegressionAdjusted
from skdvl.testing import SmallGame, enumerate_values

STRATEGIES = [PerSizeReuse, RegressionAdjusted]
OTHERS = [Shapley(), Banzhaf(), BetaShapley(4, 1), BetaShapley(1, 4)]


def _settings(strategy, **more):
    settings = {"sampler": SizeOptimalSampler(), "strategy": strategy, "random_state": 3}
    return settings | {"stopping": MaxRounds(3)} | more


@pytest.mark.parametrize("semivalue", OTHERS, ids=repr)
@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("where", ["validation rows", "folds", "groups"])
def test_values_are_those_of_a_fit(where, strategy, semivalue, medium):
    X, y, X_val, y_val, _ = medium
    given = {"X_val": X_val, "y_val": y_val} if where != "folds" else {}
    if where == "groups":
        given["groups"] = np.arange(len(y)) % 12
    settings = _settings(strategy, cv=2)
    shapley = ShapleyValuator(GaussianNB(), **settings).fit(X, y, **given)
    before = shapley.values_.copy()
    other = shapley.revalue(semivalue)
    fitted = SemivalueValuator(GaussianNB(), semivalue=semivalue, **settings).fit(X, y, **given)
    names = ["values_", "stderr_", "counts_", "n_evaluations_", "n_rounds_"]
    for name in names + ["group_values_", "group_stderr_"] * (where == "groups"):
        np.testing.assert_array_equal(getattr(other, name), getattr(fitted, name))
    np.testing.assert_array_equal(other.confidence_interval(), fitted.confidence_interval())
    assert other.get_params(deep=False).keys() == fitted.get_params(deep=False).keys()
    assert repr(other) == repr(fitted)
    np.testing.assert_array_equal(shapley.values_, before)
    np.testing.assert_array_equal(other.revalue(Shapley()).values_, before)


def test_nothing_is_scored_again():
    class Game(SmallGame):
        n_scored = 0

        def __call__(self, masks):
            Game.n_scored += len(masks)
            return super().__call__(masks)

    valuator = ShapleyValuator(**_settings(RegressionAdjusted)).fit_utility(Game(8))
    before = Game.n_scored
    values = pickle.loads(pickle.dumps(valuator.to_frame())), valuator.revalue(Banzhaf()).values_
    assert Game.n_scored == before
    np.testing.assert_allclose(values[1], enumerate_values(SmallGame(8), Banzhaf()), atol=0.02)


def test_it_survives_pickle_and_its_own_parameters(medium):
    X, y = medium[:2]
    settings = _settings(RegressionAdjusted, sampler=CoalitionSampler(), cv=2, n_jobs=2)
    valuator = BanzhafValuator(GaussianNB(), **settings).fit(X, y)
    again = pickle.loads(pickle.dumps(valuator))
    np.testing.assert_array_equal(
        valuator.revalue(Banzhaf(0.4)).values_, again.revalue(Banzhaf(0.4)).values_
    )
    assert valuator.revalue(Banzhaf(0.4)).n_jobs == 2


def test_a_warm_start_does_not_go_on_with_other_values():
    settings = _settings(RegressionAdjusted, warm_start=True, store_history=True)
    shapley = ShapleyValuator(**settings).fit_utility(SmallGame(12))
    banzhaf = shapley.revalue(Banzhaf())
    assert not hasattr(banzhaf, "history_")
    anew = SemivalueValuator(semivalue=Banzhaf(), **settings).fit_utility(SmallGame(12))
    again = banzhaf.fit_utility(SmallGame(12))
    np.testing.assert_array_equal(again.history_, anew.history_)


def test_what_cannot_be_read_is_refused(medium):
    X, y = medium[:2]
    with pytest.raises(NotFittedError):
        ShapleyValuator(GaussianNB()).revalue(Banzhaf())
    settings = {"sampler": PermutationSampler(), "stopping": MaxRounds(1), "cv": 2}
    plain = ShapleyValuator(GaussianNB(), **settings, random_state=0).fit(X, y)
    with pytest.raises(ValueError, match="only PerSizeReuse and RegressionAdjusted keep"):
        plain.revalue(Banzhaf())
    settings = _settings(RegressionAdjusted, sampler=CoalitionSampler(0.5), cv=2)
    banzhaf = BanzhafValuator(GaussianNB(), **settings).fit(X, y)
    with pytest.raises(ValueError, match="draws coalitions of size"):
        banzhaf.revalue(LeaveOneOut())
    with pytest.raises(ValueError, match="revalue takes a semivalue"):
        banzhaf.revalue("shapley")
    with pytest.raises(ValueError, match="'p' parameter"):
        banzhaf.revalue(Banzhaf(p=3))
