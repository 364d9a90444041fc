"""Where a pruner stands: by itself, or in a pipeline that keeps y to itself."""

import sys
from typing import NamedTuple

import sklearn
from sklearn.base import BaseEstimator, is_classifier, is_regressor

# The functions that fit a step which others follow, in X alone: y stays as it was.
_FITS_A_STEP = {("sklearn.pipeline", "_fit_transform_one"), ("skdvl.pipeline", "_fit_step")}
_BRANCHES = "sklearn.utils.parallel"  # a FeatureUnion or ColumnTransformer calls from here
_IN_BETWEEN = {"sklearn", "skdvl", "imblearn", "joblib"}


class Place(NamedTuple):
    """Where the pruner stands whose method runs now.

    Attributes
    ----------
    kind : {"alone", "step", "branch"}
        Called by the user; for a step of a pipeline; or within a FeatureUnion or
        ColumnTransformer, whose other columns the pruner does not see.
    task : {"classification", "regression"} or None
        What the pipeline that calls is for, if any does.
    """

    kind: str
    task: str | None


def place_of(pruner):
    """Look up the call stack for where a pruner stands.

    `sklearn.pipeline.Pipeline` hands the y that it was given to every step, whatever the steps
    before did to X, and tells a step nothing of where it stands. Only the stack knows.

    Returns
    -------
    place : Place
    """
    kind, task, frame = "alone", None, sys._getframe(1)
    while frame is not None:
        module, owner = frame.f_globals.get("__name__", ""), frame.f_locals.get("self")
        if (module, frame.f_code.co_name) in _FITS_A_STEP and kind != "branch":
            above = frame.f_back.f_globals.get("__name__", "")
            kind = "branch" if above == _BRANCHES else "step"
        if owner is not pruner:  # methods of subclasses included
            if module.split(".")[0] not in _IN_BETWEEN:
                break
            task = task or _task_of(owner)
        frame = frame.f_back
    return Place(kind, task)


def _task_of(owner):
    """Return what an estimator that calls is for, if it is one."""
    if not isinstance(owner, BaseEstimator):
        return None
    if is_classifier(owner):
        return "classification"
    return "regression" if is_regressor(owner) else None


def check_place(pruner, place):
    """Refuse a pruner where it can do nothing good, and name the ways out."""
    name, mode, place = type(pruner).__name__, pruner.mode, place.kind
    if place == "branch" and mode != "weight":
        raise TypeError(
            f"{name} is a branch of a FeatureUnion or ColumnTransformer. It would take rows out of "
            "some columns and leave them in the others. Nothing was computed. Put it before or "
            "after the branches, or put a skdvl.Pipeline that holds it there: its steps are then "
            "fitted on the rows that are kept."
        )
    if place == "step" and mode == "drop":
        raise TypeError(
            f'{name}(mode="drop") drops rows, and scikit-learn\'s Pipeline hands the y that it was '
            "given to every later step, so that X and y would no longer fit each other. Nothing "
            "was computed. Either use\n"
            "  - skdvl.Pipeline or skdvl.make_pipeline: scikit-learn's own, plus steps that drop "
            "rows;\n"
            f'  - {name}(mode="auto"): pruned rows become copies of kept ones, only here;\n'
            f"  - PrunedEstimator(estimator, {name}(...)) as the last step."
        )
    if place == "step" and mode == "weight" and not _routing_enabled():
        raise TypeError(
            f'{name}(mode="weight") sets sample weights to 0 as they pass through the pipeline, '
            "and without metadata routing none do. Nothing was computed. Call "
            "sklearn.set_config(enable_metadata_routing=True), make the pipeline with "
            'transform_input=["sample_weight"], let the model set_fit_request(sample_weight=True), '
            "and pass sample_weight=np.ones(len(y)) to fit."
        )


def _routing_enabled():
    return sklearn.get_config()["enable_metadata_routing"]
