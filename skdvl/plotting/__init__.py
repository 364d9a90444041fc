"""Pictures of values and of experiments, as scikit-learn's displays; they need matplotlib."""

from .convergence import ConvergenceDisplay
from .curves import RemovalCurveDisplay
from .detection import DetectionCurveDisplay
from .influence import InfluenceDisplay
from .values import ValuesDisplay

__all__ = [
    "ConvergenceDisplay",
    "DetectionCurveDisplay",
    "InfluenceDisplay",
    "RemovalCurveDisplay",
    "ValuesDisplay",
]
