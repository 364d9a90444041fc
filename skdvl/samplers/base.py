"""What every sampler does: draw the walks of one round."""

from abc import ABC, abstractmethod
from itertools import count, islice
from numbers import Integral
from typing import NamedTuple

import numpy as np
from scipy.special import gammaln
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, validate_parameter_constraints

from ..coalitions import draws_per_round
from ..pages import HasPage
from ..streams import Streams


class Round(NamedTuple):
    """All that a sampler may look at when it draws a round.

    Attributes
    ----------
    index : int
        Number of the round, from 0.
    n_players : int
    rng : numpy.random.Generator
        It depends on the seed of the run and `index` alone, so a round can be drawn again anywhere.

    Examples
    --------
    >>> import numpy as np
    >>> from skdvl.samplers import PermutationSampler, Round
    >>> first = Round(index=0, n_players=100, rng=np.random.default_rng([7, 0]))
    >>> PermutationSampler().draw(first).order.shape  # so many permutations of 100 players
    (3, 100)
    """

    index: int  # type: ignore[assignment]
    n_players: int
    rng: np.random.Generator


class Sample(NamedTuple):
    """One sample `(i, S)`: a player and the coalition that it joins.

    Attributes
    ----------
    index : int or None
        The player; None where the sampler draws whole coalitions.
    subset : ndarray
        The members of the coalition, in the order of the indices given.

    Examples
    --------
    >>> from skdvl.samplers import LeaveOneOutSampler
    >>> batches = LeaveOneOutSampler().generate_batches([7, 8, 9])
    >>> [sample] = next(batches)
    >>> sample
    Sample(index=7, subset=array([8, 9]))
    >>> player, others = sample
    >>> others.tolist()
    [8, 9]
    """

    index: int | None  # type: ignore[assignment]
    subset: np.ndarray


def players_of_round(index, n, copies=1):
    """Players that a round of marginals serves, with `copies` coalitions for each.

    All of them, or the next stretch of them that fits in memory.
    """
    per_round = draws_per_round(n * copies, at_most=n)
    first = index % -(-n // per_round) * per_round
    return np.arange(first, min(first + per_round, n))


class IndexSampler(HasPage, BaseEstimator, ABC):
    """Base class for samplers: write `draw` and `size_pmf`.

    A sampler holds parameters only, no generator and no state. `draw` depends on its argument
    alone, so rounds can be drawn in any order, in any process, and drawn again. Rounds serve
    every player equally often (over several rounds, where one would need too much memory).

    Attributes
    ----------
    draws : {"marginals", "coalitions"}
        Walks of one step or more, or single coalitions.
    batch_size : int
        Samples in each batch of `generate_batches`; 1 unless a sampler takes it as a
        parameter. It has no bearing on a fit.

    Examples
    --------
    >>> import numpy as np
    >>> from skdvl.coalitions import Walks
    >>> from skdvl.samplers import IndexSampler
    >>> class OneOther(IndexSampler):
    ...     '''Each player joins one other.'''
    ...     def draw(self, round):
    ...         player = np.arange(round.n_players)
    ...         step = round.rng.integers(1, round.n_players, size=round.n_players)
    ...         other = (player + step) % round.n_players
    ...         return Walks(np.eye(round.n_players, dtype=bool)[other], player[:, None])
    ...     def size_pmf(self, n):
    ...         return (np.arange(n) == 1).astype(float)
    >>> batches = OneOther().generate_batches(["a", "b", "c", "d"], random_state=0)
    >>> for _ in range(4):
    ...     [(player, others)] = next(batches)
    ...     print(player, "joins", *others)
    a joins c
    b joins d
    c joins a
    d joins b
    """

    draws = "marginals"
    batch_size = 1
    _parameter_constraints: dict = {"batch_size": [Interval(Integral, 1, None, closed="left")]}

    def _validate_params(self):
        constraints = IndexSampler._parameter_constraints | self._parameter_constraints
        validate_parameter_constraints(
            constraints, self.get_params(deep=False), caller_name=type(self).__name__
        )

    @abstractmethod
    def draw(self, round):
        """Draw the walks of one round.

        Parameters
        ----------
        round : Round

        Returns
        -------
        walks : skdvl.coalitions.Walks
        """

    @abstractmethod
    def size_pmf(self, n):
        """How often each coalition size occurs; within a size, coalitions are uniform.

        Parameters
        ----------
        n : int
            Number of players.

        Returns
        -------
        pmf : ndarray
            Of shape (n,), for the size that a player joins, if this draws marginals; of shape
            (n + 1,), for the size of the coalition, if it draws coalitions.

        Examples
        --------
        >>> from skdvl.samplers import CoalitionSampler, UniformSampler
        >>> UniformSampler().size_pmf(4), CoalitionSampler().size_pmf(2)
        (array([0.125, 0.375, 0.375, 0.125]), array([0.25, 0.5 , 0.25]))
        """

    def n_rounds(self, n):
        """Return the number of rounds until nothing is left to draw, or None if there is no end.

        A sampler that ends has drawn everything, and values are then exact.

        Parameters
        ----------
        n : int
            Number of players.

        Returns
        -------
        n_rounds : int or None

        Examples
        --------
        >>> from skdvl.samplers import ExhaustiveSampler, PermutationSampler
        >>> ExhaustiveSampler().n_rounds(4), PermutationSampler().n_rounds(4)
        (1, None)
        """
        return None

    def sample_limit(self, indices):
        """Return the number of samples that `generate_batches` yields, or None if there is no end.

        Parameters
        ----------
        indices : array-like of shape (n,)

        Returns
        -------
        limit : int or None

        Examples
        --------
        >>> from skdvl.samplers import ExhaustiveSampler
        >>> ExhaustiveSampler().sample_limit(range(4))
        16
        """
        n = len(indices)
        n_rounds = self.n_rounds(n)
        if n_rounds is None:
            return None
        first, last = (
            len(walks) * max(walks.length, 1)
            for walks in (self._draw(0, t, n) for t in (0, n_rounds - 1))
        )
        return first * (n_rounds - 1) + last

    def log_weight(self, n, subset_len):
        """Log-probability that a draw is one given coalition.

        For marginals: of one given coalition of size `subset_len` among the n - 1 others,
        when a player is given. Monte Carlo means are weighted by the semivalue's own
        probability over this one.

        Parameters
        ----------
        n : int
            Number of players.
        subset_len : int
            Size of the coalition.

        Returns
        -------
        log_probability : float
            Natural logarithm; -inf for a size that is never drawn.

        Examples
        --------
        >>> from math import exp
        >>> from skdvl.samplers import UniformSampler
        >>> round(exp(UniformSampler().log_weight(4, 2)), 3)  # one of the 8 sets of 3 others
        0.125
        """
        pmf = self.size_pmf(n)
        others = len(pmf) - 1
        if not 0 <= subset_len <= others:
            raise ValueError(f"subset_len={subset_len} is not a size from 0 to {others}.")
        log_choices = gammaln([others + 1, subset_len + 1, others - subset_len + 1])
        with np.errstate(divide="ignore"):
            return float(np.log(pmf[subset_len]) - log_choices[0] + log_choices[1:].sum())

    def generate_batches(self, indices, random_state=None):
        """Iterate over batches of samples, for use without a valuator.

        A new call starts anew; closing the iterator ends it after the current batch.

        Parameters
        ----------
        indices : array-like of shape (n,)
            Names of the players, each once.
        random_state : int, RandomState instance or None, default=None

        Returns
        -------
        batches : iterator of list of Sample
            Each holds `batch_size` samples; the last one may be shorter.

        Raises
        ------
        ValueError
            If there are no indices, or the same one twice.

        Examples
        --------
        >>> from skdvl.samplers import LeaveOneOutSampler
        >>> for batch in LeaveOneOutSampler().generate_batches([10, 20, 30]):
        ...     for i, subset in batch:
        ...         print(i, subset)
        10 [20 30]
        20 [10 30]
        30 [10 20]
        """
        self._validate_params()
        indices = np.asarray(indices)
        if indices.ndim != 1 or not len(indices) or len(np.unique(indices)) < len(indices):
            raise ValueError(
                "indices must be a list of at least one player, each named once; got an array "
                f"of shape {indices.shape}."
            )
        seed = check_random_state(random_state).randint(2**31 - 1)
        return self._batches(indices, seed)

    def _draw(self, seed, index, n):
        return self.draw(Round(index, n, Streams(seed).of_round(index)))

    def _batches(self, indices, seed):
        samples = self._samples(indices, seed)
        while batch := list(islice(samples, self.batch_size)):
            yield batch

    def _samples(self, indices, seed):
        n_rounds = self.n_rounds(len(indices))
        for t in count() if n_rounds is None else range(n_rounds):
            walks = self._draw(seed, t, len(indices))
            for start, order in zip(walks.start, walks.order, strict=True):
                if not walks.length:
                    yield Sample(None, indices[start])
                mask = start.copy()
                for player in order:
                    yield Sample(indices[player].item(), indices[mask])
                    mask[player] = True
