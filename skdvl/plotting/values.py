"""A picture of values: all of them in order, with intervals."""

import numpy as np
from scipy import stats

from ..valuators.inputs import check_level
from .style import Display, as_vector, fitted_valuator, open_axes, point_styles, restyled

_NAMED = 30  # players whose names fit below an axis


class ValuesDisplay(Display):
    """Values in ascending order, with intervals, and a marker for each class.

    Make it by `from_estimator` or `from_values`.

    Parameters
    ----------
    values : ndarray of shape (n,)
        Players without a value (NaN) are not drawn.
    intervals : ndarray of shape (n, 2) or None, default=None
        Lower and upper ends; infinite ones are not drawn, and none if all values are exact.
    labels : array-like of shape (n,) or None, default=None
        Classes, or whatever else tells players apart.
    names : array-like of shape (n,) or None, default=None
        Names of the players, such as groups, below the axis: of 30 at most.
    level : float, default=0.95
        What the legend says of the intervals.

    Attributes
    ----------
    order_ : ndarray of int
        The players as drawn, from left to right.
    points_ : dict of label to matplotlib.lines.Line2D
        Under None if there are no labels.
    intervals_ : matplotlib.collections.LineCollection or None
    zero_ : matplotlib.lines.Line2D
    ax_ : matplotlib.axes.Axes
    figure_ : matplotlib.figure.Figure

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from sklearn.datasets import load_iris
    >>> from skdvl import DataOOBValuator
    >>> from skdvl.plotting import ValuesDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> valuator = DataOOBValuator(random_state=0).fit(X, y)
    >>> display = ValuesDisplay.from_estimator(valuator, labels=y, ax=Figure().subplots())
    >>> display
    ValuesDisplay(n_rows=150)
    >>> display.ax_.get_ylabel(), len(display.points_)
    ('value', 3)
    """

    def __init__(self, values, intervals=None, *, labels=None, names=None, level=0.95):
        self.values = values
        self.intervals = intervals
        self.labels = labels
        self.names = names
        self.level = level

    def _shown(self):
        what = "n_rows" if self.names is None else "n_groups"
        return {what: len(self.values)}

    @classmethod
    def from_estimator(cls, valuator, *, labels=None, level=0.95, ax=None, **kwargs):
        """Draw the values of a fitted valuator.

        If its players were groups, groups are drawn, with their names.

        Parameters
        ----------
        valuator : fitted valuator
        labels : array-like of shape (n_samples,) or (n_groups,), or None, default=None
            Classes of the rows. Where groups are drawn, a label for each of them, in the order of
            `groups_`; or for each row, if the rows of a group share it.
        level : float in (0, 1), default=0.95
            Of the intervals; there are none where walks were truncated.
        ax : matplotlib.axes.Axes or None, default=None
            Where to draw. None makes a figure by pyplot.
        **kwargs : dict
            Passed to `plot`.

        Returns
        -------
        display : ValuesDisplay

        Raises
        ------
        NotFittedError
            Before the valuator's `fit`.
        ValueError
            If there is not one label for each row, or group.
        """
        valuator = fitted_valuator(valuator, "ValuesDisplay")
        check_level(level)
        values, intervals = np.asarray(valuator.values_), _intervals(valuator, level)
        names = getattr(valuator, "groups_", None)
        if names is not None:
            row_groups = np.asarray(valuator._row_groups)
            _, first, size = np.unique(row_groups, return_index=True, return_counts=True)
            values = np.asarray(valuator.group_values_)
            intervals = None if intervals is None else intervals[first] * size[:, None]
            labels = _labels_of_groups(labels, row_groups, names)
        display = cls(values, intervals, labels=labels, names=names, level=level)
        return display.plot(ax=ax, **kwargs)

    @classmethod
    def from_values(
        cls, values, stderr=None, *, labels=None, names=None, level=0.95, ax=None, **kwargs
    ):
        """Draw values from anywhere.

        Parameters
        ----------
        values : array-like of shape (n,)
        stderr : array-like of shape (n,) or None, default=None
            Standard errors, for intervals by the normal distribution.
        labels, names, level, ax, **kwargs
            As in `ValuesDisplay` and `from_estimator`.

        Returns
        -------
        display : ValuesDisplay

        Examples
        --------
        >>> from matplotlib.figure import Figure
        >>> from skdvl.plotting import ValuesDisplay
        >>> names, ax = ["north", "south"], Figure().subplots()
        >>> ValuesDisplay.from_values([0.1, -0.2], [0.05, 0.05], names=names, ax=ax)
        ValuesDisplay(n_groups=2)
        """
        values, intervals = as_vector(values, "values"), None
        check_level(level)
        if stderr is not None:
            stderr = as_vector(stderr, "stderr", len(values))
            if (stderr < 0).any():
                raise ValueError(f"stderr holds negative numbers, such as {np.nanmin(stderr)}.")
            reach = stderr * stats.norm.ppf((1 + level) / 2)
            intervals = values[:, None] + np.outer(reach, [-1.0, 1.0])
        display = cls(values, intervals, labels=labels, names=names, level=level)
        return display.plot(ax=ax, **kwargs)

    def plot(self, ax=None, **kwargs):
        """Draw.

        Parameters
        ----------
        ax : matplotlib.axes.Axes or None, default=None
            Where to draw. None makes a figure by pyplot.
        **kwargs : dict
            Passed to ``ax.plot`` for the points.

        Returns
        -------
        display : ValuesDisplay

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        values = as_vector(self.values, "values")
        labels = None if self.labels is None else _sortable(np.asarray(self.labels))
        for name, given in (("labels", labels), ("names", self.names)):
            if given is not None and np.shape(given) != values.shape:
                raise ValueError(
                    f"{name} has shape {np.shape(given)} and there are {len(values)} values; pass "
                    "one for each."
                )
        ax, self.figure_ = open_axes(ax, "ValuesDisplay")
        self.ax_ = ax
        order = np.argsort(values, kind="stable")
        self.order_ = order = order[: np.count_nonzero(~np.isnan(values))]
        self.zero_ = ax.axhline(0, color="black", linewidth=0.8, linestyle=":")
        self._draw_intervals(ax, order)
        self._draw_points(ax, values[order], None if labels is None else labels[order], kwargs)
        what = "row" if self.names is None else "group"
        ax.set(xlabel=f"{what}s, lowest value first", ylabel="value")
        if self.names is not None and len(order) <= _NAMED:
            ax.set_xticks(np.arange(len(order)), np.asarray(self.names)[order], rotation=45)
        if ax.get_legend_handles_labels()[0]:
            ax.legend()
        return self

    def _draw_intervals(self, ax, order):
        self.intervals_ = None
        if self.intervals is None:
            return
        ends = np.asarray(self.intervals)[order]
        known = np.isfinite(ends).all(axis=1)
        if not np.ptp(ends[known], axis=1).any():  # exact values, or no error known
            return
        self.intervals_ = ax.vlines(
            np.flatnonzero(known), *ends[known].T, color="0.6", linewidth=0.8, zorder=1
        )
        self.intervals_.set_label(f"{100 * self.level:g} % intervals")

    def _draw_points(self, ax, values, labels, kwargs):
        options = {"markersize": 4 if len(values) < 1000 else 2.5, "zorder": 2}
        self.points_ = {}
        places = np.arange(len(values))
        kinds = [None] if labels is None else np.unique(labels).tolist()
        for kind, style in zip(kinds, point_styles(), strict=False):
            mine = slice(None) if labels is None else labels == kind
            told = {} if labels is None else {"label": str(kind)}
            style = restyled(options | style | told, kwargs)
            (self.points_[kind],) = ax.plot(places[mine], values[mine], **style)


def _labels_of_groups(labels, row_groups, names):
    """Return a label for each group, where there is one for each row that a group's rows share."""
    labels = None if labels is None else _sortable(np.asarray(labels))
    if labels is None or labels.shape == np.shape(names):
        return labels
    if labels.shape != row_groups.shape:
        raise ValueError(
            f"labels has shape {labels.shape}, and the players of this valuator are {len(names)} "
            f"groups of {len(row_groups)} rows; pass one label for each group, in the order of "
            "groups_, or one for each row."
        )
    _, first, players = np.unique(row_groups, return_index=True, return_inverse=True)
    mixed = np.flatnonzero(labels != labels[first][players])
    if len(mixed):
        raise ValueError(
            f"labels are those of rows, and groups are drawn: group {row_groups[mixed[0]]!s} has "
            f"rows of several labels. Pass one label for each of the {len(names)} groups, in the "
            "order of groups_."
        )
    return labels[first]


def _sortable(labels):
    """Return labels, as words where some are missing or of several types."""
    if labels.dtype.kind == "O" or (labels.dtype.kind == "f" and np.isnan(labels).any()):
        return np.array([str(label) for label in labels.ravel()]).reshape(labels.shape)
    return labels


def _intervals(valuator, level):
    """Return intervals around the values of a fitted valuator, or None if it has none."""
    if hasattr(valuator, "confidence_interval"):
        try:
            return valuator.confidence_interval(level)
        except ValueError:  # walks were truncated: nobody knows
            return None
    if not hasattr(valuator, "stderr_"):
        return None
    freedom = np.maximum(getattr(valuator, "counts_", np.full(1, np.inf)) - 1, 1)
    reach = np.asarray(valuator.stderr_) * stats.t.ppf((1 + level) / 2, freedom)
    return np.asarray(valuator.values_)[:, None] + np.outer(reach, [-1.0, 1.0])
