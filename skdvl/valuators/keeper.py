"""What happens between blocks: the state is saved, and the user is told."""

import math
from pathlib import Path
from time import monotonic

import numpy as np
import scipy
import sklearn

from .._version import __version__
from ..identity import Unidentified, digest
from ..run import Run

_SECONDS = 2.0  # between two saves, and between two lines


def identify(problem, plan, random_state):
    """Fingerprint of a computation: all that its values depend on, but for the budget.

    A seed that was not given as an integer is not part of it; it comes from the saved run.
    """
    seed = random_state if isinstance(random_state, (int, np.integer)) else None
    rules = plan.rules
    versions = [__version__, *(module.__version__ for module in (sklearn, np, scipy))]
    parts = getattr(problem, "ingredients", None) or vars(problem)
    parts = parts | {
        "semivalue": plan.semivalue,
        "strategy": plan.strategy,
        "sampler": rules.sampler,
        "truncation": rules.truncation,
        "seed": seed,
        "versions": versions,
    }
    told = [(name, _identify(name, part)) for name, part in sorted(parts.items())]
    return digest(told).hex()


def _identify(name, part):
    try:
        return digest(part, f"The {name}")
    except Unidentified as error:
        raise ValueError(
            f"{error}. checkpoint and warm_start have to tell it from others, to go on with the "
            "right computation: leave both out, or keep such parts out of what a value depends on."
        ) from error


class Keeper:
    """Saves a run to its checkpoint and reports on it, at most every few seconds.

    Parameters
    ----------
    path : str, path-like or None
        None keeps nothing.
    fingerprint : str or None
        What computation the run belongs to.
    verbose : int
    rounds : skdvl.callbacks.RoundCallbacks
    """

    def __init__(self, path, fingerprint, verbose, rounds):
        if path is not None and not Path(path).absolute().parent.is_dir():
            raise ValueError(
                f"checkpoint={str(path)!r} lies in a folder that does not exist. Create the "
                "folder first."
            )
        self.path = path
        self.fingerprint = fingerprint
        self.verbose = verbose
        self._rounds = rounds
        self._saved = self._told = monotonic()
        self._place_saved = 0, 0
        self.last = None

    def load(self, **options):
        """Return the run of the checkpoint, or None if there is none yet."""
        if self.path is None or not Path(self.path).exists():
            return None
        run = Run.load(self.path, self.fingerprint, **options)
        self._place_saved = run.place
        return run

    def begin(self, run, n_rounds, X, y):
        """Keep the run that a fit begins with; it goes on for `n_rounds` at most, or for ever."""
        self.last, self._end = run, n_rounds
        left = None if math.isinf(n_rounds) else max(0, n_rounds - run.n_rounds)
        self._rounds.begin_fit(left, X, y)
        if left != 0:
            self._rounds.begin_round()

    def look(self, run, completion):
        """Save and report, if it is time; return whether a callback wants the fit to stop."""
        ended, self.last = run.n_rounds > self.last.n_rounds, run
        now = monotonic()
        if now - self._saved >= _SECONDS:
            self.save(run)
            self._saved = monotonic()
        if self.verbose and now - self._told >= _SECONDS:
            print(_line(run, completion, self._end), flush=True)
            self._told = now
        stops = ended and self._rounds.end_round()
        if ended and not stops and completion < 1 and run.n_rounds < self._end:
            self._rounds.begin_round()
        return stops

    def end(self):
        """Say that the fit has come to its end, whatever ended it but an error."""
        self._rounds.end_fit()

    def close(self):
        """Save what there is of a fit that ends, or is interrupted."""
        self.save(self.last)

    def save(self, run):
        """Write the run, unless it is written already."""
        if self.path is not None and run.place > self._place_saved:
            run.save(self.path, self.fingerprint)
            self._place_saved = run.place


def _line(run, completion, n_rounds):
    """Return a line on how far the run is."""
    n_evaluations, share = run.n_evaluations, 0.0
    if run.begun:
        n_back, evaluated, _, n_blocks = run.begun["counters"].tolist()
        n_evaluations, share = n_evaluations + evaluated, n_back / n_blocks
    # A round that is under way is taken to be worth as much as those before it.
    a_round = completion / run.n_rounds if run.n_rounds else 1 / n_rounds
    done = min(max(completion, completion + share * a_round), 1)
    parts = [
        f"[skdvl] {done:4.0%}",
        f"{run.n_rounds + share:.4g} rounds",
        f"{n_evaluations} coalitions",
        f"{n_evaluations / run.elapsed:.0f} per second",
    ]
    if done > 0:
        parts.append(f"about {_duration(run.elapsed * (1 - done) / done)} left")
    if run.n_rounds:
        parts.append(f"median standard error {_median(run.stderr):.3g}")
    return " | ".join(parts)


def _median(stderr):
    return sorted(stderr)[len(stderr) // 2]


def _duration(seconds):
    """Write a time as people say it."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    if seconds < 100 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h"
