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
        scored, refitted, seconds = other
        return Effort(self.n_scored + scored, self.n_refitted + refitted, self.seconds + seconds)


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


class ScoredRound(NamedTuple):
    """The scores of all walks of a round.

    Attributes
    ----------
    batches : list of (int, skdvl.coalitions.Walks)
        The walks, each batch behind the number of its utility.
    scores : list of ndarray of shape (B, L + 1)
        Of each batch.
    noise : list of (ndarray of shape (B, L + 1, 2) or None)
        Of each batch; None where none is told.
    n_evaluations : int
        Coalitions scored, but for those whose score the utility knew beforehand.
    n_failed : int
        Those that could not be fitted.
    failure : str
        One sentence on the first of them, if it was met now.
    effort : Effort
        What it took now.
    """

    batches: list
    scores: list
    noise: list
    n_evaluations: int
    n_failed: int
    failure: str
    effort: Effort

    @property
    def is_whole(self):
        """Whether all blocks are back."""
        return True


class BegunRound:
    """The scores of a round as far as its blocks are back.

    Parameters
    ----------
    batches : list of (int, skdvl.coalitions.Walks)
    n_blocks : int
        Into which the walks were cut.
    begun : dict of str to ndarray
        What `so_far` told when this round was given up; empty if it is new.

    Attributes
    ----------
    n_back : int
        Blocks that are back.
    is_whole : bool
        False, as against a `ScoredRound`.
    """

    is_whole = False

    def __init__(self, batches, n_blocks, begun):
        self.batches, self.n_blocks = batches, n_blocks
        self._scores = [begun["scores"] if begun else np.empty(0)]
        self._noise = [begun["noise"]] if "noise" in begun else []
        counters = begun["counters"].tolist() if begun else [0, 0, 0, n_blocks]
        self.n_back, self._n_evaluations, self._n_failed, _ = counters
        self._failure, self._effort = "", Effort()

    def add(self, part):
        """Put a `Part`, the next block, behind those that are there."""
        self._scores.append(part.scores.ravel())
        if part.noise is not None:
            self._noise.append(part.noise.reshape(-1, 2))
        self.n_back += 1
        self._n_evaluations += int(np.count_nonzero(part.is_scored))
        self._n_failed += len(part.failures)
        if part.failures and not self._failure:
            self._failure = next(iter(part.failures.values()))
        self._effort = self._effort.plus(part.effort)

    def so_far(self):
        """Return arrays from which the round can go on behind the last block that is back."""
        counters = self.n_back, self._n_evaluations, self._n_failed, self.n_blocks
        begun = {"counters": np.array(counters)}
        self._scores = [np.concatenate(self._scores)]
        begun["scores"] = self._scores[0]
        if self._noise:
            self._noise = [np.concatenate(self._noise)]
            begun["noise"] = self._noise[0]
        return begun

    def whole(self):
        """Return the `ScoredRound`, if all blocks are back, or None."""
        if self.n_back < self.n_blocks:
            return None
        noise = self._by_batch(self._noise) if self._noise else [None] * len(self.batches)
        told = self._n_evaluations, self._n_failed, self._failure, self._effort
        return ScoredRound(self.batches, self._by_batch(self._scores), noise, *told)

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
        See `BegunRound`.

    Attributes
    ----------
    blocks : list of tuple
        Still to be scored.
    begun : BegunRound
        The first round that is not whole.
    """

    def __init__(self, batches, cut, begun):
        blocks = [block for g, walks in batches for block in cut(g, walks)]
        self.begun = BegunRound(batches, len(blocks), begun)
        self.blocks = blocks[self.begun.n_back :]

    def add(self, part):
        """Take in the next block; return the rounds that are whole with it."""
        self.begun.add(part)
        whole = self.begun.whole()
        return [] if whole is None else [whole]


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
    blocks, begun
        See `Single`.
    """

    def __init__(self, rounds, skip, cut):
        self._rounds, self._skip = rounds, skip
        walks_of = {}
        for batches in rounds:
            for g, walks in batches:
                walks_of.setdefault(g, []).append(walks)
        self.blocks = [block for g, walks in walks_of.items() for block in cut(g, _joined(walks))]
        self.begun = BegunRound(rounds[skip], len(self.blocks), {})
        self._parts, self._n_back, self._effort = {g: [] for g in walks_of}, 0, Effort()

    def add(self, part):
        """Take in the next block; return the rounds that are whole with it."""
        g = self.blocks[self._n_back][0]
        self._parts[g].append(part)
        self._n_back += 1
        self._effort = self._effort.plus(part.effort)
        if self._n_back < len(self.blocks):
            return []
        whole = list(_cut(self._rounds, self._parts))[self._skip :]
        whole[0] = whole[0]._replace(effort=self._effort)
        return whole


def _joined(walks):
    """Return batches of walks as one."""
    start, order = ([getattr(some, name) for some in walks] for name in ("start", "order"))
    return Walks(np.concatenate(start), np.concatenate(order))


def _cut(rounds, parts):
    """Yield the rounds of a bundle, from the parts of each utility's walks in all of them."""
    together = {g: _together(some) for g, some in parts.items()}
    n_scored = {g: np.count_nonzero(every.is_scored, axis=1) for g, every in together.items()}
    before = {g: [0, *np.cumsum(n).tolist()] for g, n in n_scored.items()}  # each of the walks
    end = dict.fromkeys(parts, 0)
    for batches in rounds:
        scores, noise, failed, n_evaluations = [], [], [], 0
        for g, walks in batches:
            first, end[g], every = end[g], end[g] + len(walks), together[g]
            rows = slice(first, end[g])
            scores.append(every.scores[rows])
            noise.append(None if every.noise is None else every.noise[rows])
            n_evaluations += before[g][end[g]] - before[g][first]
            if every.failures:
                places = range(*(row * every.scores.shape[1] for row in (first, end[g])))
                failed += [words for at, words in every.failures.items() if at in places]
        failure = failed[0] if failed else ""
        yield ScoredRound(batches, scores, noise, n_evaluations, len(failed), failure, Effort())


def _together(parts):
    """Return parts as one, of which the walks stand one behind the other."""
    failures, place = {}, 0
    for part in parts:
        failures |= {place + at: words for at, words in part.failures.items()}
        place += part.scores.size
    arrays = ([getattr(part, name) for part in parts] for name in ("scores", "is_scored"))
    noise = None if parts[0].noise is None else np.concatenate([part.noise for part in parts])
    return Part(*map(np.concatenate, arrays), failures, noise=noise)
