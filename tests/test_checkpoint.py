"""A file is whole and ours, or it is refused; and it is never overwritten then."""

import os

import numpy as np
import pytest
from sklearn.naive_bayes import GaussianNB

from skdvl import ShapleyValuator
from skdvl.checkpoint import read_arrays, write_arrays
from skdvl.samplers import StratifiedSampler
from skdvl.stopping import MaxRounds

ARRAYS = {"x": np.arange(6.0).reshape(2, 3), "n": np.array(3), "flag": np.array([True, False])}


def test_arrays_come_back(tmp_path):
    write_arrays(tmp_path / "a", ARRAYS, "f")
    again = read_arrays(tmp_path / "a", "f")
    assert list(again) == list(ARRAYS)
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(again[name], array)
        assert again[name].dtype == array.dtype


def test_every_damage_is_refused(tmp_path):
    path = tmp_path / "a"
    write_arrays(path, ARRAYS, "f")
    blob = path.read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(5000):
        damaged = bytearray(blob)
        if rng.random() < 0.5:
            place = rng.integers(len(blob))
            damaged[place] ^= 1 << rng.integers(8)
        else:
            del damaged[rng.integers(len(blob)) :]
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match="damaged or is not a skdvl checkpoint"):
            read_arrays(path, "f")


def test_objects_are_not_written(tmp_path):
    with pytest.raises(TypeError, match="Only boolean, integer and floating"):
        write_arrays(tmp_path / "a", {"o": np.array([object()])}, "f")
    assert not list(tmp_path.iterdir())


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a"
    write_arrays(path, ARRAYS, "f")
    monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        write_arrays(path, {"x": np.zeros(1)}, "f")
    np.testing.assert_array_equal(read_arrays(path, "f")["x"], ARRAYS["x"])
    assert [file.name for file in tmp_path.iterdir()] == ["a"]


@pytest.mark.parametrize(
    "other",
    [
        {"estimator": GaussianNB(var_smoothing=1e-3)},
        {"sampler": StratifiedSampler()},
        {"scoring": "balanced_accuracy"},
        {"random_state": 1},
        {"cv": 3},
        {"error_score": 0.0},
    ],
    ids=str,
)
def test_a_checkpoint_of_another_computation_is_refused(other, medium, tmp_path):
    X, y = medium[:2]
    path = tmp_path / "run"
    params = {
        "estimator": GaussianNB(), "stopping": MaxRounds(1), "random_state": 0, "cv": 2,
        "checkpoint": path,
    }  # fmt: skip
    ShapleyValuator(**params).fit(X, y)
    blob = path.read_bytes()
    with pytest.raises(ValueError, match="belongs to another computation") as refusal:
        ShapleyValuator(**(params | other)).fit(X, y)
    assert str(path) in str(refusal.value) and path.read_bytes() == blob
    with pytest.raises(ValueError, match="belongs to another computation"):
        ShapleyValuator(**params).fit(X, 1 - y)


def test_foreign_files_are_refused_and_kept(medium, tmp_path):
    X, y = medium[:2]
    path = tmp_path / "notes.txt"
    path.write_text("my notes")
    with pytest.raises(ValueError, match="Remove it to begin anew"):
        ShapleyValuator(GaussianNB(), checkpoint=path).fit(X, y)
    assert path.read_text() == "my notes"
    with pytest.raises(ValueError, match="folder that does not exist"):
        ShapleyValuator(GaussianNB(), checkpoint=tmp_path / "no" / "run").fit(X, y)


def test_history_must_have_been_kept(medium, tmp_path):
    X, y = medium[:2]
    params = {"random_state": 0, "cv": 2, "checkpoint": tmp_path / "run"}
    ShapleyValuator(GaussianNB(), stopping=MaxRounds(1), **params).fit(X, y)
    with pytest.raises(ValueError, match="without store_history=True"):
        ShapleyValuator(GaussianNB(), store_history=True, **params).fit(X, y)


def test_a_disk_that_is_full_ends_no_fit(medium, tmp_path, monkeypatch):
    X, y = medium[:2]
    settings = {"stopping": MaxRounds(2), "cv": 2, "random_state": 0}
    off = ShapleyValuator(GaussianNB(), **settings).fit(X, y)
    monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError("disk full")))
    monkeypatch.setattr("skdvl.valuators.keeper._SECONDS", 0.0)
    valuator = ShapleyValuator(GaussianNB(), checkpoint=tmp_path / "run", **settings)
    with pytest.warns(RuntimeWarning, match="run' cannot be written: disk full"):
        np.testing.assert_array_equal(valuator.fit(X, y).values_, off.values_)
    with pytest.raises(ValueError, match="is a folder"):
        valuator.set_params(checkpoint=tmp_path).fit(X, y)


def test_what_killed_writers_left_is_removed(medium, tmp_path):
    X, y = medium[:2]
    gone = 2**22 + 1  # a number that no process ever has
    names = [f"run.{gone}.part", f"run.{os.getpid()}.part", "run.mine.part", "other.1.part"]
    settings = {"stopping": MaxRounds(1), "cv": 2, "random_state": 0}
    valuator = ShapleyValuator(GaussianNB(), checkpoint=tmp_path / "run", **settings).fit(X, y)
    for name in names:
        (tmp_path / name).touch()
    valuator.fit(X, y)
    assert {file.name for file in tmp_path.iterdir()} == {"run", *names[1:]}


def test_recalled_results_are_written_too(medium, tmp_path):
    X, y = medium[:2]
    settings = {"stopping": MaxRounds(1), "cv": 2, "random_state": 0, "memory": str(tmp_path / "m")}
    for name in ("a", "b"):
        ShapleyValuator(GaussianNB(), checkpoint=tmp_path / name, **settings).fit(X, y)
    assert (tmp_path / "b").read_bytes() == (tmp_path / "a").read_bytes()
