"""Packed keys sort as a stable argsort does, whatever the distances."""

import numpy as np
import pytest

from skdvl import KNNShapleyValuator
from skdvl.neighbors import order, sorting


def _distances(kind, n, rng):
    d = rng.random((3, n))
    special = [np.inf, -np.inf, np.nan, -np.nan, 0.0, -0.0, 5e-324, -5e-324, 1e308, -1e308, 1.0]
    last = 1 + rng.integers(0, 4, (3, n)) * np.finfo(float).eps
    return {
        "random": d,
        "signed": d - 0.5,
        "few": np.round(d, 2),
        "last bits": last,
        "last bits of some": np.where(d < 0.05, last, d),
        "special": rng.choice(special, (3, n)),
        "some special": np.where(d < 0.1, rng.choice(special, (3, n)), d),
        "all the same": np.ones((3, n)),
    }[kind]


KINDS = ["random", "signed", "few", "last bits", "last bits of some", "special", "some special"]


@pytest.mark.parametrize("kind", [*KINDS, "all the same"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("n", [1, 2, 9, 1500, 70_000])
@pytest.mark.parametrize("alone", [False, True])
def test_order_is_that_of_a_stable_argsort(kind, dtype, n, alone, monkeypatch):
    monkeypatch.setattr(order, "_FEW", 0)
    rng = np.random.default_rng(n)
    with np.errstate(over="ignore"):
        distances = _distances(kind, n, rng).astype(dtype)
    before = distances.copy()
    asks = np.array([0, n // 2, n - 1]) if alone else None
    expected = np.argsort(distances, axis=1, kind="stable")
    if alone:
        expected = np.array([line[line != own] for line, own in zip(expected, asks, strict=True)])
    np.testing.assert_array_equal(order.nearest_first(distances, asks), expected)
    np.testing.assert_array_equal(distances, before)


@pytest.fixture(params=[True, False], ids=["by cells", "by numpy"])
def by_cells(request, monkeypatch):
    """Sort in one of the two ways, whatever the processor."""
    monkeypatch.setattr(sorting, "_cells_are_quicker", lambda: request.param)
    return request.param


@pytest.mark.parametrize("kind", [*KINDS, "all the same"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("alone", [False, True])
def test_either_sort(kind, dtype, alone, by_cells):
    n = 70_000
    with np.errstate(over="ignore"):
        distances = _distances(kind, n, np.random.default_rng(0)).astype(dtype)
    asks = np.array([0, n // 2, n - 1]) if alone else None
    expected = order.argsorted(distances, asks)
    np.testing.assert_array_equal(order.nearest_first(distances, asks), expected)


def _spread(kind, shape):
    rng = np.random.default_rng(shape[1])
    return {
        "even": lambda: rng.random(shape),
        "uneven": lambda: rng.chisquare(4, shape),
        "outliers": lambda: rng.chisquare(9, shape) * np.where(rng.random(shape) < 0.02, 1e6, 1),
        "far away": lambda: 1e9 + rng.random(shape),
        "in order": lambda: np.sort(rng.random(shape)),
        "other places": lambda: rng.random(shape) + np.arange(shape[0])[:, None] * 1e3,
        # Cells nearly as full as they may be, at all places about the borders of windows.
        "lumps": lambda: rng.permuted(
            1 + np.arange(shape[1]) // 120 + rng.random(shape) / 99, axis=1
        ),
    }[kind]()


@pytest.mark.parametrize(
    "kind", ["even", "uneven", "outliers", "far away", "in order", "other places", "lumps"]
)
@pytest.mark.parametrize("shape", [(1, 4096), (1, 70_001), (3, 5000), (2, 8191), (7, 4097)])
@pytest.mark.parametrize("as_integers", [False, True])
def test_cells_sort(kind, shape, as_integers):
    keys = _spread(kind, shape)
    if as_integers:
        keys = (keys / keys.max() * 2.0**62).astype(np.uint64)
    before = keys.copy()
    found = sorting.sort_by_cells(keys)
    np.testing.assert_array_equal(keys, before)
    assert found.dtype == keys.dtype
    np.testing.assert_array_equal(found, np.sort(before, axis=1))


def test_where_cells_overflow_numpy_sorts(by_cells):
    keys = np.repeat(np.random.default_rng(0).random((2, 50)), 200, axis=1)
    assert sorting.sort_by_cells(keys) is None
    np.testing.assert_array_equal(sorting.sort_lines(keys.copy()), np.sort(keys, axis=1))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_values_are_the_same_bits_by_either_sort(dtype, monkeypatch):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(5000, 4)), rng.integers(0, 3, 5000)
    values = []
    for way in (True, False):
        monkeypatch.setattr(sorting, "_cells_are_quicker", lambda way=way: way)
        valuator = KNNShapleyValuator(dtype=dtype).fit(X, y, X_val=X[:60] + 0.1, y_val=y[:60])
        values.append(valuator.values_)
    np.testing.assert_array_equal(*values)


@pytest.mark.parametrize("n_bits", [12, 20, 31])
def test_rows_are_read_off_keys_of_any_length(n_bits):
    row = 2**n_bits - 1
    keys = np.array([[row, 2**63 + row - 1, 2**64 - 1]], dtype=np.uint64)
    assert order.bits_of(2**n_bits) == n_bits
    np.testing.assert_array_equal(order.rows_of(keys, n_bits), [[row, row - 1, row]])
