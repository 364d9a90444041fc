"""A utility that is learned from a budget of its scores, and answers the rest from a model."""

import numpy as np
from sklearn.base import clone
from sklearn.metrics import r2_score
from sklearn.model_selection import KFold, cross_val_predict

from ..coalitions import random_subsets
from .base import Scored, Utility

_FOLDS = 5


class LearnedUtility(Utility):
    """Score some coalitions, learn from them what the others would score (data utility learning).

    The model sees a coalition as a row of zeros and ones, one for each player. Sizes of the
    coalitions that are scored are uniform, and nobody and everybody are among them; where the
    budget is enough for all coalitions, all are scored. A coalition that was scored keeps its
    score, all others are predicted. Values and standard errors are those of this utility, which
    differs from the one it has learned by what the model misses: see `r2_`.

    Parameters
    ----------
    utility : Utility
    model : estimator
        A regressor. It is cloned.
    budget : int, default=500
        Coalitions that are scored.
    seed : int, default=0
        Of their draw.

    Attributes
    ----------
    model_ : estimator
        Once the utility is bound: fitted on the scored coalitions.
    r2_ : float
        R^2 of such a model on scored coalitions that it has not seen, by cross-validation; NaN if
        there are fewer than ten.

    References
    ----------
    Wang, Yang & Jia (2022), "Improving cooperative game theory-based data valuation via data
    utility learning", arXiv:2107.06336.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> from skdvl import ShapleyValuator
    >>> from skdvl.games import ShoesGame
    >>> from skdvl.utilities import LearnedUtility
    >>> learned = LearnedUtility(ShoesGame(10, 10), Ridge(), budget=300)
    >>> valuator = ShapleyValuator(random_state=0).fit_utility(learned)
    >>> valuator.values_.shape, learned.r2_ > 0.9
    ((20,), True)
    """

    derived = ("model_", "r2_", "asked", "_known", "_scores")
    _made_of = ("utility", "model")
    is_recalled = False  # a prediction is quicker, and its last bits depend on its neighbours

    def __init__(self, utility, model, budget=500, seed=0):
        self.utility = utility
        self.model = model
        self.budget = budget
        self.seed = seed
        self.n_players = utility.n_players
        self.known_sizes = (0, self.n_players)
        self.asked = self._draw()
        self.model_ = None

    def _draw(self):
        """Return the coalitions that are scored, as a boolean matrix, each of them once."""
        n = self.n_players
        if n < 31 and 2**n <= self.budget:
            return (np.arange(2**n)[:, None] >> np.arange(n) & 1).astype(bool)
        rng = np.random.default_rng([self.seed, self.budget, 2**31 + 1])  # no stream of any round
        sizes = rng.integers(1, n, size=max(self.budget - 2, 0)) if n > 1 else np.empty(0, int)
        ends = np.repeat([[False], [True]], n, axis=1)
        masks = np.concatenate([ends, random_subsets(rng, sizes, n)])
        _, first = np.unique(np.packbits(masks, axis=1), axis=0, return_index=True)
        return masks[np.sort(first)]

    def learn(self, scores):
        """Learn from the scores of the coalitions `asked`.

        Parameters
        ----------
        scores : ndarray of shape (len(asked),)
        """
        X = self.asked.astype(float)
        self._scores = np.asarray(scores, dtype=float)
        self._known = {key: j for j, key in enumerate(_keys(self.asked))}
        self.r2_ = np.nan
        if len(X) >= 2 * _FOLDS:
            folds = KFold(_FOLDS, shuffle=True, random_state=0)
            predicted = cross_val_predict(clone(self.model), X, self._scores, cv=folds)
            self.r2_ = float(r2_score(self._scores, predicted))
        self.model_ = clone(self.model).fit(X, self._scores)
        self._predict(self.asked[:2])  # what is no regressor is found out here

    def bind(self):
        model = self.utility.bind()
        if self.model_ is None:
            self.learn(self.utility.evaluate(self.asked).scores)
        return model

    def _predict(self, masks):
        scores = np.asarray(self.model_.predict(masks.astype(float)), dtype=float)
        if scores.shape != (len(masks),) or not np.isfinite(scores).all():
            raise ValueError(
                f"{type(self.model).__name__} predicted an array of shape {scores.shape} for "
                f"{len(masks)} coalitions, or numbers that are not finite. Use a regressor."
            )
        return scores

    def __call__(self, masks):
        return self.evaluate(masks).scores

    def evaluate(self, masks):
        masks = self.check_masks(masks)
        if self.model_ is None:
            self.bind()
        scores = self._predict(masks)
        at = np.array([self._known.get(key, -1) for key in _keys(masks)], dtype=np.intp)
        return Scored(np.where(at >= 0, self._scores[at], scores), {})


def _keys(masks):
    """Return a key of each coalition."""
    return [row.tobytes() for row in np.packbits(masks, axis=1)]
