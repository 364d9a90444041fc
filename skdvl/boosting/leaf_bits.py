"""The leaves of many trees at once, from bits that say which rows come by a node."""

import numpy as np

from .questions import Questions

MOST_LEAVES = 256  # of a tree: numbers of one byte
_ROWS = 4096  # that go through the trees together, so that their bits stay near
_TREES = 128  # trees that they go through together


class LeafBits:
    """The leaves of trees of histograms with at most 256 of them, numbered from left to right.

    Parameters
    ----------
    trees : list of ndarray
        The nodes of each tree, parents before their left branch and that before the right one.
    left_sets : list of ndarray of uint32
        For each tree, the categories that nodes send to the left, as bits.
    known : ndarray of uint32, place_of_known : ndarray of int
        The categories that each categorical feature has been seen to take, as bits, and the
        line of each feature.
    """

    def __init__(self, trees, left_sets, known, place_of_known):
        self._groves = [
            _Grove(
                trees[first : first + _TREES],
                left_sets[first : first + _TREES],
                known,
                place_of_known,
            )
            for first in range(0, len(trees), _TREES)
        ]

    def leaves(self, X):
        """Yield the leaf of each row in each tree.

        Parameters
        ----------
        X : ndarray of shape (n, n_features)

        Yields
        ------
        leaf : ndarray of uint8 of shape (n,)
        """
        for grove in self._groves:
            yield from grove.leaves(X)


class _Grove:
    """Trees that rows go through together.

    A node is a bit for each row: whether it comes by. Both children of a node have its bits, but
    for those of rows that go the other way. The number of a leaf is written in bits too: each digit
    is set for the rows that come by some nodes, all of whose leaves have it.
    """

    def __init__(self, trees, left_sets, known, place_of_known):
        sizes, n_sets = [len(tree) for tree in trees], [len(sets) for sets in left_sets]
        nodes, root = joined(trees)
        tree = np.repeat(np.arange(len(trees)), sizes)
        is_leaf, begin = nodes["is_leaf"] == 1, root[tree]
        inner = np.flatnonzero(~is_leaf)
        child = np.empty((2, len(nodes)), dtype=np.intp)  # of leaves they mean nothing
        child[:] = nodes["left"] + begin, nodes["right"] + begin
        set_of_node = nodes["bitset_idx"][inner] + (np.cumsum(n_sets) - n_sets)[tree[inner]]
        left_sets = [np.empty((0, 8), dtype=np.uint32), *(sets for sets in left_sets if len(sets))]
        self._questions = Questions(
            nodes, inner, np.concatenate(left_sets), set_of_node, known, place_of_known
        )
        question, gap = np.empty((2, len(nodes)), dtype=np.intp)
        question[inner], gap[inner] = self._questions.of_node, self._questions.gap_of_node

        # Level by level: all that goes to the left, and all that goes to the right.
        levels, parents = [root], []
        while len(levels[-1]):
            parents.append(levels[-1][~is_leaf[levels[-1]]])
            levels.append(child[:, parents[-1]].ravel())
        place = np.empty(len(nodes), dtype=np.intp)
        place[np.concatenate(levels)] = np.arange(len(nodes))
        self._levels = [(place[nodes], question[nodes], gap[nodes]) for nodes in parents]
        self._n_nodes, self._n_trees = len(nodes), len(trees)

        first = np.cumsum(is_leaf) - is_leaf
        first -= first[begin]  # leaves of its tree on the left of each node
        last, parent = np.arange(len(nodes)), np.arange(len(nodes))
        parent[child[0, inner]] = parent[child[1, inner]] = inner
        last[inner] = child[1, inner]
        while (last != last[last]).any():
            last = last[last]
        digit, node = _digits(first.astype(np.uint8), first[last].astype(np.uint8), parent)
        self._n_digits = digit.max(initial=-1) + 1
        self._rounds, self._line = _in_rounds(
            digit * len(trees) + tree[node], place[node], self._n_digits * len(trees)
        )

    def leaves(self, X):
        """Return the leaf of each row in each tree, of shape (n_trees, n)."""
        told = np.empty((self._n_trees, len(X)), dtype=np.uint8)
        n_words = -(-len(X) // (64 * -(-len(X) // _ROWS)))
        room = np.empty(self._n_nodes * n_words, dtype=np.uint64)
        for start in range(0, len(X), 64 * n_words):
            here = slice(start, start + 64 * n_words)
            n = len(X[here])
            coming_by = room[: self._n_nodes * -(-n // 64)].reshape(self._n_nodes, -1)
            self._follow(X[here], coming_by)
            told[:, here] = self._numbers(coming_by, n)
        return told

    def _follow(self, X, coming_by):
        """Tell which rows come by each node, shape (n_nodes, ceil(n / 64))."""
        (answers, gaps), end = self._questions.answers(X), self._n_trees
        coming_by[:end] = ~np.uint64(0)
        for inner, question, gap in self._levels:
            begin, middle, end = end, end + len(inner), end + 2 * len(inner)
            left, right = coming_by[begin:middle], coming_by[middle:end]
            coming_by[:begin].take(inner, axis=0, out=left, mode="clip")
            answers.take(question, axis=0, out=right, mode="clip")
            if gaps is not None:
                right |= gaps.take(gap, axis=0, mode="clip")
            right &= left
            left ^= right

    def _numbers(self, coming_by, n):
        """Return the numbers of the leaves of the first n rows, of shape (n_trees, n)."""
        lines = np.zeros((len(self._line), coming_by.shape[1]), dtype=np.uint64)
        for nodes in self._rounds:
            lines[: len(nodes)] |= coming_by.take(nodes, axis=0, mode="clip")
        told = np.zeros((self._n_trees, n), dtype=np.uint8)
        for line in self._line.reshape(self._n_digits, self._n_trees)[::-1]:
            digit = lines.take(line, axis=0, mode="clip").view(np.uint8)
            told += told
            told |= np.unpackbits(digit, axis=1, count=n, bitorder="little")
        return told


def _digits(first, last, parent):
    """Return the nodes that make up each binary digit of leaves.

    Parameters
    ----------
    first, last : ndarray of uint8 of shape (n_nodes,)
        Leaves below each node.
    parent : ndarray of int of shape (n_nodes,)

    Returns
    -------
    digit, node : ndarray of int
        By ascending digit, from the lowest on: nodes with leaves that all have it, and whose
        parents have others too.
    """
    digits = np.arange(int(last.max()).bit_length(), dtype=np.uint8)[:, None]
    has_it = ((first ^ last) >> digits == 0) & (first >> digits & 1 == 1)
    return np.divmod(np.flatnonzero(has_it & ~has_it.take(parent, axis=1)), len(parent))


def _in_rounds(line, node, n_lines):
    """Return lines of nodes as rounds, each with one node for the first lines of some order.

    Parameters
    ----------
    line, node : ndarray of int
        Nodes, and the line of each, ascending.
    n_lines : int

    Returns
    -------
    rounds : list of ndarray of int
        Of nodes.
    place : ndarray of int of shape (n_lines,)
        Of each line in that order.
    """
    counts = np.bincount(line, minlength=n_lines)
    order = np.argsort(-counts, kind="stable")
    place = np.empty(n_lines, dtype=np.intp)
    place[order] = np.arange(n_lines)
    nth = np.arange(len(line)) - (np.cumsum(counts) - counts)[line]
    table = np.zeros((counts.max(initial=0), n_lines), dtype=np.intp)
    table[nth, place[line]] = node
    sizes = np.searchsorted(-counts[order], -np.arange(len(table)))
    return [nodes[:size] for nodes, size in zip(table, sizes, strict=True)], place


def joined(trees):
    """Return the nodes of trees side by side, and the place of each root."""
    sizes = [len(tree) for tree in trees]
    # As bytes, since numpy copies structures field by field.
    return np.frombuffer(b"".join(trees), dtype=trees[0].dtype), np.cumsum(sizes) - sizes
