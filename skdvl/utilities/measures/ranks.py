"""The area under the ROC curve of two classes."""

import numpy as np

from .labels import NEAR
from .probabilities import _ROUNDING, _SURE

_TINY = -690.0  # logarithms of odds from which probabilities lose digits
_NOTHING = -750.0  # and from which they are exactly 0


class RocAuc:
    """Share of pairs of a row of either class that are ranked right, ties counting half.

    A pair of rows counts as scikit-learn would count it: probabilities that round to 1 are
    tied. Where a pair is too close to tell, the coalition is not certain.

    Parameters
    ----------
    target : ndarray of intp of shape (m,)
        Classes of the validation rows, 0 and 1, both of them there.
    kernel : Kernel
    by_proba : bool
        Whether rows are ranked by probabilities, and not by a decision function.
    """

    def __init__(self, target, kernel, by_proba):
        self.target = target
        self._response, self._exact = kernel.response, kernel.ties_are_exact
        self._by_proba, self._rounding = by_proba, max(_ROUNDING, kernel.rounding)

    def __call__(self, decision, error=None):
        values, size = self._values(decision)
        order = values.argsort(axis=1, kind="stable")
        values = np.take_along_axis(values, order, axis=1)
        is_second = (self.target == 1)[order]
        area = _area(values, is_second)
        if self._exact:
            return area, np.ones(len(area), dtype=bool)
        size = np.take_along_axis(np.broadcast_to(size, values.shape), order, axis=1)
        error = 0.0 if error is None else np.take_along_axis(error, order, axis=1)
        touches, is_tied = self._touching(values, size, error)
        return area, ~_any_mixed(touches, touches & ~is_tied, is_second)

    def _values(self, decision):
        """Return what rows are ranked by, and the size of the numbers it was made from."""
        if self._response == "probability":
            return decision[1], 1.0
        with np.errstate(invalid="ignore"):
            values = decision[1] - decision[0]
        size = np.abs(decision).max(axis=0)
        if self._response == "margin":
            size = size.max(axis=1, keepdims=True)
        elif self._by_proba:
            np.clip(values, _NOTHING, _SURE, out=values)
        return values, size if self._response == "margin" else np.maximum(size, 1)

    def _touching(self, values, size, error):
        """Tell which neighbours in the ranking are too close to tell, and which surely tied."""
        touches = _touch(values, NEAR * size + error)
        if not self._by_proba or self._response != "softmax":
            return touches, np.zeros(touches.shape, dtype=bool)
        lower, upper = values[:, :-1], values[:, 1:]
        log_proba = -np.log1p(np.exp(-np.maximum(values, _TINY)))
        touches |= _touch(log_proba, self._rounding * (1 + size)) & (upper > _TINY)
        touches |= upper < _TINY
        return touches, (lower >= _SURE) | (upper <= _NOTHING)


def _any_mixed(touches, is_unclear, is_second):
    """Whether rows of both classes hang together by neighbours of which some are unclear."""
    n_coalitions, n_rows = is_second.shape
    chain = np.zeros(is_second.shape, dtype=np.intp)
    np.cumsum(~touches, axis=1, out=chain[:, 1:])
    chain += np.arange(n_coalitions)[:, None] * n_rows
    unclear = np.zeros(is_second.shape, dtype=bool)
    unclear[:, 1:] = is_unclear
    has = [
        np.bincount(chain.ravel(), some.ravel(), chain.size).reshape(chain.shape) > 0
        for some in (unclear, is_second, ~is_second)
    ]
    return np.logical_and.reduce(has).any(axis=1)


def _touch(values, slack):
    """Whether ascending neighbours could change places, or any two on either side of them."""
    highest = np.maximum.accumulate(values + slack, axis=1)
    lowest = np.minimum.accumulate((values - slack)[:, ::-1], axis=1)[:, ::-1]
    return ~(lowest[:, 1:] > highest[:, :-1])


def _area(values, is_second):
    """Area for values in ascending order, of shape (B, m)."""
    n_coalitions, n_rows = values.shape
    is_new = np.ones(values.shape, dtype=bool)
    is_new[:, 1:] = values[:, 1:] != values[:, :-1]
    rank = np.cumsum(is_new, axis=1) - 1 + np.arange(n_coalitions)[:, None] * n_rows
    second, first = (
        np.bincount(rank.ravel(), side.ravel(), values.size).reshape(values.shape)
        for side in (is_second, ~is_second)
    )
    below = np.cumsum(first, axis=1) - first
    pairs = first.sum(axis=1) * second.sum(axis=1)
    return (second * (below + first / 2)).sum(axis=1) / pairs
