"""InfluenceValuator on logistic regression: approximate leave-one-out beside refits."""

import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_iris, make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.preprocessing import StandardScaler

from skdvl import InfluenceValuator

SKIP = 3  # every so many rows are refitted without
TIGHT = {"solver": "newton-cg", "tol": 1e-7, "max_iter": 5000, "warm_start": True}
MODELS = {
    "two classes": (2, LogisticRegression(**TIGHT)),
    "liblinear": (2, LogisticRegression(solver="liblinear", intercept_scaling=3, tol=1e-8)),
    "three classes": (3, LogisticRegression(**TIGHT)),
    "no penalty": (3, LogisticRegression(C=np.inf, **TIGHT)),
    "class weights": (2, LogisticRegression(class_weight={0: 3, 1: 0.5}, C=10, **TIGHT)),
}


def data(n_classes, n=120, n_val=100):
    X, y = make_classification(
        n + n_val, 5, n_informative=4, n_redundant=0, n_classes=n_classes, n_clusters_per_class=1,
        flip_y=0.25, class_sep=0.7, random_state=3,
    )  # fmt: skip
    weight = np.random.default_rng(0).uniform(0.5, 2, n)
    return X[:n], y[:n], X[n:], y[n:], weight


@pytest.mark.parametrize("newton", [True, False])
def test_influence_is_that_of_the_formulas(newton):
    """Slopes and Hessians written out; newton takes that of all other rows."""
    X, y, X_val, y_val, _ = data(2, 60)
    model = LogisticRegression(C=2.0, fit_intercept=False, **TIGHT).fit(X, y)
    proba, proba_val = (model.predict_proba(rows)[:, 1] for rows in (X, X_val))
    slopes = (proba - y)[:, None] * X
    bends = (proba * (1 - proba))[:, None, None] * X[:, :, None] * X[:, None, :]
    whole = np.eye(X.shape[1]) / model.C + bends.sum(axis=0)
    along = ((proba_val - y_val)[:, None] * X_val).mean(axis=0)
    without = whole - bends if newton else np.broadcast_to(whole, bends.shape)
    expected = np.linalg.solve(without, slopes[:, :, None])[:, :, 0] @ along
    valuator = InfluenceValuator(model, newton=newton, prefit=True)
    told = valuator.fit(X, y, X_val=X_val, y_val=y_val)
    np.testing.assert_allclose(told.values_, expected, rtol=1e-9)
    if newton:
        own = np.einsum("ij,jk,ik->i", slopes, np.linalg.inv(whole), slopes)
        np.testing.assert_allclose(told.self_influence_, own, rtol=1e-9)


def leave_one_out(model, X, y, X_val, y_val, weight):
    """Losses that each row's going adds to the validation rows, and probabilities of the row."""
    near = clone(model).fit(X, y, sample_weight=weight)  # from where the next fits start
    base = near.predict_proba(X_val)
    values, own = [], []
    for i in range(0, len(y), SKIP):
        kept = np.delete(np.arange(len(y)), i)
        near = near.fit(X[kept], y[kept], sample_weight=weight[kept])
        values.append(log_loss(y_val, near.predict_proba(X_val)) - log_loss(y_val, base))
        own.append(near.predict_proba(X[[i]])[0])
    return np.array(values), np.array(own)


@pytest.mark.filterwarnings("ignore")  # of parameters that scikit-learn gives up
@pytest.mark.parametrize("case", MODELS)
def test_alo_is_nearly_leave_one_out(case):
    n_classes, model = MODELS[case]
    X, y, X_val, y_val, weight = data(n_classes, n=120 if n_classes == 2 else 250)
    given = {"X_val": X_val, "y_val": y_val, "sample_weight": weight}
    valuator = InfluenceValuator(model, kind="alo").fit(X, y, **given)
    values, own = leave_one_out(model, X, y, X_val, y_val, weight)
    assert np.corrcoef(valuator.values_[::SKIP], values)[0, 1] > 0.999
    assert np.abs(valuator.values_[::SKIP] - values).mean() < 0.03 * np.abs(values).mean()
    assert np.abs(valuator.loo_predictions_[::SKIP] - own).mean() < 0.001
    assert valuator.task_ == "classification"
    slope = InfluenceValuator(model).fit(X, y, **given)
    assert np.corrcoef(slope.values_[::SKIP], values)[0, 1] > 0.8


def test_balanced_weights_are_those_of_all_rows():
    X, y, X_val, y_val, _ = data(2)
    model = LogisticRegression(class_weight="balanced", **TIGHT)
    valuator = InfluenceValuator(model, kind="alo").fit(X, y, X_val=X_val, y_val=y_val)
    weight = (len(y) / 2 / np.bincount(y))[y]
    values, _ = leave_one_out(LogisticRegression(**TIGHT), X, y, X_val, y_val, weight)
    assert np.corrcoef(valuator.values_[::SKIP], values)[0, 1] > 0.999


def test_labels_may_be_texts():
    X, y, X_val, y_val, _ = data(3)
    labels = np.array(["cat", "ant", "bee"])
    order = np.argsort(np.argsort(labels))
    numbers = InfluenceValuator(LogisticRegression(**TIGHT), kind="alo")
    numbers.fit(X, order[y], X_val=X_val, y_val=order[y_val])
    texts = InfluenceValuator(LogisticRegression(**TIGHT), kind="alo")
    texts.fit(X, labels[y], X_val=X_val, y_val=labels[y_val])
    np.testing.assert_array_equal(texts.values_, numbers.values_)


@pytest.mark.parametrize("kind", ["influence", "self_influence", "alo"])
def test_wrong_labels_have_low_values(kind):
    X, y = load_breast_cancer(return_X_y=True)
    X, wrong = StandardScaler().fit_transform(X), np.zeros(len(y), dtype=bool)
    wrong[np.random.default_rng(0).choice(len(y), 57, replace=False)] = True
    values = InfluenceValuator(LogisticRegression(C=0.01), kind=kind).fit(X, y ^ wrong).values_
    assert roc_auc_score(wrong, -values) > 0.9


def test_a_class_that_a_fold_has_not_met():
    X, y = load_iris(return_X_y=True)
    rows = np.r_[:20, 50:70, 100]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a class with fewer rows than folds
        valuator = InfluenceValuator(LogisticRegression()).fit(X[rows], y[rows])
    assert np.isfinite(valuator.values_).all()


def test_refusals():
    X, y, *_ = data(2)
    with pytest.raises(ValueError, match="kind='alo'"):
        InfluenceValuator(LogisticRegression(), kind="loo").fit(X, y)
    with pytest.raises(ValueError, match="one class only"):
        InfluenceValuator(LogisticRegression()).fit(X, np.zeros(len(y)))
