"""Exact values of the nearest-neighbour game: no model is trained."""

from numbers import Integral, Real

import numpy as np
from sklearn.metrics.pairwise import _NAN_METRICS, _VALID_METRICS
from sklearn.utils._param_validation import HasMethods, Interval, Options, StrOptions
from sklearn.utils.validation import check_memory

from ..callbacks import as_one_task
from ..semivalues import Semivalue, Shapley
from .base import BaseValuator, or_as_before
from .inputs import (
    check_classes,
    check_groups,
    check_rows,
    check_validation,
    row_index,
    task_of_target,
)
from .neighbor_game import NeighborGame, solve
from .neighbor_inputs import as_numbers, centred, check_parameters, codes
from .parameters import check_workers

_METRICS = {*_VALID_METRICS, *_NAN_METRICS} - {"precomputed"}


class KNNShapleyValuator(BaseValuator):
    r"""Value rows exactly for a nearest-neighbour model, under any semivalue.

    Each validation row asks its nearest training rows. In classification the score of a set
    of rows is the share of right labels among the `n_neighbors` nearest; in regression it is
    the negative squared error of their mean target. Where a set has fewer rows, the missing
    neighbours count as wrong labels, or as the mean of y. The values are known in closed form, for
    Shapley, Beta Shapley, Banzhaf and every other semivalue: one sort of the training rows for
    each validation row, and no model is trained. The time is that of all pairs of rows, tens of
    nanoseconds each: seconds for 10 000 rows that are scored by each other.

    Without a validation set every row is scored by all others, itself left out of its own
    neighbours. That finds wrong labels better than a hundred rows set aside do.

    Training rows at the same distance are neighbours in the order of X. Distances are those that
    are taken in float64 pair by pair. Euclidean ones come from a matrix product, whose rounding is
    bounded, and rows that it does not tell apart are taken pair by pair after all: the order is
    the same.

    Parameters
    ----------
    n_neighbors : int, default=5
        May be larger than the number of rows. Not used with ``utility="radius"``.
    semivalue : Semivalue or None, default=None
        See :mod:`skdvl.semivalues`; None is ``Shapley()``. Semivalues other than Shapley, Beta
        Shapley, Banzhaf and leave-one-out take a time that grows with the square of the number of
        rows before the first distance: a minute or more for 100 000.
    weights : "uniform" or callable, default="uniform"
        The weight of what a neighbour tells: its vote, or its target as a difference from the mean
        of y. A callable is given an array of distances and returns one of the same shape, as in
        :class:`sklearn.neighbors.KNeighborsClassifier`, of finite numbers of at least 0. They are
        not normalised: the score is the weighted sum, divided by `n_neighbors`.
    utility : {"jia", "soft", "radius"}, default="jia"
        How a set of rows is scored in classification. With "jia" as above, after Jia et al.
        (2019). With "soft" a set of less than `n_neighbors` rows is scored by the share among those
        that are there. With "radius" all rows within `radius` are asked and none else. In both, a
        set of which nobody is asked has the score of a guess, 1 / number of classes.
    radius : float or None, default=None
        Distance up to which rows are asked, itself included; only for ``utility="radius"``.
    task : {"auto", "classification", "regression"}, default="auto"
        What y holds. With "auto", texts and booleans are labels, and so are whole
        numbers if at most 20 of them differ, or if they are codes 0, 1, 2, ... or 1, 2, ...
        without a gap and with at least 5 rows each on average. All else are targets. Say so if
        you know better.
    metric : str or callable, default="euclidean"
        Distance, as in :func:`sklearn.metrics.pairwise_distances`. Scale the columns of X first.
    metric_params : dict or None, default=None
        Further arguments of the metric. "seuclidean" and "mahalanobis" take the variances of the
        training rows where none are passed.
    max_rank : int or None, default=None
        Leave out all but so many nearest neighbours of each validation row, which are then found
        by :class:`sklearn.neighbors.NearestNeighbors`; at least `n_neighbors`. No value is off by
        more than `max_error_`. In classification that is the chance that one who joins gets a
        seat at this rank, divided by `n_neighbors`; for Shapley values ``1 / max_rank``. So for an
        error of at most eps, pass ``max(n_neighbors, ceil(1 / eps))``. With "soft" the same
        holds, without `weights`: what a row adds where seats are left takes no distance to know.
        A radius leaves out far rows by itself. Where distances are equal at the cut, it is open
        which rows are before it.
    dtype : {"float64", "float32"} or numpy type, default="float64"
        With "float32" distances are rounded: quicker where there are hundreds of columns, but rows
        that are nearly as far may be swapped. Copies of a row are not.
    n_jobs : int or None, default=None
        Workers, as everywhere in scikit-learn. Values have the same bits whatever their number.
    memory : str, joblib.Memory or None, default=None
        Where to keep values, so that the same data are valued once.

    Attributes
    ----------
    values_ : ndarray of shape (n_samples,)
        Units are those of the score. Shapley values without groups, in classification, sum to the
        share of right labels among the neighbours of the validation rows.
    stderr_ : ndarray of shape (n_samples,)
        Standard errors over the validation rows, taken as a sample; infinite if there is but one.
        For these very validation rows the values are exact.
    counts_ : ndarray of int of shape (n_samples,)
        Number of validation rows behind each value.
    groups_, group_values_, group_stderr_ : ndarray of shape (n_groups,)
        Only if `groups` were passed: the sum over the rows of each group.
    max_error_ : float
        Bound on the error of each row's value that comes from `max_rank`; 0 without. In regression
        it is a coarse one. With `weights`, it holds if they do not grow with distance.
    task_ : {"classification", "regression"}
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        Only if X has column names.

    Notes
    -----
    For a validation row, let :math:`a_i` be 1 if its i-th nearest row has the right label, and
    0 otherwise, and let K be `n_neighbors`. The score of a set S is the sum of :math:`a_i` over the
    K nearest rows in S, divided by K, and

    .. math:: v_i = \frac{1}{K} \Big( a_i P_i - \sum_{m > i} a_m T_m \Big)

    where :math:`P_i` is the chance that fewer than K nearer rows are there when i joins, and
    :math:`T_m` that m is there and has the last seat, which i takes. For Shapley values,
    :math:`P_i = \min(K, i) / i`, and :math:`T_m = K / (m (m - 1))` where m > K, or else 0.

    Distances of some validation rows are held at once, within ``working_memory`` of
    :func:`sklearn.set_config`, those of one row at least.

    References
    ----------
    Jia et al. (2019), "Efficient task-specific data valuation for nearest neighbor algorithms",
    arXiv:1908.08619. Wang & Jia (2023), "A note on 'Efficient task-specific data valuation for
    nearest neighbor algorithms'", arXiv:2304.04258, for "soft". Wang et al. (2023), "Threshold
    KNN-Shapley: a linear-time and privacy-friendly approach to data valuation", arXiv:2308.15709,
    for "radius".

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

    Another semivalue, and neighbours that count less if they are far:

    >>> import numpy as np
    >>> from skdvl.semivalues import BetaShapley
    >>> valuator = KNNShapleyValuator(semivalue=BetaShapley(4, 1), weights=lambda d: np.exp(-d))
    >>> valuator.fit(X, y).values_.shape
    (150,)
    """

    _parameter_constraints = {
        "n_neighbors": [Interval(Integral, 1, None, closed="left")],
        "semivalue": [Semivalue, None],
        "weights": [StrOptions({"uniform"}), callable],
        "utility": [StrOptions({"jia", "soft", "radius"})],
        "radius": [Interval(Real, 0, None, closed="left"), None],
        "task": [StrOptions({"auto", "classification", "regression"})],
        "metric": [StrOptions(_METRICS), callable],
        "metric_params": [dict, None],
        "max_rank": [Interval(Integral, 1, None, closed="left"), None],
        "dtype": [StrOptions({"float64", "float32"}), Options(type, {np.float64, np.float32})],
        "n_jobs": [Integral, None],
        "memory": [None, str, HasMethods(["cache"])],
    }

    def __init__(
        self,
        n_neighbors=5,
        *,
        semivalue=None,
        weights="uniform",
        utility="jia",
        radius=None,
        task="auto",
        metric="euclidean",
        metric_params=None,
        max_rank=None,
        dtype="float64",
        n_jobs=None,
        memory=None,
    ):
        self.n_neighbors = n_neighbors
        self.semivalue = semivalue
        self.weights = weights
        self.utility = utility
        self.radius = radius
        self.task = task
        self.metric = metric
        self.metric_params = metric_params
        self.max_rank = max_rank
        self.dtype = dtype
        self.n_jobs = n_jobs
        self.memory = memory

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.allow_nan = self.metric == "nan_euclidean"
        return tags

    @as_one_task
    @or_as_before
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
        check_workers(self.n_jobs)
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
        check_parameters(self, classifier)
        X_val, y_val = check_validation(self, X_val, y_val, y, classifier)
        names, player_of_row = check_groups(groups, len(y))
        X = as_numbers(self, X, "X")
        X_val = None if X_val is None else as_numbers(self, X_val, "X_val")
        n_classes = len(np.unique(y)) if classifier else 0
        y, y_val = codes(y, y_val) if classifier else centred(y, y_val)
        game = NeighborGame(
            X, y, X_val, y_val, self.n_neighbors, self.semivalue or Shapley(), self.weights,
            self.utility, self.radius, self.metric, self.metric_params or {},
            np.dtype(self.dtype), self.max_rank, classifier, n_classes,
        )  # fmt: skip
        cached = check_memory(self.memory).cache(solve, ignore=["n_jobs"])
        mean, stderr, max_error = cached(game, player_of_row, n_jobs=self.n_jobs)
        size = np.bincount(player_of_row)
        for name in ("groups_", "group_values_", "group_stderr_", "_row_groups"):
            vars(self).pop(name, None)
        if names is not None:
            self.groups_, self._row_groups = names, names[player_of_row]
            self.group_values_, self.group_stderr_ = mean, stderr
        self.task_ = task
        self.values_ = (mean / size)[player_of_row]
        self.stderr_ = (stderr / size)[player_of_row]
        self.counts_ = np.full(len(y), len(game.truth))
        self.max_error_ = max_error
        self._row_index = index
        return self
