"""Utilities by kernels: the same scores, policies, failures and bits as by refits."""

import pickle
import warnings
from itertools import count
from types import SimpleNamespace

import joblib
import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.datasets import load_diabetes, load_iris
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.exceptions import FitFailedWarning
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdvl import BanzhafValuator, ShapleyValuator
from skdvl.caching import MemoryCache
from skdvl.samplers import PermutationSampler, StratifiedSampler
from skdvl.stopping import MaxRounds, MaxTime
from skdvl.testing import SmallGame, check_kernel, check_utility
from skdvl.truncation import FixedTruncation, RelativeTruncation
from skdvl.utilities import KernelUtility, ModelUtility, make_utility, register_kernel
from skdvl.utilities.kernels import Answers, Kernel, registry
from skdvl.utilities.kernels.dummy import MeanKernel, PriorKernel
from skdvl.utilities.kernels.neighbors import NeighborsRegressorKernel


class Means(ClassifierMixin, BaseEstimator):
    """Predicts the class whose mean is nearest; it cannot be trained on two rows."""

    def __init__(self, flip=False):
        self.flip = flip

    def fit(self, X, y):
        X = np.asarray(X)
        if len(X) == 2:
            raise ValueError("two rows are no data")
        self.classes_ = np.unique(y)
        self.means_ = np.array([X[y == label].mean(axis=0) for label in self.classes_])
        return self

    def decision_function(self, X):
        scores = np.asarray(X) @ self.means_.T - (self.means_**2).sum(axis=1) / 2
        return scores[:, 1] - scores[:, 0] if len(self.classes_) == 2 else scores

    def predict(self, X):
        scores = np.asarray(X) @ self.means_.T - (self.means_**2).sum(axis=1) / 2
        return self.classes_[scores.argmax(axis=1)]


class MeansKernel(Kernel):
    """It leaves to the refit what has three rows of a class."""

    name = "means"
    estimators = (Means,)
    response = "margin"
    has_decision_function = True
    asked = ()

    @classmethod
    def supports(cls, estimator, X, y, X_val):
        return "flip=True turns it over" if estimator.flip else None

    def __init__(self, estimator, X, y, X_val):
        self.X, self.X_val = X, X_val
        self.is_of_class = np.equal.outer(y, np.arange(y.max() + 1)).astype(float)
        self.rows = self.is_of_class[:, :, None] * X[:, None, :]

    def __call__(self, masks):
        masks = masks.astype(float)
        return self.answers(masks @ self.is_of_class, np.tensordot(masks, self.rows, 1))

    def chains(self, start, order):
        type(self).asked = (*type(self).asked, start.shape)
        count = start.astype(float) @ self.is_of_class
        total = np.tensordot(start.astype(float), self.rows, 1)
        for step in range(0, order.shape[1] + 1, 3):
            counts, totals = [count] if step == 0 else [], [total] if step == 0 else []
            for players in order[:, max(step - 1, 0) : step + 2].T:
                count, total = count + self.is_of_class[players], total + self.rows[players]
                counts, totals = [*counts, count], [*totals, total]
            flat = [
                np.stack(some, axis=1).reshape(-1, *some[0].shape[1:]) for some in (counts, totals)
            ]
            yield self.answers(*flat)

    def answers(self, count, total):
        means = total / np.maximum(count, 1)[:, :, None]
        scores = np.einsum("bcd,md->cbm", means, self.X_val)
        scores -= (means**2).sum(axis=2).T[:, :, None] / 2
        scores[count.T == 0] = -np.inf
        return Answers(scores, (count.sum(axis=1) != 2) & (count != 3).all(axis=1))


class Wrong(MeansKernel):
    """Wrong in chains only, from the ninth row on."""

    def chains(self, start, order):
        for answers in super().chains(start, order):
            yield Answers(answers.decision[::-1] * 1.0, answers.is_sure)


class Several(MeansKernel):
    """Has no chains, and is no quicker than refits of fewer than five coalitions."""

    name = "several"
    at_least = 5
    chains = None

    def __call__(self, masks):
        Several.asked = (*Several.asked, len(masks))
        return super().__call__(masks)


@pytest.fixture
def several(monkeypatch):
    monkeypatch.setattr("skdvl.samplers.permutation._EVALUATIONS_PER_ROUND", 24)  # a single walk
    monkeypatch.setattr(registry, "_registered", {})
    register_kernel(Means, Several)
    monkeypatch.setattr(Several, "asked", ())


@pytest.fixture
def registered(monkeypatch):
    monkeypatch.setattr(registry, "_registered", {})
    monkeypatch.setattr(MeansKernel, "asked", ())
    register_kernel(Means, MeansKernel)


@pytest.fixture
def data():
    """Three classes, one of them rare: 24 rows to train on and 30 to score on."""
    X, y = load_iris(return_X_y=True)
    rows = np.random.default_rng(0).permutation(len(X))
    train = np.concatenate([rows[y[rows] == 0][:11], rows[y[rows] > 0][:12], rows[-1:]])
    held_out = rows[60:90]
    return X[train], y[train], X[held_out], y[held_out]


def _refit(data, estimator=None, scoring="accuracy", **params):
    utility = ModelUtility(estimator or Means(), *data, scoring, **params)
    utility.bind()
    return utility


def _masks(n, n_masks=60):
    rng = np.random.default_rng(1)
    masks = rng.random((n_masks, n)) < rng.random((n_masks, 1)) ** 2
    masks[:3] = [[False], [True], [False]]
    masks[2, [0, 3]] = True
    return masks


@pytest.mark.parametrize(
    ("kernel", "estimator"),
    [
        (PriorKernel, DummyClassifier()),
        (PriorKernel, DummyClassifier(strategy="most_frequent")),
        (MeansKernel, Means()),
    ],
)
@pytest.mark.parametrize("labels", [["a", "b", "c"], [0, 1, 1]])
def test_kernels_of_classifiers(kernel, estimator, labels):
    X, y = load_iris(return_X_y=True)
    share = check_kernel(kernel, estimator, X[::2], np.array(labels)[y[::2]], n_coalitions=30)
    assert share == 1 or kernel is MeansKernel


@pytest.mark.parametrize("offset", [0, 1e6])
def test_kernels_of_regressors(offset):
    X, y = load_diabetes(return_X_y=True)
    assert check_kernel(MeanKernel, DummyRegressor(), X[:60], y[:60] + offset) == 1


@pytest.mark.parametrize("error_score", ["auto", 0.25])
@pytest.mark.parametrize("scoring", ["accuracy", "balanced_accuracy"])
def test_policies_are_those_of_the_refit(scoring, error_score, data, registered):
    refit = _refit(data, scoring=scoring, error_score=error_score)
    utility = make_utility(refit)
    assert type(utility) is KernelUtility and isinstance(utility.kernel, MeansKernel)
    masks = _masks(24)
    given, expected = utility.evaluate(masks), refit.evaluate(masks)
    np.testing.assert_array_equal(given.scores, expected.scores)
    assert given.failures == expected.failures and given.failures
    codes = data[1]
    n_refitted = 0
    for mask in masks:
        count = np.bincount(codes[mask], minlength=3)
        settled = mask.all() or not mask.any()
        if np.count_nonzero(count) == 1 and not settled:
            n_refitted += error_score != "auto"
        elif not settled:
            n_refitted += count.sum() == 2 or 3 in count
    assert given.n_refitted == n_refitted
    check_utility(pickle.loads(pickle.dumps(utility)))


def test_walks_are_those_of_the_refit(data, registered):
    refit = _refit(data)
    utility = make_utility(refit)
    rng = np.random.default_rng(2)
    order = rng.permuted(np.tile(np.arange(24), (3, 1)), axis=1)
    order[0] = np.argsort(data[1], kind="stable")  # a single class for long
    start = np.zeros((3, 24), dtype=bool)
    start[2, order[2, 12:]] = True
    from_start = np.sort(order[2, :12])
    order = np.vstack([order[:2, :12], from_start])
    pieces = list(utility.walk(start, order))
    assert len(pieces) == 5
    done = 0
    for scores, failures, *_ in pieces:
        masks = np.repeat(start[:, None], scores.shape[1], axis=1)
        for step in range(scores.shape[1]):
            for walk in range(3):
                masks[walk, step, order[walk, : done + step]] = True
        expected = refit.evaluate(masks.reshape(-1, 24))
        np.testing.assert_array_equal(scores.ravel(), expected.scores)
        assert failures == expected.failures
        done += scores.shape[1]


def _fit(data, valuator=ShapleyValuator, estimator=None, **params):
    X, y, X_val, y_val = data
    settings = {"stopping": MaxRounds(3), "random_state": 0, "store_history": True} | params
    made = valuator(estimator or Means(), **settings)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FitFailedWarning)
        return made.fit(X, y, X_val=X_val, y_val=y_val)


def _same(a, b):
    for name in ("values_", "stderr_", "counts_", "history_"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
    for name in ("n_rounds_", "n_evaluations_", "n_failed_fits_"):
        assert getattr(a, name) == getattr(b, name)


@pytest.mark.parametrize(
    "params",
    [
        {"sampler": PermutationSampler()},
        {"sampler": PermutationSampler(antithetic=True)},
        {"sampler": StratifiedSampler()},
        {"truncation": RelativeTruncation(rtol=0.05)},
        {"truncation": FixedTruncation(0.5)},
        {"valuator": BanzhafValuator},
    ],
    ids=str,
)
def test_the_same_values_by_a_kernel(params, data, registered):
    by_kernel, by_refits = (_fit(data, kernel=kernel, **params) for kernel in ("means", "refit"))
    _same(by_kernel, by_refits)
    info = by_kernel.utility_info_
    chains = "valuator" not in params and "Stratified" not in str(params)
    assert info.tier == ("chains" if chains else "masks") and info.kernel == "means"
    assert 0 < info.n_refitted < info.n_scored and info.microseconds > 0
    assert "kernel 'means'" in str(info) and pickle.loads(pickle.dumps(info)) == info
    info = by_refits.utility_info_
    assert info.tier == "refit" and info.n_refitted == info.n_scored == by_refits.n_evaluations_
    assert "asked for" in info.reason and info.kernel is None
    assert "utility_info_" not in vars(clone(by_kernel))


def test_walks_of_several_rounds_go_in_lockstep(data, registered):
    # 24 players: 11 permutations make a round, and the kernel likes 32 at once.
    _fit(data, sampler=PermutationSampler())
    assert MeansKernel.asked[-1] == (22, 24)
    assert sum(shape == (22, 24) for shape in MeansKernel.asked) == 2  # of four rounds, for three
    _fit(data, truncation=RelativeTruncation(rtol=0.05))
    assert MeansKernel.asked[-1] == (22, 24)


def test_few_coalitions_are_refitted(data, several):
    refit = _refit(data)
    utility = make_utility(refit)
    masks = np.random.default_rng(0).random((60, 24)) < 0.6
    masks = masks[utility.kernel(masks).is_sure][:9]
    Several.asked = ()
    for n in range(1, 10):
        scored = utility.evaluate(masks[:n])
        np.testing.assert_array_equal(scored.scores, refit(masks[:n]))
        assert scored.n_refitted == (n if n < 5 else 0)
    assert Several.asked == (5, 6, 7, 8, 9)


@pytest.mark.parametrize("groups", [False, True])
@pytest.mark.parametrize("cv", [None, 2])
@pytest.mark.parametrize("rule", [RelativeTruncation(rtol=0.05), FixedTruncation(0.5)], ids=str)
def test_walks_that_may_end_go_on_together(rule, cv, groups, data, several):
    """Those of several rounds, of which only what goes on is scored: with the values of refits."""
    X, y, X_val, y_val = data
    given = {"X_val": X_val, "y_val": y_val} if cv is None else {}
    if groups:
        given["groups"] = np.arange(len(X)) // 2

    def fit(kernel, **params):
        params = {"stopping": MaxRounds(18), "truncation": rule, "cv": cv or 5} | params
        valuator = ShapleyValuator(
            Means(), kernel=kernel, random_state=0, store_history=True, **params
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FitFailedWarning)
            return valuator.fit(X, y, **given)

    by_kernel, by_refits = (fit(kernel) for kernel in ("several", "refit"))
    _same(by_kernel, by_refits)
    sizes = np.array(Several.asked)
    assert sizes.max() == 16 and sizes.min() >= 5
    if type(rule) is RelativeTruncation:
        assert np.count_nonzero(sizes < 12) > 3  # some have ended
    info = by_kernel.utility_info_
    assert 0 < info.n_refitted < info.n_scored / 2 and info.n_scored >= by_kernel.n_evaluations_


@pytest.mark.parametrize("n_rounds", [1, 15, 16, 17])
def test_resumed_among_walks_that_may_end(n_rounds, data, several, tmp_path):
    params = {"truncation": RelativeTruncation(rtol=0.05)}
    whole = _fit(data, stopping=MaxRounds(20), **params)
    part = _fit(data, stopping=MaxRounds(n_rounds), checkpoint=tmp_path / "run", **params)
    assert part.n_rounds_ == n_rounds
    _same(whole, _fit(data, stopping=MaxRounds(20), checkpoint=tmp_path / "run", **params))
    with joblib.parallel_config(backend="threading", n_jobs=2):
        _same(whole, _fit(data, stopping=MaxRounds(20), **params))


@pytest.mark.parametrize("n_rounds", [1, 2, 3])
@pytest.mark.parametrize("cv", [None, 2])
def test_resumed_within_a_bundle(n_rounds, cv, data, registered, tmp_path):
    def fit(stopping, **params):
        X, y, X_val, y_val = data
        given = {"X_val": X_val, "y_val": y_val} if cv is None else {}
        valuator = ShapleyValuator(
            Means(), stopping=stopping, random_state=0, store_history=True, cv=cv or 5, **params
        )
        with pytest.warns(FitFailedWarning):
            return valuator.fit(X, y, **given)

    whole = fit(MaxRounds(5))
    part = fit(MaxRounds(n_rounds), checkpoint=tmp_path / "run")
    assert part.n_rounds_ == n_rounds
    resumed = fit(MaxRounds(5), checkpoint=tmp_path / "run")
    _same(whole, resumed)
    assert resumed.utility_info_.n_scored < whole.utility_info_.n_scored + part.n_evaluations_


def test_time_ends_it_between_bundles(data, registered, monkeypatch):
    monkeypatch.setattr("skdvl.engine.perf_counter", (n / 50 for n in count()).__next__)
    part = _fit(data, stopping=MaxTime(0.3) | MaxRounds(10**6))
    assert 1 <= part.n_rounds_ < 10**6
    _same(part, _fit(data, stopping=MaxRounds(part.n_rounds_)))


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_the_same_bits_in_workers(backend, data, registered, monkeypatch):
    alone = _fit(data, stopping=MaxRounds(8))
    monkeypatch.setattr(KernelUtility, "is_quick", lambda self, length: False)
    with joblib.parallel_config(backend=backend, n_jobs=2):
        in_workers = _fit(data, stopping=MaxRounds(8))
    _same(alone, in_workers)
    for name in ("n_scored", "n_refitted"):
        there, here = (getattr(v.utility_info_, name) for v in (in_workers, alone))
        assert there >= here > 0


def test_what_is_quick_stays_here(data, registered, monkeypatch):
    monkeypatch.setattr(KernelUtility, "is_quick", lambda self, length: True)
    monkeypatch.setattr("skdvl.workers.carried", None)  # would send the data
    _fit(data, n_jobs=2)
    refit = _refit(data)
    assert not make_utility(refit, "refit").is_quick(5)


def test_a_warm_start_goes_on(data, registered):
    X, y, X_val, y_val = data
    valuator = ShapleyValuator(
        Means(), stopping=MaxRounds(3), warm_start=True, random_state=0, store_history=True
    )
    for n_rounds in (3, 4, 7):
        valuator.set_params(stopping=MaxRounds(n_rounds))
        with pytest.warns(FitFailedWarning):
            valuator.fit(X, y, X_val=X_val, y_val=y_val)
    _same(valuator, _fit(data, stopping=MaxRounds(7)))
    with pytest.raises(ValueError, match="goes on with the last fit"):
        valuator.set_params(kernel="refit").fit(X, y, X_val=X_val, y_val=y_val)


def test_results_are_recalled_with_their_info(data, registered, tmp_path):
    first, second = (_fit(data, memory=str(tmp_path)) for _ in range(2))
    _same(first, second)
    assert first.utility_info_ == second.utility_info_


def test_a_cache_is_left_out(data, registered):
    cache = MemoryCache()
    _same(_fit(data), _fit(data, cache=cache))
    assert cache.stats.misses == cache.stats.hits == 0
    _fit(data, cache=cache, kernel="refit")
    assert cache.stats.misses > 0


def test_groups_of_rows(data, registered):
    X, y, X_val, y_val = data
    groups = np.arange(24) // 2
    values = []
    for kernel in ("means", "refit"):
        valuator = ShapleyValuator(Means(), kernel=kernel, stopping=MaxRounds(1), random_state=0)
        with pytest.warns(FitFailedWarning):
            valuator.fit(X, y, X_val=X_val, y_val=y_val, groups=groups)
        values.append((valuator.values_, valuator.n_failed_fits_))
        assert valuator.utility_info_.tier == ("masks" if kernel == "means" else "refit")
    np.testing.assert_array_equal(values[0][0], values[1][0])
    assert values[0][1] == values[1][1]


class Derived(Means):
    pass


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"estimator": Derived()}, "no kernel for Derived"),
        ({"estimator": Means(flip=True)}, "turns it over"),
        ({"estimator": make_pipeline(StandardScaler(), Means())}, "no kernel for Pipeline"),
        ({"scoring": "roc_auc_ovr"}, "no batched score"),
        ({"scoring": lambda model, X, y: model.predict(X).mean()}, "no named one"),
        ({"fit_params": {"sample_weight": np.ones(24)}}, "sample_weight"),
        ({"score_params": {"sample_weight": np.ones(30)}}, "sample_weight"),
        ({"X": np.float32}, "float32"),
        ({"X": lambda X: X.astype(object)}, "type object"),
        ({"X": sparse.csr_matrix}, "neither an array"),
        ({"X": lambda X: pd.DataFrame(X).astype("Float64")}, "types of their own"),
        ({"X": lambda X: np.where(np.arange(len(X))[:, None] < 1, 2**60, X.astype(int))}, "no fl"),
    ],
    ids=str,
)
def test_what_goes_to_the_refit(change, words, data, registered):
    X, y, X_val, y_val = data
    change = dict(change)
    convert = change.pop("X", None)
    scoring, estimator = change.pop("scoring", "accuracy"), change.pop("estimator", Means())
    if convert is not None:
        X = convert(X)
    refit = ModelUtility(estimator, X, y, X_val, y_val, scoring, **change)
    refit._full_score = 0.5  # bound, as far as the choice is concerned
    assert make_utility(refit) is refit and words in refit.reason
    with pytest.raises(ValueError, match="does not do for"):
        make_utility(refit, "means")


def test_missing_values_go_to_the_refit(data):
    X, y, X_val, y_val = data
    X = X.copy()
    X[3, 1] = np.nan
    valuator = ShapleyValuator(DummyClassifier(), stopping=MaxRounds(1), random_state=0)
    valuator.fit(X, y, X_val=X_val, y_val=y_val)
    assert valuator.utility_info_.tier == "refit" and "missing" in valuator.utility_info_.reason


def test_frames_are_converted_once(data, registered):
    X, y, X_val, y_val = data
    frames = pd.DataFrame(X).astype({0: int}), y, pd.DataFrame(X_val).astype({0: int}), y_val
    utility = make_utility(_refit(frames))
    assert type(utility) is KernelUtility
    masks = _masks(24)
    expected = utility.refit.evaluate(masks)
    np.testing.assert_array_equal(utility.evaluate(masks).scores, expected.scores)


def test_a_name_has_to_do(data):
    X, y, X_val, y_val = data
    with pytest.raises(ValueError, match="'auto', 'refit', 'dummy'"):
        ShapleyValuator(DummyClassifier(), kernel="ridge").fit(X, y, X_val=X_val, y_val=y_val)
    valuator = ShapleyValuator(DummyClassifier(strategy="uniform"), kernel="dummy")
    with pytest.raises(ValueError, match="strategy='uniform'"):
        valuator.fit(X, y, X_val=X_val, y_val=y_val)


class Raises(MeansKernel):
    def __call__(self, masks):
        raise KeyError("no masks")


class Swapped(MeansKernel):
    def answers(self, count, total):
        answers = super().answers(count, total)
        return Answers(answers.decision[[0, 2, 1]], answers.is_sure)


class Rough(MeansKernel):
    """Off by so little that hardly a score tells."""

    def answers(self, count, total):
        answers = super().answers(count, total)
        shift = 1e-6 * np.arange(3)[:, None, None]
        return Answers(answers.decision + shift, answers.is_sure)


class Sure(MeansKernel):
    """Sure even where the refit fails."""

    def answers(self, count, total):
        return Answers(super().answers(count, total).decision, np.ones(len(count), dtype=bool))


@pytest.mark.parametrize(
    ("kernel", "words"),
    [
        (Raises, "no masks"),
        (Swapped, "of a refit"),
        (Rough, "decision functions are up to"),
        (Sure, "two rows are no data"),
        (Wrong, "in a chain"),
    ],
)
def test_a_wrong_kernel_is_found_out(kernel, words, data, registered):
    register_kernel(Means, kernel)
    with pytest.warns(RuntimeWarning, match=f"{kernel.__name__} is not used for Means.*{words}"):
        utility = make_utility(_refit(data))
    assert type(utility) is KernelUtility and type(utility.kernel) is MeansKernel  # the next one
    registry._registered.clear()
    register_kernel(Means, kernel)
    refit = _refit(data)
    with pytest.warns(RuntimeWarning, match=words):
        assert make_utility(refit) is refit and "proved wrong" in refit.reason
    X, y = load_iris(return_X_y=True)
    with pytest.raises((AssertionError, KeyError)):
        check_kernel(kernel, Means(), X, y)


class WrongInLargeCalls(MeansKernel):
    def __call__(self, masks):
        answers = super().__call__(masks)
        if len(masks) > 500:
            answers.decision[:, 500:] += 1e-3 * np.arange(3)[:, None, None]
        return answers


class _ChainsWithAFault(MeansKernel):
    """Chains that are wrong at one step of one walk."""

    at = 0, 0

    def chains(self, start, order):
        done = 0
        for answers in super().chains(start, order):
            c = answers.decision.shape[1] // len(start)
            walk, step = self.at
            if walk < len(start) and done <= step < done + c:
                answers.decision[:, walk * c + step - done] += 1e-3 * np.arange(3)[:, None]
            done += c
            yield answers


class WrongInOneWalk(_ChainsWithAFault):
    at = 20, 36


class WrongAtOneStep(_ChainsWithAFault):
    at = 3, 35


class Unsure(MeansKernel):
    def answers(self, count, total):
        return Answers(super().answers(count, total).decision, np.zeros(len(count), dtype=bool))


class SureByNumbers(MeansKernel):
    def answers(self, count, total):
        return Answers(super().answers(count, total).decision, np.ones(len(count), dtype=int))


@pytest.mark.parametrize(
    ("kernel", "words"),
    [
        (WrongInLargeCalls, "of 1024 coalitions at once, decisions are up to"),
        (WrongInOneWalk, "in a chain, decisions are up to"),
        (WrongAtOneStep, "in a chain, decisions are up to"),
        (Unsure, "sure of no coalition"),
        (SureByNumbers, "an array of int64 of shape .* instead of bool"),
    ],
)
def test_faults_in_odd_places_are_found(kernel, words, registered):
    X, y = load_iris(return_X_y=True)
    with pytest.raises(AssertionError, match=words):
        check_kernel(kernel, Means(), X, y)


def test_sparse_rows_are_no_kernels_business(registered):
    X, y = load_iris(return_X_y=True)
    with pytest.raises(TypeError, match="X is a sparse matrix"):
        check_kernel(MeansKernel, Means(), sparse.csr_array(X), y)


def test_estimators_may_name_their_kernel(data, monkeypatch):
    monkeypatch.setattr(registry, "_registered", {})

    class Own(Means):
        @classmethod
        def __skdvl_kernel__(cls):
            return MeansKernel

    class Heir(Own):
        pass

    assert isinstance(make_utility(_refit(data, Own())).kernel, MeansKernel)
    refit = _refit(data, Heir())
    assert make_utility(refit) is refit


@pytest.mark.parametrize("answer", [None, 42, ImportError("no such module")])
def test_what_is_no_kernel_ends_no_fit(answer, data, monkeypatch):
    monkeypatch.setattr(registry, "_registered", {})

    def load(*_):
        if isinstance(answer, Exception):
            raise answer
        return answer

    class Own(DummyClassifier):
        __skdvl_kernel__ = load

    X, y, X_val, y_val = data
    valuator = ShapleyValuator(Own(), stopping=MaxRounds(1), random_state=0)
    with pytest.warns(RuntimeWarning, match=r"'Own.__skdvl_kernel__' cannot be loaded: "):
        valuator.fit(X, y, X_val=X_val, y_val=y_val)
    assert valuator.utility_info_.tier == "refit"
    entries = [SimpleNamespace(value="a:Kernel", load=load)]
    monkeypatch.setattr(registry, "entry_points", lambda group: entries)
    registry._plugins.cache_clear()
    try:
        with pytest.warns(RuntimeWarning, match="'a:Kernel' cannot be loaded: "):
            make_utility(_refit(data, DummyClassifier()))
    finally:
        registry._plugins.cache_clear()


def test_each_kernel_gives_its_reason(data):
    refit = _refit(data, LogisticRegression(class_weight="balanced"))
    assert make_utility(refit) is refit
    assert refit.reason.startswith("logistic: class_weight is given; optimum: solver=")


def test_whole_numbers_are_left_to_refits_where_they_make_a_difference():
    """Among rows of equal distance, scikit-learn chooses others for integers than for floats."""
    rng = np.random.default_rng(0)
    X, y = rng.integers(0, 3, (80, 3)), rng.normal(size=80)
    masks = rng.random((500, 40)) < 0.3
    scores = {}
    for train, val in ((float, float), (int, int), (bool, bool), (float, int), (int, float)):
        rows = X[:40].astype(train), y[:40], X[40:].astype(val), y[40:]
        refit = _refit(rows, KNeighborsRegressor(3), "r2")
        utility = make_utility(refit)
        scores[train, val] = utility(masks)
        np.testing.assert_allclose(scores[train, val], refit(masks), rtol=1e-9)
        assert (utility is refit) == ((train, val) != (float, float))
        assert utility is not refit or "scikit-learn treats in its own way" in refit.reason
        linear = _refit(rows, Ridge(), "r2")
        assert make_utility(linear) is not linear
    assert not np.allclose(scores[float, float], scores[int, int])
    frame = pd.DataFrame(X, columns=list("abc")).astype({"a": float})  # floats to scikit-learn
    refit = _refit((frame[:40], y[:40], frame[40:], y[40:]), KNeighborsRegressor(3), "r2")
    np.testing.assert_array_equal(make_utility(refit)(masks), scores[float, float])
    with pytest.raises(AssertionError, match="in its own way"):
        check_kernel(NeighborsRegressorKernel, KNeighborsRegressor(3), X, y)


def test_time_is_taken_only_where_workers_wait(data, registered, monkeypatch):
    asked = []
    clocked = KernelUtility._clocked
    monkeypatch.setattr(KernelUtility, "_clocked", lambda *a: asked.append(a) or clocked(*a))
    alone = _fit(data)
    assert not asked
    _same(alone, _fit(data, n_jobs=2))
    assert len(asked) == 1


def test_packages_may_name_kernels(data, monkeypatch):
    def broken():
        raise ImportError("no such module")

    entries = [
        SimpleNamespace(value="a:Kernel", load=broken),
        SimpleNamespace(value="b:Kernel", load=lambda: MeansKernel),
    ]
    monkeypatch.setattr(registry, "_registered", {})
    monkeypatch.setattr(registry, "entry_points", lambda group: entries)
    registry._plugins.cache_clear()
    try:
        with pytest.warns(RuntimeWarning, match="'a:Kernel' cannot be loaded.*no such module"):
            utility = make_utility(_refit(data))
        assert isinstance(utility.kernel, MeansKernel)
        make_utility(_refit(data))  # they are loaded, and warned of, once
    finally:
        registry._plugins.cache_clear()


def test_only_kernels_are_registered():
    with pytest.raises(TypeError, match="subclass of Kernel"):
        register_kernel(Means, Means)
    with pytest.raises(TypeError, match="must be a class"):
        register_kernel(Means(), MeansKernel)


def test_games_have_an_info_too():
    valuator = ShapleyValuator(stopping=MaxRounds(2)).fit_utility(SmallGame())
    info = valuator.utility_info_
    assert info.tier == "utility" and info.n_refitted == 0 and info.n_scored == 64
