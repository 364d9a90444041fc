"""Bad input: what came, what was expected, the way out; before anything expensive."""

import threading

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, KFold
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeClassifier

import skdvl
from skdvl.samplers import (
    CoalitionSampler,
    DeltaShapleySampler,
    LeaveOneOutSampler,
    OwenSampler,
    PermutationSampler,
    StratifiedSampler,
)
from skdvl.semivalues import Banzhaf, DeltaShapley
from skdvl.stopping import MaxEvaluations, MaxRounds, MaxTime, MinUpdates
from skdvl.truncation import RelativeTruncation
from skdvl.utilities import Utility
from skdvl.valuators.inputs import labels_of

RNG = np.random.default_rng(0)
X, Y = RNG.standard_normal((20, 3)), np.arange(20) % 2
X_VAL, Y_VAL = RNG.standard_normal((6, 3)), np.array([0, 1] * 3)


class Expensive(ClassifierMixin, BaseEstimator):
    """Must not be fitted before its input has been refused."""

    def fit(self, X, y):
        raise AssertionError("fitted before the input was checked")

    def predict(self, X):
        raise AssertionError("asked before the input was checked")


def _valuator(**params):
    return skdvl.ShapleyValuator(**({"estimator": Expensive()} | params))


def test_rows_and_labels():
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        _valuator().fit(X, Y[:-1])
    with pytest.raises(ValueError, match=r"0 sample\(s\)"):
        _valuator().fit(X[:0], Y[:0])
    with pytest.raises(ValueError, match=r"1 sample\(s\).*at least 2 rows"):
        _valuator().fit(X[:1], Y[:1])
    with pytest.raises(ValueError, match="one class only, '1'; .* at least 2 classes"):
        _valuator().fit(X, np.ones(20, dtype=int))
    with pytest.raises(ValueError, match="requires y to be passed"):
        _valuator().fit(X, None)
    with pytest.raises(ValueError, match="Input y contains NaN"):
        _valuator().fit(X, np.where(Y, np.nan, 0.0))


def test_missing_values_are_for_the_estimator_to_judge():
    holes = X.copy()
    holes[3, 1] = np.nan
    with pytest.raises(ValueError, match="LogisticRegression does not accept missing values"):
        skdvl.ShapleyValuator(LogisticRegression()).fit(holes, Y)
    tolerant = HistGradientBoostingClassifier(max_iter=2)
    valuator = skdvl.LeaveOneOutValuator(tolerant).fit(holes, Y, X_val=X_VAL, y_val=Y_VAL)
    assert np.isfinite(valuator.values_).all()


def test_validation_rows():
    with pytest.raises(ValueError, match="y_val was passed without X_val. Pass both, or neither"):
        _valuator().fit(X, Y, y_val=Y_VAL)
    with pytest.raises(ValueError, match="X_val was passed without y_val"):
        _valuator().fit(X, Y, X_val=X_VAL)
    with pytest.raises(ValueError, match="X has 2 features, but ShapleyValuator is expecting 3"):
        _valuator().fit(X, Y, X_val=X_VAL[:, :2], y_val=Y_VAL)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        _valuator().fit(X, Y, X_val=X_VAL, y_val=Y_VAL[:2])
    with pytest.raises(ValueError, match="X_val has 0 rows"):
        _valuator().fit(X, Y, X_val=X_VAL[:0], y_val=Y_VAL[:0])
    with pytest.raises(ValueError, match=r"labels that y never does: \[7\]"):
        _valuator().fit(X, Y, X_val=X_VAL, y_val=np.where(Y_VAL, 7, 0))
    frame, other = (pd.DataFrame(X, columns=list(names)) for names in ("abc", "abd"))
    with pytest.raises(ValueError, match="feature names should match"):
        _valuator().fit(frame, Y, X_val=other, y_val=Y)
    with pytest.raises(ValueError, match="must have the same outputs"):
        _valuator().fit(X, Y, X_val=X_VAL, y_val=np.column_stack([Y_VAL, Y_VAL]))


def test_folds():
    with pytest.raises(ValueError, match="cannot split 4 rows.*Choose fewer folds, or pass"):
        _valuator(cv=5).fit(X[:4], Y[:4])
    with pytest.raises(ValueError, match="The 'cv' parameter of ShapleyValuator"):
        _valuator(cv="five").fit(X, Y)
    with pytest.raises(ValueError, match="without training or without held-out rows"):
        _valuator(cv=[(np.arange(20), np.arange(0))]).fit(X, Y)

    with pytest.raises(ValueError, match=r"cv=KFold is a class; write cv=KFold\(\)"):
        _valuator(cv=KFold).fit(X, Y)
    with pytest.raises(ValueError, match="cannot split 20 rows.*Pass groups, or pass X_val"):
        _valuator(cv=GroupKFold(3)).fit(X, Y)
    with pytest.raises(ValueError, match="rows that X does not have; expected integers from 0 to"):
        _valuator(cv=[(np.arange(15), np.arange(15, 25))]).fit(X, Y)
    with pytest.raises(ValueError, match="cannot split 20 rows"):
        _valuator(cv=[1, 2, 3]).fit(X, Y)
    with pytest.raises(ValueError, match="trains on a row twice"):
        _valuator(cv=[(np.array([0, 0, 1, 2]), np.arange(3, 9))]).fit(X, Y)
    with pytest.raises(ValueError, match="draws other folds each time"):
        _valuator(cv=KFold(2, shuffle=True), warm_start=True).fit(X, Y)


def test_metadata_that_nobody_takes():
    with pytest.raises(TypeError, match=r"got \['Xval'\], and takes X, y, X_val, y_val and groups"):
        _valuator().fit(X, Y, Xval=X_VAL)


def test_holes_in_labels_and_groups():
    names = np.array(["a", "b"], dtype=object)[Y]
    names[4] = None
    with pytest.raises(ValueError, match="Input y contains NaN or None"):
        _valuator().fit(X, names)
    for groups in (names, np.where(Y, np.nan, 1.0)):
        with pytest.raises(ValueError, match="groups holds missing values"):
            _valuator().fit(X, Y, groups=groups)


def test_utilities_that_break_their_contract():
    class Bad(Utility):
        n_players = 4

        def __init__(self, answer):
            self.answer = answer

        def __call__(self, masks):
            return self.answer(masks)

    valuator = skdvl.ShapleyValuator()
    with pytest.raises(RuntimeError, match="ValueError: Bad returned nan for a coalition of 0"):
        valuator.fit_utility(Bad(lambda masks: np.full(len(masks), np.nan)))
    with pytest.raises(RuntimeError, match=r"shape \(\) for 16 coalitions; expected shape \(16,\)"):
        valuator.fit_utility(Bad(lambda masks: 1.0))
    with pytest.raises(RuntimeError, match="KeyError: 'boom'"):
        valuator.fit_utility(Bad(lambda masks: {}["boom"]))
    for n in (0, "4", 4.0):
        bad = Bad(len)
        bad.n_players = n
        with pytest.raises(ValueError, match="n_players must be a positive int; got"):
            valuator.fit_utility(bad)


def test_groups():
    with pytest.raises(ValueError, match=r"groups has shape \(3,\) and X has 20 rows"):
        _valuator().fit(X, Y, groups=[1, 2, 3])
    with pytest.raises(ValueError, match="one group only"):
        _valuator().fit(X, Y, groups=np.zeros(20))


def test_names_and_classes_instead_of_parts():
    with pytest.raises(ValueError, match="sampler='permutations' is unknown; pass 'auto' or an "):
        _valuator(sampler="permutations").fit(X, Y)
    with pytest.raises(ValueError, match=r"is a class; write sampler=PermutationSampler\(\)"):
        _valuator(sampler=PermutationSampler).fit(X, Y)
    with pytest.raises(ValueError, match=r"is a class; write stopping=MaxRounds\(\)"):
        _valuator(stopping=MaxRounds).fit(X, Y)
    with pytest.raises(ValueError, match="stopping=100 is unknown"):
        _valuator(stopping=100).fit(X, Y)
    with pytest.raises(ValueError, match="truncation=0.1 is unknown"):
        _valuator(truncation=0.1).fit(X, Y)
    with pytest.raises(ValueError, match="strategy='mean' is unknown"):
        _valuator(strategy="mean").fit(X, Y)
    with pytest.raises(ValueError, match="'acuracy'"):
        _valuator(scoring="acuracy").fit(X, Y)
    with pytest.raises(ValueError, match="The 'semivalue' parameter of SemivalueValuator"):
        skdvl.SemivalueValuator(Expensive(), semivalue="shapley").fit(X, Y)


@pytest.mark.parametrize(
    "part",
    [
        {"stopping": MaxRounds(0)},
        {"stopping": MaxEvaluations(-5)},
        {"stopping": MaxTime(0) | MaxRounds(1)},
        {"stopping": MaxRounds(1) & MinUpdates(0)},
        {"sampler": OwenSampler(n_levels=1)},
        {"sampler": CoalitionSampler(p=1.5)},
        {"sampler": PermutationSampler(batch_size=0)},
        {"sampler": StratifiedSampler("unifrom")},
        {"truncation": RelativeTruncation(rtol=-1)},
        {"error_score": "nan"},
        {"empty_score": "zero"},
        {"n_jobs": 1.5},
        {"random_state": "seed"},
    ],
    ids=str,
)
def test_parameters_out_of_range(part):
    with pytest.raises(ValueError, match=r"The '\w+' parameter of \w+ must be .* Got"):
        _valuator(**part).fit(X, Y)


def test_semivalues_out_of_range():
    with pytest.raises(ValueError, match="The 'p' parameter of BanzhafValuator"):
        skdvl.BanzhafValuator(Expensive(), p=0).fit(X, Y)
    with pytest.raises(ValueError, match="The 'p' parameter of Banzhaf "):
        skdvl.SemivalueValuator(Expensive(), semivalue=Banzhaf(p=2)).fit(X, Y)
    with pytest.raises(ValueError, match="leave no coalition size between them"):
        skdvl.DeltaShapleyValuator(Expensive(), lower=9, upper=3).fit(X, Y)
    with pytest.raises(ValueError, match="leave no coalition size between them"):
        DeltaShapleySampler(lower=0.9, upper=0.1).size_pmf(11)
    np.testing.assert_allclose(DeltaShapley(5, 50).size_pmf(7), [0, 0, 0, 0, 0, 0.5, 0.5])


def test_parts_that_do_not_fit_together():
    with pytest.raises(ValueError, match="LeaveOneOutSampler.* never draws .* size 0.* Shapley"):
        _valuator(sampler=LeaveOneOutSampler()).fit(X, Y)
    with pytest.raises(ValueError, match="CoalitionSampler.* draws none. Use PermutationSampler"):
        _valuator(sampler=CoalitionSampler(), truncation=RelativeTruncation()).fit(X, Y)


def test_nobody_to_work():
    with pytest.raises(ValueError, match="n_jobs=0 leaves nobody to work"):
        _valuator(n_jobs=0).fit(X, Y)


def test_estimators():
    with pytest.raises(ValueError, match="no estimator to train"):
        skdvl.ShapleyValuator().fit(X, Y)
    with pytest.raises(ValueError, match="The 'estimator' parameter of ShapleyValuator must be"):
        skdvl.ShapleyValuator(StratifiedSampler()).fit(X, Y)

    class Neither(BaseEstimator):
        def fit(self, X, y):
            return self

    with pytest.raises(ValueError, match="neither a classifier nor a regressor.*Set scoring"):
        skdvl.ShapleyValuator(Neither()).fit(X, Y)


def test_allocations():
    for allocation, complaint in (
        (lambda n: np.ones(n + 1), "must return 4 non-negative"),
        (lambda n: -np.ones(n), "must return 4 non-negative"),
        (np.zeros, "zeros only"),
    ):
        with pytest.raises(ValueError, match=complaint):
            StratifiedSampler(allocation).size_pmf(4)


def test_a_refused_fit_leaves_the_last_one():
    valuator = skdvl.ShapleyValuator(DecisionTreeClassifier(max_depth=1), random_state=0)
    values = valuator.fit(X[:8], Y[:8], X_val=X_VAL, y_val=Y_VAL).values_
    with pytest.raises(ValueError, match="LeaveOneOutSampler"):
        valuator.set_params(sampler=LeaveOneOutSampler()).fit(X, Y)
    assert valuator.values_ is values


def test_checkpoints_tell_functions_without_a_name_by_their_code(tmp_path):
    path = tmp_path / "run"

    def valuator(scoring, estimator=None):
        return skdvl.ShapleyValuator(
            estimator or GaussianNB(), scoring=scoring, stopping=MaxRounds(1), cv=2,
            random_state=0, checkpoint=path,
        )  # fmt: skip

    first = valuator(lambda m, X, y: m.score(X, y)).fit(X, Y)
    again = valuator(lambda m, X, y: m.score(X, y)).fit(X, Y)
    np.testing.assert_array_equal(first.values_, again.values_)
    with pytest.raises(ValueError, match="belongs to another computation"):
        valuator(lambda m, X, y: 2 * m.score(X, y)).fit(X, Y)
    lock = threading.Lock()
    with pytest.raises(ValueError, match=r"The scorer's lock is a _thread\.lock"):
        valuator(lambda m, X, y: m.score(X, y) * lock.locked()).fit(X, Y)


@pytest.mark.parametrize("n_labels", [1, 2, 3, 4, 5, 60])
@pytest.mark.parametrize("dtype", [int, float, bool, str, object])
def test_labels_are_those_of_a_set(n_labels, dtype):
    y = np.arange(n_labels)[np.random.default_rng(1).integers(0, n_labels, 300)].astype(dtype)
    if dtype is object and n_labels > 3:
        y[y == 3] = "three"
    assert labels_of(y) == set(y.tolist())
    assert {type(label) for label in labels_of(y)} == {type(label) for label in y.tolist()}
    assert labels_of(y[:0]) == set()
