"""Warnings that name the user's own line."""

import sys
import warnings


def warn_caller(message, category=UserWarning):
    """Warn, and name the line outside of skdvl, scikit-learn and joblib that called.

    Parameters
    ----------
    message : str
    category : class, default=UserWarning
    """
    frame, level = sys._getframe(1), 2
    while frame.f_back and _is_inside(frame.f_globals.get("__name__", "")):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)


def _is_inside(module):
    return module.split(".")[0] in ("skdvl", "sklearn", "joblib")
