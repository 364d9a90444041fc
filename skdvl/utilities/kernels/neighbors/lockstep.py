"""Nearest neighbours along walks: few validation rows are concerned by a row that joins."""

from typing import NamedTuple

import numpy as np

from ..base import Answers
from .ranking import insert


class Looked(NamedTuple):
    """What q pairs of a coalition and a validation row come to.

    Attributes
    ----------
    answer : ndarray of shape (n_outputs, q)
    is_tied : ndarray of bool of shape (q,)
        Whether it depends on the order of equally near rows.
    is_vague : ndarray of bool of shape (q,)
        Whether a refit might round it otherwise.
    limit : ndarray of int of shape (q,)
        Rows of this rank and beyond have no influence.
    """

    answer: np.ndarray
    is_tied: np.ndarray
    is_vague: np.ndarray
    limit: np.ndarray


class Lockstep:
    """Walks of the same length, as far as they have come.

    Parameters
    ----------
    kernel : kernel of nearest neighbours
    start : ndarray of bool of shape (B, n)
    order : ndarray of int of shape (B, L)

    Attributes
    ----------
    step : int
        Number of rows that have joined each walk.
    """

    def __init__(self, kernel, start, order):
        ranking = kernel.ranking
        self.kernel, self.order, self.step = kernel, order, 0
        self.shape = len(start), ranking.row.shape[1]
        self.sizes = np.count_nonzero(start, axis=1)
        self.joined = None
        if ranking.last is not None:
            self.joined = np.where(start, 0, np.iinfo(np.int32).max).astype(np.int32)
            steps = np.arange(1, order.shape[1] + 1, dtype=np.int32)
            np.put_along_axis(self.joined, order, steps[None], axis=1)
        self.seats = np.empty((ranking.width, *self.shape), dtype=np.int32)
        for batch, seats in ranking.nearest(start):
            self.seats[:, batch] = seats
        self.seats = self.seats.reshape(ranking.width, -1)
        pair = np.arange(self.seats.shape[1])
        self.now = kernel.look(self.seats, pair, self.joined, np.zeros_like(pair))
        self.now = self.now._replace(limit=self.now.limit.copy())

    def answers(self):
        """Answer for where the walks are."""
        kernel, now = self.kernel, self.now
        decision = now.answer.reshape(-1, *self.shape).copy()
        is_sure = self.sizes + self.step >= kernel.smallest
        if kernel.ranking.is_vague is not None:
            is_sure &= ~now.is_vague.reshape(self.shape).any(axis=1)
        if self.joined is not None:
            numbers, is_tied = np.arange(len(is_sure)), now.is_tied.reshape(self.shape)
            kernel.settle(decision, is_sure, numbers, is_tied, self.joined, self.step)
        return Answers(decision, is_sure)

    def advance(self):
        """Go some steps, and answer for each."""
        (n_walks, m), n_outputs = self.shape, len(self.now.answer)
        # So many that a validation row meets one new neighbour or two.
        size = int(self.sizes.min()) + self.step
        n_steps = min(max(size // (2 * self.kernel.n_neighbors), 4), 2**14)
        n_steps = min(n_steps, max(2**21 // (n_outputs * n_walks * m), 1))
        n_steps = min(n_steps, self.order.shape[1] - self.step)
        decision = np.empty((n_outputs, n_walks, n_steps, m))
        is_sure = np.empty((n_walks, n_steps), dtype=bool)
        changes = self._changes(self.order[:, self.step : self.step + n_steps])
        for i, (pair, changed) in enumerate(changes):
            self.step += 1
            self.now.answer[:, pair] = changed.answer
            self.now.is_tied[pair], self.now.is_vague[pair] = changed.is_tied, changed.is_vague
            answers = self.answers()
            decision[:, :, i], is_sure[:, i] = answers.decision, answers.is_sure
        return Answers(decision.reshape(n_outputs, -1, m), is_sure.ravel())

    def _changes(self, rows):
        """Yield, for each step, the pairs of walk and validation row with other neighbours."""
        limit, (n_walks, m) = self.now.limit, self.shape
        rank = self.kernel.ranking.rank[rows.T]
        may_enter = rank < limit.reshape(n_walks, m)
        at = np.flatnonzero(may_enter)
        step, pair = np.divmod(at, n_walks * m)
        rank = rank.ravel()[at]
        # A pair's newcomers take their turns one by one, but all pairs at once.
        turn = np.cumsum(may_enter, axis=0, dtype=np.int16).ravel()[at]
        by_turn = np.argsort(turn, kind="stable")
        answer = np.empty((len(self.now.answer), len(at)))
        is_tied, is_vague, is_changed = np.zeros((3, len(at)), dtype=bool)
        for now in np.split(by_turn, np.cumsum(np.bincount(turn))[:-1]):
            now = now[rank[now] < limit[pair[now]]]
            seats = self.seats[:, pair[now]]
            insert(seats, rank[now])
            self.seats[:, pair[now]] = seats
            looked = self.kernel.look(seats, pair[now], self.joined, self.step + 1 + step[now])
            answer[:, now], is_tied[now], is_vague[now], limit[pair[now]] = looked
            is_changed[now] = True
        kept = np.flatnonzero(is_changed)
        for now in np.split(kept, np.searchsorted(step[kept], np.arange(1, len(rows.T)))):
            yield pair[now], Looked(answer[:, now], is_tied[now], is_vague[now], None)
