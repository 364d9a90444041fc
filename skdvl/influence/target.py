"""Rows whose loss matters, beside those that a model was fitted on."""

from dataclasses import dataclass

import numpy as np

from .measures import Measure
from .scorings import check_targets, measure


@dataclass(frozen=True)
class Target:
    """Rows whose loss matters.

    Attributes
    ----------
    Z : ndarray or CSR matrix of shape (n_target, P)
    y : ndarray of shape (n_target,)
    eta : ndarray of shape (n_target, m)
        Their predictors under the model of all rows.
    measure : Measure
        What is lost on them.
    """

    Z: object
    y: np.ndarray
    eta: np.ndarray
    measure: Measure

    @classmethod
    def of(cls, fit, X, y, scoring=None):
        """Make one from rows as the model takes them, and targets as the loss takes them."""
        y = fit.loss.checked(y) if scoring is None else check_targets(scoring, y)
        Z = fit.of_model(X)
        eta = Z @ fit.coef
        return cls(Z, y, eta, measure(scoring, fit.loss, y, eta))

    def slopes(self):
        """Return derivatives of what is lost on each row by its predictors, of shape (n, m)."""
        return self.measure.slope(self.y, self.eta)

    def added(self, steps, first_order):
        """Return what steps of the coefficients, of shape (P, m, b), add to what is lost.

        Parameters
        ----------
        steps : ndarray
        first_order : bool
            By the slope of the loss; otherwise by the loss itself at the new predictors.

        Returns
        -------
        added : ndarray of shape (b, n_target)
        """
        m, b = steps.shape[1:]
        moved = np.stack([self.Z @ steps[:, a] for a in range(m)], axis=2)  # (n_target, b, m)
        if first_order:
            return np.einsum("tbm,tm->bt", moved, self.slopes())
        before = self.measure.value(self.y, self.eta)
        after = (self.eta[:, None, :] + moved).reshape(-1, m)
        after = self.measure.value(np.repeat(self.y, b), after).reshape(-1, b)
        return (after - before[:, None]).T

    def counted(self, added, first_order):
        """Return what a score falls by: the same, unless it is a function of the mean."""
        rise = np.zeros(1) if first_order else added.mean(axis=1)
        return added * np.reshape(self.measure.per_unit(rise), (-1, 1))
