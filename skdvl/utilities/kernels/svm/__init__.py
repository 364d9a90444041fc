"""Support vector machines by libsvm: one kernel matrix for all coalitions."""

from .svm import SVCKernel, SVRKernel

__all__ = ["SVCKernel", "SVRKernel"]
