"""Random values: the baseline that every method must beat."""

import numpy as np
from sklearn.utils import check_random_state

from ..callbacks import as_one_task
from .base import BaseValuator, or_as_before
from .inputs import check_rows, row_index, task_of_target


class RandomValuator(BaseValuator):
    """Values drawn from a standard normal distribution, whatever the data.

    Parameters
    ----------
    random_state : int, RandomState instance or None, default=None

    Attributes
    ----------
    values_ : ndarray of shape (n_samples,)
    stderr_ : ndarray of shape (n_samples,)
        Zeros: there is nothing to estimate.
    counts_ : ndarray of int of shape (n_samples,)
        Zeros.
    task_ : {"classification", "regression"}
        What y looks like.
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        Only if X has column names.

    Examples
    --------
    >>> from skdvl import RandomValuator
    >>> RandomValuator(random_state=0).fit([[0], [1]], [0, 1]).values_.round(2)
    array([1.76, 0.4 ])
    """

    _parameter_constraints = {"random_state": ["random_state"]}

    def __init__(self, random_state=None):
        self.random_state = random_state

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = tags.input_tags.allow_nan = tags.input_tags.string = True
        return tags

    @as_one_task
    @or_as_before
    def fit(self, X, y, *, X_val=None, y_val=None, groups=None):
        """Draw a value for every row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
        X_val, y_val, groups : object
            Ignored; so that a comparison can treat all valuators alike.

        Returns
        -------
        self : RandomValuator
        """
        self._validate_params()
        X, y = check_rows(self, X, y)
        self.values_ = check_random_state(self.random_state).standard_normal(len(y))
        self.stderr_ = np.zeros(len(y))
        self.counts_ = np.zeros(len(y), dtype=np.int64)
        self.task_ = task_of_target(y)
        self._row_index = row_index(X)
        return self
