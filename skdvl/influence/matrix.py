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
        told = self._numbers(rows)
        if np.ndim(told) == 0:
            return self._of(np.atleast_1d(told))[0]
        return self._of(told) if len(told) else np.empty((0, self.shape[1]))

    def __array__(self, dtype=None, copy=None):
        whole = self.write(np.empty(self.shape))
        return whole if dtype is None else whole.astype(dtype, copy=False)

    def _numbers(self, rows):
        """Return the numbers of some training rows, or one number."""
        try:
            told = np.arange(len(self))[rows]
        except IndexError as error:
            raise IndexError(
                f"[{rows!r}] asks for what this matrix of shape {self.shape} does not tell: it is "
                "computed by training rows, so take a row number, a list, a slice or a mask of "
                f"{len(self)} rows. For columns take numpy.asarray(matrix), or an influence_matrix "
                "of these test rows."
            ) from error
        if np.ndim(told) > 1:
            raise IndexError(
                f"rows must be a row number, or a list, slice or mask of rows; got {rows!r}."
            )
        return told

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
        if not hasattr(out, "shape") or not hasattr(out, "dtype"):
            raise ValueError(
                f"out must be an array of shape {self.shape} to write to, such as a numpy.memmap; "
                f"got {type(out).__name__}."
            )
        if out.shape != self.shape:
            raise ValueError(f"out has shape {out.shape}; expected {self.shape}.")
        if not np.can_cast(self.dtype, out.dtype, casting="same_kind"):
            raise ValueError(f"out has dtype {out.dtype}, which does not hold floats.")
        for rows, block in self:
            out[rows] = block
        return out
