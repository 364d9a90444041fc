"""Models whose fit is the solution of one linear system.

An inner room, which may change.
"""

from .kernel_ridge import KernelRidgeKernel
from .linear import LinearRegressionKernel, RidgeClassifierKernel, RidgeKernel

__all__ = ["KernelRidgeKernel", "LinearRegressionKernel", "RidgeClassifierKernel", "RidgeKernel"]
