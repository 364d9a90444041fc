"""Every kernel beside scikit-learn's refits, on every data set, under all scorers at once.

A coalition is refitted once, and what the model is worth to scikit-learn's scorers is compared
with what the kernel says. SKDVL_KERNELS=full compares 2000 coalitions and 1200 prefixes for each
kernel and data set, and a number so many times as usual; ``--junitxml`` keeps the shares of those
that kernels are sure of.
"""

import os
import warnings
import zlib

import numpy as np
import pytest
from refits import labelled_sets, of_sizes
from sklearn import config_context
from sklearn.base import clone, is_classifier
from sklearn.discriminant_analysis import QuadraticDiscriminantAnalysis
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import get_scorer, log_loss
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from skdvl.coalitions import Walks
from skdvl.utilities import KernelUtility, ModelUtility
from skdvl.utilities.comparison import wrong_decision
from skdvl.utilities.kernels import BUILT_IN
from skdvl.utilities.kernels.logistic import OptimumKernel
from skdvl.utilities.optimum import at_optimum
from skdvl.utilities.rows import plain_rows
from skdvl.utilities.scoring import make_score

pytestmark = pytest.mark.filterwarnings("ignore")  # those of refits

FACTOR = os.environ.get("SKDVL_KERNELS", "1")
FACTOR = 400 if FACTOR == "full" else int(FACTOR)
N_MASKS, N_PREFIXES = 5 * FACTOR, 3 * FACTOR

OF_LABELS = ["accuracy", "balanced_accuracy", "f1", "f1_macro"]
OF_CLASSES = [*OF_LABELS, "neg_log_loss", "neg_brier_score", "roc_auc"]
OF_NUMBERS = [
    "r2",
    "neg_mean_squared_error",
    "neg_root_mean_squared_error",
    "neg_mean_absolute_error",
]
# Besides those of default parameters, for each class that a kernel stands for.
MORE = [
    DummyClassifier(strategy="most_frequent"),
    KNeighborsClassifier(3, weights="distance"),
    KNeighborsRegressor(3, weights="distance"),
    KernelRidge(kernel="rbf"),
    QuadraticDiscriminantAnalysis(reg_param=0.1),
]
SCALER = make_pipeline(StandardScaler(), LogisticRegression())
SETS = labelled_sets()
BUNDLED = ["breast_cancer", "digits", "iris", "wine", "diabetes"]
POSITIVE = ["ComplementNB", "MultinomialNB"]
SCALED = ["BernoulliNB", "LogisticRegression"]
SCALED_IF_BUNDLED = ["KernelRidge", "LinearRegression", "Ridge", "RidgeClassifier"]

# Data sets of which a kernel is to know beforehand that they are none of its business.
DECLINED = {"LinearRegression": ["breast_cancer", "digits", "collinear"]}
DECLINED["Pipeline"] = ["offset"]
if "tol" not in LinearRegression().get_params():  # singular values are cut at rounding, no sooner
    DECLINED["LinearRegression"] += ["constant", "wide"]
ORDINARY = [*BUNDLED, "strings", "5 classes", "10 classes"]
# The share of coalitions that a kernel has to be sure of there, if it is not three quarters. Few
# rows are not enough for neighbours, nor for the covariances of each class; and where classes
# differ in size, scikit-learn itself refuses nu = 0.5.
LEAST = {
    "BernoulliNB": 0.5,
    "KNeighborsClassifier": 0.5,
    "KNeighborsRegressor": 0.5,
    "LinearDiscriminantAnalysis": 0.6,
    "LinearRegression": 0.4,
    ("NuSVC", "10 classes"): 0.6,
    "QuadraticDiscriminantAnalysis": 0.0,
    ("QuadraticDiscriminantAnalysis", "iris"): 0.25,
    ("QuadraticDiscriminantAnalysis", "strings"): 0.25,
}


def _cases():
    """Pairs of a kernel and what it stands for."""
    for kernel in BUILT_IN:
        for kind in kernel.estimators:
            plain = SCALER if kind is Pipeline else kind()
            yield kernel, at_optimum(plain) if kernel is OptimumKernel else plain
            yield from ((kernel, other) for other in MORE if type(other) is kind)


CASES = list(_cases())
IDS = ["".join(str(estimator).split()) for _, estimator in CASES]
every_kernel = pytest.mark.parametrize(("kind", "estimator"), CASES, ids=IDS)


def _prepared(estimator, name, X, X_val):
    """Rows as people would prepare them."""
    kind = type(estimator).__name__
    if kind in POSITIVE:
        return np.abs(X), np.abs(X_val)
    if kind in SCALED or (kind in SCALED_IF_BUNDLED and name in BUNDLED):
        spread = np.where(X.std(axis=0) > 1e-9 * np.abs(X).max(axis=0), X.std(axis=0), 1.0)
        return (X - X.mean(axis=0)) / spread, (X_val - X.mean(axis=0)) / spread
    return X, X_val


class Game:
    """A kernel beside refits, under every scorer that it serves.

    Attributes
    ----------
    refit : ModelUtility
    kernel : Kernel
    refits, scores : dict
        A `ModelUtility` and a `Score` for each scorer.
    reason : str or None
        Why there are none.
    is_fitted : bool
        Whether scikit-learn is content with all rows together.
    """

    def __init__(self, kind, estimator, name, **params):
        data = SETS[name]
        X, X_val = _prepared(estimator, name, data.X, data.X_val)
        y, y_val = data.of_classes if is_classifier(estimator) else data.of_numbers
        self.n, self.codes, self._known = len(X), None, {}
        self.refits, self.scores, self.is_fitted = {}, {}, True
        self.refit = ModelUtility(estimator, X, y, X_val, y_val, "accuracy")
        try:
            model = clone(estimator).fit(X, y)
        except ValueError as error:
            self.reason, self.is_fitted = str(error), False
            return
        rows, _ = plain_rows(self.refit)
        self.reason = kind.supports(clone(estimator), *rows)
        if self.reason:
            return
        self.kernel = kind(clone(estimator), *rows)
        self.codes = rows[1] if is_classifier(estimator) else None
        for scoring in OF_CLASSES if is_classifier(estimator) else OF_NUMBERS:
            refit = ModelUtility(estimator, X, y, X_val, y_val, scoring, **params)
            score, _ = make_score(refit.scorer, self.kernel, y_val, refit.classes)
            if score is not None and _suits(refit, model):
                self.refits[scoring], self.scores[scoring] = refit, score

    def is_asked(self, masks):
        """Which coalitions are a kernel's business, and no matter of policy."""
        if self.codes is None:
            return masks.any(axis=1)
        return np.array([len(np.unique(self.codes[mask])) > 1 for mask in masks])

    def ask(self, masks):
        """Ask the kernel, which must not warn."""
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            return self.kernel(masks)

    def walk(self, walks):
        """Ask for all coalitions on the way, in pieces."""
        if self.kernel.chains is None:
            masks = walks.masks().reshape(-1, self.n)
            masks[~self.is_asked(masks)] = True
            yield self.ask(masks)
            return
        chains = self.kernel.chains(walks.start, walks.order)
        while True:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                answers = next(chains, None)
            if answers is None:
                return
            yield answers

    def score_of(self, scoring, model, rows, predicted):
        """What the refit's utility says of a model.

        It is asked once of all that predict as many rows of each class right: no score of labels
        that kernels serve depends on more.
        """
        refit = self.refits[scoring]
        if scoring not in OF_LABELS:
            return refit.score_of(model, rows)
        hits = np.searchsorted(refit.classes, refit.y_val)[predicted == refit.y_val]
        key = scoring, np.bincount(hits, minlength=len(refit.classes)).tobytes()
        if key not in self._known:
            self._known[key] = refit.score_of(model, rows)
        return self._known[key]

    def compare(self, masks, answers):
        """Compare with refits; return of each scorer how many scores are certain."""
        given = {scoring: score(answers) for scoring, score in self.scores.items()}
        refit = self.refit
        for j in np.flatnonzero(answers.is_sure):
            rows = np.flatnonzero(masks[j])
            model = clone(refit.estimator).fit(refit.X[rows], refit.y[rows])
            _remember(model, refit.X_val)
            words = wrong_decision(refit, self.kernel, model, rows, answers.decision[:, j])
            assert not words, f"on the rows {rows.tolist()}, {words}"
            predicted = model.predict(refit.X_val)
            for scoring, (scores, is_certain) in given.items():
                if is_certain[j]:
                    expected = self.score_of(scoring, model, rows, predicted)
                    assert _is_equal(scoring, scores[j], expected), (
                        f"{scoring} is {scores[j]!r}, and that of a refit {expected!r}, on the "
                        f"rows {rows.tolist()}"
                    )
        return np.array([np.count_nonzero(is_certain) for _, is_certain in given.values()])


def _suits(refit, model):
    """Whether a scorer can be asked; there are versions without a Brier score of many classes."""
    try:
        refit.score_of(model, np.arange(refit.n_players))
    except ValueError:
        return False
    return True


def _remember(model, X_val):
    """Let a model say of the validation rows what it has said before, in less time."""
    for name in ("predict", "predict_proba", "decision_function", "predict_joint_log_proba"):
        if hasattr(model, name):
            said = getattr(model, name)(X_val)

            def again(X, said=said):
                return said

            again.__name__ = name  # scorers look at it
            setattr(model, name, again)


def _is_equal(scoring, given, expected):
    tolerance = 0 if scoring in OF_LABELS else 1e-9
    return np.abs(given - expected) <= tolerance * np.maximum(1, np.abs(expected))


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Small refits are slower on many, and with checks that all of them would pass."""
    with threadpool_limits(1), config_context(assume_finite=True, skip_parameter_validation=True):
        yield


def some_walks(game, n_walks, rng):
    """Walks to the end, from nothing and from random coalitions of one size."""
    order = rng.permuted(np.tile(np.arange(game.n), (n_walks, 1)), axis=1)
    begin = int(rng.integers(1, game.n // 2))
    for first, rows in ((0, order[::2]), (begin, order[1::2])):
        start = np.zeros((len(rows), game.n), dtype=bool)
        np.put_along_axis(start, rows[:, :first], True, axis=1)
        yield Walks(start, rows[:, first:])


def compare_prefixes(game, walks, n_prefixes, rng):
    """Compare some coalitions on the way, early ones favoured.

    Returns
    -------
    certain : ndarray of int
        Of each scorer, how many scores are certain.
    n_compared : int
    """
    masks = walks.masks()
    asked = np.flatnonzero(game.is_asked(masks.reshape(-1, game.n)))
    early = 1 / (1 + asked % (walks.length + 1))
    asked = rng.choice(asked, min(n_prefixes, len(asked)), replace=False, p=early / early.sum())
    is_chosen = np.zeros(masks.shape[:2], dtype=bool)
    is_chosen.flat[asked] = True
    done, certain = 0, 0
    for answers in game.walk(walks):
        part = slice(done, done + len(answers.is_sure) // len(walks))
        places = np.flatnonzero(is_chosen[:, part])
        some = masks[:, part].reshape(-1, game.n)[places]
        certain += game.compare(some, answers.take(places))
        done = part.stop
    assert done == walks.length + 1
    return certain, len(asked)


@pytest.mark.parametrize("name", SETS)
@every_kernel
def test_refits_say_the_same(kind, estimator, name, record_property):
    game, kernel, kind = Game(kind, estimator, name), kind, type(estimator).__name__
    if not game.is_fitted:
        pytest.skip(game.reason)
    declined = name in DECLINED.get(kind, ())
    if kernel is OptimumKernel:
        declined = len(np.unique(SETS[name].of_classes[0])) > 2
    assert (not game.scores) == declined, game.reason
    if not game.scores:
        return
    rng = np.random.default_rng([zlib.crc32(f"{estimator} {name}".encode()), FACTOR])
    masks = of_sizes(game.n, N_MASKS, rng, game.codes)
    certain, n = game.compare(masks, game.ask(masks)), len(masks)
    for walks in some_walks(game, 2 * max(1, N_PREFIXES // 50), rng):
        some, n_compared = compare_prefixes(game, walks, N_PREFIXES // 2 + 1, rng)
        certain, n = certain + some, n + n_compared
    shares = dict(zip(game.scores, certain / n, strict=True))
    for scoring, share in shares.items():
        record_property(scoring, round(float(share), 3))
    if name in ORDINARY:
        least = LEAST.get((kind, name), LEAST.get(kind, 0.75))
        assert next(iter(shares.values())) >= least, shares


# ------------------------------------------------------------------ policies


def some_masks(game, rng):
    """Coalitions that are a matter of policy, and others of all sizes."""
    masks = rng.random((6, game.n)) < [[0.0], [1.1], [0.5], [0.5], [0.1], [0.1]]
    masks[4:] = rng.permuted(np.arange(game.n) < [[3], [1]], axis=1)  # fewer than neighbours
    if game.codes is None:
        return masks
    is_first = game.codes == 0
    return np.concatenate([masks, [is_first, is_first & masks[2], ~is_first & masks[3]]])


def short_walks(game, rng):
    """From nobody by way of a single class, and to everybody."""
    order = rng.permutation(game.n)
    if game.codes is not None:
        order = order[np.argsort(game.codes[order], kind="stable")]
        order = order[np.count_nonzero(game.codes == 0) - 4 :]
    order = order[:8]
    yield Walks(np.zeros((1, game.n), dtype=bool), order[None])
    yield Walks(~np.isin(np.arange(game.n), order)[None], order[None])


def plain_score(scoring, refit, mask):
    """What scikit-learn's scorer says, with a probability of 0 for classes that are missing."""
    X, y, y_val, classes = refit.X[mask], refit.y[mask], refit.y_val, refit.classes
    scorer = get_scorer(scoring)
    if not mask.any():
        dummy = DummyRegressor() if classes is None else DummyClassifier()
        return scorer(dummy.fit(refit.X, refit.y), refit.X_val, y_val)
    if classes is None or len(np.unique(y)) == len(classes):
        return scorer(clone(refit.estimator).fit(X, y), refit.X_val, y_val)
    proba = np.zeros((len(y_val), len(classes)))
    if len(np.unique(y)) == 1:
        predicted, proba[:, classes == y[0]] = y[:1], 1
    else:
        model = clone(refit.estimator).fit(X, y)
        predicted = model.predict(refit.X_val)
        if scoring == "neg_log_loss":
            proba[:, np.isin(classes, model.classes_)] = model.predict_proba(refit.X_val)
    if scoring == "accuracy":
        return np.mean(predicted == y_val)
    return -log_loss(y_val, proba, labels=classes) if scoring == "neg_log_loss" else 0.5


@pytest.mark.parametrize(
    ("name", "error_score"), [("rare", "auto"), ("strings", "auto"), ("wide", "auto"), ("rare", -1)]
)
@every_kernel
def test_policies_are_those_of_refits(kind, estimator, name, error_score):
    game = Game(kind, estimator, name, error_score=error_score)
    rng = np.random.default_rng(3)
    masks = some_masks(game, rng)
    for scoring in {"accuracy", "neg_log_loss", "roc_auc", "r2"} & set(game.scores):
        refit = game.refits[scoring]
        utility = KernelUtility(refit, game.kernel, game.scores[scoring])
        expected, given = refit.evaluate(masks), utility.evaluate(masks)
        assert _is_equal(scoring, given.scores, expected.scores).all()
        assert given.failures == expected.failures
        for walks in short_walks(game, rng) if utility.walk else ():
            pieces = list(utility.walk(walks.start, walks.order))
            scores = np.concatenate([piece.scores for piece in pieces], axis=1).ravel()
            walked = refit.evaluate(walks.masks()[0])
            assert _is_equal(scoring, scores, walked.scores).all()
            assert sum(len(piece.failures) for piece in pieces) == len(walked.failures)
        for mask, score in zip(masks, expected.scores, strict=True):
            if error_score == "auto" and score != refit.empty_score:  # of failures, too
                np.testing.assert_allclose(score, plain_score(scoring, refit, mask), rtol=1e-13)
