"""Strategies: how scores become values and standard errors."""

from .base import Estimate, EvaluationStrategy
from .marginal import MarginalMean
from .noise import fold_noise, noise_floor
from .regression import RegressionAdjusted
from .reuse import PerSizeReuse, SampleReuse

__all__ = [
    "Estimate",
    "EvaluationStrategy",
    "MarginalMean",
    "PerSizeReuse",
    "RegressionAdjusted",
    "SampleReuse",
    "fold_noise",
    "noise_floor",
]
