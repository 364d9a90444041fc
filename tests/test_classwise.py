"""Class-wise Shapley values, beside their definition."""

import math
from itertools import chain, combinations

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import make_scorer
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, NearestCentroid
from sklearn.tree import DecisionTreeClassifier

from skdvl import ClasswiseShapleyValuator
from skdvl.samplers import CoalitionSampler, ExhaustiveSampler, PermutationSampler
from skdvl.stopping import MaxEvaluations, MaxRounds
from skdvl.testing import check_kernel
from skdvl.utilities import ModelUtility, make_utility
from skdvl.utilities.measures import class_score

LOGISTIC = LogisticRegression()
TREE = DecisionTreeClassifier(max_depth=2, random_state=0)


def subsets(rows):
    return list(chain.from_iterable(combinations(rows, k) for k in range(len(rows) + 1)))


def defined(estimator, X, y, X_val, y_val, label, p=0.5):
    """Return the values of the rows of a class by enumeration of both kinds of rows."""
    own, others = (np.flatnonzero((y == label) == is_own) for is_own in (True, False))
    known = {}

    def score(rows):
        rows = tuple(sorted(rows))
        if rows not in known:
            known[rows] = refit(rows)
        return known[rows]

    def refit(rows):
        if not rows:
            labels, counts = np.unique(y, return_counts=True)
            predicted = np.full(len(y_val), labels[counts.argmax()])
        elif len(set(y[list(rows)])) == 1:
            predicted = np.full(len(y_val), y[rows[0]])
        else:
            predicted = clone(estimator).fit(X[list(rows)], y[list(rows)]).predict(X_val)
        hits, is_own = predicted == y_val, y_val == label
        return (hits & is_own).mean() * math.exp((hits & ~is_own).mean())

    values, n = np.zeros(len(own)), len(own)
    for outside in subsets(others):
        for j, row in enumerate(own):
            for inside in subsets([other for other in own if other != row]):
                weight = 1 / n / math.comb(n - 1, len(inside))
                weight *= p ** len(outside) * (1 - p) ** (len(others) - len(outside))
                gain = score((*inside, row, *outside)) - score((*inside, *outside))
                values[j] += weight * gain
    return own, values


def small(n=8, n_classes=3):
    X, y = load_iris(return_X_y=True)
    rows = np.random.default_rng(2).permutation(150)
    rows = rows[y[rows] < n_classes]
    names = np.array(["a", "b", "c"])
    train, test = rows[:n], rows[n : n + 40]
    return X[train, :2], names[y[train]], X[test, :2], names[y[test]]


@pytest.mark.parametrize("estimator", [GaussianNB(), TREE], ids=["kernel", "refits"])
def test_values_and_errors_are_those_of_the_definition(estimator):
    """The errors include what other rows happened to be there."""
    X, y, X_val, y_val = small()
    is_tree, off = estimator is TREE, []
    settings = {"stopping": MaxEvaluations(3000 if is_tree else 5000), "normalize": False}
    exact = np.empty(len(y))
    for label in np.unique(y):
        rows, values = defined(estimator, X, y, X_val, y_val, label)
        exact[rows] = values
    for seed in range(1 if is_tree else 6):
        valuator = ClasswiseShapleyValuator(estimator, random_state=seed, **settings)
        valuator.fit(X, y, X_val=X_val, y_val=y_val)
        assert (valuator.utility_info_.tier == "refit") == is_tree
        assert 0 < valuator.stderr_.max() < 0.1 * np.abs(exact).max()
        off.append((valuator.values_ - exact) / np.maximum(valuator.stderr_, 1e-12))
    assert np.abs(off).max() < 4.5
    assert is_tree or 0.6 < np.sqrt(np.mean(np.square(off))) < 1.5


def test_a_sampler_of_the_other_classes():
    X, y, X_val, y_val = small()
    exact = np.empty(len(y))
    for label in np.unique(y):
        rows, values = defined(GaussianNB(), X, y, X_val, y_val, label, p=0.2)
        exact[rows] = values
    settings = {"stopping": MaxEvaluations(5000), "normalize": False, "random_state": 0}
    valuator = ClasswiseShapleyValuator(
        GaussianNB(), out_of_class_sampler=CoalitionSampler(0.2), **settings
    )
    valuator.fit(X, y, X_val=X_val, y_val=y_val)
    off = (valuator.values_ - exact) / np.maximum(valuator.stderr_, 1e-12)
    assert np.abs(off).max() < 4.5
    coins = ClasswiseShapleyValuator(GaussianNB(), **settings)
    coins.fit(X, y, X_val=X_val, y_val=y_val)
    assert np.abs((coins.values_ - exact) / coins.stderr_).max() > 4.5  # so they differ


@pytest.mark.parametrize("sampler", [PermutationSampler(), ExhaustiveSampler()], ids=repr)
def test_samplers_that_draw_no_coalitions_of_other_classes(sampler):
    X, y, X_val, y_val = small()
    valuator = ClasswiseShapleyValuator(GaussianNB(), out_of_class_sampler=sampler)
    with pytest.raises(ValueError, match="a sampler of coalitions that never ends"):
        valuator.fit(X, y, X_val=X_val, y_val=y_val)


@pytest.mark.parametrize("given", ["validation rows", "folds"])
def test_the_sums_of_classes_are_accuracies(medium, given):
    X, y, X_val, y_val, flipped = medium
    settings = {"stopping": MaxEvaluations(3000), "random_state": 0, "cv": 3}
    passed = {"X_val": X_val, "y_val": y_val} if given == "validation rows" else {}
    valuator = ClasswiseShapleyValuator(LOGISTIC, **settings).fit(X, y, **passed)
    plain = ClasswiseShapleyValuator(LOGISTIC, normalize=False, **settings)
    plain.fit(X, y, **passed)
    for label in np.unique(y):
        own = y == label
        ratio = valuator.values_[own] / plain.values_[own]
        np.testing.assert_allclose(ratio, ratio[0])
        np.testing.assert_allclose(valuator.stderr_[own], ratio[0] * plain.stderr_[own])
    if passed:
        hits = LOGISTIC.fit(X, y).predict(X_val) == y_val
        np.testing.assert_allclose(valuator.values_.sum(), hits.mean())
        np.testing.assert_allclose(valuator.values_[y == 1].sum(), np.mean(hits & (y_val == 1)))
    assert valuator.values_[flipped].mean() < valuator.values_[~flipped].mean()


def test_same_bits_in_parallel_and_from_a_checkpoint(medium, tmp_path):
    X, y, X_val, y_val, _ = medium
    settings = {"sampler": PermutationSampler(antithetic=True), "random_state": 0}

    def fit(n_rounds, **more):
        valuator = ClasswiseShapleyValuator(TREE, stopping=MaxRounds(n_rounds), **settings, **more)
        return valuator.fit(X[:12], y[:12], X_val=X_val, y_val=y_val).values_

    path = tmp_path / "run"
    whole = fit(2)
    fit(1, checkpoint=path)
    np.testing.assert_array_equal(fit(2, checkpoint=path), whole)
    np.testing.assert_array_equal(fit(2, n_jobs=2), whole)
    np.testing.assert_array_equal(fit(2, cache="memory"), whole)


@pytest.mark.filterwarnings("ignore:self.within_class_std_dev_")
@pytest.mark.parametrize(
    "estimator", [GaussianNB(), NearestCentroid(), KNeighborsClassifier(3)], ids=repr
)
def test_kernels_know_the_score(estimator, three_classes):
    X, X_val, y, y_val = three_classes
    scorer = make_scorer(class_score, label=1)
    kernel = make_utility(ModelUtility(estimator, X, y, X_val, y_val, scorer))
    assert kernel.tier(0) == "masks"
    masks = np.random.default_rng(0).random((300, 60)) < 0.2
    refits = ModelUtility(estimator, X, y, X_val, y_val, scorer)
    np.testing.assert_array_equal(kernel(masks), refits(masks))


def test_groups_belong_to_a_class(medium):
    X, y, X_val, y_val, _ = medium
    groups = np.arange(40) % 4 + 10 * y
    settings = {"stopping": MaxRounds(3), "random_state": 0}
    valuator = ClasswiseShapleyValuator(GaussianNB(), **settings)
    valuator.fit(X, y, X_val=X_val, y_val=y_val, groups=groups)
    assert valuator.group_values_.shape == (8,)
    with pytest.raises(ValueError, match="rows of several classes"):
        valuator.fit(X, y, X_val=X_val, y_val=y_val, groups=np.arange(40) % 4)


def test_what_has_no_classes_is_refused(medium):
    X, y, X_val, y_val, _ = medium
    given = {"X_val": X_val, "y_val": y_val}
    with pytest.raises(ValueError, match="is no classifier"):
        ClasswiseShapleyValuator(LinearRegression()).fit(X, y, **given)
    with pytest.raises(ValueError, match="a score of their own"):
        ClasswiseShapleyValuator(GaussianNB(), scoring="accuracy").fit(X, y, **given)
    with pytest.raises(ValueError, match="a strategy of its own"):
        ClasswiseShapleyValuator(GaussianNB(), strategy=check_kernel).fit(X, y, **given)
    with pytest.raises(ValueError, match="draws coalitions"):
        ClasswiseShapleyValuator(GaussianNB(), sampler=CoalitionSampler()).fit(X, y, **given)
    with pytest.raises(ValueError, match="ends, and the rows"):
        ClasswiseShapleyValuator(GaussianNB(), sampler=ExhaustiveSampler()).fit(X, y, **given)
    with pytest.raises(TypeError, match="use fit"):
        ClasswiseShapleyValuator(LogisticRegression()).fit_utility(None)
