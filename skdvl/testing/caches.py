"""Checks of caches."""

import math
import pickle
import struct
from concurrent.futures import ThreadPoolExecutor
from unittest.mock import patch

import numpy as np
from sklearn.base import clone

from ..caching import Cache
from ..samplers import CoalitionSampler
from ..semivalues import Shapley
from .games import SmallGame, play


def check_cache(cache):
    """Check that a cache returns what it was given, whole or not at all, and never raises.

    The cache is cleared.

    Parameters
    ----------
    cache : Cache

    Raises
    ------
    AssertionError
        If it does not; the message says in what.

    Examples
    --------
    >>> from skdvl.caching import MemoryCache
    >>> from skdvl.testing import check_cache
    >>> check_cache(MemoryCache())
    """
    assert isinstance(cache, Cache), "derive from Cache"
    assert clone(cache) is cache, "clones of a valuator must share the cache"
    cache._validate_params()
    cache.clear()
    _check_scores(cache)
    _check_records(cache)
    _check_faults(cache)
    _check_fits(cache)
    cache.clear()


def _check_scores(cache):
    numbers = [
        0.0,
        -0.0,
        1 / 3,
        -1e300,
        5e-324,
        np.nextafter(1, 2),
        *np.random.default_rng(0).random(500),
    ]
    scores = {bytes([i % 256, i // 256]) * 8: float(number) for i, number in enumerate(numbers)}
    assert cache.get_many(list(scores)) == {}, "clear must forget everything"
    assert cache.get_many([]) == {} and cache.put_many({}) is None
    cache.put_many(scores)
    found = cache.get_many([*scores, b"unknown" * 2])
    assert {key: struct.pack("<d", score) for key, score in found.items()} == {
        key: struct.pack("<d", score) for key, score in scores.items()
    }, "scores must come back with all their bits"
    odd = {b"nan" * 5: math.nan, b"inf" * 5: math.inf}
    cache.put_many(odd)
    assert cache.get_many(list(odd)) == {}, "only finite numbers are scores"
    first = next(iter(scores))
    cache.put_many({first: 2.0})
    assert cache.get_many([first]) == {first: 2.0}, "the last score that was put counts"
    cache.close()
    assert cache.get_many([first]).get(first, 2.0) == 2.0, "close must leave the cache usable"
    travelled = pickle.loads(pickle.dumps(cache))
    assert repr(travelled) == repr(cache), "a cache travels with its valuator"
    assert travelled.get_many([first]).get(first, 2.0) == 2.0
    with ThreadPoolExecutor(4) as threads:
        every = list(threads.map(lambda _: cache.get_many(list(scores)), range(8)))
        list(threads.map(cache.put_many, [scores] * 8))
    expected = scores | {first: 2.0}
    assert all(expected[key] == score for found in every for key, score in found.items())
    assert cache.get_many(list(scores)) == scores, "threads must not lose what others put"
    cache.clear()
    assert cache.get_many(list(scores)) == {}, "clear must forget everything"


def _check_records(cache):
    """Damage what is stored, and look whether it is told from a score."""
    a, b = b"a" * 16, b"b" * 16
    cache.put_many({a: 1.0, b: 2.0})
    records = {}
    for _, mine in cache._by_place([a, b]):
        records |= cache._read(mine)
    assert all(type(record) is bytes for record in records.values()), "records are bytes"
    for damaged in (records[b], records[a][:-1], b"", records[a] + b"x", bytes(16)):
        cache._write({a: damaged})
        errors = cache.stats.errors
        assert cache.get_many([a, b]) == {b: 2.0}, "a damaged record must count as missing"
        assert cache.stats.errors >= errors
    cache.clear()


def _check_faults(cache):
    """Let storing and finding fail; a fit must not notice."""

    def fail(*args):
        raise OSError("planted")

    with patch.object(cache, "_read", fail), patch.object(cache, "_write", fail):
        errors = cache.stats.errors
        assert cache.get_many([b"a" * 16]) == {} and cache.put_many({b"a" * 16: 1.0}) is None
        assert cache.stats.errors == errors + 2, "failed operations are counted"
    assert "planted" in cache.take_trouble()
    cache.put_many({b"a" * 16: 1.0})
    assert cache.get_many([b"a" * 16]) == {b"a" * 16: 1.0}, "a fault must not be the end"
    cache.clear()


def _check_fits(cache):
    """Play a game without the cache, with it empty, and with it full."""
    game, sampler = SmallGame(), CoalitionSampler()
    cold = play(game, sampler, Shapley(), 2)
    for sets in (True, False):
        before = cache.stats.sets
        run = play(game, sampler, Shapley(), 2, cache=cache)
        np.testing.assert_array_equal(run.values, cold.values)
        assert (cache.stats.sets > before) == sets, "a full cache leaves nothing to score"
