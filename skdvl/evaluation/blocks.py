"""Blocks: walks, or a stretch of one, that are scored in one go."""

from time import perf_counter

import numpy as np

from ..coalitions import draws_per_round
from .rounds import Effort, Part


def cut(utility, walks, is_truncated):
    """Yield (walks, first step, last step), each of about `block_size` coalitions.

    A walk is cut into steps only where they do not depend on each other. Where it may end early,
    the utility says how many walks go on together, step by step.
    """
    steps = walks.length + 1
    size = draws_per_round(walks.n_players, at_most=utility.block_size)
    walking = utility.walk is not None
    if walking or is_truncated or steps <= size:
        n_walks = 1 if is_truncated and not walking else max(1, size // steps)
        if walking or is_truncated:
            n_walks = utility.lockstep(walks.length) or n_walks
        for first in range(0, len(walks), n_walks):
            yield walks.rows(first, first + n_walks), 0, steps
    else:
        for i in range(len(walks)):
            walk = walks.rows(i, i + 1)  # one object, which is pickled once for many blocks
            for first in range(0, steps, size):
                yield walk, first, min(first + size, steps)


def score_block(utilities, rules, g, walks, first, last, known=None):
    """Score the steps `first` to `last - 1` of some walks.

    Parameters
    ----------
    utilities : list of skdvl.utilities.Utility
    rules : list of (Truncation, float) or None
        A truncation rule and the full score, for each utility.
    g : int
        Number of the utility.
    walks : skdvl.coalitions.Walks
    first, last : int
    known : (ndarray of shape (B, last - first), ndarray or None), or None, default=None
        Scores and their noise, NaN where they are to be found out. None: of all.

    Returns
    -------
    part : Part
    is_new : bool or ndarray of bool of shape (B, last - first)
        Which scores were not known.
    """
    utility, rule = utilities[g], rules[g]
    began = perf_counter()
    is_going = np.ones(len(walks), dtype=bool)
    pieces = _pieces(utility, walks, first, last, rule, is_going, known)
    part = assemble(pieces, utility, rule, walks, first, last, is_going)
    n_scored = int(np.count_nonzero(part.is_scored))
    n_refitted = n_scored if utility.tier(walks.length) == "refit" else part.effort.n_refitted
    effort = Effort(n_scored, n_refitted, perf_counter() - began)
    return part._replace(effort=effort), known is None or np.isnan(known[0])


def assemble(pieces, utility, rule, walks, first, last, is_going=None):
    """Put the scores of consecutive steps together, as far as the rule lets walks go.

    Parameters
    ----------
    pieces : iterable of (ndarray of shape (B, c), dict of int to str, int, ndarray or None)
        Scores of the next c steps of all walks, failures, the number of refits among them and
        their noise, as in `skdvl.utilities.Scored`.
    utility : skdvl.utilities.Utility
    rule : (Truncation, float) or None
    walks : skdvl.coalitions.Walks
    first, last : int
    is_going : ndarray of bool of shape (B,) or None, default=None
        Becomes False where a walk ends.

    Returns
    -------
    part : Part
    """
    scores = np.empty((len(walks), last - first))
    noise = np.full((*scores.shape, 2), np.nan) if utility.is_noisy else None
    n_real = np.full(len(walks), last - first)
    failures, done, n_refitted = {}, 0, 0
    for piece, failed, refitted, noise_of_piece in pieces:
        since, done = done, done + piece.shape[1]
        going = n_real > since
        scores[going, since:done] = piece[going]
        if noise is not None:
            noise[going, since:done] = noise_of_piece[going]
        for place, words in failed.items():
            walk, step = divmod(place, piece.shape[1])
            if going[walk]:
                failures[walk * scores.shape[1] + since + step] = words
        n_refitted += refitted
        if rule is not None:
            _truncate(scores, n_real, since, done, rule)
            if is_going is not None:
                np.greater(n_real, done, out=is_going)
            if (n_real <= done).all():
                break
    if rule is not None and failures:
        failures = {
            place: words
            for place, words in failures.items()
            if place % scores.shape[1] < n_real[place // scores.shape[1]]
        }
    is_real = np.arange(last - first) < n_real[:, None]
    if noise is not None:
        noise[~is_real] = np.nan
    for size in utility.known_sizes:
        is_real &= walks.sizes[:, first:last] != size
    return Part(scores, is_real, failures, Effort(n_refitted=n_refitted), noise)


def _pieces(utility, walks, first, last, rule, is_going, known):
    """Yield what is known of the next few steps of all walks in lockstep."""
    if utility.walk is not None:
        if rule is None:
            pieces = utility.walk(walks.start, walks.order)
        else:
            pieces = utility.walk_while(walks.start, walks.order, is_going)
        for piece in pieces:
            yield piece if isinstance(piece, tuple) else (piece, {}, 0, None)
        return
    n_steps = last - first if rule is None else 1
    for step in range(first, last, n_steps):
        asked = np.flatnonzero(is_going)
        masks = walks.masks(step, min(step + n_steps, last))[asked]
        shape, flat = masks.shape[:2], masks.reshape(-1, masks.shape[2])
        if known is None:
            scored = utility.evaluate(flat)
        else:
            part = (asked, slice(step - first, step - first + shape[1]))
            scored = _completed(utility, flat, *(k if k is None else k[part] for k in known))
        scores = np.zeros((len(walks), shape[1]))  # of walks that have ended, nobody reads any
        scores[asked] = scored.scores.reshape(shape)
        noise = None if scored.noise is None else np.zeros((*scores.shape, 2))
        if noise is not None:
            noise[asked] = scored.noise.reshape(*shape, 2)
        failures = {
            int(asked[place // shape[1]]) * shape[1] + place % shape[1]: words
            for place, words in scored.failures.items()
        }
        yield scores, failures, scored.n_refitted, noise


def _completed(utility, masks, scores, noise):
    """Score those of some coalitions whose score is NaN, each of them once."""
    scores = scores.ravel().copy()
    noise = None if noise is None else noise.reshape(-1, 2).copy()
    places = np.flatnonzero(np.isnan(scores))
    packed = np.packbits(masks[places], axis=1)
    _, one, same = np.unique(packed, axis=0, return_index=True, return_inverse=True)
    scored, same = utility.evaluate(masks[places[one]]), same.ravel()
    scores[places] = scored.scores[same]
    if noise is not None:
        noise[places] = scored.noise[same]
    words = scored.failures
    failures = {int(p): words[i] for p, i in zip(places, same, strict=True) if i in words}
    return scored._replace(scores=scores, failures=failures, noise=noise)


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
