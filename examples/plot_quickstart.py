"""
Find and drop mislabelled rows
==============================

One row in five of the breast-cancer training set gets a wrong label. The Shapley value of each
row, for a logistic regression scored on clean validation rows, finds them: rows that hurt the
model have negative values. Dropping the lowest-valued rows improves the accuracy on a test set
that nothing else has touched.
"""

import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdvl import ShapleyValuator
from skdvl.stopping import MaxEvaluations

# %%
# Three sets: rows to train on, rows to value them by, and rows to judge the result by.

X, y = load_breast_cancer(return_X_y=True)
X, X_test, y, y_test = train_test_split(X, y, test_size=200, random_state=0, stratify=y)
X, X_val, y, y_val = train_test_split(X, y, test_size=150, random_state=0, stratify=y)

flipped = np.zeros(len(y), dtype=bool)
flipped[np.random.default_rng(0).choice(len(y), size=len(y) // 5, replace=False)] = True
y = np.where(flipped, 1 - y, y)

# %%
# One value and one standard error for each row.

model = make_pipeline(StandardScaler(), LogisticRegression())
valuator = ShapleyValuator(model, stopping=MaxEvaluations(3_000), random_state=0, n_jobs=2)
valuator.fit(X, y, X_val=X_val, y_val=y_val)

worst = np.argsort(valuator.values_)[: flipped.sum()]
print(f"{valuator.n_evaluations_} coalitions of {len(y)} rows were scored")
print(" row     value    stderr  label")
for row in worst:
    label = "flipped" if flipped[row] else "as it was"
    print(f"{row:4d} {valuator.values_[row]:9.5f} {valuator.stderr_[row]:9.5f}  {label}")
print(f"flipped rows among the {len(worst)} lowest values: {flipped[worst].sum()}")
print(f"AUROC of flipped rows among low values: {roc_auc_score(flipped, -valuator.values_):.3f}")

# %%
# Drop them, and look at rows that played no part so far.

kept = np.setdiff1d(np.arange(len(y)), worst)
before = valuator.estimator_.score(X_test, y_test)
after = model.fit(X[kept], y[kept]).score(X_test, y_test)
print(f"test accuracy before dropping: {before:.3f}")
print(f"test accuracy after dropping: {after:.3f}")
