"""The solver that scikit-learn's estimators call, without what they do around it.

It is private to scikit-learn. Where it is not as it was, `is_usable` says so.
"""

from functools import cache
from typing import NamedTuple

import numpy as np
from sklearn.svm import SVC, SVR, NuSVC, NuSVR

try:
    from sklearn.svm import _libsvm
except ImportError:
    _libsvm = None

_TYPES = {SVC: 0, NuSVC: 1, SVR: 3, NuSVR: 4}
_AFTER_FIT = ("svm_type", "degree", "coef0", "cache_size")  # what else matters in predicting


class Machine(NamedTuple):
    """What libsvm has found, named as in scikit-learn.

    Attributes
    ----------
    support : ndarray of int of shape (n_support,)
        Numbers of rows, those of one class behind the other.
    n_support : ndarray of int of shape (n_classes,)
    dual : ndarray of shape (n_classes - 1, n_support)
        One row for a regressor.
    intercept : ndarray
        One for each pair of classes, or for the regressor.
    """

    support: np.ndarray
    n_support: np.ndarray
    dual: np.ndarray
    intercept: np.ndarray


class Solver:
    """libsvm with the parameters of an estimator.

    Parameters
    ----------
    estimator : SVC, NuSVC, SVR or NuSVR
    """

    def __init__(self, estimator):
        self._params = {"svm_type": _TYPES[type(estimator)], "coef0": float(estimator.coef0)}
        names = ("C", "nu", "epsilon", "degree", "shrinking", "tol", "cache_size", "max_iter")
        self._params |= {name: getattr(estimator, name) for name in names}

    def fit(self, X, y, kernel, gamma, class_weight):
        """Return the machine, or None where scikit-learn would raise an error.

        Parameters
        ----------
        X : ndarray of float64 of shape (n, d), or (n, n) of a precomputed kernel
        y : ndarray of float64 of shape (n,)
            Classes count from 0.
        kernel : str
        gamma : float
        class_weight : ndarray of shape (n_classes,)
            Empty for a regressor.
        """
        _libsvm.set_verbosity_wrap(0)  # or it prints; it is a matter of the process
        try:
            found = _libsvm.fit(
                X, y, kernel=kernel, gamma=gamma, class_weight=class_weight, **self._params
            )
        except ValueError:
            return None
        machine = Machine(found[0], found[2], found[3], found[4])
        if not (np.isfinite(machine.dual).all() and np.isfinite(machine.intercept).all()):
            return None
        return machine

    def decide(self, machine, vectors, X_val, kernel, gamma):
        """Return what scikit-learn's machine says, bit for bit.

        Parameters
        ----------
        machine : Machine
        vectors : ndarray of float64 of shape (n_support, d)
            The rows of `support`; none of a precomputed kernel.
        X_val : ndarray of float64 of shape (m, d), or (m, n) of a precomputed kernel
        kernel : str
        gamma : float

        Returns
        -------
        decision : ndarray of shape (n_pairs, m)
            One for each pair of classes, positive for the first of both.
        """
        params = {name: self._params[name] for name in _AFTER_FIT}
        support, n_support, dual, intercept = machine
        return _libsvm.decision_function(
            X_val,
            support,
            vectors,
            n_support,
            dual,
            intercept,
            kernel=kernel,
            gamma=gamma,
            **params,
        ).T


@cache
def is_usable():
    """Whether the solver is where it is looked for, and finds what `SVC` finds.

    Returns
    -------
    is_usable : bool
    """
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(30, 2)), np.arange(30) % 3
    solver = Solver(SVC())
    model = SVC(gamma=0.5, decision_function_shape="ovo").fit(X, y)
    try:
        found = solver.fit(X, y.astype(float), "rbf", 0.5, np.ones(3))
        said = solver.decide(found, X[found.support], X, "rbf", 0.5)
        given = (*found, said.T)
    except Exception:
        return False
    expected = model.support_, model.n_support_, model.dual_coef_, model.intercept_
    return all(map(np.array_equal, given, (*expected, model.decision_function(X))))
