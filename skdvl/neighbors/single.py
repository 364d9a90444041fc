"""Euclidean orders in single precision: quicker where there are many columns."""

from dataclasses import dataclass

import numpy as np

from .order import numbered, rows_of, sort_keys

_SMALL = 2**17  # pairs that are sorted at once: few enough for a fast cache


@dataclass(frozen=True)
class SingleProducts:
    """Validation rows that ask training rows, by matrix products in float32; as `Pairs`.

    Rows whose distances differ by less than float32 tells may be swapped. Copies of a row are not:
    they have the same distance, whatever their place in the product.

    Attributes
    ----------
    pairs : Pairs
    train, asking : ndarray of float32 of shape (n_features + 2, n) and (n_asking, n_features + 2)
        Rows around their mean, in a unit that keeps squares in range, whose products are squared
        distances: the asking ones are times -2, and both have squared lengths.
    copies, originals : ndarray of int
        Rows that came before, and where they did.
    """

    pairs: object
    train: np.ndarray
    asking: np.ndarray
    copies: np.ndarray
    originals: np.ndarray

    @classmethod
    @np.errstate(over="ignore", invalid="ignore")
    def of(cls, pairs):
        """Return a search, or None where the squares of the numbers leave the range of floats."""
        centre = pairs.X.mean(axis=0)
        X = pairs.X - centre
        V = X if pairs.X_val is None else pairs.X_val - centre
        largest = max(np.abs(X).max(), np.abs(V).max())
        if not 1e-200 < largest < 1e200:
            return None
        scale = 2.0 ** -np.ceil(np.log2(largest))
        X, V = (X * scale).astype(np.float32), (V * scale).astype(np.float32)
        square, V_square = (np.einsum("ij,ij->i", Z, Z)[:, None] for Z in (X, V))
        train = np.hstack([X, square, np.ones_like(square)]).T.copy()
        asking = np.hstack([V * np.float32(-2), np.ones_like(V_square), V_square])
        return cls(pairs, train, asking, *repeats(X))

    def lines(self, first, last, n_rows):
        """Yield orders as `Pairs.lines` does, and None for the distances."""
        n = self.train.shape[1]
        own, shift = numbered(n), np.uint64(32)
        inner = max(1, _SMALL // n)
        products = np.empty((min(n_rows, last - first), n), dtype=np.float32)
        room = np.empty((min(inner, n_rows), n), dtype=np.uint64)
        for begin in range(first, last, n_rows):
            end = min(begin + n_rows, last)
            np.matmul(self.asking[begin:end], self.train, out=products[: end - begin])
            for start in range(begin, end, inner):
                stop = min(start + inner, end)
                squares, keys = products[start - begin : stop - begin], room[: stop - start]
                np.maximum(squares, 0, out=squares)
                if len(self.copies):
                    squares[:, self.copies] = squares[:, self.originals]
                np.copyto(keys, squares.view(np.uint32))
                keys <<= shift
                keys += own
                keys = sort_keys(keys, self.pairs.alone(start, stop))
                yield start, rows_of(keys, 32), None


def repeats(X):
    """Rows that are the same as an earlier one, and the first of each.

    Parameters
    ----------
    X : ndarray of float32 of shape (n, n_features)

    Returns
    -------
    copies, originals : ndarray of int
        Of the same length.
    """
    bits = (X + np.float32(0)).view(np.uint32)  # without negative zeros
    odd = np.random.default_rng(0).integers(2**63, size=X.shape[1], dtype=np.uint64) * 2 + 1
    digest = np.zeros(len(X), dtype=np.uint64)
    for column, factor in zip(bits.T, odd, strict=True):
        digest = (digest ^ column) * factor
        digest ^= digest >> np.uint64(32)
    order = np.argsort(digest, kind="stable")
    is_new = np.append(True, digest[order[1:]] != digest[order[:-1]])
    first = order[is_new][is_new.cumsum() - 1]
    is_copy = ~is_new
    is_copy[is_copy] = (X[order[is_copy]] == X[first[is_copy]]).all(axis=1)
    return order[is_copy], first[is_copy]
