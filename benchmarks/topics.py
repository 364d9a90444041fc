"""What `python -m benchmarks` measures: a few lines of each script, small enough to be rerun.

A topic is a function that yields lines. Speed is told as ratios, each taken a few times in this
very run; whoever is not installed is left out, and named.
"""

from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from time import perf_counter

import cache
import data_oob
import estimators
import influence
import kernels
import knn
import mislabels
import numpy as np
import overhead
import parallel
import peers
from sklearn.datasets import load_breast_cancer, make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import roc_auc_score
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdvl.semivalues import Banzhaf, Shapley
from skdvl.testing import play

TURNS = 3
PARALLEL_WORK = 8.0  # seconds of each fit


@dataclass(frozen=True)
class Line:
    """One number of a table.

    Attributes
    ----------
    topic, what, against : str
        What is measured, and what it is measured against.
    numbers : list of float
        The same, measured again.
    unit : {"times", "AUROC"}
    """

    topic: str
    what: str
    against: str
    numbers: list
    unit: str = "times"


def of_overhead():
    """Yield how many times as fast a refit is as the bare loop, which is what others get."""
    piped = make_pipeline(StandardScaler(), LogisticRegression())
    for estimator in (LogisticRegression(), piped):
        ratios, _ = overhead.against_the_bare_loop(estimator, "accuracy", n_coalitions=100)
        yield "refit, " + _name(estimator), "clone, fit, score", ratios


def of_kernels():
    """Yield how many times as fast kernels are, on sets and on prefixes of permutations."""
    for estimator, *shape in (
        (Ridge(), 500, 30),
        (GaussianNB(), 500, 30),
        (KNeighborsClassifier(), 500, 30),
        (LogisticRegression(), 300, 30),
        (LogisticRegression(), *kernels.REAL),
    ):
        sets = kernels.rows_of(estimator, *shape)
        lines = [kernels.measure(estimator, *sets) for _ in range(TURNS)]
        for place, kind in ((2, "sets"), (3, "prefixes")):
            if len(lines[0]) > place:
                ratios = [line[0] / line[place] for line in lines]
                data = ", breast_cancer" if tuple(shape) == kernels.REAL else ""
                yield f"{_name(estimator)}{data}, {kind}", "clone, fit, score", ratios


def of_errors():
    """Yield how many times lower errors are than permutations', at ten sets for each row."""
    wanted = "naive Bayes", "ridge"
    for name, utility in estimators.games():
        if name not in wanted:
            continue
        for semivalue in (Shapley(), Banzhaf()):
            sampler, strategy = estimators.designs(utility, semivalue)["with controls"]
            by_strategy = partial(play, utility, sampler, semivalue, strategy=strategy)
            reference = by_strategy(estimators.REFERENCE, seed=10**6)
            gains, _ = estimators.compare(utility, semivalue, reference, estimators.ROUNDS["10n"])
            what = f"{name}, {semivalue!r}"
            yield what, "permutations", [gains["with controls"]]
            for library in ("pyDVL", "shapiq"):
                if library in gains:
                    yield what, f"{library}'s best", [gains["with controls"] / gains[library]]


def of_neighbors():
    """Yield how many times as fast values of nearest neighbours are."""
    n = 10_000
    n_val = 300
    for name in ("textbook loop", "pyDVL", "OpenDataVal"):
        ratios = _knn_ratios("skdvl", name, n, n_val, knn.TOLERANCE.get(name, 1e-12))
        if ratios:
            yield f"KNN-Shapley, {n} x {n_val} rows", name, ratios
    ratios = _knn_ratios("skdvl, by each other", "cleanlab", n, n, np.inf)  # in its own units
    if ratios:
        yield f"KNN by each other, {n} rows", "cleanlab", ratios


def _knn_ratios(ours, name, n, n_val, tolerance):
    """Return how many times as long somebody else takes; none if it is not installed."""
    ratios = []
    for _ in range(TURNS):
        own, theirs = knn.measure(ours, n, n_val), knn.measure(name, n, n_val)
        if theirs is None:
            break
        np.testing.assert_allclose(own[2], theirs[2], atol=tolerance)
        ratios.append(theirs[0] / own[0])
    return ratios


def of_out_of_bag():
    """Yield how many times as fast out-of-bag values of a fitted forest are."""
    X, y = make_classification(5000, 20, n_informative=8, flip_y=0.1, random_state=0)
    forest = RandomForestClassifier(50, max_features="sqrt", random_state=0).fit(X, y)
    seconds = {name: [] for name in data_oob.ways_of_all()}
    for _ in range(TURNS):
        for name, way in data_oob.ways_of_all().items():
            began = perf_counter()
            way(forest, X, y)
            seconds[name].append(perf_counter() - began)
    for name in list(seconds)[1:]:
        pairs = zip(seconds[name], seconds["skdvl"], strict=True)
        yield "Data-OOB, 5000 rows", name, [theirs / ours for theirs, ours in pairs]


def of_workers():
    """Yield how many times as fast two workers are as one, with models of 2 milliseconds."""
    ways = {"skdvl": lambda n_jobs: parallel.measure(0.002, n_jobs, PARALLEL_WORK)[0]}
    if parallel.pydvl is not None:
        ways["pyDVL"] = lambda n_jobs: parallel.measure_pydvl(0.002, n_jobs, PARALLEL_WORK)
    for name, way in ways.items():
        way(2)  # start the workers
        yield f"{name}, two workers", "one worker", [way(1) / way(2) for _ in range(TURNS)]


def of_caches():
    """Yield how many times as fast a hit is as training a logistic regression, and as pyDVL's."""
    _, micros = overhead.against_the_bare_loop(LogisticRegression(), "accuracy", n_coalitions=100)
    told = [cache.keys_and_hits() for _ in range(TURNS)]
    theirs = {} if cache.pydvl is None else cache.hits_of_pydvl()
    for name, other in (("MemoryCache", "InMemory"), ("DiskCache", "Disk")):
        if name not in told[0]:
            continue
        hits = [one[name][1] for one in told]
        yield f"{name}, a hit", "LogisticRegression", [micros / hit for hit in hits]
        if theirs:
            yield f"{name}, a hit", "pyDVL", [theirs[f"{other}CacheBackend"] / hit for hit in hits]


def of_mislabels():
    """Yield how well methods find wrong labels: areas under the ROC curve."""
    X, y = load_breast_cancer(return_X_y=True)
    methods = "random", "KNN (5)", "KNN (5), by each other", "Data-OOB, 800 trees", "Beta(16, 1)"
    for method in (*methods, "Shapley"):
        areas = []
        for seed in range(TURNS):
            X_train, y_train, X_val, y_val, wrong = mislabels.spoil(X, y, seed)
            valuator, validates = mislabels.valuators(seed)[method]
            given = {"X_val": X_val, "y_val": y_val} if validates else {}
            values = valuator.fit(X_train, y_train, **given).values_
            areas.append(roc_auc_score(wrong, -np.nan_to_num(values)))
        yield method, "wrong labels of breast_cancer", areas, "AUROC"


def of_influence():
    """Yield how many times as fast leave-one-out is from one fit as by refits."""
    ratios, told, changes = influence.against_refits(TURNS)
    assert np.corrcoef(told, changes)[0, 1] > 0.999
    yield "InfluenceValuator, 2000 rows", "2000 refits", ratios


TOPICS = {
    "overhead": of_overhead,
    "kernels": of_kernels,
    "errors": of_errors,
    "neighbors": of_neighbors,
    "out of bag": of_out_of_bag,
    "workers": of_workers,
    "caches": of_caches,
    "influence": of_influence,
    "mislabels": of_mislabels,
}
PEERS = {
    "pyDVL": peers.pydvl is not None,
    "shapiq": peers.shapiq is not None,
    "cleanlab": find_spec("cleanlab") is not None,
    "OpenDataVal": find_spec("opendataval") is not None,
}


def lines(topic):
    """Yield the lines of a topic."""
    for told in TOPICS[topic]():
        yield Line(topic, *told)


def _name(estimator):
    steps = getattr(estimator, "steps", None)
    return (
        type(estimator).__name__
        if steps is None
        else " + ".join(type(step).__name__ for _, step in steps)
    )
