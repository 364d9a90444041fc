"""Data-OOB: how well the members of an ensemble do on the rows that they have not seen."""

from numbers import Integral

from sklearn.base import clone, is_classifier
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.utils import check_random_state, get_tags
from sklearn.utils._param_validation import HasMethods, StrOptions
from sklearn.utils.validation import check_memory

from ..callbacks import as_one_task
from ..notices import warn_caller
from .base import BaseValuator, or_as_before
from .inputs import check_classes, check_groups, check_rows, row_index, task_of_target
from .out_of_bag import OutOfBag, ask_members, check_ensemble, check_same_rows, targets, thaw
from .parameters import check_workers
from .problem import pin_seeds
from .routing import fit_params, fit_router
from .scores import RowScores, publish, warn_of_unvalued

_MEMBERS = 200  # of the default ensemble
_FEW = 20


class DataOOBValuator(BaseValuator):
    r"""Value rows by how well the models of a bagged ensemble do on them, where they are unseen.

    The value of a row is the mean score, on that row, of the members that were not fitted on it.
    One ensemble is trained, or none if it is fitted already, and each member predicts once. A row
    with a wrong label is predicted wrongly by members that have learned from the others.

    Values are scores and not differences of scores: higher is better, and 0 is the lowest value of
    a label and the highest of a target. Prune by `quantile`, or set a `threshold` of your own.

    Parameters
    ----------
    estimator : forest, bagging estimator or None, default=None
        An ensemble of scikit-learn whose members each leave rows out, as a
        `RandomForestClassifier`, or `ExtraTreesClassifier` and `BaggingClassifier` with
        ``bootstrap=True`` or with ``max_samples`` below 1; and their regressors. It is cloned and
        fitted, unless it is a `sklearn.frozen.FrozenEstimator`. None is a random forest of 200
        trees.
    task : {"auto", "classification", "regression"}, default="auto"
        What y holds, for the choice of the default forest; see `KNNShapleyValuator`.
    scoring : {"label", "probability"}, default="label"
        In classification: whether the member predicts the label of the row, 1 or 0, or the
        probability that it gives to this label. In regression scores are negative squared errors.
    prefit : bool, default=False
        Take `estimator` as it is, fitted already on the very rows that `fit` is given, in the
        same order, and train nothing. A clone is not fitted any more: in a search, or in a pruner,
        use `FrozenEstimator`, which does the same.
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
    values_ : ndarray of shape (n_samples,)
        Mean scores; with `groups`, those of the row's group. NaN for rows that no member has left
        out.
    stderr_ : ndarray of shape (n_samples,)
        Standard errors over the members, taken as a sample of all that there could be, and one
        pseudo-observation of the variance over all rows; infinite where less than two have left
        the row out.
    counts_ : ndarray of int of shape (n_samples,)
        Number of members that have not seen the row.
    n_unvalued_ : int
        Number of rows without a value.
    groups_, group_values_, group_stderr_ : ndarray of shape (n_groups,)
        Only if `groups` were passed: the sum over the rows of each group, those without a value
        counted as the mean of the others.
    estimator_ : estimator
        The fitted ensemble.
    task_ : {"classification", "regression"}
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        Only if X has column names.

    Notes
    -----
    For members b, fitted on the rows :math:`B_b`, and their predictions :math:`f_b`,

    .. math:: v_i = \frac{1}{|\{b : i \notin B_b\}|} \sum_{b :\, i \notin B_b}
        s\big(f_b(x_i), y_i\big)

    where the score s is 1 for the right label and 0 for another, or the probability of the label,
    or :math:`-(f_b(x_i) - y_i)^2`.

    References
    ----------
    Kwon & Zou (2023), "Data-OOB: out-of-bag estimate as a simple and efficient data value",
    arXiv:2304.07718.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> from skdvl import DataOOBValuator
    >>> X, y = load_iris(return_X_y=True)
    >>> forest = RandomForestClassifier(random_state=0).fit(X, y)
    >>> valuator = DataOOBValuator(forest, prefit=True).fit(X, y)
    >>> int(valuator.values_.argmin())  # a row between two species
    77
    """

    _parameter_constraints = {
        "estimator": [HasMethods(["fit"]), None],
        "task": [StrOptions({"auto", "classification", "regression"})],
        "scoring": [StrOptions({"label", "probability"})],
        "prefit": ["boolean"],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
        "memory": [None, str, HasMethods(["cache"])],
    }

    def __init__(
        self,
        estimator=None,
        *,
        task="auto",
        scoring="label",
        prefit=False,
        n_jobs=None,
        random_state=None,
        memory=None,
    ):
        self.estimator = estimator
        self.task = task
        self.scoring = scoring
        self.prefit = prefit
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.memory = memory

    def _default(self, classifier):
        """Return the ensemble that None stands for."""
        kind = RandomForestClassifier if classifier else RandomForestRegressor
        return kind(n_estimators=_MEMBERS)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        inner = get_tags(self._default(True) if self.estimator is None else self.estimator)
        for name in ("sparse", "allow_nan", "string"):
            setattr(tags.input_tags, name, getattr(inner.input_tags, name))
        return tags

    def get_metadata_routing(self):
        """Say who gets which metadata; see scikit-learn's user guide on metadata routing.

        Returns
        -------
        routing : MetadataRouter
        """
        return fit_router(self, self._default(True) if self.estimator is None else self.estimator)

    @as_one_task
    @or_as_before
    def fit(self, X, y, *, X_val=None, y_val=None, groups=None, **params):
        """Value the rows of X.

        Parameters
        ----------
        X : array-like, data frame or sparse matrix of shape (n_samples, n_features)
            Whatever the ensemble takes.
        y : array-like of shape (n_samples,)
        X_val, y_val : object
            Ignored, so that a comparison can treat all valuators alike: each row is scored by
            members that have not seen it.
        groups : array-like of shape (n_samples,) or None, default=None
            Groups of rows with the same label, such as data vendors: their values are added up.
        **params : dict
            Passed to the ensemble's `fit`, such as `sample_weight`.

        Returns
        -------
        self : DataOOBValuator

        Raises
        ------
        ValueError
            If the inputs do not fit each other, the parameters or the fitted ensemble, before
            anything is trained.
        NotFittedError
            If the ensemble is said to be fitted, and is not.
        """
        self._validate_params()
        index = row_index(X)
        X, y = check_rows(self, X, y)
        ensemble, is_fitted = self._ensemble(y, params)
        classifier = is_classifier(ensemble)
        if classifier:
            check_classes(y)
        else:
            targets(y)
        names, player_of_row = check_groups(groups, len(y))
        solve = check_memory(self.memory).cache(_solve, ignore=["n_jobs"])
        parts = ensemble, is_fitted, X, y, fit_params(self, ensemble, params)
        ensemble, told = solve(*parts, self.scoring, player_of_row, type(self)._tally, self.n_jobs)
        publish(self, told, names, player_of_row)
        self.estimator_ = ensemble
        self.task_ = "classification" if classifier else "regression"
        self._row_index = index
        self._warn()
        warn_of_unvalued(
            self, "every member was fitted on them. Use more members, or a lower max_samples"
        )
        return self

    def _ensemble(self, y, params):
        """Return the ensemble, seeded but not fitted, or as it is; refuse what will not do."""
        name = type(self).__name__
        if y.ndim != 1:
            raise ValueError(
                f"y has shape {y.shape}; {name} takes one label or target for each row. For "
                "several outputs use ShapleyValuator with an estimator that takes them."
            )
        check_workers(self.n_jobs)
        ensemble, is_fitted = thaw(self.estimator, self.prefit)
        if ensemble is None:
            if is_fitted:
                raise ValueError("prefit=True needs an estimator, and it is None.")
            task = task_of_target(y) if self.task == "auto" else self.task
            ensemble = self._default(task == "classification")
        check_ensemble(self, ensemble, is_fitted)
        if is_fitted:
            check_same_rows(ensemble, len(y))
            if params:
                raise TypeError(
                    f"{name}.fit() got {list(params)}, which would go to the ensemble's fit; but "
                    "it is fitted already."
                )
            return ensemble, True
        seed = check_random_state(self.random_state).randint(2**31 - 1)
        return pin_seeds(clone(ensemble), seed), False

    @staticmethod
    def _tally(game, player_of_row, n_jobs):
        """Ask all members, and return what they told as fitted attributes."""
        scores = RowScores(len(game.truth), player_of_row)
        for rows, told in ask_members(game, n_jobs):
            scores.add(rows, told)
        return scores.attributes()

    def _warn(self):
        """Say what is doubtful of the values."""
        n_members, name = len(self.estimator_.estimators_), type(self.estimator_).__name__
        if n_members < _FEW:
            warn_caller(
                f"{name} has {n_members} members, and a row is scored by about a third of them: "
                f"values are coarse. Use at least {_FEW} members, and better 100 or more.",
            )


def _solve(ensemble, is_fitted, X, y, params, scoring, player_of_row, tally, n_jobs):
    """Fit the ensemble, unless it is fitted, and ask its members."""
    if not is_fitted:
        if n_jobs is not None and ensemble.n_jobs is None:
            ensemble.set_params(n_jobs=n_jobs)
        ensemble.fit(X, y, **params)
    game = OutOfBag.of(ensemble, X, y, scoring)
    return ensemble, tally(game, player_of_row, n_jobs)
