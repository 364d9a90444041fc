"""Euclidean orders from one matrix product for each block of validation rows.

``|v - x|^2 = |v|^2 + |x|^2 - 2 v x``. The product is many times as fast as distances pair by
pair, and rounds differently; but by how much at most is known. Rows closer in distance than that
are ordered by their distances pair by pair, so the order is exactly that of `Pairs`.
"""

from dataclasses import dataclass

import numpy as np
from scipy.spatial.distance import cdist
from sklearn.utils import gen_batches

from .order import argsorted, bits_of, numbered, rows_of, settle, sort_keys

_SMALL = 2**17  # pairs that are sorted at once: few enough for a fast cache
_ROWS = 4096  # that are laid out at once
_UNITS = 1, 16, 1024  # parts of one, of which the numbers of a grid are multiples
_MANY = 0.25  # share of undecided rows, from which on all distances are taken pair by pair
_MAGIC = 2.0**52  # added to a number, leaves it rounded in the lower bits


@dataclass(frozen=True)
class Products:
    """Validation rows that ask training rows, by Euclidean distance; as `Pairs`.

    Attributes
    ----------
    pairs : Pairs
        The same by another way, for rows that the product does not tell apart.
    train, asking : ndarray of shape (n_features + 2, n) and (n_asking, n_features + 2)
        Rows whose products are squared distances, plus 2**52, in units so small that more bits
        would not be certain: a float of that size is rounded to an integer, in its lower bits.
    n_bits : int
        That are left for the number of a row.
    doubt : int
        How many units two squared distances may be apart and yet in the wrong order.
    """

    pairs: object
    train: np.ndarray
    asking: np.ndarray
    n_bits: int
    doubt: int

    @classmethod
    @np.errstate(over="ignore", invalid="ignore")
    def of(cls, pairs):
        """Return a search, or None where the squares of the numbers leave the range of floats."""
        X, V = pairs.X, pairs.X_val
        unit = _grid(X, V)
        centre = X.mean(axis=0)
        if unit:
            centre = np.round(centre * unit) / unit
        n, d = X.shape
        train = np.empty((d + 2, n))
        for rows in gen_batches(n, _ROWS):
            np.subtract(X[rows].T, centre[:, None], out=train[:d, rows])
        V = train[:d].T if V is None else V - centre
        square, V_square = np.einsum("ij,ij->j", train[:d], train[:d]), np.einsum("ij,ij->i", V, V)
        reach = (np.sqrt(square.max()) + np.sqrt(V_square.max())) ** 2
        if not 1e-200 < reach < 1e200:
            return None
        n_bits = max(12, bits_of(n))  # at most 52 are left, as many as a float rounds to
        room = 2.0 ** (62 - n_bits)
        if unit and unit**2 * reach <= room:
            scale, doubt = float(unit), 0  # whole numbers throughout
        else:
            scale = 2.0 ** np.floor(np.log2(room / reach) / 2)
            n_terms = d + 2  # each may be rounded to a unit, or be as wrong as eps
            wrong = n_terms + (2 * n_terms + 16) * np.finfo(float).eps * reach * scale**2
            doubt = int(np.ceil(2 * wrong)) + 2
        constant = V_square[:, None] * scale**2 + (_MAGIC + doubt)
        asking = np.hstack([V * (-2 * scale), np.ones((len(V), 1)), constant])
        train[:d] *= scale
        train[d], train[d + 1] = square * scale**2, 1
        return cls(pairs, train, asking, n_bits, doubt)

    def lines(self, first, last, n_rows):
        """Yield orders as `Pairs.lines` does, and None for the distances."""
        n = self.train.shape[1]
        own, shift = numbered(n), np.uint64(self.n_bits)
        inner, plain = max(1, _SMALL // n), False
        products = np.empty((min(n_rows, last - first), n))
        keys, gaps = np.empty((2, min(inner, n_rows), n), dtype=np.uint64)
        for begin in range(first, last, n_rows):
            end = min(begin + n_rows, last)
            np.matmul(self.asking[begin:end], self.train, out=products[: end - begin])
            for start in range(begin, end, inner):
                stop = min(start + inner, end)
                if plain:
                    yield start, self._plain(start, stop), None
                    continue
                bits = products[start - begin : stop - begin].view(np.uint64)
                np.left_shift(bits, shift, out=keys[: len(bits)])
                keys[: len(bits)] += own
                order, plain = self._order(keys[: len(bits)], start, stop, gaps)
                yield start, order, None

    def _order(self, keys, first, last, gaps):
        """Return the orders that keys tell, and whether they tell too few."""
        keys = sort_keys(keys, self.pairs.alone(first, last))
        if not self.doubt:
            return rows_of(keys, self.n_bits), False
        gaps = gaps[: len(keys), : keys.shape[1] - 1]
        np.subtract(keys[:, 1:], keys[:, :-1], out=gaps)
        linked = gaps < np.uint64(self.doubt << self.n_bits)
        order, n_linked = rows_of(keys, self.n_bits), np.count_nonzero(linked)
        if n_linked > _MANY * linked.size:
            return self._plain(first, last), True
        if not n_linked:
            return order, False
        for line in np.flatnonzero(linked.any(axis=1)):
            row = self.pairs.asking[first + line][None]
            settle(
                order[line],
                linked[line],
                lambda rows, row=row: cdist(row, self.pairs.X[rows], "sqeuclidean")[0],
            )
        return order, False

    def _plain(self, first, last):
        """Return orders by distances pair by pair, most of which the product did not tell apart."""
        return argsorted(self.pairs.distances(first, last), self.pairs.alone(first, last))


def _grid(X, V):
    """Return the parts of one that all numbers are multiples of, or None."""
    for unit in _UNITS:
        if all(Z is None or _is_whole(Z, unit) for Z in (X, V)):
            return unit
    return None


def _is_whole(Z, unit):
    some = Z[:100] * unit
    if not np.array_equal(some, np.round(some)):
        return False
    return all(
        np.array_equal(part, np.round(part))
        for part in (Z[i : i + 4096] * unit for i in range(0, len(Z), 4096))
    )
