"""Sorting lines of integers, on processors of either kind.

numpy sorts by vector instructions that compress, which some processors do in tens of cycles: there
its sort takes six times as long as where integers first go to cells by their size, of which
each holds a few. Cells are made by scipy, whose transposition of a sparse matrix counts and moves.
Which of the two is quicker is measured once; what comes out is the same.
"""

from functools import cache
from time import perf_counter

import numpy as np
from scipy.sparse import csr_array

_IN_CELL = 8  # integers for each cell, about, where they are spread evenly
_FULL = 128  # at most; more of them leave the line to numpy
_SAMPLE = 256  # keys that tell how wide the cells are to be,
_NEAR = 0.96  # of which this share is to go to cells of their own,
_LAST = 0.1  # and at most this one to the last of all
_WINDOW = 256  # integers that numpy sorts in registers
_FEWEST = 2**12  # in a line, below which numpy sorts about as fast
_TRIED = 2**15


def sort_lines(keys):
    """Sort each line, in place or not.

    Parameters
    ----------
    keys : ndarray of uint64, or of float64 that is finite and not negative
        Of shape (n_lines, n), contiguous.

    Returns
    -------
    keys : ndarray of the same shape and type
        The lines, sorted.

    Examples
    --------
    >>> import numpy as np
    >>> from skdvl.neighbors.sorting import sort_lines
    >>> sort_lines(np.array([[3, 1, 2]], dtype=np.uint64))
    array([[1, 2, 3]], dtype=uint64)
    """
    if keys.shape[1] >= _FEWEST and keys.size < 2**31 and _cells_are_quicker():
        by_cells = sort_by_cells(keys)
        if by_cells is not None:
            return by_cells
    keys.sort(axis=1)
    return keys


def sort_by_cells(keys):
    """Return a sorted copy of `keys`, or None where too many of them fall into one cell."""
    n_lines, n = keys.shape
    n_cells = 2 ** max(1, int(n // _IN_CELL).bit_length())
    columns = csr_array(
        (keys.reshape(-1), _cells(keys, n_cells).reshape(-1), np.array([0, keys.size], np.int32)),
        shape=(1, n_lines * n_cells),
    ).tocsc()
    sizes = np.diff(columns.indptr).reshape(n_lines, n_cells)
    largest = int(sizes[:, :-1].max())
    if largest > _FULL or sizes[:, -1].max() > _LAST * n:
        return None
    lines = columns.data.reshape(n_lines, n)
    for line, far in zip(lines, sizes[:, -1].tolist(), strict=True):
        line[n - far :].sort()
    _sort_windows(lines, _WINDOW)
    # What is left are cells on the border of two windows.
    _sort_windows(lines[:, _WINDOW - largest :], 2 * largest)
    return lines


def _cells(keys, n_cells):
    """Return the cell of each key, of equal widths but for the last, which takes the largest."""
    keys = keys.view(np.uint64)  # positive floats sort as their bits do
    least = keys.min(axis=1, keepdims=True)
    some = np.sort(keys[:, :: max(1, keys.shape[1] // _SAMPLE)], axis=1)
    spans = some[:, int(_NEAR * some.shape[1])] - least[:, 0]
    shifts = [max(0, int(span).bit_length() - n_cells.bit_length() + 1) for span in spans]
    cells = keys - least
    cells >>= np.array(shifts, dtype=np.uint64)[:, None]
    np.minimum(cells, np.uint64(n_cells - 1), out=cells)
    if len(cells) > 1:
        cells += np.arange(0, len(cells) * n_cells, n_cells, dtype=np.uint64)[:, None]
    return cells.astype(np.int32)


def _sort_windows(lines, width):
    """Sort the first `width` of every `_WINDOW` integers of each line, in place."""
    n_lines, n = lines.shape
    whole = n - n % _WINDOW
    lines[:, :whole].reshape(n_lines, -1, _WINDOW)[:, :, :width].sort(axis=2)
    lines[:, whole:][:, :width].sort(axis=1)


@cache
def _cells_are_quicker():
    """Return which way is quicker on this processor."""
    keys = np.random.default_rng(0).random((1, _TRIED))
    seconds = []
    for way in (sort_by_cells, lambda keys: keys.copy().sort(axis=1)):
        way(keys)
        began = perf_counter()
        way(keys)
        seconds.append(perf_counter() - began)
    return seconds[0] < seconds[1]
