"""Closed-form values of the nearest-neighbour games equal enumeration."""

import numpy as np
import pytest
from scipy import stats

from skdvl.neighbors import (
    Seats,
    label_values,
    radius_values,
    share_values,
    target_values,
    thinned,
)
from skdvl.semivalues import Banzhaf, BetaShapley, DeltaShapley, LeaveOneOut, Shapley
from skdvl.testing import enumerate_values
from skdvl.utilities import Utility
from skdvl.valuators.neighbor_game import seats_of

SEMIVALUES = [
    Shapley(), Banzhaf(), Banzhaf(0.1), BetaShapley(16, 1), BetaShapley(1, 4), LeaveOneOut(),
    DeltaShapley(0.2, 0.6),
]  # fmt: skip


class Told(Utility):
    """The definition: what the members, nearest first, make of a score."""

    def __init__(self, told, score):
        self.n_players = len(told)
        self.told, self.score = told, score

    def __call__(self, masks):
        return np.array([self.score(self.told[mask]) for mask in masks])


def _seats(semivalue, n, n_neighbors, by_sizes):
    if by_sizes:
        return Seats.of_sizes(semivalue.size_pmf(n), n_neighbors)
    return seats_of(semivalue, n, n_neighbors)


@pytest.mark.parametrize("semivalue", SEMIVALUES, ids=str)
@pytest.mark.parametrize("n_neighbors", [1, 2, 3, 4, 7, 10])
@pytest.mark.parametrize("n", range(1, 10))
def test_values_equal_enumeration(n, n_neighbors, semivalue):
    rng = np.random.default_rng([n, n_neighbors])
    k, pmf, by_sizes = n_neighbors, semivalue.size_pmf(n), rng.random() < 0.5
    seats = _seats(semivalue, n, k, by_sizes)
    matches, weights = rng.random(n) < 0.5, rng.random(n)
    for told in (matches, matches * weights):
        values = label_values(told[None], k, seats=seats)[0]
        game = Told(told, lambda told: told[:k].sum() / k)
        np.testing.assert_allclose(values, enumerate_values(game, semivalue), atol=1e-12)

        values = share_values(told[None], k, 3, pmf, seats=seats)[0]
        game = Told(told, lambda told: told[:k].mean() if len(told) else 1 / 3)
        np.testing.assert_allclose(values, enumerate_values(game, semivalue), atol=1e-12)

    targets, truth = rng.normal(1, 2, size=n), rng.normal()
    values = target_values(targets[None], np.array([truth]), k, seats=seats)[0]
    game = Told(targets, lambda told: -((told[:k].sum() / k - truth) ** 2))
    np.testing.assert_allclose(values, enumerate_values(game, semivalue), atol=1e-11)


@pytest.mark.parametrize("semivalue", SEMIVALUES, ids=str)
@pytest.mark.parametrize("n_neighbors", [1, 5, 5000])
def test_sums_of_integers_are_those_of_numbers(semivalue, n_neighbors):
    n = 5000
    matches = np.random.default_rng(0).random((3, n)) < [[0.1], [0.5], [1.0]]
    seats = seats_of(semivalue, n, n_neighbors)
    values = label_values(matches, n_neighbors, seats=seats)
    summed = label_values(matches.astype(float), n_neighbors, seats=seats)
    np.testing.assert_allclose(values, summed, rtol=0, atol=1e-13)


@pytest.mark.parametrize("semivalue", SEMIVALUES, ids=str)
@pytest.mark.parametrize("n", range(1, 10))
def test_values_within_a_radius_equal_enumeration(n, semivalue):
    rng = np.random.default_rng(n)
    for share in (0, 0.3, 0.6, 1):
        inside, told = rng.random(n) < share, (rng.random(n) < 0.5) * rng.random(n)
        alone = _seats(semivalue, n, 1, by_sizes=share == 0.6).asked
        values = radius_values(told[None], inside[None], 4, alone)[0]
        both = np.where(inside, told, np.nan)
        game = Told(both, lambda told: np.nanmean(told) if not np.isnan(told).all() else 1 / 4)
        np.testing.assert_allclose(values, enumerate_values(game, semivalue), atol=1e-12)


@pytest.mark.parametrize("values_of", [label_values, target_values, share_values])
def test_seats_are_made_where_there_are_none(values_of):
    told, pmf = np.random.default_rng(0).random((2, 8)), BetaShapley(4, 1).size_pmf(8)
    extra = {label_values: (), target_values: (told[:, 0],), share_values: (3,)}[values_of]
    before = extra if values_of is target_values else ()
    after = extra if values_of is share_values else ()
    for size_pmf, semivalue in ((None, Shapley()), (pmf, BetaShapley(4, 1))):
        found = values_of(told, *before, 3, *after, size_pmf)
        sizes = Shapley().size_pmf(8) if size_pmf is None else size_pmf
        seats = seats_of(semivalue, 8, 3)
        np.testing.assert_allclose(found, values_of(told, *before, 3, *after, sizes, seats=seats))


@pytest.mark.parametrize("semivalue", [Shapley(), Banzhaf(0.01), BetaShapley(16, 1)], ids=str)
def test_formulas_and_sizes_agree_for_many_players(semivalue):
    n, k = 3000, 7
    by_sizes = Seats.of_sizes(semivalue.size_pmf(n), k)
    by_formula = seats_of(semivalue, n, k)
    for name in ("asked", "pushed_out", "both", "both_less"):
        found, expected = getattr(by_formula, name)[1:], getattr(by_sizes, name)[1:]
        np.testing.assert_allclose(found, expected, atol=1e-12)
    rank = np.arange(1, n + 1)
    if type(semivalue) is BetaShapley:
        asked = stats.betabinom.cdf(k - 1, rank[::100] - 1, 1, 16)
        np.testing.assert_allclose(by_formula.asked[::100], asked, atol=1e-12)
    if type(semivalue) is Banzhaf:
        asked = stats.binom.cdf(k - 1, rank - 1, 0.01)
        np.testing.assert_allclose(by_formula.asked, asked, atol=1e-12)


@pytest.mark.parametrize("semivalue", SEMIVALUES, ids=str)
def test_a_player_less(semivalue):
    n = 9
    pmf = semivalue.size_pmf(n)
    size = np.arange(n)
    expected = np.zeros(n - 1)
    for s in size:  # a certain one of the n - 1 others is among s of them with chance s / (n - 1)
        if s < n - 1:
            expected[s] += pmf[s] * (1 - s / (n - 1))
        if s > 0:
            expected[s - 1] += pmf[s] * s / (n - 1)
    np.testing.assert_allclose(thinned(pmf), expected, atol=1e-15)
    if type(semivalue) in (Shapley, Banzhaf, BetaShapley):
        np.testing.assert_allclose(thinned(pmf), semivalue.size_pmf(n - 1), atol=1e-12)


def test_games_in_a_block_do_not_know_each_other():
    rng = np.random.default_rng(0)
    matches, targets, truth = (
        rng.random((4, 30)) < 0.4,
        rng.normal(size=(4, 30)),
        rng.normal(size=4),
    )
    for line in range(4):
        one = slice(line, line + 1)
        np.testing.assert_array_equal(label_values(matches, 5)[one], label_values(matches[one], 5))
        np.testing.assert_array_equal(
            target_values(targets, truth, 5)[one], target_values(targets[one], truth[one], 5)
        )
