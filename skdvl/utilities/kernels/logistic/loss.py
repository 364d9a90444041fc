"""The loss of logistic regression on many coalitions at once, and its gradient."""

import numpy as np

from .rows import make_rows

TOGETHER = 64  # problems whose rows stay in the cache
TINY = 0.03  # a loss, of which the rounding of a product is 1e-14
MOST_FACTORS = 512  # up to 2, whose product is not infinite


class _Loss:
    """What both losses share: problems that go by, their rows, and half a ridge penalty.

    Parameters
    ----------
    masks : ndarray of bool of shape (B, n)
        Of coalitions with rows of two classes or more.
    y : ndarray of intp of shape (n,)
    rows : ndarray of shape (n, size)
        With a column of ones, the last, for an intercept.
    is_penalised : ndarray of shape (size,)
        1.0 for a coefficient, 0.0 for an intercept.
    C : float
    noise : float
        Relative, for an exercise in what rounding may do: of coefficients, weights and values,
        other ones each time.
    scaling : Scaling or None, default=None
        What scalers make of the rows of each coalition.
    """

    def __init__(self, masks, y, rows, is_penalised, C, noise=0.0, scaling=None):
        self.noise, self.rng = noise, np.random.default_rng(0)
        counts = np.count_nonzero(masks, axis=1)
        self.penalty = is_penalised / (C * counts[:, None])
        self.rows = make_rows(masks, rows, scaling)
        self.y, self.weights = self.rows.of(y), self.rows.of(masks / counts[:, None])

    def __len__(self):
        return len(self.weights)

    def keep(self, places):
        """Leave the problems of these places, in this order."""
        self.weights, self.penalty = self.weights[places], self.penalty[places]
        self.rows.keep(places)
        if not self.rows.is_shared:
            self.y = self.y[places]

    def _blurred(self, array):
        """Return an array with noise in it, if noise is asked for."""
        if not self.noise:
            return array
        # The same for all problems where that would be many numbers.
        shape = array.shape[-2:] if array.ndim > 2 else array.shape
        return array * (1 + self.noise * self.rng.uniform(-1, 1, shape))

    def _raw(self, x):
        """Return raw predictions of shape (B, n_vectors, rows)."""
        return self.rows.predict(self._blurred(x))

    def _with_gradient(self, value, residual, x):
        """Add the penalty; return the value, and the gradient of shape (B, n_vectors, size)."""
        gradient = self.rows.add_up(residual)
        shrunk = self.penalty[:, None] * x
        gradient += shrunk
        return value + 0.5 * np.einsum("bki,bki->b", shrunk, x), gradient


class BinaryLoss(_Loss):
    """Mean log-loss where there are two classes: one vector of coefficients.

    The sum of the logarithms over the rows is the logarithm of a product, which is found in a
    fraction of the time. Its rounding is that of a number of about 1, so a small loss is summed up.
    """

    def __init__(self, masks, y, rows, *others):
        super().__init__(masks, y, rows, *others)
        self.sign = np.where(self.y == 1, -1.0, 1.0)

    def keep(self, places):
        super().keep(places)
        if not self.rows.is_shared:
            self.sign = self.sign[places]

    def __call__(self, x):
        x = x[:, None]
        raw, weights = self._raw(x)[:, 0], self._blurred(self.weights)
        value = np.empty(len(raw))
        for first in range(0, len(raw), TOGETHER):
            here = slice(first, first + TOGETHER)
            sign = self.sign if self.rows.is_shared else self.sign[here]
            value[here] = self._lose(raw[here], sign, weights[here])
        value, gradient = self._with_gradient(self._blurred(value), raw[:, None], x)
        return value, gradient[:, 0]

    def _lose(self, raw, sign, weights):
        """Return the losses of some problems; raw predictions become the derivatives by them."""
        # The logarithm of the odds of the other class: what is lost is log(1 + exp(against)).
        against = raw * sign
        small = np.abs(against)
        np.exp(np.negative(small, out=small), out=small)
        small *= weights > 0
        factors = small + 1
        np.divide(small, factors, out=raw)
        np.abs(np.subtract(against > 0, raw, out=raw), out=raw)
        raw *= sign
        raw *= weights
        value = np.einsum("bi,bi->b", np.maximum(against, 0, out=against), weights)
        if self.noise:  # each row has a weight of its own
            return value + np.einsum("bi,bi->b", np.log1p(small), weights)
        told = value + weights.max(axis=1) * _log_of_product(factors)
        tiny = np.flatnonzero(~(told > TINY))
        told[tiny] = value[tiny] + np.einsum("bi,bi->b", np.log1p(small[tiny]), weights[tiny])
        return told


def _log_of_product(factors):
    """Return the logarithm of the product of each row.

    Parameters
    ----------
    factors : ndarray of shape (B, n)
        From 1 to 2.
    """
    logarithm = 0.0
    for first in range(0, factors.shape[1], MOST_FACTORS):
        some = factors[:, first : first + MOST_FACTORS]
        logarithm = logarithm + np.log(np.multiply.reduce(some, axis=1))
    return logarithm


class MultinomialLoss(_Loss):
    """Mean log-loss where there are more classes: a vector of coefficients for each.

    A coalition that lacks a class keeps its coefficients at zero, and its probability too. With
    two classes left a refit has one vector; so the coefficients of the first stay at zero.
    """

    def __init__(self, masks, y, rows, *others):
        super().__init__(masks, y, rows, *others)
        self.n_vectors = y.max() + 1
        self.is_seen = masks.astype(float) @ (y[:, None] == np.arange(self.n_vectors)) > 0
        self.is_free = self.is_seen.copy()
        pairs = np.flatnonzero(np.count_nonzero(self.is_seen, axis=1) == 2)
        self.is_free[pairs, self.is_seen[pairs].argmax(axis=1)] = False

    def keep(self, places):
        super().keep(places)
        self.is_seen, self.is_free = self.is_seen[places], self.is_free[places]

    def __call__(self, x):
        B, n = len(x), self.weights.shape[1]
        x = x.reshape(B, self.n_vectors, -1)
        raw = self._raw(x)
        own = np.arange(B)[:, None] * (self.n_vectors * n) + (self.y * n + np.arange(n))
        loss = -raw.reshape(-1)[own]
        raw[~self.is_seen] = -np.inf
        top = raw.max(axis=1)
        raw -= top[:, None]
        np.exp(raw, out=raw)
        total = raw.sum(axis=1)
        loss += np.log(total)
        loss += top
        weights = self._blurred(self.weights)
        value = self._blurred(np.einsum("bi,bi->b", loss, weights))
        raw *= (weights / total)[:, None]
        # Probabilities are less 1 for the own class, so that rounding is no small share there.
        raw = self._blurred(raw)
        raw.reshape(-1)[own] -= weights
        value, gradient = self._with_gradient(value, raw, x)
        gradient *= self.is_free[:, :, None]
        return value, gradient.reshape(B, -1)
