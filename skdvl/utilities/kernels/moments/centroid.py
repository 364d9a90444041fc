"""The nearest centroid: means of each class from sums over its rows."""

import numpy as np
from sklearn.neighbors import NearestCentroid

from ..base import Answers
from .columns import centres, far_from_zero, odd_numbers
from .sums import ROUNDING, ClassSums, SumsKernel, lead, piece_size


class NearestCentroidKernel(SumsKernel):
    """What `NearestCentroid` predicts, by products of rows with centroids.

    Scores are squared distances but for a sign, a factor and what all classes share. That is for
    predictions: the decision function and the probabilities of `NearestCentroid` belong to
    another model, with columns scaled, and may prefer another class.

    scikit-learn does not centre the columns before it multiplies, so far from 0 its distances
    are rough. Where rounding might tell, the coalition is left to it.
    """

    estimators = (NearestCentroid,)
    response = "margin"

    @classmethod
    def supports(cls, estimator, X, y, X_val):
        if estimator.metric != "euclidean":
            return f"metric={estimator.metric!r} does not ask for means"
        if estimator.shrink_threshold is not None:
            return "shrink_threshold moves the centroids"
        if not (isinstance(estimator.priors, str) and estimator.priors == "uniform"):
            return "priors other than 'uniform' change the distances"
        return odd_numbers(X, X_val) or far_from_zero(X)

    def __init__(self, estimator, X, y, X_val):
        n_classes = y.max() + 1
        centre = centres(X, np.zeros_like(y))
        near, val = X - centre, X_val - centre
        scale = np.sqrt(np.square(near).sum(axis=1).mean()) or 1.0
        near, val = near / scale, val / scale
        self.tables = (ClassSums(np.hstack([np.ones((len(X), 1)), near]), y, n_classes),)
        self.piece = piece_size(n_classes, max(len(X_val), X.shape[1]))
        self.val = np.vstack([val.T, np.ones((1, len(val)))])
        # Rounding of their products, far from 0, and of means and products near it.
        far = _longest(X, X_val) / scale
        reach = _longest(near, val)
        self.rough = 4 * ROUNDING * (1 + np.sqrt(X.shape[1])) * far**2
        self.fine = 4 * ROUNDING * (far + reach) * reach

    def _answers(self, members, sums):
        counts = sums[..., :1]
        means = sums / np.maximum(counts, 1.0)
        weights = np.empty_like(means)
        weights[..., :-1] = means[..., 1:]
        weights[..., -1] = -0.5 * np.einsum("cbj,cbj->cb", means[..., 1:], means[..., 1:])
        decision = np.matmul(weights, self.val)
        decision[counts[..., 0] == 0] = -np.inf
        slack = self.rough + self.fine * (1 + np.sqrt(counts.sum(axis=(0, 2))))
        return Answers(decision, (lead(decision) > slack[:, None]).all(axis=1))


def _longest(X, X_val):
    return max(np.sqrt(np.square(rows).sum(axis=1)).max() for rows in (X, X_val))
