"""What scikit-learn's linear regressors minimise."""

import numpy as np

from .classifiers import sgd_penalty
from .target_losses import Huber, ScaledHuber, SquaredError, SquaredInsensitive, Tweedie
from .terms import Terms, coefficients


def _linear(estimator, loss, y, **others):
    """Return the terms of an estimator with one target."""
    return Terms(
        loss, y, np.reshape(coefficients(estimator), (-1, 1)),
        np.reshape(estimator.intercept_, (1,)), np.array([bool(estimator.fit_intercept)]), **others,
    )  # fmt: skip


def least_squares(estimator, y, weight):
    """Read LinearRegression and Ridge; with ``positive=True`` on the columns that are not at 0."""
    free = np.reshape(estimator.coef_, (-1, 1)) != 0 if estimator.positive else None
    l2 = float(np.ravel(getattr(estimator, "alpha", 0.0))[0])
    return _linear(estimator, SquaredError(), y, l2=l2, free=free)


def elastic_net(estimator, y, weight):
    """Read Lasso and ElasticNet on the columns that are not at 0."""
    ratio, free = estimator.l1_ratio, np.reshape(estimator.coef_, (-1, 1)) != 0
    penalty = {"l2": estimator.alpha * (1 - ratio), "l1": estimator.alpha * ratio}
    return _linear(estimator, SquaredError(), y, share=weight, free=free, **penalty)


_POWERS = {"PoissonRegressor": 1, "GammaRegressor": 2}


def has_log_link(estimator):
    """Whether an estimator predicts the exponential of its linear predictor."""
    if type(estimator).__name__ in _POWERS:
        return True
    link = getattr(estimator, "link", "identity")
    return link == "log" or (link == "auto" and estimator.power > 0)


def glm(estimator, y, weight):
    """Read PoissonRegressor, GammaRegressor and TweedieRegressor."""
    is_log = has_log_link(estimator)
    power = _POWERS.get(type(estimator).__name__)
    power = estimator.power if power is None else power
    loss = Tweedie(power, is_log) if power or is_log else SquaredError()
    return _linear(estimator, loss, y, l2=estimator.alpha, share=weight)


def huber(estimator, y, weight):
    """Read HuberRegressor: its second predictor is a scale, the same for all rows."""
    coef = np.column_stack([estimator.coef_, np.zeros(len(estimator.coef_))])
    free = np.zeros(coef.shape, dtype=bool)
    free[:, 0] = True
    return Terms(
        ScaledHuber(estimator.epsilon), y, coef,
        np.array([np.ravel(estimator.intercept_)[0], estimator.scale_]),
        np.array([bool(estimator.fit_intercept), True]), free=free, l2=estimator.alpha,
    )  # fmt: skip


_SGD = {
    "squared_error": lambda epsilon: SquaredError(),
    "huber": Huber,
    "squared_epsilon_insensitive": SquaredInsensitive,
}


def check_sgd(name, estimator):
    """Refuse losses of SGDRegressor that have corners."""
    if estimator.loss not in _SGD:
        raise ValueError(
            f"{name} takes SGDRegressor where its loss has second derivatives: {list(_SGD)}; got "
            f"loss={estimator.loss!r}. For that use LeaveOneOutValuator, which refits."
        )


def sgd(estimator, y, weight):
    """Read SGDRegressor as if it were at its optimum."""
    penalty = sgd_penalty(estimator)
    free = np.reshape(coefficients(estimator), (-1, 1)) != 0 if penalty["l1"] else None
    loss = _SGD[estimator.loss](estimator.epsilon)
    return _linear(estimator, loss, y, share=np.ones(len(y)), free=free, **penalty)
