"""Print what skdvl is beside others, as ratios of one run; write JSON and a picture.

Run it with ``python -m benchmarks [--only TOPIC ...] [--out PATH]`` on a machine at rest; it takes
about ten minutes. Each number is the median of a few, with the lowest and the highest. pyDVL,
shapiq, cleanlab and OpenDataVal are there if they are installed in the same environment. The
scripts of this folder say more, each on its topic.
"""

import argparse
import json
import os
import platform
import sys
import warnings
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))  # as for the scripts

from topics import PEERS, TOPICS, lines  # noqa: E402

from skdvl.workers import pinned_threads  # noqa: E402

_PACKAGES = "skdvl", "scikit-learn", "numpy", "scipy", "joblib", "pyDVL", "shapiq", "cleanlab"


def versions():
    """Return the versions of what took part, and the machine."""
    told = {"python": platform.python_version(), "machine": platform.machine()}
    told["cores"] = os.cpu_count()
    for package in (*_PACKAGES, "opendataval"):
        try:
            told[package] = version(package)
        except PackageNotFoundError:
            told[package] = None
    return told


def show(line):
    """Print one line of the table."""
    low, middle, high = np.quantile(line.numbers, [0, 0.5, 1])
    spread = f"({low:.3g} to {high:.3g})" if len(line.numbers) > 1 else ""
    print(f"  {line.what:42}{line.against:28}{middle:8.3g} {line.unit} {spread}", flush=True)


def draw(found, path):
    """Draw all ratios, one bar for each."""
    from matplotlib.figure import Figure

    found = [line for line in found if line.unit == "times"]
    figure = Figure(figsize=(8, 0.3 * len(found) + 1), layout="constrained")
    axes, places = figure.subplots(), np.arange(len(found))[::-1]
    axes.barh(places, [np.median(line.numbers) for line in found], color="0.7", edgecolor="black")
    axes.set_yticks(places, [f"{line.what} / {line.against}" for line in found], fontsize=8)
    axes.axvline(1, color="black", linestyle="--")
    axes.set_xscale("log")
    axes.set_xlabel("times as fast, or as near to the exact values")
    figure.savefig(path, dpi=150)


def main():
    first = __doc__.split("\n")[0]
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=first)
    parser.add_argument("--only", nargs="*", choices=list(TOPICS), default=list(TOPICS))
    parser.add_argument("--out", type=Path, default=Path("benchmark_results"), metavar="PATH")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    os.environ["PYTHONWARNINGS"] = "ignore"  # of workers
    about, found = versions(), []
    print(", ".join(f"{name} {told}" for name, told in about.items() if told))
    missing = [name for name, is_there in PEERS.items() if not is_there]
    if missing:
        print(f"not installed, and so left out: {', '.join(missing)}")
    with pinned_threads():
        for topic in given.only:
            print(topic, flush=True)
            for line in lines(topic):
                show(line)
                found.append(line)
    told = {"versions": about, "lines": [asdict(line) for line in found]}
    given.out.with_suffix(".json").write_text(json.dumps(told, indent=1))
    try:
        draw(found, given.out.with_suffix(".png"))
    except ImportError:
        print('no picture: pip install "skdvl[plot]"')


if __name__ == "__main__":
    main()
