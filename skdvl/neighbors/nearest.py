"""The nearest training rows only, from scikit-learn's `kneighbors`."""

from dataclasses import dataclass

import numpy as np
from scipy.spatial.distance import cdist
from sklearn.neighbors import NearestNeighbors


@dataclass(frozen=True)
class Nearest:
    """Validation rows that ask the nearest training rows; as `Pairs`, with fewer columns.

    Where distances are equal at the cut, scikit-learn decides which rows are before it.

    Attributes
    ----------
    pairs : Pairs
    index : NearestNeighbors
        Fitted on the training rows; finds one more where they ask each other.
    """

    pairs: object
    index: NearestNeighbors

    @classmethod
    def of(cls, pairs, max_rank):
        """Return a search that finds the `max_rank` nearest."""
        n_found = max_rank + (pairs.X_val is None)
        index = NearestNeighbors(
            n_neighbors=n_found, metric=pairs.metric, metric_params=pairs.metric_params or None
        )
        return cls(pairs, index.fit(pairs.X))

    def lines(self, first, last, n_rows):
        """Yield orders and distances as `Pairs.lines` does, of the nearest rows."""
        for begin in range(first, last, n_rows):
            end = min(begin + n_rows, last)
            distances, order = self.index.kneighbors(self.pairs.asking[begin:end])
            alone = self.pairs.alone(begin, end)
            if alone is not None:  # its own copies may come before it, and it may not be found
                others = order != alone[:, None]
                others[others.all(axis=1), -1] = False
                shape = len(order), order.shape[1] - 1
                distances, order = distances[others].reshape(shape), order[others].reshape(shape)
            if self.pairs.is_euclidean:  # kneighbors rounds the distances of equal rows differently
                distances = self._exact(begin, order)
            by_distance = np.lexsort((order, distances), axis=1)
            order = np.take_along_axis(order, by_distance, axis=1)
            distances = np.take_along_axis(distances, by_distance, axis=1)
            yield begin, order, self.pairs.as_asked(distances)

    def _exact(self, first, order):
        rows = self.pairs.asking[first : first + len(order), None]
        found = zip(rows, order, strict=True)
        return np.concatenate(
            [cdist(row, self.pairs.X[near], "sqeuclidean") for row, near in found]
        )
