"""Which utility stands for a model: a kernel's, if it proves right, or the refit itself."""

import numpy as np
from sklearn.base import clone

from ..coalitions import Walks
from ..notices import warn_caller
from ..workers import quiet
from .comparison import disagreement
from .kernel import KernelUtility
from .kernels import BUILT_IN, find_kernels
from .rows import plain_rows, whole_numbers
from .scoring import make_score

_CHECKED = 16  # coalitions that are compared with refits before anything is scored
_STEPS = 64  # at most, of a chain that is compared


def kernel_names(estimator):
    """Return the names of the kernels for an estimator, as a list of str."""
    return [kernel.name for kernel in find_kernels(estimator, BUILT_IN)]


def walks(estimator):
    """Whether the kernel that is asked first for an estimator extends coalitions row by row."""
    kernels = find_kernels(estimator, BUILT_IN)
    return bool(kernels) and kernels[0].chains is not None


def make_utility(refit, kernel="auto"):
    """Return the quickest utility that gives the scores of a `ModelUtility`.

    Parameters
    ----------
    refit : ModelUtility
        Bound already.
    kernel : "auto", "refit" or str, default="auto"
        "auto" takes the first kernel that supports the estimator, the rows and the scorer, if
        it agrees with refits on 16 random coalitions; otherwise the refit itself, of which
        `reason` then says why. "refit" takes no kernel. A name takes a kernel of that name.

    Returns
    -------
    utility : KernelUtility or ModelUtility

    Raises
    ------
    ValueError
        If no kernel of the name that was asked for will do.

    Warns
    -----
    RuntimeWarning
        If a kernel proves wrong.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from skdvl.utilities import ModelUtility, make_utility
    >>> X, y = load_iris(return_X_y=True)
    >>> for estimator in GaussianNB(), DecisionTreeClassifier(random_state=0):
    ...     refit = ModelUtility(estimator, X[::2], y[::2], X[1::2], y[1::2], "accuracy")
    ...     model = refit.bind()
    ...     utility = make_utility(refit)
    ...     print(f"{type(utility).__name__}: {refit.reason or 'a kernel agrees with refits'}")
    KernelUtility: a kernel agrees with refits
    ModelUtility: there is no kernel for DecisionTreeClassifier
    """
    if kernel == "refit":
        refit.reason = "kernel='refit' was asked for"
        return refit
    utility, reason = _find(refit, kernel)
    if utility is not None:
        return utility
    if kernel != "auto":
        raise ValueError(
            f"kernel={kernel!r} does not do for {type(refit.estimator).__name__}: {reason}. Use "
            "kernel='auto' or 'refit'."
        )
    refit.reason = reason
    return refit


def _find(refit, name):
    """Return a utility by a kernel, or None and the reason."""
    kernels = [
        kernel
        for kernel in find_kernels(refit.estimator, BUILT_IN)
        if name in ("auto", kernel.name)
    ]
    if not kernels:
        known = "" if name == "auto" else f" of the name {name!r}"
        return None, f"there is no kernel{known} for {type(refit.estimator).__name__}"
    if refit.repeats is not None:
        return None, "scores are means over seeds"
    rows, reason = plain_rows(refit)
    if rows is None:
        return None, reason
    reasons = {}
    for kind in kernels:
        try:
            utility, reason = _try(refit, kind, rows)
        except Exception as error:  # a kernel of somebody else's must not end a fit
            utility, reason = None, _doubt(refit, kind, f"{type(error).__name__}: {error}")
        if utility is not None:
            return utility, ""
        reasons.setdefault(reason, kind.name)
    if len(reasons) == 1:
        return None, reason
    return None, "; ".join(f"{kernel}: {reason}" for reason, kernel in reasons.items())


def why_not(refit, kind, rows):
    """Return why a kernel declines an estimator and its plain rows, or None."""
    reason = whole_numbers(refit) if kind.is_for_floats else None
    return reason or kind.supports(refit.estimator, *rows)


def _try(refit, kind, rows):
    """Return a utility by one kernel, or None and the reason."""
    reason = why_not(refit, kind, rows)
    if reason:
        return None, reason
    score, reason = make_score(refit.scorer, kind, refit.y_val, refit.classes)
    if score is None:
        return None, reason
    kernel = kind(clone(refit.estimator), *rows)
    score, reason = make_score(refit.scorer, kernel, refit.y_val, refit.classes)
    if score is None:
        return None, reason
    with quiet():
        words = _first_disagreement(refit, kernel, score)
        if not words:
            return KernelUtility(refit, kernel, score), ""
    return None, _doubt(refit, kind, words)


def _doubt(refit, kind, words):
    """Warn of a kernel that is wrong; return the reason to refit."""
    warn_caller(
        f"The kernel {kind.__name__} is not used for {type(refit.estimator).__name__}, with which "
        f"it does not agree: {words}.",
        RuntimeWarning,
    )
    return f"the kernel proved wrong: {words}"


def _first_disagreement(refit, kernel, score):
    """Compare masks, and a few steps of chains, with refits."""
    rng = np.random.default_rng(0)
    masks = random_masks(rng, refit, _CHECKED)
    words = disagreement(refit, kernel, score, masks, kernel(masks))
    if words or kernel.chains is None:
        return words
    walks = random_walks(rng, refit, 4)
    all_masks, done = walks.masks(), 0
    steps = np.unique(_small_sizes(rng, _CHECKED, walks.length + 1) - 1)
    for answers in kernel.chains(walks.start, walks.order):
        n_steps = answers.decision.shape[1] // len(walks)
        for step in steps[(steps >= done) & (steps < done + n_steps)]:
            walk = int(rng.integers(len(walks)))
            place = walk * n_steps + step - done
            one = answers.take([place])
            words = disagreement(refit, kernel, score, all_masks[walk, [step]], one)
            if words:
                return f"in a chain, {words}"
        done += n_steps
    return "" if done == walks.length + 1 else f"a chain has {done} steps of {walks.length + 1}"


def random_masks(rng, refit, n_masks):
    """Draw coalitions of random sizes, small ones favoured, most of them of several classes."""
    n = refit.n_players
    sizes = _small_sizes(rng, n_masks, n)
    rank = rng.random((n_masks, n))
    if refit.classes is not None:  # those of a single class are nothing to compare
        sizes = np.maximum(sizes, 2)
        codes = np.searchsorted(refit.classes, refit.y)
        for j in range(n_masks):
            for code in rng.choice(len(refit.classes), 2, replace=False):
                rank[j, rng.choice(np.flatnonzero(codes == code))] = -1
    return rank.argsort(axis=1).argsort(axis=1) < sizes[:, None]


def random_walks(rng, refit, n_walks):
    """Draw walks of a few steps, every other one beginning with some rows."""
    n = refit.n_players
    length = max(1, min(_STEPS, n - n // 4))
    order = rng.permuted(np.tile(np.arange(n), (n_walks, 1)), axis=1)
    start = np.zeros((n_walks, n), dtype=bool)
    for walk in range(1, n_walks, 2):
        start[walk, order[walk, length : length + n // 4]] = True
    return Walks(start, order[:, :length])


def _small_sizes(rng, n_sizes, n):
    """Draw sizes from 1 to n, uniform on a logarithmic scale."""
    return np.exp(rng.random(n_sizes) * np.log(n + 0.99)).astype(int).clip(1, n)
