"""Measures of predicted probabilities.

scikit-learn takes the probability of the first of two classes for 1 less that of the second, and
rounds logarithms of the size of the scores. Where that shows in the measure, it is not certain.
"""

import numpy as np

_EPS = np.finfo(float).eps
_ROUNDING = 64 * _EPS  # relative, of what scikit-learn makes of a decision
_SURE = 40.0  # a logarithm of odds from which a probability is exactly 1 in every formula
_SHARE = 1e-10  # of the measure that rounding may make up
_AT_WORST = 4e-10  # and that errors may make up of which there is a bound


def probabilities(decision, response, rounding):
    """Turn decisions into probabilities, and tell how exactly their logarithms are known.

    Parameters
    ----------
    decision : ndarray of shape (n_classes, B, m)
    response : {"softmax", "probability"}
    rounding : float
        Of the decisions; see `Kernel`.

    Returns
    -------
    proba : ndarray of shape (n_classes, B, m)
    noise : ndarray of shape (B, m)
        Rounding of the logarithm of a probability that is not exactly 0 or 1.
    is_sure : ndarray of bool of shape (B, m)
        Whether the probabilities are so close to 0 and 1 that every formula rounds them to it.
    """
    if response == "probability":
        proba = np.maximum(decision, 0)  # of a class that a coalition lacks
        is_sure = ((proba == 0) | (proba == 1)).all(axis=0)
        return proba, np.full(decision.shape[1:], _ROUNDING), is_sure
    top = decision.max(axis=0)
    proba = np.exp(decision - top)
    total = proba.sum(axis=0)
    is_sure = total - 1 < np.exp(-_SURE)
    proba /= total
    return proba, max(_ROUNDING, rounding) * (1 + np.abs(top)), is_sure


class LogLoss:
    """Mean of the negative logarithm of the true class's probability.

    Parameters
    ----------
    target : ndarray of intp of shape (m,)
        Classes of the validation rows.
    n_classes : int
    kernel : Kernel
    """

    def __init__(self, target, n_classes, kernel):
        self.target, self._given = target, (kernel.response, kernel.rounding)
        self._is_binary = n_classes == 2

    def __call__(self, decision, error=None):
        proba, noise, is_sure = probabilities(decision, *self._given)
        if self._is_binary:
            second = proba[1]
            own = np.where(self.target == 1, second, 1 - second)
            with np.errstate(divide="ignore", invalid="ignore"):
                lost = noise * np.where(self.target == 1, 1, second / own)
            is_clipped = is_sure
        else:
            own = np.take_along_axis(proba, self.target[None, None], axis=0)[0]
            is_clipped, lost = is_sure | (own < np.exp(-_SURE)), noise
            if self._given[0] == "softmax":
                is_rest = self._is_rest(decision)
                is_clipped &= ~is_rest | is_sure
                lost = np.where(is_rest, noise / np.maximum(own, _EPS), noise)
        lost = np.where(is_clipped, 0, lost)
        loss = -np.log(np.clip(own, _EPS, 1 - _EPS)).mean(axis=1)
        is_little = lost.mean(axis=1) <= _SHARE * (1 + loss)
        if error is not None:
            is_little &= _is_small(error, np.where(is_clipped, 0, 1 - own), loss)
        return loss, is_little

    def _is_rest(self, decision):
        """Tell rows of the first of the only two classes that a coalition has."""
        is_seen = ~np.isneginf(decision[:, :, 0])
        is_rest = self.target == is_seen.argmax(axis=0)[:, None]
        return is_rest & (is_seen.sum(axis=0) == 2)[:, None]


class BrierLoss(LogLoss):
    """Mean squared distance of the probabilities from the truth."""

    def __call__(self, decision, error=None):
        proba, noise, is_sure = probabilities(decision, *self._given)
        if self._is_binary:
            distance = proba[1] - (self.target == 1)
            loss = distance**2
            slope = np.abs(distance) * proba[1]
            bend = slope * (1 - proba[1])
        else:
            is_own = np.arange(len(proba))[:, None, None] == self.target
            distance = proba - is_own
            loss = np.einsum("cbm,cbm->bm", distance, distance)
            slope = np.einsum("cbm,cbm->bm", np.abs(distance), proba)
            bend = np.einsum("cbm,cbm->bm", np.abs(distance), proba * (1 - proba))
        lost = np.where(is_sure, 0, 2 * noise * slope)
        loss = loss.mean(axis=1)
        is_little = lost.mean(axis=1) <= _SHARE * (1 + loss)
        if error is not None:
            is_little &= _is_small(error, np.where(is_sure, 0, 2 * bend), loss)
        return loss, is_little


def _is_small(error, slope, loss):
    """Tell of which coalitions errors of decisions, at worst, make next to no difference.

    Parameters
    ----------
    error : ndarray of shape (B, m)
        See `Answers`.
    slope : ndarray of shape (B, m)
        By how much more or less a row loses, for a small change of its decisions.
    loss : ndarray of shape (B,)
    """
    moved = (np.expm1(error) * slope).mean(axis=1)
    return (moved <= _AT_WORST * (1 + loss)) & (error < 1).all(axis=1)
