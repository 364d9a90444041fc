"""Contract checks for parts of your own: a sampler, a semivalue, a stopping rule, a cache.

Each check plays small games whose values are known by enumeration and raises AssertionError
with the reason. skdvl's own parts pass through the same checks.
"""

import math
import pickle
import struct
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from unittest.mock import patch

import numpy as np
from scipy.special import comb
from sklearn.base import clone

from .caching import Cache, make_recall
from .coalitions import Walks
from .engine import Game, Rules, run_rounds
from .run import Run
from .samplers import CoalitionSampler, IndexSampler
from .semivalues import Shapley
from .stopping import MaxRounds, StoppingRule
from .strategies import MarginalMean, SampleReuse
from .utilities import Utility

__all__ = [
    "SmallGame",
    "check_cache",
    "check_sampler",
    "check_semivalue",
    "check_stopping_rule",
    "check_utility",
    "enumerate_values",
    "play",
]

_STRATEGIES = {strategy.accepts: strategy for strategy in (MarginalMean, SampleReuse)}


class SmallGame(Utility):
    """A small game with saturation, an interaction and a player who hurts.

    Parameters
    ----------
    n_players : int, default=6
    """

    def __init__(self, n_players=6):
        self.n_players = n_players
        self.weights = np.resize([1.0, 0.5, -0.3, 2.0, 0.1, 0.7], n_players)

    def __call__(self, masks):
        return np.tanh(masks @ self.weights) + 0.2 * masks[:, 0] * masks[:, -1]


def enumerate_values(utility, semivalue):
    """Exact values by scoring all 2^n coalitions, one definition term at a time.

    Parameters
    ----------
    utility : Utility
    semivalue : Semivalue

    Returns
    -------
    values : ndarray of shape (n_players,)
    """
    n = utility.n_players
    codes = np.arange(2**n)
    masks = (codes[:, None] >> np.arange(n) & 1).astype(bool)
    scores, size = utility(masks), masks.sum(axis=1)
    weight = semivalue.size_pmf(n)[np.minimum(size, n - 1)] / comb(n - 1, np.minimum(size, n - 1))
    values = np.empty(n)
    for player in range(n):
        without = codes[~masks[:, player]]
        values[player] = weight[without] @ (scores[without + 2**player] - scores[without])
    return values


def play(utility, sampler, semivalue, n_rounds, *, strategy=None, seed=0, cache=None, n_jobs=None):
    """Value the players of a utility by given parts, for a number of rounds.

    Returns
    -------
    run : skdvl.run.Run
        The last state of the run.
    """
    n = utility.n_players
    made = (strategy or _STRATEGIES[sampler.draws])(semivalue, sampler, n)
    rules = Rules(sampler, MaxRounds(n_rounds))
    games = [Game(utility, made, np.arange(n))]
    begun, recall = Run.begin([made.empty()], n, seed), make_recall(cache, [utility])
    *_, run = run_rounds(games, rules, begun, recall=recall, n_jobs=n_jobs)
    return run


def check_sampler(sampler):
    """Check that a sampler is a pure function of the round, and tells its sizes truly.

    Parameters
    ----------
    sampler : IndexSampler

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
    """Check that a semivalue is a distribution over sizes at any number of players.

    Parameters
    ----------
    semivalue : Semivalue

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
    """Check that a stopping rule grows with the run and survives what has no value yet.

    Parameters
    ----------
    rule : StoppingRule

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


def check_utility(utility):
    """Check that a utility is a function of the set, one mask or many, in any order.

    Parameters
    ----------
    utility : Utility

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
    walked = np.concatenate(list(utility.walk(walks.start, walks.order)), axis=1)
    scored = utility(walks.masks().reshape(-1, n)).reshape(3, n + 1)
    np.testing.assert_allclose(walked, scored, rtol=1e-9, atol=1e-12)


def check_cache(cache):
    """Check that a cache returns what it was given, whole or not at all, and never raises.

    The cache is cleared.

    Parameters
    ----------
    cache : Cache

    Examples
    --------
    >>> from skdvl.caching import MemoryCache
    >>> from skdvl.testing import check_cache
    >>> check_cache(MemoryCache())
    """
    assert isinstance(cache, Cache), "derive from Cache"
    assert clone(cache) is cache, "clones of a valuator must share the cache"
    cache._validate_params()
    cache.clear()
    _check_scores(cache)
    _check_records(cache)
    _check_faults(cache)
    _check_fits(cache)
    cache.clear()


def _check_scores(cache):
    numbers = [
        0.0,
        -0.0,
        1 / 3,
        -1e300,
        5e-324,
        np.nextafter(1, 2),
        *np.random.default_rng(0).random(500),
    ]
    scores = {bytes([i % 256, i // 256]) * 8: float(number) for i, number in enumerate(numbers)}
    assert cache.get_many(list(scores)) == {}, "clear must forget everything"
    assert cache.get_many([]) == {} and cache.put_many({}) is None
    cache.put_many(scores)
    found = cache.get_many([*scores, b"unknown" * 2])
    assert {key: struct.pack("<d", score) for key, score in found.items()} == {
        key: struct.pack("<d", score) for key, score in scores.items()
    }, "scores must come back with all their bits"
    odd = {b"nan" * 5: math.nan, b"inf" * 5: math.inf}
    cache.put_many(odd)
    assert cache.get_many(list(odd)) == {}, "only finite numbers are scores"
    first = next(iter(scores))
    cache.put_many({first: 2.0})
    assert cache.get_many([first]) == {first: 2.0}, "the last score that was put counts"
    cache.close()
    assert cache.get_many([first]).get(first, 2.0) == 2.0, "close must leave the cache usable"
    travelled = pickle.loads(pickle.dumps(cache))
    assert repr(travelled) == repr(cache), "a cache travels with its valuator"
    assert travelled.get_many([first]).get(first, 2.0) == 2.0
    with ThreadPoolExecutor(4) as threads:
        every = list(threads.map(lambda _: cache.get_many(list(scores)), range(8)))
        list(threads.map(cache.put_many, [scores] * 8))
    expected = scores | {first: 2.0}
    assert all(expected[key] == score for found in every for key, score in found.items())
    assert cache.get_many(list(scores)) == scores, "threads must not lose what others put"
    cache.clear()
    assert cache.get_many(list(scores)) == {}, "clear must forget everything"


def _check_records(cache):
    """Damage what is stored, and look whether it is told from a score."""
    a, b = b"a" * 16, b"b" * 16
    cache.put_many({a: 1.0, b: 2.0})
    records = {}
    for _, mine in cache._by_place([a, b]):
        records |= cache._read(mine)
    assert all(type(record) is bytes for record in records.values()), "records are bytes"
    for damaged in (records[b], records[a][:-1], b"", records[a] + b"x", bytes(16)):
        cache._write({a: damaged})
        errors = cache.stats.errors
        assert cache.get_many([a, b]) == {b: 2.0}, "a damaged record must count as missing"
        assert cache.stats.errors >= errors
    cache.clear()


def _check_faults(cache):
    """Let storing and finding fail; a fit must not notice."""

    def fail(*args):
        raise OSError("planted")

    with patch.object(cache, "_read", fail), patch.object(cache, "_write", fail):
        errors = cache.stats.errors
        assert cache.get_many([b"a" * 16]) == {} and cache.put_many({b"a" * 16: 1.0}) is None
        assert cache.stats.errors == errors + 2, "failed operations are counted"
    assert "planted" in cache.take_trouble()
    cache.put_many({b"a" * 16: 1.0})
    assert cache.get_many([b"a" * 16]) == {b"a" * 16: 1.0}, "a fault must not be the end"
    cache.clear()


def _check_fits(cache):
    """Play a game without the cache, with it empty, and with it full."""
    game, sampler = SmallGame(), CoalitionSampler()
    cold = play(game, sampler, Shapley(), 2)
    for sets in (True, False):
        before = cache.stats.sets
        run = play(game, sampler, Shapley(), 2, cache=cache)
        np.testing.assert_array_equal(run.values, cold.values)
        assert (cache.stats.sets > before) == sets, "a full cache leaves nothing to score"
