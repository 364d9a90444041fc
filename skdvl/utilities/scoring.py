"""Scores apart from kernels: scikit-learn's scorers, of many coalitions at once."""

import numpy as np
from sklearn import metrics

from .measures import (
    F1,
    R2,
    AbsoluteError,
    Accuracy,
    BalancedAccuracy,
    BrierLoss,
    ClassAccuracy,
    LogLoss,
    RocAuc,
    RootSquaredError,
    SquaredError,
    class_score,
)

_CELLS = 2**16  # decisions that are looked at together; they stay in the processor's cache
_LABELS = {metrics.accuracy_score: Accuracy, metrics.balanced_accuracy_score: BalancedAccuracy}
_LOSSES = {metrics.log_loss: LogLoss, metrics.brier_score_loss: BrierLoss}
_NUMBERS = {
    metrics.r2_score: R2,
    metrics.mean_squared_error: SquaredError,
    metrics.root_mean_squared_error: RootSquaredError,
    metrics.mean_absolute_error: AbsoluteError,
}


class Score:
    """A scorer of scikit-learn's, for the answers of a kernel.

    Parameters
    ----------
    measure : callable
        See `skdvl.utilities.measures`.
    sign : int
        1, or -1 where less is better.
    """

    def __init__(self, measure, sign):
        self._measure, self._sign = measure, sign

    def __call__(self, answers):
        """Score coalitions by what models say of the validation rows.

        Parameters
        ----------
        answers : Answers

        Returns
        -------
        scores : ndarray of shape (B,)
            What the scorer returns on a refitted estimator: the same number for scores of
            labels, and within 1e-9 of it for others.
        is_certain : ndarray of bool of shape (B,)
            Where that is so; nothing is said of the score of other coalitions.
        """
        n_outputs, n_coalitions, n_rows = answers.decision.shape
        scores, is_certain = np.empty(n_coalitions), np.array(answers.is_sure, dtype=bool)
        step = max(1, _CELLS // (n_outputs * n_rows))
        with np.errstate(all="ignore"):  # what is said of a single class may be anything
            for first in range(0, n_coalitions, step):
                some = slice(first, first + step)
                part = answers.take(some)
                scores[some], is_clear = self._measure(part.decision, part.error)
                is_certain[some] &= is_clear
        is_certain &= np.isfinite(scores)
        return self._sign * scores, is_certain

    def by_row(self, answers):
        """Return what each validation row contributes, or None if the score is no mean of them.

        Parameters
        ----------
        answers : Answers

        Returns
        -------
        parts : ndarray of shape (B, m) or None
        """
        by_row = getattr(self._measure, "by_row", None)
        return None if by_row is None else self._sign * by_row(answers.decision)


def make_score(scorer, kernel, y_val, classes=None):
    """Make the score that stands for a scorer, or say why there is none.

    Parameters
    ----------
    scorer : callable
    kernel : Kernel or type
        What is asked of it is what its decisions are.
    y_val : ndarray of shape (m,)
        Validation labels, or numbers.
    classes : ndarray of shape (n_classes,) or None, default=None
        Sorted labels of the training rows; None for a regressor.

    Returns
    -------
    score : Score or None
    reason : str
        Why not, as a sentence fragment.
    """
    if type(scorer) is not type(metrics.get_scorer("accuracy")):
        return None, "the scorer is no named one of scikit-learn's"
    make = _numbers if classes is None else _of_classes
    measure = make(scorer, kernel, y_val, classes)
    if isinstance(measure, str):
        return None, measure
    return Score(measure, scorer._sign), ""


def _numbers(scorer, kernel, y_val, classes):
    """Return the measure for a regressor, or the reason why there is none."""
    kind = _NUMBERS.get(scorer._score_func)
    if kind is None or scorer._kwargs or not _asks(scorer, "predict"):
        return _unknown(scorer)
    target = np.asarray(y_val, dtype=float)
    if kind is R2 and (len(target) < 2 or np.ptp(target) == 0):
        return "R^2 of a constant y_val is a special case"
    return kind(target)


def _of_classes(scorer, kernel, y_val, classes):
    """Return the measure for a classifier, or the reason why there is none."""
    target, labels = _codes(y_val, classes)
    n_classes, function = len(classes), scorer._score_func
    if n_classes < 2:
        return "there is only one class"
    if function in _LABELS and not scorer._kwargs and _asks(scorer, "predict"):
        return _LABELS[function](target, n_classes, kernel)
    if function is class_score and _asks(scorer, "predict"):
        code = int(np.searchsorted(classes, scorer._kwargs["label"]))
        return ClassAccuracy(target, n_classes, kernel, code)
    if len(labels) != n_classes or target.min() < 0:
        return "y_val does not have the classes of y"
    if function is metrics.f1_score and _asks(scorer, "predict"):
        return _f1(scorer, kernel, target, classes)
    has_proba = kernel.response in ("softmax", "probability")
    if function in _LOSSES and not scorer._kwargs and _asks(scorer, "predict_proba"):
        if not has_proba:
            return "the kernel gives no probabilities"
        return _LOSSES[function](target, n_classes, kernel)
    if function is metrics.roc_auc_score and not scorer._kwargs and n_classes == 2:
        first, *_ = np.atleast_1d(scorer._response_method)
        if first == "decision_function" and kernel.has_decision_function:
            return RocAuc(target, kernel, by_proba=False)
        if has_proba and "predict_proba" in np.atleast_1d(scorer._response_method):
            return RocAuc(target, kernel, by_proba=True)
    return _unknown(scorer)


def _f1(scorer, kernel, target, classes):
    given = scorer._kwargs
    if len(classes) == 2 and given == {"average": "binary"} and classes[1] == 1:
        return F1(target, 2, kernel, "binary")
    if len(classes) == 2 and given == {"average": "macro", "pos_label": None}:
        return F1(target, 2, kernel, "macro")
    return _unknown(scorer)


def _codes(y_val, classes):
    """Return numbers of classes, negative ones where y has none, and the labels of y_val."""
    labels, code_of_row = np.unique(y_val, return_inverse=True)
    known = {label: code for code, label in enumerate(classes.tolist())}
    codes = [known.get(label, -1 - j) for j, label in enumerate(labels.tolist())]
    return np.array(codes, dtype=np.intp)[code_of_row], labels


def _asks(scorer, method):
    return scorer._response_method == method


def _unknown(scorer):
    return f"there is no batched score for {scorer!r}"
