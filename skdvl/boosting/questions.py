"""What the nodes of trees ask of rows: each question once, and the answers of 64 rows at a time."""

import numpy as np

_KNOWN = 256  # categories that scikit-learn's bitsets hold


class Questions:
    """Which rows go to the right at nodes of trees of histograms.

    Many nodes of a booster ask the same, since thresholds lie between few bins.

    Parameters
    ----------
    nodes : ndarray
        Nodes of scikit-learn.
    inner : ndarray of int
        Those that are no leaves.
    left_sets : ndarray of uint32 of shape (n_sets, 8)
        Categories that nodes send to the left, as bits.
    set_of_node : ndarray of int
        Of inner nodes; means nothing where they ask for no category.
    known : ndarray of uint32, place_of_known : ndarray of int
        The categories that each categorical feature has been seen to take, as bits, and the
        line of each feature.

    Attributes
    ----------
    of_node : ndarray of int
        The question of each inner node.
    """

    def __init__(self, nodes, inner, left_sets, set_of_node, known, place_of_known):
        self._left_sets, self._known, self._line = _bits(left_sets), _bits(known), place_of_known
        by_set = nodes["is_categorical"][inner] == 1
        number = np.where(by_set, set_of_node, nodes["num_threshold"][inner])
        key = 2 * nodes["feature_idx"][inner].astype(np.intp) + nodes["missing_go_to_left"][inner]
        order = np.argsort(number, kind="stable")
        short = key.astype(np.min_scalar_type(key.max(initial=0)))  # sorts in no time
        order = order[np.argsort(short[order], kind="stable")]
        number, key = number[order], key[order]
        is_new = np.ones(len(inner), dtype=bool)
        is_new[1:] = (number[1:] != number[:-1]) | (key[1:] != key[:-1])
        self.of_node = np.empty(len(inner), dtype=np.intp)
        self.of_node[order] = np.cumsum(is_new) - 1
        self._number, key, by_set = number[is_new], key[is_new], by_set[order][is_new]
        self._missing_right = key % 2 == 0
        begins = np.flatnonzero(np.diff(key // 2, prepend=-1))
        self._parts = [
            (slice(first, last), key[first] // 2, by_set[first])
            for first, last in zip(begins, [*begins[1:], len(key)], strict=False)
        ]

    def answers(self, X):
        """Return which rows go to the right, a bit for each.

        Parameters
        ----------
        X : ndarray of shape (n, n_features)

        Returns
        -------
        answers : ndarray of uint64 of shape (n_questions, ceil(n / 64))
            In the order of bytes; what bits beyond the last row say means nothing.
        """
        n_words = -(-len(X) // 64)
        told = np.empty((len(self._number), n_words), dtype=np.uint64)
        column = np.zeros(64 * n_words)
        most = max((here.stop - here.start for here, *_ in self._parts), default=0)
        room = np.empty((most, len(column)), dtype=bool)
        size = np.setbufsize(16)  # or numpy copies short columns for every threshold
        try:
            for here, feature, by_set in self._parts:
                column[: len(X)] = X[:, feature]
                right = room[: here.stop - here.start]
                missing = (self._sets if by_set else self._numbers)(here, feature, column, right)
                if missing.any():
                    right[self._missing_right[here]] |= missing
                told[here] = np.packbits(right, axis=1, bitorder="little").view(np.uint64)
        finally:
            np.setbufsize(size)
        return told

    def _numbers(self, here, _, column, right):
        """Tell which rows go to the right by thresholds; return which are missing."""
        np.greater(column, self._number[here, None], out=right)
        return np.isnan(column)

    def _sets(self, here, feature, column, right):
        """Tell which rows go to the right by sets of categories; return which are missing."""
        is_code = (column >= 0) & (column < _KNOWN)
        code = np.where(is_code, column, 0).astype(np.intp)
        missing = ~(is_code & self._known[self._line[feature]].take(code))
        sets = self._left_sets[self._number[here].astype(np.intp)]
        np.greater(~missing, sets.take(code, axis=1), out=right)
        return missing


def _bits(sets):
    """Return sets of numbers below 256, given as eight uint32 each, as booleans."""
    sets = np.ascontiguousarray(sets, dtype="<u4")
    return np.unpackbits(sets.view(np.uint8), axis=-1, bitorder="little").astype(bool)
