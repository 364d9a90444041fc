"""Closed forms against enumeration, at every size up to 8."""

import numpy as np
import pytest
from scipy.optimize import linprog, minimize
from sklearn.linear_model import Ridge

from skdvl import ShapleyValuator, games
from skdvl.semivalues import Banzhaf, BetaShapley, LeaveOneOut, Shapley
from skdvl.testing import check_utility, enumerate_values
from skdvl.utilities import GroupedUtility, LearnedUtility, Utility


def _games(n):
    rng = np.random.default_rng(n)
    yield games.SizeGame(np.append(0, rng.standard_normal(n)))
    yield games.SymmetricVotingGame(n)
    yield games.SymmetricVotingGame(n, quota=max(1, n - 1))
    yield games.MinerGame(n)
    yield games.AirportGame(rng.integers(0, 6, n))
    yield games.AirportGame(rng.random(n))
    for left in sorted({0, min(1, n), n // 2, n}):
        yield games.ShoesGame(left, n - left)
    yield games.MinimumSpanningTreeGame(n)
    for _ in range(3):
        weights = rng.integers(0, 7, n)
        yield games.WeightedVotingGame(weights)
        yield games.WeightedVotingGame(weights, int(rng.integers(1, max(2, weights.sum() + 1))))


GAMES = [game for n in range(1, 9) for game in _games(n)]
IDS = [f"{type(game).__name__}-{game.n_players}" for game in GAMES]


def _enumerated_least_core(game):
    n = game.n_players
    masks = (np.arange(2**n)[:, None] >> np.arange(n) & 1).astype(float)
    worth = game(masks.astype(bool))
    found = linprog(
        np.append(np.zeros(n), 1.0),
        np.hstack([-masks, -np.ones((2**n, 1))]),
        -worth,
        np.append(np.ones(n), 0.0)[None],
        [worth[-1]],
        (None, None),
    )
    subsidy = found.x[-1]
    shortest = minimize(
        lambda v: v @ v,
        found.x[:-1],
        jac=lambda v: 2 * v,
        method="SLSQP",
        constraints=[
            {
                "type": "ineq",
                "fun": lambda v: masks @ v + subsidy - worth + 1e-10,
                "jac": lambda v: masks,
            },
            {"type": "eq", "fun": lambda v: v.sum() - worth[-1], "jac": lambda v: np.ones(n)},
        ],
        options={"maxiter": 500, "ftol": 1e-14},
    )
    return shortest.x, subsidy


@pytest.mark.parametrize("game", GAMES, ids=IDS)
def test_semivalues_equal_enumeration(game):
    for semivalue in (Shapley(), Banzhaf(), LeaveOneOut(), BetaShapley(4, 1), Banzhaf(0.3)):
        exact = enumerate_values(game, semivalue)
        np.testing.assert_allclose(game.semivalues(semivalue), exact, atol=1e-10)
    np.testing.assert_array_equal(game.shapley_values(), game.semivalues(Shapley()))
    np.testing.assert_array_equal(game.banzhaf_values(), game.semivalues(Banzhaf()))
    np.testing.assert_array_equal(game.leave_one_out_values(), game.semivalues(LeaveOneOut()))


@pytest.mark.filterwarnings("ignore:Values in x were outside bounds")
@pytest.mark.parametrize("game", GAMES, ids=IDS)
def test_least_core_equals_enumeration(game):
    values, subsidy = game.least_core()
    exact, exact_subsidy = _enumerated_least_core(game)
    assert subsidy == pytest.approx(exact_subsidy, abs=1e-7)
    np.testing.assert_allclose(values, exact, atol=1e-4)
    np.testing.assert_array_equal(game.least_core_values(), values)


@pytest.mark.parametrize("game", GAMES[-12:], ids=IDS[-12:])
def test_games_are_utilities(game):
    check_utility(game)
    values = ShapleyValuator().fit_utility(game).values_
    np.testing.assert_allclose(values, game.shapley_values(), atol=1e-12)


def test_games_are_correct_at_large_sizes_too():
    """Efficiency holds at sizes that no enumeration reaches."""
    for game in (
        games.ShoesGame(30, 47),
        games.MinerGame(101),
        games.AirportGame(np.arange(90)),
        games.MinimumSpanningTreeGame(100),
        games.WeightedVotingGame(np.arange(40)),
    ):
        whole = game(np.ones((1, game.n_players), dtype=bool))[0]
        assert game.shapley_values().sum() == pytest.approx(whole)


def test_bad_games_are_refused():
    for costs in ([-1, 2], [np.nan, 1], [], 3, [[1, 2]]):
        with pytest.raises(ValueError, match="costs must be non-negative numbers"):
            games.AirportGame(costs)
    for shoes in ((-1, 3), (0, 0)):
        with pytest.raises(ValueError, match="must not be negative, nor both 0"):
            games.ShoesGame(*shoes)
    with pytest.raises(ValueError, match=r"worth has shape \(1,\)"):
        games.SizeGame([0])
    with pytest.raises(ValueError, match="non-negative integers"):
        games.WeightedVotingGame(3)
    with pytest.raises(ValueError, match="non-negative integers"):
        games.WeightedVotingGame([0.5, 2])


def test_games_say_what_they_are():
    told = map(repr, (games.AirportGame([1, 2]), games.ShoesGame(1, 2), games.MinerGame(3)))
    assert list(told) == [
        "AirportGame(costs=[1.0, 2.0])",
        "ShoesGame(n_left=1, n_right=2)",
        "MinerGame(n_players=3)",
    ]
    assert repr(games.SizeGame(np.zeros(100))).endswith("0.0, ...])")
    again = eval(repr(games.WeightedVotingGame(np.array([3, 2, 1]), 4)), vars(games))
    assert again.weights.tolist() == [3, 2, 1] and again.quota == 4


def test_utilities_say_what_they_are():
    class Own(Utility):
        def __call__(self, masks):
            return masks.sum(axis=1)

    assert repr(Own()) == "Own(n_players=?)"
    teams = GroupedUtility(games.MinerGame(4), ["a", "a", "b", "b"])
    assert repr(teams) == "GroupedUtility(MinerGame(n_players=4), n_players=2)"
    told = repr(LearnedUtility(teams, Ridge()))
    assert told == f"LearnedUtility({teams!r}, Ridge(), n_players=2)"
