"""The leaves of many trees at once, from bits that say which leaves are still possible."""

import numpy as np

from .places import places

MOST_LEAVES = 64  # of a tree: one bit of an integer each
_KNOWN = 256  # categories that scikit-learn's bitsets hold
_BLOCK = 512  # rows whose masks stay in the cache
_TREES = 128  # in one table, which is to stay in the cache too


class LeafMasks:
    """The leaves of trees of histograms with at most 64 of them, numbered from left to right.

    Each node that a row leaves to the right rules out the leaves on its left, so of those that no
    node rules out, the leftmost is the row's. What all nodes of a feature rule out depends on the
    row's place among their thresholds alone. A table holds it for all trees side by side: a row
    takes one line of it for each feature.

    Parameters
    ----------
    trees : list of ndarray
        The nodes of each tree, parents before their left branch and that before the right one.
    left_sets : list of ndarray of uint32
        For each tree, the categories that nodes send to the left, as bits.
    known : ndarray of uint32, place_of_known : ndarray of int
        The categories that each categorical feature has been seen to take, as bits, and the
        line of each feature.

    References
    ----------
    Lucchese et al. (2015), "QuickScorer: a fast algorithm to rank documents with additive ensembles
    of regression trees".
    """

    def __init__(self, trees, left_sets, known, place_of_known):
        self._left_sets = left_sets
        self._known, self._line = _bits(known), place_of_known
        is_leaf = np.concatenate([tree["is_leaf"] for tree in trees]) == 1
        at = np.flatnonzero(~is_leaf)
        sizes, self._n_trees = [len(tree) for tree in trees], len(trees)
        tree = np.repeat(np.arange(len(trees)), sizes)
        root = (np.cumsum(sizes) - sizes)[tree]
        before = np.cumsum(is_leaf) - is_leaf
        before -= before[root]  # leaves of its tree on the left of each node
        self._bits = np.uint32 if before.max() < 32 else np.uint64

        def of_nodes(name):
            return np.concatenate([tree[name] for tree in trees])[at]

        self._tree = tree[at]
        first, last = before[at], before[root[at] + of_nodes("right")]
        left = (np.uint64(1) << last.astype(np.uint64)) - (np.uint64(1) << first.astype(np.uint64))
        self._right_only = (~left).astype(self._bits)
        self._all = ~self._bits(0)
        self._features, self._feature = np.unique(of_nodes("feature_idx"), return_inverse=True)
        self._sends_missing_left = of_nodes("missing_go_to_left") == 1
        self._has_set, self._set = of_nodes("is_categorical") == 1, of_nodes("bitset_idx")
        self._takes_sets = np.zeros(len(self._features), dtype=bool)
        self._takes_sets[self._feature[self._has_set]] = True
        self._thresholds = []
        self._place = np.zeros(len(at), dtype=np.intp)  # the first that goes to the right
        numbers = of_nodes("num_threshold")
        for f in range(len(self._features)):
            here = np.flatnonzero((self._feature == f) & ~self._has_set)
            thresholds, place = np.unique(numbers[here], return_inverse=True)
            self._thresholds.append(thresholds)
            self._place[here] = place + 1
        self._missing = max([_KNOWN * self._takes_sets.any(), *map(len, self._thresholds)]) + 1
        self._latest = None, None  # a table, and where it begins

    def rows(self, X):
        """Return the place of each row among the thresholds of each feature that trees ask for.

        Parameters
        ----------
        X : ndarray of shape (n, n_features)

        Returns
        -------
        rows : ndarray of int of shape (n_used, n)
        """
        told = np.empty((len(self._features), len(X)), dtype=np.uint16)
        for f, feature in enumerate(self._features):
            column = np.ascontiguousarray(X[:, feature])
            if self._takes_sets[f]:
                known = np.append(self._known[self._line[feature]], False)
                code = np.where((column >= 0) & (column < _KNOWN), column, _KNOWN).astype(np.intp)
                told[f] = np.where(known[code], code, self._missing)
            else:
                told[f] = places(column, self._thresholds[f])
                told[f][np.isnan(column)] = self._missing
        return told

    def leaves(self, rows):
        """Yield the leaf of each row in each tree.

        Parameters
        ----------
        rows : ndarray of int of shape (n_used, n)

        Yields
        ------
        leaf : ndarray of int of shape (n,)
        """
        for first in range(0, self._n_trees, _TREES):
            for leaf in self._leaves(rows, self._table(first)):
                yield leaf.astype(np.intp)

    def _leaves(self, rows, table):
        """Return the leaf of each row in the trees of a table, of shape (n_trees, n)."""
        n, n_trees = rows.shape[1], table.shape[2]
        told = np.empty((n_trees, n), dtype=np.uint8)
        line = np.empty((_BLOCK, n_trees), dtype=self._bits)
        for start in range(0, n, _BLOCK):
            here = rows[:, start : start + _BLOCK].astype(np.intp)
            line = line[: here.shape[1]]
            possible = np.full(line.shape, self._all)
            for lines, place in zip(table, here, strict=True):
                possible &= np.take(lines, place, axis=0, out=line, mode="clip")
            told[:, start : start + _BLOCK] = _lowest(possible).T
        return told

    def _table(self, first):
        """Return which leaves each place leaves possible, of shape (n_used, n_places, n_trees).

        It is of the trees from the first one on.
        """
        if self._latest[0] == first:
            return self._latest[1]
        begin, end = np.searchsorted(self._tree, [first, first + _TREES])
        n_trees = min(self._n_trees - first, _TREES)
        table = np.full((len(self._features), self._missing + 1, n_trees), self._all)
        here = begin + np.flatnonzero(~self._has_set[begin:end])
        which = self._feature[here], self._place[here], self._tree[here] - first
        np.bitwise_and.at(table, which, self._right_only[here])
        np.bitwise_and.accumulate(table, axis=1, out=table)
        for i in begin + np.flatnonzero(self._has_set[begin:end]):
            goes_left = _bits(self._left_sets[self._tree[i]][self._set[i]])
            possible = np.where(goes_left, self._all, self._right_only[i])
            table[self._feature[i], :_KNOWN, self._tree[i] - first] &= possible
        table[:, self._missing] = self._all
        here = begin + np.flatnonzero(~self._sends_missing_left[begin:end])
        which = self._feature[here], self._missing, self._tree[here] - first
        np.bitwise_and.at(table, which, self._right_only[here])
        self._latest = first, table
        return table


def _bits(sets):
    """Return sets of numbers below 256, given as eight uint32 each, as booleans."""
    sets = np.ascontiguousarray(sets, dtype="<u4")
    return np.unpackbits(sets.view(np.uint8), axis=-1, bitorder="little").astype(bool)


def _lowest(masks):
    """Return the place of the lowest bit of integers, none of which is 0."""
    alone = (masks & -masks).astype(np.float32)  # powers of two are exact
    return ((alone.view(np.int32) >> 23) - 127).astype(np.uint8)
