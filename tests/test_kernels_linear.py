"""Least-squares kernels beside refits, on decision values and predictions of each coalition."""

import pickle
import warnings

import numpy as np
import pytest
from sklearn.base import clone, is_classifier
from sklearn.datasets import load_diabetes, load_digits, load_iris
from sklearn.linear_model import LinearRegression, Ridge, RidgeClassifier

from skdvl.utilities.kernels.least_squares.linear import (
    LinearRegressionKernel,
    RidgeClassifierKernel,
    RidgeKernel,
    _reads_tol,
)

KERNELS = {
    Ridge: RidgeKernel,
    LinearRegression: LinearRegressionKernel,
    RidgeClassifier: RidgeClassifierKernel,
}


def draw(kind, n, d, seed=0):
    """Return rows of some kind, their targets, and validation rows."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n + 40, d))
    if kind == "offset":
        X += 1e6
    elif kind == "scales":
        X *= 10.0 ** np.linspace(-3, 3, d)
    elif kind == "collinear":
        X[:, 1] = X[:, 0] * 2
    elif kind == "nearly":
        X[:, 1] = X[:, 0] + 1e-3 * X[:, 1]
    elif kind == "constant":
        X[:, 0], X[:, 1] = 3.0, 0.1
    elif kind == "ties":
        X = np.round(X)
    elif kind == "repeated":
        X[: n // 2] = X[n // 2 : n // 2 * 2]
    elif kind == "rare":
        X[:, 0] = rng.random(n + 40) < 0.05
    y = (X - X.mean(axis=0)) / (X.std(axis=0) + 1e-9) @ rng.normal(size=d) + rng.normal(size=n + 40)
    return X[:n], y[:n], X[n:]


def bundled(load, n, seed=0):
    """Return n rows of a data set, standardised, their targets, and a hundred others."""
    X, y = load(return_X_y=True)
    rows = np.random.default_rng(seed).permutation(len(X))[: n + 100]
    X = (X - X.mean(axis=0)) / np.where(X.std(axis=0) > 0, X.std(axis=0), 1)
    return X[rows[:n]], y[rows[:n]], X[rows[n:]]


def classes(y, n_classes, rng=None):
    """Turn numbers into classes, the last of them rare."""
    edges = np.quantile(y, np.linspace(0, 0.95, n_classes)[1:])
    return np.searchsorted(edges, y)


def some_masks(n, count, seed=0, smallest=1):
    """Draw coalitions of all sizes, small ones favoured."""
    rng = np.random.default_rng(seed)
    top = np.where(rng.random(count) < 0.4, min(n, 40), n)
    sizes = rng.integers(smallest, top + 1)
    return rng.random((count, n)).argsort(axis=1).argsort(axis=1) < sizes[:, None]


def refit(estimator, X, y, X_val, n_outputs):
    """Return what a refit says, in the shape of a kernel's decision, and its labels."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # ill-conditioned ones
        model = clone(estimator).fit(X, y)
    if not is_classifier(estimator):
        return model.predict(X_val)[None], None
    values = model.decision_function(X_val)
    decision = np.full((n_outputs, len(X_val)), -np.inf)
    if values.ndim == 1:
        share = 2 if n_outputs == 2 else 1
        decision[model.classes_] = [-values / share, values / share]
    else:
        decision[model.classes_] = values.T
    return decision, model.predict(X_val)


def compare(estimator, X, y, X_val, masks, answers, tolerance=1e-10):
    """Assert that sure answers are those of refits; return the largest error and who is sure."""
    scale = 1.0 if is_classifier(estimator) else np.std(y)
    worst = 0.0
    for b in np.flatnonzero(answers.is_sure & masks.any(axis=1)):
        mask, decision = masks[b], answers.decision[:, b]
        if is_classifier(estimator) and len(np.unique(y[mask])) < 2:
            continue
        truth, labels = refit(estimator, X[mask], y[mask], X_val, len(decision))
        known = np.isfinite(truth)
        assert np.array_equal(known, np.isfinite(decision))
        largest = max(scale, np.abs(truth[known]).max())
        worst = max(worst, np.abs(truth[known] - decision[known]).max() / largest)
        assert worst < tolerance, (estimator, mask.sum())
        if labels is not None:
            top = np.sort(decision, axis=0)[-2:]
            clear = top[1] - top[0] > 1e-9 * np.abs(top[1])
            assert np.array_equal(decision.argmax(axis=0)[clear], labels[clear])
    return worst, answers.is_sure.mean()


def walk(kernel, start, order):
    """Return masks and answers of all steps of walks, in the order of their pieces."""
    present, step = start.copy(), 0
    for answers in kernel.chains(start, order):
        c = len(answers.is_sure) // len(start)
        masks = np.empty((len(start), c, start.shape[1]), dtype=bool)
        for t in range(c):
            if step:
                np.put_along_axis(present, order[:, step - 1 : step], True, axis=1)
            masks[:, t] = present
            step += 1
        yield masks.reshape(-1, start.shape[1]), answers
    assert step == order.shape[1] + 1


def check(estimator, X, y, X_val, n_masks=60, n_walks=2, seed=0, tolerance=1e-10):
    """Compare masks, and walks from nothing and from some rows; return what is sure of each."""
    kernel = KERNELS[type(estimator)](estimator, X, y, X_val)
    masks = some_masks(len(X), n_masks, seed)
    worst, sure = compare(estimator, X, y, X_val, masks, kernel(masks), tolerance)
    rng = np.random.default_rng(seed)
    shares = []
    for begin in (0, rng.integers(len(X))):
        places = rng.permuted(np.tile(np.arange(len(X)), (n_walks, 1)), axis=1)
        start = np.zeros((n_walks, len(X)), dtype=bool)
        np.put_along_axis(start, places[:, :begin], True, axis=1)
        for masks, answers in walk(kernel, start, places[:, begin:]):
            error, share = compare(estimator, X, y, X_val, masks, answers, tolerance)
            worst = max(worst, error)
            shares += [share] * len(masks)
    return worst, sure, np.mean(shares)


KINDS = ["plain", "offset", "scales", "nearly", "constant", "ties", "repeated", "rare"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("estimator", [Ridge(), Ridge(1e-4), Ridge(2.0, fit_intercept=False)])
def test_ridge_is_a_refit(kind, estimator):
    for n, d in ((40, 6), (15, 20)):
        check(estimator, *draw(kind, n, d), 20, 1, tolerance=6e-10)


def test_default_ridge_is_sure_of_everything():
    for kind in ("plain", "offset", "nearly", "constant", "ties", "repeated", "rare"):
        for n, d in ((200, 12), (15, 20)):
            X, y, X_val = draw(kind, n, d)
            assert RidgeKernel.supports(Ridge(), X, y, X_val) is None
            kernel = RidgeKernel(Ridge(), X, y, X_val)
            assert kernel(some_masks(n, 200)).is_sure.all()
            order = np.random.default_rng(0).permutation(n)[None]
            for answers in kernel.chains(np.zeros((1, n), dtype=bool), order):
                assert answers.is_sure.all()


@pytest.mark.parametrize("fit_intercept", [False, True])
def test_linear_regression_with_few_and_many_rows(fit_intercept):
    estimator = LinearRegression(fit_intercept=fit_intercept)
    for kind in ("plain", "ties", "repeated", "scales", "constant", "rare"):
        for n, d in ((40, 6), (15, 20)):
            check(estimator, *draw(kind, n, d), 20, 1)
    _, sure, sure_walks = check(estimator, *draw("plain", 60, 8), n_masks=40)
    # Versions that cut singular values only at rounding leave few rows to refits.
    assert min(sure, sure_walks) > (0.9 if _reads_tol() else 0.8)


def test_what_is_too_ill_conditioned_is_not_sure():
    X, y, X_val = draw("collinear", 50, 6)
    for estimator in (Ridge(1e-9), LinearRegression(), Ridge(0), Ridge(1e-9, solver="svd")):
        kernel = KERNELS[type(estimator)]
        assert "depend on each other" in kernel.supports(estimator, X, y, X_val)
        masks = some_masks(50, 40, smallest=10)
        assert not kernel(estimator, X, y, X_val)(masks).is_sure.any()


@pytest.mark.parametrize("solver", ["svd", "cholesky"])
@pytest.mark.parametrize("offset", [0.0, 1.0, 1e4])
@pytest.mark.parametrize("fit_intercept", [False, True])
def test_a_penalty_that_is_small_beside_the_rounding_of_means(solver, offset, fit_intercept):
    """With fewer rows than features, a refit takes that rounding for a direction of its own."""
    rng, sure = np.random.default_rng(0), []
    for size in (1.0, 1e3, 1e6, 1e8, 1e10, 1e12):
        for alpha in (1e-8, 1e-3, 1.0, 1e3):
            d = int(rng.integers(4, 25))
            X = (rng.normal(size=(40, d)) + offset) * size
            y = rng.normal(size=30)
            estimator = Ridge(alpha, solver=solver, fit_intercept=fit_intercept)
            masks = some_masks(30, 20, seed=d)
            answers = RidgeKernel(estimator, X[:30], y, X[30:])(masks)
            compare(estimator, X[:30], y, X[30:], masks, answers, tolerance=1e-9)
            few = masks.sum(axis=1) < d
            sure.append((size <= 1e3 and alpha >= 1e-3, answers.is_sure[few].mean()))
    sure = np.array(sure)
    assert offset == 1e4 or sure[sure[:, 0] == 1, 1].mean() > 0.9


def test_regression_on_bundled_data():
    X, y, X_val = bundled(load_diabetes, 100)
    for estimator in (Ridge(), Ridge(0.1, solver="svd"), LinearRegression()):
        assert KERNELS[type(estimator)].supports(estimator, X, y, X_val) is None
        _, sure, sure_walks = check(estimator, X, y, X_val, n_masks=40, n_walks=1)
        assert min(sure, sure_walks) > 0.75


@pytest.mark.parametrize("load", [load_iris, load_digits])
def test_classifier_on_bundled_data(load):
    X, y, X_val = bundled(load, 45)
    y = np.unique(y, return_inverse=True)[1]
    check(RidgeClassifier(0.01, fit_intercept=False), X, y, X_val, n_masks=20, n_walks=1)


@pytest.mark.parametrize("n_classes", [2, 3, 6])
def test_classifier_with_classes_that_are_missing(n_classes):
    for kind in ("offset", "ties", "repeated"):
        X, y, X_val = draw(kind, 30, 5)
        check(RidgeClassifier(), X, classes(y, n_classes), X_val, 20, 1, tolerance=6e-10)


def test_one_feature():
    for kind in ("plain", "offset", "ties"):
        for estimator in (Ridge(), LinearRegression()):
            check(estimator, *draw(kind, 30, 1), 20, 1, tolerance=6e-10)


def test_classifier_is_not_sure_where_a_row_is_on_the_border():
    X = np.array([[0.0], [1.0], [2.0], [3.0]])
    kernel = RidgeClassifierKernel(
        RidgeClassifier(), X, np.array([0, 0, 1, 1]), np.array([[1.5], [4]])
    )
    masks = np.array([[True] * 4, [True, False, True, True]])
    assert kernel(masks).is_sure.tolist() == [False, True]
    # Opposite rows of each class: all decision values cancel to about 1e-17.
    cancelling = RidgeClassifierKernel(
        RidgeClassifier(fit_intercept=False),
        np.array([[0.1], [-0.1], [0.3], [-0.3], [0.7], [-0.7]]),
        np.array([0, 0, 1, 1, 2, 2]),
        np.array([[0.9]]),
    )
    assert not cancelling(np.ones((1, 6), dtype=bool)).is_sure.any()
    three = RidgeClassifierKernel(
        RidgeClassifier(), X, np.array([0, 0, 2, 1]), np.array([[1.0], [4]])
    )
    assert three(np.array([[True, False, True, False]])).is_sure.tolist() == [False]


def test_what_is_declined():
    X, y, X_val = draw("plain", 30, 3)
    codes = classes(y, 3)
    for estimator, words in [
        (Ridge(solver="lsqr"), "solver='lsqr' does not solve exactly"),
        (Ridge(solver="sag"), "solver='sag'"),
        (Ridge(positive=True), "positive=True"),
        (Ridge(np.array([1.0])), "alpha"),
        (LinearRegression(positive=True), "positive=True"),
        (RidgeClassifier(class_weight="balanced"), "class_weight"),
        (RidgeClassifier(solver="sparse_cg"), "solver"),
    ]:
        target = codes if is_classifier(estimator) else y
        assert words in KERNELS[type(estimator)].supports(estimator, X, target, X_val)
    for estimator in (Ridge(), Ridge(solver="svd"), RidgeClassifier(), LinearRegression()):
        target = codes if is_classifier(estimator) else y
        assert KERNELS[type(estimator)].supports(estimator, X, target, X_val) is None


def test_linear_regression_knows_where_singular_values_are_cut():
    X, y, X_val = draw("plain", 60, 4)
    X[:, 0] *= 1e-7
    check(LinearRegression(), X, y, X_val, n_masks=40)
    if "tol" in LinearRegression().get_params():
        check(LinearRegression(tol=0.3), *draw("plain", 60, 4), n_masks=40)


def test_walks_say_what_masks_say_and_pieces_are_bounded():
    X, y, X_val = draw("plain", 300, 5)
    kernel = RidgeKernel(Ridge(), X, y, X_val)
    kernel = pickle.loads(pickle.dumps(kernel))
    places = np.random.default_rng(0).permuted(np.tile(np.arange(300), (200, 1)), axis=1)
    start = np.zeros((200, 300), dtype=bool)
    for masks, answers in walk(kernel, start, places[:, :60]):
        assert answers.decision.size <= 2_500_000
        some = np.flatnonzero(masks.any(axis=1))[::97]
        assert np.allclose(answers.decision[:, some], kernel(masks[some]).decision)


def test_walks_of_no_steps():
    X, y, X_val = draw("plain", 30, 3)
    kernel = RidgeKernel(Ridge(), X, y, X_val)
    start = some_masks(30, 4)
    (answers,) = kernel.chains(start, np.empty((4, 0), dtype=int))
    assert np.allclose(answers.decision, kernel(start).decision)


def test_many_features():
    X, y, X_val = draw("plain", 70, 60)
    check(Ridge(), X, y, X_val, 20, 1)
    check(RidgeClassifier(), X, classes(y, 3), X_val, 20, 1)
