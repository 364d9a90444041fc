"""Distances, block by block, and the order of the training rows by them.

Blocks bound the memory. None of their sizes depends on the number of workers, and in float64
none changes an order.
"""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import issparse
from scipy.spatial.distance import cdist
from sklearn.metrics import pairwise_distances

from .order import nearest_first

EUCLIDEAN = ("euclidean", "l2", "sqeuclidean")
_SMALL = 2**17  # pairs that are handled at once: few enough for a fast cache


@dataclass(frozen=True)
class Pairs:
    """Validation rows that ask training rows, under any metric.

    Attributes
    ----------
    X : ndarray or sparse matrix of shape (n, n_features)
    X_val : ndarray or sparse matrix or None
        None: the training rows ask each other, and never themselves.
    metric : str or callable
    metric_params : dict
    dtype : numpy dtype
        Of the distances.
    """

    X: object
    X_val: object
    metric: object
    metric_params: dict
    dtype: np.dtype

    @property
    def asking(self):
        """Return the rows that ask."""
        return self.X if self.X_val is None else self.X_val

    @property
    def is_euclidean(self):
        """Whether distances are squared ones here, whose order is the same."""
        return self.metric in EUCLIDEAN and not issparse(self.X)

    def distances(self, first, last):
        """Return distances of some validation rows to all training rows.

        Pair by pair, not by a matrix product, which rounds equal distances differently.
        """
        rows = self.asking[first:last]
        if self.is_euclidean:
            distances = cdist(rows, self.X, "sqeuclidean")
        else:
            distances = pairwise_distances(rows, self.X, metric=self.metric, **self.metric_params)
            if np.isnan(distances).any():
                raise ValueError(
                    f"metric={self.metric!r} gave nan for {np.isnan(distances).sum()} of "
                    f"{distances.size} pairs of rows, and rows are sorted by distance. Impute what "
                    "is missing, or pass a metric that tells all rows apart."
                )
        return np.asarray(distances, dtype=self.dtype)

    def alone(self, first, last):
        """Return the training rows that ask, which are left out of their own neighbours."""
        return np.arange(first, last) if self.X_val is None else None

    def lines(self, first, last, n_rows):
        """Yield the order of the training rows for some validation rows, few at a time.

        Parameters
        ----------
        first, last : int
            Validation rows.
        n_rows : int
            That distances may be held for at once.

        Yields
        ------
        first : int
            Validation row of the first line.
        order : ndarray of int of shape (n_lines, n_players)
            To be read before the next one is drawn.
        distances : ndarray of shape (n_lines, n_players), or None
            In that order.
        """
        n_rows = min(n_rows, max(1, _SMALL // self.X.shape[0]))
        for begin in range(first, last, n_rows):
            end = min(begin + n_rows, last)
            distances = self.distances(begin, end)
            order = nearest_first(distances, self.alone(begin, end))
            distances = np.take_along_axis(distances, order, axis=1)
            yield begin, order, self.as_asked(distances)

    def as_asked(self, distances):
        """Return the distances of the metric."""
        if self.is_euclidean and self.metric != "sqeuclidean":
            return np.sqrt(distances)
        return distances

    def unsorted(self, first, last, n_rows):
        """Yield lines as `lines` does, of the players as they come."""
        n = self.X.shape[0]
        n_rows = min(n_rows, max(1, _SMALL // n))
        for begin in range(first, last, n_rows):
            end = min(begin + n_rows, last)
            distances = self.as_asked(self.distances(begin, end))
            rows = np.broadcast_to(np.arange(n), distances.shape)
            alone = self.alone(begin, end)
            if alone is not None:
                others, shape = rows != alone[:, None], (end - begin, n - 1)
                rows, distances = rows[others].reshape(shape), distances[others].reshape(shape)
            yield begin, rows, distances


def default_metric_params(metric, X):
    """Return parameters of a metric that follow from the training rows."""
    if issparse(X) or metric not in ("seuclidean", "mahalanobis"):
        return {}
    if metric == "seuclidean":
        return {"V": np.var(X, axis=0, ddof=1)}
    return {"VI": np.linalg.inv(np.atleast_2d(np.cov(X.T))).T}
