"""ConfidentLearningValuator: scikit-learn's own cross_val_predict, and what is made of it."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import sklearn
from joblib import parallel_config
from sklearn.datasets import load_diabetes, load_digits, load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import roc_auc_score
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    PredefinedSplit,
    RepeatedStratifiedKFold,
    StratifiedKFold,
    cross_val_predict,
)
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline as make_sklearn_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier

from skdvl import ConfidentLearningValuator, DataPruner, make_pipeline

NAMES = np.array(["setosa", "versicolor", "virginica"])


def by_hand(probabilities, codes, scoring, adjust):
    """One row and one label at a time."""
    n, k = probabilities.shape
    own = [probabilities[i, codes[i]] for i in range(n)]
    thresholds = [np.mean([own[i] for i in range(n) if codes[i] == j]) for j in range(k)]
    values = []
    for i in range(n):
        p = [probabilities[i, j] - (thresholds[j] if adjust else 0) for j in range(k)]
        rival = max(p[j] for j in range(k) if j != codes[i])
        values.append(p[codes[i]] - (rival if scoring == "normalized_margin" else 0))
    return np.array(values), np.array(thresholds)


@pytest.mark.parametrize("adjust", [False, True])
@pytest.mark.parametrize("scoring", ["self_confidence", "normalized_margin"])
@pytest.mark.parametrize("cv", [5, KFold(3, shuffle=True, random_state=0)], ids=str)
def test_values_are_those_of_cross_val_predict(cv, scoring, adjust):
    X, y = load_iris(return_X_y=True)
    model = GaussianNB()
    probabilities = cross_val_predict(model, X, y, cv=cv, method="predict_proba")
    values, thresholds = by_hand(probabilities, y, scoring, adjust)
    valuator = ConfidentLearningValuator(model, scoring=scoring, adjust=adjust, cv=cv)
    valuator.fit(X, NAMES[y])
    np.testing.assert_allclose(valuator.values_, values, atol=1e-12)
    np.testing.assert_allclose(valuator.thresholds_, thresholds)
    assert list(valuator.classes_) == list(NAMES) and valuator.task_ == "classification"
    assert (valuator.counts_ == 1).all() and np.isinf(valuator.stderr_).all()


def test_the_default_model_and_workers():
    X, y = load_iris(return_X_y=True)
    model = make_sklearn_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    told = cross_val_predict(model, X, y, method="predict_proba")[np.arange(150), y]
    one = ConfidentLearningValuator().fit(X, y)
    np.testing.assert_allclose(one.values_, told)
    with parallel_config(backend="threading"):  # where workers are there at once
        two = ConfidentLearningValuator(n_jobs=2).fit(X, y)
    np.testing.assert_array_equal(two.values_, one.values_)
    frame = pd.DataFrame(X, columns=list("abcd"))
    framed = ConfidentLearningValuator().fit(frame, y)
    np.testing.assert_allclose(framed.values_, one.values_)
    sparse = ConfidentLearningValuator().fit(sp.csr_matrix(X), y)
    np.testing.assert_allclose(sparse.values_, one.values_, atol=0.01)


def test_labels_that_a_fold_has_not_met_have_no_probability():
    X, y = load_iris(return_X_y=True)
    valuator = ConfidentLearningValuator(GaussianNB(), cv=KFold(3)).fit(X, y)  # a species each
    assert not valuator.values_.any() and not valuator.thresholds_.any()


def test_repeated_splits_are_averaged():
    X, y = load_iris(return_X_y=True)
    tree = DecisionTreeClassifier(max_depth=2, random_state=0)
    cv = RepeatedStratifiedKFold(n_splits=3, n_repeats=4, random_state=7)
    splits = list(cv.split(X, y))
    each = [
        cross_val_predict(tree, X, y, cv=splits[i : i + 3], method="predict_proba")
        for i in range(0, 12, 3)
    ]
    each = np.stack(each)[:, np.arange(150), y]
    valuator = ConfidentLearningValuator(tree, cv=cv).fit(X, y)
    np.testing.assert_allclose(valuator.values_, each.mean(axis=0))
    left = 4 * each.var(axis=0)
    errors = np.sqrt(left + left.sum() / (3 * len(y))) / 4  # one pseudo-observation of each row
    np.testing.assert_allclose(valuator.stderr_, errors, atol=1e-7)
    assert (valuator.counts_ == 4).all()


def test_rows_that_are_never_held_out():
    X, y = load_iris(return_X_y=True)
    cv = PredefinedSplit(np.where(np.arange(150) % 5 == 0, -1, np.arange(150) % 2))
    with pytest.warns(UserWarning, match=r"30 of 150 rows have no value \(NaN\): no fold"):
        valuator = ConfidentLearningValuator(GaussianNB(), cv=cv).fit(X, y)
    np.testing.assert_array_equal(np.isnan(valuator.values_), np.arange(150) % 5 == 0)
    assert valuator.n_unvalued_ == 30


def test_seeds_reach_estimator_and_splitter():
    X, y = load_iris(return_X_y=True)
    parts = RandomForestClassifier(5), StratifiedKFold(3, shuffle=True)
    first, again, other = (
        ConfidentLearningValuator(parts[0], cv=parts[1], random_state=seed).fit(X, y).values_
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_groups_and_a_cv_that_splits_by_them():
    X, y = load_iris(return_X_y=True)
    vendors = np.arange(150) % 10
    told = cross_val_predict(
        GaussianNB(), X, y, groups=vendors, cv=GroupKFold(5), method="predict_proba"
    )[np.arange(150), y]
    valuator = ConfidentLearningValuator(GaussianNB(), cv=GroupKFold(5)).fit(X, y, groups=vendors)
    sums = [told[vendors == vendor].sum() for vendor in range(10)]
    np.testing.assert_allclose(valuator.group_values_, sums)
    np.testing.assert_allclose(valuator.values_, np.array(sums)[vendors] / 15)


def test_weights_are_cut_to_folds():
    X, y = load_iris(return_X_y=True)
    weights = np.random.default_rng(0).uniform(0.1, 3, 150)
    told = cross_val_predict(
        GaussianNB(), X, y, method="predict_proba", params={"sample_weight": weights}
    )[np.arange(150), y]
    weighted = ConfidentLearningValuator(GaussianNB()).fit(X, y, sample_weight=weights)
    np.testing.assert_allclose(weighted.values_, told)
    with sklearn.config_context(enable_metadata_routing=True):
        asked = GaussianNB().set_fit_request(sample_weight=True)
        routed = ConfidentLearningValuator(asked).fit(X, y, sample_weight=weights)
    np.testing.assert_array_equal(routed.values_, weighted.values_)
    with pytest.raises(TypeError, match="colour"):
        ConfidentLearningValuator(GaussianNB()).fit(X, y, colour=weights)


@pytest.mark.filterwarnings("ignore:The `probability` parameter:FutureWarning")
def test_precomputed_kernels():
    X, y = load_iris(return_X_y=True)
    model = SVC(kernel="precomputed", probability=True, random_state=0)
    kernel = rbf_kernel(X)
    told = cross_val_predict(model, kernel, y, cv=3, method="predict_proba")[np.arange(150), y]
    np.testing.assert_allclose(ConfidentLearningValuator(model, cv=3).fit(kernel, y).values_, told)


@pytest.mark.parametrize("scoring", ["self_confidence", "normalized_margin"])
def test_wrong_labels_are_found(scoring):
    X, y = load_digits(return_X_y=True)
    rng = np.random.default_rng(0)
    flipped = rng.random(len(y)) < 0.1
    y = np.where(flipped, (y + rng.integers(1, 10, len(y))) % 10, y)
    forest = RandomForestClassifier(30)
    valuator = ConfidentLearningValuator(forest, scoring=scoring, cv=3, random_state=0).fit(X, y)
    assert roc_auc_score(flipped, -valuator.values_) > 0.95
    if scoring == "normalized_margin":
        assert (valuator.values_[flipped] < 0).mean() > 0.9


def test_memory_pruner_and_search(tmp_path, monkeypatch):
    X, y = load_iris(return_X_y=True)
    valuator = ConfidentLearningValuator(GaussianNB(), memory=str(tmp_path))
    pipeline = make_pipeline(DataPruner(valuator), DecisionTreeClassifier(random_state=0))
    grid = {
        "datapruner__quantile": [0.0, 0.2],
        "datapruner__valuator__scoring": ["self_confidence", "normalized_margin"],
    }
    assert GridSearchCV(pipeline, grid, cv=3).fit(X, y).best_score_ > 0.9
    fresh = valuator.fit(X, y).values_
    monkeypatch.setattr(GaussianNB, "fit", lambda *_: pytest.fail("a model was trained"))
    again = ConfidentLearningValuator(GaussianNB(), n_jobs=2, memory=str(tmp_path)).fit(X, y)
    np.testing.assert_array_equal(again.values_, fresh)


@pytest.mark.parametrize(
    ("params", "fit", "message"),
    [
        ({}, {"y": load_diabetes().target[:150]}, "use KNNShapleyValuator, DataOOBValuator"),
        ({"estimator": GaussianNB()}, {"y": np.linspace(0, 1, 150)}, "y holds targets"),
        ({"estimator": Ridge()}, {}, "Ridge predicts targets"),
        ({"estimator": LinearSVC()}, {}, "Wrap it in CalibratedClassifierCV"),
        ({"scoring": "accuracy"}, {}, "scoring"),
        ({"n_jobs": 0}, {}, "n_jobs=0"),
        ({"cv": 60}, {}, r"Choose fewer folds\.$"),
        ({"cv": KFold}, {}, "is a class"),
        ({}, {"y": np.ones(150)}, "one class only"),
        ({}, {"y": np.ones((150, 2))}, "one label for each row"),
        ({"cv": GroupKFold(3)}, {}, "Pass groups"),
        ({}, {"groups": np.zeros(150)}, "one group only"),
    ],
)
def test_refusals_come_before_any_training(params, fit, message, monkeypatch):
    for kind in (LogisticRegression, GaussianNB, Ridge, LinearSVC):
        monkeypatch.setattr(kind, "fit", lambda *_: pytest.fail("a model was trained"))
    X, y = load_iris(return_X_y=True)
    with pytest.raises(ValueError, match=message):
        ConfidentLearningValuator(**params).fit(**({"X": X, "y": y} | fit))


def test_errors_of_the_estimator_keep_their_kind():
    X, y = load_iris(return_X_y=True)
    holes = X.copy()
    holes[0, 0] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        ConfidentLearningValuator(GaussianNB()).fit(holes, y)
    with (
        np.errstate(all="ignore"),
        pytest.raises(ValueError, match="GaussianNB gave probabilities that are NaN"),
    ):
        ConfidentLearningValuator(GaussianNB()).fit(np.zeros_like(X), y)
