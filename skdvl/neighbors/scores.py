"""Scores of coalitions in the nearest-neighbour game."""

import numpy as np

_CELLS = 2**16  # games times coalitions that are scored at once: small enough for a fast cache
_LOOK = 8  # neighbours between two looks at whether all games are decided


def label_scores(masks, order, matches, n_neighbors):
    """Scores of coalitions where neighbours vote, each the mean over all games.

    Parameters
    ----------
    masks : ndarray of bool of shape (m, n_players)
    order : ndarray of int of shape (n_games, n_players)
        The players of each game, nearest first.
    matches : ndarray of bool or float of shape (n_games, n_players)
        What each player tells, in that order; see `label_values`.
    n_neighbors : list of int
        Of each game that is asked for, 255 at most.

    Returns
    -------
    scores : ndarray of shape (m, len(n_neighbors))

    Examples
    --------
    >>> import numpy as np
    >>> from skdvl.neighbors import label_scores
    >>> masks = np.array([[True, True, False], [False, True, True], [False, False, True]])
    >>> label_scores(masks, np.array([[2, 0, 1]]), np.array([[True, False, True]]), [1, 2])
    array([[0. , 0.5],
           [1. , 1. ],
           [1. , 0.5]])
    """
    scores = np.empty((len(masks), len(n_neighbors)))
    by_size = np.argsort(-np.count_nonzero(masks, axis=1), kind="stable")
    step = max(1, _CELLS // len(order))
    for first in range(0, len(masks), step):
        block = by_size[first : first + step]  # of like sizes: games end after as many neighbours
        scores[block] = _block_scores(masks[block], order, matches, n_neighbors)
    return scores / len(order) / n_neighbors


def _block_scores(masks, order, matches, n_neighbors):
    """Return sums over the games of what the nearest players tell."""
    n, most = masks.shape[1], max(n_neighbors)
    is_member = np.ascontiguousarray(masks.T).view(np.uint8)
    dtype = np.uint8 if matches.dtype == bool else float
    told = np.zeros((len(n_neighbors), len(order), len(masks)), dtype=dtype)
    seats = np.zeros(told.shape[1:], dtype=np.uint8)
    enough = np.minimum(np.count_nonzero(masks, axis=1), most)
    for rank in range(n):
        sits = is_member[order[:, rank]]
        sits &= seats < most
        seats += sits
        tells = matches[:, rank, None].astype(dtype)
        for j, k in enumerate(n_neighbors):
            told[j] += (sits if k == most else sits & (seats <= k)) * tells
        if rank % _LOOK == 0 and (seats >= enough).all():
            break
    return told.sum(axis=1, dtype=float).T
