"""What a model learns from the rows that are left, or that are there so far, by their values."""

from .drawing import Question, draw_curves

_SHARED = """
    estimator : estimator
        The model that is trained on what is left; it need not be that of the valuator.
    values : array-like of shape (n_samples,), valuator, or dict of str to these
        One value for each row of X. A valuator that is not fitted is, in a copy, on X and y. Of a
        dict, all share one random baseline. Ties are broken by chance. Rows without a value (NaN)
        are the last to go, and to come, from whichever end.
    X, y : array-like of n_samples rows
        Training rows.
    X_test, y_test : array-like or None, default=None
        Test rows, which must have played no part in the values: validation rows are a set of
        their own. Without them `cv` splits X.
    fractions : array-like of float in [0, 1] or None, default=None
        Shares of the training rows, rounded down to whole rows or groups. None means {default}.
    from_ : {{"lowest", "highest"}}, default="{from_}"
        Which rows {go} first.
    groups : array-like of shape (n_samples,) or None, default=None
        Rows that go, or come, together, such as those of a data vendor, by their mean value.
        Fractions are still shares of rows; random orders, whose groups have other sizes, are
        interpolated to those of the values.
    scoring : str, callable or None, default=None
        A name of scikit-learn's, or ``scorer(estimator, X, y) -> float``. None means "accuracy"
        for classifiers and "r2" for regressors.
    cv : int, splitter, iterable or None, default=None
        Instead of X_test and y_test: each fold has a valuator valued anew on its training rows,
        and is scored on its held-out rows; curves are means over the folds. Arrays of values are
        refused, since they may have been made with a look at held-out rows.
    n_random : int, default=10
        How many random orders the curve is compared with, 2 at least.
    n_jobs : int or None, default=None
        Models are trained in parallel. The result does not depend on it.
    random_state : int, RandomState instance or None, default=None
        Seeds the random orders, ties, parts of the test rows, and whatever of the estimator has
        no integer as its random state.

    Returns
    -------
    curve : ScoreCurve, or dict of str to ScoreCurve

    Raises
    ------
    ValueError
        If the inputs do not fit each other, before any model is trained.
    TypeError
        If `estimator` is no model, but a class, a valuator, or values.
    Exception
        Whatever the estimator raises when it is fitted on all rows.
"""

_NOTES = """
    Notes
    -----
    No rows at all score as a model that knows the shares of the classes, or the mean, and rows of
    one class as the classifier that always predicts it. Sets that cannot be fitted otherwise count
    as no rows at all, and a warning says so.
"""


def _shared(**words):
    """Write the parameters that both curves have into a docstring."""

    def document(function):
        for place, text in (("{shared}", _SHARED.format(**words)), ("{notes}", _NOTES)):
            function.__doc__ = function.__doc__.replace(place, text.strip())
        return function

    return document


@_shared(default="0 to 0.5, in steps of 0.05", from_="lowest", go="go")
def removal_curve(
    estimator,
    values,
    X,
    y,
    X_test=None,
    y_test=None,
    *,
    fractions=None,
    from_="lowest",
    groups=None,
    scoring=None,
    cv=None,
    n_random=10,
    n_jobs=None,
    random_state=None,
):
    """Drop more and more rows in the order of their values, and score what the rest teaches.

    Parameters
    ----------
    {shared}

    See Also
    --------
    skdvl.plotting.RemovalCurveDisplay : The same as a picture.

    {notes}

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.model_selection import train_test_split
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from skdvl import DataOOBValuator
    >>> from skdvl.experiments import flip_labels, removal_curve
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> X, X_test, y, y_test = train_test_split(X, y, random_state=0)
    >>> y, is_flipped = flip_labels(y, 0.3, random_state=0)
    >>> values = DataOOBValuator(random_state=0).fit(X, y).values_
    >>> curve = removal_curve(
    ...     GaussianNB(), values, X, y, X_test, y_test, fractions=[0, 0.1, 0.2, 0.3], random_state=0
    ... )
    >>> curve.n_rows
    array([  0,  42,  85, 127])
    >>> bool(curve.scores[-1] > curve.scores[0])
    True
    """
    question = Question("removal", fractions, from_, n_random, n_jobs)
    test_rows = X_test, y_test, cv
    return draw_curves(question, estimator, values, X, y, *test_rows, groups, scoring, random_state)


@_shared(default="0 to 0.5, in steps of 0.05", from_="highest", go="come")
def addition_curve(
    estimator,
    values,
    X,
    y,
    X_test=None,
    y_test=None,
    *,
    fractions=None,
    from_="highest",
    groups=None,
    scoring=None,
    cv=None,
    n_random=10,
    n_jobs=None,
    random_state=None,
):
    """Begin with no rows, add more and more in the order of their values, and score each set.

    Parameters
    ----------
    {shared}

    See Also
    --------
    skdvl.plotting.RemovalCurveDisplay : Draws these too.

    {notes}

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import train_test_split
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from skdvl import KNNShapleyValuator
    >>> from skdvl.experiments import addition_curve
    >>> X, X_test, y, y_test = train_test_split(*load_iris(return_X_y=True), random_state=0)
    >>> curve = addition_curve(
    ...     GaussianNB(), KNNShapleyValuator(), X, y, X_test, y_test, random_state=0
    ... )
    >>> curve.fractions.round(2)[:4], curve.n_rows[:4]
    (array([0.  , 0.04, 0.1 , 0.14]), array([ 0,  5, 11, 16]))
    """
    question = Question("addition", fractions, from_, n_random, n_jobs)
    test_rows = X_test, y_test, cv
    return draw_curves(question, estimator, values, X, y, *test_rows, groups, scoring, random_state)
