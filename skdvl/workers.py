"""An ordered map over joblib workers: results as plain data, in order, on any backend.

This is the only file that knows of `Parallel`. Everything about a task that could change with
the number of workers is decided before it comes here, so the results have the same bits on
one core and on many.
"""

import gc
import os
import pickle
import threading
import traceback
import warnings
from concurrent.futures import BrokenExecutor
from contextlib import contextmanager, suppress
from heapq import heappop, heappush
from itertools import chain, islice
from time import perf_counter, sleep
from typing import NamedTuple
from uuid import uuid4

from joblib import effective_n_jobs, parallel_config
from joblib.parallel import get_active_backend
from sklearn.utils.parallel import Parallel, delayed
from threadpoolctl import OpenBLASController, threadpool_limits

from .parcel import carried, forget_gone
from .processes import HOST, is_alive

_PORTION = 0.1  # seconds of work worth sending to a worker
_AHEAD = 0.25  # seconds: longer tasks are not begun before it is clear that they are wanted
_PATIENCE = 2  # portions that a portion may take, before its rest is left for later
_TURN = 5  # portions for each worker, where all results of a call come at once
_WATCH = 1.0  # seconds between two looks at whether the parent lives
_BREAKS = 3  # pools that break in a row, before the task that breaks them is looked for
_PROCESS = uuid4().hex  # with the process id, tells this process from its workers anywhere

_settled_process = None
_pinned_thread = threading.local()


class Ready(NamedTuple):
    """Stands for a task whose result is known already.

    Attributes
    ----------
    result : object
    """

    result: object


class WorkerKilled(RuntimeError):
    """A task has killed the worker process that it ran in, again and again.

    Attributes
    ----------
    task : tuple
    """

    def __init__(self, task):
        super().__init__(f"A task has killed its worker process {_BREAKS} times.")
        self.task = task


class _Together:
    """A context of the whole process that several threads may be within at once.

    The first to enter begins it, and the last to leave ends it. Each one's own would end in
    another order than they began, and leave the process as it was amid a fit.
    """

    def __init__(self, make):
        self._make, self._lock, self._n_within = make, threading.Lock(), 0

    def __enter__(self):
        with self._lock:
            if self._n_within == 0:
                self._context = self._make()
                self._context.__enter__()
            self._n_within += 1

    def __exit__(self, *_):
        with self._lock:
            self._n_within -= 1
            if self._n_within == 0:
                self._context.__exit__(None, None, None)


@contextmanager
def _silence():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextmanager
def _one_thread():
    limits = threadpool_limits(limits=1)
    try:
        yield
    finally:
        # Newer versions of threadpoolctl let only the thread that has set a limit lift it.
        clear = getattr(OpenBLASController, "clear_controlling_thread", lambda force: None)
        clear(force=True)
        limits.restore_original_limits()
        clear(force=True)


_PINNED, _QUIET = _Together(_one_thread), _Together(_silence)


def pinned_threads():
    """Limit BLAS and OpenMP to one thread in this process, for the time of a fit.

    Inner threads change the last bits of a matrix product and slow down small fits; one limit
    around the whole fit is safe where one inside each task is not.
    """
    return _PINNED


def quiet():
    """Silence warnings in this process: thousands of small fits would repeat them."""
    return _QUIET


def ordered_map(function, tasks, *, shared=(), n_jobs=None):
    """Apply `function` to every task: `ordered_stream` as a list."""
    return list(ordered_stream(function, [tasks], shared=shared, n_jobs=n_jobs))


def thread_map(function, tasks, *, n_jobs=None):
    """Apply `function` to every task in threads: for a few long calls that release the GIL."""
    with parallel_config(backend="threading"):
        return ordered_map(function, tasks, n_jobs=n_jobs)


def n_workers(n_jobs):
    """Return how many workers there are: one within a worker of somebody else's."""
    backend, _ = get_active_backend()
    return 1 if backend.nesting_level else effective_n_jobs(n_jobs)


def ordered_stream(function, chapters, *, shared=(), n_jobs=None):
    """Yield the result of every task, in order, while workers are busy with the next ones.

    Closing the generator ends the input. The tasks under way are finished and thrown away;
    nothing is killed, and the workers are there for the next call.

    Parameters
    ----------
    function : callable
        Called as ``function(*shared, *task)``; importable in a worker.
    chapters : iterable of iterables of tuple
        Tasks, or `Ready` results that take their turn among them. A chapter is begun before all
        results of the last one are there only if tasks are short: the caller may not want it any
        more.
    shared : tuple, default=()
        What every task needs, such as data. It travels to each worker once.
    n_jobs : int or None, default=None
        As everywhere in scikit-learn. Within a worker of somebody else's, tasks run one by one.

    Yields
    ------
    result : object

    Raises
    ------
    RuntimeError
        If a task failed. The message is the error in its own words, and the traceback of the
        worker is attached as a note; the tasks never raise in a worker, where an exception
        that cannot be pickled would take the pool down with it.
    WorkerKilled
        If a task kills its worker process even where it runs alone.
    """
    n_jobs = n_workers(n_jobs)
    if n_jobs == 1:
        with _settled(_here()) as errors:
            for chapter in chapters:
                for task in chapter:
                    if isinstance(task, Ready):
                        yield task.result
                    else:
                        yield _opened(_outcome(function, shared, task, errors))
        return
    backend, _ = get_active_backend()
    call = _one_call if backend.supports_return_generator else _turns
    line, breaks = _Line(chapters, ahead=call is _one_call), 0
    with carried(shared, backend) as parcel:
        while not line.is_over():
            n_done = line.n_done
            portions = line.portions()
            first = next(portions, None)
            for outcome in line.come():
                yield _opened(outcome)
            if first is None:
                continue
            try:
                yield from call(function, parcel, line, chain([first], portions), n_jobs)
            except BrokenExecutor:  # a worker was killed; what did not come back runs again
                line.suspect()
                breaks = 1 if line.n_done > n_done else breaks + 1
                if breaks == _BREAKS:
                    for outcome in _one_alone(function, parcel, line):
                        yield _opened(outcome)
                    breaks = 0


def _one_call(function, parcel, line, portions, n_jobs):
    """Yield results of one `Parallel`, until it breaks or the line has to wait.

    A new one for each call: loky keeps its workers alive anyway, and one that is used again
    after an interrupted call may hand out stale results.
    """
    spare = n_jobs if line.is_fast() else 0  # so that no worker waits for its next portion
    options = _once() if line.has_suspects() else {}
    parallel = Parallel(
        n_jobs=n_jobs, return_as="generator", batch_size=1, pre_dispatch=n_jobs + spare, **options
    )
    if not line.is_measured():
        portions = islice(portions, n_jobs)
    outcomes = parallel(
        delayed(_attempt_all)(_here(), function, parcel, numbers, tasks)
        for numbers, tasks in portions
    )
    try:
        for back in outcomes:
            for outcome in line.cross_off(*back):
                yield _opened(outcome)
    except BrokenExecutor:
        raise
    except BaseException as error:  # the caller has enough, or a task failed
        line.end()
        parcel.call_off()
        with suppress(BrokenExecutor), quiet():
            if _is_interrupt(error):  # nobody waits for what is under way
                outcomes.close()
            for _ in outcomes:
                pass
        raise


def _turns(function, parcel, line, portions, n_jobs):
    """Yield results from a backend that gives those of a call all at once.

    Its workers live as long as the `Parallel`, so there is one for the whole stream.
    """
    with Parallel(n_jobs=n_jobs, batch_size=1) as parallel:
        while True:
            each = _TURN if line.is_fast() else 1
            calls = [
                delayed(_attempt_all)(_here(), function, parcel, numbers, tasks)
                for numbers, tasks in islice(portions, each * n_jobs)
            ]
            if not calls:
                return
            for back in parallel(calls):
                for outcome in line.cross_off(*back):
                    yield _opened(outcome)
            portions = line.portions()


def _one_alone(function, parcel, line):
    """Return the outcome of the next task, run alone in a fresh pool, or say that it kills."""
    ready = list(line.come())
    if ready:
        return ready
    number, task = line.next_one()
    for _ in range(_BREAKS):
        with suppress(BrokenExecutor):
            return list(line.cross_off(*_alone(function, parcel, number, task)))
    raise WorkerKilled(task)


def _alone(function, parcel, number, task):
    call = delayed(_attempt_all)(_here(), function, parcel, [number], [task])
    (back,) = Parallel(n_jobs=2, **_once())([call])  # 2: never in this process
    return back


def _once():
    """Return the option that a task which kills its worker is not run again by the backend."""
    backend, _ = get_active_backend()
    return {"max_retries": 0} if getattr(backend, "runs_lost_tasks_again", False) else {}


def kills(function, task, *, shared=()):
    """Whether a task kills the worker that it runs in, alone."""
    backend, _ = get_active_backend()
    with carried(shared, backend) as parcel:
        try:
            _alone(function, parcel, 0, task)
        except BrokenExecutor:
            return True
    return False


class _Line:
    """Tasks in order: those to be sent, and those whose turn has not come.

    `Parallel` draws portions in threads of its own, though never in two at a time.
    """

    def __init__(self, chapters, ahead):
        self._chapters = iter(chapters)
        self._new = iter(())  # of the chapter that is open
        self._out = {}  # number: task, drawn, and its turn has not come
        self._lost = []  # (number, task), a heap of those of them that have to be sent again
        self._n_suspects = 0  # that travel alone, since one of them may kill its worker
        self._size = 1  # tasks that the last portion to come back has done
        self._early = {}  # number: outcome, of those that are back before their turn
        self._n_drawn = self.n_done = 0
        self._is_work = False  # whether any task of the chapter has to be sent
        self._seconds = None  # that a task takes
        self._ahead = ahead  # whether to begin a chapter before the last one is back
        self._over, self._error = False, None

    def is_over(self):
        """Whether everything is back, and there is nothing left to draw."""
        if self._error is not None:
            raise self._error
        return self._over and not self._out

    def is_measured(self):
        """Whether it is known how long a task takes."""
        return self._seconds is not None

    def is_fast(self):
        """Whether a task is so short that one may be done in vain."""
        return self.is_measured() and self._seconds < _AHEAD

    def end(self):
        """Draw nothing more."""
        self._over = True
        self._out.clear()
        self._lost.clear()

    def has_suspects(self):
        """Whether some task may have killed its worker."""
        return self._n_suspects > 0

    def suspect(self):
        """Send whatever is out one by one."""
        self._n_suspects = len(self._out)

    def next_one(self):
        """Return the number and the task that should come back next."""
        return self.n_done, self._out[self.n_done]

    def portions(self):
        """Yield (numbers, tasks), each portion worth sending."""
        self._lost = [
            (number, task)
            for number, task in self._out.items()
            if number not in self._early and not isinstance(task, Ready)
        ]
        while portion := list(self._portion()):
            yield [number for number, _ in portion], _Packed(task for _, task in portion)

    def cross_off(self, numbers, outcomes, seconds):
        """Take in what came back of a portion; yield the outcomes whose turn it is.

        Where a worker ran out of time, the last ones are missing, and are sent again.
        """
        if not outcomes:
            raise RuntimeError("A temporary folder was removed while workers needed it.")
        each = seconds / len(outcomes)
        self._seconds = each if self._seconds is None else (self._seconds + each) / 2
        for number, outcome in zip(numbers, outcomes, strict=False):
            if number not in self._out or number in self._early:
                raise RuntimeError(f"Result {number} came, which was not waited for.")
            self._early[number] = outcome
        for number in numbers[len(outcomes) :]:
            heappush(self._lost, (number, self._out[number]))
        self._size = len(outcomes)
        yield from self.come()

    def come(self):
        """Yield the outcomes whose turn it is."""
        while True:
            if self.n_done in self._early:
                outcome = self._early.pop(self.n_done)
            elif isinstance(self._out.get(self.n_done), Ready):
                outcome = self._out[self.n_done].result, None
            else:
                return
            del self._out[self.n_done]
            self.n_done += 1
            yield outcome

    def _portion(self):
        """Draw as many tasks as keep a worker busy for a while; but drawing takes time too."""
        size = 1
        if self._n_suspects > 0:
            self._n_suspects -= 1
        elif self.is_measured():
            size = max(1, int(_PORTION / max(self._seconds, 1e-6)))
            size = min(size, 2 * self._size)  # those before them may have been easier
        began = perf_counter()
        for numbered in islice(self._draw(), size):
            yield numbered
            if perf_counter() - began > _PORTION:
                return

    def _draw(self):
        while self._lost:
            yield heappop(self._lost)
        while not self._over:
            try:
                task = next(self._new, None)
                if task is None:
                    if self._out and not (self._ahead and self.is_fast() and self._is_work):
                        return  # until all of this chapter are back
                    self._new, self._is_work = iter(next(self._chapters)), False
                    continue
            except StopIteration:
                self._over = True
                return
            except BaseException as error:  # would be lost in a thread of Parallel's
                self._over, self._error = True, error
                return
            number = self._n_drawn
            self._out[number] = task
            self._n_drawn += 1
            if not isinstance(task, Ready):
                self._is_work = True
                yield number, task


class _Packed(list):
    """A list that is pickled by itself, ten times as fast as the pickler of workers does it."""

    def __reduce__(self):
        try:
            return pickle.loads, (pickle.dumps(list(self), protocol=4),)
        except Exception:  # a lambda, say, which the pickler of workers can do
            return list, (list(self),)


def _is_interrupt(error):
    """Whether an exception goes back to the keyboard, maybe by the closing of generators."""
    while error is not None:
        if isinstance(error, KeyboardInterrupt):
            return True
        error = error.__context__
    return False


def _here():
    return _PROCESS, os.getpid(), HOST


def _attempt_all(owner, function, parcel, numbers, tasks):
    """Run a portion; return its numbers, the outcomes of those that were run, and the seconds.

    Where tasks take longer than those before them, some are left for another time: the caller may
    be waiting for the first ones, or may have had enough.
    """
    began = perf_counter()
    with _settled(owner) as errors:
        try:
            shared = parcel.open()
        except Exception as error:
            failed = None, (_words(error), traceback.format_exc())
            return numbers, [failed] * len(tasks), perf_counter() - began
        outcomes = _Packed()
        for task in tasks:
            if parcel.is_called_off():
                break
            outcomes.append(_outcome(function, shared, task, errors))
            if perf_counter() - began > _PORTION * _PATIENCE:
                break
    return numbers, outcomes, perf_counter() - began


@contextmanager
def _settled(owner):
    """Prepare for tasks, here or in a worker; tell which errors come back as words."""
    if _here() != owner:
        _settle_worker(owner)
        with quiet():
            yield BaseException
        return
    if threading.current_thread() is not threading.main_thread():
        _pin_thread()
    yield Exception, SystemExit, GeneratorExit


def _outcome(function, shared, task, errors):
    try:
        return function(*shared, *task), None
    except errors as error:
        return None, (_words(error), traceback.format_exc())


def _words(error):
    try:
        words = str(error)
    except Exception:  # not even its message works
        words = "(no message)"
    return words if type(error) is RuntimeError else f"{type(error).__name__}: {words}"


def _opened(outcome):
    """Return the result of a task, or raise its error here."""
    result, error = outcome
    if error is None:
        return result
    raised = RuntimeError(error[0])
    raised.add_note(error[1])
    raise raised


def _pin_thread():
    """Pin the OpenMP threads of a worker thread once: their number belongs to the thread."""
    if not getattr(_pinned_thread, "done", False):
        threadpool_limits(limits=1, user_api="openmp")
        _pinned_thread.done = True


def _settle_worker(owner):
    """Prepare a worker process once, for as long as it lives: pin its threads, and two more.

    It leaves when its parent is killed, where loky's would idle for minutes and keep open what
    is to be cleaned up. And where psutil is missing, loky collects garbage once a second, and
    would look each time through all that was ever imported: 50 ms, 5 % of the time. It need
    not: imports are no garbage.
    """
    global _settled_process
    if _settled_process != os.getpid():
        threadpool_limits(limits=1)
        gc.freeze()
        threading.Thread(target=_watch, args=(os.getppid(), owner), daemon=True).start()
        _settled_process = os.getpid()


def _watch(parent, owner):
    """Leave with the parent, and let go of data that nobody needs any more."""
    if parent == 1 and os.getpid() != owner[1] and owner[2] == HOST:
        if not is_alive(owner[1]):  # it was killed before this worker had begun
            os._exit(1)
    while os.getppid() == parent:
        sleep(_WATCH)
        forget_gone()
    os._exit(1)
