"""Two workers against one, for evaluations of 0.2, 2 and 20 milliseconds.

Run on a machine at rest, with two cores: python benchmarks/parallel.py
"""

from time import perf_counter

import numpy as np

from skdvl import ShapleyValuator
from skdvl.stopping import MaxRounds
from skdvl.utilities import Utility

SECONDS = 8.0  # of work in each fit


class Busy(Utility):
    """Keeps a core busy for a time that does not depend on the coalition."""

    n_players, block_size = 100, 8

    def __init__(self, seconds):
        self.seconds = seconds

    def __call__(self, masks):
        scores = np.empty(len(masks))
        for j, mask in enumerate(masks):
            end = perf_counter() + self.seconds
            while perf_counter() < end:
                pass
            scores[j] = np.sqrt(np.count_nonzero(mask))
        return scores


def measure(seconds, n_jobs):
    a_round = ShapleyValuator(stopping=MaxRounds(1)).fit_utility(Busy(0)).n_evaluations_
    n_rounds = max(1, round(SECONDS / seconds / a_round))
    valuator = ShapleyValuator(stopping=MaxRounds(n_rounds), random_state=0, n_jobs=n_jobs)
    began = perf_counter()
    valuator.fit_utility(Busy(seconds))
    return (perf_counter() - began) / valuator.n_evaluations_, valuator.values_


def main():
    measure(0.0002, 2)  # start the workers
    print(f"{'evaluation':>12}{'1 worker':>12}{'2 workers':>12}{'speed-up':>10}{'overhead':>10}")
    for seconds in (0.0002, 0.002, 0.02):
        (alone, values), (spread, again) = measure(seconds, 1), measure(seconds, 2)
        assert np.array_equal(values, again)
        print(
            f"{1e3 * seconds:9.1f} ms{1e3 * alone:9.3f} ms{1e3 * spread:9.3f} ms"
            f"{alone / spread:10.2f}{2 * spread / alone - 1:10.1%}"
        )


if __name__ == "__main__":
    main()
