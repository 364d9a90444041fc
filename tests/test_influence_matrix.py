"""Effects of rows on others, of rows together, and predictions without them."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris
from sklearn.linear_model import LogisticRegression, PoissonRegressor, Ridge
from sklearn.metrics import mean_squared_error
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdvl import InfluenceValuator


@pytest.fixture
def rows():
    X, y = load_diabetes(return_X_y=True)
    return X[:60], y[:60], X[60:90], y[60:90]


def without(model, X, y, gone):
    return clone(model).fit(np.delete(X, gone, axis=0), np.delete(y, gone))


def test_the_matrix_is_that_of_refits(rows, tmp_path, monkeypatch):
    X, y, X_test, y_test = rows
    monkeypatch.setattr("skdvl.influence.linear_fit._CELLS", 1000)
    model = make_pipeline(StandardScaler(), Ridge(2.0))
    valuator = InfluenceValuator(model, kind="loo").fit(X, y)
    matrix = valuator.influence_matrix(X_test, y_test)
    scaler = model[:-1].fit(X)
    A, B = scaler.transform(X), scaler.transform(X_test)
    base = (Ridge(2.0).fit(A, y).predict(B) - y_test) ** 2
    told = [(without(Ridge(2.0), A, y, i).predict(B) - y_test) ** 2 - base for i in range(60)]
    np.testing.assert_allclose(np.asarray(matrix), told, rtol=1e-7, atol=1e-7)
    parts = list(matrix)
    assert len(parts) > 1 and matrix.shape == (60, 30)
    np.testing.assert_allclose(np.vstack([block for _, block in parts]), told, rtol=1e-7, atol=1e-7)
    np.testing.assert_allclose(matrix[[5, 3]], np.array(told)[[5, 3]], rtol=1e-7, atol=1e-7)
    assert matrix[7].shape == (30,)
    out = np.memmap(tmp_path / "matrix", shape=(60, 30), mode="w+")
    with pytest.raises(ValueError, match="expected"):
        valuator.influence_matrix(X_test[:5], y_test[:5], out=out)
    out = np.memmap(tmp_path / "matrix", dtype=np.float64, shape=(60, 30), mode="w+")
    assert valuator.influence_matrix(X_test, y_test, out=out) is out
    np.testing.assert_allclose(out, told, rtol=1e-7, atol=1e-7)


def test_values_are_means_of_the_matrix(rows):
    X, y, X_test, y_test = rows
    for kind in ("influence", "loo"):
        valuator = InfluenceValuator(Ridge(), kind=kind).fit(X, y, X_val=X_test, y_val=y_test)
        matrix = np.asarray(valuator.influence_matrix(X_test, y_test))
        np.testing.assert_allclose(matrix.mean(axis=1), valuator.values_, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("gone", [4, [3, 8], np.arange(20)], ids=["one", "two", "many"])
def test_predictions_without_rows(rows, gone):
    X, y, X_test, _ = rows
    valuator = InfluenceValuator(Ridge(0.5), kind="self_influence").fit(X, y)
    near = without(Ridge(0.5), X, y, gone)
    np.testing.assert_allclose(valuator.predict_without(gone, X_test), near.predict(X_test))
    np.testing.assert_allclose(valuator.predict_without(gone), near.predict(X[np.atleast_1d(gone)]))


@pytest.mark.parametrize("gone", [[100], [0, 60, 120], np.arange(0, 150, 5)])
def test_probabilities_without_rows(gone):
    X, y = load_iris(return_X_y=True)
    y = np.where(np.arange(150) % 11 == 0, (y + 1) % 3, y)
    model = LogisticRegression(tol=1e-8, max_iter=2000)
    valuator = InfluenceValuator(model, kind="self_influence").fit(X, y)
    told, near = valuator.predict_without(gone, X), without(model, X, y, gone).predict_proba(X)
    moved = valuator.estimator_.predict_proba(X) - near
    assert np.abs(told - near).max() < 0.15 * np.abs(moved).max()


def test_both_ways_to_a_joint_step(rows):
    X, y, X_test, _ = rows
    y = y / 100
    for model in (PoissonRegressor(alpha=0), LogisticRegression(C=10)):
        target = y if isinstance(model, PoissonRegressor) else np.digitize(y, [1, 2])
        valuator = InfluenceValuator(model, kind="self_influence").fit(X, target)
        few = valuator.predict_without(np.arange(10), X_test)
        with pytest.MonkeyPatch.context() as patch:
            from skdvl.influence import joint

            patch.setattr(joint, "_by_rows", joint._by_coefficients)
            np.testing.assert_allclose(valuator.predict_without(np.arange(10), X_test), few)


def test_joint_values_of_groups_are_those_of_refits(rows):
    X, y, X_val, y_val = rows
    groups = np.repeat(["a", "b", "c", "d"], [30, 20, 8, 2])
    valuator = InfluenceValuator(Ridge(0.1), kind="loo", group_effect="joint")
    valuator.fit(X, y, X_val=X_val, y_val=y_val, groups=groups)
    base = mean_squared_error(y_val, Ridge(0.1).fit(X, y).predict(X_val))
    for name, value in zip(valuator.groups_, valuator.group_values_, strict=True):
        near = without(Ridge(0.1), X, y, np.flatnonzero(groups == name))
        np.testing.assert_allclose(value, mean_squared_error(y_val, near.predict(X_val)) - base)


def test_what_the_matrix_tells(rows):
    X, y, X_test, y_test = rows
    valuator = InfluenceValuator(Ridge(), kind="loo").fit(X, y)
    matrix = valuator.influence_matrix(X_test, y_test)
    whole = np.asarray(matrix)
    for some in (-1, [], [3, 3], slice(5, 2), np.arange(60) < 4, ..., np.int64(2)):
        np.testing.assert_allclose(matrix[some], whole[some], rtol=1e-12)
        assert matrix[some].shape == whole[some].shape
    assert np.asarray(matrix, dtype=np.float32).dtype == np.float32
    for some in ((slice(None), 0), (0, 1), 60, 1.0, "a", np.ones(3, dtype=bool)):
        with pytest.raises(IndexError, match="computed by training rows"):
            matrix[some]
    for some in (None, True, [[0, 1]]):
        with pytest.raises(IndexError, match="rows must be a row number"):
            matrix[some]


def test_the_matrix_is_that_of_the_fit(rows):
    """Parameters that are set later are for the next fit."""
    X, y, X_test, y_test = rows
    for kind, other in (("loo", "influence"), ("influence", "loo")):
        valuator = InfluenceValuator(Ridge(), kind=kind, scoring="r2").fit(X, y)
        expected = np.asarray(valuator.influence_matrix(X_test, y_test))
        valuator.set_params(kind=other, scoring=None, newton=False)
        np.testing.assert_array_equal(valuator.influence_matrix(X_test, y_test)[:], expected)


@pytest.mark.parametrize(
    ("X_test", "y_test", "told"),
    [
        ([[]], [1.0], "X has 0 features.*expecting 10"),
        ([], [], "X_test has shape .*10 features"),
        (np.zeros(10), [1.0], "X_test has shape .*also of a single row"),
        (np.zeros((2, 4)), [1.0, 2.0], "X has 4 features.*expecting 10"),
        (np.zeros((0, 10)), [], "X_test has 0 rows"),
        (np.zeros((2, 10)), [], "X_test has 2 rows and y_test has 0 entries"),
        (np.zeros((2, 10)), None, "X_test=..., y_test=None"),
        (None, None, "X_test=None"),
        (np.zeros((2, 10)), np.zeros((2, 2)), "y_test has shape"),
        (np.zeros((1, 10)), [np.nan], "y_test contains NaN"),
    ],
)
def test_test_rows_that_will_not_do(rows, X_test, y_test, told):
    valuator = InfluenceValuator(Ridge()).fit(*rows[:2])
    with pytest.raises(ValueError, match=told):
        valuator.influence_matrix(X_test, y_test)


@pytest.mark.parametrize(
    ("out", "told"),
    [
        ([], "an array of shape .60, 30..*got list"),
        (np.zeros((30, 60)), "expected .60, 30."),
        (np.zeros((60, 30), dtype=int), "int64, which does not hold floats"),
    ],
)
def test_places_that_will_not_do(rows, out, told):
    X, y, X_test, y_test = rows
    with pytest.raises(ValueError, match=told):
        InfluenceValuator(Ridge()).fit(X, y).influence_matrix(X_test, y_test, out=out)


def test_refusals(rows):
    X, y, X_test, y_test = rows
    valuator = InfluenceValuator(Ridge()).fit(X, y)
    with pytest.raises(ValueError, match="does not have"):
        valuator.predict_without(60)
    with pytest.raises(ValueError, match="once"):
        valuator.predict_without([1, 1])
    with pytest.raises(ValueError, match="inconsistent"):
        valuator.influence_matrix(X_test, y_test[:3])
    labelled = InfluenceValuator(LogisticRegression()).fit(X, y > 100)
    with pytest.raises(ValueError, match="never does"):
        labelled.influence_matrix(X_test, np.arange(30))
