"""The error of values at equal numbers of evaluations, on six games of 100 rows.

Run it with ``OMP_NUM_THREADS=1 python benchmarks/estimators.py [game ...]``; all of them take about
an hour, most of it for the reference values. A number is how many times lower the mean squared
error is than that of plain permutations, which get as many evaluations, in the same run: sample
reuse, `KernelBanzhaf` or `LeverageSHAP`, the regression without and with the neighbours as
controls, and, at 10n, the best of pyDVL's and of shapiq's samplers for each game, where installed.
Then, of the regression with controls: Spearman's correlation with the reference, the overlap of
the lowest tenth, and seconds, scores included. The last lines are geometric means over the games.
"""

import sys
import warnings
from functools import partial
from resource import RUSAGE_SELF, getrusage
from time import perf_counter

import numpy as np
import peers
from scipy.stats import spearmanr
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.naive_bayes import GaussianNB
from sklearn.preprocessing import scale
from sklearn.tree import DecisionTreeClassifier

from skdvl.samplers import (
    CoalitionSampler,
    LeverageSampler,
    PairedSampler,
    PermutationSampler,
    Round,
    SizeOptimalSampler,
)
from skdvl.semivalues import Banzhaf, BetaShapley, Shapley
from skdvl.strategies import (
    KernelBanzhaf,
    LeverageSHAP,
    MarginalMean,
    RegressionAdjusted,
    SampleReuse,
)
from skdvl.testing import play
from skdvl.utilities import ModelUtility, make_utility
from skdvl.valuators.controls import NeighborControls
from skdvl.valuators.design import regression_sampler
from skdvl.workers import pinned_threads

N, N_VAL, REPEATS = 100, 300, 6
ROUNDS = {"3n": 1, "10n": 4, "50n": 20}  # of 256 evaluations, and the border
PEERS = "10n"  # where other libraries are shown beside
REFERENCE = 300  # rounds
SEMIVALUES = [Shapley(), Banzhaf(), BetaShapley(4, 1), BetaShapley(16, 1)]


def games():
    """Yield the name of each game and its utility."""
    digits = load_digits(return_X_y=True)
    digits = digits[0], (digits[1] % 2 == 0).astype(int)
    tree = DecisionTreeClassifier(max_depth=4, random_state=0)
    yield "logistic, accuracy", make(LogisticRegression(), *cancer(), "accuracy")
    yield "logistic, log-loss", make(LogisticRegression(C=0.1), *cancer(), "neg_log_loss")
    yield "naive Bayes", make(GaussianNB(var_smoothing=1e-2), *digits, "accuracy")
    yield "kernel ridge", make(KernelRidge(kernel="rbf", gamma=0.1), *diabetes(), "r2")
    yield "ridge", make(Ridge(10.0), *diabetes(), "neg_mean_squared_error")
    yield "tree", make(tree, *cancer(), "accuracy")


def cancer():
    """Return scaled rows and labels of breast_cancer."""
    X, y = load_breast_cancer(return_X_y=True)
    return scale(X), y


def diabetes():
    """Return rows and targets of diabetes."""
    return load_diabetes(return_X_y=True)


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


def designs(utility, semivalue):
    """Return the designs to be compared: a name, a sampler and a strategy."""
    refit = getattr(utility, "refit", utility)
    classifier = refit.classes is not None
    rows = refit.X, refit.y, refit.X_val, refit.y_val
    controls = NeighborControls(*(np.asarray(array) for array in rows), classifier)
    sampler = regression_sampler(semivalue)
    is_banzhaf = isinstance(semivalue, Banzhaf)
    plain = CoalitionSampler() if is_banzhaf else SizeOptimalSampler(semivalue)
    told = {
        "permutations": (PermutationSampler(), MarginalMean),
        "reuse": (plain, SampleReuse),
        "regression": (sampler, RegressionAdjusted),
        "with controls": (sampler, partial(RegressionAdjusted, controls=controls)),
    }
    if is_banzhaf:
        told["least squares"] = PairedSampler(Banzhaf()), KernelBanzhaf
    if isinstance(semivalue, Shapley):
        told["least squares"] = LeverageSampler(), LeverageSHAP
    return told


def compare(utility, semivalue, reference, n_rounds):
    """Return, of each design, how many times lower its error is, and what the last one is like."""
    told, seen = {}, {}
    for name, (sampler, strategy) in designs(utility, semivalue).items():
        rounds = max(1, round(n_rounds * 256 / 300)) if name == "permutations" else n_rounds
        began = perf_counter()
        runs = [
            play(utility, sampler, semivalue, rounds, strategy=strategy, seed=seed)
            for seed in range(REPEATS)
        ]
        seen[name] = np.array([run.values for run in runs]), perf_counter() - began
        told[name] = square(seen[name][0], reference) * runs[0].n_evaluations
    if n_rounds == ROUNDS[PEERS]:
        given = utility, semivalue, partial(square, reference=reference)
        told |= peers.lowest_errors(*given, runs[0].n_evaluations, REPEATS // 3)
    values, seconds = seen["with controls"]
    gains = {name: told["permutations"] / error for name, error in told.items()}
    low, n_low = np.argsort(reference.values)[: N // 10], N // 10
    rho = np.mean([spearmanr(line, reference.values)[0] for line in values])
    overlap = np.mean([len(np.intersect1d(np.argsort(line)[:n_low], low)) for line in values])
    return gains, (rho, overlap / n_low, seconds / REPEATS)


def square(values, reference):
    """Return the mean squared error, less that of the reference."""
    return max(((values - reference.values) ** 2 - reference.stderr**2).mean(), 1e-300)


def cost(n=1000, n_rounds=100, n_jobs=2):
    """Print how long one estimate takes from a round of n coalitions, many times."""
    sampler = SizeOptimalSampler(tilt=0.35, enumerate_border="auto")
    strategy = RegressionAdjusted(Shapley(), sampler, n, n_jobs=n_jobs)
    tally, rng = strategy.empty(), np.random.default_rng(0)
    for t in range(n_rounds):
        walks = sampler.draw(Round(t, n, rng))
        walks = walks.after(strategy.prelude()) if t == 0 else walks
        strategy.fold(tally, walks, np.log1p(walks.sizes) + rng.standard_normal((len(walks), 1)))
    began = perf_counter()
    strategy.estimate(tally)
    seconds, kilobytes = perf_counter() - began, getrusage(RUSAGE_SELF).ru_maxrss
    count = len(tally["scores"]) + len(tally["border"])
    print(f"{count} evaluations of {n} players: {seconds:.1f} s, {kilobytes / 1e6:.2f} GB in all")


def main(wanted):
    warnings.simplefilter("ignore")
    all_gains = {}
    with pinned_threads():
        if not wanted:
            cost()
        for name, utility in games():
            if wanted and name not in wanted:
                continue
            for semivalue in SEMIVALUES:
                sampler, strategy = designs(utility, semivalue)["with controls"]
                reference = play(
                    utility, sampler, semivalue, REFERENCE, strategy=strategy, seed=10**6
                )
                for budget, n_rounds in ROUNDS.items():
                    gains, told = compare(utility, semivalue, reference, n_rounds)
                    all_gains.setdefault((repr(semivalue), budget), []).append(gains)
                    print(
                        f"{name:20}{semivalue!r:29}{budget:>4}  {line(gains)}  "
                        f"Spearman {told[0]:.3f}  lowest tenth {told[1]:.2f}  {told[2]:.2f} s",
                        flush=True,
                    )
    for (semivalue, budget), rows in all_gains.items():
        means = {name: np.exp(np.mean([np.log(row[name]) for row in rows])) for name in rows[0]}
        worst = min(row["with controls"] for row in rows)
        print(f"{'all':20}{semivalue:29}{budget:>4}  {line(means)}  at least {worst:.1f}")


def line(gains):
    """Write gains beside each other."""
    return "  ".join(f"{name} {gain:.3g}" for name, gain in gains.items() if gain != 1)


if __name__ == "__main__":
    main(sys.argv[1:])
