"""InfluenceValuator on least squares: the model without a row, exactly."""

import numpy as np
import pandas as pd
import pytest
from sklearn import config_context
from sklearn.base import clone
from sklearn.datasets import load_diabetes
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.metrics import mean_squared_error
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeRegressor

from skdvl import BoostInValuator, DataPruner, InfluenceValuator
from skdvl import make_pipeline as pruning_pipeline

MODELS = [
    LinearRegression(),
    LinearRegression(fit_intercept=False),
    Ridge(3.0),
    Ridge(0.1, fit_intercept=False),
]


def data(n=40, p=5, n_val=30, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n + n_val, p)) * rng.uniform(0.1, 10, p) + rng.normal(0, 5, p)
    y = X @ rng.standard_normal(p) + 3 + rng.standard_normal(n + n_val) * 2
    return X[:n], y[:n], X[n:], y[n:]


def refits(model, X, y, weight=None, drop=None):
    """Yield the model fitted without each row, or without each set of rows."""
    weight = np.ones(len(y)) if weight is None else weight
    for rows in range(len(y)) if drop is None else drop:
        kept = np.delete(np.arange(len(y)), rows)
        yield clone(model).fit(X[kept], y[kept], sample_weight=weight[kept])


def loo_values(model, X, y, X_val, y_val, weight=None):
    weight = np.ones(len(y)) if weight is None else weight
    base = mean_squared_error(y_val, clone(model).fit(X, y, sample_weight=weight).predict(X_val))
    return np.array(
        [mean_squared_error(y_val, m.predict(X_val)) - base for m in refits(model, X, y, weight)]
    )


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("model", MODELS, ids=repr)
def test_loo_equals_refits(model, weighted):
    X, y, X_val, y_val = data()
    weight = np.random.default_rng(1).uniform(0, 3, len(y)) if weighted else None
    params = {"sample_weight": weight} if weighted else {}
    valuator = InfluenceValuator(model, kind="loo")
    valuator.fit(X, y, X_val=X_val, y_val=y_val, **params)
    expected = loo_values(model, X, y, X_val, y_val, weight)
    np.testing.assert_allclose(valuator.values_, expected, rtol=1e-8, atol=1e-10)
    told = [m.predict(X[[i]])[0] for i, m in enumerate(refits(model, X, y, weight))]
    np.testing.assert_allclose(valuator.loo_predictions_, told, rtol=1e-8)
    assert np.isfinite(valuator.stderr_).all() and (valuator.counts_ == 30).all()


def test_columns_that_depend_on_each_other_nearly():
    X, y, X_val, y_val = data()
    # A column and its difference from another make the same models, and refits lose no digits.
    expected = loo_values(LinearRegression(), X, y, X_val, y_val)
    X[:, 1], X_val[:, 1] = X[:, 0] + 1e-5 * X[:, 1], X_val[:, 0] + 1e-5 * X_val[:, 1]
    valuator = InfluenceValuator(LinearRegression(), kind="loo").fit(X, y, X_val=X_val, y_val=y_val)
    np.testing.assert_allclose(valuator.values_, expected, rtol=1e-7)


def test_columns_that_depend_on_each_other():
    X, y, X_val, y_val = data()
    X[:, 1], X_val[:, 1] = 2 * X[:, 0], X_val[:, 0]  # off the rows' own plane
    valuator = InfluenceValuator(LinearRegression(), kind="loo").fit(X, y, X_val=X_val, y_val=y_val)
    expected = loo_values(LinearRegression(), X, y, X_val, y_val)
    np.testing.assert_allclose(valuator.values_, expected, rtol=1e-8)


def test_more_columns_than_rows():
    X, y, X_val, y_val = data(n=10, p=30)
    valuator = InfluenceValuator(Ridge(2.0), kind="loo").fit(X, y, X_val=X_val, y_val=y_val)
    expected = loo_values(Ridge(2.0), X, y, X_val, y_val)
    np.testing.assert_allclose(valuator.values_, expected, rtol=1e-7)
    with pytest.warns(UserWarning, match="10 of 10 rows have no value"):
        InfluenceValuator(LinearRegression(), kind="loo").fit(X, y, X_val=X_val, y_val=y_val)


def test_folds_are_those_of_cv():
    X, y, *_ = data(n=30)
    cv = KFold(3, shuffle=True, random_state=4)
    values = InfluenceValuator(Ridge(), kind="loo", cv=cv).fit(X, y).values_
    expected = np.zeros(30)
    for train, test in cv.split(X):
        expected[train] += loo_values(Ridge(), X[train], y[train], X[test], y[test]) / 2
    np.testing.assert_allclose(values, expected, rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("newton", [True, False])
def test_influence_is_the_slope_of_the_loss(newton):
    X, y, X_val, y_val = data(n=60)
    valuator = InfluenceValuator(Ridge(), newton=newton).fit(X, y, X_val=X_val, y_val=y_val)
    full = Ridge().fit(X, y)
    residual = 2 * (full.predict(X_val) - y_val)
    if newton:
        moved = [m.predict(X_val) - full.predict(X_val) for m in refits(Ridge(), X, y)]
        tolerance = 1e-8
    else:  # by finite differences: a row that weighs a little less
        weight = np.ones((60, 60)) - 1e-6 * np.eye(60)
        near = [Ridge().fit(X, y, sample_weight=w).predict(X_val) for w in weight]
        moved = [(told - full.predict(X_val)) / 1e-6 for told in near]
        tolerance = 1e-4
    slopes = residual * np.array(moved)
    np.testing.assert_allclose(valuator.values_, slopes.mean(axis=1), rtol=tolerance, atol=1e-7)
    expected = slopes.std(axis=1, ddof=1) / np.sqrt(30)
    np.testing.assert_allclose(valuator.stderr_, expected, rtol=1e-3)


def test_more_validation_rows_than_coefficients_or_fewer():
    X, y, X_val, y_val = data(n_val=30)
    few = InfluenceValuator(Ridge()).fit(X, y, X_val=X_val[:3], y_val=y_val[:3])
    moved = [m.predict(X_val[:3]) for m in refits(Ridge(), X, y)]
    told = Ridge().fit(X, y).predict(X_val[:3])
    slopes = 2 * (told - y_val[:3]) * (np.array(moved) - told)
    np.testing.assert_allclose(few.stderr_, slopes.std(axis=1, ddof=1) / np.sqrt(3), rtol=1e-7)
    one = InfluenceValuator(Ridge()).fit(X, y, X_val=X_val[:1], y_val=y_val[:1])
    assert np.isinf(one.stderr_).all() and np.isfinite(one.values_).all()


def test_self_influence_is_the_square_of_the_residual_by_leverage():
    X, y, *_ = data()
    valuator = InfluenceValuator(LinearRegression(), kind="self_influence").fit(X, y)
    Z = np.hstack([X, np.ones((40, 1))])
    hat = np.einsum("ij,ji->i", Z, np.linalg.pinv(Z))
    residual = y - LinearRegression().fit(X, y).predict(X)
    np.testing.assert_allclose(valuator.self_influence_, 2 * residual**2 * hat, rtol=1e-8)
    np.testing.assert_array_equal(valuator.values_, -valuator.self_influence_)
    y[3] += 100
    assert InfluenceValuator(Ridge(), kind="self_influence").fit(X, y).values_.argmin() == 3


@pytest.mark.parametrize("kind", ["influence", "loo"])
def test_values_of_groups_are_sums(kind):
    X, y, X_val, y_val = data()
    groups = np.arange(40) % 3
    given = {"X_val": X_val, "y_val": y_val}
    alone = InfluenceValuator(Ridge(), kind=kind).fit(X, y, **given)
    valuator = InfluenceValuator(Ridge(), kind=kind).fit(X, y, groups=groups, **given)
    expected = np.bincount(groups, weights=alone.values_)
    np.testing.assert_allclose(valuator.group_values_, expected, rtol=1e-10)
    np.testing.assert_allclose(valuator.values_[:2], expected[:2] / [14, 13], rtol=1e-10)
    full, sums = Ridge().fit(X, y).predict(X_val), np.zeros((3, 30))
    for i, model in enumerate(refits(Ridge(), X, y)):
        told = model.predict(X_val)
        change = (told - y_val) ** 2 - (full - y_val) ** 2
        sums[i % 3] += 2 * (full - y_val) * (told - full) if kind == "influence" else change
    errors = sums.std(axis=1, ddof=1) / np.sqrt(30)
    np.testing.assert_allclose(valuator.group_stderr_, errors, rtol=1e-7)


@pytest.mark.parametrize("group_effect", ["sum", "joint"])
@pytest.mark.parametrize("folds", [False, True])
def test_groups_of_one_row_in_another_order(folds, group_effect):
    X, y, X_val, y_val = data()
    given = {} if folds else {"X_val": X_val, "y_val": y_val}
    expected = InfluenceValuator(Ridge(), kind="loo", cv=4).fit(X, y, **given)
    groups = np.random.default_rng(0).permutation(40)
    valuator = InfluenceValuator(Ridge(), kind="loo", cv=4, group_effect=group_effect)
    valuator.fit(X, y, groups=groups, **given)
    np.testing.assert_allclose(valuator.values_, expected.values_, rtol=1e-8)
    np.testing.assert_allclose(valuator.stderr_, expected.stderr_, rtol=1e-8)


def test_folds_that_train_on_one_row_of_each_group():
    X, y, X_val, y_val = data(n=20)
    X, y, groups = np.vstack([X, X]), np.r_[y, y], np.tile(np.arange(20)[::-1], 2)
    cv = [(np.arange(20), np.arange(20, 40)), (np.arange(20, 40), np.arange(20))]
    alone = InfluenceValuator(Ridge(), cv=cv).fit(X, y)
    valuator = InfluenceValuator(Ridge(), cv=cv).fit(X, y, groups=groups)
    np.testing.assert_allclose(valuator.group_values_, alone.values_[:20][::-1], rtol=1e-8)


def test_a_fitted_model_is_taken_as_it_is():
    X, y, X_val, y_val = data()
    given = {"X_val": X_val, "y_val": y_val}
    expected = InfluenceValuator(Ridge(), kind="loo").fit(X, y, **given).values_
    fitted = Ridge().fit(X, y)
    for valuator in (
        InfluenceValuator(fitted, kind="loo", prefit=True),
        clone(InfluenceValuator(FrozenEstimator(fitted), kind="loo")),
    ):
        np.testing.assert_array_equal(valuator.fit(X, y, **given).values_, expected)
        assert valuator.estimator_ is fitted
    with pytest.raises(NotFittedError, match="told that its Ridge is fitted"):
        InfluenceValuator(Ridge(), prefit=True).fit(X, y, **given)
    with pytest.raises(ValueError, match="pass X_val and y_val"):
        InfluenceValuator(fitted, prefit=True).fit(X, y)


def test_the_last_step_of_a_pipeline():
    X, y, X_val, y_val = data()
    model, scaler = make_pipeline(StandardScaler(), Ridge(5.0)), StandardScaler().fit(X)
    frame, weight = pd.DataFrame(X, columns=list("abcde")), np.linspace(0.5, 2, 40)
    told = InfluenceValuator(model, kind="loo").fit(
        frame, y, X_val=pd.DataFrame(X_val, columns=list("abcde")), y_val=y_val,
        ridge__sample_weight=weight,
    )  # fmt: skip
    expected = loo_values(
        Ridge(5.0), scaler.transform(X), y, scaler.transform(X_val), y_val, weight
    )
    np.testing.assert_allclose(told.values_, expected, rtol=1e-8, atol=1e-12)
    assert list(told.to_frame().columns) == ["value", "stderr", "count"]


def test_what_can_be_predicted_without():
    X, y, X_val, _ = data()
    frame = pd.DataFrame(X, columns=list("abcde"))
    valuator = InfluenceValuator(Ridge()).fit(frame, y)
    expected = next(refits(Ridge(), X, y, drop=[[0, 1, 2]])).predict(X[:3])
    for rows in ([0, 1, 2], slice(3), np.arange(40) < 3, (-40, 1, 2)):
        told = valuator.predict_without(list(rows) if isinstance(rows, tuple) else rows)
        np.testing.assert_allclose(told, expected, rtol=1e-8)
    for rows in (None, True, [[0, 1]], np.arange(3)[:, None]):
        with pytest.raises(ValueError, match="rows must be a row number"):
            valuator.predict_without(rows)
    for rows, told in (([], "leave some"), ([0, 0], "once"), (40, "it has 40"), (1.0, "it has 40")):
        with pytest.raises(ValueError, match=told):
            valuator.predict_without(rows)
    with pytest.raises(ValueError, match="feature names should match"):
        valuator.predict_without(0, frame[list("edcba")])
    with pytest.raises(ValueError, match="4 features.* expecting 5"):
        InfluenceValuator(Ridge()).fit(X, y).predict_without(0, X_val[:, :4])


def weighted_values(pipeline, X, y, **weights):
    valuator = InfluenceValuator(pipeline, kind="loo")
    return valuator.fit(X[:30], y[:30], X_val=X[30:], y_val=y[30:], **weights).values_


def test_weights_are_those_of_the_last_step():
    X, y, *_ = data()
    weight = np.linspace(0.5, 2, 30)
    X = X - np.average(X[:30], axis=0, weights=weight)  # so that both scalers see the same mean
    expected = weighted_values(
        make_pipeline(StandardScaler(with_std=False), Ridge()), X, y, ridge__sample_weight=weight
    )
    nested = make_pipeline(StandardScaler(), make_pipeline(StandardScaler(with_std=False), Ridge()))
    nested.set_params(standardscaler__with_std=False)
    told = weighted_values(nested, X, y, pipeline__ridge__sample_weight=weight)
    np.testing.assert_allclose(told, expected, rtol=1e-8)


@pytest.mark.parametrize("booster", [False, True])
def test_weights_are_those_that_routing_brings_to_the_last_step(booster):
    X, y, *_ = data()
    weight = np.linspace(0.5, 2, 40)
    with config_context(enable_metadata_routing=True):
        scaler, model = StandardScaler(with_std=False), Ridge()
        if booster:
            model = HistGradientBoostingRegressor(max_iter=3, min_samples_leaf=5)
        valuator = BoostInValuator if booster else InfluenceValuator
        given = {"X_val": X[:9], "y_val": y[:9]}
        alone = valuator(clone(model).set_fit_request(sample_weight=True))
        expected = alone.fit(
            X - X.mean(axis=0), y, sample_weight=weight, X_val=X[:9] - X.mean(axis=0), y_val=y[:9]
        )
        scaler.set_fit_request(sample_weight=False)
        pipeline = make_pipeline(scaler, clone(model).set_fit_request(sample_weight="importance"))
        told = valuator(pipeline).fit(X, y, importance=weight, **given)
        np.testing.assert_allclose(told.values_, expected.values_, rtol=1e-8)
        scaler.set_fit_request(sample_weight=True)
        pipeline = make_pipeline(scaler, clone(model).set_fit_request(sample_weight=False))
        told = valuator(pipeline).fit(X, y, sample_weight=weight, **given)
        middle = np.average(X, axis=0, weights=weight)
        plain = valuator(model).fit(X - middle, y, X_val=X[:9] - middle, y_val=y[:9])
        np.testing.assert_allclose(told.values_, plain.values_, rtol=1e-8)


def test_refusals():
    X, y, X_val, y_val = data()
    with pytest.raises(ValueError, match="It takes .*Ridge.*ShapleyValuator"):
        InfluenceValuator(DecisionTreeRegressor()).fit(X, y)
    with pytest.raises(ValueError, match="one label or target"):
        InfluenceValuator(Ridge()).fit(X, np.column_stack([y, y]))
    with pytest.raises(ValueError, match="newton=True"):
        InfluenceValuator(Ridge(), kind="alo", newton=False).fit(X, y)
    with pytest.raises(ValueError, match="closed form|exact"):
        InfluenceValuator(Ridge(positive=True), kind="loo").fit(X, y)


def test_in_a_pruner_and_a_search():
    X, y = load_diabetes(return_X_y=True)
    wrong = np.random.default_rng(0).choice(len(y), 40, replace=False)
    y = y.copy()
    y[wrong] += 400
    for kind, share in (("loo", 0.4), ("self_influence", 0.6)):  # one in eleven by chance
        pruner = DataPruner(InfluenceValuator(Ridge(0.1), kind=kind), n_drop=40).fit(X, y)
        assert np.isin(np.flatnonzero(~pruner.sample_mask_), wrong).mean() > share
    pipeline = pruning_pipeline(DataPruner(InfluenceValuator(Ridge())), Ridge())
    grid = {
        "datapruner__quantile": [0.0, 0.1],
        "datapruner__valuator__kind": ["influence", "self_influence"],
    }
    search = GridSearchCV(pipeline, grid, cv=3).fit(X, y)
    assert search.best_params_["datapruner__quantile"] == 0.1


def test_a_small_memory_gives_the_same_values(monkeypatch):
    X, y, X_val, y_val = data()
    for kind in ("loo", "influence", "self_influence"):
        valuator = InfluenceValuator(Ridge(), kind=kind).fit(X, y, X_val=X_val, y_val=y_val)
        expected, errors = valuator.values_, valuator.stderr_
        with monkeypatch.context() as patch:
            patch.setattr("skdvl.influence.linear_fit._CELLS", 50)
            patch.setattr("skdvl.influence.effects._CELLS", 50)
            valuator.fit(X, y, X_val=X_val, y_val=y_val)
        np.testing.assert_allclose(valuator.values_, expected, rtol=1e-9)
        np.testing.assert_allclose(valuator.stderr_, errors, rtol=1e-7)
