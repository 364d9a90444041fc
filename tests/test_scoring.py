"""Batched scores against scikit-learn's scorers, asked of an estimator that says the same."""

import numpy as np
import pytest
from scipy.special import expit, logsumexp, softmax
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.metrics import accuracy_score, get_scorer, make_scorer

from skdvl.utilities.kernels import Answers, Kernel
from skdvl.utilities.model import ModelUtility
from skdvl.utilities.scoring import make_score

LABELS = ["accuracy", "balanced_accuracy"]
OF_TWO = [*LABELS, "f1", "f1_macro", "neg_log_loss", "neg_brier_score", "roc_auc"]
OF_NUMBERS = [
    "r2",
    "neg_mean_squared_error",
    "neg_root_mean_squared_error",
    "neg_mean_absolute_error",
]


class Says(ClassifierMixin, BaseEstimator):
    """A fitted classifier of given scores, with probabilities as naive Bayes makes them."""

    def __init__(self, scores, classes, formula="log"):
        self.scores, self.formula = scores, formula
        self.classes_ = classes

    def __sklearn_is_fitted__(self):
        return True

    def predict(self, X):
        return self.classes_[self.scores.argmax(axis=0)]

    def predict_proba(self, X):
        if self.formula == "log":
            return np.exp(self.scores - logsumexp(self.scores, axis=0)).T
        return softmax(self.scores.T, axis=1)


class Decides(Says):
    """One that has a decision function of two classes."""

    def decision_function(self, X):
        return self.scores[1] - self.scores[0]


class Number(RegressorMixin, BaseEstimator):
    def __init__(self, said):
        self.said = said

    def __sklearn_is_fitted__(self):
        return True

    def predict(self, X):
        return self.said


def _kind(**attributes):
    return type("Kind", (Kernel,), {"response": "softmax"} | attributes)


def _decisions(rng, n_classes, n_coalitions, n_rows, case):
    decision = rng.normal(size=(n_classes, n_coalitions, n_rows))
    if case == "wild":  # as naive Bayes on few rows
        decision *= 10.0 ** rng.uniform(-3, 6, (1, n_coalitions, 1))
    if case == "far":
        decision = decision * 30 - 1000.0
    if case == "missing":
        gone = rng.integers(n_classes, size=n_coalitions)
        some = np.flatnonzero(rng.random(n_coalitions) < 0.7)
        decision[gone[some], some] = -np.inf
    if case == "close":
        decision = np.round(decision, 1)
        decision += 1e-12 * rng.normal(size=decision.shape)
    return decision


def _compare(scorer, kind, decision, labels, y_val, models, error=None):
    """Return how many scores were certain; they have to be those of the scorer."""
    scorer = get_scorer(scorer) if isinstance(scorer, str) else scorer
    score, reason = make_score(scorer, kind, y_val, labels)
    assert score is not None, reason
    sure = np.arange(decision.shape[1]) % 7 > 0
    scores, is_certain = score(Answers(decision, sure, error))
    assert not is_certain[~sure].any()
    X = np.zeros((len(y_val), 1))
    expected = np.array([scorer(model, X, y_val) for model in models])
    is_label = "predict" == getattr(scorer, "_response_method", None) and labels is not None
    if is_label:
        np.testing.assert_array_equal(scores[is_certain], expected[is_certain])
    else:
        np.testing.assert_allclose(scores[is_certain], expected[is_certain], rtol=1e-9, atol=1e-9)
    return np.count_nonzero(is_certain) / np.count_nonzero(sure)


@pytest.mark.parametrize("formula", ["log", "softmax"])
@pytest.mark.parametrize("case", ["plain", "wild", "far", "close"])
@pytest.mark.parametrize("scoring", OF_TWO)
def test_two_classes(scoring, case, formula):
    rng = np.random.default_rng(0)
    labels = np.array([0, 1]) if scoring == "f1" else np.array(["no", "yes"])
    if scoring == "neg_brier_score":
        labels = np.array([0, 1])
    codes = rng.integers(2, size=41)
    decision = _decisions(rng, 2, 50, 41, case)
    models = [Says(scores, labels, formula) for scores in decision.transpose(1, 0, 2)]
    share = _compare(scoring, _kind(), decision, labels, labels[codes], models)
    assert share == 1 or case != "plain"
    assert share < 0.6 or case != "close" or scoring.startswith("neg")


@pytest.mark.filterwarnings("ignore:y_pred contains classes:UserWarning")
@pytest.mark.parametrize("case", ["plain", "wild", "far", "missing", "close"])
@pytest.mark.parametrize("scoring", [*LABELS, "neg_log_loss", "neg_brier_score"])
def test_many_classes(scoring, case):
    rng = np.random.default_rng(1)
    labels = np.array(["a", "b", "c", "d"])
    y_val = labels[rng.permutation(np.arange(50) % 4)]
    decision = _decisions(rng, 4, 50, 50, case)
    models = [Says(scores, labels) for scores in decision.transpose(1, 0, 2)]
    if scoring == "neg_brier_score":
        try:
            get_scorer(scoring)(models[0], np.zeros((50, 1)), y_val)
        except ValueError:
            pytest.skip("this scikit-learn has Brier scores of two classes only")
    share = _compare(scoring, _kind(), decision, labels, y_val, models)
    assert share == 1 or case not in ("plain", "missing")


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("scoring", OF_TWO)
def test_decisions_with_errors(scoring, n_classes):
    """Scores are certain if nothing within the errors would change them."""
    if n_classes > 2 and scoring in ("f1", "f1_macro", "neg_brier_score", "roc_auc"):
        pytest.skip("of two classes, in some scikit-learn")
    rng = np.random.default_rng(9)
    labels, codes = np.arange(n_classes), rng.permutation(np.arange(42) % n_classes)
    decision = _decisions(rng, n_classes, 140, 42, "plain")
    decision *= rng.choice([0.3, 3, 30], (1, 140, 1))  # all but certain probabilities, too
    error = 10.0 ** rng.choice([-13, -11, -9, -7, -2, 1], (140, 1)) * rng.random((140, 42))
    said = decision.copy()
    said[codes, :, np.arange(42)] += (0.99 * error * rng.choice([-1, 1], error.shape)).T
    models = [Says(scores, labels) for scores in said.transpose(1, 0, 2)]
    share = _compare(scoring, _kind(), decision, labels, codes, models, error)
    assert 0.3 < share < 0.9
    if scoring == "roc_auc":
        models = [Decides(scores, labels) for scores in said.transpose(1, 0, 2)]
        kind = _kind(has_decision_function=True)
        assert 0.3 < _compare(scoring, kind, decision, labels, codes, models, error) < 0.9


@pytest.mark.parametrize("scoring", ["neg_log_loss", "neg_brier_score"])
def test_errors_as_large_as_a_sure_lead(scoring):
    decision = np.zeros((2, 3, 8))
    decision[1] = 50
    error = np.array([[0.5], [30], [np.inf]]) * np.ones(8)
    score, _ = make_score(get_scorer(scoring), _kind(), np.arange(8) % 2, np.arange(2))
    _, is_certain = score(Answers(decision, np.ones(3, dtype=bool), error))
    assert is_certain.tolist() == [True, False, False]


@pytest.mark.parametrize("case", ["plain", "wild", "close"])
def test_area_by_a_decision_function(case):
    rng = np.random.default_rng(2)
    labels, codes = np.array([0, 1]), rng.integers(2, size=33)
    decision = _decisions(rng, 2, 50, 33, case)
    models = [Decides(scores, labels) for scores in decision.transpose(1, 0, 2)]
    kind = _kind(response="margin", has_decision_function=True)
    share = _compare("roc_auc", kind, decision, labels, codes, models)
    assert (share == 1) == (case != "close")


@pytest.mark.filterwarnings("ignore:y_pred contains classes:UserWarning")
@pytest.mark.parametrize("scoring", [*LABELS, "neg_log_loss"])
def test_votes_may_tie(scoring):
    rng = np.random.default_rng(3)
    labels, codes = np.arange(3), rng.permutation(np.arange(60) % 3)
    votes = rng.multinomial(4, [0.3, 0.4, 0.3], size=(80, 60)).transpose(2, 0, 1) / 4

    class Votes(Says):
        def predict_proba(self, X):
            return self.scores.T

    models = [Votes(scores, labels) for scores in votes.transpose(1, 0, 2)]
    kind = _kind(response="probability", ties_are_exact=True)
    assert _compare(scoring, kind, votes, labels, codes, models) == 1


def test_area_of_votes():
    rng = np.random.default_rng(4)
    votes = rng.integers(6, size=(90, 40)) / 5
    decision = np.stack([1 - votes, votes])

    class Votes(Says):
        def predict_proba(self, X):
            return self.scores.T

    models = [Votes(scores, np.arange(2)) for scores in decision.transpose(1, 0, 2)]
    kind = _kind(response="probability", ties_are_exact=True)
    codes = rng.integers(2, size=40)
    assert _compare("roc_auc", kind, decision, np.arange(2), codes, models) == 1


def test_probabilities_that_round_to_one_are_tied():
    gaps = np.array([[1.0, 50.0, 60.0, -900.0, -800.0, 0.5], [1.0, 20.0, 20.5, -2.0, -3.0, 0.5]])
    decision = np.stack([np.zeros_like(gaps), gaps])
    y_val = np.array([0, 0, 1, 0, 1, 1])
    score, _ = make_score(get_scorer("roc_auc"), _kind(), y_val, np.arange(2))
    scores, is_certain = score(Answers(decision, np.ones(2, dtype=bool)))
    model = Says(decision[:, 0], np.arange(2))
    assert scores[0] == get_scorer("roc_auc")(model, np.zeros((6, 1)), y_val)
    assert is_certain.tolist() == [True, True]
    decision[1, 1, 1:3] = [38.0, 38.5]  # may be 1 or the number before it
    assert score(Answers(decision, np.ones(2, dtype=bool)))[1].tolist() == [True, False]


def test_labels_that_no_training_row_has():
    rng = np.random.default_rng(5)
    decision = rng.normal(size=(2, 30, 20))
    y_val = rng.permutation(np.arange(20) % 4)
    models = [Says(scores, np.array([0, 2])) for scores in decision.transpose(1, 0, 2)]
    for scoring in LABELS:
        assert _compare(scoring, _kind(), decision, np.array([0, 2]), y_val, models) == 1


@pytest.mark.parametrize("offset", [0, 1e6])
@pytest.mark.parametrize("scoring", OF_NUMBERS)
def test_numbers(scoring, offset):
    rng = np.random.default_rng(6)
    y_val = rng.normal(size=30) + offset
    decision = y_val + rng.normal(size=(1, 50, 30)) * 10.0 ** rng.uniform(-3, 3, (1, 50, 1))
    models = [Number(said) for said in decision[0]]
    assert _compare(scoring, _kind(response="prediction"), decision, None, y_val, models) == 1


def test_the_other_sign():
    rng = np.random.default_rng(7)
    decision, y_val = rng.normal(size=(2, 20, 9)), rng.integers(2, size=9)
    models = [Says(scores, np.arange(2)) for scores in decision.transpose(1, 0, 2)]
    scorer = make_scorer(accuracy_score, greater_is_better=False)
    assert _compare(scorer, _kind(), decision, np.arange(2), y_val, models) == 1


@pytest.mark.parametrize(
    ("scorer", "words"),
    [
        (lambda estimator, X, y: 0.0, "no named one"),
        (make_scorer(accuracy_score, normalize=False), "no batched score"),
        (get_scorer("average_precision"), "no batched score"),
        (get_scorer("roc_auc_ovr"), "no batched score"),
        (get_scorer("top_k_accuracy"), "no batched score"),
        (get_scorer("r2"), "no batched score"),
    ],
)
def test_unknown_scorers(scorer, words):
    score, reason = make_score(scorer, _kind(), np.array([0, 1, 1]), np.arange(2))
    assert score is None and words in reason


def test_what_a_kernel_cannot_give():
    two, y_val = np.arange(2), np.array([0, 1, 1])
    margin = _kind(response="margin")
    for scoring in ("neg_log_loss", "neg_brier_score", "roc_auc"):
        assert make_score(get_scorer(scoring), margin, y_val, two)[0] is None
    for scoring in ("neg_log_loss", "roc_auc", "f1"):  # scikit-learn goes by the labels of y_val
        score, reason = make_score(get_scorer(scoring), _kind(), np.ones(3, dtype=int), two)
        assert score is None and "y_val" in reason
    assert make_score(get_scorer("r2"), _kind(), np.ones(3))[0] is None


def test_a_class_that_a_coalition_lacks_has_no_probability():
    rng = np.random.default_rng(8)
    y = np.arange(12) % 3
    X, y_val = rng.normal(size=(12, 2)), np.arange(9) % 3
    X_val = rng.normal(size=(9, 2))
    refit = ModelUtility(Says(None, None), X, y, X_val, y_val, "neg_log_loss", empty_score=0.0)
    decision = rng.normal(size=(3, 1, 9))
    decision[1] = -np.inf
    model = Says(decision[[0, 2], 0], np.array([0, 2]))
    score, _ = make_score(refit.scorer, _kind(), y_val, np.arange(3))
    scores, is_certain = score(Answers(decision, np.ones(1, dtype=bool)))
    assert is_certain.all() and np.isclose(
        scores[0], refit.score_of(model, np.flatnonzero(y != 1)), rtol=1e-12
    )


def test_the_first_of_two_classes_is_what_the_second_one_leaves():
    """A refit on two classes of three takes its probability from 1, and loses digits."""

    class Leaves(Says):
        def predict_proba(self, X):
            second = expit(self.scores[1] - self.scores[0])
            return np.stack([1 - second, second], axis=1)

    rng = np.random.default_rng(9)
    labels, y_val = np.arange(3), np.arange(30) % 3
    X, y, X_val = rng.normal(size=(12, 2)), np.arange(12) % 3, np.zeros((30, 1))
    refit = ModelUtility(Leaves(None, None), X, y, X_val, y_val, "neg_log_loss", empty_score=0.0)
    decision = rng.normal(size=(3, 60, 30))
    decision[2] += np.linspace(0, 34, 60)[:, None]  # how far behind the first class is
    decision[1] = -np.inf
    score, _ = make_score(refit.scorer, _kind(), y_val, labels)
    scores, is_certain = score(Answers(decision, np.ones(60, dtype=bool)))
    models = [Leaves(said[[0, 2]], labels[[0, 2]]) for said in decision.transpose(1, 0, 2)]
    rows = np.flatnonzero(y != 1)
    expected = np.array([refit.score_of(model, rows) for model in models])
    np.testing.assert_allclose(scores[is_certain], expected[is_certain], rtol=1e-9)
    assert is_certain[:10].all()
    assert not np.allclose(scores, expected, rtol=1e-6, atol=0)  # there is something to notice
