"""Samplers by themselves: batches of samples, probabilities, limits."""

from itertools import islice, permutations
from math import comb, factorial, log

import numpy as np
import pytest
from sklearn.naive_bayes import GaussianNB

from skdvl import ShapleyValuator
from skdvl.samplers import (
    AntitheticSampler,
    CoalitionSampler,
    DeltaShapleySampler,
    ExhaustivePermutationSampler,
    ExhaustiveSampler,
    LeaveOneOutSampler,
    OwenSampler,
    PairedSampler,
    PermutationSampler,
    Round,
    SizeOptimalSampler,
    StratifiedSampler,
    UniformSampler,
    VRDSSampler,
)
from skdvl.semivalues import Banzhaf
from skdvl.stopping import MaxRounds
from skdvl.streams import Streams


def _walks(sampler, n=5, index=0):
    return sampler.draw(Round(index, n, np.random.default_rng([0, index])))


def test_batches_have_the_size_asked_for():
    batches = PermutationSampler(batch_size=4).generate_batches(range(6), random_state=0)
    assert [len(batch) for batch in islice(batches, 5)] == [4] * 5
    ended = list(LeaveOneOutSampler(batch_size=4).generate_batches(range(6)))
    assert [len(batch) for batch in ended] == [4, 2]


def test_a_permutation_is_walked():
    samples = islice(PermutationSampler().generate_batches(list("abcd"), random_state=3), 4)
    seen = []
    for [(player, subset)] in samples:
        assert sorted(subset) == sorted(seen)
        seen.append(player)
    assert sorted(seen) == list("abcd")


def test_a_new_call_starts_anew_and_closing_interrupts():
    sampler = UniformSampler(batch_size=2)

    def subsets(batches):
        return [(i, *s) for batch in batches for i, s in batch]

    first = sampler.generate_batches(range(5), random_state=0)
    drawn = subsets(islice(first, 3))
    assert subsets(islice(sampler.generate_batches(range(5), random_state=0), 3)) == drawn
    assert subsets(islice(first, 3)) != drawn  # and goes on where it was
    first.close()
    assert list(first) == []


def test_indices_must_name_each_player_once():
    for bad in ([], [1, 1, 2], [[1, 2], [3, 4]]):
        with pytest.raises(ValueError, match="at least one player, each named once"):
            PermutationSampler().generate_batches(bad)
    with pytest.raises(ValueError, match="'batch_size' parameter of OwenSampler"):
        OwenSampler(batch_size=0).generate_batches(range(3))


def test_limits():
    names = range(6)
    assert PermutationSampler().sample_limit(names) is None
    assert LeaveOneOutSampler().sample_limit(names) == 6
    assert ExhaustiveSampler().sample_limit(names) == 64
    assert ExhaustivePermutationSampler().sample_limit(names) == 6 * factorial(6)
    assert ExhaustiveSampler().sample_limit(range(20)) == 2**20
    for sampler, n in ((ExhaustiveSampler(), 21), (ExhaustivePermutationSampler(), 11)):
        with pytest.raises(ValueError, match="Use PermutationSampler"):
            sampler.sample_limit(range(n))


def test_log_weight_is_the_probability_of_one_coalition():
    n = 7
    assert UniformSampler().log_weight(n, 3) == pytest.approx(-(n - 1) * log(2))
    assert CoalitionSampler().log_weight(n, 3) == pytest.approx(-n * log(2))
    expected = -log(n * comb(n - 1, 3))
    assert PermutationSampler().log_weight(n, 3) == pytest.approx(expected)
    assert LeaveOneOutSampler().log_weight(n, n - 1) == 0.0
    assert LeaveOneOutSampler().log_weight(n, 2) == -np.inf
    for sampler in (OwenSampler(), PairedSampler(), VRDSSampler()):
        last = len(sampler.size_pmf(n)) - 1
        total = sum(comb(last, k) * np.exp(sampler.log_weight(n, k)) for k in range(last + 1))
        assert total == pytest.approx(1)
    assert np.isfinite(PermutationSampler().log_weight(100_000, 50_000))
    with pytest.raises(ValueError, match="not a size from 0 to 6"):
        UniformSampler().log_weight(n, 7)


def test_exhaustive_permutations_are_all_of_them_in_order():
    sampler, n = ExhaustivePermutationSampler(), 6
    walks = [_walks(sampler, n, t) for t in range(sampler.n_rounds(n))]
    order = np.concatenate([batch.order for batch in walks])
    np.testing.assert_array_equal(order, list(permutations(range(n))))


def test_exhaustive_coalitions_are_all_of_them():
    sampler, n = ExhaustiveSampler(), 11
    walks = [_walks(sampler, n, t) for t in range(sampler.n_rounds(n))]
    masks = np.concatenate([batch.start for batch in walks])
    assert len(np.unique(masks, axis=0)) == len(masks) == 2**n


def test_pairs_are_complements_and_reverses():
    walks = _walks(PairedSampler())
    np.testing.assert_array_equal(walks.start[::2], ~walks.start[1::2])
    walks = _walks(PermutationSampler(antithetic=True))
    np.testing.assert_array_equal(walks.order[::2], walks.order[1::2, ::-1])
    for sampler in (AntitheticSampler(), OwenSampler(3, antithetic=True)):
        walks = _walks(sampler)
        np.testing.assert_array_equal(walks.order[::2], walks.order[1::2])
        both = walks.start[::2].astype(int) + walks.start[1::2]
        np.put_along_axis(both, walks.order[::2], 1, axis=1)
        assert (both == 1).all()


def test_allocations():
    n = 4
    np.testing.assert_allclose(
        StratifiedSampler("power", -2).size_pmf(n),
        [1, 1 / 4, 1 / 9, 1 / 16] / np.sum([1, 1 / 4, 1 / 9, 1 / 16]),
    )
    np.testing.assert_allclose(
        StratifiedSampler(lambda n: np.arange(n)).size_pmf(n), np.arange(4) / 6
    )
    np.testing.assert_allclose(VRDSSampler().size_pmf(n), StratifiedSampler("harmonic").size_pmf(n))
    np.testing.assert_allclose(DeltaShapleySampler(1, 2).size_pmf(n), [0, 0.5, 0.5, 0])


def test_the_size_optimal_law():
    n, p = 6, Banzhaf(0.3).size_pmf(6)
    weight = [
        np.sqrt((p[k - 1] ** 2 / k if k else 0) + (p[k] ** 2 / (n - k) if k < n else 0))
        for k in range(n + 1)
    ]
    expected = np.array(weight) / np.sum(weight)
    np.testing.assert_allclose(SizeOptimalSampler(Banzhaf(0.3)).size_pmf(n), expected)
    paired = PairedSampler(Banzhaf(0.3)).size_pmf(n)
    np.testing.assert_allclose(paired, (expected + expected[::-1]) / 2)


def test_rounds_of_many_players_take_turns():
    n, sampler = 10_000, UniformSampler()
    served = np.concatenate([_walks(sampler, n, t).order.ravel() for t in range(24)])
    np.testing.assert_array_equal(np.sort(served), np.arange(n))
    assert LeaveOneOutSampler().sample_limit(range(n)) == n


def test_every_game_and_round_has_numbers_of_its_own():
    places = [(seed, game, t) for seed in (0, 7) for game in (0, 1) for t in (0, 1, 2**20)]
    streams = {(seed, game): Streams(seed, game) for seed, game, _ in places}
    drawn = [tuple(streams[place[:2]].of_round(place[2]).random(3)) for place in places]
    assert len(set(drawn)) == len(places)
    again = [tuple(Streams(*place[:2]).of_round(place[2]).random(3)) for place in places[::-1]]
    assert again[::-1] == drawn


def test_folds_draw_apart_from_each_other():
    seen = []

    class Watched(PermutationSampler):
        def draw(self, round):
            walks = super().draw(round)
            seen.append((round.index, round.n_players, walks.order[0].tolist()))
            return walks

    X, y = np.random.default_rng(0).normal(size=(40, 2)), np.arange(40) % 2
    settings = {"cv": 2, "stopping": MaxRounds(1), "random_state": 0}
    ShapleyValuator(GaussianNB(), sampler=Watched(), kernel="refit", **settings).fit(X, y)
    first_rounds = {tuple(order) for index, n, order in seen if (index, n) == (0, 20)}
    assert len(first_rounds) >= 2
