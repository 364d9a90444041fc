"""The error of values at equal numbers of evaluations, on six games of 100 rows.

Run it with ``OMP_NUM_THREADS=1 python benchmarks/estimators.py``; it takes about half an hour,
most of it for the reference values. A number is how many times lower the mean squared error is
than that of plain permutations, which get as many evaluations; ``z`` is the root mean square of
the errors of the regression in units of its standard errors, 1 where these are honest. The last
lines are geometric means over the games.
"""

import sys
import warnings
from resource import RUSAGE_SELF, getrusage
from time import perf_counter

import numpy as np
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.naive_bayes import GaussianNB
from sklearn.preprocessing import scale
from sklearn.tree import DecisionTreeClassifier

from skdvl.samplers import CoalitionSampler, PermutationSampler, Round, SizeOptimalSampler
from skdvl.semivalues import Banzhaf, BetaShapley, Shapley
from skdvl.strategies import MarginalMean, RegressionAdjusted, SampleReuse
from skdvl.testing import play
from skdvl.utilities import ModelUtility, make_utility
from skdvl.workers import pinned_threads

N, N_VAL, REPEATS = 100, 300, 8
ROUNDS = {"3n": 1, "10n": 4, "50n": 20}  # of 256 evaluations, and the border
REFERENCE = 400  # rounds
TILTS = {Shapley(): 0.35, Banzhaf(): 0.0, BetaShapley(4, 1): 0.2, BetaShapley(16, 1): 0.1}


def games():
    """Yield the name of each game and its utility."""
    cancer, digits = load_breast_cancer(return_X_y=True), load_digits(return_X_y=True)
    cancer, diabetes = (scale(cancer[0]), cancer[1]), load_diabetes(return_X_y=True)
    digits = digits[0], (digits[1] % 2 == 0).astype(int)
    tree = DecisionTreeClassifier(max_depth=4, random_state=0)
    yield "logistic, accuracy", make(LogisticRegression(), *cancer, "accuracy")
    yield "logistic, log-loss", make(LogisticRegression(C=0.1), *cancer, "neg_log_loss")
    yield "naive Bayes", make(GaussianNB(var_smoothing=1e-2), *digits, "accuracy")
    yield "kernel ridge", make(KernelRidge(kernel="rbf", gamma=0.1), *diabetes, "r2")
    yield "ridge", make(Ridge(10.0), *diabetes, "neg_mean_squared_error")
    yield "tree", make(tree, *cancer, "accuracy")


def make(estimator, X, y, scoring):
    """Return the utility of some rows of a data set, a fifth of whose labels are noise."""
    rng = np.random.default_rng(0)
    order = rng.permutation(len(y))
    X, y = X[order], y[order]
    noisy = rng.choice(N, N // 5, replace=False)
    y[noisy] = rng.permutation(y[noisy])
    refit = ModelUtility(estimator, X[:N], y[:N], X[N : N + N_VAL], y[N : N + N_VAL], scoring)
    refit.bind()
    return make_utility(refit)


def designs(semivalue):
    """Return the designs to be compared: a name, a sampler and a strategy."""
    paired = isinstance(semivalue, Banzhaf)
    sampler = SizeOptimalSampler(
        semivalue, TILTS[semivalue], paired=paired, enumerate_border=False if paired else "auto"
    )
    plain = CoalitionSampler() if paired else SizeOptimalSampler(semivalue)
    return {
        "permutations": (PermutationSampler(), MarginalMean),
        "reuse": (plain, SampleReuse),
        "regression": (sampler, RegressionAdjusted),
    }


def errors(utility, semivalue, reference, n_rounds):
    """Return, of each design, the mean squared error times evaluations, and the z of the last."""
    told = {}
    for name, (sampler, strategy) in designs(semivalue).items():
        rounds = max(1, round(n_rounds * 256 / 300)) if name == "permutations" else n_rounds
        runs = [
            play(utility, sampler, semivalue, rounds, strategy=strategy, seed=seed)
            for seed in range(REPEATS)
        ]
        off = np.array([run.values for run in runs]) - reference.values
        square = max((off**2).mean() - (reference.stderr**2).mean(), 1e-300)
        told[name] = square * runs[0].n_evaluations
        z = np.sqrt(np.mean((off / np.array([run.stderr for run in runs])) ** 2))
    return told, z


def cost(n=1000, n_rounds=100):
    """Print how long one estimate takes from a round of n coalitions, many times."""
    sampler = SizeOptimalSampler(tilt=0.35, enumerate_border="auto")
    strategy, rng = RegressionAdjusted(Shapley(), sampler, n), np.random.default_rng(0)
    tally = strategy.empty()
    for t in range(n_rounds):
        walks = sampler.draw(Round(t, n, rng))
        walks = walks.after(strategy.prelude()) if t == 0 else walks
        strategy.fold(tally, walks, np.log1p(walks.sizes) + rng.standard_normal((len(walks), 1)))
    began = perf_counter()
    strategy.estimate(tally)
    seconds, kilobytes = perf_counter() - began, getrusage(RUSAGE_SELF).ru_maxrss
    count = len(tally["scores"]) + len(tally["border"])
    print(f"{count} evaluations of {n} players: {seconds:.1f} s, {kilobytes / 1e6:.2f} GB in all")


def main():
    warnings.simplefilter("ignore")
    gains = {}
    with pinned_threads():
        cost()
        for name, utility in games():
            for semivalue in TILTS:
                sampler, strategy = designs(semivalue)["regression"]
                reference = play(
                    utility, sampler, semivalue, REFERENCE, strategy=strategy, seed=10**6
                )
                for budget, n_rounds in ROUNDS.items():
                    told, z = errors(utility, semivalue, reference, n_rounds)
                    row = [told["permutations"] / told[other] for other in ("reuse", "regression")]
                    gains.setdefault((repr(semivalue), budget), []).append(row)
                    print(
                        f"{name:20}{semivalue!r:32}{budget:>4}  reuse {row[0]:7.1f}  "
                        f"regression {row[1]:7.1f}  z {z:4.2f}"
                    )
                    sys.stdout.flush()
    for (semivalue, budget), rows in gains.items():
        reuse, regression = np.exp(np.log(rows).mean(axis=0))
        worst = np.min(rows, axis=0)[1]
        print(
            f"{'all':20}{semivalue:32}{budget:>4}  reuse {reuse:7.1f}  regression "
            f"{regression:7.1f}  at least {worst:.1f}"
        )


if __name__ == "__main__":
    main()
