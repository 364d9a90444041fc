"""How well each valuator finds wrong labels, and how long it takes.

Run it with ``OMP_NUM_THREADS=1 python benchmarks/mislabels.py [--seeds 5] [file.npz ...]``; a file
holds X and y of two classes or more. Without files it takes data that come with scikit-learn.
1000 rows train (or two thirds of them, if there are fewer), 100 others are for validation, and one
label in ten is wrong in both. Columns are scaled. The table shows means over the seeds: the area
under the ROC curve and the average precision of low values as a sign of a wrong label, F1 of the
lower of two clusters of values, and seconds for a fit. Valuators that train models on coalitions
get a thousand of them.
"""

import argparse
import warnings
from pathlib import Path
from time import perf_counter

import numpy as np
from sklearn.cluster import KMeans
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import average_precision_score, f1_score, roc_auc_score
from sklearn.preprocessing import scale

import skdvl
from skdvl.stopping import MaxEvaluations

N, N_VAL, WRONG = 1000, 100, 0.1


def valuators(seed):
    """Return a valuator of each kind, and whether it looks at validation rows."""
    budget = {"stopping": MaxEvaluations(1000), "random_state": seed}
    model = LogisticRegression(max_iter=200)
    forest = RandomForestClassifier(800, random_state=seed)
    learned = {"utility_model": Ridge(), "utility_budget": 1000}
    bag = skdvl.TwoDOOBValuator(random_state=seed)
    return {
        "random": (skdvl.RandomValuator(random_state=seed), False),
        "KNN (5)": (skdvl.KNNShapleyValuator(5), True),
        "KNN (5), by each other": (skdvl.KNNShapleyValuator(5), False),
        "Data-OOB, 800 trees": (skdvl.DataOOBValuator(forest), False),
        "2D-OOB": (bag, False),
        "confident learning": (skdvl.ConfidentLearningValuator(model), False),
        "leave one out": (skdvl.LeaveOneOutValuator(model), True),
        "Shapley": (skdvl.ShapleyValuator(model, **budget), True),
        "Banzhaf": (skdvl.BanzhafValuator(model, **budget), True),
        "Beta(16, 1)": (skdvl.BetaShapleyValuator(model, **budget), True),
        "Shapley, learned": (skdvl.ShapleyValuator(model, **learned, random_state=seed), True),
        "class-wise": (skdvl.ClasswiseShapleyValuator(model, **budget), True),
        "AME": (skdvl.AMEValuator(model, **budget), True),
        "group testing": (skdvl.GroupTestingShapleyValuator(model, **budget), True),
        "least core": (skdvl.LeastCoreValuator(model, n_coalitions=1000, random_state=seed), True),
    }


def data_sets(paths):
    """Yield names, rows and labels as numbers."""
    if not paths:
        for load in (load_breast_cancer, load_digits, load_wine):
            yield load.__name__[5:], *load(return_X_y=True)
    for path in paths:
        with np.load(path) as told:
            yield path.stem, told["X"], told["y"]


def spoil(X, y, seed):
    """Return training and validation rows with wrong labels, and which of the former are wrong."""
    rng = np.random.default_rng(seed)
    n = min(N, 2 * (len(y) - N_VAL) // 3) if len(y) < N + N_VAL else N
    n_val = min(N_VAL, len(y) - n)
    y = np.unique(y, return_inverse=True)[1]
    rows = rng.permutation(len(y))[: n + n_val]
    X, y = scale(np.asarray(X, dtype=float))[rows], y[rows]
    wrong = np.zeros(n + n_val, dtype=bool)
    wrong[rng.choice(n, round(WRONG * n), replace=False)] = True
    wrong[n + rng.choice(n_val, round(WRONG * n_val), replace=False)] = True
    n_classes = y.max() + 1
    y = np.where(wrong, (y + rng.integers(1, n_classes, len(y))) % n_classes, y)
    return X[:n], y[:n], X[n:], y[n:], wrong[:n]


def judge(values, wrong):
    """Return what values say of wrong labels."""
    values = np.nan_to_num(values, nan=np.nanmean(values))
    low = KMeans(2, n_init=10, random_state=0).fit(values[:, None])
    in_lower = low.labels_ == low.cluster_centers_.argmin()
    return (
        roc_auc_score(wrong, -values),
        average_precision_score(wrong, -values),
        f1_score(wrong, in_lower),
    )


def main(paths, n_seeds, wanted):
    warnings.simplefilter("ignore")
    for name, X, y in data_sets(paths):
        print(f"\n{name:26}{'AUROC':>8}{'AP':>8}{'F1':>8}{'seconds':>10}", flush=True)
        for method in valuators(0):
            if wanted and method not in wanted:
                continue
            rows = []
            for seed in range(n_seeds):
                X_train, y_train, X_val, y_val, wrong = spoil(X, y, seed)
                valuator, validates = valuators(seed)[method]
                given = {"X_val": X_val, "y_val": y_val} if validates else {}
                began = perf_counter()
                values = valuator.fit(X_train, y_train, **given).values_
                seconds = perf_counter() - began
                rows.append((*judge(values, wrong), seconds))
            auroc, precision, f1, seconds = np.mean(rows, axis=0)
            print(f"{method:26}{auroc:8.3f}{precision:8.3f}{f1:8.3f}{seconds:10.2f}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--methods", nargs="*", default=[])
    given = parser.parse_args()
    main(given.files, given.seeds, given.methods)
