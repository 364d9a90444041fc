"""A picture of how soon wrong rows are found."""

import numpy as np

from ..experiments import DetectionCurve, detection_curve
from ..valuators.base import valued
from .style import BAND, Display, line_styles, named_curves, open_axes, restyled, sparse_markers


class DetectionCurveDisplay(Display):
    """The share of wrong rows found against the share of rows inspected, lowest values first.

    Make it by `from_estimator`, `from_values` or `from_curves`.

    Parameters
    ----------
    curves : dict of str to DetectionCurve
        For the same wrong rows.

    Attributes
    ----------
    lines_ : dict of str to matplotlib.lines.Line2D
    best_line_ : matplotlib.lines.Line2D
        All wrong rows first.
    random_line_ : matplotlib.lines.Line2D
    random_band_ : matplotlib.collections.PolyCollection
        What is found in a random order with probability 0.95.
    ax_ : matplotlib.axes.Axes
    figure_ : matplotlib.figure.Figure

    See Also
    --------
    skdvl.experiments.detection_curve : The numbers.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from sklearn.datasets import load_iris
    >>> from skdvl import KNNShapleyValuator
    >>> from skdvl.experiments import flip_labels
    >>> from skdvl.plotting import DetectionCurveDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> y, is_flipped = flip_labels(y, 0.1, random_state=0)
    >>> valuator = KNNShapleyValuator().fit(X, y)
    >>> display = DetectionCurveDisplay.from_estimator(
    ...     valuator, is_flipped, ax=Figure().subplots()
    ... )
    >>> display
    DetectionCurveDisplay(curves=['KNNShapleyValuator'])
    >>> display.lines_["KNNShapleyValuator"].get_label()
    'KNNShapleyValuator (area 0.95)'
    """

    def __init__(self, curves):
        self.curves = curves

    def _shown(self):
        return {"curves": list(self.curves)}

    @classmethod
    def from_estimator(cls, valuator, is_flipped, *, groups=None, ax=None, **kwargs):
        """Draw how soon the values of a fitted valuator find wrong rows.

        Parameters
        ----------
        valuator : fitted valuator
        is_flipped, groups
            As in :func:`skdvl.experiments.detection_curve`.
        ax : matplotlib.axes.Axes or None, default=None
            Where to draw. None makes a figure by pyplot.
        **kwargs : dict
            Passed to `plot`.

        Returns
        -------
        display : DetectionCurveDisplay
        """
        values = {type(valued(valuator)).__name__: valuator}
        return cls.from_values(values, is_flipped, groups=groups, ax=ax, **kwargs)

    @classmethod
    def from_values(cls, values, is_flipped, *, groups=None, ax=None, **kwargs):
        """Draw how soon values find wrong rows.

        Parameters
        ----------
        values : array-like, fitted valuator, or dict of str to these
        is_flipped, groups
            As in :func:`skdvl.experiments.detection_curve`.
        ax : matplotlib.axes.Axes or None, default=None
            Where to draw. None makes a figure by pyplot.
        **kwargs : dict
            Passed to `plot`.

        Returns
        -------
        display : DetectionCurveDisplay

        Examples
        --------
        >>> from matplotlib.figure import Figure
        >>> from skdvl.plotting import DetectionCurveDisplay
        >>> values = {"ours": [0.1, -0.3, 0.2, 0.0], "theirs": [0.0, 0.1, -0.1, 0.3]}
        >>> is_flipped = [False, True, False, True]
        >>> DetectionCurveDisplay.from_values(values, is_flipped, ax=Figure().subplots())
        DetectionCurveDisplay(curves=['ours', 'theirs'])
        """
        values = values if isinstance(values, dict) else {"values": values}
        if not values:
            raise ValueError("values is an empty dict; pass the values of one method at least.")
        curves = {
            name: detection_curve(one, is_flipped, groups=groups) for name, one in values.items()
        }
        return cls.from_curves(curves, ax=ax, **kwargs)

    @classmethod
    def from_curves(cls, curves, *, ax=None, **kwargs):
        """Draw curves that were computed before.

        Parameters
        ----------
        curves : DetectionCurve, or dict of str to DetectionCurve
        ax : matplotlib.axes.Axes or None, default=None
            Where to draw. None makes a figure by pyplot.
        **kwargs : dict
            Passed to `plot`.

        Returns
        -------
        display : DetectionCurveDisplay
        """
        curves = named_curves(curves, DetectionCurve, "detection_curve")
        if len({(curve.n_flipped, curve.best_area) for curve in curves.values()}) != 1:
            raise ValueError("The curves of one picture must be for the same wrong rows.")
        return cls(curves).plot(ax=ax, **kwargs)

    def plot(self, ax=None, **kwargs):
        """Draw.

        Parameters
        ----------
        ax : matplotlib.axes.Axes or None, default=None
            Where to draw. None makes a figure by pyplot.
        **kwargs : dict
            Passed to ``ax.plot`` for the lines of the methods.

        Returns
        -------
        display : DetectionCurveDisplay

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        ax, self.figure_ = open_axes(ax, "DetectionCurveDisplay")
        self.ax_, self.lines_ = ax, {}
        first = next(iter(self.curves.values()))
        inspected, rate = 100 * first.inspected, 2 * (1 - first.best_area)
        lower, upper = first.random_band()
        self.random_band_ = ax.fill_between(
            inspected, 100 * lower, 100 * upper, label="random, 95 % of orders", **BAND
        )
        (self.random_line_,) = ax.plot([0, 100], [0, 100], color="0.4", linestyle=":")
        (self.best_line_,) = ax.plot(
            [0, 100 * rate, 100], [0, 100, 100], color="black", linewidth=0.8, label="best possible"
        )
        for (name, curve), style in zip(self.curves.items(), line_styles(), strict=False):
            every = sparse_markers(len(curve.inspected))
            style = {"markersize": 4, "markevery": every} | style
            style |= {"label": f"{name} (area {curve.area:.2f})"}
            x, y = 100 * np.stack([curve.inspected, curve.found])
            (self.lines_[name],) = ax.plot(x, y, **restyled(style, kwargs))
        ax.set_xlabel("rows inspected, lowest values first (%)")
        ax.set_ylabel("wrong rows found (%)")
        ax.legend()
        return self
