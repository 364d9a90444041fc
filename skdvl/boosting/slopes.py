"""First and second derivatives of the losses of rows, as the rounds go by."""

import numpy as np
from sklearn._loss.loss import HalfBinomialLoss

_FAR = 600.0  # exp of more than 709 is infinite


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
        farthest = sum(np.abs(said).max() for (said,) in booster.said)
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
    """

    def __init__(self, loss, raw, y, weight):
        self._loss, self._raw = loss, raw
        self._y, self._weight = np.ascontiguousarray(y), weight

    def step(self, k, said, leaf):
        """Add what the leaves of a tree say to the predictions of predictor k."""
        self._raw[:, k] += said.take(leaf, mode="clip")

    def derivatives(self):
        """Return first and second derivatives, each of shape (n, n_predictors)."""
        raw = self._raw[:, 0] if self._raw.shape[1] == 1 else np.ascontiguousarray(self._raw)
        g, h = self._loss.gradient_hessian(self._y, np.ascontiguousarray(raw), self._weight)
        return g.reshape(self._raw.shape), h.reshape(self._raw.shape)


class OddsSlopes:
    """Derivatives of the binary log loss, from the odds of the wrong label.

    What a leaf adds to log-odds multiplies odds: a round takes no exponential of each row, which
    would take longer than all the rest of its work. Where odds are tiny, derivatives are as precise
    as elsewhere.

    Parameters
    ----------
    raw : ndarray of shape (n,)
        Log-odds of label 1.
    y : ndarray of shape (n,)
        0 or 1.
    weight : ndarray of shape (n,) or None
    """

    def __init__(self, raw, y, weight):
        self._label = y.astype(np.intp)
        self._sign = 1.0 - 2.0 * y
        self._odds = np.exp(self._sign * raw)
        self._weight = weight

    def step(self, k, said, leaf):
        """Multiply the odds by what the leaves of a tree say."""
        factors = np.exp(np.concatenate([said, -said]))
        self._odds *= factors.take(leaf + len(said) * self._label, mode="clip")

    def derivatives(self):
        """Return first and second derivatives, each of shape (n, 1)."""
        right = 1.0 / (1.0 + self._odds)  # probability of the right label
        wrong = self._odds * right
        g, h = self._sign * wrong, np.multiply(wrong, right, out=right)
        if self._weight is not None:
            g *= self._weight
            h *= self._weight
        return g[:, None], h[:, None]
