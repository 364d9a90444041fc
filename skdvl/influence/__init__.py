"""Linear models as penalised losses: what the removal of a row does, from a single fit.

An inner room: all but what the API reference lists may change.
"""

from .effects import Effects
from .inverse import Inverse
from .joint import joint_effects, joint_step
from .linear_fit import LinearFit
from .matrix import InfluenceMatrix
from .optimum import warn_of_other_rows, warn_of_rough_fit
from .reading import (
    as_design,
    as_target,
    check_exact,
    check_supported,
    ends_frozen,
    last_model,
    last_step,
    read,
)
from .scorings import check_scoring, check_targets
from .solvers import invert
from .target import Target

__all__ = [
    "Effects",
    "InfluenceMatrix",
    "Inverse",
    "LinearFit",
    "Target",
    "as_design",
    "as_target",
    "check_exact",
    "check_scoring",
    "check_supported",
    "check_targets",
    "ends_frozen",
    "invert",
    "joint_effects",
    "joint_step",
    "last_model",
    "last_step",
    "read",
    "warn_of_other_rows",
    "warn_of_rough_fit",
]
