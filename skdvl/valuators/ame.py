"""The average marginal effect, by a LASSO over coalitions drawn with several probabilities."""

from ..samplers import AMESampler, ExhaustiveSampler
from ..semivalues import AME
from ..strategies import LassoEffects
from .semivalue import _Valuator


class AMEValuator(_Valuator):
    r"""Value rows by their average marginal effect, of which most are taken to be zero.

    Coalitions hold each row with a probability, which is one level of a grid; the value of a row is
    what it adds on average. A LASSO of the scores finds the rows that matter, and gives the others
    the value 0: where few rows matter, it takes fewer models than there are rows. That is a preset:
    `AMESampler` and `LassoEffects`, for the semivalue `AME`.

    Parameters
    ----------
    estimator : estimator or None, default=None
        The model that is trained on coalitions of rows; None is for `fit_utility` alone.
    levels : sequence of float in (0, 1), default=(0.2, 0.4, 0.6, 0.8)
        Probabilities that a row is present, each of them as likely.
    {shared}

    Notes
    -----
    With the score u(S) of a model that is trained on rows S, each of which is there with
    probability q, for the levels q of a grid Q,

    .. math:: v_i = \frac{1}{|Q|} \sum_{q \in Q}
        \big( \mathbb{E}_q[u(S) \mid i \in S] - \mathbb{E}_q[u(S) \mid i \notin S] \big)

    References
    ----------
    Lin, Zhang, Lecuyer, Li, Panda & Sen (2022), "Measuring the effect of training data on deep
    learning predictions via randomized experiments", arXiv:2206.10013.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from skdvl import AMEValuator
    >>> from skdvl.stopping import MaxEvaluations
    >>> X, y = load_iris(return_X_y=True)
    >>> valuator = AMEValuator(GaussianNB(), stopping=MaxEvaluations(500), random_state=0)
    >>> valuator = valuator.fit(X[::2], y[::2], X_val=X[1::2], y_val=y[1::2])
    >>> bool((valuator.values_ == 0).any())
    True
    """

    _parameter_constraints = AME._parameter_constraints

    def __init__(self, estimator=None, *, levels=(0.2, 0.4, 0.6, 0.8), **shared):
        super().__init__(estimator, **shared)
        self.levels = levels

    def _make_semivalue(self):
        return AME(self.levels)

    def _make_sampler(self, n_players):
        sampler = super()._make_sampler(n_players)
        return sampler if isinstance(sampler, ExhaustiveSampler) else AMESampler(self.levels)

    def _make_strategy(self, sampler):
        return LassoEffects if isinstance(sampler, AMESampler) else None
