"""What a user's type checker sees of the public API: checked by mypy, and run by no test."""

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV

from skdvl import DataPruner, KNNShapleyValuator, ShapleyValuator, make_pipeline
from skdvl.caching import MemoryCache
from skdvl.samplers import IndexSampler, PermutationSampler
from skdvl.semivalues import Banzhaf, Semivalue
from skdvl.stopping import MaxEvaluations, MaxTime, StoppingRule
from skdvl.utilities import Utility


class Halves(Semivalue):
    """Sets of half the players."""

    def size_pmf(self, n: int) -> np.ndarray:
        return (np.arange(n) == n // 2).astype(float)


class Sizes(Utility):
    """A utility of one's own."""

    def __init__(self, n_players: int) -> None:
        self.n_players = n_players

    def __call__(self, masks: np.ndarray) -> np.ndarray:
        return masks.sum(axis=1) ** 0.5


def values(X: np.ndarray, y: np.ndarray) -> np.ndarray:
    rule: StoppingRule = MaxEvaluations(1000) | MaxTime(60)
    sampler: IndexSampler = PermutationSampler(antithetic=True)
    valuator = ShapleyValuator(
        LogisticRegression(),
        sampler=sampler,
        stopping=rule,
        cache=MemoryCache(),
        random_state=0,
    )
    valuator.fit(X, y)
    valuator.revalue(Banzhaf())
    ShapleyValuator().fit_utility(Sizes(12))
    return valuator.values_


def search(X: np.ndarray, y: np.ndarray) -> GridSearchCV:
    pruner = DataPruner(KNNShapleyValuator(n_neighbors=3), quantile=0.1)
    pipeline = make_pipeline(pruner, LogisticRegression())
    return GridSearchCV(pipeline, {"datapruner__quantile": [0.0, 0.1]}).fit(X, y)
