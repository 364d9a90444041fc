"""In which order rows go: by their values, or by chance, one by one or in groups."""

import numpy as np
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.utils.validation import check_is_fitted

from ..valuators.base import valued
from ..valuators.inputs import check_groups


def values_of(given, n_rows, name="values"):
    """Return values as an array with one entry for each row.

    Parameters
    ----------
    given : array-like or fitted valuator
    n_rows : int
    name : str, default="values"

    Returns
    -------
    values : ndarray of float of shape (n_rows,)
        With NaN for rows that were never valued.
    """
    if is_valuator(given):
        inside = valued(given)
        check_is_fitted(inside, "values_")
        given, name = inside.values_, f"{type(inside).__name__}.values_"
    try:
        values = np.asarray(given, dtype=float)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{name} must be an array of numbers, or a valuator; got a {type(given).__name__}: "
            f"{error}"
        ) from error
    if values.shape != (n_rows,):
        raise ValueError(
            f"{name} has shape {values.shape} and there are {n_rows} rows; pass one value for each "
            f"row, shape ({n_rows},), also where rows go in groups."
        )
    if np.isnan(values).all():
        raise ValueError(f"{name} holds nothing but NaN: no row has a value.")
    return values


def is_valuator(given):
    """Whether something is a valuator, or a pipeline that ends in one, and not values.

    Raises
    ------
    TypeError
        If it is a class, or a model.
    """
    if not (hasattr(given, "fit") and hasattr(given, "get_params")):
        return False
    if isinstance(given, type):
        raise TypeError(f"{given.__name__} is a class; write {given.__name__}().")
    if is_classifier(given) or is_regressor(given):
        name = type(given).__name__
        raise TypeError(
            f"{name} is a model, and values are those of a valuator, such as "
            f"ShapleyValuator({name}())."
        )
    return True


def fitted_values(given, X, y, *, anew=False, **params):
    """Return the values of an array or a valuator; one that is not fitted is, in a copy.

    Parameters
    ----------
    given : array-like or valuator
    X, y : array-like of n rows
    anew : bool, default=False
        Fit a copy even if the valuator is fitted: it was on other rows.
    **params : dict
        Passed to the valuator's `fit`.
    """
    if is_valuator(given):
        if anew or not hasattr(valued(given), "values_"):
            given = clone(given).fit(X, y, **params)
    return values_of(given, len(y))


class Players:
    """What goes or comes at once: single rows, or groups of rows.

    Parameters
    ----------
    n_rows : int
    groups : array-like of shape (n_rows,) or None, default=None
    """

    def __init__(self, n_rows, groups=None):
        self.n_rows = n_rows
        _, self.player_of_row = check_groups(groups, n_rows)
        self.are_groups = groups is not None
        self.sizes = np.bincount(self.player_of_row)

    def by_value(self, values, from_, rng):
        """Return the players in the order of the mean values of their rows.

        Ties are broken by chance, since the order of the rows may say what class they are of.
        Players without a value come last, from whichever end.
        """
        mean = self.mean_values(values)
        shuffled = self.by_chance(rng)
        key = mean[shuffled] if from_ == "lowest" else -mean[shuffled]
        return shuffled[np.argsort(key, kind="stable")]

    def mean_values(self, values):
        """Return the mean value of the rows of each player that have one, or NaN."""
        known = ~np.isnan(values)
        total, count = (
            np.bincount(self.player_of_row, weights=weights, minlength=len(self.sizes))
            for weights in (np.where(known, values, 0.0), known)
        )
        return np.divide(total, count, out=np.full(len(total), np.nan), where=count > 0)

    def by_chance(self, rng):
        """Return the players in a random order."""
        return rng.permutation(len(self.sizes))

    def steps(self, order, fractions, *, around=False):
        """Return how many players go for each fraction of the rows: as many as fit whole.

        Parameters
        ----------
        order : ndarray of int
        fractions : ndarray of float
        around : bool, default=False
            Count one more player too where players are groups, so that every fraction lies
            between two steps.

        Returns
        -------
        counts : ndarray of int
        rows : ndarray of int
            Rows that these players have.
        """
        ends = np.concatenate([[0], np.cumsum(self.sizes[order])])
        counts = np.searchsorted(ends, fractions * self.n_rows + 1e-9, side="right") - 1
        if around and self.are_groups:
            counts = np.unique([counts, np.minimum(counts + 1, len(order))])
        return counts, ends[counts]

    def first(self, order, count):
        """Return a mask of the rows of the first players."""
        chosen = np.zeros(len(self.sizes), dtype=bool)
        chosen[order[:count]] = True
        return chosen[self.player_of_row]
