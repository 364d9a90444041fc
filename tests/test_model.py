"""What a coalition is worth: the score of scikit-learn's own refit, for whatever can be fitted."""

from functools import partial

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, clone
from sklearn.compose import make_column_transformer
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import (
    LinearRegression,
    LogisticRegression,
    Perceptron,
    Ridge,
    SGDClassifier,
)
from sklearn.metrics import get_scorer, make_scorer, mean_absolute_error
from sklearn.naive_bayes import GaussianNB, MultinomialNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from skdvl.testing import check_utility
from skdvl.utilities import GroupedUtility, ModelUtility

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore::RuntimeWarning"),  # naive Bayes on one row
]

CLASSIFIERS = [
    LogisticRegression(),
    LogisticRegression(C=100.0, max_iter=20),
    GaussianNB(),
    KNeighborsClassifier(3),
    LinearDiscriminantAnalysis(),
    SVC(),
    LinearSVC(),
    SGDClassifier(random_state=0),
    DecisionTreeClassifier(random_state=0),
    RandomForestClassifier(n_estimators=3, random_state=0),
    make_pipeline(StandardScaler(), LogisticRegression()),
]
REGRESSORS = [
    Ridge(),
    LinearRegression(),
    KNeighborsRegressor(2),
    DecisionTreeRegressor(random_state=0),
    make_pipeline(StandardScaler(), Ridge()),
]


def _masks(n, how_many=25, seed=0):
    rng = np.random.default_rng(seed)
    return rng.permuted(np.arange(n) < rng.integers(1, n, (how_many, 1)), axis=1)


def _refits(estimator, X, y, X_val, y_val, scorer, masks):
    """The bare loop: clone, fit, score; NaN where that fails."""
    scores = []
    for mask in masks:
        try:
            model = clone(estimator).fit(X[mask], y[mask])
            scores.append(scorer(model, X_val, y_val))
        except ValueError:
            scores.append(np.nan)
    return np.array(scores)


@pytest.mark.parametrize("scoring", ["accuracy", "balanced_accuracy", "f1_macro"])
@pytest.mark.parametrize("estimator", CLASSIFIERS, ids=lambda e: type(e).__name__)
def test_scores_are_those_of_refitting(estimator, scoring, three_classes):
    X, X_val, y, y_val = three_classes
    scorer = get_scorer(scoring)
    utility = ModelUtility(estimator, X, y, X_val, y_val, scorer, error_score=-1.0)
    utility.bind()
    masks = _masks(len(X))
    bare = _refits(estimator, X, y, X_val, y_val, scorer, masks)
    np.testing.assert_array_equal(utility(masks), np.nan_to_num(bare, nan=-1.0))


@pytest.mark.parametrize(
    ("estimator", "is_fitted"),
    [
        (LogisticRegression(warm_start=True, max_iter=5), True),
        (Perceptron(warm_start=True), True),
        (Perceptron(), True),
        (Perceptron(random_state=np.random.RandomState(0)), False),
        (DecisionTreeClassifier(max_features=1, random_state=np.random.RandomState(0)), False),
    ],
    ids=["warm start", "warm perceptron", "fitted", "one stream", "one stream of a tree"],
)
def test_no_refit_knows_of_another(estimator, is_fitted, three_classes):
    X, X_val, y, y_val = three_classes
    if is_fitted:
        estimator = clone(estimator).fit(X, y)
    utility = ModelUtility(estimator, X, y, X_val, y_val, "accuracy", error_score=-1.0)
    utility.bind()
    masks = _masks(len(X))
    bare = _refits(estimator, X, y, X_val, y_val, get_scorer("accuracy"), masks)
    for _ in range(2):
        np.testing.assert_array_equal(utility(masks), np.nan_to_num(bare, nan=-1.0))


@pytest.mark.parametrize("scoring", ["r2", "neg_mean_squared_error", "neg_mean_absolute_error"])
@pytest.mark.parametrize("estimator", REGRESSORS, ids=lambda e: type(e).__name__)
@pytest.mark.parametrize("n_outputs", [1, 2])
def test_regression_scores_are_those_of_refitting(estimator, scoring, n_outputs):
    rng = np.random.default_rng(0)
    X, X_val = rng.standard_normal((2, 30, 3))
    y, y_val = rng.standard_normal((2, 30, n_outputs)) + X[None, :, :1]
    if n_outputs == 1:
        y, y_val = y.ravel(), y_val.ravel()
    scorer = get_scorer(scoring)
    utility = ModelUtility(estimator, X, y, X_val, y_val, scorer, error_score="raise")
    utility.bind()
    masks = _masks(30)[:, :30]
    masks[:, :3] = True  # enough neighbours
    bare = _refits(estimator, X, y, X_val, y_val, scorer, masks)
    np.testing.assert_array_equal(utility(masks), bare)


def test_the_empty_and_the_full_coalition(small):
    X, y, X_val, y_val = small
    scorer = get_scorer("neg_log_loss")
    utility = ModelUtility(GaussianNB(), X, y, X_val, y_val, scorer)
    model = utility.bind()
    ends = np.array([np.zeros(len(X)), np.ones(len(X))], dtype=bool)
    dummy = DummyClassifier(strategy="prior").fit(X, y)
    expected = [scorer(dummy, X_val, y_val), scorer(model, X_val, y_val)]
    np.testing.assert_array_equal(utility(ends), expected)
    assert utility.full_score == expected[1] and utility.empty_score == expected[0]
    utility = ModelUtility(GaussianNB(), X, y, X_val, y_val, scorer, empty_score=-3)
    utility.bind()
    assert utility(ends)[0] == -3.0
    r2 = get_scorer("r2")
    utility = ModelUtility(Ridge(), X, X[:, 0], X_val, X_val[:, 0], r2)
    utility.bind()
    expected = r2(DummyRegressor().fit(X, X[:, 0]), X_val, X_val[:, 0])
    assert utility(ends)[0] == expected
    check_utility(utility)


@pytest.mark.parametrize("scoring", ["accuracy", "neg_log_loss", "roc_auc"])
def test_one_class_scores_as_the_constant_classifier(scoring, small):
    X, y, X_val, y_val = small
    scorer = get_scorer(scoring)
    utility = ModelUtility(LogisticRegression(), X, y, X_val, y_val, scorer)
    utility.bind()
    for label in (0, 1):
        scored = utility.evaluate((y == label)[None])
        sure = np.where(y_val == label, 1.0, np.finfo(float).eps)
        expected = {
            "accuracy": np.mean(y_val == label),
            "neg_log_loss": np.mean(np.log(sure)),
            "roc_auc": 0.5,
        }[scoring]
        assert scored.scores[0] == pytest.approx(expected) and not scored.failures


def test_error_score_says_otherwise(small):
    X, y, X_val, y_val = small
    one_class = (y == 1)[None]
    make = partial(ModelUtility, LogisticRegression(), X, y, X_val, y_val, get_scorer("accuracy"))
    utility = make(error_score=-0.25)
    utility.bind()
    scored = utility.evaluate(one_class)
    assert scored.scores[0] == -0.25 and len(scored.failures) == 1
    assert (
        f"LogisticRegression failed on a coalition of {np.sum(y == 1)} of 9 rows: ValueError"
        in (scored.failures[0])
    )
    utility = make(error_score="raise")
    utility.bind()
    with pytest.raises(RuntimeError, match="failed on a coalition of"):
        utility(one_class)


def test_other_failures_score_as_the_empty_coalition(small):
    X, y, X_val, y_val = small
    utility = ModelUtility(KNeighborsClassifier(5), X, y, X_val, y_val, get_scorer("accuracy"))
    utility.bind()
    few = np.zeros((1, 9), dtype=bool)
    few[0, [np.flatnonzero(y == 0)[0], np.flatnonzero(y == 1)[0]]] = True
    scored = utility.evaluate(few)
    assert scored.scores[0] == utility.empty_score and len(scored.failures) == 1


@pytest.mark.parametrize("scoring", ["neg_log_loss", "roc_auc_ovr"])
def test_a_class_that_was_never_seen_has_probability_zero(scoring, three_classes):
    X, X_val, y, y_val = three_classes
    scorer = get_scorer(scoring)
    utility = ModelUtility(GaussianNB(), X, y, X_val, y_val, scorer)
    utility.bind()
    scored = utility.evaluate((y != 1)[None])
    assert not scored.failures

    class Padded(ClassifierMixin, BaseEstimator):
        classes_ = np.arange(3)

        def fit(self, X, y):
            return self

        def predict_proba(self, X):
            seen = GaussianNB().fit(X_train, y_train).predict_proba(X)
            return np.column_stack([seen[:, 0], np.zeros(len(X)), seen[:, 1]])

    X_train, y_train = X[y != 1], y[y != 1]
    assert scored.scores[0] == pytest.approx(scorer(Padded(), X_val, y_val))


def test_frames_sparse_matrices_strings_and_texts(three_classes):
    X, X_val, y, y_val = three_classes
    names = np.array(["setosa", "versicolor", "virginica"])
    frame, frame_val = (
        pd.DataFrame(a, columns=list("abcd")).assign(kind=np.where(a[:, 0] > 5, "long", "short"))
        for a in (X, X_val)
    )
    columns = make_column_transformer(
        (StandardScaler(), list("abcd")), (OneHotEncoder(handle_unknown="ignore"), ["kind"])
    )
    model = make_pipeline(columns, LogisticRegression())
    masks, accuracy = _masks(len(X)), get_scorer("accuracy")
    utility = ModelUtility(
        model, frame, names[y], frame_val, names[y_val], accuracy, error_score=-1.0
    )
    utility.bind()
    bare = _refits(model, frame, names[y], frame_val, names[y_val], accuracy, masks)
    np.testing.assert_array_equal(utility(masks), np.nan_to_num(bare, nan=-1.0))

    sparse = ModelUtility(
        LogisticRegression(), sp.csr_matrix(X), y, sp.csr_matrix(X_val), y_val, accuracy
    )
    dense = ModelUtility(LogisticRegression(), X, y, X_val, y_val, accuracy)
    sparse.bind(), dense.bind()
    np.testing.assert_allclose(sparse(masks), dense(masks), atol=0.05)

    texts, labels = ["a b", "b c", "c a a", "b b", "a", "c"], np.array(list("xyxyxy"))
    words = make_pipeline(CountVectorizer(token_pattern=r"\w"), MultinomialNB())
    utility = ModelUtility(words, texts, labels, texts, labels, accuracy)
    utility.bind()
    assert np.isfinite(utility(_masks(6))).all()


def test_sample_weights_follow_their_rows(medium):
    X, y, X_val, y_val, _ = medium
    weight = np.random.default_rng(0).random(len(X))
    utility = ModelUtility(
        GaussianNB(), X, y, X_val, y_val, get_scorer("accuracy"),
        fit_params={"sample_weight": weight}, error_score="raise",
    )  # fmt: skip
    utility.bind()
    masks = _masks(len(X))
    bare = [
        GaussianNB().fit(X[m], y[m], sample_weight=weight[m]).score(X_val, y_val) for m in masks
    ]
    np.testing.assert_array_equal(utility(masks), bare)


def test_nothing_leaks_between_coalitions(medium):
    """A warm start, or an estimator that writes into its data, must not move other scores."""

    class Vandal(ClassifierMixin, BaseEstimator):
        def fit(self, X, y):
            self.inner_ = GaussianNB().fit(X, y)
            self.classes_ = self.inner_.classes_
            X[:] = 0
            y[:] = 0
            return self

        def predict(self, X):
            return self.inner_.predict(X)

    X, y, X_val, y_val, _ = medium
    masks, accuracy = _masks(len(X)), get_scorer("accuracy")
    masks[:, np.flatnonzero(y == 0)[0]] = masks[:, np.flatnonzero(y == 1)[0]] = True
    for estimator in (Vandal(), SGDClassifier(warm_start=True, random_state=0)):
        kept = X.copy(), y.copy()
        utility = ModelUtility(estimator, X.copy(), y.copy(), X_val, y_val, accuracy)
        utility.bind()
        first = utility(masks)
        np.testing.assert_array_equal(utility(masks[::-1])[::-1], first)
        np.testing.assert_array_equal(utility.X, kept[0])
    with pytest.raises(ValueError, match="read-only"):
        utility.X_val[0] = 1


def test_predictions_in_a_column(medium):
    class Column(GaussianNB):
        def predict(self, X):
            return super().predict(X)[:, None]

    X, y, X_val, y_val, _ = medium
    masks = _masks(len(X))
    plain, column = (
        ModelUtility(e, X, y, X_val, y_val, "accuracy", error_score=-1.0)
        for e in (GaussianNB(), Column())
    )
    np.testing.assert_array_equal(column(masks), plain(masks))


def test_a_scorer_that_returns_nan_is_named(medium):
    X, y, X_val, y_val, _ = medium

    def gap(model, X, y):
        return float("nan")

    with pytest.raises(ValueError, match="the scorer 'gap' returned nan instead of a finite"):
        ModelUtility(GaussianNB(), X, y, X_val, y_val, gap).bind()

    def fussy(model, X, y):
        return np.nan if model.class_count_.sum() < 20 else 1.0

    utility = ModelUtility(GaussianNB(), X, y, X_val, y_val, fussy, empty_score=0.0)
    utility.bind()
    few = np.arange(40)[None] < 15
    scored = utility.evaluate(few)
    assert scored.scores[0] == 0.0 and "the scorer 'fussy' returned nan" in scored.failures[0]


def test_scorers_of_all_kinds(medium):
    X, y, X_val, y_val, _ = medium
    custom = make_scorer(mean_absolute_error, greater_is_better=False)
    utility = ModelUtility(LinearRegression(), X, X[:, 0], X_val, X_val[:, 0], custom)
    utility.bind()
    assert utility.full_score == pytest.approx(0, abs=1e-9)

    class Clusterer(BaseEstimator):
        def fit(self, X, y=None):
            return self

    with pytest.raises(ValueError, match="neither a classifier nor a regressor.*empty_score"):
        ModelUtility(Clusterer(), X, y, X_val, y_val, lambda m, X, y: 1.0).bind()
    with pytest.raises(ValueError, match="cannot score DummyRegressor.*Set empty_score"):
        ModelUtility(Ridge(), X, y, X_val, y_val, lambda m, X, y: m.coef_[0]).bind()


def test_a_broken_estimator_raises_as_it_is(medium):
    X, y, X_val, y_val, _ = medium

    class Broken(RegressorMixin, BaseEstimator):
        def fit(self, X, y):
            raise ZeroDivisionError("no luck")

    with pytest.raises(ZeroDivisionError, match="no luck"):
        ModelUtility(Broken(), X, y, X_val, y_val, get_scorer("r2")).bind()


def test_groups_play_for_their_rows(medium):
    X, y, X_val, y_val, _ = medium
    rows = ModelUtility(GaussianNB(), X, y, X_val, y_val, get_scorer("accuracy"))
    rows.bind()
    groups = np.arange(len(X)) % 5
    utility = GroupedUtility(rows, groups)
    masks = _masks(5)
    np.testing.assert_array_equal(utility(masks), rows(masks[:, groups]))
    assert utility.full_score == rows.full_score and utility.n_players == 5
    check_utility(utility)
