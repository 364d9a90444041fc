"""Rows that are made wrong on purpose, so that it is known which ones are."""

from numbers import Real

import numpy as np
from scipy.sparse import issparse
from sklearn.utils import check_random_state, indexable
from sklearn.utils.validation import _num_samples

from ..valuators.inputs import check_target, task_of_target


def flip_labels(y, fraction=0.1, *, random_state=None):
    """Give some rows a wrong label: that of another class, each as likely.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        Labels of two classes or more.
    fraction : float in [0, 1], default=0.1
        The share of the rows, rounded to a whole number of them.
    random_state : int, RandomState instance or None, default=None
        Seeds which rows, and which labels.

    Returns
    -------
    y_flipped : ndarray or pandas.Series of shape (n_samples,)
        A copy.
    is_flipped : ndarray of bool of shape (n_samples,)
        The rows whose label is wrong now.

    Raises
    ------
    ValueError
        If y has one class only, several columns, or targets of a regression, or if the fraction
        is not from 0 to 1.

    Examples
    --------
    >>> from skdvl.experiments import flip_labels
    >>> y_flipped, is_flipped = flip_labels(["cat", "dog"] * 5, 0.2, random_state=0)
    >>> y_flipped[is_flipped], is_flipped.nonzero()[0]
    (array(['dog', 'dog'], dtype='<U3'), array([2, 8]))
    """
    labels = check_target(y)
    if labels.ndim > 1:
        raise ValueError(f"y has shape {labels.shape}; flip one column of labels at a time.")
    if len(labels) and task_of_target(labels) == "regression":
        raise ValueError(
            "y holds numbers that look like targets of a regression, which have no other class. "
            "Spoil them by corrupt_features(y.reshape(-1, 1)), or pass labels as strings."
        )
    if not len(labels):
        raise ValueError("y has no entries.")
    classes, codes = np.unique(labels, return_inverse=True)
    if len(classes) < 2:
        raise ValueError(
            f"y holds one class only, {str(labels[0])!r}; a wrong label is one of another class."
        )
    rng = check_random_state(random_state)
    is_flipped = _some_rows(len(labels), fraction, rng)
    shift = rng.randint(1, len(classes), size=len(labels))  # never 0, so never the same class
    flipped = classes[np.where(is_flipped, codes + shift, codes) % len(classes)]
    if hasattr(y, "iloc") and y.ndim == 1:
        series = y.copy()
        series.iloc[is_flipped] = flipped[is_flipped]
        return series, is_flipped
    return flipped, is_flipped


def corrupt_features(X, fraction=0.1, *, how="noise", scale=1.0, features=None, random_state=None):
    """Spoil the cells of some rows.

    Parameters
    ----------
    X : array-like or pandas data frame of shape (n_samples, n_features)
    fraction : float in [0, 1], default=0.1
        The share of the rows, rounded to a whole number of them.
    how : {"noise", "shuffle"}, default="noise"
        "noise" adds normal noise to numbers. "shuffle" takes each cell from another row, drawn
        anew for every column; it serves columns of any type, and a cell may keep its value if
        others share it.
    scale : float, default=1.0
        The standard deviation of the noise, in those of the column.
    features : array-like of int, or of str, or None, default=None
        The columns, by their places, or by their names in a data frame. None takes all of them.
    random_state : int, RandomState instance or None, default=None
        Seeds which rows, and what becomes of them.

    Returns
    -------
    X_corrupted : ndarray or pandas.DataFrame of shape (n_samples, n_features)
        A copy; with "noise", whole numbers become floats.
    is_corrupted : ndarray of bool of shape (n_samples,)
        The rows that are spoiled.

    Raises
    ------
    ValueError
        If X is sparse or has not two dimensions, if noise is to be added to what are no numbers,
        or if a parameter is out of its range.

    Examples
    --------
    >>> import numpy as np
    >>> from skdvl.experiments import corrupt_features
    >>> X = np.arange(12.0).reshape(6, 2)
    >>> X_corrupted, is_corrupted = corrupt_features(X, 1 / 3, random_state=0)
    >>> (X_corrupted != X).any(axis=1).tolist() == is_corrupted.tolist(), int(is_corrupted.sum())
    (True, 2)
    """
    if how not in ("noise", "shuffle"):
        raise ValueError(f'how must be "noise" or "shuffle"; got {how!r}.')
    if not (isinstance(scale, Real) and scale > 0):
        raise ValueError(f"scale must be a positive number; got {scale!r}.")
    (X,) = indexable(X)
    if issparse(X):
        raise ValueError("X is sparse; corrupt_features needs an array or a data frame.")
    is_frame = hasattr(X, "iloc")
    spoiled = X.copy() if is_frame else np.array(X)
    if spoiled.ndim != 2:
        raise ValueError(f"X has shape {spoiled.shape}; expected (n_samples, n_features).")
    if not is_frame and how == "noise":
        spoiled = spoiled if spoiled.dtype.kind not in "iu" else spoiled.astype(float)
    rng = check_random_state(random_state)
    is_corrupted = _some_rows(_num_samples(X), fraction, rng)
    rows, n = np.flatnonzero(is_corrupted), _num_samples(X)
    if how == "shuffle" and n < 2:
        raise ValueError("X has a single row; cells are taken from other rows.")
    for j in _places(features, spoiled):
        column = spoiled.iloc[:, j] if is_frame else np.array(spoiled[:, j])
        if how == "shuffle":
            source = (rows + rng.randint(1, max(n, 2), size=len(rows))) % n
            changed = column.copy()
            _set(changed, rows, column.iloc[source].array if is_frame else column[source])
        else:
            changed = _noisy(column, rows, scale, rng, j)
        if is_frame:
            spoiled.isetitem(j, changed)
        else:
            spoiled[:, j] = changed
    return spoiled, is_corrupted


def _places(features, X):
    """Return the places of columns that are told by place or by name."""
    names = list(X.columns) if hasattr(X, "columns") else []
    places = np.arange(X.shape[1])
    if features is None:
        return places
    try:
        told = np.atleast_1d(features)
        return [names.index(one) for one in told] if told.dtype.kind in "OUT" else places[told]
    except (IndexError, ValueError) as error:
        raise ValueError(
            f"features must be places or names of the {X.shape[1]} columns of X; got {features!r}."
        ) from error


def _set(column, rows, cells):
    (column.iloc if hasattr(column, "iloc") else column)[rows] = cells


def _noisy(column, rows, scale, rng, j):
    """Return a column with noise in some rows."""
    if column.dtype.kind not in "iuf":
        raise ValueError(
            f'Column {j} of X has entries of type {column.dtype}, and how="noise" needs numbers. '
            'Choose other features, or how="shuffle".'
        )
    spread = np.nanstd(np.asarray(column, dtype=float))
    changed = column.copy() if column.dtype.kind == "f" else column.astype(float)
    noise = rng.standard_normal(len(rows)) * scale * spread
    _set(changed, rows, np.asarray(column, dtype=float)[rows] + noise)
    return changed


def _some_rows(n, fraction, rng):
    """Draw a share of the rows, as a mask."""
    if not (isinstance(fraction, Real) and 0 <= fraction <= 1):
        raise ValueError(f"fraction must be a number from 0 to 1; got {fraction!r}.")
    mask = np.zeros(n, dtype=bool)
    mask[rng.permutation(n)[: round(fraction * n)]] = True
    return mask
