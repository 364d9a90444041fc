"""Two workers against one, for evaluations of 0.2, 2 and 20 milliseconds; beside pyDVL's.

Run on a machine at rest, with two cores: python benchmarks/parallel.py

pyDVL's columns are there if it is installed in the same environment. Its permutation sampler
scores one coalition for each update, and the estimator takes as long as our utility does.
"""

import warnings
from time import perf_counter

import numpy as np
from joblib import parallel_config
from sklearn.base import BaseEstimator, ClassifierMixin

from skdvl import ShapleyValuator
from skdvl.stopping import MaxRounds
from skdvl.utilities import Utility

try:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pydvl import valuation as pydvl
except ImportError:
    pydvl = None

SECONDS = 24.0  # of work in each fit


def keep_busy(seconds):
    end = perf_counter() + seconds
    while perf_counter() < end:
        pass


class Busy(Utility):
    """Keeps a core busy for a time that does not depend on the coalition."""

    n_players, block_size = 100, 8

    def __init__(self, seconds):
        self.seconds = seconds

    def __call__(self, masks):
        scores = np.empty(len(masks))
        for j, mask in enumerate(masks):
            keep_busy(self.seconds)
            scores[j] = np.sqrt(np.count_nonzero(mask))
        return scores


class BusyClassifier(ClassifierMixin, BaseEstimator):
    """The same as an estimator."""

    def __init__(self, seconds):
        self.seconds = seconds

    def fit(self, X, y):
        keep_busy(self.seconds)
        self.classes_ = np.arange(2)
        return self


def half(model, X, y):
    """Score every model alike."""
    return 0.5


def measure(seconds, n_jobs, work=SECONDS):
    """Seconds per evaluation of a fit of ours, and its values."""
    a_round = ShapleyValuator(stopping=MaxRounds(1)).fit_utility(Busy(0)).n_evaluations_
    n_rounds = max(1, round(work / seconds / a_round))
    valuator = ShapleyValuator(stopping=MaxRounds(n_rounds), random_state=0, n_jobs=n_jobs)
    began = perf_counter()
    valuator.fit_utility(Busy(seconds))
    return (perf_counter() - began) / valuator.n_evaluations_, valuator.values_


def measure_pydvl(seconds, n_jobs, work=SECONDS):
    """Seconds per update of a fit of pyDVL's."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(Busy.n_players, 2)), np.arange(Busy.n_players) % 2
    test = pydvl.Dataset(X[:10], y[:10])
    scorer = pydvl.SupervisedScorer(half, test, default=0.0, range=(0, 1))
    valuation = pydvl.ShapleyValuation(
        pydvl.ModelUtility(BusyClassifier(seconds), scorer),
        pydvl.PermutationSampler(seed=0),
        is_done=pydvl.MinUpdates(max(1, round(work / seconds / Busy.n_players))),
        progress=False,
    )
    began = perf_counter()
    with parallel_config(n_jobs=n_jobs):
        valuation.fit(pydvl.Dataset(X, y))
    return (perf_counter() - began) / valuation.result.counts.sum()


def main():
    print(f"{'':12}{'1 worker':>12}{'2 workers':>12}{'speed-up':>10}{'overhead':>10}")
    for seconds in (0.0002, 0.002, 0.02):
        measure(0.0002, 2)  # start the workers; a fit of pyDVL's ends them
        (alone, values), (spread, again) = measure(seconds, 1), measure(seconds, 2)
        assert np.array_equal(values, again)
        lines = {f"{1e3 * seconds:.1f} ms": (alone, spread)}
        if pydvl is not None:
            lines["pyDVL"] = measure_pydvl(seconds, 1), measure_pydvl(seconds, 2)
        for name, (alone, spread) in lines.items():
            print(
                f"{name:>12}{1e3 * alone:9.3f} ms{1e3 * spread:9.3f} ms"
                f"{alone / spread:10.2f}{2 * spread / alone - 1:10.1%}"
            )


if __name__ == "__main__":
    main()
