"""Rounds that are being scored: what is back of them, and what it took."""

from typing import NamedTuple

import numpy as np

from ..coalitions import Walks


class Effort(NamedTuple):
    """What scoring took; recalled coalitions are left out.

    Attributes
    ----------
    n_scored, n_refitted : int
        Coalitions; and those of them on which an estimator was fitted, where there was a quicker
        way for others.
    seconds : float
        Of all workers together.
    """

    n_scored: int = 0
    n_refitted: int = 0
    seconds: float = 0.0

    def plus(self, other):
        """Return the sum of two."""
        return Effort(*(a + b for a, b in zip(self, other, strict=True)))


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
    effort : Effort
    noise : ndarray of shape (B, c, 2) or None
        Of a noisy utility, as in `skdvl.utilities.Scored`; NaN behind the end of a truncated walk.
    """

    scores: np.ndarray
    is_scored: np.ndarray
    failures: dict
    effort: Effort = Effort()
    noise: np.ndarray | None = None


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
    effort : Effort
        What it took now.
    """

    def __init__(self, batches, n_blocks, begun):
        self.batches, self._n_blocks = batches, n_blocks
        self._scores = [begun["scores"] if begun else np.empty(0)]
        self._noise = [begun["noise"]] if "noise" in begun else []
        counters = begun["counters"].tolist() if begun else [0, 0, 0, n_blocks]
        self.n_back, self.n_evaluations, self.n_failed, _ = counters
        self.failure, self.effort = "", Effort()

    def add(self, part):
        """Put a `Part`, the next block, behind those that are there."""
        self._scores.append(part.scores.ravel())
        if part.noise is not None:
            self._noise.append(part.noise.reshape(-1, 2))
        self.n_back += 1
        self.n_evaluations += int(np.count_nonzero(part.is_scored))
        self.n_failed += len(part.failures)
        if part.failures and not self.failure:
            self.failure = next(iter(part.failures.values()))
        self.effort = self.effort.plus(part.effort)

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
        """Return the noise of the scores, None for each batch of which none is told."""
        return self._by_batch(self._noise) if self._noise else [None] * len(self.batches)

    def _by_batch(self, parts):
        flat, batches, end = np.concatenate(parts), [], 0
        for _, walks in self.batches:
            shape = len(walks), walks.length + 1
            first, end = end, end + shape[0] * shape[1]
            batches.append(flat[first:end].reshape(*shape, *flat.shape[1:]))
        return batches


class Single:
    """A round that is scored by itself.

    Parameters
    ----------
    batches : list of (int, skdvl.coalitions.Walks)
    cut : callable
        Returns the blocks, as a list, of a batch ``(g, walks)``.
    begun : dict of str to ndarray
        See `ScoredRound`.

    Attributes
    ----------
    blocks : list of tuple
        Still to be scored.
    scored : ScoredRound
        The first round that is not whole.
    """

    def __init__(self, batches, cut, begun):
        blocks = [block for g, walks in batches for block in cut(g, walks)]
        self.scored = ScoredRound(batches, len(blocks), begun)
        self.blocks = blocks[self.scored.n_back :]

    def add(self, part):
        """Take in the next block; return the rounds that are whole with it."""
        self.scored.add(part)
        return [self.scored] if self.scored.is_whole() else []


class Bundle:
    """Rounds whose walks are scored in lockstep, and are whole all at once.

    A bundle is always scored as a whole: with fewer walks in lockstep, scores might end in other
    bits. So what is known of a part of it when it is given up is not kept, and to go on from
    within it, its first rounds are scored again, and skipped.

    Parameters
    ----------
    rounds : list of list of (int, skdvl.coalitions.Walks)
    skip : int
    cut : callable
        Returns the blocks, as a list, of a batch ``(g, walks)``.

    Attributes
    ----------
    blocks, scored
        See `Single`.
    """

    def __init__(self, rounds, skip, cut):
        self._rounds, self._skip = rounds, skip
        walks_of = {}
        for batches in rounds:
            for g, walks in batches:
                walks_of.setdefault(g, []).append(walks)
        self.blocks = [block for g, walks in walks_of.items() for block in cut(g, _joined(walks))]
        self.scored = ScoredRound(rounds[skip], len(self.blocks), {})
        self._parts, self._n_back, self._effort = {g: [] for g in walks_of}, 0, Effort()

    def add(self, part):
        """Take in the next block; return the rounds that are whole with it."""
        g = self.blocks[self._n_back][0]
        self._parts[g].append(part)
        self._n_back += 1
        self._effort = self._effort.plus(part.effort)
        if self._n_back < len(self.blocks):
            return []
        rest = {g: _together(parts) for g, parts in self._parts.items()}
        whole = []
        for batches in self._rounds:
            scored = ScoredRound(batches, len(batches), {})
            for g, walks in batches:
                first, rest[g] = _split(rest[g], len(walks))
                scored.add(first)
            whole.append(scored)
        whole[self._skip].effort = self._effort
        return whole[self._skip :]


def _joined(walks):
    """Return batches of walks as one."""
    start, order = ([getattr(some, name) for some in walks] for name in ("start", "order"))
    return Walks(np.concatenate(start), np.concatenate(order))


def _together(parts):
    """Return parts as one, of which the walks stand one behind the other."""
    failures, place = {}, 0
    for part in parts:
        failures |= {place + at: words for at, words in part.failures.items()}
        place += part.scores.size
    arrays = ([getattr(part, name) for part in parts] for name in ("scores", "is_scored"))
    noise = None if parts[0].noise is None else np.concatenate([part.noise for part in parts])
    return Part(*map(np.concatenate, arrays), failures, noise=noise)


def _split(part, n_walks):
    """Split a part behind its first few walks."""
    end = n_walks * part.scores.shape[1]
    first = {at: words for at, words in part.failures.items() if at < end}
    last = {at - end: words for at, words in part.failures.items() if at >= end}
    halves = []
    for some, failures in ((slice(n_walks), first), (slice(n_walks, None), last)):
        noise = None if part.noise is None else part.noise[some]
        halves.append(Part(part.scores[some], part.is_scored[some], failures, noise=noise))
    return halves
