"""Least squares of many coalitions at once, from sums over their rows."""

from typing import NamedTuple

import numpy as np

from .few_rows import differences, inverses, penalised, shortest

EPS = np.finfo(float).eps
# By how much rounding errors may grow. On some fifty thousand coalitions, ill-conditioned ones
# favoured, predictions were off by a tenth of EPS times the growth as a rule, by 14 times it once;
# so they stay within 2e-10.
MOST_AMPLIFIED = 5e4
# A refit itself rounds predictions at the magnitude of the rows as they are, offset and all.
MOST_ROUNDED = 4e-10
WIDEST_TABLE = 48  # features up to which all their products are worth a table
TABLE_CELLS = 2_000_000


class Fits(NamedTuple):
    """Linear models of coalitions: coefficients, the intercept behind them, and who is sure.

    Attributes
    ----------
    coef : ndarray of shape (..., n_targets, d + 1)
    is_sure : ndarray of bool of shape (...)
    """

    coef: np.ndarray
    is_sure: np.ndarray


class Sums(NamedTuple):
    """What least squares have to know of B coalitions.

    `xx` and `xy` are about the means of the coalition if there is an intercept, and `xx` holds
    the penalty on its diagonal; `squares` are sums of x**2 as they are, and the penalty.
    """

    count: np.ndarray  # type: ignore[assignment]  # (B,)
    x: np.ndarray  # (B, d)
    y: np.ndarray  # (B, n_targets)
    xx: np.ndarray  # (B, d, d)
    xy: np.ndarray  # (B, d, n_targets)
    squares: np.ndarray  # (B, d)


class LeastSquares:
    """Rows of least squares, penalised or not, to be fitted on coalitions.

    Parameters
    ----------
    X : ndarray of shape (n, d)
    Y : ndarray of shape (n, n_targets)
    alpha : float
    fit_intercept : bool
    cutoff : float or None
        The refit takes singular values below this share of the largest as zero, which makes its
        solution the shortest one. None: it does not.
    by_svd : bool
        Whether the refit goes through singular values, which small columns next to large ones
        make less precise.
    """

    def __init__(self, X, Y, alpha, fit_intercept, cutoff=None, by_svd=False):
        self.alpha, self.fit_intercept = float(alpha), bool(fit_intercept)
        self.cutoff, self.by_svd = cutoff, by_svd
        # Without the means of all rows, sums of squares keep their digits.
        self.x_mean = X.mean(axis=0) * self.fit_intercept
        self.y_mean = Y.mean(axis=0) * self.fit_intercept
        self.X, self.Y = X - self.x_mean, Y - self.y_mean
        self.n, self.d = X.shape
        self.n_targets = Y.shape[1]
        # Up to how many rows a refit solves for rows instead of features, or for the shortest.
        self.most_few = self.d - 1 if self.alpha else self.d + self.fit_intercept
        if not self.alpha and self.cutoff is None:
            self.most_few = 0
        self.largest = np.abs(X).max(axis=0)
        self.scale = np.sqrt(np.mean(self.Y**2, axis=0))
        self.scale[self.scale == 0] = 1.0

    def fit(self, masks):
        """Fit coalitions, none of them empty.

        Parameters
        ----------
        masks : ndarray of bool of shape (B, n)

        Returns
        -------
        fits : Fits
        """
        coef = np.zeros((len(masks), self.n_targets, self.d + 1))
        is_sure = np.zeros(len(masks), dtype=bool)
        step = max(1, TABLE_CELLS // max(self.n, self.d * (self.d + 2 * self.n_targets)))
        for first in range(0, len(masks), step):
            piece = slice(first, first + step)
            coef[piece], is_sure[piece] = self._solve(self.sums(masks[piece]))
        sizes = np.count_nonzero(masks, axis=1)
        few = ~is_sure & (sizes > 0) & (sizes <= self.most_few)
        for size in np.unique(sizes[few]):
            those = np.flatnonzero(few & (sizes == size))
            rows = np.nonzero(masks[those])[1].reshape(-1, size)
            step = max(1, TABLE_CELLS // (size * (self.d + size)))
            for first in range(0, len(those), step):
                piece = slice(first, first + step)
                coef[those[piece]], is_sure[those[piece]] = self._solve_few(rows[piece])
        return Fits(coef, is_sure)

    def sums(self, masks):
        """Return the `Sums` of coalitions."""
        if self.d <= WIDEST_TABLE:
            return self._sums_of_products(masks)
        return self._sums_one_by_one(masks)

    def _sums_of_products(self, masks):
        """Multiply masks with a table of all that is to be summed."""
        d, n_targets = self.d, self.n_targets
        i, j = np.tril_indices(d)
        place = np.empty((d, d), dtype=int)
        place[i, j] = place[j, i] = np.arange(len(i))
        ends = np.cumsum([len(i), d * n_targets, d])
        rows = np.flatnonzero(masks.any(axis=0))
        step = max(1, TABLE_CELLS // (ends[-1] + n_targets))
        total = np.zeros((len(masks), ends[-1] + n_targets))
        for first in range(0, len(rows), step):
            piece = rows[first : first + step]
            X, Y = self.X[piece], self.Y[piece]
            XY = (X[:, :, None] * Y[:, None, :]).reshape(len(X), -1)
            table = np.hstack([X[:, i] * X[:, j], XY, X, Y])
            total += masks[:, piece].astype(float) @ table
        pairs, xy, x, y = np.split(total, ends, axis=1)
        xx = pairs.take(place, axis=1)
        squares = np.einsum("bii->bi", xx) + self.alpha
        xy = xy.reshape(-1, d, n_targets)
        count = np.count_nonzero(masks, axis=1)
        if self.fit_intercept:
            means = x / np.maximum(count, 1)[:, None]
            xx -= x[:, :, None] * means[:, None, :]
            xy -= means[:, :, None] * y[:, None, :]
        _diagonal(xx)[...] += self.alpha
        return Sums(count, x, y, xx, xy, squares)

    def _sums_one_by_one(self, masks):
        """Multiply the rows of one coalition at a time, which is faster with many features."""
        B, d = len(masks), self.d
        xx, xy = np.empty((B, d, d)), np.empty((B, d, self.n_targets))
        x, y, squares = np.empty((B, d)), np.empty((B, self.n_targets)), np.empty((B, d))
        for b, mask in enumerate(masks):
            X, Y = self.X[mask], self.Y[mask]
            x[b], y[b], squares[b] = X.sum(axis=0), Y.sum(axis=0), (X**2).sum(axis=0)
            if self.fit_intercept:
                X = X - x[b] / max(len(X), 1)
            xx[b], xy[b] = X.T @ X, X.T @ Y
        _diagonal(xx)[...] += self.alpha
        return Sums(np.count_nonzero(masks, axis=1), x, y, xx, xy, squares + self.alpha)

    @np.errstate(all="ignore")  # what is not finite is not sure
    def _solve(self, sums):
        inverse = inverses(sums.xx)
        weights = np.swapaxes(inverse @ sums.xy, 1, 2)
        errors = self.amplified(sums, inverse, sums.squares)
        is_sure = self.is_precise(errors, weights, sums.squares, sums.count)
        weights[~is_sure] = 0.0
        return self.with_intercept(weights, sums.x, sums.y, sums.count), is_sure

    def amplified(self, sums, inverse, squares):
        """Return by how much rounding errors of sums may grow in solutions; infinite if unknown.

        It is the condition of `sums.xx` when its columns have the same length, and more where
        means have cancelled much of the squares; `squares` may be larger than those of `sums`.
        """
        slopes = _diagonal(inverse)
        grown = (squares * slopes).sum(axis=-1)
        if self.by_svd:
            # Singular values are off by a share of the largest, whatever the column.
            smallest = np.maximum(_diagonal(sums.xx).min(axis=-1), np.finfo(float).tiny)
            grown = grown * np.sqrt(squares.sum(axis=-1) / smallest)
        elif self.alpha:
            # With fewer rows than features, a refit solves for rows, which mix all columns.
            mixed = squares.sum(axis=-1) / self.alpha
            grown = np.where(sums.count < self.d, np.maximum(grown, mixed), grown)
        if self.cutoff is not None:
            ratio = np.sqrt(squares.sum(axis=-1) * slopes.sum(axis=-1))
            grown = np.where(2 * self.cutoff * ratio < 1, grown, np.inf)
        return np.where(np.isfinite(grown), grown, np.inf)

    def is_precise(self, errors, weights, squares, count):
        """Return whether predictions of models are as precise as those of a refit.

        Parameters
        ----------
        errors : ndarray that broadcasts to shape (...)
            From `amplified`.
        weights : ndarray of shape (..., n_targets, d)
        squares : ndarray that broadcasts to shape (..., d)
        count : ndarray of shape (...)
        """
        large = weights**2
        # Weights that cancel each other pass more of their errors on than predictions show.
        moved = (large * squares[..., None, :]).sum(axis=-1) / np.maximum(count, 1)[..., None]
        grown = np.sqrt((moved / self.scale**2).max(axis=-1))
        rounded = np.sqrt((large @ self.largest**2 / self.scale**2).max(axis=-1)) * EPS / 2
        return (errors * np.maximum(grown, 1) <= MOST_AMPLIFIED) & (rounded <= MOST_ROUNDED)

    def with_intercept(self, weights, x, y, count):
        """Return weights and intercept in one array; x and y are sums over the coalition."""
        coef = np.zeros((*weights.shape[:-1], self.d + 1))
        coef[..., :-1] = weights
        if self.fit_intercept:
            count = np.maximum(count, 1)[..., None]
            coef[..., -1] = y / count - (weights @ (x / count)[..., None])[..., 0]
        return coef

    @np.errstate(all="ignore")
    def _solve_few(self, rows):
        """Fit coalitions of one size, not more rows than unknowns, given as (B, size)."""
        x, y = self.X[rows], self.Y[rows]
        count = np.full(len(rows), rows.shape[1])
        squares = (x**2).sum(axis=1) + self.alpha
        u, e = x, y
        if self.fit_intercept:  # the first row has none before it to differ from
            u, e = (part[:, 1:] for part in differences(x, y, count * 0, 0.0, 0.0))
        if not u.shape[1]:
            weights = np.zeros((len(rows), self.n_targets, self.d))
            return self.with_intercept(weights, x[:, 0], y[:, 0], count), np.isfinite(count)
        if self.alpha:
            weights, errors, steepest = penalised(u, e / self.scale, self.alpha)
            weights *= self.scale[:, None]
            if self.fit_intercept:
                errors += self._beside_rows(x, (u**2).sum(axis=(1, 2)), steepest)
        else:
            weights, errors = shortest(u, e, self.cutoff, self._noise(rows.shape[1]))
        left = (u**2).sum(axis=(1, 2)) + self.alpha
        errors = errors * np.sqrt(squares.sum(axis=1) / left)
        is_sure = self.is_precise(errors, weights, squares, count)
        weights[~is_sure] = 0.0
        return self.with_intercept(weights, x.sum(axis=1), y.sum(axis=1), count), is_sure

    def _noise(self, size):
        """Return how large a singular value the rounding of means may leave in a refit."""
        if size > self.d or not self.fit_intercept:
            return 0.0
        return 20 * EPS * np.sqrt(size) * np.linalg.norm(self.largest)

    def _beside_rows(self, x, left, steepest):
        """Return what the rounding of means adds to errors, with an intercept and a penalty.

        Rows about their mean have one direction less than there are rows. In a refit they do have
        it, as long as rounding makes it, and its weights are zero only as far as that goes.

        Parameters
        ----------
        x : ndarray of shape (B, size, d)
        left : ndarray of shape (B,)
            Length of all rows about their mean, squared.
        steepest : ndarray of shape (B,)
        """
        size = x.shape[1]
        mean = np.sqrt(size) * np.linalg.norm(x.mean(axis=1) + self.x_mean, axis=1)
        of_mean = (EPS * mean) ** 2
        if self.by_svd:
            length = mean + np.sqrt(left)
            along = np.minimum(EPS * length / self.alpha, 0.5 / np.sqrt(self.alpha))
            turned = length * along * np.sqrt(size) * np.linalg.norm(np.abs(self.X).max(axis=0))
        else:
            turned = mean * np.minimum(1, EPS * left / self.alpha)
        return (mean + turned) * steepest + of_mean / (self.alpha + of_mean) / EPS


def _diagonal(matrices):
    return np.einsum("...ii->...i", matrices)
