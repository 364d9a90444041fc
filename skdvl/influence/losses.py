"""Losses of linear predictors, with their first and second derivatives.

A row has one predictor or several, `eta` of shape (n, m). Derivatives are by the predictors; by the
chain rule the design makes derivatives by the coefficients of them.
"""

from abc import ABC, abstractmethod

import numpy as np
from scipy.special import expit, log_softmax, softmax


class Loss(ABC):
    """A loss of m predictors.

    Attributes
    ----------
    n_outputs : int
        The number m of predictors of a row.
    unit : float
        What the loss is multiplied by to be the one of :mod:`sklearn.metrics`.
    quadratic : bool
        Whether second derivatives are constant, so that a Newton step is exact.
    levelled : bool
        Whether the loss stays the same when all predictors rise by as much.
    """

    n_outputs = 1
    unit = 1.0
    quadratic = False
    levelled = False

    @abstractmethod
    def value(self, y, eta):
        """Return the losses, of shape (n,)."""

    @abstractmethod
    def gradient(self, y, eta):
        """Return first derivatives, of shape (n, m)."""

    @abstractmethod
    def hessian(self, y, eta):
        """Return second derivatives, of shape (n, m, m)."""

    @abstractmethod
    def predict(self, eta):
        """Return what the estimator says of these predictors."""

    def plain(self):
        """Return the loss without weights of classes, as validation rows are judged by it."""
        return self


class PointLoss(Loss):
    """A loss of one predictor; subclasses tell it and its derivatives for arrays of shape (n,)."""

    @abstractmethod
    def at(self, y, eta):
        """Return the losses."""

    @abstractmethod
    def slope(self, y, eta):
        """Return first derivatives."""

    @abstractmethod
    def bend(self, y, eta):
        """Return second derivatives."""

    def value(self, y, eta):
        return self.at(y, eta[:, 0])

    def gradient(self, y, eta):
        return self.slope(y, eta[:, 0])[:, None]

    def hessian(self, y, eta):
        return self.bend(y, eta[:, 0])[:, None, None]

    def predict(self, eta):
        return eta[:, 0]


class SquaredError(PointLoss):
    """Half the squared error."""

    unit = 2.0
    quadratic = True

    def at(self, y, eta):
        return (y - eta) ** 2 / 2

    def slope(self, y, eta):
        return eta - y

    def bend(self, y, eta):
        return np.ones_like(eta)


class Logistic(PointLoss):
    """Log loss of a label, 0 or 1, by its log odds."""

    def at(self, y, eta):
        return np.logaddexp(0, eta) - y * eta

    def slope(self, y, eta):
        return expit(eta) - y

    def bend(self, y, eta):
        return expit(eta) * expit(-eta)

    def predict(self, eta):
        odds = eta[:, 0]
        return np.column_stack([expit(-odds), expit(odds)])


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
        if not isinstance(self.loss, Logistic):
            return eta
        told = expit(eta)
        return told / told.sum(axis=1, keepdims=True)
