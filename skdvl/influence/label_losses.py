"""Losses of labels, by predictors that are higher for one class than for others."""

import numpy as np
from scipy.special import expit, log_softmax, softmax

from .losses import Loss, PointLoss


class Logistic(PointLoss):
    """Log loss of a label, 0 or 1, by its log odds."""

    is_probable = True

    def at(self, y, eta):
        return np.logaddexp(0, eta) - y * eta

    def slope(self, y, eta):
        return expit(eta) - y

    def bend(self, y, eta):
        return expit(eta) * expit(-eta)

    def predict(self, eta):
        odds = eta[:, 0]
        return np.column_stack([expit(-odds), expit(odds)])

    def rise(self, eta):
        return _both_ways(expit(eta) * expit(-eta))


class SquaredHinge(PointLoss):
    """The square of what a label, 0 or 1, lacks to a margin of 1."""

    is_probable = False
    steady = True

    def at(self, y, eta):
        return np.maximum(1 - _sign(y) * eta, 0) ** 2

    def slope(self, y, eta):
        return -2 * _sign(y) * np.maximum(1 - _sign(y) * eta, 0)

    def bend(self, y, eta):
        return 2.0 * (_sign(y) * eta < 1)


class ModifiedHuber(PointLoss):
    """The squared hinge up to a margin of -1, and linear from there on."""

    is_probable = True
    steady = True

    def at(self, y, eta):
        margin = _sign(y) * eta
        return np.where(margin < -1, -4 * margin, np.maximum(1 - margin, 0) ** 2)

    def slope(self, y, eta):
        return -2 * _sign(y) * np.clip(1 - _sign(y) * eta, 0, 2)

    def bend(self, y, eta):
        return 2.0 * (np.abs(eta) < 1) + 0.0 * y

    def predict(self, eta):
        positive = (np.clip(eta[:, 0], -1, 1) + 1) / 2
        return np.column_stack([1 - positive, positive])

    def rise(self, eta):
        return _both_ways((np.abs(eta) < 1) / 2)


class OfSigns(PointLoss):
    """A loss of targets on labels, 0 or 1, that are taken for -1 and 1."""

    is_probable = False

    def __init__(self, loss):
        self.loss, self.unit, self.steady = loss, loss.unit, loss.steady

    def at(self, y, eta):
        return self.loss.at(_sign(y), eta)

    def slope(self, y, eta):
        return self.loss.slope(_sign(y), eta)

    def bend(self, y, eta):
        return self.loss.bend(_sign(y), eta)


class Softmax(Loss):
    """Log loss of a label, 0 to m - 1."""

    levelled = True

    def __init__(self, n_outputs):
        self.n_outputs = n_outputs

    def value(self, y, eta):
        return -log_softmax(eta, axis=1)[np.arange(len(y)), y]

    def gradient(self, y, eta):
        told = softmax(eta, axis=1)
        told[np.arange(len(y)), y] -= 1
        return told

    def hessian(self, y, eta):
        told = softmax(eta, axis=1)
        bends = -told[:, :, None] * told[:, None, :]
        classes = np.arange(self.n_outputs)
        bends[:, classes, classes] += told
        return bends

    def predict(self, eta):
        return softmax(eta, axis=1)

    def rise(self, eta):
        return self.hessian(np.zeros(len(eta), dtype=int), eta)  # they are the same


class OneVsRest(Loss):
    """The sum over classes of a loss of a label, 0 or 1, that tells a class from all others.

    Parameters
    ----------
    loss : PointLoss
    emphasis : ndarray of shape (m,)
        Weights of the rows of each class where it is told from the others.
    """

    def __init__(self, loss, emphasis):
        self.loss, self.emphasis, self.n_outputs = loss, emphasis, len(emphasis)
        self.unit, self.steady = loss.unit, loss.steady

    def plain(self):
        return OneVsRest(self.loss, np.ones(self.n_outputs))

    def _each(self, told_of, y, eta):
        is_own = y[:, None] == np.arange(self.n_outputs)
        told = told_of(is_own.ravel().astype(np.float64), eta.ravel()).reshape(eta.shape)
        return told * np.where(is_own, self.emphasis, 1.0)

    def value(self, y, eta):
        return self._each(self.loss.at, y, eta).sum(axis=1)

    def gradient(self, y, eta):
        return self._each(self.loss.slope, y, eta)

    def hessian(self, y, eta):
        return self._each(self.loss.bend, y, eta)[:, :, None] * np.eye(self.n_outputs)

    def predict(self, eta):
        if not self.loss.is_probable:
            return eta
        told = self._own_chances(eta)
        total = told.sum(axis=1, keepdims=True)
        return np.divide(told, total, out=np.full_like(told, 1 / told.shape[1]), where=total > 0)

    def rise(self, eta):
        total = self._own_chances(eta).sum(axis=1)
        total[total == 0] = 1  # then nothing rises
        own = np.stack([self.loss.rise(column[:, None])[:, 0, 1] for column in eta.T], axis=1)
        shared = np.eye(self.n_outputs) - self.predict(eta)[:, None, :]
        return (own / total[:, None])[:, :, None] * shared

    def _own_chances(self, eta):
        """Return the probability of each class against all others."""
        return np.stack([self.loss.predict(column[:, None])[:, 1] for column in eta.T], axis=1)


def _both_ways(slopes):
    """Return derivatives of two probabilities from those of the second one, of shape (n, 1)."""
    return np.stack([-slopes, slopes], axis=2)


def _sign(y):
    return 2.0 * y - 1
