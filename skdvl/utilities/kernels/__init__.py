"""Exact kernels: what refits would say, for many coalitions at once.

An inner room: all but what the API reference lists may change.
"""

from .base import Answers, Kernel
from .dummy import MeanKernel, PriorKernel
from .least_squares import (
    KernelRidgeKernel,
    LinearRegressionKernel,
    RidgeClassifierKernel,
    RidgeKernel,
)
from .logistic import LogisticRegressionKernel, OptimumKernel, ScaledLogisticRegressionKernel
from .moments import (
    BernoulliNBKernel,
    ComplementNBKernel,
    GaussianNBKernel,
    LinearDiscriminantAnalysisKernel,
    MultinomialNBKernel,
    NearestCentroidKernel,
    QuadraticDiscriminantAnalysisKernel,
)
from .neighbors import NeighborsClassifierKernel, NeighborsRegressorKernel
from .registry import find_kernels, register_kernel
from .svm import SVCKernel, SVRKernel

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
    OptimumKernel,
    PriorKernel,
    QuadraticDiscriminantAnalysisKernel,
    RidgeClassifierKernel,
    RidgeKernel,
    SVCKernel,
    SVRKernel,
    ScaledLogisticRegressionKernel,
]
"""Each stands for the refits of the classes in its `estimators`; the first that will, does."""
