"""The rows of many coalitions at once: what is predicted for them, and the gradients they make.

Weights and labels of a coalition stand in the order of its rows, so what is not asked for is not
reckoned either.
"""

import numpy as np

MANY = 0.7  # of the rows, at least, with which looking up takes longer than reckoning with all
FEW = 0.2  # of the rows, at most, with which a copy takes less than a product with all
CELLS = 2**20  # of all copies, at most


def make_rows(masks, X, scaling=None):
    """Return what holds the rows of some coalitions, the quickest way for as many as they have.

    Parameters
    ----------
    masks : ndarray of bool of shape (B, n)
    X : ndarray of shape (n, size)
    scaling : Scaling or None, default=None
        What scalers make of the rows of each coalition.

    Returns
    -------
    rows : AllRows
        Or a subclass of it.
    """
    most = np.count_nonzero(masks, axis=1).max(initial=1)
    if scaling is not None or most <= FEW * len(X) and most * len(masks) * X.shape[1] <= CELLS:
        return CopiedRows(masks, X, scaling)
    return OwnRows(masks, X) if most < MANY * len(X) else AllRows(masks, X)


def own_rows(masks):
    """Return the rows of each coalition, and some others at the end where others are larger."""
    most = np.count_nonzero(masks, axis=1).max(initial=1)
    return np.argsort(~masks, axis=1, kind="stable")[:, :most]


class AllRows:
    """The same rows for every coalition, of which its weights tell its own.

    Parameters
    ----------
    masks : ndarray of bool of shape (B, n)
    X : ndarray of shape (n, size)

    Attributes
    ----------
    is_shared : bool
        Whether all coalitions have the same rows.
    """

    is_shared = True

    def __init__(self, masks, X):
        self.X = X

    def of(self, array):
        """Return what belongs to the rows, of an array of shape (n,) or (B, n)."""
        return array

    def keep(self, lanes):
        """Leave the coalitions of these places, in this order."""

    def predict(self, x):
        """Return products of shape (B, n_vectors, rows) with vectors (B, n_vectors, size)."""
        B, K, size = x.shape
        return (x.reshape(-1, size) @ self.X.T).reshape(B, K, -1)

    def add_up(self, residual):
        """Return sums of rows, (B, n_vectors, size), with weights (B, n_vectors, rows)."""
        B, K, n = residual.shape
        return (residual.reshape(-1, n) @ self.X).reshape(B, K, -1)


class OwnRows(AllRows):
    """Each coalition's own rows, whose products are looked up among those of all rows."""

    is_shared = False

    def __init__(self, masks, X):
        super().__init__(masks, X)
        self._place(own_rows(masks))

    def _place(self, places):
        self.places, self.where, self.spread = places, None, None

    def of(self, array):
        if array.ndim == 1:
            return array[self.places]
        return np.take_along_axis(array, self.places, axis=1)

    def keep(self, lanes):
        self._place(self.places[lanes])

    def predict(self, x):
        products = super().predict(x)
        if self.where is None:
            B, K, n = products.shape
            first = np.arange(0, B * K * n, n).reshape(B, K, 1)
            self.where, self.spread = first + self.places[:, None], np.zeros(products.shape)
        return products.reshape(-1).take(self.where)

    def add_up(self, residual):
        # Only the places of own rows are ever written to, so the others stay zero.
        self.spread.reshape(-1)[self.where] = residual
        return super().add_up(self.spread)


class CopiedRows(OwnRows):
    """Each coalition's own rows, copied; on the scale of its own, if there is one."""

    def __init__(self, masks, X, scaling=None):
        super().__init__(masks, X)
        self.X = X[self.places]
        if scaling is not None:
            self.X -= scaling.centre[:, None]
            self.X /= scaling.scale[:, None]

    def keep(self, lanes):
        super().keep(lanes)
        self.X = self.X[lanes]

    def predict(self, x):
        return x @ self.X.swapaxes(1, 2)

    def add_up(self, residual):
        return residual @ self.X
