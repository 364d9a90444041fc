"""The regression-adjusted strategy: its model in closed form, its values beside enumeration."""

from functools import partial, reduce
from threading import Barrier, get_ident

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.naive_bayes import GaussianNB

from skdvl import ShapleyValuator
from skdvl.samplers import (
    CoalitionSampler,
    ExhaustiveSampler,
    PairedSampler,
    PermutationSampler,
    Round,
    SizeOptimalSampler,
)
from skdvl.semivalues import Banzhaf, BetaShapley, DeltaShapley, LeaveOneOut, Shapley
from skdvl.stopping import MaxEvaluations
from skdvl.strategies import MarginalMean, RegressionAdjusted, SampleReuse
from skdvl.strategies.moments import FoldMoments, Moments, Sample
from skdvl.strategies.surrogate import _PENALTIES, Surrogate, _factor, _likeliest
from skdvl.testing import enumerate_values, play
from skdvl.utilities import Utility

SEMIVALUES = [
    Shapley(),
    Banzhaf(),
    Banzhaf(0.3),
    BetaShapley(4, 1),
    BetaShapley(16, 1),
    BetaShapley(1, 4),
    DeltaShapley(0.2, 0.6),
    LeaveOneOut(),
]
SYMMETRIC = [Shapley(), Banzhaf(), BetaShapley(4, 4)]
BORDER = SizeOptimalSampler(tilt=0.35, enumerate_border=True)


class Learner(Utility):
    """Grows with the number of players, each of whom has an effect; not quite additive."""

    def __init__(self, n_players, noise=0.02, seed=0):
        rng = np.random.default_rng(seed)
        self.n_players, self.noise = n_players, noise
        self.effects = rng.standard_normal(n_players)
        self.pairs = rng.standard_normal((n_players, n_players)) / n_players

    def __call__(self, masks):
        members = masks.astype(float)
        size = members.sum(axis=1)
        mean = members @ self.effects / np.maximum(size, 1)
        both = np.einsum("ij,jk,ik->i", members, self.pairs, members) / np.maximum(size, 1)
        return np.log1p(size) / 4 + np.tanh(mean) / 2 + self.noise * np.sin(9 * both)


class Modelled(Utility):
    """A utility that is what a surrogate predicts."""

    def __init__(self, surrogate, beta, gamma):
        self.surrogate, self.beta, self.gamma = surrogate, beta, gamma
        self.n_players = surrogate.n

    def __call__(self, masks):
        sizes = np.count_nonzero(masks, axis=1)
        fits = [(self.beta, self.gamma)]
        none = np.empty((len(masks), 0))
        return self.surrogate.predict(masks.astype(float), sizes, none, fits)[:, 0]


def _errors(game, sampler, semivalue, strategy, n_rounds, n_seeds):
    exact = enumerate_values(game, semivalue)
    runs = [play(game, sampler, semivalue, n_rounds, strategy=strategy, seed=s)
            for s in range(n_seeds)]  # fmt: skip
    return np.array([run.values - exact for run in runs]), np.array([run.stderr for run in runs])


# --------------------------------------------------------------------------- the model


@pytest.mark.parametrize("semivalue", SEMIVALUES, ids=repr)
@pytest.mark.parametrize("n", [1, 2, 3, 5, 9])
@pytest.mark.parametrize("n_slopes", [0, 1, 2])
def test_the_values_of_the_model_are_those_of_enumeration(n, n_slopes, semivalue):
    rng = np.random.default_rng(n)
    surrogate = Surrogate(semivalue.size_pmf(n), n_slopes)
    beta, gamma = rng.standard_normal(n_slopes * n), rng.standard_normal(surrogate.n_curves)
    values = surrogate.values(beta, gamma, np.empty((n, 0)))
    expected = enumerate_values(Modelled(surrogate, beta, gamma), semivalue)
    np.testing.assert_allclose(values, expected, atol=1e-12)


@pytest.mark.parametrize("semivalue", [Shapley(), Banzhaf(), BetaShapley(4, 1)], ids=repr)
def test_what_the_model_can_say_is_found_exactly(semivalue):
    """Scores without noise leave nothing over but what the smallest penalty shrinks."""
    n, rng = 12, np.random.default_rng(0)
    surrogate = Surrogate(semivalue.size_pmf(n), 2)
    game = Modelled(surrogate, rng.standard_normal(2 * n), rng.standard_normal(7))
    run = play(game, SizeOptimalSampler(semivalue), semivalue, 4, strategy=RegressionAdjusted)
    expected = enumerate_values(game, semivalue)
    assert np.abs(run.values - expected).max() < 1e-3 * expected.std()


# --------------------------------------------------------------------------- the values


@pytest.mark.parametrize(
    ("sampler", "semivalue"),
    [(SizeOptimalSampler, semivalue) for semivalue in SEMIVALUES[:-1]]
    + [(PairedSampler, semivalue) for semivalue in SYMMETRIC],
    ids=lambda part: getattr(part, "__name__", None) or repr(part),
)
def test_values_are_unbiased_and_errors_are_those_of_repetitions(sampler, semivalue, monkeypatch):
    """With the whole correction; 40 runs, of which the mean and the spread are looked at."""
    monkeypatch.setattr("skdvl.strategies.regression._factor", lambda *_: 1.0)
    game = Learner(9, noise=0.2)
    errors, told = _errors(game, sampler(semivalue), semivalue, RegressionAdjusted, 2, 40)
    spread = errors.std(axis=0, ddof=1)
    assert (np.abs(errors.mean(axis=0)) < 4.5 * spread / np.sqrt(40) + 1e-9).all()
    if spread.max() > 1e-9:
        ratio = np.sqrt((told**2).mean() / (spread**2).mean())
        assert 0.8 < ratio < 1.25


@pytest.mark.parametrize(
    ("semivalue", "sampler", "least"),
    [
        (Shapley(), SizeOptimalSampler(tilt=0.35, enumerate_border="auto"), 8),
        (Banzhaf(), SizeOptimalSampler(Banzhaf(), paired=True), 30),
        (BetaShapley(4, 1), SizeOptimalSampler(BetaShapley(4, 1), 0.2), 20),
        (BetaShapley(16, 1), SizeOptimalSampler(BetaShapley(16, 1), 0.1), 60),
    ],
    ids=repr,
)
def test_errors_are_a_fraction_of_those_of_permutations(semivalue, sampler, least):
    game = Learner(14)
    plain, _ = _errors(game, PermutationSampler(), semivalue, MarginalMean, 2, 10)
    ours, _ = _errors(game, sampler, semivalue, RegressionAdjusted, 2, 10)
    assert (plain**2).mean() > least * (ours**2).mean()


def test_where_the_model_says_nothing_it_does_no_harm():
    """Scores of pure noise: the values are no worse than those of plain sample reuse."""

    class Noise(Learner):
        def __call__(self, masks):
            return np.sin(1e4 * (masks @ self.effects))

    game = Noise(12)
    plain, _ = _errors(game, SizeOptimalSampler(), Shapley(), SampleReuse, 3, 20)
    ours, _ = _errors(game, SizeOptimalSampler(), Shapley(), RegressionAdjusted, 3, 20)
    assert (ours**2).mean() < 1.1 * (plain**2).mean()


def test_the_factor_keeps_noise_out(monkeypatch):
    """Of 60 players and few coalitions, each with noise of its own, about which there is no more
    to say than the effects: the whole correction would only add noise."""

    class Noisy(Learner):
        def __call__(self, masks):
            own = np.sin(1e4 * (masks @ self.effects**2))
            return masks @ self.effects / 60 + own

    game, runs = Noisy(60), {}
    for name in ("cross-validated", "whole"):
        if name == "whole":
            monkeypatch.setattr("skdvl.strategies.regression._factor", lambda *_: 1.0)
        runs[name] = [
            play(game, BORDER, Shapley(), 2, strategy=RegressionAdjusted, seed=s).values
            for s in range(10)
        ]
    errors = {name: ((np.array(v) - game.effects / 60) ** 2).mean() for name, v in runs.items()}
    assert errors["cross-validated"] < 0.7 * errors["whole"], errors


@pytest.mark.parametrize("semivalue", SEMIVALUES, ids=repr)
@pytest.mark.parametrize("n", [1, 2, 3])
def test_few_players_are_enumerated_by_their_border(n, semivalue):
    game = Learner(n)
    run = play(game, BORDER, semivalue, 2, strategy=RegressionAdjusted)
    np.testing.assert_allclose(run.values, enumerate_values(game, semivalue), atol=0.2)
    game = Learner(4)
    whole = RegressionAdjusted(Shapley(), BORDER, 4)
    assert sorted(np.count_nonzero(whole.border, axis=1)) == [0] + [1] * 4 + [3] * 4 + [4]


@pytest.mark.parametrize("paired", [False, True])
def test_with_many_players_effects_are_left_out(paired, monkeypatch):
    """As if 14 players were more than 3000, or 10 000: less is explained, and nothing is wrong."""
    monkeypatch.setattr("skdvl.strategies.regression._factor", lambda *_: 1.0)
    sampler, errors = SizeOptimalSampler(paired=paired, enumerate_border=True), []
    for name in (None, "_TWO_SLOPES", "_MOST_PLAYERS"):
        if name is not None:
            monkeypatch.setattr(f"skdvl.strategies.regression.{name}", 10)
        off, told = _errors(Learner(14), sampler, Shapley(), RegressionAdjusted, 2, 15)
        errors.append((off**2).mean())
        assert 0.8 < np.sqrt((off**2).mean() / (told**2).mean()) < 1.25
    assert errors[0] < errors[1] < errors[2]


def test_an_enumeration_ends_with_exact_values():
    game = Learner(11)
    for n_rounds, is_over in ((1, False), (100, True)):
        run = play(game, ExhaustiveSampler(), Shapley(), n_rounds, strategy=RegressionAdjusted)
        assert np.isinf(run.stderr).all() if not is_over else not run.stderr.any()
    np.testing.assert_allclose(run.values, enumerate_values(game, Shapley()), atol=1e-12)


def test_an_offset_of_the_score_costs_no_digits():
    class Shifted(Learner):
        def __call__(self, masks):
            return super().__call__(masks) + 1e6

    runs = [play(game, BORDER, Shapley(), 2, strategy=RegressionAdjusted)
            for game in (Learner(12), Shifted(12))]  # fmt: skip
    np.testing.assert_allclose(runs[0].values, runs[1].values, atol=1e-7)
    np.testing.assert_allclose(runs[0].stderr, runs[1].stderr, rtol=1e-3)


@pytest.mark.parametrize("paired", [False, True])
def test_single_precision_and_small_pieces_change_little(paired, monkeypatch):
    """With many players, moments are taken in single precision, of a few coalitions at a time."""
    sampler = SizeOptimalSampler(paired=paired)
    fine = play(Learner(14), sampler, Shapley(), 2, strategy=RegressionAdjusted)
    monkeypatch.setattr("skdvl.strategies.surrogate._FINE", 0)
    monkeypatch.setattr("skdvl.strategies.moments._ENTRIES", 14 * 32)
    coarse = play(Learner(14), sampler, Shapley(), 2, strategy=RegressionAdjusted)
    np.testing.assert_allclose(coarse.values, fine.values, atol=1e-4 * fine.values.std())
    np.testing.assert_allclose(coarse.stderr, fine.stderr, rtol=1e-3)
    assert (coarse.values != fine.values).any()


def _sample(n, m, paired):
    """Scored coalitions with two controls, and what the model makes of each, feature by feature."""
    rng, surrogate = np.random.default_rng(0), Surrogate(Shapley().size_pmf(n), 2)
    masks = rng.random((m, n)) < 0.4
    if paired:
        masks[1::2] = ~masks[::2]
    sizes, controls = np.count_nonzero(masks, axis=1), rng.standard_normal((m, 2))
    weights = np.repeat(rng.random(m // 2), 2) if paired else rng.random(m)
    sample = Sample(np.packbits(masks, axis=1), sizes, rng.random(m), controls, weights, paired)
    told = [
        surrogate.predict(masks * 1.0, sizes, controls, [(one[: 2 * n], one[2 * n :])])[:, 0]
        for one in np.eye(2 * n + surrogate.n_curves + 2)
    ]
    return surrogate, sample, sample.difference(np.array(told).T)


@pytest.mark.parametrize("paired", [False, True])
def test_moments_are_those_of_the_features(paired):
    """Beside the same sums of what each observation says, written out."""
    surrogate, sample, features = _sample(7, 30, paired)
    f, u = features[:, :14], features[:, 14:]
    w, y = sample.of_each(sample.weights), sample.difference(sample.scores)
    folds = FoldMoments(surrogate.add, 4).of(sample)
    total = reduce(Moments.plus, folds)
    np.testing.assert_allclose(total.ff, (f * w[:, None]).T @ f, atol=1e-12)
    np.testing.assert_allclose(total.fu, (f * w[:, None]).T @ u, atol=1e-12)
    np.testing.assert_allclose(total.uu, (u * w[:, None]).T @ u, atol=1e-12)
    np.testing.assert_allclose(total.fy, f.T @ (w * y), atol=1e-12)
    np.testing.assert_allclose(total.uy, u.T @ (w * y), atol=1e-12)
    assert total.yy == pytest.approx(w @ y**2) and total.count == len(y)
    first, own = folds[1], slice(1, None, 4)
    np.testing.assert_allclose(first.ff, (f[own] * w[own, None]).T @ f[own], atol=1e-12)


@pytest.mark.parametrize("paired", [False, True])
def test_leverages_are_the_diagonal_of_the_hat_matrix(paired):
    surrogate, sample, features = _sample(6, 40, paired)
    x = features * np.sqrt(sample.of_each(sample.weights))[:, None]
    ridge = np.diag([0.3] * 12 + [0.0] * 9)
    hat = np.einsum("ij,jk,ik->i", x, np.linalg.pinv(x.T @ x + ridge, rcond=1e-10), x)
    moments = surrogate.add(None, sample)
    np.testing.assert_allclose(surrogate.leverages(sample, moments, 0.3), hat, atol=1e-6)


@pytest.mark.parametrize("kind", [np.sum, np.mean])
def test_a_game_that_the_model_knows_exactly_is_valued_in_single_precision_too(kind):
    """Nothing is left over there but rounding, and no penalty is too low for the likelihood."""

    class Known(Utility):
        n_players, worth = 320, np.random.default_rng(0).standard_normal(320)

        def __call__(self, masks):
            total = masks @ self.worth
            return total if kind is np.sum else total / np.maximum(masks.sum(axis=1), 1)

    semivalue = BetaShapley(16, 1)
    sampler = SizeOptimalSampler(semivalue, tilt=0.11, enumerate_border="auto")
    run = play(Known(), sampler, semivalue, 8, strategy=RegressionAdjusted)
    # With k others the mean changes by (worth - that of the others) / (k + 1), on average.
    sizes, others = np.arange(320), (Known.worth.sum() - Known.worth) / 319
    share = semivalue.size_pmf(320) @ (1 / (sizes + 1))
    first = semivalue.size_pmf(320)[0]  # nobody else is there whose mean would be lost
    exact = share * Known.worth - (share - first) * others
    exact = Known.worth if kind is np.sum else exact
    assert np.abs(run.values - exact).max() < 1e-2 * np.abs(exact).max()
    assert (np.abs(run.centre - exact) < 6 * run.stderr + 1e-9).all()


@pytest.mark.parametrize("noise", [0.1, 1, 10])
@pytest.mark.parametrize("n", [1, 2, 3, 8])
def test_the_penalty_is_the_likeliest(n, noise):
    """Of scores that are normal with variance 1 + x'x / penalty, up to a scale, written out."""
    rng = np.random.default_rng(n)
    x = rng.standard_normal((20, n)) * np.arange(1, n + 1)
    x[:, n // 2 :] = x[:, : n - n // 2]  # some effects are the same, so that a is singular
    y = x.sum(axis=1) + noise * rng.standard_normal(20)
    a = x.T @ x
    likely, penalties = [], _PENALTIES * np.trace(a) / n
    for penalty in penalties:
        cov = np.eye(20) + x @ x.T / penalty
        likely.append(-np.linalg.slogdet(cov)[1] - 20 * np.log(y @ np.linalg.solve(cov, y)))
    found = _likeliest(a, x.T @ y, y @ y, 20)
    assert found == pytest.approx(penalties[np.argmax(likely)], rel=1e-9)


def test_rounding_that_leaves_no_inverse_gets_a_larger_penalty():
    """Moments in single precision may have eigenvalues below zero, here by far."""
    rng = np.random.default_rng(0)
    turn = np.linalg.qr(rng.standard_normal((4, 4)))[0]
    a = turn @ np.diag([3.0, 2.0, 1.0, -0.01]) @ turn.T
    c = turn[:, :3] @ np.ones(3)
    explained = c @ np.linalg.pinv(a) @ c  # all that the scores say: the least penalty is best
    assert _likeliest(a, c, explained, 1000) > 0.02
    factor, _ = _factor(a.copy(), 1e-3)
    added = np.tril(factor) @ np.tril(factor).T - a
    np.testing.assert_allclose(added, 1e-3 * 4**2 * np.eye(4), atol=1e-12)


@pytest.mark.parametrize("paired", [False, True])
def test_moments_that_were_kept_are_those_of_the_whole(paired, monkeypatch):
    monkeypatch.setattr("skdvl.strategies.moments._CHUNK", 4)
    n, rng = 9, np.random.default_rng(1)
    surrogate = Surrogate(Shapley().size_pmf(n), 2)
    masks = rng.random((120, n)) < 0.4
    masks[1::2] = ~masks[::2] if paired else masks[1::2]
    sizes = np.count_nonzero(masks, axis=1)
    parts = np.packbits(masks, axis=1), sizes, rng.random(120), rng.random((120, 2)), np.ones(120)
    whole = Sample(*parts, paired)
    growing = FoldMoments(surrogate.add, 5)
    for n_coalitions in (10, 30, 100, 120, 44):  # the last is of fewer than are known
        sample = Sample(*(part[:n_coalitions] for part in parts), paired)
        again, anew = growing.of(sample), FoldMoments(surrogate.add, 5).of(sample)
        for kept, other in zip(again, anew, strict=True):
            assert all(map(np.array_equal, vars(kept).values(), vars(other).values()))
    other = Sample(parts[0], sizes, parts[2] + 1, *parts[3:], paired)
    growing.of(whole)
    for kept, anew in zip(growing.of(other), FoldMoments(surrogate.add, 5).of(other),
                          strict=True):  # fmt: skip
        np.testing.assert_array_equal(kept.uy, anew.uy)


def test_threads_have_no_bearing_on_values(monkeypatch):
    monkeypatch.setattr("skdvl.strategies.regression._LONG", 0)
    monkeypatch.setattr("skdvl.strategies.moments._CHUNK", 16)
    threads = partial(RegressionAdjusted, n_jobs=3)
    alone = play(Learner(12), BORDER, Shapley(), 40, strategy=RegressionAdjusted)
    together = play(Learner(12), BORDER, Shapley(), 40, strategy=threads)
    np.testing.assert_array_equal(alone.values, together.values)
    np.testing.assert_array_equal(alone.stderr, together.stderr)


@pytest.mark.parametrize(("n_jobs", "n_threads"), [(None, 1), (2, 2)])
def test_a_fit_makes_its_estimates_in_threads(monkeypatch, n_jobs, n_threads):
    X, y = load_iris(return_X_y=True)
    met, meeting = set(), Barrier(n_threads)

    def grow(self, sample, j, do=FoldMoments._grow):
        if j < n_threads:  # so that no thread does all of the work
            meeting.wait(60)
        met.add(get_ident())
        return do(self, sample, j)

    monkeypatch.setattr("skdvl.strategies.regression._LONG", 0)
    monkeypatch.setattr(FoldMoments, "_grow", grow)
    valuator = ShapleyValuator(
        GaussianNB(), stopping=MaxEvaluations(300), n_jobs=n_jobs, random_state=0
    )
    valuator.fit(X[::6], y[::6], X_val=X[1::6], y_val=y[1::6])
    assert len(met) >= n_threads and (n_threads > 1 or met == {get_ident()})


def test_whoever_interrupts_an_estimate_finds_it_as_it_would_have_been(monkeypatch):
    """Moments are added in place; those half done are thrown away."""
    monkeypatch.setattr("skdvl.strategies.moments._CHUNK", 16)
    strategy, rng = RegressionAdjusted(Shapley(), BORDER, 12), np.random.default_rng(0)
    tally = strategy.empty()
    strategy.estimate(_played(strategy, tally, rng, 12))
    _played(strategy, tally, rng, 30)
    with monkeypatch.context() as patch:
        patch.setattr(strategy._moments, "_add", _interrupted(strategy.surrogate.add, 3))
        with pytest.raises(KeyboardInterrupt):
            strategy.estimate(tally)
    anew = RegressionAdjusted(Shapley(), BORDER, 12).estimate(tally)
    np.testing.assert_array_equal(strategy.estimate(tally).values, anew.values)


def _played(strategy, tally, rng, n_rounds):
    for t in range(n_rounds):
        walks = BORDER.draw(Round(t, strategy.n, rng))
        walks = walks if len(tally["border"]) else walks.after(strategy.prelude())
        strategy.fold(tally, walks, Learner(strategy.n)(walks.start)[:, None])
    return tally


def _interrupted(add, when):
    calls = iter(range(when))

    def one(moments, sample):
        if next(calls, None) is None:
            raise KeyboardInterrupt
        return add(moments, sample)

    return one


def test_the_last_values_do_not_depend_on_when_estimates_were_made(monkeypatch):
    now_and_then = play(Learner(12), BORDER, Shapley(), 10, strategy=RegressionAdjusted)
    monkeypatch.setattr(RegressionAdjusted, "is_due", lambda self, n_rounds: True)
    always = play(Learner(12), BORDER, Shapley(), 10, strategy=RegressionAdjusted)
    np.testing.assert_array_equal(now_and_then.values, always.values)
    np.testing.assert_array_equal(now_and_then.stderr, always.stderr)


def test_estimates_are_made_at_growing_distances():
    strategy = RegressionAdjusted(Shapley(), BORDER, 12)
    due = [t for t in range(1, 200) if strategy.is_due(t)]
    assert due[:4] == [1, 2, 3, 4] and len(due) < 25
    assert all(later <= 1.25 * sooner + 1 for sooner, later in zip(due, due[1:], strict=False))


# --------------------------------------------------------------------------- the design


@pytest.mark.parametrize("paired", [False, True])
def test_sizes_of_a_round_come_as_often_as_they_should(paired):
    sampler, n = SizeOptimalSampler(BetaShapley(2, 2), 0.2, paired=paired), 20
    strategy = RegressionAdjusted(BetaShapley(2, 2), sampler, n)
    walks = sampler._draw(0, 3, n)
    sizes = np.count_nonzero(walks.start[:: walks.group], axis=1)
    expected = sampler.size_pmf(n) * len(sizes)
    assert (np.abs(np.bincount(sizes, minlength=n + 1) - expected) < 1).all()
    assert strategy.group == walks.group == 1 + paired


def test_the_border_is_left_out_where_it_is_cheap():
    n = 100
    law = SizeOptimalSampler(tilt=0.35, enumerate_border="auto").size_pmf(n)
    assert law[[0, 1, n]].sum() == 0 and law[n - 1] > 0
    law = SizeOptimalSampler(enumerate_border=True, paired=True).size_pmf(n)
    assert law[[0, 1, n - 1, n]].sum() == 0
    np.testing.assert_allclose(law, law[::-1])
    assert law.sum() == pytest.approx(1)
    point = SizeOptimalSampler(LeaveOneOut(), enumerate_border=True).size_pmf(n)
    assert point[n - 1] == 1


def test_a_border_that_nobody_enumerates_is_refused():
    with pytest.raises(ValueError, match="never draws coalitions of size 0"):
        play(Learner(12), BORDER, Shapley(), 1, strategy=SampleReuse)


def test_misfits_are_refused():
    with pytest.raises(ValueError, match=r"Pairs .* suit semivalues that are symmetric"):
        play(Learner(6), PairedSampler(), BetaShapley(4, 1), 1, strategy=RegressionAdjusted)
    with pytest.raises(ValueError, match="needs a sampler that draws coalitions"):
        play(Learner(6), PermutationSampler(), Shapley(), 1, strategy=RegressionAdjusted)
    with pytest.raises(ValueError, match="almost never draws coalitions"):
        play(Learner(40), CoalitionSampler(), Shapley(), 1, strategy=RegressionAdjusted)


def test_a_score_that_is_infinite_is_named():
    strategy = RegressionAdjusted(Shapley(), BORDER, 9)
    walks = strategy.prelude()
    scores = np.zeros((len(walks), 1))
    scores[3] = -np.inf
    with pytest.raises(ValueError, match="A coalition scored -inf.*finite error_score"):
        strategy.fold(strategy.empty(), walks, scores)
