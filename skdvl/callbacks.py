"""scikit-learn's callbacks, where there are any: they came with version 1.9."""

import math
from contextlib import nullcontext
from functools import wraps

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Stands for scikit-learn's mixin, without `set_callbacks`."""

    def with_callbacks(method):
        """Return the method as it is."""
        return method


class NoCallbacks:
    """Stands for scikit-learn's callback context where nobody listens."""

    def subcontext(self, **_):
        return self

    def call_on_fit_task_begin(self, **_):
        pass

    def call_on_fit_task_end(self, **_):
        return False

    def propagate_callback_context(self, estimator):
        return nullcontext()


def open_context(estimator, **options):
    """Return the callback context of a fit that begins.

    Parameters
    ----------
    estimator : estimator
    **options : dict
        As in ``CallbackSupportMixin._init_callback_context``.

    Returns
    -------
    context : sklearn.callback.CallbackContext or NoCallbacks
    """
    if not hasattr(estimator, "_init_callback_context"):
        return NoCallbacks()
    return estimator._init_callback_context(**options)


def fit_part(context, owner, part, X, y, params):
    """Fit a part of an estimator, and let the callbacks follow it there."""
    with context.propagate_callback_context(part):
        context.call_on_fit_task_begin(estimator=owner, X=X, y=y)
        part.fit(X, y, **params)
        context.call_on_fit_task_end(estimator=owner, X=X, y=y)


def as_one_task(fit):
    """Decorate a `fit` that has no steps to tell callbacks of: it begins, and it ends."""

    @with_callbacks
    @wraps(fit)
    def told(estimator, X, y=None, **params):
        context = open_context(estimator)
        context.call_on_fit_task_begin(estimator=estimator, X=X, y=y)
        fit(estimator, X, y, **params)
        context.call_on_fit_task_end(estimator=estimator, X=X, y=y)
        return estimator

    return told


class RoundCallbacks:
    """Tells the callbacks of an estimator, if it has any, of its rounds.

    Parameters
    ----------
    estimator : estimator
    """

    def __init__(self, estimator):
        self._estimator = estimator
        self._fit, self._round = NoCallbacks(), None

    def begin_fit(self, n_rounds, X, y):
        """Say that the fit begins, with so many rounds at most, or an infinity of them."""
        n_rounds = None if math.isinf(n_rounds) else max(0, n_rounds)
        self._told = {"estimator": self._estimator, "X": X, "y": y}
        if getattr(self._estimator, "_skl_callbacks", None):  # which a context per round is for
            self._fit = open_context(self._estimator, max_subtasks=n_rounds)
        self._fit.call_on_fit_task_begin(**self._told)

    def begin_round(self):
        """Say that a round begins."""
        self._round = self._fit.subcontext(task_name="round")
        self._round.call_on_fit_task_begin(**self._told)

    def end_round(self):
        """Say that the round has ended; return whether a callback wants no more of them."""
        ended, self._round = self._round, None
        return bool(ended.call_on_fit_task_end(**self._told))

    def end_fit(self):
        """Say that the fit has ended, and the round that was given up, if there is one."""
        if self._round is not None:
            self.end_round()
        self._fit.call_on_fit_task_end(**self._told)
