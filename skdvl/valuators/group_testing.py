"""Shapley values from random tests of groups."""

from numbers import Real

from sklearn.utils._param_validation import Interval

from ..samplers import ExhaustiveSampler, GroupTestingSampler
from ..semivalues import Shapley
from ..stopping import MaxEvaluations
from ..strategies import GroupTesting, group_testing_bound
from .coalition import CoalitionValuator

_ENUMERATED = 10  # players for which every coalition is scored: 1024 at most


class GroupTestingShapleyValuator(CoalitionValuator):
    r"""Value rows by their Shapley value, from random tests of groups of them.

    Kept for comparison: `ShapleyValuator` has far lower errors from as many models.

    Of the parameters of all valuators, ``sampler="auto"`` draws as `GroupTestingSampler` if there
    are more than 10 players, and `strategy`, `control_variates` and `truncation` have to stay as
    they are.

    Parameters
    ----------
    estimator : estimator or None, default=None
        The model that is trained on coalitions of rows; None is for `fit_utility` alone.
    epsilon : float or None, default=None
        Score as many coalitions as bring all values together within this Euclidean distance of the
        exact ones, with probability ``1 - delta``. That is safe and very many:
        `skdvl.strategies.group_testing_bound` tells how many, for each validation set. None takes
        `stopping`, which goes before `epsilon` if both are set.
    delta : float in (0, 1), default=0.05
    score_range : float, default=1.0
        The range of possible scores, which the bound depends on. An accuracy is in [0, 1].
    {shared}

    Notes
    -----
    For coalitions S of a size k that is drawn in proportion to :math:`1/k + 1/(n - k)`,

    .. math:: v_i - v_j = \mathbb{E}\big[ Z\, u(S)\, (1_{i \in S} - 1_{j \in S}) \big],
        \qquad Z = 2 \sum_{k=1}^{n-1} \frac{1}{k}

    References
    ----------
    Jia et al. (2019), "Towards efficient data valuation based on the Shapley value",
    arXiv:1902.10275.

    Examples
    --------
    >>> from skdvl import GroupTestingShapleyValuator
    >>> from skdvl.games import AirportGame
    >>> valuator = GroupTestingShapleyValuator().fit_utility(AirportGame([1, 2, 3]))
    >>> valuator.values_.round(3)
    array([0.333, 0.833, 1.833])
    """

    _parameter_constraints = {
        "epsilon": [Interval(Real, 0, None, closed="neither"), None],
        "delta": [Interval(Real, 0, 1, closed="neither")],
        "score_range": [Interval(Real, 0, None, closed="neither")],
    }
    _strategy = GroupTesting

    def __init__(self, estimator=None, *, epsilon=None, delta=0.05, score_range=1.0, **shared):
        super().__init__(estimator, **shared)
        self.epsilon = epsilon
        self.delta = delta
        self.score_range = score_range

    def _make_semivalue(self):
        return Shapley()

    def _make_sampler(self, n_players):
        return ExhaustiveSampler() if n_players <= _ENUMERATED else GroupTestingSampler()

    def _make_stopping(self, n_players):
        if self.epsilon is None:
            return super()._make_stopping(n_players)
        given = self.epsilon, self.delta, self.score_range
        return MaxEvaluations(sum(group_testing_bound(n, *given) for n in n_players))
