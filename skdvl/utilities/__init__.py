"""Utilities: what a coalition is worth."""

from .base import Scored, Utility
from .choice import make_utility
from .grouped import GroupedUtility
from .kernel import KernelUtility
from .kernels import register_kernel
from .learned import LearnedUtility
from .model import ModelUtility

__all__ = [
    "GroupedUtility",
    "KernelUtility",
    "LearnedUtility",
    "ModelUtility",
    "Scored",
    "Utility",
    "make_utility",
    "register_kernel",
]
