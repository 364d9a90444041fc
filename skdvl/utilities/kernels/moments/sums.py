"""Kernels of classifiers that know the data by sums over the rows of each class alone."""

from abc import abstractmethod

import numpy as np

from ..base import Answers, Kernel

ROUNDING = 4e-16  # relative error of one sum or product, with something to spare
PRECISION = 1e-10  # error up to which sums and scores are taken for exact
FAR = 40.0  # classes that are apart by more have probabilities of 1 and of 0


class ClassSums:
    """Sums of the columns of a table over the rows of each class that a coalition holds.

    Parameters
    ----------
    table : array-like of float of shape (n, w)
    y : ndarray of intp of shape (n,)
        Numbers of classes, from 0 on.
    n_classes : int
    """

    def __init__(self, table, y, n_classes):
        self.by_class = np.argsort(y, kind="stable")
        self.ends = np.searchsorted(y[self.by_class], np.arange(n_classes + 1))
        self.sorted = np.ascontiguousarray(table[self.by_class], dtype=float)
        # A last row that adds nothing stands for the step to `start` itself.
        self.table = np.vstack([table, np.zeros(np.shape(table)[1])])
        self.y = np.append(y, 0)

    def of(self, masks):
        """Sum over coalitions.

        Parameters
        ----------
        masks : ndarray of bool of shape (B, n)

        Returns
        -------
        sums : ndarray of shape (n_classes, B, w)
        """
        picked = masks[:, self.by_class].astype(float)
        sums = np.empty((len(self.ends) - 1, len(masks), self.sorted.shape[1]))
        for c, (a, b) in enumerate(zip(self.ends[:-1], self.ends[1:], strict=True)):
            np.matmul(picked[:, a:b], self.sorted[a:b], out=sums[c])
        return sums

    def along(self, start, order, size):
        """Sum over the coalitions along walks, piece by piece.

        Parameters
        ----------
        start : ndarray of bool of shape (B, n)
        order : ndarray of int of shape (B, L)
        size : int
            How many steps of each walk a piece has.

        Yields
        ------
        sums : ndarray of shape (n_classes, B * size, w)
            For the next coalitions of every walk, one walk behind the other; the first is
            `start` itself. The last piece may have fewer.
        """
        steps = np.hstack([np.full((len(start), 1), len(self.y) - 1), order])
        state = self.of(start)
        for i in range(0, steps.shape[1], size):
            rows = steps[:, i : i + size]
            sums = np.zeros((len(state), *rows.shape, state.shape[2]))
            walk, step = np.indices(rows.shape, sparse=True)
            sums[self.y[rows], walk, step] = self.table[rows]
            sums[:, :, 0] += state
            _accumulate(sums)
            state = sums[:, :, -1].copy()
            yield sums.reshape(len(state), -1, state.shape[2])

    def rows(self, c, mask):
        """Return the rows of the table that a coalition holds of a class."""
        part = slice(self.ends[c], self.ends[c + 1])
        return self.sorted[part][mask[self.by_class[part]]]


class SumsKernel(Kernel):
    """Base class for kernels that need sums over classes only: write `_answers`.

    Attributes
    ----------
    tables : tuple of ClassSums
    piece : int
        How many coalitions are answered for at once.
    """

    def __call__(self, masks):
        parts = []
        for i in range(0, len(masks), self.piece):
            some = masks[i : i + self.piece]
            sums = (table.of(some) for table in self.tables)
            parts.append(self._answers(some.__getitem__, *sums))
        return _join(parts)

    def chains(self, start, order):
        size = max(1, self.piece // len(start))
        pieces = zip(*(table.along(start, order, size) for table in self.tables), strict=True)
        for number, sums in enumerate(pieces):
            n_coalitions = sums[0].shape[1]
            length = n_coalitions // len(start)
            parts = []
            # More than one part only if there are more walks than fit into a piece.
            for i in range(0, n_coalitions, self.piece):
                members = _Members(start, order, number * size, length, i)
                parts.append(self._answers(members, *(s[:, i : i + self.piece] for s in sums)))
            yield _join(parts)

    @abstractmethod
    def _answers(self, members, *sums):
        """Answer for coalitions.

        Parameters
        ----------
        members : callable
            ``members(b)`` is the mask of a coalition, for where sums are not enough.
        *sums : ndarray of shape (n_classes, B, w)
            One for each of the tables.
        """


class _Members:
    """Masks of the coalitions in one piece of chains, or in a part that begins at `offset`."""

    def __init__(self, start, order, first, length, offset):
        self.start, self.order = start, order
        self.first, self.length, self.offset = first, length, offset

    def __call__(self, b):
        walk, step = divmod(b + self.offset, self.length)
        mask = self.start[walk].copy()
        mask[self.order[walk, : self.first + step]] = True
        return mask


def _join(parts):
    if len(parts) == 1:
        return parts[0]
    decisions, are_sure, errors = zip(*parts, strict=True)
    error = None if errors[0] is None else np.concatenate(errors)
    return Answers(np.concatenate(decisions, axis=1), np.concatenate(are_sure), error)


def piece_size(n_classes, width):
    """Return how many coalitions to take at once, such that what is computed stays in the cache.

    Parameters
    ----------
    n_classes, width : int
        Numbers that are held for each coalition: so many rows of such a width.
    """
    return int(np.clip(400_000 // (n_classes * width), 16, 1024))


def is_clear(decision, slack, error=None):
    """Tell where no rounding changes a prediction, nor a probability that is not 0 or 1.

    Parameters
    ----------
    decision : ndarray of shape (n_classes, B, m)
    slack : ndarray of shape (B,)
        How much scores may be off at worst, beside the rounding of the scores themselves.
    error : ndarray of shape (B,) or None
        How much they are off as a rule; None if it is the same.

    Returns
    -------
    is_clear : ndarray of bool of shape (B,)
    """
    best, ahead = _best_and_lead(decision)
    off = ROUNDING * np.abs(best)
    off += (slack if error is None else error)[:, None]
    told = (off < 30 * PRECISION) | (ahead > FAR)
    return (told & (ahead > 2 * slack[:, None])).all(axis=1)


def lead(decision):
    """Return by how much the best class of each row is ahead of the next.

    Parameters
    ----------
    decision : ndarray of shape (n_classes, B, m)

    Returns
    -------
    lead : ndarray of shape (B, m)
        inf where there is only one class.
    """
    return _best_and_lead(decision)[1]


def _best_and_lead(decision):
    best, second = decision[0], np.full_like(decision[0], -np.inf)
    for score in decision[1:]:
        second = np.maximum(second, np.minimum(score, best))
        best = np.maximum(best, score)
    return best, best - np.where(best == -np.inf, 0.0, second)


def _accumulate(sums):
    """Add up along axis 2, in place; one by one is quicker if there are enough walks."""
    if sums.shape[1] < 8:
        np.cumsum(sums, axis=2, out=sums)
        return
    for t in range(1, sums.shape[2]):
        sums[:, :, t] += sums[:, :, t - 1]
