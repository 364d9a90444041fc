"""The parts of a fit: which were given, which suit, and which do not go together.

Everything is refused here, before anything is fitted.
"""

from dataclasses import dataclass

import numpy as np

from ..caching import open_cache
from ..engine import Rules
from ..samplers import IndexSampler, PermutationSampler, Round
from ..semivalues import Semivalue
from ..stopping import NoStopping, StoppingRule
from ..strategies import EvaluationStrategy, MarginalMean
from ..truncation import Truncation
from ..utilities.choice import kernel_names
from ..utilities.optimum import at_optimum
from .controls import check_control_variates, make_controls
from .design import make_design
from .learning import Learning, make_learning
from .parameters import check_workers


@dataclass(frozen=True)
class Plan:
    """The parts of a fit.

    Attributes
    ----------
    rules : Rules
        Sampler, stopping rule and truncation.
    strategy : type
        Subclass of EvaluationStrategy.
    semivalue : Semivalue
    controls : list of Controls or None
        Of each game; empty if the strategy takes none.
    n_jobs : int or None
        That a strategy may use, if it takes controls.
    learning : Learning or None
        What the utilities are learned by.
    """

    rules: Rules
    strategy: type
    semivalue: Semivalue
    controls: list
    n_jobs: int | None = None
    learning: Learning | None = None

    def strategies(self, players):
        """Make the strategy of each game; a misfit of semivalue and sampler is refused here."""
        parts = self.semivalue, self.rules.sampler
        if not self.strategy.takes_controls:
            return [self.strategy(*parts, len(own)) for own in players]
        pairs = zip(players, self.controls, strict=True)
        return [self.strategy(*parts, len(own), controls, self.n_jobs) for own, controls in pairs]


def check_parts(valuator):
    """Refuse parts that are not parts, and parameters of parts that are out of range."""
    _check_part(valuator, "sampler", IndexSampler, "auto")
    _check_part(valuator, "stopping", StoppingRule, None)
    _check_part(valuator, "truncation", Truncation, None)
    strategy = valuator.strategy
    own = valuator._strategy
    if own is not None and (strategy != "auto" or valuator.truncation is not None):
        raise ValueError(
            f"{type(valuator).__name__} has a strategy of its own, {own.__name__}, and got "
            f"strategy={strategy!r}, truncation={valuator.truncation!r}. Leave both out, or use "
            "SemivalueValuator."
        )
    known = isinstance(strategy, type) and issubclass(strategy, EvaluationStrategy)
    if not known and strategy != "auto":
        raise ValueError(
            f"strategy={strategy!r} is unknown; pass 'auto' or a class of skdvl.strategies, "
            "such as SampleReuse."
        )
    valuator._make_semivalue()._validate_params()
    if valuator.cache is not None:
        open_cache(valuator.cache)._validate_params()
    _check_kernel(valuator)
    if valuator.exact == "optimum" and valuator.estimator is not None:
        at_optimum(valuator.estimator)
    check_workers(valuator.n_jobs)


def _check_kernel(valuator):
    if valuator.kernel in ("auto", "refit") or valuator.estimator is None:
        return
    names = kernel_names(valuator.estimator)
    if valuator.kernel not in names:
        known = ", ".join(["'auto'", "'refit'", *map(repr, dict.fromkeys(names))])
        raise ValueError(
            f"kernel={valuator.kernel!r} is no kernel for {type(valuator.estimator).__name__}; "
            f"pass one of {known}."
        )


def _check_part(valuator, name, kind, default):
    part = getattr(valuator, name)
    if isinstance(part, kind):
        part._validate_params()
    elif isinstance(part, type) and issubclass(part, kind):
        raise ValueError(f"{name}={part.__name__} is a class; write {name}={part.__name__}().")
    elif not (part is None if default is None else isinstance(part, str) and part == default):
        raise ValueError(
            f"{name}={part!r} is unknown; pass {default!r} or an instance of a {kind.__name__}, "
            f"see skdvl.{kind.__module__.split('.')[1]}."
        )


def make_plan(valuator, problem, players):
    """Choose the parts that were left to us, and refuse what does not go together.

    Parameters
    ----------
    valuator : CoalitionValuator
    problem : Problem or Utility
    players : list of ndarray
        The players of each game.

    Returns
    -------
    plan : Plan
    """
    truncation, sampler = valuator._make_truncation(), valuator.sampler
    parts = sampler, truncation, valuator.strategy, valuator.store_history
    is_open = parts == ("auto", None, "auto", False) and valuator._strategy is None
    strategy = valuator.strategy
    if truncation is None:
        sampler, strategy = make_design(valuator, problem, max(map(len, players)))
    else:
        sampler = PermutationSampler() if isinstance(sampler, str) else sampler
        strategy = MarginalMean if isinstance(strategy, str) else strategy
    endless = sampler.n_rounds(len(players[0])) is None
    if truncation is not None and not (endless and _draws_permutations(sampler)):
        raise ValueError(
            f"{truncation!r} ends random permutations early, and {sampler!r} draws none. Use "
            "PermutationSampler(), or no truncation."
        )
    stopping = valuator.stopping
    if stopping is None:
        stopping = NoStopping()
        if endless:
            stopping = valuator._make_stopping([len(own) for own in players])
    if endless and not stopping.ends:
        raise ValueError(
            f"{stopping!r} never stops and {sampler!r} never runs out, so the fit would not end. "
            "Use a rule such as MaxEvaluations(10_000)."
        )
    wanted, controls = valuator.control_variates, []
    check_control_variates(wanted, strategy.takes_controls)
    if strategy.takes_controls:
        controls = make_controls(wanted, problem, players)
    rules = Rules(sampler, stopping, truncation, is_open)
    learning = make_learning(valuator)
    return Plan(rules, strategy, valuator._make_semivalue(), controls, valuator.n_jobs, learning)


def _draws_permutations(sampler):
    return sampler.draw(Round(0, 4, np.random.default_rng(0))).length > 1
