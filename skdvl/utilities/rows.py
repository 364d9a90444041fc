"""Rows as kernels take them: what scikit-learn would make of them, or why not."""

import numpy as np

_WHOLE = 2.0**53  # up to here every whole number is a float


def plain_rows(utility):
    """Return the rows of a `ModelUtility` as arrays, or the reason why a kernel cannot have them.

    Parameters
    ----------
    utility : ModelUtility

    Returns
    -------
    rows : tuple of (X, y, X_val) or None
        X and X_val of float64; y of numbers of classes, or of float64.
    reason : str
        A sentence fragment.
    """
    for name in ("fit_params", "score_params"):
        if getattr(utility, name):
            return None, f"{name} has {', '.join(getattr(utility, name))}"
    arrays = []
    for name in ("X", "X_val"):
        array, reason = _matrix(getattr(utility, name), name)
        if reason:
            return None, reason
        arrays.append(array)
    if arrays[0].shape[1] != arrays[1].shape[1]:
        return None, "X_val does not have the columns of X"
    if np.ndim(utility.y) != 1 or np.ndim(utility.y_val) != 1:
        return None, "y does not have one dimension"
    if utility.classes is not None:
        y = np.searchsorted(utility.classes, utility.y)
        return (arrays[0], y.astype(np.intp), arrays[1]), ""
    for name in ("y", "y_val"):
        array, reason = _numbers(np.asarray(getattr(utility, name)), name)
        if reason:
            return None, reason
        arrays.append(array)
    X, X_val, y, _ = arrays
    return (X, y, X_val), ""


def _matrix(given, name):
    """Return an array of float64 in rows of columns, or a reason."""
    if type(given) is not np.ndarray:
        if type(given).__module__.split(".")[0] != "pandas" or not hasattr(given, "dtypes"):
            return None, f"{name} is neither an array nor a data frame of pandas"
        if not all(isinstance(dtype, np.dtype) for dtype in np.atleast_1d(given.dtypes)):
            return None, f"{name} has columns of types of their own"
        given = np.asarray(given)
    if given.ndim != 2:
        return None, f"{name} does not have two dimensions"
    return _numbers(given, name)


def _numbers(array, name):
    """Return an array as float64 if nothing is lost by it, or a reason."""
    if array.dtype.kind not in "biuf":
        return None, f"{name} has entries of type {array.dtype}"
    if array.dtype.kind == "f" and array.dtype != np.float64:
        return None, f"scikit-learn keeps the type {array.dtype} of {name}"
    if not array.size:
        return None, f"{name} is empty"
    if array.dtype.itemsize > 4 and array.dtype.kind in "iu":
        if max(abs(int(array.max())), abs(int(array.min()))) > _WHOLE:
            return None, f"{name} has whole numbers that are no floats"
    array = np.ascontiguousarray(array, dtype=float)
    if not np.isfinite(array).all():
        return None, f"{name} has missing or infinite entries"
    return array, ""


def whole_numbers(utility):
    """Return which rows of a `ModelUtility` are not of floats, as a sentence fragment, or None."""
    for name in ("X", "X_val"):
        dtype = np.asarray(getattr(utility, name)).dtype
        if dtype.kind != "f":
            return f"{name} has entries of type {dtype}, which scikit-learn treats in its own way"
    return None
