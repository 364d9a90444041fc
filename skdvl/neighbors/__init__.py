"""The k-nearest-neighbour games, and their values in closed form.

A validation row asks its nearest neighbours among the players of a coalition. Its game has exact
values after one sort by distance: whether a player is asked depends only on how many nearer
players are there. `Seats` knows how likely that is under each semivalue, the values follow in a
few sums, and the searches sort the players.

An inner room: all but what the API reference lists may change.
"""

from .choice import make_search
from .scores import label_scores
from .search import EUCLIDEAN
from .seats import Seats, thinned
from .values import (
    label_values,
    nearest_values,
    radius_values,
    seats_left,
    share_values,
    target_values,
)

__all__ = [
    "EUCLIDEAN",
    "Seats",
    "label_scores",
    "label_values",
    "make_search",
    "nearest_values",
    "radius_values",
    "seats_left",
    "share_values",
    "target_values",
    "thinned",
]
