"""What scikit-learn's linear regressors minimise."""

import numpy as np

from .losses import SquaredError
from .terms import Terms


def _linear(estimator, loss, y, **others):
    """Return the terms of an estimator with one target."""
    return Terms(
        loss, y, np.reshape(estimator.coef_, (-1, 1)),
        np.reshape(estimator.intercept_, (1,)), np.array([bool(estimator.fit_intercept)]), **others,
    )  # fmt: skip


def least_squares(estimator, y, weight):
    """Read LinearRegression and Ridge; with ``positive=True`` on the columns that are not at 0."""
    free = np.reshape(estimator.coef_, (-1, 1)) != 0 if estimator.positive else None
    l2 = float(np.ravel(getattr(estimator, "alpha", 0.0))[0])
    return _linear(estimator, SquaredError(), y, l2=l2, free=free)
