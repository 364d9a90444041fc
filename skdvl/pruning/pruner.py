"""DataPruner: drop training rows of low value, wherever scikit-learn puts the step."""

from functools import wraps
from numbers import Integral, Real

import numpy as np
import sklearn
from scipy.sparse import issparse
from sklearn.base import (
    BaseEstimator,
    OneToOneFeatureMixin,
    TransformerMixin,
    clone,
    is_classifier,
    is_regressor,
)
from sklearn.utils import _safe_indexing, check_array, get_tags, indexable
from sklearn.utils._param_validation import HasMethods, Interval, RealNotInt, StrOptions
from sklearn.utils._set_output import _wrap_data_with_container
from sklearn.utils.metadata_routing import (
    MetadataRouter,
    MethodMapping,
    get_routing_for_object,
    process_routing,
)
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, validate_data

from ..callbacks import CallbackSupportMixin, fit_part, open_context, with_callbacks
from ..notices import warn_caller
from ..pages import HasPage
from ..valuators import KNNShapleyValuator
from ..valuators.base import valued
from ..valuators.inputs import check_classes, check_groups, check_rows, task_of_target
from .caller import check_place, place_of
from .replacement import copies_by_label, copies_by_target
from .selection import check_amount, drop_count, keep_rows

_QUANTILE = 0.1
_HANDED_ON = ("X_val", "y_val", "groups")


class DataPruner(
    HasPage, CallbackSupportMixin, OneToOneFeatureMixin, TransformerMixin, BaseEstimator
):
    """Drop the training rows of lowest value; at predict time every row passes.

    A row of low value is often mislabelled, or an outlier; whether dropping it helps is for
    cross-validation to say.

    What happens to a pruned row depends on where the pruner stands, as `mode_` tells:

    - called directly, `fit_transform` returns the rows of X that are kept, and `fit_resample`
      those of X and y;
    - in a :class:`skdvl.Pipeline` the rows of X, y and of all metadata with one entry per row
      are dropped for the steps that follow;
    - in scikit-learn's own `Pipeline`, whose steps cannot drop rows, each pruned row becomes a
      copy of a kept row: of the best-valued rows of its class in turn, or, in regression, of the
      row with the nearest target. The number of rows and the shares of the classes stay as they
      were, so that some kept rows count twice, and metadata such as `sample_weight` stay where
      they were. In regression y keeps the target of a pruned row: outliers in y are not removed
      there, and a warning says so; use one of the other ways;
    - with ``mode="weight"`` all rows stay, and sample weights become 0 for pruned ones;
    - with ``mode="resample"`` it is a resampler for imbalanced-learn's Pipeline.

    Parameters
    ----------
    valuator : valuator or None, default=None
        Any estimator with `values_` after `fit`, or a Pipeline that ends in one. None means
        :class:`KNNShapleyValuator`, where every row is scored by its neighbours: X should then be
        scaled numbers. A fitted one inside :class:`sklearn.frozen.FrozenEstimator` is not fitted
        again: it must have been fitted on the same rows in the same order, of which only the
        number is checked.
    quantile : float in [0, 1), "auto" or None, default=0.1
        The fraction of rows to drop, rounded down. "auto" is that of `threshold`.
        The default gives way to `threshold` and `n_drop`.
    threshold : float, "auto" or None, default=None
        Drop the rows whose value is below. "auto" drops rows whose value is below zero by
        more than two standard errors, and never more than half of all rows. A row can hurt a model
        without being wrong.
    n_drop : int or None, default=None
        The number of rows to drop.
    min_class_rows : int or float in (0, 1], default=0.5
        What every class keeps at least, its best rows: a number of rows, or a share of them. Rows
        of a rare class are worth less to a model that is scored by accuracy, right or wrong. An
        int holds for every group too, if there are groups; a group keeps one row anyway. The
        next-lowest rows of others go in place of those, if there are any.
    certified_only : bool or float in (0, 1), default=False
        Drop only rows of which it is sure, whatever chance did in the estimate, that they are
        among those of lowest value: all of them at once with probability 0.95, or one less the
        number given. That takes a valuator with standard errors; see its `certify`, and
        :class:`skdvl.stopping.CertifiedSelection`, which scores until enough is sure.
    mode : {"auto", "drop", "replace", "weight", "resample"}, default="auto"
        "auto" drops, except as a step of scikit-learn's own `Pipeline`, where it replaces. "drop"
        raises there. "replace" always replaces.
        "weight" leaves X alone, and `transform` sets the sample weights of pruned rows to 0:
        ``Pipeline([("prune", DataPruner(mode="weight")), ("model", model)],
        transform_input=["sample_weight"])``, with metadata routing enabled and requested by the
        model, and weights passed to `fit`, be they ones: without them nothing is pruned. Every
        other step that transforms would be asked to transform the weights too; leave such steps
        outside of that pipeline.
        "resample" has `fit_resample` only.

    Attributes
    ----------
    values_ : ndarray of shape (n_samples,)
        The value of every row that `fit` was given.
    sample_mask_ : ndarray of bool of shape (n_samples,)
        Whether a row is kept.
    sample_indices_ : ndarray of int of shape (n_kept,)
        The rows that are kept, in their order.
    n_dropped_ : int
    certified_ : ndarray of bool of shape (n_samples,)
        With `certified_only` only: rows that surely are of lowest value. `min_class_rows` may
        keep some of them.
    mode_ : {"drop", "replace", "weight", "resample"}
        What was done.
    task_ : {"classification", "regression"}
        What y was taken for: what the last step of the pipeline is for, or else the valuator, or
        else as y looks.
    valuator_ : valuator
        Fitted.
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        Only if X has column names.

    See Also
    --------
    PrunedEstimator : Prune and fit in one estimator.
    skdvl.Pipeline : A Pipeline whose steps may drop rows.

    Notes
    -----
    Ties are broken by row order, and rows without a value (NaN) are kept. To drop nothing is
    allowed and to drop everything is not.

    In a grid search over `quantile`, set `memory` and an integer `random_state` on the valuator:
    the rows of each fold are then valued once.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sklearn.svm import SVC
    >>> from skdvl import DataPruner
    >>> X, y = load_iris(return_X_y=True)
    >>> DataPruner(quantile=0.2).fit_transform(X, y).shape
    (120, 4)
    >>> pipeline = make_pipeline(StandardScaler(), DataPruner(), SVC()).fit(X, y)
    >>> pipeline["datapruner"].n_dropped_, pipeline["datapruner"].mode_
    (15, 'replace')
    >>> pipeline.predict(X).shape
    (150,)
    """

    _parameter_constraints = {
        "valuator": [HasMethods(["fit"]), None],
        "quantile": [Interval(Real, 0, 1, closed="left"), StrOptions({"auto"}), None],
        "threshold": [Interval(Real, None, None, closed="both"), StrOptions({"auto"}), None],
        "n_drop": [Interval(Integral, 0, None, closed="left"), None],
        "min_class_rows": [
            Interval(Integral, 1, None, closed="left"),
            Interval(RealNotInt, 0, 1, closed="right"),
        ],
        "certified_only": ["boolean", Interval(RealNotInt, 0, 1, closed="neither")],
        "mode": [StrOptions({"auto", "drop", "replace", "weight", "resample"})],
    }

    def __init__(
        self,
        valuator=None,
        *,
        quantile=_QUANTILE,
        threshold=None,
        n_drop=None,
        min_class_rows=0.5,
        certified_only=False,
        mode="auto",
    ):
        self.valuator = valuator
        self.quantile = quantile
        self.threshold = threshold
        self.n_drop = n_drop
        self.min_class_rows = min_class_rows
        self.certified_only = certified_only
        self.mode = mode

    # ------------------------------------------------------------------ the public calls

    @with_callbacks
    def fit(self, X, y, *, X_val=None, y_val=None, groups=None, **params):
        """Value the rows of X and choose those to keep.

        Parameters
        ----------
        X : array-like, data frame or sparse matrix of shape (n_samples, n_features)
            Handed to the valuator as it is.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        X_val, y_val : array-like or None, default=None
            Validation rows, handed to the valuator as they are. The steps of a pipeline before
            the pruner transform X_val too only with ``transform_input=["X_val"]``.
        groups : array-like of shape (n_samples,) or None, default=None
            Groups of rows, handed to the valuator. No group disappears.
        **params : dict
            Passed to the valuator's `fit`; with metadata routing enabled, what it requests.

        Returns
        -------
        self : DataPruner

        Raises
        ------
        ValueError
            If two of `quantile`, `threshold` and `n_drop` are given, if every row would be
            dropped, or if there is not one value for each row.
        TypeError
            If the valuator is a model, or has no `values_` after its `fit`.
        """
        self._validate_params()
        amount = check_amount(self.quantile, self.threshold, self.n_drop, _QUANTILE)
        model = self.valuator
        if model is not None and (is_classifier(model) or is_regressor(model)):
            raise TypeError(
                f"{type(model).__name__} is a model, and DataPruner takes a valuator. Write "
                f"DataPruner(ShapleyValuator({type(model).__name__}())), or use another valuator."
            )
        X, target = check_rows(self, X, y)
        drop_count(len(target), *amount)
        names, group_of_row = check_groups(groups, len(target))
        if sklearn.get_config()["enable_metadata_routing"]:
            params = dict(process_routing(self, "fit", **params).valuator.fit)
        handed = zip(_HANDED_ON, (X_val, y_val, groups), strict=True)
        params |= {name: value for name, value in handed if value is not None}
        hint = place_of(self).task  # the model that follows knows what y is
        valuator = _with_task(clone(self._get_valuator()), hint)
        context = open_context(self, max_subtasks=1)
        context.call_on_fit_task_begin(estimator=self, X=X, y=y)
        fit_part(context.subcontext(task_name="fit-valuator"), self, valuator, X, y, params)
        values, stderr = _values_of(valuator, len(target), amount)
        task = hint or getattr(valued(valuator), "task_", None) or task_of_target(target)
        labels = _labels(task, target)
        parts, at_least = list(labels), [self.min_class_rows] * len(labels)
        if names is not None:
            parts.append(group_of_row)
            at_least.append(1 if isinstance(self.min_class_rows, float) else self.min_class_rows)
        certified = self._certified(valuator, amount, len(values))
        mask = keep_rows(values, stderr, *amount, parts, at_least, certified)
        vars(self).pop("certified_", None)
        if certified is not None:
            self.certified_ = certified
        self.valuator_, self.values_, self.sample_mask_ = valuator, values, mask
        self.sample_indices_ = np.flatnonzero(mask)
        self.n_dropped_ = len(mask) - len(self.sample_indices_)
        self.mode_ = "drop" if self.mode == "auto" else self.mode
        self.task_ = task
        self._saw_gaps = _has_gaps(X)
        context.call_on_fit_task_end(estimator=self, X=X, y=y)
        return self

    def _certified(self, valuator, amount, n_rows):
        """Return the rows that surely are of lowest value, None if that was not asked for."""
        if not self.certified_only:
            return None
        valuator = valued(valuator)
        if not hasattr(valuator, "certify"):
            raise ValueError(
                f"certified_only needs a valuator that knows how sure its values are, and "
                f"{type(valuator).__name__} has no certify. Use one of skdvl's, or "
                "certified_only=False."
            )
        delta = 0.05 if self.certified_only is True else self.certified_only
        kind, number = amount
        if kind in ("threshold", "auto"):
            return valuator.certify(threshold=number or 0.0, delta=delta).inside
        share = number / n_rows if kind == "n_drop" else number
        return valuator.certify(quantile=share, delta=delta).inside

    def fit_transform(self, X, y=None, *, X_val=None, y_val=None, groups=None, **params):
        """Value the rows of X, and return X without the pruned ones.

        As a step of scikit-learn's own `Pipeline`, and with ``mode="replace"``, pruned rows are
        replaced by copies of kept ones; with ``mode="weight"`` X is returned as it is.

        Parameters
        ----------
        X, y, X_val, y_val, groups, **params : object
            As in `fit`.

        Returns
        -------
        X : of the same type
            The rows that are kept; ``y[pruner.sample_indices_]`` are their targets.

        Raises
        ------
        TypeError
            With ``mode="drop"`` as a step of scikit-learn's own `Pipeline`, or within a
            `FeatureUnion` or `ColumnTransformer`; before any work.
        """
        place = place_of(self)
        check_place(self, place)
        self.fit(X, y, X_val=X_val, y_val=y_val, groups=groups, **params)
        if place.kind == "step" and self.mode_ == "drop":
            self.mode_ = "replace"
        X = _as_given(X)
        if self.mode_ == "drop":
            return _safe_indexing(X, self.sample_indices_)
        if self.mode_ == "weight":
            return X
        replaced = _safe_indexing(X, self._sources(y))
        if hasattr(X, "iloc"):  # the copies stand for the rows whose place they take
            replaced.index = X.index
        return replaced

    def fit_resample(self, X, y, *, X_val=None, y_val=None, groups=None, **params):
        """Value the rows, and return X and y without the pruned ones.

        Not available with ``mode="replace"`` and ``mode="weight"``.

        Parameters
        ----------
        X, y, X_val, y_val, groups, **params : object
            As in `fit`.

        Returns
        -------
        X, y : of the same types
            The rows that are kept; X in the container of `set_output`, if that was called.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from skdvl import DataPruner
        >>> X, y = load_iris(return_X_y=True)
        >>> X_kept, y_kept = DataPruner(n_drop=10).fit_resample(X, y)
        >>> X_kept.shape, y_kept.shape
        ((140, 4), (140,))
        """
        self.fit(X, y, X_val=X_val, y_val=y_val, groups=groups, **params)
        X, y = indexable(X, y)
        kept = _safe_indexing(X, self.sample_indices_)
        kept = _wrap_data_with_container("transform", kept, X, self)
        return kept, _safe_indexing(y, self.sample_indices_)

    def transform(self, X):
        """Return X as it is: no row of new data is dropped.

        Parameters
        ----------
        X : array-like, data frame or sparse matrix of shape (n_samples, n_features)
            With ``mode="weight"`` also the sample weights of the rows that `fit` was given, of
            shape (n_samples,).

        Returns
        -------
        X : of the same type
            Or the sample weights, with 0 for pruned rows.
        """
        check_is_fitted(self, "sample_mask_")
        if not hasattr(self, "n_features_in_"):  # texts
            return X
        if not hasattr(X, "columns"):
            finite = not (get_tags(self).input_tags.allow_nan or self._takes_gaps())
            X = check_array(X, accept_sparse=True, dtype=None, ensure_all_finite=finite)
        validate_data(self, X, reset=False, skip_check_array=True)
        return X

    def inverse_transform(self, X):
        """Return X as it is; see `transform`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        X : array-like of shape (n_samples, n_features)
        """
        return self.transform(X)

    # ------------------------------------------------------------------ scikit-learn's questions

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        asked = get_tags(self._get_valuator()).input_tags
        for name in ("sparse", "allow_nan", "string"):
            setattr(tags.input_tags, name, getattr(asked, name))
        tags.target_tags.required = True
        tags.transformer_tags.preserves_dtype = []
        return tags

    def get_metadata_routing(self):
        """Say who gets which metadata; see scikit-learn's user guide on metadata routing.

        `X_val`, `y_val` and `groups` may be requested on the pruner or on its valuator.

        Returns
        -------
        routing : MetadataRouter
        """
        own = super().get_metadata_routing()
        theirs = get_routing_for_object(self._get_valuator())
        # The pruner hands these on itself, so that asking for them once is enough.
        request = getattr(theirs, "_self_request", theirs)
        for name in _HANDED_ON if request is not None else ():
            asked = request.fit.requests.get(name)
            if own.fit.requests.get(name) is None:
                own.fit.add_request(param=name, alias=asked)
            if name in request.fit.requests:
                request.fit.add_request(param=name, alias=False)
        mapping = MethodMapping()
        for caller in ("fit", "fit_transform"):
            mapping.add(caller=caller, callee="fit")
        router = MetadataRouter(owner=self).add_self_request(own)
        return router.add(valuator=theirs, method_mapping=mapping)

    # ------------------------------------------------------------------ parts

    def _get_valuator(self):
        return KNNShapleyValuator() if self.valuator is None else self.valuator

    def _takes_gaps(self):
        """Whether X may have missing values though no tag says so.

        It had some in `fit`, or the model inside holds others, whose tags do not tell.
        """
        if self._saw_gaps:
            return True
        model = getattr(self._get_valuator(), "estimator", None)
        inside = model.get_params().values() if hasattr(model, "get_params") else ()
        return any(hasattr(part, "fit") for part in inside)

    def _sources(self, y):
        """For each row the row that stands in its place."""
        mask, values, y = self.sample_mask_, self.values_, np.asarray(y)
        labels = _labels(self.task_, y.ravel() if y.size == len(y) else y)
        if len(labels) == 1:
            return copies_by_label(mask, values, labels[0])
        if labels:  # of several outputs: as many of them alike as possible
            y = np.hstack([np.eye(codes.max() + 1)[codes] for codes in labels])
        sources = copies_by_target(mask, values, y)
        _warn_of_outliers(y, mask, sources)
        return sources

    def _weights(self, weights):
        weights = np.asarray(weights, dtype=np.float64)
        if len(weights) != len(self.sample_mask_):
            raise ValueError(
                f"transform got {len(weights)} sample weights, and the pruner was fitted on "
                f"{len(self.sample_mask_)} rows. Pass the weights of these rows, or X. Reshape "
                "your data if it is one row of X."
            )
        return np.where(self.sample_mask_, weights, 0.0)


def _can_transform(pruner):
    return pruner.mode != "resample"


def _can_resample(pruner):
    return pruner.mode not in ("replace", "weight")


def _weights_first(transform):
    """Let sample weights by where set_output would make a data frame of them."""

    @wraps(transform)
    def transform_either(self, X):
        if getattr(self, "mode_", None) == "weight":
            if (X if hasattr(X, "ndim") else np.asarray(X)).ndim == 1:
                return self._weights(X)
        return transform(self, X)

    return transform_either


# A step has one face: imbalanced-learn refuses steps with both, and skdvl.Pipeline drops rows
# where there is fit_resample. Set here since set_output wraps transform when a class is made, and
# would hide a decorator that was there before.
DataPruner.transform = available_if(_can_transform)(_weights_first(DataPruner.transform))  # type: ignore[method-assign]
DataPruner.fit_transform = available_if(_can_transform)(DataPruner.fit_transform)  # type: ignore[method-assign]
DataPruner.inverse_transform = available_if(_can_transform)(DataPruner.inverse_transform)  # type: ignore[method-assign]
DataPruner.fit_resample = available_if(_can_resample)(DataPruner.fit_resample)  # type: ignore[method-assign]


def _as_given(X):
    """X in a container that rows can be taken from; data frames and texts stay what they are."""
    if hasattr(X, "columns") or (not issparse(X) and np.asarray(X).ndim == 1):
        return X
    return indexable(check_array(X, accept_sparse=True, dtype=None, ensure_all_finite=False))[0]


def _has_gaps(X):
    """Whether an array of numbers has missing or infinite ones; data frames are not looked at."""
    numbers = X.data if issparse(X) else X
    return getattr(numbers, "dtype", np.dtype("O")).kind == "f" and not np.isfinite(numbers).all()


def _warn_of_outliers(y, mask, sources):
    """Say so where a copy cannot stand for a pruned row, since no kept row has such a target."""
    y = y.astype(np.float64)
    far = (np.abs(y - y[sources]) > y[mask].std(axis=0)).reshape(len(y), -1).any(axis=1)
    if far.any():
        warn_caller(
            f"{np.count_nonzero(far)} of {np.count_nonzero(~mask)} pruned rows have targets more "
            "than a standard deviation away from those of all rows that are kept. scikit-learn's "
            "Pipeline keeps these targets in y: outliers stay. Use skdvl.Pipeline, or "
            "PrunedEstimator as the last step, which drop them.",
            UserWarning,
        )


def _with_task(valuator, task):
    """Tell a valuator that would guess what y is, if it is known."""
    inside = valued(valuator)
    if task is not None and inside.get_params(deep=False).get("task") == "auto":
        inside.set_params(task=task)
    return valuator


def _labels(task, y):
    """Classes of the rows as codes, an array for each output; none in regression."""
    if task != "classification":
        return []
    columns = [y] if y.ndim == 1 else list(y.T)
    check_classes(y)
    return [np.unique(column, return_inverse=True)[1] for column in columns]


def _values_of(valuator, n_rows, amount):
    """Values and standard errors of a fitted valuator, if they are those of these rows."""
    valuator = valued(valuator)
    values = getattr(valuator, "values_", None)
    name = type(valuator).__name__
    if values is None:
        raise TypeError(
            f"{name} has no values_ after fit, so that there is nothing to prune by. Use a "
            "valuator such as ShapleyValuator(estimator)."
        )
    values = np.asarray(values, dtype=np.float64)
    if values.shape != (n_rows,):
        raise ValueError(
            f"{name} has values_ of shape {values.shape}, and X has {n_rows} rows; expected one "
            "value for each. A valuator that was fitted before, or is frozen, knows the rows of "
            "that fit only, and cross-validation passes some of them. Pass one that is fitted "
            "anew; memory= saves the time."
        )
    stderr = getattr(valuator, "stderr_", None)
    if amount[0] == "auto" and stderr is None:
        raise ValueError(
            f'"auto" needs standard errors, and {name} has no stderr_. Set a quantile, a threshold '
            "or n_drop."
        )
    return values, stderr if stderr is None else np.asarray(stderr, dtype=np.float64)
