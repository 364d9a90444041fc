"""The whole state of a fit in progress: plain numbers and arrays, no objects.

Because a draw depends on the seed and the round alone, these arrays are all that is needed to
go on: a run that is saved, loaded and continued ends with the bits of one that never stopped.
"""

from dataclasses import dataclass, field

import numpy as np

from .checkpoint import read_arrays, write_arrays

_ARRAYS = ("values", "stderr", "counts", "centre", "freedom", "plays", "recent")
_WINDOW = 16  # kept even if the rule of today looks back less: the rule of a continued fit may not
_HISTORY = ("history", "history_stderr", "history_evaluations")
_BEGUN = ("scores", "noise", "counters")
_NUMBERS = ("elapsed", "misfit")
_COUNTERS = ("n_rounds", "n_evaluations", "n_failed")


@dataclass(frozen=True)
class Run:
    """What a fit knows after `n_rounds` rounds.

    Attributes
    ----------
    tallies : list of dict of str to ndarray
        The strategy's running sums, one dict for each game (one validation set, or one fold).
    values, stderr, counts : ndarray of shape (n_players,)
        Estimates, their standard errors (inf where unknown, 0 where exact) and the number of
        scores behind each. A player that no draw has met yet has the value NaN.
    centre, freedom : ndarray of shape (n_players,)
        What the standard errors are of, and their degrees of freedom.
    misfit : float
        See `skdvl.strategies.Estimate`.
    n_rounds, n_evaluations, n_failed : int
        Rounds, scored coalitions, and scored coalitions that could not be fitted.
    elapsed : float
        Seconds spent, over all sessions.
    seed : int
        Seed of all draws.
    plays : ndarray of bool of shape (n_players,)
        Players that some game has; the others, rows that no fold trains on, never get a value.
    window : int
        How many values `recent` keeps.
    recent : ndarray of shape (<= window, n_players)
        Values after each of the last passes over all players, newest last; stopping rules look
        back here. A round is a pass, unless memory makes samplers serve the players in turns.
    history : list of (ndarray of shape (n_players,), ndarray of shape (n_players,), int), or None
        Values, their standard errors and the scored coalitions after every round, if asked for.
    failure : str
        The first coalition of this session that could not be fitted, and why.
    effort : tuple of (int, int, float)
        Coalitions scored, and refitted, and seconds of workers, of this session: what
        `skdvl.evaluation.Effort` says.
    begun : dict of str to ndarray
        Scores of the round that is under way, of which nothing above knows yet.

    Examples
    --------
    >>> from skdvl.games import ShoesGame
    >>> from skdvl.samplers import PermutationSampler
    >>> from skdvl.semivalues import Shapley
    >>> from skdvl.testing import play
    >>> run = play(ShoesGame(3, 3), PermutationSampler(), Shapley(), n_rounds=5)
    >>> run.n_rounds, len(run.recent), int(run.counts.min())
    (5, 5, 215)
    >>> sorted(run.tallies[0])
    ['count', 'group', 'origin', 'seen', 'squares', 'sum']
    """

    tallies: list = field(repr=False)
    values: np.ndarray = field(repr=False)
    stderr: np.ndarray = field(repr=False)
    counts: np.ndarray = field(repr=False)
    plays: np.ndarray = field(repr=False)
    centre: np.ndarray | None = field(default=None, repr=False)
    freedom: np.ndarray | None = field(default=None, repr=False)
    misfit: float = np.nan
    seed: int = 0
    n_rounds: int = 0
    n_evaluations: int = 0
    n_failed: int = 0
    elapsed: float = 0.0
    window: int = 1
    recent: np.ndarray = field(default_factory=lambda: np.empty((0, 0)), repr=False)
    history: list | None = field(default=None, repr=False)
    failure: str = ""
    effort: tuple = (0, 0, 0.0)
    begun: dict = field(default_factory=dict, repr=False)

    @classmethod
    def begin(cls, tallies, n_players, seed, *, plays=None, window=1, store_history=False):
        """Return a run that knows nothing yet.

        Parameters
        ----------
        tallies : list of dict of str to ndarray
            Empty ones, one for each game.
        n_players : int
        seed : int
        plays : ndarray of bool of shape (n_players,) or None, default=None
            None: all players.
        window : int, default=1
            How many passes the stopping rule looks back.
        store_history : bool, default=False

        Returns
        -------
        run : Run
        """
        return cls(
            plays=np.ones(n_players, dtype=bool) if plays is None else plays,
            tallies=tallies,
            values=np.full(n_players, np.nan),
            stderr=np.full(n_players, np.inf),
            counts=np.zeros(n_players, dtype=np.int64),
            centre=np.full(n_players, np.nan),
            freedom=np.full(n_players, np.inf),
            seed=seed,
            window=max(window, _WINDOW),
            recent=np.empty((0, n_players)),
            history=[] if store_history else None,
        )

    @property
    def place(self):
        """How far the run is: rounds, and blocks of the next one."""
        return self.n_rounds, int(self.begun["counters"][0]) if self.begun else 0

    def amid(self, begun, elapsed):
        """Return the run with some scores of its next round; this one stays as it is.

        Parameters
        ----------
        begun : dict of str to ndarray
        elapsed : float
            Seconds, over all sessions.

        Returns
        -------
        run : Run
        """
        return self._but(begun=begun, elapsed=elapsed)

    def _but(self, **changes):
        """Return a copy with some changes: dataclasses.replace takes ten times as long."""
        run = object.__new__(type(self))
        vars(run).update(vars(self), **changes)
        return run

    def after(self, tallies, scored, elapsed):
        """Return the run after one more round, with the values from before it.

        Parameters
        ----------
        tallies : list of dict of str to ndarray
            With that round.
        scored : skdvl.evaluation.ScoredRound
            What the round took: `n_evaluations`, `n_failed`, `failure` and `effort`.
        elapsed : float
            Seconds, over all sessions.

        Returns
        -------
        run : Run
        """
        return self._but(
            tallies=tallies,
            n_rounds=self.n_rounds + 1,
            n_evaluations=self.n_evaluations + scored.n_evaluations,
            n_failed=self.n_failed + scored.n_failed,
            elapsed=elapsed,
            failure=self.failure or scored.failure,
            effort=scored.effort.plus(self.effort),
            begun={},
        )

    def estimated(self, estimate):
        """Return the run with the values of its last round, which stopping rules look back at.

        Parameters
        ----------
        estimate : skdvl.strategies.Estimate

        Returns
        -------
        run : Run
        """
        recent = self.recent
        if estimate.counts[self.plays].min() > self.counts[self.plays].min():
            recent = np.concatenate([recent[1 - self.window :], estimate.values[None]])
        history = self.history
        if history is not None:
            history = [*history, (estimate.values, estimate.stderr, self.n_evaluations)]
        return self._but(recent=recent, history=history, **_told(estimate))

    def settled(self, estimate):
        """Return the run with values that are its last ones, and leave no trace if it goes on.

        Parameters
        ----------
        estimate : skdvl.strategies.Estimate

        Returns
        -------
        run : Run
        """
        return self._but(**_told(estimate))

    def reopened(self, *, window=1, store_history=False):
        """Return the same run, ready to go on under other rules.

        Parameters
        ----------
        window : int, default=1
            How many passes the stopping rule looks back.
        store_history : bool, default=False

        Returns
        -------
        run : Run

        Raises
        ------
        ValueError
            If `store_history` asks for a history that was not kept.
        """
        if store_history and self.history is None:
            raise ValueError(
                "The last fit did not keep its history, so the values of its first rounds are not "
                "known. Set store_history=True before the first fit, or warm_start=False."
            )
        return self._but(
            window=max(window, _WINDOW),
            history=self.history if store_history else None,
            effort=(0, 0, 0.0),
        )

    def told_history(self):
        """Return what was known after every round.

        Returns
        -------
        told : dict of str to ndarray
            By the name of the fitted attribute: values and standard errors, of shape
            (n_rounds, n_players), and scored coalitions so far, of shape (n_rounds,).
        """
        values, stderr, scored = zip(*self.history, strict=True) if self.history else ((), (), ())
        shape = len(self.history), len(self.values)
        told = np.reshape(values, shape), np.reshape(stderr, shape), np.array(scored, np.int64)
        return dict(zip(_HISTORY, told, strict=True))

    def save(self, path, fingerprint):
        """Write the run to a file, atomically.

        Parameters
        ----------
        path : str or path-like
        fingerprint : str
            Of the computation, without which the file is not read back.
        """
        arrays = {name: getattr(self, name) for name in _ARRAYS}
        arrays["counters"] = np.array([getattr(self, name) for name in _COUNTERS], dtype=np.int64)
        arrays["seed"] = np.array(self.seed, dtype=np.int64)
        arrays |= {name: np.array(getattr(self, name)) for name in _NUMBERS}
        if self.history is not None:
            arrays |= self.told_history()
        for game, tally in enumerate(self.tallies):
            arrays |= {f"tally/{game}/{name}": array for name, array in tally.items()}
        arrays |= {f"begun/{name}": array for name, array in self.begun.items()}
        write_arrays(path, arrays, fingerprint)

    @classmethod
    def load(cls, path, fingerprint, *, window=1, store_history=False):
        """Read a run back.

        Parameters
        ----------
        path : str or path-like
        fingerprint : str
            What `save` was given.
        window : int, default=1
            How many passes the stopping rule looks back.
        store_history : bool, default=False

        Returns
        -------
        run : Run

        Raises
        ------
        ValueError
            If the file is damaged, of another computation, or has no history though
            `store_history` asks for it.
        """
        arrays = read_arrays(path, fingerprint)
        tallies = {}
        for key in [key for key in arrays if key.startswith("tally/")]:
            _, game, name = key.split("/")
            tallies.setdefault(int(game), {})[name] = arrays.pop(key)
        begun = {key: arrays.pop(f"begun/{key}") for key in _BEGUN if f"begun/{key}" in arrays}
        if store_history and "history" not in arrays:
            raise ValueError(
                f"Checkpoint {str(path)!r} was written without store_history=True, so the "
                "values of its first rounds are not known. Remove it to begin anew."
            )
        return cls(
            [tallies[game] for game in sorted(tallies)],
            **{name: arrays[name] for name in _ARRAYS},
            **dict(zip(_COUNTERS, arrays["counters"].tolist(), strict=True)),
            seed=int(arrays["seed"]),
            **{name: float(arrays[name]) for name in _NUMBERS},
            window=max(window, _WINDOW),
            history=_history(arrays) if store_history else None,
            begun=begun,
        )


def _history(arrays):
    """Return the history of a file as a run has it."""
    values, stderr, scored = (arrays[name] for name in _HISTORY)
    return list(zip(values, stderr, scored.tolist(), strict=True))


def _told(estimate):
    """Return what a run keeps of an estimate."""
    values, stderr, counts, centre, freedom, misfit = estimate
    return {
        "values": values,
        "stderr": stderr,
        "counts": counts,
        "centre": values if centre is None else centre,
        "freedom": np.full(len(values), np.inf) if freedom is None else freedom,
        "misfit": misfit,
    }
