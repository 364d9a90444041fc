"""Nearest neighbours, ranked by distance once for all coalitions.

An inner room, which may change.
"""

from .neighbors import NeighborsClassifierKernel, NeighborsRegressorKernel

__all__ = ["NeighborsClassifierKernel", "NeighborsRegressorKernel"]
