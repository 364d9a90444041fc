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
    gap_of_node : ndarray of int
        The line of gaps that go to the right at each inner node.
    """

    def __init__(self, nodes, inner, left_sets, set_of_node, known, place_of_known):
        self._left_sets, self._known, self._line = _bits(left_sets), _bits(known), place_of_known
        feature, by_set = nodes["feature_idx"][inner], nodes["is_categorical"][inner] == 1
        number = np.where(by_set, set_of_node, nodes["num_threshold"][inner])
        order = np.argsort(number, kind="stable")
        short = feature.astype(np.min_scalar_type(feature.max(initial=0)))  # sorts in no time
        order = order[np.argsort(short[order], kind="stable")]
        feature, number, by_set = feature[order], number[order], by_set[order]
        is_first, is_new = np.ones((2, len(inner)), dtype=bool)
        is_first[1:] = feature[1:] != feature[:-1]
        is_new[1:] = is_first[1:] | (number[1:] != number[:-1])
        self.of_node, self.gap_of_node = np.empty((2, len(inner)), dtype=np.intp)
        self.of_node[order] = np.cumsum(is_new) - 1
        self.gap_of_node[order] = np.cumsum(is_first) - 1
        self._number, begins = number[is_new], np.flatnonzero(is_first[is_new])
        parts = map(slice, begins, [*begins[1:], len(self._number)])
        self._parts = list(zip(parts, feature[is_first], by_set[is_first], strict=True))
        self.gap_of_node[nodes["missing_go_to_left"][inner] == 1] = len(self._parts)

    def answers(self, X):
        """Return which rows go to the right, a bit for each.

        Parameters
        ----------
        X : ndarray of shape (n, n_features)

        Returns
        -------
        answers : ndarray of uint64 of shape (n_questions, ceil(n / 64))
            In the order of bytes; what bits beyond the last row say means nothing. Rows without a
            number or a known category go to the left.
        gaps : ndarray of uint64 of shape (n_features + 1, ceil(n / 64)) or None
            Such rows, for each feature that is asked for, and none of them; None if there are none.
        """
        n_words, any_gap = -(-len(X) // 64), np.isnan(X).any()
        told = np.empty((len(self._number), n_words), dtype=np.uint64)
        gaps = np.zeros((len(self._parts) + 1, n_words), dtype=np.uint64)
        column = np.zeros(64 * n_words)
        most = max((here.stop - here.start for here, *_ in self._parts), default=0)
        room = np.empty((most, len(column)), dtype=bool)
        size = np.setbufsize(16)  # or numpy copies short columns for every threshold
        try:
            for line, (here, feature, has_sets) in enumerate(self._parts):
                column[: len(X)] = X[:, feature]
                left = room[: here.stop - here.start]
                if has_sets:
                    gap = self._by_sets(here, feature, column, left)
                    any_gap |= gap.any()
                else:  # as scikit-learn asks, for which no number is beyond a threshold of NaN
                    np.less_equal(column, self._number[here, None], out=left)
                    gap = np.isnan(column) if any_gap else None
                told[here] = _packed(left)
                if gap is not None:
                    gaps[line] = _packed(gap)
                    told[here] |= gaps[line]
        finally:
            np.setbufsize(size)
        return np.invert(told, out=told), gaps if any_gap else None

    def _by_sets(self, here, feature, column, left):
        """Tell which rows go to the left by sets of categories; return which have none."""
        is_code = (column >= 0) & (column < _KNOWN)
        code = np.where(is_code, column, 0).astype(np.intp)
        sets = self._left_sets[self._number[here].astype(np.intp)]
        sets.take(code, axis=1, out=left, mode="clip")
        return ~(is_code & self._known[self._line[feature]].take(code))


def _packed(booleans):
    return np.packbits(booleans, axis=-1, bitorder="little").view(np.uint64)


def _bits(sets):
    """Return sets of numbers below 256, given as eight uint32 each, as booleans."""
    sets = np.ascontiguousarray(sets, dtype="<u4")
    return np.unpackbits(sets.view(np.uint8), axis=-1, bitorder="little").astype(bool)
