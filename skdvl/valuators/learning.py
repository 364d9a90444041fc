"""Utilities that are learned from a budget of scores, before the rounds."""

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import clone, is_classifier

from ..coalitions import Walks
from ..evaluation import score_rounds
from ..utilities import LearnedUtility
from .info import UtilityInfo, make_info


class Learning(NamedTuple):
    """What learns a utility, and from how many scores.

    Attributes
    ----------
    model : estimator
    budget : int
    """

    model: Any
    budget: int


class Learned(NamedTuple):
    """Utilities that were learned, and what that took.

    Attributes
    ----------
    utilities : list of LearnedUtility
    info : UtilityInfo
    """

    utilities: list
    info: UtilityInfo


def make_learning(valuator):
    """Return what learns the utilities of a valuator, or None.

    Parameters
    ----------
    valuator : CoalitionValuator

    Returns
    -------
    learning : Learning or None
    """
    model = valuator.utility_model
    if model is None:
        return None
    if is_classifier(model):
        raise ValueError(
            f"utility_model={model!r} is a classifier, and scores are numbers. Use a regressor, "
            "such as Ridge()."
        )
    return Learning(model, int(valuator.utility_budget))


def learn(utilities, learning, seed, pin_seeds, *, recall=None, n_jobs=None):
    """Score a budget of coalitions of each utility, and learn from them.

    Parameters
    ----------
    utilities : list of Utility
        Bound.
    learning : Learning
    seed : int
    pin_seeds : callable
        Makes integers of an estimator's random states.
    recall, n_jobs
        See `skdvl.evaluation.score_rounds`.

    Returns
    -------
    learned : Learned
    """
    model = pin_seeds(clone(learning.model), seed)
    made = [LearnedUtility(utility, model, learning.budget, seed) for utility in utilities]
    asked = [
        (g, Walks(one.asked, np.empty((len(one.asked), 0), dtype=np.intp)))
        for g, one in enumerate(made)
    ]
    told = [
        scored
        for scored in score_rounds(utilities, [asked], recall=recall, n_jobs=n_jobs)
        if scored.is_whole
    ][0]
    for utility, scores in zip(made, told.scores, strict=True):
        utility.learn(scores[:, 0])
    r2 = float(np.mean([utility.r2_ for utility in made]))
    info = make_info(utilities, 0, told.effort)
    return Learned(made, replace(info, r2=r2, n_failed=told.n_failed, failure=told.failure))
