"""How a curve comes about: folds, orders of rows, refits, and means over folds."""

from dataclasses import dataclass
from numbers import Integral
from typing import NamedTuple

import numpy as np
from sklearn.base import is_classifier, is_regressor
from sklearn.metrics import check_scoring
from sklearn.utils import check_random_state

from ..valuators.base import BaseValuator, valued
from .curve import ScoreCurve
from .examination import examine
from .folds import check_data, make_folds
from .gains import gain_of_folds, gain_of_parts, interval
from .orders import Players, is_valuator, values_of

_FRACTIONS = np.arange(11) / 20


@dataclass(frozen=True)
class Question:
    """What is asked of all values alike.

    Attributes
    ----------
    kind : {"removal", "addition"}
    fractions : array-like of float or None
    from_ : {"lowest", "highest"}
    n_random : int
    n_jobs : int or None
    """

    kind: str
    fractions: object
    from_: str
    n_random: int
    n_jobs: object

    def __post_init__(self):
        given = _FRACTIONS if self.fractions is None else self.fractions
        try:
            fractions = np.unique(np.asarray(given, dtype=float))
        except (TypeError, ValueError):
            fractions = np.empty(0)
        if not len(fractions) or not ((fractions >= 0) & (fractions <= 1)).all():
            raise ValueError(f"fractions must be numbers from 0 to 1; got {given!r}.")
        object.__setattr__(self, "fractions", fractions)
        if self.from_ not in ("lowest", "highest"):
            raise ValueError(f'from_ must be "lowest" or "highest"; got {self.from_!r}.')
        if not (isinstance(self.n_random, Integral) and self.n_random >= 2):
            raise ValueError(f"n_random must be an int, 2 or more; got {self.n_random!r}.")


class Drawn(NamedTuple):
    """The curve of one method in one fold."""

    fractions: np.ndarray
    n_rows: np.ndarray
    scores: np.ndarray
    random_scores: np.ndarray
    gain: float
    stderr: float
    freedom: int
    share: float  # test rows to training rows


def draw_curves(
    question, estimator, values, X, y, X_test, y_test, cv, groups, scoring, random_state
):
    """Check what was passed; return the curve of the values, or one for each of a dict's."""
    X, y = check_data(X, y, "X", "y")
    scorer = scorer_of(estimator, scoring)
    given = values if isinstance(values, dict) else {"values": values}
    if not given:
        raise ValueError("values is an empty dict; pass the values of at least one method.")
    for name, one in given.items():
        if cv is None and (not is_valuator(one) or hasattr(valued(one), "values_")):
            values_of(one, len(y), name)
    Players(len(y), groups)
    seed = check_random_state(random_state).randint(2**31 - 1)
    folds = make_folds(estimator, given, X, y, X_test, y_test, cv, groups)
    drawn = [_draw(question, estimator, scorer, fold, seed + f) for f, fold in enumerate(folds)]
    words = _score_name(estimator, scoring)
    curves = {name: _join([fold[name] for fold in drawn], question, words) for name in given}
    return curves if isinstance(values, dict) else curves["values"]


def _draw(question, estimator, scorer, fold, seed):
    """Return what all methods, and random orders, make of one fold."""
    rng = np.random.default_rng([seed, 0])
    players, fractions = Players(len(fold.y), fold.groups), question.fractions
    by_chance = [players.by_chance(rng) for _ in range(question.n_random)]
    by_value = {
        name: players.by_value(values, question.from_, rng) for name, values in fold.values.items()
    }
    orders = [(order, *players.steps(order, fractions)) for order in by_value.values()]
    orders += [(order, *players.steps(order, fractions, around=True)) for order in by_chance]
    chosen = np.array([players.first(order, k) for order, ks, _ in orders for k in ks])
    masks = ~chosen if question.kind == "removal" else chosen
    sets, where = np.unique(masks, axis=0, return_inverse=True)
    rows = fold.X, fold.y, fold.X_test, fold.y_test
    scored = examine(estimator, *rows, scorer, sets, seed=seed, n_jobs=question.n_jobs)
    ends = np.cumsum([len(ks) for _, ks, _ in orders])[:-1]
    by_order = np.split(scored[where.ravel()], ends)
    curves = {}
    for name, (_, _, n_rows), scores in zip(by_value, orders, by_order, strict=False):
        n_methods = len(by_value)
        rest = zip(orders[n_methods:], by_order[n_methods:], strict=True)
        random = np.array([_at(n_rows, of_order[2], told) for of_order, told in rest])
        share = n_rows / len(fold.y)
        gain = gain_of_parts(share, scores, random)
        to_train = len(fold.y_test) / len(fold.y)
        curves[name] = Drawn(share, n_rows, scores[:, 0], random[:, :, 0], *gain, to_train)
    return curves


def _at(n_rows, steps, scores):
    """Return scores at other numbers of rows, by interpolation between steps."""
    if np.array_equal(n_rows, steps):
        return scores
    return np.array([np.interp(n_rows, steps, column) for column in scores.T]).T


def _join(folds, question, words):
    """Return the mean of the curves of all folds."""
    gain, stderr, freedom = folds[0].gain, folds[0].stderr, folds[0].freedom
    if len(folds) > 1:
        share = np.mean([fold.share for fold in folds])
        gain, stderr, freedom = gain_of_folds([fold.gain for fold in folds], share)
    fractions, n_rows, scores, random_scores = (
        np.mean([fold[j] for fold in folds], axis=0) if len(folds) > 1 else folds[0][j]
        for j in range(4)
    )
    return ScoreCurve(
        question.kind,
        question.from_,
        fractions,
        n_rows,
        scores,
        random_scores,
        gain,
        stderr,
        interval(gain, stderr, freedom),
        words,
    )


def scorer_of(estimator, scoring):
    """Return a scorer; "accuracy" or "r2" if there is no `scoring`.

    Raises
    ------
    TypeError
        If the estimator is none, but a class, a valuator, or values.
    """
    if isinstance(estimator, type):
        raise TypeError(f"{estimator.__name__} is a class; write {estimator.__name__}().")
    is_model = hasattr(estimator, "fit") and hasattr(estimator, "get_params")
    if not is_model or isinstance(valued(estimator), BaseValuator):
        raise TypeError(
            f"estimator must be a model to train on the rows that are left; got a "
            f"{type(estimator).__name__}. Are estimator and values in each other's place?"
        )
    if scoring is not None:
        return check_scoring(estimator, scoring=scoring)
    if is_classifier(estimator):
        return check_scoring(estimator, scoring="accuracy")
    if is_regressor(estimator):
        return check_scoring(estimator, scoring="r2")
    raise ValueError(
        f"{type(estimator).__name__} is neither a classifier nor a regressor, so no score is taken "
        "for granted. Set scoring."
    )


def _score_name(estimator, scoring):
    if scoring is None:
        return "accuracy" if is_classifier(estimator) else "r2"
    if isinstance(scoring, str):
        return scoring
    function = getattr(scoring, "_score_func", scoring)
    return getattr(function, "__name__", type(function).__name__).removesuffix("_score")
