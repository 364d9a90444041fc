"""Linear and quadratic discriminant analysis: kernels say what refits say."""

import pickle

import numpy as np
import pytest
from refits import ODD, along, coalitions, compare, data_sets, labelled_sets
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis, QuadraticDiscriminantAnalysis
from sklearn.metrics import get_scorer

from skdvl.utilities.kernels.moments import (
    LinearDiscriminantAnalysisKernel,
    QuadraticDiscriminantAnalysisKernel,
)
from skdvl.utilities.scoring import make_score

SETS = data_sets()
# Refits divide by what rounding leaves of the deviation of a constant column, and it is nothing
# to rely on.
HARD = {"nearly constant"}
PRIORS = [0.2, 0.3, 0.5]


def scores(model, X_val):
    told = model.decision_function(X_val).T
    return np.stack([np.zeros_like(told), told]) if told.ndim == 1 else told


def check(kernel, estimator, data, size=24):
    """Compare coalitions and chains with refits, and return the share that was certain.

    No decision may be off by more than the kernel says: measures go by that.
    """
    X, y, X_val = data
    rng = np.random.default_rng(len(X[0]))
    assert kernel.supports(estimator, X, y, X_val) is None
    kernel = pickle.loads(pickle.dumps(kernel(estimator, X, y, X_val)))
    masks = coalitions(len(y), size, rng)
    answers = kernel(masks)
    rtol = kernel.rounding if answers.error is None else 1e-9  # these have a test of their own
    sure = compare((masks, *answers), data, estimator, scores, rtol)
    masks, decision, is_sure = along(kernel, len(y), 9, rng)
    some = rng.choice(len(masks), size, replace=False)
    answers = decision[:, some], is_sure[some]
    compare((masks[some], *answers), data, estimator, scores, rtol)
    return sure


@pytest.mark.parametrize("name", ODD)
def test_linear(name):
    sure = check(LinearDiscriminantAnalysisKernel, LinearDiscriminantAnalysis(), SETS[name])
    assert sure > 0.8 or name in HARD


@pytest.mark.parametrize(
    "params", [{"tol": 1e-3}, {"tol": 0.0}, {"store_covariance": True}], ids=str
)
@pytest.mark.parametrize("name", ["iris", "wide", "collinear"])
def test_linear_with_parameters(params, name):
    check(LinearDiscriminantAnalysisKernel, LinearDiscriminantAnalysis(**params), SETS[name], 16)


@pytest.mark.parametrize("params", [{"priors": PRIORS}, {"n_components": 2}], ids=str)
def test_linear_that_needs_all_classes(params):
    estimator = LinearDiscriminantAnalysis(**params)
    check(LinearDiscriminantAnalysisKernel, estimator, SETS["rare class"], size=60)
    assert check(LinearDiscriminantAnalysisKernel, estimator, SETS["iris"]) > 0.3


@pytest.mark.parametrize("name", [*ODD, "iris", "duplicates with other labels"])
@pytest.mark.parametrize("params", [{}, {"reg_param": 0.1, "tol": 1e-6}], ids=str)
def test_quadratic(params, name):
    estimator = QuadraticDiscriminantAnalysis(**params)
    sure = check(QuadraticDiscriminantAnalysisKernel, estimator, SETS[name], size=16)
    assert sure > 0.2 or name in ODD


def test_quadratic_with_priors():
    estimator = QuadraticDiscriminantAnalysis(priors=PRIORS)
    check(QuadraticDiscriminantAnalysisKernel, estimator, SETS["rare class"], size=40)
    assert check(QuadraticDiscriminantAnalysisKernel, estimator, SETS["iris"]) > 0.2


def hostile(kind, rng):
    """Rows on which rounding of a linear discriminant shows."""
    d = {"one column": 1, "three rows": 5}.get(kind, int(rng.choice([2, 5, 15])))
    y = rng.permutation(np.arange(90) % rng.choice([2, 3, 5]))
    X = rng.normal(size=(90, d)) + rng.choice([0.2, 2]) * rng.normal(size=(5, d))[y]
    if kind == "nearly collinear":
        X[:, -1] = X[:, 0] + 10.0 ** rng.uniform(-4, 0) * rng.normal(size=90)
    elif kind == "mixed":
        X = X @ (rng.normal(size=(d, d)) * 10.0 ** rng.uniform(-2, 1, d))
    elif kind == "one column":
        X += 10.0 ** rng.uniform(0, 6)
    return np.ascontiguousarray(X[:60]), y[:60], np.ascontiguousarray(X[60:])


@pytest.mark.parametrize("kind", ["nearly collinear", "mixed", "one column", "three rows"])
def test_errors_of_a_linear_discriminant_are_bounded(kind):
    rng = np.random.default_rng(0)
    errors, bounds = [], []
    for _ in range(10):
        X, y, X_val = hostile(kind, rng)
        kernel = LinearDiscriminantAnalysisKernel(LinearDiscriminantAnalysis(), X, y, X_val)
        sizes = np.full(60, 3) if kind == "three rows" else rng.integers(3, 60, 20)
        masks = rng.permuted(np.arange(60) < sizes[:, None], axis=1)
        answers = kernel(masks)
        for b in np.flatnonzero(answers.is_sure):
            model = LinearDiscriminantAnalysis().fit(X[masks[b]], y[masks[b]])
            told, said = scores(model, X_val), answers.decision[model.classes_, b]
            off = np.abs((said - said[0]) - (told - told[0])).max()
            errors.append(max(0, off - 16 * np.finfo(float).eps * np.abs(said).max()))
            bounds.append(answers.error[b].max())
    errors, bounds = np.array(errors), np.array(bounds)
    assert len(errors) > 100 and (errors <= bounds).all()
    assert np.median(bounds) < 1e-7


def test_errors_mix_directions_that_do_not_count_with_others():
    """Class means are far apart where no class varies, and rows hardly vary in two directions."""
    rng = np.random.default_rng(0)
    n_again = 0
    for apart in np.geomspace(3e-3, 1, 40):
        first = rng.normal(size=3)
        other = first + apart * rng.normal(size=3)
        near = np.array([0 * first, first, other, -first / 2, first / 2])
        near[:3] -= near[:3].mean(axis=0)
        _, vectors = np.linalg.eigh(np.cov((near / near.std(axis=0)).T))
        y = np.array([0, 0, 0, 1, 1])
        X = near + y[:, None] * 3 * vectors[:, 0] * near.std(axis=0) + rng.normal(size=3)
        X_val = X.mean(axis=0) + rng.normal(size=(10, 2)) @ vectors[:, :2].T * near.std(axis=0)
        kernel = LinearDiscriminantAnalysisKernel(LinearDiscriminantAnalysis(), X, y, X_val)
        kernel._repeat = lambda mask, decision: False
        answers = kernel(np.ones((1, 5), dtype=bool))
        n_again += not answers.is_sure[0]
        off = np.abs(answers.decision[1] - answers.decision[0])[0]
        off = np.abs(off - np.abs(LinearDiscriminantAnalysis().fit(X, y).decision_function(X_val)))
        if answers.is_sure[0]:
            assert (off < 1e-8).all() and (off <= answers.error[0] + 1e-14).all()
    assert 5 < n_again < 35


@pytest.mark.parametrize("name", ["iris", "wine", "diabetes", "strings", "5 classes"])
def test_probabilities_of_a_linear_discriminant_are_sure(name):
    data = labelled_sets()[name]
    classes, y = np.unique(data.of_classes[0], return_inverse=True)
    kernel = LinearDiscriminantAnalysisKernel(LinearDiscriminantAnalysis(), data.X, y, data.X_val)
    masks = np.random.default_rng(0).random((200, len(y))) < 0.7
    answers = kernel(masks)
    for scoring in ["neg_log_loss"] if len(classes) > 2 else ["neg_log_loss", "roc_auc"]:
        score, _ = make_score(get_scorer(scoring), kernel, data.of_classes[1], classes)
        assert score(answers)[1].mean() > 0.9


def test_what_is_done_again_is_not_taken_for_exact():
    X, y, X_val = SETS["breast_cancer"]
    kernel = LinearDiscriminantAnalysisKernel(LinearDiscriminantAnalysis(), X, y, X_val)
    kernel._repeat, again = lambda mask, decision: False, kernel._repeat
    masks = coalitions(len(y), 60, np.random.default_rng(0))
    is_sure = kernel(masks).is_sure
    kernel._repeat = again
    answers = kernel(masks)
    is_repeated = answers.is_sure & ~is_sure
    assert is_repeated.any() and (answers.error[is_repeated] >= 1e-9).all()


def test_quadratic_near_tol():
    """Where the trace of the inverse does not tell whether a variance is above `tol`."""
    X, y, X_val = SETS["iris"]
    full = np.ones((1, len(y)), dtype=bool)
    least = min(s.min() for s in QuadraticDiscriminantAnalysis().fit(X, y).scalings_)
    for tol, sure in [(0.99 * least, True), (least, False), (1.01 * least, False)]:
        estimator = QuadraticDiscriminantAnalysis(tol=tol)
        kernel = QuadraticDiscriminantAnalysisKernel(estimator, X, y, X_val)
        assert kernel(full).is_sure == [sure]


def test_coalitions_that_are_not_looked_at_make_no_noise():
    X, y, X_val = SETS["constant columns"]
    few = np.zeros((3, len(y)), dtype=bool)
    few[1, 0] = few[2, np.flatnonzero(y == 1)] = True
    order = np.tile(np.arange(5), (3, 1))
    for kernel, estimator in [
        (LinearDiscriminantAnalysisKernel, LinearDiscriminantAnalysis()),
        (QuadraticDiscriminantAnalysisKernel, QuadraticDiscriminantAnalysis(reg_param=0.1)),
    ]:
        kernel = kernel(estimator, X, y, X_val)
        assert kernel(few).decision.shape == (3, 3, len(X_val))
        assert sum(len(p.is_sure) for p in kernel.chains(few, order)) == 18


def test_singular_values_near_the_cut():
    X, y, X_val = SETS["iris"]
    X, X_val = (np.c_[rows, rows[:, 0]] for rows in (X, X_val))
    rng = np.random.default_rng(0)
    masks = rng.random((20, len(y))) < 0.7
    for size in (0.0, 1e-9, 1e-5, 1e-4, 3e-4, 1e-3):
        X[:, -1] = X[:, 0] + size * rng.normal(size=len(y))
        kernel = LinearDiscriminantAnalysisKernel(LinearDiscriminantAnalysis(), X, y, X_val)
        answers = kernel(masks)
        assert answers.is_sure.all()
        compare((masks, *answers), (X, y, X_val), LinearDiscriminantAnalysis(), scores)


@pytest.mark.parametrize(
    ("kernel", "estimator", "words"),
    [
        (LinearDiscriminantAnalysisKernel, LinearDiscriminantAnalysis(solver="lsqr"), "solver"),
        (LinearDiscriminantAnalysisKernel, LinearDiscriminantAnalysis(shrinkage=0.1), "shrinkage"),
        (LinearDiscriminantAnalysisKernel, LinearDiscriminantAnalysis(tol=0.5), "tol"),
        (LinearDiscriminantAnalysisKernel, LinearDiscriminantAnalysis(priors=[1.0]), "priors"),
        (
            QuadraticDiscriminantAnalysisKernel,
            QuadraticDiscriminantAnalysis(priors=[1.0]),
            "priors",
        ),
    ],
    ids=str,
)
def test_declines(kernel, estimator, words):
    X, y, X_val = SETS["scales"]
    assert words in kernel.supports(estimator, X, y, X_val)
    assert "missing" in kernel.supports(type(estimator)(), np.nan * X, y, X_val)
    wide = np.zeros((len(X), 2000))
    assert "memory" in kernel.supports(type(estimator)(), wide, y, wide)
    assert "far from 0" in kernel.supports(type(estimator)(), X + 1e12, y, X_val)


@pytest.mark.skipif(
    "solver" not in QuadraticDiscriminantAnalysis().get_params(),
    reason="scikit-learn has one solver",
)
def test_quadratic_declines_other_solvers():
    for params in ({"solver": "eigen"}, {"shrinkage": 0.1}):
        estimator = QuadraticDiscriminantAnalysis(**params)
        assert QuadraticDiscriminantAnalysisKernel.supports(estimator, *SETS["iris"])
