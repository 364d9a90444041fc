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
    if example.stem == "plot_removal_curve":
        gains = {name: float(told.split()[0]) for name, told in numbers.items() if ", " in name}
        assert len(gains) == 8, done.stdout
        for method in ("Data-OOB", "KNN-Shapley", "Shapley"):
            assert gains[f"lowest, {method}"] > 0.02 and gains[f"highest, {method}"] < -0.02
    if example.stem == "plot_mislabelled_digits":
        assert int(numbers["wrong labels among the 24 lowest values"]) >= 22
        assert float(numbers["Data-OOB, share of the wrong labels in the lowest tenth"]) > 0.95
    if example.stem == "plot_vendors":
        paid = {name: float(told) for name, told in numbers.items() if "payment" in name}
        assert paid["payment of twin A"] == paid["payment of twin B"] > 1000
        assert paid["payment of careless, per row"] < paid["payment of large, per row"]
    if example.stem == "plot_semivalues":
        ranks = [float(told) for name, told in numbers.items() if name.startswith("mean rank")]
        assert len(ranks) == 3 and ranks == sorted(ranks, reverse=True)
    if example.stem == "plot_custom_sampler":
        assert float(numbers["mean variance beside permutations"]) < 1
    if example.stem == "plot_caching":
        assert numbers["Shapley, again"].startswith("0 models")
        assert numbers["same bits without a cache"] == "True"
    if example.stem == "plot_ray":
        assert numbers["same bits with ray"] == "True"
    if example.stem == "plot_quickstart":
        assert float(numbers["AUROC of flipped rows among low values"]) > 0.8
        before, after = (
            float(numbers[f"test accuracy {when} dropping"]) for when in ("before", "after")
        )
        assert after > before
