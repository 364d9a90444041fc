"""Which of several rows at equal distance are neighbours: as scikit-learn's own search has it.

Trees are asked themselves: how a tree answers for one validation row does not depend on the
others, so it is built and asked for the doubtful rows only. Brute force keeps the nearest rows
so far in a heap, and which of equals leaves it depends on all that came before. That is repeated
here, where distances are free of rounding.
"""

from functools import cache

import numpy as np
import sklearn
from scipy.spatial.distance import cdist
from sklearn.neighbors import BallTree, KDTree, NearestNeighbors
from threadpoolctl import ThreadpoolController

_TREES = {"kd_tree": KDTree, "ball_tree": BallTree}
_MOST_HEAPS = 8  # a refit does more of them in less time


class TieBreaker:
    """The neighbours that scikit-learn chooses where distances are tied.

    Parameters
    ----------
    estimator : KNeighborsClassifier or KNeighborsRegressor
    distances : Distances
    """

    def __init__(self, estimator, distances):
        self.X, self.X_val = np.ascontiguousarray(distances.X), distances.X_val
        self.n_neighbors, self.leaf_size = int(estimator.n_neighbors), estimator.leaf_size
        self.search, self.metric = distances.searches[0], distances.metric
        self.params = {"p": distances.p} if self.metric == "minkowski" else {}
        self.cdist_metric, self.is_chosen = distances.cdist_metric, len(distances.searches) > 1
        self.knows_heap = distances.is_exact and _heap_is_as_expected()

    def neighbors(self, rows, columns):
        """Find the neighbours of some validation rows.

        Parameters
        ----------
        rows : ndarray of int
            The members of the coalition in rising order.
        columns : ndarray of int of shape (q,)
            The validation rows.

        Returns
        -------
        neighbors : ndarray of int of shape (q, n_neighbors), or None
            In any order; None if it cannot be told, or not in less time than a refit takes.
        """
        X, X_val = self.X[rows], np.ascontiguousarray(self.X_val[columns])
        # Of small coalitions, "auto" makes no tree.
        by_brute_force = self.is_chosen and self.n_neighbors >= len(rows) // 2
        if self.search != "brute" and not by_brute_force:
            tree = _TREES[self.search](X, self.leaf_size, metric=self.metric, **self.params)
            return rows[tree.query(X_val, self.n_neighbors, return_distance=False)]
        if len(columns) > _MOST_HEAPS or not self.knows_heap or not self._is_one_heap(len(rows)):
            return None
        distance = cdist(X_val, X, self.cdist_metric)
        return rows[[heap_of_nearest(line, self.n_neighbors) for line in distance.tolist()]]

    def _is_one_heap(self, size):
        """Whether threads do not share the rows of a coalition out among heaps of their own."""
        chunk = sklearn.get_config().get("pairwise_dist_chunk_size", 256)
        return size <= chunk or size < len(self.X_val) or _is_single_threaded()


def heap_of_nearest(distances, size):
    """Return the places of the smallest numbers, as a heap of `size` comes to hold them.

    A number that is smaller than the largest in the heap takes its place at the root, and sinks
    below larger ones; of two equal children the left one rises.
    """
    values, places = [np.inf] * size, [-1] * size
    for place, value in enumerate(distances):
        if value >= values[0]:
            continue
        at = 0
        while (child := 2 * at + 1) < size:
            if child + 1 < size and values[child + 1] > values[child]:
                child += 1
            if values[child] <= value:
                break
            values[at], places[at] = values[child], places[child]
            at = child
        values[at], places[at] = value, place
    return places


@cache
def _heap_is_as_expected():
    """Compare with scikit-learn on points of a grid, so that another version is noticed."""
    rng = np.random.default_rng(0)
    X, X_val = rng.integers(0, 4, (200, 3)).astype(float), rng.integers(0, 4, (30, 3)).astype(float)
    for metric, name in (("euclidean", "sqeuclidean"), ("manhattan", "cityblock")):
        for size in (1, 2, 3, 5, 8):
            search = NearestNeighbors(n_neighbors=size, algorithm="brute", metric=metric).fit(X)
            found = search.kneighbors(X_val, return_distance=False)
            expected = [heap_of_nearest(line, size) for line in cdist(X_val, X, name).tolist()]
            if (np.sort(found, axis=1) != np.sort(expected, axis=1)).any():
                return False
    return True


@cache
def _threadpools():
    return ThreadpoolController()


def _is_single_threaded():
    pools = _threadpools().info()
    return all(pool["num_threads"] == 1 for pool in pools if pool["user_api"] == "openmp")
