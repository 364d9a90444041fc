"""Copies of kept rows in place of pruned ones, where the number of rows must not change."""

import numpy as np


def copies_by_label(mask, values, labels):
    """Row that takes the place of each row: a pruned one becomes a kept one of its class.

    Kept rows are taken best-valued first, round robin.

    Parameters
    ----------
    mask : ndarray of bool of shape (n,)
        The rows that are kept; every class has some.
    values : ndarray of shape (n,)
    labels : ndarray of int of shape (n,)

    Returns
    -------
    source : ndarray of int of shape (n,)
    """
    source = np.arange(len(mask))
    best_first = _best_first(mask, values)
    for label in np.unique(labels[~mask]):
        pool = best_first[labels[best_first] == label]
        places = np.flatnonzero(~mask & (labels == label))
        source[places] = pool[np.arange(len(places)) % len(pool)]
    return source


def copies_by_target(mask, values, targets):
    """Row that takes the place of each row: a pruned one becomes the kept one nearest in target.

    Of several with the same target, the best-valued one.

    Parameters
    ----------
    mask : ndarray of bool of shape (n,)
    values : ndarray of shape (n,)
    targets : ndarray of shape (n,) or (n, n_outputs)

    Returns
    -------
    source : ndarray of int of shape (n,)
    """
    source = np.arange(len(mask))
    best_first = _best_first(mask, values)
    targets = targets.astype(np.float64).reshape(len(targets), -1)
    for row in np.flatnonzero(~mask):
        distance = ((targets[best_first] - targets[row]) ** 2).sum(axis=1)
        source[row] = best_first[distance.argmin()]
    return source


def _best_first(mask, values):
    """Kept rows, best-valued first, those without a value last, ties in row order."""
    kept = np.flatnonzero(mask)
    return kept[np.argsort(-values[kept], kind="stable")]
