"""What every game with closed-form values knows."""

import inspect
import reprlib
from abc import abstractmethod

import numpy as np
from scipy import stats

from ..semivalues import Banzhaf, LeaveOneOut, Shapley
from ..utilities import Utility


class Game(Utility):
    """Base class for games with closed-form values.

    Examples
    --------
    >>> import numpy as np
    >>> from skdvl import ShapleyValuator
    >>> from skdvl.games import Game
    >>> class Dictator(Game):
    ...     '''The first player decides.'''
    ...     n_players = 3
    ...     def __call__(self, masks):
    ...         return masks[:, 0].astype(float)
    ...     def semivalues(self, semivalue):
    ...         return np.array([1.0, 0.0, 0.0])
    ...     def least_core(self):
    ...         return np.array([1.0, 0.0, 0.0]), 0.0
    >>> game = Dictator()
    >>> game
    Dictator()
    >>> np.allclose(ShapleyValuator().fit_utility(game).values_, game.shapley_values())
    True
    """

    def __repr__(self):
        told = []
        for name in inspect.signature(type(self)).parameters:
            value = getattr(self, name, None)
            value = value.tolist() if isinstance(value, (np.ndarray, np.generic)) else value
            told.append(f"{name}={reprlib.repr(value)}" if hasattr(self, name) else f"{name}=...")
        return f"{type(self).__name__}({', '.join(told)})"

    def shapley_values(self):
        """Return the Shapley values.

        Returns
        -------
        values : ndarray of shape (n_players,)
        """
        return self.semivalues(Shapley())

    def banzhaf_values(self):
        """Return the Banzhaf values.

        Returns
        -------
        values : ndarray of shape (n_players,)

        Examples
        --------
        >>> from skdvl.games import AirportGame
        >>> AirportGame([1, 2, 3]).banzhaf_values()
        array([0.25, 0.75, 1.75])
        """
        return self.semivalues(Banzhaf())

    def leave_one_out_values(self):
        """Return the leave-one-out values.

        Returns
        -------
        values : ndarray of shape (n_players,)

        Examples
        --------
        >>> from skdvl.games import AirportGame
        >>> AirportGame([1, 2, 3]).leave_one_out_values()
        array([0., 0., 1.])
        """
        return self.semivalues(LeaveOneOut())

    @abstractmethod
    def semivalues(self, semivalue):
        """Return the values of any semivalue.

        Parameters
        ----------
        semivalue : skdvl.semivalues.Semivalue

        Returns
        -------
        values : ndarray of shape (n_players,)

        Examples
        --------
        >>> from skdvl.games import AirportGame
        >>> from skdvl.semivalues import BetaShapley
        >>> AirportGame([1, 2, 3]).semivalues(BetaShapley(4, 1)).round(3)
        array([0.667, 1.467, 2.467])
        """

    def least_core_values(self):
        """Return the least-core values of smallest norm; see `least_core`.

        Returns
        -------
        values : ndarray of shape (n_players,)
        """
        return self.least_core()[0]

    @abstractmethod
    def least_core(self):
        """Return the least-core values of smallest norm, and the subsidy.

        The subsidy is the smallest e such that some values, whose sum is the worth of all
        players, give every coalition its worth less e. It is 0 or more, since the empty coalition
        counts as one of them.

        Returns
        -------
        values : ndarray of shape (n_players,)
        subsidy : float

        Examples
        --------
        >>> from skdvl.games import AirportGame
        >>> AirportGame([1, 2, 3]).least_core()
        (array([0., 1., 2.]), 1.0)
        """


def chance(hits, others, marked, size):
    """Chance that a uniform coalition of `size` of the `others` holds `hits` of the `marked`."""
    if others == 0:  # which scipy calls no distribution
        return np.ones(np.broadcast_shapes(*map(np.shape, (hits, marked, size)))) * (hits == 0)
    return stats.hypergeom.pmf(hits, others, marked, size)
