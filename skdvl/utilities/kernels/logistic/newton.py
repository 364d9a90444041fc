"""Logistic regression of two classes with a ridge penalty, to the optimum and proven, in lockstep.

The proof. The weights p (1 - p) of rows in a Hessian have logarithms that change by less than raw
predictions do. So with the inverse of a Hessian at other coefficients, from which no raw prediction
of a coalition has moved by more than t, the optimum is no farther than exp(t) times the length
of the gradient in the metric of that inverse; and a step by it leaves exp(t) - 1 of this distance.
"""

import numpy as np

CELLS = 2**20  # of products of features, at once
TARGET = 5e-10  # root of the sum of squares by which raw predictions are off the optimum's
NEAR = 0.1  # the same, from which on there may be a proof
FAR = 1.0  # that raw predictions have moved by; an inverse is of little use then
SLOW = 0.08  # of a step, that the next one is as long as; the inverse is renewed then
LARGE = 0.1  # squared length of steps that may overshoot
NUDGE = 2.0  # that the raw prediction of a row that joins moves by at once, at most
STRIDE = 8.0  # that any raw prediction moves by in a step, at most
MOST_STEPS = 100
HALVES = 30


class Rows:
    """Rows to train on, and the validation rows, which the proof is about.

    Columns are scaled and, where an intercept makes up for it, centred.

    Parameters
    ----------
    X : ndarray of shape (n, d)
    y : ndarray of intp of shape (n,)
        0 or 1.
    X_val : ndarray of shape (m, d)
    C : float
    fit_intercept : bool

    Attributes
    ----------
    size : int
        Number of coefficients; that of an intercept is the last.
    signed : ndarray of shape (n, size)
        Rows, with the opposite sign in the first class: larger raw predictions are better.
    val : ndarray of shape (size, m)
    steepest : ndarray of shape (n,)
        The most that a row adds to any curvature, in the units that features came in.
    """

    def __init__(self, X, y, X_val, C, fit_intercept):
        mean = X.mean(axis=0) if fit_intercept else np.zeros(X.shape[1])
        X, X_val = X - mean, X_val - mean
        spread = np.sqrt(np.mean(X**2, axis=0))
        spread[spread == 0] = 1.0
        self.penalty, self.units = 1 / (C * spread) / spread, (1 + np.abs(mean)) / spread
        to_given = np.diag(1 / spread)
        self.steepest = (((X + mean) ** 2).sum(axis=1) + fit_intercept) / 4
        X, X_val = X / spread, X_val / spread
        if fit_intercept:
            X, X_val = (np.hstack([A, np.ones((len(A), 1))]) for A in (X, X_val))
            self.penalty, self.units = np.append(self.penalty, 0.0), np.append(self.units, 1.0)
            to_given = np.block([[to_given, 0 * mean[:, None]], [-mean / spread, 1.0]])
        self.fit_intercept, self.size, self.given = fit_intercept, X.shape[1], to_given.T @ to_given
        self.square = X.T @ X + X_val.T @ X_val
        self.signed = X * np.where(y == 1, 1.0, -1.0)[:, None]
        self.columns, self.val = (np.ascontiguousarray(A.T) for A in (self.signed, X_val))
        self.is_of_class = (y[:, None] == [0, 1]).astype(float)
        self._pairs = np.tril_indices(self.size)
        self._step = max(1, CELLS // len(self._pairs[0]))
        self._products = self._some_products(0) if len(X) <= self._step else None

    def _some_products(self, first):
        some = self.signed[first : first + self._step]
        return some[:, self._pairs[0]] * some[:, self._pairs[1]]

    def inverses(self, weights):
        """Return inverses of Hessians in which rows have weights of shape (B, n)."""
        if self._products is not None:
            lower = weights @ self._products
        else:
            lower = np.zeros((len(weights), len(self._pairs[0])))
            for first in range(0, len(self.signed), self._step):
                some = slice(first, first + self._step)
                lower += weights[:, some] @ self._some_products(first)
        hessian = np.empty((len(weights), self.size, self.size))
        hessian[:, self._pairs[0], self._pairs[1]] = lower
        hessian[:, self._pairs[1], self._pairs[0]] = lower
        np.einsum("bii->bi", hessian)[...] += np.maximum(self.penalty, 1e-100)
        return _inverted(hessian)


class Lanes:
    """Coalitions in lockstep, each with its coefficients and the inverse of a Hessian.

    Lanes with rows of a single class are not to be solved.

    Parameters
    ----------
    rows : Rows
    masks : ndarray of bool of shape (B, n)

    Attributes
    ----------
    coef : ndarray of shape (B, size)
    is_proven : ndarray of bool of shape (B,)
        Whether raw predictions are within `TARGET` of those of the optimum.
    looseness : ndarray of shape (B,)
        How far they may be from it where no entry of the gradient, in the units that features
        came in, is larger than 1.
    softness : ndarray of shape (B,)
        Of which the inverse is no more than the least curvature, in these units.
    """

    def __init__(self, rows, masks):
        B, n = masks.shape
        self.rows, self.masks = rows, masks.astype(float)
        self.coef, self.inverse = np.zeros((B, rows.size)), np.zeros((B, rows.size, rows.size))
        self.origin = np.zeros((B, n))  # raw predictions from which the inverse is
        self.reach, self.looseness, self.softness = np.full((3, B), np.inf)
        self.is_proven = np.zeros(B, dtype=bool)
        self.is_stale = np.ones(B, dtype=bool)  # of inverses

    @np.errstate(all="ignore")  # what is not finite is not proven
    def begin(self, lanes):
        """Begin with the share of the classes alone."""
        self.coef[lanes], self.is_stale[lanes] = 0.0, True
        if self.rows.fit_intercept:
            first, second = (self.masks[lanes] @ self.rows.is_of_class).T
            self.coef[lanes, -1] = np.log(second / first)

    @np.errstate(all="ignore")
    def add(self, lanes, players):
        """Let a row join each lane; go to what the inverse says is the optimum with it."""
        self.masks[lanes, players] = 1.0
        x, inverse = self.rows.signed[players], self.inverse[lanes]
        towards = np.einsum("bij,bj->bi", inverse, x)
        pull = np.einsum("bi,bi->b", x, towards)
        before = np.einsum("bi,bi->b", x, self.coef[lanes])
        moved = np.minimum(_balance(before, pull), NUDGE)
        self.coef[lanes] += towards * (moved / pull)[:, None]
        self.origin[lanes, players] = raw = before + moved
        against = _against(raw)
        weight = against * (1 - against)
        weight /= 1 + weight * pull
        inverse -= (towards * weight[:, None])[:, :, None] * towards[:, None, :]
        self.inverse[lanes] = inverse

    @np.errstate(all="ignore")
    def solve(self, lanes):
        """Go to the optimum, by steps that are proven to end there, or not proven at all.

        Parameters
        ----------
        lanes : ndarray of intp
        """
        self.is_proven[lanes] = False
        last = np.full(len(self.coef), np.inf)
        for _ in range(MOST_STEPS):
            if not len(lanes):
                break
            lanes = self._advance(lanes, last)

    def _advance(self, lanes, last):
        """Take a step in each lane; return the lanes that have not arrived.

        `last` holds the squared lengths of their last steps, and is replaced in place.
        """
        some = slice(None) if len(lanes) == len(self.coef) else lanes
        coef, masks = self.coef[some], self.masks[some]
        raw = coef @ self.rows.columns
        against = _against(raw)
        gradient = self.rows.penalty * coef - (against * masks) @ self.rows.signed
        moved = np.subtract(raw, self.origin[some])
        moved *= masks
        moved = np.maximum(moved.max(axis=1), -moved.min(axis=1))
        step, square = self._step(some, gradient)
        is_proven = self._is_proven(some, moved, square)
        is_stale = self.is_stale[some] | (moved > FAR) | (square > SLOW**2 * last[some])
        stale = np.flatnonzero(is_stale & ~is_proven)
        if len(stale):
            weights = against[stale] * (1 - against[stale]) * masks[stale]
            self._renew(lanes[stale], weights, raw[stale])
            step[stale], square[stale] = self._step(lanes[stale], gradient[stale])
            is_proven[stale] = self._is_proven(lanes[stale], 0.0, square[stale])
        large = np.flatnonzero(square > LARGE)
        if len(large):
            step[large] *= self._lengths(lanes[large], raw[large], step[large], square[large])
        self.coef[some] = coef - step
        self.is_proven[some], last[some] = is_proven, square
        return lanes[~is_proven & np.isfinite(square)]

    def _step(self, lanes, gradient):
        """Return steps against which to go, and the squares of their lengths."""
        step = np.einsum("bij,bj->bi", self.inverse[lanes], gradient)
        return step, np.maximum(np.einsum("bi,bi->b", step, gradient), 0)

    def _is_proven(self, lanes, moved, square):
        """Tell in which lanes a step of this length leaves next to nothing."""
        distance = np.exp(moved + NEAR) * np.sqrt(square * self.reach[lanes])
        is_near = ~self.is_stale[lanes] & (distance <= NEAR)
        return is_near & (np.expm1(moved + distance) * distance <= TARGET)

    def _renew(self, lanes, weights, raw):
        """Compute inverses from all rows."""
        inverse = self.rows.inverses(weights)
        self.inverse[lanes], self.origin[lanes], self.is_stale[lanes] = inverse, raw, False
        # The squared lengths of all rows together, of which none is longer; less, if rows join.
        self.reach[lanes] = np.einsum("bij,ij->b", inverse, self.rows.square)
        lengths = np.sqrt(np.maximum(np.einsum("bii->bi", inverse), 0)) @ self.rows.units
        self.looseness[lanes] = np.sqrt(self.reach[lanes]) * lengths
        self.softness[lanes] = np.einsum("bij,ij->b", inverse, self.rows.given)

    def _lengths(self, lanes, raw, step, square):
        """Halve steps as long as they go far beyond the least loss; return shares of them."""
        along, masks = step @ self.rows.columns, self.masks[lanes]
        lengths = np.minimum(1, STRIDE / np.abs(along * masks).max(axis=1, keepdims=True))
        going = np.arange(len(lanes))
        bend = np.einsum("bi,bi->b", step, self.rows.penalty * step)
        flat = np.einsum("bi,bi->b", step, self.rows.penalty * self.coef[lanes])
        for _ in range(HALVES):
            length = lengths[going]
            against = _against(raw[going] - length * along[going])
            pull = np.einsum("bi,bi,bi->b", against, masks[going], along[going])
            slope = pull + length[:, 0] * bend[going] - flat[going]
            going = going[slope > 0.5 * square[going]]
            if not len(going):
                break
            lengths[going] /= 2
        return lengths


def _inverted(matrices):
    """Return inverses, of NaN where there are none."""
    try:
        return np.linalg.inv(matrices)
    except np.linalg.LinAlgError:
        if len(matrices) == 1:
            return np.full_like(matrices, np.nan)
        return np.concatenate([_inverted(matrix[None]) for matrix in matrices])


def _against(raw):
    """Return the probability of the other class."""
    against = np.exp(raw)
    against += 1
    return np.reciprocal(against, out=against)


def _balance(raw, pull):
    """Return by how much a row's raw prediction moves where others pull it back like a spring.

    It is `pull` times the probability of the other class, at the end of the move.
    """
    low, high, moved = np.zeros(len(raw)), pull, np.zeros(len(raw))
    for _ in range(8):
        against = _against(raw + moved)
        excess = moved - pull * against
        low, high = np.where(excess < 0, moved, low), np.where(excess > 0, moved, high)
        moved = moved - excess / (1 + pull * against * (1 - against))
        moved = np.where((moved > low) & (moved < high), moved, (low + high) / 2)
    return moved
