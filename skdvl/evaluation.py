"""From walks to scores: cut into blocks, score in workers, put together in order.

A round is cut into blocks whose size depends on the utility and the number of players, and
never on the number of workers. That, and utilities that are functions of the set, is why the
scores have the same bits everywhere.
"""

from typing import NamedTuple

import numpy as np

from .coalitions import draws_per_round
from .workers import ordered_map


class RoundScores(NamedTuple):
    """The scores of the walks of one round.

    Attributes
    ----------
    scores : list of ndarray of shape (B, L + 1)
        One array for each batch of walks.
    n_evaluations : int
        Coalitions scored, but for those whose score the utility knew beforehand.
    failures : list of str
        One sentence for each coalition that could not be fitted.
    """

    scores: list
    n_evaluations: int
    failures: list


def evaluate(utilities, batches, *, truncation=None, n_jobs=None):
    """Score every coalition that some walks meet.

    Parameters
    ----------
    utilities : list of skdvl.utilities.Utility
    batches : list of skdvl.coalitions.Walks
        One batch for each utility.
    truncation : skdvl.truncation.Truncation or None, default=None
        Where it ends a walk, the rest of the walk repeats the last score.
    n_jobs : int or None, default=None

    Returns
    -------
    round_scores : RoundScores
    """
    tasks, n_tasks = [], []
    for utility, walks in zip(utilities, batches, strict=True):
        rule = None if truncation is None else (truncation, utility.full_score)
        blocks = list(_blocks(utility, walks, alone=rule is not None))
        tasks += [(utility, *block, rule) for block in blocks]
        n_tasks.append(len(blocks))
    results = iter(ordered_map(score_block, tasks, n_jobs=n_jobs))
    scores, n_evaluations, failures = [], 0, []
    for walks, n in zip(batches, n_tasks, strict=True):
        parts = [next(results) for _ in range(n)]
        flat = np.concatenate([part[0].ravel() for part in parts])
        scores.append(flat.reshape(len(walks), walks.length + 1))
        n_evaluations += sum(part[1] for part in parts)
        failures += [words for part in parts for words in part[2]]
    return RoundScores(scores, n_evaluations, failures)


def _blocks(utility, walks, alone):
    """Cut walks into (walks, first step, last step), each of about `block_size` coalitions.

    A walk is cut into steps only where they do not depend on each other; with `alone`, each
    walk is a block, since it may end early.
    """
    steps = walks.length + 1
    size = draws_per_round(walks.n_players, at_most=utility.block_size)
    if alone or utility.walk is not None or steps <= size:
        n_walks = 1 if alone else max(1, size // steps)
        for first in range(0, len(walks), n_walks):
            yield walks.rows(first, first + n_walks), 0, steps
    else:
        for walk in range(len(walks)):
            for first in range(0, steps, size):
                yield walks.rows(walk, walk + 1), first, min(first + size, steps)


def score_block(utility, walks, first, last, rule):
    """Score the steps `first` to `last - 1` of some walks.

    Parameters
    ----------
    utility : skdvl.utilities.Utility
    walks : skdvl.coalitions.Walks
    first, last : int
    rule : tuple of (Truncation, float) or None
        A truncation rule and the full score.

    Returns
    -------
    scores : ndarray of shape (B, last - first)
    n_evaluations : int
    failures : list of str
    """
    scores = np.empty((len(walks), last - first))
    n_real = np.full(len(walks), last - first)
    failures, done = [], 0
    for piece, words in _pieces(utility, walks, first, last, 1 if rule else last - first):
        since, done = done, done + piece.shape[1]
        going = n_real > since
        scores[going, since:done] = piece[going]
        failures += words
        if rule is not None:
            _truncate(scores, n_real, since, done, rule)
            if (n_real <= done).all():
                break
    real = np.arange(last - first) < n_real[:, None]
    real &= ~np.isin(walks.sizes[:, first:last], utility.known_sizes)
    return scores, int(np.count_nonzero(real)), failures


def _pieces(utility, walks, first, last, n_steps):
    """Yield scores of the next few steps of all walks in lockstep, and failures."""
    if utility.walk is not None:
        for piece in utility.walk(walks.start, walks.order):
            yield piece, []
        return
    for step in range(first, last, n_steps):
        masks = walks.masks(step, min(step + n_steps, last))
        scored = utility.evaluate(masks.reshape(-1, masks.shape[2]))
        yield scored.scores.reshape(masks.shape[:2]), scored.failures


def _truncate(scores, n_real, since, done, rule):
    """End the walks that the rule cuts at a step from `since` to `done - 1`."""
    truncation, full_score = rule
    length = scores.shape[1] - 1
    for walk in np.flatnonzero(n_real == length + 1):
        for step in range(since, done):
            if truncation.cuts(scores[walk, : step + 1], full_score, length):
                n_real[walk] = step + 1
                scores[walk, step + 1 :] = scores[walk, step]
                break
