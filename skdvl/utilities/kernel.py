"""Scores of coalitions by a kernel; a refit decides what the kernel does not."""

from time import perf_counter

import numpy as np

from ..coalitions import MAX_CELLS, Walks
from ..neighbors import nearest_values
from .base import Scored, Utility

_DECISIONS = 2**21  # at most, of one call of a kernel on masks
_STEPS = 2**16  # at most, of all walks that go in lockstep
_TOGETHER = 16  # walks that may end early, of a kernel that one coalition alone is nothing for
_CLOSED_FORM = 2**25  # decisions at most, of a kernel that knows values without coalitions
_QUICK = 1e-5  # seconds; a process takes longer to be sent a coalition of a small block
_CLOCKED = 64  # coalitions, or a quarter of a block, and steps of walks
_PATIENCE = 0.1  # seconds, after which enough is known of how long it takes


class KernelUtility(Utility):
    """The scores of a `ModelUtility`, without training where a kernel knows the outcome.

    What is a matter of policy comes from the refit: the empty and the full coalition, rows of a
    single class, and coalitions that cannot be fitted, which no kernel is sure of.

    Parameters
    ----------
    refit : ModelUtility
        Bound already.
    kernel : Kernel
        Made for the same rows.
    score : skdvl.utilities.scoring.Score

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from skdvl.utilities import KernelUtility, ModelUtility, make_utility
    >>> X, y = load_iris(return_X_y=True)
    >>> rows = X[::2], y[::2], X[1::2], y[1::2]
    >>> refit = ModelUtility(GaussianNB(), *rows, "accuracy")
    >>> model = refit.bind()
    >>> utility = make_utility(refit)
    >>> masks = np.random.default_rng(0).random((20, 75)) < 0.3
    >>> isinstance(utility, KernelUtility), bool((utility(masks) == refit(masks)).all())
    (True, True)
    """

    _made_of = ("refit", "kernel")

    def __init__(self, refit, kernel, score):
        self.refit, self.kernel, self.score = refit, kernel, score
        self.is_recalled = kernel.is_recalled
        self.n_players = refit.n_players
        self.known_sizes = refit.known_sizes
        classes = refit.classes
        cells = len(refit.y_val) * (1 if classes is None else len(classes))
        self.block_size = int(np.clip(_DECISIONS // cells, 1, kernel.at_once))
        self._codes = None
        if classes is not None:
            codes = range(len(classes))
            self._codes = np.searchsorted(classes, refit.y)
            self._is_of_class = np.equal.outer(self._codes, codes).astype(np.float32)
            self._constants = np.full(len(classes), np.nan)  # refitted, each time
            if refit.error_score == "auto":
                self._constants = np.array([refit.constant_score(code) for code in codes])
        self.walk = None if kernel.chains is None else self._walk
        self._seconds = {}  # of an evaluation, on masks and in chains

    def __getstate__(self):
        state = vars(self).copy()
        del state["walk"]  # a method of this very object
        return state

    def __setstate__(self, state):
        vars(self).update(state)
        self.walk = None if self.kernel.chains is None else self._walk

    def bind(self):
        return self.refit.bind()

    @property
    def full_score(self):
        return self.refit.full_score

    @property
    def ingredients(self):
        return {"kind": type(self), "kernel": type(self.kernel), "refit": self.refit.ingredients}

    def closed_form(self, size_pmf):
        cells = self.n_players * len(self.refit.y_val)
        found = None
        if self.kernel.deciders is not None and cells <= _CLOSED_FORM:
            found = self.kernel.deciders()
        if found is None:
            return None
        rows, answers = found
        parts = self.score.by_row(answers)
        if parts is None or not np.isclose(parts[0].mean(), self.full_score, rtol=1e-9):
            return None
        values = nearest_values(parts.T, self.refit.empty_score, size_pmf)
        return np.bincount(rows.T.ravel(), values.ravel(), self.n_players) / len(values)

    def lockstep(self, length):
        if self._chains(length):
            return max(1, min(self.kernel.lockstep, _STEPS // (length + 1)))
        return None if self.kernel.at_least == 1 else _TOGETHER

    def _chains(self, length):
        """Whether walks of a length are better extended than scored one by one."""
        return self.walk is not None and length > 1

    def tier(self, length):
        return "chains" if self._chains(length) else "masks"

    def is_quick(self, length):
        tier = self.tier(length)
        if tier not in self._seconds:
            self._seconds[tier] = self._clocked(tier)
        return self._seconds[tier] < _QUICK

    def _clocked(self, tier):
        """Return how long an evaluation takes, over coalitions of all sizes alike."""
        rng, n = np.random.default_rng(1), self.n_players
        n_masks = max(1, min(_CLOCKED, self.block_size // 4))
        masks = rng.permuted(np.arange(n) < rng.integers(1, n + 1, n_masks)[:, None], axis=1)
        walks = self._clocked_walks(rng) if tier == "chains" else None
        refit_seconds, _ = _timed(lambda: self.refit.evaluate(masks[:1]))
        for _ in range(2):  # the first time, there may be something to set up
            began, n_asked, n_certain = perf_counter(), 0, 0
            pieces = self._steps(walks) if walks else [self._by_masks(masks)]
            for *_, is_certain in pieces:
                n_asked += is_certain.size
                n_certain += np.count_nonzero(is_certain)
                seconds = perf_counter() - began
                if seconds > _PATIENCE:
                    break
            if seconds > _PATIENCE:
                break
        return seconds / n_asked + (1 - n_certain / n_asked) * refit_seconds

    def _clocked_walks(self, rng):
        """Return some walks in lockstep, from sizes of all kinds."""
        n = self.n_players
        length, n_walks = min(_CLOCKED, n), self.lockstep(n)
        order = rng.permuted(np.tile(np.arange(n), (n_walks, 1)), axis=1)
        start = np.zeros((n_walks, n), dtype=bool)
        for walk, size in enumerate(rng.integers(0, n - length + 1, n_walks)):
            start[walk, order[walk, length : length + size]] = True
        return Walks(start, order[:, :length])

    def __call__(self, masks):
        return self.evaluate(masks).scores

    def evaluate(self, masks):
        masks = self.check_masks(masks)
        scores, is_certain = self._by_masks(masks)
        unsure = np.flatnonzero(~is_certain)
        scores[unsure], failures = self._refitted(masks[unsure], unsure)
        return Scored(scores, failures, len(unsure))

    def _by_masks(self, masks):
        """Scores without refits, and whether they are certain."""
        scores, is_given = self._given(masks)
        is_certain = is_given & ~np.isnan(scores)
        asked = np.flatnonzero(~is_given)
        for first in range(0, len(asked), self.block_size):
            some = asked[first : first + self.block_size]
            if len(some) >= self.kernel.at_least:
                scores[some], is_certain[some] = self.score(self.kernel(masks[some]))
        return scores, is_certain

    def is_asked(self, masks):
        """Whether a kernel is asked, coalition by coalition, and it is no matter of policy.

        Parameters
        ----------
        masks : ndarray of bool of shape (B, n)

        Returns
        -------
        is_asked : ndarray of bool of shape (B,)
        """
        return ~self._given(masks)[1]

    def _given(self, masks):
        """Scores that are a matter of policy, NaN where a refit has to tell; and which they are."""
        sizes = np.count_nonzero(masks, axis=1)
        scores, is_given = np.zeros(len(masks)), (sizes == 0) | (sizes == self.n_players)
        if self._codes is not None:
            has_class = masks.astype(np.float32) @ self._is_of_class > 0
            is_single = np.count_nonzero(has_class, axis=1) == 1
            scores[is_single] = self._constants[has_class[is_single].argmax(axis=1)]
            is_given |= is_single
        scores[sizes == 0] = self.refit.empty_score
        scores[sizes == self.n_players] = self.full_score
        return scores, is_given

    def _refitted(self, masks, places):
        """Refit coalitions; return their scores, and failures by the places given."""
        if not len(masks):
            return np.empty(0), {}
        scored = self.refit.evaluate(masks)
        return scored.scores, {int(places[j]): words for j, words in scored.failures.items()}

    # ------------------------------------------------------------------ walks

    def _walk(self, start, order):
        """Yield scores of walks in lockstep, each piece a `Scored`."""
        for piece in self._steps(Walks(start, order)):
            yield self._settled(*piece)

    def walk_while(self, start, order, is_going):
        """Walk step by step, so that nothing is refitted behind the end of a walk.

        Parameters
        ----------
        start : ndarray of bool of shape (B, n)
        order : ndarray of int of shape (B, L)
        is_going : ndarray of bool of shape (B,)
            Becomes False where a walk ends, from one piece to the next.

        Yields
        ------
        piece : Scored
            Of one step of all walks.
        """
        for walks, done, scores, is_certain in self._steps(Walks(start, order)):
            for step in range(scores.shape[1]):
                one = slice(step, step + 1)
                clear = is_certain[:, one] | ~is_going[:, None]
                yield self._settled(walks, done + step, scores[:, one], clear)

    def _steps(self, walks):
        """Yield (walks, steps done before, scores, whether they are certain)."""
        if not self._chains(walks.length):
            masks = walks.masks()
            scores, is_certain = self._by_masks(masks.reshape(-1, self.n_players))
            yield walks, 0, scores.reshape(masks.shape[:2]), is_certain.reshape(masks.shape[:2])
            return
        n_single, constant = self._single(walks)
        done = 0
        for answers in self.kernel.chains(walks.start, walks.order):
            scores, is_certain = self.score(answers)
            scores, is_certain = scores.reshape(len(walks), -1), is_certain.reshape(len(walks), -1)
            steps = np.arange(done, done + scores.shape[1])
            sizes = walks.sizes[:, :1] + steps
            if (steps[0] < n_single).any():
                is_single = steps < n_single[:, None]
                np.copyto(scores, constant[:, None], where=is_single)
                np.copyto(is_certain, ~np.isnan(constant)[:, None], where=is_single)
            for size, score in ((0, self.refit.empty_score), (self.n_players, self.full_score)):
                scores[sizes == size], is_certain[sizes == size] = score, True
            yield walks, done, scores, is_certain
            done += scores.shape[1]

    def _single(self, walks):
        """How many steps of each walk are of one class only, and their score."""
        if self._codes is None:
            return np.zeros(len(walks), dtype=np.intp), np.full(len(walks), np.nan)
        has_class = walks.start.astype(np.float32) @ self._is_of_class > 0
        joining = self._codes[walks.order]
        first = np.where(has_class.any(axis=1), has_class.argmax(axis=1), joining[:, 0])
        is_other = joining != first[:, None]
        n_single = np.where(is_other.any(axis=1), is_other.argmax(axis=1), walks.length) + 1
        n_single[np.count_nonzero(has_class, axis=1) > 1] = 0
        return n_single, self._constants[first]

    def _settled(self, walks, done, scores, is_certain):
        """Refit the coalitions of a piece that are not certain."""
        unsure = np.flatnonzero(~is_certain)
        failures, at_once = {}, max(1, MAX_CELLS // self.n_players)
        for first in range(0, len(unsure), at_once):
            places = unsure[first : first + at_once]
            masks = self._masks(walks, *np.divmod(places, scores.shape[1]), done)
            new, failed = self._refitted(masks, places)
            np.put(scores, places, new)
            failures |= failed
        return Scored(scores, failures, len(unsure))

    @staticmethod
    def _masks(walks, walk, step, done):
        masks = walks.start[walk].copy()
        for mask, b, s in zip(masks, walk, step, strict=True):
            mask[walks.order[b, : done + s]] = True
        return masks


def _timed(call):
    """Return the seconds that a call takes, and its result."""
    began = perf_counter()
    result = call()
    return perf_counter() - began, result
