"""Valuators that score coalitions: from X and y to games, through the rounds, to `values_`."""

import inspect
import os
import warnings
from abc import abstractmethod
from dataclasses import replace
from numbers import Integral, Real
from textwrap import indent

import joblib
import numpy as np
import scipy
import sklearn
from sklearn.base import MetaEstimatorMixin, is_classifier, is_regressor
from sklearn.exceptions import FitFailedWarning
from sklearn.metrics import check_scoring
from sklearn.utils import Bunch, check_random_state, get_tags
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.metadata_routing import (
    MetadataRouter,
    MethodMapping,
    get_routing_for_object,
    process_routing,
)
from sklearn.utils.validation import check_memory

from ..engine import Game, Rules, run_rounds
from ..run import Run
from ..samplers import IndexSampler, PermutationSampler, Round
from ..stopping import MaxEvaluations, NoStopping, StandardError, StoppingRule
from ..strategies import EvaluationStrategy, MarginalMean, SampleReuse
from ..truncation import Truncation
from ..utilities import Utility
from ..workers import pinned_threads
from .base import BaseValuator
from .inputs import check_classes, check_groups, check_rows, check_validation, make_splits
from .keeper import Keeper
from .problem import Problem, check_row_params

_STRATEGIES = {strategy.accepts: strategy for strategy in (MarginalMean, SampleReuse)}

_SHARED_PARAMETERS = """\
sampler : "auto" or IndexSampler, default="auto"
    Which coalitions are scored; see `skdvl.samplers`. "auto" scores every coalition of at
    most 10 players, so that values are exact, and suits the semivalue otherwise.
scoring : str, callable or None, default=None
    What a trained model is worth on validation rows: a name, or
    ``scorer(estimator, X, y) -> float``, larger being better. None means accuracy for
    classifiers and R^2 for regressors.
cv : int, splitter or iterable, default=5
    Without `X_val`, each row is valued on the held-out rows of the folds that train on it,
    and its value is the mean over them. The budget of `stopping` is for all folds together.
stopping : StoppingRule or None, default=None
    When to stop; see `skdvl.stopping`. None ends when nine values in ten have a standard error
    of at most 5 % of their size, or after the round that reaches 20 000 scored coalitions. It
    promises an end, not a precision: read `stderr_`. With a sampler that ends by itself, such
    as an exhaustive one, None runs to its end, and the values are exact.
truncation : Truncation or None, default=None
    When to end a permutation early; see `skdvl.truncation`. It is biased, so None is never.
strategy : "auto" or subclass of EvaluationStrategy, default="auto"
    How scores become values; see `skdvl.strategies`. "auto" suits the sampler.
error_score : "auto", "raise" or float, default="auto"
    What a coalition is worth on which the estimator fails. "auto": rows of one class score as
    the classifier that always predicts it, other failures as the empty coalition. "raise"
    raises, also for one class if the estimator does. Failures are counted in `n_failed_fits_`
    and reported by one warning. The fit on all rows is always strict.
empty_score : "dummy" or float, default="dummy"
    What the empty coalition is worth. "dummy": the score of `DummyClassifier` with
    ``strategy="prior"``, or of `DummyRegressor`, that knows the training labels.
store_history : bool, default=False
    Keep the values after every round in `history_`.
warm_start : bool, default=False
    Let the next `fit` on the same data go on where this one stopped, for instance with a
    larger budget. It ends with the bits of one uninterrupted fit.
n_jobs : int or None, default=None
    Workers, as everywhere in scikit-learn; the backend is that of `joblib.parallel_config`.
    The values have the same bits for every number of workers and every backend.
random_state : int, RandomState instance or None, default=None
    Seeds the draws, and every random state of the estimator that is not an integer.
verbose : int, default=0
    Print a line every few seconds.
memory : str, joblib.Memory or None, default=None
    Where whole results are kept, as in scikit-learn's Pipeline: a fit with the same data and
    parameters is not computed again. Not used with `warm_start`.
checkpoint : str, path-like or None, default=None
    File that the state of the fit is written to every few seconds, at the end, and when it is
    interrupted. The same call goes on from it. A file of another computation is refused."""


class CoalitionValuator(MetaEstimatorMixin, BaseValuator):
    """Base class of the valuators that score coalitions of rows.

    A subclass names its semivalue in `_make_semivalue`, and the sampler that suits it in
    `_make_sampler`. Its own parameters are keywords of `__init__`; those that all valuators
    share are added to its signature, and to its docstring in place of ``{shared}``.

    Attributes
    ----------
    values_ : ndarray of shape (n_samples,)
        The value of every row; with `groups`, that of its group over the group's size. NaN for
        a row that no fold trains on, or that no draw has met.
    stderr_ : ndarray of shape (n_samples,)
        Standard errors of the values as estimates of the exact ones on these validation rows:
        0 where exact, inf where unknown.
    counts_ : ndarray of int of shape (n_samples,)
        Number of marginals, or of scored coalitions, behind each value.
    group_values_, group_stderr_ : ndarray of shape (n_groups,)
        With `groups` only: the values of the groups, in the order of `groups_`.
    groups_ : ndarray of shape (n_groups,)
        With `groups` only: their labels, sorted.
    n_rounds_, n_evaluations_, n_failed_fits_ : int
        Rounds, scored coalitions, and those of them on which the estimator failed.
    history_ : ndarray of shape (n_rounds, n_samples)
        With `store_history` only: the values after every round.
    estimator_ : estimator
        Fitted on all rows.
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        Only if X has column names.
    """

    _parameter_constraints: dict = {
        "estimator": [HasMethods(["fit"]), None],
        "scoring": [str, callable, None],
        "cv": ["cv_object"],
        "error_score": [StrOptions({"auto", "raise"}), Interval(Real, None, None, closed="both")],
        "empty_score": [StrOptions({"dummy"}), Interval(Real, None, None, closed="both")],
        "store_history": ["boolean"],
        "warm_start": ["boolean"],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
        "memory": [str, HasMethods(["cache"]), None],
        "checkpoint": [str, os.PathLike, None],
    }

    def __init__(
        self,
        estimator=None,
        *,
        sampler="auto",
        scoring=None,
        cv=5,
        stopping=None,
        truncation=None,
        strategy="auto",
        error_score="auto",
        empty_score="dummy",
        store_history=False,
        warm_start=False,
        n_jobs=None,
        random_state=None,
        verbose=0,
        memory=None,
        checkpoint=None,
    ):
        self.estimator = estimator
        self.sampler = sampler
        self.scoring = scoring
        self.cv = cv
        self.stopping = stopping
        self.truncation = truncation
        self.strategy = strategy
        self.error_score = error_score
        self.empty_score = empty_score
        self.store_history = store_history
        self.warm_start = warm_start
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose
        self.memory = memory
        self.checkpoint = checkpoint

    def __init_subclass__(cls, **kwargs):
        """Complete the signature, the constraints and the docstring of a subclass."""
        super().__init_subclass__(**kwargs)
        if "__init__" in vars(cls):
            own = inspect.signature(cls.__init__).parameters
            shared = inspect.signature(CoalitionValuator.__init__).parameters
            named = [p for p in own.values() if p.kind is not p.VAR_KEYWORD]
            merged = named + [p for name, p in shared.items() if name not in own]
            cls.__init__.__signature__ = inspect.Signature(merged)
        own = vars(cls).get("_parameter_constraints", {})
        cls._parameter_constraints = CoalitionValuator._parameter_constraints | own
        if cls.__doc__:
            shared = indent(_SHARED_PARAMETERS, "    ").lstrip()
            cls.__doc__ = cls.__doc__.replace("{shared}", shared)

    @abstractmethod
    def _make_semivalue(self):
        """Return the semivalue."""

    @abstractmethod
    def _make_sampler(self, n_players):
        """Return the sampler that ``sampler="auto"`` stands for."""

    def _make_truncation(self):
        return self.truncation

    # ------------------------------------------------------------------ the public calls

    def fit(self, X, y, *, X_val=None, y_val=None, groups=None, **params):
        """Value the rows of X.

        Parameters
        ----------
        X : array-like, data frame or sparse matrix of shape (n_samples, n_features)
            Training rows, handed to the estimator as they are.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        X_val, y_val : array-like or None, default=None
            Validation rows that models are scored on: both, or neither to use `cv`.
        groups : array-like of shape (n_samples,) or None, default=None
            Players are groups of rows with the same label, such as data vendors.
        **params : dict
            Passed to the estimator's `fit`; with metadata routing enabled, to whatever
            requests them: the estimator, the scorer or the splitter. Arrays with one entry for
            each row, such as `sample_weight`, are cut to the rows of each coalition.

        Returns
        -------
        self : CoalitionValuator

        Raises
        ------
        ValueError
            If the inputs do not fit each other or the parameters, before any long work.
        Exception
            Whatever the estimator raises when it is fitted on all rows.
        """
        self._validate_params()
        self._check_parts()
        if self.estimator is None:
            raise ValueError(
                f"{type(self).__name__} has no estimator to train. Pass one, such as "
                f"{type(self).__name__}(LogisticRegression()), or call fit_utility."
            )
        problem, names = self._pose(X, y, X_val, y_val, groups, params)
        model, run = self._solve(problem, problem.players(), problem.n_players)
        self.estimator_ = model
        self._publish(run, names, problem.player_of_row)
        self._row_index = getattr(X, "index", None)
        return self

    def fit_utility(self, utility):
        """Value the players of any utility, without X, y and an estimator.

        Parameters
        ----------
        utility : skdvl.utilities.Utility

        Returns
        -------
        self : CoalitionValuator
            With `values_`, `stderr_` and the rest, one entry for each player.
        """
        self._validate_params()
        self._check_parts()
        if not isinstance(utility, Utility):
            raise ValueError(
                f"fit_utility takes an instance of skdvl.utilities.Utility; got {utility!r}."
            )
        n = utility.n_players
        _, run = self._solve(utility, [np.arange(n)], n)
        self._publish(run, None, np.arange(n))
        self._row_index = None
        return self

    # ------------------------------------------------------------------ before the rounds

    def _check_parts(self):
        """Refuse parts that are not parts, with their way out."""
        kinds = {"sampler": IndexSampler, "stopping": StoppingRule, "truncation": Truncation}
        for name, kind in kinds.items():
            part, default = getattr(self, name), "auto" if name == "sampler" else None
            if isinstance(part, type) and issubclass(part, kind):
                raise ValueError(
                    f"{name}={part.__name__} is a class; write {name}={part.__name__}()."
                )
            if isinstance(part, kind):
                part._validate_params()
            elif part is not default and part != default:
                raise ValueError(
                    f"{name}={part!r} is unknown; pass {default!r} or an instance of a "
                    f"{kind.__name__}, see skdvl.{kind.__module__.split('.')[1]}."
                )
        strategy = self.strategy
        if strategy != "auto" and not (
            isinstance(strategy, type) and issubclass(strategy, EvaluationStrategy)
        ):
            raise ValueError(
                f"strategy={strategy!r} is unknown; pass 'auto' or a class of skdvl.strategies, "
                "such as SampleReuse."
            )
        self._make_semivalue()._validate_params()

    def _pose(self, X, y, X_val, y_val, groups, params):
        """Return the problem, and the names of the groups."""
        classifier = is_classifier(self.estimator)
        X, y = check_rows(self, X, y)
        if classifier:
            check_classes(y)
        X_val, y_val = check_validation(self, X_val, y_val, y, classifier)
        names, player_of_row = check_groups(groups, len(y))
        scorer = self._make_scorer()
        routed = self._route(params)
        splits = None
        if X_val is None:
            split_params = dict(routed.splitter.split)
            if groups is not None and _takes_groups(self.cv):
                split_params["groups"] = groups
            splits = make_splits(self.cv, X, y, classifier=classifier, **split_params)
        else:
            check_row_params(routed.scorer.score, X, "the scorer")
        problem = Problem(
            self.estimator,
            X,
            y,
            X_val,
            y_val,
            splits,
            player_of_row,
            groups is not None,
            scorer,
            self.error_score,
            self.empty_score,
            dict(routed.estimator.fit),
            dict(routed.scorer.score),
        )
        return problem, names

    def _make_scorer(self):
        scoring = self.scoring
        if scoring is None:
            if is_classifier(self.estimator):
                scoring = "accuracy"
            elif is_regressor(self.estimator):
                scoring = "r2"
            else:
                raise ValueError(
                    f"{type(self.estimator).__name__} is neither a classifier nor a regressor, so "
                    "no score is taken for granted. Set scoring."
                )
        return check_scoring(self.estimator, scoring=scoring)

    def _route(self, params):
        if sklearn.get_config()["enable_metadata_routing"]:
            return process_routing(self, "fit", **params)
        return Bunch(estimator=Bunch(fit=params), scorer=Bunch(score={}), splitter=Bunch(split={}))

    def get_metadata_routing(self):
        """Say who gets which metadata; see scikit-learn's user guide on metadata routing.

        Returns
        -------
        routing : MetadataRouter
        """
        return (
            MetadataRouter(owner=self)
            .add_self_request(self)
            .add(estimator=self.estimator, method_mapping=_mapping("fit"))
            .add(scorer=self._make_scorer(), method_mapping=_mapping("score"))
            .add(splitter=self.cv, method_mapping=_mapping("split"))
        )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        if self.estimator is not None:
            inner = get_tags(self.estimator)
            tags.input_tags.sparse = inner.input_tags.sparse
            tags.input_tags.allow_nan = inner.input_tags.allow_nan
            tags.input_tags.string = inner.input_tags.string
        return tags

    # ------------------------------------------------------------------ the rounds

    def _solve(self, problem, players, n_players):
        """Play the games of a problem, or of a bare utility; return the model and the run."""
        plan = self._plan(players)
        strategies = [plan.strategy(plan.semivalue, plan.rules.sampler, len(p)) for p in players]
        memory = check_memory(None if self.warm_start else self.memory)
        keeper = Keeper(self.checkpoint, self._identify(problem, plan), self.verbose)
        begun = self._resume(keeper, strategies, n_players, plan.rules.stopping.window)
        solve = memory.cache(_play, ignore=["keeper", "n_jobs"])
        model, run = solve(problem, plan.rules, strategies, players, begun, keeper, self.n_jobs)
        self._continues = (keeper.fingerprint, run)
        return model, run

    def _plan(self, players):
        """Choose the parts; what does not fit together is refused here, before any fit."""
        truncation, sampler = self._make_truncation(), self.sampler
        if isinstance(sampler, str):
            sampler = self._make_sampler(max(map(len, players)))
            sampler = sampler if truncation is None else PermutationSampler()
        if (
            truncation is not None
            and sampler.draw(Round(0, 4, np.random.default_rng(0))).length < 2
        ):
            raise ValueError(
                f"{truncation!r} ends walks through permutations early, and {sampler!r} draws "
                "none. Use PermutationSampler(), or no truncation."
            )
        endless, stopping = sampler.n_rounds(len(players[0])) is None, self.stopping
        if stopping is None:
            stopping = NoStopping()
            if endless:
                stopping = StandardError(rtol=0.05, fraction=0.9) | MaxEvaluations(20_000)
        if endless and not stopping.ends:
            raise ValueError(
                f"{stopping!r} never stops and {sampler!r} never runs out, so the fit would not "
                "end. Use a rule such as MaxEvaluations(10_000)."
            )
        return Bunch(
            rules=Rules(sampler, stopping, truncation),
            strategy=_STRATEGIES[sampler.draws] if self.strategy == "auto" else self.strategy,
            semivalue=self._make_semivalue(),
        )

    def _identify(self, problem, plan):
        """Fingerprint of the computation, for what outlives a fit; the budget is not part of it."""
        if self.checkpoint is None and not self.warm_start:
            return None
        seed = self.random_state
        if isinstance(seed, np.random.RandomState):
            seed = seed.get_state(legacy=True)
        versions = [module.__version__ for module in (sklearn, np, scipy)]
        parts = (problem, plan.semivalue, plan.rules.sampler, plan.rules.truncation)
        try:
            return joblib.hash((parts, plan.strategy.__qualname__, seed, versions))
        except Exception as error:
            raise ValueError(
                "This computation cannot be told from others, which checkpoint and warm_start "
                f"need: {error}. Define functions such as scorers in an importable module."
            ) from error

    def _resume(self, keeper, strategies, n_players, window):
        """Return the run to go on with: that of the checkpoint, the last fit's, or a new one."""
        options = {"window": window, "store_history": self.store_history}
        saved = keeper.load(**options)
        if saved is not None:
            return saved
        fingerprint, run = getattr(self, "_continues", (None, None))
        if self.warm_start and run is not None:
            if fingerprint != keeper.fingerprint:
                raise ValueError(
                    "warm_start=True goes on with the last fit, and the data or parameters differ "
                    "from it in more than the budget. Set warm_start=False to begin anew."
                )
            if not self.store_history or run.history is not None:
                return replace(run, window=window)
        seed = check_random_state(self.random_state).randint(2**31 - 1)
        return Run.begin([s.empty() for s in strategies], n_players, seed, **options)

    def _publish(self, run, names, player_of_row):
        """Set the fitted attributes, all of them at the end, and say what went wrong."""
        size = np.bincount(player_of_row)
        self.values_ = (run.values / size)[player_of_row]
        self.stderr_ = (run.stderr / size)[player_of_row]
        self.counts_ = run.counts[player_of_row]
        for name in ("groups_", "group_values_", "group_stderr_", "history_", "_row_groups"):
            vars(self).pop(name, None)
        if names is not None:
            self.groups_, self._row_groups = names, names[player_of_row]
            self.group_values_, self.group_stderr_ = run.values, run.stderr
        if run.history is not None:
            self.history_ = (np.reshape(run.history, (-1, len(size))) / size)[:, player_of_row]
        self.n_rounds_, self.n_evaluations_ = run.n_rounds, run.n_evaluations
        self.n_failed_fits_ = run.n_failed
        if run.n_failed:
            warnings.warn(
                f"{run.n_failed} of {run.n_evaluations} coalitions could not be fitted or scored "
                f"and were given error_score={self.error_score!r}. The first: "
                f"{run.failure or 'in an earlier session'}",
                FitFailedWarning,
                stacklevel=3,
            )
        unvalued = np.count_nonzero(np.isnan(self.values_))
        if unvalued:
            warnings.warn(
                f"{unvalued} of {len(self.values_)} rows have no value (NaN): no fold trains on "
                "them, or no draw has met them yet. Use a cv that trains on every row, pass X_val "
                "and y_val, or raise the budget of stopping.",
                UserWarning,
                stacklevel=3,
            )


def _play(problem, rules, strategies, players, begun, keeper, n_jobs):
    """Bind the utilities, then play round after round; return the model and the last run."""
    with pinned_threads():
        if isinstance(problem, Utility):
            model, utilities = None, [problem]
        else:
            model, utilities = problem.bind(begun.seed)
        games = [Game(*parts) for parts in zip(utilities, strategies, players, strict=True)]
        run = begun
        try:
            for run in run_rounds(games, rules, begun, n_jobs=n_jobs):
                keeper.after_round(run, rules.stopping)
        finally:
            keeper.save(run)
    return model, run


def _mapping(callee):
    return MethodMapping().add(caller="fit", callee=callee)


def _takes_groups(cv):
    """Whether a splitter asks for groups; the others would warn of them."""
    if not hasattr(cv, "split"):
        return False
    request = get_routing_for_object(cv)
    return getattr(request, "split", None) is None or request.split.requests.get("groups") is True
