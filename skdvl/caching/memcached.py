"""Scores kept by memcached servers, for all machines that reach them."""

import os
import re
from concurrent.futures import ThreadPoolExecutor
from numbers import Integral, Real
from threading import Lock
from time import monotonic, time
from uuid import uuid4

from sklearn.utils._param_validation import Interval

from .base import Cache, hide

_MONTH = 30 * 86400  # seconds; memcached takes more for a date
_FRESH = 1.0  # seconds that the generation is taken to be the same


class MemcachedCache(Cache):
    """Keeps scores on memcached servers.

    memcached knows no passwords: use it on the loopback address or in a private network only, and
    set a `secret` where others may write to it. A server that is gone, slow or talks nonsense
    costs the hits and one warning; nothing that it sends is ever unpickled.

    Parameters
    ----------
    servers : sequence of str, default=("127.0.0.1:11211",)
        Host and port of each. A key lives on one of them; the list must be the same everywhere.
    prefix : str, default="skdvl"
        Begins every key, so that a server can be shared; letters, digits and ``-_.`` only.
    timeout : float, default=0.25
        Seconds to wait for a server to go on talking.
    connect_timeout : float or None, default=None
        Seconds to wait for a connection; None is `timeout`.
    deadline : float, default=1.0
        Seconds that an operation may take in all.
    expire : int, default=0
        Seconds after which the server drops a score; 0 keeps it while there is room.
    secret : str, bytes or None, default=None
        Refuse scores of whoever does not know it, and keep ours apart from theirs.

    Attributes
    ----------
    stats : CacheStats

    Examples
    --------
    >>> from skdvl.caching import MemcachedCache
    >>> cache = MemcachedCache(["127.0.0.1:11211"], secret="ours")
    >>> valuator = ShapleyValuator(model, cache=cache)  # doctest: +SKIP
    """

    _parameter_constraints = {
        "servers": ["array-like"],
        "prefix": [str],
        "timeout": [Interval(Real, 0, None, closed="neither")],
        "connect_timeout": [Interval(Real, 0, None, closed="neither"), None],
        "deadline": [Interval(Real, 0, None, closed="neither")],
        "expire": [Interval(Integral, 0, None, closed="left")],
        "secret": [str, bytes, None],
    }

    def __init__(
        self,
        servers=("127.0.0.1:11211",),
        *,
        prefix="skdvl",
        timeout=0.25,
        connect_timeout=None,
        deadline=1.0,
        expire=0,
        secret=None,
    ):
        self.servers = servers
        self.prefix = prefix
        self.timeout = timeout
        self.connect_timeout = connect_timeout
        self.deadline = deadline
        self.expire = expire
        self.secret = hide(secret)

    def _validate_params(self):
        super()._validate_params()
        _pymemcache()
        if isinstance(self.servers, str) or not len(self.servers):
            raise ValueError(
                f"servers={self.servers!r} must be a list such as ['127.0.0.1:11211']."
            )
        for server in self.servers:
            host, _, port = str(server).rpartition(":")
            if not host or not port.isdigit():
                raise ValueError(f"servers has {server!r}; expected 'host:port'.")
        if not re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", self.prefix):
            raise ValueError(
                f"prefix={self.prefix!r} must be 1 to 64 letters, digits, '-', '_' or '.'."
            )

    def _read(self, keys):
        return self._in_time(self._read_all, keys)

    def _write(self, records):
        self._in_time(self._write_all, records)

    def _clear(self):
        """Begin a new generation of keys: those of others stay, and ours are never asked for."""
        self._in_time(self._begin_generation, None)

    def _by_place(self, keys):
        """Return pairs of a server's number and the keys that live there."""
        if keys and vars(self).get("_open") is None:  # mistakes are told, whatever else fails
            self._validate_params()
        shares = {}
        for key in keys:
            shares.setdefault(self._server_of(key), []).append(key)
        return list(shares.items())

    def _server_of(self, key):
        return key[0] % len(self.servers)

    def _read_all(self, opened, keys):
        client, start = self._client_of(opened, keys)
        names = {start + key.hex(): key for key in keys}
        found = client.get_many(list(names)).items()
        return {names[name]: record for name, record in found if name in names}

    def _write_all(self, opened, records):
        client, start = self._client_of(opened, records)
        named = {start + key.hex(): record for key, record in records.items()}
        expire = self.expire if self.expire <= _MONTH else int(time()) + self.expire
        refused = client.set_many(named, expire=expire, noreply=False)
        if refused:
            raise OSError(f"the server refused {len(refused)} of {len(named)} scores")

    def _begin_generation(self, opened, _):
        for client in opened.clients:
            client.set(f"{self._start}:generation", uuid4().hex.encode(), noreply=False)
        opened.generations.clear()

    def _client_of(self, opened, keys):
        """Return the client of the server that these keys live on, and how they begin there."""
        i = self._server_of(next(iter(keys)))
        client = opened.clients[i]
        generation, read_at = opened.generations.get(i, ("", -_FRESH))
        if monotonic() - read_at > _FRESH:
            generation = self._generation(client)
            opened.generations[i] = generation, monotonic()
        return client, f"{self._start}:{generation}:"

    @property
    def _start(self):
        """What all our keys begin with; those who have another secret have others."""
        if self.secret is None:
            return self.prefix
        return f"{self.prefix}.{self._tagger()(b'start', b'').hex()}"

    def _generation(self, client):
        name = f"{self._start}:generation"
        found = client.get(name)
        if found is None:
            client.add(name, uuid4().hex.encode(), noreply=False)
            found = client.get(name)
        if type(found) is not bytes or len(found) != 32 or not found.isalnum():
            raise OSError("the server does not keep what it is given")
        return found.decode()

    def _in_time(self, operation, argument):
        """Run an operation, and give it up when its time is over.

        Timeouts of sockets begin anew with every byte that comes; a server that trickles could
        hold a fit for hours.
        """
        opened = self._opened()
        future = opened.runner.submit(self._run, operation, opened, argument)
        try:
            return future.result(self.deadline)
        except TimeoutError:
            self._close()  # which ends the operation, too
            raise

    def _run(self, operation, opened, argument):
        try:
            return operation(opened, argument)
        finally:
            if vars(self).get("_open") is not opened:  # given up; it may have connected again
                opened.close()

    def _opened(self):
        """Return the connections of this process."""
        with vars(self).setdefault("_lock", Lock()):
            opened = vars(self).get("_open")
            if opened is None or opened.owner != os.getpid():
                self._validate_params()
                opened = self._open = _Connections(self)
        return opened

    def _close(self):
        opened = vars(self).pop("_open", None)
        if opened is not None and opened.owner == os.getpid():
            opened.close()
            opened.runner.shutdown(wait=False, cancel_futures=True)

    def __getstate__(self):
        return self.get_params(deep=False)

    def __setstate__(self, state):
        vars(self).update(state)


class _Connections:
    """Clients of all servers of a cache, and the one thread that talks to them."""

    def __init__(self, cache):
        client = _pymemcache().Client
        settings = {"timeout": cache.timeout, "no_delay": True}
        settings["connect_timeout"] = cache.connect_timeout or cache.timeout
        self.clients = [client(server, **settings) for server in cache.servers]
        self.runner = ThreadPoolExecutor(1, thread_name_prefix="skdvl-memcached")
        self.owner, self.generations = os.getpid(), {}

    def close(self):
        for client in self.clients:
            client.close()


def _pymemcache():
    try:
        import pymemcache
    except ImportError as error:
        raise ImportError(
            'MemcachedCache needs pymemcache: pip install "skdvl[memcached]"'
        ) from error
    return pymemcache
