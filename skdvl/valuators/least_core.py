"""The least core of a game of rows."""

from numbers import Integral

from sklearn.utils._param_validation import Interval

from ..samplers import ExhaustiveSampler, PairedSampler
from ..semivalues import Banzhaf
from ..stopping import MaxEvaluations
from ..strategies import Core, LeastCore
from .coalition import CoalitionValuator

_ENUMERATED = 10  # players for which every coalition is scored: 1024 at most
_FEWEST, _EACH = 1000, 4  # coalitions by default: so many, or so many for each player


class LeastCoreValuator(CoalitionValuator):
    r"""Value rows so that no coalition of them would rather stand alone.

    The values sum to what all rows add to none, and each coalition gets what it is worth by
    itself, but for a *subsidy*, which is as small as it can be. With up to 10 players all
    coalitions are scored and the values are exact. With more, they are those of the coalitions that
    were drawn: random ones and their complements.

    Standard errors are unknown, and so `stderr_` is infinite where values are not exact.

    Of the parameters of all valuators, ``sampler="auto"`` draws as `PairedSampler`,
    ``stopping=None`` follows `n_coalitions`, and `strategy`, `control_variates` and `truncation`
    have to stay as they are.

    Parameters
    ----------
    estimator : estimator or None, default=None
        The model that is trained on coalitions of rows; None is for `fit_utility` alone.
    n_coalitions : int or None, default=None
        How many are scored at least, for each validation set: with `cv`, for each fold. No fewer
        than there are players. None is 1000, or 4 for each player if that is more. Not used if
        `stopping` is set, or the sampler ends by itself.
    egalitarian : bool, default=True
        Of all values in the least core take those of least norm, which are unique. Otherwise any.
    non_negative_subsidy : bool, default=False
        Never let the subsidy be below 0. Otherwise it is negative where each coalition can get
        more than it is worth by itself.
    {shared}
    subsidy_ : float
        What each coalition lacks at most; with `cv`, the mean over the folds.

    Notes
    -----
    With the score u(S) of a model that is trained on the rows S, and the subsidy e,

    .. math:: \min_{v,\, e} e \quad \text{with} \quad \sum_{i \in N} v_i = u(N) - u(\emptyset),
        \qquad \sum_{i \in S} v_i + e \ge u(S) - u(\emptyset)

    for all S, or those that were drawn; and of all such v the one of least norm.

    References
    ----------
    Yan & Procaccia (2021), "If you like Shapley then you'll love the core", AAAI.

    Examples
    --------
    >>> from skdvl import LeastCoreValuator
    >>> from skdvl.games import ShoesGame
    >>> valuator = LeastCoreValuator().fit_utility(ShoesGame(2, 3))  # two left shoes, three right
    >>> valuator.values_.round(3) + 0.0
    array([1., 1., 0., 0., 0.])
    >>> round(valuator.subsidy_, 3) + 0.0
    0.0
    """

    _parameter_constraints = {
        "n_coalitions": [Interval(Integral, 1, None, closed="left"), None],
        **Core._parameter_constraints,
    }
    _strategy = LeastCore

    def __init__(
        self,
        estimator=None,
        *,
        n_coalitions=None,
        egalitarian=True,
        non_negative_subsidy=False,
        **shared,
    ):
        super().__init__(estimator, **shared)
        self.n_coalitions = n_coalitions
        self.egalitarian = egalitarian
        self.non_negative_subsidy = non_negative_subsidy

    def _make_semivalue(self):
        return Core(self.egalitarian, self.non_negative_subsidy)

    def _make_sampler(self, n_players):
        return ExhaustiveSampler() if n_players <= _ENUMERATED else PairedSampler(Banzhaf())

    def _make_stopping(self, n_players):
        most = max(n_players)
        count = max(_FEWEST, _EACH * most) if self.n_coalitions is None else self.n_coalitions
        if count < most:
            raise ValueError(
                f"n_coalitions={count} coalitions cannot tell {most} players apart. Set "
                f"n_coalitions to at least {most}, better {_EACH * most}."
            )
        return MaxEvaluations(count * len(n_players))

    def _set_values(self, run, names):
        super()._set_values(run, names)
        self.subsidy_ = float(run.misfit) + 0.0  # which may have been -0.0
