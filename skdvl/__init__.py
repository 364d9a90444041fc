"""Data valuation for scikit-learn: what each training row is worth to a model."""

from .valuators import (
    BanzhafValuator,
    BetaShapleyValuator,
    DeltaShapleyValuator,
    LeaveOneOutValuator,
    RandomValuator,
    SemivalueValuator,
    ShapleyValuator,
    TMCShapleyValuator,
)

__version__ = "0.1.0"

__all__ = [
    "BanzhafValuator",
    "BetaShapleyValuator",
    "DeltaShapleyValuator",
    "LeaveOneOutValuator",
    "RandomValuator",
    "SemivalueValuator",
    "ShapleyValuator",
    "TMCShapleyValuator",
]
