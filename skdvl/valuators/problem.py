"""From checked inputs to games: which rows train, which rows score, who plays."""

from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import _check_method_params, _num_samples

from ..caching import make_recall
from ..engine import Game, run_rounds, settle, solve
from ..identity import Cloned
from ..notices import warn_caller
from ..samplers import Round
from ..utilities import GroupedUtility, ModelUtility, Utility, make_utility
from ..utilities.model import own_rows
from ..utilities.optimum import at_optimum
from ..utilities.pairwise import is_pairwise, take_pairs
from ..utilities.repeats import FEWEST, Repeats, random_states
from ..workers import pinned_threads, quiet
from .info import make_info
from .learning import learn


@dataclass(frozen=True)
class Problem:
    """Everything that decides what a coalition of players is worth.

    Attributes
    ----------
    estimator : estimator
        As the user gave it.
    X, y : training rows
    X_val, y_val : validation rows, or None with `splits`
    splits : list of (train, test), or None with a validation set
    player_of_row : ndarray of int of shape (n_rows,)
        The row's own number, or that of its group.
    grouped : bool
    scorer : callable
    error_score, empty_score
        See `ModelUtility`.
    kernel : str
        See `skdvl.utilities.make_utility`.
    exact : "sklearn" or "optimum"
        Whether coalitions are scored by models as the estimator fits them, or at the optimum.
    fit_params, score_params : dict
        Arrays with one entry for each row of X are cut to the rows in use.
    repeats : Repeats or None
        Without the seed of the fit.
    """

    estimator: Any
    X: Any
    y: np.ndarray
    X_val: Any
    y_val: Any
    splits: list | None
    player_of_row: np.ndarray
    grouped: bool
    scorer: Any
    error_score: Any
    empty_score: Any
    kernel: str
    exact: str
    fit_params: dict
    score_params: dict
    repeats: Repeats | None

    @property
    def ingredients(self):
        """All that values depend on, as a dict."""
        return vars(self) | {"estimator": Cloned(self.estimator)}

    @property
    def n_players(self):
        """Number of players over all folds."""
        return int(self.player_of_row.max()) + 1

    def players(self):
        """Players of each fold, those with a row to train on, as a list of index arrays."""
        if self.splits is None:
            return [np.arange(self.n_players)]
        return [np.unique(self.player_of_row[train]) for train, _ in self.splits]

    def folds(self):
        """Yield the rows of each fold, as (X, y, X_val, y_val)."""
        if self.splits is None:
            yield self.X, self.y, self.X_val, self.y_val
            return
        for train, test in self.splits:
            yield *self._rows(train, train), *self._rows(test, train)

    def bind(self, seed):
        """Fit on all rows, strictly, and make one utility for each fold.

        Returns
        -------
        model : estimator
            Fitted on all rows.
        utilities : list of Utility
        """
        estimator = pin_seeds(clone(self.estimator), seed)
        repeats = None if self.repeats is None else replace(self.repeats, seed=seed)
        scored = at_optimum(estimator) if self.exact == "optimum" else estimator
        utilities = list(self.fold_utilities(scored, repeats))
        if self.splits is None and scored is estimator:
            model, players = utilities[0].bind(), [self.player_of_row]
        else:  # all rows come first, since what the estimator says of them is what users know
            model, players = self._fit_all(estimator), [self.player_of_row]
        if self.splits is not None:
            players = [self.player_of_row[train] for train, _ in self.splits]
            for utility in utilities:
                utility.bind()
        return model, [self._played(*each) for each in zip(utilities, players, strict=True)]

    def fold_utilities(self, estimator, repeats=None):
        """Yield a utility for each fold, whose players are rows and which is not bound yet."""
        splits = [(None, None)] if self.splits is None else self.splits
        for fold, (rows, (train, test)) in enumerate(zip(self.folds(), splits, strict=True)):
            noise = repeats
            if repeats is not None and self.splits is not None:
                noise = replace(repeats, fold=fold)
            yield self._utility(estimator, noise, *rows, train=train, test=test)

    def _rows(self, rows, train):
        """Return X and y of some rows, for models that are trained on rows of `train`."""
        y = _safe_indexing(self.y, rows)
        if is_pairwise(self.estimator):
            return take_pairs(self.X, rows, train), y
        return _safe_indexing(self.X, rows), y

    def _fit_all(self, estimator):
        return clone(estimator).fit(own_rows(self.X), own_rows(self.y), **self.fit_params)

    def _utility(self, estimator, repeats, X, y, X_val, y_val, train=None, test=None):
        return ModelUtility(
            estimator,
            X,
            y,
            X_val,
            y_val,
            self.scorer,
            error_score=self.error_score,
            empty_score=self.empty_score,
            fit_params=_check_method_params(self.X, self.fit_params, train),
            score_params=_check_method_params(self.X, self.score_params, test),
            repeats=repeats,
        )

    def _played(self, utility, player_of_row):
        utility = make_utility(utility, self.kernel)
        if not self.grouped:
            return utility
        return GroupedUtility(utility, player_of_row)


def play(problem, rules, strategies, players, begun, keeper, cache, n_jobs, learning=None):
    """Bind the utilities; then play round after round, unless values are known without.

    Parameters
    ----------
    problem : Problem or Utility
    rules : skdvl.engine.Rules
    strategies : list of EvaluationStrategy
    players : list of ndarray of int
    begun : skdvl.run.Run
    keeper : Keeper
    cache : Cache or None
    n_jobs : int or None
    learning : Learning or None, default=None
        What the utilities are learned by, beforehand.

    Returns
    -------
    model : estimator or None
        Fitted on all rows.
    run : skdvl.run.Run
        The last one.
    info : UtilityInfo
    """
    with pinned_threads():
        if isinstance(problem, Utility):
            model, utilities = problem.bind(), [problem]
        else:
            model, utilities = problem.bind(begun.seed)
        recall, learned = make_recall(cache, utilities), None
        if learning is not None:
            with quiet():
                given = utilities, learning, begun.seed, pin_seeds
                learned = learn(*given, recall=recall, n_jobs=n_jobs)
            utilities, recall = learned.utilities, None
        places = getattr(problem, "placements", [None] * len(utilities))
        parts = zip(utilities, strategies, players, places, strict=True)
        games = [Game(*each) for each in parts]
        run = solve(games, begun) if rules.is_open else None
        if run is not None:
            return model, run, make_info(utilities, None, run.effort)
        run = _play_rounds(games, rules, begun, keeper, recall, n_jobs)
    length = rules.sampler.draw(Round(0, 4, np.random.default_rng(0))).length
    info = make_info(utilities, length, run.effort) if learned is None else learned.info
    trouble = None if cache is None else cache.take_trouble()
    if trouble:
        warn_caller(trouble, RuntimeWarning)
    return model, run, info


def _play_rounds(games, rules, begun, keeper, recall, n_jobs):
    """Play round after round, and return the last run."""
    limit = rules.round_limit([len(game.players) for game in games])
    keeper.begin(begun, rules.stopping, limit)
    rounds = run_rounds(games, rules, begun, recall=recall, n_jobs=n_jobs)
    try:
        with quiet(), closing(rounds):  # the fit on all rows has said what there is to say
            for run in rounds:
                if keeper.look(run):
                    break
    finally:
        keeper.close()
    return settle(games, rules.stopping, keeper.last)


def make_repeats(valuator):
    """Return how often coalitions are scored, or None if once.

    Parameters
    ----------
    valuator : CoalitionValuator

    Returns
    -------
    repeats : Repeats or None
    """
    at_most, rtol = valuator.n_repeats, valuator.repeat_rtol
    if rtol is not None and at_most < FEWEST:
        raise ValueError(
            f"repeat_rtol={rtol!r} needs n_repeats, the most scores of a coalition, to be at least "
            f"{FEWEST}; it is {at_most}."
        )
    if at_most == 1:
        return None
    if not random_states(valuator.estimator):
        warn_caller(
            f"n_repeats={at_most} has no effect: {type(valuator.estimator).__name__} has no "
            "random_state, so each score of a coalition would be the same.",
            UserWarning,
        )
        return None
    return Repeats(int(at_most), rtol)


def pin_seeds(estimator, seed):
    """Set every random state that is not an integer yet to one drawn from the seed.

    An estimator whose random state moves on from fit to fit would make the score of a
    coalition depend on what was fitted before it.
    """
    rng = np.random.default_rng([seed, 0, 2**31])  # not a stream of any round
    pinned = {}
    for name, value in sorted(estimator.get_params().items()):
        if name.rsplit("__", 1)[-1] == "random_state":
            if not isinstance(value, (int, np.integer)):
                pinned[name] = int(rng.integers(2**31 - 1))
        elif hasattr(value, "random_state") and not hasattr(value, "get_params"):
            if not isinstance(value.random_state, (int, np.integer)):  # a splitter; clone copied it
                value.random_state = int(rng.integers(2**31 - 1))
    return estimator.set_params(**pinned)


def check_score_params(params, X, X_val):
    """Refuse metadata of training rows where validation rows of another set are scored."""
    for name, value in params.items():
        length = len(value) if hasattr(value, "__len__") else None
        if length == _num_samples(X) and length != _num_samples(X_val):
            raise ValueError(
                f"The scorer scores the {_num_samples(X_val)} rows of X_val, and was sent {name} "
                f"with one entry for each of the {length} rows of X. Pass one entry for each row "
                "of X_val, or leave X_val and y_val out to score held-out rows of X."
            )
