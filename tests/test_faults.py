"""Workers that die, tasks that fail in odd ways, time that runs out: nothing is lost, or left."""

import hashlib
import multiprocessing
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from itertools import chain
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from errands import fit_to_the_end
from forks import begin
from meeting import in_both, meet, wait_for
from models import Means
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.preprocessing import MaxAbsScaler, StandardScaler
from threadpoolctl import threadpool_info

from skdvl import DataPruner, LeaveOneOutValuator, ShapleyValuator, make_pipeline
from skdvl.stopping import MaxRounds, MaxTime
from skdvl.utilities import Utility
from skdvl.workers import (
    WorkerKilled,
    _Line,
    ordered_map,
    ordered_stream,
    pinned_threads,
    quiet,
)

PROCESSES = ["loky", "multiprocessing"]
BACKENDS = ["sequential", "threading", "loky"]


class Sum(Utility):
    """A game that is told what to do to its worker before it scores."""

    n_players, block_size = 20, 4
    derived = ("n_scored",)

    def __init__(self, marks=None, deaths=0, poison=None, seconds=0.0):
        self.marks, self.deaths, self.poison, self.seconds = marks, deaths, poison, seconds
        self.owner, self.n_scored = os.getpid(), 0

    def __call__(self, masks):
        if os.getpid() != self.owner:
            if self.poison is not None and masks[:, self.poison].all(axis=1).any():
                os._exit(1)
            if self.marks is not None:
                mark = Path(self.marks) / hashlib.sha256(masks.tobytes()).hexdigest()
                if len(os.listdir(self.marks)) < self.deaths and not mark.exists():
                    mark.touch()
                    os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(self.seconds * len(masks))
        self.n_scored += len(masks)
        return np.sqrt(masks @ np.arange(1.0, 21.0))


def _fit(utility, **params):
    settings = {"stopping": MaxRounds(4), "random_state": 0} | params
    return ShapleyValuator(**settings).fit_utility(utility)


# ---------------------------------------------------------------------- workers that die


def test_killed_workers_cost_their_block(tmp_path):
    alone = _fit(Sum(), stopping=MaxRounds(20))
    utility = Sum(str(tmp_path), deaths=20, seconds=0.01)
    spread = _fit(utility, stopping=MaxRounds(20), n_jobs=2)
    np.testing.assert_array_equal(spread.values_, alone.values_)
    assert spread.n_evaluations_ == alone.n_evaluations_
    assert len(list(tmp_path.iterdir())) >= 20  # the last two may die at once; ten pools or more


def test_a_coalition_that_kills_is_named_and_the_checkpoint_kept(tmp_path):
    path = tmp_path / "run"
    utility = Sum(poison=[3, 11])
    _fit(utility, stopping=MaxRounds(2), checkpoint=path)  # in this process, which it spares
    with pytest.raises(RuntimeError, match="killed its worker process three times") as refused:
        _fit(utility, stopping=MaxRounds(3), checkpoint=path, n_jobs=2)
    size, total = re.search(r"coalition of (\d+) of (\d+) players", str(refused.value)).groups()
    assert total == "20" and int(size) >= 2
    on = _fit(utility, stopping=MaxRounds(3), checkpoint=path)
    np.testing.assert_array_equal(on.values_, _fit(Sum(), stopping=MaxRounds(3)).values_)


def test_a_coalition_that_kills_is_named_by_its_rows(medium, monkeypatch):
    """Folds number their players by themselves: here, those of the second are rows 19 to 39."""

    def killed(function, chapters, *, shared, n_jobs):
        utilities, rules = shared
        tasks = chain.from_iterable(chapters)
        raise WorkerKilled(next(task for task in tasks if utilities[task[0]].n_players == 21))
        yield

    X, y = medium[:2]
    folds = [(np.arange(20), np.arange(20, 40)), (np.arange(19, 40), np.arange(19))]
    monkeypatch.setattr("skdvl.evaluation.stream.ordered_stream", killed)
    monkeypatch.setattr("skdvl.evaluation.stream.kills", lambda *_, **__: False)
    valuator = ShapleyValuator(GaussianNB(), kernel="refit", cv=folds, random_state=0, n_jobs=2)
    with pytest.raises(RuntimeError, match="killed its worker process three times") as refused:
        valuator.fit(X, y)
    named = re.search(r"of 21 players .* players ([0-9, ]+)", str(refused.value))[1]
    assert {int(row) for row in named.split(", ") if row} <= set(range(19, 40))


def dies_once(marks, i):
    mark = Path(marks) / str(i)
    if i % 5 == 2 and not mark.exists():
        mark.touch()
        os._exit(9)
    return i


def test_the_map_survives_dying_workers(tmp_path):
    got = ordered_map(dies_once, [(i,) for i in range(23)], shared=(str(tmp_path),), n_jobs=2)
    assert got == list(range(23))


def dies(i):
    if i == 7:
        os._exit(1)
    return i


def test_a_task_that_always_kills_ends_the_map_after_those_before_it():
    stream = ordered_stream(dies, [[(i,) for i in range(20)]], n_jobs=2)
    got = []
    with pytest.raises(WorkerKilled) as refused:
        for result in stream:
            got.append(result)
    assert got == list(range(7)) and refused.value.task == (7,)


# ---------------------------------------------------------------------- workers that live


def pid(i):
    time.sleep(0.01)
    return os.getpid()


def test_workers_stay_after_an_early_stop(tmp_path):
    before = set(in_both(tmp_path / "before"))
    stream = ordered_stream(pid, ([(i,)] for i in range(10**9)), n_jobs=2)
    for _ in range(5):
        next(stream)
    stream.close()
    assert set(in_both(tmp_path / "closed")) == before
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        ordered_map(divmod, [(1, 0)] * 5, n_jobs=2)
    assert set(in_both(tmp_path / "failed")) == before


def test_short_tasks_run_ahead_and_long_ones_do_not():
    drawn = []

    def chapters(n):
        for chapter in range(n):
            drawn.append(chapter)
            yield [(i,) for i in range(4)]

    stream, n_ahead = ordered_stream(abs, chapters(10_000), n_jobs=2), []
    for n_back, _ in enumerate(stream, 1):
        n_ahead.append(len(drawn) - n_back // 4)
        if n_ahead[-1] > 2:  # more than the chapter that is open
            break
    stream.close()
    assert max(n_ahead) > 2
    drawn.clear()
    stream = ordered_stream(time.sleep, ([(0.3,)] * 2 for _ in chapters(3)), n_jobs=2)
    for _ in range(2):
        next(stream)
    stream.close()
    assert len(drawn) <= 2


def test_an_error_while_drawing_is_raised_here():
    def chapters():
        yield [(1,)]
        raise KeyError("no more")

    for n_jobs in (1, 2):
        with pytest.raises(KeyError, match="no more"):
            list(ordered_stream(abs, chapters(), n_jobs=n_jobs))


# ---------------------------------------------------------------------- tasks that fail


class BadInit(Exception):
    def __init__(self, a, b):
        super().__init__(a)


class Locked(Exception):
    def __init__(self):
        super().__init__("locked")
        self.lock = threading.Lock()


class Mute(Exception):
    def __str__(self):
        raise ValueError("not even words")


ERRORS = {
    "bad init": lambda: BadInit(1, 2),
    "lock": Locked,
    "mute": Mute,
    "exit": lambda: SystemExit(3),
    "memory": lambda: MemoryError("too much"),
    "recursion": lambda: RecursionError("too deep"),
    "stop iteration": lambda: StopIteration("over"),
    "generator exit": lambda: GeneratorExit("closed"),
    "os": lambda: OSError(5, "disk"),
    "unicode": lambda: UnicodeDecodeError("utf-8", b"\xff", 0, 1, "odd"),
    "assertion": AssertionError,
    "chained": lambda: KeyError("a" * 10_000),
}


def fails(name, i):
    if i == 3:
        raise ERRORS[name]()
    return i


@pytest.mark.parametrize("backend", [*BACKENDS, "multiprocessing"])
@pytest.mark.parametrize("name", ERRORS)
def test_every_exception_comes_back_as_words(backend, name):
    with joblib.parallel_config(backend=backend, n_jobs=2):
        stream = ordered_stream(fails, [[(i,) for i in range(9)]], shared=(name,))
        got = []
        with pytest.raises(RuntimeError, match=type(ERRORS[name]()).__name__):
            for result in stream:
                got.append(result)
        assert got == [0, 1, 2]
        assert ordered_map(abs, [(-1,)]) == [1]  # nothing is broken


def naps(i):
    time.sleep(1.0 if i >= 400 else 0.0)
    return i


@pytest.mark.parametrize("backend", ["loky", "multiprocessing"])
def test_a_portion_that_takes_longer_than_others_is_cut(backend, monkeypatch):
    """Thousands of tasks seem to fit into a portion, by those before them; one may not."""
    tasks, got, portions = [(i,) for i in range(100_000)], [], []

    def cross_off(line, numbers, outcomes, seconds, take_in=_Line.cross_off):
        portions.append((numbers[0], len(outcomes)))
        return take_in(line, numbers, outcomes, seconds)

    monkeypatch.setattr(_Line, "cross_off", cross_off)
    with joblib.parallel_config(backend=backend, n_jobs=2):
        with closing(ordered_stream(naps, [tasks])) as stream:
            for result in stream:
                got.append(result)
                if len(got) == 402:
                    break
    assert got == list(range(402))
    assert all(n_done == 1 for first, n_done in portions if first >= 400)
    assert all(first + n_done <= 401 for first, n_done in portions if first < 400)


@pytest.mark.parametrize("backend", [*BACKENDS, "multiprocessing"])
def test_results_keep_their_order_where_portions_are_cut(backend):
    rng = np.random.default_rng(0)
    tasks = [[(float(rng.choice([0, 0, 0, 0.05])),) for _ in range(60)] for _ in range(3)]
    with joblib.parallel_config(backend=backend, n_jobs=2):
        got = list(ordered_stream(returns, tasks))
    assert got == [seconds for chapter in tasks for (seconds,) in chapter]


def returns(seconds):
    time.sleep(seconds)
    return seconds


# ---------------------------------------------------------------------- time, and interruption


@pytest.mark.parametrize("backend", [*BACKENDS, "multiprocessing"])
def test_time_ends_within_a_block(backend):
    """A round takes 21 coalitions of 0.1 s; time is up long before."""
    with joblib.parallel_config(backend=backend, n_jobs=2):
        valuator = ShapleyValuator(stopping=MaxTime(0.5), random_state=0)
        utility = Sum(seconds=0.1)
        with pytest.warns(UserWarning, match="20 of 20 rows have no value"):
            valuator.fit_utility(utility)
    assert valuator.n_rounds_ == 0
    if backend == "sequential":
        assert utility.n_scored <= 8  # five, and what is left of the block


def test_time_amid_a_round_keeps_the_rounds_before(monkeypatch):
    utility = Sum()
    monkeypatch.setattr("skdvl.engine.perf_counter", lambda: utility.n_scored / 100)
    part = _fit(utility, stopping=MaxTime(4) | MaxRounds(10**6))
    assert 1 <= part.n_rounds_ < 400 / 21 and part.n_evaluations_ < 400 <= utility.n_scored
    again = _fit(Sum(), stopping=MaxRounds(part.n_rounds_))
    np.testing.assert_array_equal(part.values_, again.values_)


def _start(tmp_path, checkpoint, n_jobs):
    heard, said = multiprocessing.Pipe(duplex=False)
    fit = begin(fit_to_the_end, checkpoint, tmp_path / "out", n_jobs, "multiprocessing", said)
    said.close()
    assert heard.recv() == "begins"
    heard.close()
    return fit


def _end(fit):
    fit.join(timeout=300)
    code = fit.exitcode
    fit.close()
    return code


def _kill(pid):
    """Kill a process, and its workers, which would go on for a moment."""
    os.kill(pid, signal.SIGKILL)
    time.sleep(0.1)  # for what cleans up after a killed process
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


def test_killed_fits_go_on_to_the_same_bits(tmp_path):
    """Forks, at any moment; and before them an interpreter of its own with workers of loky."""
    rng, path = np.random.default_rng(0), tmp_path / "killed"
    assert _end(_start(tmp_path, tmp_path / "whole", 1)) == 0
    expected = np.load(tmp_path / "out.npy")
    (tmp_path / "out.npy").unlink()
    script = "from errands import fit_to_the_end\n"
    script += "print('begins', flush=True)\n"
    script += "fit_to_the_end(sys.argv[2] + '/killed', sys.argv[2] + '/out', 2, 'loky')\n"
    with _run(tmp_path, script) as fresh:
        assert wait_for(path.exists)
        _kill(fresh.pid)
    for kills in range(20):
        fit = _start(tmp_path, path, 1 + kills % 2)
        fit.join(timeout=rng.uniform(0, 1.0))
        if fit.is_alive():
            _kill(fit.pid)
        _end(fit)
        if (tmp_path / "out.npy").exists():  # it was through: once more from the beginning
            np.testing.assert_array_equal(np.load(tmp_path / "out.npy"), expected)
            (tmp_path / "out.npy").unlink()
            path.unlink()
    assert _end(_start(tmp_path, path, 2)) == 0
    np.testing.assert_array_equal(np.load(tmp_path / "out.npy"), expected)


def be_busy(folder):
    """Say that we are busy, until somebody releases us, and say then that we are done."""
    (Path(folder) / f"busy-{os.getpid()}").touch()
    wait_for((Path(folder) / "released").exists)
    (Path(folder) / "done").touch()


def _are_busy(folder):
    return len(list(folder.glob("busy-*"))) == 2


class Endless(Sum):
    """A game whose workers are busy until they are released."""

    def __call__(self, masks):
        if os.getpid() != self.owner:
            be_busy(self.marks)
        return super().__call__(masks)


def _run(tmp_path, script, **params):
    """Start a process that can import this file, and says when it begins."""
    path = tmp_path / "script.py"
    path.write_text("import sys\nsys.path.insert(0, sys.argv[1])\n" + script)
    here = Path(__file__).parent
    found = os.pathsep.join([str(here.parent), os.environ.get("PYTHONPATH", "")])
    main = subprocess.Popen(
        [sys.executable, str(path), str(here), str(tmp_path)],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, start_new_session=True,
        env=os.environ | {"PYTHONPATH": found} | params,
    )  # fmt: skip
    assert main.stdout.readline() == "begins\n"
    return main


def _leave(main):
    main.wait(timeout=300)
    main.stdout.close()


def test_an_interrupt_does_not_wait_for_workers(tmp_path):
    script = (
        "import signal\n"
        "from test_faults import Endless, _fit\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # ignored in the background
        "print('begins', flush=True)\n"
        "try:\n"
        "    _fit(Endless(sys.argv[2]), n_jobs=2)\n"
        "except KeyboardInterrupt:\n"
        "    print('interrupted', flush=True)\n"
    )
    fit = _run(tmp_path, script)
    assert wait_for(lambda: _are_busy(tmp_path))
    time.sleep(0.5)  # it is waiting for them
    fit.send_signal(signal.SIGINT)
    assert fit.stdout.readline() == "interrupted\n"
    assert not (tmp_path / "done").exists()
    (tmp_path / "released").touch()
    _leave(fit)


def busy_from_3_on(folder, i):
    time.sleep(0.15)
    if i >= 3:
        be_busy(folder)


def test_an_interrupt_between_two_results_does_not_wait_either(tmp_path):
    tasks = [(i,) for i in range(5)]
    stream = ordered_stream(busy_from_3_on, [tasks], shared=(str(tmp_path),), n_jobs=2)
    with pytest.raises(KeyboardInterrupt), closing(stream):
        for _ in range(3):
            next(stream)
        assert wait_for(lambda: _are_busy(tmp_path))
        raise KeyboardInterrupt
    assert not (tmp_path / "done").exists()
    (tmp_path / "released").touch()
    assert ordered_map(abs, [(-1,), (-2,)], n_jobs=2) == [1, 2]  # nothing is broken


LATE = """
import os
from pathlib import Path
from errands import fit_to_the_end
from forks import begin
from meeting import wait_for

def waits(seconds):
    wait_for(lambda: False, seconds)
    return os.getpid()

here = Path(__file__).parent
if os.environ["WHEN"] == "importing" and os.environ["MAIN"] != str(os.getpid()):
    (here / f"busy-{os.getpid()}").touch()
    wait_for((here / "killed").exists)
"""


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs Linux")
@pytest.mark.parametrize("when", ["importing", "working"])
def test_workers_and_files_go_with_a_killed_parent(when, tmp_path):
    """Workers that have not begun their first task, and workers that are at work."""
    (tmp_path / "late.py").write_text(LATE)
    (tmp_path / "files").mkdir()
    script = (
        "import os\n"
        "os.environ['MAIN'] = str(os.getpid())\n"
        "from late import waits\n"
        "from skdvl.workers import ordered_stream\n"
        "print('begins', flush=True)\n"
        "for told in ordered_stream(waits, [[(0.2,)] * 10_000], n_jobs=2):\n"
        "    print(told, flush=True)\n"
    )
    main = _run(tmp_path, script, WHEN=when, JOBLIB_TEMP_FOLDER=str(tmp_path / "files"))
    try:
        workers = set()
        while when == "working" and len(workers) < 2:
            workers.add(int(main.stdout.readline()))
        assert when == "working" or wait_for(lambda: _are_busy(tmp_path))
        assert len(_session(main.pid)) > 2 and list((tmp_path / "files").iterdir())
        main.kill()
        _leave(main)
        (tmp_path / "killed").touch()
        # Left alone, workers of loky would leave after five minutes.
        assert wait_for(lambda: not _session(main.pid), seconds=120)
        assert wait_for(lambda: not list((tmp_path / "files").iterdir()))
    finally:
        with suppress(ProcessLookupError):
            os.killpg(main.pid, signal.SIGKILL)


def _session(pid):
    """Processes that live in the session of one that is gone."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            state, _, _, session, *_ = stat.read_text().rsplit(")", 1)[1].split()
            if session == str(pid) and state != "Z":
                found.append(stat)
    return found


# ---------------------------------------------------------------------- nothing is left, or doubled


@pytest.mark.usefixtures("fresh_workers")
@pytest.mark.parametrize("backend", PROCESSES)
def test_no_files_are_left(backend, tmp_path, monkeypatch):
    monkeypatch.setenv("JOBLIB_TEMP_FOLDER", str(tmp_path))
    with joblib.parallel_config(backend=backend, n_jobs=2):
        ordered_map(pid, [(i,) for i in range(4)], shared=())
        with pytest.raises(RuntimeError):
            ordered_map(fails, [(3,)], shared=("os",))
        stream = ordered_stream(pid, ([(i,)] for i in range(1000)))
        next(stream)
        assert len(list(tmp_path.glob("skdvl-*"))) == 1
        stream.close()
    assert not list(tmp_path.glob("skdvl-*"))


def memory(array, folder, i):
    float(array.sum())
    meet(folder, os.getpid(), 2)
    pages = Path(f"/proc/{os.getpid()}/smaps_rollup").read_text()
    private = sum(int(kb) for kb in re.findall(r"Private_(?:Clean|Dirty): +(\d+)", pages))
    meet(f"{folder}-told", os.getpid(), 2)  # nobody lets go of a page before
    return os.getpid(), private * 1024, array.flags.writeable


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="needs Linux")
def test_workers_share_the_pages_of_large_data(tmp_path):
    told = []
    for name, array in (("small", np.zeros(10)), ("large", np.ones(12_500_000))):
        for folder in (name, f"{name}-told"):
            (tmp_path / folder).mkdir()
        shared = array, str(tmp_path / name)
        told.append(ordered_map(memory, [(0,), (1,)], shared=shared, n_jobs=2))
    assert not any(is_writeable for _, _, is_writeable in told[1])
    base, full = ({worker: private for worker, private, _ in call} for call in told)
    assert sum(full[worker] - base[worker] for worker in base) < 0.3 * array.nbytes


def nested(n_jobs, i):
    return os.getpid(), ordered_map(pid, [(j,) for j in range(3)], n_jobs=n_jobs)


def test_nested_calls_run_in_the_worker_itself():
    for own, inner in ordered_map(nested, [(i,) for i in range(4)], shared=(2,), n_jobs=2):
        assert set(inner) == {own}


def test_a_search_may_nest_them(medium):
    X, y = medium[:2]

    def search(outer, inner):
        settings = {"stopping": MaxRounds(1), "cv": 2, "random_state": 0, "n_jobs": inner}
        valuator = ShapleyValuator(Means(), **settings)
        pipeline = make_pipeline(DataPruner(valuator), GaussianNB())
        grid = {"datapruner__quantile": [0.1, 0.4]}
        return GridSearchCV(pipeline, grid, cv=2, n_jobs=outer).fit(X, y).cv_results_

    alone, spread = search(1, 1), search(2, 2)
    np.testing.assert_array_equal(spread["mean_test_score"], alone["mean_test_score"])


def test_data_frames_and_classes_of_a_script_travel(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import numpy as np, pandas as pd\n"
        "from sklearn.naive_bayes import GaussianNB\n"
        "from sklearn.pipeline import make_pipeline\n"
        "from sklearn.preprocessing import OneHotEncoder\n"
        "from skdvl import ShapleyValuator\n"
        "from skdvl.stopping import MaxRounds\n"
        "class Mine(GaussianNB):\n"
        "    def predict(self, X):\n"
        "        return super().predict(X)\n"
        "encode = OneHotEncoder(handle_unknown='ignore', sparse_output=False)\n"
        "frame = pd.DataFrame({'a': list('xyzxyzxyzx') * 3, 'b': list('pq') * 15})\n"
        "params = dict(stopping=MaxRounds(1), cv=2, random_state=0)\n"
        "fit = ShapleyValuator(make_pipeline(encode, Mine()), **params).fit\n"
        "y = np.arange(30) % 2\n"
        "alone = fit(frame, y).values_\n"
        "params['n_jobs'] = 2\n"
        "fit = ShapleyValuator(make_pipeline(encode, Mine()), **params).fit\n"
        "assert (fit(frame, y).values_ == alone).all()\n"
    )
    path = os.pathsep.join([str(Path(__file__).parent.parent), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True,
        env=os.environ | {"PYTHONPATH": path}, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("backend", BACKENDS)
def test_estimators_of_all_backends_give_the_same(backend, medium):
    X, y = medium[0][:24], medium[1][:24]
    settings = {"stopping": MaxRounds(1), "cv": 2, "random_state": 0}
    alone = ShapleyValuator(GaussianNB(), kernel="refit", **settings).fit(X, y)
    with joblib.parallel_config(backend=backend, n_jobs=3):
        np.testing.assert_array_equal(
            ShapleyValuator(GaussianNB(), kernel="refit", **settings).fit(X, y).values_,
            alone.values_,
        )


def test_threads_that_fit_at_once_do_not_disturb_each_other(medium):
    X, y = medium[:2]
    before = [pool["num_threads"] for pool in threadpool_info()]

    def fit(n_rounds):
        settings = {"stopping": MaxRounds(n_rounds), "cv": 2, "random_state": 0}
        return ShapleyValuator(Means(), **settings).fit(X, y).values_

    alone = [fit(n) for n in (1, 3)]
    with ThreadPoolExecutor() as pool:
        for got, expected in zip(pool.map(fit, (1, 3)), alone, strict=True):
            np.testing.assert_array_equal(got, expected)
    assert before == [pool["num_threads"] for pool in threadpool_info()]


def test_the_last_of_several_threads_leaves_the_process_as_it_was():
    """One enters and leaves in a thread, while this one is within, too."""

    def state():
        return [pool["num_threads"] for pool in threadpool_info()], warnings.filters[:]

    before = state()
    with ThreadPoolExecutor(1) as another:
        for context in (pinned_threads(), quiet()):
            another.submit(context.__enter__).result()
            with context:
                within = state()
                another.submit(context.__exit__, None, None, None).result()
                assert state() == within != before
            assert state() == before


@pytest.mark.parametrize("container", ["pandas", "csr"])
def test_estimators_that_write_into_validation_rows_hurt_nobody(container, medium):
    X, y, X_val, y_val, _ = medium
    make = {"pandas": pd.DataFrame, "csr": sp.csr_matrix}[container]
    scaler = StandardScaler if container == "pandas" else MaxAbsScaler
    given, told = make(X_val.copy()), []
    for copy, n_jobs in ((True, 1), (False, 1), (False, 2)):
        model = make_pipeline(scaler(copy=copy), LogisticRegression())
        valuator = LeaveOneOutValuator(model, kernel="refit", random_state=0, n_jobs=n_jobs)
        told.append(valuator.fit(make(X), y, X_val=given, y_val=y_val).values_)
        now = given.to_numpy() if container == "pandas" else given.toarray()
        np.testing.assert_array_equal(now, X_val)
    np.testing.assert_array_equal(told[0], told[1])
    np.testing.assert_array_equal(told[0], told[2])


def holds(array, folder, i):
    meet(folder, os.getpid(), 2)
    return maps(deleted=False)


def still_holds(folder, i):
    meet(folder, os.getpid(), 2)
    return maps(deleted=True)


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="needs Linux")
def test_idle_workers_let_go_of_the_data(tmp_path):
    shared = np.ones(10**6), str(tmp_path)
    assert ordered_map(holds, [(0,), (1,)], shared=shared, n_jobs=2) == [True, True]

    def let_go():
        folder = tempfile.mkdtemp(dir=tmp_path)
        tasks = (joblib.delayed(still_holds)(folder, i) for i in range(2))
        return not any(joblib.Parallel(n_jobs=2)(tasks))

    assert wait_for(let_go)


def maps(deleted):
    """Whether this worker maps a large parcel, whose file is gone or not."""
    lines = Path("/proc/self/maps").read_text().splitlines()
    lines = [line for line in lines if "skdvl-" in line and ("deleted" in line) == deleted]
    mine = [line.split("-", 1) for line in lines]
    return any(int(rest.split()[0], 16) - int(first, 16) > 10**6 for first, rest in mine)
