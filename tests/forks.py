"""Processes of tests are forks of one that has imported skdvl: milliseconds instead of seconds.

A fresh interpreter stays where it is the point: in tests that run a script, and in those that ask
for `fresh_workers`.
"""

import multiprocessing
from contextlib import contextmanager

from joblib.externals.loky import get_reusable_executor
from joblib.externals.loky.backend.context import get_start_method, set_start_method

_KNOWN = ["skdvl", "pytest", "pandas", "diskcache", "sklearn.linear_model", "sklearn.naive_bayes"]


def forks():
    """Return the context of processes that know what tests import; None where there is none."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return None
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_KNOWN)
    return context


def begin(errand, *args):
    """Begin a function in a process of its own, by a fork where there are forks."""
    process = (forks() or multiprocessing.get_context("spawn")).Process(target=errand, args=args)
    process.start()
    return process


@contextmanager
def workers_start(method):
    """Start loky's workers by a method, None for loky's own; those that are there leave."""
    before = get_start_method()
    get_reusable_executor(reuse=True).shutdown()
    set_start_method(method, force=True)
    yield
    get_reusable_executor(reuse=True).shutdown()
    set_start_method(before, force=True)
