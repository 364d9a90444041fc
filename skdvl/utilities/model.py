"""The score of an estimator trained on a coalition of rows: clone, fit, score."""

from functools import cached_property
from numbers import Real

import numpy as np
import sklearn
from sklearn.base import BaseEstimator, ClassifierMixin, clone, is_classifier, is_regressor
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.metrics import accuracy_score, get_scorer
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import _check_method_params, _num_samples

from ..identity import Cloned
from .base import Scored, Utility
from .pairwise import check_pairs, is_pairwise, take_pairs
from .repeats import random_states

# Estimators of these modules are plain: they keep no estimators inside, do not change their
# parameters in fit, and check nothing but their input. So a fresh one is a copy of its
# parameters, and what the fit on all rows has found finite need not be looked at again.
_PLAIN = ("linear_model", "naive_bayes", "neighbors", "discriminant_analysis", "svm", "tree")

_QUIET = 0.0, 1  # noise of a score that is no mean


class ModelUtility(Utility):
    """Score on the validation rows after training on a coalition's rows.

    Works with anything that has `fit` and a scorer: pipelines, column transformers on data
    frames, sparse matrices, string labels, several outputs.

    Parameters
    ----------
    estimator : estimator
        Its random states should be integers, so that the score depends on the set alone.
    X, y : array-like of n rows
        Training rows; the players. If the estimator's tag `pairwise` says that it takes a matrix
        of pairs of rows, such as a precomputed kernel, X has n columns too.
    X_val, y_val : array-like
        Validation rows; X_val has a column for each training row if X has.
    scorer : str or callable
        A name of scikit-learn's, or ``scorer(estimator, X, y) -> float``.
    error_score : "auto", "raise" or float, default="auto"
        What a coalition that cannot be fitted or scored is worth. A number is that number.
        "auto" is the score of the empty coalition; and a classifier's coalition with rows of
        one class only is not fitted at all, it scores as the classifier that always predicts
        that class, and is no failure.
    empty_score : "dummy" or float, default="dummy"
        What the empty coalition is worth: a number, or the score of a model that knows the
        training labels only (`DummyClassifier(strategy="prior")`, `DummyRegressor()`).
    fit_params, score_params : dict or None
        Passed to `fit` and to the scorer; arrays with one entry for each training row are cut
        to the coalition's rows.
    repeats : Repeats or None, default=None
        Score each coalition under several seeds, in place of those of the estimator, and take
        the mean.

    Attributes
    ----------
    reason : str
        Why no kernel stands for these refits, as a sentence fragment, if that was asked.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from skdvl.utilities import ModelUtility
    >>> X, y = np.array([[0.0], [1.0], [8.0], [9.0]]), np.array([0, 0, 1, 1])
    >>> utility = ModelUtility(DecisionTreeClassifier(random_state=0), X, y, X, y, "accuracy")
    >>> utility
    ModelUtility(DecisionTreeClassifier(random_state=0), n_players=4)
    >>> masks = np.array([[True, False, False, True], [True, True, False, False]])
    >>> utility(masks)  # a row of each class, and two of one class
    array([1. , 0.5])
    """

    block_size = 8  # time, interrupts and lost workers cost a block, of models that may be slow
    scores_apart = True
    derived = (
        "_full",
        "_empty_score",
        "_constants",
        "_is_plain",
        "_unfitted",
        "_takes_pairs",
        "_counts_hits",
        "_seeded",
        "reason",
    )
    reason = ""
    _made_of = ("estimator",)

    def __init__(
        self,
        estimator,
        X,
        y,
        X_val,
        y_val,
        scorer,
        *,
        error_score="auto",
        empty_score="dummy",
        fit_params=None,
        score_params=None,
        repeats=None,
    ):
        self.estimator = estimator
        self.X, self.y = X, y
        self.X_val, self.y_val = _read_only(X_val), _read_only(y_val)
        self.scorer = get_scorer(scorer)
        self.error_score = error_score
        self.fit_params = fit_params or {}
        self.score_params = score_params or {}
        self._takes_pairs = is_pairwise(estimator)
        if self._takes_pairs:
            check_pairs(estimator, X, X_val)
        self.n_players = _num_samples(X)
        self.known_sizes = (0, self.n_players)
        self.classes = self._codes = None
        if is_classifier(estimator) and np.ndim(y) == 1:
            self.classes, self._codes = np.unique(y, return_inverse=True)
        self.repeats, self.is_noisy = repeats, repeats is not None
        self._constants = {}
        self._full = None  # score and noise
        self._given_empty_score = empty_score
        self._empty_score = None if empty_score == "dummy" else float(empty_score)

    def tier(self, length):
        return "refit"

    @property
    def ingredients(self):
        return super().ingredients | {"estimator": Cloned(self.estimator)}

    def bind(self):
        """Fit on all rows, strictly: a broken estimator or scorer raises here, as it is.

        Returns
        -------
        model : estimator
            Fitted on all rows.
        """
        X, y = own_rows(self.X), own_rows(self.y)
        model = clone(self.estimator).fit(X, y, **self.fit_params)
        full = self._scored(model, self.X_val), _QUIET
        if self.repeats is not None:
            everyone, finite = np.arange(self.n_players), sklearn.get_config()["assume_finite"]
            full = self._repeated(everyone, np.ones(self.n_players, dtype=bool), finite)
        if self._empty_score is None:
            self._empty_score = self._dummy_score()
        self._full = full
        return model

    @property
    def full_score(self):
        if self._full is None:
            self.bind()
        return self._full[0]

    @property
    def empty_score(self):
        """Score of the empty coalition."""
        if self._full is None:
            self.bind()
        return self._empty_score

    def __call__(self, masks):
        return self.evaluate(masks).scores

    def evaluate(self, masks):
        masks = self.check_masks(masks)
        if self._full is None:
            self.bind()
        scores, failures, noise = np.empty(len(masks)), {}, np.tile(_QUIET, (len(masks), 1))
        finite = sklearn.get_config()["assume_finite"]
        with self.unchecked():
            for j, mask in enumerate(masks):
                rows = np.flatnonzero(mask)
                try:
                    scores[j], noise[j] = self._score(rows, mask, finite)
                except MemoryError:  # a machine's limit is no property of the coalition
                    raise
                except Exception as error:
                    scores[j], failures[j] = self._failed(rows, error)
        return Scored(scores, failures, noise=noise if self.is_noisy else None)

    def unchecked(self):
        """Return a context in which fits do not check again what the fit on all rows has checked.

        It has validated the parameters, and found the input finite.

        Returns
        -------
        context : context manager
        """
        finite = sklearn.get_config()["assume_finite"]
        return sklearn.config_context(
            skip_parameter_validation=True, assume_finite=finite or self._is_plain
        )

    def _score(self, rows, mask, finite):
        """Return the score of a coalition, and its noise."""
        if not len(rows):
            return self.empty_score, _QUIET
        if len(rows) == self.n_players:
            return self._full
        if self._codes is not None and self.error_score == "auto":
            codes = self._codes[rows]
            if (codes == codes[0]).all():
                return self._constant_score(codes[0]), _QUIET
        if self.repeats is not None:
            return self._repeated(rows, mask, finite)
        return self._refitted(rows, self._fresh(), finite), _QUIET

    def _repeated(self, rows, mask, finite):
        """Return the mean score over several seeds, and its noise."""

        def score(rng):
            seeds = rng.integers(2**31 - 1, size=len(self._seeded)).tolist()
            model = self._fresh().set_params(**dict(zip(self._seeded, seeds, strict=True)))
            return self._refitted(rows, model, finite)

        return self.repeats.mean(mask, score)

    def _refitted(self, rows, model, finite):
        X = self.X_of(rows)
        params = _check_method_params(self.X, self.fit_params, rows) if self.fit_params else {}
        model.fit(X, self.y[rows], **params)
        if self._counts_hits:
            return self.score_of(model, rows)
        with sklearn.config_context(assume_finite=finite):  # predictions are looked at
            return self.score_of(model, rows)

    def _share_of_hits(self, model, rows):
        """Return what accuracy_score would return, without its checks, or None."""
        predicted = model.predict(_own(self.X_val_of(rows)))
        if np.shape(predicted) != self.y_val.shape:
            return None
        return np.count_nonzero(predicted == self.y_val) / len(self.y_val)

    def X_of(self, rows):
        """Return a copy of the training rows of these numbers, to be trained on.

        Parameters
        ----------
        rows : ndarray of int of shape (m,)

        Returns
        -------
        X : array-like of m rows
            Of the type of the training rows. If they are pairs, with a column for each of the m.
        """
        if self._takes_pairs:
            X = take_pairs(self.X, rows, rows)
            return own_rows(X) if len(rows) == self.n_players else X
        if type(self.X) is np.ndarray:
            return self.X[rows]
        X = _safe_indexing(self.X, rows)
        return own_rows(X) if len(rows) == self.n_players else X

    def X_val_of(self, rows):
        """Return the validation rows for a model trained on the rows of these numbers.

        Parameters
        ----------
        rows : ndarray of int of shape (m,)

        Returns
        -------
        X_val : array-like
            All validation rows. If they are pairs, with a column for each of the m.
        """
        if self._takes_pairs and len(rows) < self.n_players:
            return take_pairs(self.X_val, None, rows)
        return self.X_val

    def score_of(self, model, rows):
        """Return the score of a model trained on some rows, that may have missed a class.

        Parameters
        ----------
        model : estimator
            Fitted.
        rows : ndarray of int of shape (m,)
            What it was fitted on.

        Returns
        -------
        score : float

        Raises
        ------
        ValueError
            If the scorer does not return a finite number.
        """
        score = self._share_of_hits(model, rows) if self._counts_hits else None
        if score is None:
            score = self._scored(self._with_all_classes(model), self.X_val_of(rows))
        return score

    def _scored(self, model, X_val):
        score = self.scorer(model, _own(X_val), self.y_val, **self.score_params)
        if not isinstance(score, Real) or not np.isfinite(score):
            raise ValueError(
                f"the scorer {_name(self.scorer)} returned {score!r} instead of a finite number, "
                f"on {len(self.y_val)} validation rows"
            )
        return float(score)

    def _failed(self, rows, error):
        """Return the score of a coalition that could not be fitted, and why."""
        words = (
            f"{type(self.estimator).__name__} failed on a coalition of {len(rows)} of "
            f"{self.n_players} rows: {type(error).__name__}: {error}"
        )
        if self.error_score == "raise":
            raise RuntimeError(words) from error
        score = self.empty_score if self.error_score == "auto" else float(self.error_score)
        return score, words

    @cached_property
    def _is_plain(self):
        module = type(self.estimator).__module__.split(".")
        params = self.estimator.get_params()
        return (
            module[0] == "sklearn"
            and module[1] in _PLAIN
            and not any(hasattr(value, "get_params") for value in params.values())
            and not params.get("warm_start")
            and not isinstance(params.get("random_state"), np.random.RandomState)
        )

    @cached_property
    def _unfitted(self):
        return clone(self.estimator)

    def _fresh(self):
        """Return an unfitted estimator of our own."""
        if not self._is_plain:
            return clone(self.estimator)
        fresh = object.__new__(type(self.estimator))
        fresh.__dict__.update(self._unfitted.__dict__)
        return fresh

    @cached_property
    def _seeded(self):
        return random_states(self.estimator)

    @cached_property
    def _counts_hits(self):
        scorer = self.scorer
        return (
            self.classes is not None
            and np.ndim(self.y_val) == 1
            and getattr(scorer, "_score_func", None) is accuracy_score
            and scorer._sign == 1
            and not scorer._kwargs
            and not self.score_params
        )

    def constant_score(self, code):
        """Return the score of rows of one class only, or NaN if it cannot be scored.

        Parameters
        ----------
        code : int
            Number of the class.

        Returns
        -------
        score : float
        """
        try:
            return self._constant_score(code)
        except Exception:  # a refit says so, each time
            return np.nan

    def _constant_score(self, code):
        """Score of the classifier that predicts one class whatever it sees."""
        if code not in self._constants:
            model = DummyClassifier(strategy="prior")
            model.fit(self.y, self.y, sample_weight=self._codes == code)
            self._constants[code] = self._scored(model, self.X_val)
        return self._constants[code]

    def _dummy_score(self):
        """Score of a model that has seen the training labels and nothing else."""
        if is_classifier(self.estimator):
            model = DummyClassifier(strategy="prior")
        elif is_regressor(self.estimator):
            model = DummyRegressor()
        else:
            raise ValueError(
                f"{type(self.estimator).__name__} is neither a classifier nor a regressor, so "
                "there is no dummy to score the empty coalition with. Set empty_score to a number."
            )
        try:
            return self._scored(model.fit(self.y, self.y), self.X_val)
        except Exception as error:
            raise ValueError(
                f"The scorer {_name(self.scorer)} cannot score {model!r}, which stands for the "
                f"empty coalition: {error}. Set empty_score to a number."
            ) from error

    def _with_all_classes(self, model):
        """Give a classifier that has missed a class a probability of zero for it."""
        if self.classes is None or len(getattr(model, "classes_", ())) == len(self.classes):
            return model
        if getattr(self.scorer, "_response_method", "predict") == "predict":
            return model
        return _AllClasses(model, self.classes)


class _AllClasses(ClassifierMixin, BaseEstimator):
    """A fitted classifier that knows of all classes, those it has never seen included."""

    def __init__(self, model, classes):
        self.model = model
        self.classes_ = classes

    def __sklearn_is_fitted__(self):
        return True

    def predict(self, X):
        return self.model.predict(X)

    def predict_proba(self, X):
        seen = self.model.predict_proba(X)
        proba = np.zeros((len(seen), len(self.classes_)), dtype=seen.dtype)
        proba[:, np.searchsorted(self.classes_, self.model.classes_)] = seen
        return proba


def _name(scorer):
    return repr(getattr(scorer, "__name__", scorer))


def own_rows(X):
    """Return a copy that an estimator may write into; taking all rows of a frame makes none."""
    return X.copy() if hasattr(X, "copy") else X


def _own(X):
    """Return validation rows for one model: an array is read-only, and needs no copy."""
    return X if type(X) is np.ndarray else own_rows(X)


def _read_only(array):
    """Return a view that an estimator cannot write to, where there is one.

    Its rows lie one behind the other, as training rows do once they are cut: the last bits of
    products depend on it, and the key of a score does not.
    """
    if type(array) is not np.ndarray:
        return array
    view = np.ascontiguousarray(array).reshape(array.shape).view()
    view.flags.writeable = False
    return view
