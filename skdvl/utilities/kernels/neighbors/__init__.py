"""Nearest neighbours, ranked by distance once for all coalitions."""

from .neighbors import NeighborsClassifierKernel, NeighborsRegressorKernel

__all__ = ["NeighborsClassifierKernel", "NeighborsRegressorKernel"]
