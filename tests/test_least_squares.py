"""Values as weights of linear regressions, beside enumeration."""

import numpy as np
import pytest

from skdvl.games import AirportGame
from skdvl.samplers import CoalitionSampler, LeverageSampler, PairedSampler, SizeOptimalSampler
from skdvl.semivalues import Banzhaf, BetaShapley, Shapley
from skdvl.strategies import KernelBanzhaf, LeverageSHAP
from skdvl.testing import SmallGame, enumerate_values, play

CASES = [
    (Banzhaf(), PairedSampler(Banzhaf()), KernelBanzhaf),
    (Shapley(), LeverageSampler(), LeverageSHAP),
    (Shapley(), SizeOptimalSampler(paired=True, enumerate_border=True), LeverageSHAP),
]
every_case = pytest.mark.parametrize(
    ("semivalue", "sampler", "strategy"), CASES, ids=lambda part: getattr(part, "__name__", None)
)


@every_case
def test_values_and_errors_are_those_of_enumeration_and_repetitions(semivalue, sampler, strategy):
    game = SmallGame(8)
    exact = enumerate_values(game, semivalue)
    runs = [play(game, sampler, semivalue, 8, strategy=strategy, seed=s) for s in range(30)]
    off = np.array([run.values for run in runs]) - exact
    spread = off.std(axis=0, ddof=1)
    assert (np.abs(off.mean(axis=0)) < 4.5 * spread / np.sqrt(30)).all()
    told = np.array([run.stderr for run in runs])
    assert 0.8 < np.sqrt((told**2).mean() / (spread**2).mean()) < 1.3


@every_case
def test_a_linear_game_is_found_exactly(semivalue, sampler, strategy):
    class Sum(SmallGame):
        def __call__(self, masks):
            return 5 + masks @ self.weights

    run = play(Sum(12), sampler, semivalue, 1, strategy=strategy, seed=4)
    np.testing.assert_allclose(run.values, Sum(12).weights, atol=1e-6)


def test_few_observations_are_no_reason_to_explode(monkeypatch):
    game = AirportGame(np.linspace(0, 1, 400))
    exact = game.shapley_values()
    run = play(game, LeverageSampler(), Shapley(), 1, strategy=LeverageSHAP)
    assert run.n_evaluations < 2 * 400 and np.isinf(run.stderr).all()
    assert run.values.sum() == pytest.approx(1.0)
    monkeypatch.setattr("skdvl.strategies.least_squares._ENOUGH", 0)
    plain = play(game, LeverageSampler(), Shapley(), 1, strategy=LeverageSHAP)
    assert ((plain.values - exact) ** 2).mean() > 2 * ((run.values - exact) ** 2).mean()


def test_other_semivalues_are_refused():
    for semivalue in (Shapley(), Banzhaf(0.3)):
        with pytest.raises(ValueError, match="gives Banzhaf values only.*Use RegressionAdjusted"):
            KernelBanzhaf(semivalue, SizeOptimalSampler(tilt=0.1), 8)
    for semivalue in (Banzhaf(), BetaShapley(4, 1)):
        with pytest.raises(ValueError, match="gives Shapley values only.*Use RegressionAdjusted"):
            LeverageSHAP(semivalue, SizeOptimalSampler(semivalue), 8)
    with pytest.raises(ValueError, match="draws single ones. Use PairedSampler"):
        KernelBanzhaf(Banzhaf(), CoalitionSampler(), 8)
