"""Confident learning: how sure models are of labels that they have not seen."""

from numbers import Integral

import numpy as np
from scipy.sparse import issparse
from sklearn.base import clone, is_regressor
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import check_random_state, get_tags
from sklearn.utils._param_validation import HasMethods, StrOptions
from sklearn.utils.metaestimators import _safe_split
from sklearn.utils.validation import _check_method_params, check_memory

from ..callbacks import as_one_task
from ..utilities.pairwise import check_pairs, is_pairwise
from ..workers import ordered_map, pinned_threads
from .base import BaseValuator, or_as_before
from .inputs import (
    check_classes,
    check_groups,
    check_rows,
    make_splits,
    make_splitter,
    row_index,
    takes_groups,
    task_of_target,
)
from .parameters import check_workers
from .problem import pin_seeds
from .routing import fit_params, fit_router
from .scores import RowScores, publish, warn_of_unvalued


class ConfidentLearningValuator(BaseValuator):
    r"""Value rows by how probable a model, trained on other rows, finds their labels.

    Each row is held out once, and its value is the probability that the model gives to its label.
    It is the baseline that values of rows have to be compared with: cheap, and good at
    finding wrong labels. It tells whether a label is plausible, and not what the row is worth to
    a model.

    Parameters
    ----------
    estimator : classifier or None, default=None
        With `predict_proba`. None is a `LogisticRegression` behind a `StandardScaler`.
    scoring : {"self_confidence", "normalized_margin"}, default="self_confidence"
        The probability of the row's label, from 0 to 1; or this probability less the highest one
        of the other labels, from -1 to 1, which is negative where another label is more probable.
    adjust : bool, default=False
        Take from the probabilities of each label its threshold first: the mean probability of the
        label among the rows that have it. Models are less sure of rare classes and of those that
        look like others, and their rows would have low values for that alone. Values then
        are around 0: negative where the model is less sure than it is of the class on average.
    cv : int, splitter or iterable, default=5
        Which rows are held out together. With splits that hold out a row several times, its value
        is the mean.
    n_jobs : int or None, default=None
        Workers, as everywhere in scikit-learn: a task is one fold.
    random_state : int, RandomState instance or None, default=None
        Seeds every random state of the estimator, and of `cv`, that is not an integer.
    memory : str, joblib.Memory or None, default=None
        Where to keep probabilities, so that the same data are valued once. Set an integer
        `random_state` if the estimator has one.

    Attributes
    ----------
    values_ : ndarray of shape (n_samples,)
        With `groups`, the mean over the rows of the group. NaN for rows that are never held out.
    stderr_ : ndarray of shape (n_samples,)
        Standard errors over the splits; infinite where a row was held out but once.
    counts_ : ndarray of int of shape (n_samples,)
        How often each row was held out.
    n_unvalued_ : int
        Number of rows without a value.
    thresholds_ : ndarray of shape (n_classes,)
        The mean probability of each label among the rows that have it.
    classes_ : ndarray of shape (n_classes,)
        The labels.
    groups_, group_values_, group_stderr_ : ndarray of shape (n_groups,)
        Only if `groups` were passed: the sum over the rows of each group.
    task_ : "classification"
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        Only if X has column names.

    Notes
    -----
    With the probabilities p of a model that has not seen row i, of label :math:`y_i`,

    .. math:: v_i = p(y_i \mid x_i) \quad \text{or} \quad
        v_i = p(y_i \mid x_i) - \max_{c \ne y_i} p(c \mid x_i)

    With `adjust`, :math:`p(c \mid x)` is less the threshold of c.

    References
    ----------
    Northcutt, Jiang & Chuang (2021), "Confident learning: estimating uncertainty in dataset
    labels", arXiv:1911.00068.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skdvl import ConfidentLearningValuator
    >>> X, y = load_iris(return_X_y=True)
    >>> y[7] = 2
    >>> valuator = ConfidentLearningValuator(scoring="normalized_margin").fit(X, y)
    >>> int(valuator.values_.argmin())
    7
    """

    _parameter_constraints = {
        "estimator": [HasMethods(["fit"]), None],
        "scoring": [StrOptions({"self_confidence", "normalized_margin"})],
        "adjust": ["boolean"],
        "cv": ["cv_object"],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
        "memory": [None, str, HasMethods(["cache"])],
    }

    def __init__(
        self,
        estimator=None,
        *,
        scoring="self_confidence",
        adjust=False,
        cv=5,
        n_jobs=None,
        random_state=None,
        memory=None,
    ):
        self.estimator = estimator
        self.scoring = scoring
        self.adjust = adjust
        self.cv = cv
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.memory = memory

    def _model(self, sparse=False):
        """Return the estimator, or the one that None stands for."""
        if self.estimator is not None:
            return self.estimator
        return make_pipeline(
            StandardScaler(with_mean=not sparse), LogisticRegression(max_iter=1000)
        )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        if self.estimator is not None:
            inner = get_tags(self.estimator)
            for name in ("sparse", "allow_nan", "string", "pairwise"):
                setattr(tags.input_tags, name, getattr(inner.input_tags, name))
        return tags

    def get_metadata_routing(self):
        """Say who gets which metadata; see scikit-learn's user guide on metadata routing.

        Returns
        -------
        routing : MetadataRouter
        """
        return fit_router(self, self._model())

    @as_one_task
    @or_as_before
    def fit(self, X, y, *, X_val=None, y_val=None, groups=None, **params):
        """Value the rows of X.

        Parameters
        ----------
        X : array-like, data frame or sparse matrix of shape (n_samples, n_features)
            Handed to the estimator as it is.
        y : array-like of shape (n_samples,)
            Labels.
        X_val, y_val : object
            Ignored, so that a comparison can treat all valuators alike: rows are scored by models
            of other rows.
        groups : array-like of shape (n_samples,) or None, default=None
            Groups of rows with the same label, such as data vendors: their values are added up.
            A `cv` that splits by groups gets them too.
        **params : dict
            Passed to the estimator's `fit`. Arrays with one entry for each row, such as
            `sample_weight`, are cut to the rows of each fold.

        Returns
        -------
        self : ConfidentLearningValuator

        Raises
        ------
        ValueError
            If y holds targets and not labels, or the estimator tells no probabilities; before
            anything is trained.
        """
        self._validate_params()
        index = row_index(X)
        X, y = check_rows(self, X, y)
        model = self._check(y, issparse(X))
        if is_pairwise(model):
            check_pairs(model, X, None)
        names, player_of_row = check_groups(groups, len(y))
        splits = self._splits(X, y, groups)
        classes, codes = np.unique(y, return_inverse=True)
        params = fit_params(self, model, params)
        seed = check_random_state(self.random_state).randint(2**31 - 1)
        parts = pin_seeds(clone(model), seed), X, y, params, splits
        told = check_memory(self.memory).cache(_held_out, ignore=["n_jobs"])(*parts, self.n_jobs)
        self._publish(told, splits, classes, codes, names, player_of_row)
        self._row_index = index
        warn_of_unvalued(self, "no fold holds them out. Use a cv that holds out every row")
        return self

    def _check(self, y, sparse):
        """Return the model; refuse what has no probabilities of labels."""
        name, model = type(self).__name__, self._model(sparse)
        if y.ndim != 1:
            raise ValueError(
                f"y has shape {y.shape}; {name} takes one label for each row. For several outputs "
                "use ShapleyValuator with an estimator that takes them."
            )
        is_target = y.dtype.kind == "f" and (y != np.floor(y)).any()
        if self.estimator is None:
            is_target = task_of_target(y) == "regression"
        if is_target or is_regressor(model):
            what = f"{type(model).__name__} predicts" if is_regressor(model) else "y holds"
            raise ValueError(
                f"{what} targets, and {name} values labels by their probabilities. For a "
                "regression use KNNShapleyValuator, DataOOBValuator or ShapleyValuator; if whole "
                "numbers are labels, pass a classifier as estimator."
            )
        check_classes(y)
        if not hasattr(model, "predict_proba"):
            raise ValueError(
                f"{type(model).__name__} has no predict_proba, and {name} takes probabilities. "
                "Wrap it in CalibratedClassifierCV, or use another classifier."
            )
        check_workers(self.n_jobs)
        return model

    def _splits(self, X, y, groups):
        own = {} if groups is None or not takes_groups(self.cv) else {"groups": groups}
        return make_splits(make_splitter(self, y, True), X, y, may_validate=False, **own)

    def _publish(self, told, splits, classes, codes, names, player_of_row):
        """Turn probabilities into values, and set the fitted attributes, all of them at the end."""
        tests = [test for _, test in splits]
        own = [
            told_of[np.arange(len(test)), codes[test]]
            for told_of, test in zip(told, tests, strict=True)
        ]
        where = codes[np.concatenate(tests)]
        size = np.bincount(where, minlength=len(classes))
        total = np.bincount(where, weights=np.concatenate(own), minlength=len(classes))
        thresholds = np.divide(total, size, out=np.zeros(len(classes)), where=size > 0)
        scores = RowScores(len(codes), player_of_row)
        for probabilities, test in zip(told, tests, strict=True):
            if self.adjust:
                probabilities = probabilities - thresholds
            scores.add(test, _score(probabilities, codes[test], self.scoring))
        publish(self, scores.attributes(), names, player_of_row)
        self.thresholds_, self.classes_, self.task_ = thresholds, classes, "classification"


def _score(probabilities, codes, scoring):
    rows = np.arange(len(codes))
    own = probabilities[rows, codes]
    if scoring == "self_confidence":
        return own
    others = probabilities.copy()
    others[rows, codes] = -np.inf
    return own - others.max(axis=1)


def _held_out(estimator, X, y, params, splits, n_jobs):
    """Return the probabilities of the held-out rows of each split, of shape (rows, classes)."""
    shared = estimator, X, y, params
    with pinned_threads():
        try:
            return ordered_map(_of_fold, splits, shared=shared, n_jobs=n_jobs)
        except RuntimeError:  # of a worker; the same fold says here what kind of error it was
            for split in splits:
                _of_fold(*shared, *split)
            raise


def _of_fold(estimator, X, y, params, train, test):
    model = clone(estimator)
    X_train, y_train = _safe_split(model, X, y, train)
    X_test, _ = _safe_split(model, X, y, test, train)
    model.fit(X_train, y_train, **_check_method_params(X, params, train))
    classes = np.unique(y)
    told = model.predict_proba(X_test)
    if not np.isfinite(told).all():
        raise ValueError(
            f"{type(model).__name__} gave probabilities that are NaN or infinite to held-out rows, "
            "which have no value then. Columns that do not vary may be why; use another estimator."
        )
    probabilities = np.zeros((len(test), len(classes)))  # 0 of a label that the fold has not met
    probabilities[:, np.searchsorted(classes, model.classes_)] = told
    return probabilities
