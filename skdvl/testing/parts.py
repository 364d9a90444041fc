"""Checks of samplers, semivalues, stopping rules and utilities."""

from itertools import islice

import numpy as np
from sklearn.base import clone

from ..coalitions import Walks
from ..run import Run
from ..samplers import IndexSampler, PermutationSampler
from ..semivalues import Shapley
from ..stopping import MaxRounds, StoppingRule
from ..utilities import Utility
from .games import SmallGame, play


def check_sampler(sampler):
    """Check that a sampler is a pure function of the round, and tells its sizes truly.

    Walks are drawn for 1, 2 and 6 players; how often each size is met in 400 rounds is compared
    with `size_pmf`, and `generate_batches` with `sample_limit`.

    Parameters
    ----------
    sampler : IndexSampler

    Raises
    ------
    AssertionError
        If it does not; the message says in what.

    Examples
    --------
    >>> from skdvl.samplers import PermutationSampler
    >>> from skdvl.testing import check_sampler
    >>> check_sampler(PermutationSampler())
    """
    assert isinstance(sampler, IndexSampler), "derive from IndexSampler"
    assert repr(clone(sampler)) == repr(sampler), "clone must keep the parameters"
    before = repr(vars(sampler))
    for n in (1, 2, 6):
        _check_draws(sampler, n)
    assert repr(vars(sampler)) == before, "draw must not change the sampler"
    _check_sizes(sampler, 6)
    _check_batches(sampler, 5)


def _check_draws(sampler, n):
    first, again = (sampler._draw(3, 0, n) for _ in range(2))
    assert np.array_equal(first.start, again.start), "draw must depend on its argument alone"
    assert np.array_equal(first.order, again.order), "draw must depend on its argument alone"
    assert first.start.dtype == bool and first.start.shape == (len(first), n)
    assert (sampler.draws == "coalitions") == (first.length == 0), "draws must say what is drawn"
    assert len(first) % first.group == 0, "groups must be whole"
    rows = np.arange(len(first))[:, None]
    assert not first.start[rows, first.order].any(), "a walk adds players who are not in yet"
    assert all(len(set(order)) == len(order) for order in first.order.tolist())
    pmf = sampler.size_pmf(n)
    assert pmf.shape == (n + (sampler.draws == "coalitions"),), "size_pmf has the wrong shape"
    assert np.isclose(pmf.sum(), 1) and (pmf >= 0).all(), "size_pmf must be a distribution"


def _check_sizes(sampler, n, n_rounds=400):
    """Compare the sizes drawn, and how often each player is met, with what is promised."""
    pmf, end = sampler.size_pmf(n), sampler.n_rounds(n)
    last = n_rounds if end is None else end
    sizes, met, groups = np.zeros(len(pmf)), np.zeros(n), 1
    for t in range(last):
        walks = sampler._draw(0, t, n)
        groups = walks.group
        drawn = walks.sizes[:, : max(walks.length, 1)]
        sizes += np.bincount(drawn.ravel(), minlength=len(pmf))
        met += np.bincount(walks.order.ravel(), minlength=n)
    assert np.ptp(met) == 0, "players must be served equally often"
    if end is not None:
        np.testing.assert_allclose(sizes / sizes.sum(), pmf, atol=1e-12)
    else:  # the members of a group may be of the same size
        error = np.sqrt(groups * pmf * (1 - pmf) / sizes.sum()) + 1e-12
        close = np.abs(sizes / sizes.sum() - pmf) < 5 * error
        assert close.all(), "size_pmf is not what is drawn"


def _check_batches(sampler, n):
    names = np.arange(n) * 10 + 7
    limit = sampler.sample_limit(names)

    def batches():
        return islice(sampler.generate_batches(names, random_state=1), 50)

    first, second = ([sample for batch in batches() for sample in batch] for _ in range(2))
    assert all(
        a.index == b.index and np.array_equal(a.subset, b.subset)
        for a, b in zip(first, second, strict=True)
    ), "a new call starts anew"
    for index, subset in first:
        assert set(subset) <= set(names) and index not in subset
        assert np.isfinite(sampler.log_weight(n, len(subset))), "drawn, but log_weight says never"
    if limit is not None:
        everything = sampler.generate_batches(names, random_state=1)
        assert sum(map(len, everything)) == limit, "sample_limit is not what is drawn"


def check_semivalue(semivalue):
    """Check that a semivalue is a distribution over sizes, for 1 to 100 000 players.

    Parameters
    ----------
    semivalue : Semivalue

    Raises
    ------
    AssertionError
        If it does not; the message says in what.

    Examples
    --------
    >>> from skdvl.semivalues import BetaShapley
    >>> from skdvl.testing import check_semivalue
    >>> check_semivalue(BetaShapley(4, 1))
    """
    assert repr(clone(semivalue)) == repr(semivalue), "clone must keep the parameters"
    for n in (1, 2, 7, 100, 100_000):
        pmf = semivalue.size_pmf(n)
        assert pmf.shape == (n,), f"size_pmf({n}) must have shape ({n},)"
        assert np.isfinite(pmf).all() and (pmf >= 0).all() and np.isclose(pmf.sum(), 1)


def check_stopping_rule(rule):
    """Check that a stopping rule is a pure function of the run, and never tells NaN.

    It is asked about a run that has not begun, which it must not stop, and about the first rounds
    of a small game, alone and in company.

    Parameters
    ----------
    rule : StoppingRule

    Raises
    ------
    AssertionError
        If it does not; the message says in what.

    Examples
    --------
    >>> from skdvl.stopping import MaxRounds
    >>> from skdvl.testing import check_stopping_rule
    >>> check_stopping_rule(MaxRounds(10))
    """
    assert isinstance(rule, StoppingRule), "derive from StoppingRule"
    assert repr(clone(rule)) == repr(rule), "clone must keep the parameters"
    n = 4
    start = Run.begin([{}], n, 0, window=rule.window)
    assert 0 <= rule.completion(start) < 1, "a rule must not stop a run that has not begun"
    assert (rule | MaxRounds(1)).window >= rule.window
    assert (rule & MaxRounds(1)).completion(start) < 1
    before = repr(vars(rule))
    for n_rounds in (1, 2, 20):
        run = play(SmallGame(n), PermutationSampler(), Shapley(), n_rounds)
        told = rule.completion(run)
        assert told >= 0, f"completion must be 0 or more, and not {told!r}"
        assert rule.completion(run) == told, "completion must depend on the run alone"
        assert (rule | MaxRounds(n_rounds)).completion(run) >= 1
    assert repr(vars(rule)) == before, "completion must not change the rule"


def check_utility(utility):
    """Check that a utility is a function of the set, one mask or many, in any order.

    If it has a `walk`, that must tell the same scores. Scores may differ by 1e-9 of their size.

    Parameters
    ----------
    utility : Utility

    Raises
    ------
    AssertionError
        If it does not; the message says in what.

    Examples
    --------
    >>> from skdvl.games import MinerGame
    >>> from skdvl.testing import check_utility
    >>> check_utility(MinerGame(5))
    """
    assert isinstance(utility, Utility), "derive from Utility"
    n = utility.n_players
    masks = np.random.default_rng(0).random((16, n)) < 0.5
    kept = masks.copy()
    scores = np.asarray(utility(masks))
    assert np.array_equal(masks, kept), "a utility must not change the masks"
    assert scores.shape == (16,) and np.isfinite(scores).all(), "one finite score for each mask"
    one_by_one = np.concatenate([utility(mask[None]) for mask in masks[::-1]])[::-1]
    np.testing.assert_allclose(one_by_one, scores, rtol=1e-9, atol=1e-12)
    if utility.walk is not None:
        _check_walk(utility)


def _check_walk(utility):
    n = utility.n_players
    rng = np.random.default_rng(1)
    order = rng.permuted(np.tile(np.arange(n), (3, 1)), axis=1)
    walks = Walks(np.zeros((3, n), dtype=bool), order)
    pieces = [getattr(p, "scores", p) for p in utility.walk(walks.start, walks.order)]
    walked = np.concatenate(pieces, axis=1)
    scored = utility(walks.masks().reshape(-1, n)).reshape(3, n + 1)
    np.testing.assert_allclose(walked, scored, rtol=1e-9, atol=1e-12)
