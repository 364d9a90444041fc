"""Scores of stochastic estimators: the mean over several seeds, and how sure it is."""

import hashlib
import math
from dataclasses import dataclass

import numpy as np

FEWEST = 3  # scores before their spread says anything


@dataclass(frozen=True)
class Repeats:
    """How often a coalition is scored, each time under other seeds.

    The seeds follow from the coalition alone, so that the mean is a function of the set; and they
    differ from coalition to coalition, so that the noise of many averages out.

    Attributes
    ----------
    at_most : int
        Scores of a coalition.
    rtol : float or None
        Fewer are enough, but for 3, where the standard error of their mean is at most this share
        of it.
    seed : int, default=0
        Seed of the fit.
    fold : int, default=0
        Coalitions of the same players in another fold have other seeds.
    """

    at_most: int
    rtol: float | None
    seed: int = 0
    fold: int = 0

    def mean(self, mask, score):
        """Score a coalition until it is enough.

        Parameters
        ----------
        mask : ndarray of bool of shape (n_players,)
        score : callable
            Takes a generator of random numbers that the seeds are to be drawn from.

        Returns
        -------
        mean : float
        noise : (float, int)
            Sum of squared distances from the mean, and the number of scores.
        """
        coalition = hashlib.blake2b(np.packbits(mask).tobytes(), digest_size=16).digest()
        rng = np.random.default_rng([self.seed, self.fold, *coalition])
        scores = []
        while len(scores) < self.at_most:
            scores.append(score(rng))
            if self.rtol is not None and len(scores) >= FEWEST:
                mean, (squares, n) = _mean(scores)
                if math.sqrt(squares / (n - 1) / n) <= self.rtol * abs(mean):
                    break
        return _mean(scores)


def _mean(scores):
    mean = float(np.mean(scores))
    return mean, (float(np.sum((np.array(scores) - mean) ** 2)), len(scores))


def random_states(estimator):
    """Return the names of the parameters that seed an estimator and those inside of it.

    Parameters
    ----------
    estimator : estimator

    Returns
    -------
    names : list of str
    """
    params = sorted(estimator.get_params())
    return [name for name in params if name.rsplit("__", 1)[-1] == "random_state"]
