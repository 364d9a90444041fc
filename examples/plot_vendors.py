"""
Data vendors share a payment
============================

Eight vendors sell rows for one model, and are to share what the buyer pays. Some sell many rows and
some few; one has careless labels, and two sell the very same rows. What is each of them worth? With
``groups`` vendors are the players, and all 256 sets of eight vendors are scored: the
values are exact.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdvl import LeaveOneOutValuator, ShapleyValuator
from skdvl.experiments import flip_labels
from skdvl.plotting import ValuesDisplay

X, y = load_digits(return_X_y=True)
X, X_val, y, y_val = train_test_split(X, y, test_size=600, random_state=0, stratify=y)

# %%
# "Careless" has three labels in five wrong; "twin A" and "twin B" sell the same rows.

sizes = {"huge": 400, "large": 200, "middle": 100, "small": 50, "tiny": 25, "careless": 150}
vendors = np.repeat(list(sizes), list(sizes.values()))
X, y = X[: len(vendors) + 100], y[: len(vendors) + 100]
vendors = np.concatenate([vendors, ["twin A"] * 100])
careless = vendors == "careless"
y[careless] = flip_labels(y[careless], 0.6, random_state=0)[0]
twin = vendors == "twin A"
X, y = np.concatenate([X, X[twin]]), np.concatenate([y, y[twin]])
vendors = np.concatenate([vendors, ["twin B"] * 100])

# %%
# Shapley values add up to what all vendors together are worth above none. Leave-one-out values say
# only what is lost if one vendor alone is missing.

model = make_pipeline(StandardScaler(), GaussianNB(var_smoothing=0.1))
rows = {"X_val": X_val, "y_val": y_val, "groups": vendors}
shapley = ShapleyValuator(model).fit(X, y, **rows)
alone = LeaveOneOutValuator(model).fit(X, y, **rows)

budget = 10_000
paid = np.maximum(shapley.group_values_, 0)
paid = budget * paid / paid.sum()
share = dict(zip(shapley.groups_.tolist(), paid.tolist(), strict=True))
print(f"{'vendor':10}{'rows':>6}{'Shapley':>10}{'leave one out':>15}{'payment':>10}{'per row':>9}")
for name, value, lost in zip(
    shapley.groups_, shapley.group_values_, alone.group_values_, strict=True
):
    n_rows = np.count_nonzero(vendors == name)
    pay = f"{share[name]:10.0f}{share[name] / n_rows:9.2f}"
    print(f"{name:10}{n_rows:6d}{value:10.4f}{lost:15.4f}{pay}")
print(f"sum of the Shapley values: {shapley.group_values_.sum():.4f}")
print(f"payment of twin A: {share['twin A']:.0f}")
print(f"payment of twin B: {share['twin B']:.0f}")
print(f"payment of careless, per row: {share['careless'] / 150:.2f}")
print(f"payment of large, per row: {share['large'] / 200:.2f}")

# %%
# The twins are paid alike, and who has few rows is paid more for each: the first rows teach most.
# By leaving one out, hardly anybody would be worth anything, since the others are still there.

figure, axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
ValuesDisplay.from_estimator(shapley, ax=axes[0])
axes[0].set(title="values of vendors", ylabel="accuracy added")
order = np.argsort(paid)
axes[1].barh(shapley.groups_[order], paid[order], color="0.75", edgecolor="black")
axes[1].set(title=f"shares of {budget}", xlabel="payment")
plt.show()
