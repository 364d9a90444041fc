"""Valuators side by side, on the same rows, as a table."""

import inspect
from time import perf_counter

import numpy as np
from sklearn.base import clone
from sklearn.utils import check_random_state

from ..valuators.base import valued
from ..workers import ordered_map, pinned_threads
from .curves import removal_curve
from .detection import detection_curve
from .drawing import Question, scorer_of
from .folds import check_data, check_test_rows
from .orders import Players, is_valuator, values_of


def compare_valuators(
    valuators,
    X,
    y,
    *,
    X_val=None,
    y_val=None,
    groups=None,
    is_flipped=None,
    estimator=None,
    X_test=None,
    y_test=None,
    fractions=None,
    from_="lowest",
    scoring=None,
    n_random=10,
    return_valuators=False,
    n_jobs=None,
    random_state=None,
):
    """Fit several valuators on the same rows, and say how well they do and what they cost.

    Parameters
    ----------
    valuators : dict of str to valuator
        A copy of each is fitted. What they keep in `cache=` serves those that come after; a
        "memory" cache is each process's own, so with `n_jobs` use "disk", or a server.
    X, y : array-like of n_samples rows
        Training rows, the same for all.
    X_val, y_val : array-like or None, default=None
        Validation rows, for those valuators whose `fit` takes them.
    groups : array-like of shape (n_samples,) or None, default=None
        Groups of rows, handed to `fit` and to both curves.
    is_flipped : array-like of bool of shape (n_samples,) or None, default=None
        Rows known to be wrong: adds how well low values find them, by `detection_curve`.
    estimator : estimator or None, default=None
        With `X_test` and `y_test`: adds what is gained by dropping rows, by `removal_curve`.
    X_test, y_test : array-like or None, default=None
        A third set of rows, neither for training nor for validation.
    fractions, from_, scoring, n_random
        As in `removal_curve`.
    return_valuators : bool, default=False
        Add the fitted valuators.
    n_jobs : int or None, default=None
        Valuators are fitted in parallel, each within one process; seconds are comparable only if
        there is a core for each.
    random_state : int, RandomState instance or None, default=None
        Seeds the removal curves. Valuators have seeds of their own.

    Returns
    -------
    table : pandas.DataFrame
        A line for each valuator, in the order given, with the columns

        - ``seconds``, and ``evaluations``: scored coalitions, 0 where none are;
        - ``detection_area``, ``detection_lower``, ``detection_upper``: with `is_flipped`;
        - ``removal_gain``, ``removal_lower``, ``removal_upper``: with `estimator`, in units of the
          score;
        - ``valuator``: with `return_valuators`.

    Raises
    ------
    ImportError
        If pandas is not installed.
    TypeError
        If something is no valuator, but a model or a class.
    ValueError
        If the inputs do not fit each other, before any valuator is fitted.
    RuntimeError
        If a valuator cannot be fitted; the message names it.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skdvl import DataOOBValuator, KNNShapleyValuator
    >>> from skdvl.experiments import compare_valuators, flip_labels
    >>> X, y = load_iris(return_X_y=True)
    >>> y, is_flipped = flip_labels(y, 0.1, random_state=0)
    >>> methods = {"KNN": KNNShapleyValuator(), "Data-OOB": DataOOBValuator(random_state=0)}
    >>> table = compare_valuators(methods, X, y, is_flipped=is_flipped)
    >>> table["detection_area"].round(2)
    KNN         0.95
    Data-OOB    0.94
    Name: detection_area, dtype: float64
    """
    pandas = _pandas()
    _check_valuators(valuators)
    X, y = check_data(X, y, "X", "y")
    _check_rows(y, X_val, y_val, groups, is_flipped)
    wants_curve = estimator is not None
    if not wants_curve == (X_test is not None) == (y_test is not None):
        raise ValueError("Pass estimator, X_test and y_test together, or none of them.")
    if wants_curve:
        Question("removal", fractions, from_, n_random, n_jobs)
        scorer_of(estimator, scoring)
        X_test, y_test = check_test_rows(estimator, X_test, y_test, y)
    seed = check_random_state(random_state).randint(2**31 - 1)
    told = _fit_all(valuators, X, y, X_val, y_val, groups, n_jobs)
    values = {name: values_of(fitted, len(y), name) for name, (fitted, _) in told.items()}
    lines = {name: _cost(*fitted) for name, fitted in told.items()}
    if is_flipped is not None:
        for name, line in lines.items():
            curve = detection_curve(values[name], is_flipped, groups=groups)
            line |= _named("detection_area", curve.area, curve.area_interval)
    if wants_curve:
        options = {"fractions": fractions, "from_": from_, "scoring": scoring, "groups": groups}
        options |= {"n_random": n_random, "n_jobs": n_jobs, "random_state": seed}
        curves = removal_curve(estimator, values, X, y, X_test, y_test, **options)
        for name, curve in curves.items():
            lines[name] |= _named("removal_gain", curve.gain, curve.gain_interval)
    if return_valuators:
        for name, line in lines.items():
            line["valuator"] = told[name][0]
    return pandas.DataFrame.from_dict(lines, orient="index")


def _check_valuators(valuators):
    """Refuse what are no valuators with names."""
    if not isinstance(valuators, dict) or not valuators:
        raise ValueError(f"valuators must be a dict of names to valuators; got {valuators!r}.")
    for name, valuator in valuators.items():
        if not is_valuator(valuator):
            raise TypeError(f"{name} must be a valuator; got {valuator!r}.")


def _check_rows(y, X_val, y_val, groups, is_flipped):
    """Refuse what does not fit the rows, before anything is fitted."""
    if (X_val is None) != (y_val is None):
        raise ValueError("Pass X_val and y_val together, or none of them.")
    Players(len(y), groups)
    if is_flipped is not None:
        if np.shape(is_flipped) != (len(y),):
            raise ValueError(
                f"is_flipped has shape {np.shape(is_flipped)} and X has {len(y)} rows; pass one "
                "bool for each row."
            )
        detection_curve(np.arange(len(y)), is_flipped)


def _pandas():
    try:
        import pandas
    except ImportError as error:
        raise ImportError(
            'compare_valuators returns a data frame: pip install "skdvl[experiments]", or pandas.'
        ) from error
    return pandas


def _fit_all(valuators, X, y, X_val, y_val, groups, n_jobs):
    """Return a fitted copy of each valuator, and its seconds."""
    given = {"X_val": X_val, "y_val": y_val, "groups": groups}
    given = {name: value for name, value in given.items() if value is not None}
    tasks = []
    for name, valuator in valuators.items():
        takes = inspect.signature(valuator.fit).parameters
        tasks.append((name, clone(valuator), {key: given[key] for key in given if key in takes}))
    with pinned_threads():
        fitted = ordered_map(_fit_one, tasks, shared=(X, y), n_jobs=n_jobs)
    return dict(zip(valuators, fitted, strict=True))


def _fit_one(X, y, name, valuator, params):
    """Return a valuator, fitted, and the seconds it took."""
    began = perf_counter()
    try:
        valuator.fit(X, y, **params)
    except Exception as error:
        raise RuntimeError(f"{name} failed: {type(error).__name__}: {error}") from error
    return valuator, perf_counter() - began


def _cost(valuator, seconds):
    evaluations = getattr(valued(valuator), "n_evaluations_", 0)
    return {"seconds": seconds, "evaluations": int(evaluations)}


def _named(name, number, ends):
    stem = name.rsplit("_", 1)[0]
    return {name: number, f"{stem}_lower": ends[0], f"{stem}_upper": ends[1]}
