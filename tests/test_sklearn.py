"""Every public estimator passes scikit-learn's own checks, and behaves as its users expect."""

import inspect
import pickle

import numpy as np
import pandas as pd
import pytest
from models import OnePermutation
from sklearn.base import BaseEstimator, clone
from sklearn.ensemble import (
    BaggingClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.naive_bayes import GaussianNB
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.estimator_checks import parametrize_with_checks

import skdvl
from skdvl import caching, samplers, semivalues, stopping, truncation
from skdvl.samplers import OwenSampler, PermutationSampler
from skdvl.stopping import MaxRounds
from skdvl.valuators import BaseValuator

_QUICK = {"stopping": MaxRounds(1), "cv": 2, "random_state": 0}
_FEW = {"sampler": OnePermutation(), **_QUICK}
ESTIMATORS = [
    skdvl.ShapleyValuator(DecisionTreeClassifier(max_depth=2, random_state=0), **_FEW),
    skdvl.ShapleyValuator(Ridge(), **_FEW),
    skdvl.BanzhafValuator(GaussianNB(), **_QUICK),
    skdvl.BetaShapleyValuator(GaussianNB(), **_QUICK),
    skdvl.DeltaShapleyValuator(GaussianNB(), **_QUICK),
    skdvl.LeaveOneOutValuator(GaussianNB(), cv=2),
    skdvl.SemivalueValuator(GaussianNB(), **_QUICK),
    skdvl.TMCShapleyValuator(GaussianNB(), **_QUICK),
    skdvl.LeastCoreValuator(GaussianNB(), **_QUICK),
    skdvl.ClasswiseShapleyValuator(GaussianNB(), **_FEW),
    skdvl.GroupTestingShapleyValuator(GaussianNB(), **_QUICK),
    skdvl.AMEValuator(GaussianNB(), **_QUICK),
    skdvl.RandomValuator(random_state=0),
    skdvl.KNNShapleyValuator(),
    skdvl.KNNShapleyValuator(task="regression"),
    skdvl.DataOOBValuator(RandomForestClassifier(20), random_state=0),
    skdvl.DataOOBValuator(RandomForestRegressor(20), random_state=0),
    skdvl.TwoDOOBValuator(BaggingClassifier(n_estimators=20, max_features=0.5), random_state=0),
    skdvl.InfluenceValuator(Ridge(), kind="loo", cv=2),
    skdvl.InfluenceValuator(LogisticRegression(), cv=2),
    skdvl.InfluenceValuator(LogisticRegression(), kind="alo", cv=2),
    skdvl.InfluenceValuator(LinearSVC(dual=False), cv=2),
    skdvl.InfluenceValuator(LogisticRegression(), scoring="neg_log_loss", cv=2),
    skdvl.InfluenceValuator(Ridge(), kind="loo", scoring="neg_mean_absolute_error", cv=2),
    skdvl.InfluenceValuator(LinearRegression(), kind="self_influence"),
    skdvl.BoostInValuator(GradientBoostingClassifier(n_estimators=5), cv=2),
    skdvl.BoostInValuator(HistGradientBoostingRegressor(max_iter=5), kind="self_influence"),
    skdvl.ConfidentLearningValuator(),
    skdvl.ConfidentLearningValuator(GaussianNB(), cv=2),
    skdvl.DataPruner(),
    skdvl.DataPruner(quantile=0),
    skdvl.DataPruner(skdvl.ShapleyValuator(GaussianNB(), **_QUICK)),
    skdvl.DataPruner(mode="replace"),
    skdvl.DataPruner(mode="weight"),
    skdvl.DataPruner(mode="resample"),
    skdvl.PrunedEstimator(LogisticRegression()),
    skdvl.PrunedEstimator(Ridge()),
    skdvl.PrunedEstimator(
        LogisticRegression(), skdvl.DataPruner(skdvl.ShapleyValuator(GaussianNB(), **_FEW))
    ),
    skdvl.make_pipeline(skdvl.DataPruner(), LogisticRegression()),
]


def expected_failed_checks(estimator):
    blind = "random values never look into X, which may hold texts or anything else"
    fewer = "fit_transform drops or replaces rows, and transform never does"
    in_place = "scikit-learn's own Pipeline fits its steps in place too"
    if isinstance(estimator, skdvl.RandomValuator):
        return dict.fromkeys(("check_fit1d", "check_estimators_empty_data_messages"), blind)
    if isinstance(estimator, skdvl.Pipeline):
        return dict.fromkeys(
            ("check_estimators_overwrite_params", "check_dont_overwrite_parameters"), in_place
        )
    if isinstance(estimator, skdvl.DataPruner) and estimator.quantile:
        if estimator.mode in ("auto", "replace"):
            return dict.fromkeys(
                ("check_transformer_general", "check_transformer_data_not_an_array"), fewer
            )
    return {}


_STRICT = "xfail_strict" in inspect.signature(parametrize_with_checks).parameters


@parametrize_with_checks(
    ESTIMATORS,
    expected_failed_checks=expected_failed_checks,
    **({"xfail_strict": True} if _STRICT else {}),
)
@pytest.mark.filterwarnings("ignore")  # the estimators inside warn on the checks' odd data
def test_sklearn_checks(estimator, check):
    check(estimator)


def test_every_public_estimator_is_checked():
    public = {
        name
        for name in skdvl.__all__
        if inspect.isclass(getattr(skdvl, name)) and issubclass(getattr(skdvl, name), BaseEstimator)
    }
    assert public == {type(estimator).__name__ for estimator in ESTIMATORS}


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda e: type(e).__name__)
def test_clone_repr_and_pickle(estimator):
    assert repr(clone(estimator)) == repr(estimator)
    assert repr(pickle.loads(pickle.dumps(estimator))) == repr(estimator)
    name = type(estimator).__name__
    assert "Parameters" in type(estimator).__doc__ and "{shared}" not in type(estimator).__doc__
    assert repr(estimator).startswith(name)
    for parameter in inspect.signature(type(estimator)).parameters:
        assert f"{parameter}" in type(estimator).__doc__, f"{name}.{parameter} is not documented"


def _parts():
    """Yield all samplers, semivalues, stopping rules, truncations and caches that have defaults."""
    for room in (samplers, semivalues, stopping, truncation, caching):
        for part in (getattr(room, name) for name in room.__all__):
            if inspect.isclass(part) and issubclass(part, BaseEstimator):
                told = inspect.signature(part).parameters.values()
                if not inspect.isabstract(part) and all(p.default is not p.empty for p in told):
                    yield part


@pytest.mark.parametrize("part", _parts(), ids=lambda part: part.__name__)
def test_parts_tell_what_was_changed_and_nothing_else(part):
    name = part.__name__
    assert repr(part()) == f"{name}()"
    for parameter in part().get_params(deep=False):
        value, told = ("ours", "'...'") if parameter == "secret" else (7, "7")
        assert repr(part(**{parameter: value})) == f"{name}({parameter}={told})"


VALUATORS = [each for each in ESTIMATORS if isinstance(each, BaseValuator)]


@pytest.mark.parametrize("valuator", VALUATORS, ids=lambda e: type(e).__name__)
def test_a_fit_that_fails_leaves_everything_as_it_was(valuator):
    rng = np.random.default_rng(0)
    X, y = pd.DataFrame(rng.standard_normal((20, 2)), columns=["a", "b"]), np.arange(20) % 2
    valuator = clone(valuator).fit(X, y)
    before = dict(vars(valuator))
    for rows, labels in ((X[["a"]], np.full(20, None)), (rng.standard_normal((20, 3)), y[:-1])):
        with pytest.raises(ValueError):
            valuator.fit(rows, labels)
    assert vars(valuator).keys() == before.keys()
    assert all(vars(valuator)[name] is told for name, told in before.items())


def test_signatures_show_every_parameter():
    parameters = inspect.signature(skdvl.BanzhafValuator).parameters
    assert list(parameters)[:3] == ["estimator", "p", "sampler"]
    assert "shared" not in parameters
    with pytest.raises(TypeError, match="unexpected keyword argument 'smapler'"):
        skdvl.BanzhafValuator(smapler="auto")


def test_subclasses_of_presets_keep_their_parameters():
    class Scaled(skdvl.BanzhafValuator):
        def __init__(self, estimator=None, *, q=1, **shared):
            super().__init__(estimator, **shared)
            self.q = q

    again = clone(Scaled(GaussianNB(), q=2, p=0.3))
    assert (again.q, again.p) == (2, 0.3)
    with pytest.raises(ValueError, match="The 'p' parameter of Scaled"):
        Scaled(GaussianNB(), p=7).fit([[0], [1]], [0, 1])


def test_nested_parameters():
    valuator = skdvl.ShapleyValuator(LogisticRegression(), sampler=PermutationSampler())
    valuator.set_params(sampler__antithetic=True, estimator__C=10.0, stopping=MaxRounds(3))
    assert valuator.sampler.antithetic and valuator.estimator.C == 10.0
    assert valuator.set_params(stopping__n_rounds=7).stopping.n_rounds == 7
    assert clone(valuator).get_params()["sampler__antithetic"]
    valuator.set_params(sampler=OwenSampler(), sampler__n_levels=3)
    assert valuator.sampler.n_levels == 3


def test_fitted_valuators_can_be_pickled():
    X, y = np.random.default_rng(0).standard_normal((20, 2)), np.arange(20) % 2
    fitted = clone(ESTIMATORS[0]).fit(X, y)
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.values_, fitted.values_)
