"""What a step of Newton's method is wrong by, to second order."""

import numpy as np

from .inverse import pulled_back
from .linear_fit import dense


class Turn:
    """How the Hessian changes along a way of the coefficients.

    A step of Newton's method takes the Hessian for constant, and is wrong to second order by its
    change. Of a mean over rows this matters, since effects on single rows cancel each other there
    while errors do not. Where second derivatives jump, as those of a squared hinge, the change at
    the jump is left out: it is infinite for rows that stand just there.

    Parameters
    ----------
    fit : LinearFit
    along : ndarray of shape (P, m)
        The way: the inverse Hessian times the slope of what is asked for.
    """

    def __init__(self, fit, along):
        self.fit, self.along = fit, along
        self.change = pulled_back(fit, self._of_rows)

    def _of_rows(self, where, Z):
        told = self.fit.loss.turn(self.fit.y[where], Z @ self.fit.coef, Z @ self.along)
        return self.fit.weight[where, None, None] * told

    def error(self, where, steps):
        """Return what steps of shape (P, m, b), one for each row that goes, say too much."""
        Z = self.fit.rows(where)
        flat = steps.reshape(-1, steps.shape[2])
        whole = np.einsum("kb,kb->b", flat, self.change @ flat)
        rows = dense(Z)
        moved = [np.einsum("bp,pb->b", rows, steps[:, a]) for a in range(steps.shape[1])]
        moved = np.stack(moved, axis=1)
        own = np.einsum("ba,bac,bc->b", moved, self._of_rows(where, Z), moved)
        return (whole - own) / 2
