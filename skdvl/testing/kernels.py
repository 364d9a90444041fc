"""Checks of kernels: what they say, and what refits say."""

import pickle
import warnings

import numpy as np
from scipy.sparse import issparse
from sklearn.base import clone, is_classifier

from ..coalitions import Walks
from ..parcel import cloudpickle
from ..utilities import KernelUtility, ModelUtility, Scored
from ..utilities.choice import random_masks, why_not
from ..utilities.comparison import CLOSE, disagreement
from ..utilities.kernels import Kernel
from ..utilities.rows import plain_rows
from ..utilities.scoring import make_score

_OF_LABELS = ["accuracy", "balanced_accuracy", "f1", "f1_macro"]
_OF_CLASSES = [*_OF_LABELS, "neg_log_loss", "neg_brier_score", "roc_auc"]
_OF_NUMBERS = [
    "r2",
    "neg_mean_squared_error",
    "neg_root_mean_squared_error",
    "neg_mean_absolute_error",
]


def check_kernel(kernel, estimator, X, y, *, n_coalitions=100, seed=0):
    """Check that a kernel says what refits say, and that its scores are theirs.

    A third of the rows is held out. Coalitions of all sizes, small ones favoured, and prefixes of
    permutations are compared with refits: the decisions, and under each scorer that the kernel
    serves the scores, those of labels to be identical and others to 1e-9. What it says of as many
    coalitions as it is ever asked for at once, and at every step of walks in lockstep (of two of
    them, in turns), is compared with what it says of these coalitions otherwise.

    Parameters
    ----------
    kernel : type
        Subclass of `skdvl.utilities.kernels.Kernel`.
    estimator : estimator
    X : array-like of shape (n_samples, n_features)
    y : array-like of shape (n_samples,)
    n_coalitions : int, default=100
    seed : int, default=0

    Returns
    -------
    share : float
        Of the coalitions, those that the kernel was sure of; the others are refitted.

    Raises
    ------
    AssertionError
        If the kernel is wrong, or does not keep to the contract, or is sure of nothing.
    TypeError
        If X is sparse: kernels are given dense rows only.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.dummy import DummyClassifier
    >>> from skdvl.testing import check_kernel
    >>> from skdvl.utilities.kernels.dummy import PriorKernel
    >>> X, y = load_iris(return_X_y=True)
    >>> check_kernel(PriorKernel, DummyClassifier(), X, y)
    1.0
    """
    assert isinstance(kernel, type) and issubclass(kernel, Kernel), "derive from Kernel"
    assert kernel.response in ("softmax", "probability", "margin", "prediction"), "unknown response"
    if issparse(X):
        raise TypeError("X is a sparse matrix, and kernels are given dense rows only: X.toarray().")
    X, y = np.asarray(X), np.asarray(y)
    rng = np.random.default_rng(seed)
    rows = rng.permutation(len(X))
    train, held_out = rows[len(X) // 3 :], rows[: len(X) // 3]
    scorings, shares = _OF_CLASSES if is_classifier(estimator) else _OF_NUMBERS, []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # those of refits
        for scoring in scorings:
            refit = ModelUtility(estimator, X[train], y[train], X[held_out], y[held_out], scoring)
            share = _check_scores(
                kernel, refit, rng, n_coalitions, scoring in _OF_LABELS, is_first=not shares
            )
            shares += [] if share is None else [share]
    assert shares, "the kernel serves no scorer"
    assert any(shares), "the kernel is sure of no coalition"
    return float(np.mean(shares))


def _check_scores(kind, refit, rng, n_coalitions, is_label, is_first):
    """Check a kernel under one scorer; None if the scorer does not suit."""
    try:
        refit.bind()
    except Exception:  # such as the area under the curve of ten classes
        return None
    rows, reason = plain_rows(refit)
    assert rows is not None, f"no kernel is asked here: {reason}"
    reason = why_not(refit, kind, rows)
    assert reason is None, f"the kernel declines: {reason}"
    before = [array.copy() for array in rows]
    kernel = kind(clone(refit.estimator), *rows)
    score, _ = make_score(refit.scorer, kernel, refit.y_val, refit.classes)
    if score is None:
        return None
    masks = random_masks(rng, refit, n_coalitions)
    answers = _answered(kernel, masks, len(refit.y_val))
    words = disagreement(refit, kernel, score, masks, answers)
    assert not words, words
    if is_first:  # decisions do not depend on the scorer
        many = np.resize(np.arange(len(masks)), kernel.at_once)
        at_once = _answered(kernel, masks[many], len(refit.y_val))
        _check_same(answers.take(many), at_once, f"of {len(many)} coalitions at once")
    kernel = pickle.loads(cloudpickle.dumps(kernel))
    utility = KernelUtility(refit, kernel, score)
    some = rng.random((20, refit.n_players)) < rng.random((20, 1)) ** 3
    some[:2] = [[False], [True]]
    _check_equal(utility.evaluate(some), refit.evaluate(some), some, is_label)
    if kernel.chains is not None:
        if is_first:
            _check_every_step(utility, rng)
        _check_chains(utility, rng, is_label)
    same = [np.array_equal(*pair) for pair in zip(before, rows, strict=True)]
    assert all(same), "a kernel must not change the rows"
    return 1 - np.count_nonzero(~score(answers)[1]) / len(masks)


def _answered(kernel, masks, n_val):
    """Ask a kernel; it must not warn, nor write into the masks."""
    kept = masks.copy()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        answers = kernel(masks)
    assert np.array_equal(masks, kept), "a kernel must not change the masks"
    n_outputs = len(answers.decision)
    expected = (n_outputs, len(masks), n_val)
    assert answers.decision.shape == expected, (
        f"decision has the shape {answers.decision.shape} instead of {expected}"
    )
    is_sure = answers.is_sure
    assert is_sure.shape == (len(masks),) and is_sure.dtype == bool, (
        f"is_sure is an array of {is_sure.dtype} of shape {is_sure.shape} instead of bool and "
        f"({len(masks)},)"
    )
    return answers


def _check_same(answers, others, where):
    """Compare what a kernel says of the same coalitions, if it is sure both times."""
    both = np.flatnonzero(answers.is_sure & others.is_sure)
    given, expected = (some.decision[:, both] for some in (others, answers))
    with np.errstate(invalid="ignore"):  # two infinities
        apart = np.abs(given - expected)
    apart[given == expected] = 0
    size = np.where(np.isfinite(expected), np.abs(expected), 0).max(axis=(0, 2), initial=1)
    worst = apart.max(axis=(0, 2), initial=0) / size
    assert (worst <= CLOSE).all(), f"{where}, decisions are up to {worst.max():.2g} from others"


def _walks(rng, n, n_walks):
    """Return walks from nobody to everybody, and some from a third of the players on."""
    order = rng.permuted(np.tile(np.arange(n), (n_walks, 1)), axis=1)
    for n_first in (0, n // 3):
        start = np.zeros((n_walks, n), dtype=bool)
        np.put_along_axis(start, order[:, :n_first], True, axis=1)
        yield Walks(start, order[:, n_first:])


def _check_every_step(utility, rng):
    """Compare each step of chains, of some walks in turns, with what is said of masks."""
    n, n_val = utility.n_players, len(utility.refit.y_val)
    n_walks = utility.lockstep(n)
    for walks in _walks(rng, n, n_walks):
        done = 0
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            for answers in utility.kernel.chains(walks.start, walks.order):
                c = answers.decision.shape[1] // n_walks
                some = (np.arange(done, done + c)[:, None] + [0, n_walks // 2]) % n_walks
                places = (some * c + np.arange(c)[:, None]).ravel()
                masks = walks.masks(done, done + c).reshape(-1, n)[places]
                asked = utility.is_asked(masks)
                if asked.any():
                    by_masks = _answered(utility.kernel, masks[asked], n_val)
                    _check_same(by_masks, answers.take(places[asked]), "in a chain")
                done += c
        assert done == walks.length + 1, "a chain ends too early, or too late"


def _check_chains(utility, rng, is_label, n_walks=4):
    """Compare the scores of walks with those of refits."""
    n = utility.n_players
    for walks in _walks(rng, n, n_walks):
        pieces = list(utility.walk(walks.start, walks.order))
        scores = np.concatenate([piece.scores for piece in pieces], axis=1)
        steps = np.unique(np.geomspace(1, walks.length + 1, 25).astype(int) - 1)
        masks = walks.masks()[:, steps].reshape(-1, n)
        walked = Scored(scores[:, steps].ravel(), {})
        _check_equal(walked, utility.refit.evaluate(masks), masks, is_label)


def _check_equal(given, expected, masks, is_label):
    tolerance = 0 if is_label else 1e-9
    apart = np.abs(given.scores - expected.scores)
    worst = np.argmax(apart - tolerance * np.abs(expected.scores))
    is_close = apart[worst] <= tolerance * max(1, np.abs(expected.scores[worst]))
    assert is_close, (
        f"on a coalition of {np.count_nonzero(masks[worst])} rows, the score is "
        f"{given.scores[worst]!r}, and that of a refit {expected.scores[worst]!r}"
    )
