"""What skdvl adds to the estimator's own time, as ratios and microseconds of one run.

Run it with ``python benchmarks/overhead.py``. Two questions:

1. How long do drawing, folding and estimating take for each scored coalition, when scoring
   itself costs nothing?
2. How long does a score of a real estimator take, beside the bare loop of clone, fit and score
   that a user would write?
"""

from time import perf_counter, process_time

import numpy as np
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import get_scorer
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from skdvl.samplers import CoalitionSampler, PermutationSampler, SizeOptimalSampler
from skdvl.semivalues import Banzhaf, Shapley
from skdvl.strategies import PerSizeReuse
from skdvl.testing import play
from skdvl.utilities import ModelUtility, Utility
from skdvl.workers import pinned_threads


class Free(Utility):
    """Costs nothing and says nothing."""

    def __init__(self, n_players):
        self.n_players = n_players

    def __call__(self, masks):
        return masks[:, 0].astype(float)


def per_evaluation(n, sampler, semivalue, strategy=None, n_rounds=20, repeats=5):
    play(Free(n), sampler, semivalue, 1, strategy=strategy)
    seconds = []
    for _ in range(repeats):
        began = perf_counter()
        run = play(Free(n), sampler, semivalue, n_rounds, strategy=strategy)
        seconds.append((perf_counter() - began) / run.n_evaluations)
    return 1e6 * np.median(seconds)


def against_the_bare_loop(estimator, scoring, n=200, n_coalitions=300, repeats=5):
    X, y = load_breast_cancer(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    y = X[:, 0] if scoring == "r2" else y
    X, X_val, y, y_val = X[:n, 1:], X[n:, 1:], y[:n], y[n:]
    rng, scorer = np.random.default_rng(0), get_scorer(scoring)
    masks = rng.permuted(np.arange(n) < rng.integers(20, n, (n_coalitions, 1)), axis=1)
    utility = ModelUtility(estimator, X, y, X_val, y_val, scorer)
    utility.bind()
    ratios = []
    for _ in range(repeats):
        began = process_time()
        bare = [scorer(clone(estimator).fit(X[m], y[m]), X_val, y_val) for m in masks]
        middle = process_time()
        ours = utility(masks)
        ratios.append((middle - began) / (process_time() - middle))
    assert np.array_equal(bare, ours), "a score was changed"
    return ratios, 1e6 * (process_time() - middle) / n_coalitions


if __name__ == "__main__":
    with pinned_threads():
        print("Drawing, folding and estimating, microseconds for each scored coalition")
        for n in (100, 300, 1000, 3000):
            walked = per_evaluation(n, PermutationSampler(), Shapley(), n_rounds=5)
            print(f"  permutations, n = {n:5d}: {walked:6.2f}")
        for n in (250, 500, 1000, 2000):
            plain = per_evaluation(n, CoalitionSampler(), Banzhaf())
            sized = per_evaluation(n, SizeOptimalSampler(), Shapley())
            row = f"  coalitions,   n = {n:5d}: {plain:6.2f} Banzhaf, {sized:6.2f} Shapley"
            kept = per_evaluation(n, SizeOptimalSampler(), Shapley(), PerSizeReuse, n_rounds=3)
            print(f"{row}, {kept:6.2f} kept by size")
        print("A real estimator: times as fast as clone, fit and score; microseconds a score")
        for estimator, scoring in (
            (LogisticRegression(), "accuracy"),
            (make_pipeline(StandardScaler(), LogisticRegression()), "accuracy"),
            (GaussianNB(), "accuracy"),
            (KNeighborsClassifier(), "accuracy"),
            (DecisionTreeClassifier(random_state=0), "accuracy"),
            (GaussianNB(), "neg_log_loss"),
            (Ridge(), "r2"),
        ):
            ratios, micros = against_the_bare_loop(estimator, scoring)
            line = f"  {type(estimator).__name__:24s} {scoring:14s}"
            print(f"{line} {np.median(ratios):5.2f} {micros:7.0f}")
