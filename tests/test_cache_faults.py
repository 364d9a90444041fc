"""Caches under faults: never a wrong score, never an exception, and well again afterwards.

A state machine for each cache keeps and looks up scores while files, records and connections
are damaged. SKDVL_FAULTS=12 injects twelve times as many faults as usual, more than ten thousand.
"""

import os
import pickle
import random
import shutil
import socket
import sqlite3
import tempfile
import threading
import time
from collections import Counter
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test
from servers import Server

from skdvl.caching import DiskCache, MemcachedCache, MemoryCache

EXAMPLES = 40 * int(os.environ.get("SKDVL_FAULTS", 1))
KEYS = [bytes([i]) * 16 for i in range(12)]
TRUTH = {key: (key[0] - 5) / 7 for key in KEYS}
# Where nothing waits for a disk.
IN_MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
some_keys = st.lists(st.sampled_from(KEYS), max_size=8, unique=True)


class Machine(RuleBasedStateMachine):
    """Puts, gets and damages; a subclass says what can be damaged, and how."""

    damages = ()

    def __init__(self):
        super().__init__()
        self.cache = self.make()

    @rule(keys=some_keys)
    def put(self, keys):
        self.cache.put_many({key: TRUTH[key] for key in keys})

    @rule(keys=some_keys)
    def get(self, keys):
        for key, score in self.cache.get_many(keys).items():
            assert score == TRUTH[key] and key in keys
            self.told["hits"] += 1

    @rule()
    def travel(self):
        self.cache.close()
        self.cache = pickle.loads(pickle.dumps(self.cache))

    @rule()
    def clear(self):
        with suppress(Exception):  # who asks for it is told if it fails
            self.cache.clear()

    @rule(data=st.data(), seed=st.integers(0, 2**30))
    def damage(self, data, seed):
        kind = data.draw(st.sampled_from(self.damages))
        self.told["faults"] += 1
        getattr(self, kind)(random.Random(seed))

    @rule()
    def heal(self):
        self.mend()
        with self.patience():
            self.cache.put_many(TRUTH)
            assert self.cache.get_many(KEYS) == TRUTH

    def patience(self):
        """Wait as long as it takes, where a fault is not to be told from a busy machine."""
        return nullcontext()

    def mend(self):
        """Undo what was damaged."""


def flipped(record, dice):
    """Return the bytes with some of their bits flipped."""
    record = bytearray(record)
    for _ in range(dice.choice([1, 5, 50])):
        record[dice.randrange(len(record))] ^= 1 << dice.randrange(8)
    return bytes(record)


class Memory(Machine):
    told = Counter()
    damages = ("flip", "swap", "cut", "alien")

    def make(self):
        return MemoryCache(max_size=10 * 256)

    def flip(self, dice):
        self._change(dice, lambda record: flipped(record, dice))

    def cut(self, dice):
        self._change(dice, lambda record: record[: dice.randrange(16)])

    def alien(self, dice):
        self._change(dice, lambda record: dice.choice([None, 0.5, "x" * 16, b"", b"x" * 17]))

    def swap(self, dice):
        records = self.cache._kept
        if len(records) > 1:
            a, b = dice.sample(sorted(records), 2)
            records[a], records[b] = records[b], records[a]

    def _change(self, dice, change):
        if self.cache._kept:
            key = dice.choice(sorted(self.cache._kept))
            record = self.cache._kept[key]
            if isinstance(record, bytes) and record:
                self.cache._kept[key] = change(record)

    @rule()
    def heal(self):
        self.cache = MemoryCache()
        self.cache.put_many(TRUTH)
        assert self.cache.get_many(KEYS) == TRUTH


class Disk(Machine):
    told = Counter()
    damages = ("flip", "cut", "blank", "garbage", "lose", "swap", "retype", "lock", "fill", "usurp")

    def make(self):
        self.folder = Path(tempfile.mkdtemp(dir=IN_MEMORY))
        return DiskCache(self.folder)

    def mend(self):
        self.cache.close()
        shutil.rmtree(self.folder, ignore_errors=True)
        with suppress(OSError):
            self.folder.unlink()

    def teardown(self):
        self.mend()

    def _overwritten(self, dice, change):
        """Damage a file while it is in use, or not."""
        if dice.random() < 0.5:
            self.cache.close()
        for name in ("cache.db", "cache.db-wal"):
            path = self.folder / name
            if (
                path.is_file()
                and path.stat().st_size
                and (name == "cache.db" or dice.random() < 0.5)
            ):
                with open(path, "r+b") as file:
                    change(file, path.stat().st_size)

    def flip(self, dice):
        def change(file, size):
            for _ in range(dice.choice([1, 5, 50])):
                place = dice.randrange(size)
                file.seek(place)
                byte = file.read(1)
                file.seek(place)
                file.write(bytes([byte[0] ^ 1 << dice.randrange(8)]))

        self._overwritten(dice, change)

    def cut(self, dice):
        self._overwritten(dice, lambda file, size: file.truncate(dice.randrange(size)))

    def blank(self, dice):
        def change(file, size):
            file.seek(dice.randrange(size))
            file.write(bytes(dice.randrange(1, 9000)))

        self._overwritten(dice, change)

    def garbage(self, dice):
        self._overwritten(dice, lambda file, size: file.write(dice.randbytes(size)))

    def lose(self, dice):
        """Remove the file, or the whole folder."""
        if dice.random() < 0.5:
            shutil.rmtree(self.folder, ignore_errors=True)
        elif (self.folder / "cache.db").is_file():
            (self.folder / "cache.db").unlink()

    def usurp(self, dice):
        """Put a file where the folder was."""
        self.mend()
        self.folder.write_bytes(b"mine")

    def _by_sql(self, change):
        if (self.folder / "cache.db").is_file():
            with suppress(sqlite3.Error):
                file = sqlite3.connect(self.folder / "cache.db", timeout=0, isolation_level=None)
                try:
                    change(file)
                finally:
                    file.close()

    def swap(self, dice):
        def change(file):
            rows = file.execute("select rowid, value from Cache").fetchall()
            if len(rows) > 1:
                (a, x), (b, y) = dice.sample(rows, 2)
                for row, value in ((a, y), (b, x)):
                    file.execute("update Cache set value = ? where rowid = ?", (value, row))

        self._by_sql(change)

    def retype(self, dice):
        """Say that records are pickles, texts or files."""
        mode, value = dice.choice([(4, b"\x80\x04N."), (3, "x" * 16), (2, None), (1, 0.5)])
        self._by_sql(
            lambda file: file.execute("update Cache set mode = ?, value = ?", (mode, value))
        )

    def lock(self, dice):
        """Write from another process, for longer than anyone waits."""

        def change(file):
            file.execute("begin exclusive")
            key = dice.choice(KEYS)
            self.cache.put_many({key: TRUTH[key]})
            self.get([key])
            file.execute("rollback")

        self._by_sql(change)

    def fill(self, dice):
        """Leave no room in the file."""
        with suppress(Exception):
            self.cache._opened()._sql("pragma max_page_count = 1")


class Proxy:
    """Stands before a server, and damages what it answers."""

    def __init__(self, server):
        self.server, self.pending, self.talks, self.last = server, [], [], None
        self.listener, self.over = socket.create_server(("127.0.0.1", 0)), threading.Event()
        self.place = self.listener.getsockname()
        self.address = f"{self.place[0]}:{self.place[1]}"
        self.thread = threading.Thread(target=self._serve)
        self.thread.start()

    def _serve(self):
        self.listener.settimeout(0.1)
        while not self.over.is_set():
            try:
                caller, who = self.listener.accept()
            except OSError:
                continue
            self.talks.append(threading.Thread(target=self._talk, args=(caller,)))
            self.talks[-1].start()
            self.last = who
        self.listener.close()

    def settle(self):
        """Wait until nothing is under way of whoever has hung up: nobody else may be there."""
        self.pending.clear()
        with socket.create_connection(self.place) as caller:
            while self.last != caller.getsockname():  # those before it were let in before it
                time.sleep(0.001)
        while self.talks:
            self.talks.pop().join()

    def close(self):
        self.settle()
        self.over.set()
        self.thread.join()

    def _talk(self, caller):
        """Hand on what is said, until the server has answered everything and hung up, too."""
        with caller, socket.create_connection(("127.0.0.1", self.server.port)) as server:
            asks = threading.Thread(target=self._ask, args=(caller, server))
            asks.start()
            with suppress(OSError):
                while said := server.recv(65536):
                    said = self._damaged(said)
                    if said is None:
                        break
                    caller.sendall(said)
            with suppress(OSError):
                caller.shutdown(socket.SHUT_RDWR)
            with suppress(OSError):
                while server.recv(65536):
                    pass
            asks.join()

    def _ask(self, caller, server):
        with suppress(OSError):
            while said := caller.recv(65536):
                server.sendall(said)
        with suppress(OSError):
            server.shutdown(socket.SHUT_WR)

    def _damaged(self, said):
        try:
            change = self.pending.pop()
        except IndexError:
            return said
        return change(said)


class Memcached(Machine):
    told = Counter()
    damages = ("flip", "cut", "drop", "twice", "garbage", "hang_up", "swap", "rot", "forget")
    server = proxy = None  # shared by all runs

    def make(self):
        return MemcachedCache([self.proxy.address], timeout=0.05, deadline=0.2)

    @contextmanager
    def patience(self):
        with patch.multiple(self.cache, timeout=60.0, deadline=120.0):
            yield
            self.cache.close()

    def mend(self):
        self.cache.close()
        for thread in threading.enumerate():
            if thread.name.startswith("skdvl-memcached"):  # may be at what was given up
                thread.join()
        self.proxy.settle()

    def teardown(self):
        self.mend()

    def _answer(self, change):
        self.proxy.pending.append(change)

    def flip(self, dice):
        self._answer(lambda said: flipped(said, dice))

    def cut(self, dice):
        self._answer(lambda said: said[: dice.randrange(len(said))])

    def drop(self, dice):
        self._answer(lambda said: b"")

    def twice(self, dice):
        self._answer(lambda said: said + said)

    def garbage(self, dice):
        self._answer(lambda said: dice.randbytes(len(said)))

    def hang_up(self, dice):
        self._answer(lambda said: None)

    def _stored(self):
        """Return a client of the server itself, and names of records that may be there."""
        from pymemcache import Client

        client = Client(("127.0.0.1", self.server.port), default_noreply=False)
        generation = client.get("skdvl:generation") or b"none"
        return client, [f"skdvl:{generation.decode()}:{key.hex()}" for key in KEYS]

    def swap(self, dice):
        client, names = self._stored()
        a, b = dice.sample(names, 2)
        found = client.get_many([a, b])
        if len(found) == 2:
            client.set_many({a: found[b], b: found[a]})
        client.close()

    def rot(self, dice):
        client, names = self._stored()
        for name, record in client.get_many(dice.sample(names, 4)).items():
            client.set(name, flipped(record, dice) if record else b"")
        client.close()

    def forget(self, dice):
        """Lose everything, the generation too."""
        client, _ = self._stored()
        client.flush_all()
        client.close()


def _run(machine):
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=100,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    print(machine.__name__, dict(machine.told))
    # How many is up to hypothesis, and changes with the constants that it finds in the code.
    assert machine.told["faults"] >= EXAMPLES and machine.told["hits"] > 0


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    monkeypatch.setattr("skdvl.caching.breaker._PAUSE", 0.0)
    monkeypatch.setattr("skdvl.caching.disk._PATIENCE", 0.02)


def test_memory():
    _run(Memory)


def test_disk():
    _run(Disk)


@pytest.mark.skipif(
    shutil.which("memcached") is None and not os.environ.get("CI"),
    reason="no memcached here: apt-get install memcached",
)
def test_memcached(monkeypatch):
    server = Server()
    try:
        monkeypatch.setattr(Memcached, "server", server)
        monkeypatch.setattr(Memcached, "proxy", Proxy(server))
        _run(Memcached)
    finally:
        if Memcached.proxy is not None:
            Memcached.proxy.close()
        server.stop()
