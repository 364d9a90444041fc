"""What valuators that ask a single fitted model have in common."""

import numpy as np
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.utils import check_random_state, get_tags
from sklearn.utils.validation import check_is_fitted

from ..influence import last_step
from .base import BaseValuator
from .inputs import labels_of, make_splits, make_splitter, takes_groups
from .out_of_bag import thaw
from .problem import pin_seeds
from .routing import fit_router


class OneFitValuator(BaseValuator):
    """Base class for valuators that take a model of all rows, fitted already or not.

    A subclass has the parameters `estimator`, `kind`, `cv`, `prefit` and `random_state`.
    """

    _fitted: str | None = "coef_"  # what a fitted model has

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        inner = get_tags(self.estimator)
        for name in ("sparse", "allow_nan", "string"):
            setattr(tags.input_tags, name, getattr(inner.input_tags, name))
        tags.target_tags.positive_only = inner.target_tags.positive_only
        return tags

    def get_metadata_routing(self):
        """Say who gets which metadata; see scikit-learn's user guide on metadata routing.

        Returns
        -------
        routing : MetadataRouter
        """
        return fit_router(self, self.estimator)

    def _check_model(self, model, is_fitted):
        """Refuse an estimator that will not do, before anything is fitted."""

    def _check_rows_stay(self, model):
        """Refuse pipelines whose last step is fitted on other rows than those that are given."""
        for name, step in getattr(model, "steps", ()):
            if hasattr(step, "fit_resample") and not isinstance(step, FrozenEstimator):
                raise ValueError(
                    f"{type(self).__name__} values the rows that a model is fitted on, and step "
                    f"{name!r} drops or adds some before. Value the rows that it leaves, or use "
                    "LeaveOneOutValuator, which refits the whole pipeline."
                )
            self._check_rows_stay(step)

    def _model(self, y):
        """Return the estimator, seeded but not fitted, or as it is; refuse what will not do."""
        name = type(self).__name__
        if y.ndim != 1:
            raise ValueError(
                f"y has shape {y.shape}; {name} takes one label or target for each row. For "
                "several outputs use ShapleyValuator with an estimator that takes them."
            )
        model, is_fitted = thaw(self.estimator, self.prefit)
        self._check_model(model, is_fitted)
        self._check_rows_stay(model)
        if not is_fitted:
            seed = check_random_state(self.random_state).randint(2**31 - 1)
            return pin_seeds(clone(model), seed), False
        try:
            check_is_fitted(last_step(model), self._fitted)
        except NotFittedError as error:
            raise NotFittedError(
                f"{name} was told that its {type(model).__name__} is fitted, and it is not. Fit "
                "it on these rows, or set prefit=False. A clone is not fitted any more: in a "
                "search or a pruner, wrap it in sklearn.frozen.FrozenEstimator."
            ) from error
        self._check_labels(last_step(model), y)
        return model, True

    def _check_labels(self, model, y):
        """Refuse labels that a fitted classifier has not met."""
        if not hasattr(model, "classes_"):
            return
        unknown = sorted(labels_of(y) - labels_of(model.classes_), key=str)
        if unknown:
            raise ValueError(
                f"{type(model).__name__} does not know these labels of y: {unknown}; it was "
                f"fitted on {model.classes_.tolist()}. Pass the rows and labels that it was fitted "
                "on, or let the valuator fit it (prefit=False)."
            )

    def _splits(self, X, y, groups, X_val, is_fitted, classifier):
        """Return the folds that rows are valued on, None where none are needed."""
        if X_val is not None or self.kind == "self_influence":
            return None
        if is_fitted:
            raise ValueError(
                f"kind={self.kind!r} with an estimator that is fitted already needs rows that it "
                "has not seen: pass X_val and y_val, let the valuator fit it on folds "
                "(prefit=False), or use kind='self_influence'."
            )
        own = {} if groups is None or not takes_groups(self.cv) else {"groups": groups}
        return make_splits(make_splitter(self, y, classifier), X, y, **own)

    def _publish(self, values, stderr, counts, names, player_of_row):
        """Set values and errors of players, and the number of scores behind them."""
        for name in ("groups_", "group_values_", "group_stderr_", "_row_groups"):
            vars(self).pop(name, None)
        size = np.bincount(player_of_row)
        if names is not None:
            self.groups_, self._row_groups = names, names[player_of_row]
            self.group_values_, self.group_stderr_ = values, stderr
        self.values_ = (values / size)[player_of_row]
        self.stderr_ = (stderr / size)[player_of_row]
        self.counts_ = counts[player_of_row]
        self.n_unvalued_ = int(np.isnan(self.values_).sum())
