"""Values of the nearest-neighbour games in closed form, for every semivalue.

Every function takes a block of games, one in each line, with the players sorted by distance,
nearest first. The formulas for other semivalues than Shapley's follow from the chances of
`Seats`: a player adds what it tells if it gets a seat, and takes away what is told by the one who
is pushed out for it.
"""

import numpy as np

from .seats import Seats


def label_values(matches, n_neighbors, size_pmf=None, *, seats=None, room=None):
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
    seats : Seats or None, default=None
        Of the semivalue, where they are known already.
    room : ndarray of float of shape (2, n_games, n_players) or None, default=None
        To be written to; its first half is returned.

    Returns
    -------
    values : ndarray of shape (n_games, n_players)
        Shapley values sum to the utility of all players.

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
    seats = _seats(seats, matches.shape[1], n_neighbors, size_pmf)
    values, steps = np.empty((2, *matches.shape)) if room is None else room
    # A player is worth as much as the next one, but for where one of the two alone is right and
    # asked: how likely a rank is asked falls by the chance of being pushed out from there.
    if matches.dtype != bool:
        told, share = matches.astype(float, copy=False), seats.share
        np.multiply(told[:, :-1] - told[:, 1:], share[:-1], out=steps[:, :-1])
        np.multiply(told[:, -1:], share[-1:], out=steps[:, -1:])
        return np.cumsum(steps[:, ::-1], axis=1, out=values[:, ::-1])[:, ::-1]
    # Sums of integers are exact, so these may run forwards, which takes a quarter of the time.
    (share, unit), steps, told = seats.units, steps.view(np.int64), matches.view(np.int8)
    np.multiply(told[:, 1:] - told[:, :-1], share[:-1], out=steps[:, 1:])
    steps[:, 0] = told[:, -1] * share[-1] - steps[:, 1:].sum(axis=1)
    np.cumsum(steps, axis=1, out=steps)
    return np.multiply(steps, unit, out=values)


def share_values(matches, n_neighbors, n_classes, size_pmf=None, *, seats=None, n_right=None):
    """Values where neighbours vote, and the share is of those who do.

    The utility of a coalition is the mean of what its `n_neighbors` nearest players tell, or all
    of them if it has fewer; that of none is ``1 / n_classes``, a guess.

    Parameters
    ----------
    matches : ndarray of bool or float of shape (n_games, n_players)
        As in `label_values`.
    n_neighbors, n_classes : int
    size_pmf : ndarray of shape (n_players,) or None, default=None
        Of the semivalue. None: Shapley values.
    seats : Seats or None, default=None
        Of the semivalue, where they are known already.
    n_right : ndarray of int of shape (n_games,) or None, default=None
        Matches among all players, where `matches` are those of the nearest alone. `size_pmf` and
        `seats` are needed then; what the others push out is left out.

    Returns
    -------
    values : ndarray of shape (n_games, n_players)
        Shapley values sum to the utility of all players less ``1 / n_classes``.

    References
    ----------
    Wang & Jia (2023), "A note on 'Efficient task-specific data valuation for nearest neighbor
    algorithms'", arXiv:2304.04258.

    Examples
    --------
    >>> import numpy as np
    >>> from skdvl.neighbors import share_values
    >>> share_values(np.array([[True, False, True]]), 1, 2).round(3)
    array([[ 0.667, -0.333,  0.167]])
    """
    n = matches.shape[1]
    pmf = np.full(n, 1 / n) if size_pmf is None else np.asarray(size_pmf, dtype=float)
    seats = _seats(seats, n, n_neighbors, size_pmf)
    told = np.asarray(matches, dtype=float)
    told_by_all = told.sum(axis=1) if n_right is None else n_right
    values = seats_left(told, told_by_all, n_neighbors, n_classes, pmf)
    # In coalitions without a seat left, it is as in `label_values`.
    always = pmf[:n_neighbors].sum()  # gets a seat even the farthest, where one is left
    values += label_values(told, n_neighbors, seats=seats)
    values -= told * (always / n_neighbors)
    return values


def seats_left(told, told_by_all, n_neighbors, n_classes, size_pmf):
    """Return the part of `share_values` that comes from coalitions with seats left.

    There, all that counts is how many are there, and not who is near.

    Parameters
    ----------
    told : ndarray of float of shape (n_games, n)
        What some of the players tell.
    told_by_all : ndarray of shape (n_games,)
        The sum of what all of them tell.
    n_neighbors, n_classes : int
    size_pmf : ndarray of shape (n_players,)
        Of the semivalue.

    Returns
    -------
    values : ndarray of shape (n_games, n)

    Examples
    --------
    >>> import numpy as np
    >>> from skdvl.neighbors import seats_left
    >>> seats_left(np.array([[1.0, 0.0]]), np.array([2]), 2, 2, np.full(3, 1 / 3)).round(3)
    array([[ 0.25 , -0.333]])
    """
    n, sizes = len(size_pmf), np.arange(1, min(n_neighbors, len(size_pmf)))
    joins = (size_pmf[sizes] / (sizes + 1)).sum()
    others = (told_by_all[:, None] - told) / max(n - 1, 1)
    return size_pmf[0] * (told - 1 / n_classes) + joins * (told - others)


def radius_values(matches, inside, n_classes, alone):
    """Values where all players within a radius vote.

    The utility of a coalition is the mean of what its players within the radius tell; that of
    none is ``1 / n_classes``, a guess.

    Parameters
    ----------
    matches : ndarray of bool or float of shape (n_games, n_players)
        What each player tells, as in `label_values`; in any order.
    inside : ndarray of bool of shape (n_games, n_players)
        Who is within the radius. The others are worth nothing.
    n_classes : int
    alone : ndarray of shape (n_players,)
        Chance that none of 0, 1, 2, ... certain players is present, under the semivalue:
        `Seats.asked` of one neighbour. ``1 / (1 + np.arange(n_players))`` for Shapley values.

    Returns
    -------
    values : ndarray of shape (n_games, n_players)
        Shapley values sum to the utility of all players less ``1 / n_classes``.

    References
    ----------
    Wang et al. (2023), "Threshold KNN-Shapley: a linear-time and privacy-friendly approach to
    data valuation", arXiv:2308.15709.

    Examples
    --------
    >>> import numpy as np
    >>> from skdvl.neighbors import radius_values
    >>> inside = np.array([[True, True, False]])
    >>> radius_values(np.array([[True, False, True]]), inside, 2, 1 / np.arange(1, 4))
    array([[ 0.5, -0.5,  0. ]])
    """
    told = matches * inside
    n_inside = np.count_nonzero(inside, axis=1)[:, None]
    total = told.sum(axis=1, keepdims=True, dtype=float)
    # Whoever joins those within takes a share of 1 / (how many are there then). In a random order
    # it comes before all of them with that chance, so the mean is over the number it comes behind.
    shares = np.append(0.0, alone.cumsum() / np.arange(1, len(alone) + 1))[n_inside]
    by_itself = np.append(0.0, alone)[n_inside]
    others = (total - told) / np.maximum(n_inside - 1, 1)
    values = by_itself * (told - 1 / n_classes) + (shares - by_itself) * (told - others)
    return np.where(inside, values, 0.0)


def target_values(targets, truth, n_neighbors, size_pmf=None, *, seats=None):
    """Values where neighbours predict a number: the negative squared error.

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
    size_pmf : ndarray of shape (n_players,) or None, default=None
        Of the semivalue. None: Shapley values.
    seats : Seats or None, default=None
        Of the semivalue, where they are known already.

    Returns
    -------
    values : ndarray of shape (n_games, n_players)
        Shapley values sum to the utility of all players less ``-truth ** 2``, that of none.

    References
    ----------
    Jia et al. (2019), "Efficient task-specific data valuation for nearest neighbor algorithms",
    arXiv:1908.08619, Theorem 6, for Shapley values.

    Examples
    --------
    >>> import numpy as np
    >>> from skdvl.neighbors import target_values
    >>> target_values(np.array([[1.0, 3.0]]), np.array([1.0]), 1)
    array([[ 2.5, -1.5]])
    """
    seats = _seats(seats, targets.shape[1], n_neighbors, size_pmf)
    # The square of a sum: each neighbour by itself, and each pair of them twice.
    each = targets / n_neighbors
    single = each * (2 * truth[:, None] - each)
    nearer = each.cumsum(axis=1) - each
    # Of a pair, a player may be the farther one, the nearer one, or push the farther one out.
    farther = _after(each * (seats.both + seats.both_less))
    paired = each * (nearer * seats.both + farther)
    lost = single * seats.pushed_out - 2 * each * seats.both_less * nearer
    return single * seats.asked - 2 * paired - _after(lost)


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
    seats = Seats.of_sizes(size_pmf, 1)
    # Where nobody is nearer, a player takes over from the nearest of those who are there.
    return seats.asked * scores - _after(seats.pushed_out * scores) - size_pmf[0] * empty_score


def _seats(seats, n, n_neighbors, size_pmf):
    if seats is not None:
        return seats
    if size_pmf is None:
        return Seats.of_shapley(n, n_neighbors)
    return Seats.of_sizes(size_pmf, n_neighbors)


def _after(array):
    """Sum of all later entries of a line, for every entry."""
    return array[:, ::-1].cumsum(axis=1)[:, ::-1] - array
