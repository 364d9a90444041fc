"""
Which method for which question
===============================

Values answer different questions, and some are a thousand times quicker than others. Here all of
them look at the same rows, one in ten of which has a wrong label, and two questions are asked:
which labels are wrong, and which rows does this model do better without?

For wrong labels, take `DataOOBValuator`, or `KNNShapleyValuator` where neighbours mean something:
both need no model of yours and take seconds for ten thousand rows; `TwoDOOBValuator` also says
which cells of a row mislead. For what a row does to *your* model and *your* score take
`ShapleyValuator`, whose values add up to the score, or `BetaShapleyValuator`, which looks at small
sets, where a single row counts for more.
"""

from time import perf_counter

import matplotlib.pyplot as plt
import numpy as np
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

import skdvl
from skdvl.stopping import MaxEvaluations

X, y = load_breast_cancer(return_X_y=True)
X = StandardScaler().fit_transform(X)
X, X_test, y, y_test = train_test_split(X, y, test_size=200, random_state=1, stratify=y)
X, X_val, y, y_val = train_test_split(X, y, test_size=120, random_state=1, stratify=y)

flipped = np.zeros(len(y), dtype=bool)
flipped[np.random.default_rng(1).choice(len(y), size=len(y) // 10, replace=False)] = True
y = np.where(flipped, 1 - y, y)

# %%
# The first four look at the training rows alone; the others score models, or neighbours, on
# validation rows. Those that train models on sets of rows get 3000 of them.

model = LogisticRegression()
budget = {"stopping": MaxEvaluations(3000), "random_state": 0}
methods = {
    "RandomValuator": (skdvl.RandomValuator(random_state=0), False),
    "ConfidentLearningValuator": (skdvl.ConfidentLearningValuator(model), False),
    "DataOOBValuator": (skdvl.DataOOBValuator(random_state=0), False),
    "KNNShapleyValuator, alone": (skdvl.KNNShapleyValuator(), False),
    "KNNShapleyValuator": (skdvl.KNNShapleyValuator(), True),
    "LeaveOneOutValuator": (skdvl.LeaveOneOutValuator(model), True),
    "ShapleyValuator": (skdvl.ShapleyValuator(model, **budget), True),
    "BanzhafValuator": (skdvl.BanzhafValuator(model, **budget), True),
    "BetaShapleyValuator": (skdvl.BetaShapleyValuator(model, **budget), True),
    "ClasswiseShapleyValuator": (skdvl.ClasswiseShapleyValuator(model, **budget), True),
    "AMEValuator": (skdvl.AMEValuator(model, **budget), True),
    "LeastCoreValuator": (skdvl.LeastCoreValuator(model, random_state=0), True),
}

# %%
# For each: how well low values tell wrong labels (the area under the ROC curve, 0.5 for chance),
# and the accuracy on rows that played no part when the lowest tenth is dropped.

print(f"with all rows {clone(model).fit(X, y).score(X_test, y_test):.3f} on the test rows\n")
print(f"{'':27}{'wrong labels':>14}{'lowest dropped':>16}{'seconds':>10}")
found, seconds = {}, {}
for name, (valuator, validates) in methods.items():
    given = {"X_val": X_val, "y_val": y_val} if validates else {}
    began = perf_counter()
    values = valuator.fit(X, y, **given).values_
    seconds[name] = perf_counter() - began
    found[name] = roc_auc_score(flipped, -values)
    kept = np.argsort(values)[len(y) // 10 :]
    score = clone(model).fit(X[kept], y[kept]).score(X_test, y_test)
    print(f"{name:27}{found[name]:14.3f}{score:16.3f}{seconds[name]:10.2f}")

# %%
# The same as a picture: up is better, left is quicker.

_, axes = plt.subplots(figsize=(8, 5), layout="constrained")
for name in methods:
    axes.scatter(max(seconds[name], 1e-3), found[name])
    axes.annotate(name, (max(seconds[name], 1e-3), found[name]), fontsize=8, rotation=15)
axes.set(xscale="log", xlabel="seconds", ylabel="AUROC of wrong labels among low values")
axes.axhline(0.5, color="grey", linestyle=":")
plt.show()
