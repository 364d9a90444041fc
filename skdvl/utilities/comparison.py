"""Whether a kernel says what refits say, of given coalitions."""

import numpy as np
from sklearn.base import clone

from .measures.labels import NEAR

CLOSE = 1e-8  # between decisions of a kernel and of a refit, relative


def disagreement(refit, kernel, score, masks, answers):
    """Return a sentence on the first coalition of which a kernel is wrong, or an empty one.

    Parameters
    ----------
    refit : ModelUtility
        Bound already.
    kernel : Kernel
    score : skdvl.utilities.scoring.Score
    masks : ndarray of bool of shape (B, n)
    answers : Answers
        Of the kernel, to these.
    """
    with refit.unchecked():
        return _disagreement(refit, kernel, *score(answers), masks, answers)


def _disagreement(refit, kernel, scores, is_certain, masks, answers):
    for j, mask in enumerate(masks):
        rows = np.flatnonzero(mask)
        if not answers.is_sure[j] or not _is_asked(refit, rows):
            continue
        try:
            model = clone(refit.estimator).fit(refit.X_of(rows), refit.y[rows])
        except Exception as error:
            words = f"a refit fails ({type(error).__name__}: {error}), and the kernel is sure"
        else:
            words = wrong_decision(refit, kernel, model, rows, answers.decision[:, j])
        if not words and is_certain[j]:
            expected = refit.score_of(model, rows)
            if abs(scores[j] - expected) > CLOSE * max(1, abs(expected)):
                words = f"the score is {scores[j]!r}, and that of a refit {expected!r}"
        if words:
            some = ", ".join(map(str, rows[:10])) + (", ..." if len(rows) > 10 else "")
            return f"on a coalition of {len(rows)} rows ({some}), {words}"
    return ""


def _is_asked(refit, rows):
    """Whether a coalition is a kernel's business, and no matter of policy."""
    if refit.classes is None:
        return len(rows) > 0
    return len(np.unique(refit.y[rows])) > 1


def wrong_decision(refit, kernel, model, rows, decision):
    """Return what is wrong with the decision of a kernel on one coalition, or nothing.

    Parameters
    ----------
    refit : ModelUtility
    kernel : Kernel
    model : estimator
        Fitted on the coalition.
    rows : ndarray of int
        The members of the coalition.
    decision : ndarray of shape (n_outputs, m)

    Returns
    -------
    words : str
    """
    X_val = refit.X_val_of(rows)
    if refit.classes is None:
        return _apart(decision[0], model.predict(X_val), "predictions")
    seen = np.searchsorted(refit.classes, model.classes_)
    missing = np.delete(decision, seen, axis=0)
    nothing = 0 if kernel.response == "probability" else -np.inf
    if not ((missing == nothing) | np.isneginf(missing)).all():
        return "a class that is not there has a score"
    words = _wrong_scores(refit, kernel, model, X_val, decision[seen])
    return words or _wrong_labels(kernel, model, X_val, decision[seen])


def _wrong_scores(refit, kernel, model, X_val, decision):
    """Compare the scores of the classes that are there."""
    if kernel.response == "probability":
        return _apart(decision, model.predict_proba(X_val).T, "probabilities")
    if kernel.has_decision_function and len(decision) == 2:
        if len(refit.classes) > 2:
            return ""
        difference = decision[1] - decision[0]
        return _apart(difference, model.decision_function(X_val), "decision functions")
    rounding = kernel.rounding * np.abs(decision).max()
    if kernel.has_decision_function:
        expected = model.decision_function(X_val).T
        return _apart(_centred(decision), _centred(expected), "decision functions", rounding)
    if hasattr(model, "predict_joint_log_proba"):
        expected = model.predict_joint_log_proba(X_val).T
        return _apart(_centred(decision), _centred(expected), "joint probabilities", rounding)
    if kernel.response == "softmax":
        proba = np.exp(decision - decision.max(axis=0))
        proba /= proba.sum(axis=0)
        return _apart(proba, model.predict_proba(X_val).T, "probabilities")
    return ""


def _wrong_labels(kernel, model, X_val, decision):
    """Compare predictions where the best two scores are no tie."""
    best = np.sort(decision, axis=0)[::-1]
    clear = np.ones(decision.shape[1], dtype=bool)
    if not kernel.ties_are_exact:
        clear = best[0] - best[1] > NEAR * np.maximum(np.abs(decision).max(), 1)
    said = model.classes_[decision.argmax(axis=0)] == model.predict(X_val)
    return "" if said[clear].all() else "predicted labels differ"


def _centred(scores):
    return scores - scores.max(axis=0)


def _apart(given, expected, name, rounding=0.0):
    """Return words if two arrays are not close, relative to the largest entry."""
    if given.shape != expected.shape:
        return f"{name} have the shape {given.shape}, and those of a refit {expected.shape}"
    distance = np.abs(given - expected).max()
    if distance <= max(CLOSE * max(1, np.abs(expected).max()), rounding):
        return ""
    return f"{name} are up to {distance:.2g} from those of a refit"
