"""Influence from one fit: beside leave-one-out refits, for a million rows, and beside boosting.

Refits are a sample of all of them, which the rest is taken to be like. Ratios are of one run, and
say more than seconds on a machine that does other work too.

    python benchmarks/influence.py
"""

import tracemalloc
from functools import partial
from time import perf_counter

import numpy as np
from scipy.stats import spearmanr
from sklearn.base import clone, is_classifier
from sklearn.datasets import make_classification, make_friedman1, make_regression
from sklearn.ensemble import (
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, mean_squared_error
from threadpoolctl import threadpool_limits

from skdvl import BoostInValuator, InfluenceValuator

N_VAL, REFITS, TURNS = 1000, 100, 3
REPEATS = 10  # of what takes milliseconds, in each turn


def data(n, d):
    X, y = make_classification(
        n + N_VAL, d, n_informative=d // 2, flip_y=0.1, class_sep=0.7, random_state=0
    )
    return X[:n], y[:n], {"X_val": X[n:], "y_val": y[n:]}


def targets(n, d):
    X, y = make_regression(n + N_VAL, d, n_informative=d // 2, noise=20.0, random_state=0)
    return X[:n], y[:n], {"X_val": X[n:], "y_val": y[n:]}


def seconds_of(work):
    begin = perf_counter()
    result = work()
    return perf_counter() - begin, result


def against_refits(turns):
    """Return how many times as long refits take as "alo", and what both say of some rows."""
    X, y, given = data(2000, 20)
    model = LogisticRegression(solver="newton-cholesky", tol=1e-8).fit(X, y)
    rows = np.random.default_rng(0).choice(len(y), REFITS, replace=False)

    def loss(fitted):
        return log_loss(given["y_val"], fitted.predict_proba(given["X_val"]))

    def refit(i):
        return loss(clone(model).fit(np.delete(X, i, axis=0), np.delete(y, i)))

    valuator = InfluenceValuator(model, kind="alo", prefit=True)
    ratios = []
    for _ in range(turns):
        ours, _ = seconds_of(lambda: valuator.fit(X, y, **given))
        theirs, losses = seconds_of(lambda: np.array([refit(i) for i in rows]))
        ratios.append(theirs * len(y) / REFITS / ours)
    return ratios, valuator.values_[rows], losses - loss(model)


def beside_refits():
    """Print how long leave-one-out takes, and how near "alo" comes to it."""
    ratios, told, changes = against_refits(TURNS)
    print(
        f"LogisticRegression, 2000 x 20: refits take {np.median(ratios):.0f} times as long;", end=""
    )
    print(f" correlation {np.corrcoef(told, changes)[0, 1]:.7f}, ", end="")
    print(f"mean error {np.abs(told - changes).mean() / np.abs(changes).mean():.1e} of a value")


def many_rows():
    """Print how time and memory grow with the number of rows."""
    for n in (10_000, 100_000, 1_000_000):
        X, y, given = data(n, 30)
        model = LogisticRegression()
        fit, model = seconds_of(lambda model=model, X=X, y=y: model.fit(X, y))
        line = f"{n:9} x 30: fit {fit:6.2f} s"
        for kind in ("influence", "self_influence"):
            valuator = InfluenceValuator(model, kind=kind, prefit=True)
            ours, _ = seconds_of(lambda v=valuator, X=X, y=y, given=given: v.fit(X, y, **given))
            line += f"; {kind} {ours:6.2f} s"
        tracemalloc.start()
        InfluenceValuator(model, kind="influence", prefit=True).fit(X, y, **given)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        print(f"{line}; {peak / X.nbytes:.1f} times the memory of X", flush=True)


def boosting():
    """Print what share of the booster's own fit its influence takes, both on one thread."""
    histograms = {"max_iter": 100, "early_stopping": False}
    for make, booster, n_columns in (
        (data, GradientBoostingClassifier(n_estimators=100), (20,)),
        (data, HistGradientBoostingClassifier(**histograms), (20, 50)),
        (targets, HistGradientBoostingRegressor(**histograms), (20, 50)),
    ):
        for d in n_columns:
            X, y, given = make(10_000, d)
            fits, ours = [], []
            for _ in range(TURNS):
                with threadpool_limits(1):
                    fits.append(seconds_of(lambda b=booster, X=X, y=y: b.fit(X, y))[0])
                    valuator = BoostInValuator(booster, prefit=True)
                    fit = partial(valuator.fit, X, y, **given)
                    ours.append(min(seconds_of(fit)[0] for _ in range(REPEATS)))
            name, share = type(booster).__name__, min(ours) / min(fits)
            print(
                f"{name}, 100 rounds of 10000 x {d}: fit {min(fits):.2f} s, influence {share:.1%}",
                flush=True,
            )


def ranks_of_boosters():
    """Print how ranks of 80 rows by BoostIn correlate with those of leave-one-out refits."""
    n, told = 80, []
    for booster in (
        HistGradientBoostingClassifier(max_iter=20, min_samples_leaf=3),
        GradientBoostingClassifier(n_estimators=20, random_state=0),
        HistGradientBoostingRegressor(max_iter=20, min_samples_leaf=3),
        GradientBoostingRegressor(n_estimators=20, random_state=0),
    ):
        for seed in range(5):
            if is_classifier(booster):
                X, y = make_classification(
                    n + 300, 6, n_informative=4, flip_y=0.1, random_state=seed
                )
                loss, method = log_loss, "predict_proba"
            else:
                X, y = make_friedman1(n + 300, noise=1, random_state=seed)
                loss, method = mean_squared_error, "predict"
            losses = []
            for i in range(n):
                model = clone(booster).fit(np.delete(X[:n], i, axis=0), np.delete(y[:n], i))
                losses.append(loss(y[n:], getattr(model, method)(X[n:])))
            valuator = BoostInValuator(booster).fit(X[:n], y[:n], X_val=X[n:], y_val=y[n:])
            told.append(spearmanr(valuator.values_, losses)[0])
    low, median, high = np.quantile(told, [0, 0.5, 1])
    print(f"BoostIn of {n} rows, {len(told)} cases: rank correlation with refits", end=" ")
    print(f"{median:.2f} in the median, {low:.2f} to {high:.2f}", flush=True)


if __name__ == "__main__":
    beside_refits()
    ranks_of_boosters()
    boosting()
    many_rows()
