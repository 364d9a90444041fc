"""Scores kept in this process, the latest used longest."""

from collections import OrderedDict
from numbers import Integral
from threading import Lock

from sklearn.utils._param_validation import Interval

from .base import Cache

_ENTRY = 256  # bytes that an entry takes in CPython: two bytes objects, and its place


class MemoryCache(Cache):
    """Keeps scores in memory, and forgets those that were not used for longest.

    Valuators that are given the same cache share it, clones in a grid search too. Worker processes
    have their own: what a search with ``n_jobs=2`` computes there stays there.

    Parameters
    ----------
    max_size : int, default=2**28
        Bytes. A score takes about 256, so that the default keeps a million.

    Attributes
    ----------
    stats : CacheStats

    Examples
    --------
    >>> from skdvl.caching import MemoryCache
    >>> cache = MemoryCache()
    >>> cache.put_many({b"one": 0.5})
    >>> cache.get_many([b"one", b"two"])
    {b'one': 0.5}
    >>> cache.stats
    CacheStats(hits=1, misses=1, sets=1, errors=0, timeouts=0)
    """

    _parameter_constraints = {"max_size": [Interval(Integral, _ENTRY, None, closed="left")]}

    def __init__(self, max_size=2**28):
        self.max_size = max_size
        self._begin()

    def _begin(self):
        self._kept, self._lock = OrderedDict(), Lock()

    def __len__(self):
        return len(self._kept)

    def _read(self, keys):
        found = {}
        with self._lock:
            for key in keys:
                if key in self._kept:
                    self._kept.move_to_end(key)
                    found[key] = self._kept[key]
        return found

    def _write(self, records):
        self._validate_params()
        with self._lock:
            for key, record in records.items():
                self._kept[key] = record
                self._kept.move_to_end(key)
            while len(self._kept) * _ENTRY > self.max_size:
                self._kept.popitem(last=False)

    def _clear(self):
        with self._lock:
            self._kept.clear()

    def __getstate__(self):
        return {"max_size": self.max_size}  # it does not travel

    def __setstate__(self, state):
        vars(self).update(state)
        self._begin()
