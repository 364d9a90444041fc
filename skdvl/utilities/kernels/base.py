"""What every kernel does: say what models trained on coalitions say of the validation rows."""

from abc import ABC, abstractmethod
from typing import NamedTuple

import numpy as np


class Answers(NamedTuple):
    """What models trained on B coalitions say of m validation rows.

    Attributes
    ----------
    decision : ndarray of float of shape (n_outputs, B, m)
        Of a classifier, one score for each class, -inf (or a probability of 0) for a class that a
        coalition lacks: the first of the largest is predicted. Of a regressor, the prediction;
        n_outputs is 1. Two scores of a row that differ by less than 1e-9 of their size (and of 1
        under "softmax"; of the largest score of the coalition under "margin") are taken for a tie.
    is_sure : ndarray of bool of shape (B,)
        Coalitions of which the kernel knows that a refit would say the same; the others are
        refitted.
    error : ndarray of float of shape (B, m) or None, default=None
        Of a classifier whose rounding depends on the coalition: how far the scores of a row may
        at worst be from those of a refit, but for a number that all classes share. It is added to
        what `Kernel.rounding` says.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from skdvl.utilities.kernels import GaussianNBKernel
    >>> X, y = np.array([[0.0], [1.0], [5.0], [6.0]]), np.array([0, 0, 1, 1])
    >>> kernel = GaussianNBKernel(GaussianNB(), X, y, X_val=np.array([[0.5], [5.2], [5.8]]))
    >>> answers = kernel(np.array([[True, True, True, True], [True, False, True, True]]))
    >>> answers.decision.argmax(axis=0)  # a row for each coalition
    array([[0, 1, 1],
           [1, 1, 1]])
    >>> answers.is_sure
    array([ True,  True])
    """

    decision: np.ndarray
    is_sure: np.ndarray
    error: np.ndarray | None = None

    def take(self, places):
        """Return the answers for some of the coalitions.

        Parameters
        ----------
        places : slice or array-like of int

        Returns
        -------
        answers : Answers
        """
        error = None if self.error is None else self.error[places]
        return Answers(self.decision[:, places], self.is_sure[places], error)


class Kernel(ABC):
    """Base class for kernels: write `supports`, `__init__` and `__call__`, that is enough.

    A kernel is made once for each validation set and then asked for answers only, maybe from
    several threads at once; it holds plain data and travels to workers by pickle. It is never
    asked for the empty coalition, nor for one with rows of a single class only: what these are
    worth is a matter of policy, not of the estimator.

    Parameters
    ----------
    estimator : estimator
        Not fitted; its type is one of `estimators` exactly.
    X : ndarray of float64 of shape (n, d)
    y : ndarray of shape (n,)
        Numbers of classes, of dtype intp, for a classifier; float64 for a regressor.
    X_val : ndarray of float64 of shape (m, d)

    Attributes
    ----------
    name : str
        What ``kernel=name`` asks for; the name of the module unless a class says otherwise.
    lockstep : int
        How many walks `chains` is best given at once.
    at_once : int
        How many coalitions it is asked for at once, at most; few, where each takes long.
    at_least : int
        How many coalitions it is asked for at once, at least; fewer are refitted, which takes no
        longer.
    is_recalled : bool
        Whether a cache may keep the scores, since looking them up is quicker.
    estimators : tuple of type
        Classes whose refits it stands for; a subclass may override `fit` and is no such class.
    response : {"softmax", "probability", "margin", "prediction"}
        What `decision` is. "softmax": predict_proba is its softmax over classes. "probability":
        it is predict_proba itself. "margin": there is no predict_proba. "prediction": a number.
    has_decision_function : bool
        Whether a scorer that asks for a decision function first gets one: ``decision[1] -
        decision[0]`` with two classes, and `decision` with more.
    rounding : float
        How far `decision` may be from that of a refit, relative to its size (at least 1).
    is_for_floats : bool
        Whether scikit-learn treats whole numbers, and booleans, in another way than the same
        numbers as floats. The kernel is not asked where X or X_val holds some.
    ties_are_exact : bool
        Whether equal scores of two classes are equal in a refit, too, as counted votes are.
    deciders : callable or None
        Where each validation row asks a single member of the coalition, the first in an order
        of its own: ``deciders()`` returns an array of shape (n, m), the rows in that order, and
        `Answers` of which entry r says what the r-th of them says. It may return None, if that
        is so for other rows only.
    chains : callable or None
        Where extending a coalition is cheaper than beginning anew: ``chains(start, order)``,
        with `start` of shape (B, n) and `order` of shape (B, L), yields answers to the next c
        steps of all B walks in lockstep, as B * c coalitions, the steps of a walk one behind the
        other, beginning with `start` itself. c may differ from piece to piece. What it says of
        coalitions that are empty or of a single class is not looked at, but it must say it
        without an error or a warning.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.base import BaseEstimator, RegressorMixin
    >>> from skdvl import ShapleyValuator
    >>> from skdvl.utilities import register_kernel
    >>> from skdvl.utilities.kernels import Answers, Kernel
    >>> class Highest(RegressorMixin, BaseEstimator):
    ...     '''Predicts the highest target that it has seen.'''
    ...     def fit(self, X, y):
    ...         self.highest_ = np.max(y)
    ...         return self
    ...     def predict(self, X):
    ...         return np.full(len(X), self.highest_)
    >>> class HighestKernel(Kernel):
    ...     name = "highest"
    ...     estimators = (Highest,)
    ...     @classmethod
    ...     def supports(cls, estimator, X, y, X_val):
    ...         return None
    ...     def __init__(self, estimator, X, y, X_val):
    ...         self.y, self.n_val = y, len(X_val)
    ...     def __call__(self, masks):
    ...         highest = np.where(masks, self.y, -np.inf).max(axis=1)
    ...         decision = np.repeat(highest[None, :, None], self.n_val, axis=2)
    ...         return Answers(decision, np.ones(len(masks), dtype=bool))
    >>> register_kernel(Highest, HighestKernel)
    >>> X, y = np.zeros((8, 1)), np.arange(8.0)
    >>> valuator = ShapleyValuator(Highest()).fit(X, y, X_val=X, y_val=y)
    >>> valuator.utility_info_.kernel
    'highest'
    """

    name = ""
    estimators: tuple = ()
    response = "prediction"
    has_decision_function = False
    rounding: float = 64 * np.finfo(float).eps
    is_for_floats = False
    ties_are_exact = False
    deciders = None
    chains = None
    lockstep = 32
    at_once = 1024
    at_least = 1
    is_recalled = False

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        if "name" not in vars(cls):
            cls.name = cls.__module__.rsplit(".", 1)[-1]

    def __repr__(self):
        return f"{type(self).__name__}(name={self.name!r})"

    @classmethod
    @abstractmethod
    def supports(cls, estimator, X, y, X_val):
        """Return None, or why this estimator with these rows is to be refitted instead.

        Parameters
        ----------
        estimator : estimator
        X, y, X_val : ndarray
            What `__init__` would be given.

        Returns
        -------
        reason : str or None
            Such as "solver='sag' does not solve exactly".
        """

    @abstractmethod
    def __call__(self, masks):
        """Answer for coalitions.

        Parameters
        ----------
        masks : ndarray of bool of shape (B, n)

        Returns
        -------
        answers : Answers
        """
