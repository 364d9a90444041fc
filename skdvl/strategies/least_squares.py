"""Values as the weights of a linear model of the score, for comparison."""

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from ..semivalues import Banzhaf, Shapley
from .base import Estimate, importance
from .moments import Sample
from .regression import RegressionAdjusted

_LEVERAGE = 0.95  # at most
_ENOUGH = 2  # observations for each player, below which the weights are shrunk


class _LeastSquares(RegressionAdjusted):
    """Fit a line through centred membership; subclasses say how coalitions are weighted.

    Coalitions and the tally are those of `RegressionAdjusted`, and so is the prelude.
    """

    takes_controls = False
    wants: str | None = None

    def __init__(self, semivalue, sampler, n):
        super().__init__(semivalue, sampler, n)
        if not self._suits(semivalue):
            raise ValueError(
                f"{type(self).__name__} gives {self.wants} values only, and {semivalue!r} was "
                "asked for. Use RegressionAdjusted, which takes any semivalue."
            )
        if self.group != 2:
            raise ValueError(
                f"{type(self).__name__} takes coalitions with their complements, and {sampler!r} "
                "draws single ones. Use PairedSampler or LeverageSampler."
            )

    def estimate(self, tally):
        sizes, scores = tally["sizes"], tally["scores"]
        counts = np.full(self.n, len(sizes) + len(tally["border"]))
        unknown = np.full(self.n, np.inf)
        if not len(sizes):
            return Estimate(np.full(self.n, np.nan), unknown, counts)
        level, slope = self._line(tally)
        scores = scores - level - slope * sizes
        weights, paired = importance(self.wanted, self.drawn)[sizes], self.group == 2
        sample = Sample(tally["masks"], sizes, scores, np.empty((len(sizes), 0)), weights, paired)
        border = tally["border"] - level - slope * np.count_nonzero(self.border, axis=1)
        gram, told = self._sums(sample, border)
        few = sample.n_observations < _ENOUGH * self.n
        ridge = np.trace(gram) / self.n * (1 if few else 1e-10)
        gram[np.diag_indices_from(gram)] += ridge
        factor = cho_factor(gram)
        effects = cho_solve(factor, told)
        freedom = np.full(self.n, max(sample.n_observations - self.n, 1.0))
        if few or sample.n_observations <= self.n:
            return Estimate(effects + slope, unknown, counts, freedom=freedom)
        stderr = self._sandwich(sample, cho_solve(factor, np.eye(self.n)), effects)
        return Estimate(effects + slope, stderr, counts, freedom=freedom)

    def _pieces(self, sample):
        """Yield centred memberships, scores and weights of some observations at a time."""
        group = self.group
        for part, masks in sample.stretches(self.n):
            z = masks[::group] - self._centre(sample.sizes[part][::group])[:, None]
            y = sample.difference(sample.scores[part]) / group
            yield z, y, sample.of_each(sample.weights[part])

    def _sums(self, sample, border):
        """Return the moments of memberships, and of memberships and scores."""
        sizes = np.count_nonzero(self.border, axis=1)
        z = self.border - self._centre(sizes)[:, None]
        share = self.wanted[sizes] / np.bincount(sizes)[sizes]  # each size is scored as a whole
        weighted = z * (sample.n_observations * share)[:, None]
        gram, told = weighted.T @ z, weighted.T @ border
        for z, y, w in self._pieces(sample):
            weighted = z * w[:, None]
            gram += weighted.T @ z
            told += weighted.T @ y
        return gram, told

    def _sandwich(self, sample, inverse, effects):
        """Return standard errors that hold whatever the model leaves over."""
        variance = np.zeros(self.n)
        for z, y, w in self._pieces(sample):
            draws = z @ inverse
            leverage = np.minimum(w * np.einsum("ij,ij->i", draws, z), _LEVERAGE)
            left = w * (y - z @ effects) / (1 - leverage)
            variance += (left**2) @ draws**2
        return np.sqrt(variance)


class KernelBanzhaf(_LeastSquares):
    r"""Banzhaf values as the weights of a linear regression of the score.

    The linear function of membership that is nearest to the score, over all coalitions alike, has
    the Banzhaf values for weights. With fewer than two observations for each player the weights
    are shrunk, since they would be of any size otherwise, and errors are unknown.

    Kept for comparison: `RegressionAdjusted` with the same sampler is without bias, and has lower
    errors from about 20 players on.

    Parameters
    ----------
    semivalue : skdvl.semivalues.Semivalue
    sampler : skdvl.samplers.IndexSampler
    n : int
        Number of players.

    Notes
    -----
    .. math:: \min_{a,\, v} \sum_S \Big( u(S) - a - \sum_{i \in S} v_i \Big)^2

    References
    ----------
    Liu, Witter, Korn, Alrashed, Paparas, Musco & Freire (2024), "Kernel Banzhaf: a fast and
    robust estimator for Banzhaf values", arXiv:2410.08336.

    Examples
    --------
    >>> from skdvl import BanzhafValuator
    >>> from skdvl.games import ShoesGame
    >>> from skdvl.samplers import PairedSampler
    >>> from skdvl.semivalues import Banzhaf
    >>> from skdvl.stopping import MaxEvaluations
    >>> from skdvl.strategies import KernelBanzhaf
    >>> valuator = BanzhafValuator(
    ...     sampler=PairedSampler(Banzhaf()),
    ...     strategy=KernelBanzhaf,
    ...     stopping=MaxEvaluations(2000),
    ...     random_state=0,
    ... )
    >>> valuator.fit_utility(ShoesGame(6, 6)).values_.shape
    (12,)
    """

    wants = "Banzhaf"

    @staticmethod
    def _suits(semivalue):
        return type(semivalue) is Banzhaf and semivalue.p == 0.5

    def _weigh(self, proposal):
        super()._weigh(proposal)
        self.wanted = Banzhaf().size_pmf(self.n + 1)

    def _centre(self, sizes):
        return np.full(len(sizes), 0.5)

    def _line(self, tally):
        return tally["scores"].mean(), 0.0


class LeverageSHAP(_LeastSquares):
    r"""Shapley values as the weights of a linear regression, by leverage score sampling.

    The linear function that is nearest to the score, weighted as in KernelSHAP and exact for
    nobody and everybody, has the Shapley values for weights. With fewer than two observations
    for each player the weights are shrunk, and errors are unknown.

    Kept for comparison: `RegressionAdjusted` is without bias, and has lower errors for learners.

    Parameters
    ----------
    semivalue : skdvl.semivalues.Semivalue
    sampler : skdvl.samplers.IndexSampler
    n : int
        Number of players.

    Notes
    -----
    .. math:: \min_v \sum_{0 < |S| < n} \frac{1}{\binom{n}{|S|} |S| (n - |S|)}
        \Big( u(S) - u(\emptyset) - \sum_{i \in S} v_i \Big)^2
        \quad \text{with} \quad \sum_i v_i = u(N) - u(\emptyset)

    References
    ----------
    Musco & Witter (2025), "Provably accurate Shapley value estimation via leverage score
    sampling", arXiv:2410.01917.

    Examples
    --------
    >>> from skdvl import ShapleyValuator
    >>> from skdvl.games import ShoesGame
    >>> from skdvl.samplers import LeverageSampler
    >>> from skdvl.stopping import MaxEvaluations
    >>> from skdvl.strategies import LeverageSHAP
    >>> valuator = ShapleyValuator(
    ...     sampler=LeverageSampler(),
    ...     strategy=LeverageSHAP,
    ...     stopping=MaxEvaluations(2000),
    ...     random_state=0,
    ... )
    >>> game = ShoesGame(6, 6)
    >>> round(float(valuator.fit_utility(game).values_.sum()), 3)  # what all are worth together
    6.0
    """

    wants = "Shapley"

    @staticmethod
    def _suits(semivalue):
        return type(semivalue) is Shapley

    def _weigh(self, proposal):
        super()._weigh(proposal)
        pairs = np.arange(self.n + 1) * (self.n - np.arange(self.n + 1.0))
        self.wanted = np.divide(1, pairs, out=np.zeros(self.n + 1), where=pairs > 0)

    def _centre(self, sizes):
        return sizes / self.n

    def _line(self, tally):
        sizes = np.count_nonzero(self.border, axis=1)
        none, everyone = (tally["border"][sizes == size][0] for size in (0, self.n))
        return none, (everyone - none) / self.n
