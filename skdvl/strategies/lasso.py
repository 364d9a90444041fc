"""Values as the weights of a LASSO of the score."""

import warnings

import numpy as np
from scipy import stats
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import Lasso, LassoCV

from .base import Estimate, EvaluationStrategy

_FOLDS = 5
_FEWEST = 4 * _FOLDS  # coalitions
_MANY = 4  # of them for each player, above which tiny penalties take little time, and may be best


class LassoEffects(EvaluationStrategy):
    r"""The average marginal effects of all players at once, most of them taken to be zero.

    The score of a coalition that was drawn with level p is regressed on one feature for each
    player, 1 / p where the player is present and -1 / (1 - p) where not. Features of different
    players are uncorrelated, so that the weights are the effects, up to a factor; and if few
    players matter, a LASSO finds them with fewer coalitions than there are players. Its penalty is
    chosen by cross-validation.

    Values are shrunk, many of them to exactly 0. Standard errors are around estimates without
    bias: what the model leaves over of folds that it has not seen, regressed on the features, is
    added to its weights.

    A run keeps its coalitions, n bits for each. An estimate takes the time of several LASSO paths,
    so it is made whenever there are twice as many rounds, and at the end.

    Parameters
    ----------
    semivalue : skdvl.semivalues.Semivalue
    sampler : skdvl.samplers.IndexSampler
    n : int
        Number of players.

    Notes
    -----
    With the features :math:`x_i = 1 / p` where player i is present, and
    :math:`x_i = -1 / (1 - p)` where not,

    .. math:: v_i = \mathbb{E}[u(S)\, x_i] = w_i\, \mathbb{E}\Big[ \frac{1}{p (1 - p)} \Big]

    with the weights w of the linear model. A LASSO estimates these.

    References
    ----------
    Lin, Zhang, Lecuyer, Li, Panda & Sen (2022), "Measuring the effect of training data on deep
    learning predictions via randomized experiments", arXiv:2206.10013.

    Examples
    --------
    >>> from skdvl import AMEValuator
    >>> from skdvl.games import ShoesGame
    >>> from skdvl.stopping import MaxEvaluations
    >>> valuator = AMEValuator(stopping=MaxEvaluations(2000), random_state=0)
    >>> valuator.fit_utility(ShoesGame(6, 6)).values_.shape
    (12,)
    """

    accepts = "coalitions"

    def __init__(self, semivalue, sampler, n):
        if not hasattr(sampler, "levels_of"):
            raise ValueError(
                f"LassoEffects needs to know the level that each coalition was drawn with, and "
                f"{sampler!r} does not tell. Use AMESampler, or leave strategy='auto'."
            )
        super().__init__(semivalue, sampler, n)
        drawn = stats.binom.pmf(np.arange(n)[:, None], n - 1, sampler.levels).mean(axis=1)
        if not np.allclose(self.pmf, drawn, rtol=1e-6, atol=1e-12):
            raise ValueError(
                f"LassoEffects gives average marginal effects for the levels of its sampler, and "
                f"{semivalue!r} was asked for with {sampler!r}. Give both the same levels, or use "
                "RegressionAdjusted, which takes any semivalue."
            )
        self.sampler = sampler
        self.scale = np.sqrt(np.mean([1 / (p * (1 - p)) for p in sampler.levels]))

    def _needs(self, proposal):
        return []  # levels that are the same draw what is needed

    def empty(self):
        return {
            "masks": np.empty((0, -(-self.n // 8)), dtype=np.uint8),
            "levels": np.empty(0),
            "scores": np.empty(0),
        }

    def fold(self, tally, walks, scores):
        if not np.isfinite(scores).all():
            raise ValueError(
                f"A coalition scored {scores[~np.isfinite(scores)][0]}, and LassoEffects fits a "
                "model to the scores. Set a finite error_score."
            )
        new = {
            "masks": np.packbits(walks.start, axis=1),
            "levels": self.sampler.levels_of(len(walks)),
            "scores": scores[:, 0],
        }
        for name, array in new.items():
            tally[name] = np.concatenate([tally[name], array])

    def is_due(self, n_rounds):
        return n_rounds & (n_rounds - 1) == 0

    def estimate(self, tally):
        scores, m = tally["scores"], len(tally["scores"])
        counts = np.full(self.n, m)
        if m < _FEWEST:
            unknown = np.full(self.n, np.nan)
            return Estimate(unknown, np.full(self.n, np.inf), counts)
        if np.ptp(scores) == 0:
            return Estimate(np.zeros(self.n), np.zeros(self.n), counts)
        X = self._features(tally)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            eps = 1e-3 if m > _MANY * self.n else 1e-2  # the smallest penalty by the largest one
            model = LassoCV(eps=eps, cv=_FOLDS).fit(X, scores)
            centre, stderr = self._without_bias(X, scores, model.alpha_)
        freedom = np.full(self.n, m - 1.0)
        return Estimate(self.scale * model.coef_, stderr, counts, centre, freedom)

    def _features(self, tally):
        """Return one column for each player, of mean 0 and variance 1."""
        present = np.unpackbits(tally["masks"], axis=1, count=self.n).astype(bool)
        p = tally["levels"][:, None]
        return np.where(present, 1 / p, -1 / (1 - p)) / self.scale

    def _without_bias(self, X, scores, alpha):
        """Return estimates without bias, and their standard errors.

        For a model of other coalitions, ``coef + mean(x * residual)`` has the effects for its mean,
        whatever the model is, since features have the identity for their second moments.
        """
        m, model = len(scores), Lasso(alpha)
        fold = np.arange(m) * _FOLDS // m
        total, square = np.zeros(self.n), np.zeros(self.n)
        for k in range(_FOLDS):
            model.fit(X[fold != k], scores[fold != k])
            own = X[fold == k]
            left = scores[fold == k] - model.predict(own)
            says = model.coef_ + own * left[:, None]
            total += says.sum(axis=0)
            square += ((says - says.mean(axis=0)) ** 2).sum(axis=0)
        stderr = np.sqrt(square / (m - _FOLDS) / m)
        return self.scale * total / m, self.scale * stderr
