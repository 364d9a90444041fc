"""Control variates: their scores, their values, and what they do to an estimate."""

import numpy as np
import pytest
from sklearn.datasets import load_diabetes
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import pairwise_distances
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from skdvl import ShapleyValuator
from skdvl.games import AirportGame
from skdvl.neighbors import label_scores
from skdvl.samplers import PermutationSampler, Round, SizeOptimalSampler
from skdvl.semivalues import Banzhaf, BetaShapley, Semivalue, Shapley
from skdvl.stopping import MaxEvaluations, MaxRounds
from skdvl.strategies import RegressionAdjusted
from skdvl.testing import SmallGame, enumerate_values, play
from skdvl.utilities import Utility
from skdvl.valuators.controls import Controls, NeighborControls, UtilityControl

SEMIVALUES = [Shapley(), Banzhaf(), BetaShapley(4, 1)]
REGRESSION = {"sampler": SizeOptimalSampler(tilt=0.35), "strategy": RegressionAdjusted}


class One(Utility):
    """One of several controls, as a game of its own."""

    def __init__(self, controls, j, n_players):
        self.controls, self.j, self.n_players = controls, j, n_players

    def __call__(self, masks):
        return self.controls.scores(masks)[:, self.j]


def _neighbors(classifier, n=7, n_val=5):
    rng = np.random.default_rng(0)
    X, X_val = rng.random((n, 2)), rng.random((n_val, 2))
    if classifier:
        return NeighborControls(
            X, rng.integers(2, size=n), X_val, rng.integers(2, size=n_val), True
        )
    return NeighborControls(X, rng.random(n), X_val, rng.random(n_val), False)


@pytest.mark.parametrize("semivalue", SEMIVALUES, ids=repr)
@pytest.mark.parametrize("classifier", [True, False])
def test_values_of_neighbours_are_those_of_enumeration(classifier, semivalue):
    controls = _neighbors(classifier)
    values, stderr = controls.values(semivalue)
    assert values.shape == (7, 3) and not stderr.any()
    for j in range(3):
        expected = enumerate_values(One(controls, j, 7), semivalue)
        np.testing.assert_allclose(values[:, j], expected, atol=1e-13)


def test_scores_of_neighbours_by_the_definition():
    rng = np.random.default_rng(0)
    masks, order = rng.random((40, 30)) < rng.random((40, 1)), np.argsort(rng.random((6, 30)))
    for tells in (rng.random((6, 30)) < 0.5, rng.standard_normal((6, 30))):
        given = label_scores(masks, order, tells, [1, 3, 10])
        for j, k in enumerate([1, 3, 10]):
            expected = [
                np.mean([told[mask[players]][:k].sum() / k for players, told in zip(order, tells,
                                                                                   strict=True)])
                for mask in masks
            ]  # fmt: skip
            np.testing.assert_allclose(given[:, j], expected, atol=1e-12)


def test_values_without_a_formula_are_estimated_and_their_errors_told():
    values, stderr = UtilityControl(SmallGame(8)).values(Shapley())
    exact = enumerate_values(SmallGame(8), Shapley())
    assert (np.abs(values[:, 0] - exact) < 4.5 * stderr[:, 0]).all()
    assert 0 < stderr.max() < 0.01 * np.ptp(exact)


def test_values_that_a_utility_knows_are_taken():
    class Known(SmallGame):
        def closed_form(self, size_pmf):
            return np.arange(8.0)

    values, stderr = UtilityControl(Known(8)).values(Shapley())
    np.testing.assert_array_equal(values[:, 0], np.arange(8.0))
    assert not stderr.any()


class Noisy(Utility):
    """Most of it is another game, which a linear model does not catch."""

    n_players = 10

    def other(self, masks):
        return np.sin(3 * (masks @ np.linspace(0.1, 1, 10)))

    def __call__(self, masks):
        return np.tanh(masks @ np.linspace(-1, 1, 10)) + self.other(masks)


class Other(Noisy):
    def __call__(self, masks):
        return self.other(masks)

    def closed_form(self, size_pmf):
        class Given(Semivalue):
            def size_pmf(self, n):
                return size_pmf

        return enumerate_values(self, Given())


def _errors(controls, semivalue, n_rounds=2, n_seeds=20):
    class Strategy(RegressionAdjusted):
        def __init__(self, semivalue, sampler, n):
            super().__init__(semivalue, sampler, n, controls)

    exact, sampler = enumerate_values(Noisy(), semivalue), SizeOptimalSampler(semivalue)
    runs = [play(Noisy(), sampler, semivalue, n_rounds, strategy=Strategy, seed=s)
            for s in range(n_seeds)]  # fmt: skip
    off = np.array([[run.values - exact, run.centre - exact] for run in runs])
    return off[:, 0], off[:, 1], np.array([run.stderr for run in runs])


@pytest.mark.parametrize("semivalue", SEMIVALUES, ids=repr)
def test_controls_take_their_noise_out_and_leave_no_bias(semivalue):
    plain, _, _ = _errors(None, semivalue)
    controls = Controls([UtilityControl(Other())])
    off, centre, told = _errors(controls, semivalue)
    assert (plain**2).mean() > 4 * (off**2).mean()
    spread = centre.std(axis=0, ddof=1)
    assert (np.abs(centre.mean(axis=0)) < 4.5 * spread / np.sqrt(20)).all()
    assert 0.8 < np.sqrt((told**2).mean() / (spread**2).mean()) < 1.3


def test_controls_that_tell_nothing_do_no_harm():
    class Chance(Noisy):
        def __call__(self, masks):
            return np.sin(1e5 * (masks @ np.sqrt(np.arange(2.0, 12))))

    plain, _, _ = _errors(None, Shapley())
    off, _, _ = _errors(Controls([UtilityControl(Chance())]), Shapley())
    assert (off**2).mean() < 1.1 * (plain**2).mean()


# --------------------------------------------------------------------------- in valuators


def test_neighbours_are_the_default(medium):
    X, y, X_val, y_val, _ = medium
    model, given = DecisionTreeClassifier(random_state=0), {"X_val": X_val, "y_val": y_val}
    stderr = {}
    for wanted in ("auto", ("knn",), ()):
        valuator = ShapleyValuator(
            model, control_variates=wanted, stopping=MaxRounds(3), random_state=0, **REGRESSION
        )
        stderr[wanted] = valuator.fit(X, y, **given).stderr_
    np.testing.assert_array_equal(stderr["auto"], stderr[("knn",)])
    assert (stderr["auto"] ** 2).mean() < 0.8 * (stderr[()] ** 2).mean()


@pytest.mark.parametrize("wanted", [("knn", "nb", "ridge"), ["ridge"]])
def test_models_as_controls(wanted, medium):
    X, y, X_val, y_val, _ = medium
    valuator = ShapleyValuator(
        DecisionTreeClassifier(max_depth=2, random_state=0),
        control_variates=wanted,
        stopping=MaxRounds(2),
        random_state=0,
        **REGRESSION,
    )
    labels = np.array(["no", "yes"])
    valuator.fit(X, labels[y], X_val=X_val, y_val=labels[y_val])
    again = valuator.revalue(Banzhaf())
    assert np.isfinite(again.stderr_).all() and (valuator.values_ != again.values_).any()


def test_controls_of_regression(medium):
    X, y = load_diabetes(return_X_y=True)
    valuator = ShapleyValuator(
        DecisionTreeRegressor(max_depth=2, random_state=0),
        control_variates=("knn", "ridge"),
        stopping=MaxRounds(1),
        cv=2,
        random_state=0,
        **REGRESSION,
    )
    assert np.isfinite(valuator.fit(X[:60], y[:60]).values_).all()


def test_a_fit_with_controls_goes_on_from_its_checkpoint(medium, tmp_path):
    X, y = medium[:2]
    settings = {"random_state": 0, "cv": 2, **REGRESSION}
    whole = ShapleyValuator(GaussianNB(), stopping=MaxRounds(4), **settings).fit(X, y)
    path = tmp_path / "run"
    for n_rounds in (1, 4):
        valuator = ShapleyValuator(
            GaussianNB(), stopping=MaxRounds(n_rounds), checkpoint=path, **settings
        ).fit(X, y)
    np.testing.assert_array_equal(valuator.values_, whole.values_)
    np.testing.assert_array_equal(valuator.stderr_, whole.stderr_)
    other = ShapleyValuator(GaussianNB(), checkpoint=path, control_variates=(), **settings)
    with pytest.raises(ValueError, match="another computation"):
        other.fit(X, y)


def test_rows_that_are_no_numbers_have_no_controls(medium):
    X, y = medium[:2]
    frame = X[:, :3].astype(np.float32)  # of which plain rows would lose nothing, but kernels would
    settings = {"stopping": MaxEvaluations(100), "cv": 2, "random_state": 0, **REGRESSION}
    model = DecisionTreeClassifier(random_state=0)
    ShapleyValuator(model, **settings).fit(frame, y)
    with pytest.raises(ValueError, match="has 'knn', and scikit-learn keeps the type float32"):
        ShapleyValuator(model, control_variates=("knn",), **settings).fit(frame, y)


@pytest.mark.parametrize(
    ("wanted", "more", "words"),
    [
        (("trees",), {}, "has 'trees'; it takes 'knn', 'nb', 'ridge' and instances"),
        ("knn", {}, "control_variates='knn' is unknown; pass 'auto', or a tuple"),
        (("knn",), {"sampler": PermutationSampler(), "strategy": "auto"}, "strategy=Regression"),
        (("knn",), {"groups": True}, "the players are groups"),
        ((SmallGame(7),), {}, "a SmallGame of 7 players, and a game has"),
        (("knn",), {"utility": True}, "a bare utility has no rows"),
        (("nb",), {"estimator": Ridge()}, "naive Bayes is no regressor"),
        (("knn",), {"pairs": True}, "a matrix of pairs"),
    ],
)
def test_controls_that_do_not_fit_are_refused_before_any_work(wanted, more, words, medium):
    X, y = medium[:2]
    parts = {name: more.get(name, part) for name, part in REGRESSION.items()}
    model = more.get("estimator", LogisticRegression())
    valuator = ShapleyValuator(model, control_variates=wanted, **parts)
    if "pairs" in more:
        valuator.estimator, X = KNeighborsClassifier(metric="precomputed"), pairwise_distances(X)
    with pytest.raises(ValueError, match=words):
        if "utility" in more:
            valuator.fit_utility(AirportGame([1.0, 2.0, 3.0] * 5))
        else:
            valuator.fit(X, y, groups=np.arange(len(y)) % 12 if "groups" in more else None)


def test_the_order_of_coalitions_has_no_bearing():
    """But for rounding: each fold has other coalitions then."""
    n, controls = 10, Controls([UtilityControl(Other())])
    strategy = RegressionAdjusted(Shapley(), REGRESSION["sampler"], n, controls)
    rng, tally = np.random.default_rng(0), strategy.empty()
    walks = REGRESSION["sampler"].draw(Round(0, n, rng)).after(strategy.prelude())
    strategy.fold(tally, walks, Noisy()(walks.start)[:, None])
    order = rng.permutation(len(tally["sizes"]))
    turned = {name: array if name == "border" else array[order] for name, array in tally.items()}
    one, other = (strategy.estimate(some) for some in (tally, turned))
    np.testing.assert_allclose(one.centre, other.centre, atol=1e-9)
    np.testing.assert_allclose(one.stderr, other.stderr, rtol=1e-6)
