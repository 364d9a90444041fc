"""Single coalitions, each of which says something of every player."""

from numbers import Real

import numpy as np
from scipy import stats
from sklearn.utils._param_validation import Interval, StrOptions

from ..coalitions import Walks, bernoulli_subsets, draws_per_round, random_subsets
from ..semivalues import Semivalue, Shapley
from .base import IndexSampler

_LOOK_AHEAD = 10  # evaluations for each player
_CHEAP = 0.6  # draws for each coalition of a size, above which all of them are scored instead


def _single(start, group=1):
    return Walks(start, np.empty((len(start), 0), dtype=np.intp), group)


def _per_round(n):
    return draws_per_round(n, at_most=max(n, 256))


class CoalitionSampler(IndexSampler):
    """Every player present with probability `p`, independently: maximum sample reuse.

    Parameters
    ----------
    p : float in (0, 1), default=0.5
    batch_size : int, default=1
        Samples in each batch of `generate_batches`; the index of each is None.

    References
    ----------
    Wang & Jia (2023), "Data Banzhaf: a robust data valuation framework for machine learning",
    arXiv:2205.15466.

    Examples
    --------
    >>> import numpy as np
    >>> from skdvl.samplers import CoalitionSampler
    >>> sampler = CoalitionSampler(p=0.1, batch_size=1000)
    >>> batch = next(sampler.generate_batches(range(50), random_state=0))
    >>> sizes = [len(members) for _, members in batch]
    >>> float(np.mean(sizes).round(1))  # a tenth of the players
    5.0
    """

    draws = "coalitions"
    _parameter_constraints = {"p": [Interval(Real, 0, 1, closed="neither")]}

    def __init__(self, p=0.5, *, batch_size=1):
        self.p = p
        self.batch_size = batch_size

    def draw(self, round):
        n = round.n_players
        return _single(bernoulli_subsets(round.rng, np.full(_per_round(n), self.p), n))

    def size_pmf(self, n):
        return stats.binom.pmf(np.arange(n + 1), n, self.p)


class SizeOptimalSampler(IndexSampler):
    """Coalitions whose sizes minimise the variance of a semivalue's sample-reuse estimate.

    Size k is drawn in proportion to ``sqrt(p[k-1]**2 / k + p[k]**2 / (n - k)) * k**-tilt``, where
    p is the semivalue's size distribution. The sizes of a round are drawn systematically: each
    comes as often as it should, rounded up or down.

    Parameters
    ----------
    semivalue : Semivalue or None, default=None
        None means `Shapley()`.
    tilt : float, default=0.0
        Above 0, small coalitions are drawn more often than is best if all scores vary alike:
        scores of learners vary most where there are few rows.
    paired : bool, default=False
        Follow each coalition by its complement; the two together are one observation. The sizes
        are made symmetric, since a coalition of size k brings one of size n - k.
    enumerate_border : bool or "auto", default=False
        Never draw the sizes 0, 1, n - 1 and n, for a strategy that scores all of their coalitions
        once, as `RegressionAdjusted` does. "auto": only 0, n, and those of which most coalitions
        would be drawn within 10 n evaluations anyway.
    batch_size : int, default=1
        Samples in each batch of `generate_batches`; the index of each is None.

    References
    ----------
    Li & Yu (2024), "One sample fits all: approximating all probabilistic values
    simultaneously and efficiently", arXiv:2410.23808.

    Examples
    --------
    >>> from skdvl.samplers import SizeOptimalSampler
    >>> SizeOptimalSampler(tilt=0.5, enumerate_border=True).size_pmf(6).round(2)
    array([0.  , 0.  , 0.4 , 0.31, 0.29, 0.  , 0.  ])
    """

    draws = "coalitions"
    _parameter_constraints = {
        "semivalue": [Semivalue, None],
        "tilt": [Interval(Real, 0, None, closed="left")],
        "paired": ["boolean"],
        "enumerate_border": ["boolean", StrOptions({"auto"})],
    }

    def __init__(
        self, semivalue=None, tilt=0.0, *, paired=False, enumerate_border=False, batch_size=1
    ):
        self.semivalue = semivalue
        self.tilt = tilt
        self.paired = paired
        self.enumerate_border = enumerate_border
        self.batch_size = batch_size

    def draw(self, round):
        n, how_many = round.n_players, _per_round(round.n_players)
        if not self.paired:
            return _single(self._subsets(round, how_many))
        start = self._subsets(round, -(-how_many // 2))
        return _single(np.stack([start, ~start], axis=1).reshape(-1, n), group=2)

    def size_pmf(self, n):
        pmf = (Shapley() if self.semivalue is None else self.semivalue).size_pmf(n)
        k = np.arange(1, n + 1)
        inside = np.append(0, pmf**2 / k)  # what the players of a coalition of size k need
        outside = np.append(pmf**2 / k[::-1], 0)  # and what those who are not in it need
        weight = np.sqrt(inside + outside) * np.maximum(np.arange(n + 1), 1) ** -float(self.tilt)
        if self.paired:
            weight = weight + weight[::-1]
        return self._without_border(weight / weight.sum())

    def _without_border(self, pmf):
        n = len(pmf) - 1
        if not self.enumerate_border or n < 4:  # of three, nothing would be left
            return pmf
        pmf = np.where(np.isin(np.arange(n + 1), [0, n]), 0, pmf)
        pmf /= pmf.sum()
        often = pmf[[1, n - 1]] * _LOOK_AHEAD >= _CHEAP
        if self.enumerate_border is True:
            often[:] = True
        elif self.paired:
            often[:] = often.all()
        rest = pmf.copy()
        rest[np.array([1, n - 1])[often]] = 0
        return rest / rest.sum() if rest.any() else pmf

    def _subsets(self, round, how_many):
        """Draw coalitions; their sizes stand as far apart in the distribution as they can."""
        n, rng = round.n_players, round.rng
        at = (np.arange(how_many) + rng.random()) / how_many
        reached = np.cumsum(self.size_pmf(n))
        sizes = np.searchsorted(reached / reached[-1], at, side="right")
        return random_subsets(rng, rng.permutation(np.minimum(sizes, n)), n)


class PairedSampler(SizeOptimalSampler):
    """`SizeOptimalSampler` with ``paired=True``: each coalition is followed by its complement.

    Parameters
    ----------
    semivalue : Semivalue or None, default=None
        None means `Shapley()`.
    batch_size : int, default=1
        Samples in each batch of `generate_batches`; the index of each is None.

    References
    ----------
    Musco & Witter (2025), "Provably accurate Shapley value estimation via leverage score
    sampling", arXiv:2410.01917.

    Examples
    --------
    >>> from skdvl.samplers import PairedSampler
    >>> batches = PairedSampler(batch_size=2).generate_batches(range(6), random_state=0)
    >>> for _, members in next(batches):
    ...     print(members)
    [1]
    [0 2 3 4 5]
    """

    _parameter_constraints = {"semivalue": [Semivalue, None]}
    tilt, paired, enumerate_border = 0.0, True, False

    def __init__(self, semivalue=None, *, batch_size=1):
        self.semivalue = semivalue
        self.batch_size = batch_size


class GroupTestingSampler(SizeOptimalSampler):
    """Coalitions of the sizes 1 to n - 1, in proportion to 1/k + 1/(n - k).

    Parameters
    ----------
    batch_size : int, default=1
        Samples in each batch of `generate_batches`; the index of each is None.

    References
    ----------
    Jia et al. (2019), "Towards efficient data valuation based on the Shapley value",
    arXiv:1902.10275.

    Examples
    --------
    >>> from skdvl.samplers import GroupTestingSampler
    >>> GroupTestingSampler().size_pmf(5).round(2)
    array([0.  , 0.3, 0.2, 0.2, 0.3, 0.  ])
    """

    _parameter_constraints = {}
    semivalue, tilt, paired, enumerate_border = None, 0.0, False, False

    def __init__(self, *, batch_size=1):
        self.batch_size = batch_size

    def size_pmf(self, n):
        if n == 1:
            return np.full(2, 0.5)
        k = np.arange(1, n)
        weight = np.concatenate([[0.0], 1 / k + 1 / k[::-1], [0.0]])
        return weight / weight.sum()


class LeverageSampler(SizeOptimalSampler):
    """Coalitions and their complements, of each size from 1 to n - 1 alike.

    These are the leverage scores of the regression whose weights are Shapley values.

    Parameters
    ----------
    batch_size : int, default=1
        Samples in each batch of `generate_batches`; the index of each is None.

    References
    ----------
    Musco & Witter (2025), "Provably accurate Shapley value estimation via leverage score
    sampling", arXiv:2410.01917.

    Examples
    --------
    >>> from skdvl.samplers import LeverageSampler
    >>> LeverageSampler().size_pmf(5)
    array([0.  , 0.25, 0.25, 0.25, 0.25, 0.  ])
    """

    _parameter_constraints = {}
    semivalue, tilt, paired, enumerate_border = None, 0.0, True, False

    def __init__(self, *, batch_size=1):
        self.batch_size = batch_size

    def size_pmf(self, n):
        is_drawn = np.isin(np.arange(n + 1), [0, n], invert=n > 1)
        return is_drawn / is_drawn.sum()
