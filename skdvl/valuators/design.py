"""Which sampler and strategy suit a semivalue, the number of players and the estimator.

The choice was measured: docs/fewer_evaluations.md has the table.
"""

from ..samplers import ExhaustiveSampler, SizeOptimalSampler
from ..semivalues import Banzhaf, BetaShapley, Shapley
from ..strategies import MarginalMean, RegressionAdjusted, SampleReuse
from ..utilities import Utility
from ..utilities.choice import walks

_STRATEGIES = {strategy.accepts: strategy for strategy in (MarginalMean, SampleReuse)}
_MOST_PLAYERS = 3000  # of a regression; the time of an estimate grows with their third power
_MOST_WALKED = 300  # where walks cost so little that permutations win against estimates that do not


def make_design(valuator, problem, n_players):
    """Return the sampler and the strategy, as far as they were left to us, for no truncation.

    Parameters
    ----------
    valuator : CoalitionValuator
    problem : Problem or Utility
    n_players : int
        Of the largest game.

    Returns
    -------
    sampler : IndexSampler
    strategy : type
    """
    sampler, strategy = valuator.sampler, valuator.strategy
    is_left = isinstance(sampler, str), isinstance(strategy, str)
    if valuator._strategy is not None:
        return valuator._make_sampler(n_players) if is_left[0] else sampler, valuator._strategy
    if is_left[0]:
        sampler = valuator._make_sampler(n_players)
        better = regression_sampler(valuator._make_semivalue())
        if better is not None and not isinstance(sampler, ExhaustiveSampler):
            if is_left[1] and _wins(valuator, problem, n_players):
                return better, RegressionAdjusted
            if not is_left[1] and strategy.accepts != sampler.draws == "marginals":
                sampler = better
    if is_left[1]:
        strategy = valuator._make_strategy(sampler) or _STRATEGIES[sampler.draws]
    return sampler, strategy


def regression_sampler(semivalue):
    """Return the sampler that suits `RegressionAdjusted` best, or None if that is not known."""
    kind = type(semivalue)  # a subclass may want other sizes
    if kind is Banzhaf:
        return SizeOptimalSampler(semivalue, paired=semivalue.p == 0.5)
    if kind is Shapley:
        return SizeOptimalSampler(tilt=0.35, enumerate_border="auto")
    if kind is BetaShapley:
        lean = max(semivalue.alpha / semivalue.beta, 1.0)  # towards small coalitions, as it is
        tilt = round(0.35 * lean**-0.43, 2)  # 0.19 for Beta(4, 1), 0.11 for Beta(16, 1)
        return SizeOptimalSampler(semivalue, tilt, enumerate_border="auto")
    return None


def _wins(valuator, problem, n_players):
    """Whether a regression was found to be quicker than permutations for games such as these."""
    if isinstance(problem, Utility):  # of which nothing is known, not even that it learns
        return False
    is_learned = valuator.utility_model is not None
    walked = not is_learned and valuator.kernel != "refit" and walks(problem.estimator)
    return n_players <= (_MOST_WALKED if walked else _MOST_PLAYERS)
