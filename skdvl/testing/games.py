"""A small game, its values by definition, and its values by given parts."""

from collections import deque

import numpy as np
from scipy.special import comb

from ..caching import make_recall
from ..engine import Game, Rules, run_rounds, settle
from ..run import Run
from ..stopping import MaxRounds
from ..strategies import MarginalMean, SampleReuse
from ..utilities import Utility

_STRATEGIES = {strategy.accepts: strategy for strategy in (MarginalMean, SampleReuse)}


class SmallGame(Utility):
    """A small game with saturation, an interaction and a player who hurts.

    Parameters
    ----------
    n_players : int, default=6

    Examples
    --------
    >>> import numpy as np
    >>> from skdvl.testing import SmallGame
    >>> SmallGame(3)(np.array([[False, False, False], [True, True, True]])).round(3)
    array([0.   , 1.034])
    """

    def __init__(self, n_players=6):
        self.n_players = n_players
        self.weights = np.resize([1.0, 0.5, -0.3, 2.0, 0.1, 0.7], n_players)

    def __call__(self, masks):
        return np.tanh(masks @ self.weights) + 0.2 * masks[:, 0] * masks[:, -1]


def enumerate_values(utility, semivalue):
    """Exact values by scoring all 2^n coalitions, one definition term at a time.

    It is slow on purpose, and takes all coalitions at once: play with 20 players at most.

    Parameters
    ----------
    utility : Utility
    semivalue : Semivalue

    Returns
    -------
    values : ndarray of shape (n_players,)

    Examples
    --------
    >>> from skdvl.games import WeightedVotingGame
    >>> from skdvl.semivalues import Shapley
    >>> from skdvl.testing import enumerate_values
    >>> game = WeightedVotingGame([2, 1, 1], 3)
    >>> enumerate_values(game, Shapley()).round(3)
    array([0.667, 0.167, 0.167])
    >>> game.shapley_values().round(3)
    array([0.667, 0.167, 0.167])
    """
    n = utility.n_players
    codes = np.arange(2**n)
    masks = (codes[:, None] >> np.arange(n) & 1).astype(bool)
    scores, size = utility(masks), masks.sum(axis=1)
    weight = semivalue.size_pmf(n)[np.minimum(size, n - 1)] / comb(n - 1, np.minimum(size, n - 1))
    values = np.empty(n)
    for player in range(n):
        without = codes[~masks[:, player]]
        values[player] = weight[without] @ (scores[without + 2**player] - scores[without])
    return values


def play(utility, sampler, semivalue, n_rounds, *, strategy=None, seed=0, cache=None, n_jobs=None):
    """Value the players of a utility by given parts, for a number of rounds.

    Parameters
    ----------
    utility : Utility
    sampler : IndexSampler
    semivalue : Semivalue
    n_rounds : int
        Fewer are played if the sampler ends before.
    strategy : subclass of EvaluationStrategy or None, default=None
        None: `MarginalMean` for marginals, `SampleReuse` for coalitions.
    seed : int, default=0
        Of all draws.
    cache : "memory", "disk", Cache or None, default=None
        Where scores are kept; see `skdvl.caching`.
    n_jobs : int or None, default=None
        Workers; the values do not depend on it.

    Returns
    -------
    run : skdvl.run.Run
        The last state of the run.

    Examples
    --------
    >>> from skdvl.games import MinerGame
    >>> from skdvl.samplers import PermutationSampler
    >>> from skdvl.semivalues import Shapley
    >>> from skdvl.testing import play
    >>> run = play(MinerGame(6), PermutationSampler(), Shapley(), n_rounds=10)
    >>> run.n_evaluations, float(run.values.sum().round(3))  # three bars
    (3010, 3.0)
    """
    n = utility.n_players
    made = (strategy or _STRATEGIES[sampler.draws])(semivalue, sampler, n)
    rules = Rules(sampler, MaxRounds(n_rounds))
    games = [Game(utility, made, np.arange(n))]
    begun, recall = Run.begin([made.empty()], n, seed), make_recall(cache, [utility])
    runs = run_rounds(games, rules, begun, recall=recall, n_jobs=n_jobs)
    last = deque(runs, maxlen=1).pop()  # all of them would fill the memory
    return settle(games, rules.stopping, last)
