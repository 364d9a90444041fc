"""Every part with every other: the right answer within its error bars, or a refusal in words.

A new part joins by one line in a list.
"""

import numpy as np
import pytest

from skdvl import samplers as sm
from skdvl import semivalues as sv
from skdvl import stopping as st
from skdvl.strategies import MarginalMean, PerSizeReuse, SampleReuse
from skdvl.testing import (
    SmallGame,
    check_sampler,
    check_semivalue,
    check_stopping_rule,
    enumerate_values,
    play,
)
from skdvl.utilities import Utility

SAMPLERS = [
    sm.PermutationSampler(),
    sm.PermutationSampler(antithetic=True),
    sm.ExhaustivePermutationSampler(),
    sm.ExhaustiveSampler(),
    sm.UniformSampler(),
    sm.AntitheticSampler(batch_size=3),
    sm.LeaveOneOutSampler(),
    sm.OwenSampler(),
    sm.OwenSampler(n_levels=5, antithetic=True),
    sm.StratifiedSampler(),
    sm.StratifiedSampler("harmonic"),
    sm.StratifiedSampler("power", exponent=-0.3),
    sm.StratifiedSampler(np.ones),
    sm.VRDSSampler(),
    sm.DeltaShapleySampler(lower=1, upper=3),
    sm.CoalitionSampler(),
    sm.CoalitionSampler(p=0.35),
    sm.AMESampler(),
    sm.SizeOptimalSampler(),
    sm.PairedSampler(),
    sm.PairedSampler(sv.BetaShapley(4, 1)),
    sm.LeverageSampler(),
    sm.GroupTestingSampler(),
]
SEMIVALUES = [
    sv.Shapley(),
    sv.Banzhaf(),
    sv.Banzhaf(p=0.3),
    sv.BetaShapley(4, 1),
    sv.BetaShapley(1, 4),
    sv.AME(),
    sv.LeaveOneOut(),
    sv.DeltaShapley(lower=1, upper=3),
]
STOPPING = [
    st.MaxRounds(3),
    st.MaxEvaluations(10),
    st.MinUpdates(2),
    st.MaxUpdates(2),
    st.MaxTime(1.0),
    st.StandardError(atol=0.1),
    st.TargetReliability(),
    st.CertifiedSelection(),
    st.CertifiedSelection(threshold=0.0),
    st.RankStability(),
    st.ValueStability(),
    st.NoStopping(),
    st.MaxRounds(3) | st.MaxTime(1.0),
    st.MaxRounds(3) & st.RankStability(n_rounds=2),
]
# The combinations that cannot work: a size that the semivalue needs is (almost) never drawn.
_ALL = {type(semivalue).__name__ for semivalue in SEMIVALUES}
REFUSED = (
    {("LeaveOneOutSampler()", name) for name in _ALL - {"LeaveOneOut"}}
    | {("DeltaShapleySampler(lower=1, upper=3)", name) for name in _ALL - {"DeltaShapley"}}
    | {  # which draw neither nobody nor everybody
        (sampler, name)
        for sampler in ("LeverageSampler()", "GroupTestingSampler()")
        for name in _ALL - {"DeltaShapley"}
    }
    | {("CoalitionSampler(p=0.35)", "LeaveOneOut")}  # 0.35 ** 6
)


def _agrees(run, exact, sigmas=4.5):
    return (np.abs(run.values - exact) <= sigmas * run.stderr + 1e-12).all()


@pytest.mark.parametrize("sampler", SAMPLERS, ids=repr)
def test_sampler_keeps_its_contract(sampler):
    check_sampler(sampler)


@pytest.mark.parametrize("semivalue", SEMIVALUES, ids=repr)
def test_semivalue_keeps_its_contract(semivalue):
    check_semivalue(semivalue)


@pytest.mark.parametrize("rule", STOPPING, ids=repr)
def test_stopping_rule_keeps_its_contract(rule):
    check_stopping_rule(rule)


def test_bad_stopping_rules_are_found():
    class Told(st.StoppingRule):
        def __init__(self, told=0.5):
            self.told = told

        def completion(self, run):
            return self.told if run.n_rounds else 0.0

    class Counting(Told):
        def completion(self, run):
            self.n_asked_ = getattr(self, "n_asked_", 0) + 1
            return 0.5

    check_stopping_rule(Told())
    for rule, match in (
        (Told(np.nan), "0 or more, and not nan"),
        (Told(-1), "0 or more"),
        (Counting(), "must not change the rule"),
    ):
        with pytest.raises(AssertionError, match=match):
            check_stopping_rule(rule)


@pytest.mark.parametrize("semivalue", SEMIVALUES, ids=repr)
@pytest.mark.parametrize("sampler", SAMPLERS, ids=repr)
def test_every_sampler_estimates_every_semivalue(sampler, semivalue):
    game = SmallGame()
    if (repr(sampler), type(semivalue).__name__) in REFUSED:
        with pytest.raises(ValueError, match=r"never draws coalitions of size \d.*Use a sampler"):
            play(game, sampler, semivalue, 1)
        return
    run = play(game, sampler, semivalue, 400)
    exact = enumerate_values(game, semivalue)
    if sampler.n_rounds(6) is not None:
        np.testing.assert_allclose(run.values, exact, atol=1e-12)
        assert not run.stderr.any()
        return
    assert _agrees(run, exact)
    assert run.stderr.max() < 0.3


@pytest.mark.parametrize("semivalue", SEMIVALUES, ids=repr)
@pytest.mark.parametrize(
    "sampler",
    [s for s in SAMPLERS if s.draws == "coalitions" and not getattr(s, "paired", False)],
    ids=repr,
)
def test_per_size_means_serve_every_semivalue(sampler, semivalue):
    game = SmallGame()
    run = play(game, sampler, semivalue, 100, strategy=PerSizeReuse)
    exact = enumerate_values(game, semivalue)
    if sampler.n_rounds(6) is not None:
        np.testing.assert_allclose(run.values, exact, atol=1e-12)
        return
    assert _agrees(run, exact)
    assert run.stderr.max() < 0.3


@pytest.mark.parametrize(
    ("sampler", "strategy"),
    [
        (sm.PermutationSampler(), MarginalMean),
        (sm.PermutationSampler(antithetic=True), MarginalMean),
        (sm.AntitheticSampler(), MarginalMean),
        (sm.OwenSampler(n_levels=4, antithetic=True), MarginalMean),
        (sm.CoalitionSampler(), SampleReuse),
        (sm.PairedSampler(), SampleReuse),
        (sm.SizeOptimalSampler(), SampleReuse),
    ],
    ids=repr,
)
def test_standard_errors_are_those_of_repetitions(sampler, strategy):
    """Dependent draws, such as pairs, must neither shrink nor blow up the error bars."""
    rare = isinstance(sampler, sm.CoalitionSampler | sm.AntitheticSampler)
    semivalue = sv.Banzhaf() if rare else sv.Shapley()
    runs = [
        play(SmallGame(), sampler, semivalue, 20, strategy=strategy, seed=s) for s in range(200)
    ]
    spread = np.std([run.values for run in runs], axis=0)
    told = np.sqrt(np.mean([run.stderr**2 for run in runs], axis=0))
    assert (told > 0.85 * spread).all()
    assert np.linalg.norm(told) < 1.2 * np.linalg.norm(spread)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 12])
def test_per_size_means_know_the_ends_exactly(n):
    """Sizes 0, 1, n - 1 and n are enumerated, whatever the sampler draws."""
    game = SmallGame(n)
    for semivalue in (sv.LeaveOneOut(), sv.DeltaShapley(0, 0)):
        run = play(game, sm.CoalitionSampler(p=0.35), semivalue, 2, strategy=PerSizeReuse)
        np.testing.assert_allclose(run.values, enumerate_values(game, semivalue), atol=1e-12)
        assert not run.stderr.any()


def test_per_size_means_beat_plain_reuse_for_shapley():
    game, exact = SmallGame(12), enumerate_values(SmallGame(12), sv.Shapley())
    errors = [
        np.mean(
            [
                (
                    play(
                        game, sm.SizeOptimalSampler(), sv.Shapley(), 4, strategy=s, seed=seed
                    ).values
                    - exact
                )
                ** 2
                for seed in range(20)
            ]
        )
        for s in (PerSizeReuse, SampleReuse)
    ]
    assert errors[0] < 0.5 * errors[1]


def test_almost_never_is_refused_like_never():
    with pytest.raises(ValueError, match=r"almost never draws coalitions of size \d+"):
        play(SmallGame(40), sm.UniformSampler(), sv.Shapley(), 1)


def test_unseen_sizes_leave_the_error_unknown():
    """Rare sizes that matter and have not been met must not look like certainty."""
    run = play(SmallGame(14), sm.UniformSampler(), sv.Shapley(), 5)
    assert np.isinf(run.stderr).all() and np.isfinite(run.values).all()


class Table(Utility):
    """A smooth game with noise in every coalition: no two players are alike."""

    def __init__(self, n_players, seed=0):
        self.n_players = n_players
        rng = np.random.default_rng(seed)
        members = np.arange(2**n_players)[:, None] >> np.arange(n_players) & 1
        self.scores = np.tanh(members @ rng.standard_normal(n_players) / 2)
        self.scores += 0.3 * rng.standard_normal(2**n_players)

    def __call__(self, masks):
        return self.scores[masks @ (1 << np.arange(self.n_players))]


@pytest.mark.parametrize(
    ("sampler", "semivalue", "n_rounds"),
    [
        (sm.PermutationSampler(), sv.Shapley(), 2),
        (sm.PermutationSampler(), sv.BetaShapley(16, 1), 3),
        (sm.PermutationSampler(), sv.LeaveOneOut(), 20),
        (sm.OwenSampler(3), sv.Shapley(), 300),
        (sm.OwenSampler(2, antithetic=True), sv.Shapley(), 60),
        (sm.StratifiedSampler("harmonic"), sv.Shapley(), 40),
        (sm.UniformSampler(), sv.Shapley(), 1500),
        (sm.AntitheticSampler(), sv.Shapley(), 1500),
    ],
    ids=repr,
)
def test_heavy_weights_do_not_look_like_certainty(sampler, semivalue, n_rounds):
    """With 14 players, sizes that matter may be rare: errors are honest, or not given at all."""
    game = Table(14)
    exact = enumerate_values(game, semivalue)
    z = []
    for seed in range(8, 16):
        run = play(game, sampler, semivalue, n_rounds, seed=seed)
        told = np.isfinite(run.stderr)
        z.append(((run.values - exact) / run.stderr)[told])
    z = np.concatenate(z)
    assert not len(z) or (np.sqrt(np.mean(z**2)) < 1.3 and np.abs(z).max() < 5)


@pytest.mark.parametrize("sampler", [sm.ExhaustivePermutationSampler(), sm.ExhaustiveSampler()])
def test_an_enumeration_that_is_not_over_has_no_error_yet(sampler):
    run = play(SmallGame(11 if sampler.draws == "coalitions" else 8), sampler, sv.Shapley(), 1)
    assert np.isinf(run.stderr).all()


def test_misfits_of_strategy_and_sampler_are_refused():
    with pytest.raises(ValueError, match="SampleReuse needs a sampler that draws coalitions"):
        play(SmallGame(), sm.PermutationSampler(), sv.Shapley(), 1, strategy=SampleReuse)
    with pytest.raises(ValueError, match="drawn independently, and PairedSampler"):
        play(SmallGame(), sm.PairedSampler(), sv.Shapley(), 1, strategy=PerSizeReuse)
    with pytest.raises(ValueError, match="at most 20"):
        play(SmallGame(21), sm.ExhaustiveSampler(), sv.Shapley(), 1)
    with pytest.raises(ValueError, match="at most 2000 players"):
        play(SmallGame(2001), sm.SizeOptimalSampler(), sv.Shapley(), 1, strategy=PerSizeReuse)


@pytest.mark.parametrize("offset", [0.0, 1e6])
def test_an_offset_of_the_score_costs_no_digits(offset):
    class Shifted(SmallGame):
        def __call__(self, masks):
            return super().__call__(masks) + offset

    for sampler, strategy in [
        (sm.CoalitionSampler(), SampleReuse),
        (sm.SizeOptimalSampler(), PerSizeReuse),
        (sm.PermutationSampler(), MarginalMean),
    ]:
        plain = play(SmallGame(), sampler, sv.Banzhaf(), 5, strategy=strategy)
        moved = play(Shifted(), sampler, sv.Banzhaf(), 5, strategy=strategy)
        np.testing.assert_allclose(moved.values, plain.values, atol=1e-7)
        np.testing.assert_allclose(moved.stderr, plain.stderr, rtol=1e-4)


@pytest.mark.parametrize(
    "sampler", [sm.PermutationSampler(), sm.UniformSampler(), sm.PermutationSampler(True)], ids=repr
)
def test_large_marginals_cost_no_digits(sampler):
    """What every player adds alike is in its value, and not in the error of it."""

    class Paid(SmallGame):
        def __call__(self, masks):
            return super().__call__(masks) + 1e6 * masks.sum(axis=1)

    semivalue = sv.Banzhaf() if isinstance(sampler, sm.UniformSampler) else sv.Shapley()
    plain, paid = (play(g, sampler, semivalue, 40, seed=3) for g in (SmallGame(), Paid()))
    np.testing.assert_allclose(paid.values, plain.values + 1e6, atol=1e-6)
    np.testing.assert_allclose(paid.stderr, plain.stderr, rtol=1e-5)
    assert (plain.stderr > 0).all() and np.isfinite(plain.stderr).all()


@pytest.mark.parametrize("sampler", [sm.UniformSampler(), sm.CoalitionSampler()], ids=repr)
@pytest.mark.parametrize("semivalue", [sv.Shapley(), sv.BetaShapley(4, 1)], ids=repr)
def test_coin_flips_for_many_players_are_refused(sampler, semivalue):
    strategy = SampleReuse if sampler.draws == "coalitions" else MarginalMean
    with pytest.raises(ValueError, match="almost never draws.*such as PermutationSampler"):
        strategy(semivalue, sampler, 16)
    strategy(sv.Banzhaf(), sampler, 500)
    for n in range(2, 11):  # an enumeration is no matter of chance
        SampleReuse(sv.BetaShapley(16, 1), sm.ExhaustiveSampler(), n)
