"""What processes that tests start are there for; it imports little, so that they begin at once."""

import math
import os

import joblib
import numpy as np
from models import Means
from sklearn.datasets import load_breast_cancer

from skdvl import ShapleyValuator
from skdvl.caching import DiskCache, disk
from skdvl.evaluation import stream
from skdvl.stopping import MaxRounds
from skdvl.valuators import keeper


def fit_to_the_end(checkpoint, out, n_jobs, backend="multiprocessing", said=None):
    """Fit with a checkpoint that is written often; leave the values in a file when all is done."""
    if os.getsid(0) != os.getpid():
        os.setsid()  # so that a killed one and its workers are found
    keeper._SECONDS = stream._SECONDS = 0.02
    X, y = load_breast_cancer(return_X_y=True)
    settings = {"stopping": MaxRounds(15), "cv": 2, "random_state": 0, "checkpoint": checkpoint}
    valuator = ShapleyValuator(Means(), **settings)
    if said is not None:
        said.send("begins")
    with joblib.parallel_config(backend=backend, n_jobs=n_jobs):
        values = valuator.fit(X[:100], y[:100]).values_
    np.save(f"{out}-part", values)
    os.replace(f"{out}-part.npy", f"{out}.npy")


def _patient(path):
    """Return a cache that waits as long as it takes: a busy machine is not a fault."""
    DiskCache.deadline, disk._PATIENCE = math.inf, 600.0
    return DiskCache(path)


def look_up(path, scores):
    """Find on disk what another process has left there."""
    assert _patient(path).get_many(list(scores)) == scores


def read_and_write(path, mine):
    """Read and write beside others who do the same."""
    cache = _patient(path)
    for i in range(40):
        keys = [bytes([i, j, k]) * 4 for j in range(16) for k in (0, mine)]
        assert all(score == key[0] for key, score in cache.get_many(keys).items())
        cache.put_many({key: float(key[0]) for key in keys})
    assert cache.stats.errors == cache.stats.timeouts == 0, cache.stats


def write_without_end(path, said):
    """Write, and say what is written."""
    cache = _patient(path)
    for i in range(10**6):
        cache.put_many({b"%d %d" % (i, j): float(i) for j in range(20)})
        said.send(i)
