"""A picture of what each training row does to each prediction."""

from numbers import Integral

import numpy as np

from .style import Display, open_axes

_BRIGHTNESS = np.array([0.299, 0.587, 0.114])  # of red, green and blue, in black and white
_INK = {False: "black", True: "white"}  # of a sign, by whether its cell is dark


class InfluenceDisplay(Display):
    """A heat map of effects: training rows from top to bottom, predictions from left to right.

    Zero is white, whatever the range; in black and white, the strength of an effect is the darkness
    of its cell, and a minus sign stands in the cells of negative ones if there are few.

    Make it by `from_estimator` or `from_values`.

    Parameters
    ----------
    influence : ndarray of shape (n_rows, n_predictions)
        NaN cells stay empty.
    rows, columns : ndarray of int
        The rows and columns that are drawn, from top to bottom and from left to right.
    label : str, default="influence"
        What the colours mean.

    Attributes
    ----------
    image_ : matplotlib.image.AxesImage
    colorbar_ : matplotlib.colorbar.Colorbar
    signs_ : list of matplotlib.text.Text
    ax_ : matplotlib.axes.Axes
    figure_ : matplotlib.figure.Figure

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from skdvl.plotting import InfluenceDisplay
    >>> influence = [[0.0, 0.1], [-0.4, 0.2], [0.0, 0.0]]
    >>> display = InfluenceDisplay.from_values(influence, max_rows=2, ax=Figure().subplots())
    >>> display
    InfluenceDisplay(n_rows=2, n_predictions=2)
    >>> display.rows, display.image_.get_clim()
    (array([0, 1]), (-0.4, 0.4))
    """

    def __init__(self, influence, rows, columns, *, label="influence"):
        self.influence = influence
        self.rows = rows
        self.columns = columns
        self.label = label

    def _shown(self):
        return {"n_rows": len(self.rows), "n_predictions": len(self.columns)}

    @classmethod
    def from_estimator(cls, valuator, X_test, y_test, *, ax=None, **kwargs):
        """Draw the influence of a valuator's training rows on the loss of test rows.

        Parameters
        ----------
        valuator : fitted valuator
            One with a method ``influence_matrix(X_test, y_test)``.
        X_test, y_test : array-like
        ax, **kwargs
            As in `from_values`.

        Returns
        -------
        display : InfluenceDisplay

        Examples
        --------
        >>> from matplotlib.figure import Figure
        >>> from sklearn.datasets import load_diabetes
        >>> from sklearn.linear_model import Ridge
        >>> from skdvl import InfluenceValuator
        >>> from skdvl.plotting import InfluenceDisplay
        >>> X, y = load_diabetes(return_X_y=True)
        >>> valuator = InfluenceValuator(Ridge()).fit(X[:400], y[:400])
        >>> InfluenceDisplay.from_estimator(valuator, X[400:], y[400:], ax=Figure().subplots())
        InfluenceDisplay(n_rows=50, n_predictions=42)
        """
        if not hasattr(valuator, "influence_matrix"):
            raise TypeError(
                f"{type(valuator).__name__} has no influence_matrix: it says what a row is worth "
                "to all validation rows together, and not to each. Pass a matrix to from_values."
            )
        return cls.from_values(valuator.influence_matrix(X_test, y_test), ax=ax, **kwargs)

    @classmethod
    def from_values(
        cls, influence, *, max_rows=50, max_columns=50, label="influence", ax=None, **kwargs
    ):
        """Draw a matrix of effects.

        Parameters
        ----------
        influence : array-like of shape (n_rows, n_predictions)
        max_rows, max_columns : int, default=50
            More are too many to be seen: those with the largest sums of absolute effects are kept,
            in their order.
        label : str, default="influence"
        ax : matplotlib.axes.Axes or None, default=None
            Where to draw. None makes a figure by pyplot.
        **kwargs : dict
            Passed to `plot`.

        Returns
        -------
        display : InfluenceDisplay
        """
        influence = np.asarray(influence, dtype=float)
        if influence.ndim != 2 or not influence.size:
            raise ValueError(
                f"influence has shape {influence.shape}; expected (n_rows, n_predictions)."
            )
        for name, limit in (("max_rows", max_rows), ("max_columns", max_columns)):
            if not (isinstance(limit, Integral) and limit >= 1):
                raise ValueError(f"{name} must be an int, 1 or more; got {limit!r}.")
        strength = np.nan_to_num(np.abs(influence))
        rows, columns = (
            np.sort(np.argsort(-strength.sum(axis=axis), kind="stable")[:limit])
            for axis, limit in ((1, max_rows), (0, max_columns))
        )
        return cls(influence, rows, columns, label=label).plot(ax=ax, **kwargs)

    def plot(self, ax=None, **kwargs):
        """Draw.

        Parameters
        ----------
        ax : matplotlib.axes.Axes or None, default=None
            Where to draw. None makes a figure by pyplot.
        **kwargs : dict
            Passed to ``ax.imshow``.

        Returns
        -------
        display : InfluenceDisplay

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        ax, self.figure_ = open_axes(ax, "InfluenceDisplay")
        self.ax_, shown = ax, self.influence[np.ix_(self.rows, self.columns)]
        largest = float(np.nanmax(np.abs(shown), initial=0.0)) or 1.0
        options = {"cmap": "RdBu", "aspect": "auto", "interpolation": "nearest"}
        if "norm" not in kwargs:  # which has a range of its own
            options |= {"vmin": -largest, "vmax": largest}
        self.image_ = ax.imshow(shown, **(options | kwargs))
        self.colorbar_ = self.figure_.colorbar(self.image_, ax=ax, label=self.label)
        self.signs_ = []
        if shown.size <= 2500:
            style = {"ha": "center", "va": "center", "fontsize": 6 if max(shown.shape) > 20 else 10}
            dark = self.image_.to_rgba(shown)[..., :3] @ _BRIGHTNESS < 0.5
            self.signs_ = [
                ax.text(column, row, "\N{MINUS SIGN}", color=_INK[dark[row, column]], **style)
                for row, column in np.argwhere(shown < -largest / 4)
            ]
        for axis, numbers in ((ax.yaxis, self.rows), (ax.xaxis, self.columns)):
            step = max(1, -(-len(numbers) // 10))
            axis.set_ticks(np.arange(0, len(numbers), step), numbers[::step])
        ax.set(xlabel="prediction", ylabel="training row")
        return self
