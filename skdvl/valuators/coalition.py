"""Valuators that score coalitions: from X and y to games, through the rounds, to `values_`."""

from abc import abstractmethod

import numpy as np
import sklearn
from scipy import stats
from sklearn.base import MetaEstimatorMixin, is_classifier, is_regressor
from sklearn.exceptions import FitFailedWarning
from sklearn.metrics import check_scoring, get_scorer
from sklearn.utils import Bunch, check_random_state, get_tags
from sklearn.utils.metadata_routing import (
    MetadataRouter,
    MethodMapping,
    get_routing_for_object,
    process_routing,
)
from sklearn.utils.validation import check_is_fitted, check_memory

from ..caching import open_cache
from ..callbacks import RoundCallbacks, with_callbacks
from ..identity import digest
from ..notices import warn_caller
from ..run import Run
from ..stopping import MaxEvaluations, TargetReliability
from ..utilities import Utility
from ..utilities.pairwise import check_pairs, is_pairwise
from .base import BaseValuator, or_as_before
from .inputs import (
    check_classes,
    check_groups,
    check_level,
    check_rows,
    check_validation,
    make_splits,
    make_splitter,
    row_index,
    takes_groups,
    task_of_model,
)
from .keeper import Keeper, identify
from .parameters import CONSTRAINTS, complete
from .plan import check_parts, make_plan
from .problem import Problem, check_score_params, make_repeats, play
from .routing import check_accepted

# Fitted attributes that the next fit may not set again.
_SOMETIMES = (
    "estimator_",
    "task_",
    "groups_",
    "group_values_",
    "group_stderr_",
    "history_",
    "history_stderr_",
    "history_evaluations_",
    "utility_r2_",
    "_row_groups",
)


class CoalitionValuator(MetaEstimatorMixin, BaseValuator):
    """Base class of the valuators that score coalitions of rows.

    A subclass names its semivalue in `_make_semivalue`, and the sampler that suits it in
    `_make_sampler`. Its own parameters are keywords of `__init__`; those that all valuators
    share are added to its signature, and to its docstring in place of ``{shared}``.
    """

    _parameter_constraints: dict = CONSTRAINTS
    _strategy: type | None = None  # of a valuator that has but one
    _problem = Problem

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
        control_variates="auto",
        error_score="auto",
        empty_score="dummy",
        kernel="auto",
        exact="sklearn",
        n_repeats=1,
        repeat_rtol=None,
        utility_model=None,
        utility_budget=500,
        cache=None,
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
        self.control_variates = control_variates
        self.error_score = error_score
        self.empty_score = empty_score
        self.kernel = kernel
        self.exact = exact
        self.n_repeats = n_repeats
        self.repeat_rtol = repeat_rtol
        self.utility_model = utility_model
        self.utility_budget = utility_budget
        self.cache = cache
        self.store_history = store_history
        self.warm_start = warm_start
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose
        self.memory = memory
        self.checkpoint = checkpoint

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        complete(cls)

    @abstractmethod
    def _make_semivalue(self):
        """Return the semivalue."""

    @abstractmethod
    def _make_sampler(self, n_players):
        """Return the sampler that ``sampler="auto"`` stands for."""

    def _make_strategy(self, sampler):
        """Return the strategy that suits a sampler best, None for the usual one."""
        return None

    def _make_truncation(self):
        return self.truncation

    def _make_stopping(self, n_players):
        """Return the rule that ``stopping=None`` stands for, with so many players in each game."""
        return TargetReliability(0.95) | MaxEvaluations(20_000)

    # ------------------------------------------------------------------ the public calls

    @with_callbacks
    @or_as_before
    def fit(self, X, y, *, X_val=None, y_val=None, groups=None, **params):
        """Value the rows of X.

        Parameters
        ----------
        X : array-like, data frame or sparse matrix of shape (n_samples, n_features)
            Training rows, handed to the estimator as they are. For an estimator that is fitted
            on a kernel or distances between rows, by its tag `pairwise`, X has a column for
            each row, and X_val too; the columns of a coalition go with its rows.
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
        check_parts(self)
        if self.estimator is None:
            raise ValueError(
                f"{type(self).__name__} has no estimator to train. Pass one, such as "
                f"{type(self).__name__}(LogisticRegression()), or call fit_utility."
            )
        problem, names = self._pose(X, y, X_val, y_val, groups, params)
        model, run, info = self._solve(problem, problem.players(), problem.n_players)
        task = task_of_model(self.estimator, problem.y)
        self._publish(model, task, run, info, names, problem.player_of_row, row_index(X))
        return self

    @with_callbacks
    def fit_utility(self, utility):
        """Value the players of any utility, without X, y and an estimator.

        Parameters
        ----------
        utility : skdvl.utilities.Utility

        Returns
        -------
        self : CoalitionValuator
            With `values_`, `stderr_` and the rest, one entry for each player.

        Examples
        --------
        >>> from skdvl import ShapleyValuator
        >>> from skdvl.games import AirportGame
        >>> ShapleyValuator().fit_utility(AirportGame([1, 2, 3])).values_.round(3)
        array([0.333, 0.833, 1.833])
        """
        self._validate_params()
        check_parts(self)
        if not isinstance(utility, Utility):
            raise ValueError(
                f"fit_utility takes an instance of skdvl.utilities.Utility; got {utility!r}."
            )
        n = utility.n_players
        if not isinstance(n, (int, np.integer)) or n < 1:
            raise ValueError(
                f"{type(utility).__name__}.n_players must be a positive int; got {n!r}."
            )
        _, run, info = self._solve(utility, [np.arange(n)], n)
        self._publish(None, None, run, info, None, np.arange(n), None)
        return self

    def confidence_interval(self, level=0.95):
        """Intervals around the values, each of which holds the exact value with some probability.

        They are those of Student's t, of `stderr_`, and say what that says: how far a value may
        be from the exact one on these validation rows. They are centred on an estimate without
        bias, which `values_` may differ from if the strategy shrinks it, as `RegressionAdjusted`
        does. Each is by itself; of many rows, a few are outside.

        Parameters
        ----------
        level : float in (0, 1), default=0.95

        Returns
        -------
        interval : ndarray of shape (n_samples, 2)
            Lower and upper ends; infinite where the error is unknown.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            If walks were truncated: the bias is unknown, and may be larger than the error.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from sklearn.naive_bayes import GaussianNB
        >>> from skdvl import BanzhafValuator
        >>> from skdvl.samplers import CoalitionSampler
        >>> X, y = load_iris(return_X_y=True)
        >>> valuator = BanzhafValuator(GaussianNB(), sampler=CoalitionSampler(), random_state=0)
        >>> lower, upper = valuator.fit(X, y).confidence_interval(0.9).T
        >>> bool((lower <= valuator.values_).all() and (valuator.values_ <= upper).all())
        True
        """
        check_is_fitted(self, "values_")
        check_level(level)
        centre, freedom = self._centre()
        reach = self.stderr_ * stats.t.ppf((1 + level) / 2, freedom)
        reach[np.isnan(centre)] = np.inf
        return np.nan_to_num(centre)[:, None] + np.outer(reach, [-1.0, 1.0])

    def _centre(self):
        if self._middle is None:
            raise ValueError(
                "There are no intervals where walks are truncated: the standard errors leave out "
                "the bias. Set truncation=None, or use ShapleyValuator."
            )
        return self._middle

    def _share_of_delta(self):
        return 1.0 if self.stopping is None else self.stopping.share_of_delta(self.n_rounds_)

    # ------------------------------------------------------------------ before the rounds

    def _pose(self, X, y, X_val, y_val, groups, params):
        """Return the problem, and the names of the groups."""
        classifier = is_classifier(self.estimator)
        X, y = check_rows(self, X, y)
        if is_pairwise(self.estimator):
            check_pairs(self.estimator, X, X_val)
        if classifier:
            check_classes(y)
        X_val, y_val = check_validation(self, X_val, y_val, y, classifier)
        names, player_of_row = check_groups(groups, len(y))
        scorer = self._make_scorer()
        routed = self._route(params)
        splits = None
        if X_val is None:
            split_params = dict(routed.splitter.split)
            if groups is not None and takes_groups(self.cv):
                split_params["groups"] = groups
            splitter = make_splitter(self, y, classifier)
            splits = make_splits(splitter, X, y, **split_params)
        else:
            check_score_params(routed.scorer.score, X, X_val)
        problem = self._problem(
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
            self.kernel,
            self.exact,
            dict(routed.estimator.fit),
            dict(routed.scorer.score),
            make_repeats(self),
        )
        return problem, names

    def _make_scorer(self):
        if self.scoring is not None:
            return check_scoring(self.estimator, scoring=self.scoring)
        if is_classifier(self.estimator):
            return _scorer_of(self.estimator, "accuracy")
        if is_regressor(self.estimator):
            return _scorer_of(self.estimator, "r2")
        raise ValueError(
            f"{type(self.estimator).__name__} is neither a classifier nor a regressor, so no score "
            "is taken for granted. Set scoring."
        )

    def _route(self, params):
        if sklearn.get_config()["enable_metadata_routing"]:
            return process_routing(self, "fit", **params)
        check_accepted(self, self.estimator, params)
        return Bunch(estimator=Bunch(fit=params), scorer=Bunch(score={}), splitter=Bunch(split={}))

    def get_metadata_routing(self):
        """Say who gets which metadata; see scikit-learn's user guide on metadata routing.

        Returns
        -------
        routing : MetadataRouter
        """
        router = MetadataRouter(owner=self).add_self_request(self)
        if self.estimator is None:
            return router
        return (
            router.add(estimator=self.estimator, method_mapping=_mapping("fit"))
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
            tags.input_tags.pairwise = inner.input_tags.pairwise
        return tags

    # ------------------------------------------------------------------ the rounds

    def _solve(self, problem, players, n_players):
        """Play the games of a problem or a bare utility; return the model, the run and its info."""
        plan = make_plan(self, problem, players)
        strategies = plan.strategies(players)
        fingerprint = None
        if self.checkpoint is not None or self.warm_start or self.memory is not None:
            fingerprint = identify(problem, plan, self.random_state, self.control_variates)
        rounds = RoundCallbacks(self)
        keeper = Keeper(self.checkpoint, fingerprint, self.verbose, rounds)
        plays = np.isin(np.arange(n_players), np.concatenate(players))
        begun = self._resume(keeper, strategies, plays, plan.rules.stopping.window)
        memory = check_memory(None if self.warm_start else self.memory)
        identity = None
        if fingerprint is not None:
            identity = digest((fingerprint, plan.rules.stopping, vars(begun))).hex()
        cache = open_cache(self.cache)
        parts = problem, plan.rules, strategies, players, begun, keeper, cache
        parts = *parts, self.n_jobs, plan.learning
        n_rounds = plan.rules.round_limit([len(of_game) for of_game in players])
        X, y = (getattr(problem, name, None) for name in ("X", "y"))
        rounds.begin_fit(n_rounds - begun.n_rounds, X, y)
        try:
            model, run, info = memory.cache(_play, ignore=["parts"])(identity, parts)
        finally:  # an interrupted fit can go on too
            self._continues = (fingerprint, keeper.last) if self.warm_start else None
        keeper.save(run)  # where it was recalled
        self._scored = (plan, players, run) if plan.strategy.keeps_scores else None
        rounds.end_fit()
        return model, run, info

    def _resume(self, keeper, strategies, plays, window):
        """Return the run to go on with: that of the checkpoint, the last fit's, or a new one."""
        options = {"window": window, "store_history": self.store_history}
        saved = keeper.load(**options)
        if saved is not None:
            return saved
        fingerprint, run = getattr(self, "_continues", None) or (None, None)
        if self.warm_start and run is not None:
            if fingerprint != keeper.fingerprint:
                raise ValueError(
                    "warm_start=True goes on with the last fit, and the data or parameters differ "
                    "from it in more than the budget. Set warm_start=False to begin anew."
                )
            return run.reopened(**options)
        seed = check_random_state(self.random_state).randint(2**31 - 1)
        tallies = [strategy.empty() for strategy in strategies]
        return Run.begin(tallies, len(plays), seed, plays=plays, **options)

    def _publish(self, model, task, run, info, names, player_of_row, index):
        """Set the fitted attributes, all of them at the end, and then say what went wrong."""
        size = np.bincount(player_of_row)
        self._row_index, self._player_of_row = index, player_of_row
        for name in _SOMETIMES:
            vars(self).pop(name, None)
        self._set_values(run, names)
        if model is not None:
            self.estimator_, self.task_ = model, task
        else:
            vars(self).pop("n_features_in_", None)
            vars(self).pop("feature_names_in_", None)
        if names is not None:
            self.groups_, self._row_groups = names, names[player_of_row]
        if run.history is not None:
            told = run.told_history()
            self.history_, self.history_stderr_ = (
                (told[name] / size)[:, player_of_row] for name in ("history", "history_stderr")
            )
            self.history_evaluations_ = told["history_evaluations"]
        self.n_rounds_, self.n_evaluations_ = run.n_rounds, run.n_evaluations
        self.n_failed_fits_ = run.n_failed + info.n_failed
        self.utility_info_ = info
        if info.r2 is not None:
            self.utility_r2_ = info.r2
            if not info.r2 > 0:  # NaN too
                warn_caller(
                    f"utility_model={self.utility_model!r} says no more of unseen coalitions than "
                    f"their mean would: utility_r2_ is {info.r2:.3g}. Raise utility_budget, which "
                    f"is {self.utility_budget}, try another model, or none."
                )
        if self.n_failed_fits_:
            n_scored = run.n_evaluations if info.r2 is None else info.n_scored
            warn_caller(
                f"{self.n_failed_fits_} of {n_scored} coalitions could not be fitted or scored "
                f"and were given error_score={self.error_score!r}. The first: "
                f"{info.failure or run.failure or 'in an earlier session'}",
                FitFailedWarning,
            )
        unvalued = np.count_nonzero(np.isnan(self.values_))
        if unvalued:
            warn_caller(
                f"{unvalued} of {len(self.values_)} rows have no value (NaN): no fold trains on "
                "them, or no draw has met them yet. Use a cv that trains on every row, pass X_val "
                "and y_val, or raise the budget of stopping.",
            )

    def _set_values(self, run, names):
        """Set what a run says of each row: its share of what it says of the row's player."""
        size = np.bincount(self._player_of_row)
        self.values_, self.stderr_, centre = (
            (array / size)[self._player_of_row] for array in (run.values, run.stderr, run.centre)
        )
        self.counts_ = run.counts[self._player_of_row]
        self._middle = None
        if self._make_truncation() is None:
            self._middle = centre, run.freedom[self._player_of_row]
        if names is not None:
            self.group_values_, self.group_stderr_ = run.values.copy(), run.stderr.copy()


def _play(identity, parts):
    """Play, or recall what was played under the same identity."""
    model, run, info = play(*parts)
    return model, run, info


def _scorer_of(estimator, name):
    """Return a named scorer that asks for sample weights if the estimator's own score does."""
    scorer = get_scorer(name)
    if not sklearn.get_config()["enable_metadata_routing"]:
        return scorer
    request = getattr(get_routing_for_object(estimator), "score", None)
    wanted = {} if request is None else request.requests
    return scorer.set_score_request(sample_weight=wanted.get("sample_weight") or False)


def _mapping(callee):
    return MethodMapping().add(caller="fit", callee=callee)
