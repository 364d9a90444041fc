"""Classifiers that know the data by sums over the rows of each class alone.

An inner room, which may change.
"""

from .centroid import NearestCentroidKernel
from .discrete_bayes import BernoulliNBKernel, ComplementNBKernel, MultinomialNBKernel
from .discriminant import LinearDiscriminantAnalysisKernel
from .naive_bayes import GaussianNBKernel
from .quadratic import QuadraticDiscriminantAnalysisKernel

__all__ = [
    "BernoulliNBKernel",
    "ComplementNBKernel",
    "GaussianNBKernel",
    "LinearDiscriminantAnalysisKernel",
    "MultinomialNBKernel",
    "NearestCentroidKernel",
    "QuadraticDiscriminantAnalysisKernel",
]
