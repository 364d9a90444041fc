"""Estimators that are solved to convergence, in place of those that stop before."""

from sklearn.base import clone
from sklearn.linear_model import LogisticRegression

_SOLVERS = ("lbfgs", "newton-cg", "newton-cholesky")
_TOL, _MAX_ITER = 1e-14, 1000


def at_optimum(estimator):
    """Return an estimator that solves the same problem until rounding ends it.

    Parameters
    ----------
    estimator : estimator

    Returns
    -------
    estimator : estimator
        A clone, not fitted.

    Raises
    ------
    ValueError
        If none is known.
    """
    reason = _no_optimum(estimator)
    if reason:
        raise ValueError(
            f"exact='optimum' does not do for {estimator!r}: {reason}. It is for a "
            "LogisticRegression with an L2 penalty, which with its default tol stops before its "
            "optimum; for any other estimator use exact='sklearn'."
        )
    return clone(estimator).set_params(solver="newton-cholesky", tol=_TOL, max_iter=_MAX_ITER)


def _no_optimum(estimator):
    """Say why there is no estimator at the optimum, or return None."""
    if type(estimator) is not LogisticRegression:
        return f"{type(estimator).__name__} is no LogisticRegression"
    if estimator.solver not in _SOLVERS:
        return f"solver={estimator.solver!r} may solve another problem"
    penalty, C = estimator.penalty, estimator.C
    if penalty is None or C == float("inf"):
        return "without a penalty there is no optimum where a line separates the classes"
    if penalty not in ("l2", "deprecated"):
        return f"penalty={penalty!r} is not 'l2'"
    if penalty == "deprecated" and estimator.l1_ratio not in (None, 0):
        return f"l1_ratio={estimator.l1_ratio!r} is not 0"
    if getattr(estimator, "multi_class", "deprecated") not in ("deprecated", "auto", "multinomial"):
        return f"multi_class={estimator.multi_class!r} is another problem"
    if estimator.warm_start:
        return "warm_start=True begins where another fit ended"
    return None
