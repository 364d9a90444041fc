"""Linear discriminant analysis: one matrix of products within the classes, from sums."""

import numpy as np
from scipy.linalg import svd
from scipy.linalg.lapack import dpotrf, dtrtri
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from ..base import Answers
from .columns import (
    centres,
    far_from_zero,
    largest,
    odd_numbers,
    odd_priors,
    smallest_steps,
    sums_are_exact,
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

_REPEATED = 1e-9  # relative, of what is found as scikit-learn finds it


class LinearDiscriminantAnalysisKernel(SumsKernel):
    """What `LinearDiscriminantAnalysis` with the solver "svd" says.

    With enough rows, all the singular values within classes are beyond `tol`, and scores follow
    from a triangular factor of the correlations within the classes. With fewer, or if columns
    are collinear, they follow from the eigenvectors whose singular values scikit-learn keeps.
    Where singular values are near the cut, or so small that squares of theirs lose too many
    digits, what scikit-learn does is done again, without what it does besides.
    """

    estimators = (LinearDiscriminantAnalysis,)
    response = "softmax"
    has_decision_function = True

    @classmethod
    def supports(cls, estimator, X, y, X_val):
        if estimator.solver != "svd":
            return f"solver={estimator.solver!r} is not the one that is repeated"
        if estimator.shrinkage is not None or estimator.covariance_estimator is not None:
            return "the solver 'svd' refuses shrinkage"
        if estimator.tol > 1e-2:
            return "tol is so large that singular values are cut off as a rule"
        odd = odd_numbers(X, X_val) or far_from_zero(X) or too_wide(X)
        return odd or odd_priors(estimator.priors, y)

    def __init__(self, estimator, X, y, X_val):
        self.tol, self.n_components = estimator.tol, estimator.n_components
        self.priors = None if estimator.priors is None else np.asarray(estimator.priors, float)
        self.by_degrees = _scales_by_degrees_of_freedom()
        self.X, self.y, self.X_val = X, y, X_val
        n_classes, d = y.max() + 1, X.shape[1]
        centre = centres(X, y)
        near = X - centre[y]
        # Powers of 2, since whole numbers and the like are to stay what they are.
        scale = 2.0 ** np.round(np.log2(np.sqrt(np.square(near).mean(axis=0)) + 1e-300))
        scale[np.ptp(near, axis=0) == 0] = 1.0
        near /= scale
        everyone = np.zeros_like(y)
        self.centre = centre - centres(X, everyone)
        self.centre /= scale
        i, j = np.triu_indices(d)
        self.tables = (
            ClassSums(np.hstack([np.ones((len(X), 1)), near]), y, n_classes),
            ClassSums(near[:, i] * near[:, j], everyone, 1),
        )
        self.square = np.zeros((d, d), dtype=np.intp)
        self.square[i, j] = self.square[j, i] = np.arange(len(i))
        val = (X_val - centres(X, everyone)) / scale
        self.val = np.vstack([val.T, np.ones((1, len(val)))])
        self.sizes = largest(X, everyone)[0] / scale
        self.reach = np.abs(val).max(axis=0) + np.abs(near).max(axis=0)
        self.reach += np.abs(self.centre).max(axis=0)
        # Of a constant column, scikit-learn finds the mean exactly if sums are exact; if not,
        # it takes what rounding leaves for a deviation, and divides by it.
        self.is_exact = sums_are_exact(X)
        self.steps = smallest_steps(near, everyone)[0]
        self.piece = piece_size(1, max(d * d, n_classes * len(X_val)))

    def _answers(self, members, sums, products):
        counts = sums[..., 0]
        total, n_seen = np.maximum(counts.sum(axis=0), 1.0), (counts > 0).sum(axis=0)
        means = sums[..., 1:] / np.maximum(counts, 1.0)[..., None]
        scatter, spread, fixed, loss = self._within(products[0], counts, means, total)
        freedom = total - n_seen
        roots, rank = self._inverse_roots(scatter, freedom, total, loss)
        trace, is_whole = np.einsum("bij,bij->b", roots, roots), rank == scatter.shape[1]
        rank = np.minimum(rank - fixed.sum(axis=1), n_seen - 1)
        if self.by_degrees:
            roots *= np.sqrt(np.maximum(freedom, 0.0) / total)[:, None, None]
        weights, between, far = self._weights(counts, means, spread, fixed, roots)
        is_sure = self._is_full(between, rank) & (100 * self.tol**2 * trace < 1)
        # Rounding of correlations grows with the inverse: as its root for rows such as those
        # trained on, and never by more than its trace.
        # Where there are directions that do not count, errors mix these with the others.
        reach = np.sqrt(np.square(self.reach / spread).sum(axis=1))
        slopes = np.sqrt(np.square(weights[..., :-1] * spread).sum(axis=2)).max(axis=0)
        slopes = np.where(is_whole, slopes, trace * reach)
        is_sure &= loss * np.sqrt(trace) * slopes < 0.2 * PRECISION
        decision = np.matmul(weights, self.val)
        decision[counts == 0] = -np.inf
        theirs = (np.abs(weights[..., :-1]) @ (self.sizes + self.reach)).max(axis=0)
        theirs *= ROUNDING * (2 + np.sqrt(len(self.sizes)) + np.sqrt(total))
        slack = theirs + reach * self._at_worst(spread, loss, trace, slopes, far, total)
        doubtful = np.flatnonzero(is_sure & (slack > PRECISION))
        is_sure[doubtful] = is_clear(decision[:, doubtful], slack[doubtful], theirs[doubtful])
        for b in np.flatnonzero(~is_sure & (freedom > 0) & (n_seen > 1)):
            is_sure[b] = self._repeat(members(b), decision[:, b])
            slack[b] = _REPEATED * (1 + np.abs(decision[counts[:, b] > 0, b]).max())
        if self.priors is not None:  # one for each class, or scikit-learn refuses
            is_sure &= n_seen == len(counts)
        if self.n_components is not None:
            is_sure &= np.minimum(n_seen - 1, len(self.sizes)) >= self.n_components
        error = np.broadcast_to(slack[:, None], decision.shape[1:])
        return Answers(decision, is_sure, error)

    def _within(self, products, counts, means, total):
        """Return what is known of the rows within classes.

        Returns
        -------
        scatter : ndarray of shape (B, d, d)
            Correlations.
        spread : ndarray of shape (B, d)
            Standard deviations.
        fixed : ndarray of bool of shape (B, d)
            Columns that are constant within classes, and found to be so by scikit-learn.
        loss : ndarray of shape (B,)
            What rounding does to correlations.
        """
        weighted = (means * np.sqrt(counts)[..., None]).swapaxes(0, 1)
        scatter = products[:, self.square]
        before = np.einsum("bjj->bj", scatter).copy()
        scatter -= np.matmul(weighted.swapaxes(1, 2), weighted)
        after = np.einsum("bjj->bj", scatter).copy()
        error = (ROUNDING * (1 + np.sqrt(total)))[:, None]
        noise = error * before
        lost = (noise + total[:, None] * (error * self.sizes) ** 2) >= after * PRECISION
        fixed = lost & (after <= noise) & (8 * noise < self.steps**2) & self.is_exact
        after[lost] = 1.0
        loss = np.where(fixed, 0.0, np.where(lost, 1.0, noise / after)).max(axis=1)
        lengths = np.sqrt(after)
        scatter /= lengths[:, :, None]
        scatter /= lengths[:, None, :]
        b, j = np.nonzero(fixed)
        scatter[b, j] = 0.0
        scatter[b, :, j] = 0.0
        scatter[b, j, j] = 1.0
        return scatter, lengths / np.sqrt(total)[:, None], fixed, loss

    def _inverse_roots(self, scatter, freedom, total, loss):
        """Return matrices whose product with their transpose is the inverse, and their ranks.

        Of eigenvalues that scikit-learn takes for 0, nothing goes into the inverse. If some are
        neither clearly 0 nor clearly not, there is no inverse.
        """
        roots, rank = np.zeros_like(scatter), np.zeros(len(scatter), dtype=np.intp)
        d = scatter.shape[1]
        for b in np.flatnonzero((freedom >= d) & (loss < PRECISION)):
            # A symmetric matrix is its transpose, and LAPACK likes columns.
            factor, info = dpotrf(scatter[b].T, lower=1)
            if info == 0 and factor.diagonal().min() ** 2 > max(1e-8, 100 * self.tol**2):
                roots[b] = dtrtri(factor, lower=1, overwrite_c=1)[0].T
                rank[b] = d
        rest = np.flatnonzero((rank == 0) & (freedom > 0) & (loss < PRECISION))
        if len(rest):
            values, vectors = np.linalg.eigh(scatter[rest])
            kept = values > 100 * max(self.tol**2, PRECISION)
            share = (freedom / total)[rest] if self.by_degrees else np.ones(len(rest))
            small = 0.01 * self.tol**2 * share if self.tol > 1e-5 else np.full(len(rest), -np.inf)
            clear = (kept | (values < small[:, None])).all(axis=1)
            vectors *= np.where(kept, np.abs(values), np.inf)[:, None, :] ** -0.5
            roots[rest[clear]] = vectors[clear]
            rank[rest[clear]] = kept[clear].sum(axis=1)
        return roots, rank

    def _weights(self, counts, means, spread, fixed, roots):
        """Return coefficients with intercepts behind them, and what is between the classes."""
        seen = counts > 0
        if self.priors is None:
            prior = counts / np.maximum(counts.sum(axis=0), 1.0)
        else:
            prior = np.where(seen, self.priors[:, None], 0.0)
        places = means + self.centre[:, None]
        middle = np.einsum("cb,cbj->bj", prior, places)
        away = (places - middle) / spread
        away[~seen] = 0.0
        away[:, fixed] = 0.0
        whitened = np.matmul(away.swapaxes(0, 1), roots)
        weights = np.empty((*counts.shape, spread.shape[1] + 1))
        coef = weights[..., :-1]
        np.divide(np.matmul(whitened, roots.swapaxes(1, 2)).swapaxes(0, 1), spread, out=coef)
        norms = np.einsum("bcj,bcj->cb", whitened, whitened)
        weights[..., -1] = np.log(np.where(seen, prior, 1.0)) - 0.5 * norms
        weights[..., -1] -= np.einsum("cbj,bj->cb", coef, middle)
        whitened *= np.sqrt(prior.T)[..., None]
        return weights, whitened, np.sqrt(norms.max(axis=0))

    def _at_worst(self, spread, loss, trace, slopes, far, total):
        """Bound what rounding does to the score of a row at a distance of 1.

        Errors of correlations get into scores by way of their inverse, on the side of the row
        that is scored and on that of the class means. Ours come from sums and factors; a refit
        rounds rows and means at the magnitude of the rows as they are, offset and all.

        Parameters
        ----------
        spread : ndarray of shape (B, d)
        loss, trace : ndarray of shape (B,)
            Error of the correlations, and the trace of their inverse.
        slopes, far : ndarray of shape (B,)
            Length of the coefficients, and of the class means in terms of the inverse.
        total : ndarray of shape (B,)
            Numbers of rows, with which the error of a mean grows.
        """
        root = np.sqrt(trace)
        ours = (loss + ROUNDING * len(self.sizes)) * trace * (1 + 5 * slopes)
        offset = ROUNDING * np.sqrt(np.square(self.sizes / spread).sum(axis=1))
        theirs = offset * root * (slopes + root * (1 + np.sqrt(total) / 4 + far))
        return ours + theirs

    def _repeat(self, mask, decision):
        """Write what a refit says, operation by operation; tell whether it is no mere noise."""
        seen, y, counts = np.unique(self.y[mask], return_inverse=True, return_counts=True)
        X, n_rows = self.X[mask], float(len(y))
        if self.priors is not None and len(seen) < len(self.priors):
            return False
        priors = counts / n_rows if self.priors is None else self.priors
        means = np.zeros((len(seen), X.shape[1]))
        np.add.at(means, y, X)
        means /= counts[:, None]
        middle = priors @ means
        near = np.concatenate([X[y == c] - means[c] for c in range(len(seen))])
        spread = near.std(axis=0)
        if ((spread > 0) & (spread < 1e5 * ROUNDING * np.abs(X).max(axis=0))).any():
            return False
        spread[spread == 0] = 1.0
        share = 1.0 / (n_rows - len(seen) if self.by_degrees else n_rows)
        _, values, vectors = svd(np.sqrt(share) * (near / spread), full_matrices=False)
        rank = np.count_nonzero(values > self.tol)
        if rank == 0 or values[rank - 1] < 1e-10:
            return False
        scalings = (vectors[:rank] / spread).T / values[:rank]
        share = 1.0 / (len(seen) - 1)
        between = (np.sqrt((n_rows * priors) * share) * (means - middle).T).T @ scalings
        _, values, vectors = svd(between, full_matrices=False)
        scalings = scalings @ vectors.T[:, : np.count_nonzero(values > self.tol * values[0])]
        coef = (means - middle) @ scalings
        intercept = -0.5 * np.sum(coef**2, axis=1) + np.log(priors)
        coef = coef @ scalings.T
        intercept -= middle @ coef.T
        if len(seen) == 2:  # scikit-learn knows the difference only
            decision[seen[0]] = 0.0
            coef, intercept, seen = coef[1:] - coef[:1], intercept[1:] - intercept[:1], seen[1:]
        decision[seen] = (self.X_val @ coef.T + intercept).T
        return True

    def _is_full(self, between, rank):
        """Tell whether all directions between the class means are kept, as many as there are."""
        if between.shape[1] == 2:
            return rank > 0
        values = np.linalg.eigvalsh(np.matmul(between, between.swapaxes(1, 2)))
        least = np.take_along_axis(values, -np.maximum(rank, 1)[:, None], axis=1)[:, 0]
        return (rank > 0) & (least > 100 * max(self.tol, PRECISION) ** 2 * values[:, -1])


def _scales_by_degrees_of_freedom():
    """Tell whether this scikit-learn divides squares within classes by n - n_classes, not by n."""
    X, y = np.array([[0.0], [2.0], [3.0], [5.0]]), [0, 0, 1, 1]
    return bool(LinearDiscriminantAnalysis().fit(X, y).coef_[0, 0] < 2)
