"""What happens between blocks: the state is saved, and the user is told."""

from dataclasses import replace
from pathlib import Path
from time import monotonic

import numpy as np
import scipy
import sklearn

from .._version import __version__
from ..checkpoint import remove_leftovers
from ..identity import Unidentified, digest
from ..notices import warn_caller
from ..run import Run

_SECONDS = 2.0  # between two saves, and between two lines


def identify(problem, plan, random_state, control_variates):
    """Fingerprint of a computation: all that its values depend on, but for the budget.

    A seed that was not given as an integer is not part of it; it comes from the saved run.
    """
    seed = random_state if isinstance(random_state, (int, np.integer)) else None
    rules = plan.rules
    versions = [__version__, *(module.__version__ for module in (sklearn, np, scipy))]
    parts = problem.ingredients | {
        "semivalue": plan.semivalue,
        "strategy": plan.strategy,
        "sampler": rules.sampler,
        "truncation": rules.truncation,
        "learning": plan.learning,
        "seed": seed,
        "versions": versions,
        "control_variates": control_variates if plan.strategy.takes_controls else (),
    }
    told = [(name, _identify(name, part)) for name, part in sorted(parts.items())]
    return digest(told).hex()


def _identify(name, part):
    try:
        return digest(part, f"The {name}")
    except Unidentified as error:
        raise ValueError(
            f"{error}. checkpoint, warm_start and memory have to tell it from others, to go on "
            "with the right computation: leave them out, or keep such parts out of what a value "
            "depends on."
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
        if path is not None and Path(path).is_dir():
            raise ValueError(f"checkpoint={str(path)!r} is a folder. Name a file in it.")
        self.path = path
        self.fingerprint = fingerprint
        self.verbose = verbose
        self._rounds = rounds
        self._saved = self._told = monotonic()
        self._place_saved, self._trouble = (0, 0), None
        self.last = None

    def load(self, **options):
        """Return the run of the checkpoint, or None if there is none yet."""
        if self.path is None or not Path(self.path).exists():
            return None
        remove_leftovers(self.path)
        run = Run.load(self.path, self.fingerprint, **options)
        self._place_saved = run.place
        return run

    def begin(self, run, stopping, n_rounds):
        """Keep the run that a fit begins with; it ends by a rule, or after `n_rounds`."""
        self.last, self._stopping, self._end = run, stopping, n_rounds
        self._begin_round()

    def look(self, run):
        """Save and report, if it is time; return whether a callback wants the fit to stop."""
        ended, self.last = run.n_rounds > self.last.n_rounds, run
        now = monotonic()
        if now - self._saved >= _SECONDS:
            self.save(run)
            self._saved = monotonic()
        if self.verbose and now - self._told >= _SECONDS:
            print(_line(run, self._stopping, self._end), flush=True)
            self._told = now
        stops = ended and self._rounds.end_round()
        if ended and not stops:
            self._begin_round()
        return stops

    def _begin_round(self):
        if self.last.n_rounds < self._end and self._stopping.completion(self.last) < 1:
            self._rounds.begin_round()

    def close(self):
        """Save what there is of a fit that ends, or is interrupted."""
        self.save(self.last)
        if self._trouble is not None:
            warn_caller(
                f"The checkpoint {str(self.path)!r} cannot be written: {self._trouble}. The fit "
                "went on without it. Make room, or point `checkpoint` elsewhere.",
                RuntimeWarning,
            )

    def save(self, run):
        """Write the run, unless it is written already; a disk that is full ends no fit."""
        if self.path is None or run.place <= self._place_saved:
            return
        try:
            run.save(self.path, self.fingerprint)
        except OSError as error:
            self._trouble = error
            return
        self._place_saved, self._trouble = run.place, None


def _line(run, stopping, n_rounds):
    """Return a line on how far the run is, the round under way included."""
    begun = dict(zip(("back", "scored", "failed", "blocks"), [0, 0, 0, 1], strict=True))
    if run.begun:
        begun.update(zip(begun, run.begun["counters"].tolist(), strict=True))
    so_far = replace(
        run,
        n_rounds=run.n_rounds + begun["back"] / begun["blocks"],
        n_evaluations=run.n_evaluations + begun["scored"],
    )
    done = min(max(stopping.completion(so_far), so_far.n_rounds / n_rounds), 1)
    parts = [
        f"[skdvl] {done:4.0%}",
        f"{so_far.n_rounds:.4g} rounds",
        f"{so_far.n_evaluations} coalitions",
        f"{so_far.n_evaluations / run.elapsed:.0f} per second",
    ]
    if done > 0:
        parts.append(f"about {_duration(run.elapsed * (1 - done) / done)} left")
    if np.isfinite(_median(run.stderr)):
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
