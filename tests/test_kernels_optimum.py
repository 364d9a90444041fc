"""Logistic regression at its optimum: kernel and refits find the same, and values are theirs."""

import pickle
import warnings

import numpy as np
import pytest
from refits import along, coalitions, compare, data_sets
from sklearn.datasets import load_breast_cancer, load_iris, load_wine
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, scale

from skdvl import ShapleyValuator
from skdvl.samplers import PermutationSampler
from skdvl.stopping import MaxRounds
from skdvl.testing import check_kernel
from skdvl.truncation import RelativeTruncation
from skdvl.utilities.kernels.logistic import OptimumKernel, newton
from skdvl.utilities.kernels.logistic.newton import TARGET, Lanes, Rows
from skdvl.utilities.optimum import at_optimum

OLD = "multi_class" in LogisticRegression().get_params()


def two_classes(data):
    X, y, X_val = data
    return X, (y == y.max()).astype(np.intp), X_val


def scaled(data):
    X, y, X_val = data
    spread = np.where(X.std(axis=0) > 1e-12 * np.abs(X).max(axis=0), X.std(axis=0), 1.0)
    return (X - X.mean(axis=0)) / spread, y, (X_val - X.mean(axis=0)) / spread


RAW = {name: two_classes(data) for name, data in data_sets().items() if name != "digits"}
SETS = {name: scaled(data) for name, data in RAW.items()}
CHAINED = ["breast_cancer", "wine", "collinear", "constant columns", "duplicates", "rare class"]


def scores(model, X_val):
    told = model.decision_function(X_val)
    return np.stack([-told / 2, told / 2])


def kernel_of(estimator, data):
    estimator = at_optimum(estimator)
    assert OptimumKernel.supports(estimator, *data) is None
    return estimator, pickle.loads(pickle.dumps(OptimumKernel(estimator, *data)))


def check_masks(estimator, data, size=12):
    """Compare coalitions with refits, and return the share that was certain."""
    estimator, kernel = kernel_of(estimator, data)
    masks = coalitions(len(data[1]), size, np.random.default_rng(0))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        answers = kernel(masks)
    return compare((masks, *answers), data, estimator, scores, rtol=1e-8)


def check_chains(estimator, data, size=15):
    estimator, kernel = kernel_of(estimator, data)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        masks, decision, is_sure = along(kernel, len(data[1]), 3, np.random.default_rng(0))
    some = np.random.default_rng(1).choice(len(masks), size)
    return compare(
        (masks[some], decision[:, some], is_sure[some]), data, estimator, scores, rtol=1e-8
    )


@pytest.mark.parametrize("name", SETS)
def test_masks(name):
    assert check_masks(LogisticRegression(), SETS[name]) == 1


@pytest.mark.parametrize("name", sorted(set(RAW) - {"offset"}))
def test_raw_masks(name):
    assert check_masks(LogisticRegression(), RAW[name]) > 0.7 or name == "outliers"


@pytest.mark.parametrize("name", [*CHAINED, "wide", "outliers"])
def test_chains(name):
    assert check_chains(LogisticRegression(), SETS[name]) == 1


@pytest.mark.parametrize("name", ["breast_cancer", "wine", "scales"])
def test_raw_chains(name):
    assert check_chains(LogisticRegression(), RAW[name]) > 0.8


@pytest.mark.parametrize("params", [{"C": 1e-3}, {"C": 100.0}, {"fit_intercept": False}], ids=str)
@pytest.mark.parametrize("name", CHAINED)
def test_parameters(params, name):
    assert check_masks(LogisticRegression(**params), SETS[name], 8) > 0.9
    assert check_chains(LogisticRegression(**params), SETS[name], 8) > 0.9


@pytest.mark.parametrize("name", CHAINED[:3])
def test_weak_penalty(name):
    """Where refits leave much, the kernel may be unsure, but must not be wrong."""
    check_masks(LogisticRegression(C=1e5), SETS[name], 6)
    check_chains(LogisticRegression(C=1e5), SETS[name], 6)


def test_nobody_and_single_classes():
    X, y, X_val = SETS["breast_cancer"]
    _, kernel = kernel_of(LogisticRegression(), SETS["breast_cancer"])
    masks = np.stack([np.zeros(len(y), dtype=bool), y == 1, np.ones(len(y), dtype=bool)])
    assert kernel(masks).is_sure.tolist() == [False, False, True]


def test_chains_begin_anywhere():
    """The pieces of walks that begin with some rows say what masks say."""
    X, y, X_val = SETS["breast_cancer"]
    _, kernel = kernel_of(LogisticRegression(), (X, y, X_val))
    masks, decision, is_sure = along(kernel, len(y), 2, np.random.default_rng(2))
    answers = kernel(masks)
    both = is_sure & answers.is_sure
    assert both.mean() > 0.9
    np.testing.assert_allclose(decision[:, both], answers.decision[:, both], rtol=1e-8, atol=1e-8)


def test_many_rows():
    """So many that products of features are made in pieces."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(3000, 40))
    y = (X[:, 0] + rng.normal(size=3000) > 0).astype(np.intp)
    assert check_masks(LogisticRegression(), (X[:2900], y[:2900], X[2900:]), 4) == 1


def test_the_proof_holds():
    """What is proven is as near to a solution in extended precision as it says."""
    X, y, X_val = SETS["breast_cancer"]
    rows = Rows(X, y, X_val, 10.0, True)
    masks = coalitions(len(y), 10, np.random.default_rng(3))
    masks = masks[[len(np.unique(y[mask])) > 1 for mask in masks]]
    lanes, everyone = Lanes(rows, masks), np.arange(len(masks))
    lanes.begin(everyone)
    lanes.solve(everyone)
    assert lanes.is_proven.all()
    for coef, mask in zip(lanes.coef, masks, strict=True):
        best = _solution(rows, mask, coef)
        apart = np.concatenate([rows.val.T, rows.signed]) @ (coef - best)
        assert np.linalg.norm(apart) <= TARGET


def _solution(rows, mask, coef):
    x, coef = rows.signed[mask].astype(np.longdouble), coef.astype(np.longdouble)
    for _ in range(6):
        against = 1 / (1 + np.exp(x @ coef))
        gradient = rows.penalty * coef - against @ x
        hessian = (x * (against * (1 - against))[:, None]).T @ x + np.diag(rows.penalty)
        coef -= np.linalg.solve(hessian.astype(float), gradient.astype(float))
    return coef.astype(float)


def test_no_curvature_is_not_sure():
    """Of columns that are the same, and hardly a penalty: there is nothing to invert."""
    X, y, X_val = SETS["breast_cancer"]
    twice = np.tile(X[:, :2], 2), y, np.tile(X_val[:, :2], 2)
    estimator = at_optimum(LogisticRegression(C=1e30))
    assert "scale them" in OptimumKernel.supports(estimator, *twice)
    kernel = OptimumKernel(estimator, *twice)
    assert not kernel(coalitions(len(y), 5, np.random.default_rng(0))).is_sure.any()


def test_singular_matrices_do_not_spoil_others():
    inverse = newton._inverted(np.stack([np.eye(2), np.ones((2, 2))]))
    np.testing.assert_array_equal(inverse[0], np.eye(2))
    assert np.isnan(inverse[1]).all()


def test_unproven_is_not_sure(monkeypatch):
    """Steps that end too early prove nothing, and chains find their way back."""
    _, kernel = kernel_of(LogisticRegression(), SETS["breast_cancer"])
    n = kernel.rows.signed.shape[0]
    monkeypatch.setattr(newton, "MOST_STEPS", 3)
    assert not kernel(np.ones((1, n), dtype=bool)).is_sure.any()
    start, order = np.zeros((1, n), dtype=bool), np.arange(n)[None]
    assert not any(piece.is_sure[:20].any() for piece in kernel.chains(start, order))


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"solver": "lbfgs"}, "solver"),
        ({"tol": 1e-6}, "early"),
        ({"max_iter": 20}, "early"),
        ({"class_weight": "balanced"}, "class_weight"),
        ({"C": np.inf}, "penalty"),
    ],
)
def test_declines(params, words):
    estimator = at_optimum(LogisticRegression()).set_params(**params)
    assert words in OptimumKernel.supports(estimator, *SETS["breast_cancer"])


def test_declines_rows():
    estimator = at_optimum(LogisticRegression())
    X, y, X_val = SETS["breast_cancer"]
    assert "two classes" in OptimumKernel.supports(estimator, X, y + (X[:, 0] > 0), X_val)
    assert "scale them" in OptimumKernel.supports(estimator, X + 1e6, y, X_val)
    wide = np.tile(X, (1, 6))
    assert "150 features" in OptimumKernel.supports(estimator, wide, y, wide)


def test_contract():
    X, y, _ = SETS["breast_cancer"]
    estimator = at_optimum(LogisticRegression())
    assert check_kernel(OptimumKernel, estimator, X[:24], y[:24], n_coalitions=10) > 0.95


# ------------------------------------------------------------------ valuators


def rows_of(load, n_classes=2, size=50):
    X, y = load(return_X_y=True)
    kept = np.flatnonzero(y < n_classes)
    kept = np.random.default_rng(0).permutation(kept)[:size]
    return scale(X[kept]), y[kept]


def fitted(X, y, estimator=None, groups=None, **params):
    estimator = LogisticRegression() if estimator is None else estimator
    params = {"stopping": MaxRounds(1), "random_state": 0, "exact": "optimum"} | params
    return ShapleyValuator(estimator, **params).fit(
        X[:20], y[:20], X_val=X[20:], y_val=y[20:], groups=groups
    )


def assert_same_values(X, y, **params):
    """Compare the values by the kernel with those by refits; return the former's valuator."""
    quick, refit = fitted(X, y, **params), fitted(X, y, **params | {"kernel": "refit"})
    assert refit.utility_info_.kernel is None
    np.testing.assert_allclose(quick.values_, refit.values_, rtol=1e-9, atol=1e-12)
    return quick


@pytest.mark.parametrize("load", [load_breast_cancer, load_wine])
def test_values_are_those_of_refits(load):
    X, y = rows_of(load)
    info = assert_same_values(X, y, sampler=PermutationSampler()).utility_info_
    assert (info.tier, info.kernel) == ("chains", "optimum")


def test_values_of_probabilities():
    X, y = rows_of(load_breast_cancer)
    assert_same_values(X, y, scoring="neg_log_loss", kernel="optimum")


def test_string_labels():
    X, y = rows_of(load_breast_cancer)
    quick = assert_same_values(X, np.array(["malignant", "benign"])[y])
    assert quick.utility_info_.kernel == "optimum"
    assert quick.estimator_.classes_.tolist() == ["benign", "malignant"]


def test_truncation():
    X, y = rows_of(load_breast_cancer)
    assert_same_values(X, y, truncation=RelativeTruncation(0.05))


def test_groups():
    X, y = rows_of(load_breast_cancer)
    quick = assert_same_values(X, y, groups=np.arange(20) // 3)
    assert quick.utility_info_.kernel == "optimum"


def test_folds():
    X, y = rows_of(load_breast_cancer, size=14)
    params = {"stopping": MaxRounds(1), "random_state": 0, "exact": "optimum", "cv": 2}
    quick = ShapleyValuator(LogisticRegression(), **params).fit(X, y)
    refit = ShapleyValuator(LogisticRegression(), kernel="refit", **params).fit(X, y)
    np.testing.assert_allclose(quick.values_, refit.values_, rtol=1e-9, atol=1e-12)


def test_three_classes_are_refitted():
    X, y = rows_of(load_iris, 3)
    info = fitted(X, y).utility_info_
    assert info.tier == "refit" and "two classes" in info.reason


def test_the_model_is_that_of_the_user():
    X, y = rows_of(load_breast_cancer)
    estimator = LogisticRegression(C=0.5, tol=1e-2, random_state=0)
    model = fitted(X, y, estimator).estimator_
    assert model.get_params() == estimator.get_params()
    np.testing.assert_array_equal(model.coef_, estimator.fit(X[:20], y[:20]).coef_)


def test_coalitions_are_at_the_optimum():
    """A tolerance that stops at once changes what scikit-learn finds, and not the optimum."""
    X, y = rows_of(load_breast_cancer)
    hasty = LogisticRegression(tol=0.1)
    params = {"scoring": "neg_log_loss"}
    at_ease = fitted(X, y, **params).values_
    np.testing.assert_array_equal(fitted(X, y, hasty, **params).values_, at_ease)
    assert np.abs(fitted(X, y, hasty, exact="sklearn", **params).values_ - at_ease).max() > 1e-4


@pytest.mark.parametrize(
    ("estimator", "words"),
    [
        (LinearRegression(), "LinearRegression is no LogisticRegression"),
        (make_pipeline(StandardScaler(), LogisticRegression()), "Pipeline is no"),
        (type("Mine", (LogisticRegression,), {})(), "Mine is no"),
        (LogisticRegression(solver="liblinear"), "solver='liblinear'"),
        (LogisticRegression(C=np.inf), "without a penalty"),
        (LogisticRegression(penalty=None), "without a penalty"),
        (LogisticRegression(penalty="l1", solver="saga"), "solver"),
        (LogisticRegression(warm_start=True), "warm_start"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_refusals(estimator, words):
    X, y = rows_of(load_breast_cancer)
    with pytest.raises(ValueError, match="exact='optimum' does not do") as caught:
        fitted(X, y, estimator)
    assert words in str(caught.value) and "exact='sklearn'" in str(caught.value)


@pytest.mark.skipif(OLD, reason="l1_ratio alone means nothing before penalty was deprecated")
def test_refuses_elastic_nets():
    with pytest.raises(ValueError, match="l1_ratio=0.5"):
        at_optimum(LogisticRegression(l1_ratio=0.5))


@pytest.mark.skipif(not OLD, reason="multi_class is gone")
def test_refuses_one_against_the_rest():
    with pytest.raises(ValueError, match="multi_class='ovr'"):
        at_optimum(LogisticRegression(multi_class="ovr"))


def test_one_does_not_go_on_with_the_other():
    X, y = rows_of(load_breast_cancer)
    valuator = fitted(X, y, warm_start=True).set_params(exact="sklearn")
    with pytest.raises(ValueError, match="differ"):
        valuator.fit(X[:20], y[:20], X_val=X[20:], y_val=y[20:])


def test_exact_has_two_values():
    X, y = rows_of(load_breast_cancer)
    with pytest.raises(ValueError, match="exact"):
        fitted(X, y, exact="nearly")
