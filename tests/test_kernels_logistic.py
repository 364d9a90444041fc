"""Logistic regression: the kernel stops where refits stop, and says what they say."""

import numpy as np
import pytest
from refits import ODD, coalitions, compare, compare_decisions, data_sets, halves
from scipy.optimize import minimize as minimize_alone
from sklearn.datasets import load_breast_cancer, load_iris, make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import scale

from skdvl import ShapleyValuator
from skdvl.stopping import MaxRounds
from skdvl.testing import check_kernel
from skdvl.utilities import ModelUtility, make_utility
from skdvl.utilities.kernels.logistic import LogisticRegressionKernel
from skdvl.utilities.kernels.logistic.lbfgs import minimize
from skdvl.utilities.kernels.logistic.loss import BinaryLoss
from skdvl.utilities.kernels.logistic.rows import AllRows, CopiedRows, OwnRows, make_rows

NEW = "multi_class" not in LogisticRegression().get_params()
UNPENALISED = {"C": np.inf} if NEW else {"penalty": None}


def scaled(data):
    """Scale columns by the rows to train on."""
    X, y, X_val = data
    spread = np.where(X.std(axis=0) > 1e-12 * np.abs(X).max(axis=0), X.std(axis=0), 1.0)
    return (X - X.mean(axis=0)) / spread, y, (X_val - X.mean(axis=0)) / spread


RAW = data_sets()
SETS = {name: scaled(data) for name, data in RAW.items()}
SETS["two classes"] = (RAW["rounded"][0], RAW["rounded"][1] % 2, RAW["rounded"][2])
STEEP = {"outliers"}


def check(estimator, data, size=24, seed=0):
    return compare_decisions(LogisticRegressionKernel, estimator, data, size, seed)


@pytest.mark.parametrize("name", [*ODD, "two classes"])
def test_scaled(name):
    assert check(LogisticRegression(max_iter=1000), SETS[name]) > 0.6 or name in STEEP


@pytest.mark.parametrize("name", [*ODD, "breast_cancer", "wine", "offset"])
def test_raw(name):
    """Features that are not scaled take many iterations: what is sure has to be right."""
    check(LogisticRegression(max_iter=1000), RAW[name], 12)


@pytest.mark.parametrize(
    "params",
    [
        {"C": 0.01},
        {"C": 100.0},
        {"fit_intercept": False},
        {"tol": 1e-2},
        {"tol": 1e-6},
        {"max_iter": 3},
        UNPENALISED | {"max_iter": 10},
    ],
    ids=str,
)
@pytest.mark.parametrize("name", ["breast_cancer", "iris", "rare class", "two classes"])
def test_parameters(params, name):
    assert check(LogisticRegression(**params), SETS[name]) > 0.5


@pytest.mark.parametrize("name", ["iris", "ten classes", "rare class", "wide"])
def test_missing_classes(name):
    """Of three classes or more, tiny coalitions have two: a refit is a binary one then."""
    X, y, X_val = SETS[name]
    rng = np.random.default_rng(1)
    masks = np.zeros((40, len(y)), dtype=bool)
    for mask in masks:
        mask[rng.choice(len(y), rng.integers(2, 7), replace=False)] = True
    answers = LogisticRegressionKernel(LogisticRegression(), X, y, X_val)(masks)
    sure = compare((masks, *answers), SETS[name], LogisticRegression(), halves)
    assert sure > 0.9


def test_many_coalitions():
    """More than go in lockstep, of all sizes, with exactly the labels of refits."""
    X, y = load_breast_cancer(return_X_y=True)
    assert check(LogisticRegression(), (scale(X)[:200], y[:200], scale(X)[200:]), 400) == 1


def test_many_rows():
    """So many that coalitions are taken from a table of all rows in small groups."""
    X, y = make_classification(3000, 5, random_state=0)
    assert check(LogisticRegression(), (X[:2500], y[:2500], X[2500:]), 20) == 1


def test_ties_are_refitted():
    X, y, _ = SETS["two classes"]
    kernel = LogisticRegressionKernel(
        LogisticRegression(fit_intercept=False), X, y, np.zeros((1, X.shape[1]))
    )
    assert not kernel(coalitions(len(y), 5, np.random.default_rng(0))).is_sure.any()


def test_coalitions_of_no_interest():
    """Of nobody, or of a single class: it must not matter to the others."""
    X, y, X_val = SETS["iris"]
    kernel = LogisticRegressionKernel(LogisticRegression(), X, y, X_val)
    masks = np.stack([np.zeros(len(y), dtype=bool), y == 1, np.ones(len(y), dtype=bool)])
    assert kernel(masks).is_sure.tolist() == [False, False, True]


def test_raw_features_are_declined():
    X, y = load_breast_cancer(return_X_y=True)
    reason = LogisticRegressionKernel.supports(LogisticRegression(), X, y, X)
    assert "scale the features" in reason


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"solver": "newton-cg"}, "solver"),
        ({"solver": "liblinear", "dual": True}, "solver"),
        ({"penalty": "elasticnet"}, "penalty"),
        ({"l1_ratio": 0.5}, "l1_ratio"),
        ({"class_weight": "balanced"}, "class_weight"),
        ({"warm_start": True}, "warm_start"),
        ({"tol": 0.0}, "tol"),
        ({"max_iter": 0}, "max_iter"),
    ],
)
def test_declines(params, words):
    X, y, X_val = SETS["iris"]
    assert words in LogisticRegressionKernel.supports(LogisticRegression(**params), X, y, X_val)


def test_declines_large_problems():
    X = np.zeros((30_000, 2))
    y = np.arange(30_000) % 10
    assert "too many" in LogisticRegressionKernel.supports(LogisticRegression(), X, y, X[:1])


def test_contract():
    X, y, _ = SETS["iris"]
    share = check_kernel(LogisticRegressionKernel, LogisticRegression(), X, y, n_coalitions=40)
    assert share > 0.8


@pytest.mark.parametrize(("n_classes", "few", "enough"), [(2, 3, 4), (3, 7, 8)])
def test_a_few_coalitions_are_refitted_as_quickly(n_classes, few, enough):
    X, y = load_iris(return_X_y=True)
    X, y = scale(X)[y < n_classes], y[y < n_classes]
    refit = ModelUtility(LogisticRegression(), X[::2], y[::2], X[1::2], y[1::2], "accuracy")
    refit.bind()
    utility = make_utility(refit)
    assert isinstance(utility.kernel, LogisticRegressionKernel)
    masks = np.random.default_rng(0).random((enough, len(X) // 2)) < 0.6
    assert utility.evaluate(masks[:few]).n_refitted == few
    scored = utility.evaluate(masks)
    assert scored.n_refitted == 0
    np.testing.assert_array_equal(scored.scores, refit(masks))


def test_valuators_take_it():
    X, y = load_iris(return_X_y=True)
    params = {"stopping": MaxRounds(2), "random_state": 0}
    quick = ShapleyValuator(LogisticRegression(), **params).fit(scale(X), y)
    assert quick.utility_info_.kernel == "logistic"


class Valleys:
    """Curved valleys, each of another shape: many line searches take several steps."""

    def __init__(self, shapes):
        self.shapes = shapes

    def __len__(self):
        return len(self.shapes)

    def keep(self, places):
        self.shapes = self.shapes[places]

    def __call__(self, x):
        bend, steep = self.shapes.T
        off, along = x[:, 1] - bend * x[:, 0] ** 2, x[:, 0] - 1
        value = along**2 + steep * off**2 + np.cosh(x[:, 2] - 2)
        slope = 2 * along - 4 * steep * bend * off * x[:, 0]
        return value, np.stack([slope, 2 * steep * off, np.sinh(x[:, 2] - 2)], axis=1)


def test_minimize():
    """The same iterations, and the same steps of line searches, as scipy's."""
    rng = np.random.default_rng(0)
    shapes = np.stack([rng.uniform(-2, 2, 60), 10 ** rng.uniform(-2, 2, 60)], axis=1)
    found = minimize(Valleys(shapes), 3, 1e-4, 1000)
    assert found.is_clear.mean() > 0.9
    for j in np.flatnonzero(found.is_clear):

        def alone(x, shape=shapes[j]):
            value, slope = Valleys(shape[None])(x[None])
            return value[0], slope[0]

        options = {"gtol": 1e-4, "ftol": 64 * np.finfo(float).eps, "maxls": 50}
        expected = minimize_alone(alone, np.zeros(3), jac=True, method="L-BFGS-B", options=options)
        assert (found.n_iter[j], found.n_trials[j] + 1) == (expected.nit, expected.nfev)
        np.testing.assert_allclose(found.x[j], expected.x, rtol=1e-6, atol=1e-6)


def test_nothing_but_zeros_where_it_gives_up():
    """Values beyond what numbers hold end in a refit, without a warning."""
    found = minimize(Valleys(np.array([[1e200, 1e200], [0.5, 1.0]])), 3, 1e-4, 100)
    assert found.is_clear.tolist() == [False, True]
    assert (found.x[0] == 0).all() and (found.x[1] != 0).all()


@pytest.mark.parametrize("kind", [AllRows, OwnRows, CopiedRows])
@pytest.mark.parametrize("n_vectors", [1, 3])
def test_rows_of_coalitions(kind, n_vectors):
    """Products with own rows, and sums of them, by definition; of those left, too."""
    rng = np.random.default_rng(0)
    X, masks, labels = rng.normal(size=(30, 4)), rng.random((7, 30)) < 0.5, rng.random(30)
    weights = rng.random((7, n_vectors, 30)) * masks[:, None]
    rows, lanes = kind(masks, X), np.arange(7)
    for kept in (lanes, [5, 1, 2], [2, 0]):
        rows.keep(kept)
        lanes = lanes[kept]
        mine, x = masks[lanes], rng.normal(size=(len(lanes), n_vectors, 4))
        told = rows.predict(x)
        is_own = rows.of(mine)
        for lane, mask in enumerate(mine):
            own = mask if rows.is_shared else is_own[lane]
            np.testing.assert_allclose(told[lane][:, own], x[lane] @ X[mask].T, rtol=1e-12)
            its = rows.of(labels) if rows.is_shared else rows.of(labels)[lane]
            assert (its[own] == labels[mask]).all()
        for _ in range(2):
            some = weights[lanes] * rng.random(weights.shape[1:])
            sums = rows.add_up(np.stack([rows.of(some[:, k]) for k in range(n_vectors)], axis=1))
            np.testing.assert_allclose(sums, some @ X, rtol=1e-12)


def test_rows_the_quickest_way():
    masks = np.arange(100) < np.array([[10], [50], [90]])
    kinds = [type(make_rows(mask[None], np.zeros((100, 3)))) for mask in masks]
    assert kinds == [CopiedRows, OwnRows, AllRows]
    assert type(make_rows(np.tile(masks[0], (10, 1)), np.zeros((100, 20_000)))) is OwnRows


@pytest.mark.parametrize("n", [1, 9, 200, 3001])
@pytest.mark.parametrize("size", [1e-3, 1, 10, 30])
def test_losses_are_as_precise_when_they_are_tiny(n, size):
    """Sums of logarithms come from products, but for losses below what products can tell."""
    rng = np.random.default_rng(n)
    rows, y = rng.normal(size=(n, 3)), rng.integers(0, 2, n)
    rows[:, 0] = np.where(y == 1, 1, -1) * (0.7 + rng.random(n))  # all on the right side
    masks = rng.random((200, n)) < 0.7
    masks[:, 0] = True
    x = np.column_stack([size * rng.uniform(-0.2, 1, 200), np.zeros((200, 2))])
    value, gradient = BinaryLoss(masks, y, rows, np.zeros(3), 1.0)(x)
    margin = x @ rows.T * np.where(y == 1, 1, -1)
    count = masks.sum(axis=1)
    expected = (masks * np.logaddexp(0, -margin)).sum(axis=1) / count
    slope = np.where(y == 1, -1, 1) * masks / (1 + np.exp(margin))
    assert size < 30 or expected.min() < 1e-6 < 0.1 < expected.max()
    np.testing.assert_allclose(value, expected, rtol=3e-14)
    np.testing.assert_allclose(gradient, slope @ rows / count[:, None], rtol=1e-9, atol=1e-14)
