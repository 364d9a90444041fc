"""From a fitted booster of scikit-learn to its rounds: losses, leaves, and what leaves say."""

from dataclasses import dataclass
from itertools import count, islice

import numpy as np
from sklearn.ensemble import (
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)
from sklearn.model_selection import train_test_split
from sklearn.utils.validation import validate_data

from .leaf_bits import LeafBits, joined
from .leaves import LeafNodes, LeafWalks, find_leaves

_PLAIN = GradientBoostingClassifier, GradientBoostingRegressor
_HIST = HistGradientBoostingClassifier, HistGradientBoostingRegressor
_HALVED = "squared_error", "poisson", "gamma"  # losses that scikit-learn takes half of
_STEPS = "log_loss", "exponential", *_HALVED  # losses whose leaves are steps of Newton's method


def check_supported(name, booster, is_fitted):
    """Refuse what is no booster, or one whose leaves do not follow from the rows in them.

    Parameters
    ----------
    name : str
        Who asks.
    booster : estimator
    is_fitted : bool
    """
    kind = type(booster).__name__
    if type(booster) not in _PLAIN + _HIST:
        known = ", ".join(each.__name__ for each in _PLAIN + _HIST)
        raise ValueError(
            f"{name} takes {known}; got {booster!r}. For linear models use InfluenceValuator, and "
            "for any other a valuator that trains it on coalitions of rows, such as "
            "ShapleyValuator or LeaveOneOutValuator."
        )
    if booster.loss not in _STEPS:
        raise ValueError(
            f"{name} needs a loss with second derivatives, and {kind} has loss={booster.loss!r}. "
            f"Use one of {', '.join(map(repr, _STEPS))}, as far as {kind} takes it, or "
            "LeaveOneOutValuator, which refits."
        )
    if getattr(booster, "subsample", 1.0) < 1:
        raise ValueError(
            f"{kind} with subsample={booster.subsample} does not keep which rows a tree has seen. "
            "Set subsample=1.0, or use LeaveOneOutValuator, which refits."
        )
    if getattr(booster, "monotonic_cst", None) is not None:
        raise ValueError(
            f"{kind} with monotonic_cst bounds what leaves say by other leaves, so that it does "
            "not follow from the rows in them. Set monotonic_cst=None, or use LeaveOneOutValuator."
        )
    holds_out = type(booster) in _PLAIN and booster.n_iter_no_change is not None
    if is_fitted and holds_out and not isinstance(booster.random_state, (int, np.integer)):
        raise ValueError(
            f"{kind} with n_iter_no_change holds rows out, and which ones only an integer "
            f"random_state tells; got {booster.random_state!r}. Fit it with one."
        )


@dataclass(frozen=True)
class Booster:
    """A fitted booster of scikit-learn, as rounds of trees.

    Attributes
    ----------
    estimator : estimator
    said : ndarray of shape (n_leaves,)
        What each leaf adds to predictions, tree after tree.
    begins : ndarray of int of shape (n_rounds, n_predictors)
        The first leaf of each tree.
    finder : LeafBits, LeafWalks or LeafNodes
        Of the leaves of rows.
    rate : float
    share : float
        Of the Newton step that a leaf takes.
    ridge : float
        Penalty on the square of what a leaf says.
    unit : float
        The loss in units of scikit-learn's.
    """

    estimator: object
    said: np.ndarray
    begins: np.ndarray
    finder: LeafBits | LeafWalks | LeafNodes
    rate: float
    share: float
    ridge: float
    unit: float

    @property
    def loss(self):
        """The loss of scikit-learn, with `gradient_hessian`."""
        return self.estimator._loss

    @property
    def stride(self):
        """What a leaf says is minus this, times first over second derivatives."""
        return self.rate * self.share

    @property
    def is_hist(self):
        """Whether trees are those of histograms."""
        return type(self.estimator) in _HIST

    def rows(self, X):
        """Return X as the booster takes it."""
        if self.is_hist:
            return self.estimator._preprocess_X(X, reset=False)
        options = {"dtype": np.float32, "order": "C", "accept_sparse": "csr"}
        return validate_data(self.estimator, X, reset=False, **options)

    def seats(self, rows, n_rounds, kind=0, n_kinds=1):
        """Yield the leaves of every row, for a few rounds at a time.

        Parameters
        ----------
        rows : ndarray or CSR matrix
            As `rows` returns them.
        n_rounds : int
            At a time; the last may be fewer.
        kind : ndarray of int of shape (n,) or 0, default=0
            Below `n_kinds`: leaves have a seat for each kind of row.
        n_kinds : int, default=1

        Yields
        ------
        here : slice
            The leaves of these rounds.
        seat : ndarray of int of shape (n_rounds, n_predictors, n)
            Number of the leaf among those, times `n_kinds`, and the kind; the next ones are
            written to the same memory.
        """
        found, told = self.finder.leaves(rows), None
        bounds = [*self.begins[::n_rounds, 0], len(self.said)]
        short = np.min_scalar_type(np.diff(bounds).max() * n_kinds)  # takes less time
        kind = np.asarray(kind, dtype=short)
        for t, first, last in zip(count(0, n_rounds), bounds, bounds[1:], strict=False):
            begins = (self.begins[t : t + n_rounds] - first).astype(short)
            seat = np.array(list(islice(found, begins.size)), dtype=short)
            seat = seat.reshape(*begins.shape, -1)
            seat += begins[..., None]
            seat *= short.type(n_kinds)
            seat += kind
            told = np.empty(seat.shape, dtype=np.intp) if told is None else told[: len(seat)]
            told[...] = seat
            yield slice(first, last), told

    def target(self, y):
        """Return targets as numbers, or labels as places among the classes."""
        if hasattr(self.estimator, "classes_"):
            y = np.searchsorted(self.estimator.classes_, y)
        y = np.asarray(y, dtype=np.float64)
        if not self.loss.in_y_true_range(y):
            raise ValueError(
                f"loss={self.estimator.loss!r} of {type(self.estimator).__name__} has no value at "
                f"some of the targets, of which the smallest is {y.min()}. Leave these rows out, "
                "or take another loss."
            )
        return y

    def weight(self, y, sample_weight):
        """Return the weights of rows in the fit, or None; y are the labels themselves."""
        if not self.is_hist:
            return sample_weight
        if getattr(self.estimator, "class_weight", None) is not None:
            y = self.target(y)  # it speaks of labels as numbers
        return self.estimator._finalize_sample_weight(sample_weight, y)

    def start(self, rows):
        """Return the predictions before the first round, of shape (n, n_predictors)."""
        if self.is_hist:
            shape = rows.shape[0], self.begins.shape[1]
            start = np.broadcast_to(self.estimator._baseline_prediction, shape)
        else:
            start = self.estimator._raw_predict_init(rows)
        return np.array(start, dtype=np.float64, order="F")

    def trained_on(self, y, n_rows):
        """Return the rows that the trees have seen: all but those held out to stop early."""
        estimator, everything = self.estimator, np.arange(n_rows)
        labels = y if hasattr(estimator, "classes_") else None
        if self.is_hist:
            held_out = estimator.do_early_stopping_ and estimator.validation_fraction is not None
            # None are held out if the fit was given rows to stop by.
            held_out &= estimator._predictors[0][0].nodes["count"][0] < n_rows
            seed = estimator._random_seed
        else:
            held_out, seed = estimator.n_iter_no_change is not None, estimator.random_state
        if not held_out:
            return everything
        options = {"test_size": estimator.validation_fraction, "stratify": labels}
        return train_test_split(everything, random_state=seed, **options)[0]


def read(estimator):
    """Return a fitted estimator that `check_supported` lets by as a `Booster`."""
    unit, rate = 2.0 if estimator.loss in _HALVED else 1.0, estimator.learning_rate
    if type(estimator) in _PLAIN:
        trees = [tree.tree_ for tree in estimator.estimators_.ravel()]
        k = estimator.estimators_.shape[1]
        share = (k - 1) / k if k > 1 else 1.0  # as in Friedman's paper
        said, n_leaves = (
            [rate * tree.value[:, 0, 0] for tree in trees],
            [tree.node_count for tree in trees],
        )
        begins = _begins(n_leaves, k)
        return Booster(
            estimator, np.concatenate(said), begins, LeafNodes(trees), rate, share, 0.0, unit
        )
    trees = [tree.nodes for trees in estimator._predictors for tree in trees]
    nodes, root = joined(trees)
    is_leaf = nodes["is_leaf"] == 1
    said, n_leaves = nodes["value"][is_leaf], np.add.reduceat(is_leaf, root, dtype=np.intp)
    finder, ridge = find_leaves(estimator, n_leaves.max()), estimator.l2_regularization
    return Booster(
        estimator,
        said,
        _begins(n_leaves, len(estimator._predictors[0])),
        finder,
        rate,
        1.0,
        ridge,
        unit,
    )


def _begins(n_leaves, n_predictors):
    return (np.cumsum(n_leaves) - n_leaves).reshape(-1, n_predictors)
