"""The size of the coalition first, then a uniform coalition of that size."""

from abc import abstractmethod
from numbers import Integral, Real

import numpy as np
from sklearn.utils._param_validation import Interval, StrOptions

from ..coalitions import Walks, random_subsets
from ..semivalues import band_pmf
from .base import IndexSampler, players_of_round

_SIZE_OR_SHARE = [
    Interval(Integral, 0, None, closed="left"),
    Interval(Real, 0, 1, closed="both"),
]


class _SizeFirstSampler(IndexSampler):
    """Each player joins a coalition whose size is drawn from `size_pmf`."""

    def draw(self, round):
        n, rng = round.n_players, round.rng
        player = players_of_round(round.index, n)
        sizes = rng.choice(n, size=len(player), p=self.size_pmf(n))
        # Draw among n - 1 places, then let the player's own place change with the last one.
        start = np.zeros((len(player), n), dtype=bool)
        start[:, : n - 1] = random_subsets(rng, sizes, n - 1)
        rows = np.arange(len(player))
        start[rows, n - 1] = start[rows, player]
        start[rows, player] = False
        return Walks(start, player[:, None])

    @abstractmethod
    def size_pmf(self, n): ...


class StratifiedSampler(_SizeFirstSampler):
    """Sizes by an allocation, coalitions uniform within a size.

    Parameters
    ----------
    allocation : {"uniform", "harmonic", "power"} or callable, default="uniform"
        How often each size k = 0..n-1 is drawn: alike, in proportion to ``1 / (k + 1)``, in
        proportion to ``(k + 1) ** exponent``, or in proportion to the array of shape (n,) that
        ``allocation(n)`` returns.
    exponent : float, default=-0.5
        Used by ``allocation="power"`` alone.
    batch_size : int, default=1
        Samples in each batch of `generate_batches`.

    References
    ----------
    Castro et al. (2017), "Improving polynomial estimation of the Shapley value by stratified
    random sampling with optimum allocation".

    Examples
    --------
    >>> from skdvl.samplers import StratifiedSampler
    >>> StratifiedSampler("harmonic").size_pmf(3).round(3)
    array([0.545, 0.273, 0.182])
    """

    _parameter_constraints = {
        "allocation": [StrOptions({"uniform", "harmonic", "power"}), callable],
        "exponent": [Real],
    }

    def __init__(self, allocation="uniform", exponent=-0.5, *, batch_size=1):
        self.allocation = allocation
        self.exponent = exponent
        self.batch_size = batch_size

    def size_pmf(self, n):
        if callable(self.allocation):
            weight = np.asarray(self.allocation(n), dtype=float)
            if weight.shape != (n,) or not np.isfinite(weight).all() or (weight < 0).any():
                raise ValueError(
                    f"allocation({n}) must return {n} non-negative finite numbers, one for each "
                    f"size from 0 to {n - 1}; it returned an array of shape {weight.shape}."
                )
            if not weight.any():
                raise ValueError(f"allocation({n}) returned zeros only: no size can be drawn.")
            return weight / weight.sum()
        exponent = {"uniform": 0.0, "harmonic": -1.0, "power": self.exponent}[self.allocation]
        return _power_pmf(exponent, n)


class VRDSSampler(_SizeFirstSampler):
    """Variance-reduced stratified sampling: sizes k in proportion to ``(k + 1) ** exponent``.

    Marginals of a learner vary most in small coalitions, which are drawn more often.

    Parameters
    ----------
    exponent : float, default=-1.0
        Negative favours small coalitions.
    batch_size : int, default=1
        Samples in each batch of `generate_batches`.

    References
    ----------
    Wu et al. (2023), "Variance reduced Shapley value estimation for trustworthy data
    valuation".

    Examples
    --------
    >>> from skdvl.samplers import VRDSSampler
    >>> VRDSSampler().size_pmf(4)
    array([0.48, 0.24, 0.16, 0.12])
    >>> VRDSSampler(exponent=0.0).size_pmf(4)
    array([0.25, 0.25, 0.25, 0.25])
    """

    _parameter_constraints = {"exponent": [Real]}

    def __init__(self, exponent=-1.0, *, batch_size=1):
        self.exponent = exponent
        self.batch_size = batch_size

    def size_pmf(self, n):
        return _power_pmf(self.exponent, n)


class DeltaShapleySampler(_SizeFirstSampler):
    """Sizes uniform over a band; made for `DeltaShapley` with the same band.

    Parameters
    ----------
    lower, upper : int or float, default=0.1 and 0.5
        First and last size of the band: an integer is a size, a float in [0, 1] a share of
        n - 1.
    batch_size : int, default=1
        Samples in each batch of `generate_batches`.

    References
    ----------
    Watson et al. (2023), "Accelerated Shapley value approximation for data evaluation",
    arXiv:2311.05346.

    Examples
    --------
    >>> from skdvl.samplers import DeltaShapleySampler
    >>> sampler = DeltaShapleySampler(lower=2, upper=0.5, batch_size=8)
    >>> batch = next(sampler.generate_batches(range(9), random_state=0))
    >>> [len(others) for _, others in batch]
    [3, 3, 2, 3, 2, 2, 2, 4]
    """

    _parameter_constraints = {"lower": _SIZE_OR_SHARE, "upper": _SIZE_OR_SHARE}

    def __init__(self, lower=0.1, upper=0.5, *, batch_size=1):
        self.lower = lower
        self.upper = upper
        self.batch_size = batch_size

    def size_pmf(self, n):
        return band_pmf(self.lower, self.upper, n)


def _power_pmf(exponent, n):
    weight = (1.0 + np.arange(n)) ** exponent
    return weight / weight.sum()
