"""What the going of a row does to others, through the leaves that they share.

In every round, a leaf says ``v = -share * G / (H + ridge)``, where G and H are the sums of first
and second derivatives of the loss over its rows. Without row i it says more by
``(share * g_i + v * h_i) / (H + ridge)``, to first order, and the loss of a row j in the same leaf
rises by its slope times that. Trees and later rounds are taken to stay as they are.
"""

from dataclasses import dataclass

import numpy as np


@dataclass
class Rows:
    """Some rows on their way through the rounds.

    Attributes
    ----------
    X : ndarray or CSR matrix
        As the trees take it.
    y : ndarray of shape (n,)
        As the loss takes it.
    weight : ndarray of shape (n,) or None
    raw : ndarray of shape (n, n_predictors)
        The predictions of the rounds so far.
    """

    X: object
    y: np.ndarray
    weight: np.ndarray
    raw: np.ndarray

    @classmethod
    def of(cls, booster, X, y, weight=None):
        """Return rows before the first round; y are labels or targets."""
        rows = booster.rows(X)
        y = np.ascontiguousarray(booster.target(y))
        return cls(rows, y, weight, booster.start(rows))

    def go_through(self, booster, trees):
        """Add what the trees of a round say."""
        for k, tree in enumerate(trees):
            self.raw[:, k] += said_by(booster, tree)[tree.apply(self.X)]

    def derivatives(self, loss):
        """Return first and second derivatives of the losses, each of shape (n, n_predictors)."""
        raw = self.raw[:, 0] if self.raw.shape[1] == 1 else np.ascontiguousarray(self.raw)
        g, h = loss.gradient_hessian(self.y, np.ascontiguousarray(raw), self.weight)
        return g.reshape(self.raw.shape), h.reshape(self.raw.shape)


@dataclass(frozen=True)
class Leaves:
    """The leaves of a tree, in units that need no learning rate.

    Attributes
    ----------
    said : ndarray of shape (n_nodes,)
    curvature : ndarray of shape (n_nodes,)
        Sums of second derivatives, and the penalty; infinite where there is nothing.
    """

    said: np.ndarray
    curvature: np.ndarray

    @classmethod
    def of(cls, booster, tree, leaf, h):
        curvature = np.bincount(leaf, weights=h, minlength=tree.node_count) + booster.ridge
        curvature[curvature < 1e-150] = np.inf  # there scikit-learn's leaves say 0
        return cls(said_by(booster, tree) / booster.rate, curvature)

    def changes(self, booster, leaf, g, h, way):
        """Return what leaves say more without each row, times a `way` for every leaf."""
        scale = way * booster.rate / self.curvature
        return (booster.share * scale)[leaf] * g + (scale * self.said)[leaf] * h


def said_by(booster, tree):
    """Return what the nodes of a tree add to predictions."""
    return tree.said if booster.is_hist else booster.rate * tree.value[:, 0, 0]


def effects_on_rows(booster, trained, asked, at_the_end):
    """Return what the going of each training row adds to the mean loss of the rows asked.

    Parameters
    ----------
    booster : Booster
    trained, asked : Rows
        Before the first round; they end after the last one.
    at_the_end : bool
        Whether losses have the slopes of the last predictions, or those of each round.

    Returns
    -------
    effects : ndarray of shape (n_trained,)
    """
    told, m = np.zeros(len(trained.y)), len(asked.y)
    if at_the_end:
        for trees in booster.rounds:
            asked.go_through(booster, trees)
        slopes, _ = asked.derivatives(booster.loss)
    for trees in booster.rounds:
        g, h = trained.derivatives(booster.loss)
        if not at_the_end:
            slopes, _ = asked.derivatives(booster.loss)
        for k, tree in enumerate(trees):
            leaf, there = tree.apply(trained.X), tree.apply(asked.X)
            leaves = Leaves.of(booster, tree, leaf, h[:, k])
            way = np.bincount(there, weights=slopes[:, k], minlength=tree.node_count) / m
            told += leaves.changes(booster, leaf, g[:, k], h[:, k], way)
            said = said_by(booster, tree)
            trained.raw[:, k] += said[leaf]
            if not at_the_end:
                asked.raw[:, k] += said[there]
    return booster.unit * told


def effects_of_rows(booster, trained):
    """Return what the going of each training row adds to its own loss, of shape (n_trained,)."""
    told, weight = np.zeros(len(trained.y)), trained.weight
    for trees in booster.rounds:
        g, h = trained.derivatives(booster.loss)
        slopes = g if weight is None else _over(g, weight)
        for k, tree in enumerate(trees):
            leaf = tree.apply(trained.X)
            leaves = Leaves.of(booster, tree, leaf, h[:, k])
            told += slopes[:, k] * leaves.changes(booster, leaf, g[:, k], h[:, k], 1.0)
            trained.raw[:, k] += said_by(booster, tree)[leaf]
    return booster.unit * told


def _over(g, weight):
    return np.divide(g, weight[:, None], out=np.zeros_like(g), where=weight[:, None] > 0)


def agrees(booster, trained):
    """Whether the leaves of the first round say what follows from these rows."""
    g, h = trained.derivatives(booster.loss)
    for k, tree in enumerate(booster.rounds[0]):
        leaf = tree.apply(trained.X)
        curvature = Leaves.of(booster, tree, leaf, h[:, k]).curvature
        step, here = -booster.rate * booster.share / curvature, np.unique(leaf)
        expected = step * np.bincount(leaf, weights=g[:, k], minlength=tree.node_count)
        size = step * np.bincount(leaf, weights=np.abs(g[:, k]), minlength=tree.node_count)
        left = np.abs(expected - said_by(booster, tree))[here]
        if (left > 1e-4 * np.abs(size[here])).any():  # gradients of histograms are float32
            return False
    return True
