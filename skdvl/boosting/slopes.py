"""First and second derivatives of the losses of rows, as the rounds go by."""

import numpy as np
from sklearn._loss.loss import HalfBinomialLoss

_FAR = 600.0  # exp of more than 709 is infinite
_LANES = 4  # seats that neighbours in a leaf take in turns


def slopes_of(booster, rows, y, weight=None):
    """Return the slopes of rows before the first round.

    Parameters
    ----------
    booster : Booster
    rows : ndarray or CSR matrix
        As the booster takes them.
    y : ndarray of shape (n,)
        As the loss takes it.
    weight : ndarray of shape (n,) or None

    Returns
    -------
    slopes : Slopes or OddsSlopes
    """
    raw = booster.start(rows)
    if type(booster.loss) is HalfBinomialLoss:
        farthest = np.maximum.reduceat(np.abs(booster.said), booster.begins[:, 0]).sum()
        if np.abs(raw).max(initial=0.0) + farthest < _FAR:
            return OddsSlopes(raw[:, 0], y, weight)
    return Slopes(booster.loss, raw, y, weight)


class Slopes:
    """Derivatives of any loss of scikit-learn at the predictions so far.

    Parameters
    ----------
    loss : loss of scikit-learn
    raw : ndarray of shape (n, n_predictors)
    y : ndarray of shape (n,)
    weight : ndarray of shape (n,) or None

    Attributes
    ----------
    kind : ndarray of int of shape (n,)
        The kind of each row.
    signs : ndarray of shape (n_kinds,)
        What the first derivatives of rows of each kind are to be multiplied by.
    """

    def __init__(self, loss, raw, y, weight):
        self._loss, self._raw = loss, raw
        self._y, self._weight = np.ascontiguousarray(y), weight
        self.kind, self.signs = _lanes(len(y)), np.ones(_LANES)

    def over(self, said, seat, room):
        """Return derivatives before each of some rounds, and go on to after the last of them.

        Parameters
        ----------
        said : ndarray of shape (n_leaves,)
            What leaves add to predictions.
        seat : ndarray of int of shape (n_rounds, n_predictors, n)
            Of rows in these leaves, by their kind.
        room : ndarray of shape (3, n_rounds + 1, n_predictors, n)
            For what is returned, and to go on from: the same again next time, or its beginning.

        Returns
        -------
        g, h : ndarray of shape (n_rounds, n_predictors, n)
            First derivatives, but for signs, and second ones.
        """
        n_rounds, k, n = seat.shape
        raw, g, h = (part.reshape(-1, n, k) for part in room)
        raw[0] = self._raw
        added = h[1:].reshape(seat.shape)  # for the time being
        said.repeat(_LANES).take(seat, mode="clip", out=added)  # no check of bounds
        for before, after, more in zip(raw[:-1], raw[1:], added, strict=True):
            np.add(before, more.T, out=after)
        self._raw = raw[-1]
        self._of(raw[:-1], g[:-1], h[:-1])
        return [each[:-1].transpose(0, 2, 1) for each in (g, h)]

    def derivatives(self):
        """Return first and second derivatives, each of shape (n, n_predictors)."""
        g, h = np.empty((2, *self._raw.shape))
        self._of(self._raw[None], g[None], h[None])
        return g, h

    def _of(self, raw, g, h):
        """Write first and second derivatives of rows, at each of some predictions of theirs."""
        rows = (-1,) if raw.shape[2] == 1 else (-1, raw.shape[2])
        y, weight = (
            None if each is None else np.broadcast_to(each, raw.shape[:2]).ravel()
            for each in (self._y, self._weight)
        )
        self._loss.gradient_hessian(
            y, raw.reshape(rows), weight, gradient_out=g.reshape(rows), hessian_out=h.reshape(rows)
        )


class OddsSlopes:
    """Derivatives of the binary log loss, from the odds of the wrong label.

    What a leaf adds to log-odds multiplies odds: a round takes no exponential of each row, which
    would take longer than all the rest of its work. Where odds are tiny, derivatives are as precise
    as elsewhere. Kinds of rows tell labels too, of which signs are.

    Parameters
    ----------
    raw : ndarray of shape (n,)
        Log-odds of label 1.
    y : ndarray of shape (n,)
        0 or 1.
    weight : ndarray of shape (n,) or None

    Attributes
    ----------
    kind, signs
        As of `Slopes`.
    """

    def __init__(self, raw, y, weight):
        self.kind = 2 * _lanes(len(y)) + y.astype(np.uint8)
        self.signs = np.tile([1.0, -1.0], _LANES)
        self._odds = np.exp((1.0 - 2.0 * y) * raw)
        self._weight = weight

    def over(self, said, seat, room):
        """Return derivatives before each of some rounds, and go on to after the last of them.

        Parameters and returns are those of `Slopes.over`, with one predictor.
        """
        odds, right, _ = room[:, :, 0]
        odds[0] = self._odds
        factors = np.exp(np.multiply.outer(said, self.signs)).ravel()
        factors.take(seat[:, 0], mode="clip", out=odds[1:])  # no check of bounds
        for before, after in zip(odds[:-1], odds[1:], strict=True):
            after *= before
        self._odds, odds, right = odds[-1], odds[:-1], right[:-1]
        np.add(1.0, odds, out=right)
        np.divide(1.0, right, out=right)  # probability of the right label
        g = np.multiply(odds, right, out=odds)
        h = np.multiply(g, right, out=right)
        if self._weight is not None:
            g *= self._weight
            h *= self._weight
        return g[:, None], h[:, None]


def _lanes(n):
    """Return kinds that rows take in turns, since sums of neighbours wait for each other."""
    return np.tile(np.arange(_LANES, dtype=np.uint8), n // _LANES + 1)[:n]
