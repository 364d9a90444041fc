"""Experiments that say what values are good for, as numbers; `skdvl.plotting` draws them."""

from .comparison import compare_valuators
from .curve import ScoreCurve
from .curves import addition_curve, removal_curve
from .detection import DetectionCurve, detection_curve
from .spoiling import corrupt_features, flip_labels

__all__ = [
    "DetectionCurve",
    "ScoreCurve",
    "addition_curve",
    "compare_valuators",
    "corrupt_features",
    "detection_curve",
    "flip_labels",
    "removal_curve",
]
