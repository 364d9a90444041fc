"""From walks to scores: cut into blocks, score in workers, put together in order.

A round is cut into blocks whose size depends on the utility and the number of players, and
never on the number of workers. That, and utilities that are functions of the set, is why the
scores have the same bits everywhere.
"""

from collections import deque
from contextlib import closing
from time import perf_counter
from typing import NamedTuple

import numpy as np

from .coalitions import Walks, draws_per_round
from .workers import Ready, WorkerKilled, kills, ordered_stream

_SECONDS = 0.1  # at most, between two looks at a round that is under way


class Part(NamedTuple):
    """The scores of a block.

    Attributes
    ----------
    scores : ndarray of shape (B, c)
    is_scored : ndarray of bool of shape (B, c)
        Not so for coalitions whose score the utility knew beforehand, and behind the end of a
        truncated walk.
    failures : dict of int to str
        Places of the coalitions that could not be fitted, and a sentence for each.
    noise : ndarray of shape (B, c) or None
        Of a noisy utility: the variance of each score, NaN behind the end of a truncated walk.
    """

    scores: np.ndarray
    is_scored: np.ndarray
    failures: dict
    noise: np.ndarray | None


class ScoredRound:
    """The scores of the walks of one round, as far as its blocks are back.

    Parameters
    ----------
    batches : list of (int, skdvl.coalitions.Walks)
        The walks, each batch behind the number of its utility.
    n_blocks : int
        Into which the walks were cut.
    begun : dict of str to ndarray
        What `so_far` told when this round was given up; empty if it is new.

    Attributes
    ----------
    n_evaluations : int
        Coalitions scored, but for those whose score the utility knew beforehand.
    n_failed : int
        Those that could not be fitted.
    failure : str
        One sentence on the first of them, if it was met now.
    """

    def __init__(self, batches, n_blocks, begun):
        self.batches, self._n_blocks = batches, n_blocks
        self._scores = [begun["scores"]] if begun else []
        self._noise = [begun["noise"]] if "noise" in begun else []
        counters = begun["counters"].tolist() if begun else [0, 0, 0, n_blocks]
        self.n_back, self.n_evaluations, self.n_failed, _ = counters
        self.failure = ""

    def add(self, part):
        """Put a `Part`, the next block, behind those that are there."""
        self._scores.append(part.scores.ravel())
        if part.noise is not None:
            self._noise.append(part.noise.ravel())
        self.n_back += 1
        self.n_evaluations += int(np.count_nonzero(part.is_scored))
        self.n_failed += len(part.failures)
        if part.failures and not self.failure:
            self.failure = next(iter(part.failures.values()))

    def is_whole(self):
        """Whether all blocks are back."""
        return self.n_back == self._n_blocks

    def so_far(self):
        """Return arrays from which the round can go on behind the last block that is back."""
        counters = self.n_back, self.n_evaluations, self.n_failed, self._n_blocks
        begun = {"counters": np.array(counters)}
        self._scores = [np.concatenate(self._scores)]
        begun["scores"] = self._scores[0]
        if self._noise:
            self._noise = [np.concatenate(self._noise)]
            begun["noise"] = self._noise[0]
        return begun

    @property
    def scores(self):
        """Return an array of shape (B, L + 1) for each batch of a whole round."""
        return self._by_batch(self._scores)

    @property
    def noise(self):
        """Return the variances of the scores, None for each batch of which none are told."""
        return self._by_batch(self._noise) if self._noise else [None] * len(self.batches)

    def _by_batch(self, parts):
        shapes = [(len(walks), walks.length + 1) for _, walks in self.batches]
        ends = np.cumsum([n_walks * n_steps for n_walks, n_steps in shapes])
        flat = np.split(np.concatenate(parts), ends[:-1])
        return [part.reshape(shape) for part, shape in zip(flat, shapes, strict=True)]


def score_rounds(
    utilities, rounds, *, begun=None, truncation=None, recall=None, n_jobs=None, goes_on=None
):
    """Score every coalition that some walks meet, round after round.

    Workers may be busy with a round ahead of the one that is yielded.

    Parameters
    ----------
    utilities : list of skdvl.utilities.Utility
    rounds : iterable of list of (int, skdvl.coalitions.Walks)
        Batches of walks, each behind the number of its utility.
    begun : dict of str to ndarray or None, default=None
        What the first round told when it was given up, to go on from there.
    truncation : skdvl.truncation.Truncation or None, default=None
        Where it ends a walk, the rest of the walk repeats the last score.
    recall : skdvl.caching.Recall or None, default=None
        What is known already. A block is recalled whole or scored whole: with fewer coalitions,
        matrix products might end in other bits.
    n_jobs : int or None, default=None
    goes_on : callable or None, default=None
        Asked after each block; where it says no, the round that is begun is given up.

    Yields
    ------
    scored : ScoredRound
        Each round when it is whole, and now and then before that.
    """
    rules = [None if truncation is None else (truncation, u.full_score) for u in utilities]
    waiting, begun = deque(), begun or {}

    def chapters():
        nonlocal begun
        for batches in rounds:
            blocks = [
                (g, *block)
                for g, walks in batches
                for block in _blocks(utilities[g], walks, truncation is not None)
            ]
            scored, begun = ScoredRound(batches, len(blocks), begun), {}
            todo = blocks[scored.n_back :]
            waiting.append((scored, iter(todo)))
            yield todo if recall is None else _with_recalled(recall, utilities, rules, todo)

    shared, told = (utilities, rules), perf_counter()
    with closing(ordered_stream(score_block, chapters(), shared=shared, n_jobs=n_jobs)) as results:
        try:
            for part, is_new in results:
                scored, blocks = waiting[0]
                block = next(blocks)
                if recall is not None and is_new:
                    _keep(recall, block, part)
                scored.add(part)
                if scored.is_whole():
                    waiting.popleft()
                stops = goes_on is not None and not goes_on()
                if scored.is_whole() or stops or perf_counter() - told > _SECONDS:
                    yield scored
                    told = perf_counter()
                if stops:
                    return
        except WorkerKilled as error:
            raise RuntimeError(_what_kills(error.task, utilities)) from error


def _with_recalled(recall, utilities, rules, blocks):
    """Yield blocks, or their scores where all are known."""
    for block in blocks:
        g, walks, first, last = block
        masks = walks.masks(first, last)
        flat = masks.reshape(-1, walks.n_players)
        given = np.isin(walks.sizes[:, first:last], utilities[g].known_sizes).ravel()
        scores, noise = np.empty(len(flat)), np.empty(len(flat))
        scores[~given], noise[~given] = recall.scores(g, flat[~given])
        if given.any():
            scored = utilities[g].evaluate(flat[given])
            scores[given] = scored.scores
            noise[given] = 0.0 if scored.noise is None else scored.noise
        shape = masks.shape[:2]
        known = scores.reshape(shape), noise.reshape(shape) if utilities[g].is_noisy else None
        steps = (_step(*known, j) for j in range(shape[1]))
        part = _assemble(steps, utilities[g], rules[g], walks, first, last)
        yield block if np.isnan(part.scores).any() else Ready((part, False))


def _step(scores, noise, j):
    """Return what is known of step j, as `_pieces` does."""
    return scores[:, j : j + 1], {}, None if noise is None else noise[:, j : j + 1]


def _keep(recall, block, part):
    """Keep what was scored, but for failures: they may have come from a full disk."""
    g, walks, first, last = block
    sure = part.is_scored.copy()
    sure.flat[list(part.failures)] = False
    if sure.any():
        noise = None if part.noise is None else part.noise[sure]
        recall.keep(g, walks.masks(first, last)[sure], part.scores[sure], noise)


def _what_kills(task, utilities):
    """Find the coalition of a block that kills its worker, by halves; name it."""
    g, walks, first, last = task
    masks = walks.masks(first, last).reshape(-1, walks.n_players)
    shared = utilities, [None] * len(utilities)
    while len(masks) > 1:
        half = Walks(masks[: len(masks) // 2], np.empty((len(masks) // 2, 0), dtype=np.intp))
        first_half = kills(score_block, (g, half, 0, 1), shared=shared)
        masks = masks[: len(half)] if first_half else masks[len(half) :]
    members = np.flatnonzero(masks[0])
    some = ", ".join(map(str, members[:10])) + (", ..." if len(members) > 10 else "")
    return (
        f"A coalition of {len(members)} of {walks.n_players} players has killed its worker "
        f"process three times, alone in a fresh pool: players {some}. It runs out of memory, or "
        "crashes the interpreter. The checkpoint, if there is one, keeps what was scored before."
    )


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
        for i in range(len(walks)):
            walk = walks.rows(i, i + 1)  # one object, which is pickled once for many blocks
            for first in range(0, steps, size):
                yield walk, first, min(first + size, steps)


def score_block(utilities, rules, g, walks, first, last):
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

    Returns
    -------
    part : Part
    is_new : True
    """
    utility, rule = utilities[g], rules[g]
    pieces = _pieces(utility, walks, first, last, 1 if rule else last - first)
    return _assemble(pieces, utility, rule, walks, first, last), True


def _assemble(pieces, utility, rule, walks, first, last):
    """Put the scores of consecutive steps together, as far as the rule lets walks go."""
    scores = np.empty((len(walks), last - first))
    noise = np.full(scores.shape, np.nan) if utility.is_noisy else None
    n_real = np.full(len(walks), last - first)
    failures, done = {}, 0
    for piece, failed, noise_of_piece in pieces:
        since, done = done, done + piece.shape[1]
        going = n_real > since
        scores[going, since:done] = piece[going]
        if noise is not None:
            noise[going, since:done] = noise_of_piece[going]
        for place, words in failed.items():
            walk, step = divmod(place, piece.shape[1])
            if going[walk]:
                failures[walk * scores.shape[1] + since + step] = words
        if rule is not None:
            _truncate(scores, n_real, since, done, rule)
            if (n_real <= done).all():
                break
    real = np.arange(last - first) < n_real[:, None]
    if noise is not None:
        noise[~real] = np.nan
    real &= ~np.isin(walks.sizes[:, first:last], utility.known_sizes)
    return Part(scores, real, failures, noise)


def _pieces(utility, walks, first, last, n_steps):
    """Yield scores of the next few steps of all walks in lockstep, failures, and noise."""
    if utility.walk is not None:
        for piece in utility.walk(walks.start, walks.order):
            yield piece, {}, None
        return
    for step in range(first, last, n_steps):
        masks = walks.masks(step, min(step + n_steps, last))
        scored = utility.evaluate(masks.reshape(-1, masks.shape[2]))
        shape = masks.shape[:2]
        noise = None if scored.noise is None else scored.noise.reshape(shape)
        yield scored.scores.reshape(shape), scored.failures, noise


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
