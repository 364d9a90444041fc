"""What every rule does: say how far along a run is; and how rules combine."""

import math
from abc import ABC, abstractmethod
from numbers import Integral, Real

from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import Interval

from ..pages import HasPage

COUNT = [Interval(Integral, 1, None, closed="left")]
SHARE = [Interval(Real, 0, 1, closed="right")]
TOLERANCE = [Interval(Real, 0, None, closed="left")]


class StoppingRule(HasPage, BaseEstimator, ABC):
    """Base class for stopping rules: write `completion`.

    Attributes
    ----------
    window : int
        How many passes the rule looks back in ``run.recent``, itself included; 1 by default.
    ends : bool
        Whether the rule can stop a run at all.
    reads_values : bool
        Whether the rule reads more of a run than what was spent: the values are then estimated
        after every round. True by default.
    round_limit, time_limit : float
        Rounds, and seconds, at which the rule is sure to stop, where it knows; infinite by
        default. Nothing is drawn beyond, and a round that is under way when time is up is given
        up.

    Examples
    --------
    >>> import numpy as np
    >>> from skdvl import ShapleyValuator
    >>> from skdvl.games import AirportGame
    >>> from skdvl.stopping import MaxRounds, StoppingRule
    >>> class Signs(StoppingRule):
    ...     '''Stop when it is clear which players are worth something.'''
    ...     def completion(self, run):
    ...         return np.mean(np.abs(run.values) > 3 * run.stderr)
    >>> valuator = ShapleyValuator(stopping=Signs() | MaxRounds(500), random_state=0)
    >>> valuator = valuator.fit_utility(AirportGame(range(5, 20)))
    >>> bool((valuator.values_ > 3 * valuator.stderr_).all()), valuator.n_rounds_ < 500
    (True, True)
    """

    _parameter_constraints: dict = {}
    ends = True
    reads_values = True
    round_limit = math.inf
    time_limit = math.inf

    @property
    def window(self):
        return 1

    @abstractmethod
    def completion(self, run):
        """How far along the run is.

        Parameters
        ----------
        run : skdvl.run.Run

        Returns
        -------
        share : float
            0 at the beginning; the run stops at 1 or more.
        """

    def share_of_delta(self, n_rounds):
        """Return the share of an error probability that is left to a look at the values.

        A rule that stops by what is sure, and looks many times, has to spread it over its looks.

        Parameters
        ----------
        n_rounds : int

        Returns
        -------
        share : float
        """
        return 1.0

    def __or__(self, other):
        return AnyOf(self, other) if isinstance(other, StoppingRule) else NotImplemented

    def __and__(self, other):
        return AllOf(self, other) if isinstance(other, StoppingRule) else NotImplemented


_RULE = [StoppingRule]


class AnyOf(StoppingRule):
    """Stop when either rule would; written ``left | right``.

    Parameters
    ----------
    left, right : StoppingRule

    Examples
    --------
    >>> from skdvl.stopping import MaxEvaluations, MaxTime
    >>> MaxEvaluations(1000) | MaxTime(60)
    AnyOf(left=MaxEvaluations(n_evaluations=1000), right=MaxTime(seconds=60))
    """

    _parameter_constraints = {"left": _RULE, "right": _RULE}

    def __init__(self, left, right):
        self.left = left
        self.right = right

    @property
    def window(self):
        return max(self.left.window, self.right.window)

    @property
    def ends(self):
        return self.left.ends or self.right.ends

    @property
    def reads_values(self):
        return self.left.reads_values or self.right.reads_values

    @property
    def round_limit(self):
        return min(self.left.round_limit, self.right.round_limit)

    @property
    def time_limit(self):
        return min(self.left.time_limit, self.right.time_limit)

    def _validate_params(self):
        super()._validate_params()
        self.left._validate_params()
        self.right._validate_params()

    def share_of_delta(self, n_rounds):
        return min(self.left.share_of_delta(n_rounds), self.right.share_of_delta(n_rounds))

    def completion(self, run):
        return max(self.left.completion(run), self.right.completion(run))


class AllOf(AnyOf):
    """Stop when both rules would; written ``left & right``.

    Parameters
    ----------
    left, right : StoppingRule

    Examples
    --------
    >>> from skdvl import ShapleyValuator
    >>> from skdvl.games import AirportGame
    >>> from skdvl.samplers import PermutationSampler
    >>> from skdvl.stopping import MaxRounds, MinUpdates
    >>> rule = MinUpdates(100) & MaxRounds(2)
    >>> valuator = ShapleyValuator(sampler=PermutationSampler(), stopping=rule, random_state=0)
    >>> valuator = valuator.fit_utility(AirportGame(range(16)))  # 16 permutations in a round
    >>> int(valuator.counts_.min()), valuator.n_rounds_
    (112, 7)
    """

    @property
    def ends(self):
        return self.left.ends and self.right.ends

    @property
    def round_limit(self):
        return math.inf  # the other rule may not be done by then

    @property
    def time_limit(self):
        return math.inf

    def completion(self, run):
        return min(self.left.completion(run), self.right.completion(run))


class NoStopping(StoppingRule):
    """Never stop: for samplers that end by themselves, such as the exhaustive ones.

    Examples
    --------
    >>> from skdvl import ShapleyValuator
    >>> from skdvl.games import AirportGame
    >>> from skdvl.samplers import ExhaustivePermutationSampler
    >>> from skdvl.stopping import NoStopping
    >>> valuator = ShapleyValuator(sampler=ExhaustivePermutationSampler(), stopping=NoStopping())
    >>> valuator.fit_utility(AirportGame([1, 2, 3])).stderr_
    array([0., 0., 0.])
    """

    ends = False
    reads_values = False

    def completion(self, run):
        return 0.0


def is_look(n_rounds, growth):
    """Whether there are so many times the rounds of the last look at errors.

    Many looks would find a lucky one.
    """
    if n_rounds <= 1:
        return True
    return int(math.log(n_rounds, growth)) > int(math.log(n_rounds - 1, growth))
