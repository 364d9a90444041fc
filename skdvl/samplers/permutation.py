"""Walks through whole permutations: n evaluations give n marginals."""

import numpy as np

from ..coalitions import Walks
from .base import IndexSampler

_EVALUATIONS_PER_ROUND = 256  # enough to amortise a round, few enough to stop in time


class PermutationSampler(IndexSampler):
    """Uniform random permutations, each walked from nobody to everybody.

    A round walks one permutation, or as many as it takes to score 256 coalitions.

    Parameters
    ----------
    antithetic : bool, default=False
        Walk each permutation in reverse too. The two together are one observation.
    batch_size : int, default=1
        Samples in each batch of `generate_batches`.

    References
    ----------
    Castro, Gomez & Tejada (2009), "Polynomial calculation of the Shapley value based on
    sampling"; Mitchell et al. (2022), "Sampling permutations for Shapley value estimation".

    Examples
    --------
    >>> from skdvl.samplers import PermutationSampler
    >>> batches = PermutationSampler(batch_size=3).generate_batches([0, 1, 2], random_state=0)
    >>> [len(sample.subset) for sample in next(batches)]
    [0, 1, 2]
    """

    _parameter_constraints = {"antithetic": ["boolean"]}

    def __init__(self, antithetic=False, *, batch_size=1):
        self.antithetic = antithetic
        self.batch_size = batch_size

    def draw(self, round):
        n, copies = round.n_players, 2 if self.antithetic else 1
        n_permutations = -(-_EVALUATIONS_PER_ROUND // (n * copies))
        if n_permutations == 1:  # what permuted does, in half the time
            order = round.rng.permutation(n)[None]
        else:
            order = np.repeat(np.arange(n)[None], n_permutations, axis=0)
            order = round.rng.permuted(order, axis=1)
        if self.antithetic:
            order = np.stack([order, order[:, ::-1]], axis=1).reshape(-1, n)
        return Walks(np.zeros(order.shape, dtype=bool), order, group=copies)

    def size_pmf(self, n):
        return np.full(n, 1 / n)
