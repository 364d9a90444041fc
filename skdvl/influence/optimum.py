"""Whether a model is at its optimum on the rows that it is said to be fitted on."""

import numpy as np
from scipy import sparse
from sklearn.linear_model import SGDClassifier, SGDRegressor

from ..notices import warn_caller
from .reading import is_least_squares, last_model

_MANY = 0.5  # of the length of the rows' own derivatives, what is left of their sum
_SLACK = 4.0  # times what a solver's tolerance lets by
_ROUNDING = 1e-8
_ROUGH = 0.01  # of how far rows' goings move predictions, what a solver may have left


def warn_of_other_rows(name, estimator, fit):
    """Warn if a fitted model minimises nothing on these rows.

    At an optimum the derivatives of rows and of the penalty sum to 0. Of other rows, they sum to
    about the root of their squares, as chance has it.

    Parameters
    ----------
    name : str
        Who asks.
    estimator : estimator
        Fitted already; none that is fitted by stochastic gradients is judged.
    fit : LinearFit
        What it minimises on the rows that it is said to be fitted on.

    Returns
    -------
    warned : bool
    """
    model = last_model(estimator)
    if isinstance(model, (SGDClassifier, SGDRegressor)):
        return False
    if not is_off(fit, max(getattr(model, "tol", None) or 0, _ROUNDING)):
        return False
    n_iter, limit = getattr(model, "n_iter_", None), getattr(model, "max_iter", None)
    cause, more = "or with other sample weights or parameters, or its solver gave up", ""
    if n_iter is not None and limit is not None and np.max(n_iter) >= limit:
        cause = f"or stopped too early, at max_iter={limit}"
        more = " Scale the columns or raise max_iter."
    warn_caller(
        f"The fitted {type(model).__name__} is not at the optimum of its loss on these rows: it "
        f"was fitted on other rows, {cause}. Values are told as if it were, and may be far off. "
        f"Pass what it was fitted on, or let {name} fit it (prefit=False).{more}"
    )
    return True


def warn_of_rough_fit(estimator, effects):
    """Warn if least squares stopped so far from their minimum that values are not those of refits.

    Solvers drop directions of columns that are short beside others, or stop early, and a refit
    would do so elsewhere. What is left moves predictions, as the going of a row does.

    Parameters
    ----------
    estimator : estimator
    effects : Effects
        Of its rows.
    """
    model, fit = last_model(estimator), effects.fit
    if not (is_least_squares(model) and effects.newton):
        return
    gradient, moved = fit.gradient(), 0.0
    for where in fit.blocks(fit.coef.size):
        Z = fit.rows(where)
        change = effects.eta_without[where] - Z @ fit.coef
        moved += np.nansum(fit.weight[where, None] * change**2)
    left = (gradient * effects.inverse.solve(gradient)).sum()
    if 0 < _ROUGH**2 * moved < left:
        tol = getattr(model, "tol", None)
        warn_caller(
            f"{type(model).__name__} stopped short of the minimum of its loss on these rows: what "
            f"is left moves predictions by {np.sqrt(left / moved):.1g} times as much as rows do "
            "when they go, and values are not those of refits. Drop columns that follow from "
            "others, scale the rest, as with StandardScaler in a pipeline"
            + (f", or lower tol={tol}." if tol else ".")
        )


def is_off(fit, tolerance):
    """Return whether some derivative of the objective is far from 0, beside those of its rows.

    Parameters
    ----------
    fit : LinearFit
    tolerance : float
        Of the solver: derivatives are taken for 0 that are no more than that share of those of all
        rows under a model that knows intercepts only.
    """
    squares, reach = np.zeros(fit.coef.shape), 0.0
    bare = np.zeros_like(fit.coef)
    bare[-1] = fit.coef[-1]
    for where in fit.blocks(fit.coef.size):
        Z = fit.rows(where)
        cells = Z.multiply(Z) if sparse.issparse(Z) else Z**2
        squares += cells.T @ fit.slopes(where, Z) ** 2
        slopes = fit.loss.gradient(fit.y[where], Z @ bare) * fit.weight[where, None]
        lengths = np.sqrt(np.ravel(cells.sum(axis=1)))
        reach += np.linalg.norm(slopes, axis=1) @ np.maximum(lengths, 1)
    left = np.abs(fit.gradient())
    return bool(((left > _MANY * np.sqrt(squares)) & (left > _SLACK * tolerance * reach)).any())
