"""
Removal curves: what a model loses with the best rows, and gains without the worst
==================================================================================

One label in five is wrong. Rows are dropped in the order of their values, a few at a time, and
the model is trained on what is left. If values are good, its accuracy rises when the lowest go
first, and falls fast when the highest do. Random orders show what is nothing but chance.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.naive_bayes import GaussianNB
from sklearn.preprocessing import StandardScaler

import skdvl
from skdvl.experiments import flip_labels, removal_curve
from skdvl.plotting import RemovalCurveDisplay
from skdvl.stopping import MaxEvaluations

# %%
# Three sets of rows: to train on, to value by, and to draw the curve with. A curve on the rows that
# the values were made with would flatter them.

X, y = load_breast_cancer(return_X_y=True)
X = StandardScaler().fit_transform(X)
X, X_test, y, y_test = train_test_split(X, y, test_size=200, random_state=0, stratify=y)
X, X_val, y, y_val = train_test_split(X, y, test_size=120, random_state=0, stratify=y)
y, is_flipped = flip_labels(y, 0.2, random_state=0)

# %%
# Shapley values are those of naive Bayes, whose coalitions are scored without training.

budget = {"stopping": MaxEvaluations(2000), "random_state": 0}
methods = {
    "Data-OOB": skdvl.DataOOBValuator(random_state=0).fit(X, y),
    "KNN-Shapley": skdvl.KNNShapleyValuator().fit(X, y, X_val=X_val, y_val=y_val),
    "Shapley": skdvl.ShapleyValuator(GaussianNB(), **budget).fit(X, y, X_val=X_val, y_val=y_val),
    "leave one out": skdvl.LeaveOneOutValuator(GaussianNB()).fit(X, y, X_val=X_val, y_val=y_val),
}

# %%
# The values of any method may be judged by any model: here a weakly penalised logistic regression,
# which follows wrong labels. One call scores all methods against the same random orders.

model = LogisticRegression(C=100, max_iter=1000)
figure, axes = plt.subplots(1, 2, figsize=(11, 4.5), sharey=True, layout="constrained")
for ax, from_ in zip(axes, ("lowest", "highest"), strict=True):
    curves = removal_curve(
        model,
        methods,
        X,
        y,
        X_test,
        y_test,
        fractions=[0, 0.1, 0.2, 0.3, 0.4],
        from_=from_,
        n_random=6,
        random_state=0,
    )
    RemovalCurveDisplay.from_curves(curves, ax=ax)
    print(f"{from_} values first: mean accuracy above that of random orders, and 95 % intervals")
    for name, curve in curves.items():
        lower, upper = curve.gain_interval
        print(f"{from_}, {name}: {curve.gain:+.3f} ({lower:+.3f} to {upper:+.3f})")
plt.show()

# %%
# The interval says how far the gain may be off, by the draw of the test rows and of the random
# orders. One that holds zero is no proof of anything. Leave-one-out values are zero for most rows:
# ties, which are broken by chance, so that their curve stays near the band.
