"""Measures: what decisions are worth, for many coalitions at once.

A measure is made from the validation labels and takes decisions of shape (n_outputs, B, m), and
how far they may be from those of refits, of shape (B, m), where a kernel says so. It returns the
measure of each coalition, and whether it is certain that a refit's is the same.

An inner room, which may change.
"""

from .labels import F1, Accuracy, BalancedAccuracy, ClassAccuracy, class_score
from .numbers import R2, AbsoluteError, RootSquaredError, SquaredError
from .probabilities import BrierLoss, LogLoss
from .ranks import RocAuc

__all__ = [
    "F1",
    "R2",
    "AbsoluteError",
    "Accuracy",
    "BalancedAccuracy",
    "BrierLoss",
    "ClassAccuracy",
    "LogLoss",
    "RocAuc",
    "RootSquaredError",
    "SquaredError",
    "class_score",
]
