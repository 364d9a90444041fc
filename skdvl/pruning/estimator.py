"""PrunedEstimator: prune, fit, and be the fitted estimator from then on."""

from copy import deepcopy

import sklearn
from sklearn.base import BaseEstimator, MetaEstimatorMixin, clone
from sklearn.utils import Bunch, _safe_indexing, get_tags, indexable
from sklearn.utils._param_validation import HasMethods
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, process_routing
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import _check_method_params, _num_samples, check_is_fitted

from ..callbacks import CallbackSupportMixin, fit_part, open_context, with_callbacks
from ..pages import HasPage
from .pruner import DataPruner

_DELEGATED = (
    "predict",
    "predict_proba",
    "predict_log_proba",
    "decision_function",
    "transform",
    "score",
)
_TO_PRUNER = ("X_val", "y_val", "groups")  # without metadata routing


def _has(method):
    """Return a check that the estimator inside has the method."""

    def check(self):
        getattr(getattr(self, "estimator_", self.estimator), method)
        return True

    return check


class PrunedEstimator(HasPage, CallbackSupportMixin, MetaEstimatorMixin, BaseEstimator):
    """Fit an estimator on the rows that a pruner keeps.

    It can be used wherever the estimator could: by itself, in a grid search, or as the last step
    of any Pipeline. The pruner sees X as it is given, so put the steps that scale or encode it
    before, and not inside of `estimator`.

    Parameters
    ----------
    estimator : estimator, default=None
        Fitted on the rows that are kept; predictions come from it. `fit` needs one.
    pruner : DataPruner or None, default=None
        Any estimator with `sample_indices_` after `fit`. None means ``DataPruner()``.

    Attributes
    ----------
    estimator_ : estimator
        Fitted on the rows that were kept.
    pruner_ : DataPruner
        Fitted on all rows: `values_`, `sample_indices_`, `n_dropped_`.
    classes_ : ndarray of shape (n_classes,)
        Only if the estimator is a classifier.
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        Only if X has column names.

    See Also
    --------
    DataPruner : The pruner by itself, as a step of a Pipeline.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.model_selection import cross_val_score
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from skdvl import DataPruner, PrunedEstimator
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> model = PrunedEstimator(DecisionTreeClassifier(random_state=0), DataPruner(quantile=0.05))
    >>> cross_val_score(model, X, y, cv=3).shape
    (3,)
    """

    _parameter_constraints = {
        "estimator": [HasMethods(["fit"])],
        "pruner": [HasMethods(["fit"]), None],
    }

    def __init__(self, estimator=None, pruner=None):
        self.estimator = estimator
        self.pruner = pruner

    @with_callbacks
    def fit(self, X, y, **params):
        """Value the rows, and fit the estimator on those that are kept.

        Parameters
        ----------
        X : array-like, data frame or sparse matrix of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        **params : dict
            `X_val`, `y_val` and `groups` go to the pruner and anything else to the estimator,
            arrays with one entry for each row, such as `sample_weight`, cut to the rows that
            are kept. With metadata routing enabled, each gets what it requests.

        Returns
        -------
        self : PrunedEstimator

        Raises
        ------
        TypeError
            If the pruner does not tell which rows it keeps.
        ValueError
            If there is no estimator.
        Exception
            Whatever the pruner and the estimator raise.
        """
        self._validate_params()
        routed = self._route(params)
        X, y = indexable(X, y)
        context = open_context(self, max_subtasks=2)
        context.call_on_fit_task_begin(estimator=self, X=X, y=y)
        pruner = clone(self._get_pruner())
        part = context.subcontext(task_name="fit-pruner")
        fit_part(part, self, pruner, X, y, routed.pruner.fit)
        rows = getattr(pruner, "sample_indices_", None)
        if rows is None:
            raise TypeError(
                f"{type(pruner).__name__} has no sample_indices_ after fit, the rows that it "
                "keeps. Use a DataPruner."
            )
        kept = _cut(routed.estimator.fit, X, rows)
        estimator = clone(self.estimator)
        X_kept, y_kept = _safe_indexing(X, rows), _safe_indexing(y, rows)
        part = context.subcontext(task_name="fit-estimator")
        fit_part(part, self, estimator, X_kept, y_kept, kept)
        self.pruner_, self.estimator_ = pruner, estimator
        for name in ("classes_", "n_features_in_", "feature_names_in_"):
            vars(self).pop(name, None)
        for name, part in (
            ("classes_", estimator),
            ("n_features_in_", pruner),
            ("feature_names_in_", pruner),
        ):
            if hasattr(part, name):
                setattr(self, name, getattr(part, name))
        context.call_on_fit_task_end(estimator=self, X=X, y=y)
        return self

    @available_if(_has("predict"))
    def predict(self, X, **params):
        """Predict with the fitted estimator.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        **params : dict
            Passed on.

        Returns
        -------
        y : ndarray of shape (n_samples,)
        """
        return self._delegate("predict", X, params)

    @available_if(_has("predict_proba"))
    def predict_proba(self, X, **params):
        """Predict class probabilities; see `predict`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        **params : dict
            Passed on.

        Returns
        -------
        proba : ndarray of shape (n_samples, n_classes)
        """
        return self._delegate("predict_proba", X, params)

    @available_if(_has("predict_log_proba"))
    def predict_log_proba(self, X, **params):
        """Predict logarithms of class probabilities; see `predict`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        **params : dict
            Passed on.

        Returns
        -------
        log_proba : ndarray of shape (n_samples, n_classes)
        """
        return self._delegate("predict_log_proba", X, params)

    @available_if(_has("decision_function"))
    def decision_function(self, X, **params):
        """Return the fitted estimator's decision function; see `predict`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        **params : dict
            Passed on.

        Returns
        -------
        decision : ndarray of shape (n_samples,) or (n_samples, n_classes)
        """
        return self._delegate("decision_function", X, params)

    @available_if(_has("transform"))
    def transform(self, X, **params):
        """Transform with the fitted estimator; no row is dropped. See `predict`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        **params : dict
            Passed on.

        Returns
        -------
        X : array-like of n_samples rows
        """
        return self._delegate("transform", X, params)

    @available_if(_has("score"))
    def score(self, X, y=None, **params):
        """Score with the fitted estimator's own score.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or None, default=None
        **params : dict
            Passed on, such as `sample_weight`.

        Returns
        -------
        score : float
        """
        return self._delegate("score", X, params, y)

    def _delegate(self, method, X, params, *args):
        check_is_fitted(self, "estimator_")
        if sklearn.get_config()["enable_metadata_routing"]:
            params = process_routing(self, method, **params).estimator[method]
        return getattr(self.estimator_, method)(X, *args, **params)

    def _get_pruner(self):
        return DataPruner() if self.pruner is None else self.pruner

    def _route(self, params):
        if sklearn.get_config()["enable_metadata_routing"]:
            return process_routing(self, "fit", **params)
        to_pruner = {name: params[name] for name in params if name in _TO_PRUNER}
        to_estimator = {name: params[name] for name in params if name not in _TO_PRUNER}
        return Bunch(pruner=Bunch(fit=to_pruner), estimator=Bunch(fit=to_estimator))

    def get_metadata_routing(self):
        """Say who gets which metadata; see scikit-learn's user guide on metadata routing.

        Returns
        -------
        routing : MetadataRouter
        """
        router = MetadataRouter(owner=self)
        mapping = MethodMapping().add(caller="fit", callee="fit")
        router.add(pruner=self._get_pruner(), method_mapping=mapping)
        mapping = MethodMapping()
        for method in ("fit", *_DELEGATED):
            mapping.add(caller=method, callee=method)
        return router.add(estimator=self.estimator, method_mapping=mapping)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        if self.estimator is None:
            return tags
        inner = get_tags(self.estimator)
        for name in ("estimator_type", "classifier_tags", "regressor_tags", "transformer_tags"):
            setattr(tags, name, deepcopy(getattr(inner, name)))
        values = get_tags(self._get_pruner()).input_tags
        for name in ("sparse", "allow_nan", "string"):
            both = getattr(inner.input_tags, name) and getattr(values, name)
            setattr(tags.input_tags, name, both)
        tags.target_tags.required = True
        return tags


def _cut(params, X, rows):
    """Metadata with one entry for each row, cut to some rows; a validation set stays whole."""
    whole = {name: value for name, value in params.items() if name.endswith("_val")}
    aligned = {name: value for name, value in params.items() if name not in whole}
    if len(rows) == _num_samples(X):
        return params
    return whole | _check_method_params(X, aligned, rows)
