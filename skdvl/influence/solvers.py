"""Which way to the inverse of a Hessian."""

from .conjugate import Conjugate
from .inverse import direct
from .nystroem import nystroem

_DIRECT = 3000  # coefficients whose Hessian is held, by default
_RANK = 300


def invert(fit, solver, seed):
    """Return what solves with the Hessian of a `LinearFit`.

    Parameters
    ----------
    fit : LinearFit
    solver : {"auto", "cholesky", "cg", "nystroem"}
    seed : int
        Of the random directions of "nystroem".

    Returns
    -------
    inverse : Inverse or Conjugate
    """
    if solver == "auto":
        solver = "cholesky" if fit.free.sum() <= _DIRECT else "cg"
    if solver == "cholesky":
        return direct(fit)
    return Conjugate(fit) if solver == "cg" else nystroem(fit, _RANK, seed)
