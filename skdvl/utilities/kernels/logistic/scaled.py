"""Logistic regression behind a scaler, which every coalition fits to its own rows."""

from typing import NamedTuple

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from .logistic import FEWEST, LogisticRegressionKernel, odd_parameters, too_many
from .rows import CELLS, own_rows

FAR = 100.0  # standard deviations from zero to a mean, beyond which rounding is felt
FLAT = 1e-16  # of the square of the largest number: a variance that may be rounding alone


class Scaling(NamedTuple):
    """What the scalers of some coalitions have learned.

    Attributes
    ----------
    centre, scale : ndarray of shape (B, size)
        0 and 1 for an intercept.
    is_sure : ndarray of bool of shape (B,)
        Whether rounding does not tell whether a column varies, nor is felt in what is left of it.
    """

    centre: np.ndarray
    scale: np.ndarray
    is_sure: np.ndarray

    def take(self, places):
        """Return what some of the coalitions' scalers have learned."""
        return Scaling(*(array[places] for array in self))


class ScaledLogisticRegressionKernel(LogisticRegressionKernel):
    """What a pipeline of `StandardScaler` and `LogisticRegression` says, as scikit-learn stops.

    The iterations are those of `LogisticRegressionKernel`, on rows of each coalition's own scale.
    """

    name = "scaled_logistic"
    estimators = (Pipeline,)

    @classmethod
    def supports(cls, estimator, X, y, X_val):
        reason = _odd_steps(estimator)
        reason = reason or odd_parameters(estimator[-1], "lbfgs") or too_many(X, y)
        if reason:
            return reason
        kernel = cls(estimator, X, y, X_val[:1])
        if not kernel._scaling(np.ones((1, len(X)), dtype=bool)).is_sure[0]:
            return f"the mean of a column is more than {FAR:.0f} standard deviations from zero"
        return kernel._hopeless()

    def __init__(self, estimator, X, y, X_val):
        self.given, self.offset = X, X.mean(axis=0)  # without it, means are small
        super().__init__(estimator[-1], X - self.offset, y, X_val - self.offset)
        self.flat = FLAT * np.abs(X).max(axis=0) ** 2

    def _lanes(self):
        cells = self.rows.size  # every coalition has a copy of its own rows
        return min(super()._lanes(), max(FEWEST, CELLS // cells))

    def _scaling(self, masks):
        d, counts = self.given.shape[1], np.count_nonzero(masks, axis=1)
        places = own_rows(masks)
        present = np.take_along_axis(masks, places, axis=1).astype(float)
        own, share = self.rows[places, :d], present / counts[:, None]
        mean = np.einsum("bi,bij->bj", share, own)
        own -= mean[:, None]
        own *= own
        variance = np.einsum("bi,bij->bj", share, own)
        is_flat = variance <= self.flat
        is_sure = np.ones(len(masks), dtype=bool)
        lanes, columns = np.nonzero(is_flat)
        if len(lanes):
            told = self.given[places[lanes], columns[:, None]]
            same = (told == told[:, :1]) | (present[lanes] == 0)
            is_sure[lanes[~same.all(axis=1)]] = False
        scale = np.where(is_flat, 1.0, np.sqrt(variance))
        is_sure &= (np.abs(mean + self.offset) <= FAR * scale).all(axis=1)
        size = self.rows.shape[1]
        centre = np.zeros((len(masks), size))
        scales = np.ones((len(masks), size))
        centre[:, :d], scales[:, :d] = mean, scale
        return Scaling(centre, scales, is_sure)


def _odd_steps(pipeline):
    """Return what a pipeline does that the kernel does not, or None."""
    kinds = [type(step) for _, step in pipeline.steps]
    if kinds != [StandardScaler, LogisticRegression]:
        names = ", ".join(kind.__name__ for kind in kinds)
        return f"there is no kernel for Pipeline with the steps {names}"
    if pipeline.memory is not None:
        return "the pipeline has a memory"
    if not (pipeline[0].with_mean and pipeline[0].with_std):
        return "with_mean or with_std is off"
    return None
