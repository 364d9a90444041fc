"""The ordered map: order, errors as words, threads pinned, workers kept."""

import os
import time
from pathlib import Path

import joblib
import numpy as np
import pytest
from meeting import in_both, wait_for
from sklearn.utils._openmp_helpers import _openmp_effective_n_threads
from threadpoolctl import threadpool_info

from skdvl import parcel
from skdvl.workers import ordered_map, ordered_stream, pinned_threads


def double(x):
    return 2 * x


def fail(x):
    raise ValueError(f"no {x}")


def threads(_):
    np.ones((2, 2)) @ np.ones((2, 2))
    return os.getpid(), [pool["num_threads"] for pool in threadpool_info()]


@pytest.mark.parametrize("backend", ["sequential", "threading", "loky", "multiprocessing"])
def test_results_come_in_order_and_errors_as_words(backend):
    with joblib.parallel_config(backend=backend, n_jobs=2):
        assert ordered_map(double, [(i,) for i in range(50)]) == list(range(0, 100, 2))
        with pytest.raises(RuntimeError, match="no 3"):
            ordered_map(fail, [(3,)])


@pytest.mark.usefixtures("fresh_workers")
def test_threads_are_pinned_in_workers_and_restored_here():
    before = [pool["num_threads"] for pool in threadpool_info()]
    with pinned_threads():
        assert all(pool["num_threads"] == 1 for pool in threadpool_info())
        found = ordered_map(threads, [(i,) for i in range(8)], n_jobs=2)
    assert [pool["num_threads"] for pool in threadpool_info()] == before
    assert all(n == 1 for _, pools in found for n in pools)
    assert os.getpid() not in {pid for pid, _ in found}


def openmp_threads(_):
    return _openmp_effective_n_threads()


@pytest.mark.parametrize("backend", ["sequential", "threading", "loky", "multiprocessing"])
def test_openmp_is_pinned_on_every_backend(backend):
    """The number of OpenMP threads belongs to each thread, not to the process."""
    with pinned_threads(), joblib.parallel_config(backend=backend, n_jobs=2):
        assert set(ordered_map(openmp_threads, [(i,) for i in range(6)])) == {1}


def test_workers_are_kept_between_calls(tmp_path):
    assert set(in_both(tmp_path / "first")) == set(in_both(tmp_path / "second"))


def slow_then_stuck(folder, i):
    """Take a millisecond; the later ones wait until the call has been called off."""
    time.sleep(0.001)
    if i >= 400:  # beyond the portion of the last result that is asked for
        (Path(folder) / str(i)).touch()
        wait_for((Path(folder) / "off").exists)
    return i


@pytest.mark.parametrize("backend", ["threading", "loky"])
def test_a_call_that_ends_early_waits_for_one_task_of_each_worker(tmp_path, monkeypatch, backend):
    """A portion holds about a hundred of these tasks, and four portions are out."""
    for kind in (parcel.Parcel, parcel._InHand):

        def call_off(self, really=kind.call_off):
            really(self)
            (tmp_path / "off").touch()

        monkeypatch.setattr(kind, "call_off", call_off)
    tasks = ((i,) for i in range(10**6))
    with joblib.parallel_config(backend=backend, n_jobs=2):
        results = ordered_stream(slow_then_stuck, [tasks], shared=(str(tmp_path),))
        assert [next(results) for _ in range(250)] == list(range(250))
        results.close()
    assert len(list(tmp_path.iterdir())) <= 1 + 2
