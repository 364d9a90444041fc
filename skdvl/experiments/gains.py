"""Areas under curves, how far above those of random orders they are, and how sure that is."""

import numpy as np
from scipy import stats


def area_weights(fractions):
    """Return the weights of scores in the mean height of a curve, by the trapezoidal rule.

    Parameters
    ----------
    fractions : ndarray of shape (m,)
        Not decreasing.

    Returns
    -------
    weights : ndarray of shape (m,)
        Their sum is 1.
    """
    width = fractions[-1] - fractions[0]
    if width <= 0:
        return np.full(len(fractions), 1 / len(fractions))
    steps = np.diff(fractions) / 2 / width
    return np.append(steps, 0) + np.append(0, steps)


def gain_of_parts(fractions, scores, random_scores):
    """Return the gain in area over random orders, and its standard error.

    The error has two sources. Other test rows: a jackknife, that leaves out each part of
    them in turn, for the method and the random orders alike. Other random orders: the variance of
    the mean of their areas.

    Parameters
    ----------
    fractions : ndarray of shape (m,)
    scores : ndarray of shape (m, 1 + n_parts)
        On all test rows, and on all but each part of them.
    random_scores : ndarray of shape (n_random, m, 1 + n_parts)

    Returns
    -------
    gain, stderr : float
        The error is infinite where it is unknown, as it is where no part of the test rows makes
        a difference: a handful that are all right, say nothing of others.
    freedom : int
        Degrees of freedom.
    """
    weights = area_weights(fractions)
    areas = weights @ scores
    random_areas = np.einsum("m,rmk->rk", weights, random_scores)
    gains = areas - random_areas.mean(axis=0)
    n_random, n_parts = len(random_areas), len(gains) - 1
    if n_parts < 2 or n_random < 2 or not np.isfinite(gains).all():
        return float(gains[0]), np.inf, 1
    if _are_all_the_same(gains):
        return float(gains[0]), np.inf, 1
    of_rows = (n_parts - 1) * gains[1:].var()
    of_orders = random_areas[:, 0].var(ddof=1) / n_random
    return float(gains[0]), float(np.sqrt(of_rows + of_orders)), n_parts - 1


def gain_of_folds(gains, share):
    """Return the mean gain over folds, and its standard error.

    Folds share training rows, so their gains vary together; the variance of their mean is
    corrected as that of a resampled difference [1]_.

    Parameters
    ----------
    gains : list of float
        Of each fold, two at least.
    share : float
        Test rows to training rows of a fold.

    Returns
    -------
    gain, stderr : float
        The error is infinite where all folds agree to the last digit, and so tell nothing of it.
    freedom : int

    References
    ----------
    .. [1] C. Nadeau, Y. Bengio. Inference for the Generalization Error. Machine Learning, 2003.
    """
    if _are_all_the_same(gains):
        return float(np.mean(gains)), np.inf, 1
    variance = np.var(gains, ddof=1) * (1 / len(gains) + share)
    return float(np.mean(gains)), float(np.sqrt(variance)), len(gains) - 1


def _are_all_the_same(gains):
    return np.ptp(gains) <= 1e-14 * (1 + np.abs(gains).max())


def interval(centre, stderr, freedom, level=0.95):
    """Return the ends of Student's interval."""
    reach = stderr * stats.t.ppf((1 + level) / 2, freedom) if np.isfinite(stderr) else np.inf
    return float(centre - reach), float(centre + reach)
