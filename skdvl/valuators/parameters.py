"""The parameters that all valuators of coalitions share, written once.

Their documentation and constraints live here; `complete` gives a subclass the whole signature, so
that `get_params`, `clone` and `help` see every parameter, as scikit-learn's users expect.
"""

import inspect
import os
from numbers import Integral, Real
from textwrap import indent

from sklearn.utils._param_validation import HasMethods, Interval, StrOptions

from ..caching import Cache

_NUMBER = Interval(Real, None, None, closed="both")

CONSTRAINTS = {
    "estimator": [HasMethods(["fit"]), None],
    "scoring": [str, callable, None],
    "cv": ["cv_object"],
    "control_variates": [str, tuple, list],
    "error_score": [StrOptions({"auto", "raise"}), _NUMBER],
    "empty_score": [StrOptions({"dummy"}), _NUMBER],
    "kernel": [str],
    "exact": [StrOptions({"sklearn", "optimum"})],
    "n_repeats": [Interval(Integral, 1, None, closed="left")],
    "repeat_rtol": [Interval(Real, 0, None, closed="left"), None],
    "utility_model": [HasMethods(["fit", "predict"]), None],
    "utility_budget": [Interval(Integral, 2, None, closed="left")],
    "cache": [StrOptions({"memory", "disk"}), Cache, None],
    "store_history": ["boolean"],
    "warm_start": ["boolean"],
    "n_jobs": [Integral, None],
    "random_state": ["random_state"],
    "verbose": ["verbose"],
    "memory": [str, HasMethods(["cache"]), None],
    "checkpoint": [str, os.PathLike, None],
}


def check_workers(n_jobs):
    """Refuse to have no workers, which joblib does in the midst of a fit."""
    if n_jobs == 0:
        raise ValueError("n_jobs=0 leaves nobody to work; use None, 1 or more, or -1 for all.")


DOCUMENTATION = """\
sampler : "auto" or IndexSampler, default="auto"
    Which coalitions are scored; see `skdvl.samplers`. "auto" scores every coalition of at
    most 10 players, so that values are exact. For Shapley, Beta Shapley and Banzhaf values of up
    to 3000 players, or 300 if the estimator has a kernel that walks through permutations, it draws
    sets of the sizes that suit `RegressionAdjusted`. Otherwise it suits the semivalue: mostly it
    draws permutations, and always with a `truncation`.
scoring : str, callable or None, default=None
    What a trained model is worth on validation rows: a name, or
    ``scorer(estimator, X, y) -> float``, larger being better. None means accuracy for
    classifiers and R^2 for regressors, weighted only if metadata routing is enabled and the
    estimator's own score asks for `sample_weight`.
cv : int, splitter or iterable, default=5
    Without `X_val`, each row is valued on the held-out rows of the folds that train on it,
    and its value is the mean over them. The budget of `stopping` is for all folds together.
stopping : StoppingRule or None, default=None
    When to stop; see `skdvl.stopping`. Rules are asked between rounds, and a round scores a
    few hundred coalitions or more. None is ``TargetReliability(0.95) | MaxEvaluations(20_000)``:
    it ends when the values correlate with the exact ones by 0.95, as far as their standard
    errors tell, or after the round that reaches 20 000 scored coalitions. With a sampler that
    ends by itself, such as an exhaustive one, None runs to its end, and the values are exact.
truncation : Truncation or None, default=None
    When to end a permutation early; see `skdvl.truncation`. It is biased, so None is never.
strategy : "auto" or subclass of EvaluationStrategy, default="auto"
    How scores become values; see `skdvl.strategies`. "auto" suits the sampler, or goes with the
    choice that `sampler` makes.
control_variates : "auto" or sequence, default="auto"
    Games on the same rows that take some of the noise of coalitions out of their scores, for a
    strategy with a model of the score, `RegressionAdjusted`: "knn" (1, 3 and 10 nearest
    neighbours, whose values are known in closed form), "nb" and "ridge" (naive Bayes and ridge
    models, whose values are estimated beforehand from up to 50 000 evaluations), and utilities of
    your own. "auto" is ``("knn",)`` where rows are numbers and the players; ``()`` is none.
error_score : "auto", "raise" or float, default="auto"
    What a coalition is worth on which the estimator fails. "auto": rows of one class score as
    the classifier that always predicts it, other failures as the empty coalition. "raise"
    raises, also for one class if the estimator does. Failures are counted in `n_failed_fits_`
    and reported by one warning. The fit on all rows is always strict, and its warnings are
    shown; those of the thousands of coalition fits are not.
empty_score : "dummy" or float, default="dummy"
    What the empty coalition is worth. "dummy": the score of `DummyClassifier` with
    ``strategy="prior"``, or of `DummyRegressor`, that knows the training labels.
kernel : "auto", "refit" or str, default="auto"
    How the scores of coalitions are found. "refit": by fitting the estimator on each. "auto": by an
    exact kernel, many at once and 10 to 1000 times faster, where there is one for this very
    estimator with these parameters, rows and this scorer; it is compared with refits before, and
    gives the same scores, those of labels identical and others to 1e-9. A name, such as "dummy",
    raises where that kernel will not do. `utility_info_` tells what was done.
exact : "sklearn" or "optimum", default="sklearn"
    What a model trained on a coalition is, kernel or not. "sklearn": what the estimator's `fit`
    makes of the rows. "optimum" is for a LogisticRegression with an L2 penalty: with its default
    tolerance it stops before the optimum, and where it stops decides some accuracies. The same
    problem is then solved to convergence: refits take ``solver="newton-cholesky"`` and a tiny
    `tol`, and for two classes there is a kernel, "optimum", that extends coalitions row by row
    and proves how near to the optimum it is. The values are those of the problem, not of a
    solver, and other ones than by default. `estimator_` is fitted as it was given.
n_repeats : int, default=1
    Score each coalition under that many seeds of a stochastic estimator, and take the mean; their
    variance enters `stderr_`. All random states of the estimator are redrawn then, from the
    coalition and `random_state`. 1 pins one seed for all coalitions: values are those of this
    seed, and `stderr_` does not tell how others would differ. A coalition counts once in
    `n_evaluations_`. Only more seeds make the part of the error smaller that is left when every
    coalition has been scored: give `StandardError` a limit, as in ``StandardError() |
    MaxEvaluations(20_000)``. Not used by `fit_utility`.
repeat_rtol : float or None, default=None
    Score a coalition fewer times than `n_repeats`, but for 3, where the standard error of the
    mean is at most this share of the mean. Stopping where scores happen to agree makes `stderr_`
    a little too small, up to a fifth in our tests.
utility_model : estimator or None, default=None
    A regressor that learns what coalitions are worth from `utility_budget` of them, and answers
    for all others (data utility learning): it sees a coalition as a row of zeros and ones. Values
    and `stderr_` are those of the learned utility, and so are only as good as that;
    `utility_r2_` tells. See `skdvl.utilities.LearnedUtility`.
utility_budget : int, default=500
    With `utility_model`: coalitions that are scored, for each validation set or fold.
cache : "memory", "disk", Cache or None, default=None
    Where the scores of coalitions are kept, so that none is computed twice: by this valuator, by
    others on the same data and estimator, such as for another semivalue, or by the next fit.
    "memory" is one `MemoryCache` for the whole process, "disk" a `DiskCache` in the user's cache
    folder; see `skdvl.caching`. The values are the same with and without. Set `random_state`: each
    seed of the estimator has scores of its own. An exact kernel is quicker than any cache, which is
    then left out.
store_history : bool, default=False
    Keep the values after every round in `history_`, for :class:`skdvl.plotting.ConvergenceDisplay`.
warm_start : bool, default=False
    Let the next `fit` on the same data go on where this one stopped, for instance with a
    larger budget. It ends with the bits of one uninterrupted fit.
n_jobs : int or None, default=None
    Workers, as everywhere in scikit-learn; the backend is that of `joblib.parallel_config`.
    The values have the same bits for every number of workers and every backend.
random_state : int, RandomState instance or None, default=None
    Seeds the draws, and every random state of the estimator that is not an integer.
verbose : int, default=0
    Print a line every few seconds: completion, rounds, scored coalitions, rate and time left.
    With scikit-learn 1.9 or newer, `set_callbacks` shows rounds as progress bars.
memory : str, joblib.Memory or None, default=None
    Where whole results are kept, as in scikit-learn's Pipeline: a fit with the same data and
    parameters is not computed again. Not used with `warm_start`.
checkpoint : str, path-like or None, default=None
    File that the state of the fit is written to every few seconds, at the end, and when it is
    interrupted. The same call goes on from it. A file of another computation is refused, also
    that of another fold in a grid search.

Attributes
----------
values_ : ndarray of shape (n_samples,)
    The value of every row; with `groups`, that of its group over the group's size. NaN for a
    row that no fold trains on, or that no draw has met.
stderr_ : ndarray of shape (n_samples,)
    Standard errors of the values as estimates of the exact ones on these validation rows: 0
    where exact, inf where unknown.
counts_ : ndarray of int of shape (n_samples,)
    Number of marginals, or of scored coalitions, behind each value.
group_values_, group_stderr_ : ndarray of shape (n_groups,)
    With `groups` only: the values of the groups, in the order of `groups_`.
groups_ : ndarray of shape (n_groups,)
    With `groups` only: their labels, sorted.
n_rounds_, n_evaluations_, n_failed_fits_ : int
    Rounds; scored coalitions, but for the empty and the full one, which are scored once,
    beforehand; and those of them on which the estimator failed.
utility_info_ : UtilityInfo
    How coalitions were scored: by which kernel or why by none, how many of them were refitted in
    this session, and how long each took.
utility_r2_ : float
    With `utility_model` only: R^2 of such a model on scored coalitions that it has not seen, by
    cross-validation; the mean over the folds of `cv`.
history_ : ndarray of shape (n_rounds, n_samples)
    With `store_history` only: the values after every round.
history_stderr_ : ndarray of shape (n_rounds, n_samples)
    Their standard errors.
history_evaluations_ : ndarray of int of shape (n_rounds,)
    The coalitions scored by then.
estimator_ : estimator
    Fitted on all rows.
task_ : {"classification", "regression"}
    What the estimator is for.
n_features_in_ : int
feature_names_in_ : ndarray of str
    Only if X has column names."""


def complete(cls):
    """Complete the signature, the constraints and the docstring of a new class by its parent's."""
    parent = cls.__mro__[1]
    if "__init__" in vars(cls):
        own = inspect.signature(cls.__init__).parameters
        inherited = inspect.signature(parent.__init__).parameters
        named = [p for p in own.values() if p.kind is not p.VAR_KEYWORD]
        merged = named + [p for name, p in inherited.items() if name not in own]
        cls.__init__.__signature__ = inspect.Signature(merged)
    own = vars(cls).get("_parameter_constraints", {})
    cls._parameter_constraints = parent._parameter_constraints | own
    if cls.__doc__:
        cls.__doc__ = cls.__doc__.replace("{shared}", indent(DOCUMENTATION, "    ").lstrip())
