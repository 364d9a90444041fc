"""Truncation: end a walk early, once adding players no longer moves the score.

Truncated Monte Carlo (Ghorbani & Zou 2019, arXiv:1904.02868) scores the rest of a
permutation as if nothing changed any more. That saves evaluations and biases the values
towards zero, so it is never on unless asked for. A rule is a pure function of the scores of
one walk: it has no state that threads could share or a checkpoint could lose.
"""

from abc import ABC, abstractmethod
from numbers import Real

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import Interval

from .pages import HasPage

__all__ = [
    "DeviationTruncation",
    "FixedTruncation",
    "RelativeTruncation",
    "Truncation",
]

_SHARE = Interval(Real, 0, 1, closed="both")


class Truncation(HasPage, BaseEstimator, ABC):
    """Base class for truncation rules.

    Examples
    --------
    >>> from skdvl import TMCShapleyValuator
    >>> from skdvl.games import AirportGame
    >>> from skdvl.stopping import MaxRounds
    >>> from skdvl.truncation import Truncation
    >>> class Reached(Truncation):
    ...     '''End a walk at the full score: for a score that never falls.'''
    ...     def cuts(self, scores, full_score, length):
    ...         return bool(scores[-1] >= full_score)
    >>> valuator = TMCShapleyValuator(truncation=Reached(), stopping=MaxRounds(1), random_state=0)
    >>> valuator.fit_utility(AirportGame(range(1, 17))).n_evaluations_  # of 256
    174
    """

    _parameter_constraints: dict = {}

    @abstractmethod
    def cuts(self, scores, full_score, length):
        """Whether a walk ends here.

        Parameters
        ----------
        scores : ndarray of shape (k,)
            Scores so far in this walk, the score of its start first.
        full_score : float
            Score of all players together.
        length : int
            Number of players that the whole walk would add.

        Returns
        -------
        cut : bool
        """


class FixedTruncation(Truncation):
    """End every walk after a fixed share of its players. Biased.

    Parameters
    ----------
    fraction : float in (0, 1], default=0.5
        Share of the players that a walk adds.

    Examples
    --------
    >>> import numpy as np
    >>> from skdvl.truncation import FixedTruncation
    >>> FixedTruncation(0.5).cuts(np.zeros(3), full_score=1.0, length=4)
    True
    """

    _parameter_constraints = {"fraction": [Interval(Real, 0, 1, closed="right")]}

    def __init__(self, fraction=0.5):
        self.fraction = fraction

    def cuts(self, scores, full_score, length):
        return len(scores) - 1 >= self.fraction * length


class RelativeTruncation(Truncation):
    """End a walk once its score is within a relative tolerance of the full score. Biased.

    Parameters
    ----------
    rtol : float, default=0.01
        Tolerance as a share of the absolute full score.
    burn_in : float in [0, 1], default=0.0
        Share of the walk before which nothing is cut.

    Examples
    --------
    >>> import numpy as np
    >>> from skdvl.truncation import RelativeTruncation
    >>> RelativeTruncation(rtol=0.1).cuts(np.array([0.5, 0.95]), full_score=1.0, length=4)
    True
    """

    _parameter_constraints = {
        "rtol": [Interval(Real, 0, None, closed="left")],
        "burn_in": [_SHARE],
    }

    def __init__(self, rtol=0.01, burn_in=0.0):
        self.rtol = rtol
        self.burn_in = burn_in

    def cuts(self, scores, full_score, length):
        if len(scores) - 1 < max(1, self.burn_in * length):
            return False
        return bool(abs(full_score - scores[-1]) <= self.rtol * abs(full_score))


class DeviationTruncation(Truncation):
    """End a walk once its score is close to the full score by its own standards. Biased.

    Close means: within `sigmas` standard deviations of the scores met so far in the walk.

    Parameters
    ----------
    sigmas : float, default=1.0
        Tolerance in standard deviations.
    burn_in : float in [0, 1], default=0.1
        Share of the walk before which nothing is cut.

    Examples
    --------
    >>> import numpy as np
    >>> from skdvl.truncation import DeviationTruncation
    >>> rule = DeviationTruncation(sigmas=1.0, burn_in=0.5)
    >>> rule.cuts(np.array([0.5, 0.7, 0.9]), full_score=1.0, length=4)
    True
    """

    _parameter_constraints = {
        "sigmas": [Interval(Real, 0, None, closed="left")],
        "burn_in": [_SHARE],
    }

    def __init__(self, sigmas=1.0, burn_in=0.1):
        self.sigmas = sigmas
        self.burn_in = burn_in

    def cuts(self, scores, full_score, length):
        if len(scores) - 1 < max(2, self.burn_in * length):
            return False
        return bool(abs(full_score - scores[-1]) <= self.sigmas * np.std(scores))
