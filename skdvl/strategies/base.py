"""What every strategy does: fold scores into running sums, and read values off."""

from abc import ABC, abstractmethod
from typing import NamedTuple

import numpy as np

_NEGLIGIBLE = 1e-9  # share of a semivalue that a sampler may miss
_WORST_VARIANCE = 250  # times the samples of an ideal sampler: coin flips for Shapley, above n = 15
_UNSEEN = 0.01  # share of a semivalue that may be unseen when a standard error is given


class Estimate(NamedTuple):
    """What a strategy reads off its running sums, arrays of shape (n_players,).

    Attributes
    ----------
    values : ndarray of float
        NaN for a player of whom nothing is known yet.
    stderr : ndarray of float
        Standard errors of the values; inf where unknown, 0 where exact.
    counts : ndarray of int
        Number of scores or marginals behind each value.
    centre : ndarray of float or None, default=None
        Estimates without bias, which the standard errors are of; None if that is the values.
    freedom : ndarray of float or None, default=None
        Degrees of freedom of the standard errors; None if there are many.
    misfit : float, default=nan
        How far any values are from what was asked of them, where values are a compromise.

    Examples
    --------
    >>> from skdvl.samplers import PermutationSampler
    >>> from skdvl.semivalues import Shapley
    >>> from skdvl.strategies import MarginalMean
    >>> strategy = MarginalMean(Shapley(), PermutationSampler(), 2)
    >>> strategy.estimate(strategy.empty())[:3]  # nothing is known of two players yet
    (array([nan, nan]), array([inf, inf]), array([0, 0]))
    """

    values: np.ndarray
    stderr: np.ndarray
    counts: np.ndarray
    centre: np.ndarray | None = None
    freedom: np.ndarray | None = None
    misfit: float = np.nan


class EvaluationStrategy(ABC):
    """Base class for strategies, made from ``(semivalue, sampler, n)``.

    A strategy keeps its sums in a *tally*, a dict of arrays that it never holds itself; so a
    run is those arrays and nothing else.

    Parameters
    ----------
    semivalue : skdvl.semivalues.Semivalue
    sampler : skdvl.samplers.IndexSampler
    n : int
        Number of players.

    Attributes
    ----------
    accepts : {"marginals", "coalitions"}
        What the sampler must draw.
    keeps_scores : bool
        Whether a tally is the same for every semivalue, so that others can be read off it.
    takes_controls : bool
        Whether it is made from ``(semivalue, sampler, n, controls, n_jobs)``: control variates,
        which tell the ``scores(masks)`` of shape (m, c), and ``values(semivalue)``, two arrays of
        shape (n, c), the second one their standard errors; and the threads that it may use.

    Raises
    ------
    ValueError
        If the sampler misses, or all but misses, a size that the semivalue needs.

    Examples
    --------
    >>> import numpy as np
    >>> from skdvl.games import AirportGame
    >>> from skdvl.samplers import PermutationSampler
    >>> from skdvl.semivalues import Shapley
    >>> from skdvl.strategies import Estimate, EvaluationStrategy
    >>> from skdvl.testing import play
    >>> class Largest(EvaluationStrategy):
    ...     '''The most that a player ever added.'''
    ...     def empty(self):
    ...         return {"count": np.zeros(self.n, dtype=int), "most": np.full(self.n, -np.inf)}
    ...     def fold(self, tally, walks, scores):
    ...         np.maximum.at(tally["most"], walks.order, np.diff(scores, axis=1))
    ...         np.add.at(tally["count"], walks.order, 1)
    ...     def estimate(self, tally):
    ...         return Estimate(tally["most"], np.full(self.n, np.inf), tally["count"])
    >>> game = AirportGame([1, 2, 5])
    >>> play(game, PermutationSampler(), Shapley(), n_rounds=5, strategy=Largest).values
    array([1., 2., 5.])
    """

    accepts = "marginals"
    keeps_scores = False
    takes_controls = False

    def __init__(self, semivalue, sampler, n):
        if sampler.draws != self.accepts:
            raise ValueError(
                f"{type(self).__name__} needs a sampler that draws {self.accepts}, and "
                f"{sampler!r} draws {sampler.draws}. Leave strategy='auto', or change the sampler."
            )
        self.n = n
        self.pmf = np.asarray(semivalue.size_pmf(n), dtype=float)
        n_rounds = sampler.n_rounds(n)  # also where an exhaustive sampler refuses many players
        proposal = np.asarray(sampler.size_pmf(n), dtype=float)
        for wanted, drawn in self._needs(proposal):
            _check_covers(semivalue, sampler, wanted, drawn, is_random=n_rounds is None)
        # A sampler that ends has drawn everything by then: nothing is left to chance.
        self.limit = None if n_rounds is None else sampler.sample_limit(range(n))
        self._weigh(proposal)

    def __repr__(self):
        return f"{type(self).__name__}(n={self.n})"

    def _needs(self, proposal):
        """Pairs (what the semivalue needs of each size, how often it is drawn)."""
        return [(self.pmf, proposal)]

    def _weigh(self, proposal):  # noqa: B027 (optional)
        """Compute importance weights, once."""

    @abstractmethod
    def empty(self):
        """Return the tally of no data.

        Returns
        -------
        tally : dict of str to ndarray
        """

    def prelude(self):
        """Return coalitions to be scored once, ahead of the first round's own.

        Returns
        -------
        walks : skdvl.coalitions.Walks or None
            They come first among the walks of the first `fold`.
        """
        return None

    @abstractmethod
    def fold(self, tally, walks, scores):
        """Add one round to the tally, in place.

        Parameters
        ----------
        tally : dict of str to ndarray
        walks : skdvl.coalitions.Walks
        scores : ndarray of shape (B, L + 1)
            The score of every coalition met on the walks.
        """

    @abstractmethod
    def estimate(self, tally):
        """Read values off the tally.

        Parameters
        ----------
        tally : dict of str to ndarray

        Returns
        -------
        estimate : Estimate
        """

    def is_due(self, n_rounds):
        """Whether an estimate is worth its time after so many rounds; the last one always is.

        Parameters
        ----------
        n_rounds : int

        Returns
        -------
        is_due : bool
        """
        return True

    def _covered(self, seen):
        """Whether so few of the sizes that matter are still unseen that errors can be known."""
        return seen.all() or self.pmf[seen == 0].sum() <= _UNSEEN


def importance(wanted, drawn):
    """Weights ``wanted / drawn``; 0 for sizes that are never drawn."""
    return np.divide(wanted, drawn, out=np.zeros_like(wanted), where=drawn > 0)


def _check_covers(semivalue, sampler, wanted, drawn, is_random):
    missed = np.where(drawn > 0, 0, wanted)
    spread = wanted * importance(wanted, drawn)  # second moment of the weights, by size
    if missed.sum() > _NEGLIGIBLE:
        size, how = missed.argmax(), "never"
    elif is_random and spread.sum() > _WORST_VARIANCE:
        size, how = spread.argmax(), "almost never"
    else:
        return
    raise ValueError(
        f"{sampler!r} {how} draws coalitions of size {size}, which {semivalue!r} needs. Use a "
        "sampler that covers every size, such as PermutationSampler() or StratifiedSampler(), "
        "or leave sampler='auto'."
    )
