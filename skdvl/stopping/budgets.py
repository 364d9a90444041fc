"""Stop when enough was spent: rounds, evaluations, scores for each player, seconds."""

from numbers import Real

from sklearn.utils._param_validation import Interval

from .base import COUNT, StoppingRule


class MaxRounds(StoppingRule):
    """Stop after a number of rounds, each of which draws from every fold once.

    Parameters
    ----------
    n_rounds : int, default=100
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
