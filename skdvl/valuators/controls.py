"""Control variates: games on the same rows, whose values are known or cheap to find.

A score is noisy, and much of its noise is that of the coalition: which rows are in it. A model that
is cheap to score sees the same rows. What it says of a coalition, beside what it is worth on
average, is taken out of the score; its own values are put back in.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.spatial.distance import cdist
from sklearn.base import is_classifier
from sklearn.linear_model import Ridge, RidgeClassifier
from sklearn.naive_bayes import GaussianNB

from ..engine import Game, Rules, run_rounds, settle
from ..neighbors import label_scores, label_values
from ..run import Run
from ..samplers import SizeOptimalSampler
from ..semivalues import Shapley
from ..stopping import MaxEvaluations
from ..strategies import RegressionAdjusted
from ..utilities import ModelUtility, Utility, make_utility
from ..utilities.pairwise import is_pairwise
from ..utilities.rows import plain_rows

NAMES = ("knn", "nb", "ridge")
_NEIGHBORS = [1, 3, 10]
_VALIDATION_ROWS = 300  # at most
_PAIRS = 2**17  # of a validation and a training row, at most: a score takes a fraction of 1 ms
_EVALUATIONS = 200, 10_000, 50_000  # for each player, at least and at most, where no formula is


class NeighborControls:
    """What the nearest neighbours in a coalition say, for 1, 3 and 10 of them.

    Distances are taken after each column was divided by its standard deviation. The validation
    rows are a sample of 300 at most.

    Parameters
    ----------
    X, y, X_val, y_val : ndarray
        Numbers; y are labels or targets.
    classifier : bool
    """

    def __init__(self, X, y, X_val, y_val, classifier):
        self.X, self.y, self.X_val, self.y_val = X, y, X_val, y_val
        self.classifier = classifier

    @cached_property
    def _games(self):
        """Return players by distance, and what each tells, of shape (validation rows, players)."""
        n, n_val = len(self.X), len(self.X_val)
        n_games = min(n_val, _VALIDATION_ROWS, max(1, _PAIRS // n))
        asked = np.sort(np.random.default_rng(0).permutation(n_val)[:n_games])
        spread = self.X.std(axis=0)
        spread[spread == 0] = 1
        distances = cdist(self.X_val[asked] / spread, self.X / spread, "sqeuclidean")
        order = np.argsort(distances, axis=1, kind="stable")
        if self.classifier:
            tells = self.y[order] == self.y_val[asked, None]
        else:
            tells = -((self.y[order] - self.y_val[asked, None]) ** 2)
            tells -= tells.mean()
        return order, tells

    def scores(self, masks):
        """Return what each control is worth to some coalitions, of shape (m, 3)."""
        return label_scores(masks, *self._games, _NEIGHBORS)

    def values(self, semivalue):
        """Return the semivalues of each control and their standard errors, of shape (n, 3)."""
        order, tells = self._games
        pmf = None if type(semivalue) is Shapley else semivalue.size_pmf(order.shape[1])
        values = np.empty((order.shape[1], len(_NEIGHBORS)))
        for j, k in enumerate(_NEIGHBORS):
            of_game = label_values(tells, k, pmf)
            values[:, j] = np.bincount(order.ravel(), of_game.ravel()) / len(order)
        return values, np.zeros_like(values)


class UtilityControl:
    """Another utility of the same players; its values are estimated, unless they have a formula.

    Parameters
    ----------
    utility : Utility
    """

    def __init__(self, utility):
        self.utility = utility

    @cached_property
    def _bound(self):
        if not isinstance(self.utility, ModelUtility):
            return self.utility
        self.utility.bind()
        return make_utility(self.utility)

    def scores(self, masks):
        """Return what the utility says of some coalitions, of shape (m, 1)."""
        return self._bound.evaluate(masks).scores[:, None]

    def values(self, semivalue):
        """Return the semivalues and their standard errors, of shape (n, 1)."""
        utility, n = self._bound, self.utility.n_players
        values = utility.closed_form(semivalue.size_pmf(n))
        if values is not None:
            return values[:, None], np.zeros((n, 1))
        run = _estimated(utility, semivalue)
        return run.centre[:, None], run.stderr[:, None]


def _estimated(utility, semivalue):
    """Return the last run of many evaluations."""
    n = utility.n_players
    each, least, most = _EVALUATIONS
    sampler = SizeOptimalSampler(semivalue, tilt=0.35, enumerate_border="auto")
    strategy = RegressionAdjusted(semivalue, sampler, n)
    games = [Game(utility, strategy, np.arange(n))]
    run = Run.begin([strategy.empty()], n, seed=0)
    rules = Rules(sampler, MaxEvaluations(int(np.clip(each * n, least, most))))
    for last in run_rounds(games, rules, run):
        run = last
    return settle(games, rules.stopping, run)


@dataclass(frozen=True)
class Controls:
    """Several of them side by side."""

    parts: list

    def scores(self, masks):
        """Return what each control is worth to some coalitions, of shape (m, c)."""
        return np.concatenate([part.scores(masks) for part in self.parts], axis=1)

    def values(self, semivalue):
        """Return the semivalues of each control and their standard errors, of shape (n, c)."""
        told = zip(*(part.values(semivalue) for part in self.parts), strict=True)
        return tuple(np.concatenate(arrays, axis=1) for arrays in told)


def check_control_variates(wanted, takes_controls):
    """Refuse what are no controls, and controls that nobody takes."""
    if isinstance(wanted, str) and wanted == "auto":
        return
    if not isinstance(wanted, (tuple, list)):
        raise ValueError(
            f"control_variates={wanted!r} is unknown; pass 'auto', or a tuple of names out of "
            f"{', '.join(map(repr, NAMES))} and utilities."
        )
    for part in wanted:
        if not isinstance(part, Utility) and part not in NAMES:
            raise ValueError(
                f"control_variates has {part!r}; it takes {', '.join(map(repr, NAMES))} and "
                "instances of skdvl.utilities.Utility."
            )
    if wanted and not takes_controls:
        raise ValueError(
            f"control_variates={wanted!r} needs a strategy with a model of the score. Leave it "
            "'auto'; or, where the valuator takes a strategy, set strategy=RegressionAdjusted and "
            "a sampler that draws coalitions, such as SizeOptimalSampler()."
        )


def make_controls(wanted, problem, players):
    """Return the controls of each game, None for none.

    Nothing is computed before they are asked.

    Parameters
    ----------
    wanted : "auto" or sequence of str and Utility
        "auto" takes neighbours, where rows are numbers and are the players.
    problem : skdvl.valuators.problem.Problem or Utility
    players : list of ndarray
        The players of each game.

    Returns
    -------
    controls : list of Controls or None
    """
    names = ("knn",) if isinstance(wanted, str) else wanted
    parts = [[] for _ in players]
    for name in names:
        if isinstance(name, Utility):
            for of_game, own in zip(parts, players, strict=True):
                of_game.append(_given(name, len(own)))
            continue
        made, reason = _made(name, problem)
        if reason and wanted != "auto":
            raise ValueError(
                f"control_variates has {name!r}, and {reason}. Leave control_variates='auto', or "
                "pass utilities of your own."
            )
        for of_game, part in zip(parts, made, strict=bool(made)):
            of_game.append(part)
    return [Controls(of_game) if of_game else None for of_game in parts]


def _given(utility, n_players):
    if utility.n_players != n_players:
        raise ValueError(
            f"control_variates has a {type(utility).__name__} of {utility.n_players} players, and "
            f"a game has {n_players}. Without X_val each fold is a game of its own: pass X_val and "
            "y_val."
        )
    return UtilityControl(utility)


def _made(name, problem):
    """Return a control for each fold, or none and the reason."""
    if isinstance(problem, Utility):
        return [], "a bare utility has no rows"
    if problem.grouped:
        return [], "the players are groups"
    if is_pairwise(problem.estimator):
        return [], "the rows are those of a matrix of pairs"
    classifier, made = is_classifier(problem.estimator), []
    if name == "nb" and not classifier:
        return [], "naive Bayes is no regressor"
    for X, y, X_val, y_val in problem.folds():
        model = GaussianNB() if name == "nb" else RidgeClassifier() if classifier else Ridge()
        scoring = "accuracy" if classifier else "neg_mean_squared_error"
        utility = ModelUtility(model, X, y, X_val, y_val, scoring)
        rows, reason = plain_rows(utility)
        if reason:
            return [], reason
        if name == "knn":
            X, y, X_val = rows
            if classifier:
                y_val = _codes(utility.classes, y_val)
            made.append(NeighborControls(X, y, X_val, y_val, classifier))
        else:
            made.append(UtilityControl(utility))
    return made, ""


def _codes(classes, labels):
    """Return the places of labels among the classes, -1 for a label that no row has."""
    codes = np.minimum(np.searchsorted(classes, labels), len(classes) - 1)
    return np.where(classes[codes] == labels, codes, -1)
