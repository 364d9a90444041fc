"""Support vector machines on coalitions, by the solver of scikit-learn."""

from itertools import combinations
from numbers import Real

import numpy as np
from sklearn.svm import SVC, SVR, NuSVC, NuSVR

from ..base import Answers, Kernel
from .libsvm import Solver, is_usable
from .pairs import Pairs

KERNELS = ("linear", "poly", "rbf", "sigmoid", "precomputed")
MOST_ROWS = 4000  # the kernel of all of them is kept
MOST_PAIRS = 10**8  # of a row and a validation row
LOST = 1e-10  # relative to the largest decision, by rounding, at most
_EPS = np.finfo(float).eps


class _Machines(Kernel):
    """What classification and regression have in common.

    A refit computes the kernel of its rows, and that between them and the validation rows. Here,
    both are taken from those of all rows, and what lies between is done by the same solver.
    Where rounding might show in what is said of a validation row, the solver says it too.
    """

    at_once = 32
    is_recalled = True

    @classmethod
    def supports(cls, estimator, X, y, X_val):
        reason = _odd_parameters(estimator)
        if reason:
            return reason
        if estimator.kernel == "precomputed" and X.shape[0] != X.shape[1]:
            return "a precomputed kernel is square"
        if len(X) > MOST_ROWS or len(X) * len(X_val) > MOST_PAIRS:
            return "the kernel of all rows takes too much memory"
        if not is_usable():
            return "this scikit-learn has its solver elsewhere"
        return None

    def __init__(self, estimator, X, y, X_val):
        self.n_features = 0 if estimator.kernel == "precomputed" else X.shape[1]
        self.y, self.solver = y, Solver(estimator)
        with np.errstate(all="ignore"):
            self.pairs = Pairs(estimator, X, X_val)
            self._keep_if_better()

    def _keep_if_better(self):
        """Keep the kernel of all rows, if that is quicker and leads to the same machines.

        libsvm computes columns where it needs them, about as many as there are support vectors.
        """
        if self.pairs.is_kept or not self.pairs.may_keep():
            return
        places = np.arange(len(self.y))
        parts = [np.flatnonzero(places % 2 == part) for part in (0, 1)]
        found = [self._machine(rows)[0] for rows in parts]
        if None in found or not self._is_better(found, parts):
            return
        self.pairs.keep()
        again = [self._machine(rows)[0] for rows in parts]
        if not all(map(_is_same, found, again)):
            self.pairs.forget()

    def _is_better(self, machines, parts):
        """Whether coalitions cost less if their kernels are taken from that of all rows."""
        kernel, is_fixed = self.pairs.kernel, self.pairs.is_fixed
        entry = (15 if kernel == "rbf" else 6) + 0.6 * self.n_features  # in nanoseconds
        taken = 3 if is_fixed else 8 if kernel == "rbf" else 5
        computed = sum(map(self._n_entries, machines, parts))
        return computed * entry > sum(len(rows) ** 2 * taken + 10_000 for rows in parts)

    def _machine(self, rows):
        """Return the machine of a coalition, or None, and gamma."""
        gamma = self.pairs.gamma_of(rows)
        X, kernel = self.pairs.to_train(rows, gamma)
        y, class_weight = self._targets(rows)
        return self.solver.fit(X, y, kernel, gamma, class_weight), gamma

    def _sums(self, rows, machine, gamma, coef):
        """Return sums of kernels, of shape (len(coef), m), and how far off each may be."""
        support = rows[machine.support]
        if not len(support):
            said = np.repeat(machine.intercept[:, None], len(self.pairs.X_val), axis=1)
            return said, np.zeros(said.shape)
        said = coef @ self.pairs.to_predict(support, gamma)
        said += machine.intercept[:, None]
        size = np.abs(coef).sum(axis=1)[:, None] * self.pairs.size(support, gamma)
        off = np.empty(said.shape)
        off[:] = size + np.abs(machine.intercept)[:, None]
        off *= 16 * _EPS * np.sqrt(self.n_features + len(support) + 16)
        return said, off

    def _settle(self, said, which, rows, machine, gamma):
        """Let libsvm say what it says of some validation rows, in place."""
        pairs = self.pairs
        vectors = pairs.vectors(rows[machine.support])
        asking = pairs.asking(rows, which)
        said[:, which] = self.solver.decide(machine, vectors, asking, pairs.kernel, gamma)


class SVCKernel(_Machines):
    """`SVC` and `NuSVC`: pairs of classes vote, and two classes have a decision function."""

    estimators = (SVC, NuSVC)
    response = "margin"
    has_decision_function = True
    rounding = LOST

    @classmethod
    def supports(cls, estimator, X, y, X_val):
        if estimator.class_weight not in (None, "balanced"):
            return "class_weight is given for each class"
        if estimator.break_ties:
            return "break_ties=True decides by more than votes"
        return super().supports(estimator, X, y, X_val)

    def __init__(self, estimator, X, y, X_val):
        self.n_classes = int(y.max()) + 1
        self.has_decision_function = self.n_classes == 2
        self.ties_are_exact = self.n_classes > 2  # of votes
        self.is_balanced = estimator.class_weight == "balanced"
        super().__init__(estimator, X, y, X_val)

    def _targets(self, rows):
        """Return classes, counted from 0 among those that are there, and their weights."""
        codes = self.y[rows]
        count = np.bincount(codes, minlength=self.n_classes)
        is_seen = count > 0
        weight = np.ones(np.count_nonzero(is_seen))
        if self.is_balanced:
            weight = len(rows) / (len(weight) * count[is_seen].astype(float))
        return (np.cumsum(is_seen) - 1.0)[codes], weight

    def __call__(self, masks):
        decision = np.full((self.n_classes, len(masks), len(self.pairs.X_val)), -np.inf)
        is_sure = np.zeros(len(masks), dtype=bool)
        with np.errstate(all="ignore"):  # what is not finite is not sure
            for b, mask in enumerate(masks):
                rows = np.flatnonzero(mask)
                classes = np.unique(self.y[rows])
                decision[classes, b] = 0
                machine, gamma = self._machine(rows) if len(classes) > 1 else (None, 0.0)
                if machine is not None and len(machine.support):
                    said = self._said(rows, machine, gamma)
                    is_sure[b] = True
                    if self.n_classes == 2:
                        decision[:, b] = [said[0] / 2, said[0] / -2]
                    else:
                        decision[classes, b] = _votes(said, len(classes))
        return Answers(decision, is_sure)

    def _said(self, rows, machine, gamma):
        """Return what each pair of classes says; of more than two classes, only signs are right."""
        said, off = self._sums(rows, machine, gamma, _of_pairs(machine))
        if self.n_classes > 2:
            is_clear = (np.abs(said) > off).all(axis=0)
        else:
            is_clear = off[0] <= LOST * np.abs(said).max()
        unclear = np.flatnonzero(~is_clear)
        if len(unclear):
            self._settle(said, unclear, rows, machine, gamma)
        return said

    def _n_entries(self, machine, rows):
        """Return how many entries of the kernel libsvm has computed, at least."""
        count = np.bincount(self.y[rows])
        count = count[count > 0]
        sizes = [count[i] + count[j] for i, j in combinations(range(len(count)), 2)]
        return np.count_nonzero(_of_pairs(machine), axis=1) @ sizes


class SVRKernel(_Machines):
    """`SVR` and `NuSVR`."""

    estimators = (SVR, NuSVR)

    def __init__(self, estimator, X, y, X_val):
        self.spread = np.std(y)
        super().__init__(estimator, X, y, X_val)

    def _targets(self, rows):
        return self.y[rows], np.empty(0)

    def __call__(self, masks):
        decision = np.zeros((1, len(masks), len(self.pairs.X_val)))
        is_sure = np.zeros(len(masks), dtype=bool)
        with np.errstate(all="ignore"):
            for b, mask in enumerate(masks):
                rows = np.flatnonzero(mask)
                machine, gamma = self._machine(rows) if len(rows) else (None, 0.0)
                if machine is not None:
                    said, off = self._sums(rows, machine, gamma, machine.dual)
                    unclear = np.flatnonzero(~(off[0] <= LOST / 10 * self.spread))
                    if len(unclear):
                        self._settle(said, unclear, rows, machine, gamma)
                    decision[:, b], is_sure[b] = said, True
        return Answers(decision, is_sure)

    def _n_entries(self, machine, rows):
        return len(machine.support) * len(rows)


def _is_same(machine, other):
    return other is not None and all(map(np.array_equal, machine, other))


def _of_pairs(machine):
    """Return the coefficients of each pair of classes, in the order in which scikit-learn has them.

    libsvm keeps those of a class against each of the others in a row for each of these.
    """
    n_classes = len(machine.n_support)
    if n_classes == 2:
        return machine.dual
    end = np.cumsum(machine.n_support)
    of_class = [slice(last - n, last) for last, n in zip(end, machine.n_support, strict=True)]
    coef = np.zeros((n_classes * (n_classes - 1) // 2, machine.dual.shape[1]))
    for row, (i, j) in zip(coef, combinations(range(n_classes), 2), strict=True):
        row[of_class[i]] = machine.dual[j - 1, of_class[i]]
        row[of_class[j]] = machine.dual[i, of_class[j]]
    return coef


def _votes(said, n_classes):
    """Return how many of the others each class has beaten."""
    votes = np.zeros((n_classes, said.shape[1]))
    for row, (i, j) in zip(said > 0, combinations(range(n_classes), 2), strict=True):
        votes[i] += row
        votes[j] += ~row
    return votes


def _odd_parameters(estimator):
    """Return what a refit would do that the kernel does not, or None."""
    if not isinstance(estimator.kernel, str) or estimator.kernel not in KERNELS:
        return f"kernel={estimator.kernel!r} is computed by refits only"
    gamma = estimator.gamma
    if gamma not in ("scale", "auto") and not (isinstance(gamma, Real) and 0 <= gamma < np.inf):
        return f"gamma={gamma!r} is neither a number nor one of its names"
    if getattr(estimator, "probability", False) not in (False, "deprecated"):
        return "probability is set"
    return "verbose is set" if estimator.verbose else None
