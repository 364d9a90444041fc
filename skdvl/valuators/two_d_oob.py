"""2D-OOB: which cells of X make the members of an ensemble err on a row that they have not seen."""

import numpy as np
from sklearn.base import is_classifier
from sklearn.ensemble import BaggingClassifier, BaggingRegressor
from sklearn.ensemble._forest import BaseForest
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from ..notices import warn_caller
from ..workers import pinned_threads
from .data_oob import _MEMBERS, DataOOBValuator
from .out_of_bag import ask_members
from .scores import CellScores, RowScores


class TwoDOOBValuator(DataOOBValuator):
    r"""Value every cell of X, a row and a column, by members that have not seen the row.

    The members of the ensemble are each fitted on some of the rows and some of the columns. The
    value of a cell is the mean score, on its row, of the members that were not fitted on the row
    and do use the column. Within a row, cells of lower value are those that mislead. The values of
    the rows are those of `DataOOBValuator`.

    Parameters
    ----------
    estimator : bagging estimator or None, default=None
        A `BaggingClassifier` or `BaggingRegressor` with ``max_features`` below 1; forests do
        not give their members columns of their own. The fewer columns a member uses, the better
        its score says which of them misleads. The ensemble is cloned and fitted, unless it is a
        `sklearn.frozen.FrozenEstimator`. None bags 200 decision trees, with half of the columns for
        each.
    task : {"auto", "classification", "regression"}, default="auto"
        What y holds, for the choice of the default ensemble; see `KNNShapleyValuator`.
    scoring : {"label", "probability"}, default="label"
        In classification: whether the member predicts the label of the row, 1 or 0, or the
        probability that it gives to this label. In regression scores are negative squared errors.
    prefit : bool, default=False
        Take `estimator` as it is, fitted already on the very rows that `fit` is given, in the
        same order, and train nothing; see `DataOOBValuator`.
    n_jobs : int or None, default=None
        Threads that ask members, and workers of the ensemble's fit if its own `n_jobs` is None.
        Values have the same bits for any number.
    random_state : int, RandomState instance or None, default=None
        Seeds every random state of the ensemble that is not an integer.
    memory : str, joblib.Memory or None, default=None
        Where to keep results, so that the same data are valued once. Set an integer
        `random_state`.

    Attributes
    ----------
    cell_values_ : ndarray of shape (n_samples, n_features)
        Mean scores; NaN for cells that no member has to do with.
    cell_stderr_ : ndarray of shape (n_samples, n_features)
        Standard errors over the members; infinite for cells of less than two.
    cell_counts_ : ndarray of int of shape (n_samples, n_features)
        Number of members behind each cell's value.
    values_, stderr_, counts_ : ndarray of shape (n_samples,)
        Of the rows, as in `DataOOBValuator`.
    n_unvalued_ : int
        Number of rows without a value.
    groups_, group_values_, group_stderr_ : ndarray of shape (n_groups,)
        Only if `groups` were passed: the sum over the rows of each group.
    estimator_ : estimator
        The fitted ensemble.
    task_ : {"classification", "regression"}
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        Only if X has column names.

    Notes
    -----
    For members b, fitted on the rows :math:`B_b` and the columns :math:`C_b`, the value of the cell
    in row i and column j is

    .. math:: v_{ij} = \frac{1}{|\{b : i \notin B_b,\; j \in C_b\}|}
        \sum_{b :\, i \notin B_b,\; j \in C_b} s\big(f_b(x_i), y_i\big)

    with the scores s of `DataOOBValuator`.

    References
    ----------
    Sun, Shen & Kwon (2024), "2D-OOB: attributing data contribution through joint valuation
    framework", arXiv:2408.03572.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skdvl import TwoDOOBValuator
    >>> X, y = load_iris(return_X_y=True)
    >>> X[0, 2] = 6.0  # a petal of another species
    >>> valuator = TwoDOOBValuator(random_state=0).fit(X, y)
    >>> int(valuator.cell_values_[0].argmin())
    2
    """

    def _default(self, classifier):
        kind, tree = BaggingRegressor, DecisionTreeRegressor()
        if classifier:
            kind, tree = BaggingClassifier, DecisionTreeClassifier()
        return kind(tree, n_estimators=_MEMBERS, max_features=0.5)

    def _ensemble(self, y, params):
        ensemble, is_fitted = super()._ensemble(y, params)
        if isinstance(ensemble, BaseForest):
            kind = "BaggingClassifier" if is_classifier(ensemble) else "BaggingRegressor"
            raise ValueError(
                f"TwoDOOBValuator needs members that use some of the columns each, and every tree "
                f"of {type(ensemble).__name__} uses all. Use {kind}(max_features=0.5), or "
                "DataOOBValuator for values of rows."
            )
        return ensemble, is_fitted

    @staticmethod
    def _tally(game, player_of_row, n_jobs):
        n_rows, n_features = len(game.truth), game.ensemble.n_features_in_
        rows, cells = RowScores(n_rows, player_of_row), CellScores(n_rows, n_features)
        with pinned_threads():  # for the bits of matrix products
            for own, (unseen, told) in zip(game.features, ask_members(game, n_jobs), strict=True):
                rows.add(unseen, told)
                cells.add(unseen, told, own)
            return rows.attributes() | cells.attributes()

    def _warn(self):
        super()._warn()
        n_features = self.n_features_in_
        used = [len(np.unique(own)) for own in self.estimator_.estimators_features_]
        if n_features > 1 and min(used) == n_features:
            warn_caller(
                f"Every member of {type(self.estimator_).__name__} uses all {n_features} columns, "
                "so that all cells of a row have the same value. Set max_features below 1.0.",
            )
