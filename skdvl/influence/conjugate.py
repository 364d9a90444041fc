"""Solutions by conjugate gradients: for models of many columns, where few solutions are needed."""

import numpy as np

from ..notices import warn_caller
from .linear_fit import dense, each_pulled_back
from .products import Products

_PRECISION = 1e-10
_COLUMNS = 64  # solved for side by side


class Conjugate:
    """The inverse of the Hessian of a `LinearFit`, by solving for what it is asked for.

    Leverages take a solution for each row and predictor.

    Parameters
    ----------
    fit : LinearFit
    """

    knows_leverages = False
    is_direct = False
    width = 0

    def __init__(self, fit):
        self._product, self._ways = Products(fit), fit.ways()
        diagonal = self._product.diagonal()
        self._scale = np.divide(1, diagonal, out=np.zeros_like(diagonal), where=diagonal > 0)

    def solve(self, right):
        """Return the solutions for columns of shape (P, m, k), or (P, m), in the same shape."""
        columns = right.reshape(*self._product.shape, -1)
        told = np.zeros(columns.shape)
        for start in range(0, columns.shape[2], _COLUMNS):
            some = slice(start, start + _COLUMNS)
            told[:, :, some] = self._solve(columns[:, :, some] * self._product.free[:, :, None])
        return told.reshape(right.shape)

    def _solve(self, right):
        told, left = np.zeros_like(right), right.copy()
        scaled = self._scale[:, :, None] * left
        way, size = scaled.copy(), _dot(left, scaled)
        goal = _PRECISION**2 * size
        for _ in range(10 * right[:, :, 0].size + 100):
            if (size <= goal).all():
                return told
            ahead = self._product(way)
            step = _ratio(size, _dot(way, ahead))
            told += step * way
            left -= step * ahead
            scaled = self._scale[:, :, None] * left
            size, before = _dot(left, scaled), size
            way = scaled + _ratio(size, before) * way
        warn_caller(
            "Conjugate gradients did not find the solution to ten digits: the Hessian of the model "
            "is nearly singular. A stronger penalty helps, or solver='cholesky'.",
        )
        return told

    def leverages(self, Z):
        """Return ``Z_i H^-1 Z_i'`` of every row, of shape (b, m, m)."""
        n, m = Z.shape[0], self._product.shape[1]
        told = np.empty((n, m, m))
        for start in range(0, n, _COLUMNS):
            some = slice(start, start + _COLUMNS)
            part = Z[some]
            for a in range(m):
                ways = each_pulled_back(part, np.tile(self._ways[a], (part.shape[0], 1)))
                back = self.solve(ways)
                told[some, :, a] = np.einsum("ip,pbi->ib", dense(part), back)
        return told


def _dot(left, right):
    return np.einsum("pmk,pmk->k", left, right)


def _ratio(above, below):
    return np.divide(above, below, out=np.zeros_like(above), where=below > 0)
