"""Strategies: how scores become values and standard errors."""

from .base import Estimate, EvaluationStrategy
from .group_testing import GroupTesting, group_testing_bound
from .lasso import LassoEffects
from .least_core import Core, LeastCore
from .least_squares import KernelBanzhaf, LeverageSHAP
from .marginal import MarginalMean
from .noise import fold_noise as fold_noise
from .noise import noise_floor as noise_floor
from .regression import RegressionAdjusted
from .reuse import PerSizeReuse, SampleReuse

__all__ = [
    "Core",
    "Estimate",
    "EvaluationStrategy",
    "GroupTesting",
    "KernelBanzhaf",
    "LassoEffects",
    "LeastCore",
    "LeverageSHAP",
    "MarginalMean",
    "PerSizeReuse",
    "RegressionAdjusted",
    "SampleReuse",
    "group_testing_bound",
]
