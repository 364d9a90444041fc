"""A linear model of a utility, whose semivalues are known without any coalition.

The score of a coalition S of k players is described by a smooth curve of k, an effect of each
player, and controls: other utilities whose semivalues are known,

    h(S) = curve(k) gamma + sum_j g_j(k) sum_i beta[j, i] (1[i in S] - k / n) + controls(S) delta.

It is fitted by ridge regression on the effects alone. Its error does no harm: whoever uses it
adds an estimate of what it leaves over.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg import cho_factor, cho_solve, eigh

_PENALTIES = np.geomspace(1e-4, 1e4, 25)  # tried, in units of the mean eigenvalue
_NEGLIGIBLE = 1e-10  # share of the largest eigenvalue that is taken for zero
_LEVERAGES = 2048  # observations, at most, of which it is computed
_ENTRIES = 2**22  # of a matrix of coalitions that is worked on at once
_FINE = 300  # players, at most, of whom moments are taken in double precision


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
    """Weighted second moments of effects f, of curves and controls u, and of scores y."""

    ff: np.ndarray
    fu: np.ndarray
    uu: np.ndarray
    fy: np.ndarray
    uy: np.ndarray
    yy: float
    count: int

    @classmethod
    def none(cls, n_effects, n_curves):
        """Return the moments of no observations."""
        f, u = n_effects, n_curves
        arrays = (np.zeros(shape) for shape in ((f, f), (f, u), (u, u), f, u))
        return cls(*arrays, 0.0, 0)

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
        n = z.shape[1]
        for j, slope in enumerate(s):
            own = slice(j * n, (j + 1) * n)
            for i, other in enumerate(s[: j + 1]):
                x = z * np.sqrt(weights * slope * other).astype(z.dtype)[:, None]
                block = x.T @ x  # half of the products that two different factors would take
                self.ff[own, i * n : (i + 1) * n] += block
                if i < j:
                    self.ff[i * n : (i + 1) * n, own] += block
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

    def projected(self):
        """Return (A, c, yy, rank): moments of f and y once u has explained all that it can."""
        root = self._root()
        explained, told = self.fu @ root, root.T @ self.uy
        a, c = self.ff - explained @ explained.T, self.fy - explained @ told
        return a, c, max(self.yy - told @ told, 0.0), root.shape[1]

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


class Surrogate:
    """The model, for one semivalue.

    Parameters
    ----------
    pmf : ndarray of shape (n,)
        Of the semivalue.
    n_slopes : {0, 1, 2}
        Effects of each player: constant, and in proportion to 1 / k.
    """

    def __init__(self, pmf, n_slopes=2):
        self.pmf, self.n, self.n_slopes = pmf, len(pmf), n_slopes
        n, k = self.n, np.arange(len(pmf) + 1.0)
        self._curves = np.stack(
            [
                np.ones(n + 1),
                np.log1p(k),
                np.log1p(k) ** 2,
                k / n,
                (k / n) ** 2,
                np.log1p(n - k),
                1 / (1 + k),
            ],
            axis=1,
        )
        self._slopes = np.stack([np.ones(n + 1), 1 / np.maximum(k, 1)])[:n_slopes]
        self.n_curves = self._curves.shape[1]

    def moments(self, sample, n_folds):
        """Return the moments of each of some folds; observation i belongs to fold i % n_folds."""
        numbers = np.arange(sample.n_observations)
        return [self._moments(sample.take(numbers[j::n_folds])) for j in range(n_folds)]

    def _moments(self, sample):
        n_controls = sample.controls.shape[1]
        moments = Moments.none(self.n_slopes * self.n, self.n_curves + n_controls)
        dtype = np.float64 if self.n <= _FINE else np.float32
        for part, masks in sample.stretches(self.n, dtype):
            z, s, u = self._features(sample, part, masks)
            y, weights = sample.difference(sample.scores[part]), sample.weights[part]
            moments.add(z, s, u, y, sample.of_each(weights))
        return moments

    def _features(self, sample, part, masks):
        """Return effects, as factors z and s, and curves and controls of some observations."""
        sizes = sample.sizes[part]
        z, slopes = sample.of_each(masks), self._slopes[:, sizes]
        z = z - (sample.of_each(sizes) / self.n).astype(z.dtype)[:, None]
        s = slopes[:, ::2] + slopes[:, 1::2] if sample.paired else slopes  # z of a mate is -z
        u = np.concatenate([self._curves[sizes], sample.controls[part]], axis=1)
        return z, s, sample.difference(u)

    def predict(self, masks, sizes, controls, fits):
        """Return what each of some fits, pairs (beta, gamma), predicts, of shape (m, fits)."""
        beta, gamma = (np.stack(weights, axis=1) for weights in zip(*fits, strict=True))
        predicted = self._curves[sizes] @ gamma[: self.n_curves]
        predicted += controls @ gamma[self.n_curves :]
        for slope, own in zip(self._slopes, self._by_slope(beta), strict=True):
            effect = masks @ own - np.outer(sizes / self.n, own.sum(axis=0))
            predicted += slope[sizes][:, None] * effect
        return predicted

    def values(self, beta, gamma, control_values):
        """Return the semivalues of the model.

        Parameters
        ----------
        beta, gamma : ndarray
            A fit.
        control_values : ndarray of shape (n, c)
            The semivalues of the controls.

        Returns
        -------
        values : ndarray of shape (n,)
        """
        n, others = self.n, np.arange(self.n) / max(self.n - 1, 1)
        values = control_values @ gamma[self.n_curves :]
        values += self.pmf @ np.diff(self._curves, axis=0) @ gamma[: self.n_curves]
        for g, effects in zip(self._slopes, self._by_slope(beta), strict=True):
            joins = self.pmf @ g[1:]  # what i adds to its own effect
            beside = self.pmf @ ((g[1:] - g[:-1]) * others)  # and to that of another
            shared = self.pmf @ np.diff(g * np.arange(n + 1) / n)
            values += (joins - beside) * effects + (beside - shared) * effects.sum()
        return values

    def leverages(self, sample, moments, penalty):
        """Return how far each observation draws the fit to itself, of shape (n_observations,).

        Where there are many, it is interpolated between observations of similar sizes.
        """
        order = np.argsort(sample.of_each(sample.sizes), kind="stable")
        asked = order[np.linspace(0, len(order) - 1, min(len(order), _LEVERAGES)).astype(np.intp)]
        some = sample.take(asked)
        masks = np.unpackbits(some.masks, axis=1, count=self.n).astype(float)
        z, s, u = self._features(some, slice(None), masks)
        effects = (s.T[:, :, None] * z[:, None, :]).reshape(len(z), s.shape[0] * self.n)
        z = np.concatenate([effects, u], axis=1)
        z *= np.sqrt(some.of_each(some.weights))[:, None]
        n_effects = len(moments.fy)
        total = np.block([[moments.ff, moments.fu], [moments.fu.T, moments.uu]])
        ridge = np.full(len(total), 1e-8 * np.trace(total) / len(total))
        ridge[:n_effects] += penalty
        total[np.diag_indices_from(total)] += ridge
        solved = cho_solve(cho_factor(total, lower=True, overwrite_a=True), z.T)
        found = np.einsum("ij,ji->i", z, solved)
        leverages = np.empty(len(order))
        places = np.linspace(0, len(order) - 1, len(asked)).astype(np.intp)
        leverages[order] = np.interp(np.arange(len(order)), places, found)
        return leverages

    def _by_slope(self, beta):
        return beta.reshape(self.n_slopes, self.n, *beta.shape[1:])


def fit(moments, penalty=None):
    """Fit the model; return (beta, gamma, penalty).

    Parameters
    ----------
    moments : Moments
    penalty : float or None, default=None
        Of the effects. None: the one under which the scores are most likely.
    """
    a, c, yy, rank = moments.projected()
    if not len(a):
        return c, moments.curves(c), 0.0
    if penalty is not None:
        a[np.diag_indices_from(a)] += penalty
        beta = cho_solve(cho_factor(a, lower=True, overwrite_a=True), c)
        return beta, moments.curves(beta), penalty
    values, vectors = eigh(a, driver="evd", overwrite_a=True)
    real = values > _NEGLIGIBLE * values[-1]
    if not real.any():
        return np.zeros_like(c), moments.curves(np.zeros_like(c)), 0.0
    values, vectors = values[real], vectors[:, real]
    c = vectors.T @ c
    penalties = _PENALTIES * values.sum() / len(a)
    penalty = _likeliest(penalties, values, c**2 / values, yy, moments.count - rank)
    beta = vectors @ (c / (values + penalty))
    return beta, moments.curves(beta), penalty


def _likeliest(penalties, values, told, yy, n_free):
    """Return the penalty that maximises the marginal likelihood."""
    left = max(yy - told.sum(), 1e-12 * yy)
    ratio = values / penalties[:, None]
    rest = left + (told / (1 + ratio)).sum(axis=1)
    if n_free <= 0 or yy <= 0:
        return penalties[-1]
    return penalties[np.argmin(np.log1p(ratio).sum(axis=1) + n_free * np.log(rest))]
