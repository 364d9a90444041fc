"""Group testing, beside its definition, and beside exact values."""

import numpy as np
import pytest

from skdvl import GroupTestingShapleyValuator
from skdvl.samplers import CoalitionSampler, GroupTestingSampler, PairedSampler, Round
from skdvl.semivalues import Shapley
from skdvl.stopping import MaxEvaluations, MaxRounds
from skdvl.strategies import GroupTesting, group_testing_bound
from skdvl.streams import Streams
from skdvl.testing import SmallGame, enumerate_values, play


@pytest.mark.parametrize("n", [1, 2, 3, 6, 9])
def test_an_enumeration_is_exact(n):
    valuator = GroupTestingShapleyValuator().fit_utility(SmallGame(n))
    np.testing.assert_allclose(valuator.values_, enumerate_values(SmallGame(n), Shapley()))
    np.testing.assert_array_equal(valuator.stderr_, 0)


def test_values_are_those_of_the_definition():
    """The differences of every two players, and the sum, as in the paper."""
    n, game, sampler = 12, SmallGame(12), GroupTestingSampler()
    run = play(game, sampler, Shapley(), 2, strategy=GroupTesting, seed=4)
    rounds = [Round(t, n, Streams(4).of_round(t)) for t in range(2)]
    masks = np.concatenate([sampler.draw(round).start for round in rounds])
    none, everyone = game(np.array([[False] * n, [True] * n]))
    scores = game(masks) - none
    factor = 2 * sum(1 / k for k in range(1, n))
    differences = np.array(
        [[factor * np.mean(scores * (masks[:, i] * 1.0 - masks[:, j])) for j in range(n)]
         for i in range(n)]
    )  # fmt: skip
    values = run.values
    np.testing.assert_allclose(values[:, None] - values, differences, atol=1e-12)
    assert values.sum() == pytest.approx(everyone - none)


@pytest.mark.parametrize(
    "sampler", [GroupTestingSampler(), PairedSampler(), CoalitionSampler(0.45)], ids=repr
)
def test_values_are_without_bias(sampler):
    n = 9
    exact = enumerate_values(SmallGame(n), Shapley())
    runs = [
        play(SmallGame(n), sampler, Shapley(), 3, strategy=GroupTesting, seed=seed)
        for seed in range(60)
    ]
    values, stderr = (np.array([getattr(run, name) for run in runs]) for name in
                      ("values", "stderr"))  # fmt: skip
    error = values.std(axis=0, ddof=1) / np.sqrt(len(runs))
    assert (np.abs(values.mean(axis=0) - exact) < 4.5 * error).all()
    ratio = values.std(axis=0, ddof=1) / np.sqrt((stderr**2).mean(axis=0))
    assert (np.abs(ratio - 1) < 0.35).all()
    np.testing.assert_allclose(values.sum(axis=1), exact.sum())


def test_the_bound_is_kept_and_does_what_it_says():
    assert group_testing_bound(20, 0.1, 0.05) > 4 * group_testing_bound(20, 0.5, 0.05)
    assert group_testing_bound(20, 1.0, 0.05, 2.0) == group_testing_bound(20, 0.5, 0.05)
    n, epsilon = 11, 2.0
    game = SmallGame(n)
    scores = game(np.random.default_rng(0).random((500, n)) < 0.5)
    settings = {"epsilon": epsilon, "score_range": float(np.ptp(scores)) * 1.5}
    valuator = GroupTestingShapleyValuator(**settings, random_state=0).fit_utility(game)
    bound = group_testing_bound(n, epsilon, 0.05, settings["score_range"])
    assert bound <= valuator.n_evaluations_ < bound + 1000
    exact = enumerate_values(game, Shapley())
    assert np.linalg.norm(valuator.values_ - exact) < epsilon
    first = GroupTestingShapleyValuator(**settings, stopping=MaxEvaluations(300), random_state=0)
    assert first.fit_utility(game).n_evaluations_ < 1000


def test_what_it_cannot_do_is_refused():
    with pytest.raises(ValueError, match="almost never draws"):
        GroupTestingShapleyValuator(sampler=CoalitionSampler()).fit_utility(SmallGame(30))
    with pytest.raises(ValueError, match="'epsilon' parameter"):
        GroupTestingShapleyValuator(epsilon=-1.0).fit_utility(SmallGame(5))
    settings = {"stopping": MaxRounds(1), "truncation": None, "strategy": GroupTesting}
    with pytest.raises(ValueError, match="a strategy of its own"):
        GroupTestingShapleyValuator(**settings).fit_utility(SmallGame(12))
