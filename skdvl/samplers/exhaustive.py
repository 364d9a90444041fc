"""Everything there is, once: exact values for few players."""

from math import factorial

import numpy as np
from scipy import stats

from ..coalitions import Walks
from .base import IndexSampler

_PER_ROUND = 1024
_MOST_PLAYERS = 20
_MOST_PLAYERS_PERMUTED = 10


def _refuse(sampler, n, most, what):
    if n > most:
        raise ValueError(
            f"{type(sampler).__name__} would enumerate {what} of {n} players; it does so for at "
            f"most {most}. Use PermutationSampler() for more."
        )


class ExhaustiveSampler(IndexSampler):
    """Every coalition once: 2^n evaluations, each of them used for all players.

    At most 20 players. The values are exact once the sampler has ended.

    Parameters
    ----------
    batch_size : int, default=1
        Samples in each batch of `generate_batches`.

    Examples
    --------
    >>> from skdvl.samplers import ExhaustiveSampler
    >>> ExhaustiveSampler().sample_limit(range(10))
    1024
    """

    draws = "coalitions"

    def __init__(self, *, batch_size=1):
        self.batch_size = batch_size

    def draw(self, round):
        n = round.n_players
        first = round.index * _PER_ROUND
        codes = np.arange(first, min(first + _PER_ROUND, 2**n))
        start = (codes[:, None] >> np.arange(n) & 1).astype(bool)
        return Walks(start, np.empty((len(start), 0), dtype=np.intp))

    def size_pmf(self, n):
        return stats.binom.pmf(np.arange(n + 1), n, 0.5)

    def n_rounds(self, n):
        _refuse(self, n, _MOST_PLAYERS, f"2^{n} coalitions")
        return -(-(2**n) // _PER_ROUND)


class ExhaustivePermutationSampler(IndexSampler):
    """Every permutation once, in lexicographic order.

    At most 10 players. The values are exact once the sampler has ended; `ExhaustiveSampler`
    reaches the same values with 2^n evaluations instead of n n!.

    Parameters
    ----------
    batch_size : int, default=1
        Samples in each batch of `generate_batches`.

    Examples
    --------
    >>> from skdvl.samplers import ExhaustivePermutationSampler
    >>> ExhaustivePermutationSampler().sample_limit(["a", "b", "c"])
    18
    """

    def __init__(self, *, batch_size=1):
        self.batch_size = batch_size

    def draw(self, round):
        n = round.n_players
        first = round.index * self._walks_per_round(n)
        codes = np.arange(first, min(first + self._walks_per_round(n), factorial(n)))
        order = _unrank_permutations(codes, n)
        return Walks(np.zeros(order.shape, dtype=bool), order)

    def size_pmf(self, n):
        return np.full(n, 1 / n)

    def n_rounds(self, n):
        _refuse(self, n, _MOST_PLAYERS_PERMUTED, f"{n}! permutations")
        return -(-factorial(n) // self._walks_per_round(n))

    def _walks_per_round(self, n):
        return -(-_PER_ROUND // n)


def _unrank_permutations(codes, n):
    """Permutations of 0..n-1 by their lexicographic number, through the factorial digits."""
    left = np.tile(np.arange(n), (len(codes), 1))
    rows = np.arange(len(codes))
    order = np.empty((len(codes), n), dtype=np.intp)
    for place in range(n):
        digit, codes = np.divmod(codes, factorial(n - 1 - place))
        order[:, place] = left[rows, digit]
        keep = np.ones(left.shape, dtype=bool)
        keep[rows, digit] = False
        left = left[keep].reshape(len(rows), -1)
    return order
