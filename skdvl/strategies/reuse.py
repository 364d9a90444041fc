"""Every coalition says something of every player (maximum sample reuse)."""

from functools import cached_property

import numpy as np

from ..coalitions import Walks
from .base import Estimate, EvaluationStrategy, importance


class SampleReuse(EvaluationStrategy):
    r"""Weighted mean score of the coalitions with a player, less that of those without.

    O(n) work for each coalition and O(n) memory. Standard errors are those of the linearised
    difference of two ratio means; a coalition and its complement, drawn as a pair, are one
    observation.

    Parameters
    ----------
    semivalue : skdvl.semivalues.Semivalue
    sampler : skdvl.samplers.IndexSampler
    n : int
        Number of players.

    Notes
    -----
    If coalitions S are drawn with probabilities :math:`r_k` of the sizes k, and the semivalue's are
    :math:`p_k`,

    .. math:: v_i \approx \frac{\sum_{S \ni i} a_{|S|}\, u(S)}{\sum_{S \ni i} a_{|S|}}
        - \frac{\sum_{S \not\ni i} b_{|S|}\, u(S)}{\sum_{S \not\ni i} b_{|S|}}, \qquad
        a_k = \frac{n\, p_{k-1}}{k\, r_k}, \quad b_k = \frac{n\, p_k}{(n - k)\, r_k}

    References
    ----------
    Wang & Jia (2023), "Data Banzhaf: a robust data valuation framework for machine learning",
    arXiv:2205.15466, extended to any semivalue by weights.

    Examples
    --------
    >>> import numpy as np
    >>> from skdvl import BanzhafValuator
    >>> from skdvl.games import WeightedVotingGame
    >>> from skdvl.samplers import CoalitionSampler
    >>> from skdvl.stopping import MaxEvaluations
    >>> from skdvl.strategies import SampleReuse
    >>> game = WeightedVotingGame(range(1, 13), 40)
    >>> valuator = BanzhafValuator(
    ...     sampler=CoalitionSampler(),
    ...     strategy=SampleReuse,
    ...     stopping=MaxEvaluations(5000),
    ...     random_state=0,
    ... )
    >>> error = valuator.fit_utility(game).values_ - game.banzhaf_values()
    >>> bool(np.abs(error).max() < 0.05)
    True
    """

    accepts = "coalitions"

    def _needs(self, proposal):
        k = np.arange(1, self.n + 1)
        inside, outside = proposal[1:] * k / self.n, proposal[:-1] * k[::-1] / self.n
        return [(self.pmf, inside), (self.pmf, outside)]

    def _weigh(self, proposal):
        (pmf, inside), (_, outside) = self._needs(proposal)
        self.inside = np.append(0, importance(pmf, inside))
        self.outside = np.append(importance(pmf, outside), 0)

    def empty(self):
        return {
            "inside": np.zeros((6, self.n)),
            "outside": np.zeros((6, self.n)),
            "across": np.zeros((4, self.n)),
            "origin": np.full((), np.nan),
            "seen": np.zeros(self.n + 1, dtype=np.int64),
        }

    def fold(self, tally, walks, scores):
        if walks.group > 2:
            raise ValueError("SampleReuse takes single coalitions or complement pairs.")
        mask, size = walks.start.astype(float), walks.sizes[:, 0]
        u = _centred(tally, scores[:, 0])
        sides = ("inside", self.inside[size], mask), ("outside", self.outside[size], 1 - mask)
        for name, w, member in sides:
            moments = np.stack([np.ones_like(w), w, w * u, w**2, w**2 * u, w**2 * u**2])
            tally[name] += moments @ member
        if walks.group == 2:  # of each pair, a player is inside one and outside the other
            w_in, w_out = self.inside[size], self.outside[_mates(size)]
            v = _mates(u)
            w = w_in * w_out
            tally["across"] += np.stack([w, w * u, w * v, w * u * v]) @ mask
        tally["seen"] += np.bincount(size, minlength=self.n + 1)

    def estimate(self, tally):
        inside, outside = tally["inside"], tally["outside"]
        known = (inside[1] > 0) & (outside[1] > 0)
        counts = (inside[0] + outside[0]).astype(np.int64)
        values, stderr = np.full(self.n, np.nan), np.full(self.n, np.inf)
        if not known.any():
            return Estimate(values, stderr, counts)
        inside, outside, across = inside[:, known], outside[:, known], tally["across"][:, known]
        a, b = inside[2] / inside[1], outside[2] / outside[1]
        values[known] = a - b
        seen = np.minimum(tally["seen"][1:], tally["seen"][:-1])
        if self.limit is None and self._covered(seen):
            variance = _ratio_variance(inside, a) + _ratio_variance(outside, b)
            across = across[3] - b * across[1] - a * across[2] + a * b * across[0]
            variance -= 2 * across / (inside[1] * outside[1])
            enough = np.minimum(inside[0], outside[0]) > 1
            stderr[known] = np.where(enough, np.sqrt(np.maximum(variance, 0)), np.inf)
        if self.limit is not None:
            stderr[known & (counts >= self.limit)] = 0.0
        few = np.minimum(tally["inside"][0], tally["outside"][0])
        return Estimate(values, stderr, counts, freedom=np.maximum(few - 1, 1))


def _centred(tally, scores):
    """Scores less the first one of the run: sums of squares keep their digits near zero."""
    if np.isnan(tally["origin"]):
        tally["origin"][...] = scores[0]
    return scores - tally["origin"]


def _mates(array):
    """Change the places of the two members of each pair."""
    return array.reshape(-1, 2)[:, ::-1].ravel()


def _ratio_variance(moments, mean):
    """Variance of a weighted mean, from sums of 1, w, wu, w^2, w^2 u and w^2 u^2."""
    count, w, _, w2, w2u, w2u2 = moments
    residual = np.maximum(w2u2 - 2 * mean * w2u + mean**2 * w2, 0)
    return residual / w**2 * count / np.maximum(count - 1, 1)


class PerSizeReuse(EvaluationStrategy):
    r"""Mean scores with and without each player, kept for every coalition size.

    The value is ``sum_k p[k] * (mean of size k + 1 with i - mean of size k without i)``, so the
    change of the score with the size alone, which is most of its variance, drops out, and one
    set of evaluations serves every semivalue. The price is O(n^2) memory. Sizes 0, 1, n - 1
    and n are enumerated once, at the beginning, and exact. Until a player has been seen in a size,
    the mean over all players of that size stands in, and the standard error, which is pooled over
    players within a size, counts it as one observation. It is conservative: what a player's
    presence explains counts as noise too.

    Parameters
    ----------
    semivalue : skdvl.semivalues.Semivalue
    sampler : skdvl.samplers.IndexSampler
    n : int
        Number of players.

    Notes
    -----
    With the means of scores of coalitions of each size k, with a player and without,

    .. math:: v_i \approx \sum_{k=0}^{n-1} p_k \big(
        \bar u_{k+1}^{\,\ni i} - \bar u_k^{\,\not\ni i} \big)

    References
    ----------
    Li & Yu (2024), "One sample fits all: approximating all probabilistic values
    simultaneously and efficiently", arXiv:2410.23808.

    Examples
    --------
    >>> import numpy as np
    >>> from skdvl import ShapleyValuator
    >>> from skdvl.games import AirportGame
    >>> from skdvl.samplers import SizeOptimalSampler
    >>> from skdvl.semivalues import BetaShapley
    >>> from skdvl.stopping import MaxEvaluations
    >>> from skdvl.strategies import PerSizeReuse
    >>> game = AirportGame(range(12))
    >>> shapley = ShapleyValuator(
    ...     sampler=SizeOptimalSampler(),
    ...     strategy=PerSizeReuse,
    ...     stopping=MaxEvaluations(5000),
    ...     random_state=0,
    ... ).fit_utility(game)
    >>> beta = shapley.revalue(BetaShapley(4, 1))  # from the same 5000 scores
    >>> float(np.corrcoef(beta.values_, game.semivalues(BetaShapley(4, 1)))[0, 1].round(2))
    1.0
    """

    accepts = "coalitions"
    keeps_scores = True
    _most_players = 2000

    def __init__(self, semivalue, sampler, n):
        super().__init__(semivalue, sampler, n)
        if sampler._draw(0, 0, 4).group > 1:
            raise ValueError(
                f"PerSizeReuse needs coalitions drawn independently, and {sampler!r} draws pairs. "
                "Use CoalitionSampler or SizeOptimalSampler, or SampleReuse."
            )
        if n > self._most_players:
            raise ValueError(
                f"PerSizeReuse keeps tables of n x n numbers and takes at most "
                f"{self._most_players} players; there are {self.n}. Use SampleReuse."
            )

    def _needs(self, proposal):
        drawn = np.where(self.ends, 1.0, proposal)
        return [(self.pmf, drawn[1:]), (self.pmf, drawn[:-1])]

    @cached_property
    def ends(self):
        """Sizes that the prelude enumerates."""
        return np.isin(np.arange(self.n + 1), [0, 1, self.n - 1, self.n])

    def prelude(self):
        none, one = np.zeros((1, self.n), dtype=bool), np.eye(self.n, dtype=bool)
        ends = np.unique(np.concatenate([none, one, ~one, ~none]), axis=0)
        return Walks(ends, np.empty((len(ends), 0), dtype=np.intp))

    def empty(self):
        n = self.n
        return {
            "count": np.zeros(n + 1, dtype=np.int64),
            "mean": np.zeros(n + 1),
            "m2": np.zeros(n + 1),
            "count_inside": np.zeros((n + 1, n)),
            "sum_inside": np.zeros((n + 1, n)),
            "origin": np.full((), np.nan),
        }

    def fold(self, tally, walks, scores):
        # The ends are known from the prelude; drawing them again has nothing to add.
        known = len(self.prelude()) if not tally["count"].any() else 0
        keep = ~self.ends[walks.sizes[:, 0]]
        keep[:known] = True
        if not keep.any():
            return
        walks = Walks(walks.start[keep], walks.order[keep])
        size, u = walks.sizes[:, 0], _centred(tally, scores[keep, 0])
        by_size = np.argsort(size, kind="stable")
        sizes, first = np.unique(size[by_size], return_index=True)
        mask, u = walks.start[by_size], u[by_size]
        tally["count_inside"][sizes] += np.add.reduceat(mask.astype(float), first)
        tally["sum_inside"][sizes] += np.add.reduceat(mask * u[:, None], first)
        count = np.diff(np.append(first, len(u)))
        mean = np.add.reduceat(u, first) / count
        m2 = np.add.reduceat((u - np.repeat(mean, count)) ** 2, first)
        old, delta = tally["count"][sizes], mean - tally["mean"][sizes]
        tally["m2"][sizes] += m2 + delta**2 * old * count / (old + count)
        tally["mean"][sizes] += delta * count / (old + count)
        tally["count"][sizes] += count

    def estimate(self, tally):
        count, total = tally["count"], tally["count"] * tally["mean"]
        inside, sum_inside = tally["count_inside"], tally["sum_inside"]
        spread = np.where(self.ends, 0.0, tally["m2"] / np.maximum(count - 1, 1))
        with_i = _side(inside[1:], sum_inside[1:], tally["mean"][1:], spread[1:])
        outside, sum_outside = count[:, None] - inside, total[:, None] - sum_inside
        without_i = _side(outside[:-1], sum_outside[:-1], tally["mean"][:-1], spread[:-1])
        met = count > 0
        values = self.pmf * (met[1:] & met[:-1]) @ (with_i[0] - without_i[0])
        met = (self.ends & met) | (count > 1)
        known = met[1:] & met[:-1]
        stderr = np.full(self.n, np.inf)
        if self.limit is None and self._covered(known):
            stderr = np.sqrt((self.pmf * known) ** 2 @ (with_i[1] + without_i[1]))
        if not count.any():
            values[:] = np.nan
        if self.limit is not None and count.sum() >= self.limit:
            stderr[:] = 0.0
        return Estimate(values, stderr, np.full(self.n, count.sum()))


def _side(count, total, fallback, spread):
    """Means of one side, of shape (sizes, n), and their variances."""
    mean = np.where(count > 0, total / np.maximum(count, 1), fallback[:, None])
    return mean, spread[:, None] / np.maximum(count, 1)
