"""What every cache does: keep a number under a key, and prove that it is the number of that key."""

import hashlib
import struct
from abc import ABC, abstractmethod
from dataclasses import dataclass, fields

import numpy as np
from sklearn.base import BaseEstimator

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


class Cache(BaseEstimator, ABC):
    """Base class for caches: write `_read`, `_write` and `_clear`, that is enough.

    A record is a float64 and a tag that binds it to its key, 16 bytes; one that is anything else
    counts as missing. With a `secret`, nobody who does not know it can write a record that
    counts.

    Attributes
    ----------
    stats : CacheStats
        Since the cache was made; of this process.
    """

    secret = None

    @abstractmethod
    def _read(self, keys):
        """Return a dict of the records that are there, of bytes to bytes."""

    @abstractmethod
    def _write(self, records):
        """Keep a dict of records, of bytes to bytes."""

    @abstractmethod
    def _clear(self):
        """Forget every record."""

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
        records, scores = self._read(keys), {}
        tag = self._tagger()
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
            if np.isfinite(score):
                number = struct.pack("<d", score)
                records[key] = number + tag(key, number)
        if records:
            self._write(records)
            self.stats.sets += len(records)

    def clear(self):
        """Forget everything that this cache has kept."""
        self._clear()

    def _tagger(self):
        secret = b"" if self.secret is None else hashlib.blake2b(_bytes(self.secret)).digest()
        blank = hashlib.blake2b(b"skdvl 1", digest_size=_TAG, key=secret)

        def tag(key, number):
            tagged = blank.copy()
            tagged.update(key + number)
            return tagged.digest()

        return tag


def _bytes(secret):
    return secret.encode() if isinstance(secret, str) else bytes(secret)
