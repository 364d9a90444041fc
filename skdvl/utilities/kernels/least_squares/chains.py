"""Least squares of every prefix of many walks, in lockstep."""

import numpy as np

from .few_rows import differences, inverses, solve_lower
from .fits import MOST_AMPLIFIED, Fits, Sums

BLOCK_CELLS = 2_000_000  # numbers in one piece of coefficients, or of what is made of them
LARGEST_STATE = 16_000_000  # numbers in one inverse for each walk


def fit_walks(problem, start, order, n_outputs):
    """Fit walks: `start`, and after each row of `order`.

    Each block begins with the inverse of exact sums; within it, a Cholesky factor in as many
    unknowns as it has rows serves all its prefixes, since those of a factor are factors of
    prefixes. So rounding errors do not pile up, and almost all work is in matrix products.

    Parameters
    ----------
    problem : LeastSquares
    start : ndarray of bool of shape (B, n)
    order : ndarray of int of shape (B, L)
    n_outputs : int
        Numbers for each coalition that somebody makes of the coefficients.

    Yields
    ------
    fits : Fits
        `coef` has the shape (B, c, n_targets, d + 1).
    """
    n_walks, length = order.shape
    d, n_targets = problem.d, problem.n_targets
    room = BLOCK_CELLS // (max(n_walks, 1) * max(n_targets * (d + 1), n_outputs, d))
    c = max(1, min(room, max(16, min(d, 64))))
    present = start.copy()
    sums = problem.sums(start) if n_walks * d * d <= LARGEST_STATE else None
    for first in range(0, max(length, 1), c):
        rows = order[:, first : first + c]
        if sums is None:
            fits = _unsure(n_walks, rows.shape[1] + 1, problem)
        else:
            fits, sums = _fit_block(problem, sums, rows)
        if first:  # the block before has ended where this one begins
            fits = Fits(fits.coef[:, 1:], fits.is_sure[:, 1:])
        _fit_unsure(problem, fits, present, rows)
        np.put_along_axis(present, rows, True, axis=1)
        yield fits


def _unsure(n_walks, c, problem):
    coef = np.zeros((n_walks, c, problem.n_targets, problem.d + 1))
    return Fits(coef, np.zeros((n_walks, c), dtype=bool))


@np.errstate(all="ignore")  # what is not finite is not sure
def _fit_block(problem, sums, rows):
    """Fit coalitions with these sums, and after each of the next rows.

    Returns
    -------
    fits : Fits
        Of c + 1 coalitions for each walk.
    sums : Sums
        After all of the rows.
    """
    x, y = problem.X[rows], problem.Y[rows]
    u, e = x, y
    if problem.fit_intercept:
        u, e = differences(x, y, sums.count, sums.x[:, None], sums.y[:, None])
    across = np.swapaxes(u, 1, 2)
    after = Sums(
        sums.count + rows.shape[1],
        sums.x + x.sum(axis=1),
        sums.y + y.sum(axis=1),
        sums.xx + across @ u,
        sums.xy + across @ e,
        sums.squares + np.einsum("bcd,bcd->bd", x, x),
    )
    inverse = inverses(sums.xx)
    # With the squares at the end and the slopes at the beginning, it bounds all in between.
    errors = problem.amplified(sums, inverse, after.squares)
    inverse[~(errors <= MOST_AMPLIFIED)] = 0.0
    weights = _weights(inverse, inverse @ sums.xy, u, e)
    steps = np.arange(rows.shape[1] + 1)
    count = sums.count[:, None] + steps
    is_sure = problem.is_precise(errors[:, None], weights, after.squares[:, None], count)
    weights[~is_sure] = 0.0
    coef = problem.with_intercept(weights, _running(sums.x, x), _running(sums.y, y), count)
    return Fits(coef, is_sure), after


def _weights(inverse, weights, u, e):
    """Return the weights before and after each row, of shape (B, c + 1, n_targets, d).

    Parameters
    ----------
    inverse : ndarray of shape (B, d, d)
    weights : ndarray of shape (B, d, n_targets)
    u : ndarray of shape (B, c, d)
    e : ndarray of shape (B, c, n_targets)
    """
    d = u.shape[2]
    sides = np.concatenate([u @ inverse, e - u @ weights], axis=2)
    gram = sides[:, :, :d] @ np.swapaxes(u, 1, 2)
    np.einsum("bii->bi", gram)[...] += 1.0
    solved = solve_lower(np.linalg.cholesky(gram), sides)
    moves = solved[:, :, d:, None] * solved[:, :, None, :d]
    return _running(np.swapaxes(weights, 1, 2), moves)


def _running(begin, moves):
    """Return `begin` and what it becomes with each of `moves`, of which axis 1 is the time."""
    c = moves.shape[1]
    sums = np.tri(c + 1, c, -1) @ moves.reshape(len(moves), c, begin[0].size)
    return sums.reshape(len(moves), c + 1, *begin.shape[1:]) + begin[:, None]


def _fit_unsure(problem, fits, present, rows):
    """Fit the coalitions that their block is not sure of one by one, in place."""
    walks, steps = np.nonzero(~fits.is_sure)
    added = rows.shape[1] + 1 - fits.is_sure.shape[1] + steps
    limit = max(1, LARGEST_STATE // problem.n)
    for first in range(0, len(walks), limit):
        piece = slice(first, first + limit)
        w, s = walks[piece], steps[piece]
        masks = present[w]
        is_in = np.arange(rows.shape[1]) < added[piece, None]
        np.put_along_axis(masks, rows[w], is_in, axis=1)
        fits.coef[w, s], fits.is_sure[w, s] = problem.fit(masks)
