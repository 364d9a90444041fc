"""What every utility does: score coalitions."""

from abc import ABC, abstractmethod
from typing import NamedTuple

import numpy as np


class Scored(NamedTuple):
    """Scores of some coalitions, and what went wrong with them.

    Attributes
    ----------
    scores : ndarray of shape (m,)
        Or of shape (B, c), as a piece of B walks.
    failures : dict of int to str
        Places of the coalitions that could not be fitted, and a sentence for each; in a piece of
        walks, step s of walk b has the place ``b * c + s``.
    n_refitted : int, default=0
        Coalitions on which an estimator was fitted, where there was a quicker way for others.
    noise : ndarray of shape (m, 2) or None, default=None
        Of a utility that `is_noisy`, where a score is a mean over some seeds that differ from
        coalition to coalition: the sum of squared distances from the mean, and the number of
        seeds.

    Examples
    --------
    >>> import numpy as np
    >>> from skdvl.games import MinerGame
    >>> masks = np.array([[True, True, True, True], [True, False, False, True]])
    >>> scored = MinerGame(4).evaluate(masks)
    >>> scored.scores, scored.failures
    (array([2., 1.]), {})
    """

    scores: np.ndarray
    failures: dict
    n_refitted: int = 0
    noise: np.ndarray | None = None


class Utility(ABC):
    """Base class for utilities: write `n_players` and `__call__`, that is enough.

    A utility is a function of the set alone: the same mask gives the same score, whatever was
    asked before and in whichever process.

    Attributes
    ----------
    n_players : int
    block_size : int
        Coalitions that are scored in one call. It is fixed, so that the shapes of matrix
        products, and with them the last bits of scores, never depend on the number of workers.
    derived : tuple of str
        Names of attributes that follow from the others, such as what binding finds out; they do
        not tell one utility from another.
    known_sizes : tuple of int
        Sizes of coalitions whose score is known once the utility is bound; they are not counted
        as evaluations.
    is_noisy : bool
        Whether `evaluate` tells the noise of scores.
    walk : callable or None
        Where extending a coalition is cheaper than scoring one anew:
        ``walk(start, order)``, with `start` of shape (B, n) and `order` of shape (B, L),
        yields arrays of shape (B, c), the scores of the next c steps of all B walks in
        lockstep, beginning with the scores of `start`. c may differ from piece to piece. A piece
        may be a `Scored` instead, to tell of coalitions that could not be fitted.
    scores_apart : bool
        Whether a score has the same bits whatever is scored in the same call.
    is_recalled : bool
        Whether a cache may keep the scores. Not so where the last bits depend on what is scored
        together.

    Examples
    --------
    >>> import numpy as np
    >>> from skdvl import ShapleyValuator
    >>> from skdvl.utilities import Utility
    >>> class Coverage(Utility):
    ...     '''The share of some ground that a coalition covers together.'''
    ...     def __init__(self, covers):
    ...         self.covers = covers
    ...         self.n_players = len(covers)
    ...     def __call__(self, masks):
    ...         return (masks.astype(int) @ self.covers > 0).mean(axis=1)
    >>> game = Coverage(np.array([[1, 1, 0, 0], [0, 1, 1, 0], [0, 0, 0, 1]]))
    >>> game
    Coverage(n_players=3)
    >>> ShapleyValuator().fit_utility(game).values_
    array([0.375, 0.375, 0.25 ])
    """

    n_players: int
    block_size = 1024
    derived: tuple = ()
    known_sizes = ()
    is_noisy = False
    walk = None
    scores_apart = False
    is_recalled = True
    _made_of: tuple = ()  # names of what `repr` tells

    def __repr__(self):
        told = [repr(getattr(self, name)) for name in self._made_of]
        told.append(f"n_players={getattr(self, 'n_players', '?')}")  # of one that forgot it
        return f"{type(self).__name__}({', '.join(told)})"

    def check_masks(self, masks):
        """Return coalitions as an array of bool, or say that they are of another game.

        Parameters
        ----------
        masks : array-like of shape (m, n_players)

        Returns
        -------
        masks : ndarray of bool of shape (m, n_players)

        Raises
        ------
        ValueError
            If the shape is another one.
        """
        if np.shape(masks)[1:] != (self.n_players,):
            raise ValueError(
                f"masks has shape {np.shape(masks)}; expected (m, {self.n_players}), a row "
                "for each coalition."
            )
        return np.asarray(masks, dtype=bool)

    @abstractmethod
    def __call__(self, masks):
        """Score coalitions.

        Parameters
        ----------
        masks : ndarray of bool of shape (m, n_players)

        Returns
        -------
        scores : ndarray of float of shape (m,)
        """

    def evaluate(self, masks):
        """Score coalitions and tell which could not be fitted.

        Parameters
        ----------
        masks : ndarray of bool of shape (m, n_players)

        Returns
        -------
        scored : Scored
        """
        scores = np.asarray(self(masks), dtype=float)
        if scores.shape != (len(masks),):
            raise ValueError(
                f"{type(self).__name__} returned scores of shape {scores.shape} for {len(masks)} "
                f"coalitions; expected shape ({len(masks)},)."
            )
        if not np.isfinite(scores).all():
            odd = np.flatnonzero(~np.isfinite(scores))[0]
            raise ValueError(
                f"{type(self).__name__} returned {scores[odd]} for a coalition of "
                f"{np.count_nonzero(masks[odd])} players; expected a finite number."
            )
        return Scored(scores, {})

    def walk_while(self, start, order, is_going):
        """Walk, where walks may end early: what `walk` yields of those that have is not looked at.

        Parameters
        ----------
        start : ndarray of bool of shape (B, n)
        order : ndarray of int of shape (B, L)
        is_going : ndarray of bool of shape (B,)
            Becomes False where a walk ends, from one piece to the next.

        Returns
        -------
        pieces : iterable
            What `walk` returns.
        """
        return self.walk(start, order)

    def closed_form(self, size_pmf):
        """Return the values of a semivalue, if they are known without scoring coalitions.

        Parameters
        ----------
        size_pmf : ndarray of shape (n_players,)
            Of the semivalue.

        Returns
        -------
        values : ndarray of shape (n_players,) or None
        """
        return None

    def lockstep(self, length):
        """Return how many walks of a length go on together, step by step, or None.

        Asked where there is a `walk`, and where walks may end early. None gives `walk` as many
        walks of one round as `block_size` coalitions make, and scores a single one where there is
        none. A number may be met by walks of several rounds.

        Parameters
        ----------
        length : int

        Returns
        -------
        n_walks : int or None
        """
        return None

    def is_quick(self, length):
        """Whether scoring walks of a length takes less time than sending them would.

        Such a utility stays in this process.

        Parameters
        ----------
        length : int

        Returns
        -------
        is_quick : bool
        """
        return False

    def tier(self, length):
        """Return a word on how walks of a length are scored.

        Parameters
        ----------
        length : int

        Returns
        -------
        tier : str
            See `skdvl.valuators.info.UtilityInfo`.
        """
        return "utility"

    def bind(self):
        """Do once what has to come before any score; called at the beginning of a fit.

        Returns
        -------
        model : estimator or None
            The estimator fitted on all rows, where there is one.
        """
        return None

    @property
    def ingredients(self):
        """All that a score depends on but the coalition, as a dict."""
        given = {name: part for name, part in vars(self).items() if name not in self.derived}
        return {"kind": type(self)} | given

    @property
    def full_score(self):
        """Score of all players together."""
        return float(self(np.ones((1, self.n_players), dtype=bool))[0])
