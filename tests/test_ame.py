"""AMEValuator: the definition by enumeration, a LASSO by hand, and errors that are honest."""

from itertools import product

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LassoCV
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeClassifier

from skdvl import AMEValuator, DataPruner, SemivalueValuator, make_pipeline
from skdvl.samplers import (
    AMESampler,
    CoalitionSampler,
    PermutationSampler,
    Round,
    SizeOptimalSampler,
)
from skdvl.semivalues import AME, Banzhaf, Shapley
from skdvl.stopping import MaxEvaluations, MaxRounds
from skdvl.strategies import LassoEffects, MarginalMean, RegressionAdjusted, SampleReuse
from skdvl.streams import Streams
from skdvl.testing import SmallGame, check_sampler, check_semivalue, enumerate_values, play
from skdvl.utilities import Utility

LEVELS = (0.3, 0.6, 0.9)


def by_definition(utility, levels):
    """Mean over levels, and over all sets of others by their probability, of what a player adds."""
    n, values = utility.n_players, []
    for player in range(n):
        total = 0.0
        for level, inside in product(levels, product([False, True], repeat=n - 1)):
            mask = np.insert(np.array(inside), player, False)
            joined = mask.copy()
            joined[player] = True
            gain = utility(joined[None])[0] - utility(mask[None])[0]
            total += np.prod(np.where(inside, level, 1 - level)) * gain
        values.append(total / len(levels))
    return np.array(values)


class FewMatter(Utility):
    """A game of many players in which three matter."""

    def __init__(self, n_players=60):
        self.n_players = n_players

    def __call__(self, masks):
        masks = masks.astype(float)
        return masks[:, 5] - 0.5 * masks[:, 17] + 0.8 * masks[:, 30] * masks[:, 5]


def test_the_semivalue_is_that_of_the_definition():
    game = SmallGame(5)
    exact = by_definition(game, LEVELS)
    np.testing.assert_allclose(enumerate_values(game, AME(LEVELS)), exact, atol=1e-12)
    np.testing.assert_allclose(AMEValuator(levels=LEVELS).fit_utility(game).values_, exact)
    np.testing.assert_allclose(AME([0.3]).size_pmf(9), Banzhaf(0.3).size_pmf(9))
    many = AME(np.linspace(0, 1, 2001)[1:-1])
    np.testing.assert_allclose(many.size_pmf(9), Shapley().size_pmf(9), rtol=1e-2)
    check_semivalue(AME(LEVELS))
    check_sampler(AMESampler(LEVELS))


def test_levels_are_those_that_coalitions_were_drawn_with():
    sampler = AMESampler(LEVELS)
    walks = sampler._draw(0, 0, 500)
    levels = sampler.levels_of(len(walks))
    np.testing.assert_allclose(walks.start.mean(axis=1), levels, atol=0.12)
    assert len(walks) % 3 == 0 and set(levels) == set(LEVELS)


def test_values_are_the_weights_of_a_lasso():
    game, sampler = FewMatter(), AMESampler(LEVELS)
    run = play(game, sampler, AME(LEVELS), 3, strategy=LassoEffects, seed=4)
    rows, scores = [], []
    scale = np.sqrt(np.mean([1 / (p * (1 - p)) for p in LEVELS]))
    for t in range(3):
        masks = sampler.draw(_round(4, t, 60)).start
        for j, mask in enumerate(masks):
            p = LEVELS[j % 3]
            rows.append([1 / p if inside else -1 / (1 - p) for inside in mask])
        scores.extend(game(masks))
    lasso = LassoCV(cv=5).fit(np.array(rows) / scale, scores)
    np.testing.assert_allclose(run.values, scale * lasso.coef_, atol=1e-8)
    exact = np.zeros(60)
    # what player 5 adds: 1 + 0.8 * mean(p); player 30 adds 0.8 * mean(p)
    exact[[5, 17, 30]] = 1 + 0.8 * 0.6, -0.5, 0.8 * 0.6
    assert set(np.argsort(-np.abs(run.values))[:3]) == {5, 17, 30}
    assert (np.abs(run.centre - exact) < 4.5 * run.stderr).all()
    assert (run.values == 0).mean() > 0.3


def _round(seed, t, n):
    return Round(t, n, Streams(seed).of_round(t))


def test_estimates_without_bias_and_their_errors_are_honest():
    game, semivalue = SmallGame(8), AME(LEVELS)
    exact = enumerate_values(game, semivalue)
    runs = [
        play(game, AMESampler(LEVELS), semivalue, 1, strategy=LassoEffects, seed=seed)
        for seed in range(30)
    ]
    centres = np.array([run.centre for run in runs])
    spread = centres.std(axis=0, ddof=1)
    assert (np.abs(centres.mean(axis=0) - exact) < 4 * spread / np.sqrt(30)).all()
    told = np.sqrt(np.mean([run.stderr**2 for run in runs], axis=0))
    assert np.linalg.norm(told) == pytest.approx(np.linalg.norm(spread), rel=0.3)


def test_fewer_coalitions_than_players_are_enough_where_few_matter():
    game, parts = FewMatter(300), (AMESampler((0.5,)), AME((0.5,)), 1)
    run, reuse = (play(game, *parts, strategy=kind) for kind in (LassoEffects, SampleReuse))
    assert len(run.tallies[0]["scores"]) <= 300
    assert set(np.argsort(-np.abs(run.values))[:3]) == {5, 17, 30}
    exact = np.zeros(300)
    exact[[5, 17, 30]] = 1.4, -0.5, 0.4
    errors = [np.square(one.values - exact).sum() for one in (run, reuse)]
    assert errors[0] < errors[1] / 5


def test_a_constant_score_is_worth_nothing():
    class Constant(Utility):
        n_players = 12

        def __call__(self, masks):
            return np.full(len(masks), 0.7)

    valuator = AMEValuator(stopping=MaxRounds(1), random_state=0).fit_utility(Constant())
    assert not valuator.values_.any() and not valuator.stderr_.any()


@pytest.fixture(scope="module")
def noisy():
    X, y = load_iris(return_X_y=True)
    X, y = X[50:], y[50:] - 1
    rng = np.random.default_rng(0)
    train = rng.permutation(100)[:60]
    val = np.setdiff1d(np.arange(100), train)
    flipped = rng.random(60) < 0.15
    return X[train], np.where(flipped, 1 - y[train], y[train]), X[val], y[val], flipped


def test_other_estimates_agree_and_groups_are_players(noisy):
    X, y, X_val, y_val, flipped = noisy
    valuator = AMEValuator(GaussianNB(), stopping=MaxEvaluations(4000), random_state=0)
    valuator.fit(X, y, X_val=X_val, y_val=y_val)
    parts = {"sampler": SizeOptimalSampler(AME()), "strategy": RegressionAdjusted}
    other = SemivalueValuator(
        GaussianNB(), semivalue=AME(), stopping=MaxEvaluations(8000), random_state=1, **parts
    ).fit(X, y, X_val=X_val, y_val=y_val)
    assert np.corrcoef(valuator.values_, other.values_)[0, 1] > 0.97
    z = (valuator._centre()[0] - other._centre()[0]) / np.hypot(valuator.stderr_, other.stderr_)
    assert np.abs(z).max() < 4.5 and 0.7 < np.sqrt(np.mean(z**2)) < 1.4
    vendors = np.where(flipped, 0, 1 + np.arange(60) % 11)
    valuator.fit(X, y, X_val=X_val, y_val=y_val, groups=vendors)
    assert valuator.group_values_.argmin() == 0 and valuator.group_values_[0] < 0


def test_the_preset_and_other_parts(noisy):
    X, y, X_val, y_val, _ = noisy
    given = {"X_val": X_val, "y_val": y_val}
    one, two = (
        AMEValuator(GaussianNB(), levels=LEVELS, stopping=MaxRounds(2), random_state=0, **more)
        .fit(X, y, **given)
        for more in ({}, {"sampler": AMESampler(LEVELS), "strategy": LassoEffects})
    )  # fmt: skip
    np.testing.assert_array_equal(one.values_, two.values_)
    lower, upper = one.confidence_interval().T
    assert (lower <= upper).all() and np.isfinite(lower).all()
    for sampler, strategy in ((PermutationSampler(), MarginalMean), (AMESampler(), SampleReuse)):
        other = AMEValuator(GaussianNB(), sampler=sampler, strategy=strategy,
                            stopping=MaxRounds(2), random_state=0)  # fmt: skip
        assert np.isfinite(other.fit(X, y, **given).values_).all()


def test_a_fit_goes_on_from_its_checkpoint(noisy, tmp_path):
    X, y, X_val, y_val, _ = noisy
    given = {"X_val": X_val, "y_val": y_val}
    parts = {"estimator": GaussianNB(), "random_state": 0}
    whole = AMEValuator(stopping=MaxRounds(3), **parts).fit(X, y, **given)
    path = tmp_path / "run"
    for n_rounds in (1, 3):
        part = AMEValuator(stopping=MaxRounds(n_rounds), checkpoint=path, **parts)
        part.fit(X, y, **given)
    np.testing.assert_array_equal(part.values_, whole.values_)
    np.testing.assert_array_equal(part.stderr_, whole.stderr_)


def test_in_a_pruner_and_a_search():
    X, y = load_iris(return_X_y=True)
    valuator = AMEValuator(GaussianNB(), cv=2, stopping=MaxRounds(1), random_state=0)
    pipeline = make_pipeline(DataPruner(valuator), DecisionTreeClassifier(random_state=0))
    grid = {"datapruner__valuator__levels": [(0.5,), LEVELS]}
    assert GridSearchCV(pipeline, grid, cv=2).fit(X[::3], y[::3]).best_score_ > 0.7


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"levels": (0.2, 1.0)}, "above 0 and below 1"),
        ({"levels": ["a"]}, "above 0 and below 1"),
        ({"levels": ()}, "above 0 and below 1"),
        ({"levels": [[0.5]]}, "above 0 and below 1"),
        ({"levels": 0.5}, "levels"),
        (
            {"sampler": CoalitionSampler(), "strategy": LassoEffects},
            "CoalitionSampler.* does not tell. Use AMESampler",
        ),
        ({"sampler": AMESampler((0.5,))}, "Give both the same levels"),
    ],
)
def test_refusals(params, message, monkeypatch, noisy):
    X, y, X_val, y_val, _ = noisy
    monkeypatch.setattr(GaussianNB, "fit", lambda *_: pytest.fail("a model was trained"))
    with pytest.raises(ValueError, match=message):
        AMEValuator(GaussianNB(), **params).fit(X, y, X_val=X_val, y_val=y_val)


def test_scores_that_are_not_finite_are_refused():
    strategy = LassoEffects(AME(), AMESampler(), 6)
    walks = AMESampler()._draw(0, 0, 6)
    scores = np.where(walks.start[:, :1], np.nan, 1.0)
    with pytest.raises(ValueError, match="scored nan.*Set a finite error_score"):
        strategy.fold(strategy.empty(), walks, scores)
