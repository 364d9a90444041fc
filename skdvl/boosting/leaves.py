"""What finds the leaves that rows are in. scikit-learn does not tell those of histograms."""

import numpy as np
from sklearn.ensemble._hist_gradient_boosting.predictor import TreePredictor
from sklearn.utils._openmp_helpers import _openmp_effective_n_threads

from .leaf_masks import MOST_LEAVES, LeafMasks

_MANY_ROWS = 50_000  # from where on threads are worth waking
_MANY_FEATURES = 256  # in all nodes, from where on a walk of few rows is faster than masks


def find_leaves(estimator):
    """Return what finds the leaves of trees of histograms, numbered from left to right.

    Parameters
    ----------
    estimator : HistGradientBoostingClassifier or HistGradientBoostingRegressor

    Returns
    -------
    finder : LeafMasks or LeafWalks
    """
    predictors = [tree for trees in estimator._predictors for tree in trees]
    known = estimator._bin_mapper.make_known_categories_bitsets()
    trees = [tree.nodes for tree in predictors]
    most_leaves = max(np.count_nonzero(tree["is_leaf"]) for tree in trees)
    features = np.unique(np.concatenate([tree["feature_idx"] for tree in trees]))
    if most_leaves > MOST_LEAVES or len(features) > _MANY_FEATURES:
        return LeafWalks(predictors, *known)
    return LeafMasks(trees, [tree.raw_left_cat_bitsets for tree in predictors], *known)


class LeafNodes:
    """The leaves of trees without histograms, by the numbers of their nodes.

    Parameters
    ----------
    trees : list of tree of scikit-learn
    """

    def __init__(self, trees):
        self._trees = trees

    def rows(self, X):
        """Return X as it is."""
        return X

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

    def rows(self, X):
        """Return X as it is."""
        return X

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
