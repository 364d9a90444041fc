"""From walks to scores: blocks, walking utilities, truncation, and errors in words."""

import numpy as np
import pytest

from skdvl.coalitions import MAX_CELLS, Walks
from skdvl.evaluation import score_rounds
from skdvl.samplers import PermutationSampler, Round
from skdvl.testing import SmallGame, check_utility
from skdvl.truncation import (
    DeviationTruncation,
    FixedTruncation,
    RelativeTruncation,
    Truncation,
)
from skdvl.utilities import Scored, Utility


class Sum(Utility):
    """Worth is the sum of the members' numbers; it keeps the shapes that it was asked for."""

    def __init__(self, n, block_size=16):
        self.n_players = n
        self.block_size = block_size
        self.asked = []

    def __call__(self, masks):
        self.asked.append(masks.shape)
        return masks @ np.arange(1.0, self.n_players + 1)


class Walking(Sum):
    """Extends a sum by one number, three steps at a time."""

    def walk(self, start, order):
        self.walked = start.shape
        now = start @ np.arange(1.0, self.n_players + 1)
        scores = np.column_stack([now, now[:, None] + np.cumsum(order + 1.0, axis=1)])
        for first in range(0, scores.shape[1], 3):
            yield scores[:, first : first + 3]


def evaluate(utilities, batches, **options):
    """Score one round."""
    *_, scored = score_rounds(utilities, [list(enumerate(batches))], **options)
    return scored


def _permutations(n, n_walks, seed=0):
    order = np.random.default_rng(seed).permuted(np.tile(np.arange(n), (n_walks, 1)), axis=1)
    return Walks(np.zeros((n_walks, n), dtype=bool), order)


def _expected(walks):
    masks = walks.masks()
    return masks @ np.arange(1.0, walks.n_players + 1)


def test_masks_of_some_steps_are_those_of_all():
    rng = np.random.default_rng(0)
    order = rng.permuted(np.tile(np.arange(7), (4, 1)), axis=1)
    start = np.zeros((4, 7), dtype=bool)
    np.put_along_axis(start, order[:, :2], True, axis=1)
    walks = Walks(start, order[:, 2:5])
    masks = walks.masks()
    for b in range(4):
        for step in range(4):
            assert set(np.flatnonzero(masks[b, step])) == set(order[b, : 2 + step])
    np.testing.assert_array_equal(walks.masks(1, 3), masks[:, 1:3])
    np.testing.assert_array_equal(walks.sizes, masks.sum(axis=2))
    np.testing.assert_array_equal(walks.start, start)  # untouched


@pytest.mark.parametrize("block_size", [1, 4, 16, 1000])
@pytest.mark.parametrize("kind", [Sum, Walking])
def test_scores_do_not_depend_on_blocks(kind, block_size):
    walks = _permutations(9, 5)
    utility = kind(9, block_size)
    scored = evaluate([utility], [walks])
    np.testing.assert_allclose(scored.scores[0], _expected(walks))
    assert scored.n_evaluations == 5 * 10
    utility.known_sizes = (0, 9)
    assert evaluate([utility], [walks]).n_evaluations == 5 * 8
    assert all(m <= block_size for m, _ in utility.asked)


def test_a_block_is_never_larger_than_memory_allows():
    n = MAX_CELLS // 10
    utility = Sum(n, block_size=64)
    walks = Walks(np.zeros((1, n), dtype=bool), np.arange(25)[None])
    np.testing.assert_allclose(
        evaluate([utility], [walks]).scores[0][0], np.append(0, np.cumsum(np.arange(1, 26)))
    )
    assert max(m for m, _ in utility.asked) <= 10


def test_several_utilities_in_one_round():
    walks = [_permutations(4, 3), _permutations(6, 2, seed=1)]
    scored = evaluate([Sum(4), Walking(6)], walks, n_jobs=2)
    for scores, batch in zip(scored.scores, walks, strict=True):
        np.testing.assert_allclose(scores, _expected(batch))


class AtSix(Truncation):
    """End a walk once its score is 6 or more."""

    def cuts(self, scores, full_score, length):
        assert full_score == 45.0 and length == 9
        return scores[-1] >= 6


@pytest.mark.parametrize("kind", [Sum, Walking])
def test_truncated_tails_repeat_the_last_score(kind):
    walks = _permutations(9, 5)
    utility = kind(9, block_size=64)
    scored = evaluate([utility], [walks], truncation=AtSix())
    expected = _expected(walks)
    n_real = 0
    for row, whole in zip(scored.scores[0], expected, strict=True):
        end = np.argmax(whole >= 6)
        np.testing.assert_allclose(row[: end + 1], whole[: end + 1])
        np.testing.assert_allclose(row[end:], whole[end])
        n_real += end + 1
    assert scored.n_evaluations == n_real
    if kind is Sum:  # nothing is scored beyond the cut, but for the full score
        assert len(utility.asked) == n_real + 1


_NUMBERS = np.arange(1, 10)


class Failing(Sum):
    """Goes on with several walks at once; sums of two numbers fail."""

    def lockstep(self, length):
        return 4

    def evaluate(self, masks):
        two = np.flatnonzero(masks.sum(axis=1) == 2).tolist()
        return Scored(self(masks), {place: f"no sum of {masks[place] @ _NUMBERS}" for place in two})


def test_walks_that_may_end_go_on_together():
    walks = _permutations(9, 10, seed=3)
    utility = Failing(9)
    scored = evaluate([utility], [walks], truncation=AtSix())
    expected = _expected(walks)
    ends = np.argmax(expected >= 6, axis=1)
    steps = np.minimum(np.arange(10), ends[:, None])
    np.testing.assert_array_equal(scored.scores[0], np.take_along_axis(expected, steps, axis=1))
    assert scored.n_evaluations == ends.sum() + 10
    at_once = [shape[0] for shape in utility.asked if shape[0] != 9]
    assert sum(at_once) == scored.n_evaluations + 1  # and the full score
    assert max(at_once) == 4 and min(at_once[1:]) < 4
    pairs = expected[ends >= 2, 2]
    assert scored.n_failed == len(pairs) < 10
    assert scored.failure == f"no sum of {int(pairs[0])}"


def test_truncation_rules():
    scores = np.array([0.2, 0.5, 0.89, 0.9])
    assert FixedTruncation(0.3).cuts(scores, 1.0, 10)
    assert not FixedTruncation(0.31).cuts(scores, 1.0, 10)
    assert RelativeTruncation(0.1).cuts(scores, 1.0, 10)
    assert not RelativeTruncation(0.05).cuts(scores, 1.0, 10)
    assert not RelativeTruncation(0.1, burn_in=0.4).cuts(scores, 1.0, 10)
    assert RelativeTruncation(0.1).cuts(np.array([0.0, -0.95]), -1.0, 10)  # a negative score
    assert not RelativeTruncation(1.0).cuts(np.array([0.5]), 0.5, 10)  # not before one player
    assert DeviationTruncation(1.0).cuts(scores, 1.0, 10)
    assert not DeviationTruncation(0.1).cuts(scores, 1.0, 10)


def test_errors_of_a_utility_come_as_words():
    class Broken(SmallGame):
        def __call__(self, masks):
            raise KeyError("no such player")

    walks = PermutationSampler().draw(Round(0, 6, np.random.default_rng(0)))
    with pytest.raises(RuntimeError, match="no such player") as error:
        evaluate([Broken()], [walks])
    assert "in __call__" in error.value.__notes__[0]  # the traceback of the worker


def test_check_utility_finds_what_is_wrong():
    check_utility(Walking(5))

    class Forgetful(SmallGame):
        calls = 0

        def __call__(self, masks):
            self.calls += 1
            return super().__call__(masks) + self.calls

    class Wanders(Walking):
        def walk(self, start, order):
            for piece in super().walk(start, order):
                yield piece * 1.01

    for bad in (Forgetful(), Wanders(5)):
        with pytest.raises(AssertionError):
            check_utility(bad)
