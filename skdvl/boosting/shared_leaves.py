"""What the going of a row does to others, through the leaves that they share.

In every round, a leaf says ``v = -share * G / (H + ridge)``, where G and H are the sums of first
and second derivatives of the loss over its rows. Without row i it says more by
``(share * g_i + v * h_i) / (H + ridge)``, to first order, and the loss of a row j in the same leaf
rises by its slope times that. Trees and later rounds are taken to stay as they are.
"""

from dataclasses import dataclass
from functools import cached_property
from itertools import chain

import numpy as np

from .ensembles import Booster
from .slopes import Slopes, slopes_of

_CELLS = 2**21  # leaves of rows that are looked at together


@dataclass(frozen=True)
class Rows:
    """Some rows before the first round.

    Attributes
    ----------
    X : ndarray or CSR matrix
        As the booster takes it.
    y : ndarray of shape (n,)
        As the loss takes it.
    weight : ndarray of shape (n,) or None
    """

    X: object
    y: np.ndarray
    weight: np.ndarray | None

    @classmethod
    def of(cls, booster, X, y, weight=None):
        """Return rows from X and labels or targets."""
        return cls(booster.rows(X), booster.target(y), weight)

    def slopes(self, booster):
        """Return derivatives of the losses of these rows, before the first round."""
        return slopes_of(booster, self.X, self.y, self.weight)


@dataclass(frozen=True)
class Leaves:
    """The leaves of a tree, and the training rows in them.

    Attributes
    ----------
    booster : Booster
    said : ndarray of shape (n_leaves,)
        What they add to predictions.
    leaf : ndarray of int of shape (n,)
        Where each row is.
    g, h : ndarray of shape (n,)
        Derivatives of the losses of the rows.
    """

    booster: Booster
    said: np.ndarray
    leaf: np.ndarray
    g: np.ndarray
    h: np.ndarray

    def total(self, weights):
        """Return sums over the rows of each leaf."""
        return np.bincount(self.leaf, weights=weights, minlength=len(self.said))

    @cached_property
    def curvature(self):
        """Sums of second derivatives, and the penalty; infinite where there is nothing."""
        curvature = self.total(self.h) + self.booster.ridge
        curvature[curvature < 1e-150] = np.inf  # there scikit-learn's leaves say 0
        return curvature

    def changes(self, way):
        """Return what leaves say more without each row, times a `way` for every leaf."""
        way = way / self.curvature
        more = (self.booster.stride * way).take(self.leaf, mode="clip")  # no check of bounds
        more *= self.g
        by_curvature = (self.said * way).take(self.leaf, mode="clip")
        by_curvature *= self.h
        more += by_curvature
        return more

    def agree(self):
        """Whether the leaves say what follows from these rows."""
        step, here = -self.booster.stride / self.curvature, np.bincount(self.leaf) > 0
        left = np.abs(step * self.total(self.g) - self.said)[here]
        size = np.abs(step * self.total(np.abs(self.g)))[here]
        return (left <= 1e-4 * size).all()  # gradients of histograms are float32


def _rounds(booster, trained, here):
    """Yield the leaves of every round, one for each predictor, with the slopes of then.

    Raises
    ------
    ValueError
        If those of the first round do not follow from the rows.
    """
    rounds = zip(booster.said, booster.leaves(trained.X), strict=True)
    for t, (saids, found) in enumerate(rounds):
        g, h = here.derivatives()
        trees = [
            Leaves(booster, said, leaf, g[:, k], h[:, k])
            for k, (said, leaf) in enumerate(zip(saids, found, strict=True))
        ]
        if t == 0 and not all(tree.agree() for tree in trees):
            raise ValueError(
                f"The leaves of {type(booster.estimator).__name__} do not follow from the rows "
                "given. What a row did is known for the rows of the booster's own fit alone: pass "
                "these, in the same order and with the same sample_weight, or let the valuator fit "
                "it (prefit=False)."
            )
        yield trees
        for k, tree in enumerate(trees):
            here.step(k, tree.said, tree.leaf)


def effects_on_rows(booster, trained, asked, at_the_end):
    """Return what the going of each training row adds to the mean loss of the rows asked.

    Parameters
    ----------
    booster : Booster
    trained, asked : Rows
    at_the_end : bool
        Whether losses have the slopes of the last predictions, or those of each round.

    Returns
    -------
    effects : ndarray of shape (n_trained,)

    Raises
    ------
    ValueError
        If the booster was not fitted on the training rows.
    """
    told, m = np.zeros(len(trained.y)), len(asked.y)
    rounds = _rounds(booster, trained, trained.slopes(booster))
    first = next(rounds)  # other rows are refused before those asked go their way
    ways = (_ways_at_the_end if at_the_end else _ways_of_then)(booster, asked)
    for trees, of_trees in zip(chain([first], rounds), ways, strict=True):
        for tree, way in zip(trees, of_trees, strict=True):
            told += tree.changes(way / m)
    return booster.unit * told


def _ways_of_then(booster, asked):
    """Yield sums of slopes over the rows in each leaf: for each round, an array for each predictor.

    They are the slopes at the predictions before the round.
    """
    there = asked.slopes(booster)
    for saids, found in zip(booster.said, booster.leaves(asked.X), strict=True):
        slopes, _ = there.derivatives()
        yield [
            np.bincount(leaf, weights=slopes[:, k], minlength=len(said))
            for k, (said, leaf) in enumerate(zip(saids, found, strict=True))
        ]
        for k, (said, leaf) in enumerate(zip(saids, found, strict=True)):
            there.step(k, said, leaf)


def _ways_at_the_end(booster, asked):
    """Return what `_ways_of_then` yields, but by slopes at the last predictions, as a list."""
    said = np.concatenate([said for saids in booster.said for said in saids])
    shape = len(booster.said), len(booster.said[0])
    sizes = np.array([len(said) for saids in booster.said for said in saids])
    begins = (np.cumsum(sizes) - sizes).reshape(*shape, 1)
    ways, step = np.zeros(len(said)), max(1, _CELLS // len(sizes))
    for first in range(0, len(asked.y), step):
        here = slice(first, first + step)
        leaf = begins + np.array(list(booster.leaves(asked.X[here])))
        raw = booster.start(asked.X[here]) + said.take(leaf).sum(axis=0).T
        slopes, _ = Slopes(booster.loss, raw, asked.y[here], None).derivatives()
        weights = np.broadcast_to(slopes.T, leaf.shape)
        ways += np.bincount(leaf.ravel(), weights=weights.ravel(), minlength=len(ways))
    each = np.split(ways, begins.ravel()[1:])
    return [each[i : i + shape[1]] for i in range(0, len(each), shape[1])]


def effects_of_rows(booster, trained):
    """Return what the going of each training row adds to its own loss, of shape (n_trained,).

    Raises
    ------
    ValueError
        If the booster was not fitted on these rows.
    """
    told, weight = np.zeros(len(trained.y)), trained.weight
    for trees in _rounds(booster, trained, trained.slopes(booster)):
        for tree in trees:
            slopes = tree.g if weight is None else _over(tree.g, weight)
            told += slopes * tree.changes(np.ones(len(tree.said)))
    return booster.unit * told


def _over(g, weight):
    return np.divide(g, weight, out=np.zeros_like(g), where=weight > 0)
