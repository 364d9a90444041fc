"""A picture of how values settle, and how their errors shrink."""

import numpy as np

from .style import BAND, Display, fitted_valuator, line_styles, open_axes, restyled, sparse_markers


class ConvergenceDisplay(Display):
    """Values of some rows, or the standard errors of all, against the coalitions scored.

    Make it by `from_estimator` or `from_values`.

    Parameters
    ----------
    evaluations : ndarray of int of shape (n_rounds,)
    values : ndarray of shape (n_rounds, n_samples)
    stderr : ndarray of shape (n_rounds, n_samples) or None, default=None
    names : array-like of shape (n_samples,) or None, default=None
        Names of the players where they are groups, and not rows.

    Attributes
    ----------
    rows_ : ndarray of int
        The rows, or groups, whose values are drawn.
    lines_ : list of matplotlib.lines.Line2D
        The values of these rows; or the median standard error.
    bands_ : list of matplotlib.collections.PolyCollection
        About two standard errors around each of the values; or where nine in ten standard errors
        are.
    ax_ : matplotlib.axes.Axes
    figure_ : matplotlib.figure.Figure

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from skdvl import ShapleyValuator
    >>> from skdvl.plotting import ConvergenceDisplay
    >>> from skdvl.stopping import MaxRounds
    >>> valuator = ShapleyValuator(
    ...     GaussianNB(), stopping=MaxRounds(5), store_history=True, random_state=0
    ... )
    >>> valuator = valuator.fit(*load_iris(return_X_y=True))
    >>> display = ConvergenceDisplay.from_estimator(valuator, rows=[0, 70], ax=Figure().subplots())
    >>> display
    ConvergenceDisplay(n_rounds=5, n_rows=150)
    >>> [line.get_label() for line in display.lines_]
    ['row 0', 'row 70']
    """

    def __init__(self, evaluations, values, stderr=None, *, names=None):
        self.evaluations = evaluations
        self.values = values
        self.stderr = stderr
        self.names = names

    def _shown(self):
        n_rounds, n_players = np.shape(self.values)
        return {"n_rounds": n_rounds, "n_rows" if self.names is None else "n_groups": n_players}

    @classmethod
    def from_estimator(cls, valuator, *, ax=None, **kwargs):
        """Draw the history of a valuator that was fitted with ``store_history=True``.

        If its players were groups, groups are drawn, with their names.

        Parameters
        ----------
        valuator : fitted valuator
        ax : matplotlib.axes.Axes or None, default=None
            Where to draw. None makes a figure by pyplot.
        **kwargs : dict
            Passed to `plot`.

        Returns
        -------
        display : ConvergenceDisplay
        """
        valuator = fitted_valuator(valuator, "ConvergenceDisplay")
        if not hasattr(valuator, "history_evaluations_"):
            raise ValueError(
                f"This {type(valuator).__name__} has kept no history. Valuators that score "
                "coalitions keep one if store_history=True is set before fit; for others pass "
                "arrays to ConvergenceDisplay.from_values."
            )
        told, names = (valuator.history_, valuator.history_stderr_), None
        if getattr(valuator, "groups_", None) is not None:
            names, row_groups = valuator.groups_, np.asarray(valuator._row_groups)
            _, first, sizes = np.unique(row_groups, return_index=True, return_counts=True)
            told = tuple(history[:, first] * sizes for history in told)
        evaluations = valuator.history_evaluations_
        return cls.from_values(evaluations, *told, names=names, ax=ax, **kwargs)

    @classmethod
    def from_values(cls, evaluations, values, stderr=None, *, names=None, ax=None, **kwargs):
        """Draw values that were kept by whatever means.

        Parameters
        ----------
        evaluations : array-like of shape (n_rounds,)
        values : array-like of shape (n_rounds, n_samples)
        stderr : array-like of shape (n_rounds, n_samples) or None, default=None
        names : array-like of shape (n_samples,) or None, default=None
            Names of the players where they are groups, and not rows.
        ax : matplotlib.axes.Axes or None, default=None
            Where to draw. None makes a figure by pyplot.
        **kwargs : dict
            Passed to `plot`.

        Returns
        -------
        display : ConvergenceDisplay

        Examples
        --------
        >>> from matplotlib.figure import Figure
        >>> from skdvl.plotting import ConvergenceDisplay
        >>> values = [[0.3, -0.2], [0.1, -0.1], [0.12, -0.08]]
        >>> ConvergenceDisplay.from_values([10, 20, 30], values, ax=Figure().subplots())
        ConvergenceDisplay(n_rounds=3, n_rows=2)
        """
        evaluations, values = np.asarray(evaluations), np.asarray(values, dtype=float)
        stderr = None if stderr is None else np.asarray(stderr, dtype=float)
        if values.ndim != 2 or not len(values) or evaluations.shape != values.shape[:1]:
            raise ValueError(
                f"values has shape {values.shape} and evaluations {evaluations.shape}; expected "
                "(n_rounds, n_samples) and (n_rounds,), with one round at least. Values in closed "
                "form, or by a cache of whole fits, have no rounds."
            )
        if stderr is not None and stderr.shape != values.shape:
            raise ValueError(
                f"stderr has shape {stderr.shape} and values has shape {values.shape}; expected "
                "the same."
            )
        if names is not None and np.shape(names) != values.shape[1:]:
            raise ValueError(
                f"names has shape {np.shape(names)} and there are {values.shape[1]} players; pass "
                "one for each."
            )
        return cls(evaluations, values, stderr, names=names).plot(ax=ax, **kwargs)

    def plot(self, ax=None, *, kind="values", rows=None, **kwargs):
        """Draw.

        Parameters
        ----------
        ax : matplotlib.axes.Axes or None, default=None
            Where to draw. None makes a figure by pyplot.
        kind : {"values", "stderr"}, default="values"
            Values of some rows, or standard errors of all, on logarithmic axes.
        rows : array-like of int or None, default=None
            The rows to draw, or the places of groups in `names`. None takes the three of lowest
            and the three of highest value at the end.
        **kwargs : dict
            Passed to ``ax.plot``.

        Returns
        -------
        display : ConvergenceDisplay

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        if kind not in ("values", "stderr"):
            raise ValueError(f'kind must be "values" or "stderr"; got {kind!r}.')
        if kind == "stderr" and self.stderr is None:
            raise ValueError('kind="stderr" needs standard errors, and none were passed.')
        self.rows_ = self._rows() if rows is None else self._check_rows(rows)
        self.ax_, self.figure_ = open_axes(ax, "ConvergenceDisplay")
        self.lines_, self.bands_ = [], []
        draw = self._draw_values if kind == "values" else self._draw_errors
        options = {"markevery": sparse_markers(len(self.evaluations)), "markersize": 4}
        draw(self.ax_, options, kwargs)
        self.ax_.set_xlabel("coalitions scored")
        if self.ax_.get_legend_handles_labels()[0]:
            self.ax_.legend()
        return self

    def _check_rows(self, rows):
        n = self.values.shape[1]
        try:
            return np.atleast_1d(np.arange(n)[np.asarray(rows)])
        except IndexError as error:
            raise ValueError(f"rows must be numbers of the {n} rows; got {rows!r}.") from error

    def _rows(self):
        order = np.argsort(self.values[-1], kind="stable")
        order = order[: np.count_nonzero(~np.isnan(self.values[-1]))]
        return order if len(order) <= 6 else np.concatenate([order[:3], order[-3:]])

    def _draw_values(self, ax, options, kwargs):
        for row, style in zip(self.rows_, line_styles(), strict=False):
            name = f"row {row}" if self.names is None else f"group {self.names[row]}"
            style = restyled(options | style | {"label": name}, kwargs)
            (line,) = ax.plot(self.evaluations, self.values[:, row], **style)
            self.lines_.append(line)
            if self.stderr is not None:
                reach = np.where(np.isfinite(self.stderr[:, row]), self.stderr[:, row], np.nan)
                ends = self.values[:, row] + np.outer([-1.96, 1.96], reach)
                colour = {"color": line.get_color(), "alpha": 0.15, "linewidth": 0}
                self.bands_.append(ax.fill_between(self.evaluations, *ends, **colour))
        ax.axhline(0, color="black", linewidth=0.8, linestyle=":")
        ax.set_ylabel("value, and 95 % around it" if self.bands_ else "value")

    def _draw_errors(self, ax, options, kwargs):
        ends = np.quantile(self.stderr, [0.05, 0.5, 0.95], axis=1, method="nearest")
        what = "row" if self.names is None else "group"
        lower, middle, upper = np.where(np.isfinite(ends), ends, np.nan)
        self.bands_.append(
            ax.fill_between(self.evaluations, lower, upper, label=f"nine {what}s in ten", **BAND)
        )
        style = restyled(options | next(line_styles()) | {"label": f"median {what}"}, kwargs)
        self.lines_ += ax.plot(self.evaluations, middle, **style)
        ax.set(ylabel="standard error", xscale="log")
        if (upper > 0).any():  # exact values have no errors
            ax.set_yscale("log")
