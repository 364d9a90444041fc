"""What scikit-learn's linear classifiers minimise."""

import inspect

import numpy as np
from sklearn.utils import compute_class_weight

from .label_losses import Logistic, ModifiedHuber, OfSigns, OneVsRest, Softmax, SquaredHinge
from .target_losses import Huber, SquaredError, SquaredInsensitive
from .terms import Terms, coefficients


def _class_weights(estimator, y, weight):
    """Return the weights of the classes, as the estimator's fit took them."""
    classes = np.arange(len(estimator.classes_))
    weights = estimator.class_weight
    if isinstance(weights, dict):
        labels = estimator.classes_.tolist()
        return np.array([float(weights.get(label, 1.0)) for label in labels])
    if weight is None:  # the estimator does not weigh rows when it counts them
        return compute_class_weight(weights, classes=classes, y=y)
    weighs_rows = "sample_weight" in inspect.signature(compute_class_weight).parameters
    options = {"sample_weight": weight} if weighs_rows else {}
    return compute_class_weight(weights, classes=classes, y=y, **options)


def _penalty(estimator):
    """Return the weights of the squares and of the lengths of a logistic regression."""
    kind, strength, ratio = estimator.penalty, 1 / estimator.C, estimator.l1_ratio or 0.0
    if kind is None:
        return 0.0, 0.0
    ratio = {"l2": 0.0, "l1": 1.0}.get(kind, ratio)
    return strength * (1 - ratio), strength * ratio


def check_logistic(name, estimator):
    """Refuse ways to tell several classes that are going away."""
    if getattr(estimator, "multi_class", "auto") not in ("auto", "deprecated"):
        raise ValueError(
            f"{name} takes LogisticRegression as it tells classes by default; got "
            f"multi_class={estimator.multi_class!r}. Leave it out."
        )


def logistic(estimator, y, weight):
    """Read LogisticRegression; with an L1 penalty on the coefficients that are not at 0."""
    coef, k = coefficients(estimator).T, len(estimator.classes_)
    l2, l1 = _penalty(estimator)
    emphasis = _class_weights(estimator, y, weight)
    if k == 2:
        loss = Logistic()
    else:
        loss = Softmax(k) if estimator.solver != "liblinear" else OneVsRest(Logistic(), emphasis)
    is_pulled = estimator.solver == "liblinear" and estimator.fit_intercept
    return Terms(
        loss, y, coef, np.broadcast_to(estimator.intercept_, coef.shape[1]).astype(np.float64),
        np.full(coef.shape[1], bool(estimator.fit_intercept)),
        free=coef != 0 if l1 else None, l2=l2, l1=l1,
        l2_intercept=l2 / estimator.intercept_scaling**2 if is_pulled else 0.0,
        l1_intercept=l1 / estimator.intercept_scaling if is_pulled else 0.0,
        class_weight=None if isinstance(loss, OneVsRest) else emphasis,
    )  # fmt: skip


def check_svc(name, estimator):
    """Refuse losses of LinearSVC that have corners, or that are not of one class each."""
    if estimator.loss != "squared_hinge" or estimator.multi_class != "ovr":
        raise ValueError(
            f"{name} takes LinearSVC with loss='squared_hinge' and multi_class='ovr', whose loss "
            f"has second derivatives; got loss={estimator.loss!r} and "
            f"multi_class={estimator.multi_class!r}. For these use LeaveOneOutValuator, which "
            "refits."
        )


def svc(estimator, y, weight):
    """Read LinearSVC; its intercept is the coefficient of one more column, and penalised."""
    l2, l1 = (1 / estimator.C, 0.0) if estimator.penalty == "l2" else (0.0, 1 / estimator.C)
    l2_intercept = l2 / estimator.intercept_scaling**2 if estimator.fit_intercept else 0.0
    l1_intercept = l1 / estimator.intercept_scaling if estimator.fit_intercept else 0.0
    penalty = {"l2": l2, "l1": l1, "l2_intercept": l2_intercept, "l1_intercept": l1_intercept}
    return _one_vs_rest(estimator, SquaredHinge(), y, weight, **penalty)


def _one_vs_rest(estimator, loss, y, weight, **penalty):
    """Return the terms of binary models, of one if there are two classes."""
    emphasis, coef = _class_weights(estimator, y, weight), coefficients(estimator).T
    if coef.shape[1] > 1:
        loss, emphasis = OneVsRest(loss, emphasis), None
    return Terms(
        loss, y, coef, np.broadcast_to(estimator.intercept_, coef.shape[1]).astype(np.float64),
        np.full(coef.shape[1], bool(estimator.fit_intercept)), class_weight=emphasis,
        free=coef != 0 if penalty["l1"] else None, **penalty,
    )  # fmt: skip


_SGD = {
    "log_loss": lambda epsilon: Logistic(),
    "squared_hinge": lambda epsilon: SquaredHinge(),
    "modified_huber": lambda epsilon: ModifiedHuber(),
    "squared_error": lambda epsilon: OfSigns(SquaredError()),
    "huber": lambda epsilon: OfSigns(Huber(epsilon)),
    "squared_epsilon_insensitive": lambda epsilon: OfSigns(SquaredInsensitive(epsilon)),
}


def check_sgd(name, estimator):
    """Refuse losses of SGDClassifier that have corners."""
    if estimator.loss not in _SGD:
        raise ValueError(
            f"{name} takes SGDClassifier where its loss has second derivatives: {list(_SGD)}; got "
            f"loss={estimator.loss!r}. For that use LeaveOneOutValuator, which refits."
        )


def sgd(estimator, y, weight):
    """Read SGDClassifier as if it were at its optimum."""
    loss = _SGD[estimator.loss](estimator.epsilon)
    share = np.ones(len(y))
    return _one_vs_rest(estimator, loss, y, None, share=share, **sgd_penalty(estimator))


def sgd_penalty(estimator):
    """Return the penalty of a model that is fitted by stochastic gradients."""
    if estimator.penalty is None:
        return {"l2": 0.0, "l1": 0.0}
    strength = estimator.alpha
    ratio = {"l2": 0.0, "l1": 1.0}.get(estimator.penalty, estimator.l1_ratio)
    return {"l2": strength * (1 - ratio), "l1": strength * ratio}
