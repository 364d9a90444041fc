"""Samplers: which coalitions are scored.

`IndexSampler` says what a sampler is; each file beside it holds one family.
"""

from .ame import AMESampler
from .base import IndexSampler, Round, Sample
from .coalition import (
    CoalitionSampler,
    GroupTestingSampler,
    LeverageSampler,
    PairedSampler,
    SizeOptimalSampler,
)
from .exhaustive import ExhaustivePermutationSampler, ExhaustiveSampler
from .marginal import AntitheticSampler, LeaveOneOutSampler, UniformSampler
from .owen import OwenSampler
from .permutation import PermutationSampler
from .stratified import DeltaShapleySampler, StratifiedSampler, VRDSSampler

__all__ = [
    "AMESampler",
    "AntitheticSampler",
    "CoalitionSampler",
    "DeltaShapleySampler",
    "ExhaustivePermutationSampler",
    "ExhaustiveSampler",
    "GroupTestingSampler",
    "IndexSampler",
    "LeaveOneOutSampler",
    "LeverageSampler",
    "OwenSampler",
    "PairedSampler",
    "PermutationSampler",
    "Round",
    "Sample",
    "SizeOptimalSampler",
    "StratifiedSampler",
    "UniformSampler",
    "VRDSSampler",
]
