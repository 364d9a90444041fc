"""What is left of a utility's own noise when every coalition has been scored.

A value is ``sum_S w(S) (u(S + i) - u(S))``, and every coalition has one score, however often it
is drawn. So independent noise of variance v leaves ``sum_S w(S)^2 (v(S + i) + v(S))``: for each
size k, ``pmf[k]^2 / C(n - 1, k)`` times the mean of v over coalitions of size k + 1, and of size k.
What sampling adds to that, a strategy sees in the spread of the scores.
"""

import numpy as np
from scipy.special import betaln


def fold_noise(tally, walks, noise):
    """Add the variances of one round's scores to a tally, in place.

    Parameters
    ----------
    tally : dict of str to ndarray
    walks : skdvl.coalitions.Walks
    noise : ndarray of shape (B, L + 1)
        NaN where a coalition was not scored.
    """
    table = tally.setdefault("noise", np.zeros((2, walks.n_players + 1)))
    is_told = ~np.isnan(noise)
    sizes = walks.sizes[is_told]
    table[0] += np.bincount(sizes, minlength=table.shape[1])
    table[1] += np.bincount(sizes, noise[is_told], table.shape[1])


def noise_floor(pmf, tally):
    """Return the variance that noisy scores leave in a value, 0 if they are not noisy.

    Parameters
    ----------
    pmf : ndarray of shape (n,)
        Of the semivalue.
    tally : dict of str to ndarray

    Returns
    -------
    variance : float
    """
    if "noise" not in tally:
        return 0.0
    count, total = tally["noise"]
    mean = np.where(count > 0, total / np.maximum(count, 1), total.sum() / max(count.sum(), 1))
    n, k = len(pmf), np.arange(len(pmf))
    log_subsets = -np.log(n) - betaln(k + 1, n - k)  # of k among n - 1 players
    weight = np.exp(2 * np.log(pmf, where=pmf > 0, out=np.full(n, -np.inf)) - log_subsets)
    return float(weight @ (mean[1:] + mean[:-1]))
