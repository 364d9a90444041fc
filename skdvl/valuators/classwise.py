"""Class-wise Shapley values: what a row does for its own class, and to the others."""

import itertools
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from sklearn.base import clone, is_classifier
from sklearn.metrics import make_scorer

from ..coalitions import Placement
from ..samplers import IndexSampler, PermutationSampler, Round
from ..semivalues import Shapley
from ..strategies import MarginalMean
from ..utilities.measures import class_score
from ..utilities.optimum import at_optimum
from .coalition import CoalitionValuator
from .problem import Problem, pin_seeds


@dataclass(frozen=True)
class OutOfClass:
    """Coalitions of the rows of other classes, by a sampler."""

    sampler: IndexSampler

    def __call__(self, rng, count, n):
        """Draw coalitions of n rows, as `skdvl.coalitions.Placement` wants them."""
        drawn, missing = [np.empty((0, n), dtype=bool)], count if n else 0
        for t in itertools.count():
            if missing <= 0:
                break
            drawn.append(self.sampler.draw(Round(t, n, rng)).start)
            missing -= len(drawn[-1])
        return np.concatenate(drawn)[:count]


@dataclass(frozen=True)
class ClasswiseProblem(Problem):
    """A game for each class, of each fold: its rows are the players, the others come and go."""

    out_of_class: OutOfClass | None = None

    @cached_property
    def classes(self):
        """Sorted labels."""
        return np.unique(self.y)

    @cached_property
    def class_of_player(self):
        """The number of the label of every player."""
        codes = np.empty(self.n_players, dtype=np.intp)
        codes[self.player_of_row] = np.searchsorted(self.classes, self.y)
        return codes

    @cached_property
    def _seats(self):
        """Players of each fold, and whose turn it is, as (class, fold, all players, seats)."""
        found = []
        for code in range(len(self.classes)):
            for fold, names in enumerate(super().players()):
                seats = np.flatnonzero(self.class_of_player[names] == code)
                if len(seats):
                    found.append((code, fold, names, seats))
        return found

    def players(self):
        return [names[seats] for _, _, names, seats in self._seats]

    @property
    def placements(self):
        """Where the players of each game are among those of its fold."""
        return [Placement(seats, names, self.out_of_class) for _, _, names, seats in self._seats]

    def bind(self, seed):
        bound = [self._scored_by(label).bind(seed) for label in self.classes]
        return bound[0][0], [bound[code][1][fold] for code, fold, *_ in self._seats]

    def class_accuracies(self, seed):
        """Return the accuracy on each class as a share of all rows, of all rows of a class.

        Returns
        -------
        accuracies : ndarray of shape (n_classes,)
            With folds, the mean over them.
        """
        estimator = pin_seeds(clone(self.estimator), seed)
        estimator = at_optimum(estimator) if self.exact == "optimum" else estimator
        told = []
        for utility in self._scored_by(self.classes[0]).fold_utilities(estimator):
            hits = utility.bind().predict(utility.X_val) == utility.y_val
            shares = [np.count_nonzero(hits & (utility.y_val == c)) for c in self.classes]
            told.append(np.array(shares) / len(hits))
        return np.mean(told, axis=0)

    def _scored_by(self, label):
        """Return a problem of all rows as players, with the score of a class."""
        fields = {name: getattr(self, name) for name in Problem.__dataclass_fields__}
        return Problem(**fields | {"scorer": make_scorer(class_score, label=label)})


class ClasswiseShapleyValuator(CoalitionValuator):
    r"""Value rows by their Shapley value within their class: CS-Shapley, for classifiers.

    The rows of each class play a game of their own. A coalition of them is scored together with
    random rows of the other classes, each of which is there with probability 1/2 by default: by the
    accuracy on validation rows of the class, times the exponential of that on all others, both as
    shares of all validation rows. So a row is worth something if it helps its own class without
    hurting the others. Every walk through the rows of a class meets other rows of the others, and
    standard errors include that.

    Of the parameters of all valuators, ``sampler="auto"`` is `PermutationSampler`, however few the
    players, and `scoring`, `strategy`, `control_variates` and `truncation` have to stay as they
    are.

    Parameters
    ----------
    estimator : estimator
        A classifier, which is trained on coalitions of rows.
    normalize : bool, default=True
        Scale the values of each class so that they sum to the accuracy on this class of the model
        that is trained on all rows, as a share of all validation rows. A class whose values do
        not have a positive sum, or whose accuracy is 0, stays as it is.
    out_of_class_sampler : IndexSampler or None, default=None
        Which rows of the other classes are there: any sampler of coalitions that never ends, such
        as ``CoalitionSampler(p=0.2)`` or `SizeOptimalSampler`. Values are means over the sets that
        it draws, which are not weighted. None: each row with probability 1/2.
    {shared}

    Notes
    -----
    Values are the Shapley values, among the rows of class c, of the game

    .. math:: u_c(S) = \mathbb{E}_T \big[ a_c(S \cup T)\, e^{a_{-c}(S \cup T)} \big]

    with random rows T of the other classes, and the numbers :math:`a_c` and :math:`a_{-c}` of
    validation rows of the class, and of the others, that are predicted right, as shares of all.

    References
    ----------
    Schoch, Xu & Ji (2022), "CS-Shapley: class-wise Shapley values for data valuation in
    classification", arXiv:2211.06800.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from skdvl import ClasswiseShapleyValuator
    >>> from skdvl.stopping import MaxEvaluations
    >>> X, y = load_iris(return_X_y=True)
    >>> valuator = ClasswiseShapleyValuator(
    ...     GaussianNB(), stopping=MaxEvaluations(3000), random_state=0
    ... )
    >>> valuator.fit(X[::2], y[::2], X_val=X[1::2], y_val=y[1::2])
    ClasswiseShapleyValuator(...)
    >>> float(valuator.values_.sum().round(2))  # the accuracy
    0.96
    """

    _parameter_constraints = {
        "normalize": ["boolean"],
        "out_of_class_sampler": [IndexSampler, None],
    }
    _strategy = MarginalMean
    _problem = ClasswiseProblem

    def __init__(self, estimator=None, *, normalize=True, out_of_class_sampler=None, **shared):
        super().__init__(estimator, **shared)
        self.normalize = normalize
        self.out_of_class_sampler = out_of_class_sampler

    def _make_semivalue(self):
        return Shapley()

    def _make_sampler(self, n_players):
        return PermutationSampler()

    def _make_scorer(self):
        if self.scoring is not None:
            raise ValueError(
                f"scoring={self.scoring!r} was given, and class-wise values have a score of their "
                "own. Leave it out, or use ShapleyValuator."
            )
        if not is_classifier(self.estimator):
            raise ValueError(
                f"{type(self.estimator).__name__} is no classifier, and class-wise values are for "
                "classes. Use ShapleyValuator."
            )
        return make_scorer(class_score)

    def fit_utility(self, utility):
        """Not possible: a bare utility has no classes.

        Parameters
        ----------
        utility : Utility

        Raises
        ------
        TypeError
        """
        raise TypeError("ClasswiseShapleyValuator needs rows with labels: use fit.")

    def _pose(self, X, y, X_val, y_val, groups, params):
        problem, names = super()._pose(X, y, X_val, y_val, groups, params)
        if np.ndim(problem.y) != 1:
            raise ValueError(
                f"y has shape {np.shape(problem.y)}; class-wise values need one label for each "
                "row. Use ShapleyValuator."
            )
        mixed = problem.class_of_player[problem.player_of_row] != np.searchsorted(
            problem.classes, problem.y
        )
        if mixed.any():
            group = names[problem.player_of_row[mixed]].tolist()[0]
            raise ValueError(
                f"Group {group!r} has rows of several classes, and players of class-wise values "
                "belong to one. Split it by class, or use ShapleyValuator."
            )
        return replace(problem, out_of_class=self._out_of_class()), names

    def _out_of_class(self):
        sampler = self.out_of_class_sampler
        if sampler is None:
            return None
        sampler._validate_params()
        if sampler.draws != "coalitions" or sampler.n_rounds(4) is not None:
            raise ValueError(
                f"out_of_class_sampler={sampler!r} was given, and a sampler of coalitions that "
                "never ends is needed. Pass CoalitionSampler(p), or leave it out."
            )
        return OutOfClass(clone(sampler))

    def _solve(self, problem, players, n_players):
        ends = getattr(self.sampler, "n_rounds", lambda n: None)
        if ends(1) is not None:
            raise ValueError(
                f"{self.sampler!r} ends, and the rows of other classes are drawn at random without "
                "an end. Use PermutationSampler()."
            )
        model, run, info = super()._solve(problem, players, n_players)
        if self.normalize:
            accuracies = problem.class_accuracies(run.seed)
            total = np.bincount(problem.class_of_player, np.nan_to_num(run.values))
            is_scaled = (total > 0) & (accuracies > 0)
            factor = np.divide(accuracies, total, out=np.ones(len(total)), where=is_scaled)
            factor = factor[problem.class_of_player]
            told = {name: getattr(run, name) * factor for name in ("values", "stderr", "centre")}
            run = replace(run, **told)
        return model, run, info
