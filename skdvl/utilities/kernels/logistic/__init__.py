"""Logistic regression: iteration by iteration as scikit-learn goes, or at its optimum.

An inner room, which may change.
"""

from .logistic import LogisticRegressionKernel
from .optimum import OptimumKernel
from .scaled import ScaledLogisticRegressionKernel

__all__ = ["LogisticRegressionKernel", "OptimumKernel", "ScaledLogisticRegressionKernel"]
