"""From a fitted estimator of scikit-learn to what it minimises."""

import numpy as np
from scipy import sparse
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import (
    ElasticNet,
    GammaRegressor,
    HuberRegressor,
    Lasso,
    LinearRegression,
    LogisticRegression,
    PoissonRegressor,
    Ridge,
    SGDClassifier,
    SGDRegressor,
    TweedieRegressor,
)
from sklearn.pipeline import Pipeline
from sklearn.svm import LinearSVC
from sklearn.utils.validation import validate_data

from . import classifiers, regressors
from .terms import assemble

# Estimator: (how to read it, what to say of parameters that cannot be read, or None).
READERS = {
    LinearRegression: (regressors.least_squares, None),
    LogisticRegression: (classifiers.logistic, classifiers.check_logistic),
    Ridge: (regressors.least_squares, None),
    Lasso: (regressors.elastic_net, None),
    ElasticNet: (regressors.elastic_net, None),
    PoissonRegressor: (regressors.glm, None),
    GammaRegressor: (regressors.glm, None),
    TweedieRegressor: (regressors.glm, None),
    HuberRegressor: (regressors.huber, None),
    LinearSVC: (classifiers.svc, classifiers.check_svc),
    SGDClassifier: (classifiers.sgd, classifiers.check_sgd),
    SGDRegressor: (regressors.sgd, regressors.check_sgd),
}
_EXACT = (LinearRegression, Ridge)


def last_step(estimator):
    """Return the model at the end of pipelines, or the estimator itself."""
    while isinstance(estimator, Pipeline):
        estimator = estimator.steps[-1][1]
    return estimator


def last_model(estimator):
    """Return the model at the end of pipelines, also if that is frozen; None if there is none."""
    while isinstance(estimator, (Pipeline, FrozenEstimator)):
        if isinstance(estimator, FrozenEstimator):
            estimator = estimator.estimator
        else:
            estimator = estimator.steps[-1][1] if estimator.steps else None
    return None if estimator == "passthrough" else estimator


def ends_frozen(estimator):
    """Whether the last step of a pipeline is fitted already, and stays as it is."""
    return isinstance(last_step(estimator), FrozenEstimator)


def check_supported(name, estimator):
    """Refuse an estimator whose loss and penalty are not known, before it is fitted.

    Parameters
    ----------
    name : str
        Who asks.
    estimator : estimator
    """
    model, known = last_model(estimator), ", ".join(sorted(kind.__name__ for kind in READERS))
    if model is None:
        raise ValueError(
            f"{name} needs a model at the end of a pipeline, and {estimator!r} has none there. It "
            f"takes {known}."
        )
    if type(model) not in READERS:
        raise ValueError(
            f"{name} needs to know what an estimator minimises, and does not know it of "
            f"{type(model).__name__}. It takes {known}, and pipelines that end in one. For any "
            "other model use a valuator that trains it on coalitions of rows, such as "
            "ShapleyValuator or LeaveOneOutValuator."
        )
    check = READERS[type(model)][1]
    if check is not None:
        check(name, model)


def as_design(estimator, X):
    """Return X as the last step of a fitted estimator sees it, in numbers."""
    while isinstance(estimator, (Pipeline, FrozenEstimator)):
        if isinstance(estimator, FrozenEstimator):
            estimator = estimator.estimator
            continue
        if len(estimator.steps) > 1:
            X = estimator[:-1].transform(X)
        estimator = estimator.steps[-1][1]
    options = {"accept_sparse": "csr", "dtype": np.float64}
    X = validate_data(estimator, X, reset=False, **options)
    return X.tocsr() if sparse.issparse(X) else X


def as_target(estimator, y):
    """Return targets as numbers, or labels as places among the classes of a fitted estimator."""
    model = last_model(estimator)
    if hasattr(model, "classes_"):
        return np.searchsorted(model.classes_, y)
    return np.asarray(y, dtype=np.float64)


def is_least_squares(model):
    """Whether a model is that of least squares, with a penalty on squares or none."""
    return type(model) in _EXACT and not model.positive


def check_exact(name, estimator):
    """Refuse an estimator whose leave-one-out is no closed form."""
    model = last_model(estimator)
    if not is_least_squares(model):
        raise ValueError(
            f"kind='loo' of {name} is exact, as it is for LinearRegression and Ridge without "
            f"constraints; got {model!r}. Use kind='alo', a step of Newton's method, or "
            "LeaveOneOutValuator, which refits."
        )


def read(estimator, X, y, weight=None):
    """Return a fitted estimator as a `LinearFit`.

    Parameters
    ----------
    estimator : estimator
        Fitted on these rows, and one that `check_supported` lets by.
    X : array-like, data frame or sparse matrix of shape (n, n_features)
        As the estimator takes it.
    y : ndarray of shape (n,)
    weight : ndarray of shape (n,) or None

    Returns
    -------
    fit : LinearFit
    """
    model = last_model(estimator)
    weight = np.ones(len(y)) if weight is None else np.asarray(weight, dtype=np.float64)
    terms = READERS[type(model)][0](model, as_target(model, y), weight)
    return assemble(terms, as_design(estimator, X), weight)
