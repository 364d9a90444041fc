"""Workers that wait for each other: whether two of them are at work is not left to chance."""

import os
import time
from pathlib import Path

from skdvl.workers import ordered_map

LONG = 300  # seconds: longer than any pause of a busy machine


def wait_for(condition, seconds=LONG):
    """Wait until something is so; return whether it is."""
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.02)
    return condition()


def meet(folder, name, n):
    """Write a name down, and wait until `n` names are there."""
    (Path(folder) / str(name)).touch()
    if not wait_for(lambda: len(os.listdir(folder)) >= n):
        raise RuntimeError(f"only {os.listdir(folder)} came")
    return name


def meet_another(folder, function, i):
    """Call a function in a worker, while another worker does so, too."""
    return meet(folder, os.getpid(), 2), function()


def in_both(folder, function=os.getpid):
    """Call a function in each of two workers; return a dict of process ids to results."""
    folder.mkdir()
    return dict(ordered_map(meet_another, [(0,), (1,)], shared=(str(folder), function), n_jobs=2))
