"""Utilities: what a coalition is worth."""

from .base import Scored, Utility
from .grouped import GroupedUtility
from .model import ModelUtility

__all__ = ["GroupedUtility", "ModelUtility", "Scored", "Utility"]
