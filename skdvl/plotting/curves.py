"""A picture of what is left when rows are dropped, or of what rows teach as they are added."""

from ..experiments import ScoreCurve, removal_curve
from .style import BAND, Display, line_styles, named_curves, open_axes, restyled


class RemovalCurveDisplay(Display):
    """Scores after some rows were dropped, or added, of several methods and of random orders.

    Make it by `from_estimator`, `from_values` or `from_curves`.

    Parameters
    ----------
    curves : dict of str to ScoreCurve
        All dropped, or added, from the same end.

    Attributes
    ----------
    lines_ : dict of str to matplotlib.lines.Line2D
    random_line_ : matplotlib.lines.Line2D
        The mean over the random orders of the first curve.
    random_band_ : matplotlib.collections.PolyCollection
        Where one more random order would be with probability 0.95.
    ax_ : matplotlib.axes.Axes
    figure_ : matplotlib.figure.Figure

    See Also
    --------
    skdvl.experiments.removal_curve, skdvl.experiments.addition_curve : The numbers.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import train_test_split
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from skdvl import KNNShapleyValuator
    >>> from skdvl.plotting import RemovalCurveDisplay
    >>> X, X_test, y, y_test = train_test_split(*load_iris(return_X_y=True), random_state=0)
    >>> methods, ax = {"KNN": KNNShapleyValuator()}, Figure().subplots()
    >>> display = RemovalCurveDisplay.from_estimator(
    ...     GaussianNB(), methods, X, y, X_test, y_test, random_state=0, ax=ax
    ... )
    >>> display
    RemovalCurveDisplay(kind='removal', from_='lowest', curves=['KNN'])
    >>> ax.get_xlabel()
    'rows dropped, lowest values first (%)'
    """

    def __init__(self, curves):
        self.curves = curves

    def _shown(self):
        first = next(iter(self.curves.values()))
        return {"kind": first.kind, "from_": first.from_, "curves": list(self.curves)}

    @classmethod
    def from_estimator(
        cls, estimator, values, X, y, X_test=None, y_test=None, *, ax=None, plot_kw=None, **options
    ):
        """Compute removal curves, and draw them.

        Parameters
        ----------
        estimator, values, X, y, X_test, y_test
            As in :func:`skdvl.experiments.removal_curve`.
        ax : matplotlib.axes.Axes or None, default=None
            Where to draw. None makes a figure by pyplot.
        plot_kw : dict or None, default=None
            Passed to `plot`.
        **options
            As in :func:`skdvl.experiments.removal_curve`.

        Returns
        -------
        display : RemovalCurveDisplay
        """
        curves = removal_curve(estimator, values, X, y, X_test, y_test, **options)
        return cls.from_curves(curves, ax=ax, **(plot_kw or {}))

    @classmethod
    def from_values(
        cls, values, estimator, X, y, X_test=None, y_test=None, *, ax=None, plot_kw=None, **options
    ):
        """Compute removal curves, and draw them: `from_estimator`, with the values first.

        Parameters
        ----------
        values : array-like of shape (n_samples,), valuator, or dict of str to these
            As in :func:`skdvl.experiments.removal_curve`.
        estimator, X, y, X_test, y_test
            As in :func:`skdvl.experiments.removal_curve`.
        ax : matplotlib.axes.Axes or None, default=None
            Where to draw. None makes a figure by pyplot.
        plot_kw : dict or None, default=None
            Passed to `plot`.
        **options
            As in :func:`skdvl.experiments.removal_curve`.

        Returns
        -------
        display : RemovalCurveDisplay
        """
        rows = X, y, X_test, y_test
        return cls.from_estimator(estimator, values, *rows, ax=ax, plot_kw=plot_kw, **options)

    @classmethod
    def from_curves(cls, curves, *, ax=None, **kwargs):
        """Draw curves that were computed before.

        Parameters
        ----------
        curves : ScoreCurve, or dict of str to ScoreCurve
        ax : matplotlib.axes.Axes or None, default=None
            Where to draw. None makes a figure by pyplot.
        **kwargs : dict
            Passed to `plot`.

        Returns
        -------
        display : RemovalCurveDisplay

        Examples
        --------
        >>> from matplotlib.figure import Figure
        >>> from sklearn.datasets import load_iris
        >>> from sklearn.naive_bayes import GaussianNB
        >>> from skdvl import RandomValuator
        >>> from skdvl.experiments import addition_curve
        >>> from skdvl.plotting import RemovalCurveDisplay
        >>> values = {"random": RandomValuator(random_state=0)}
        >>> curves = addition_curve(GaussianNB(), values, *load_iris(return_X_y=True), cv=3)
        >>> RemovalCurveDisplay.from_curves(curves, ax=Figure().subplots())
        RemovalCurveDisplay(kind='addition', from_='highest', curves=['random'])
        """
        curves = named_curves(curves, ScoreCurve, "removal_curve or addition_curve")
        if len({(curve.kind, curve.from_) for curve in curves.values()}) != 1:
            told = sorted({f"{curve.kind} from the {curve.from_}" for curve in curves.values()})
            raise ValueError(
                f"The curves of one picture must drop, or add, rows from one end; got {told}."
            )
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
        display : RemovalCurveDisplay

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        ax, self.figure_ = open_axes(ax, "RemovalCurveDisplay")
        self.ax_, self.lines_ = ax, {}
        first = next(iter(self.curves.values()))
        percent = 100 * first.fractions
        self.random_band_ = ax.fill_between(
            percent, *first.random_band(), label="random, 95 % of orders", **BAND
        )
        (self.random_line_,) = ax.plot(
            percent, first.random_mean, color="0.4", linestyle=":", label="random, mean"
        )
        for (name, curve), style in zip(self.curves.items(), line_styles(), strict=False):
            style = restyled({"markersize": 4, "label": name} | style, kwargs)
            (self.lines_[name],) = ax.plot(100 * curve.fractions, curve.scores, **style)
        done = "dropped" if first.kind == "removal" else "added"
        ax.set_xlabel(f"rows {done}, {first.from_} values first (%)")
        ax.set_ylabel(f"{first.scoring.replace('_', ' ')} on test rows")
        ax.legend()
        return self
