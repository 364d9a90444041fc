"""What finds the leaves that rows are in. scikit-learn does not tell those of histograms."""

import numpy as np
from sklearn.ensemble._hist_gradient_boosting.predictor import TreePredictor
from sklearn.utils._openmp_helpers import _openmp_effective_n_threads

from .leaf_bits import MOST_LEAVES, LeafBits

_MANY_ROWS = 50_000  # from where on threads are worth waking


def find_leaves(estimator, most_leaves):
    """Return what finds the leaves of trees of histograms, numbered from left to right.

    Parameters
    ----------
    estimator : HistGradientBoostingClassifier or HistGradientBoostingRegressor
    most_leaves : int
        Of a tree.

    Returns
    -------
    finder : LeafBits or LeafWalks
    """
    trees = [tree for trees in estimator._predictors for tree in trees]
    known = estimator._bin_mapper.make_known_categories_bitsets()
    if most_leaves > MOST_LEAVES:
        return LeafWalks(trees, *known)
    left_sets = [tree.raw_left_cat_bitsets for tree in trees]
    return LeafBits([tree.nodes for tree in trees], left_sets, *known)


class LeafNodes:
    """The leaves of trees without histograms, by the numbers of their nodes.

    Parameters
    ----------
    trees : list of tree of scikit-learn
    """

    def __init__(self, trees):
        self._trees = trees

    def leaves(self, rows):
        """Yield the leaf of each row in each tree."""
        for tree in self._trees:
            yield tree.apply(rows)


class LeafWalks:
    """The leaves of trees of any size, by scikit-learn's own way through each tree.

    Parameters
    ----------
    predictors : list of TreePredictor
    known, place_of_known : ndarray
        Of categories.
    """

    def __init__(self, predictors, known, place_of_known):
        self._categories = known, place_of_known
        self._numbered = [_numbered(tree) for tree in predictors]

    def leaves(self, rows):
        """Yield the leaf of each row in each tree."""
        n_threads = _openmp_effective_n_threads() if len(rows) > _MANY_ROWS else 1
        for tree in self._numbered:
            yield tree.predict(rows, *self._categories, n_threads).astype(np.intp)


def _numbered(tree):
    """Return a tree that predicts the number of the leaf."""
    nodes = tree.nodes.copy()
    is_leaf = nodes["is_leaf"] == 1
    nodes["value"] = np.cumsum(is_leaf) - is_leaf
    return TreePredictor(nodes, tree.binned_left_cat_bitsets, tree.raw_left_cat_bitsets)
