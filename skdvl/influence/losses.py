"""Losses of linear predictors, with their first and second derivatives.

A row has one predictor or several, `eta` of shape (n, m). Derivatives are by the predictors; by the
chain rule the design makes derivatives by the coefficients of them.
"""

from abc import ABC, abstractmethod

import numpy as np

_ASIDE = 1e-3  # of a predictor, where a derivative is a difference


class Loss(ABC):
    """A loss of m predictors.

    Attributes
    ----------
    n_outputs : int
        The number m of predictors of a row.
    unit : float
        What the loss is multiplied by to be the one of :mod:`sklearn.metrics`.
    steady : bool
        Whether second derivatives are constant, but for places where they jump.
    levelled : bool
        Whether the loss stays the same when all predictors rise by as much.
    """

    n_outputs = 1
    unit = 1.0
    steady = False
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

    def turn(self, y, eta, way):
        """Return how second derivatives change along `way`, of shape (n, m), but for jumps."""
        if self.steady:
            return np.zeros((*eta.shape, self.n_outputs))
        step = _ASIDE / max(np.abs(way).max(), np.finfo(float).tiny)
        ahead, behind = (self.hessian(y, eta + sign * step * way) for sign in (1, -1))
        return (ahead - behind) / (2 * step)

    @abstractmethod
    def predict(self, eta):
        """Return what the estimator says of these predictors."""

    @abstractmethod
    def rise(self, eta):
        """Return the derivatives of that: (n, m) of targets, (n, m, n_classes) of probabilities."""

    def checked(self, y):
        """Return targets, or refuse those of which there is no loss."""
        return y

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

    def rise(self, eta):
        return np.ones_like(eta)
