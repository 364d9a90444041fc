"""memcached for real, on a free port of the loopback address; and servers that misbehave."""

import gc
import math
import os
import pickle
import shutil
import socket
import threading
import time
import warnings

import numpy as np
import pytest
from pymemcache import Client
from servers import Server, patient
from sklearn.naive_bayes import GaussianNB

import skdvl
from skdvl.caching import MemcachedCache
from skdvl.stopping import MaxRounds
from skdvl.testing import check_cache

if shutil.which("memcached") is None and not os.environ.get("CI"):
    pytest.skip("no memcached here: apt-get install memcached", allow_module_level=True)

SCORES = {bytes([i]) * 16: i / 7 for i in range(100)}


@pytest.fixture(autouse=True)
def _for_good(monkeypatch):
    """What is left alone is left alone for the rest of a test, however long it takes."""
    monkeypatch.setattr("skdvl.caching.breaker._PAUSE", math.inf)


@pytest.fixture
def server():
    server = Server()
    yield server
    server.stop()


def test_scores_are_kept_for_others(server):
    cache = patient(server)
    cache.put_many(SCORES)
    other = patient(server).set_params(servers=(server.address,))
    assert other.get_many([*SCORES, b"unknown"]) == SCORES
    assert (other.stats.hits, other.stats.misses, other.stats.errors) == (100, 1, 0)
    assert pickle.loads(pickle.dumps(cache)).get_many(list(SCORES)) == SCORES
    for params in ({"prefix": "other"}, {"secret": "mine"}):
        other = patient(server, **params)
        assert other.get_many(list(SCORES)) == {} and other.stats.misses == 100
        assert other.stats.errors == other.stats.timeouts == 0


def test_parameters_are_looked_at_once_for_each_connection(server, monkeypatch):
    looked, look = [], MemcachedCache._validate_params
    monkeypatch.setattr(
        MemcachedCache, "_validate_params", lambda self: (looked.append(1), look(self))
    )
    cache = patient(server)
    cache.put_many(SCORES)
    first = len(looked)
    for _ in range(5):
        assert cache.get_many(list(SCORES)) == SCORES
    assert len(looked) == first > 0
    cache.set_params(servers=[server.address], timeout=60.0).get_many(list(SCORES))
    assert len(looked) > first


def test_keys_live_on_several_servers(server):
    second = Server()
    try:
        both = patient(server, second)
        both.put_many(SCORES)
        assert both.get_many(list(SCORES)) == SCORES
    finally:
        second.stop()


def test_a_dead_server_costs_its_own_keys_alone(server):
    second = Server()
    both = patient(server, second)
    both.put_many(SCORES)
    second.stop()
    for _ in range(5):
        assert both.get_many(list(SCORES)) == {key: SCORES[key] for key in SCORES if not key[0] % 2}
    assert both.stats.errors == 3 and both.stats.hits == 250
    both.put_many(SCORES)
    assert both.stats.sets == 150


def test_clear_forgets_ours_alone(server):
    client = Client(server.address)
    client.set("theirs", b"stays", noreply=False)
    cache, other = (patient(server, prefix=name) for name in ("a", "b"))
    for one in (cache, other):
        one.put_many(SCORES)
    cache.clear()
    assert cache.get_many(list(SCORES)) == {}
    assert other.get_many(list(SCORES)) == SCORES and client.get("theirs") == b"stays"
    client.close()


def test_the_contract(server):
    check_cache(patient(server, connect_timeout=60.0))


def test_secrets_keep_apart(server):
    ours, theirs = (patient(server, secret=word) for word in ("a", "b"))
    ours.put_many(SCORES)
    theirs.put_many(dict.fromkeys(SCORES, 1.0))
    assert ours.get_many(list(SCORES)) == SCORES and ours.stats.errors == 0
    theirs.clear()
    assert ours.get_many(list(SCORES)) == SCORES


def test_scores_expire_when_they_should(server):
    cache = patient(server, expire=31 * 86400)  # memcached takes it for a date
    cache.put_many(SCORES)
    assert cache.get_many(list(SCORES)) == SCORES
    brief = patient(server, prefix="brief", expire=1)
    brief.put_many(SCORES)
    assert brief.stats.sets == len(SCORES)
    end = time.monotonic() + 120
    while brief.get_many(list(SCORES)) and time.monotonic() < end:
        time.sleep(0.2)
    assert brief.get_many(list(SCORES)) == {} and brief.stats.timeouts == 0
    assert cache.get_many(list(SCORES)) == SCORES


class Bomb:
    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return open, (self.path, "w")


def test_no_pickle_is_ever_loaded(server, tmp_path):
    cache = patient(server)
    cache.put_many(SCORES)
    client = Client(server.address)
    generation = client.get("skdvl:generation").decode()
    for key in SCORES:
        for flags in (0, 1):  # pymemcache's own mark of a pickle
            name = f"skdvl:{generation}:{key.hex()}"
            client.set(name, pickle.dumps(Bomb(tmp_path / "bang")), flags=flags, noreply=False)
    client.close()
    assert cache.get_many(list(SCORES)) == {} and cache.stats.errors == len(SCORES)
    assert not (tmp_path / "bang").exists()


def _fits(cache, medium):
    """Values with and without a cache; they are the same."""
    X, y, X_val, y_val, _ = medium
    settings = {"stopping": MaxRounds(2), "random_state": 0}
    off = skdvl.ShapleyValuator(GaussianNB(), kernel="refit", **settings).fit(
        X, y, X_val=X_val, y_val=y_val
    )
    on = skdvl.ShapleyValuator(GaussianNB(), kernel="refit", cache=cache, **settings)
    on.fit(X, y, X_val=X_val, y_val=y_val)
    np.testing.assert_array_equal(off.values_, on.values_)
    np.testing.assert_array_equal(off.stderr_, on.stderr_)


def test_a_second_fit_is_warm(server, medium):
    _fits(patient(server), medium)
    again = patient(server)
    _fits(again, medium)
    assert again.stats.sets == 0 and again.stats.hits > 0


def test_a_server_that_is_absent_costs_one_warning(medium):
    with socket.socket() as absent:
        absent.bind(("127.0.0.1", 0))  # nobody else listens there
        cache = MemcachedCache([f"127.0.0.1:{absent.getsockname()[1]}"], timeout=60, deadline=120)
        with pytest.warns(RuntimeWarning, match="MemcachedCache.*cannot be used") as told:
            _fits(cache, medium)
    assert len(told) == 1 and cache.stats.errors == 3


def test_a_server_may_die_and_come_back(monkeypatch):
    monkeypatch.setattr("skdvl.caching.breaker._PAUSE", 0.2)
    server = Server()
    cache = patient(server)
    cache.put_many(SCORES)
    server.stop()
    for _ in range(5):
        assert cache.get_many(list(SCORES)) == {}
        cache.put_many(SCORES)
    server = Server(server.port)
    try:
        time.sleep(0.3)
        cache.put_many(SCORES)
        assert cache.get_many(list(SCORES)) == SCORES
    finally:
        server.stop()


def test_a_server_that_stands_still_is_left_alone(server, monkeypatch):
    cache = MemcachedCache([server.address])
    with monkeypatch.context() as patch:
        patch.setattr("skdvl.caching.breaker._PAUSE", 0.0)
        for _ in range(100):
            if not cache.stats.sets:  # until it is connected, and nothing has failed since
                cache.put_many(SCORES)
    assert cache.stats.sets == len(SCORES)
    server.stand_still()
    cache.stats.clear()
    for _ in range(100):
        assert cache.get_many(list(SCORES)) == {}
        cache.put_many(SCORES)
    assert (cache.stats.timeouts, cache.stats.errors, cache.stats.sets) == (3, 0, 0)


def test_what_is_given_up_leaves_nothing_open(server, monkeypatch):
    """Time may be up between two requests; the next one would connect again."""
    cache, over = patient(server, deadline=0.3), threading.Event()

    def waits(client, ask=cache._generation):
        found = ask(client)
        over.wait(60)
        return found

    monkeypatch.setattr(cache, "_generation", waits)
    del waits
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        gc.collect()  # what others have left
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        assert cache.get_many(list(SCORES)) == {} and cache.stats.timeouts == 1
        over.set()
        for thread in threading.enumerate():
            if thread.name.startswith("skdvl-memcached"):
                thread.join(60)
        monkeypatch.undo()  # which holds the cache
        del cache
        gc.collect()
    assert not told, told[0].message


def test_a_full_server_drops_and_never_lies():
    server = Server(memory=2)
    try:
        cache = patient(server)
        for i in range(0, 60_000, 500):
            keys = [j.to_bytes(4, "big") * 4 for j in range(i, i + 500)]
            cache.put_many({key: float(j) for j, key in enumerate(keys, i)})
        keys = [j.to_bytes(4, "big") * 4 for j in range(60_000)]
        found, cache = {}, patient(server)  # one that has seen no write fail
        for i in range(0, 60_000, 500):
            found |= cache.get_many(keys[i : i + 500])
        assert all(float(int.from_bytes(key[:4], "big")) == score for key, score in found.items())
        assert 0 < len(found) < 60_000
    finally:
        server.stop()


ODD = {
    "closes": lambda caller, asked: caller.close(),
    "garbage": lambda caller, asked: caller.sendall(b"\x00\xffNONSENSE\r\nEND\r\n"),
    "error": lambda caller, asked: caller.sendall(b"SERVER_ERROR out of memory\r\n"),
    "wrong key": lambda caller, asked: caller.sendall(b"VALUE other 0 4\r\nabcd\r\nEND\r\n"),
    "half": lambda caller, asked: (caller.sendall(b"VALUE k 0 32\r\nabc"), caller.close()),
    "echo": lambda caller, asked: caller.sendall(asked),
    "stored": lambda caller, asked: caller.sendall(b"STORED\r\n" * (1 + asked.count(b"\r\n"))),
    "generation": lambda caller, asked: caller.sendall(
        b"VALUE %s 0 32\r\n%s\r\nEND\r\n" % (b"".join(asked.split()[1:2]), b"a" * 32)
    ),
    "trickles": lambda caller, asked: [
        (caller.sendall(bytes([byte])), time.sleep(0.1)) for byte in b"VALUE k 0 99\r\n" + b"x" * 99
    ],
}


def test_writes_that_fail_are_given_up_though_reads_work(server, monkeypatch):
    cache, tried = patient(server), []

    def fail(records):
        tried.append(records)
        raise OSError("full")

    monkeypatch.setattr(cache, "_write", fail)
    for _ in range(10):
        cache.put_many(SCORES)
        assert cache.get_many(list(SCORES)) == {}
    assert len(tried) == 3


@pytest.mark.parametrize("how", ODD)
def test_odd_servers_cost_the_hits_alone(how, medium):
    listener, over, talks = socket.create_server(("127.0.0.1", 0)), threading.Event(), []

    def talk(caller):
        with caller:
            try:
                while asked := caller.recv(65536):
                    ODD[how](caller, asked)
            except OSError:
                pass

    def serve():
        listener.settimeout(0.1)
        while not over.is_set():
            try:
                caller, _ = listener.accept()
            except OSError:
                continue
            talks.append(threading.Thread(target=talk, args=(caller,)))
            talks[-1].start()
        listener.close()

    thread = threading.Thread(target=serve)
    thread.start()
    cache = MemcachedCache([f"127.0.0.1:{listener.getsockname()[1]}"])
    try:
        with pytest.warns(RuntimeWarning, match="cannot be used"):
            _fits(cache, medium)
        assert cache.stats.hits == 0
    finally:
        over.set()
        cache.close()
        thread.join()
        for talking in talks:
            talking.join()


@pytest.mark.parametrize(
    "params",
    [
        {"servers": "127.0.0.1:11211"},
        {"servers": []},
        {"servers": ["127.0.0.1"]},
        {"prefix": "a b"},
        {"timeout": 0},
        {"deadline": -1},
        {"expire": 0.5},
        {"connect_timeout": 0},
    ],
    ids=str,
)
def test_parameters_are_checked_before_any_work(params, medium):
    X, y = medium[:2]
    with pytest.raises(ValueError, match=next(iter(params))):
        skdvl.ShapleyValuator(GaussianNB(), cache=MemcachedCache(**params)).fit(X, y)
