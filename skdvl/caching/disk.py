"""Scores kept in a file, for the next run and for other processes."""

import os
import sqlite3
from functools import cache
from numbers import Integral
from pathlib import Path
from threading import Lock

from sklearn.utils._param_validation import Interval

from .base import Cache, hide

_PATIENCE = 5.0  # seconds to wait for another process that is writing


class DiskCache(Cache):
    """Keeps scores in a folder, which any number of processes may use at once.

    What it has kept is there after a crash. A file that is damaged, a full disk, or a folder that
    cannot be written to cost the hits and one warning. Nothing in the folder is ever unpickled.

    Parameters
    ----------
    path : str, path-like or None, default=None
        The folder, made with permissions for its owner alone. None is ``skdvl`` in the user's
        cache folder: that of ``XDG_CACHE_HOME``, or ``~/.cache``.
    size_limit : int or None, default=None
        Bytes, beyond which scores that were not used for longest are dropped; about 100 for each.
        Each hit is written down then, and takes ten times as long. None drops nothing.
    secret : str, bytes or None, default=None
        Refuse scores of whoever does not know it, where others may write to the folder.

    Attributes
    ----------
    stats : CacheStats

    Examples
    --------
    >>> import tempfile
    >>> from skdvl.caching import DiskCache
    >>> folder = tempfile.mkdtemp()
    >>> DiskCache(folder).put_many({b"one": 0.5})
    >>> DiskCache(folder).get_many([b"one", b"two"])
    {b'one': 0.5}
    """

    deadline = 4 * _PATIENCE
    _parameter_constraints = {
        "path": [str, os.PathLike, None],
        "size_limit": [Interval(Integral, 1, None, closed="left"), None],
        "secret": [str, bytes, None],
    }

    def __init__(self, path=None, *, size_limit=None, secret=None):
        self.path = path
        self.size_limit = size_limit
        self.secret = hide(secret)

    def _validate_params(self):
        super()._validate_params()
        _diskcache()

    def _read(self, keys):
        store = self._opened()
        found = ((key, store.get(key)) for key in keys)
        return {key: record for key, record in found if record is not None}

    def _write(self, records):
        store = self._opened()
        with store.transact():
            for key, record in records.items():
                store.set(key, record)

    def _clear(self):
        try:
            self._opened().clear()
        except sqlite3.DatabaseError:  # damaged beyond use: nothing in it is lost
            self._close()
            for name in ("cache.db", "cache.db-wal", "cache.db-shm"):
                (self._folder() / name).unlink(missing_ok=True)

    def _name(self):
        return f"DiskCache at {os.fspath(self._folder())!r}"

    def _folder(self):
        return _default_path() if self.path is None else Path(self.path)

    def _opened(self):
        """Return the store of this process."""
        with vars(self).setdefault("_lock", Lock()):
            store, owner = vars(self).get("_store", (None, None))
            if owner != os.getpid():
                store = self._open()
                self._store = store, os.getpid()
        return store

    def _open(self):
        self._validate_params()
        diskcache = _diskcache()
        path = self._folder()
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        _wait_for_turn(path / "cache.db")
        dropping = {"eviction_policy": "none", "cull_limit": 0}
        if self.size_limit is not None:
            dropping = {"eviction_policy": "least-recently-used", "size_limit": self.size_limit}
        return diskcache.Cache(
            os.fspath(path),
            timeout=_PATIENCE,
            disk=_raw_disk(),
            sqlite_mmap_size=0,  # a file that is cut short would end the process by SIGBUS
            **dropping,
        )

    def _close(self):
        store, _ = vars(self).pop("_store", (None, None))
        if store is not None:
            store.close()

    def __getstate__(self):
        return self.get_params(deep=False)

    def __setstate__(self, state):
        vars(self).update(state)


def _wait_for_turn(path):
    """Raise if another process keeps a file locked; diskcache would wait a minute to open it."""
    if path.exists():
        file = sqlite3.connect(path, timeout=_PATIENCE, isolation_level=None)
        try:
            file.execute("BEGIN IMMEDIATE")
            file.execute("ROLLBACK")
        finally:
            file.close()


def _default_path():
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "skdvl"


def _diskcache():
    try:
        import diskcache
    except ImportError as error:
        raise ImportError('DiskCache needs diskcache: pip install "skdvl[disk]"') from error
    return diskcache


@cache
def _raw_disk():
    """Return a way of storing bytes for diskcache, which pickles what it is given otherwise.

    It writes no pickles, and reads none, whatever a file says its entries are.
    """
    import diskcache
    from diskcache.core import MODE_RAW

    class RawDisk(diskcache.Disk):
        def put(self, key):
            return sqlite3.Binary(key), True

        def get(self, key, raw):
            return bytes(key) if raw and isinstance(key, bytes) else b""

        def store(self, value, read, key=None):
            return 0, MODE_RAW, None, sqlite3.Binary(value)

        def fetch(self, mode, filename, value, read):
            is_raw = mode == MODE_RAW and filename is None and isinstance(value, bytes)
            return value if is_raw else b""  # no record: it counts as missing

    return RawDisk
