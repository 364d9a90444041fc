"""Estimators that take a matrix of pairs: rows and columns of a coalition go together."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from sklearn.base import clone
from sklearn.kernel_ridge import KernelRidge
from sklearn.metrics import get_scorer
from sklearn.metrics.pairwise import euclidean_distances, rbf_kernel
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import KernelCenterer
from sklearn.svm import SVC
from sklearn.utils import get_tags

from skdvl import BanzhafValuator, ShapleyValuator
from skdvl.caching import MemoryCache
from skdvl.pipeline import make_pipeline as make_our_pipeline
from skdvl.stopping import MaxRounds
from skdvl.testing import check_utility
from skdvl.utilities import ModelUtility

SVM = SVC(kernel="precomputed")
CASES = [
    (SVM, rbf_kernel, "accuracy"),
    (SVM, rbf_kernel, "balanced_accuracy"),
    (KernelRidge(kernel="precomputed"), rbf_kernel, "r2"),
    (KNeighborsClassifier(1, metric="precomputed"), euclidean_distances, "accuracy"),
    (KNeighborsClassifier(1, metric="precomputed"), euclidean_distances, "neg_log_loss"),
    (make_pipeline(KernelCenterer(), SVM), rbf_kernel, "accuracy"),
    (make_our_pipeline(KernelCenterer(), SVM), rbf_kernel, "accuracy"),
    (GridSearchCV(SVM, {"C": [0.1, 10]}, cv=2), rbf_kernel, "accuracy"),
]


def _masks(y, how_many=12):
    rng = np.random.default_rng(0)
    masks = rng.permuted(np.arange(len(y)) < rng.integers(25, len(y), (how_many, 1)), axis=1)
    return masks[[len(np.unique(y[mask])) == 3 for mask in masks]]


def _brute_force(estimator, K, y, K_val, y_val, scoring, masks):
    scores = []
    for mask in masks:
        rows = np.flatnonzero(mask)
        model = clone(estimator).fit(K[np.ix_(rows, rows)], y[rows])
        scores.append(get_scorer(scoring)(model, K_val[:, rows], y_val))
    return np.array(scores)


@pytest.mark.parametrize(("estimator", "pairs", "scoring"), CASES)
def test_scores_are_those_of_submatrices(estimator, pairs, scoring, three_classes):
    X, X_val, y, y_val = three_classes
    data = pairs(X), y, pairs(X_val, X), y_val
    utility = ModelUtility(estimator, *data, scoring)
    masks = _masks(y)
    assert len(masks) > 8
    np.testing.assert_array_equal(utility(masks), _brute_force(estimator, *data, scoring, masks))


def test_utility_contract(three_classes):
    X, X_val, y, y_val = three_classes
    check_utility(ModelUtility(SVM, X @ X.T, y, X_val @ X.T, y_val, "accuracy"))


@pytest.mark.filterwarnings("ignore:Precomputed sparse input was not sorted")
@pytest.mark.parametrize("wrap", [pd.DataFrame, sp.csr_array], ids=lambda kind: kind.__name__)
def test_other_containers(wrap, three_classes):
    X, X_val, y, y_val = three_classes
    X_val = X_val + np.random.default_rng(0).normal(size=X_val.shape)  # no two are as far
    data = euclidean_distances(X), y, euclidean_distances(X_val, X), y_val
    wrapped = wrap(data[0]), y, wrap(data[2]), y_val
    if wrap is pd.DataFrame:
        wrapped[0].columns = wrapped[2].columns = [f"row {j}" for j in range(len(y))]
    estimator = KNeighborsClassifier(3, metric="precomputed")
    masks = _masks(y)
    utility = ModelUtility(estimator, *wrapped, "accuracy")
    expected = _brute_force(estimator, *data, "accuracy", masks)
    np.testing.assert_array_equal(utility(masks), expected)
    assert utility.full_score == _brute_force(estimator, *data, "accuracy", masks | True)[0]


@pytest.mark.parametrize("with_val", [True, False])
def test_values_are_those_of_the_same_kernel_by_name(with_val, medium):
    X, y, X_val, y_val, _ = medium
    params = {"stopping": MaxRounds(2), "random_state": 0, "kernel": "refit", "cv": 3}
    params["control_variates"] = ()  # rows of pairs have none
    val = {"X_val": X_val, "y_val": y_val} if with_val else {}
    named = ShapleyValuator(SVC(kernel="linear"), **params).fit(X, y, **val)
    if with_val:
        val["X_val"] = X_val @ X.T
    given = ShapleyValuator(SVM, **params).fit(X @ X.T, y, **val)
    np.testing.assert_allclose(given.values_, named.values_, rtol=1e-12, atol=1e-12)
    assert given.values_.any() and given.n_failed_fits_ == 0


def test_shuffled_folds_and_groups(medium):
    X, y, _, _, _ = medium
    folds = [(np.r_[30:40, 5:20], np.r_[0:5]), (np.r_[0:30], np.r_[39, 35, 31])]
    groups = np.arange(40) % 8
    params = {"stopping": MaxRounds(3), "random_state": 0, "cv": folds, "kernel": "refit"}
    named = BanzhafValuator(SVC(kernel="linear"), **params).fit(X, y, groups=groups)
    given = BanzhafValuator(SVM, **params).fit(X @ X.T, y, groups=groups)
    np.testing.assert_allclose(given.values_, named.values_, rtol=1e-12, atol=1e-12)


def test_one_cache_for_two_kernels(medium):
    X, y, X_val, y_val, _ = medium
    cache = MemoryCache()
    params = {"stopping": MaxRounds(2), "random_state": 0, "kernel": "refit"}
    for degree in (1, 3, 1):
        data = (X @ X.T + 1) ** degree, y
        val = {"X_val": (X_val @ X.T + 1) ** degree, "y_val": y_val}
        alone = ShapleyValuator(SVM, **params).fit(*data, **val)
        cached = ShapleyValuator(SVM, cache=cache, **params).fit(*data, **val)
        np.testing.assert_array_equal(cached.values_, alone.values_)


class _Unfit(SVC):
    def fit(self, X, y, sample_weight=None):
        raise AssertionError("nothing may be fitted before the input is checked")


@pytest.mark.parametrize(
    ("X", "X_val", "words"),
    [
        (np.ones((40, 39)), None, "X has 40 rows and 39 columns"),
        (np.ones((40, 40)), np.ones((5, 39)), "X_val has 39 columns and X has 40 rows"),
        (np.ones((40, 40)).tolist(), None, "X is a list"),
        (np.ones((40, 40)), np.ones((5, 40)).tolist(), "X_val is a list"),
        (np.ones((40, 40, 1)), None, "X is a ndarray"),
    ],
)
def test_refusals_come_first(X, X_val, words):
    y = np.arange(40) % 2
    val = {} if X_val is None else {"X_val": X_val, "y_val": np.arange(5) % 2}
    with pytest.raises(ValueError, match=words):
        ShapleyValuator(_Unfit(kernel="precomputed")).fit(X, y, **val)
    if X_val is not None:
        with pytest.raises(ValueError, match=words):
            ModelUtility(_Unfit(kernel="precomputed"), X, y, X_val, y[:5], "accuracy")


def test_a_valuator_has_the_tag_of_its_estimator():
    assert get_tags(ShapleyValuator(SVM)).input_tags.pairwise
    assert not get_tags(ShapleyValuator(SVC())).input_tags.pairwise
