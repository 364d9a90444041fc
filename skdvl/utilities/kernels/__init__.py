"""Exact kernels: what refits would say, for many coalitions at once."""

from .base import Answers, Kernel
from .centroid import NearestCentroidKernel
from .discrete_bayes import BernoulliNBKernel, ComplementNBKernel, MultinomialNBKernel
from .discriminant import LinearDiscriminantAnalysisKernel
from .dummy import MeanKernel, PriorKernel
from .kernel_ridge import KernelRidgeKernel
from .linear import LinearRegressionKernel, RidgeClassifierKernel, RidgeKernel
from .logistic import LogisticRegressionKernel
from .naive_bayes import GaussianNBKernel
from .neighbors import NeighborsClassifierKernel, NeighborsRegressorKernel
from .quadratic import QuadraticDiscriminantAnalysisKernel
from .registry import find_kernels, register_kernel

__all__ = ["BUILT_IN", "Answers", "Kernel", "find_kernels", "register_kernel"]

BUILT_IN = [
    BernoulliNBKernel,
    ComplementNBKernel,
    GaussianNBKernel,
    KernelRidgeKernel,
    LinearDiscriminantAnalysisKernel,
    LinearRegressionKernel,
    LogisticRegressionKernel,
    MeanKernel,
    MultinomialNBKernel,
    NearestCentroidKernel,
    NeighborsClassifierKernel,
    NeighborsRegressorKernel,
    PriorKernel,
    QuadraticDiscriminantAnalysisKernel,
    RidgeClassifierKernel,
    RidgeKernel,
]
"""Each stands for the refits of the classes in its `estimators`; the first that will, does."""
