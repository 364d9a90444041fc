"""The mean of importance-weighted marginals."""

import numpy as np

from .base import Estimate, EvaluationStrategy, importance


class MarginalMean(EvaluationStrategy):
    """Average ``u(S + i) - u(S)``, weighted by how often the semivalue wants that size.

    The mean over a group of walks that were drawn together is one observation; observations
    are merged with the update of Chan et al., which does not lose digits.

    Parameters
    ----------
    semivalue : skdvl.semivalues.Semivalue
    sampler : skdvl.samplers.IndexSampler
    n : int
        Number of players.

    References
    ----------
    Chan, Golub & LeVeque (1983), "Algorithms for computing the sample variance".

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
            "mean": np.zeros(self.n),
            "m2": np.zeros(self.n),
            "seen": np.zeros(self.n, dtype=np.int64),
            "group": np.ones((), dtype=np.int64),
        }

    def fold(self, tally, walks, scores):
        group = walks.group
        tally["group"][...] = group
        if walks.length == self.n:  # permutations, each of which serves all players
            marginals = scores[:, 1:] - scores[:, :-1]
            if not self.is_even:
                marginals *= self.weight
            by_player = np.empty_like(marginals)
            if len(walks) == 1:  # two indices take five times as long
                by_player[0][walks.order[0]] = marginals[0]
            else:
                by_player[np.arange(len(walks))[:, None], walks.order] = marginals
            tally["seen"] += len(walks)
            self._merge(tally, *_moments(by_player.reshape(-1, group, self.n)))
            return
        if group > 1 and walks.length != 1:
            raise ValueError("Walks of a group must be marginals of one player, or permutations.")
        sizes = walks.sizes[:, :-1]
        marginals = np.diff(scores, axis=1) * self.weight[sizes]
        player = walks.order[::group].ravel()  # the walks of a group serve the same player
        x = marginals.reshape(-1, group, walks.length).mean(axis=1).ravel()
        tally["seen"] += np.bincount(sizes.ravel(), minlength=self.n)
        count = np.bincount(player, minlength=self.n)
        mean = np.bincount(player, x, self.n) / np.maximum(count, 1)
        self._merge(tally, count, mean, np.bincount(player, (x - mean[player]) ** 2, self.n))

    @staticmethod
    def _merge(tally, count, mean, m2):
        before, share = tally["count"], count / np.maximum(tally["count"] + count, 1)
        delta = mean - tally["mean"]
        step = delta * share
        tally["mean"] += step
        step *= before
        step *= delta
        step += m2
        tally["m2"] += step
        before += count

    def estimate(self, tally):
        count = tally["count"]
        values = tally["mean"].copy()
        values[count == 0] = np.nan
        stderr = np.full(self.n, np.inf)
        many = count > 1 if count.min() <= 1 else slice(None)
        counts = count * tally["group"]
        if self.limit is not None:  # an enumeration that is not over is no random sample
            stderr[counts * self.n >= self.limit] = 0.0
        elif count.max() > 1 and counts.sum() >= self.enough and self._covered(tally["seen"]):
            variance = self._variance(tally["m2"][many], count[many])
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


def _moments(x):
    """Return count, mean and sum of squared distances of observations, means over groups.

    Parameters
    ----------
    x : ndarray of shape (m, group, n)
    """
    x = x[:, 0] if x.shape[1] == 1 else x.mean(axis=1)
    if len(x) == 1:
        return 1, x[0], 0.0
    mean = x.mean(axis=0)
    return len(x), mean, ((x - mean) ** 2).sum(axis=0)
