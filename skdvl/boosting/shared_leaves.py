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
from .slopes import slopes_of


@dataclass(frozen=True)
class Rows:
    """Some rows before the first round.

    Attributes
    ----------
    X : ndarray or CSR matrix
        As the booster takes it.
    places : object
        X as what finds its leaves takes it.
    y : ndarray of shape (n,)
        As the loss takes it.
    weight : ndarray of shape (n,) or None
    """

    X: object
    places: object
    y: np.ndarray
    weight: np.ndarray | None

    @classmethod
    def of(cls, booster, X, y, weight=None):
        """Return rows from X and labels or targets."""
        X = booster.rows(X)
        return cls(X, booster.finder.rows(X), booster.target(y), weight)

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
        more = self.said.take(self.leaf, mode="clip")  # without a check of bounds
        more *= self.h
        more += self.booster.stride * self.g
        more *= (way / self.curvature).take(self.leaf, mode="clip")
        return more

    def agree(self):
        """Whether the leaves say what follows from these rows."""
        step, here = -self.booster.stride / self.curvature, np.unique(self.leaf)
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
    rounds = zip(booster.said, booster.leaves(trained.places), strict=True)
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
    there = asked.slopes(booster)
    if at_the_end:
        for saids, found in zip(booster.said, booster.leaves(asked.places), strict=True):
            for k, (said, leaf) in enumerate(zip(saids, found, strict=True)):
                there.step(k, said, leaf)
        slopes, _ = there.derivatives()
    for trees, found in zip(chain([first], rounds), booster.leaves(asked.places), strict=True):
        if not at_the_end:
            slopes, _ = there.derivatives()
        for k, (tree, leaf) in enumerate(zip(trees, found, strict=True)):
            way = np.bincount(leaf, weights=slopes[:, k], minlength=len(tree.said)) / m
            told += tree.changes(way)
            if not at_the_end:
                there.step(k, tree.said, leaf)
    return booster.unit * told


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
