"""Replacing pruned rows, as in scikit-learn's Pipeline, against dropping them, as in skdvl's.

Run: python benchmarks/pruning.py
"""

import numpy as np
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline as make_sklearn_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from skdvl import DataPruner, make_pipeline

LEARNERS = [
    DecisionTreeClassifier(random_state=0),
    KNeighborsClassifier(),
    GaussianNB(),
    LogisticRegression(max_iter=2000),
    SVC(),
]
SEEDS = 12


def accuracies(load, learner, seed):
    X, y = load(return_X_y=True)
    X, X_test, y, y_test = train_test_split(X, y, test_size=0.3, random_state=seed, stratify=y)
    rng = np.random.default_rng(seed)
    flipped = rng.random(len(y)) < 0.2
    y = np.where(flipped, (y + rng.integers(1, y.max() + 1, len(y))) % (y.max() + 1), y)
    pruner = DataPruner(quantile=0.2)
    variants = (
        make_pipeline(StandardScaler(), learner),
        make_pipeline(StandardScaler(), pruner, learner),
        make_sklearn_pipeline(StandardScaler(), pruner, learner),
    )
    return [clone(variant).fit(X, y).score(X_test, y_test) for variant in variants]


def main():
    print(f"test accuracy over {SEEDS} splits, 20 % of the labels wrong, 20 % of the rows pruned")
    print(f"{'':15}{'':24}{'all rows':>9}{'dropped':>9}{'replaced':>9}{'difference':>12}")
    differences = []
    for load in (load_breast_cancer, load_digits):
        for learner in LEARNERS:
            scores = np.array([accuracies(load, learner, seed) for seed in range(SEEDS)])
            plain, dropped, replaced = scores.mean(axis=0)
            differences.append(replaced - dropped)
            print(
                f"{load.__name__[5:]:15}{type(learner).__name__:24}"
                f"{plain:9.4f}{dropped:9.4f}{replaced:9.4f}{replaced - dropped:+12.4f}"
            )
    print(f"mean difference {np.mean(differences):+.4f}")


if __name__ == "__main__":
    main()
