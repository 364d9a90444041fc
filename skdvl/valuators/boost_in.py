"""BoostIn: influence of rows on boosted trees, through the leaves that they share."""

from sklearn.base import is_classifier
from sklearn.utils._param_validation import HasMethods, StrOptions
from sklearn.utils.validation import check_memory

from ..boosting import check_supported
from ..callbacks import as_one_task
from ..influence import last_step
from .base import or_as_before
from .boost_in_study import study
from .inputs import check_classes, check_groups, check_rows, check_validation, row_index
from .one_fit import OneFitValuator
from .routing import fit_params
from .scores import warn_of_unvalued


class BoostInValuator(OneFitValuator):
    r"""Value rows by what boosted trees would lose without them, from a single fit.

    In every round, what a leaf says is a sum over its rows. Without one of them it says something
    else to all validation rows in the leaf, and so much their loss rises. The value of a row is the
    sum over all rounds, with the trees as they are: this takes one pass over the rounds, where
    refits would cost a fit each. What becomes of splits, and of later rounds, is left out, so
    values rank rows rather than tell by how much the loss rises.

    Without a validation set, `cv` values each row on the held-out rows of the folds that train on
    it, with one fit for each fold.

    Parameters
    ----------
    estimator : estimator
        `GradientBoostingClassifier`, `GradientBoostingRegressor`, `HistGradientBoostingClassifier`
        or `HistGradientBoostingRegressor`, with a loss that has second derivatives; or a pipeline
        that ends in one, whose transformers stay as they are. Not with `subsample` below 1, since
        boosters do not keep which rows a tree has seen, nor with `monotonic_cst`. It is cloned and
        fitted, unless it is a :class:`sklearn.frozen.FrozenEstimator`.
    kind : {"influence", "boostin", "self_influence"}, default="influence"
        What is told of a row:

        - "influence": how much the mean loss on the validation rows rises without the row, by its
          slope at the predictions of the whole model. Refits grow other trees, so ranks have
          little to do with theirs where rows are few: of 80 rows, in 20 cases, they correlated by
          0.2 in the median, and from -0.1 to 0.6;
        - "boostin": the same by the slopes at the predictions before each round, as in the paper;
        - "self_influence": how much the loss of the row itself rises without it, by the slopes of
          each round, and with a minus. The model fits rows of low value only since it has seen
          them. No validation rows are needed.
    cv : int, splitter or iterable, default=5
        Folds that value rows if there is no validation set.
    prefit : bool, default=False
        Take `estimator` as it is, fitted already on the very rows that `fit` is given, in the same
        order and with the same `sample_weight`. It takes a validation set, or
        ``kind="self_influence"``. A clone is not fitted any more: in a search, or in a pruner, use
        `FrozenEstimator`.
    random_state : int, RandomState instance or None, default=None
        Seeds every random state of the estimator, and of `cv`, that is not an integer.
    memory : str, joblib.Memory or None, default=None
        Where to keep results, so that the same data are valued once.

    Attributes
    ----------
    values_ : ndarray of shape (n_samples,)
        In units of the loss: mean squared error, log loss, mean deviance, or mean exponential loss.
        Positive where a row helps: the loss rises without it. With `groups`, the mean over the
        rows of the group. NaN for rows that were held out to stop early, in all folds if there are
        some, and for those that no fold trains on. Of a group, such rows add nothing.
    stderr_ : ndarray of shape (n_samples,)
        Not known: infinite. Errors would need every row's effect on every other.
    counts_ : ndarray of int of shape (n_samples,)
        Number of validation rows behind each value.
    n_unvalued_ : int
        Number of rows without a value.
    groups_, group_values_, group_stderr_ : ndarray of shape (n_groups,)
        Only if `groups` were passed: sums over the rows of each group.
    estimator_ : estimator
        Fitted on all rows.
    task_ : {"classification", "regression"}
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        Only if X has column names.

    Notes
    -----
    In each round, a leaf adds

    .. math:: w = -\eta\, \frac{G}{H + \lambda}

    to the predictions of its rows, with the learning rate :math:`\eta`, the L2 penalty
    :math:`\lambda` and the sums G and H of first and second derivatives of the loss of its training
    rows. Without row i, of derivatives :math:`g_i` and :math:`h_i`, it adds more by
    :math:`(\eta\, g_i + w\, h_i) / (H + \lambda)`, to first order, and the loss of a validation row
    in the leaf rises by its slope times that.

    References
    ----------
    Brophy, Hammoudeh & Lowd (2023), "Adapting and evaluating influence-estimation methods for
    gradient-boosted decision trees", arXiv:2205.00359.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.ensemble import HistGradientBoostingClassifier
    >>> from skdvl import BoostInValuator
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> booster = HistGradientBoostingClassifier(max_iter=20).fit(X[:400], y[:400])
    >>> valuator = BoostInValuator(booster, prefit=True)
    >>> values = valuator.fit(X[:400], y[:400], X_val=X[400:], y_val=y[400:]).values_
    >>> values.shape
    (400,)
    """

    _parameter_constraints = {
        "estimator": [HasMethods(["fit"])],
        "kind": [StrOptions({"influence", "boostin", "self_influence"})],
        "cv": ["cv_object"],
        "prefit": ["boolean"],
        "random_state": ["random_state"],
        "memory": [None, str, HasMethods(["cache"])],
    }
    _fitted = None  # boosters tell themselves

    def __init__(
        self,
        estimator,
        *,
        kind="influence",
        cv=5,
        prefit=False,
        random_state=None,
        memory=None,
    ):
        self.estimator = estimator
        self.kind = kind
        self.cv = cv
        self.prefit = prefit
        self.random_state = random_state
        self.memory = memory

    @as_one_task
    @or_as_before
    def fit(self, X, y, *, X_val=None, y_val=None, groups=None, **params):
        """Value the rows of X.

        Parameters
        ----------
        X : array-like, data frame or sparse matrix of shape (n_samples, n_features)
            Whatever the estimator takes.
        y : array-like of shape (n_samples,)
        X_val, y_val : array-like or None, default=None
            Validation rows: both, or neither to use `cv`.
        groups : array-like of shape (n_samples,) or None, default=None
            Groups of rows with the same label, such as data vendors: their values are added up.
            With `cv`, a fold adds up the rows of a group that it trains on: of five folds, that
            comes to four fifths of the sum over all of its rows.
            A `cv` that splits by groups gets them too.
        **params : dict
            Passed to the estimator's `fit`: `sample_weight`, or ``<step>__sample_weight`` for the
            last step of a pipeline. One that is fitted already is taken to have been given it.

        Returns
        -------
        self : BoostInValuator

        Raises
        ------
        ValueError
            If the inputs do not fit each other or the parameters, or the estimator is no booster
            whose leaves are known, before anything is trained; or if a fitted booster has been
            fitted on other rows.
        NotFittedError
            If the estimator is said to be fitted, and is not.
        """
        self._validate_params()
        index = row_index(X)
        X, y = check_rows(self, X, y)
        model, is_fitted = self._model(y)
        classifier = is_classifier(model)
        if classifier:
            check_classes(y)
        X_val, y_val = check_validation(self, X_val, y_val, y, classifier)
        names, player_of_row = check_groups(groups, len(y))
        splits = self._splits(X, y, groups, X_val, is_fitted, classifier)
        params = fit_params(self, model, params)
        cached = check_memory(self.memory).cache(study)
        model, *values = cached(
            model, is_fitted, X, y, params, X_val, y_val, splits, self.kind, player_of_row
        )
        self._publish(*values, names, player_of_row)
        self.estimator_ = model
        self.task_ = "classification" if classifier else "regression"
        self._row_index = index
        warn_of_unvalued(
            self,
            "each was held out to stop early, or no fold trains on it. Set early_stopping=False",
        )
        return self

    def _check_model(self, model, is_fitted):
        check_supported(type(self).__name__, last_step(model), is_fitted)
