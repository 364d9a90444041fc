"""Models that cost next to nothing, for tests of what is done with models, not of models."""

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin

from skdvl.coalitions import Walks
from skdvl.samplers import PermutationSampler


class OnePermutation(PermutationSampler):
    """A round of a single permutation, for models that are refitted."""

    def draw(self, round):
        order = round.rng.permutation(round.n_players)[None]
        return Walks(np.zeros(order.shape, dtype=bool), order)


class Means(ClassifierMixin, BaseEstimator):
    """Predicts the class whose mean, shrunk or not, is nearest, and checks nothing."""

    def __init__(self, shrunk=0.0):
        self.shrunk = shrunk

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        means = np.array([X[y == label].mean(axis=0) for label in self.classes_])
        self.means_ = means * (1 - self.shrunk)
        return self

    def predict(self, X):
        nearness = X @ self.means_.T - (self.means_**2).sum(axis=1) / 2
        return self.classes_[nearness.argmax(axis=1)]
