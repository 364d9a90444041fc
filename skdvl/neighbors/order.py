"""Orders by distance, ties in the order of the rows: what a stable argsort gives, sooner.

A distance and the number of its row share one integer, the distance in the upper bits. Integers are
sorted many times as fast as a stable argsort takes. Where the upper bits do not tell two
distances apart, the distances themselves are looked at.
"""

import numpy as np

from .sorting import sort_lines

_SIGN = np.uint64(2**63)
_LARGE = 2.0**1022
_FEW = 1000  # rows, below which a stable argsort is as quick
_MANY = 0.125  # share of a line that the upper bits do not tell apart, from which on it is quicker


def nearest_first(distances, alone=None):
    """Rows by distance, nearest first; equal distances in the order of the rows, NaN last.

    Parameters
    ----------
    distances : ndarray of float32 or float64 of shape (n_games, n_players)
        Of any sign.
    alone : ndarray of int of shape (n_games,) or None, default=None
        A player of each game that is left out.

    Returns
    -------
    order : ndarray of int64 of shape (n_games, n_players), or one less

    Examples
    --------
    >>> import numpy as np
    >>> from skdvl.neighbors.order import nearest_first
    >>> nearest_first(np.array([[0.5, 0.0, 0.5, -0.0]]))
    array([[1, 3, 0, 2]])
    """
    n = distances.shape[1]
    if n < _FEW:
        return argsorted(distances, alone)
    if distances.min() >= 0 and float(distances.max()) < _LARGE:
        keys, n_bits = _plain_keys(distances)
        keys = sort_keys(keys, alone)
    else:
        keys, n_bits = _keys(distances)
        keys = sort_keys(keys, alone, are_floats=False)
    linked = keys[:, 1:] ^ keys[:, :-1] < np.uint64(2**n_bits)
    order = rows_of(keys, n_bits)
    if distances.dtype == np.float64:
        line, place = np.nonzero(linked)
        nearer, farther = (
            distances[line, order[line, place]],
            distances[line, order[line, place + 1]],
        )
        for wrong in np.unique(line[nearer > farther]).tolist():
            if np.count_nonzero(linked[wrong]) > _MANY * n:
                own = None if alone is None else alone[[wrong]]
                order[wrong] = argsorted(distances[[wrong]], own)[0]
            else:
                settle(order[wrong], linked[wrong], distances[wrong].take)
    return order


def argsorted(distances, alone=None):
    """Return what `nearest_first` does, by a stable argsort."""
    order = np.argsort(distances, axis=1, kind="stable")
    return order if alone is None else order[order != alone[:, None]].reshape(len(order), -1)


def bits_of(n):
    """Return how many bits the number of a row takes, among n."""
    return max(1, int(n - 1).bit_length())


def numbered(n):
    """Return what to add to keys, without which small ones would be denormal floats."""
    return np.arange(2**52, 2**52 + n, dtype=np.uint64)


def sort_keys(keys, alone=None, are_floats=True):
    """Sort each line of keys, in place or not; return it without the players that are left out.

    Parameters
    ----------
    keys : ndarray of uint64 of shape (n_games, n_players)
    alone : ndarray of int or None, default=None
    are_floats : bool, default=True
        Whether all keys are the bits of positive floats, which are sorted nearly twice as fast as
        unsigned integers.
    """
    if alone is not None:
        keys[np.arange(len(keys)), alone] = keys.max(axis=1)  # so that it is the last, or its twin
    keys = sort_lines(keys.view(np.float64) if are_floats else keys).view(np.uint64)
    return keys if alone is None else keys[:, :-1]


def rows_of(keys, n_bits):
    """Return the rows that the lower bits of keys tell, in the place of the keys."""
    keys &= np.uint64(2**n_bits - 1)
    return keys.view(np.int64)


def settle(order, linked, distances_of):
    """Order exactly, in place, what the keys could not tell apart.

    Parameters
    ----------
    order : ndarray of int of shape (n,)
        Rows, nearest first as far as is known.
    linked : ndarray of bool of shape (n - 1,)
        Whether the row at this place and the one behind it may be the wrong way round.
    distances_of : callable
        Returns the distances of rows.
    """
    links = np.flatnonzero(linked)
    places = np.union1d(links, links + 1)
    rows = order[places]
    # Runs of linked places; a run begins where the place before is not linked.
    run = np.append(True, ~linked[places[1:] - 1]).cumsum()
    order[places] = rows[np.lexsort((rows, distances_of(rows), run))]


def _plain_keys(distances):
    """Return integers that sort as distances do, the row in their lower bits; how many bits.

    Distances are finite and not negative.
    """
    n = distances.shape[1]
    distances = distances + 0.0  # a copy, and without negative zeros
    if distances.dtype == np.float32:
        n_bits, keys = 32, distances.view(np.uint32).astype(np.uint64)
        keys <<= np.uint64(32)
    else:
        n_bits, keys = bits_of(n), distances.view(np.uint64)
        keys &= ~np.uint64(2**n_bits - 1)
    keys += numbered(n)
    return keys, n_bits


def _keys(distances):
    """Return what `_plain_keys` does, for distances of any kind."""
    n = distances.shape[1]
    distances = distances + 0.0  # a copy, and without negative zeros
    if np.isnan(distances.min(initial=0.0)):
        distances[np.isnan(distances)] = np.nan  # of positive sign
    if distances.dtype == np.float32:
        n_bits, signed = 32, distances.view(np.int32)
        keys = signed.astype(np.int64).view(np.uint64)
        keys <<= np.uint64(32)
    else:
        n_bits, signed = bits_of(n), distances.view(np.int64)
        keys = distances.view(np.uint64)
    negative = signed < 0
    if negative.any():
        keys[negative] = ~keys[negative]
    np.bitwise_xor(keys, _SIGN, out=keys, where=~negative)
    keys &= ~np.uint64(2**n_bits - 1)
    keys |= np.arange(n, dtype=np.uint64)
    return keys, n_bits
