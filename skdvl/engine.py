"""The one loop: draw a round, score it, fold it in, ask whether to stop."""

import math
from contextlib import closing
from dataclasses import dataclass
from itertools import count
from time import perf_counter

import numpy as np

from .coalitions import Placement
from .evaluation import score_rounds
from .run import Run
from .samplers.base import IndexSampler, Round
from .stopping import StoppingRule
from .stopping.base import is_look
from .strategies import Estimate, EvaluationStrategy, fold_noise, noise_floor
from .streams import Streams
from .truncation import Truncation
from .utilities.base import Utility

_GROWTH = 1.1  # of rounds, between two estimates that nothing but a progress line reads


@dataclass(frozen=True)
class Game:
    """A utility and the strategy that values its players.

    Attributes
    ----------
    utility : Utility
    strategy : EvaluationStrategy
    players : ndarray of int
        Which players of the run these are: with several folds, each fold is a game among those
        that it trains on.
    placement : skdvl.coalitions.Placement or None, default=None
        If the utility knows others too.
    """

    utility: Utility
    strategy: EvaluationStrategy
    players: np.ndarray
    placement: Placement | None = None

    @property
    def names(self):
        """What those that the utility knows are called."""
        return self.players if self.placement is None else self.placement.names

    def own(self, walks):
        """Return the players' part of walks."""
        return walks if self.placement is None else self.placement.take(walks)


@dataclass(frozen=True)
class Rules:
    """How the games of a run are played.

    Attributes
    ----------
    sampler : IndexSampler
    stopping : StoppingRule
    truncation : Truncation or None
    is_open : bool
        Whether nobody has asked for a way, so that values in closed form need no rounds at all.
    """

    sampler: IndexSampler
    stopping: StoppingRule
    truncation: Truncation | None = None
    is_open: bool = False

    def round_limit(self, sizes):
        """Return a number of rounds that is never exceeded, or infinity.

        Parameters
        ----------
        sizes : list of int
            Number of players of each game.
        """
        ends = [self.sampler.n_rounds(size) for size in sizes]
        drawn = math.inf if None in ends else max(ends)
        return min(drawn, self.stopping.round_limit)


def solve(games, run: Run):
    """Return the run with the values that all utilities know in closed form, or None."""
    estimates = []
    for game in games:
        values = game.utility.closed_form(game.strategy.pmf)
        if values is None:
            return None
        estimates.append(Estimate(values, np.zeros(len(values)), np.zeros(len(values), np.int64)))
    estimate = pool(games, estimates, len(run.values))
    return run.settled(estimate)


def run_rounds(games, rules, run: Run, *, recall=None, n_jobs=None):
    """Yield the run after every round, and now and then amid one, until it is complete.

    Round t of game g draws from a stream that depends on (seed, t, g) alone, so a run that goes
    on from a checkpoint draws what the uninterrupted run would have drawn. Sums are folded in
    the order of the games into copies: a round counts whole, or not at all. Time may end amid
    a round, which then does not count, though the run remembers its scores. Where estimates take
    long, they are made now and then; `settle` makes the last one.
    """
    stopping = rules.stopping
    if stopping.completion(run) >= 1:
        return
    began, limit = perf_counter(), stopping.time_limit - run.elapsed
    together = _together(games, rules, run)
    skip = run.n_rounds % together
    scored_rounds = score_rounds(
        [game.utility for game in games],
        _draw_rounds(games, rules, run, run.n_rounds - skip, together),
        begun=run.begun,
        truncation=rules.truncation,
        recall=recall,
        n_jobs=n_jobs,
        goes_on=lambda: perf_counter() - began < limit,
        together=together,
        skip=skip,
        players=[game.names for game in games],
    )
    elapsed = run.elapsed
    with closing(scored_rounds):
        for scored in scored_rounds:
            seconds = elapsed + perf_counter() - began
            if not scored.is_whole:
                run = run.amid(scored.so_far(), seconds)
                yield run
                continue
            tallies = list(run.tallies)
            told = zip(scored.batches, scored.scores, scored.noise, strict=True)
            for (g, walks), scores, noise in told:
                tallies[g] = {name: array.copy() for name, array in tallies[g].items()}
                walks = games[g].own(walks)
                games[g].strategy.fold(tallies[g], walks, scores)
                if noise is not None:
                    fold_noise(tallies[g], walks, noise)
            run = run.after(tallies, scored, seconds)
            if _is_due(games, rules.stopping, run):
                run = run.estimated(_estimate(games, run))
            yield run
            if stopping.completion(run) >= 1:
                return


def _together(games, rules, run):
    """Return how many rounds have the walks that a utility is best given in lockstep.

    It depends on nothing that differs between sessions, and bundles begin at its multiples: a
    fit that goes on finds the same walks in lockstep.
    """
    bundles = [1]
    for g, game in enumerate(games):
        if game.utility.walk is not None or rules.truncation is not None:
            walks = _draw(game, rules.sampler, 0, Streams(run.seed, g))
            n_walks = game.utility.lockstep(walks.length) or 1
            bundles.append(n_walks // len(walks))
    return max(bundles)


def _draw_rounds(games, rules, run, first, together):
    """Yield the walks of every round to come, for each game that goes on."""
    ends = [rules.sampler.n_rounds(len(game.players)) for game in games]
    streams = [Streams(run.seed, g) for g in range(len(games))]
    limit = rules.stopping.round_limit
    if limit < math.inf:  # a bundle is whole even if the last rounds of it are not wanted
        limit = -(-limit // together) * together
    for t in count(first):
        live = [g for g, end in enumerate(ends) if end is None or t < end]
        if not live or t >= limit:
            return
        yield [(g, _draw(games[g], rules.sampler, t, streams[g])) for g in live]


def _draw(game, sampler, t, streams):
    """Draw the walks of a game in round t, behind what the strategy wants to know first."""
    rng = streams.of_round(t)
    walks = sampler.draw(Round(t, len(game.players), rng))
    prelude = game.strategy.prelude() if t == 0 else None
    walks = walks if prelude is None else walks.after(prelude)
    return walks if game.placement is None else game.placement.place(walks, rng)


def settle(games, stopping, run: Run):
    """Return a run with values of all its rounds, the last of which may have had no estimate."""
    if run.n_rounds == 0 or _is_due(games, stopping, run):
        return run
    return revalue(games, run)


def revalue(games, run: Run):
    """Return a run with the values that the strategies of some games read off its tallies."""
    return run.settled(_estimate(games, run))


def _is_due(games, stopping, run):
    """Whether the values of a run are of all its rounds."""
    if run.history is not None:
        return True
    if not (stopping.reads_values or is_look(run.n_rounds, _GROWTH)):
        return False
    return all(game.strategy.is_due(run.n_rounds) for game in games)


def _estimate(games, run):
    """Read values off the tallies; their errors include what noisy scores leave."""
    estimates = []
    for game, tally in zip(games, run.tallies, strict=True):
        estimate = game.strategy.estimate(tally)
        noise = noise_floor(game.strategy.pmf, tally)
        if noise:
            estimate = estimate._replace(stderr=np.hypot(estimate.stderr, np.sqrt(noise)))
        estimates.append(estimate)
    return pool(games, estimates, len(run.values))


def pool(games, estimates, n_players):
    """Mean of each player's values over the games that it plays in."""
    if len(games) == 1 and len(games[0].players) == n_players:
        return estimates[0]
    total, centre = np.zeros(n_players), np.zeros(n_players)
    variance, doubt = np.zeros(n_players), np.zeros(n_players)
    known, counts = np.zeros(n_players, dtype=np.int64), np.zeros(n_players, dtype=np.int64)
    for game, estimate in zip(games, estimates, strict=True):
        values, square = np.nan_to_num(estimate.values), estimate.stderr**2
        total[game.players] += values
        centre[game.players] += values if estimate.centre is None else estimate.centre
        variance[game.players] += square
        if estimate.freedom is not None:
            doubt[game.players] += square**2 / estimate.freedom
        known[game.players] += ~np.isnan(estimate.values)
        counts[game.players] += estimate.counts
    values = np.divide(total, known, out=np.full(n_players, np.nan), where=known > 0)
    stderr = np.sqrt(variance) / np.maximum(known, 1)
    stderr[known == 0] = np.inf
    centre = np.where(known > 0, centre / np.maximum(known, 1), np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):  # Welch and Satterthwaite
        freedom = np.where(doubt > 0, variance**2 / doubt, np.inf)
    misfit = float(np.mean([estimate.misfit for estimate in estimates]))
    return Estimate(values, stderr, counts, centre, np.nan_to_num(freedom, nan=1.0), misfit)
