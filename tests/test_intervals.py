"""Confidence intervals: how often they hold the exact values, and when there are none."""

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.naive_bayes import GaussianNB

from skdvl import SemivalueValuator, ShapleyValuator, TMCShapleyValuator
from skdvl.samplers import (
    CoalitionSampler,
    ExhaustiveSampler,
    PairedSampler,
    PermutationSampler,
    SizeOptimalSampler,
    StratifiedSampler,
)
from skdvl.semivalues import Banzhaf, BetaShapley, Shapley
from skdvl.stopping import MaxRounds
from skdvl.strategies import RegressionAdjusted
from skdvl.testing import enumerate_values
from skdvl.utilities import Utility


class Game(Utility):
    """Smooth, with something of each coalition's own."""

    n_players = 12

    def __init__(self, seed=0):
        rng = np.random.default_rng(seed)
        self.effects, self.more = rng.standard_normal((2, 12))

    def __call__(self, masks):
        mean = masks @ self.effects / np.maximum(masks.sum(axis=1), 1)
        return np.tanh(2 * mean) + 0.1 * np.sin(7 * (masks @ self.more))


PARTS = {
    "permutations": (Shapley(), PermutationSampler(), "auto", 2),
    "antithetic": (Shapley(), PermutationSampler(antithetic=True), "auto", 2),
    "stratified": (Shapley(), StratifiedSampler(), "auto", 30),
    "reuse": (Banzhaf(), CoalitionSampler(), "auto", 2),
    "pairs": (Banzhaf(), PairedSampler(Banzhaf()), "auto", 2),
    "regression": (Shapley(), SizeOptimalSampler(tilt=0.35), RegressionAdjusted, 2),
    "regression, Beta": (
        BetaShapley(4, 1),
        SizeOptimalSampler(BetaShapley(4, 1), 0.2, enumerate_border=True),
        RegressionAdjusted,
        3,
    ),
    "regression, pairs": (Banzhaf(), PairedSampler(Banzhaf()), RegressionAdjusted, 2),
}


def _fit(parts, seed, n_rounds=None):
    semivalue, sampler, strategy, rounds = parts
    valuator = SemivalueValuator(
        semivalue=semivalue,
        sampler=sampler,
        strategy=strategy,
        stopping=MaxRounds(n_rounds or rounds),
        random_state=seed,
    )
    return valuator.fit_utility(Game())


@pytest.mark.parametrize("case", PARTS)
def test_intervals_hold_the_exact_values_as_often_as_they_say(case):
    exact = enumerate_values(Game(), PARTS[case][0])
    held = {0.5: [], 0.95: []}
    for seed in range(60):
        valuator = _fit(PARTS[case], seed)
        for level, share in held.items():
            lower, upper = valuator.confidence_interval(level).T
            share.append((lower <= exact) & (exact <= upper))
    assert 0.42 < np.mean(held[0.5]) < 0.62
    assert 0.91 < np.mean(held[0.95]) < 0.985


class Many(Utility):
    n_players = 300  # of whom a round walks one permutation

    def __call__(self, masks):
        return np.sqrt(masks @ np.linspace(0, 1, 300))


def test_few_observations_make_wide_intervals():
    valuator = ShapleyValuator(stopping=MaxRounds(3), random_state=0).fit_utility(Many())
    lower, upper = valuator.confidence_interval().T
    assert (upper - lower > 6 * valuator.stderr_).all()  # 3.9 with very many


def test_what_is_unknown_has_no_bounds():
    valuator = ShapleyValuator(stopping=MaxRounds(1), random_state=0).fit_utility(Many())
    np.testing.assert_array_equal(valuator.confidence_interval(), [[-np.inf, np.inf]] * 300)


def test_exact_values_have_intervals_without_length():
    valuator = _fit((Shapley(), ExhaustiveSampler(), "auto", 1), 0, n_rounds=100)
    lower, upper = valuator.confidence_interval().T
    np.testing.assert_array_equal(lower, upper)
    np.testing.assert_allclose(lower, enumerate_values(Game(), Shapley()), atol=1e-12)


def test_intervals_of_groups_are_shared_among_their_rows(medium):
    X, y = medium[:2]
    groups = np.arange(len(y)) % 8
    valuator = ShapleyValuator(GaussianNB(), stopping=MaxRounds(9), random_state=0)
    valuator.fit(X, y, groups=groups)
    lower, upper = valuator.confidence_interval().T
    np.testing.assert_allclose((lower + upper) / 2, valuator.values_, atol=1e-12)
    np.testing.assert_array_equal(lower[groups == 3], lower[3])


def test_intervals_that_would_be_wrong_are_refused(medium):
    X, y = medium[:2]
    with pytest.raises(NotFittedError):
        ShapleyValuator(GaussianNB()).confidence_interval()
    valuator = TMCShapleyValuator(GaussianNB(), stopping=MaxRounds(2), random_state=0).fit(X, y)
    with pytest.raises(ValueError, match="no intervals where walks are truncated"):
        valuator.confidence_interval()
    valuator = ShapleyValuator(GaussianNB(), stopping=MaxRounds(2), random_state=0).fit(X, y)
    for level in (0, 1, 95, "high"):
        with pytest.raises(ValueError, match="level must be a number between 0 and 1"):
            valuator.confidence_interval(level)
