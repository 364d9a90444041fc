"""An ordered map over joblib workers: results as plain data, in order, on any backend.

This is the only file that knows of `Parallel`. Everything about a task that could change with
the number of workers is decided before it comes here, so the results have the same bits on
one core and on many.
"""

import os
import threading
import traceback
import warnings
from contextlib import contextmanager

from sklearn.utils.parallel import Parallel, delayed
from threadpoolctl import threadpool_limits

_pinned_process = None
_pinned_thread = threading.local()


@contextmanager
def pinned_threads():
    """Limit BLAS and OpenMP to one thread in this process, for the time of a fit.

    Inner threads change the last bits of a matrix product and slow down small fits; one limit
    around the whole fit is safe where one inside each task is not.
    """
    with threadpool_limits(limits=1):
        yield


@contextmanager
def quiet():
    """Silence warnings in this process: thousands of small fits would repeat them.

    Entered once around all rounds, by the main thread alone; entering and leaving it in each
    task would race under threads.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def ordered_map(function, tasks, *, n_jobs=None):
    """Apply `function` to every task.

    Parameters
    ----------
    function : callable
        Called as ``function(*task)``; importable in a worker.
    tasks : iterable of tuple
    n_jobs : int or None
        As everywhere in scikit-learn.

    Returns
    -------
    results : list
        In the order of the tasks.

    Raises
    ------
    RuntimeError
        If a task failed. The message is the error in its own words, and the traceback of the
        worker is attached as a note; the tasks never raise in a worker, where an exception
        that cannot be pickled would take the pool down with it.
    """
    # A new Parallel per call: loky keeps its workers alive anyway, and one that is used again
    # after an interrupted call may hand out stale results.
    parallel = Parallel(n_jobs=n_jobs)
    owner = os.getpid()
    outcomes = parallel(delayed(_attempt)(owner, function, task) for task in tasks)
    for _, error in outcomes:
        if error is not None:
            raised = RuntimeError(error[0])
            raised.add_note(error[1])
            raise raised
    return [result for result, _ in outcomes]


def _attempt(owner, function, task):
    """Run one task; an error comes back as words."""
    if os.getpid() != owner:
        _pin_worker()
        with quiet():
            return _outcome(function, task)
    if threading.current_thread() is not threading.main_thread():
        _pin_thread()
    return _outcome(function, task)


def _outcome(function, task):
    try:
        return function(*task), None
    except Exception as error:
        words = str(error) if type(error) is RuntimeError else f"{type(error).__name__}: {error}"
        return None, (words, traceback.format_exc())


def _pin_thread():
    """Pin the OpenMP threads of a worker thread once: their number belongs to the thread."""
    if not getattr(_pinned_thread, "done", False):
        threadpool_limits(limits=1, user_api="openmp")
        _pinned_thread.done = True


def _pin_worker():
    """Pin the threads of a worker process once, for as long as it lives."""
    global _pinned_process
    if _pinned_process != os.getpid():
        threadpool_limits(limits=1)
        _pinned_process = os.getpid()
