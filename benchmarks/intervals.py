"""How often intervals hold the exact values, and how often a certificate is wrong.

Run it with ``OMP_NUM_THREADS=1 python benchmarks/intervals.py [game ...]``; it takes about twenty
minutes. Each line is of 200 runs on a game of 60 rows, a fifth of whose labels are noise: the share
of intervals of 95 % that hold the reference values; then, of `certify` with ``delta=0.05``, the
share of rows that are decided, and the runs in which any decision is wrong. The reference has a
hundredth of the variance.
"""

import sys
import warnings

import estimators
import numpy as np
from scipy import stats
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB

from skdvl.samplers import PermutationSampler
from skdvl.semivalues import Banzhaf, BetaShapley, Shapley
from skdvl.stopping import select
from skdvl.strategies import MarginalMean
from skdvl.testing import play
from skdvl.workers import pinned_threads

REPEATS, ROUNDS = 200, 3  # of 256 evaluations: 13 for each row
QUANTILE = 0.2


def games():
    """Yield the name of each game and its utility."""
    cancer, diabetes = estimators.cancer(), estimators.diabetes()
    make = estimators.make
    yield "logistic, accuracy", make(LogisticRegression(), *cancer, "accuracy")
    yield "logistic, log-loss", make(LogisticRegression(C=0.1), *cancer, "neg_log_loss")
    yield "naive Bayes", make(GaussianNB(), *cancer, "accuracy")
    yield "ridge", make(estimators.Ridge(10.0), *diabetes, "neg_mean_squared_error")


def repeat(utility, design, semivalue, reference):
    """Return the share of intervals that hold, of rows decided, and the number of wrong runs."""
    sampler, strategy = design
    lowest = np.argsort(reference.values)[: int(QUANTILE * utility.n_players)]
    is_low = np.isin(np.arange(utility.n_players), lowest)
    held, decided, wrong = [], [], 0
    for seed in range(REPEATS):
        run = play(utility, sampler, semivalue, ROUNDS, strategy=strategy, seed=seed)
        error = np.hypot(run.stderr, reference.stderr)
        off = np.abs(run.centre - reference.values)
        held.append(np.mean(off <= error * stats.t.ppf(0.975, run.freedom)))
        inside, outside = select(run.centre, run.stderr, run.freedom, quantile=QUANTILE)
        decided.append(np.mean(inside | outside))
        wrong += bool((inside & ~is_low).any() or (outside & is_low).any())
    return np.mean(held), np.mean(decided), wrong


def main(wanted):
    warnings.simplefilter("ignore")
    estimators.N = 60
    with pinned_threads():
        for name, utility in games():
            if wanted and name not in wanted:
                continue
            for semivalue in (Shapley(), Banzhaf(), BetaShapley(4, 1)):
                designs = estimators.designs(utility, semivalue)
                best = designs["with controls"]
                reference = play(
                    utility, best[0], semivalue, 100 * ROUNDS, strategy=best[1], seed=10**6
                )
                shown = {"regression": best, "permutations": (PermutationSampler(), MarginalMean)}
                for label, design in shown.items():
                    held, decided, wrong = repeat(utility, design, semivalue, reference)
                    print(
                        f"{name:20}{semivalue!r:29}{label:14}intervals hold {held:.3f}  "
                        f"decided {decided:.2f}  wrong in {wrong} of {REPEATS}",
                        flush=True,
                    )


if __name__ == "__main__":
    main(sys.argv[1:])
