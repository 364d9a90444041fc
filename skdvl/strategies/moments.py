"""Scored coalitions, and their weighted second moments, of which a regression is made."""

from dataclasses import dataclass, replace
from itertools import starmap

import numpy as np
from scipy.linalg import eigh

_NEGLIGIBLE = 1e-10  # share of the largest eigenvalue that is taken for zero
_ENTRIES = 2**22  # of a matrix of coalitions that is worked on at once
_CHUNK = 1024  # observations of each fold whose moments are kept


@dataclass(frozen=True)
class Sample:
    """Scored coalitions, and how much each of them says.

    Attributes
    ----------
    masks : ndarray of uint8 of shape (m, ceil(n / 8))
        Coalitions, packed.
    sizes : ndarray of int of shape (m,)
    scores : ndarray of shape (m,)
    controls : ndarray of shape (m, c)
    weights : ndarray of shape (m,)
        Of each coalition in the regression.
    paired : bool
        Whether coalitions 2j and 2j + 1 are one observation, of which the difference counts. The
        second one is the complement of the first.
    """

    masks: np.ndarray
    sizes: np.ndarray
    scores: np.ndarray
    controls: np.ndarray
    weights: np.ndarray
    paired: bool = False

    @property
    def n_observations(self):
        """Number of independent observations."""
        return len(self.sizes) // (2 if self.paired else 1)

    def begins_with(self, other, n_observations):
        """Whether the first observations are those of another sample."""
        n = n_observations * (2 if self.paired else 1)
        names = "scores", "masks", "controls"
        pairs = ((getattr(self, name), getattr(other, name)) for name in names)
        return all(np.array_equal(mine[:n], theirs[:n]) for mine, theirs in pairs)

    def take(self, observations):
        """Return a sample of some of the observations."""
        rows = observations
        if self.paired:
            rows = (2 * observations[:, None] + [0, 1]).ravel()
        names = "masks", "sizes", "scores", "controls", "weights"
        return replace(self, **{name: getattr(self, name)[rows] for name in names})

    def stretches(self, n_players, dtype=float):
        """Yield (slice, coalitions as numbers), as many at once as memory allows; whole pairs."""
        step = max(2, _ENTRIES // n_players // 2 * 2)
        for first in range(0, len(self.sizes), step):
            part = slice(first, min(first + step, len(self.sizes)))
            yield part, np.unpackbits(self.masks[part], axis=1, count=n_players).astype(dtype)

    def of_each(self, array):
        """Return the entry of each observation; of a pair, that of its first coalition."""
        return array[:: 2 if self.paired else 1]

    def difference(self, array):
        """Return what counts of an array with a line for each coalition."""
        return array[::2] - array[1::2] if self.paired else array


@dataclass
class Moments:
    """Weighted second moments of effects f, of curves and controls u, and of scores y.

    Those of the effects among themselves, `ff`, are kept as one block for each pair of slopes,
    since two slopes have the same products whichever comes first.
    """

    blocks: np.ndarray
    fu: np.ndarray
    uu: np.ndarray
    fy: np.ndarray
    uy: np.ndarray
    yy: float
    count: int

    @classmethod
    def none(cls, n_slopes, n, n_curves):
        """Return the moments of no observations."""
        f, u = n_slopes * n, n_curves
        n_blocks = n_slopes * (n_slopes + 1) // 2
        arrays = (np.zeros(shape) for shape in ((n_blocks, n, n), (f, u), (u, u), f, u))
        return cls(*arrays, 0.0, 0)

    @property
    def ff(self):
        """The moments of the effects, of shape (n_slopes * n, n_slopes * n)."""
        f, n = len(self.fy), self.blocks.shape[1]
        ff, blocks = np.empty((f, f)), iter(self.blocks)
        for j in range(0, f, n):
            for i in range(0, j + 1, n):
                ff[i : i + n, j : j + n] = ff[j : j + n, i : i + n] = next(blocks)
        return ff

    def add(self, z, s, u, y, weights):
        """Add observations, each a line.

        Parameters
        ----------
        z : ndarray of shape (m, n)
        s : ndarray of shape (n_slopes, m)
            Positive. The effect of player i on line t is ``s[j, t] * z[t, i]``.
        u : ndarray of shape (m, n_curves)
        y, weights : ndarray of shape (m,)
        """
        n, blocks = z.shape[1], iter(self.blocks)
        for j, slope in enumerate(s):
            for other in s[: j + 1]:
                x = z * np.sqrt(weights * slope * other).astype(z.dtype)[:, None]
                block = next(blocks)
                block += x.T @ x  # half of the products that two different factors would take
            own = slice(j * n, (j + 1) * n)
            told = np.concatenate([u, y[:, None]], axis=1) * (weights * slope)[:, None]
            told = z.T @ told.astype(z.dtype)
            self.fu[own] += told[:, :-1]
            self.fy[own] += told[:, -1]
        self.uu += (u * weights[:, None]).T @ u
        self.uy += u.T @ (weights * y)
        self.yy += weights @ y**2
        self.count += len(y)

    def plus(self, other, sign=1):
        """Return the moments of both, or of these without the other."""
        pairs = zip(vars(self).values(), vars(other).values(), strict=True)
        return Moments(*(a + sign * b for a, b in pairs))

    def copy(self):
        """Return moments of their own, that more may be added to."""
        return Moments(*(a.copy() for a in list(vars(self).values())[:-2]), self.yy, self.count)

    def of_curves(self, n_curves):
        """Return the moments of the first few of u alone."""
        n = n_curves
        return replace(self, fu=self.fu[:, :n], uu=self.uu[:n, :n], uy=self.uy[:n])

    def projected(self):
        """Return (A, c, yy, rank): moments of f and y once u has explained all that it can."""
        root = self._root()
        explained, told = self.fu @ root, root.T @ self.uy
        a = self.ff
        a -= explained @ explained.T
        return a, self.fy - explained @ told, max(self.yy - told @ told, 0.0), root.shape[1]

    def unexplained(self, f, u):
        """Return what u has not explained of the effects of some observations.

        Returns
        -------
        left : ndarray of shape (m, n_effects)
        leverages : ndarray of shape (m,)
            How far each of them draws the fit of u alone to itself.
        """
        root = self._root()
        told = u @ root
        return f - told @ (self.fu @ root).T, (told**2).sum(axis=1)

    def curves(self, beta):
        """Return the weights of u beside given weights of f."""
        root = self._root()
        return root @ (root.T @ (self.uy - self.fu.T @ beta))

    def _root(self):
        """Return R with R R' the pseudo-inverse of the moments of u."""
        scale = np.sqrt(np.diag(self.uu))
        scale[scale == 0] = 1
        values, vectors = eigh(self.uu / np.outer(scale, scale))
        kept = values > _NEGLIGIBLE * max(values[-1], 0)
        return vectors[:, kept] / np.sqrt(values[kept]) / scale[:, None]


class FoldMoments:
    """Moments of each of some folds of a sample that grows; observation i is of fold i % n_folds.

    Chunks of a fixed size are added in order, and kept: another call with more observations adds
    the new ones only, and ends with the bits of one that knew nothing.

    Parameters
    ----------
    add : callable
        ``add(moments, sample)`` adds a `Sample` to `Moments`, in place; to None, it makes new ones.
        It returns them.
    n_folds : int
    """

    def __init__(self, add, n_folds):
        self._add, self._n_folds = add, n_folds
        self._known, self._count = None, 0  # the last sample, and its observations in _folds
        self._folds = [None] * n_folds

    def of(self, sample, each=starmap):
        """Return the moments of each fold, as a list.

        ``each(function, tasks)`` returns the results of tasks, tuples of arguments, in order.
        """
        known, self._known = self._known, None  # whoever interrupts this leaves nothing half done
        if known is None or not sample.begins_with(known, self._count):
            self._count, self._folds = 0, [None] * self._n_folds
        grown = list(each(self._grow, [(sample, j) for j in range(self._n_folds)]))
        self._folds = [kept for kept, _ in grown]
        step = self._n_folds * _CHUNK
        self._known, self._count = sample, sample.n_observations // step * step
        return [whole for _, whole in grown]

    def _grow(self, sample, j):
        """Return the moments of fold j of all whole chunks, and of everything."""
        fold, step = self._folds[j], self._n_folds * _CHUNK
        numbers = np.arange(sample.n_observations)
        end = len(numbers) // step * step
        for first in range(self._count, end, step):
            own = numbers[first + j : first + step : self._n_folds]
            fold = self._add(fold, sample.take(own))
        whole = None if fold is None else fold.copy()
        return fold, self._add(whole, sample.take(numbers[end + j :: self._n_folds]))
