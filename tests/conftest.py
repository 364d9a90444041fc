"""Small data sets that the tests share."""

import numpy as np
import pytest
from forks import forks, workers_start
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.model_selection import train_test_split


@pytest.fixture
def small():
    """Nine rows to train on and thirty to score on: every coalition can be enumerated."""
    X, y = load_breast_cancer(return_X_y=True)
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    rows = np.random.default_rng(3).permutation(len(X))
    return X[rows[:9], :4], y[rows[:9]], X[rows[9:39], :4], y[rows[9:39]]


@pytest.fixture
def medium():
    """Forty rows of breast_cancer to train on, four of them mislabelled, and 100 to score on."""
    X, y = load_breast_cancer(return_X_y=True)
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    X, X_val, y, y_val = train_test_split(
        X, y, train_size=40, test_size=100, random_state=0, stratify=y
    )
    flipped = np.zeros(40, dtype=bool)
    flipped[[3, 11, 19, 27]] = True
    return X, np.where(flipped, 1 - y, y), X_val, y_val, flipped


@pytest.fixture
def three_classes():
    """Sixty rows of iris to train on and ninety to score on."""
    X, y = load_iris(return_X_y=True)
    return train_test_split(X, y, train_size=60, random_state=0, stratify=y)


@pytest.fixture
def many_portions(monkeypatch):
    """Workers are sent as few blocks at a time as if the models took long."""
    monkeypatch.setattr("skdvl.workers._PORTION", 0.01)


@pytest.fixture(scope="session", autouse=True)
def _forked_workers():
    """Workers of loky are forks of a process that has imported what they need."""
    with workers_start("forkserver" if forks() else None):
        yield


@pytest.fixture
def fresh_workers():
    """Workers begin as loky's own do, as fresh interpreters."""
    with workers_start(None):
        yield
