"""Distances, and how far scikit-learn's may be from them through rounding.

scikit-learn computes a distance in several ways: from differences of features, from a matrix
product of the rows (which loses digits where rows are long and near to each other), and through
bounds on whole boxes or balls of rows. Rows whose distances differ by less than these errors may
come in either order.
"""

import numpy as np
from scipy.spatial.distance import cdist
from sklearn.metrics.pairwise import cosine_distances

_EUCLIDEAN = ("euclidean", "l2", "sqeuclidean")
_METRICS = dict.fromkeys(("manhattan", "cityblock", "l1"), "cityblock")
_METRICS |= dict.fromkeys(_EUCLIDEAN, "sqeuclidean")
_METRICS |= {"chebyshev": "chebyshev", "minkowski": "minkowski", "cosine": "cosine"}
_EPS = np.finfo(float).eps


class Distances:
    """Distances of validation rows from training rows, as an estimator would compute them.

    Parameters
    ----------
    estimator : KNeighborsClassifier or KNeighborsRegressor
    X : ndarray of shape (n, d)
    X_val : ndarray of shape (m, d)

    Attributes
    ----------
    shape : tuple of int
        (n, m)
    is_euclidean, is_exact : bool
        Whether the metric is Euclidean, and whether no search rounds any distance.
    searches : tuple of str
        What scikit-learn may choose from to search for neighbours, depending on the coalition.
    """

    def __init__(self, estimator, X, X_val):
        self.X, self.X_val = X, X_val
        self.shape = len(X), len(X_val)
        self.metric, self.p = effective_metric(estimator)
        self.is_euclidean = self.metric in _EUCLIDEAN
        self.cdist_metric = _METRICS[self.metric]
        self.searches = searches(estimator, X.shape[1])
        # What is smaller than this may vanish when it is raised to the power of p.
        self._floor = 10.0 ** (-290 / (1 if self.is_euclidean else self.p))
        if self.p == np.inf:
            self._floor = 1e-290
        self.is_exact = self.cdist_metric in ("sqeuclidean", "cityblock", "chebyshev") and any(
            _is_whole(X * scale) and _is_whole(X_val * scale) for scale in (1, 16)
        )

    def measure(self, columns):
        """Return distances from some validation rows, and bounds on scikit-learn's errors.

        Parameters
        ----------
        columns : slice
            Of the validation rows.

        Returns
        -------
        distance : ndarray of shape (b, n)
            Euclidean ones are squared.
        errors : list of ndarray of shape (b, n)
            Of distances as they are compared; one for each of `searches`, brute force last.
        final_errors : list of ndarray of shape (b, n)
            Of distances as they are told.
        """
        some = self.X_val[columns]
        if self.metric == "cosine":
            distance = cosine_distances(some, self.X)
        else:
            extra = {"p": self.p} if self.metric == "minkowski" else {}
            distance = cdist(some, self.X, self.cdist_metric, **extra)
        if self.is_exact:
            return distance, *([[np.zeros_like(distance) for _ in self.searches]] * 2)
        unit = (self.X.shape[1] + 8) * _EPS
        error = unit * distance + self._floor * (distance > 0)
        final = [
            error if search != "brute" else self._of_products(error, some)
            for search in self.searches
        ]
        if self.searches[0] != "ball_tree":
            return distance, final, final
        # A tree bounds distances by that of a centre, less a radius.
        longest = distance.max(axis=1, keepdims=True)
        if self.is_euclidean:
            return distance, [error + 8 * unit * np.sqrt(distance * longest)], final
        return distance, [error + 4 * unit * longest], final

    def _of_products(self, error, some):
        """Return the error of distances that are computed from products of rows."""
        unit = (self.X.shape[1] + 8) * _EPS
        if self.is_euclidean:
            lengths = [np.einsum("ij,ij->i", rows, rows) for rows in (some, self.X)]
            return error + unit * np.add.outer(*lengths)
        return error + 2 * unit if self.metric == "cosine" else error

    def proper(self, distance):
        """Return distances as they go into weights."""
        if self.is_euclidean and self.metric != "sqeuclidean":
            return np.sqrt(distance)
        return distance


def _is_whole(X):
    """Whether sums of products of rows are whole numbers, and too small to be rounded."""
    return bool((X == np.rint(X)).all() and 4 * X.shape[1] * np.abs(X).max() ** 2 < 2**52)


def effective_metric(estimator):
    """Return the metric, with Minkowski's special cases by their names, and its power."""
    if estimator.metric != "minkowski":
        return estimator.metric, 2
    names = {1: "manhattan", 2: "euclidean", np.inf: "chebyshev"}
    return names.get(estimator.p, "minkowski"), estimator.p


def searches(estimator, n_features):
    """Return the ways to search for neighbours that coalitions may be given."""
    if effective_metric(estimator)[0] in ("sqeuclidean", "cosine"):
        return ("brute",)
    if estimator.algorithm == "auto":
        return ("brute",) if n_features > 15 else ("kd_tree", "brute")
    return (estimator.algorithm,)


def unsupported(estimator, X, X_val):
    """Return None, or why the distances are not to be relied on."""
    metric, p = effective_metric(estimator)
    if not isinstance(metric, str) or metric not in _METRICS:
        return f"metric={metric!r} has no kernel"
    if estimator.metric_params:
        return "metric_params have no kernel"
    if not p >= 1:
        return f"p={p!r} is no metric"
    largest = max(np.abs(X).max(initial=0), np.abs(X_val).max(initial=0))
    power = 2 if p == np.inf else max(p, 2)
    if not np.log10(4 * largest + 1) * power < 280:
        return "powers of such large numbers overflow"
    return None
