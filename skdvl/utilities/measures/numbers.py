"""Measures of predicted numbers."""

import numpy as np


class SquaredError:
    """Mean squared error.

    Parameters
    ----------
    target : ndarray of float of shape (m,)
    """

    def __init__(self, target):
        self.target = target

    def __call__(self, decision, error=None):
        residual = decision[0] - self.target
        return self._of(residual), np.ones(len(residual), dtype=bool)

    def by_row(self, decision):
        """Return the part of each validation row, of shape (B, m); their mean is the measure."""
        return np.square(decision[0] - self.target)

    def _of(self, residual):
        return np.einsum("bm,bm->b", residual, residual) / residual.shape[1]


class RootSquaredError(SquaredError):
    """Root of the mean squared error."""

    by_row = None  # type: ignore[assignment]

    def _of(self, residual):
        return np.sqrt(super()._of(residual))


class AbsoluteError(SquaredError):
    """Mean absolute error."""

    def by_row(self, decision):
        return np.abs(decision[0] - self.target)

    def _of(self, residual):
        return np.abs(residual).mean(axis=1)


class R2(SquaredError):
    """Share of the target's variance that predictions explain; the target must not be constant."""

    def __init__(self, target):
        super().__init__(target)
        self._variance = np.square(target - target.mean()).mean()

    def by_row(self, decision):
        return 1 - super().by_row(decision) / self._variance

    def _of(self, residual):
        return 1 - super()._of(residual) / self._variance
