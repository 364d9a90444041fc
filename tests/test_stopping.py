"""Stopping rules: what each looks at, and how they combine."""

import numpy as np
import pytest

from skdvl import ShapleyValuator
from skdvl.run import Run
from skdvl.samplers import PermutationSampler, SizeOptimalSampler
from skdvl.semivalues import Shapley
from skdvl.stopping import (
    AnyOf,
    MaxEvaluations,
    MaxRounds,
    MaxTime,
    MaxUpdates,
    MinUpdates,
    NoStopping,
    RankStability,
    StandardError,
    TargetReliability,
    ValueStability,
)
from skdvl.strategies import RegressionAdjusted
from skdvl.testing import enumerate_values
from skdvl.utilities import Utility


def _run(values, stderr=0.0, counts=1, **fields):
    values = np.atleast_2d(np.asarray(values, dtype=float))
    n = values.shape[1]
    given = {"n_rounds": len(values), "recent": values} | fields
    stderr, counts = np.broadcast_to(stderr, n), np.broadcast_to(counts, n)
    return Run([{}], values[-1], stderr, counts, np.ones(n, dtype=bool), **given)


def test_budgets():
    run = _run(np.zeros((4, 3)), counts=[2, 5, 9], n_evaluations=30, elapsed=1.5)
    assert MaxRounds(8).completion(run) == 0.5
    assert MaxEvaluations(60).completion(run) == 0.5
    assert MaxTime(3).completion(run) == 0.5
    assert MinUpdates(4).completion(run) == 0.5
    assert MaxUpdates(18).completion(run) == 0.5
    assert NoStopping().completion(run) == 0


def test_standard_errors():
    run = _run(np.ones((4, 4)), stderr=[0.01, 0.04, 0.2, np.inf])
    assert StandardError(atol=0.05, rtol=0).completion(run) == 0.5
    assert StandardError(rtol=0.05, fraction=0.5).completion(run) == 1.0
    assert StandardError(atol=0.1, rtol=0.1).completion(run) == 0.75
    early = _run(np.ones((1, 2)), stderr=0.01)
    assert StandardError(atol=1).completion(early) == 0.25  # too early to trust
    assert StandardError().completion(_run(np.ones((1, 2)))) == 1.0  # exact
    unknown = _run([[np.nan, 1.0]] * 4, stderr=[np.inf, 0.0])
    assert StandardError(atol=1).completion(unknown) == 0.5


def test_reliability():
    values, rule = [0.0, 2.0], TargetReliability(0.8)  # of variance 1, of which 0.36 may be error
    assert rule.completion(_run([values] * 4, stderr=0.6)) == pytest.approx(1)
    assert rule.completion(_run([values] * 4, stderr=1.2)) == pytest.approx(0.25)
    assert rule.completion(_run([values] * 2, stderr=0.1)) == 0.5  # too early to trust
    assert rule.completion(_run([values] * 4, stderr=[0.1, np.inf])) == 0
    assert rule.completion(_run([values])) == rule.completion(_run([[1.0, 1.0]])) == 1  # exact
    assert rule.completion(_run([[1.0, 1.0]] * 4, stderr=0.1)) == 0  # nobody to tell apart
    looks = [t for t in range(4, 1000) if rule.completion(_run(values, 0.1, n_rounds=t)) >= 1]
    assert looks[:8] == [4, 5, 6, 7, 8, 9, 10, 11] and len(looks) < 60
    assert all(later <= 1.1 * sooner + 1 for sooner, later in zip(looks, looks[1:], strict=False))


@pytest.mark.parametrize(
    ("sampler", "strategy"),
    [
        (PermutationSampler(), "auto"),
        (SizeOptimalSampler(tilt=0.35), RegressionAdjusted),
    ],
    ids=["permutations", "regression"],
)
def test_the_correlation_asked_for_is_reached(sampler, strategy):
    rng = np.random.default_rng(0)
    effects = rng.standard_normal(12)

    class Game(Utility):
        n_players = 12

        def __call__(self, masks):
            return np.tanh(masks @ effects / 2) + 0.1 * np.sin(9 * (masks @ effects**2))

    exact = enumerate_values(Game(), Shapley())
    for seed in range(10):
        rule = TargetReliability(0.9) | MaxEvaluations(20_000)
        valuator = ShapleyValuator(
            sampler=sampler, strategy=strategy, stopping=rule, random_state=seed
        )
        valuator.fit_utility(Game())
        assert valuator.n_evaluations_ < 20_000
        assert np.corrcoef(valuator.values_, exact)[0, 1] > 0.85


def test_rank_stability():
    rule = RankStability(rho=0.9, n_rounds=1)
    assert rule.completion(_run([[1, 2, 3]])) == 0  # nothing to compare with
    assert rule.completion(_run([[1, 2, 3], [10, 20, 30]])) == 1
    assert rule.completion(_run([[1, 2, 3], [3, 2, 1]])) == 0
    assert 0 < rule.completion(_run([[1, 2, 3, 4], [1, 2, 4, 3]])) < 1
    assert rule.completion(_run([[np.nan, 2, 3], [1, 2, 3]])) == 0
    assert rule.completion(_run([[0, 0, 0], [1, 2, 3]])) == 0
    assert rule.completion(_run([[0, 0, 0], [0, 0, 0]])) == 1


def test_value_stability():
    rule = ValueStability(rtol=0.1, n_rounds=1)
    assert rule.completion(_run([[1.0, -1.0]])) == 0
    assert rule.completion(_run([[1.0, -1.0, 0.0], [1.1, -1.1, 1e-9]])) == 1
    assert 0 < rule.completion(_run([[1.0, -1.0], [1.5, -1.5]])) < 1
    assert rule.completion(_run([[0.0, 0.0], [0.0, 0.0]])) == 1


def test_combinations():
    run = _run(np.zeros((4, 3)), n_evaluations=30)
    either, both = MaxRounds(8) | MaxEvaluations(40), MaxRounds(8) & MaxEvaluations(40)
    assert either.completion(run) == 0.75 and both.completion(run) == 0.5
    assert (either | RankStability(n_rounds=6)).window == 7
    assert (MaxRounds() | NoStopping()).ends and not (MaxRounds() & NoStopping()).ends
    assert either.get_params()["left__n_rounds"] == 8
    with pytest.raises(ValueError, match="'n_rounds' parameter of MaxRounds"):
        (MaxTime(1) | MaxRounds(0))._validate_params()
    with pytest.raises(ValueError, match="'right' parameter of AnyOf"):
        AnyOf(MaxTime(1), 3)._validate_params()
    with pytest.raises(TypeError, match="unsupported operand"):
        MaxTime(1) | 3
