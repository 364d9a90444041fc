"""The k-nearest-neighbour game, and its values in closed form.

A validation row asks its nearest neighbours among the players of a coalition. Its game has exact
values after one sort by distance: whether a player is asked depends only on how many nearer
players are there. Every function takes a block of games, one in each line, with the players
sorted by distance, nearest first.
"""

import numpy as np
from scipy.special import betaln

__all__ = ["label_scores", "label_values", "nearest_values", "target_values"]

_CELLS = 2**16  # games times coalitions that are scored at once: small enough for a fast cache
_NEGLIGIBLE = 1e-17  # probability of a size, that is left out
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


def label_values(matches, n_neighbors, size_pmf=None):
    """Values where neighbours vote: the share of right votes.

    The utility of a coalition is the number of matching labels among its `n_neighbors` nearest
    players, divided by `n_neighbors`; missing neighbours count as wrong.

    Parameters
    ----------
    matches : ndarray of bool or float of shape (n_games, n_players)
        Whether the label of each player is that of the validation row; nearest first. Or any
        number that a player tells, of which the utility is the sum over the nearest.
    n_neighbors : int
    size_pmf : ndarray of shape (n_players,) or None, default=None
        Of the semivalue; see `skdvl.semivalues`. None: Shapley values.

    Returns
    -------
    values : ndarray of shape (n_games, n_players)
        They sum to the utility of all players.

    References
    ----------
    Jia et al. (2019), "Efficient task-specific data valuation for nearest neighbor algorithms",
    arXiv:1908.08619, Theorem 1.

    Examples
    --------
    >>> import numpy as np
    >>> from skdvl.neighbors import label_values
    >>> label_values(np.array([[True, False, True]]), 1).round(3)
    array([[ 0.833, -0.167,  0.333]])
    """
    if size_pmf is None:
        rank = np.arange(1, matches.shape[1] + 1)
        asked = np.minimum(n_neighbors, rank) / rank  # chance to be among the nearest, at random
        pushed_out = np.where(rank > n_neighbors, n_neighbors / (rank * np.maximum(rank - 1, 1)), 0)
    else:
        asked = _chance_of_a_seat(size_pmf, n_neighbors)
        # A player who joins ahead of one at j takes the seat that would have been free for them.
        pushed_out = np.append(0.0, -np.diff(asked))
    return (matches * asked - _after(matches * pushed_out)) / n_neighbors


def target_values(targets, truth, n_neighbors):
    """Shapley values where neighbours predict a number: the negative squared error.

    The utility of a coalition is ``-(prediction - truth) ** 2``; the prediction is the sum of the
    targets of its `n_neighbors` nearest players, divided by `n_neighbors`, so that missing
    neighbours count as 0.

    Parameters
    ----------
    targets : ndarray of shape (n_games, n_players)
        The target of each player, nearest first.
    truth : ndarray of shape (n_games,)
        The target of the validation row.
    n_neighbors : int

    Returns
    -------
    values : ndarray of shape (n_games, n_players)
        They sum to the utility of all players less ``-truth ** 2``, that of none.

    References
    ----------
    Jia et al. (2019), "Efficient task-specific data valuation for nearest neighbor algorithms",
    arXiv:1908.08619, Theorem 6.

    Examples
    --------
    >>> import numpy as np
    >>> from skdvl.neighbors import target_values
    >>> target_values(np.array([[1.0, 3.0]]), np.array([1.0]), 1)
    array([[ 2.5, -1.5]])
    """
    n, k = targets.shape[1], n_neighbors
    scaled, truth = targets / k, truth[:, None]
    rank = np.arange(1, n + 1)
    seats = np.minimum(k, rank)
    # The farthest player is asked by coalitions with a seat left, of sizes 0 to k - 1.
    sizes = np.arange(min(k, n))
    last = scaled[:, -1:]
    others = (scaled.sum(axis=1, keepdims=True) - last) / max(n - 1, 1)
    value_of_last = -last * (len(sizes) * (last - 2 * truth) + 2 * sizes.sum() * others) / n
    # Two neighbours in rank differ where one of them takes the seat that the other would have.
    here = np.arange(n - 1)
    nearer = (scaled.cumsum(axis=1) - scaled)[:, :-1] * ((seats - 1) / np.maximum(rank - 1, 1))[:-1]
    both_farther = np.minimum(k, rank - 1) * np.minimum(k - 1, rank - 2)
    both_farther = both_farther / np.maximum((rank - 1) * (rank - 2), 1)
    farther = _after(scaled * both_farther)[:, 1:] * (rank / seats)[here]
    beside = scaled[:, :-1] + scaled[:, 1:] + nearer + farther - 2 * truth
    step = np.diff(scaled, axis=1) * (seats / rank)[here] * beside
    steps = np.concatenate([step, np.zeros_like(truth)], axis=1)
    return value_of_last + steps[:, ::-1].cumsum(axis=1)[:, ::-1]


def nearest_values(scores, empty_score, size_pmf):
    """Values of any semivalue where the nearest player alone decides.

    The utility of a coalition is the score of its nearest player.

    Parameters
    ----------
    scores : ndarray of shape (n_games, n_players)
        Nearest player first.
    empty_score : float or ndarray of shape (n_games, 1)
        Utility of the empty coalition.
    size_pmf : ndarray of shape (n_players,)
        Of the semivalue; see `skdvl.semivalues`.

    Returns
    -------
    values : ndarray of shape (n_games, n_players)

    References
    ----------
    Jia et al. (2019), "Efficient task-specific data valuation for nearest neighbor algorithms",
    arXiv:1908.08619, of which this is the case of one neighbour, for other semivalues too.

    Examples
    --------
    >>> import numpy as np
    >>> from skdvl.neighbors import nearest_values
    >>> nearest_values(np.array([[1.0, 0.0, 1.0]]), 0.0, np.full(3, 1 / 3)).round(3)
    array([[ 0.833, -0.167,  0.333]])
    """
    alone = _chance_of_a_seat(size_pmf, 1)
    # Where nobody is nearer, a player takes over from the nearest of those who are there; that
    # is the one at j with the chance that somebody is there, and nobody between.
    nearest = np.append(0.0, -np.diff(alone))
    return alone * scores - _after(nearest * scores) - size_pmf[0] * empty_score


def _chance_of_a_seat(size_pmf, n_neighbors):
    """Chance that one who joins is among the nearest, for every place, nearest first."""
    n = len(size_pmf)
    size, chance = np.flatnonzero(size_pmf > _NEGLIGIBLE), np.zeros(n)
    log_pmf, log_all = np.log(size_pmf[size]), _log_choose(n - 1, size)
    for first in range(0, n, step := max(1, 2**22 // n)):
        nearer = np.arange(first, min(first + step, n))[:, None]
        farther = n - 1 - nearer
        for j in range(min(n_neighbors, n)):  # of those nearer are there
            is_possible = (j <= nearer) & (j <= size) & (size - j <= farther)
            ways = _log_choose(nearer, np.minimum(j, nearer))
            ways = ways + _log_choose(farther, np.clip(size - j, 0, farther))
            log_chance = log_pmf + ways - log_all
            chance[first : first + step] += np.where(is_possible, np.exp(log_chance), 0).sum(axis=1)
    return chance


def _log_choose(n, k):
    return -np.log(n + 1) - betaln(n - k + 1, k + 1)


def _after(array):
    """Sum of all later entries of a line, for every entry."""
    return array[:, ::-1].cumsum(axis=1)[:, ::-1] - array
