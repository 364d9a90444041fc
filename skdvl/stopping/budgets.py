"""Stop when enough was spent: rounds, evaluations, scores for each player, seconds."""

from numbers import Real

from sklearn.utils._param_validation import Interval

from .base import COUNT, StoppingRule


class MaxRounds(StoppingRule):
    """Stop after a number of rounds, each of which draws from every fold once.

    Parameters
    ----------
    n_rounds : int, default=100

    Examples
    --------
    >>> from skdvl import ShapleyValuator
    >>> from skdvl.games import AirportGame
    >>> from skdvl.stopping import MaxRounds
    >>> valuator = ShapleyValuator(stopping=MaxRounds(3), random_state=0)
    >>> valuator.fit_utility(AirportGame(range(20))).n_rounds_
    3
    """

    _parameter_constraints = {"n_rounds": COUNT}
    reads_values = False

    def __init__(self, n_rounds=100):
        self.n_rounds = n_rounds

    @property
    def round_limit(self):
        return self.n_rounds

    def completion(self, run):
        return run.n_rounds / self.n_rounds


class MaxEvaluations(StoppingRule):
    """Stop after a number of scored coalitions, over all folds together.

    Parameters
    ----------
    n_evaluations : int, default=10_000

    Examples
    --------
    >>> from skdvl import ShapleyValuator
    >>> from skdvl.games import AirportGame
    >>> from skdvl.samplers import PermutationSampler
    >>> from skdvl.stopping import MaxEvaluations
    >>> valuator = ShapleyValuator(
    ...     sampler=PermutationSampler(), stopping=MaxEvaluations(1000), random_state=0
    ... )
    >>> valuator.fit_utility(AirportGame(range(300))).n_evaluations_  # four whole permutations
    1204
    """

    _parameter_constraints = {"n_evaluations": COUNT}
    reads_values = False

    def __init__(self, n_evaluations=10_000):
        self.n_evaluations = n_evaluations

    def completion(self, run):
        return run.n_evaluations / self.n_evaluations


class MinUpdates(StoppingRule):
    """Stop when every player's value rests on at least this many scores.

    Parameters
    ----------
    n_updates : int, default=10

    Examples
    --------
    >>> from skdvl import ShapleyValuator
    >>> from skdvl.games import AirportGame
    >>> from skdvl.samplers import StratifiedSampler
    >>> from skdvl.stopping import MinUpdates
    >>> valuator = ShapleyValuator(
    ...     sampler=StratifiedSampler(), stopping=MinUpdates(25), random_state=0
    ... )
    >>> int(valuator.fit_utility(AirportGame(range(20))).counts_.min())
    25
    """

    _parameter_constraints = {"n_updates": COUNT}

    def __init__(self, n_updates=10):
        self.n_updates = n_updates

    def completion(self, run):
        return run.counts[run.plays].min() / self.n_updates


class MaxUpdates(StoppingRule):
    """Stop when some player's value rests on at least this many scores.

    Parameters
    ----------
    n_updates : int, default=1000

    Examples
    --------
    >>> from skdvl.samplers import UniformSampler
    >>> from skdvl.semivalues import Banzhaf
    >>> from skdvl.stopping import MaxUpdates
    >>> from skdvl.testing import SmallGame, play
    >>> run = play(SmallGame(), UniformSampler(), Banzhaf(), n_rounds=30)
    >>> float(MaxUpdates(40).completion(run))
    0.75
    """

    _parameter_constraints = {"n_updates": COUNT}

    def __init__(self, n_updates=1000):
        self.n_updates = n_updates

    def completion(self, run):
        return run.counts[run.plays].max() / self.n_updates


class MaxTime(StoppingRule):
    """Stop on the clock, so the number of rounds, and with it the values, may differ.

    Time is up within one block of coalitions, amid a round if need be, which then does not count.

    Parameters
    ----------
    seconds : float, default=60.0
        Over all sessions, when a run is continued.

    Examples
    --------
    >>> from skdvl.run import Run
    >>> from skdvl.stopping import MaxTime
    >>> run = Run.begin([{}], n_players=5, seed=0).amid({}, elapsed=15.0)
    >>> MaxTime(60).completion(run)
    0.25
    """

    _parameter_constraints = {"seconds": [Interval(Real, 0, None, closed="neither")]}
    reads_values = False

    def __init__(self, seconds=60.0):
        self.seconds = seconds

    @property
    def time_limit(self):
        return self.seconds

    def completion(self, run):
        return run.elapsed / self.seconds
