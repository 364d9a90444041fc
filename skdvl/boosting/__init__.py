"""Boosted trees by rounds: what the removal of a row does, through the leaves that it is in.

An inner room, which may change.
"""

from .ensembles import check_supported, read
from .shared_leaves import Rows, effects_of_rows, effects_on_rows

__all__ = ["Rows", "check_supported", "effects_of_rows", "effects_on_rows", "read"]
