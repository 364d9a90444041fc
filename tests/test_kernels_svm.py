"""Support vector machines: the machines of refits bit by bit, and what they say."""

import pickle
import warnings

import numpy as np
import pytest
from refits import coalitions, data_sets
from scipy.linalg.blas import ddot
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.preprocessing import scale
from sklearn.svm import SVC, SVR, NuSVC, NuSVR, _libsvm

from skdvl import ShapleyValuator
from skdvl.caching import MemoryCache
from skdvl.stopping import MaxRounds
from skdvl.testing import check_kernel
from skdvl.utilities import ModelUtility, make_utility
from skdvl.utilities.kernels.svm import SVCKernel, SVRKernel, libsvm, pairs, svm

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

SETS = data_sets()
SETS["two classes"] = (SETS["rounded"][0], SETS["rounded"][1] % 2, SETS["rounded"][2])
MACHINES = [
    SVC(),
    SVC(gamma=0.05, C=30.0),
    SVC(gamma="auto", tol=1e-6, shrinking=False, class_weight="balanced"),
    SVC(kernel="linear", max_iter=500),
    SVC(kernel="poly", max_iter=500),
    SVC(kernel="poly", gamma=0.1, coef0=1.0, degree=2, max_iter=500),
    SVC(kernel="sigmoid", gamma="scale"),
    NuSVC(nu=0.1, max_iter=500),
]


def fitted(estimator, X, y):
    """A refit, or None where there is none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return clone(estimator).fit(X, y)
    except ValueError:
        return None


def check(kernel, estimator, data, size=8, seed=0):
    """Compare machines of coalitions, bit for bit, and decisions; return the share of the sure."""
    X, y, X_val = data
    kernel = pickle.loads(pickle.dumps(kernel))
    masks = coalitions(len(y), size, np.random.default_rng(seed))
    if isinstance(kernel, SVCKernel):
        masks = masks[[len(np.unique(y[mask])) > 1 for mask in masks]]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        answers = kernel(masks)
    for b, mask in enumerate(masks):
        rows = np.flatnonzero(mask)
        pairwise = estimator.kernel == "precomputed"
        model = fitted(estimator, X[np.ix_(rows, rows)] if pairwise else X[rows], y[rows])
        if model is None:
            assert not answers.is_sure[b]
        elif answers.is_sure[b]:
            check_machine(kernel, model, rows)
            said = model, X_val[:, rows] if pairwise else X_val, answers.decision[:, b]
            check_labels(*said) if isinstance(kernel, SVCKernel) else check_numbers(*said)
    return answers.is_sure.mean()


def check_machine(kernel, model, rows):
    machine, _ = kernel._machine(rows)
    expected = model.support_, model._n_support, model._dual_coef_, model._intercept_
    assert all(map(np.array_equal, machine, expected)), rows


def check_labels(model, X_val, decision):
    if len(decision) > 2:
        np.testing.assert_array_equal(decision.argmax(axis=0), model.predict(X_val))
        return
    expected = model.decision_function(X_val)
    size = np.abs(expected).max()
    np.testing.assert_allclose(decision[1] - decision[0], expected, rtol=0, atol=1e-9 * size)
    clear = np.abs(expected) > 1e-9 * size
    np.testing.assert_array_equal(decision.argmax(axis=0)[clear], model.predict(X_val)[clear])


def check_numbers(model, X_val, decision):
    np.testing.assert_allclose(decision[0], model.predict(X_val), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("estimator", MACHINES, ids=str)
def test_classes(estimator, name):
    X, y, X_val = SETS[name]
    assert SVCKernel.supports(estimator, X, y, X_val) is None
    kernel = SVCKernel(estimator, X, y, X_val)
    if estimator.kernel != "sigmoid" and not kernel.pairs.is_kept:
        kernel.pairs.keep()  # where it does not pay, it must still be right
    sure = check(kernel, estimator, SETS[name])
    assert sure == 1 or isinstance(estimator, NuSVC)  # which cannot be fitted to everything


@pytest.mark.parametrize("name", ["breast_cancer", "iris", "duplicates"])
@pytest.mark.parametrize("estimator", [MACHINES[0], MACHINES[3], MACHINES[4]], ids=str)
def test_by_rows(estimator, name):
    kernel = SVCKernel(estimator, *SETS[name])
    kernel.pairs.forget()
    assert check(kernel, estimator, SETS[name], 30) == 1


@pytest.mark.parametrize("name", ["breast_cancer", "iris", "rare class", "two classes"])
def test_a_kernel_of_ones_own(name):
    X, y, X_val = SETS[name]
    data = rbf_kernel(X), y, rbf_kernel(X_val, X)
    data[0][3, 4] += 0.01  # of no symmetry, as any matrix of a user's
    estimator = SVC(kernel="precomputed")
    assert SVCKernel.supports(estimator, *data) is None
    assert check(SVCKernel(estimator, *data), estimator, data, 40) == 1


@pytest.mark.parametrize(
    "estimator",
    [SVR(), SVR(kernel="linear", C=0.1), SVR(gamma=0.1, epsilon=0.0), SVR(C=10.0), NuSVR()],
    ids=str,
)
def test_numbers(estimator):
    X, y = load_diabetes(return_X_y=True)
    y = scale(y)
    for rows in (X[:80], np.round(20 * X[:80])):
        data = rows, y[:80], X[80:120]
        assert SVRKernel.supports(estimator, *data) is None
        kernel = SVRKernel(estimator, *data)
        assert check(kernel, estimator, data, 20) == 1
        kernel.pairs.keep()
        assert check(kernel, estimator, data, 20) == 1


def test_targets_that_are_all_close():
    """There are no support vectors, and one number for all rows."""
    X, y, X_val = SETS["rounded"]
    for estimator in (SVR(epsilon=1e6), SVR(kernel="linear", epsilon=1e6)):
        data = X, y + 0.25, X_val
        assert check(SVRKernel(estimator, *data), estimator, data) == 1


def test_where_float32_might_tell_rows_are_taken(monkeypatch):
    data = SETS["iris"]
    for gamma in ("scale", 0.1):
        monkeypatch.setattr(pairs, "_BLUR", 1e-3)
        estimator = SVC(gamma=gamma)
        kernel = SVCKernel(estimator, *data)
        kernel.pairs.keep()
        rows = np.arange(10, 40)
        assert kernel.pairs.to_train(rows, kernel.pairs.gamma_of(rows))[1] == "rbf"
        assert check(kernel, estimator, data) == 1


def test_which_numbers_hang_on_the_last_bits():
    grid = np.float32([1e-3, 0.3, 0.7, 1e-40]).astype(float)
    above = np.nextafter(grid.astype(np.float32), np.float32(1)).astype(float)
    middle = (grid + above) / 2
    assert pairs._hangs(middle).all()
    assert not pairs._hangs(np.array([0.0, 1.0, *grid, *(0.7 * grid + 0.3 * above)])).any()


@pytest.mark.parametrize("name", ["breast_cancer", "digits", "outliers"])
@pytest.mark.parametrize("estimator", [SVC(), SVC(kernel="linear", max_iter=500)], ids=str)
def test_the_solver_settles_what_rounding_might_turn(estimator, name, monkeypatch):
    """With the very bits that a refit's decision function has."""
    monkeypatch.setattr(svm, "LOST", 0.0)
    X, y, X_val = SETS[name]
    data = X, (y > 0).astype(int), X_val
    kernel = SVCKernel(estimator, *data)
    masks = coalitions(len(y), 20, np.random.default_rng(0))
    answers = kernel(masks)
    for b, mask in enumerate(masks):
        if answers.is_sure[b]:
            model = fitted(estimator, X[mask], data[1][mask])
            expected = model.decision_function(X_val)
            np.testing.assert_array_equal(answers.decision[1, b] - answers.decision[0, b], expected)
    own = SVC(kernel="precomputed")
    given = SVCKernel(own, X @ X.T, data[1], X_val @ X.T)
    assert check(given, own, (X @ X.T, data[1], X_val @ X.T)) == 1


def test_other_products_are_found_out(monkeypatch):
    monkeypatch.setattr(pairs, "ddot", lambda x, y: ddot(x, y) * (1 + 1e-6))
    estimator, data = SVC(gamma=0.02, C=100.0), SETS["digits"]
    kernel = SVCKernel(estimator, *data)
    assert kernel.pairs.may_keep() and not kernel.pairs.is_kept
    assert check(kernel, estimator, data) == 1


def test_products_that_depend_on_places_are_not_kept(monkeypatch):
    def product(x, y):
        return ddot(x, y) * (1 + 1e-15 * (x.ctypes.data // 8 % 2))

    monkeypatch.setattr(pairs, "ddot", product)
    kernel = SVCKernel(SVC(), *SETS["digits"])
    assert not kernel.pairs.may_keep() and not kernel.pairs.is_kept


def test_coalitions_of_no_interest():
    X, y, X_val = SETS["iris"]
    kernel = SVCKernel(SVC(), X, y, X_val)
    masks = np.stack([np.zeros(len(y), dtype=bool), y == 1, np.ones(len(y), dtype=bool)])
    assert kernel(masks).is_sure.tolist() == [False, False, True]


def test_it_prints_nothing(capfd):
    kernel = SVCKernel(SVC(), *SETS["iris"])
    _libsvm.set_verbosity_wrap(1)  # as in a process where no machine was ever fitted
    kernel(np.ones((1, len(SETS["iris"][1])), dtype=bool))
    assert capfd.readouterr().out == ""


def test_a_scikit_learn_without_this_solver(monkeypatch):
    X, y = load_iris(return_X_y=True)
    refit = ModelUtility(SVC(), X[::2], y[::2], X[1::2], y[1::2], "accuracy")
    refit.bind()
    for solver in (None, object()):
        monkeypatch.setattr(libsvm, "_libsvm", solver)
        libsvm.is_usable.cache_clear()
        assert make_utility(refit) is refit and "solver" in refit.reason
    monkeypatch.undo()
    libsvm.is_usable.cache_clear()
    assert make_utility(refit) is not refit


@pytest.mark.parametrize(
    ("estimator", "words"),
    [
        (SVC(kernel=rbf_kernel), "kernel"),
        (SVC(class_weight={0: 2.0}), "class_weight"),
        (SVC(break_ties=True), "break_ties"),
        (SVC(probability=True), "probability"),
        (SVC(verbose=True), "verbose"),
        (SVC(gamma=-1.0), "gamma"),
        (SVC(kernel="precomputed"), "square"),
    ],
    ids=str,
)
def test_declines(estimator, words):
    assert words in SVCKernel.supports(estimator, *SETS["iris"])


def test_declines_large_problems():
    X, y = np.zeros((5000, 2)), np.arange(5000) % 2
    assert "memory" in SVCKernel.supports(SVC(), X, y, X[:1])


@pytest.mark.parametrize("load", [load_breast_cancer, load_iris])
def test_contract_of_classes(load):
    X, y = load(return_X_y=True)
    rows = np.random.default_rng(0).permutation(len(y))[:90]
    X, y = scale(X[rows]), y[rows]
    assert check_kernel(SVCKernel, SVC(), X, y, n_coalitions=12) > 0.9
    assert check_kernel(SVCKernel, SVC(kernel="linear"), X, y, n_coalitions=12) > 0.9


def test_contract_of_numbers():
    X, y = load_diabetes(return_X_y=True)
    assert check_kernel(SVRKernel, SVR(C=10.0), X[:120], y[:120], n_coalitions=30) == 1


def test_a_cache_keeps_the_scores():
    X, y = load_iris(return_X_y=True)
    params = {"stopping": MaxRounds(2), "random_state": 0, "cv": 2, "cache": MemoryCache()}
    first = ShapleyValuator(SVC(), **params).fit(X[::5], y[::5])
    again = ShapleyValuator(SVC(), **params).fit(X[::5], y[::5])
    np.testing.assert_array_equal(again.values_, first.values_)
    assert first.utility_info_.n_scored > 0 and again.utility_info_.n_scored == 0
    other = ShapleyValuator(SVC(C=3.0), **params).fit(X[::5], y[::5])
    assert other.utility_info_.n_scored > 0


@pytest.mark.parametrize("pairwise", [False, True])
def test_valuators_take_it(pairwise):
    X, y = load_iris(return_X_y=True)
    X, y = X[::5], y[::5]
    X = X @ X.T if pairwise else X
    estimator = SVC(kernel="precomputed" if pairwise else "rbf")
    params = {"stopping": MaxRounds(2), "random_state": 0, "cv": 2}
    quick = ShapleyValuator(estimator, **params).fit(X, y)
    assert (quick.utility_info_.tier, quick.utility_info_.kernel) == ("masks", "svm")
    slow = ShapleyValuator(estimator, kernel="refit", **params).fit(X, y)
    np.testing.assert_array_equal(quick.values_, slow.values_)
