"""Closed-form values of the nearest-neighbour games equal enumeration."""

import numpy as np
import pytest

from skdvl.neighbors import label_values, target_values
from skdvl.semivalues import Shapley
from skdvl.testing import enumerate_values
from skdvl.utilities import Utility


class NeighborsAsked(Utility):
    """The definition: sort out the members, ask the nearest ones, score what they say."""

    def __init__(self, told, n_neighbors, score):
        self.n_players = len(told)
        self.told, self.n_neighbors, self.score = told, n_neighbors, score

    def __call__(self, masks):
        return np.array(
            [
                self.score(sum(self.told[mask][: self.n_neighbors]) / self.n_neighbors)
                for mask in masks
            ]
        )


@pytest.mark.parametrize("n_neighbors", [1, 2, 3, 4, 7, 10])
@pytest.mark.parametrize("n", range(1, 10))
def test_values_equal_enumeration(n, n_neighbors):
    rng = np.random.default_rng([n, n_neighbors])
    for _ in range(3):
        matches = rng.random(n) < 0.5
        game = NeighborsAsked(matches.astype(float), n_neighbors, lambda share: share)
        values = label_values(matches[None], n_neighbors)[0]
        np.testing.assert_allclose(values, enumerate_values(game, Shapley()), atol=1e-12)

        targets, truth = rng.normal(1, 2, size=n), rng.normal()
        game = NeighborsAsked(targets, n_neighbors, lambda told, t=truth: -((told - t) ** 2))
        values = target_values(targets[None], np.array([truth]), n_neighbors)[0]
        np.testing.assert_allclose(values, enumerate_values(game, Shapley()), atol=1e-11)


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
