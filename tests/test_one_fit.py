"""What InfluenceValuator and BoostInValuator have in common: which fitted models they take."""

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import make_classification, make_regression
from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.preprocessing import StandardScaler

from skdvl import BoostInValuator, DataPruner, InfluenceValuator, KNNShapleyValuator, make_pipeline

LABELS = [
    (InfluenceValuator, LogisticRegression()),
    (BoostInValuator, GradientBoostingClassifier(n_estimators=3)),
]
TARGETS = [
    (InfluenceValuator, Ridge()),
    (BoostInValuator, GradientBoostingRegressor(n_estimators=3)),
]
NAMES = ["influence", "boost-in"]


def regression():
    X, y = make_regression(60, 3, random_state=0)
    return pd.DataFrame(X, columns=list("abc")), y


@pytest.mark.parametrize(("valuator", "model"), TARGETS, ids=NAMES)
@pytest.mark.parametrize("depth", [1, 2])
def test_pipelines_that_drop_rows_are_refused(valuator, model, depth):
    X, y = regression()
    pipeline = make_pipeline(DataPruner(KNNShapleyValuator(), quantile=0.2), model)
    if depth == 2:
        pipeline = make_pipeline(StandardScaler(), pipeline)
    for given in (valuator(pipeline), valuator(pipeline.fit(X, y), prefit=True)):
        with pytest.raises(ValueError, match="'datapruner' drops or adds"):
            given.fit(X, y, X_val=X, y_val=y)
    frozen = make_pipeline(FrozenEstimator(StandardScaler().fit(X)), model)
    assert valuator(frozen).fit(X, y, X_val=X, y_val=y).n_unvalued_ == 0


@pytest.mark.parametrize(("valuator", "model"), LABELS, ids=NAMES)
@pytest.mark.parametrize("new", ["b", "z", 1])
def test_labels_that_a_fitted_model_has_not_met_are_refused(valuator, model, new):
    X, y = make_classification(60, random_state=0)
    y = np.array(["a", "c"], dtype=object)[y]
    given, wrong = valuator(model.fit(X, y), prefit=True), y.copy()
    wrong[::5] = new
    with pytest.raises(ValueError, match=f"does not know.*{new!r}"):
        given.fit(X, wrong, X_val=X, y_val=y)


@pytest.mark.parametrize(("valuator", "model"), TARGETS, ids=NAMES)
def test_columns_that_a_fitted_model_does_not_take_are_refused(valuator, model):
    X, y = regression()
    given = valuator(model.fit(X, y), prefit=True)
    with pytest.raises(ValueError, match="feature names should match"):
        given.fit(X[list("bca")], y, X_val=X[list("bca")], y_val=y)
    X = X.to_numpy()
    given = valuator(model.fit(X, y), prefit=True)
    with pytest.raises(ValueError, match="2 features.* expecting 3"):
        given.fit(X[:, :2], y, X_val=X[:, :2], y_val=y)
    assert not hasattr(given, "values_") and not hasattr(given, "n_features_in_")
