"""When to stop. A rule says how far along a run is, from 0 to 1; at 1 it stops.

Rules are asked between rounds, so a run ends with the first whole round at or beyond its
limit. ``a | b`` stops when either would, ``a & b`` when both would.
"""

from .base import AllOf, AnyOf, NoStopping, StoppingRule
from .budgets import MaxEvaluations, MaxRounds, MaxTime, MaxUpdates, MinUpdates
from .precision import StandardError, TargetReliability
from .selection import CertifiedSelection, Selection, select
from .stability import RankStability, ValueStability

__all__ = [
    "AllOf",
    "AnyOf",
    "CertifiedSelection",
    "MaxEvaluations",
    "MaxRounds",
    "MaxTime",
    "MaxUpdates",
    "MinUpdates",
    "NoStopping",
    "RankStability",
    "Selection",
    "StandardError",
    "StoppingRule",
    "TargetReliability",
    "ValueStability",
    "select",
]
