"""Support vector machines by libsvm: one kernel matrix for all coalitions.

An inner room, which may change.
"""

from .svm import SVCKernel, SVRKernel

__all__ = ["SVCKernel", "SVRKernel"]
