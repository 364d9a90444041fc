"""InfluenceValuator by scores of scikit-learn, beside refits that its own scorers score."""

import inspect

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.linear_model import (
    GammaRegressor,
    HuberRegressor,
    LogisticRegression,
    PoissonRegressor,
    Ridge,
    SGDClassifier,
    TweedieRegressor,
)
from sklearn.metrics import brier_score_loss, get_scorer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from skdvl import InfluenceValuator
from skdvl.influence import label_losses as labels
from skdvl.influence import target_losses as targets
from skdvl.influence.scorings import measure

TIGHT = {"tol": 1e-9, "max_iter": 5000}
SQUARES = [
    "r2", "neg_mean_squared_error", "neg_root_mean_squared_error", "neg_mean_absolute_error"
]  # fmt: skip
CHANCES = ["neg_log_loss", "neg_brier_score"]
has_brier_of_many = "scale_by_half" in inspect.signature(brier_score_loss).parameters


def regression(n=40, n_val=25, positive=False, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n + n_val, 3)) + 1
    y = X @ [0.3, -0.2, 0.4] + 0.5 * rng.standard_normal(n + n_val)
    y = np.exp(y) if positive else y
    return X[:n], y[:n], X[n:], y[n:]


def classification(n_classes, n=150, n_val=100):
    X, y = make_classification(
        n + n_val, 4, n_informative=4, n_redundant=0, n_classes=n_classes, flip_y=0.25,
        n_clusters_per_class=1, random_state=5,
    )  # fmt: skip
    return X[:n], y[:n], X[n:], y[n:]


def what_scores_lose(scoring, model, X, y, X_val, y_val, rows=None):
    """Return by how much scikit-learn's score falls without each of some rows."""
    score = get_scorer(scoring)
    base = score(clone(model).fit(X, y), X_val, y_val)
    rows = range(len(y)) if rows is None else rows
    near = (clone(model).fit(np.delete(X, i, axis=0), np.delete(y, i)) for i in rows)
    return np.array([base - score(m, X_val, y_val) for m in near])


def slopes_of_scores(scoring, model, X, y, X_val, y_val, rows, step=1e-4):
    """Return how a score falls with the weight of each of some rows, by finite differences."""
    score, told = get_scorer(scoring), []
    for i in rows:
        sides = []
        for sign in (1, -1):
            weight = np.ones(len(y))
            weight[i] += sign * step
            near = clone(model).fit(X, y, sample_weight=weight)
            sides.append(score(near, X_val, y_val))
        told.append((sides[0] - sides[1]) / (2 * step))
    return np.array(told)


@pytest.mark.parametrize("scoring", SQUARES)
def test_loo_of_ridge_equals_refits(scoring):
    X, y, X_val, y_val = regression()
    given = {"X_val": X_val, "y_val": y_val}
    valuator = InfluenceValuator(Ridge(0.5), kind="loo", scoring=scoring).fit(X, y, **given)
    expected = what_scores_lose(scoring, Ridge(0.5), X, y, X_val, y_val)
    np.testing.assert_allclose(valuator.values_, expected, rtol=1e-8, atol=1e-12)
    matrix = valuator.influence_matrix(X_val, y_val)
    np.testing.assert_allclose(np.asarray(matrix).mean(axis=1), expected, rtol=1e-8, atol=1e-12)
    assert np.isfinite(valuator.stderr_).all()
    groups = np.arange(40) % 3
    summed = clone(valuator).fit(X, y, groups=groups, **given).group_values_
    np.testing.assert_allclose(summed, np.bincount(groups, weights=expected), rtol=1e-8)
    joint = clone(valuator).set_params(group_effect="joint").fit(X, y, groups=groups, **given)
    rows = [np.flatnonzero(groups == g) for g in range(3)]
    expected = what_scores_lose(scoring, Ridge(0.5), X, y, X_val, y_val, rows)
    np.testing.assert_allclose(joint.group_values_, expected, rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("scoring", SQUARES)
def test_folds_are_scored_one_by_one(scoring):
    X, y, *_ = regression(n=30)
    told = InfluenceValuator(Ridge(), kind="loo", scoring=scoring, cv=3).fit(X, y).values_
    expected, folds = np.zeros(30), np.arange(30) // 10
    for fold in range(3):
        train, test = np.flatnonzero(folds != fold), folds == fold
        lost = what_scores_lose(scoring, Ridge(), X[train], y[train], X[test], y[test])
        expected[train] += lost / 2
    np.testing.assert_allclose(told, expected, rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("scoring", SQUARES)
def test_influence_on_squares_is_the_slope_of_the_score(scoring):
    X, y, X_val, y_val = regression()
    model, rows = make_pipeline(StandardScaler(), Ridge(0.5)), range(0, 40, 5)
    X_scaled, X_val_scaled = (model[0].fit(X).transform(part) for part in (X, X_val))
    told = InfluenceValuator(model, newton=False, scoring=scoring)
    told.fit(X, y, X_val=X_val, y_val=y_val)
    expected = slopes_of_scores(scoring, Ridge(0.5), X_scaled, y, X_val_scaled, y_val, rows)
    np.testing.assert_allclose(told.values_[rows], expected, rtol=1e-5, atol=1e-8)
    matrix = np.asarray(told.influence_matrix(X_val, y_val)).mean(axis=1)
    np.testing.assert_allclose(matrix, told.values_, rtol=1e-8)


POSITIVE = [
    (PoissonRegressor(alpha=0, solver="newton-cholesky", **TIGHT), "neg_mean_poisson_deviance"),
    (PoissonRegressor(alpha=0, solver="newton-cholesky", **TIGHT), "neg_mean_gamma_deviance"),
    (GammaRegressor(alpha=0, solver="newton-cholesky", **TIGHT), "neg_mean_poisson_deviance"),
    (GammaRegressor(alpha=0, solver="newton-cholesky", **TIGHT), "neg_mean_absolute_error"),
    (
        TweedieRegressor(power=1.5, alpha=0, solver="newton-cholesky", **TIGHT),
        "neg_root_mean_squared_error",
    ),
    (HuberRegressor(alpha=0.1, tol=1e-10, max_iter=5000), "r2"),
]


@pytest.mark.parametrize(("model", "scoring"), POSITIVE)
def test_other_regressors(model, scoring):
    X, y, X_val, y_val = regression(80, positive=not isinstance(model, HuberRegressor))
    given, rows = {"X_val": X_val, "y_val": y_val}, np.arange(0, 80, 8)
    told = InfluenceValuator(model, newton=False, scoring=scoring).fit(X, y, **given).values_
    expected = slopes_of_scores(scoring, model, X, y, X_val, y_val, rows)
    size = np.abs(expected).max()
    np.testing.assert_allclose(told[rows], expected, rtol=1e-3, atol=1e-3 * size)
    told = InfluenceValuator(model, kind="alo", scoring=scoring).fit(X, y, **given).values_
    expected = what_scores_lose(scoring, model, X, y, X_val, y_val, rows)
    assert np.corrcoef(told[rows], expected)[0, 1] > 0.999
    assert 0.95 < told[rows] @ expected / (expected @ expected) < 1.05


def many(scoring):
    lacking = scoring == "neg_brier_score" and not has_brier_of_many
    return pytest.param(
        LogisticRegression(**TIGHT), 3, scoring,
        marks=pytest.mark.skipif(lacking, reason="scikit-learn has it of two classes only"),
    )  # fmt: skip


CLASSIFIERS = [(LogisticRegression(C=0.5, **TIGHT), 2, scoring) for scoring in CHANCES]
CLASSIFIERS += [many(scoring) for scoring in CHANCES]


@pytest.mark.parametrize(("model", "n_classes", "scoring"), CLASSIFIERS)
def test_probabilities(model, n_classes, scoring):
    X, y, X_val, y_val = classification(n_classes)
    given, rows = {"X_val": X_val, "y_val": y_val}, np.arange(0, 150, 5)
    told = InfluenceValuator(model, newton=False, scoring=scoring).fit(X, y, **given).values_
    expected = slopes_of_scores(scoring, model, X, y, X_val, y_val, rows[::3], 1e-2)
    size = np.abs(expected).max()
    np.testing.assert_allclose(told[rows[::3]], expected, rtol=1e-3, atol=1e-3 * size)
    valuator = InfluenceValuator(model, kind="alo", scoring=scoring).fit(X, y, **given)
    told = valuator.values_
    expected = what_scores_lose(scoring, model, X, y, X_val, y_val, rows)
    assert np.corrcoef(told[rows], expected)[0, 1] > 0.999
    assert 0.97 < told[rows] @ expected / (expected @ expected) < 1.03
    if scoring == "neg_log_loss":
        own = InfluenceValuator(model, kind="alo").fit(X, y, **given)
        np.testing.assert_allclose(told, own.values_, rtol=1e-6, atol=1e-12)
        np.testing.assert_allclose(valuator.self_influence_, own.self_influence_, rtol=1e-8)


@pytest.mark.parametrize("scoring", [*SQUARES, "neg_brier_score"])
def test_self_influence_is_the_slope_of_the_score_of_the_rows(scoring):
    """The mean over rows of how each one's share of the score falls; r2 has that of all rows."""
    is_label = scoring == "neg_brier_score"
    X, y, *_ = classification(2, 50) if is_label else regression()
    model = LogisticRegression(**TIGHT) if is_label else Ridge(0.5)
    told = InfluenceValuator(model, kind="self_influence", scoring=scoring, newton=True)
    told.fit(X, y)
    own = np.diag(InfluenceValuator(model, newton=False, scoring=scoring)
                  .fit(X, y, X_val=X, y_val=y).influence_matrix(X, y))  # fmt: skip
    np.testing.assert_allclose(told.self_influence_, own, rtol=1e-8)
    np.testing.assert_array_equal(told.values_, -told.self_influence_)
    assert (own >= 0).all()


@pytest.mark.parametrize("solver", ["cg", "nystroem"])
def test_other_solvers(solver):
    X, y, X_val, y_val = classification(2, 60)
    for model, scoring in ((Ridge(), SQUARES[2]), (LogisticRegression(), CHANCES[1])):
        direct = InfluenceValuator(model, scoring=scoring).fit(X, y, X_val=X_val, y_val=y_val)
        told = clone(direct).set_params(solver=solver, newton=True)
        told.fit(X, y, X_val=X_val, y_val=y_val)
        size = np.abs(direct.values_).max()
        np.testing.assert_allclose(told.values_, direct.values_, rtol=1e-5, atol=1e-7 * size)
        np.testing.assert_allclose(told.self_influence_, direct.self_influence_, rtol=1e-5)


PROBABLE = [
    labels.Logistic(),
    labels.ModifiedHuber(),
    labels.Softmax(3),
    labels.OneVsRest(labels.Logistic(), np.arange(1, 4)),
    labels.OneVsRest(labels.ModifiedHuber(), np.ones(3)),
]
PREDICTING = [targets.SquaredError(), targets.Tweedie(1.5, True), targets.ScaledHuber(1.2)]
MEASURES = [(scoring, loss) for scoring in CHANCES for loss in PROBABLE]
MEASURES += [(scoring, loss) for scoring in SQUARES for loss in PREDICTING]
MEASURES += [(f"neg_mean_{law}_deviance", PREDICTING[1]) for law in ("poisson", "gamma")]


@pytest.mark.parametrize(("scoring", "loss"), MEASURES, ids=lambda part: str(type(part).__name__))
def test_slopes_are_finite_differences(scoring, loss):
    rng = np.random.default_rng(0)
    m = loss.n_outputs
    eta, y = rng.standard_normal((40, m)), rng.integers(max(m, 2), size=40)
    if loss in PREDICTING:
        y = rng.uniform(0.2, 3, 40)
        eta[:, 1:] = np.abs(eta[:, 1:]) + 0.5
    judge, step = measure(scoring, loss, y, eta), 1e-7
    for a in range(m):
        aside = step * np.eye(m)[a]
        slope = (judge.value(y, eta + aside) - judge.value(y, eta - aside)) / (2 * step)
        np.testing.assert_allclose(judge.slope(y, eta)[:, a], slope, rtol=1e-5, atol=1e-6)


def test_stochastic_gradients_have_the_probabilities_of_the_estimator():
    X, y, X_val, y_val = classification(3)
    model = SGDClassifier("log_loss", alpha=0.01, random_state=0).fit(X, y)
    valuator = InfluenceValuator(model, prefit=True, kind="alo", scoring="neg_log_loss")
    valuator.fit(X, y, X_val=X_val, y_val=y_val)
    effects = valuator._effects
    eta = model.decision_function(X_val)
    lost = measure("neg_log_loss", effects.fit.loss, y_val, eta).value(y_val, eta).mean()
    np.testing.assert_allclose(lost, -get_scorer("neg_log_loss")(model, X_val, y_val), rtol=1e-10)
    assert np.isfinite(valuator.values_).all()


def test_corners_have_the_middle_of_their_slopes():
    """A model that errs nowhere on validation rows: roots and sizes of errors have a corner."""
    X, y, X_val, _ = regression()
    y_val = Ridge().fit(X, y).predict(X_val)
    for scoring in SQUARES[2:]:
        model = Ridge().fit(X, y)
        valuator = InfluenceValuator(model, scoring=scoring, prefit=True)
        matrix = valuator.fit(X, y, X_val=X_val, y_val=y_val).influence_matrix(X_val, y_val)
        assert np.isfinite(np.asarray(matrix)).all() and np.isfinite(valuator.values_).all()
    judge = measure(SQUARES[2], targets.SquaredError(), np.zeros(3), np.zeros((3, 1)))
    assert judge.per_unit(0.0) == 0 and judge.per_unit(4.0) == 0.5
    judge = measure(SQUARES[3], targets.SquaredError(), np.zeros(3), np.zeros((3, 1)))
    assert (judge.slope(np.zeros(3), np.zeros((3, 1))) == 0).all()


@pytest.mark.parametrize(
    ("model", "scoring", "told"),
    [
        (LogisticRegression(), "accuracy", "slope.*neg_log_loss.*LeaveOneOutValuator"),
        (LogisticRegression(), len, "slope.*LeaveOneOutValuator"),
        (LogisticRegression(), "r2", "score of targets.*neg_log_loss"),
        (Ridge(), "roc_auc", "neg_mean_absolute_error"),
        (Ridge(), ["r2"], "slope"),
        (Ridge(), "neg_log_loss", "score of labels"),
        (Ridge(), "neg_mean_gamma_deviance", "logarithmic link"),
        (TweedieRegressor(power=0), "neg_mean_poisson_deviance", "logarithmic link"),
        (LinearSVC(), "neg_brier_score", r"no predict_proba.*\[None\]"),
        (SGDClassifier("squared_hinge"), "neg_log_loss", "no predict_proba"),
        (SGDClassifier("modified_huber"), "neg_log_loss", "probabilities are 0.*neg_brier_score"),
    ],
)
def test_refusals(model, scoring, told, monkeypatch):
    X, y, *_ = classification(2)

    def fit(self, *args, **params):
        raise AssertionError("fitted before it was refused")

    monkeypatch.setattr(type(model), "fit", fit)
    with pytest.raises(ValueError, match=f"(?s)takes no scoring=.*{told}"):
        InfluenceValuator(model, scoring=scoring).fit(X, y)


def test_rows_that_have_no_score_are_refused():
    X, y, X_val, y_val = regression(positive=True)
    given = {"X_val": X_val[:2], "y_val": np.r_[-1.0, 0.0]}
    for law in ("poisson", "gamma"):
        valuator = InfluenceValuator(GammaRegressor(), scoring=f"neg_mean_{law}_deviance")
        fitted = clone(valuator).fit(X, y, X_val=X_val, y_val=y_val)
        with pytest.raises(ValueError, match="hold -1.0.*Leave such rows out"):
            valuator.fit(X, y, **given)
        with pytest.raises(ValueError, match="hold -1.0"):
            fitted.influence_matrix(X_val[:2], [-1.0, 0.0])
    valuator = InfluenceValuator(Ridge(), scoring="r2")
    with pytest.raises(ValueError, match="no variance"):
        valuator.fit(X, y, X_val=X_val[:1], y_val=y_val[:1])
    with pytest.raises(ValueError, match="all 0.5.*no variance"):
        valuator.fit(X, y, X_val=X_val[:3], y_val=[0.5] * 3)
    with pytest.raises(ValueError, match="no variance"):
        valuator.set_params(cv=40).fit(X, y)


@pytest.mark.skipif(has_brier_of_many, reason="scikit-learn has it of several classes")
def test_brier_scores_that_the_installed_version_lacks():
    X, y, *_ = classification(3)
    with pytest.raises(ValueError, match="two classes only"):
        InfluenceValuator(LogisticRegression(), scoring="neg_brier_score").fit(X, y)
