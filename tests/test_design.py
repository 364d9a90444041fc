"""Which sampler and strategy are taken where they are left open."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeClassifier

import skdvl
from skdvl.samplers import (
    CoalitionSampler,
    DeltaShapleySampler,
    ExhaustiveSampler,
    LeaveOneOutSampler,
    PermutationSampler,
    SizeOptimalSampler,
)
from skdvl.semivalues import Banzhaf, BetaShapley, Shapley
from skdvl.stopping import MaxEvaluations, TargetReliability
from skdvl.strategies import MarginalMean, PerSizeReuse, RegressionAdjusted, SampleReuse
from skdvl.testing import SmallGame
from skdvl.truncation import RelativeTruncation
from skdvl.valuators.design import regression_sampler
from skdvl.valuators.plan import make_plan

TREE = DecisionTreeClassifier()


class Rows:
    """As much of a problem as a design looks at."""

    grouped = True

    def __init__(self, estimator):
        self.estimator = estimator


def _parts(valuator, n_players, problem=None):
    problem = Rows(valuator.estimator) if problem is None else problem
    plan = make_plan(valuator, problem, [np.arange(n_players)])
    return type(plan.rules.sampler), plan.strategy


@pytest.mark.parametrize(
    ("valuator", "n_players", "sampler", "strategy"),
    [
        (skdvl.ShapleyValuator(TREE), 10, ExhaustiveSampler, SampleReuse),
        (skdvl.ShapleyValuator(TREE), 11, SizeOptimalSampler, RegressionAdjusted),
        (skdvl.BanzhafValuator(TREE), 3000, SizeOptimalSampler, RegressionAdjusted),
        (skdvl.BanzhafValuator(TREE), 3001, CoalitionSampler, SampleReuse),
        (skdvl.BetaShapleyValuator(LogisticRegression()), 3001, PermutationSampler, MarginalMean),
        (skdvl.ShapleyValuator(LogisticRegression()), 301, SizeOptimalSampler, RegressionAdjusted),
        (skdvl.ShapleyValuator(Ridge()), 300, SizeOptimalSampler, RegressionAdjusted),
        (skdvl.ShapleyValuator(GaussianNB()), 301, PermutationSampler, MarginalMean),
        (
            skdvl.ShapleyValuator(GaussianNB(), kernel="refit"),
            301,
            SizeOptimalSampler,
            RegressionAdjusted,
        ),
        (skdvl.DeltaShapleyValuator(TREE), 50, DeltaShapleySampler, MarginalMean),
        (skdvl.LeaveOneOutValuator(TREE), 50, LeaveOneOutSampler, MarginalMean),
        (skdvl.TMCShapleyValuator(TREE), 50, PermutationSampler, MarginalMean),
        (
            skdvl.ShapleyValuator(TREE, truncation=RelativeTruncation()),
            50,
            PermutationSampler,
            MarginalMean,
        ),
        (
            skdvl.ShapleyValuator(TREE, sampler=PermutationSampler()),
            50,
            PermutationSampler,
            MarginalMean,
        ),
        (
            skdvl.ShapleyValuator(TREE, strategy=PerSizeReuse),
            50,
            SizeOptimalSampler,
            PerSizeReuse,
        ),
        (
            skdvl.ShapleyValuator(Ridge(), strategy=MarginalMean),
            50,
            PermutationSampler,
            MarginalMean,
        ),
    ],
    ids=str,
)
def test_what_suits(valuator, n_players, sampler, strategy):
    assert _parts(valuator, n_players) == (sampler, strategy)


def test_of_a_bare_utility_nothing_is_known():
    game = SmallGame(20)
    assert _parts(skdvl.ShapleyValuator(), 20, game) == (PermutationSampler, MarginalMean)
    assert _parts(skdvl.BanzhafValuator(), 20, game) == (CoalitionSampler, SampleReuse)


def test_the_samplers_of_the_regression():
    shapley, banzhaf = map(regression_sampler, (Shapley(), Banzhaf()))
    assert (shapley.tilt, shapley.paired, shapley.enumerate_border) == (0.35, False, "auto")
    assert (banzhaf.tilt, banzhaf.paired) == (0.0, True)
    assert not regression_sampler(Banzhaf(0.3)).paired
    tilts = [regression_sampler(BetaShapley(*ab)).tilt for ab in ((1, 1), (4, 1), (16, 1), (1, 4))]
    assert tilts == [0.35, 0.19, 0.11, 0.35]


def test_it_ends_when_values_are_told_apart(medium):
    X, y, X_val, y_val, _ = medium
    plan = make_plan(skdvl.ShapleyValuator(TREE), Rows(TREE), [np.arange(30)])
    left, right = plan.rules.stopping.left, plan.rules.stopping.right
    assert isinstance(left, TargetReliability) and left.target == 0.95
    assert isinstance(right, MaxEvaluations) and right.n_evaluations == 20_000
    valuator = skdvl.BetaShapleyValuator(GaussianNB(), random_state=0)
    valuator.fit(X, y, X_val=X_val, y_val=y_val)
    assert valuator.n_evaluations_ < 20_000
    assert (valuator.stderr_**2).mean() <= (1 - 0.95**2) * valuator.values_.var()
