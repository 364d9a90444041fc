"""Exact Shapley values of the nearest-neighbour game: no model is trained."""

from dataclasses import dataclass
from numbers import Integral

import numpy as np
from scipy.sparse import issparse
from scipy.spatial.distance import cdist
from sklearn.metrics import pairwise_distances
from sklearn.metrics.pairwise import _NAN_METRICS, _VALID_METRICS
from sklearn.utils import check_array
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.validation import check_memory

from ..callbacks import as_one_task
from ..neighbors import label_values, target_values
from ..workers import pinned_threads
from .base import BaseValuator
from .inputs import (
    check_classes,
    check_groups,
    check_rows,
    check_validation,
    row_index,
    task_of_target,
)

_CELLS = 2**20  # distances in one block
_ENCODE = (
    "KNNShapleyValuator takes distances between rows of numbers: encode the columns first, or use "
    "a valuator with an estimator that takes them."
)
_METRICS = {*_VALID_METRICS, *_NAN_METRICS} - {"precomputed"}


class KNNShapleyValuator(BaseValuator):
    """Value rows by their exact Shapley value for a nearest-neighbour model.

    Each validation row asks its nearest training rows. In classification the score of a set
    of rows is the share of right labels among the `n_neighbors` nearest; in regression it is
    the negative squared error of their mean target. Where a set has fewer rows, the missing
    neighbours count as wrong labels, or as the mean of y. These Shapley values are known in closed
    form: one sort of the training rows for each validation row, and no model is trained. The time
    is that of all pairs of rows: two seconds for 5000 rows, half a minute for 20 000.

    Without a validation set every row is scored by all others, itself left out of its own
    neighbours. That finds wrong labels better than a hundred rows set aside do.

    Parameters
    ----------
    n_neighbors : int, default=5
    task : {"auto", "classification", "regression"}, default="auto"
        What y holds. With "auto", texts and booleans are labels, and so are whole
        numbers if at most 20 of them differ, or if they are codes 0, 1, 2, ... or 1, 2, ...
        without a gap and with at least 5 rows each on average. All else are targets. Say so if
        you know better.
    metric : str or callable, default="euclidean"
        Distance, as in :func:`sklearn.metrics.pairwise_distances`. Scale the columns of X first.
    memory : str, joblib.Memory or None, default=None
        Where to keep values, so that the same data are valued once.

    Attributes
    ----------
    values_ : ndarray of shape (n_samples,)
        Units are those of the score. Without groups and in classification, they sum to the share
        of right labels among the neighbours of the validation rows.
    stderr_ : ndarray of shape (n_samples,)
        Standard errors over the validation rows, taken as a sample; infinite if there is but one.
        For these very validation rows the values are exact.
    counts_ : ndarray of int of shape (n_samples,)
        Number of validation rows behind each value.
    groups_, group_values_, group_stderr_ : ndarray of shape (n_groups,)
        Only if `groups` were passed: the sum over the rows of each group.
    task_ : {"classification", "regression"}
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        Only if X has column names.

    References
    ----------
    Jia et al. (2019), "Efficient task-specific data valuation for nearest neighbor algorithms",
    arXiv:1908.08619.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skdvl import KNNShapleyValuator
    >>> X, y = load_iris(return_X_y=True)
    >>> valuator = KNNShapleyValuator(n_neighbors=3).fit(X, y)
    >>> int(valuator.values_.argmin())  # a row between two species
    83
    >>> float(valuator.values_.sum().round(2))  # share of right labels among neighbours
    0.95
    """

    _parameter_constraints = {
        "n_neighbors": [Interval(Integral, 1, None, closed="left")],
        "task": [StrOptions({"auto", "classification", "regression"})],
        "metric": [StrOptions(_METRICS), callable],
        "memory": [None, str, HasMethods(["cache"])],
    }

    def __init__(self, n_neighbors=5, *, task="auto", metric="euclidean", memory=None):
        self.n_neighbors = n_neighbors
        self.task = task
        self.metric = metric
        self.memory = memory

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.allow_nan = self.metric == "nan_euclidean"
        return tags

    @as_one_task
    def fit(self, X, y, *, X_val=None, y_val=None, groups=None):
        """Value the rows of X.

        Parameters
        ----------
        X : array-like, data frame or sparse matrix of shape (n_samples, n_features)
            Numbers only.
        y : array-like of shape (n_samples,)
        X_val, y_val : array-like or None, default=None
            Validation rows: both, or neither to score every row by all others.
        groups : array-like of shape (n_samples,) or None, default=None
            Groups of rows with the same label, such as data vendors: their values are added up.

        Returns
        -------
        self : KNNShapleyValuator

        Raises
        ------
        ValueError
            If the inputs do not fit each other or the parameters, before any distance is computed.
        """
        self._validate_params()
        index = row_index(X)
        X, y = check_rows(self, X, y)
        if y.ndim != 1:
            raise ValueError(
                f"y has shape {y.shape}; KNNShapleyValuator takes one label or target for each "
                "row. For several outputs use ShapleyValuator with an estimator that takes them."
            )
        task = task_of_target(y) if self.task == "auto" else self.task
        classifier = task == "classification"
        if classifier:
            check_classes(y)
        X_val, y_val = check_validation(self, X_val, y_val, y, classifier)
        names, player_of_row = check_groups(groups, len(y))
        X = self._numbers(X, "X")
        X_val = None if X_val is None else self._numbers(X_val, "X_val")
        y, y_val = _codes(y, y_val) if classifier else _centred(y, y_val)
        game = NeighborGame(X, y, X_val, y_val, self.n_neighbors, self.metric, classifier)
        solve = check_memory(self.memory).cache(_solve)
        mean, stderr = solve(game, player_of_row)
        size = np.bincount(player_of_row)
        for name in ("groups_", "group_values_", "group_stderr_", "_row_groups"):
            vars(self).pop(name, None)
        if names is not None:
            self.groups_, self._row_groups = names, names[player_of_row]
            self.group_values_, self.group_stderr_ = mean, stderr
        self.task_ = task
        self.values_ = (mean / size)[player_of_row]
        self.stderr_ = (stderr / size)[player_of_row]
        self.counts_ = np.full(len(y), game.n_scored)
        self._row_index = index
        return self

    def _numbers(self, X, name):
        """Return X as numbers that distances can be taken of."""
        finite = "allow-nan" if self.metric == "nan_euclidean" else True
        dtype = X.dtype if issparse(X) else np.asarray(X).dtype
        try:
            numbers = check_array(
                X,
                accept_sparse="csr",
                order="C",
                ensure_all_finite=finite,
                estimator=self,
                input_name=name,
            )
        except ValueError as error:
            if dtype.kind in "biuf":
                raise
            raise ValueError(f"{error}. {_ENCODE}") from error
        if numbers.dtype.kind not in "biuf":
            raise ValueError(f"{name} holds {numbers.dtype}. {_ENCODE}")
        return numbers


@dataclass(frozen=True)
class NeighborGame:
    """One game for each validation row: what its neighbours tell it.

    Attributes
    ----------
    X, y : training rows, and their labels as integers or their targets as floats
    X_val, y_val : validation rows, or None to score the training rows by each other
    n_neighbors : int
    metric : str or callable
    classifier : bool
    """

    X: object
    y: np.ndarray
    X_val: object
    y_val: np.ndarray | None
    n_neighbors: int
    metric: object
    classifier: bool

    @property
    def n_scored(self):
        """Number of validation rows."""
        return len(self.y if self.X_val is None else self.y_val)

    def values(self, first, last):
        """Shapley values of all training rows for some validation rows, as (rows, players)."""
        alone = self.X_val is None
        asking, truth = (self.X, self.y) if alone else (self.X_val, self.y_val)
        truth = truth[first:last]
        distances = _distances(asking[first:last], self.X, self.metric)
        order = np.argsort(distances, axis=1, kind="stable")  # ties in training order
        if alone:  # everybody but the asking row itself
            asks = np.arange(first, first + len(truth))[:, None]
            order = order[order != asks].reshape(len(truth), -1)
        told = self.y[order]
        if self.classifier:
            values = label_values(told == truth[:, None], self.n_neighbors)
        else:
            values = target_values(told, truth, self.n_neighbors)
        placed = np.zeros(distances.shape)
        np.put_along_axis(placed, order, values, axis=1)
        return placed


def _solve(game, player_of_row):
    """Mean over the validation rows, and its standard error, for every player."""
    n, n_scored = len(game.y), game.n_scored
    block = max(1, _CELLS // n)
    grouped = not np.array_equal(player_of_row, np.arange(n))
    total = square = 0.0
    with pinned_threads():
        for first in range(0, n_scored, block):
            values = game.values(first, first + block)
            if grouped:
                values = np.stack([np.bincount(player_of_row, weights=line) for line in values])
            total, square = total + values.sum(axis=0), square + (values**2).sum(axis=0)
    mean = total / n_scored
    if n_scored < 2:
        return mean, np.full(len(mean), np.inf)
    variance = np.maximum(square / n_scored - mean**2, 0) * n_scored / (n_scored - 1)
    return mean, np.sqrt(variance / n_scored)


def _distances(A, B, metric):
    """Distances that tell ties: a matrix product would round the same distance differently."""
    if metric == "euclidean" and not issparse(A):
        return cdist(A, B, "sqeuclidean")
    return pairwise_distances(A, B, metric=metric)


def _codes(y, y_val):
    """Labels as integers."""
    classes, codes = np.unique(y, return_inverse=True)
    return codes, None if y_val is None else np.searchsorted(classes, y_val)


def _centred(y, y_val):
    """Targets as floats around 0, so that missing neighbours count as the mean of y."""
    y, y_val = _floats(y, "y"), None if y_val is None else _floats(y_val, "y_val")
    return y - y.mean(), None if y_val is None else y_val - y.mean()


def _floats(y, name):
    try:
        return y.astype(np.float64)
    except ValueError as error:
        raise ValueError(
            f"{name} holds {y.dtype} and not numbers, and this is a regression. Pass "
            'task="classification" if these are labels.'
        ) from error
