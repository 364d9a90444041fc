"""Scores on a test set, and on all but a part of it, which tell how far the score may be off."""

import warnings
from functools import cached_property

import numpy as np
import sklearn
from sklearn.base import clone
from sklearn.exceptions import FitFailedWarning
from sklearn.metrics import get_scorer
from sklearn.utils import _safe_indexing

from ..notices import warn_caller
from ..utilities import ModelUtility
from ..valuators.problem import pin_seeds
from ..workers import ordered_map, pinned_threads

N_PARTS = 10


class Examination(ModelUtility):
    """A refit for each set of rows, scored on all test rows and on all but each of some parts.

    Sets of no rows, of one class, and those that cannot be fitted score as in `ModelUtility`.

    Parameters
    ----------
    estimator, X, y, X_test, y_test, scorer
        As in `ModelUtility`.
    parts : list of ndarray of int
        Disjoint parts of the test rows.
    """

    _counts_hits = False  # the shortcut knows of no parts

    def __init__(self, estimator, X, y, X_test, y_test, scorer, parts):
        super().__init__(estimator, X, y, X_test, y_test, scorer)
        everything = np.arange(len(y_test))
        self._kept = [np.setdiff1d(everything, part) for part in parts]

    @cached_property
    def _is_mean(self):
        return ModelUtility._counts_hits.func(self)

    def _scored(self, model, X_val):
        if self._is_mean:
            predicted = model.predict(X_val)
            if np.shape(predicted) == self.y_val.shape:
                hits = predicted == self.y_val
                kept = [np.count_nonzero(hits[rows]) / len(rows) for rows in self._kept]
                return np.array([np.count_nonzero(hits) / len(hits), *kept])
        if type(self.scorer) is type(get_scorer("accuracy")):  # others may look at X
            model, X_val = Remembered(model, X_val), np.arange(len(self.y_val))
        scores = [super()._scored(model, X_val)]
        for rows in self._kept:
            try:
                score = self.scorer(model, _safe_indexing(X_val, rows), self.y_val[rows])
            except ValueError:  # such as an area under the ROC curve of one class
                score = np.nan
            scores.append(score)
        return np.array(scores, dtype=float)

    def evaluate(self, masks):
        """Return scores of shape (m, 1 + number of parts), and failures by coalition."""
        scores, failures = [], {}
        finite = sklearn.get_config()["assume_finite"]
        for j, mask in enumerate(self.check_masks(masks)):
            rows = np.flatnonzero(mask)
            try:
                score, _ = self._score(rows, mask, finite)
            except MemoryError:
                raise
            except Exception as error:
                score, failures[j] = self._failed(rows, error)
            scores.append(score)
        return np.array(scores), failures


class Remembered:
    """A model that is asked once about some rows, and then answers by their numbers."""

    def __init__(self, model, X):
        self._model, self._X, self._told = model, X, {}

    def __getattr__(self, name):
        asked = getattr(self._model, name)
        if name not in ("predict", "predict_proba", "decision_function"):
            return asked

        def answer(rows):
            if name not in self._told:
                self._told[name] = asked(self._X)
            told = self._told[name]  # a list of several outputs' probabilities
            return [one[rows] for one in told] if isinstance(told, list) else told[rows]

        answer.__name__ = name
        return answer


def examine(estimator, X, y, X_test, y_test, scorer, masks, *, seed, n_jobs=None):
    """Score models of many sets of rows on the same test rows.

    Parameters
    ----------
    estimator : estimator
        Its random states that are no integers are set to ones that follow from the seed.
    X, y, X_test, y_test : array-like
    scorer : callable
    masks : ndarray of bool of shape (m, n)
    seed : int
    n_jobs : int or None, default=None

    Returns
    -------
    scores : ndarray of shape (m, 1 + n_parts)
        On all test rows, and on all but each part of them.
    """
    shuffled = np.random.default_rng([seed, 1]).permutation(len(y_test))
    parts = np.array_split(shuffled, min(N_PARTS, len(y_test))) if len(y_test) > 1 else []
    estimator = pin_seeds(clone(estimator), seed)
    exam = Examination(estimator, X, y, X_test, y_test, scorer, parts)
    with pinned_threads():
        exam.bind()
        with warnings.catch_warnings():  # those of the fit on all rows are enough
            warnings.simplefilter("ignore")
            told = ordered_map(_one, [(mask,) for mask in masks], shared=(exam,), n_jobs=n_jobs)
    failures = [words for _, words in told if words]
    if failures:
        warn_caller(
            f"{len(failures)} of {len(masks)} sets of rows could not be fitted or scored, and "
            f"count as no rows at all. The first: {failures[0]}",
            FitFailedWarning,
        )
    return np.array([scores for scores, _ in told])


def _one(exam, mask):
    """Return the scores of one set of rows, and why it could not be fitted, or nothing."""
    scores, failures = exam.evaluate(mask[None])
    return scores[0], failures.get(0, "")
