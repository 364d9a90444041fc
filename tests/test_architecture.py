"""A module imports only from floors below its own; see docs/architecture.md."""

import ast
import re
from pathlib import Path

import pytest

FLOORS = [
    ["pages"],
    "_version boosting callbacks checkpoint coalitions identity influence neighbors".split()
    + "notices parcel processes ray_backend run semivalues stopping streams".split()
    + "truncation workers".split(),
    ["samplers", "strategies", "utilities", "caching", "evaluation"],
    ["engine", "games"],
    ["valuators"],
    ["pruning", "pipeline", "testing", "experiments"],
    ["plotting"],
]
FLOOR = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
PACKAGE = Path(__file__).parent.parent / "skdvl"
# Neighbours on the ground floor: a run is stored by checkpoint, workers are sent parcels, and the
# version is a part of what things are.
NEIGHBOURS = {("run", "checkpoint"), ("workers", "parcel"), ("identity", "_version")}
NEIGHBOURS |= {("workers", "processes"), ("checkpoint", "processes"), ("influence", "notices")}


def imported_rooms(path, source):
    """Yield the rooms of skdvl that a module imports; fail on what would hide an import."""
    inside = path.relative_to(PACKAGE).with_suffix("").parts
    tree = ast.parse(source)
    optional = {"pandas", "matplotlib", "ray", "diskcache", "pymemcache"}
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef):
            for node in ast.walk(function):
                names = []
                if isinstance(node, ast.Import):
                    names = [alias.name.split(".")[0] for alias in node.names]
                elif isinstance(node, ast.ImportFrom):
                    names = ["skdvl" if node.level else node.module.split(".")[0]]
                assert set(names) <= optional, f"{path.name} imports {names} inside a function"
    for node in ast.walk(tree):
        assert not (isinstance(node, ast.Name) and node.id == "TYPE_CHECKING"), path
        if isinstance(node, ast.ImportFrom) and node.level:
            up = inside[: len(inside) - node.level]
            yield (*up, *(node.module or "").split("."))[0]
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("skdvl."):
            yield node.module.split(".")[1]


def check_floors(path, source):
    here = path.relative_to(PACKAGE).with_suffix("").parts[0]
    for there in imported_rooms(path, source):
        if here in ("__init__", there) or (here, there) in NEIGHBOURS:
            continue
        assert FLOOR[there] < FLOOR[here], f"{here} must not import {there}"


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda p: p.stem)
def test_imports_run_downwards(path):
    check_floors(path, path.read_text())


@pytest.mark.parametrize(
    ("place", "planted"),
    [
        ("samplers/owen.py", "from ..engine import run_rounds"),
        ("samplers/owen.py", "from ..strategies.base import Estimate"),
        ("semivalues.py", "from .valuators import ShapleyValuator"),
        ("stopping.py", "from skdvl.engine import run_rounds"),
        ("engine.py", "def f():\n    from .valuators import base"),
    ],
)
def test_a_planted_upward_import_is_found(place, planted):
    with pytest.raises(AssertionError):
        check_floors(PACKAGE / place, planted)


def test_only_workers_knows_parallel():
    word = re.compile(r"^from .* import .*\bParallel\b", re.MULTILINE)
    users = [path.stem for path in PACKAGE.rglob("*.py") if word.search(path.read_text())]
    assert users == ["workers"]


def test_the_loop_is_short():
    tree = ast.parse((PACKAGE / "engine.py").read_text())
    loop = next(node for node in tree.body if getattr(node, "name", "") == "run_rounds")
    assert loop.end_lineno - loop.lineno < 80
