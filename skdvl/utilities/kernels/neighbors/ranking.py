"""Which training rows are nearest to each validation row, for many coalitions at once.

Distances are sorted once. After that a coalition's nearest rows are its members of lowest rank,
and a row that joins a walk changes the nearest rows of few validation rows.
"""

import numpy as np

_SMALL = 2**15  # entries of an array that the cache holds


class Ranking:
    """The training rows in order of distance from each validation row.

    Parameters
    ----------
    distances : Distances
    kinds : ndarray of int of shape (n,)
        Rows of one kind may stand for each other: they have the same label or target.
    n_neighbors : int
    keep_distances : bool

    Attributes
    ----------
    row, rank : ndarray of int32 of shape (n, m)
        The row at each rank, and the rank of each row, for each validation row.
    first, last : ndarray of int32 of shape (n, m), or None
        Ranks of the nearest and the farthest row that a row is tied with, as far as rounding can
        tell; itself where all of these are of one kind. None if there are no ties.
    distance : ndarray of shape (n, m), or None
        Distances by rank, if they are kept.
    is_vague : ndarray of bool of shape (n, m), or None
        Distances that scikit-learn rounds too coarsely for weights; None if there are none.
    depends_on_search : bool
        Whether brute force may see ties, or vague distances, where trees see none.
    """

    def __init__(self, distances, kinds, n_neighbors, keep_distances):
        n, m = distances.shape
        self.kinds, self.n_neighbors = kinds, n_neighbors
        self.row, self.rank = np.empty((n, m), np.int32), np.empty((n, m), np.int32)
        self.first = self.last = self.is_vague = None
        self.distance = np.empty((n, m)) if keep_distances else None
        self.depends_on_search = False
        block = max(1, 2**20 // n)
        for begin in range(0, m, block):
            self._fill(distances, slice(begin, min(begin + block, m)))
        # One more than the neighbours shows whether it is tied with the last of them.
        self.width = n_neighbors + (self.last is not None)

    def _fill(self, distances, columns):
        distance, errors, final_errors = distances.measure(columns)
        row = np.argsort(distance, axis=1, kind="stable")
        distance = np.take_along_axis(distance, row, axis=1)
        errors = [np.take_along_axis(error, row, axis=1) for error in errors]
        self.row[:, columns] = row.T
        np.put_along_axis(
            self.rank[:, columns], self.row[:, columns], np.arange(len(self.row))[:, None], axis=0
        )
        ties = [_mixed_ties(distance, error, self.kinds[row]) for error in errors]
        self.depends_on_search |= any((ties[0][1] != other[1]).any() for other in ties[1:])
        first, last = ties[0]
        if (first < last).any():
            if self.last is None:
                self.first = np.repeat(np.arange(len(self.row), dtype=np.int32), self.row.shape[1])
                self.first = self.first.reshape(self.row.shape)
                self.last = self.first.copy()
            self.first[:, columns], self.last[:, columns] = first.T, last.T
        if self.distance is not None:
            errors = [np.take_along_axis(error, row, axis=1) for error in final_errors]
            self._keep(distances, columns, distance, errors)

    def _keep(self, distances, columns, distance, errors):
        # Weights are to be right to nine digits.
        vague = [error > 5e-10 * distance for error in errors]
        self.depends_on_search |= any((vague[0] != other).any() for other in vague[1:])
        if vague[0].any():
            if self.is_vague is None:
                self.is_vague = np.zeros(self.row.shape, dtype=bool)
            self.is_vague[:, columns] = vague[0].T
        self.distance[:, columns] = distances.proper(distance).T

    def nearest(self, masks):
        """Find the ranks of the nearest members of coalitions.

        Parameters
        ----------
        masks : ndarray of bool of shape (B, n)

        Yields
        ------
        batch : ndarray of int
            Numbers of coalitions.
        seats : ndarray of int32 of shape (width, b, m)
            Ranks in rising order; n where members are lacking.
        """
        n, m = self.row.shape
        sizes = np.count_nonzero(masks, axis=1)
        order = np.argsort(sizes, kind="stable")
        few = int(np.sqrt(self.width * n / 3))  # below, members are faster to look at than ranks
        n_few = np.count_nonzero(sizes < few)
        step = int(np.clip(_SMALL // (self.width * m), 4, 64))
        for part, search in ((order[:n_few], self._among_members), (order[n_few:], self._by_rank)):
            for begin in range(0, len(part), step):
                batch = part[begin : begin + step]
                yield batch, search(masks[batch])

    def _among_members(self, masks):
        n, m = self.row.shape
        seats = np.full((self.width, len(masks), m), n, dtype=np.int32)
        sizes = np.count_nonzero(masks, axis=1)
        members = np.argsort(~masks, axis=1, kind="stable")
        for turn in range(sizes.max(initial=0)):
            rank = self.rank[members[:, turn]]
            rank[turn >= sizes] = n
            insert(seats, rank)
        return seats

    def _by_rank(self, masks):
        """Go through the ranks: a seat's rank is the number of ranks before it is taken."""
        (n, m), width = self.row.shape, self.width
        present = np.ascontiguousarray(masks.T).view(np.uint8)
        # Counts are kept short; they are cut, and added up, before they overflow.
        dtype = np.uint8 if width < 127 else np.uint32
        n_taken = np.zeros((m, len(masks)), dtype=dtype)
        here = np.empty((m, len(masks)), dtype=np.uint8)
        seat = np.arange(width, dtype=dtype)[:, None, None]
        is_free = np.empty((width, m, len(masks)), dtype=bool)
        seats = np.zeros(is_free.shape, dtype=np.int32)
        passed = np.zeros(is_free.shape, dtype=np.uint8)
        for level in range(n):
            np.take(present, self.row[level], axis=0, out=here, mode="clip")
            n_taken += here
            np.less_equal(n_taken, seat, out=is_free)
            passed += is_free.view(np.uint8)
            if level % 128 == 127:
                np.minimum(n_taken, width, out=n_taken)
                seats += passed
                passed[:] = 0
            if level % 4 == 3 and n_taken.min() >= width:
                break
        seats += passed
        return np.ascontiguousarray(seats.transpose(0, 2, 1))

    def is_tied(self, seats, pair, joined, time):
        """Tell where it depends on the order of ties which members are among the nearest.

        Parameters
        ----------
        seats : ndarray of int of shape (width, q)
        pair : ndarray of int of shape (q,)
            Number of the walk, times m, plus that of the validation row.
        joined : ndarray of int of shape (B, n)
            The step at which each row joins each walk.
        time : ndarray of int of shape (q,)

        Returns
        -------
        matters : ndarray of bool of shape (q,)
            Whether the last of the nearest is tied with the next, and what is tied with these
            is of several kinds.
        limit : ndarray of int of shape (q,)
            What happens at this rank and beyond is of no consequence.
        """
        n, m = self.row.shape
        walk, column = np.divmod(pair, m)
        inside = np.minimum(seats[-2], n - 1)
        last = self.last[inside, column]
        matters = seats[-1] <= last
        limit = np.where(matters, last + 1, seats[-1])
        tied = np.flatnonzero(matters)
        first = self.first[inside[tied], column[tied]]
        lengths = last[tied] - first + 1
        if not len(tied) or lengths.sum() > 2**22:  # nothing but ties: everything is refitted
            return matters, limit
        begin = np.cumsum(lengths) - lengths
        level = np.arange(lengths.sum()) - np.repeat(begin - first, lengths)
        row = self.row[level, np.repeat(column[tied], lengths)]
        is_here = joined[np.repeat(walk[tied], lengths), row] <= np.repeat(time[tied], lengths)
        kind = self.kinds[row]
        lowest = np.minimum.reduceat(np.where(is_here, kind, np.iinfo(np.intp).max), begin)
        highest = np.maximum.reduceat(np.where(is_here, kind, -1), begin)
        matters[tied] = lowest < highest
        return matters, limit


def insert(seats, rank):
    """Let newcomers take their seats, in place; the last in each line is out."""
    pushed = np.maximum(seats[:-1], rank)
    np.minimum(seats[1:], pushed, out=seats[1:])
    np.minimum(seats[0], rank, out=seats[0])


def _mixed_ties(distance, error, kind):
    """Return the first and last rank of what each rank is tied with, by lines."""
    rank = np.arange(distance.shape[1], dtype=np.int32)
    with_next = np.diff(distance, axis=1) <= error[:, 1:] + error[:, :-1]
    edge = np.ones((len(distance), 1), dtype=bool)
    first = np.maximum.accumulate(np.where(np.hstack([edge, ~with_next]), rank, 0), axis=1)
    last = np.where(np.hstack([~with_next, edge]), rank, rank[-1])
    last = np.minimum.accumulate(last[:, ::-1], axis=1)[:, ::-1]
    changes = with_next & (kind[:, 1:] != kind[:, :-1])
    changes = np.hstack([~edge, changes]).cumsum(axis=1, dtype=np.int32)
    mixed = np.take_along_axis(changes, first, 1) < np.take_along_axis(changes, last, 1)
    return np.where(mixed, first, rank), np.where(mixed, last, rank)
