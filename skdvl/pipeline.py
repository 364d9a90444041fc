"""Pipeline: scikit-learn's own, plus steps that drop rows at fit time."""

import numpy as np
from sklearn.base import _fit_context, clone
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline as _Pipeline
from sklearn.pipeline import _final_estimator_has, _name_estimators
from sklearn.utils import Bunch, _safe_indexing
from sklearn.utils._user_interface import _print_elapsed_time
from sklearn.utils.metadata_routing import (
    MethodMapping,
    _routing_enabled,
    get_routing_for_object,
)
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import _num_samples, check_memory

from .callbacks import fit_part, open_context
from .pages import HasPage

__all__ = ["Pipeline", "make_pipeline"]


class Pipeline(HasPage, _Pipeline):
    """scikit-learn's Pipeline, whose steps may also drop or add rows at fit time.

    A step with `fit_resample`, such as :class:`skdvl.DataPruner` or a sampler of
    imbalanced-learn, changes the rows of X and y for all steps after it. Metadata with one entry
    per row (`sample_weight`, `groups`, ...) follow, if the step tells its rows in
    `sample_indices_`; validation sets (names that end in ``_val`` or are in `transform_input`) stay
    whole. At predict time every row passes.

    Without such a step it behaves as scikit-learn's own. With one, ``fit_transform(X, y)`` is
    ``fit(X, y).transform(X)``, of all rows, so that it can be a step of other pipelines.

    Parameters
    ----------
    steps : list of (str, estimator) tuples
        The last one may not drop rows, since nothing would be fitted on those it keeps.
    transform_input : list of str or None, default=None
        Names of metadata, such as "X_val", that the steps before transform too; with metadata
        routing enabled.
    memory : str, joblib.Memory or None, default=None
        Where to cache fitted steps.
    verbose : bool, default=False
        Whether to print the time each step took.

    Attributes
    ----------
    named_steps : Bunch
    classes_ : ndarray of shape (n_classes,)
        Only if the last step is a classifier.
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        Only if X has column names.

    See Also
    --------
    make_pipeline : Without naming the steps.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.svm import SVC
    >>> from skdvl import DataPruner, Pipeline
    >>> X, y = load_iris(return_X_y=True)
    >>> pipeline = Pipeline([("prune", DataPruner(quantile=0.2)), ("svc", SVC())]).fit(X, y)
    >>> pipeline["svc"].shape_fit_
    (120, 4)
    >>> pipeline.predict(X).shape
    (150,)
    """

    # ------------------------------------------------------------------ the public calls

    def fit(self, X, y=None, **params):
        """Fit all steps, each on the rows that the steps before it left.

        Parameters
        ----------
        X : array-like, data frame or sparse matrix of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or None, default=None
        **params : dict
            As in scikit-learn's Pipeline: ``step__name=value``, or whatever metadata the steps
            request with metadata routing enabled.

        Returns
        -------
        self : Pipeline

        Raises
        ------
        TypeError
            If the last step drops rows.
        ValueError
            If a step drops rows and does not tell which, so that metadata cannot follow.
        """
        if not self._resamples():
            return super().fit(X, y, **params)
        self._fit_rows(X, y, params)
        return self

    @available_if(_Pipeline._can_fit_transform)
    def fit_transform(self, X, y=None, **params):
        """Fit all steps and transform every row of X.

        Parameters
        ----------
        X, y, **params : object
            As in `fit`.

        Returns
        -------
        X : of shape (n_samples, n_transformed_features)
            With a step that drops rows, all rows as `transform` returns them.
        """
        if not self._resamples():
            return super().fit_transform(X, y, **params)
        params, after = self._split(params, "transform")
        self._fit_rows(X, y, params, task="fit-transform")
        return self.transform(X, **after)

    @available_if(_final_estimator_has("fit_predict"))
    def fit_predict(self, X, y=None, **params):
        """Fit all steps and predict for every row of X.

        Parameters
        ----------
        X, y, **params : object
            As in `fit`.

        Returns
        -------
        y : ndarray of shape (n_samples,)

        Raises
        ------
        TypeError
            With a step that drops rows, if the last step cannot predict for those.
        """
        if not self._resamples():
            return super().fit_predict(X, y, **params)
        if not hasattr(self._final_estimator, "predict"):
            raise TypeError(
                f"{type(self._final_estimator).__name__} predicts only for the rows that it is "
                "fitted on, and a step before it drops rows. Use an estimator with predict."
            )
        params, after = self._split(params, "predict")
        self._fit_rows(X, y, params, task="fit-predict")
        return self.predict(X, **after)

    # ------------------------------------------------------------------ fitting row by row

    @_fit_context(prefer_skip_nested_validation=False)
    def _fit_rows(self, X, y, params, task="fit"):
        """Fit every step on the rows that are left; the counterpart of `fit` without droppers."""
        if not _routing_enabled() and self.transform_input is not None:
            raise ValueError(
                "The `transform_input` parameter can only be set if metadata routing is enabled. "
                "You can enable it using `sklearn.set_config(enable_metadata_routing=True)`."
            )
        context = open_context(self, task_name=task, max_subtasks=len(self.steps))
        context.call_on_fit_task_begin(estimator=self, X=X, y=y)
        self.steps = list(self.steps)
        self._validate_steps()
        routed = self._check_method_params(method="fit", props=params)
        metadata = {name: routed[name] for name, step in self.steps if not _is_empty(step)}
        memory = check_memory(self.memory)
        cached = getattr(memory, "location", True) is not None
        fit_step = memory.cache(_fit_step, ignore=["owner", "context"])
        for place, (name, step) in enumerate(self.steps):
            last = place == len(self.steps) - 1
            here = context.subcontext(
                task_name="fit-final-estimator" if last else f"fit-transform-{name}"
            )
            told = {"message": self._log_message(place), "owner": self, "context": here}
            if _is_empty(step):
                _skip_step(X, y, **told)
                continue
            given = self._get_metadata_for_step(
                step_idx=place, step_params=metadata[name], all_params=params
            )
            if last:
                _fit_last(step, X, y, given["fit"], **told)
                continue
            step, before = clone(step) if cached else step, X
            X, y, rows, step = fit_step(step, X, y, given, **told)
            if _is_resampler(step):
                self._follow(metadata, place, rows, _num_samples(before))
            self.steps[place] = (name, step)
        context.call_on_fit_task_end(estimator=self, X=X, y=y)

    def _follow(self, metadata, place, rows, n_rows):
        """Let the metadata of all later steps follow the rows that a step left, in place."""
        whole = set(self.transform_input or ())
        for name, _ in self.steps[place + 1 :]:
            if name not in metadata:
                continue
            followed = Bunch()
            for method, params in metadata[name].items():
                followed[method] = Bunch()
                for key, value in params.items():
                    if key in whole or key.endswith("_val") or not _is_aligned(value, n_rows):
                        followed[method][key] = value
                        continue
                    if rows is None:
                        raise ValueError(
                            f"{key} has one entry for each row, and step {self.steps[place][0]!r} "
                            "does not tell which rows it kept (it has no sample_indices_), so that "
                            f"{key} cannot follow to step {name!r}. Put this step first and make "
                            f"{key} from its output, or leave {key} out."
                        )
                    followed[method][key] = _safe_indexing(value, rows)
            metadata[name] = followed

    def _split(self, params, method):
        """Tell apart what `fit` gets, and what the method that is called afterwards gets."""
        if not _routing_enabled():
            return params, {}
        router = get_routing_for_object(self)
        now, after = (router.consumes(method=name, params=params) for name in ("fit", method))
        kept = {name: value for name, value in params.items() if name in now or name not in after}
        return kept, {name: params[name] for name in after}

    # ------------------------------------------------------------------ what the base class asks

    def _resamples(self):
        """Whether any step changes rows; odd steps are left to scikit-learn's own checks."""
        try:
            return any(_is_resampler(step) for _, step in self.steps)
        except (TypeError, ValueError):
            return False

    @property
    def _final_estimator(self):
        final = super()._final_estimator
        return "passthrough" if _only_resamples(final) else final  # of new data, every row passes

    def _iter(self, with_final=True, filter_passthrough=True):
        for item in super()._iter(with_final, filter_passthrough):
            if not (filter_passthrough and _only_resamples(item[-1])):
                yield item

    def _validate_steps(self):
        if self.steps and _is_resampler(self.steps[-1][1]):
            name, step = self.steps[-1]
            raise TypeError(
                f"The last step {name!r} ({type(step).__name__}) drops rows, and nothing would be "
                "fitted on those it keeps. Put an estimator after it, wrap both in "
                "PrunedEstimator(estimator, pruner), or call fit_resample on it."
            )
        steps = [
            (name, "passthrough" if _only_resamples(step) else step) for name, step in self.steps
        ]
        _Pipeline(steps)._validate_steps()

    def get_metadata_routing(self):
        """Say who gets which metadata; see scikit-learn's user guide on metadata routing.

        Returns
        -------
        routing : MetadataRouter
        """
        router = super().get_metadata_routing()
        for name, step in self.steps[:-1]:
            if not _is_resampler(step):
                continue
            mapping = MethodMapping()
            for caller in ("fit", "fit_transform", "fit_predict"):
                mapping.add(caller=caller, callee="fit")
            if not _only_resamples(step):
                for caller in _AT_PREDICT_TIME:
                    mapping.add(caller=caller, callee="transform")
            router.add(method_mapping=mapping, **{name: step})
        return router


_AT_PREDICT_TIME = (
    "predict",
    "predict_proba",
    "predict_log_proba",
    "decision_function",
    "transform",
    "score",
)


def make_pipeline(*steps, memory=None, transform_input=None, verbose=False):
    """Make a :class:`Pipeline` without naming its steps.

    Parameters
    ----------
    *steps : estimators
        Named by their types in lower case.
    memory : str, joblib.Memory or None, default=None
    transform_input : list of str or None, default=None
    verbose : bool, default=False
        As in :class:`Pipeline`.

    Returns
    -------
    pipeline : Pipeline

    Examples
    --------
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from skdvl import DataPruner, make_pipeline
    >>> make_pipeline(DataPruner(), GaussianNB())
    Pipeline(steps=[('datapruner', DataPruner()), ('gaussiannb', GaussianNB())])
    """
    return Pipeline(
        _name_estimators(steps), memory=memory, transform_input=transform_input, verbose=verbose
    )


def _is_empty(step):
    return step is None or isinstance(step, str)


def _is_resampler(step):
    return hasattr(step, "fit_resample") and not isinstance(step, FrozenEstimator)


def _only_resamples(step):
    """Whether a step has no face for new data, which then passes."""
    return _is_resampler(step) and not hasattr(step, "transform")


def _is_aligned(value, n_rows):
    """Whether metadata has one entry for each row."""
    if value is None or np.isscalar(value) or isinstance(value, dict):
        return False
    try:
        return _num_samples(value) == n_rows
    except TypeError:
        return False


def _fit_step(step, X, y, params, message, owner, context):
    """Fit one step but the last; return what it leaves of X and y, its rows if known, and itself.

    The context is handed to the step in here, where caching does not see it.
    """
    rows = None
    with context.propagate_callback_context(step):
        context.call_on_fit_task_begin(estimator=owner, X=X, y=y)
        with _print_elapsed_time("Pipeline", message):
            if _is_resampler(step):
                X, y = step.fit_resample(X, y, **params["fit"])
                rows = getattr(step, "sample_indices_", None)
            elif hasattr(step, "fit_transform"):
                X = step.fit_transform(X, y, **params.get("fit_transform", {}))
            else:
                step = step.fit(X, y, **params.get("fit", {}))
                X = step.transform(X, **params.get("transform", {}))
        context.call_on_fit_task_end(estimator=owner, X=X, y=y)
    return X, y, rows, step


def _fit_last(step, X, y, params, message, owner, context):
    with _print_elapsed_time("Pipeline", message):
        fit_part(context, owner, step, X, y, params)


def _skip_step(X, y, message, owner, context):
    with _print_elapsed_time("Pipeline", message):
        context.call_on_fit_task_begin(estimator=owner, X=X, y=y)
        context.call_on_fit_task_end(estimator=owner, X=X, y=y)
