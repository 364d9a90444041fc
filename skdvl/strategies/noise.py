"""What is left of a utility's own noise when every coalition has been scored.

A value is ``sum_S w(S) (u(S + i) - u(S))``, and every coalition has one score, however often it
is drawn. So independent noise of variance v leaves ``sum_S w(S)^2 (v(S + i) + v(S))``: for each
size k, ``pmf[k]^2 / C(n - 1, k)`` times the mean of v over coalitions of size k + 1, and of size k.
What sampling adds to that, a strategy sees in the spread of the scores.
"""

import numpy as np
from scipy.special import betaln

_BORROWED = 10  # degrees of freedom


def fold_noise(tally, walks, noise):
    """Add the noise of one round's scores to a tally, in place.

    Parameters
    ----------
    tally : dict of str to ndarray
    walks : skdvl.coalitions.Walks
    noise : ndarray of shape (B, L + 1, 2)
        Sums of squares and numbers of seeds, NaN where a coalition was not scored.
    """
    table = tally.setdefault("noise", np.zeros((4, walks.n_players + 1)))
    is_told = ~np.isnan(noise[..., 0])
    sizes, (squares, seeds) = walks.sizes[is_told], noise[is_told].T
    told = np.ones(len(sizes)), squares, seeds - 1, (seeds > 1) / seeds
    for row, numbers in zip(table, told, strict=True):
        row += np.bincount(sizes, numbers, table.shape[1])


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
    mean = _mean_variance(*tally["noise"])
    n, k = len(pmf), np.arange(len(pmf))
    log_subsets = -np.log(n) - betaln(k + 1, n - k)  # of k among n - 1 players
    weight = np.exp(2 * np.log(pmf, where=pmf > 0, out=np.full(n, -np.inf)) - log_subsets)
    return float(weight @ (mean[1:] + mean[:-1]))


def _mean_variance(count, squares, freedom, shares):
    """Mean variance, for each size, of scores that are means over seeds.

    Where few seeds were enough since they happened to agree, their own variance is too small. So
    that of one seed is taken from all coalitions of a size, by degrees of freedom, some of which
    are borrowed from the sizes next to it; and divided by the number of seeds of each coalition.
    """
    pooled = np.full(len(count), squares.sum() / max(freedom.sum(), 1))
    near_squares, near = (np.convolve(x, [1, 0, 1])[1:-1] for x in (squares, freedom))
    np.divide(near_squares, near, out=pooled, where=near > 0)
    of_one = (squares + _BORROWED * pooled) / (freedom + _BORROWED)
    share = np.where(count > 0, shares / np.maximum(count, 1), shares.sum() / max(count.sum(), 1))
    return of_one * share
