"""Strategies: how scores become values and standard errors."""

from .base import Estimate, EvaluationStrategy
from .marginal import MarginalMean
from .noise import fold_noise, noise_floor
from .reuse import PerSizeReuse, SampleReuse

__all__ = [
    "Estimate",
    "EvaluationStrategy",
    "MarginalMean",
    "PerSizeReuse",
    "SampleReuse",
    "fold_noise",
    "noise_floor",
]
