"""What the going of a row does to others, through the leaves that they share.

In every round, a leaf says ``v = -share * G / (H + ridge)``, where G and H are the sums of first
and second derivatives of the loss over its rows. Without row i it says more by
``(share * g_i + v * h_i) / (H + ridge)``, to first order, and the loss of a row j in the same leaf
rises by its slope times that. Trees and later rounds are taken to stay as they are.
"""

from dataclasses import dataclass, replace
from itertools import chain

import numpy as np

from .slopes import Slopes, slopes_of

_CELLS = 2**17  # leaves of rows in a stretch of rounds, whose numbers stay near
_ASKED = 2**20  # leaves of rows asked that are looked at together


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
class Stretch:
    """Rows in the leaves of a few rounds.

    What is told of seats and rows is gone with the next stretch, whose room is the same.

    Attributes
    ----------
    here : slice
        The leaves, of all.
    said : ndarray of shape (n_leaves,)
        What they add to predictions.
    seat : ndarray of int of shape (n_rounds, n_predictors, n)
        Of rows in the leaves, by their kind.
    signs : ndarray of shape (n_kinds,)
    g, h : ndarray of shape (n_rounds, n_predictors, n)
        Derivatives of the losses of the rows before each round; the first ones but for signs.
    room : ndarray of shape (n_rounds, n_predictors, n)
    """

    here: slice
    said: np.ndarray
    seat: np.ndarray
    signs: np.ndarray
    g: np.ndarray
    h: np.ndarray
    room: np.ndarray

    def sums(self, weights, signs=None):
        """Return sums over the rows of each leaf."""
        n_kinds = len(self.signs)
        told = np.bincount(self.seat.ravel(), weights.ravel(), minlength=len(self.said) * n_kinds)
        told = told.reshape(-1, n_kinds)
        return (told if signs is None else told * signs).sum(axis=1)

    def of_rows(self, number, signs=None):
        """Return the number of each row's leaf, times its kind's sign, until the next call."""
        signs = np.ones(len(self.signs)) if signs is None else signs
        numbers = np.multiply.outer(number, signs).ravel()
        return numbers.take(self.seat, mode="clip", out=self.room)

    def curvature(self, ridge):
        """Return sums of second derivatives, and the penalty; infinite where there is nothing."""
        curvature = self.sums(self.h) + ridge
        curvature[curvature < 1e-150] = np.inf  # there scikit-learn's leaves say 0
        return curvature


def _stretches(booster, rows):
    """Yield `Stretch` after `Stretch` of rounds."""
    slopes, k, n = rows.slopes(booster), booster.begins.shape[1], len(rows.y)
    n_rounds = min(max(1, _CELLS // (n * k)), len(booster.begins))
    room = None
    for here, seat in booster.seats(rows.X, n_rounds, slopes.kind, len(slopes.signs)):
        if room is None:  # once, since fresh memory takes longer than sums
            room = np.empty((4, n_rounds + 1, k, n))
        said, inner = booster.said[here], room[:, : len(seat) + 1]
        g, h = slopes.over(said, seat, inner[:3])
        yield Stretch(here, said, seat, slopes.signs, g, h, inner[3, 1:])


def _of_training(booster, trained):
    """Yield stretches of training rows, each with the curvature of its leaves.

    Raises
    ------
    ValueError
        If the leaves of the first round do not follow from the rows.
    """
    for stretch in _stretches(booster, trained):
        if stretch.here.start == 0 and not _agree(booster, stretch):
            raise ValueError(
                f"The leaves of {type(booster.estimator).__name__} do not follow from the rows "
                "given. What a row did is known for the rows of the booster's own fit alone: pass "
                "these, in the same order and with the same sample_weight, or let the valuator fit "
                "it (prefit=False)."
            )
        yield stretch, stretch.curvature(booster.ridge)


def _agree(booster, stretch):
    """Whether leaves of the first round say what follows from their rows, if they have any."""
    n_leaves = booster.begins[1, 0] if len(booster.begins) > 1 else len(booster.said)
    parts = {name: getattr(stretch, name)[:1] for name in ("seat", "g", "h")}
    first = replace(stretch, said=stretch.said[:n_leaves], **parts)
    step = -booster.stride / first.curvature(booster.ridge)
    left = np.abs(step * first.sums(first.g, first.signs) - first.said)
    size = np.abs(step * first.sums(np.abs(first.g)))
    is_met = first.sums(np.ones(first.g.shape)) > 0
    return (left <= 1e-4 * size)[is_met].all()  # gradients of histograms are float32


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
    stretches = _of_training(booster, trained)
    first = next(stretches)  # other rows are refused before those asked go their way
    ways = (_ways_at_the_end if at_the_end else _ways_of_then)(booster, asked) / len(asked.y)
    told = np.zeros(len(trained.y))
    for stretch, curvature in chain([first], stretches):
        way = ways[stretch.here] / curvature
        told += _over_rounds(stretch.of_rows(booster.stride * way, stretch.signs), stretch.g)
        told += _over_rounds(stretch.of_rows(stretch.said * way), stretch.h)
    return booster.unit * told


def _ways_of_then(booster, asked):
    """Return sums of slopes over the rows in each leaf, at the predictions before its round."""
    return np.concatenate([each.sums(each.g, each.signs) for each in _stretches(booster, asked)])


def _ways_at_the_end(booster, asked):
    """Return sums of slopes over the rows in each leaf, at the last predictions."""
    ways, n_rounds = np.zeros(len(booster.said)), len(booster.begins)
    step = max(1, _ASKED // booster.begins.size)
    for first in range(0, len(asked.y), step):
        rows = slice(first, first + step)
        [(_, leaf)] = booster.seats(asked.X[rows], n_rounds)
        raw = booster.start(asked.X[rows]) + booster.said.take(leaf, mode="clip").sum(axis=0).T
        slopes, _ = Slopes(booster.loss, raw, asked.y[rows], None).derivatives()
        weights = np.broadcast_to(slopes.T, leaf.shape)
        ways += np.bincount(leaf.ravel(), weights.ravel(), minlength=len(ways))
    return ways


def effects_of_rows(booster, trained):
    """Return what the going of each training row adds to its own loss, of shape (n_trained,).

    Raises
    ------
    ValueError
        If the booster was not fitted on these rows.
    """
    told, weight = np.zeros(len(trained.y)), trained.weight
    for stretch, curvature in _of_training(booster, trained):
        of_rows, g, h = stretch.of_rows, stretch.g, stretch.h
        told += _over_rounds(of_rows(booster.stride / curvature), g, g)
        told += _over_rounds(of_rows(stretch.said / curvature, stretch.signs), g, h)
    if weight is not None:  # once too often
        told = np.divide(told, weight, out=np.zeros_like(told), where=weight > 0)
    return booster.unit * told


def _over_rounds(*factors):
    """Return sums of products over rounds and predictors, for each row."""
    return np.einsum(",".join(["tkn"] * len(factors)) + "->n", *factors)
