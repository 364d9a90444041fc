"""What all pictures share: axes to draw on, and lines that differ in more than their colour."""

from itertools import count

import numpy as np
from sklearn.utils.validation import check_is_fitted

from ..valuators.base import valued

_LINES = ("-", "--", "-.", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 1)))
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
BAND = {"facecolor": "0.85", "edgecolor": "none", "zorder": 0}


class Display:
    """What all displays share: a `repr` that says what is shown.

    Each has `_shown`, a dict of words and what they say.
    """

    def __repr__(self):
        told = ", ".join(f"{word}={value!r}" for word, value in self._shown().items())
        return f"{type(self).__name__}({told})"


def open_axes(ax, name):
    """Return axes and their figure: those given, or new ones of pyplot's.

    Nothing is imported before it is needed, and pyplot only where there are no axes.

    Parameters
    ----------
    ax : matplotlib.axes.Axes or None
    name : str
        Who asks.

    Returns
    -------
    ax : matplotlib.axes.Axes
    figure : matplotlib.figure.Figure

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    """
    try:
        import matplotlib.axes
    except ImportError as error:
        raise ImportError(f'{name} needs matplotlib: pip install "skdvl[plot]".') from error
    if ax is None:
        import matplotlib.pyplot as plt

        _, ax = plt.subplots(layout="constrained")
    elif not isinstance(ax, matplotlib.axes.Axes):
        raise TypeError(f"ax must be axes of matplotlib, or None for new ones; got {ax!r}.")
    return ax, ax.figure


def fitted_valuator(valuator, name):
    """Return the estimator that has the values, or say why it cannot be drawn by `name`."""
    inside = valued(valuator)
    if not (hasattr(inside, "fit") and hasattr(inside, "get_params")):
        raise TypeError(
            f"{name}.from_estimator takes a fitted valuator; got a {type(valuator).__name__}. Pass "
            f"arrays to {name}.from_values."
        )
    check_is_fitted(inside, "values_")
    return inside


def named_curves(curves, kind, makers):
    """Return curves by name, if they are such curves and there are some.

    Parameters
    ----------
    curves : kind, or dict of str to kind
    kind : type
    makers : str
        What returns such curves.

    Returns
    -------
    curves : dict of str to kind
    """
    curves = {"values": curves} if isinstance(curves, kind) else curves
    if not isinstance(curves, dict):
        raise TypeError(
            f"curves must be a {kind.__name__} of {makers}, or a dict of names to these; got a "
            f"{type(curves).__name__}."
        )
    if not curves:
        raise ValueError("curves is an empty dict; pass one curve at least.")
    for name, curve in curves.items():
        if not isinstance(curve, kind):
            raise TypeError(
                f"curves[{name!r}] must be a {kind.__name__} of {makers}; got a "
                f"{type(curve).__name__}."
            )
    return curves


def restyled(style, given):
    """Return keywords of a line, those that a user gave in place of others, also as "ls" or "c"."""
    from matplotlib.cbook import normalize_kwargs
    from matplotlib.lines import Line2D

    return style | normalize_kwargs(given, Line2D)


def line_styles():
    """Yield keywords of lines that can be told apart in black and white, without end."""
    for number in count():
        line, marker = _LINES[number % len(_LINES)], _MARKERS[number % len(_MARKERS)]
        style = {"linestyle": line, "marker": marker, "color": f"C{number % 10}"}
        is_filled = number // len(_LINES) % 2 == 0
        yield style | ({} if is_filled else {"markerfacecolor": "white"})


def point_styles():
    """Yield keywords of points that can be told apart in black and white, without end."""
    for number in count():
        colour, is_filled = f"C{number % 10}", (number + number // len(_MARKERS)) % 2 == 0
        style = {"marker": _MARKERS[number % len(_MARKERS)], "color": colour, "linestyle": "none"}
        yield style | {"markerfacecolor": colour if is_filled else "none"}


def sparse_markers(n_points):
    """Return every how many points a marker stands, so that there are about ten."""
    return max(1, -(-n_points // 10))


def as_vector(given, name, n=None):
    """Return numbers as an array of one dimension, and of some length."""
    array = np.asarray(given, dtype=float)
    if array.ndim != 1 or not len(array) or (n is not None and len(array) != n):
        wanted = "(n,)" if n is None else f"({n},)"
        raise ValueError(f"{name} has shape {array.shape}; expected {wanted}.")
    return array
