"""Packed keys sort as a stable argsort does, whatever the distances."""

import numpy as np
import pytest

from skdvl.neighbors import order


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


@pytest.mark.parametrize("n_bits", [12, 20, 31])
def test_rows_are_read_off_keys_of_any_length(n_bits):
    row = 2**n_bits - 1
    keys = np.array([[row, 2**63 + row - 1, 2**64 - 1]], dtype=np.uint64)
    assert order.bits_of(2**n_bits) == n_bits
    np.testing.assert_array_equal(order.rows_of(keys, n_bits), [[row, row - 1, row]])
