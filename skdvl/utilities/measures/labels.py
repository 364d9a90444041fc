"""Measures of predicted labels: identical to a refit's, or not certain."""

import numpy as np

NEAR = 1e-9  # two scores that differ by less, relative to their size, are taken for a tie


class Hits:
    """Tells which validation rows are predicted right.

    Parameters
    ----------
    target : ndarray of intp of shape (m,)
        Classes of the validation rows; -1 for one that no training row has.
    n_classes : int
    kernel : Kernel
        It says what decisions are, and whether ties are.
    """

    def __init__(self, target, n_classes, kernel):
        self.n_classes = n_classes
        self.target = target
        self._known = None if (target >= 0).all() else np.flatnonzero(target >= 0)
        self._response, self._exact = kernel.response, kernel.ties_are_exact

    def __call__(self, decision, error=None):
        """Return the hits, of shape (B, m), and which coalitions are certain."""
        if self._known is None:
            return self._among(decision, error, self.target)
        hits = np.zeros(decision.shape[1:], dtype=bool)
        error = None if error is None else error[:, self._known]
        among = self._among(decision[:, :, self._known], error, self.target[self._known])
        hits[:, self._known], is_certain = among
        return hits, is_certain

    def _among(self, decision, error, target):
        if self._exact:
            hits = _first_of_largest(decision) == target
            return hits, np.ones(len(hits), dtype=bool)
        if len(decision) == 2:
            gap = decision[1] - decision[0]
            hits = (gap > 0) == (target == 1)
        else:
            gap = _lead(decision, target)
            hits = gap > 0
        distance = np.abs(gap, out=gap)
        is_near = self._is_near(decision, target, distance)
        if error is not None:
            is_near |= ~(distance > error).all(axis=1)
        return hits, ~is_near

    def _is_near(self, decision, target, distance):
        """Find coalitions with a row whose label hangs on rounding.

        Bounds that are cheap to have come first: by the largest score of all coalitions, then of
        each. Under "margin" the latter is what counts, since a margin may be a small difference
        of large sums.
        """
        floor = 1.0 if self._response == "softmax" else 0.0
        size = max(decision.max(), -decision.min(), floor)
        if distance.min() > NEAR * size:
            return np.zeros(len(distance), dtype=bool)
        size = np.maximum(_size(decision).max(axis=2).max(axis=0), floor)
        is_near = ~(distance.min(axis=1) > NEAR * size)
        if self._response != "margin" and is_near.any():
            some = np.flatnonzero(is_near)
            size = np.maximum(_size_of_best(decision[:, some], target), floor)
            is_near[some] = ~(distance[some] > NEAR * size).all(axis=1)
        return is_near


def count(hits):
    """Count the hits of each coalition."""
    if hits.shape[1] < 2**24:  # so that float32 counts exactly; it is the quickest way
        return hits.astype(np.float32) @ np.ones(hits.shape[1], dtype=np.float32)
    return np.count_nonzero(hits, axis=1)


def _size(decision):
    """Absolute values, 0 for a class that a coalition lacks."""
    size = np.abs(decision)
    size[np.isinf(size)] = 0
    return size


def _lead(decision, target):
    """By how much the true class leads the best other one, of shape (B, m)."""
    rival = np.full(decision.shape[1:], -np.inf)
    own, other = np.empty(rival.shape), np.empty(rival.shape)
    for code, scores in enumerate(decision):
        is_own = target == code
        np.maximum(rival, np.add(scores, np.where(is_own, -np.inf, 0), out=other), out=rival)
        own[:, is_own] = scores[:, is_own]
    return np.subtract(own, rival, out=own)


def _size_of_best(decision, target):
    """Size of the true class's score, or of the best other one's, whichever is larger."""
    rows = np.arange(len(target))
    own = decision[target, :, rows].T
    others = decision.copy()
    others[target, :, rows] = -np.inf
    return np.maximum(_size(own), _size(others.max(axis=0)))


def _first_of_largest(decision):
    """Predicted classes, as argmax would tell along the first axis."""
    best, code = decision[0].copy(), np.zeros(decision.shape[1:], dtype=np.intp)
    for other in range(1, len(decision)):
        is_better = decision[other] > best
        np.copyto(best, decision[other], where=is_better)
        code[is_better] = other
    return code


class Accuracy:
    """Share of rows that are predicted right."""

    def __init__(self, target, n_classes, kernel):
        self.hits = Hits(target, n_classes, kernel)

    def __call__(self, decision, error=None):
        hits, is_certain = self.hits(decision, error)
        return count(hits).astype(float) / hits.shape[1], is_certain

    def by_row(self, decision):
        """Return the part of each validation row, of shape (B, m); their mean is the measure."""
        return self.hits(decision)[0].astype(float)


class BalancedAccuracy(Accuracy):
    """Mean over the classes that were seen in validation of the share predicted right."""

    by_row = None  # type: ignore[assignment]

    def __init__(self, target, n_classes, kernel):
        super().__init__(target, n_classes, kernel)
        self._of_class = [target == code for code in np.unique(target)]

    def __call__(self, decision, error=None):
        hits, is_certain = self.hits(decision, error)
        # Rows one behind the other, so that the mean adds up as it does for a single one.
        recall = np.empty((len(hits), len(self._of_class)))
        for j, rows in enumerate(self._of_class):
            recall[:, j] = count(hits[:, rows]).astype(float) / np.count_nonzero(rows)
        return recall.mean(axis=1), is_certain


class ClassAccuracy(Accuracy):
    """`class_score` of one class."""

    by_row = None  # type: ignore[assignment]

    def __init__(self, target, n_classes, kernel, code):
        super().__init__(target, n_classes, kernel)
        self._of_class = target == code

    def __call__(self, decision, error=None):
        hits, is_certain = self.hits(decision, error)
        inside, outside = (count(hits[:, rows]) for rows in (self._of_class, ~self._of_class))
        return _weighed(inside.astype(float), outside.astype(np.intp), hits.shape[1]), is_certain


def class_score(y_true, y_pred, label):
    """Accuracy on the rows of a class, times the exponential of that on all other rows.

    Both are shares of all rows.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (m,)
    label : object
        The class.

    Returns
    -------
    score : float

    References
    ----------
    Schoch, Xu & Ji (2022), "CS-Shapley: class-wise Shapley values for data valuation in
    classification", arXiv:2211.06800.
    """
    y_true, hits = np.asarray(y_true), np.asarray(y_true) == np.asarray(y_pred)
    is_own = y_true == label
    inside, outside = np.count_nonzero(hits & is_own), np.count_nonzero(hits & ~is_own)
    return float(_weighed(float(inside), outside, len(y_true)))


def _weighed(inside, outside, n_rows):
    # Exponentials from one table: of a single number they might end in another bit.
    return inside / n_rows * np.exp(np.arange(n_rows + 1) / n_rows)[outside]


class F1(Accuracy):
    """F1 of the second of two classes, or the mean of both."""

    by_row = None  # type: ignore[assignment]

    def __init__(self, target, n_classes, kernel, average):
        super().__init__(target, n_classes, kernel)
        self._average = average

    def __call__(self, decision, error=None):
        hits, is_certain = self.hits(decision, error)
        score = self._of_class(hits, 1)
        if self._average == "macro":
            score = (self._of_class(hits, 0) + score) / 2
        return score, is_certain

    def _of_class(self, hits, code):
        is_own = self.hits.target == code
        found = count(hits[:, is_own]).astype(float)
        predicted = found + count(~hits[:, ~is_own])
        return 2 * found / np.maximum(predicted + np.count_nonzero(is_own), 1)
