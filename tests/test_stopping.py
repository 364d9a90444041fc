"""Stopping rules: what each looks at, and how they combine."""

import numpy as np
import pytest
from scipy import stats
from sklearn.exceptions import NotFittedError

from skdvl import ShapleyValuator
from skdvl.run import Run
from skdvl.samplers import PermutationSampler, SizeOptimalSampler
from skdvl.semivalues import Shapley
from skdvl.stopping import (
    AnyOf,
    CertifiedSelection,
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
    select,
)
from skdvl.strategies import RegressionAdjusted
from skdvl.testing import enumerate_values
from skdvl.truncation import FixedTruncation
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


# --------------------------------------------------------------------------- what is sure


def test_what_is_selected_by_its_definition():
    """Beside the comparison of each interval with all others."""
    rng = np.random.default_rng(0)
    for n in (1, 2, 7, 40):
        centre, stderr = rng.standard_normal(n), rng.random(n) / 4
        reach = stderr * stats.t.isf(0.1 / (2 * n), 20)
        lower, upper = centre - reach, centre + reach
        for quantile in (0.0, 0.3, 0.8):
            inside, outside = select(
                centre, stderr, np.full(n, np.inf), quantile=quantile, delta=0.1
            )
            many = int(quantile * n + 1e-9)
            above = [sum(lower[j] > upper[i] for j in range(n)) for i in range(n)]
            below = [sum(upper[j] < lower[i] for j in range(n)) for i in range(n)]
            np.testing.assert_array_equal(inside, np.array(above) >= n - many)
            np.testing.assert_array_equal(outside, np.array(below) >= many)
            assert not (inside & outside).any() and inside.sum() <= many
        inside, outside = select(centre, stderr, np.full(n, np.inf), threshold=0.2, delta=0.1)
        np.testing.assert_array_equal(inside, upper < 0.2)
        np.testing.assert_array_equal(outside, lower >= 0.2)


def test_what_is_unknown_is_undecided():
    centre, stderr = np.array([np.nan, 0.0, 5.0]), np.array([np.inf, 0.1, np.inf])
    inside, outside = select(centre, stderr, np.full(3, 9.0), threshold=2.0)
    assert inside.tolist() == [False, True, False] and not outside.any()
    inside, outside = select(centre, stderr, np.full(3, 9.0), quantile=0.4)
    assert not inside.any() and not outside.any()


def test_exact_values_are_decided():
    values = np.array([3.0, 1.0, 2.0, 0.0])
    rule = CertifiedSelection(quantile=0.5)
    assert rule.completion(_run(values, n_rounds=1)) > 1
    inside, outside = select(values, np.zeros(4), np.full(4, np.inf), quantile=0.5)
    assert inside.tolist() == (~outside).tolist() == [False, True, False, True]


def test_a_rule_that_looks_often_spends_its_delta():
    rule = CertifiedSelection(threshold=1.0, quantile=None, fraction=0.5)
    sure = {"stderr": 1e-6, "freedom": np.full(4, 50.0)}
    looks = [t for t in range(1, 500) if rule.completion(_run([1.1] * 4, n_rounds=t, **sure)) >= 1]
    assert looks[0] == 4 and len(looks) < 14
    shares = [rule.share_of_delta(t) for t in [1, 2, 3, *looks]]
    assert sum(shares) < 1 and shares == sorted(shares, reverse=True)
    assert (rule | MaxRounds(9)).share_of_delta(7) == rule.share_of_delta(7)
    assert (MaxTime(1) & MaxRounds(9)).share_of_delta(7) == 1
    assert rule.share_of_delta(6) <= rule.share_of_delta(5)
    with pytest.raises(ValueError, match="needs a quantile or a threshold"):
        CertifiedSelection(quantile=None)._validate_params()


class _Vote(Utility):
    n_players = 16

    def __init__(self):
        self.weights = np.random.default_rng(5).standard_normal(16)

    def __call__(self, masks):
        total = masks @ self.weights
        return np.tanh(total / 2) + 0.3 * np.sin(5 * total)


@pytest.mark.parametrize("strategy", ["auto", RegressionAdjusted])
@pytest.mark.parametrize("by", [{"quantile": 0.25}, {"quantile": None, "threshold": 0.0}])
def test_what_is_called_sure_is_right(by, strategy):
    game = _Vote()
    exact = enumerate_values(game, Shapley())
    is_low = exact < 0
    if by["quantile"]:
        is_low = np.isin(np.arange(16), np.argsort(exact)[:4])
    wrong, decided, amount = 0, [], {name: x for name, x in by.items() if x is not None}
    sampler = PermutationSampler() if strategy == "auto" else SizeOptimalSampler(tilt=0.35)
    for seed in range(12):
        rule = CertifiedSelection(**by, fraction=0.8) | MaxEvaluations(30_000)
        valuator = ShapleyValuator(
            sampler=sampler, strategy=strategy, stopping=rule, random_state=seed
        ).fit_utility(game)
        inside, outside = valuator.certify(**amount)
        wrong += (inside & ~is_low).any() or (outside & is_low).any()
        decided.append((inside | outside).mean())
    assert wrong == 0 and np.mean(decided) > 0.5


def test_certify_refuses_what_it_cannot_say():
    valuator = ShapleyValuator(stopping=MaxRounds(2), random_state=0).fit_utility(_Vote())
    with pytest.raises(ValueError, match="pass one of the two"):
        valuator.certify()
    with pytest.raises(ValueError, match="pass one of the two"):
        valuator.certify(quantile=0.1, threshold=0.0)
    with pytest.raises(ValueError, match="quantile must be a number in"):
        valuator.certify(quantile=10)
    with pytest.raises(ValueError, match="pass delta > 0"):
        valuator.certify(quantile=0.1, delta=0)
    truncated = ShapleyValuator(
        stopping=MaxRounds(2), truncation=FixedTruncation(0.5), random_state=0
    ).fit_utility(_Vote())
    with pytest.raises(ValueError, match="no intervals where walks are truncated"):
        truncated.certify(quantile=0.1)
    with pytest.raises(NotFittedError):
        ShapleyValuator().certify(quantile=0.1)
