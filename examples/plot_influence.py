"""
Which rows made this prediction?
================================

A classifier takes a digit for another one. Which training rows brought that about, and which spoke
for the truth? `InfluenceValuator` answers from the fitted model: `influence_matrix` has what the
going of every training row adds to the loss of every test row, without another fit.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

from skdvl import InfluenceValuator

X, y = load_digits(return_X_y=True)
X, X_test, y, y_test = train_test_split(X / 16, y, test_size=0.5, random_state=0)

# %%
# One fit. "alo" takes the loss at the predictions of the model without the row, of which the slope
# of the loss would be the first order.

model = LogisticRegression(C=0.1).fit(X, y)
valuator = InfluenceValuator(model, kind="alo", prefit=True)
valuator.fit(X, y, X_val=X_test, y_val=y_test)
told = model.predict_proba(X_test)
wrong = np.flatnonzero(model.predict(X_test) != y_test)
print(f"{len(wrong)} of {len(y_test)} test rows are predicted wrongly")

# %%
# Of the wrong predictions, the one that the model is surest of. Rows are helpful for it where its
# loss rises without them, and harmful where it falls.

worst = wrong[told[wrong].max(axis=1).argmax()]
test = slice(worst, worst + 1)
effects = np.asarray(valuator.influence_matrix(X_test[test], y_test[test]))[:, 0]
order = np.argsort(effects)
harmful, helpful = order[:6], order[::-1][:6]
said = model.predict(X_test[test])[0]
print(f"a {y_test[worst]} that is taken for a {said}, with probability {told[worst].max():.2f}")
print("labels of harmful rows:", y[harmful], " of helpful rows:", y[helpful])

# %%
# Most harmful rows have the other label and look like the digit; helpful ones are unusual rows of
# its own label. Numbers are what the log loss of the digit changes by without the row.

figure, axes = plt.subplots(2, 7, figsize=(10, 3.6), layout="constrained")
for line, rows, name in zip(axes, (harmful, helpful), ("harmful", "helpful"), strict=True):
    line[0].imshow(X_test[worst].reshape(8, 8), cmap="gray_r")
    line[0].set_title(f"a {y_test[worst]}, said {said}", fontsize=9)
    line[0].set_ylabel(name)
    for axis, row in zip(line[1:], rows, strict=True):
        axis.imshow(X[row].reshape(8, 8), cmap="gray_r")
        axis.set_title(f"{y[row]}: {effects[row]:+.3f}", fontsize=9)
for axis in axes.flat:
    axis.set(xticks=[], yticks=[])

# %%
# Is that so? Without the six most harmful rows, refitted, and as `predict_without` has it.

kept = np.delete(np.arange(len(y)), harmful)
refitted = LogisticRegression(C=0.1).fit(X[kept], y[kept]).predict_proba(X_test[test])[0]
without = valuator.predict_without(harmful, X_test[test])[0]
truth = y_test[worst]
print(f"probability of a {truth}: {told[worst, truth]:.4f} with all rows")
print(f"{refitted[truth]:.4f} refitted without the harmful six, {without[truth]:.4f} as foretold")
plt.show()
