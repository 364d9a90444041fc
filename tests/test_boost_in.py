"""BoostInValuator: beside a plain double loop of the definition, and beside refits."""

from inspect import signature

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from scipy.special import expit, softmax
from scipy.stats import spearmanr
from sklearn.base import clone, is_classifier
from sklearn.datasets import make_classification
from sklearn.ensemble import (
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
)
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, mean_squared_error, roc_auc_score
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdvl import BoostInValuator, DataPruner
from skdvl import make_pipeline as pruning_pipeline

PLAIN = {"n_estimators": 4, "max_depth": 3, "random_state": 0}
HIST = {"max_iter": 4, "min_samples_leaf": 3, "early_stopping": False}
MODELS = {
    "binary": (2, GradientBoostingClassifier(**PLAIN)),
    "exponential": (2, GradientBoostingClassifier(loss="exponential", **PLAIN)),
    "three classes": (3, GradientBoostingClassifier(**PLAIN)),
    "regression": (0, GradientBoostingRegressor(learning_rate=0.3, **PLAIN)),
    "init": (2, GradientBoostingClassifier(init=LogisticRegression(), **PLAIN)),
    "zero": (0, GradientBoostingRegressor(init="zero", **PLAIN)),
    "hist binary": (2, HistGradientBoostingClassifier(l2_regularization=1.5, **HIST)),
    "hist weights": (2, HistGradientBoostingClassifier(class_weight={0: 3, 1: 0.5}, **HIST)),
    "hist three classes": (3, HistGradientBoostingClassifier(**HIST)),
    "hist regression": (0, HistGradientBoostingRegressor(l2_regularization=0.5, **HIST)),
    "hist poisson": (0, HistGradientBoostingRegressor(loss="poisson", **HIST)),
    "hist gamma": (0, HistGradientBoostingRegressor(loss="gamma", **HIST)),
    "hist categories": (2, HistGradientBoostingClassifier(categorical_features=[1, 3], **HIST)),
}


def data(n_classes, n=40, n_val=15, seed=2):
    X, y = make_classification(
        n + n_val, 5, n_informative=4, n_redundant=0, n_classes=max(n_classes, 2), flip_y=0.2,
        n_clusters_per_class=1, random_state=seed,
    )  # fmt: skip
    rng = np.random.default_rng(seed)
    X[:, [1, 3]] = np.clip(np.round(X[:, [1, 3]] + 4), 0, 8)
    if not n_classes:
        y = np.exp(0.4 * X[:, 0] + 0.2 * X[:, 1] + 0.3 * rng.standard_normal(n + n_val))
    return X[:n], y[:n], X[n:], y[n:], rng.uniform(0.5, 2, n)


def derivatives(model, y, raw):
    """First and second derivatives of the loss of each row, as textbooks have them."""
    loss = model.loss
    if raw.shape[1] > 1:
        p = softmax(raw, axis=1)
        return p - np.eye(raw.shape[1])[y], p * (1 - p)
    raw = raw[:, 0]
    if loss == "log_loss":
        g, h = expit(raw) - y, expit(raw) * (1 - expit(raw))
    elif loss == "exponential":
        sign = 2 * y - 1
        g, h = -sign * np.exp(-sign * raw), np.exp(-sign * raw)
    elif loss == "poisson":
        g, h = np.exp(raw) - y, np.exp(raw)
    elif loss == "gamma":
        g, h = 1 - y * np.exp(-raw), y * np.exp(-raw)
    else:
        g, h = raw - y, np.ones(len(y))
    return g[:, None], h[:, None]


def start_of(model, X, k):
    if hasattr(model, "_baseline_prediction"):
        return np.repeat(model._baseline_prediction, len(X), axis=0)
    if model.init == "zero":
        return np.zeros((len(X), k))
    if not is_classifier(model):
        return model.init_.predict(X).reshape(-1, 1)
    p = model.init_.predict_proba(X.astype(np.float32)).astype(float)
    logs = np.log(p)
    if model.loss == "exponential":
        return (logs[:, 1:] - logs[:, :1]) / 2
    return logs[:, 1:] - logs[:, :1] if k == 1 else logs - logs.mean(axis=1, keepdims=True)


def way_of(nodes, bitsets, row):
    """The leaf of a row in a tree of histograms, step by step."""
    at = 0
    while not nodes[at]["is_leaf"]:
        node = nodes[at]
        value = row[node["feature_idx"]]
        if node["is_categorical"]:
            code = int(value)
            goes_left = bitsets[node["bitset_idx"]][code // 32] >> (code % 32) & 1
        else:
            goes_left = value <= node["num_threshold"]
        at = node["left"] if goes_left else node["right"]
    return at


def leaves_and_said(model, X):
    """For each round and predictor: the leaf of each row, and what it adds to predictions."""
    if hasattr(model, "estimators_"):
        leaf = model.apply(X).reshape(len(X), len(model.estimators_), -1).astype(int)
        for t, trees in enumerate(model.estimators_):
            said = [model.learning_rate * tree.tree_.value[:, 0, 0] for tree in trees]
            yield [(leaf[:, t, k], said[k][leaf[:, t, k]]) for k in range(len(trees))]
        return
    X = model._preprocess_X(X, reset=False)
    for trees in model._predictors:
        told = []
        for tree in trees:
            leaf = [way_of(tree.nodes, tree.raw_left_cat_bitsets, row) for row in X]
            told.append((np.array(leaf), tree.nodes["value"][leaf]))
        yield told


def double_loop(model, X, y, weight, X_val, y_val, at_the_end):
    """Effects of every training row on every validation row, by the definition."""
    if is_classifier(model):
        y, y_val = np.searchsorted(model.classes_, y), np.searchsorted(model.classes_, y_val)
    rounds = list(zip(leaves_and_said(model, X), leaves_and_said(model, X_val), strict=True))
    k_all = len(rounds[0][0])
    share = (k_all - 1) / k_all if k_all > 1 and hasattr(model, "estimators_") else 1
    ridge = getattr(model, "l2_regularization", 0.0)
    raw, raw_val = start_of(model, X, k_all), start_of(model, X_val, k_all)
    effects = np.zeros((len(y), len(y_val)))
    last = raw_val + sum(np.transpose([said for _, said in there]) for _, there in rounds)
    for here, there in rounds:
        (g, h), (g_val, _) = (
            derivatives(model, y, raw),
            derivatives(model, y_val, last if at_the_end else raw_val),
        )
        g, h, raw, raw_val = g * weight[:, None], h * weight[:, None], raw.copy(), raw_val.copy()
        for k in range(k_all):
            (leaf, said), (leaf_val, said_val) = here[k], there[k]
            for i in range(len(y)):
                total = h[leaf == leaf[i], k].sum() + ridge
                v = said[i] / model.learning_rate
                change = model.learning_rate * (share * g[i, k] + v * h[i, k]) / total
                for j in range(len(y_val)):
                    if leaf_val[j] == leaf[i]:
                        effects[i, j] += change * g_val[j, k]
            raw[:, k] += said
            raw_val[:, k] += said_val
    return effects * (2 if model.loss in ("squared_error", "poisson", "gamma") else 1)


def as_given(X):
    """Numbers that float32 holds, as trees take them."""
    return X.astype(np.float32).astype(np.float64)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("case", MODELS)
def test_values_are_those_of_a_double_loop(case, weighted):
    n_classes, model = MODELS[case]
    X, y, X_val, y_val, weight = data(n_classes)
    X, X_val = as_given(X), as_given(X_val)
    if is_classifier(model) and "weights" not in case:
        y, y_val = np.array(["b", "c", "d"])[y], np.array(["b", "c", "d"])[y_val]
    given = {"sample_weight": weight} if weighted else {}
    fitted = clone(model).fit(X, y, **given)
    weight = weight if weighted else np.ones(len(y))
    if "weights" in case:
        weight = weight * np.array([3, 0.5])[y]
    for kind in ("influence", "boostin", "self_influence"):
        val = {} if kind == "self_influence" else {"X_val": X_val, "y_val": y_val}
        valuator = BoostInValuator(FrozenEstimator(fitted), kind=kind).fit(X, y, **val, **given)
        others = (X_val, y_val) if val else (X, y)
        effects = double_loop(fitted, X, y, weight, *others, kind == "influence")
        expected = effects.mean(axis=1) if val else -np.diag(effects)
        scale = np.abs(expected).max()
        np.testing.assert_allclose(valuator.values_, expected, rtol=1e-6, atol=1e-7 * scale)


REFITTED = {
    "plain classifier": (2, GradientBoostingClassifier(n_estimators=30, max_depth=1)),
    "plain regressor": (0, GradientBoostingRegressor(n_estimators=30, max_depth=2)),
    "hist regressor": (
        0, HistGradientBoostingRegressor(max_iter=30, max_leaf_nodes=3, min_samples_leaf=15)
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFITTED)
def test_ranks_are_about_those_of_refits(case):
    n_classes, model = REFITTED[case]
    X, y, X_val, y_val, _ = data(n_classes, n=80, n_val=600)
    model = clone(model).set_params(random_state=0)
    valuator = BoostInValuator(model).fit(X, y, X_val=X_val, y_val=y_val)

    def loss(fitted):
        if n_classes:
            return log_loss(y_val, fitted.predict_proba(X_val))
        return mean_squared_error(y_val, fitted.predict(X_val))

    base, everything = loss(clone(model).fit(X, y)), np.arange(len(y))
    kept = [np.delete(everything, i) for i in everything]
    changes = [loss(clone(model).fit(X[rows], y[rows])) - base for rows in kept]
    assert spearmanr(valuator.values_, changes)[0] > 0.25  # by chance 0.11 is a standard error
    assert np.corrcoef(valuator.values_, changes)[0, 1] > 0.25


@pytest.mark.parametrize("kind", ["influence", "boostin", "self_influence"])
@pytest.mark.parametrize(
    "booster",
    [
        GradientBoostingClassifier(n_estimators=20, max_depth=2, random_state=0),
        HistGradientBoostingClassifier(max_iter=20, max_leaf_nodes=5),
    ],
    ids=["plain", "hist"],
)
def test_wrong_labels_have_low_values(booster, kind):
    X, y = make_classification(
        400, 6, n_informative=4, flip_y=0, class_sep=1.5, n_clusters_per_class=1, random_state=0
    )
    wrong = np.random.default_rng(0).permutation(400) < 40
    valuator = BoostInValuator(booster, kind=kind, cv=3).fit(X, y ^ wrong)
    assert roc_auc_score(wrong, -valuator.values_) > 0.85


def test_early_stopping_holds_rows_out():
    X, y, X_val, y_val, weight = data(2, n=200)
    hist = HistGradientBoostingClassifier(early_stopping=True, random_state=3, max_iter=30)
    plain = GradientBoostingClassifier(n_iter_no_change=3, n_estimators=30, random_state=3)
    for booster, share in ((hist, 0.1), (plain, 0.1)):
        with pytest.warns(UserWarning, match="held out"):
            valuator = BoostInValuator(booster)
            valuator.fit(X, y, X_val=X_val, y_val=y_val, sample_weight=weight)
        rows = train_test_split(
            np.arange(200), test_size=share, stratify=y,
            random_state=getattr(valuator.estimator_, "_random_seed", 3),
        )[0]  # fmt: skip
        kept = np.sort(rows)
        np.testing.assert_array_equal(np.flatnonzero(~np.isnan(valuator.values_)), kept)
        assert valuator.n_unvalued_ == 20
    own_rows = HistGradientBoostingClassifier(
        early_stopping=True, validation_fraction=None, max_iter=5
    )
    assert BoostInValuator(own_rows).fit(X, y, X_val=X_val, y_val=y_val).n_unvalued_ == 0
    no_seed = GradientBoostingClassifier(n_iter_no_change=3, n_estimators=5).fit(X, y)
    with pytest.raises(ValueError, match="integer random_state"):
        BoostInValuator(no_seed, prefit=True).fit(X, y, X_val=X_val, y_val=y_val)


@pytest.mark.skipif(
    "X_val" not in signature(HistGradientBoostingClassifier.fit).parameters,
    reason="scikit-learn takes no rows to stop by",
)
@pytest.mark.parametrize("kind", ["influence", "self_influence"])
def test_rows_to_stop_by_that_were_given_leave_all_others_their_values(kind):
    X, y, X_val, y_val, _ = data(2, n=120, n_val=60)
    val = {"X_val": X_val, "y_val": y_val}
    booster = HistGradientBoostingClassifier(early_stopping=True, max_iter=8, random_state=0)
    stopped = booster.fit(X, y, **val)
    plain = HistGradientBoostingClassifier(early_stopping=False, max_iter=stopped.n_iter_)
    values = [
        BoostInValuator(model, kind=kind, prefit=True).fit(X, y, **val).values_
        for model in (stopped, plain.fit(X, y))
    ]
    np.testing.assert_array_equal(*values)
    assert np.isfinite(values[0]).all()


def test_rows_held_out_to_stop_early_leave_groups_and_folds_their_values():
    X, y, X_val, y_val, _ = data(2, n=120)
    groups, given = np.arange(120) % 4, {"X_val": X_val, "y_val": y_val}
    model = HistGradientBoostingClassifier(max_iter=4, early_stopping=True, random_state=0)
    with pytest.warns(UserWarning, match="12 of 120 rows have no value"):
        alone = BoostInValuator(model).fit(X, y, **given)
    valuator = BoostInValuator(model).fit(X, y, groups=groups, **given)
    expected = [np.nansum(alone.values_[groups == k]) for k in range(4)]
    np.testing.assert_allclose(valuator.group_values_, expected, rtol=1e-10)
    half, everything = np.arange(60), np.arange(120)
    told = []
    for cv in ([(half, everything)], [(everything, half)]):
        with pytest.warns(UserWarning, match="no value"):
            told.append(BoostInValuator(model, cv=cv).fit(X, y).values_)
    count = (~np.isnan(told)).sum(axis=0)
    expected = np.divide(np.nansum(told, axis=0), count, out=np.full(120, np.nan), where=count > 0)
    both = BoostInValuator(model, cv=[(half, everything), (everything, half)])
    with pytest.warns(UserWarning, match="no value"):
        values = both.fit(X, y).values_
    np.testing.assert_allclose(values[:60], expected[:60], rtol=1e-10)
    assert np.isnan(told)[:, :60].sum() > np.isnan(values[:60]).sum()


def test_other_rows_than_those_of_the_fit_are_refused():
    X, y, X_val, y_val, weight = data(2)
    for booster in (GradientBoostingClassifier(**PLAIN), HistGradientBoostingClassifier(**HIST)):
        frozen = BoostInValuator(FrozenEstimator(booster.fit(X, y)))
        for rows, given in ((np.arange(40)[::-1], {}), (np.arange(40), {"sample_weight": weight})):
            with pytest.raises(ValueError, match="own fit alone"):
                frozen.fit(X, y[rows], X_val=X_val, y_val=y_val, **given)
        with pytest.raises(ValueError, match="rows that it has not seen"):
            frozen.fit(X, y)


def test_inputs_that_the_booster_takes():
    X, y, X_val, y_val, _ = data(2)
    booster = GradientBoostingClassifier(**PLAIN)
    given = {"X_val": X_val, "y_val": y_val}
    values = BoostInValuator(booster).fit(X, y, **given).values_
    of_sparse = BoostInValuator(booster)
    of_sparse.fit(sparse.csr_matrix(X), y, X_val=sparse.csr_matrix(X_val), y_val=y_val)
    np.testing.assert_allclose(of_sparse.values_, values)
    piped = make_pipeline(StandardScaler(), booster)  # which no split depends on
    of_pipe = BoostInValuator(piped).fit(X, y, **given)
    np.testing.assert_allclose(of_pipe.values_, values, rtol=1e-3, atol=1e-5)
    hist = HistGradientBoostingClassifier(categorical_features="from_dtype", **HIST)
    kinds = pd.DataFrame(X).rename(columns=str)
    kinds["1"] = kinds["1"].astype(int).map(str).astype("category")
    kinds.loc[::7, "0"] = np.nan
    assert np.isfinite(BoostInValuator(hist, cv=2).fit(kinds, y).values_).all()


def test_groups_and_folds():
    X, y, X_val, y_val, _ = data(2)
    groups = y * 10 + np.arange(40) % 4
    rows = BoostInValuator(GradientBoostingClassifier(**PLAIN)).fit(X, y, X_val=X_val, y_val=y_val)
    valuator = clone(rows).fit(X, y, X_val=X_val, y_val=y_val, groups=groups)
    expected = [rows.values_[groups == g].sum() for g in valuator.groups_]
    np.testing.assert_allclose(valuator.group_values_, expected)
    folds = [(np.arange(30), np.arange(30, 40)), (np.arange(10, 40), np.arange(10))]
    told = clone(rows).set_params(cv=folds).fit(X, y).values_
    parts = np.full((2, 40), np.nan)
    for part, (train, test) in zip(parts, folds, strict=True):
        own = clone(rows).fit(X[train], y[train], X_val=X[test], y_val=y[test])
        part[train] = own.values_
    np.testing.assert_allclose(told, np.nanmean(parts, axis=0))


def test_refusals():
    X, y, *_ = data(2)
    for model, told in (
        (RandomForestClassifier(), "InfluenceValuator.*ShapleyValuator"),
        (GradientBoostingClassifier(subsample=0.5), "subsample=0.5"),
        (GradientBoostingRegressor(loss="huber"), "second derivatives"),
        (HistGradientBoostingRegressor(loss="quantile", quantile=0.5), "second derivatives"),
        (HistGradientBoostingClassifier(monotonic_cst=[1, 0, 0, 0, 0]), "monotonic_cst"),
    ):
        with pytest.raises(ValueError, match=told):
            BoostInValuator(model).fit(X, y)
    with pytest.raises(ValueError, match="one label or target"):
        BoostInValuator(GradientBoostingRegressor()).fit(X, np.c_[y, y])
    with pytest.raises(NotFittedError, match="FrozenEstimator"):
        BoostInValuator(GradientBoostingClassifier(), prefit=True).fit(X, y, X_val=X, y_val=y)


@pytest.mark.parametrize(("loss", "target"), [("poisson", -1.0), ("gamma", 0.0)])
def test_targets_that_the_loss_does_not_take_are_refused(loss, target):
    X, y, X_val, y_val, _ = data(0)
    booster = HistGradientBoostingRegressor(loss=loss, **HIST).fit(X, y)
    y_val[3] = target
    with pytest.raises(ValueError, match=f"loss='{loss}' of Hist.* smallest is {target}"):
        BoostInValuator(booster, prefit=True).fit(X, y, X_val=X_val, y_val=y_val)


def test_pruner_and_search():
    X, y, *_ = data(2, n=60)
    booster = HistGradientBoostingClassifier(**HIST)
    pipe = pruning_pipeline(DataPruner(BoostInValuator(booster, cv=2)), booster)
    grid = {"datapruner__valuator__kind": ["influence", "self_influence"]}
    search = GridSearchCV(pipe, grid, cv=2, error_score="raise").fit(X, y)
    assert search.best_score_ > 0.5
