"""Scores by their names in scikit-learn, where their slope by the predictors is known."""

import inspect

import numpy as np
from sklearn.base import is_classifier
from sklearn.metrics import brier_score_loss

from .measures import AbsoluteError, Brier, LogLoss, OfTargets, OwnLoss, RootMean
from .regressors import has_log_link
from .target_losses import SquaredError, Tweedie


def _r2(loss, y, eta):
    variance = np.var(y) if len(y) else 0
    return OfTargets(loss, SquaredError(), 1 / variance if variance > 0 else np.nan)


# Each from the loss of the model, and the rows to be judged: their targets and predictors.
_LABELS = {
    "neg_log_loss": lambda loss, y, eta: LogLoss(loss),
    "neg_brier_score": lambda loss, y, eta: Brier(loss),
}
_TARGETS = {
    "r2": _r2,
    "neg_mean_squared_error": lambda loss, y, eta: OfTargets(loss, SquaredError()),
    "neg_root_mean_squared_error": RootMean,
    "neg_mean_absolute_error": lambda loss, y, eta: OfTargets(loss, AbsoluteError()),
    "neg_mean_poisson_deviance": lambda loss, y, eta: OfTargets(loss, Tweedie(1, False)),
    "neg_mean_gamma_deviance": lambda loss, y, eta: OfTargets(loss, Tweedie(2, False)),
}
_POSITIVE = {"neg_mean_poisson_deviance": "at least 0", "neg_mean_gamma_deviance": "above 0"}


def measure(scoring, loss, y, eta):
    """Return what is lost on rows where a score falls.

    Parameters
    ----------
    scoring : str or None
        One that `check_scoring` lets by; None for the loss that the model minimises.
    loss : Loss
        Of the model.
    y : ndarray of shape (n,)
        As the loss takes it.
    eta : ndarray of shape (n, m)
        Predictors of the rows under the model of all rows.

    Returns
    -------
    measure : Measure
    """
    if scoring is None:
        return OwnLoss(loss.plain())
    return (_LABELS | _TARGETS)[scoring](loss, y, eta)


def check_scoring(name, scoring, model, n_classes):
    """Refuse a score whose slope is not known, or that is none of a model, before it is fitted.

    Parameters
    ----------
    name : str
        Who asks.
    scoring : object
    model : estimator
        The last step of pipelines.
    n_classes : int
        Of a classifier.
    """
    lacks = {known: _lack(known, model, n_classes) for known in _LABELS | _TARGETS}
    lack = "its slope by the predictions is not known"
    if scoring is None or isinstance(scoring, str):
        lack = (lacks | {None: None}).get(scoring, lack)
    if lack is None:
        return
    fine = [None, *(known for known in lacks if lacks[known] is None)]
    raise ValueError(
        f"{name} takes no scoring={scoring!r} of {model!r}: {lack}. Choose one of {fine}, where "
        "None is the loss that the model minimises; for any other score use a valuator that "
        "refits, such as LeaveOneOutValuator."
    )


def _lack(scoring, model, n_classes):
    """Return why a score is none of a model, in words; None if it is."""
    if is_classifier(model) != (scoring in _LABELS):
        return f"that is a score of {'targets' if scoring in _TARGETS else 'labels'}"
    if scoring in _LABELS and not hasattr(model, "predict_proba"):
        return "the model has no predict_proba"
    if scoring == "neg_log_loss" and getattr(model, "loss", None) == "modified_huber":
        return "some of its probabilities are 0, where the logarithm has no slope"
    if scoring == "neg_brier_score" and n_classes > 2:
        if "scale_by_half" not in inspect.signature(brier_score_loss).parameters:
            return "this version of scikit-learn has a Brier score of two classes only"
    if scoring in _POSITIVE and not has_log_link(model):
        return "a deviance takes predictions above 0, as of a model with a logarithmic link"
    return None


def check_targets(scoring, y):
    """Return targets of rows, or refuse those that a score is not defined for."""
    if scoring not in _TARGETS:
        return y
    y = np.asarray(y, dtype=np.float64)
    if scoring == "r2" and (len(y) < 2 or np.ptp(y) == 0):
        raise ValueError(
            f"scoring='r2' is not defined on {len(y)} rows whose targets are all {y[0]}: there is "
            "no variance to explain. Take more rows, or scoring='neg_mean_squared_error'."
        )
    if scoring in _POSITIVE:
        is_fine = y >= 0 if _POSITIVE[scoring] == "at least 0" else y > 0
        if not is_fine.all():
            raise ValueError(
                f"Targets to be valued on hold {y[~is_fine][0]}, and scoring={scoring!r} takes "
                f"targets {_POSITIVE[scoring]}. Leave such rows out, or choose another scoring."
            )
    return y
