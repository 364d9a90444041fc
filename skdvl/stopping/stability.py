"""Stop when values, or their order, have not moved for a while."""

import numpy as np
from scipy.stats import rankdata

from .base import COUNT, SHARE, TOLERANCE, StoppingRule


class RankStability(StoppingRule):
    """Stop when the order of the values has settled.

    Settled means: Spearman's correlation with the values of `n_rounds` passes over all players
    before is at least `rho`. Players without a value yet keep the run going.

    Parameters
    ----------
    rho : float in (0, 1], default=0.99
    n_rounds : int, default=10
        How many rounds to look back; passes, where a round does not serve every player.

    Examples
    --------
    >>> from scipy.stats import spearmanr
    >>> from skdvl import ShapleyValuator
    >>> from skdvl.games import AirportGame
    >>> from skdvl.stopping import MaxRounds, RankStability
    >>> rule = RankStability(rho=0.999, n_rounds=5) | MaxRounds(1000)
    >>> valuator = ShapleyValuator(stopping=rule, random_state=0)
    >>> game = AirportGame(range(15))
    >>> valuator = valuator.fit_utility(game)
    >>> valuator.n_rounds_ < 1000
    True
    >>> float(spearmanr(valuator.values_, game.shapley_values()).statistic.round(2))
    0.99
    """

    _parameter_constraints = {"rho": SHARE, "n_rounds": COUNT}

    def __init__(self, rho=0.99, n_rounds=10):
        self.rho = rho
        self.n_rounds = n_rounds

    @property
    def window(self):
        return self.n_rounds + 1

    def completion(self, run):
        now, before = _now_and_before(run, self.window)
        if before is None:
            return 0.0
        now, before = rankdata(now), rankdata(before)
        if np.array_equal(now, before):
            return 1.0
        if np.ptp(now) == 0 or np.ptp(before) == 0:
            return 0.0
        rho = np.corrcoef(now, before)[0, 1]
        return 1.0 if rho >= self.rho else max(rho, 0.0) * 0.99


class ValueStability(StoppingRule):
    """Stop when the values have settled.

    Settled means: over the last `n_rounds` rounds the values moved, on average over the
    players, by at most `rtol` times their mean absolute size. The scale is that of all players
    together, since single values may lie close to zero.

    Parameters
    ----------
    rtol : float, default=0.05
    n_rounds : int, default=10
        How many rounds to look back; passes, where a round does not serve every player.

    Examples
    --------
    >>> import numpy as np
    >>> from skdvl import ShapleyValuator
    >>> from skdvl.games import AirportGame
    >>> from skdvl.stopping import MaxRounds, ValueStability
    >>> rule = ValueStability(rtol=0.02, n_rounds=5) | MaxRounds(1000)
    >>> valuator = ShapleyValuator(stopping=rule, store_history=True, random_state=0)
    >>> valuator = valuator.fit_utility(AirportGame(range(15)))
    >>> now, before = valuator.history_[[-1, -6]]
    >>> bool(np.abs(now - before).mean() <= 0.02 * np.abs(now).mean())
    True
    """

    _parameter_constraints = {"rtol": TOLERANCE, "n_rounds": COUNT}

    def __init__(self, rtol=0.05, n_rounds=10):
        self.rtol = rtol
        self.n_rounds = n_rounds

    @property
    def window(self):
        return self.n_rounds + 1

    def completion(self, run):
        now, before = _now_and_before(run, self.window)
        if before is None:
            return 0.0
        moved = np.abs(now - before).mean()
        allowed = self.rtol * np.abs(now).mean()
        return 1.0 if moved <= allowed else 0.99 * allowed / moved


def _now_and_before(run, window):
    """Values of those who play, now and `window - 1` passes ago; None where unknown."""
    if len(run.recent) < window or np.isnan(run.recent[-window][run.plays]).any():
        return None, None
    return run.recent[-1][run.plays], run.recent[-window][run.plays]
