"""Gaussian naive Bayes: means and variances of each class from sums over its rows."""

import numpy as np
from sklearn.naive_bayes import GaussianNB

from ..base import Answers
from .columns import (
    centres,
    far_from_zero,
    largest,
    odd_numbers,
    odd_priors,
    rounding,
)
from .sums import (
    PRECISION,
    ROUNDING,
    ClassSums,
    SumsKernel,
    is_clear,
    piece_size,
)

LEAST = 1e-280  # variances below are left to scikit-learn


class GaussianNBKernel(SumsKernel):
    """What `GaussianNB` says, as one product of matrices for each class.

    The log-density of a class is a polynomial of second degree in a validation row, with
    coefficients that follow from the number of rows, their sum and their sum of squares, all
    about a typical value of each class and column. Where this loses too many digits, as in a
    column where two rows nearly agree, it is noticed, and done again from the rows.
    """

    estimators = (GaussianNB,)
    response = "softmax"

    @classmethod
    def supports(cls, estimator, X, y, X_val):
        return odd_numbers(X, X_val) or far_from_zero(X) or odd_priors(estimator.priors, y)

    def __init__(self, estimator, X, y, X_val):
        self.smoothing, self.rounding = estimator.var_smoothing, rounding(X)
        self.priors = None if estimator.priors is None else np.asarray(estimator.priors, float)
        centre = centres(X, y)
        near = X - centre[y]
        table = np.hstack([np.ones((len(X), 1)), near, near**2])
        self.tables = (ClassSums(table, y, len(centre)),)
        self.piece = piece_size(len(centre), max(table.shape[1], len(X_val)))
        self.X, self.y, self.X_val = X, y, X_val
        self.offset = centre - centres(X, np.zeros_like(y))
        self.val = X_val - centre[:, None]
        val = self.val.swapaxes(1, 2)
        self.powers = np.concatenate([val**2, val, np.ones_like(val[:, :1])], axis=1)
        self.reach = np.abs(val).max(axis=2)
        sizes = largest(X, y)
        self.sizes = np.stack([(self.reach + largest(near, y)) * sizes, sizes**2], axis=2)

    def _answers(self, members, sums):
        counts = sums[..., 0]
        moments = [_moments(part) for part in sums]
        epsilon = self._smoothing(members, counts, moments)
        decision = np.empty((len(sums), sums.shape[1], self.powers.shape[2]))
        is_sure, slack = np.ones(sums.shape[1], dtype=bool), np.zeros(sums.shape[1])
        for c, (mean, var, square) in enumerate(moments):
            self._settle(c, members, counts[c], epsilon, mean, var, square)
            var += epsilon[:, None]
            absent = counts[c] == 0
            is_sure &= (var > LEAST).all(axis=1) | absent
            inverse = 1 / np.maximum(var, LEAST, out=var)
            level = self._log_prior(c, counts) - 0.5 * np.log(2 * np.pi * var).sum(axis=1)
            self._fill(decision[c], c, level, mean, inverse)
            decision[c, absent] = -np.inf
            shift, loss = _rounding_of_refits(inverse, counts[c], self.sizes[c])
            is_sure &= (loss < PRECISION) | absent
            np.maximum(slack, shift, out=slack, where=~absent)
        doubtful = np.flatnonzero(is_sure & (slack > PRECISION))
        is_sure[doubtful] = is_clear(decision[:, doubtful], slack[doubtful])
        for b in np.flatnonzero(~is_sure & ((counts > 0).sum(axis=0) > 1)):
            is_sure[b] = self._repeat(members(b), decision[:, b])
        if self.priors is not None:  # one for each class, or scikit-learn refuses
            is_sure &= (counts > 0).all(axis=0)
        return Answers(decision, is_sure)

    def _smoothing(self, members, counts, moments):
        """Return what is added to variances: a share of the largest variance of a column."""
        total = np.maximum(counts.sum(axis=0), 1.0)[:, None]
        centre, square = np.zeros_like(moments[0][0]), np.zeros_like(moments[0][0])
        for offset, count, (mean, var, _) in zip(self.offset, counts, moments, strict=True):
            away = mean + offset
            centre += count[:, None] * away
            square += count[:, None] * (var + away**2)
        centre /= total
        square /= total
        widest = (square - centre**2).max(axis=1)
        noise = ROUNDING * (1 + np.sqrt(total[:, 0])) * square.max(axis=1)
        for b in np.flatnonzero(noise > PRECISION * widest):
            rows = self.X[members(b)]
            widest[b] = rows.var(axis=0).max() if len(rows) else 0.0
        return self.smoothing * widest

    def _settle(self, c, members, count, epsilon, mean, var, square):
        """Make up for variances that got lost in rounding: take them from the rows."""
        noise = ROUNDING * (1 + np.sqrt(count[:, None])) * square
        lost = (noise > PRECISION * (var + epsilon[:, None])) & (count[:, None] > 0)
        for b in np.flatnonzero(lost.any(axis=1)):
            rows = self.tables[0].rows(c, members(b))[:, 1 : mean.shape[1] + 1]
            mean[b], var[b] = rows.mean(axis=0), rows.var(axis=0)
            # Of equal rows, the mean may be another number by a rounding error.
            var[b, (rows == rows[0]).all(axis=0)] = 0.0
        np.maximum(var, 0.0, out=var)

    def _repeat(self, mask, decision):
        """Write what a refit says, operation by operation; tell whether it is no mere noise."""
        X, y = self.X[mask], self.y[mask]
        noise = np.square(ROUNDING * np.abs(X).max(axis=0)) * len(X)
        epsilon = self.smoothing * X.var(axis=0).max()
        counts = np.bincount(y, minlength=len(decision))
        prior = counts / counts.sum() if self.priors is None else self.priors
        for c in np.flatnonzero(counts):
            rows = X[y == c]
            mean, var = rows.mean(axis=0), rows.var(axis=0) + epsilon
            if not (noise < 1e-8 * var).all():
                return False
            density = -0.5 * np.sum(np.log(2.0 * np.pi * var))
            density = density - 0.5 * np.sum((self.X_val - mean) ** 2 / var, axis=1)
            decision[c] = np.log(prior[c]) + density
        return True

    def _log_prior(self, c, counts):
        if self.priors is not None:
            return np.log(self.priors[c])
        return np.log(np.where(counts[c] > 0, counts[c], 1.0)) - np.log(
            np.maximum(counts.sum(axis=0), 1.0)
        )

    def _fill(self, out, c, level, mean, inverse):
        """Write the log-densities of a class, as polynomials, or directly where these lose."""
        d = mean.shape[1]
        weights = np.empty((len(mean), 2 * d + 1))
        slope = weights[:, d : 2 * d]
        np.multiply(inverse, -0.5, out=weights[:, :d])
        np.multiply(inverse, mean, out=slope)
        squares = np.einsum("bj,bj->b", slope, mean)
        weights[:, -1] = level - 0.5 * squares
        np.matmul(weights, self.powers[c], out=out)
        squares += 2 * (np.abs(slope) @ self.reach[c])
        for b in np.flatnonzero(squares * (ROUNDING * (1 + np.sqrt(d))) > PRECISION):
            out[b] = level[b] - 0.5 * ((self.val[c] - mean[b]) ** 2 @ inverse[b])


def _moments(sums):
    """Return means, variances and mean squares about what the sums are centred on."""
    d = sums.shape[1] // 2
    n_rows = np.maximum(sums[:, :1], 1.0)
    mean, square = sums[:, 1 : d + 1] / n_rows, sums[:, d + 1 :] / n_rows
    return mean, square - mean**2, square


def _rounding_of_refits(inverse, count, sizes):
    """Bound what rounding does to a refit far from 0: it does not centre the columns.

    Returns
    -------
    shift : ndarray of shape (B,)
        By how much scores may be off, since means are.
    loss : ndarray of shape (B,)
        Relative error of variances.
    """
    error = ROUNDING * (1 + np.sqrt(count))
    shift, loss = (inverse @ sizes).T
    return shift * error, loss * error**2
