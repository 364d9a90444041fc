"""
Mislabelled digits, found and shown
===================================

One label in twenty of 1500 handwritten digits is wrong. A random forest says which: a row is worth
how well the trees do on it that have not seen it. The rows of lowest value are shown below as
images, and a curve tells how many have to be looked at until the wrong ones are found.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier

from skdvl import ConfidentLearningValuator, DataOOBValuator, KNNShapleyValuator
from skdvl.experiments import detection_curve, flip_labels
from skdvl.plotting import DetectionCurveDisplay

X, truth = load_digits(return_X_y=True)
X, truth = X[:1500], truth[:1500]
y, is_flipped = flip_labels(truth, 0.05, random_state=0)

# %%
# No validation rows are needed: each method looks at the training rows alone.

forest = RandomForestClassifier(200, random_state=0)
values = {
    "Data-OOB": DataOOBValuator(forest).fit(X, y).values_,
    "KNN-Shapley": KNNShapleyValuator().fit(X, y).values_,
    "confident learning": ConfidentLearningValuator(random_state=0).fit(X, y).values_,
}

# %%
# The 24 rows of lowest value: the label that they came with, and, where it is wrong, the digit
# that was written.

worst = np.argsort(values["Data-OOB"])[:24]
figure, axes = plt.subplots(3, 8, figsize=(9, 4.6), layout="constrained")
for row, ax in zip(worst, axes.flat, strict=True):
    ax.imshow(X[row].reshape(8, 8), cmap="gray_r")
    told = f"not {y[row]}, but {truth[row]}" if is_flipped[row] else f"really {y[row]}"
    ax.set_title(told, fontsize=9, fontweight="normal" if is_flipped[row] else "bold")
    ax.set_xticks([])
    ax.set_yticks([])
plt.show()

print(f"wrong labels among the {len(worst)} lowest values: {is_flipped[worst].sum()}")

# %%
# Whoever looks through the rows in the order of their values finds nearly all wrong labels in the
# first tenth. The grey band is what a random order would find.

DetectionCurveDisplay.from_values(values, is_flipped)
plt.show()

for name, one in values.items():
    curve = detection_curve(one, is_flipped)
    print(f"{name}, share of the wrong labels in the lowest tenth: {curve.found_at(0.1):.2f}")
