"""Data valuation for scikit-learn: what each training row is worth to a model."""

from ._version import __version__
from .pipeline import Pipeline, make_pipeline
from .pruning import DataPruner, PrunedEstimator
from .ray_backend import register_ray
from .valuators import (
    AMEValuator,
    BanzhafValuator,
    BetaShapleyValuator,
    BoostInValuator,
    ClasswiseShapleyValuator,
    ConfidentLearningValuator,
    DataOOBValuator,
    DeltaShapleyValuator,
    GroupTestingShapleyValuator,
    InfluenceValuator,
    KNNShapleyValuator,
    LeastCoreValuator,
    LeaveOneOutValuator,
    RandomValuator,
    SemivalueValuator,
    ShapleyValuator,
    TMCShapleyValuator,
    TwoDOOBValuator,
)

__all__ = [
    "__version__",
    "AMEValuator",
    "BanzhafValuator",
    "BetaShapleyValuator",
    "BoostInValuator",
    "ClasswiseShapleyValuator",
    "ConfidentLearningValuator",
    "DataOOBValuator",
    "DataPruner",
    "DeltaShapleyValuator",
    "GroupTestingShapleyValuator",
    "InfluenceValuator",
    "KNNShapleyValuator",
    "LeastCoreValuator",
    "LeaveOneOutValuator",
    "Pipeline",
    "PrunedEstimator",
    "RandomValuator",
    "SemivalueValuator",
    "ShapleyValuator",
    "TMCShapleyValuator",
    "TwoDOOBValuator",
    "make_pipeline",
    "register_ray",
]
