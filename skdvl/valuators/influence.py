"""Influence: what the removal of each row does to a linear model, from a single fit."""

import numpy as np
from sklearn.base import is_classifier
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import HasMethods, StrOptions
from sklearn.utils.validation import check_is_fitted, check_memory

from ..callbacks import as_one_task
from ..influence import (
    InfluenceMatrix,
    as_design,
    check_scoring,
    check_supported,
    ends_frozen,
    joint_step,
    last_model,
    warn_of_other_rows,
    warn_of_rough_fit,
)
from .base import or_as_before
from .influence_checks import check_judges, check_kind, check_test_rows, rows_that_go
from .influence_study import Question, study, target_of
from .inputs import check_classes, check_groups, check_rows, check_validation, row_index
from .one_fit import OneFitValuator
from .routing import fit_params
from .scores import warn_of_unvalued


class InfluenceValuator(OneFitValuator):
    r"""Value rows by what a linear model would lose without them, from a single fit.

    How the coefficients of a fitted model move when a row goes follows from the first and second
    derivatives of what it minimises. So the loss on validation rows without each row costs one fit
    and a pass over the rows, where refits would cost a fit each. For least squares it is exact.

    Without a validation set, `cv` values each row on the held-out rows of the folds that train on
    it, with one fit for each fold.

    Parameters
    ----------
    estimator : estimator
        `LinearRegression`, `Ridge`, `Lasso`, `ElasticNet`, `LogisticRegression`,
        `PoissonRegressor`, `GammaRegressor`, `TweedieRegressor`, `HuberRegressor`, `LinearSVC` with
        the squared hinge loss, or `SGDClassifier` and `SGDRegressor` with a loss that has second
        derivatives, which are taken as if they had found their optimum; or a pipeline that ends in
        one. What is valued then are its transformed rows, while the transformers stay as they are.
        Weights of classes stay too, where refits with ``class_weight="balanced"`` would weigh anew,
        and differ from values by more than otherwise. So do coefficients that an L1 penalty has set
        to 0: where a row's going would bring them back, values are only about right, and so they
        are of rows of a large share of all weights where the loss is a weighted mean and there is a
        penalty, as for `ElasticNet` and generalised linear models. It is cloned and fitted, unless
        it is a :class:`sklearn.frozen.FrozenEstimator`. Where a pipeline ends in one, its
        transformers are fitted, and the model stays as it is.
    kind : {"influence", "self_influence", "alo", "loo"}, default="influence"
        What is told of a row:

        - "influence": how much the mean loss on the validation rows rises without the row, by its
          slope at the predictions of the model of all rows;
        - "alo": the same by the loss itself, at the predictions of the model without the row:
          approximate leave-one-out. Refits of logistic regressions correlate with it by more than
          0.999 where there are some dozens of rows for each coefficient;
        - "loo": that, and only where these predictions are exact, as for least squares, of which
          those are warned of that stopped short of their minimum;
        - "self_influence": how much the loss of the row itself rises without it, by its slope,
          and with a minus. The model fits rows of low value only since it has seen them. No
          validation rows are needed.
    scoring : str or None, default=None
        What is lost. None is the loss that the model itself minimises; a name is that of a scorer
        of scikit-learn, and a row's value is what the score loses when it goes, whatever the model
        minimises:

        - "neg_log_loss" and "neg_brier_score", of the estimator's own `predict_proba`; the latter
          of more than two classes only where scikit-learn has it (from 1.7 on);
        - "r2", "neg_mean_squared_error", "neg_root_mean_squared_error" and
          "neg_mean_absolute_error";
        - "neg_mean_poisson_deviance" and "neg_mean_gamma_deviance", of generalised linear models
          with a logarithmic link, whose predictions are above 0.

        Slopes of predictions must say how the score changes, so that there is no "accuracy" and no
        callable: for these use a valuator that refits, such as `LeaveOneOutValuator`. Where a score
        has a corner, as an absolute error at 0, the middle of its slopes is taken.
    solver : {"auto", "cholesky", "cg", "nystroem"}, default="auto"
        How to solve with the Hessian of all coefficients:

        - "cholesky" holds it as a triangle, by QR of the rows if there is one predictor, and takes
          the pseudoinverse where there is none;
        - "cg" never forms it, and finds what it is asked for by conjugate gradients, one solution
          for "influence". All else takes a solution for each row, and standard errors of
          "influence" are not known: infinite;
        - "nystroem" approximates what the rows add to an L2 penalty by a matrix of rank 300, and
          values are as good as that;
        - "auto" is "cholesky" up to 3000 coefficients, and "cg" from there on.
    newton : bool or "auto", default="auto"
        Take for the Hessian that of the model without the row, a full step of Newton's method,
        which divides by one less the leverage of the row. Without, the step is that of classical
        influence functions, which takes rows of high leverage for less than they are. All kinds
        but "influence" need it. "auto" is True, except for "influence" with "cg".
    group_effect : {"sum", "joint"}, default="sum"
        With `groups`: the value of a group is the sum of those of its rows, or what the loss rises
        by if all of them go together, which is another thing where they stand in for each other.
        For "self_influence" it is the sum.
    cv : int, splitter or iterable, default=5
        Folds that value rows if there is no validation set.
    prefit : bool, default=False
        Take `estimator` as it is, fitted already on the very rows that `fit` is given, with the
        same `sample_weight`; a model that is not at its optimum there is warned of, unless it was
        fitted by stochastic gradients. It takes a validation set, or ``kind="self_influence"``. A
        clone is not fitted any more: in a search, or in a pruner, use `FrozenEstimator`.
    random_state : int, RandomState instance or None, default=None
        Seeds every random state of the estimator, and of `cv`, that is not an integer.
    memory : str, joblib.Memory or None, default=None
        Where to keep results, so that the same data are valued once.

    Attributes
    ----------
    values_ : ndarray of shape (n_samples,)
        In units of `scoring`, or of the model's loss: mean squared error for least squares, log
        loss for logistic regression, mean deviance for generalised linear models, and for others
        what they minimise. Positive where a row helps: the loss rises without it. With `groups`,
        the mean over the rows of the group. NaN for rows that decide a coefficient alone, and for
        those that no fold trains on.
    stderr_ : ndarray of shape (n_samples,)
        Standard errors over the validation rows, taken as a sample; 0 for "self_influence".
    counts_ : ndarray of int of shape (n_samples,)
        Number of validation rows behind each value.
    n_unvalued_ : int
        Number of rows without a value.
    self_influence_ : ndarray of shape (n_samples,)
        Of the model of all rows: the rise of the loss of each row itself, at least 0; or of its
        share of a score on all rows, with `scoring`. Only with `newton`.
    loo_predictions_ : ndarray of shape (n_samples,) or (n_samples, n_classes)
        What the model says of each row if it is fitted without it: targets, probabilities, or
        decisions where there are none. Only with `newton`.
    groups_, group_values_, group_stderr_ : ndarray of shape (n_groups,)
        Only if `groups` were passed; see `group_effect`.
    estimator_ : estimator
        Fitted on all rows.
    task_ : {"classification", "regression"}
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        Only if X has column names.

    Notes
    -----
    A fitted model minimises :math:`\sum_i \ell_i(\theta) + R(\theta)`. With the mean loss L of the
    validation rows, the Hessian :math:`H_0` of the sum, and :math:`H_i` that of the sum without
    row i, the value of the row is

    .. math:: v_i = \nabla L^\top H_i^{-1} \nabla \ell_i, \qquad
        v_i = -\nabla \ell_i^\top H_0^{-1} \nabla \ell_i

    for "influence" and for "self_influence". "alo" is L after the Newton step
    :math:`\theta + H_i^{-1} \nabla \ell_i`, less L; where losses are squares that is exact, and
    "loo". With "cholesky", `values_` of "alo" also take how the Hessian changes along the step, to
    second order; `influence_matrix` and `predict_without` are of the step alone. With
    ``newton=False``, :math:`H_0` stands for :math:`H_i`.

    References
    ----------
    Koh & Liang (2017), "Understanding black-box predictions via influence functions",
    arXiv:1703.04730. Rad & Maleki (2020), "A scalable estimate of the out-of-sample prediction
    error via approximate leave-one-out cross-validation", arXiv:1801.10243.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.linear_model import Ridge
    >>> from skdvl import InfluenceValuator
    >>> X, y = load_diabetes(return_X_y=True)
    >>> y[7] += 500
    >>> valuator = InfluenceValuator(Ridge(), kind="loo").fit(X, y)
    >>> int(valuator.values_.argmin())
    7

    By how much R2 falls without each of the first rows:

    >>> scored = InfluenceValuator(Ridge(), kind="loo", scoring="r2")
    >>> scored = scored.fit(X[:400], y[:400], X_val=X[400:], y_val=y[400:])
    >>> model = Ridge().fit(X[:400], y[:400])
    >>> without = Ridge().fit(X[1:400], y[1:400])
    >>> lost = model.score(X[400:], y[400:]) - without.score(X[400:], y[400:])
    >>> bool(abs(scored.values_[0] - lost) < 1e-10)
    True
    """

    _parameter_constraints = {
        "estimator": [HasMethods(["fit"])],
        "kind": [StrOptions({"influence", "self_influence", "alo", "loo"})],
        "scoring": "no_validation",
        "solver": [StrOptions({"auto", "cholesky", "cg", "nystroem"})],
        "newton": ["boolean", StrOptions({"auto"})],
        "group_effect": [StrOptions({"sum", "joint"})],
        "cv": ["cv_object"],
        "prefit": ["boolean"],
        "random_state": ["random_state"],
        "memory": [None, str, HasMethods(["cache"])],
    }

    def __init__(
        self,
        estimator,
        *,
        kind="influence",
        scoring=None,
        solver="auto",
        newton="auto",
        group_effect="sum",
        cv=5,
        prefit=False,
        random_state=None,
        memory=None,
    ):
        self.estimator = estimator
        self.kind = kind
        self.scoring = scoring
        self.solver = solver
        self.newton = newton
        self.group_effect = group_effect
        self.cv = cv
        self.prefit = prefit
        self.random_state = random_state
        self.memory = memory

    @as_one_task
    @or_as_before
    def fit(self, X, y, *, X_val=None, y_val=None, groups=None, **params):
        """Value the rows of X.

        Parameters
        ----------
        X : array-like, data frame or sparse matrix of shape (n_samples, n_features)
            Whatever the estimator takes. What the model sees of it is kept, for what is
            asked later.
        y : array-like of shape (n_samples,)
        X_val, y_val : array-like or None, default=None
            Validation rows: both, or neither to use `cv`.
        groups : array-like of shape (n_samples,) or None, default=None
            Groups of rows with the same label, such as data vendors: their values are added up.
            With `cv`, a fold adds up the rows of a group that it trains on: of five folds, that
            comes to four fifths of the sum over all of its rows.
            A `cv` that splits by groups gets them too.
        **params : dict
            Passed to the estimator's `fit`: `sample_weight`, or ``<step>__sample_weight`` for the
            last step of a pipeline. One that is fitted already is taken to have been given it.

        Returns
        -------
        self : InfluenceValuator

        Raises
        ------
        ValueError
            If the inputs do not fit each other or the parameters, or what the estimator minimises
            is not known; before anything is trained.
        NotFittedError
            If the estimator is said to be fitted, and is not.
        """
        self._validate_params()
        index = row_index(X)
        X, y = check_rows(self, X, y)
        model, is_fitted, stays = self._checked_model(y)
        classifier = is_classifier(model)
        X_val, y_val = check_validation(self, X_val, y_val, y, classifier)
        names, player_of_row = check_groups(groups, len(y))
        splits = self._splits(X, y, groups, X_val, stays, classifier)
        check_judges(self.scoring, self.kind, y, y_val, splits)
        params = fit_params(self, model, params)
        cached, question = check_memory(self.memory).cache(study), self._question()
        told = cached(
            model, is_fitted, X, y, params, X_val, y_val, splits, question, player_of_row
        )  # fmt: skip
        model, effects, *values = told
        if not (stays and warn_of_other_rows(type(self).__name__, model, effects.fit)):
            warn_of_rough_fit(model, effects)
        self._publish(*values, names, player_of_row)
        self._keep(model, effects)
        self._first_order = question.first_order
        self._labels = np.unique(y) if classifier else y[:1]
        self.task_ = "classification" if classifier else "regression"
        self._row_index = index
        warn_of_unvalued(
            self, "each decides a coefficient alone, or no fold trains on it. A penalty helps"
        )
        return self

    def influence_matrix(self, X_test, y_test, *, out=None):
        """Return what the going of each training row adds to the loss of each test row.

        The model is that of all rows, and "loo" and "alo" take the loss itself, the other kinds its
        slope. With `scoring`, it is the share of each test row in what the score on all of them
        loses.

        Parameters
        ----------
        X_test : array-like, data frame or sparse matrix of shape (n_test, n_features)
        y_test : array-like of shape (n_test,)
        out : ndarray of shape (n_train, n_test) or None, default=None
            Where to write all of it, such as a `numpy.memmap`.

        Returns
        -------
        matrix : InfluenceMatrix or ndarray
            Of shape (n_train, n_test). Without `out` nothing is computed yet: iterate over it for
            pairs of a slice of training rows and their block, or take ``matrix[rows]``.
            ``numpy.asarray(matrix)`` is all of it, in memory at once.

        Examples
        --------
        >>> from sklearn.datasets import load_diabetes
        >>> from sklearn.linear_model import Ridge
        >>> from skdvl import InfluenceValuator
        >>> X, y = load_diabetes(return_X_y=True)
        >>> valuator = InfluenceValuator(Ridge(), kind="loo").fit(X[:400], y[:400])
        >>> matrix = valuator.influence_matrix(X[400:], y[400:])
        >>> matrix.shape
        (400, 42)
        >>> worst = [block.mean(axis=1).argmin() for rows, block in matrix]
        """
        check_is_fitted(self, "values_")
        model, effects = self.estimator_, self._effects
        X_test, y_test = check_test_rows(
            self, X_test, y_test, self._labels, self.task_ == "classification"
        )
        target = target_of(model, effects, X_test, y_test)
        matrix = InfluenceMatrix(effects, target, self._first_order)
        return matrix if out is None else matrix.write(out)

    def predict_without(self, rows, X=None):
        """Return what the model says without a row, or without several rows together.

        Parameters
        ----------
        rows : int or array-like of int
            The rows of the training set that go.
        X : array-like, data frame or sparse matrix of shape (n, n_features) or None, default=None
            The rows to predict. None stands for those that go.

        Returns
        -------
        told : ndarray of shape (n,) or (n, n_classes)
            Targets, probabilities, or decisions of a model without probabilities; exact for least
            squares, and after a step of Newton's method for others. NaN where the rows that go
            decide a coefficient alone.

        Raises
        ------
        ValueError
            If rows are named that there are not, or X is not what the model takes.
        """
        check_is_fitted(self, "values_")
        effects = self._effects
        fit = effects.fit
        rows = rows_that_go(rows, len(fit))
        coef = fit.coef + joint_step(effects, rows)
        Z = fit.rows(rows) if X is None else fit.of_model(as_design(self.estimator_, X))
        return fit.loss.predict(Z @ coef)

    def _question(self):
        seed = check_random_state(self.random_state).randint(2**31 - 1)
        return Question(
            self.kind, self.solver, self.group_effect, self.newton, self.scoring, seed
        )  # fmt: skip

    def _checked_model(self, y):
        """Return the estimator, whether it is fitted, and whether its last step at least stays."""
        model, is_fitted = self._model(y)
        if is_classifier(model):
            check_classes(y)
        check_scoring(type(self).__name__, self.scoring, last_model(model), len(np.unique(y)))
        stays = is_fitted or ends_frozen(model)
        if stays:
            self._check_labels(last_model(model), y)
        return model, is_fitted, stays

    def _check_model(self, model, is_fitted):
        check_supported(type(self).__name__, model)
        check_kind(type(self).__name__, model, self.kind, self.solver, self.newton)

    def _keep(self, model, effects):
        """Set what is known of the model."""
        for name in ("self_influence_", "loo_predictions_"):
            vars(self).pop(name, None)
        if effects.newton:
            self.self_influence_ = effects.self_influence
            self.loo_predictions_ = effects.fit.loss.predict(effects.eta_without)
        self.estimator_, self._effects = model, effects
