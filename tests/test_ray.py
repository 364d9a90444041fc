"""Ray for real: a cluster of two nodes on this machine."""

import os
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import joblib
import numpy as np
import pytest
from meeting import LONG, meet, wait_for
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.naive_bayes import GaussianNB

from skdvl import SemivalueValuator, ShapleyValuator, ray_backend
from skdvl.caching import MemoryCache
from skdvl.samplers import PairedSampler, PermutationSampler, StratifiedSampler
from skdvl.semivalues import Banzhaf
from skdvl.stopping import MaxRounds
from skdvl.truncation import RelativeTruncation
from skdvl.utilities import Utility
from skdvl.workers import kills, ordered_map

# Newer versions of Ray want a token that all processes of a cluster share; read when imported.
os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "0123456789abcdef" * 4}
ray = pytest.importorskip("ray")


@pytest.fixture(scope="module")
def cluster():
    """Two nodes of two CPUs each, on loopback; workers find this file."""
    here, before = Path(__file__).parent, os.environ.get("PYTHONPATH")
    path = os.pathsep.join(filter(None, [str(here), str(here.parent), before]))
    with pytest.MonkeyPatch.context() as patch, _folder() as own:
        patch.setenv("PYTHONPATH", path)
        patch.setenv("RAY_TMPDIR", own)
        yield from _cluster()


def _folder():
    """Return a folder of its own for Ray: sockets, whose names must be short, and who runs here."""
    return tempfile.TemporaryDirectory(
        prefix="ray", dir="/tmp" if os.name == "posix" else None, ignore_cleanup_errors=True
    )


def _cluster():
    from ray.cluster_utils import Cluster

    head = {"num_cpus": 2, "node_ip_address": "127.0.0.2", "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    cluster.second = cluster.add_node(
        num_cpus=2, num_gpus=1, resources={"special": 2}, node_ip_address="127.0.0.3"
    )
    ray.init(address=cluster.address, log_to_driver=False, _node_ip_address="127.0.0.2")
    yield cluster
    ray.shutdown()
    cluster.shutdown()


@pytest.fixture
def on_ray(cluster):
    with joblib.parallel_config(backend="ray", n_jobs=3):
        yield cluster


def where():
    return ray.get_runtime_context().get_node_id()


def meets_at(folder, i):
    meet(folder, i, 3)
    return where()


def test_both_nodes_work(on_ray, tmp_path):
    """Three tasks at a time are one more than a node has CPUs."""
    told = ordered_map(meets_at, [(i,) for i in range(3)], shared=(str(tmp_path),))
    assert len(set(told)) == 2


@pytest.mark.parametrize(
    ("n_jobs", "params"),
    [
        (1, {}),
        (2, {}),
        (3, {}),
        (2, {"sampler": PermutationSampler(antithetic=True)}),
        (3, {"truncation": RelativeTruncation(rtol=0.02)}),
        (2, {"sampler": StratifiedSampler("harmonic")}),
        (3, {"semivalue": Banzhaf()}),
        (2, {"semivalue": Banzhaf(), "sampler": PairedSampler()}),
    ],
    ids=str,
)
def test_same_bits(cluster, n_jobs, params, medium):
    X, y = medium[:2]
    settings = {"kernel": "refit", "stopping": MaxRounds(2), "cv": 3, "random_state": 0} | params
    alone = SemivalueValuator(GaussianNB(), **settings).fit(X, y)
    with joblib.parallel_config(backend="ray", n_jobs=n_jobs):
        spread = SemivalueValuator(GaussianNB(), **settings).fit(X, y)
    np.testing.assert_array_equal(spread.values_, alone.values_)
    np.testing.assert_array_equal(spread.stderr_, alone.stderr_)


@pytest.mark.parametrize("params", [{}, {"truncation": RelativeTruncation(rtol=0.02)}], ids=str)
def test_same_bits_with_a_cache(on_ray, params, medium):
    X, y = medium[:2]
    cache, told = MemoryCache(), []
    settings = {"stopping": MaxRounds(1), "cv": 3, "random_state": 0, "kernel": "refit"} | params
    with joblib.parallel_config(backend="sequential"):
        alone = ShapleyValuator(LogisticRegression(), **settings).fit(X, y)
    for _ in ("cold", "warm"):
        spread = ShapleyValuator(LogisticRegression(), cache=cache, **settings).fit(X, y)
        np.testing.assert_array_equal(spread.values_, alone.values_)
        np.testing.assert_array_equal(spread.stderr_, alone.stderr_)
        told.append(cache.stats.sets)
    assert told[0] == told[1] > 0  # the second fit has scored nothing


def test_everything_of_scikit_learn_runs_on_it(cluster, medium):
    X, y = medium[:2]
    forest = RandomForestClassifier(20, random_state=0)
    alone = cross_val_score(forest, X, y, cv=3)
    with joblib.parallel_config(backend="ray", n_jobs=2):
        np.testing.assert_array_equal(cross_val_score(forest, X, y, cv=3), alone)
        generator = joblib.Parallel(return_as="generator")(
            joblib.delayed(abs)(-i) for i in range(9)
        )
        assert list(generator) == list(range(9))
        with pytest.raises(ZeroDivisionError):
            joblib.Parallel()(joblib.delayed(divmod)(1, i) for i in (1, 0))


def fails_beside_another(folder, i):
    """The first task fails while the second is under way; that one waits to be released."""
    folder = Path(folder)
    if i == 0:
        wait_for((folder / "busy").exists)
        raise ZeroDivisionError
    (folder / "busy").touch()
    try:
        wait_for((folder / "released").exists)
        (folder / "ended").touch()
    except KeyboardInterrupt:
        (folder / "cancelled").touch()


@pytest.mark.parametrize("grace", [LONG, 0.0])
def test_tasks_may_end_by_themselves_before_they_are_cancelled(
    cluster, grace, tmp_path, monkeypatch
):
    """Ray aborts this process if a task ends in the moment in which it is cancelled."""
    cancelled = []
    monkeypatch.setattr(ray_backend, "_GRACE", grace)
    monkeypatch.setattr(
        ray,
        "cancel",
        lambda *task, do=ray.cancel, **how: cancelled.append(task) or do(*task, **how),
    )
    with joblib.parallel_config(backend="ray", n_jobs=2), pytest.raises(ZeroDivisionError):
        joblib.Parallel()(joblib.delayed(fails_beside_another)(tmp_path, i) for i in range(2))
    if grace > 0:
        assert not cancelled
        (tmp_path / "released").touch()
    assert wait_for((tmp_path / ("ended" if grace > 0 else "cancelled")).exists)
    assert len(cancelled) == (grace == 0)


def total(array, i):
    return array.nbytes, float(array[i]), array.flags.writeable


def test_large_arrays_are_sent_once(on_ray, monkeypatch):
    put = []
    monkeypatch.setattr(
        ray, "put", lambda array, put_it=ray.put: put.append(array) or put_it(array)
    )
    array = np.arange(500_000.0)
    told = joblib.Parallel()(joblib.delayed(total)(array, i) for i in range(30))
    assert told == [(array.nbytes, float(i), False) for i in range(30)]
    assert len(put) == 1
    assert ordered_map(total, [(i,) for i in range(30)], shared=(array,)) == told
    assert len(put) == 2


def cpus(_):
    return ray.get_runtime_context().get_assigned_resources()


def test_resources_reach_the_tasks(cluster):
    with joblib.parallel_config(
        backend="ray", n_jobs=2, ray_remote_args={"num_cpus": 2, "memory": 10**7}
    ):
        (got,) = ordered_map(cpus, [(0,)])
    assert got["CPU"] == 2 and got["memory"] == 10**7
    special = {"num_gpus": 0.5, "resources": {"special": 1}}
    with joblib.parallel_config(backend="ray", n_jobs=2, ray_remote_args=special):
        told = ordered_map(cpus, [(i,) for i in range(6)])
    assert all(got["GPU"] == 0.5 and got["special"] == 1 for got in told)
    with joblib.parallel_config(backend="ray"):
        assert joblib.effective_n_jobs(-1) == 4
        assert joblib.effective_n_jobs(-2) == 3


def dies(marks, i):
    mark = Path(marks) / str(i)
    if i % 10 == 3 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return i


def test_killed_workers_lose_nothing(on_ray, tmp_path):
    assert ordered_map(dies, [(i,) for i in range(40)], shared=(str(tmp_path),)) == list(range(40))
    assert len(list(tmp_path.iterdir())) == 4


def always_dies(log):
    with open(log, "a") as marks:
        marks.write("x")
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_task_that_kills_is_not_run_again_to_find_out(on_ray, tmp_path):
    assert kills(always_dies, (str(tmp_path / "log"),))
    assert (tmp_path / "log").read_text() == "x"


class Waits(Utility):
    """Says on which node it is, and goes on when a node is dead."""

    n_players, block_size = 30, 4

    def __init__(self, marks=None):
        self.marks, self.owner = marks, os.getpid()

    def __call__(self, masks):
        if os.getpid() != self.owner:
            (Path(self.marks) / where()).touch()
            if not wait_for((Path(self.marks) / "dead").exists):
                raise RuntimeError("no node has died")
        return np.sqrt(masks @ np.arange(1.0, 31.0))


def test_an_estimator_without_a_cluster(tmp_path):
    """One line: Ray is started where it does not run yet."""
    script = tmp_path / "script.py"
    script.write_text(
        "import joblib, numpy as np, skdvl\n"
        "from sklearn.naive_bayes import GaussianNB\n"
        "from skdvl.stopping import MaxRounds\n"
        "X = np.random.default_rng(0).normal(size=(30, 2))\n"
        "params = dict(kernel='refit', stopping=MaxRounds(2), cv=2, random_state=0)\n"
        "fit = skdvl.ShapleyValuator(GaussianNB(), **params).fit\n"
        "alone = fit(X, X[:, 0] > 0).values_\n"
        "with joblib.parallel_config(backend='ray', n_jobs=2):\n"
        "    assert (fit(X, X[:, 0] > 0).values_ == alone).all()\n"
        "import ray\n"
        "assert len(ray.nodes()) == 1\n"
    )
    path = os.pathsep.join([str(Path(__file__).parent.parent), os.environ.get("PYTHONPATH", "")])
    with _folder() as own:
        env = os.environ | {"PYTHONPATH": path, "RAY_TMPDIR": own}
        env.pop("RAY_ADDRESS", None)
        done = subprocess.run(
            [sys.executable, str(script)], capture_output=True, text=True, env=env, timeout=600
        )
    assert done.returncode == 0, done.stderr


def test_a_node_may_die(on_ray, tmp_path):
    """The last of the cluster's tests: the node does not come back."""
    rounds = {"stopping": MaxRounds(6), "random_state": 0}
    with joblib.parallel_config(backend="threading", n_jobs=4):
        alone = ShapleyValuator(**rounds).fit_utility(Waits())
    (second,) = [node for node in ray.nodes() if node["NodeManagerAddress"] == "127.0.0.3"]
    at_work = []

    def kill():
        at_work.append(wait_for((tmp_path / second["NodeID"]).exists))
        on_ray.remove_node(on_ray.second, allow_graceful=False)
        (tmp_path / "dead").touch()

    killer = threading.Thread(target=kill)
    killer.start()
    valuator = ShapleyValuator(**rounds).fit_utility(Waits(str(tmp_path)))
    killer.join()
    assert at_work == [True]
    np.testing.assert_array_equal(valuator.values_, alone.values_)
    assert wait_for(lambda: sum(node["Alive"] for node in ray.nodes()) == 1)
