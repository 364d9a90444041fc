"""A fitted linear model as what it minimises: losses of linear predictors, and a penalty."""

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from sklearn.utils import gen_batches

from .losses import Loss

_CELLS = 2**22  # entries of a block of rows


@dataclass(frozen=True)
class LinearFit:
    """The coefficients that minimise ``sum(weight * loss(y, Z @ coef)) + penalty(coef)``.

    Rows of Z are those of X, less `shift`, and a 1 at the end. There are P columns and
    m predictors.

    Attributes
    ----------
    X : ndarray or CSR matrix of shape (n, P - 1)
    y : ndarray of shape (n,)
        As the loss takes it.
    weight : ndarray of shape (n,)
    loss : Loss
    coef : ndarray of shape (P, m)
        The last row holds the intercepts.
    free : ndarray of bool of shape (P, m)
        The coefficients that move when a row goes; others are 0 and stay so.
    ridge : ndarray of shape (P, m)
        Second derivatives of the penalty that is left when a row has gone.
    slope : ndarray of shape (P, m)
        First derivatives of the penalty.
    pull : ndarray of shape (P, m) or None
        Those of what a row of share 1 brings of the penalty: where the objective is a mean over
        rows and a penalty, the penalty of the sum is smaller with one row less.
    share : ndarray of shape (n,) or None
    shift : ndarray of shape (P - 1,)
        Taken from the columns of X, so that they are nearly orthogonal to the intercept.
    columns : ndarray of int or None
        The columns of the model's own X that X holds; None for all.
    """

    X: object
    y: np.ndarray
    weight: np.ndarray
    loss: Loss
    coef: np.ndarray
    free: np.ndarray
    ridge: np.ndarray
    slope: np.ndarray
    pull: object
    share: object
    shift: np.ndarray
    columns: object = None

    def __len__(self):
        return len(self.y)

    def gradient(self):
        """Return derivatives of the objective, of shape (P, m): 0 where it is at its optimum."""
        total = self.slope.copy()
        for where in self.blocks(self.coef.size):
            Z = self.rows(where)
            total += Z.T @ self.slopes(where, Z)
        return np.where(self.free, total, 0.0)

    def blocks(self, width=0):
        """Return slices of rows, so that `width` entries for each are not too large together."""
        own = self.X.nnz // len(self) if sparse.issparse(self.X) else self.X.shape[1]
        size = int(np.clip(_CELLS // (width + own + 1), 1, len(self)))
        return list(gen_batches(len(self), size))

    def ways(self):
        """Return the unit changes of the predictors, of shape (m, m).

        Where the loss stays the same when all rise alike, that part is taken from each: nothing
        depends on it, and there may be no solution for it.
        """
        m = self.coef.shape[1]
        return np.eye(m) - self.loss.levelled / m

    def rows(self, where):
        """Return rows of Z."""
        return self.augmented(self.X[where])

    def of_model(self, X):
        """Return rows of Z for other rows of the model's X."""
        return self.augmented(X if self.columns is None else X[:, self.columns])

    def augmented(self, X):
        """Return X less the shift, with a 1 at the end of each row."""
        ones = np.ones((X.shape[0], 1))
        if sparse.issparse(X):
            return sparse.hstack([X, ones], format="csr")
        return np.hstack([X - self.shift, ones])

    def slopes(self, where, Z):
        """Return the derivatives of the weighted losses by their predictors, of shape (b, m)."""
        return self.weight[where, None] * self.loss.gradient(self.y[where], Z @ self.coef)

    def bends(self, where, Z):
        """Return second derivatives of the weighted losses, of shape (b, m, m)."""
        bends = self.loss.hessian(self.y[where], Z @ self.coef)
        return self.weight[where, None, None] * bends


def dense(Z):
    """Return rows as an array."""
    return Z.toarray() if sparse.issparse(Z) else Z


def each_pulled_back(Z, slopes):
    """Return the derivatives by the coefficients for each row, of shape (P, m, b)."""
    return dense(Z).T[:, None, :] * slopes.T[None, :, :]
