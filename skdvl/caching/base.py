"""What every cache does: keep a number under a key, and prove that it is the number of that key."""

import hashlib
import math
import struct
from abc import ABC, abstractmethod
from contextlib import suppress
from dataclasses import dataclass, fields
from time import monotonic

from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import InvalidParameterError

from ..pages import HasPage
from .breaker import Breaker

_TAG = 8  # bytes
_RECORD = struct.Struct(f"<d{_TAG}s")


@dataclass
class CacheStats:
    """What a cache was asked for.

    Attributes
    ----------
    hits, misses : int
        Keys that were there, and that were not.
    sets : int
        Numbers that were kept.
    errors : int
        Records that were refused because they are not what was written, and operations that
        failed.
    timeouts : int
        Operations that took too long.

    Examples
    --------
    >>> from skdvl import ShapleyValuator
    >>> from skdvl.caching import MemoryCache
    >>> from skdvl.games import ShoesGame
    >>> cache = MemoryCache()
    >>> for _ in range(2):
    ...     valuator = ShapleyValuator(cache=cache).fit_utility(ShoesGame(2, 3))
    ...     print(cache.stats)
    CacheStats(hits=0, misses=32, sets=32, errors=0, timeouts=0)
    CacheStats(hits=32, misses=32, sets=32, errors=0, timeouts=0)
    """

    hits: int = 0
    misses: int = 0
    sets: int = 0
    errors: int = 0
    timeouts: int = 0

    def clear(self):
        """Begin to count anew."""
        for field in fields(self):
            setattr(self, field.name, 0)


class Cache(HasPage, BaseEstimator, ABC):
    """Base class for caches: write `_read`, `_write` and `_clear`, that is enough.

    A record is a float64 and a tag that binds it to its key, 16 bytes; one that is anything else
    counts as missing. With a `secret`, nobody who does not know it can write a record that
    counts.

    Attributes
    ----------
    stats : CacheStats
        Since the cache was made; of this process.
    secret : str, bytes or None
    deadline : float

    Examples
    --------
    >>> from skdvl import BanzhafValuator, ShapleyValuator
    >>> from skdvl.caching import Cache
    >>> from skdvl.games import ShoesGame
    >>> class DictCache(Cache):
    ...     '''Keeps scores in a dict.'''
    ...     def __init__(self):
    ...         self.kept = {}
    ...     def _read(self, keys):
    ...         return {key: self.kept[key] for key in keys if key in self.kept}
    ...     def _write(self, records):
    ...         self.kept.update(records)
    ...     def _clear(self):
    ...         self.kept.clear()
    >>> cache = DictCache()
    >>> for valuator in ShapleyValuator(cache=cache), BanzhafValuator(cache=cache):
    ...     valuator = valuator.fit_utility(ShoesGame(2, 3))  # of five players: 32 coalitions
    ...     print(cache.stats.hits, len(cache.kept))
    0 32
    32 32
    """

    _parameter_constraints: dict = {}
    secret = None
    deadline = math.inf  # seconds, beyond which an operation counts as a fault

    @abstractmethod
    def _read(self, keys):
        """Return a dict of the records that are there, of bytes to bytes."""

    @abstractmethod
    def _write(self, records):
        """Keep a dict of records, of bytes to bytes."""

    @abstractmethod
    def _clear(self):
        """Forget every record."""

    def set_params(self, **params):
        """Set parameters; what is open is opened anew.

        Parameters
        ----------
        **params : dict

        Returns
        -------
        self : Cache
        """
        self.close()
        if "secret" in params:
            params["secret"] = hide(params["secret"])
        return super().set_params(**params)

    def __sklearn_clone__(self):
        return self  # valuators share it, also the clones in a grid search

    @property
    def stats(self):
        return vars(self).setdefault("_stats", CacheStats())

    def get_many(self, keys):
        """Look up keys.

        Parameters
        ----------
        keys : list of bytes

        Returns
        -------
        scores : dict of bytes to float
            Those that are known.
        """
        records, scores, tag = {}, {}, self._tagger()
        for place, mine in self._by_place(keys):
            records |= self._guarded(place, "read", self._read, mine) or {}
        for key in keys:
            record = records.get(key)
            if record is None:
                continue
            if type(record) is bytes and len(record) == _RECORD.size:
                if tag(key, record[:8]) == record[8:]:
                    scores[key] = _RECORD.unpack(record)[0]
                    continue
            self.stats.errors += 1
        self.stats.hits += len(scores)
        self.stats.misses += len(keys) - len(scores)
        return scores

    def put_many(self, scores):
        """Keep numbers; NaN and infinite ones are no scores.

        Parameters
        ----------
        scores : dict of bytes to float
        """
        tag, records = self._tagger(), {}
        for key, score in scores.items():
            if math.isfinite(score):
                number = struct.pack("<d", score)
                records[key] = number + tag(key, number)
        for place, mine in self._by_place(records):
            mine = {key: records[key] for key in mine}
            if self._guarded(place, "write", self._written, mine):
                self.stats.sets += len(mine)

    def clear(self):
        """Forget everything that this cache has kept."""
        self._clear()

    def close(self):
        """Let go of files and connections; the next operation opens them again."""
        self._close()

    def __del__(self):
        with suppress(Exception):
            self._close()

    def take_trouble(self):
        """Return what went wrong first since this was asked.

        Returns
        -------
        trouble : str or None
            A sentence.
        """
        return vars(self).pop("_trouble", None)

    def _by_place(self, keys):
        """Return pairs of a place and the keys that live there; each place fails alone."""
        return [("here", list(keys))] if keys else []

    def _written(self, records):
        self._write(records)
        return True

    def _guarded(self, place, kind, operation, argument):
        """Return what an operation returns, or None if it fails or is not worth trying."""
        breaker = vars(self).setdefault("_breakers", {}).setdefault(place, Breaker())
        began = monotonic()
        if breaker.is_closed(kind):
            return None
        try:
            result = operation(argument)
        except (ImportError, InvalidParameterError):
            raise  # a mistake of the user's, who is there to see it
        except Exception as error:
            late = isinstance(error, TimeoutError) or monotonic() - began > self.deadline
            breaker.failed(kind)
            self._fault(late, f"{type(error).__name__}: {error}")
            return None
        if monotonic() - began > self.deadline:
            breaker.failed(kind)
            self._fault(True, f"an operation took more than {self.deadline:g} seconds")
        else:
            breaker.worked(kind)
        return result

    def _fault(self, late, words):
        if late:
            self.stats.timeouts += 1
        else:
            self.stats.errors += 1
        trouble = f"{self._name()} cannot be used ({words}). Scores are computed instead."
        vars(self).setdefault("_trouble", trouble)
        with suppress(Exception):
            self._close()

    def _name(self):
        """Return what a warning calls this cache; it tells no secrets."""
        return repr(self)

    def _close(self):
        """Let go of what is open; called after a fault. The next operation begins anew."""

    def _tagger(self):
        secret = b"" if self.secret is None else hashlib.blake2b(_bytes(self.secret)).digest()
        blank = hashlib.blake2b(b"skdvl 1", digest_size=_TAG, key=secret)

        def tag(key, number):
            tagged = blank.copy()
            tagged.update(key + number)
            return tagged.digest()

        return tag


class _HiddenText(str):
    def __repr__(self):
        return "'...'"


class _HiddenBytes(bytes):
    def __repr__(self):
        return "b'...'"


def hide(secret):
    """Return the same secret, that no `repr` tells: those of valuators end in logs."""
    kinds = {str: _HiddenText, bytes: _HiddenBytes}
    return kinds[type(secret)](secret) if type(secret) in kinds else secret


def _bytes(secret):
    return secret.encode() if isinstance(secret, str) else bytes(secret)
