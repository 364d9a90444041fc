"""Quadratic discriminant analysis: a matrix of products for each class, from sums."""

import numpy as np
from scipy.linalg.lapack import dpotrf, dtrtri
from sklearn.discriminant_analysis import QuadraticDiscriminantAnalysis

from ..base import Answers
from .columns import (
    centres,
    far_from_zero,
    largest,
    odd_numbers,
    odd_priors,
    too_wide,
)
from .sums import (
    PRECISION,
    ROUNDING,
    ClassSums,
    SumsKernel,
    is_clear,
    piece_size,
)


class QuadraticDiscriminantAnalysisKernel(SumsKernel):
    """What `QuadraticDiscriminantAnalysis` with the solver "svd" says.

    The singular values and vectors of a class are those of its covariance matrix, and a
    triangular factor serves as well, as long as each class has more rows than there are columns,
    and no variance in any direction is below `tol`. Other coalitions are left to scikit-learn,
    which refuses most of them, or warns.
    """

    estimators = (QuadraticDiscriminantAnalysis,)
    response = "softmax"
    rounding = 1e-11
    has_decision_function = True

    @classmethod
    def supports(cls, estimator, X, y, X_val):
        params = estimator.get_params()
        if params.get("solver", "svd") != "svd":
            return f"solver={estimator.solver!r} is not the one that is repeated"
        if params.get("shrinkage") is not None or params.get("covariance_estimator") is not None:
            return "the solver 'svd' refuses shrinkage"
        odd = odd_numbers(X, X_val) or far_from_zero(X) or too_wide(X)
        return odd or odd_priors(estimator.priors, y)

    def __init__(self, estimator, X, y, X_val):
        self.tol, self.reg_param = estimator.tol, estimator.reg_param
        self.priors = None if estimator.priors is None else np.asarray(estimator.priors, float)
        self.n_lost = _rows_that_do_not_count()
        n_classes, d = y.max() + 1, X.shape[1]
        centre = centres(X, y)
        near = X - centre[y]
        self.scale = np.sqrt(np.square(near).mean(axis=0))
        self.scale[self.scale == 0] = 1.0
        near /= self.scale
        i, j = np.triu_indices(d)
        table = np.hstack([np.ones((len(X), 1)), near, near[:, i] * near[:, j]])
        self.tables = (ClassSums(table, y, n_classes),)
        self.square = np.zeros((d, d), dtype=np.intp)
        self.square[i, j] = self.square[j, i] = np.arange(len(i))
        self.val = (X_val - centre[:, None]) / self.scale
        self.sizes = largest(X, y) / self.scale
        # A row for each pair of a coalition and a validation row.
        self.piece = piece_size(1, d * max(d, len(X_val)))

    def _answers(self, members, sums):
        counts = sums[..., 0]
        total, seen = np.maximum(counts.sum(axis=0), 1.0), counts > 0
        d = len(self.scale)
        is_sure = ((counts > d) | ~seen).all(axis=0)
        if self.priors is not None:  # one for each class, or scikit-learn refuses
            is_sure &= seen.all(axis=0)
        decision = np.full((*counts.shape, self.val.shape[1]), -np.inf)
        error, slack = np.zeros(len(total)), np.zeros(len(total))
        for c, part in enumerate(sums):
            wanted = np.flatnonzero(is_sure & seen[c])
            if not len(wanted):
                continue
            prior = counts[c, wanted] / total[wanted] if self.priors is None else self.priors[c]
            scores, known, off, most = self._densities(c, part[wanted])
            decision[c, wanted] = np.log(prior)[..., None] + scores
            is_sure[wanted[~known]] = False
            np.maximum.at(error, wanted, off)
            np.maximum.at(slack, wanted, most)
        doubtful = np.flatnonzero(is_sure & (slack > PRECISION))
        is_sure[doubtful] = is_clear(decision[:, doubtful], slack[doubtful], error[doubtful])
        return Answers(decision, is_sure)

    def _densities(self, c, sums):
        """Return log-densities of a class, and how far they are from those of a refit.

        Returns
        -------
        scores : ndarray of shape (B, m)
        known : ndarray of bool of shape (B,)
            Where there is no doubt that the matrix is regular and precise enough.
        error, slack : ndarray of shape (B,)
            What rounding does to a refit, as a rule and at worst.
        """
        mean, covariance, loss = self._covariances(c, sums)
        d = len(self.scale)
        lengths = np.sqrt(np.einsum("bjj->bj", covariance))
        correlation = covariance / lengths[:, :, None]
        correlation /= lengths[:, None, :]
        roots, logs = _inverse_roots(correlation)
        trace = np.einsum("bij,bij->b", roots, roots)
        known = (trace > 0) & (loss * trace < 0.2 * PRECISION)
        roots /= lengths[:, :, None]
        known &= self._is_regular(covariance, roots, known)
        white = np.matmul(self.val[c], roots.transpose(1, 0, 2).reshape(d, -1))
        white = white.reshape(len(self.val[c]), len(sums), d)
        white -= np.matmul(mean[:, None], roots)[:, 0]
        squares = np.einsum("mbj,mbj->bm", white, white)
        logs += np.log(lengths).sum(axis=1) + np.log(self.scale).sum()
        shift = np.sqrt(trace * np.square(self.sizes[c] / lengths).sum(axis=1))
        shift *= 2 * ROUNDING * (1 + np.sqrt(sums[:, 0]))
        worst = np.sqrt(np.maximum(squares.max(axis=1), d))
        return -0.5 * squares - logs[:, None], known, shift * np.sqrt(d), shift * worst

    def _covariances(self, c, sums):
        """Return means and regularized covariances, and what rounding does to correlations."""
        d = len(self.scale)
        counts = sums[:, :1]
        mean = sums[:, 1 : d + 1] / counts
        covariance = sums[:, d + 1 :][:, self.square]
        before = np.einsum("bjj->bj", covariance).copy()
        covariance -= counts[..., None] * mean[:, :, None] * mean[:, None, :]
        error = ROUNDING * (1 + np.sqrt(counts))
        noise = error * before + counts * (error * self.sizes[c]) ** 2
        share = (1 - self.reg_param) / (counts - self.n_lost)
        covariance *= share[..., None]
        diagonal = np.arange(d)
        covariance[:, diagonal, diagonal] += self.reg_param / self.scale**2
        variance = covariance[:, diagonal, diagonal]
        lost = noise * share >= PRECISION * variance
        variance[lost] = 1.0
        covariance[:, diagonal, diagonal] = variance
        return mean, covariance, np.where(lost, 1.0, noise * share / variance).max(axis=1)

    def _is_regular(self, covariance, roots, known):
        """Tell where all variances are above `tol`, whatever the direction."""
        # The trace of the inverse is a bound; only where it does not tell, ask for more.
        above = np.square(roots / self.scale[:, None]).sum(axis=(1, 2)) * self.tol < 1
        for b in np.flatnonzero(known & ~above):
            least = np.linalg.eigvalsh(covariance[b] * np.outer(self.scale, self.scale))[0]
            above[b] = least > self.tol * (1 + 1e-6)
        return above


def _inverse_roots(matrices):
    """Return roots of the inverses, 0 where there are none, and half the log-determinants."""
    roots, logs = np.zeros_like(matrices), np.zeros(len(matrices))
    for b, matrix in enumerate(matrices):
        factor, info = dpotrf(matrix.T, lower=1)
        if info == 0:
            logs[b] = np.log(factor.diagonal()).sum()
            roots[b] = dtrtri(factor, lower=1, overwrite_c=1)[0].T
    return roots, logs


def _rows_that_do_not_count():
    """Return what this scikit-learn subtracts from the number of rows to divide squares by."""
    model = QuadraticDiscriminantAnalysis().fit([[0.0], [2.0], [10.0], [12.0]], [0, 0, 1, 1])
    return 1 if model.scalings_[0][0] > 1.5 else 0
