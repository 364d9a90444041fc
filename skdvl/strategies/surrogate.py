"""A linear model of a utility, whose semivalues are known without any coalition.

The score of a coalition S of k players is described by a smooth curve of k, an effect of each
player, and controls: other utilities whose semivalues are known,

    h(S) = curve(k) gamma + sum_j g_j(k) sum_i beta[j, i] (1[i in S] - k / n) + controls(S) delta.

It is fitted by ridge regression on the effects alone. Its error does no harm: whoever uses it
adds an estimate of what it leaves over.
"""

import numpy as np
from scipy.linalg import cho_factor, cho_solve, eigvalsh_tridiagonal, lapack, solveh_banded

from .moments import Moments

_PENALTIES = np.geomspace(1e-4, 1e4, 25)  # tried, in units of the mean eigenvalue
_LEVERAGES = 2048  # observations, at most, of which it is computed
_FINE = 300  # players, at most, of whom moments are taken in double precision


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

    def add(self, moments, sample):
        """Add the moments of a sample to those of others, or to None; return them."""
        if moments is None:
            n_controls = sample.controls.shape[1]
            moments = Moments.none(self.n_slopes, self.n, self.n_curves + n_controls)
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
        own = self._by_slope(beta).transpose(1, 0, 2)
        effects = masks @ own.reshape(self.n, self.n_slopes * len(fits))
        effects = effects.reshape(len(masks), self.n_slopes, len(fits))
        effects -= (sizes / self.n)[:, None, None] * own.sum(axis=0)
        return predicted + (self._slopes[:, sizes].T[:, :, None] * effects).sum(axis=1)

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
        root = np.sqrt(some.of_each(some.weights))[:, None]
        effects, found = moments.unexplained(effects * root, u * root)
        if penalty > 0:
            solved = cho_solve(_factor(moments.projected()[0], penalty), effects.T)
            found += np.einsum("ij,ji->i", effects, solved)
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
    if penalty is None:
        penalty = _likeliest(a, c, yy, moments.count - rank)
    if penalty == 0:  # no coalition differs from another in more than its size
        return np.zeros_like(c), moments.curves(np.zeros_like(c)), 0.0
    beta = cho_solve(_factor(a, penalty), c)
    return beta, moments.curves(beta), penalty


def _factor(a, penalty):
    """Return the Cholesky factor of a, in place, with a penalty, or one that is large enough.

    Moments in single precision may be those of no real effects at all, by their last digits.
    """
    diagonal, places = np.diag(a).copy(), np.diag_indices_from(a)
    while True:
        a[places] = diagonal + penalty
        try:
            return cho_factor(a, lower=True)
        except np.linalg.LinAlgError:
            penalty *= 4


def _likeliest(a, c, yy, n_free):
    """Return the penalty that maximises the marginal likelihood; 0 if there are no effects."""
    mean = np.trace(a) / len(a) if len(a) else 0.0
    if mean <= 0:
        return 0.0
    penalties = _PENALTIES * mean
    if n_free <= 0 or yy <= 0:
        return penalties[-1]
    diagonal, beside, c = _tridiagonal(a, c)
    values = eigvalsh_tridiagonal(diagonal, beside)
    lowest = min(values[0], 0.0)  # by rounding
    diagonal, values = diagonal - lowest, np.maximum(values, 0)
    penalties = penalties[penalties > -2 * lowest]
    beside = np.append(beside, 0)
    explained = [
        c @ solveh_banded(np.stack([diagonal + penalty, beside])[: len(a)], c, lower=True)
        for penalty in penalties
    ]
    rest = np.maximum(yy - np.array(explained), 1e-12 * yy)
    ratio = values / penalties[:, None]
    return penalties[np.argmin(np.log1p(ratio).sum(axis=1) + n_free * np.log(rest))]


def _tridiagonal(a, c):
    """Return the diagonals of Q' a Q, which is tridiagonal, and Q' c, for an orthogonal Q.

    It tells the likelihood of every penalty, in a quarter of the time of all eigenvectors.
    """
    if len(a) < 3:
        return np.diag(a), np.diag(a, -1), c
    n_work = int(lapack.dsytrd_lwork(len(a), lower=1)[0])
    factors, diagonal, beside, tau, _ = lapack.dsytrd(a.T, lower=1, lwork=n_work)
    turned, *_ = lapack.dormqr("L", "T", factors[1:, :-1], tau, c[1:, None], lwork=n_work)
    return diagonal, beside, np.append(c[0], turned[:, 0])
