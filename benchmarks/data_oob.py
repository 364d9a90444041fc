"""Seconds of Data-OOB values of a fitted forest, beside other ways to the same numbers.

The others are pyDVL, where it is installed; what ``oob_score=True`` adds to scikit-learn's own
fit; and a plain loop of the definition. All are taken in turns in one run, and the shortest of
each counts: ratios say more than seconds on a machine that does other work too.

    python benchmarks/data_oob.py
"""

import warnings
from copy import copy
from time import perf_counter

import numpy as np
from sklearn.base import is_classifier
from sklearn.datasets import make_classification, make_regression
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

from skdvl import DataOOBValuator

try:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pydvl import valuation as pydvl
except ImportError:
    pydvl = None

N_MEMBERS, TURNS = 50, 3
SIZES = [(1000, 10), (5000, 20), (20_000, 20), (3000, 500)]


def of_skdvl(forest, X, y):
    return DataOOBValuator(forest, prefit=True).fit(X, y).values_


def of_definition(forest, X, y):
    """Take the mean score of every row, member by member, as one would write it down."""
    total, counts = np.zeros(len(y)), np.zeros(len(y))
    for member, seen in zip(forest.estimators_, forest.estimators_samples_, strict=True):
        rows = np.setdiff1d(np.arange(len(y)), seen)
        told = member.predict(X[rows])
        if is_classifier(forest):
            total[rows] += forest.classes_[told.astype(int)] == y[rows]
        else:
            total[rows] -= (told - y[rows]) ** 2
        counts[rows] += 1
    return total / counts


def of_sklearn(forest, X, y):
    """Do what `fit` does for ``oob_score=True``, after the trees; these are other numbers."""
    forest, X, y = copy(forest), X.astype(np.float32), y.reshape(-1, 1)
    if is_classifier(forest):
        forest.n_classes_ = [forest.n_classes_]  # as it is amid a fit
    forest._set_oob_score_and_attributes(X, y)


def of_pydvl(forest, X, y):
    valuation = pydvl.DataOOBValuation(forest)
    return np.asarray(valuation.fit(pydvl.Dataset(X, y)).result.values)


def problems():
    for n, d in SIZES:
        X, y = make_classification(n, d, n_informative=8, flip_y=0.1, random_state=0)
        yield "classification", X, y, RandomForestClassifier
        X, y = make_regression(n, d, n_informative=8, noise=10, random_state=0)
        yield "regression", X, y, RandomForestRegressor


def ways_of_all():
    """Return what each library, and a loop, would do."""
    ways = {"skdvl": of_skdvl, "loop": of_definition, "oob_score": of_sklearn}
    return ways if pydvl is None else ways | {"pyDVL": of_pydvl}


def main():
    ways = ways_of_all()
    print(f"{'task':14} {'rows':>6} {'cols':>5}  {'skdvl':>8}", end="")
    print("".join(f" {name + ' / skdvl':>17}" for name in list(ways)[1:]))
    for task, X, y, kind in problems():
        forest = kind(N_MEMBERS, max_features="sqrt", n_jobs=1, random_state=0).fit(X, y)
        seconds, values = dict.fromkeys(ways, np.inf), {}
        for _ in range(TURNS):
            for name, way in ways.items():
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    begin = perf_counter()
                    values[name] = way(forest, X, y)
                    seconds[name] = min(seconds[name], perf_counter() - begin)
        np.testing.assert_allclose(values["skdvl"], values["loop"])
        if "pyDVL" in values and not np.allclose(values["skdvl"], values["pyDVL"]):
            print("(pyDVL's values differ)")
        ratios = (seconds[name] / seconds["skdvl"] for name in list(ways)[1:])
        print(f"{task:14} {X.shape[0]:6} {X.shape[1]:5}  {seconds['skdvl']:6.3f} s", end="")
        print("".join(f" {ratio:17.1f}" for ratio in ratios), flush=True)


if __name__ == "__main__":
    main()
