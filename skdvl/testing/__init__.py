"""Contract checks for parts of your own: samplers, semivalues, utilities, kernels, caches.

Each check plays small games whose values are known by enumeration, or compares with refits, and
raises AssertionError with the reason. skdvl's own parts pass through the same checks.
"""

from .caches import check_cache
from .games import SmallGame, enumerate_values, play
from .kernels import check_kernel
from .parts import check_sampler, check_semivalue, check_stopping_rule, check_utility

__all__ = [
    "SmallGame",
    "check_cache",
    "check_kernel",
    "check_sampler",
    "check_semivalue",
    "check_stopping_rule",
    "check_utility",
    "enumerate_values",
    "play",
]
