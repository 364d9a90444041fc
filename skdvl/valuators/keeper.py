"""What happens between rounds: the state is saved, and the user is told."""

from pathlib import Path
from time import monotonic

import joblib
import numpy as np
import scipy
import sklearn

from ..run import Run

_SECONDS = 2.0  # between two saves, and between two lines


def identify(problem, plan, random_state):
    """Fingerprint of a computation: all that its values depend on, but for the budget.

    A seed that was not given as an integer is not part of it; it comes from the saved run.
    """
    seed = random_state if isinstance(random_state, (int, np.integer)) else None
    rules, versions = plan.rules, [module.__version__ for module in (sklearn, np, scipy)]
    given = {name: part for name, part in vars(problem).items() if name not in _derived(problem)}
    parts = given | {
        "kind of problem": f"{type(problem).__module__}.{type(problem).__qualname__}",
        "semivalue": plan.semivalue,
        "strategy": f"{plan.strategy.__module__}.{plan.strategy.__qualname__}",
        "sampler": rules.sampler,
        "truncation": rules.truncation,
    }
    return joblib.hash(([_identify(name, part) for name, part in parts.items()], seed, versions))


def _derived(problem):
    """Names of what a utility finds out once it is bound; a plain problem finds out nothing."""
    return getattr(problem, "derived", ())


def _identify(name, part):
    try:
        return name, joblib.hash(part)
    except Exception as error:
        raise ValueError(
            f"The {name} cannot be told from others, which checkpoint, warm_start and memory need: "
            f"{type(error).__name__}. A lambda or a function inside a function has no name; define "
            "it in an importable module."
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
    """

    def __init__(self, path, fingerprint, verbose):
        if path is not None and not Path(path).absolute().parent.is_dir():
            raise ValueError(
                f"checkpoint={str(path)!r} lies in a folder that does not exist. Create the "
                "folder first."
            )
        self.path = path
        self.fingerprint = fingerprint
        self.verbose = verbose
        self._saved = self._told = monotonic()
        self._n_saved = 0
        self.last = None

    def load(self, **options):
        """Return the run of the checkpoint, or None if there is none yet."""
        if self.path is None or not Path(self.path).exists():
            return None
        run = Run.load(self.path, self.fingerprint, **options)
        self._n_saved = run.n_rounds
        return run

    def after_round(self, run, stopping):
        """Save and report, if it is time."""
        now = monotonic()
        if now - self._saved >= _SECONDS:
            self.save(run)
            self._saved = now
        if self.verbose and now - self._told >= _SECONDS:
            done, rate = min(stopping.completion(run), 1), run.n_evaluations / run.elapsed
            print(
                f"[skdvl] {done:4.0%} | round {run.n_rounds} | {run.n_evaluations} coalitions | "
                f"{rate:.0f} per second | median standard error {_median(run):.3g}",
                flush=True,
            )
            self._told = now

    def close(self, run):
        """Keep the last whole round of a fit that ends, or is interrupted."""
        self.last = run
        self.save(run)

    def save(self, run):
        """Write the run, unless it is written already."""
        if self.path is not None and run.n_rounds > self._n_saved:
            run.save(self.path, self.fingerprint)
            self._n_saved = run.n_rounds


def _median(run):
    return sorted(run.stderr)[len(run.stderr) // 2]
