"""What a hit costs, for each cache, and what it saves a fit.

Run: python benchmarks/cache.py [host:port of a memcached]

pyDVL's hits are there if it is installed in the same environment.
"""

import sys
import tempfile
import warnings
from importlib.util import find_spec
from time import perf_counter

import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression

from skdvl import BanzhafValuator, BetaShapleyValuator, ShapleyValuator
from skdvl.caching import DiskCache, MemcachedCache, MemoryCache
from skdvl.caching.recall import Recall
from skdvl.identity import digest
from skdvl.samplers import PermutationSampler
from skdvl.stopping import MaxRounds
from skdvl.testing import SmallGame

try:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pydvl import valuation as pydvl
        from pydvl.utils import caching as pydvl_caching
except ImportError:
    pydvl = None

BATCH = 64
REPEATS = 5


def best(function):
    """Seconds of the fastest of some runs."""
    times = []
    for _ in range(REPEATS):
        began = perf_counter()
        function()
        times.append(perf_counter() - began)
    return min(times)


def keys_and_hits(servers=()):
    """Microseconds per coalition: of making its key, and of looking it up with it."""
    n_players, n_batches = 1000, 50
    game = SmallGame(n_players)
    rng = np.random.default_rng(0)
    batches = [rng.random((BATCH, n_players)) < 0.5 for _ in range(n_batches)]
    told, caches = {}, [MemoryCache()]
    if find_spec("diskcache"):
        caches.append(DiskCache(tempfile.mkdtemp()))
    if servers:
        caches.append(MemcachedCache(servers))
    for cache in caches:
        recall = Recall(cache, [game])
        for masks in batches:
            recall.keep(0, masks, rng.random(BATCH))
        made = best(lambda: [recall._keys(0, masks) for masks in batches])  # noqa: B023
        hit = best(lambda: [recall.scores(0, masks) for masks in batches])  # noqa: B023
        told[type(cache).__name__] = [1e6 * s / n_batches / BATCH for s in (made, hit)]
    return told


def hits_of_pydvl():
    """Microseconds of looking up a coalition of half of 1000 rows in pyDVL's caches."""
    rng, told = np.random.default_rng(0), {}
    X, y = rng.normal(size=(1000, 2)), np.arange(1000) % 2
    samples = [
        pydvl.types.Sample(None, np.flatnonzero(rng.random(1000) < 0.5)) for _ in range(BATCH)
    ]
    scorer = pydvl.SupervisedScorer("accuracy", pydvl.Dataset(X[:10], y[:10]), default=0.0)
    in_memory, on_disk = pydvl_caching.InMemoryCacheBackend, pydvl_caching.DiskCacheBackend
    for backend in (in_memory(), on_disk(tempfile.mkdtemp())):
        utility = pydvl.ModelUtility(
            LogisticRegression(),
            scorer,
            cache_backend=backend,
            cached_func_options=pydvl_caching.CachedFuncConfig(time_threshold=0.0),
        ).with_dataset(pydvl.Dataset(X, y))
        for sample in samples:
            utility(sample)
        hit = best(lambda: [utility(sample) for sample in samples])  # noqa: B023
        told[type(backend).__name__] = 1e6 * hit / BATCH
    return told


def fits():
    """Seconds of a fit without a cache, with an empty one, with a full one, and of other methods.

    All draw the coalitions that Shapley values do; by itself, Banzhaf's sampler draws others.
    """
    X, y = load_breast_cancer(return_X_y=True)
    X, y = (X - X.mean(0))[:150] / X.std(0), y[:150]
    cache = MemoryCache()
    settings = {"stopping": MaxRounds(4), "cv": 3, "random_state": 0, "kernel": "refit"}
    settings["sampler"] = PermutationSampler()
    for name, kind, kept in (
        ("Shapley, without", ShapleyValuator, None),
        ("Shapley, cold", ShapleyValuator, cache),
        ("Shapley, warm", ShapleyValuator, cache),
        ("then Beta Shapley", BetaShapleyValuator, cache),
        ("then Banzhaf", BanzhafValuator, cache),
    ):
        cache.stats.clear()
        valuator = kind(LogisticRegression(), cache=kept, **settings)
        began = perf_counter()
        valuator.fit(X, y)
        seconds, stats = perf_counter() - began, cache.stats
        print(f"{name:18}{seconds:7.2f} s, {stats.hits:5} hits, {stats.misses:5} misses")


def main():
    data = np.zeros(100 * 2**20 // 8)
    print(f"100 MB digested in {best(lambda: digest(data)):.2f} s")
    for name, (key, hit) in keys_and_hits(sys.argv[1:]).items():
        print(f"{name:16} key {key:5.2f} us, hit {hit:5.2f} us (key included)")
    if pydvl is not None:
        for name, hit in hits_of_pydvl().items():
            print(f"pyDVL, {name:20} hit {hit:5.0f} us")
    fits()


if __name__ == "__main__":
    main()
