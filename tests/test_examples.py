"""Every example runs as a user would run it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parent.parent / "examples").glob("plot_*.py"))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_example_runs(example, tmp_path):
    done = subprocess.run(
        [sys.executable, str(example)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=os.environ | {"MPLBACKEND": "template"},  # draws nothing and shows nothing
        timeout=1500,
    )
    assert done.returncode == 0, done.stderr
    numbers = dict(line.rsplit(": ", 1) for line in done.stdout.splitlines() if ": " in line)
    if example.stem == "plot_pruning_pipeline":
        gains = {name: float(told.split()[0]) for name, told in numbers.items()}
        assert len(gains) == 4 and min(gains.values()) >= 5, gains
    if example.stem == "plot_methods":
        lines = [line.rsplit(None, 3) for line in done.stdout.splitlines()]
        areas = {
            line[0]: float(line[1]) for line in lines if len(line) == 4 and line[0][0].isupper()
        }
        assert len(areas) == 12, done.stdout
        assert min(areas["DataOOBValuator"], areas["KNNShapleyValuator"]) > 0.95
        assert areas["BetaShapleyValuator"] > areas["RandomValuator"]
    if example.stem == "plot_quickstart":
        assert float(numbers["AUROC of flipped rows among low values"]) > 0.8
        before, after = (
            float(numbers[f"test accuracy {when} dropping"]) for when in ("before", "after")
        )
        assert after > before
