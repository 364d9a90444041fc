"""What every valuator is: an estimator with `values_`, one number for each training row."""

from abc import ABC, abstractmethod
from functools import wraps
from numbers import Real

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from ..callbacks import CallbackSupportMixin
from ..pages import HasPage
from ..stopping import select

_SEEN = "n_features_in_", "feature_names_in_"  # recorded as soon as X is looked at


def or_as_before(fit):
    """Decorate a `fit`: if it fails, the valuator tells the features of its last fit again."""

    @wraps(fit)
    def tried(valuator, *args, **params):
        before = dict(vars(valuator))
        try:
            return fit(valuator, *args, **params)
        except BaseException:
            now = vars(valuator)
            if now.get("values_") is before.get("values_"):  # or else all of it has been published
                for name in _SEEN:
                    now.pop(name, None)
                now.update({name: before[name] for name in _SEEN if name in before})
            raise

    return tried


def valued(valuator):
    """Return the estimator that has the values: the last step of a pipeline."""
    return valuator.steps[-1][1] if hasattr(valuator, "steps") else valuator


class BaseValuator(HasPage, CallbackSupportMixin, BaseEstimator, ABC):
    """Base class for valuators: write `fit`, which sets three attributes.

    `DataPruner`, `PrunedEstimator`, displays and experiments take any valuator. One that scores
    sets of rows needs no class of its own: see :class:`skdvl.SemivalueValuator`.

    Attributes
    ----------
    values_ : ndarray of shape (n_samples,)
        The value of every training row; negative where a row hurts.
    stderr_ : ndarray of shape (n_samples,)
        Standard errors of the values; 0 where they are exact, infinite where unknown.
    counts_ : ndarray of int of shape (n_samples,)
        Number of scores behind each value.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skdvl import DataPruner, make_pipeline
    >>> from skdvl.valuators import BaseValuator
    >>> class Typicality(BaseValuator):
    ...     '''Rows near the mean of their class are worth more.'''
    ...     def fit(self, X, y):
    ...         X, y = np.asarray(X), np.asarray(y)
    ...         means = np.array([X[y == label].mean(axis=0) for label in y])
    ...         self.values_ = -np.linalg.norm(X - means, axis=1)
    ...         self.stderr_ = np.zeros(len(y))
    ...         self.counts_ = np.ones(len(y), dtype=int)
    ...         return self
    >>> X, y = load_iris(return_X_y=True)
    >>> int(Typicality().fit(X, y).certify(quantile=0.1).inside.sum())
    15
    >>> pipeline = make_pipeline(DataPruner(Typicality()), LogisticRegression(max_iter=1000))
    >>> pipeline.fit(X, y)[0].n_dropped_
    15
    """

    _row_index = None  # of a data frame

    @abstractmethod
    def fit(self, X, y):
        """Value the rows of X.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)

        Returns
        -------
        self : BaseValuator
        """

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        return tags

    def certify(self, *, quantile=None, threshold=None, delta=0.05):
        """Say which rows are surely of lowest value, and which surely are not.

        Everything that is said is right at once with probability ``1 - delta``. It is about the
        exact values on these validation rows, of which `values_` are estimates; where values are
        exact, and their errors those of a sample of validation rows, about what these stand for.

        Parameters
        ----------
        quantile : float in [0, 1) or None, default=None
            The share of the rows that is of lowest value, rounded down.
        threshold : float or None, default=None
            Rows below are of lowest value. Pass one of the two.
        delta : float in (0, 1), default=0.05
            If `stopping` was a `CertifiedSelection`, which looks at the values many times, a
            part of it.

        Returns
        -------
        selection : skdvl.stopping.Selection
            The boolean arrays `inside` and `outside`, of shape (n_samples,); rows that are in
            neither are undecided.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            If walks were truncated: the bias is unknown, and may be larger than the error.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from skdvl import KNNShapleyValuator
        >>> X, y = load_iris(return_X_y=True)
        >>> selection = KNNShapleyValuator().fit(X, y).certify(threshold=0.0)
        >>> int(selection.inside.sum()), int(selection.outside.sum())
        (0, 130)
        """
        check_is_fitted(self, "values_")
        for name, value in (("quantile", quantile), ("delta", delta)):
            if value is not None and not (isinstance(value, Real) and 0 <= value < 1):
                raise ValueError(f"{name} must be a number in [0, 1), such as 0.1; got {value!r}.")
        if (quantile is None) == (threshold is None):
            raise ValueError(
                f"certify was given quantile={quantile!r} and threshold={threshold!r}; pass one "
                "of the two."
            )
        if delta == 0:
            raise ValueError("Nothing but exact values is sure beyond doubt: pass delta > 0.")
        centre, freedom = self._centre()
        delta = delta * self._share_of_delta()
        return select(
            centre, self.stderr_, freedom, quantile=quantile, threshold=threshold, delta=delta
        )

    def _centre(self):
        """Return what standard errors are around, and their degrees of freedom."""
        return self.values_, np.maximum(self.counts_ - 1, 1)

    def _share_of_delta(self):
        """Return what is left of an error probability after looks at the values."""
        return 1.0

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

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from skdvl import KNNShapleyValuator
        >>> X, y = load_iris(return_X_y=True)
        >>> frame = KNNShapleyValuator().fit(X, y).to_frame(sort=True)
        >>> frame.columns.tolist(), frame.index[:3].tolist()
        (['value', 'stderr', 'count'], [83, 77, 106])
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
