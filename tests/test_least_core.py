"""The least core, beside a plain linear program and the cores of games that are known."""

import numpy as np
import pytest
from scipy.optimize import linprog
from sklearn.linear_model import LogisticRegression

from skdvl import LeastCoreValuator
from skdvl.games import AirportGame, ShoesGame
from skdvl.samplers import CoalitionSampler, ExhaustiveSampler, Round, SizeOptimalSampler
from skdvl.stopping import MaxEvaluations
from skdvl.streams import Streams
from skdvl.utilities import Utility


class Table(Utility):
    """A game of a few players, given by the score of every coalition."""

    def __init__(self, scores):
        self.scores, self.n_players = scores, int(np.log2(len(scores)))

    def __call__(self, masks):
        return self.scores[masks @ (1 << np.arange(self.n_players))]


def enumerate_core(scores, floor):
    """Return the coalitions, what they add to nobody, and the least subsidy, by the primal."""
    n = int(np.log2(len(scores)))
    masks = (np.arange(2**n)[1:-1, None] >> np.arange(n) & 1).astype(float)
    added = scores - scores[0]
    found = linprog(
        np.append(np.zeros(n), 1.0),
        A_ub=-np.column_stack([masks, np.ones(len(masks))]),
        b_ub=-added[1:-1],
        A_eq=np.append(np.ones(n), 0.0)[None],
        b_eq=[added[-1]],
        bounds=[(None, None)] * n + [(floor, None)],
    )
    return masks, added, found.fun


def is_of_least_norm(values, masks, wanted):
    """Whether values are a mixture of everybody and of coalitions that get no more than wanted.

    These are the conditions of Karush, Kuhn and Tucker, necessary and sufficient.
    """
    n = len(values)
    tight = masks[masks @ values - wanted < 1e-7]
    columns = np.column_stack([tight.T, np.ones(n), -np.ones(n)])
    found = linprog(np.zeros(columns.shape[1]), A_eq=columns, b_eq=values, method="highs")
    return found.status == 0


@pytest.mark.parametrize("non_negative_subsidy", [False, True])
@pytest.mark.parametrize("egalitarian", [False, True])
@pytest.mark.parametrize("seed", range(6))
def test_values_are_in_the_least_core(seed, egalitarian, non_negative_subsidy):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 8))
    scores = rng.normal(size=2**n) if seed % 2 else np.round(3 * rng.random(2**n))
    settings = {"egalitarian": egalitarian, "non_negative_subsidy": non_negative_subsidy}
    valuator = LeastCoreValuator(**settings).fit_utility(Table(scores))
    masks, added, subsidy = enumerate_core(scores, 0 if non_negative_subsidy else None)
    values = valuator.values_
    assert valuator.subsidy_ == pytest.approx(subsidy, abs=1e-7)
    assert values.sum() == pytest.approx(added[-1], abs=1e-8)
    assert (masks @ values + subsidy - added[1:-1]).min() > -1e-7
    if egalitarian:
        assert is_of_least_norm(values, masks, added[1:-1] - subsidy)
    np.testing.assert_array_equal(valuator.stderr_, 0)


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_scores_may_be_of_any_size(scale):
    scores = np.round(3 * np.random.default_rng(3).random(2**6))
    plain = LeastCoreValuator().fit_utility(Table(scores))
    scaled = LeastCoreValuator().fit_utility(Table(scale * scores + 5 * scale))
    np.testing.assert_allclose(scaled.values_, scale * plain.values_, atol=1e-6 * scale)
    assert scaled.subsidy_ == pytest.approx(scale * plain.subsidy_, abs=1e-7 * scale)


def test_games_whose_core_is_known():
    valuator = LeastCoreValuator(non_negative_subsidy=True)
    shoes = valuator.fit_utility(ShoesGame(2, 3))
    np.testing.assert_allclose(shoes.values_, [1, 1, 0, 0, 0], atol=1e-9)
    assert shoes.subsidy_ == pytest.approx(0, abs=1e-9)
    even = valuator.fit_utility(ShoesGame(3, 3))  # the core is a line, whose middle is even
    np.testing.assert_allclose(even.values_, 0.5, atol=1e-9)
    alone = LeastCoreValuator().fit_utility(Table(np.array([0.25, 1.0])))
    np.testing.assert_array_equal(alone.values_, [0.75])
    airport = LeastCoreValuator().fit_utility(AirportGame([1.0, 2.0, 4.0]))
    assert airport.values_.sum() == pytest.approx(4.0)


class Smooth(Utility):
    """A game of many players, concave in what they bring."""

    def __init__(self, n):
        self.n_players, self.brings = n, np.random.default_rng(0).random(n)

    def __call__(self, masks):
        return np.tanh(3 * (masks @ self.brings) / self.brings.sum())


def test_drawn_coalitions_get_what_they_are_worth():
    game = Smooth(40)
    settings = {"n_coalitions": 300, "sampler": SizeOptimalSampler(paired=True), "random_state": 0}
    valuator = LeastCoreValuator(**settings).fit_utility(game)
    assert 300 <= valuator.n_evaluations_ < 900
    assert valuator.values_.sum() == pytest.approx(game(np.ones((1, 40), bool))[0])
    seed = np.random.RandomState(0).randint(2**31 - 1)
    first_round = Round(0, 40, Streams(seed).of_round(0))
    drawn = settings["sampler"].draw(first_round).start
    assert (drawn @ valuator.values_ + valuator.subsidy_ - game(drawn)).min() > -1e-7
    assert np.isinf(valuator.stderr_).all()
    some = LeastCoreValuator(egalitarian=False, **settings).fit_utility(game)
    assert some.subsidy_ == pytest.approx(valuator.subsidy_)
    assert np.linalg.norm(valuator.values_) <= np.linalg.norm(some.values_) + 1e-9


def test_what_cannot_be_bounded_is_refused(medium):
    X, y, X_val, y_val, _ = medium
    given = {"X_val": X_val, "y_val": y_val}

    class Untouched(LogisticRegression):
        def fit(self, X, y):
            raise AssertionError("nothing is to be fitted")

    few = LeastCoreValuator(Untouched(), n_coalitions=39)
    with pytest.raises(ValueError, match="n_coalitions to at least 40"):
        few.fit(X, y, **given)
    single = LeastCoreValuator(Untouched(), sampler=CoalitionSampler())
    with pytest.raises(ValueError, match="complement"):
        single.fit(X, y, **given)
    with pytest.raises(ValueError, match="a strategy of its own"):
        LeastCoreValuator(Untouched(), strategy=type(few)._strategy).fit(X, y, **given)
    with pytest.raises(ValueError, match="'egalitarian' parameter"):
        LeastCoreValuator(Untouched(), egalitarian="no").fit(X, y, **given)


def test_rows_folds_and_groups(medium):
    X, y, X_val, y_val, flipped = medium
    model = LogisticRegression(max_iter=500)
    valuator = LeastCoreValuator(model, n_coalitions=400, random_state=0)
    values = valuator.fit(X, y, X_val=X_val, y_val=y_val).values_
    assert values[flipped].mean() < values[~flipped].mean()
    folds = LeastCoreValuator(model, n_coalitions=64, cv=2, random_state=0).fit(X, y)
    assert np.isfinite(folds.values_).all() and np.isfinite(folds.subsidy_)
    groups = np.arange(40) % 8
    settings = {"sampler": ExhaustiveSampler(), "stopping": MaxEvaluations(1000)}
    grouped = LeastCoreValuator(model, **settings)
    grouped.fit(X, y, X_val=X_val, y_val=y_val, groups=groups)
    assert grouped.group_values_.shape == (8,) and (grouped.stderr_ == 0).all()


def test_a_fit_goes_on_from_its_checkpoint(tmp_path):
    settings = {"random_state": 0, "checkpoint": tmp_path / "run"}
    first = LeastCoreValuator(n_coalitions=100, **settings).fit_utility(Smooth(30))
    longer = LeastCoreValuator(n_coalitions=600, **settings).fit_utility(Smooth(30))
    whole = LeastCoreValuator(n_coalitions=600, random_state=0).fit_utility(Smooth(30))
    assert first.n_evaluations_ < longer.n_evaluations_ == whole.n_evaluations_
    np.testing.assert_array_equal(longer.values_, whole.values_)
    assert longer.subsidy_ == whole.subsidy_
