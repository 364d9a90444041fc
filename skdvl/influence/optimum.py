"""Whether a model is at its optimum on the rows that it is said to be fitted on."""

import numpy as np
from scipy import sparse
from sklearn.linear_model import SGDClassifier, SGDRegressor

from ..notices import warn_caller
from .reading import last_model

_MANY = 0.5  # of the length of the rows' own derivatives, what is left of their sum
_SLACK = 4.0  # times what a solver's tolerance lets by
_ROUNDING = 1e-8


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
    """
    model = last_model(estimator)
    if isinstance(model, (SGDClassifier, SGDRegressor)):
        return
    if not is_off(fit, max(getattr(model, "tol", None) or 0, _ROUNDING)):
        return
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
