"""What becomes of the coefficients when several rows go together."""

from dataclasses import replace

import numpy as np

from .inverse import hessian
from .linear_fit import each_pulled_back

_SINGULAR = 1e12  # condition at which a set of rows decides something alone


def joint_step(effects, rows):
    """Return how the coefficients move when all of some rows go: one step of Newton's method.

    Effects of single rows add up to something else, since rows stand in for each other. For least
    squares it is exact.

    Parameters
    ----------
    effects : Effects
    rows : ndarray of int

    Returns
    -------
    step : ndarray of shape (P, m)
        NaN if these rows alone decide a coefficient.
    """
    fit, Z = effects.fit, effects.fit.rows(rows)
    right = Z.T @ fit.slopes(rows, Z)
    if fit.pull is not None:
        right = right + fit.pull * fit.share[rows].sum()
    step = effects.inverse.solve(right)
    is_few = len(rows) * fit.coef.shape[1] < fit.coef.size
    told = (_by_rows if is_few else _by_coefficients)(effects, rows, step)
    return np.full(step.shape, np.nan) if told is None else told


def _by_rows(effects, rows, step):
    """Solve as many equations as these rows have predictors."""
    fit, Z = effects.fit, effects.fit.rows(rows)
    (P, m), b = step.shape, len(rows)
    ways = [each_pulled_back(Z, np.tile(unit, (b, 1))) for unit in fit.ways()]
    ways = np.stack(ways, axis=3).reshape(P * m, b * m)  # the predictors by the coefficients
    back = effects.inverse.solve(ways.reshape(P, m, -1)).reshape(P * m, -1)
    bends = fit.bends(rows, Z)
    bent = np.einsum("iab,ibk->iak", bends, (ways.T @ back).reshape(b, m, -1))
    left = np.eye(b * m) - bent.reshape(b * m, b * m)
    push = np.einsum("iab,ib->ia", bends, (ways.T @ step.ravel()).reshape(b, m))
    if np.linalg.cond(left) > _SINGULAR:
        return None
    return step + (back @ np.linalg.solve(left, push.ravel())).reshape(P, m)


def _by_coefficients(effects, rows, step):
    """Solve as many equations as there are coefficients."""
    fit, size = effects.fit, step.size
    theirs = replace(
        fit, X=fit.X[rows], y=fit.y[rows], weight=fit.weight[rows], ridge=np.zeros_like(fit.ridge)
    )
    bent = effects.inverse.solve(hessian(theirs, levelled=False).reshape(*step.shape, size))
    left = np.eye(size) - bent.reshape(size, size)
    if np.linalg.cond(left) > _SINGULAR:
        return None
    return np.linalg.solve(left, step.ravel()).reshape(step.shape)


def joint_effects(effects, target, first_order, player_of_row):
    """Return the mean over a target of what the going of each group adds, and standard errors.

    Parameters
    ----------
    effects : Effects
    target : Target
    first_order : bool
    player_of_row : ndarray of int of shape (n,)

    Returns
    -------
    mean, stderr : ndarray of shape (n_groups,)
    """
    order = np.argsort(player_of_row, kind="stable")
    members = np.split(order, np.cumsum(np.bincount(player_of_row))[:-1])
    steps = np.stack([joint_step(effects, rows) for rows in members], axis=2)
    added = target.counted(target.added(steps, first_order), first_order)
    n = added.shape[1]
    stderr = added.std(axis=1, ddof=1) / np.sqrt(n) if n > 1 else np.full(len(added), np.inf)
    return added.mean(axis=1), stderr
