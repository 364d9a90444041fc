"""Equal things share a digest, in every process; whatever changes a value changes it."""

import functools
import importlib
import importlib.util
import os
import re
import subprocess
import sys
import tempfile
import threading
from collections import OrderedDict
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse as sp
from scipy.special import expit
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import BaggingClassifier, RandomForestClassifier, VotingRegressor
from sklearn.feature_selection import SelectKBest, f_classif
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import accuracy_score, f1_score, get_scorer, make_scorer
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.svm import SVC
from sklearn.utils import all_estimators

from skdvl.identity import Cloned, Unidentified, digest
from skdvl.semivalues import BetaShapley

X = np.random.default_rng(0).normal(size=(12, 3))


def _frame():
    return pd.DataFrame(
        {
            "number": [1.0, np.nan, 3.0],
            "text": ["a", None, "c"],
            "kind": pd.Categorical(["u", "v", "u"]),
            "when": pd.to_datetime(["2020-01-01", "2021-01-01", None]),
            "maybe": pd.array([1, None, 3], dtype="Int64"),
        }
    )


def _memmap():
    with tempfile.TemporaryFile() as file:
        mapped = np.memmap(file, dtype=float, mode="w+", shape=X.shape)
    mapped[:] = X
    return mapped


def power(p):
    return lambda a, b: (a == b).mean() ** p


def fitted(**params):
    return FrozenEstimator(LogisticRegression(**params).fit(X, X[:, 0] > 0))


def against(reference):
    """Return a scorer that looks how far a model is from another one."""
    return lambda model, X, y: -abs(model.predict(X) - reference.predict(X)).mean()


def scaled(X):
    return StandardScaler().fit(X).transform


class Doubled(LogisticRegression):
    """May ask for the type of C, as scikit-learn's own does not."""


class Silent:
    """A scorer that keeps something from pickle."""

    def __init__(self, factor):
        self.factor = factor

    def __getstate__(self):
        return {}


class Listed(np.ndarray):
    """What numpy writes of an array leaves out what a subclass adds."""

    def __new__(cls, factor):
        new = np.zeros(2).view(cls)
        new.factor = factor
        return new


class Making(Silent):
    """Makes what is written anew, each time at the same place in memory perhaps."""

    def __getstate__(self):
        factor = self.factor
        return {"scale": lambda: factor}

    def __setstate__(self, state):
        self.factor = state["scale"]()


def _with_attrs(**attrs):
    frame = _frame()
    frame.attrs = attrs
    return frame


def _fields(gap, values):
    """Return an array with seven bytes in each record that say nothing."""
    array = np.full(32, gap, dtype=np.uint8).view(np.dtype([("a", "i1"), ("b", "f8")], align=True))
    for name in ("a", "b"):
        array[name] = values.get(name, 1)
    return array


def _unsorted(X):
    """Return a sparse matrix whose products are added up from the last column to the first."""
    rows = sp.csr_matrix(X)
    first = slice(*rows.indptr[:2])
    for part in (rows.indices, rows.data):
        part[first] = part[first][::-1].copy()
    rows.has_sorted_indices = False
    return rows


# Each list: forms of one thing.
EQUAL = {
    "arrays": [X, X.copy(), np.asfortranarray(X), X[::-1][::-1], X.astype(">f8"), _memmap()],
    "C": [Cloned(LogisticRegression(C=1)), Cloned(LogisticRegression(C=1.0))],
    "fitted or not": [Cloned(Ridge()), Cloned(Ridge().fit(X, X[:, 0]))],
    "fitted or not, in parts": [
        Cloned(make_pipeline(StandardScaler(), VotingRegressor([("a", ridge)])))
        for ridge in (Ridge(2), Ridge(2).fit(X, X[:, 0]))
    ],
    "frames": [_frame(), _frame().copy(), _frame()[list(_frame().columns)]],
    "dicts": [{"a": 1, "b": 2}, {"a": 1} | {"b": 2}],
    "weights": [Cloned(SVC(class_weight=w)) for w in ({0: 1, 1: 2}, {1: 2, 0: 1})],
    "sets": [{"a", "b", "c"}, {"c", "b", "a"}],
    "sparse": [sp.csr_matrix(X), sp.csr_matrix(X.copy())],
    "learned": [Ridge().fit(X, X[:, 0]), Ridge().fit(X, X[:, 0])],
    "fields": [_fields(0, {}), _fields(255, {})],
    "closures": [power(2), power(2)],
    "scorers": [get_scorer("f1"), make_scorer(f1_score, average="binary")],
    "generators": [np.random.default_rng(3), np.random.default_rng(3)],
    "fitted and frozen": [fitted(), fitted()],
}  # fmt: skip

# All of these differ from each other, and from all above.
DIFFERENT = [
    None, True, False, 0, 1, 1.0, -0.0, 0.5, np.nan, np.inf, 10**400, 1j, "", "1", b"1", "None",
    [], (), {}, set(), frozenset(), [1], (1,), [[1]], [1, 1], {1: 1}, {1}, {"1": 1}, {1: 2, 3: 4},
    {3: 4, 1: 2}, OrderedDict({1: 2, 3: 4}), OrderedDict({3: 4, 1: 2}), frozenset({1}), ...,
    slice(1), range(1),
    X, X.T, X[1:], X.astype("f4"), X.ravel(), X.astype(int), X > 0, X.astype(object),
    np.ma.array(X), np.zeros(0), np.zeros((0, 3)), np.zeros((3, 0)), np.array(1.0),
    np.array([1.0]), np.array(["a"]), np.array(["a"], dtype="U9"),
    # Times an array of float32, or of small integers, they make other types of it.
    np.float64(1), np.float32(1), np.float64(0.5), np.int64(1), np.int8(1), np.True_,
    np.array([b"a"]), np.datetime64("2020"), np.datetime64("2020-01"), np.longdouble(1) / 3,
    np.array([np.longdouble(1)]), sp.csr_matrix(X), sp.csc_matrix(X), sp.csr_array(X),
    _frame(), _frame().rename(columns={"text": "texts"}), _frame().iloc[::-1],
    _frame().assign(number=[1.0, np.nan, 4.0]), _frame().assign(text=["a", None, "d"]),
    _frame().assign(kind=pd.Categorical(["u", "v", "u"], categories=["u", "v", "w"])),
    _frame().assign(kind=pd.Categorical(["u", "v", "u"], ordered=True)),
    _frame()["number"], _frame()["number"].to_numpy(), _with_attrs(unit="m"), _with_attrs(unit="s"),
    _unsorted(X), _fields(0, {"a": 7}), _fields(0, {"b": 7.0}), np.zeros(2, dtype=[("c", "i1")]),
    np.zeros(2, dtype=[("a", "i1")]), np.zeros(2, "V8"), np.ones(2).view("V8"),
    pl.DataFrame({"a": [1, 2]}), pl.DataFrame({"a": [1, None]}), pl.DataFrame({"b": [1, 2]}),
    pl.DataFrame({"a": ["1", "2"]}), pl.Series("a", [1, 2]),
    LogisticRegression(), LogisticRegression(C=2), LogisticRegression(tol=1e-3), Ridge(),
    LogisticRegression(class_weight="balanced"), LogisticRegression(class_weight={0: 1, 1: 2}),
    RandomForestClassifier(max_features=1), RandomForestClassifier(max_features=1.0),
    RandomForestClassifier(max_samples=1), RandomForestClassifier(max_samples=1.0),
    RandomForestClassifier(random_state=0), RandomForestClassifier(random_state=1),
    KNeighborsClassifier(), KNeighborsClassifier(3), KNeighborsClassifier(weights="distance"),
    KNeighborsClassifier(weights=lambda d: 1 / d), KNeighborsClassifier(weights=lambda d: 2 / d),
    make_pipeline(StandardScaler(), Ridge()),
    make_pipeline(StandardScaler(with_std=False), Ridge()),
    make_pipeline(StandardScaler(), Ridge(2)), make_pipeline(Ridge()),
    ColumnTransformer([("a", OneHotEncoder(), [0])]),
    ColumnTransformer([("a", OneHotEncoder(), [1])]),
    BaggingClassifier(Ridge()), CalibratedClassifierCV(Ridge()), SelectKBest(f_classif, k=2),
    SelectKBest(f_classif, k=3), FunctionTransformer(np.log), FunctionTransformer(np.exp),
    np.exp, expit,
    StandardScaler().set_output(transform="pandas"),
    fitted(), fitted(C=2), FrozenEstimator(LogisticRegression()),
    *(Cloned(model) for model in (LogisticRegression(C=3), Ridge())),
    LogisticRegression().fit(X, X[:, 0] > 0), LogisticRegression().fit(X, X[:, 1] > 0),
    against(Ridge()), against(Ridge().fit(X, X[:, 0])), against(Ridge().fit(X, X[:, 1])),
    *(Cloned(FunctionTransformer(scaled(X * c))) for c in (1, 2)), scaled(X), scaled(X * 2),
    Cloned(LogisticRegression(C=np.float64(1))), Cloned(LogisticRegression(C=1)),
    Cloned(Doubled(C=1)), Cloned(Doubled(C=1.0)), Silent(1), Silent(2), Listed(1), Listed(2),
    *([Making(i * c) for i in range(20)] for c in (1, 2)),
    get_scorer("accuracy"), get_scorer("f1"), get_scorer("neg_log_loss"),
    make_scorer(accuracy_score, normalize=False),
    make_scorer(accuracy_score, greater_is_better=False),
    accuracy_score, functools.partial(accuracy_score, normalize=False),
    power(2), power(3), functools.lru_cache(power(4)), len, np.mean, X.mean,
    BetaShapley(4, 1), BetaShapley(1, 4), Path("a"), Path("b"), re.compile("a"), Decimal(1),
    np.random.default_rng(3), np.random.RandomState(3), np.random.RandomState(4),
]  # fmt: skip


@pytest.mark.parametrize("name", EQUAL)
def test_forms_of_one_thing_share_it(name):
    assert len({digest(form) for form in EQUAL[name]}) == 1


def test_different_things_differ():
    found = [digest(thing) for thing in DIFFERENT]
    assert len(set(found)) == len(found)


def test_every_part_of_a_long_array_counts():
    rng = np.random.default_rng(0)
    array = rng.integers(256, size=5000).astype(np.uint8)
    whole, seen = digest(array), set()
    for _ in range(1000):
        other = array.copy()
        other[rng.integers(len(array))] ^= 1 << rng.integers(8)
        seen.add(digest(other))
    assert whole not in seen and len(seen) > 900


def test_every_estimator_of_scikit_learn_can_be_told():
    for name, kind in all_estimators():
        try:
            estimator = kind()
        except Exception:
            continue
        assert digest(Cloned(estimator)) == digest(Cloned(estimator)), name


MODULE = """
from sklearn.linear_model import LogisticRegression
from functools import wraps
from sklearn.metrics import accuracy_score

FACTOR = {factor}

def help(x):
    return x * FACTOR {help}

class Base(LogisticRegression):
    scale = {scale}
    @property
    def twice(self):
        return 2 * self.scale {twice}
    @staticmethod
    def still(x):
        return x {static}
    def fit(self, X, y):
        def inner(z):
            return z {inner}
        return super().fit(inner(X), y)

class Mine(Base):
    pass

def score(model, X, y{default}):
    return help((model.predict(X) == y).mean())

@wraps(accuracy_score)
def wrapped(y, z):
    return accuracy_score(y, z) {wrapped}
"""
PLAIN = dict.fromkeys(("help", "twice", "static", "inner", "default", "wrapped"), "")
PLAIN |= {"factor": "1", "scale": "1"}
CHANGES = {
    "factor": "2", "help": "+ 1", "scale": "2", "twice": "+ 1", "static": "+ 1", "inner": "+ 1",
    "default": ", w=1", "wrapped": "* 2",
}  # fmt: skip


def _module(tmp_path, name="mine", **changes):
    path = tmp_path / f"{name}.py"
    path.write_text("\n" * len(changes) + MODULE.format(**(PLAIN | changes)))
    spec = importlib.util.spec_from_file_location("mine", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("change", CHANGES)
def test_code_of_the_user_counts_with_all_that_it_refers_to(change, tmp_path):
    module = _module(tmp_path)
    other = _module(tmp_path, "other", **{change: CHANGES[change]})

    def told(module):
        return [digest(part) for part in (module.Mine(), module.score, module.wrapped, module)]

    assert told(module) == told(_module(tmp_path, "same"))
    same = [a == b for a, b in zip(told(module), told(other), strict=True)]
    touched = {"factor": 1, "help": 1, "default": 1, "wrapped": 2}.get(change, 0)
    assert same == [i not in (touched, 3) for i in range(4)]
    assert digest(module.wrapped) != digest(accuracy_score)


def test_code_is_more_than_its_instructions():
    def minus(a, b):
        return a - b

    def swapped(b, a):  # the same instructions, called with a=, b= it is another function
        return b - a

    kinds = [type("Kind", (), {"f": wrap(minus)}) for wrap in (staticmethod, classmethod, property)]
    kinds.append(type("Kind", (), {"f": minus}))
    assert digest(minus) != digest(swapped)
    assert len({digest(kind) for kind in kinds}) == 4


def test_attributes_are_not_taken_for_global_names():
    def score(model, X, y):
        return model.unrelated(X).related + related  # noqa: F821

    def digests(**names):
        score.__globals__.update(names)
        try:
            return digest(score)
        finally:
            for name in names:
                del score.__globals__[name]

    assert digests(unrelated=1, related=1) == digests(unrelated=threading.Lock(), related=1)
    assert digests(unrelated=1, related=1) != digests(unrelated=1, related=2)


def test_what_cannot_be_told_is_named():
    class Locked(LogisticRegression):
        lock = threading.Lock()

    with pytest.raises(Unidentified, match=r"Locked\.lock is a _thread\.lock"):
        digest(Locked(), "The estimator")
    with pytest.raises(Unidentified, match=r"The estimator\.C is a _thread\.lock"):
        digest(LogisticRegression(C=threading.Lock()), "The estimator")
    endless = []
    for _ in range(100):
        endless = [endless]
    with pytest.raises(Unidentified, match="nested too deeply"):
        digest(endless)
    with pytest.raises(Unidentified, match="nothing pins its code"):
        digest(np.frompyfunc(power(2), 2, 1))


def test_things_may_hold_themselves():
    ring, other = [1], [1]
    ring.append(ring)
    other.append(other)
    assert digest(ring) == digest(other) != digest([1, [1]])

    def recursive(n):
        return 1 if n == 0 else n * recursive(n - 1)

    digest(recursive)


def test_the_same_in_every_process(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from test_identity import DIFFERENT, EQUAL, digest\n"
        "print(digest([digest(x) for x in DIFFERENT + list(EQUAL.values())]).hex())\n"
    )
    path = os.pathsep.join([str(Path(__file__).parent.parent), os.environ.get("PYTHONPATH", "")])
    found = {
        subprocess.run(
            [sys.executable, str(script)], check=True, capture_output=True, text=True,
            env=os.environ | {"PYTHONPATH": path, "PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2")
    }  # fmt: skip
    assert len(found) == 1


def test_modules_that_are_imported_when_a_function_runs_count(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    digests = []
    for version in (1, 100):
        (tmp_path / f"skdvl_metrics_{version}.py").write_text(f"factor = {version}\n")
        (tmp_path / "skdvl_metrics.py").write_text(
            f"from skdvl_metrics_{version} import factor\n\ndef scale():\n    return factor\n"
        )
        sys.modules.pop("skdvl_metrics", None)
        importlib.invalidate_caches()

        def score(model, X, y):
            from skdvl_metrics import scale

            return scale()

        digests.append(digest(score))
    for name in ("", "_1", "_100"):
        sys.modules.pop(f"skdvl_metrics{name}")
    assert digests[0] != digests[1]
