"""Rounds, one after the other, through the workers."""

from collections import deque
from contextlib import closing
from itertools import chain, islice
from time import perf_counter

import numpy as np

from ..coalitions import Walks
from ..workers import Ready, WorkerKilled, kills, n_workers, ordered_stream
from .blocks import assemble, cut, score_block
from .rounds import Bundle, Single

_SECONDS = 0.1  # at most, between two looks at a round that is under way


def score_rounds(
    utilities,
    rounds,
    *,
    begun=None,
    truncation=None,
    recall=None,
    n_jobs=None,
    goes_on=None,
    together=1,
    skip=0,
    players=None,
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
        What is known already. Unless a utility scores coalitions apart from each other, a block
        is recalled whole or scored whole: with fewer, matrix products might end in other bits.
    n_jobs : int or None, default=None
    goes_on : callable or None, default=None
        Asked after each block; where it says no, the round that is begun is given up.
    together : int, default=1
        Rounds whose walks are scored in lockstep.
    skip : int, default=0
        Of the first of them, those that are drawn for the sake of the others.
    players : list of ndarray of int or None, default=None
        What the players of each utility are called in an error, if not by their places in it.

    Yields
    ------
    scored : ScoredRound or BegunRound
        Each round when it is whole, and now and then before that.
    """
    rules = [None if truncation is None else (truncation, u.full_score) for u in utilities]
    rounds, waiting = iter(rounds), deque()
    first_round = list(islice(rounds, 1))
    rounds = chain(first_round, rounds)
    if n_workers(n_jobs) > 1 and _are_quick(utilities, *first_round):
        n_jobs = 1

    def cut_batch(g, walks):
        return [(g, *block) for block in cut(utilities[g], walks, truncation is not None)]

    def chapters():
        for chapter in _chapters(rounds, cut_batch, begun or {}, together, skip):
            waiting.append((chapter, iter(chapter.blocks)))
            if recall is None:
                yield chapter.blocks
            else:
                yield _with_recalled(recall, utilities, rules, chapter.blocks)

    shared, told = (utilities, rules), perf_counter()
    with closing(ordered_stream(score_block, chapters(), shared=shared, n_jobs=n_jobs)) as results:
        try:
            for part, is_new in results:
                chapter, blocks = waiting[0]
                block = next(blocks)
                if recall is not None and np.any(is_new):
                    _keep(recall, block, part, is_new)
                whole = chapter.add(part)
                if whole:
                    waiting.popleft()
                stops = goes_on is not None and not goes_on()
                if stops or perf_counter() - told > _SECONDS:
                    whole = whole or [chapter.begun]
                for scored in whole:
                    yield scored
                    told = perf_counter()
                if stops:
                    return
        except WorkerKilled as error:
            raise RuntimeError(_what_kills(error.task, utilities, players)) from error


def _are_quick(utilities, batches=()):
    """Whether scoring takes less time than sending walks such as those of a round would."""
    return all(utilities[g].is_quick(walks.length) for g, walks in batches)


def _chapters(rounds, cut_batch, begun, together, skip):
    """Yield rounds, or bundles of them, to be scored."""
    if together == 1:
        for batches in rounds:
            yield Single(batches, cut_batch, begun)
            begun = {}
        return
    while bundle := list(islice(rounds, together)):
        if len(bundle) > skip:
            yield Bundle(bundle, skip, cut_batch)
        skip = 0


def _with_recalled(recall, utilities, rules, blocks):
    """Yield blocks with what is known of them, or their scores where that is all."""
    for block in blocks:
        g, walks, first, last = block
        masks = walks.masks(first, last)
        flat = masks.reshape(-1, walks.n_players)
        given = np.isin(walks.sizes[:, first:last], utilities[g].known_sizes).ravel()
        scores, noise = np.empty(len(flat)), np.empty((len(flat), 2))
        scores[~given], noise[~given] = recall.scores(g, flat[~given])
        if given.any():
            scored = utilities[g].evaluate(flat[given])
            scores[given], noise[given] = scored.scores, scored.noise
        shape, is_noisy = masks.shape[:2], utilities[g].is_noisy
        known = scores.reshape(shape), noise.reshape(*shape, 2) if is_noisy else None
        steps = (_step(*known, j) for j in range(shape[1]))
        part = assemble(steps, utilities[g], rules[g], walks, first, last)
        if not np.isnan(part.scores).any():
            yield Ready((part, False))
        else:
            yield (*block, known) if utilities[g].scores_apart else block


def _step(scores, noise, j):
    """Return what is known of step j, as a piece of walks."""
    return scores[:, j : j + 1], {}, 0, None if noise is None else noise[:, j : j + 1]


def _keep(recall, block, part, is_new):
    """Keep what was scored, but for failures: they may have come from a full disk."""
    g, walks, first, last = block
    sure = part.is_scored & is_new
    sure.flat[list(part.failures)] = False
    if sure.any():
        noise = None if part.noise is None else part.noise[sure]
        recall.keep(g, walks.masks(first, last)[sure], part.scores[sure], noise)


def _what_kills(task, utilities, players):
    """Find the coalition of a block that kills its worker, by halves; name it."""
    g, walks, first, last, *_ = task
    masks = walks.masks(first, last).reshape(-1, walks.n_players)
    shared = utilities, [None] * len(utilities)
    while len(masks) > 1:
        half = Walks(masks[: len(masks) // 2], np.empty((len(masks) // 2, 0), dtype=np.intp))
        first_half = kills(score_block, (g, half, 0, 1), shared=shared)
        masks = masks[: len(half)] if first_half else masks[len(half) :]
    members = np.flatnonzero(masks[0]) if players is None else players[g][masks[0]]
    some = ", ".join(map(str, members[:10])) + (", ..." if len(members) > 10 else "")
    return (
        f"A coalition of {len(members)} of {walks.n_players} players has killed its worker "
        f"process three times, alone in a fresh pool: players {some}. It runs out of memory, or "
        "crashes the interpreter. The checkpoint, if there is one, keeps what was scored before."
    )
