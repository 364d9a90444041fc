"""Kernel ridge regression beside refits, on predictions of each coalition."""

import numpy as np
import pytest
from sklearn.datasets import load_diabetes
from sklearn.kernel_ridge import KernelRidge
from sklearn.metrics.pairwise import rbf_kernel
from test_kernels_linear import bundled, compare, draw, some_masks, walk

from skdvl.utilities.kernels.least_squares import KernelRidgeKernel, kernel_ridge


def check(estimator, X, y, X_val, seed=0, n_masks=30):
    """Compare masks, and walks from nothing and from some rows, with refits."""
    assert KernelRidgeKernel.supports(estimator, X, y, X_val) is None
    kernel = KernelRidgeKernel(estimator, X, y, X_val)
    masks = some_masks(len(X), n_masks, seed)
    _, sure = compare(estimator, X, y, X_val, masks, kernel(masks))
    rng = np.random.default_rng(seed)
    places = rng.permuted(np.tile(np.arange(len(X)), (2, 1)), axis=1)
    for begin in (0, len(X) // 3):
        start = np.zeros((2, len(X)), dtype=bool)
        np.put_along_axis(start, places[:, :begin], True, axis=1)
        start[0, places[0, : begin // 2]] = False  # walks need not begin at one size
        for masks, answers in walk(kernel, start, places[:, begin:]):
            _, share = compare(estimator, X, y, X_val, masks, answers)
            sure = min(sure, share)
    return sure


@pytest.mark.parametrize("name", ["linear", "poly", "rbf", "laplacian", "cosine", "sigmoid"])
@pytest.mark.parametrize("alpha", [1.0, 1e-3])
def test_each_kernel_is_a_refit(name, alpha):
    for kind in ("plain", "repeated") if alpha == 1 else ("offset", "scales"):
        check(KernelRidge(kernel=name, alpha=alpha), *draw(kind, 24, 4), n_masks=12)


def test_it_is_sure_of_what_people_use():
    data = bundled(load_diabetes, 40)
    for estimator in (
        KernelRidge(kernel="rbf", gamma=0.1),
        KernelRidge(0.3, kernel="laplacian"),
        KernelRidge(kernel="poly", degree=2),
        KernelRidge(),
    ):
        assert check(estimator, *data) == 1


def test_a_tiny_penalty_on_repeated_rows_is_not_sure():
    X, y, X_val = draw("repeated", 40, 3)
    kernel = KernelRidgeKernel(KernelRidge(1e-12, kernel="rbf"), X, y, X_val)
    masks = some_masks(40, 20, smallest=35)
    assert not kernel(masks[masks.sum(axis=1) > 30]).is_sure.any()


def test_walks_too_large_for_memory(monkeypatch):
    monkeypatch.setattr(kernel_ridge, "LARGEST_STATE", 100)
    check(KernelRidge(kernel="rbf"), *draw("plain", 20, 3))


def test_what_is_declined():
    X, y, X_val = draw("plain", 30, 3)
    for estimator, words in [
        (KernelRidge(0), "alpha"),
        (KernelRidge([1.0]), "alpha"),
        (KernelRidge(kernel="precomputed"), "kernel='precomputed'"),
        (KernelRidge(kernel=rbf_kernel), "kernel="),
    ]:
        assert words in KernelRidgeKernel.supports(estimator, X, y, X_val)
