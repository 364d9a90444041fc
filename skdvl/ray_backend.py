"""A joblib backend on Ray tasks, for one machine or a cluster.

Registered as "ray" when skdvl is imported, so that ``joblib.parallel_config(backend="ray")`` works
for everything that runs on joblib. Ray itself is imported at first use.
"""

from concurrent.futures import BrokenExecutor, Future
from threading import Lock, Thread
from time import sleep
from weakref import finalize

import numpy as np
from joblib import parallel_config
from joblib._parallel_backends import AutoBatchingMixin, ParallelBackendBase
from joblib.parallel import EXTERNAL_BACKENDS, register_parallel_backend

_PUT = 2**20  # bytes; larger arrays are sent once, to Ray's object store
_GRACE = 1.0  # seconds that tasks have to end by themselves before they are cancelled


class RayBackend(AutoBatchingMixin, ParallelBackendBase):
    """Runs joblib's batches as Ray tasks.

    A lost worker or node costs what it was at: Ray runs those tasks again. Arrays of a
    megabyte or more are put into the object store once for each call, and each node reads them
    there, without a copy for each worker.

    Parameters
    ----------
    ray_remote_args : dict or None, default=None
        What each task needs, as in `ray.remote`: ``{"num_cpus": 2, "memory": 2**30}``. By default
        one CPU, three retries, and tasks spread over the nodes.

    Examples
    --------
    >>> import joblib
    >>> with joblib.parallel_config(backend="ray", n_jobs=4):  # doctest: +SKIP
    ...     valuator.fit(X, y)
    """

    supports_retrieve_callback = True
    default_n_jobs = -1  # whoever asks for a cluster wants all of it
    supports_inner_max_num_threads = False
    runs_lost_tasks_again = True  # unless a call is given max_retries=0

    def __init__(
        self, nesting_level=0, inner_max_num_threads=None, ray_remote_args=None, **options
    ):
        super().__init__(
            nesting_level=nesting_level, inner_max_num_threads=inner_max_num_threads, **options
        )
        self.ray_remote_args = ray_remote_args
        self._lock = Lock()
        self._under_way, self._put, self._parcels = {}, {}, {}

    def effective_n_jobs(self, n_jobs):
        """Return the number of tasks at a time; -1 for as many as the cluster has CPUs.

        Parameters
        ----------
        n_jobs : int or None

        Returns
        -------
        n_jobs : int
        """
        if n_jobs == 0:
            raise ValueError("n_jobs == 0 in Parallel has no meaning")
        if n_jobs is None:
            return 1
        if n_jobs > 0:
            return n_jobs
        n_cpus = int(_started().cluster_resources().get("CPU", 1))
        return max(n_cpus + 1 + n_jobs, 1)

    def configure(self, n_jobs=1, parallel=None, max_retries=None, **_):
        """Get ready for a call of `parallel`, whose tasks may be lost `max_retries` times."""
        ray = _started()
        self.parallel = parallel
        settings = {"num_cpus": 1, "max_retries": 3, "scheduling_strategy": "SPREAD"}
        settings |= self.ray_remote_args or {}
        if max_retries is not None:
            settings["max_retries"] = max_retries
        self._run = ray.remote(_run_batch).options(**settings)
        return self.effective_n_jobs(n_jobs)

    def submit(self, func, callback=None):
        """Send a batch; `callback` is called with a future when it is done."""
        ray = _started()
        calls, arrays = [], []

        def light(value):
            """Replace a large array, and that of a parcel."""
            if hasattr(value, "with_content"):
                return value.with_content(stored(value.content, value.token))
            return stored(value)

        def stored(value, token=None):
            if not isinstance(value, np.ndarray) or value.nbytes < _PUT or value.dtype.hasobject:
                return value
            arrays.append(self._stored(ray, value, token))
            return _Stored(len(arrays) - 1)

        for function, args, kwargs in func.items:
            kwargs = {name: light(value) for name, value in kwargs.items()}
            calls.append((function, [light(value) for value in args], kwargs))
        reference = self._run.remote(calls, self.get_nested_backend(), *arrays)
        with self._lock:
            under_way = self._under_way
            under_way[reference] = None
        future: Future = reference.future()

        def done(future):
            with self._lock:
                under_way.pop(reference, None)
            callback(future)

        if callback is not None:
            future.add_done_callback(done)
        return future

    def retrieve_result_callback(self, out):
        """Return the results of a batch, or raise the error of a task as it was.

        Parameters
        ----------
        out : concurrent.futures.Future

        Returns
        -------
        results : list
        """
        ray = _started()
        try:
            return out.result()
        except ray.exceptions.RayTaskError as error:
            raise getattr(error, "cause", None) or error from None
        except ray.exceptions.RayError as error:  # a worker or node was lost too often
            raise BrokenExecutor(str(error)) from error

    def abort_everything(self, ensure_ready=True):
        """Cancel what is under way."""
        self._cancel()

    def terminate(self):
        """Forget the arrays of this call; Ray's own workers stay."""
        self._cancel()
        self._put = {}
        self.reset_batch_stats()

    def _stored(self, ray, array, token):
        """Return Ray's reference to an array, which is put into the store the first time.

        An array may change before the next call; that of a parcel never does, and is kept in the
        store as long as it is here.
        """
        if token is None:
            if id(array) not in self._put:
                self._put[id(array)] = (
                    array,
                    ray.put(np.asarray(array)),
                )  # keep it: ids are used again
            return self._put[id(array)][1]
        if token not in self._parcels:
            self._parcels[token] = ray.put(array)
            finalize(array, self._parcels.pop, token, None)
        return self._parcels[token]

    def _cancel(self):
        """Cancel what has not ended by itself after a while.

        Ray aborts this process if a task ends in the very moment in which it is cancelled: of 20
        calls of short tasks that fail and are cancelled at once, one ends so.
        """
        with self._lock:
            under_way, self._under_way = self._under_way, {}
        if under_way:
            driver = _driver(_started())
            Thread(target=_cancel_later, args=(under_way, driver), daemon=True).start()


def _cancel_later(under_way, driver):
    """Cancel tasks, the last one first, so that none begins because another one is gone."""
    import ray

    sleep(_GRACE)
    for reference in reversed(list(under_way)):
        if reference in under_way and ray.is_initialized() and _driver(ray) == driver:
            ray.cancel(reference, force=False)


def _driver(ray):
    """Return what tells this connection to a cluster from later ones of the same process."""
    return ray.get_runtime_context().get_worker_id()


class _Stored:
    """Stands for an array that Ray sends by itself."""

    def __init__(self, place):
        self.place = place


def _run_batch(calls, nested, *arrays):
    """Run a batch in a worker; nested calls of joblib run as the backend says."""

    def whole(value):
        if hasattr(value, "with_content"):
            return value.with_content(whole(value.content))
        return arrays[value.place] if isinstance(value, _Stored) else value

    backend, n_jobs = nested
    with parallel_config(backend=backend, n_jobs=n_jobs):
        return [
            function(*map(whole, args), **{name: whole(value) for name, value in kwargs.items()})
            for function, args, kwargs in calls
        ]


def _started():
    """Return ray, connected: to the cluster of RAY_ADDRESS, or to a new one on this machine."""
    try:
        import ray
    except ImportError as error:
        raise ImportError('backend="ray" needs Ray: pip install "skdvl[ray]"') from error
    if not ray.is_initialized():
        ray.init(include_dashboard=False, log_to_driver=False)
    return ray


def register_ray():
    """Make "ray" a backend of joblib, in place of any other of that name.

    Importing skdvl does so unless there is one already; call this after `ray.util.joblib` has
    registered its own.

    Examples
    --------
    >>> import joblib, skdvl
    >>> skdvl.register_ray()
    >>> with joblib.parallel_config(backend="ray", n_jobs=2):  # doctest: +SKIP
    ...     joblib.Parallel()(joblib.delayed(abs)(-i) for i in range(3))
    [0, 1, 2]
    """
    register_parallel_backend("ray", RayBackend)


EXTERNAL_BACKENDS.setdefault("ray", register_ray)
