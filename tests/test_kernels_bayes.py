"""Naive Bayes and the nearest centroid: kernels say what refits say."""

import pickle

import numpy as np
import pytest
from refits import ODD, along, coalitions, compare, data_sets
from sklearn.naive_bayes import BernoulliNB, ComplementNB, GaussianNB, MultinomialNB
from sklearn.neighbors import NearestCentroid

from skdvl.utilities.kernels.moments import (
    BernoulliNBKernel,
    ComplementNBKernel,
    GaussianNBKernel,
    MultinomialNBKernel,
    NearestCentroidKernel,
)

SETS = data_sets()
GAUSSIAN = [GaussianNB(), GaussianNB(var_smoothing=1e-3)]
COUNTS = [
    (MultinomialNBKernel, MultinomialNB()),
    (MultinomialNBKernel, MultinomialNB(alpha=1e-12, force_alpha=False, fit_prior=False)),
    (MultinomialNBKernel, MultinomialNB(alpha=0.0)),
    (ComplementNBKernel, ComplementNB()),
    (ComplementNBKernel, ComplementNB(alpha=0.01, norm=True)),
    (ComplementNBKernel, ComplementNB(alpha=0.0)),
    (BernoulliNBKernel, BernoulliNB()),
    (BernoulliNBKernel, BernoulliNB(alpha=0.0, binarize=0.5)),
    (BernoulliNBKernel, BernoulliNB(alpha=0.1, binarize=0.5, fit_prior=False)),
]


def joint(model, X_val):
    return model.predict_joint_log_proba(X_val).T


def check(kernel, estimator, data, scores, rtol=1e-9, size=16):
    """Compare coalitions and chains with refits, and return the share that was certain."""
    X, y, X_val = data
    rng = np.random.default_rng(len(X[0]))
    assert kernel.supports(estimator, X, y, X_val) is None
    kernel = pickle.loads(pickle.dumps(kernel(estimator, X, y, X_val)))
    masks = coalitions(len(y), size, rng)
    answers = kernel(masks)
    sure = compare((masks, *answers), data, estimator, scores, rtol)
    masks, decision, is_sure = along(kernel, len(y), 9, rng)
    some = rng.choice(len(masks), size, replace=False)
    compare((masks[some], decision[:, some], is_sure[some]), data, estimator, scores, rtol)
    return sure


@pytest.mark.parametrize("name", [*ODD, "offset"])
def test_gaussian(name):
    for estimator in GAUSSIAN:
        # Far from 0, refits are rough, as far as it does not change a prediction.
        rtol = 1e-8 if name == "offset" else 1e-9
        sure = check(GaussianNBKernel, estimator, SETS[name], joint, rtol)
        assert sure > 0.9


@pytest.mark.parametrize("name", [*ODD[2:], "digits", "rare class"])
@pytest.mark.parametrize(("kernel", "estimator"), COUNTS, ids=[str(e) for _, e in COUNTS])
def test_counts(kernel, estimator, name):
    X, y, X_val = SETS[name]
    sure = check(kernel, estimator, (np.abs(X), y, np.abs(X_val)), joint, size=5)
    assert sure == 1 or estimator.alpha == 0


@pytest.mark.parametrize("name", ODD)
def test_centroid(name):
    sure = check(NearestCentroidKernel, NearestCentroid(), SETS[name], None)
    assert sure > (0.3 if name == "binary" else 0.8)


def test_pieces_join():
    X, y, X_val = SETS["digits"]
    kernel = GaussianNBKernel(GaussianNB(), X, y, X_val)
    masks = coalitions(len(y), 50, np.random.default_rng(0))
    whole, walked = kernel(masks), along(kernel, len(y), 20, np.random.default_rng(1))
    kernel.piece = 7  # fewer than there are walks
    cut, again = kernel(masks), along(kernel, len(y), 20, np.random.default_rng(1))
    for one, other in [(whole, cut), (walked[1:], again[1:])]:
        np.testing.assert_allclose(other[0], one[0], rtol=1e-12)
        assert (other[1] == one[1]).all()


def test_coalitions_that_are_not_looked_at_make_no_noise():
    X, y, X_val = SETS["constant columns"]
    few = np.zeros((3, len(y)), dtype=bool)
    few[1, 0] = few[2, np.flatnonzero(y == 1)] = True
    kinds = [(GaussianNBKernel, GaussianNB()), (NearestCentroidKernel, NearestCentroid()), *COUNTS]
    for kernel, estimator in kinds:
        kernel = kernel(estimator, np.abs(X), y, np.abs(X_val))
        assert kernel(few).decision.shape == (3, 3, len(X_val))
        assert sum(len(p.is_sure) for p in kernel.chains(few, np.tile(np.arange(5), (3, 1)))) == 18


@pytest.mark.parametrize(
    ("kernel", "estimator"),
    [
        (GaussianNBKernel, GaussianNB(priors=[0.2, 0.3, 0.5])),
        *((k, type(e)(class_prior=[0.2, 0.3, 0.5])) for k, e in COUNTS[::3]),
    ],
    ids=str,
)
def test_given_priors(kernel, estimator):
    X, y, X_val = SETS["rare class"]
    check(kernel, estimator, (np.abs(X), y, np.abs(X_val)), joint, size=60)
    X, y, X_val = SETS["iris"]
    assert check(kernel, estimator, (X, y, X_val), joint) > 0.3


def test_equal_rows_are_left_to_the_refit():
    X, y, X_val = SETS["iris"]
    X = np.where(np.arange(len(y))[:, None] < 40, X[0], X)
    masks = np.arange(len(y)) < np.array([[10], [40]])
    assert not NearestCentroidKernel(NearestCentroid(), X, y, X_val)(masks).is_sure.any()
    assert not GaussianNBKernel(GaussianNB(), X, y, X_val)(masks).is_sure.any()
    assert not GaussianNBKernel(GaussianNB(var_smoothing=0), X, y, X_val)(masks).is_sure.any()


def test_no_smoothing():
    assert check(GaussianNBKernel, GaussianNB(var_smoothing=0), SETS["iris"], joint) > 0.2


@pytest.mark.parametrize(
    ("kernel", "estimator", "words"),
    [
        (GaussianNBKernel, GaussianNB(priors=[0.5, 0.5]), "one positive number"),
        (GaussianNBKernel, GaussianNB(priors=[0.5, 0.5, 0.0]), "one positive number"),
        (MultinomialNBKernel, MultinomialNB(), "negative"),
        (ComplementNBKernel, ComplementNB(), "negative"),
        (MultinomialNBKernel, MultinomialNB(alpha=np.ones(5)), "alpha"),
        (BernoulliNBKernel, BernoulliNB(binarize=None), "binarize"),
        (BernoulliNBKernel, BernoulliNB(class_prior=[0.5, 0.5]), "class_prior"),
        (NearestCentroidKernel, NearestCentroid(metric="manhattan"), "manhattan"),
        (NearestCentroidKernel, NearestCentroid(shrink_threshold=0.1), "shrink"),
        (NearestCentroidKernel, NearestCentroid(priors="empirical"), "priors"),
    ],
    ids=str,
)
def test_declines(kernel, estimator, words):
    assert words in kernel.supports(estimator, *SETS["scales"])


def test_declines_odd_numbers():
    X, y, X_val = SETS["scales"]
    for odd, words in [(np.nan, "missing"), (np.inf, "beyond"), (1e200, "beyond")]:
        assert words in GaussianNBKernel.supports(GaussianNB(), X * odd, y, X_val)
        assert words in NearestCentroidKernel.supports(NearestCentroid(), X, y, X_val * odd)
        assert words in BernoulliNBKernel.supports(BernoulliNB(), X, y, X_val * odd)
    assert "far from 0" in GaussianNBKernel.supports(GaussianNB(), X + 1e12, y, X_val)
