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
    """

    at_most: int
    rtol: float | None
    seed: int = 0

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
        variance : float
            Of the mean.
        """
        coalition = np.packbits(mask).tobytes() + self.seed.to_bytes(8, "little")
        digest = hashlib.blake2b(coalition, digest_size=16).digest()
        rng = np.random.default_rng(int.from_bytes(digest, "little"))
        scores = []
        while len(scores) < self.at_most:
            scores.append(score(rng))
            if self.rtol is not None and len(scores) >= FEWEST:
                mean, variance = _mean(scores)
                if math.sqrt(variance) <= self.rtol * abs(mean):
                    break
        return _mean(scores)


def _mean(scores):
    return float(np.mean(scores)), float(np.var(scores, ddof=1) / len(scores))


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
