"""The effects of all rows on all others, a block at a time."""

import numpy as np


class InfluenceMatrix:
    """What the going of each training row adds to the loss of each test row.

    It is computed when it is looked at, and never kept. Iterating yields pairs ``(rows, block)`` of
    a slice of training rows and their effects, of shape (n_rows, n_test). ``matrix[rows]`` is that
    of some rows, and ``numpy.asarray(matrix)`` all of it.

    Parameters
    ----------
    effects : Effects
    target : Target
    first_order : bool

    Attributes
    ----------
    shape : tuple
        (n_train, n_test)
    dtype : numpy.dtype

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.linear_model import Ridge
    >>> from skdvl import InfluenceValuator
    >>> X, y = load_diabetes(return_X_y=True)
    >>> valuator = InfluenceValuator(Ridge(), kind="loo").fit(X[:400], y[:400])
    >>> matrix = valuator.influence_matrix(X[400:], y[400:])
    >>> matrix
    InfluenceMatrix(shape=(400, 42))
    >>> matrix[:3].shape
    (3, 42)
    >>> sum(len(block) for rows, block in matrix)
    400
    """

    ndim = 2
    dtype = np.dtype(np.float64)

    def __init__(self, effects, target, first_order):
        self._effects, self._target, self._first_order = effects, target, first_order
        self.shape = len(effects.fit), len(target.y)

    def __len__(self):
        return self.shape[0]

    def __repr__(self):
        return f"InfluenceMatrix(shape={self.shape})"

    def __iter__(self):
        for rows in self._effects.blocks(self.shape[1]):
            yield rows, self._of(rows)

    def __getitem__(self, rows):
        everything = np.arange(len(self))[rows]
        block = self._of(np.atleast_1d(everything))
        return block[0] if np.ndim(everything) == 0 else block

    def __array__(self, dtype=None, copy=None):
        return self.write(np.empty(self.shape, dtype=dtype or self.dtype))

    def _of(self, rows):
        return self._effects.on_losses(rows, self._target, self._first_order)

    def write(self, out):
        """Write all of it into an array, such as a `numpy.memmap`, a block at a time.

        Parameters
        ----------
        out : ndarray of shape (n_train, n_test)

        Returns
        -------
        out : ndarray
        """
        if out.shape != self.shape:
            raise ValueError(f"out has shape {out.shape}; expected {self.shape}.")
        for rows, block in self:
            out[rows] = block
        return out
