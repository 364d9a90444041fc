"""Naive Bayes on counts: sums of the columns over the rows of each class are all there is."""

from abc import abstractmethod
from numbers import Real

import numpy as np
from sklearn.naive_bayes import BernoulliNB, ComplementNB, MultinomialNB

from ..base import Answers
from .columns import odd_numbers
from .sums import PRECISION, ROUNDING, ClassSums, SumsKernel, piece_size


class _CountsKernel(SumsKernel):
    """Base class: the scores are linear in the validation rows; write `_weights`."""

    response = "softmax"

    @classmethod
    def supports(cls, estimator, X, y, X_val):
        if not isinstance(estimator.alpha, Real):
            return "alpha is not a number"
        prior = estimator.class_prior
        if prior is not None and (np.shape(prior) != (y.max() + 1,) or not np.min(prior) > 0):
            return "class_prior is not one positive number for each class"
        return odd_numbers(X, X_val)

    def __init__(self, estimator, X, y, X_val):
        self.alpha = estimator.alpha if estimator.force_alpha else max(estimator.alpha, 1e-10)
        self.fit_prior = estimator.fit_prior
        prior = estimator.class_prior
        self.log_prior = None if prior is None else np.log(prior)[:, None]
        n_classes = y.max() + 1
        self.tables = (ClassSums(np.hstack([np.ones((len(X), 1)), X]), y, n_classes),)
        self.piece = piece_size(n_classes, max(X.shape[1], len(X_val)))
        self.val = np.ascontiguousarray(X_val.T)

    def _answers(self, members, sums):
        counts, features = sums[..., 0], sums[..., 1:]
        absent = counts == 0
        with np.errstate(divide="ignore", invalid="ignore"):
            weights, levels, known = self._weights(counts, features)
        known &= np.isfinite(weights) & np.isfinite(levels)[..., None]
        is_sure = (known.all(axis=2) | absent).all(axis=0)
        # Only so that the product makes no warnings: of these, nothing is said.
        weights[:, ~is_sure] = 0.0
        weights[absent] = 0.0
        decision = np.matmul(weights, self.val)
        decision += levels[..., None]
        decision[absent] = -np.inf
        if self.log_prior is not None:  # one for each class, or scikit-learn refuses
            is_sure &= ~absent.any(axis=0)
        return Answers(decision, is_sure)

    @abstractmethod
    def _weights(self, counts, features):
        """Return what the scores of classes are made of.

        Returns
        -------
        weights : ndarray of shape (n_classes, B, d)
        levels : ndarray of shape (n_classes, B)
        known : ndarray of bool of shape (n_classes, B, d)
            Weights that are not lost in rounding, ours or that of a refit.
        """

    def _log_priors(self, counts):
        if self.log_prior is not None:
            return np.broadcast_to(self.log_prior, counts.shape)
        if self.fit_prior:
            return np.log(counts) - np.log(counts.sum(axis=0))
        return np.broadcast_to(-np.log((counts > 0).sum(axis=0)), counts.shape)


class MultinomialNBKernel(_CountsKernel):
    """What `MultinomialNB` says."""

    estimators = (MultinomialNB,)

    @classmethod
    def supports(cls, estimator, X, y, X_val):
        return super().supports(estimator, X, y, X_val) or _negative(X, X_val)

    def _weights(self, counts, features):
        smoothed = features + self.alpha
        weights = np.log(smoothed)
        weights -= np.log(smoothed.sum(axis=2, keepdims=True))
        return weights, self._log_priors(counts), np.ones(weights.shape, dtype=bool)


class ComplementNBKernel(_CountsKernel):
    """What `ComplementNB` says."""

    estimators = (ComplementNB,)

    @classmethod
    def supports(cls, estimator, X, y, X_val):
        return super().supports(estimator, X, y, X_val) or _negative(X, X_val)

    def __init__(self, estimator, X, y, X_val):
        super().__init__(estimator, X, y, X_val)
        self.norm = estimator.norm
        # Sums of whole numbers are the same in every order.
        self.is_whole = bool((X == np.rint(X)).all() and X.sum() < 2**53)

    def _weights(self, counts, features):
        # In the order of scikit-learn, which loses digits if a feature is all of one class.
        smoothed = features.sum(axis=0) + self.alpha
        others = smoothed - features
        if self.is_whole:
            known = np.ones(others.shape, dtype=bool)
        else:
            noise = ROUNDING * (1 + np.sqrt(counts.sum(axis=0)))[:, None] * smoothed
            known = noise < PRECISION * others
        weights = np.log(others / others.sum(axis=2, keepdims=True))
        if self.norm:
            weights /= weights.sum(axis=2, keepdims=True)
        else:
            np.negative(weights, out=weights)
        return weights, np.zeros(counts.shape), known


class BernoulliNBKernel(_CountsKernel):
    """What `BernoulliNB` says."""

    estimators = (BernoulliNB,)

    @classmethod
    def supports(cls, estimator, X, y, X_val):
        if estimator.binarize is None and not (_is_binary(X) and _is_binary(X_val)):
            return "binarize=None, and there are other numbers than 0 and 1"
        return super().supports(estimator, X, y, X_val)

    def __init__(self, estimator, X, y, X_val):
        if estimator.binarize is not None:
            X, X_val = (1.0 * (rows > estimator.binarize) for rows in (X, X_val))
        super().__init__(estimator, X, y, X_val)

    def _weights(self, counts, features):
        rows = (counts + 2 * self.alpha)[..., None]
        without = counts[..., None] - features + self.alpha
        # scikit-learn computes this share as 1 minus the other.
        known = without * PRECISION > ROUNDING * rows
        weights, never = np.log(features + self.alpha), np.log(without)
        levels = never.sum(axis=2) - features.shape[2] * np.log(rows[..., 0])
        weights -= never
        return weights, self._log_priors(counts) + levels, known


def _negative(X, X_val):
    """Return a reason to decline negative numbers, or None."""
    return "there are negative numbers" if min(X.min(), X_val.min(initial=0.0)) < 0 else None


def _is_binary(X):
    return ((X == 0) | (X == 1)).all()
