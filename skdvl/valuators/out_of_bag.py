"""What the members of a bagged ensemble say of the rows that they have not seen."""

from contextlib import nullcontext
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from joblib import parallel_config
from scipy.sparse import issparse
from sklearn.base import is_classifier, is_regressor
from sklearn.ensemble._bagging import BaseBagging
from sklearn.ensemble._forest import BaseForest
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.tree import (
    DecisionTreeClassifier,
    DecisionTreeRegressor,
    ExtraTreeClassifier,
    ExtraTreeRegressor,
)
from sklearn.utils import check_array, get_tags
from sklearn.utils.validation import check_is_fitted, validate_data

from ..workers import ordered_stream, pinned_threads

_TREES = (DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeClassifier, ExtraTreeRegressor)
_COPIED = 1000  # columns of a row whose copy takes as long as its way through a tree


def thaw(estimator, prefit):
    """Return the ensemble itself, and whether it is fitted already and stays as it is."""
    if isinstance(estimator, FrozenEstimator):
        return estimator.estimator, True
    return estimator, prefit


def check_ensemble(valuator, ensemble, is_fitted):
    """Refuse what has no members that leave rows out, before anything is fitted."""
    name, kind = type(valuator).__name__, type(ensemble).__name__
    known = isinstance(ensemble, (BaseForest, BaseBagging))
    if not (known and (is_classifier(ensemble) or is_regressor(ensemble))):
        raise ValueError(
            f"{name} takes a forest or a bagging estimator, whose members leave rows out; got "
            f"{ensemble!r}. Bag it, as in BaggingClassifier({kind}()), or use ShapleyValuator."
        )
    params = ensemble.get_params(deep=False)
    is_forest = isinstance(ensemble, BaseForest)
    if is_forest and "sampling_strategy" in params:
        raise ValueError(
            f"{kind} balances the rows before it draws from them, so that it does not tell which "
            "of them a member has seen. Use RandomForestClassifier(class_weight='balanced')."
        )
    if not params["bootstrap"] and (is_forest or _is_all(params["max_samples"])):
        way_out = "" if is_forest else ", or a max_samples below 1.0"
        raise ValueError(
            f"{kind} with bootstrap=False shows every row to every member, and no row is ever out "
            f"of bag. Set bootstrap=True{way_out}."
        )
    member = None if is_forest else ensemble.estimator
    if is_classifier(ensemble) and member is not None:
        check_probability(valuator.scoring, member)
    if is_fitted:
        _check_fitted(name, ensemble)


def check_probability(scoring, member):
    """Refuse members that do not tell the probability that they are asked for."""
    if scoring == "probability" and not hasattr(member, "predict_proba"):
        raise ValueError(
            f"scoring='probability' asks {type(member).__name__} for predict_proba, which it does "
            "not have. Use scoring='label'."
        )


def _is_all(max_samples):
    """Whether that many rows are all of them; an integer 1 is a single row."""
    return max_samples is None or (isinstance(max_samples, float) and max_samples == 1.0)


def _check_fitted(name, ensemble):
    try:
        check_is_fitted(ensemble, "estimators_")
    except NotFittedError as error:
        raise NotFittedError(
            f"{name} was told that its {type(ensemble).__name__} is fitted, and it is not. Fit it "
            "on these rows, or set prefit=False. A clone is not fitted any more: in a search or a "
            "pruner, wrap the ensemble in sklearn.frozen.FrozenEstimator."
        ) from error


def check_same_rows(ensemble, n_rows):
    """Refuse rows that cannot be those that an ensemble was fitted on."""
    n_seen = getattr(ensemble, "_n_samples", n_rows)
    if n_seen != n_rows:
        raise ValueError(
            f"{type(ensemble).__name__} was fitted on {n_seen} rows, and X has {n_rows}. Which "
            "rows a member has not seen is known for the rows of its fit alone: pass these, in "
            "the same order, or let the valuator fit the ensemble (prefit=False)."
        )


@dataclass(frozen=True)
class OutOfBag:
    """A fitted ensemble, and the rows that its members are asked about.

    Attributes
    ----------
    ensemble : forest or bagging estimator
    X : ndarray or CSR matrix
        As the members take it, checked once.
    truth : ndarray of shape (n_rows,)
        Places of the labels in ``ensemble.classes_``; or targets.
    scoring : {"label", "probability"}
        In classification.
    samples : list of ndarray
        The rows that each member was fitted on.
    features : list of (ndarray or None)
        The columns that each member takes; None for all.
    trees : bool
        Whether the members are trees of scikit-learn's own, which are asked without detours.
    """

    ensemble: object
    X: object
    truth: np.ndarray
    scoring: str
    samples: list
    features: list
    trees: bool

    @classmethod
    def of(cls, ensemble, X, y, scoring):
        """Make one, and refuse what the members cannot be asked."""
        n, members = len(y), ensemble.estimators_
        check_same_rows(ensemble, n)
        samples = ensemble.estimators_samples_
        if len(samples) != len(members):
            raise ValueError(
                f"{type(ensemble).__name__} has {len(members)} members, and tells of "
                f"{len(samples)} of them which rows they have seen: that is so after a "
                "warm_start. Fit it in one go."
            )
        classifier = is_classifier(ensemble)
        if classifier:
            check_probability(scoring, members[0])
        truth = _codes(y, ensemble) if classifier else targets(y)
        trees = all(type(member) in _TREES for member in members)
        if classifier:  # whose leaves tell of every label
            trees = trees and all(member.n_classes_ == len(ensemble.classes_) for member in members)
        features = [None] * len(members)
        if hasattr(ensemble, "estimators_features_"):
            everything = np.arange(ensemble.n_features_in_)
            features = [
                None if np.array_equal(own, everything) else own
                for own in ensemble.estimators_features_
            ]
        X = _as_members_take(ensemble, X, trees)
        return cls(ensemble, X, truth, scoring, samples, features, trees)

    @cached_property
    def _width(self):
        """Numbers in a row."""
        return self.X.nnz / len(self.truth) if issparse(self.X) else self.X.shape[1]

    @cached_property
    def _order(self):
        """Rows in which neighbours take similar ways through trees, which is quicker for memory."""
        if not self.trees:
            return np.arange(len(self.truth))
        first = self._columns(self.X, 0)
        return np.argsort(self.ensemble.estimators_[0].tree_.apply(first), kind="stable")

    def _columns(self, X, b):
        return X if self.features[b] is None else X[:, self.features[b]]

    def ask(self, b):
        """Return the rows that member b has not seen, and its scores on them."""
        unseen = np.ones(len(self.truth), dtype=bool)
        unseen[self.samples[b]] = False
        rows = self._order[unseen[self._order]]
        if not len(rows):
            return rows, np.empty(0)
        # Trees are asked about all rows where that is less work than to copy some of them.
        everything = self.trees and len(rows) * (1 + self._width / _COPIED) > len(unseen)
        X, truth = self.X, self.truth
        if not everything:
            X = X[rows] if issparse(X) else X.take(rows, axis=0)  # which is quicker than X[rows]
            truth = truth[rows]
        ask = self._of_tree if self.trees else self._of_any
        scores = ask(self.ensemble.estimators_[b], self._columns(X, b), truth)
        return rows, scores[rows] if everything else scores

    def _of_tree(self, member, X, truth):
        """Scores of a tree, from the leaf of each row."""
        leaf, told = member.tree_.apply(X), member.tree_.value[:, 0, :]
        if not is_classifier(self.ensemble):
            return -((truth - told[:, 0].take(leaf)) ** 2)
        if self.scoring == "probability":
            return told[leaf, truth]
        return told.argmax(axis=1).take(leaf) == truth

    def _of_any(self, member, X, truth):
        """Scores of a member by its public methods; it knows labels by their places."""
        if not is_classifier(self.ensemble):
            return -((truth - member.predict(X)) ** 2)
        if self.scoring == "label":
            return member.predict(X) == truth
        told = member.predict_proba(X)
        place = np.searchsorted(member.classes_, truth)
        place = np.minimum(place, len(member.classes_) - 1)
        known = member.classes_[place] == truth  # a label that the member has never met gets 0
        return np.where(known, told[np.arange(len(truth)), place], 0.0)


def ask_members(game, n_jobs):
    """Yield (rows, scores) of every member, in order; threads share the rows and the members."""
    tasks = [(b,) for b in range(len(game.samples))]
    pinned = nullcontext() if game.trees else pinned_threads()  # trees take no BLAS
    with parallel_config(backend="threading"), pinned:
        yield from ordered_stream(_ask, [tasks], shared=(game,), n_jobs=n_jobs)


def _ask(game, b):
    return game.ask(b)


def _as_members_take(ensemble, X, trees):
    """Return X checked as the ensemble's own `predict` would check it, once for all members."""
    if isinstance(ensemble, BaseForest):
        finite = "allow-nan" if get_tags(ensemble).input_tags.allow_nan else True
        options = {"dtype": np.float32, "accept_sparse": "csr", "ensure_all_finite": finite}
        return validate_data(ensemble, X, reset=False, **options)
    options = {"dtype": None, "accept_sparse": ["csr", "csc"], "ensure_all_finite": False}
    X = validate_data(ensemble, X, reset=False, **options)
    if trees:
        finite = "allow-nan" if get_tags(ensemble.estimators_[0]).input_tags.allow_nan else True
        options = {"dtype": np.float32, "accept_sparse": "csr", "ensure_all_finite": finite}
        return check_array(X, **options)
    return X.tocsr() if issparse(X) else X


def _codes(y, ensemble):
    """Places of the labels among the ensemble's classes."""
    place = {label: k for k, label in enumerate(ensemble.classes_.tolist())}
    labels, codes = np.unique(y, return_inverse=True)
    unknown = [label for label in labels.tolist() if label not in place]
    if unknown:
        raise ValueError(
            f"y holds labels that {type(ensemble).__name__} was not fitted on: {unknown[:5]}; it "
            f"knows {list(place)[:5]}. Pass the y of its fit."
        )
    return np.array([place[label] for label in labels.tolist()])[codes]


def targets(y):
    """Return y as numbers."""
    try:
        return y.astype(np.float64)
    except ValueError as error:
        raise ValueError(
            f"y holds {y.dtype} and not numbers, and this is a regression. Pass a classifier if "
            "these are labels."
        ) from error
