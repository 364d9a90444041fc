"""Pruning: training rows of low value are dropped, at fit time only."""

from .estimator import PrunedEstimator
from .pruner import DataPruner

__all__ = ["DataPruner", "PrunedEstimator"]
