"""Products with the Hessian, which is never formed: for models of many columns."""

import numpy as np


class Products:
    """The Hessian of a `LinearFit` as a linear map of its coefficients.

    Parameters
    ----------
    fit : LinearFit
    """

    def __init__(self, fit):
        self.shape, self.free, self.ridge = fit.coef.shape, fit.free, fit.ridge
        self._parts = []
        for where in fit.blocks():
            Z = fit.rows(where)
            self._parts.append((Z, fit.bends(where, Z)))

    def of_losses(self, right):
        """Return products with columns of shape (P, m, k), without the penalty."""
        right, told = right * self.free[:, :, None], np.zeros(right.shape)
        for Z, bends in self._parts:
            ahead = [Z @ right[:, a] for a in range(right.shape[1])]
            for a in range(right.shape[1]):
                back = sum(bends[:, a, b, None] * ahead[b] for b in range(len(ahead)))
                told[:, a] += Z.T @ back
        return told * self.free[:, :, None]

    def __call__(self, right):
        """Return products with columns of shape (P, m, k)."""
        return self.of_losses(right) + (self.ridge * self.free)[:, :, None] * right

    def diagonal(self):
        """Return the diagonal of the Hessian, of shape (P, m)."""
        told = np.where(self.free, self.ridge, 0.0)
        for Z, bends in self._parts:
            squares = Z.multiply(Z) if hasattr(Z, "multiply") else Z**2
            told += squares.T @ np.einsum("iaa->ia", bends)
        return np.where(self.free, told, 0.0)
