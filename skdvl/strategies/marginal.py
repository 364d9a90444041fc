"""The mean of importance-weighted marginals."""

import numpy as np

from .base import Estimate, EvaluationStrategy, importance

_ONE = np.ones((), dtype=np.int64)  # added in half the time of an integer of Python


class MarginalMean(EvaluationStrategy):
    r"""Average ``u(S + i) - u(S)``, weighted by how often the semivalue wants that size.

    The mean over a group of walks that were drawn together is one observation. Observations are
    summed up as distances from the first one of their player, which is about as far from the mean
    as others are: so the difference of sums that is a variance does not lose digits.

    Parameters
    ----------
    semivalue : skdvl.semivalues.Semivalue
    sampler : skdvl.samplers.IndexSampler
    n : int
        Number of players.

    Notes
    -----
    If coalitions :math:`S_1, \dots, S_m` that player i joins are drawn with probabilities
    :math:`q_k` of the sizes k, and the semivalue's are :math:`p_k`,

    .. math:: v_i \approx \frac{1}{m} \sum_{j=1}^m \frac{p_{|S_j|}}{q_{|S_j|}}
        \big( u(S_j \cup i) - u(S_j) \big)

    References
    ----------
    Chan, Golub & LeVeque (1983), "Algorithms for computing the sample variance": shifted data.

    Examples
    --------
    >>> import numpy as np
    >>> from skdvl.coalitions import Walks
    >>> from skdvl.samplers import PermutationSampler
    >>> from skdvl.semivalues import Shapley
    >>> from skdvl.strategies import MarginalMean
    >>> strategy = MarginalMean(Shapley(), PermutationSampler(), 3)
    >>> tally = strategy.empty()
    >>> order = np.array([[2, 0, 1], [0, 1, 2]])
    >>> scores = np.array([[0.0, 0.5, 0.7, 1.0], [0.0, 0.6, 0.8, 1.0]])
    >>> strategy.fold(tally, Walks(np.zeros((2, 3), dtype=bool), order), scores)
    >>> strategy.estimate(tally).values
    array([0.4 , 0.25, 0.35])
    """

    def _weigh(self, proposal):
        self.weight = importance(self.pmf, proposal)
        self.is_even = bool((self.weight == 1).all())
        self.borrowed = max(self.weight[self.pmf > 0].max() - 1, 1)
        second, fourth = (proposal @ self.weight**power for power in (2, 4))
        self.enough = 30 * fourth / second**2  # observations before a variance can be trusted

    def empty(self):
        return {
            "count": np.zeros(self.n, dtype=np.int64),
            "origin": np.zeros(self.n),
            "sum": np.zeros(self.n),
            "squares": np.zeros(self.n),
            "seen": np.zeros(self.n, dtype=bool),
            "group": np.zeros((), dtype=np.int64),
        }

    def fold(self, tally, walks, scores):
        group = walks.group
        tally["group"][...] = group
        if walks.length == self.n:  # permutations, each of which serves all players
            tally["seen"].fill(True)
            for x in self._by_player(walks, scores):
                self._add(tally, x)
            return
        if group > 1 and walks.length != 1:
            raise ValueError("Walks of a group must be marginals of one player, or permutations.")
        sizes = walks.sizes[:, :-1]
        tally["seen"] |= np.bincount(sizes.ravel(), minlength=self.n) > 0
        marginals = np.diff(scores, axis=1) * self.weight[sizes]
        player = walks.order[::group].ravel()  # the walks of a group serve the same player
        x = marginals.reshape(-1, group, walks.length).mean(axis=1).ravel()
        is_new = tally["count"][player] == 0
        tally["origin"][player[is_new]] = x[is_new]
        x -= tally["origin"][player]
        tally["sum"] += np.bincount(player, x, self.n)
        tally["squares"] += np.bincount(player, x**2, self.n)
        tally["count"] += np.bincount(player, minlength=self.n)

    def _by_player(self, walks, scores):
        """Return an observation of every player for each group of permutations."""
        marginals, order = scores[:, 1:] - scores[:, :-1], walks.order
        if not self.is_even:
            marginals *= self.weight
        x = np.empty(marginals.shape)
        for b in range(len(x)):  # all rows at once would take three times as long
            x[b][order[b]] = marginals[b]
        return x if walks.group == 1 else x.reshape(-1, walks.group, self.n).mean(axis=1)

    @staticmethod
    def _add(tally, x):
        """Add an observation of every player, which it may write to."""
        count = tally["count"]
        if np.count_nonzero(count) < len(x):
            np.copyto(tally["origin"], x, where=count == 0)
        x -= tally["origin"]
        tally["sum"] += x
        x *= x
        tally["squares"] += x
        count += _ONE

    def estimate(self, tally):
        count = tally["count"]
        mean = tally["sum"] / np.maximum(count, 1)
        values = tally["origin"] + mean
        values[count == 0] = np.nan
        stderr = np.full(self.n, np.inf)
        many = count > 1 if count.min() <= 1 else slice(None)
        counts = count * tally["group"]
        if self.limit is not None:  # an enumeration that is not over is no random sample
            stderr[counts * self.n >= self.limit] = 0.0
        elif count.max() > 1 and counts.sum() >= self.enough and self._covered(tally["seen"]):
            m2 = np.maximum(tally["squares"] - tally["sum"] * mean, 0)
            variance = self._variance(m2[many], count[many])
            stderr[many] = np.sqrt(variance / count[many])
        freedom = np.maximum(count - 1, 0) + self.borrowed
        return Estimate(values, stderr, counts, freedom=freedom)

    def _variance(self, m2, count):
        """Variance of each player's observations, moderated by that of all players.

        Few observations that agree, as most marginals of an accuracy do, prove little; so one
        pseudo-observation is borrowed from the variance over all players. Where sizes are drawn
        up to w times more rarely than the semivalue wants them, it is w - 1: a player's own
        observations say little before there are about w of them.
        """
        pooled = m2.sum() / (count - 1).sum()
        return (m2 + self.borrowed * pooled) / (count - 1 + self.borrowed)
