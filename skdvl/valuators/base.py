"""What every valuator is: an estimator with `values_`, one number for each training row."""

from abc import ABC, abstractmethod

from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from ..callbacks import CallbackSupportMixin


class BaseValuator(CallbackSupportMixin, BaseEstimator, ABC):
    """Base class for valuators.

    Attributes
    ----------
    values_ : ndarray of shape (n_samples,)
        The value of every training row; negative where a row hurts.
    stderr_ : ndarray of shape (n_samples,)
        Standard errors of the values.
    """

    @abstractmethod
    def fit(self, X, y):
        """Value the rows of X."""

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        return tags

    def to_frame(self, sort=False):
        """Values as a data frame, one line for each row of X.

        Parameters
        ----------
        sort : bool, default=False
            Lowest values first.

        Returns
        -------
        frame : pandas.DataFrame
            With the columns ``value``, ``stderr`` and ``count``, and ``group`` if the players
            were groups; indexed by the row's place in X, or by X's own index.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        check_is_fitted(self, "values_")
        try:
            import pandas as pd
        except ImportError as error:
            raise ImportError("to_frame needs pandas: pip install pandas") from error
        columns = {"value": self.values_, "stderr": self.stderr_, "count": self.counts_}
        if hasattr(self, "group_values_"):
            columns["group"] = self._row_groups
        frame = pd.DataFrame(columns, index=self._row_index)
        return frame.sort_values("value", kind="stable") if sort else frame
