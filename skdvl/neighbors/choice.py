"""The search that suits a game."""

import numpy as np

from .euclidean import Products
from .nearest import Nearest
from .search import Pairs, default_metric_params
from .single import SingleProducts

FEW = 1000  # training rows, below which distances pair by pair are as quick as a product


def make_search(game):
    """Return the quickest search that gives the orders, and the distances, that a game needs.

    Parameters
    ----------
    game : object
        With the attributes `X`, `X_val`, `metric`, `metric_params`, `dtype`, `cut`, `weights` and
        `utility` of `skdvl.valuators.neighbor_game.NeighborGame`.

    Returns
    -------
    search : Pairs, Products, SingleProducts or Nearest
    """
    params = default_metric_params(game.metric, game.X) | game.metric_params
    pairs = Pairs(game.X, game.X_val, game.metric, params, game.dtype)
    if game.cut is not None:
        return Nearest.of(pairs, game.cut)
    asks_distances = game.weights != "uniform" or game.utility == "radius"
    if asks_distances or not pairs.is_euclidean or len(game.y) < FEW:
        return pairs
    products = SingleProducts if game.dtype == np.float32 else Products
    return products.of(pairs) or pairs
