"""What the tests of kernels share: odd data sets, and refits to compare with."""

import pickle
import warnings

import numpy as np
from sklearn.base import clone
from sklearn.datasets import (
    load_breast_cancer,
    load_diabetes,
    load_digits,
    load_iris,
    load_wine,
)
from sklearn.model_selection import train_test_split

ODD = ["scales", "tiny", "duplicates", "constant in a class", "nearly constant", "binary"]
ODD += ["sparse", "outliers"]
"""Names of the `data_sets` of which there is nothing like in `labelled_sets`."""


def data_sets():
    """Rows to train on, their classes, and rows to predict, under the names of what is odd."""
    rng = np.random.default_rng(0)
    loaders = {"breast_cancer": load_breast_cancer, "digits": load_digits}
    loaders |= {"iris": load_iris, "wine": load_wine}
    sets = {}
    for name, load in loaders.items():
        X, y = load(return_X_y=True)
        rows = rng.permutation(len(X))[:120]
        sets[name] = X[rows], y[rows]
    y = rng.integers(3, size=100)
    X = rng.normal(size=(100, 5)) + rng.normal(size=(3, 5))[y]
    rare = np.where(rng.random(100) < 0.04, 2, y % 2)
    sets["offset"] = X + 1e6, y
    sets["scales"] = X * 10.0 ** np.arange(-6, 4, 2), y
    sets["tiny"] = 1e-9 * X, y
    sets["rounded"] = np.round(2 * X) / 2, y
    sets["duplicates"] = np.tile(X[:25], (4, 1)), np.tile(y[:25], 4)
    sets["duplicates with other labels"] = np.tile(X[:25], (4, 1)), y
    sets["constant columns"] = np.c_[X, np.full(100, 0.1), np.zeros(100)], y
    sets["constant in a class"] = np.where(y[:, None] == 1, 0.7, X), y
    sets["nearly constant"] = np.c_[X, 0.1 + 0.3 * (rng.random(100) < 0.05)], y
    sets["collinear"] = np.c_[X, X[:, 0] + X[:, 1], 2 * X[:, 2]], y
    sets["wide"] = rng.normal(size=(100, 60)) + 0.3 * y[:, None], y
    sets["rare class"] = X, rare
    sets["ten classes"] = X, rng.integers(10, size=100)
    sets["binary"] = 1.0 * (X > 0), y
    sets["sparse"] = np.where(np.abs(X) > 1.5, X, 0.0), y
    sets["outliers"] = X * np.where(rng.random(X.shape) < 0.02, 1e4, 1.0), y
    return {name: _split(X, y) for name, (X, y) in sets.items()}


def _split(X, y):
    y = np.unique(y[:-40], return_inverse=True)[1]
    return np.ascontiguousarray(X[:-40], dtype=float), y, np.ascontiguousarray(X[-40:], dtype=float)


class Labelled:
    """Rows to train on and rows to score on, all classes among both.

    Attributes
    ----------
    X, X_val : ndarray
    of_classes, of_numbers : tuple of (y, y_val)
        For a classifier and for a regressor.
    """

    def __init__(self, X, labels, numbers, n_val=30):
        X = np.ascontiguousarray(X, dtype=float)
        parts = X, labels, np.asarray(numbers, dtype=float)
        parts = train_test_split(*parts, test_size=n_val, stratify=labels, random_state=0)
        self.X, self.X_val = parts[:2]
        self.of_classes, self.of_numbers = tuple(parts[2:4]), tuple(parts[4:])


def labelled_sets(n=90):
    """Data sets under their names, as many rows of each."""
    rng = np.random.default_rng(0)
    loaders = {"breast_cancer": load_breast_cancer, "digits": load_digits, "iris": load_iris}
    loaders |= {"wine": load_wine, "diabetes": load_diabetes}
    sets = {}
    for name, load in loaders.items():
        X, y = load(return_X_y=True)
        rows = rng.permutation(len(X))[:n]
        sets[name] = X[rows], y[rows]
    sets |= _synthetic(n, rng)
    numbers = {name: np.unique(y, return_inverse=True)[1] for name, (_, y) in sets.items()}
    X, y = sets["diabetes"]
    sets["diabetes"] = X, np.searchsorted(np.quantile(y, [0.25, 0.5, 0.75]), y)
    numbers["diabetes"] = y
    numbers["offset"] = 1e6 + sets["offset"][0] @ [1, -1, 0, 0, 0] + numbers["offset"]
    return {name: Labelled(*data, numbers[name]) for name, data in sets.items()}


def _synthetic(n, rng):
    """Rows and classes of what is odd, by name."""
    y = rng.permutation(np.arange(n) % 3)
    X = rng.normal(size=(n, 5)) + rng.normal(size=(3, 5))[y]
    sets = {"ties": (np.round(X), y), "strings": (X, np.array(["no", "yes"])[y % 2])}
    twice = np.arange(n) % (n // 2)
    sets["duplicates"] = X[twice], np.where(rng.random(n) < 0.2, y, y[twice])
    sets["collinear"] = np.c_[X, X[:, 0] + X[:, 1], 2 * X[:, 2]], y
    sets["constant"] = np.c_[X, np.full(n, 0.1), np.zeros(n)], y
    sets["offset"] = X + 1e6, y
    sets["wide"] = rng.normal(size=(n, n)) + 0.3 * y[:, None], y
    sets["rare"] = X, np.where(np.arange(n) % 15 == 0, 2, y % 2)
    for n_classes in (5, 10):
        y = rng.permutation(np.arange(n) % n_classes)
        X = rng.normal(size=(n, 6)) + 1.5 * rng.normal(size=(n_classes, 6))[y]
        sets[f"{n_classes} classes"] = X, y
    return sets


def of_sizes(n, number, rng, codes=None):
    """Draw coalitions of all sizes, small ones favoured and some nearly full.

    Parameters
    ----------
    n, number : int
    rng : numpy.random.Generator
    codes : ndarray of int of shape (n,) or None
        Classes, at least two of which are to be in a coalition.

    Returns
    -------
    masks : ndarray of bool of shape (number, n)
    """
    sizes = np.exp(rng.random(number) * np.log(n)).astype(int)
    sizes[1::4] = rng.integers(1, n, len(sizes[1::4]))
    sizes[3::4] = n - np.minimum(n - 1, rng.geometric(0.2, len(sizes[3::4])))
    rank = rng.random((number, n))
    if codes is not None:
        sizes = np.maximum(sizes, 2)
        first = rng.integers(n, size=number)
        is_other = codes != codes[first][:, None]
        second = np.where(is_other, rng.random((number, n)), -1).argmax(axis=1)
        rank[np.arange(number), first] = rank[np.arange(number), second] = -1
    return rank.argsort(axis=1).argsort(axis=1) < np.clip(sizes, 1, n - 1)[:, None]


def coalitions(n, size, rng):
    """Draw coalitions of all sizes, small ones favoured."""
    counts = np.minimum(n, np.where(rng.random(size) < 0.5, rng.integers(2, n, size), 2))
    counts = np.minimum(n, counts + rng.geometric(0.1, size) - 1)
    return rng.random((size, n)).argsort(axis=1).argsort(axis=1) < counts[:, None]


def along(kernel, n, n_walks, rng):
    """Ask for chains that begin anywhere; return masks, decisions and certainty."""
    order = rng.random((n_walks, n)).argsort(axis=1)
    begin = 4
    start = np.zeros((n_walks, n), dtype=bool)
    np.put_along_axis(start, order[:, :begin], True, axis=1)
    order = order[:, begin:-3]
    masks = np.repeat(start[:, None], order.shape[1] + 1, axis=1)
    for step in range(order.shape[1]):
        masks[np.arange(n_walks), step + 1 :, order[:, step]] = True
    pieces = list(kernel.chains(start, order))
    decision = [
        p.decision.reshape(len(p.decision), n_walks, -1, p.decision.shape[2]) for p in pieces
    ]
    is_sure = [p.is_sure.reshape(n_walks, -1) for p in pieces]
    decision, is_sure = np.concatenate(decision, axis=2), np.concatenate(is_sure, axis=1)
    return (
        masks.reshape(-1, n),
        decision.reshape(len(decision), -1, decision.shape[3]),
        is_sure.ravel(),
    )


def compare(asked, data, estimator, scores, rtol=1e-9):
    """Compare with refits; return how many of the coalitions the kernel was sure of.

    Parameters
    ----------
    asked : tuple of (masks, decision, is_sure)
    scores : callable
        ``scores(model, X_val)``: what `decision` is to be, up to a number for each row, of
        shape (n_classes of the coalition, m). None to compare predictions only.
    """
    X, y, X_val = data
    n_sure = n_asked = 0
    for b, (mask, sure) in enumerate(zip(asked[0], asked[2], strict=True)):
        if len(np.unique(y[mask])) < 2:
            continue
        n_asked += 1
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                model = clone(estimator).fit(X[mask], y[mask])
        except (ValueError, np.linalg.LinAlgError):
            assert not sure, f"scikit-learn refuses {np.flatnonzero(mask)}"
            continue
        if sure:
            n_sure += 1
            _compare_one(model, asked[1][:, b], X_val, scores, rtol, np.flatnonzero(mask))
    return n_sure / max(n_asked, 1)


def halves(model, X_val):
    """Scores of a linear classifier; with two classes, half a decision for each."""
    told = model.decision_function(X_val).T
    return np.stack([-told / 2, told / 2]) if told.ndim == 1 else told


def compare_decisions(kind, estimator, data, size, seed):
    """Ask a kernel of a linear classifier, which must not warn; return the share that is sure."""
    X, y, X_val = data
    kernel = pickle.loads(pickle.dumps(kind(estimator, X, y, X_val)))
    masks = coalitions(len(y), size, np.random.default_rng(seed))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        answers = kernel(masks)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # refits that have not converged
        return compare((masks, *answers), data, estimator, halves)


def _compare_one(model, decision, X_val, scores, rtol, rows):
    seen = np.zeros(len(decision), dtype=bool)
    seen[model.classes_] = True
    assert (decision[~seen] == -np.inf).all()
    decision = decision[seen]
    if scores is not None:
        told = scores(model, X_val)
        scale = np.maximum(1.0, np.abs(told).max(axis=0))
        off = (decision - decision.max(axis=0)) - (told - told.max(axis=0))
        assert (np.abs(off) <= rtol * scale).all(), (rows, np.abs(off / scale).max())
    top = np.sort(decision, axis=0)
    clear = top[-1] - top[-2] > 1e-9 * np.maximum(1.0, np.abs(top[-1]))
    predicted = model.classes_[decision.argmax(axis=0)]
    assert (predicted == model.predict(X_val))[clear].all(), rows
