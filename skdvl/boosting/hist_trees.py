"""The leaves of trees of histograms, which scikit-learn does not tell."""

import numpy as np
from sklearn.ensemble._hist_gradient_boosting.predictor import TreePredictor
from sklearn.utils._openmp_helpers import _openmp_effective_n_threads

_MANY = 50_000  # rows, from where on threads are worth waking


def as_bitsets(estimator):
    """Return what trees need to know of the categories of a fitted estimator."""
    return estimator._bin_mapper.make_known_categories_bitsets()


class HistTree:
    """A tree of histograms with the face of scikit-learn's other trees, as far as it is needed.

    Parameters
    ----------
    predictor : TreePredictor
    known_bitsets, places : ndarray
        Of categories.
    """

    def __init__(self, predictor, known_bitsets, places):
        nodes = predictor.nodes.copy()
        self.said = nodes["value"].copy()
        nodes["value"] = np.arange(len(nodes))  # so that a prediction is the number of the leaf
        self.node_count = len(nodes)
        self._numbered = TreePredictor(
            nodes, predictor.binned_left_cat_bitsets, predictor.raw_left_cat_bitsets
        )
        self._categories = known_bitsets, places

    def apply(self, rows):
        """Return the leaf of every row."""
        n_threads = _openmp_effective_n_threads() if len(rows) > _MANY else 1
        return self._numbered.predict(rows, *self._categories, n_threads).astype(np.intp)
