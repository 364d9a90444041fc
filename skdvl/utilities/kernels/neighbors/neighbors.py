"""Nearest neighbours: rows are ranked by distance once, for all coalitions."""

from numbers import Integral

import numpy as np
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor

from ..base import Answers, Kernel
from .distances import Distances, searches, unsupported
from .lockstep import Lockstep, Looked
from .ranking import Ranking
from .ties import TieBreaker

_LARGEST_TABLE = 10**8  # entries; there are two to five tables of 4 or 8 bytes


class _Neighbors(Kernel):
    """What classification and regression by nearest neighbours have in common."""

    is_for_floats = True  # among others, brute force chooses other rows of equal distance

    @classmethod
    def supports(cls, estimator, X, y, X_val):
        if callable(estimator.weights):
            return "weights are a function"
        n_neighbors = estimator.n_neighbors
        if not isinstance(n_neighbors, Integral) or not 1 <= n_neighbors <= len(X):
            return f"n_neighbors={n_neighbors!r} is not between 1 and the number of rows"
        if len(X) * len(X_val) > _LARGEST_TABLE:
            return "a table of all distances would not fit"
        return unsupported(estimator, X, X_val)

    def __init__(self, estimator, X, y, X_val):
        self.n_neighbors = int(estimator.n_neighbors)
        self.is_weighted = estimator.weights == "distance"
        distances = Distances(estimator, X, X_val)
        self.ranking = Ranking(distances, self._kinds(y), self.n_neighbors, self.is_weighted)
        # scikit-learn searches small coalitions by brute force.
        self.smallest = self.n_neighbors
        self.tie_breaker = (
            TieBreaker(estimator, distances) if self.ranking.width > self.n_neighbors else None
        )
        if len(distances.searches) > 1 and self._depends_on_search(distances):
            self.smallest = 2 * self.n_neighbors + 2

    def _depends_on_search(self, distances):
        return self.ranking.depends_on_search

    def __call__(self, masks):
        ranking, m = self.ranking, self.ranking.row.shape[1]
        decision = np.empty((self.n_outputs, len(masks), m))
        is_sure = np.count_nonzero(masks, axis=1) >= self.smallest
        joined = np.where(masks, 0, 1).astype(np.int8) if ranking.last is not None else None
        for batch, seats in ranking.nearest(masks):
            seats = seats.reshape(ranking.width, -1)
            pair = (batch[:, None] * m + np.arange(m)).ravel()
            looked = self.look(seats, pair, joined, np.zeros_like(pair))
            decision[:, batch] = looked.answer.reshape(self.n_outputs, len(batch), m)
            is_sure[batch] &= ~looked.is_vague.reshape(-1, m).any(axis=1)
            self.settle(decision, is_sure, batch, looked.is_tied.reshape(-1, m), joined, 0)
        return Answers(decision, is_sure)

    def chains(self, start, order):
        walks = Lockstep(self, start, order)
        yield walks.answers()
        while walks.step < order.shape[1]:
            yield walks.advance()

    def deciders(self):
        ranking = self.ranking
        if self.n_neighbors > 1 or ranking.last is not None or ranking.depends_on_search:
            return None
        at = np.arange(ranking.row.size)
        decision = self._answer(np.take(ranking.row, at)[None], None)
        decision = decision.reshape(self.n_outputs, *ranking.row.shape)
        return ranking.row, Answers(decision, np.ones(len(decision[0]), dtype=bool))

    def look(self, seats, pair, joined, time):
        """Answer for pairs of a coalition and a validation row.

        Parameters
        ----------
        seats : ndarray of int of shape (width, q)
            Ranks of the nearest members.
        pair, joined, time :
            As in `Ranking.is_tied`.

        Returns
        -------
        looked : Looked
        """
        ranking, column = self.ranking, pair % self.ranking.row.shape[1]
        limit, is_tied, is_vague = seats[-1], np.zeros(len(pair), bool), np.zeros(len(pair), bool)
        if ranking.last is not None:
            is_tied, limit = ranking.is_tied(seats, pair, joined, time)
        # A lacking neighbour counts as the farthest row; such coalitions are refitted anyway.
        seats = np.minimum(seats[: self.n_neighbors], len(ranking.row) - 1)
        at = seats.astype(np.intp) * ranking.row.shape[1] + column
        if ranking.is_vague is not None:
            is_vague = np.take(ranking.is_vague, at).any(axis=0)
        return Looked(self._answer_at(at), is_tied, is_vague, limit)

    def settle(self, decision, is_sure, numbers, is_tied, joined, time):
        """Ask scikit-learn's search where ties matter, in place.

        Parameters
        ----------
        decision : ndarray of shape (n_outputs, B, m)
        is_sure : ndarray of bool of shape (B,)
        numbers : ndarray of int of shape (b,)
            The coalitions in question.
        is_tied : ndarray of bool of shape (b, m)
        joined : ndarray of int of shape (B, n)
        time : int
            Members are those that have joined by then.
        """
        for i in np.flatnonzero(is_sure[numbers] & is_tied.any(axis=1)):
            number, columns = numbers[i], np.flatnonzero(is_tied[i])
            members = np.flatnonzero(joined[number] <= time)
            found = self.tie_breaker.neighbors(members, columns)
            if found is None:
                is_sure[number] = False
                continue
            ranks = np.sort(self.ranking.rank[found.T, columns], axis=0)
            at = ranks.astype(np.intp) * is_tied.shape[1] + columns
            decision[:, number, columns] = self._answer_at(at)

    def _answer_at(self, at):
        """Answer from the neighbours' places in the table of ranks, nearest first."""
        rows = np.take(self.ranking.row, at)
        if not self.is_weighted:
            return self._answer(rows, None)
        with np.errstate(divide="ignore"):
            weights = 1 / np.take(self.ranking.distance, at)
        # Rows at distance zero, if there are any, leave no weight to others.
        at_zero = np.isinf(weights)
        return self._answer(rows, np.where(at_zero.any(axis=0), at_zero, weights))


class NeighborsClassifierKernel(_Neighbors):
    """`KNeighborsClassifier`: the share of each class among the neighbours.

    A class that a coalition lacks has a share of 0, which never wins. Shares are counts without
    weights, so their ties are scikit-learn's ties: the first class wins.
    """

    estimators = (KNeighborsClassifier,)
    response = "probability"

    @classmethod
    def supports(cls, estimator, X, y, X_val):
        fails = estimator.metric == "minkowski" and estimator.p == np.inf
        if (
            fails
            and estimator.weights == "uniform"
            and searches(estimator, X.shape[1])[0] == "brute"
        ):
            return "scikit-learn's classifier cannot compute p=inf by brute force"
        return super().supports(estimator, X, y, X_val)

    def __init__(self, estimator, X, y, X_val):
        self.n_outputs = int(y.max()) + 1
        super().__init__(estimator, X, y, X_val)
        self.ties_are_exact = not self.is_weighted

    def _kinds(self, y):
        return y.astype(np.min_scalar_type(self.n_outputs))

    def _depends_on_search(self, distances):
        # Votes by brute force have code of their own, which refuses some labels and metrics.
        return super()._depends_on_search(distances) or not distances.is_euclidean

    def _answer(self, rows, weights):
        codes = np.take(self.ranking.kinds, rows)
        shares = np.empty((self.n_outputs, rows.shape[1]))
        counts = np.min_scalar_type(self.n_neighbors)
        for c in range(self.n_outputs):
            votes = codes == c
            if weights is None:
                shares[c] = votes.sum(axis=0, dtype=counts)
            else:
                shares[c] = np.where(votes, weights, 0).sum(axis=0)
        shares /= self.n_neighbors if weights is None else shares.sum(axis=0)
        return shares


class NeighborsRegressorKernel(_Neighbors):
    """`KNeighborsRegressor`: the mean of the neighbours' targets."""

    estimators = (KNeighborsRegressor,)
    response = "prediction"
    n_outputs = 1

    def __init__(self, estimator, X, y, X_val):
        self.targets = y
        super().__init__(estimator, X, y, X_val)

    def _kinds(self, y):
        return np.unique(y, return_inverse=True)[1].astype(np.int32)

    def _answer(self, rows, weights):
        targets = np.take(self.targets, rows)
        if weights is None:
            return targets.mean(axis=0)[None]
        return ((targets * weights).sum(axis=0) / weights.sum(axis=0))[None]
