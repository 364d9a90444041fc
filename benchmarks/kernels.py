"""What a coalition costs: the bare loop, our refit, and kernels; then whole fits.

Run on a machine at rest, one thread: OMP_NUM_THREADS=1 python benchmarks/kernels.py

The bare loop is ``clone(estimator).fit(X[rows], y[rows])`` and the scorer, over coalitions of all
sizes. Scores are asserted to be equal, to 1e-9, before anything is timed.
"""

import warnings
from time import perf_counter
from timeit import repeat

import numpy as np
from sklearn.base import clone, is_classifier
from sklearn.datasets import load_breast_cancer, make_classification, make_regression
from sklearn.discriminant_analysis import (
    LinearDiscriminantAnalysis,
    QuadraticDiscriminantAnalysis,
)
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge, RidgeClassifier
from sklearn.metrics import get_scorer
from sklearn.naive_bayes import BernoulliNB, GaussianNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor, NearestCentroid
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, scale
from sklearn.svm import SVC, SVR
from sklearn.tree import DecisionTreeClassifier

from skdvl import ShapleyValuator
from skdvl.coalitions import Walks
from skdvl.samplers import PermutationSampler, Round
from skdvl.semivalues import Shapley
from skdvl.stopping import MaxRounds
from skdvl.strategies import MarginalMean
from skdvl.streams import Streams
from skdvl.utilities import ModelUtility, make_utility
from skdvl.utilities.optimum import at_optimum

N_VAL = 200
REAL = ("breast_cancer",)  # in place of the numbers of rows and columns
CASES = [
    (Ridge(), 500, 30),
    (LinearRegression(), 500, 30),
    (KNeighborsRegressor(), 500, 30),
    (KernelRidge(kernel="rbf"), 300, 30),
    (RidgeClassifier(), 500, 30),
    (GaussianNB(), 500, 30),
    (BernoulliNB(), 500, 30),
    (NearestCentroid(), 500, 30),
    (KNeighborsClassifier(), 500, 30),
    (LinearDiscriminantAnalysis(), 300, 30),
    (QuadraticDiscriminantAnalysis(), 300, 10),
    (LogisticRegression(), 300, 30),
    (LogisticRegression(), *REAL),
    (make_pipeline(StandardScaler(), LogisticRegression()), 300, 30),
    (at_optimum(LogisticRegression()), 300, 30),  # beside refits by Newton's solver
    (SVC(), 300, 30),
    (SVC(kernel="linear"), 300, 30),
    (SVR(), 300, 30),
    (DecisionTreeClassifier(random_state=0), 300, 30),
]


def rows_of(estimator, *shape):
    """Return (X, y, X_val, y_val): breast_cancer, or as many made rows and columns."""
    return real_rows() if shape == REAL else made_rows(estimator, *shape)


def real_rows():
    """Return breast_cancer, 100 rows of it for validation."""
    X, y = load_breast_cancer(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(X))
    X, y = scale(X)[order], y[order]
    return X[:469], y[:469], X[469:], y[469:]


def made_rows(estimator, n, d):
    """Return random rows for an estimator, some more of them for validation."""
    make = make_classification if is_classifier(estimator) else make_regression
    more = {"noise": 20.0}
    if is_classifier(estimator):
        more = {"n_informative": d // 2, "n_redundant": 0}
    X, y = make(n + N_VAL, d, random_state=0, **more)
    return X[:n], y[:n], X[n:], y[n:]


def clocked(function):
    """Return what a function returns, and the seconds of the quickest of three calls."""
    seconds = []
    for _ in range(3):
        began = perf_counter()
        result = function()
        seconds.append(perf_counter() - began)
    return result, min(seconds)


def measure(estimator, X, y, X_val, y_val):
    """Return microseconds for each coalition: the bare loop, our refit, masks and chains."""
    n, d = X.shape
    scorer = get_scorer("accuracy" if is_classifier(estimator) else "r2")
    rng = np.random.default_rng(0)
    sizes = rng.integers(4 * d, n, 100)
    masks = rng.permuted(np.arange(n) < sizes[:, None], axis=1)

    def bare():
        scores = []
        for mask in masks:
            model = clone(estimator).fit(X[mask], y[mask])
            scores.append(scorer(model, X_val, y_val))
        return np.array(scores)

    refit = ModelUtility(estimator, X, y, X_val, y_val, scorer)
    refit.bind()
    expected, seconds = clocked(bare)
    line = [1e6 * seconds / len(masks)]
    scores, seconds = clocked(lambda: refit.evaluate(masks).scores)
    np.testing.assert_array_equal(scores, expected)
    line.append(1e6 * seconds / len(masks))
    utility = make_utility(refit)
    if utility is not refit:
        scores, _ = clocked(lambda: utility.evaluate(masks).scores)
        np.testing.assert_allclose(scores, expected, rtol=1e-9, atol=1e-12)
        n_masks = 2 * utility.block_size
        many = rng.permuted(np.arange(n) < rng.integers(4 * d, n, n_masks)[:, None], axis=1)
        _, seconds = clocked(lambda: utility.evaluate(many))
        line.append(1e6 * seconds / len(many))
        order = rng.permuted(np.tile(np.arange(n), (utility.lockstep(n) or 1, 1)), axis=1)
        walks = Walks(np.zeros(order.shape, dtype=bool), order)
        if utility.walk is not None:
            _, seconds = clocked(lambda: list(utility.walk(walks.start, walks.order)))
            line.append(1e6 * seconds / order.size)
    return line


def one(estimator, *shape):
    """Print a line on an estimator: microseconds for each coalition, and ratios."""
    line = measure(estimator, *rows_of(estimator, *shape))
    times = "".join(f"{us:10.1f}" for us in line) + " " * 10 * (4 - len(line))
    ratios = "".join(f"{line[0] / us:9.1f}x" for us in line[1:])
    name = str(estimator)
    if getattr(estimator, "solver", None) == "newton-cholesky":
        name = "LogisticRegression at its optimum"
    if shape == REAL:
        name += " breast_cancer"
    print(f"{name:38}{times}{ratios}", flush=True)


def whole(estimator, n_rounds):
    """Print the seconds of a fit on breast_cancer."""
    X, y, X_val, y_val = real_rows()
    valuator = ShapleyValuator(estimator, stopping=MaxRounds(n_rounds), random_state=0)
    began = perf_counter()
    valuator.fit(X, y, X_val=X_val, y_val=y_val)
    seconds = perf_counter() - began
    print(f"{type(estimator).__name__}: {valuator.n_evaluations_} evaluations in {seconds:.2f} s")
    print(f"    {valuator.utility_info_}")


def bookkeeping(n):
    """Print the nanoseconds for each evaluation that drawing and folding permutations take."""
    sampler, streams = PermutationSampler(), Streams(0)
    strategy = MarginalMean(Shapley(), sampler, n)
    tally, scores = strategy.empty(), np.random.default_rng(0).random((1, n + 1))

    def draw():
        return sampler.draw(Round(1, n, streams.of_round(1)))

    walks, each = draw(), []
    for part in (draw, lambda: strategy.fold(tally, walks, scores)):
        each.append(1e9 * min(repeat(part, number=50, repeat=50)) / 50 / n)
    print(f"{n:6} players: drawing {each[0]:.0f} ns, folding {each[1]:.0f} ns for each evaluation")


def main():
    warnings.simplefilter("ignore")
    print(f"{'':38}{'bare us':>10}{'refit':>10}{'masks':>10}{'chains':>10}{'ratios to bare':>20}")
    for case in CASES:
        one(*case)
    for n in (300, 500, 1000, 2000):
        bookkeeping(n)
    whole(Ridge(), 546)
    whole(GaussianNB(), 640)


if __name__ == "__main__":
    main()
