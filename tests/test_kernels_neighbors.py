"""Nearest-neighbour kernels against scikit-learn's own refits, coalition by coalition."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_digits, load_iris
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor, NearestNeighbors
from threadpoolctl import threadpool_limits

from skdvl.utilities.kernels.neighbors import NeighborsClassifierKernel, NeighborsRegressorKernel
from skdvl.utilities.kernels.neighbors.ties import heap_of_nearest

LOADERS = {"diabetes": load_diabetes, "digits": load_digits, "iris": load_iris}


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Small refits are slower on many."""
    with threadpool_limits(1):
        yield


def make_data(name, n=70, m=30):
    """Rows to train on, their targets, rows to predict, and whether it is a regression."""
    rng = np.random.default_rng(11)
    if name in LOADERS:
        X, y = LOADERS[name](return_X_y=True)
        rows = rng.permutation(len(X))[: n + m]
        X, y = X[rows].astype(float), y[rows]
    else:
        X, y = rng.normal(size=(n + m, 6)), rng.integers(0, 3, n + m)
    if name == "grid":
        X = rng.integers(0, 3, (n + m, 3)).astype(float)
    elif name == "duplicates":
        X[n // 2 : n], X[n : n + m // 2] = X[: n // 2], X[: m // 2]
    elif name == "wide":
        X = rng.normal(size=(n + m, 90))
    elif name == "ten classes":
        X[:, 2], X[:, 3], y = 5, X[:, 4], rng.integers(0, 10, n + m)
    elif name == "rare":
        y = (np.arange(n + m) % 23 == 0).astype(int)
    elif name == "offset":
        X += 1e6
    elif name == "targets":
        y = rng.normal(size=n + m) * 10.0 ** rng.integers(-3, 8, n + m) + 1e5
    elif name == "tied targets":
        X, y = rng.integers(0, 3, (n + m, 3)).astype(float), rng.integers(0, 4, n + m) / 2
    is_regression = y.dtype.kind == "f"
    return X[:n], y[:n], X[n:], is_regression


def make_kernel(name, params, **shape):
    X, y, X_val, is_regression = make_data(name, **shape)
    kind = KNeighborsRegressor if is_regression else KNeighborsClassifier
    kernel = NeighborsRegressorKernel if is_regression else NeighborsClassifierKernel
    estimator = kind(**params)
    y = y.astype(float) if is_regression else np.unique(y, return_inverse=True)[1]
    assert kernel.estimators == (kind,)
    assert kernel.supports(estimator, X, y, X_val) is None
    return kernel(estimator, X, y, X_val), estimator, X, y, X_val


def make_masks(n, number, rng):
    """Coalitions of all sizes, half of them small."""
    sizes = np.concatenate(
        [rng.integers(1, 20, number // 2), rng.integers(1, n + 1, number - number // 2)]
    )
    return rng.permuted(np.arange(n) < sizes[:, None], axis=1)


def check(kernel, estimator, X, y, X_val, masks, answers):
    """Compare what a kernel is sure of with refits; return how many coalitions that is."""
    decision, is_sure, *_ = answers
    assert is_sure.shape == (len(masks),)
    assert decision.shape[1:] == (len(masks), len(X_val))
    assert not is_sure[masks.sum(axis=1) < estimator.n_neighbors].any()
    for mask, said in zip(masks[is_sure], decision[:, is_sure].swapaxes(0, 1), strict=True):
        model = clone(estimator).fit(X[mask], y[mask])
        predicted = model.predict(X_val)
        if kernel.response == "prediction":
            scale = np.abs(y - y.mean()).max()
            np.testing.assert_allclose(said[0], predicted, rtol=1e-9, atol=1e-10 * scale)
            continue
        proba = np.zeros_like(said)
        proba[model.classes_] = model.predict_proba(X_val).T
        if kernel.ties_are_exact:
            assert (said == proba).all()
            assert (said.argmax(axis=0) == predicted).all()
        else:
            np.testing.assert_allclose(said, proba, rtol=0, atol=1e-9)
            top = np.sort(said, axis=0)
            is_clear = top[-1] - top[-2] > 1e-9 * top[-1]
            assert (said.argmax(axis=0) == predicted)[is_clear].all()
    return is_sure.sum()


def walk_masks(start, order):
    """The coalitions of all walks, in the order of whole walks: (B, L + 1, n)."""
    masks = np.repeat(start[:, None], order.shape[1] + 1, axis=1)
    for walk, rows in enumerate(order):
        for t, row in enumerate(rows):
            masks[walk, t + 1 :, row] = True
    return masks


def join_pieces(pieces, n_walks):
    """Put the pieces of chains together, in the order of whole walks."""
    pieces = [
        (decision.reshape(len(decision), n_walks, -1, decision.shape[-1]), sure)
        for decision, sure, *_ in pieces
    ]
    decision = np.concatenate([decision for decision, _ in pieces], axis=2)
    is_sure = np.concatenate([sure.reshape(n_walks, -1) for _, sure in pieces], axis=1)
    return decision.reshape(len(decision), -1, decision.shape[-1]), is_sure.ravel()


NAMES = ["digits", "diabetes", "grid", "duplicates", "wide"]
NAMES += ["ten classes", "rare", "offset", "targets", "tied targets"]
GRID = [
    {},
    {"n_neighbors": 1},
    {"n_neighbors": 3, "weights": "distance"},
    {"n_neighbors": 4, "algorithm": "kd_tree", "p": 1, "leaf_size": 4},
    {"n_neighbors": 6, "algorithm": "brute", "weights": "distance"},
    {"n_neighbors": 2, "algorithm": "ball_tree", "p": 3},
    {"n_neighbors": 3, "metric": "cosine"},
    {"n_neighbors": 20, "metric": "chebyshev", "weights": None},
]


@pytest.mark.parametrize("params", GRID, ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_coalitions_equal_refits(name, params):
    kernel, *game = make_kernel(name, params)
    masks = make_masks(70, 12, np.random.default_rng(3))
    check(kernel, *game, masks, kernel(masks))


@pytest.mark.parametrize("params", GRID, ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_chains_say_what_coalitions_say(name, params):
    kernel, *game = make_kernel(name, params)
    rng = np.random.default_rng(4)
    start = np.zeros((3, 70), dtype=bool)
    start[1, :20] = start[2, 50:] = True
    order = np.array([rng.permutation(np.flatnonzero(~line))[:50] for line in start])
    answers = join_pieces(kernel.chains(start, order), 3)
    masks = walk_masks(start, order).reshape(-1, 70)
    inner = masks.any(axis=1)
    decision, is_sure, *_ = kernel(masks[inner])
    assert (answers[1][inner] == is_sure).all()
    scale = 1 if kernel.response == "probability" else np.abs(game[2]).max()
    np.testing.assert_allclose(
        answers[0][:, inner][:, is_sure], decision[:, is_sure], rtol=1e-12, atol=1e-13 * scale
    )
    some = rng.choice(np.flatnonzero(inner), 4)
    check(kernel, *game, masks[some], (answers[0][:, some], answers[1][some]))


@pytest.mark.parametrize("params", GRID[:4], ids=str)
@pytest.mark.parametrize("name", ["wide", "ten classes", "rare", "targets"])
def test_without_ties_all_large_coalitions_are_sure(name, params):
    kernel, *game = make_kernel(name, params)
    masks = make_masks(70, 40, np.random.default_rng(5))
    is_large = masks.sum(axis=1) >= 2 * game[0].n_neighbors + 2
    assert kernel(masks).is_sure[is_large].all()


@pytest.mark.parametrize("name", ["grid", "digits", "tied targets"])
@pytest.mark.parametrize("algorithm", ["auto", "brute", "kd_tree", "ball_tree"])
@pytest.mark.parametrize("metric", ["euclidean", "manhattan"])
def test_ties_of_whole_numbers_are_broken_as_in_a_refit(name, algorithm, metric):
    params = {"n_neighbors": 4, "algorithm": algorithm, "metric": metric, "leaf_size": 6}
    kernel, *game = make_kernel(name, params)
    masks = make_masks(70, 16, np.random.default_rng(6))
    is_large = masks.sum(axis=1) >= 10
    answers = kernel(masks)
    check(kernel, *game, masks, answers)
    if name == "digits" or "tree" in algorithm:  # grids have too many ties to go through by hand
        assert answers.is_sure[is_large].all()


@pytest.mark.parametrize("n_threads", [1, 2])
def test_threads_with_heaps_of_their_own(n_threads):
    kernel, *game = make_kernel("digits", {"p": 1}, n=600, m=40)
    masks = np.random.default_rng(7).random((12, 600)) < np.linspace(0.2, 0.9, 12)[:, None]
    with threadpool_limits(n_threads):
        answers = kernel(masks)
        check(kernel, *game, masks, answers)
    if n_threads == 1:
        assert answers.is_sure.all()


def test_a_copy_of_a_validation_row_has_all_the_weight():
    kernel, *game = make_kernel("duplicates", {"weights": "distance"})
    masks = make_masks(70, 40, np.random.default_rng(8))
    masks[:, :3] = True
    answers = kernel(masks)
    assert check(kernel, *game, masks, answers) > 20
    assert not kernel.ties_are_exact
    y = game[2]
    assert (answers.decision[y[0], :, 0] > 0).all()


def test_inexact_distances_are_told():
    # The products of rows so far from the origin leave no digit of their differences.
    X, y, X_val, _ = make_data("wide")
    X, X_val = X + 1e7, X_val + 1e7
    kernel = NeighborsClassifierKernel(KNeighborsClassifier(), X, y, X_val)
    masks = make_masks(70, 20, np.random.default_rng(9))
    assert not kernel(masks).is_sure.any()


def test_a_walk_alone_and_one_that_goes_nowhere():
    kernel, *game = make_kernel("iris", {})
    order = np.random.default_rng(10).permutation(70)[None]
    masks = walk_masks(np.zeros((1, 70), dtype=bool), order)[0]
    answers = join_pieces(kernel.chains(masks[:1], order), 1)
    check(kernel, *game, masks[::7], (answers[0][:, ::7], answers[1][::7]))
    (only,) = kernel.chains(masks[30:31], np.empty((1, 0), dtype=int))
    np.testing.assert_array_equal(only.decision[:, 0], answers[0][:, 30])


def test_long_searches():
    # Few members among many rows are looked up, some more are searched for by rank.
    kernel, *game = make_kernel("diabetes", {"n_neighbors": 2}, n=420, m=8)
    rng = np.random.default_rng(12)
    masks = rng.permuted(np.arange(420) < np.array([[2], [5], [16], [17], [18], [30]]), axis=1)
    answers = kernel(masks)
    assert answers.is_sure[1:].all()
    check(kernel, *game, masks, answers)


def test_a_pickled_kernel_says_the_same():
    kernel, *_ = make_kernel("grid", {"n_neighbors": 3})
    masks = make_masks(70, 10, np.random.default_rng(13))
    again = pickle.loads(pickle.dumps(kernel))(masks)
    np.testing.assert_array_equal(again.decision, kernel(masks).decision)


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_heap(size):
    rng = np.random.default_rng(14)
    X, X_val = rng.integers(0, 3, (90, 2)).astype(float), rng.integers(0, 3, (9, 2)).astype(float)
    search = NearestNeighbors(n_neighbors=size, algorithm="brute", metric="manhattan").fit(X)
    found = search.kneighbors(X_val, return_distance=False)
    for line, row in zip(found, X_val, strict=True):
        heap = heap_of_nearest(np.abs(X - row).sum(axis=1).tolist(), size)
        assert sorted(heap) == sorted(line)


@pytest.mark.parametrize(
    ("params", "word"),
    [
        ({"weights": lambda distances: distances}, "function"),
        ({"n_neighbors": 71}, "n_neighbors=71"),
        ({"metric": "canberra"}, "canberra"),
        ({"metric": "precomputed"}, "precomputed"),
        ({"metric": lambda a, b: 0.0}, "metric"),
        ({"metric_params": {"w": np.ones(6)}}, "metric_params"),
        ({"p": 0.5}, "p=0.5"),
        ({"p": np.inf, "algorithm": "brute"}, "p=inf"),
    ],
)
def test_what_is_not_supported(params, word):
    X, y, X_val, _ = make_data("rare")
    reason = NeighborsClassifierKernel.supports(KNeighborsClassifier(**params), X, y, X_val)
    assert word in reason


def test_numbers_too_large_or_too_many():
    X, y, X_val, _ = make_data("rare")
    supports = NeighborsRegressorKernel.supports
    assert "overflow" in supports(KNeighborsRegressor(), X * 1e150, y, X_val)
    assert "overflow" in supports(KNeighborsRegressor(p=40), X * 1e9, y, X_val)
    large = np.broadcast_to(X[:1], (20_000, 6))
    assert "table" in supports(KNeighborsRegressor(), large, y, large)
