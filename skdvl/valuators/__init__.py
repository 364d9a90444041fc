"""Valuators: the estimators that users see. Each is a choice of parts, not an implementation."""

from .ame import AMEValuator
from .base import BaseValuator
from .boost_in import BoostInValuator
from .classwise import ClasswiseShapleyValuator
from .confident_learning import ConfidentLearningValuator
from .data_oob import DataOOBValuator
from .group_testing import GroupTestingShapleyValuator
from .influence import InfluenceValuator
from .knn_shapley import KNNShapleyValuator
from .least_core import LeastCoreValuator
from .random import RandomValuator
from .semivalue import (
    BanzhafValuator,
    BetaShapleyValuator,
    DeltaShapleyValuator,
    LeaveOneOutValuator,
    SemivalueValuator,
    ShapleyValuator,
    TMCShapleyValuator,
)
from .two_d_oob import TwoDOOBValuator

__all__ = [
    "AMEValuator",
    "BanzhafValuator",
    "BaseValuator",
    "BetaShapleyValuator",
    "BoostInValuator",
    "ClasswiseShapleyValuator",
    "ConfidentLearningValuator",
    "DataOOBValuator",
    "DeltaShapleyValuator",
    "GroupTestingShapleyValuator",
    "InfluenceValuator",
    "KNNShapleyValuator",
    "LeastCoreValuator",
    "LeaveOneOutValuator",
    "RandomValuator",
    "SemivalueValuator",
    "ShapleyValuator",
    "TMCShapleyValuator",
    "TwoDOOBValuator",
]
