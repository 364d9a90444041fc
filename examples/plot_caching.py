"""
Several methods, one bill
=========================

Training models is what values cost. With `cache=`, the score of a set of rows is kept under all
that it depends on, and whoever asks for the same set finds it: another semivalue, a second run,
another process. Here Shapley, Beta Shapley and Banzhaf values read the same sets.
"""

from time import perf_counter

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_wine
from sklearn.tree import DecisionTreeClassifier

from skdvl import BanzhafValuator, BetaShapleyValuator, ShapleyValuator
from skdvl.caching import MemoryCache
from skdvl.samplers import StratifiedSampler
from skdvl.stopping import MaxEvaluations

X, y = load_wine(return_X_y=True)
rows = np.random.default_rng(0).permutation(len(y))
X, y = X[rows], y[rows]
X, X_val, y, y_val = X[:60], X[60:], y[:60], y[60:]

# %%
# All of them take the same sampler and the same seed. One that suits every semivalue draws sets of
# every size; it is weighted for each.

cache = MemoryCache()
settings = {
    "sampler": StratifiedSampler(),
    "stopping": MaxEvaluations(2500),
    "cache": cache,
    "random_state": 0,
}
tree = DecisionTreeClassifier(max_depth=3)
methods = {
    "Shapley": ShapleyValuator(tree, **settings),
    "Shapley, again": ShapleyValuator(tree, **settings),
    "Beta(4, 1)": BetaShapleyValuator(tree, alpha=4, beta=1, **settings),
    "Banzhaf": BanzhafValuator(tree, **settings),
}
seconds, trained = [], []
for name, valuator in methods.items():
    cache.stats.clear()
    began = perf_counter()
    valuator.fit(X, y, X_val=X_val, y_val=y_val)
    seconds.append(perf_counter() - began)
    trained.append(cache.stats.sets)
    print(f"{name}: {cache.stats.sets} models trained, {cache.stats.hits} scores found")

# %%
# The values are those without a cache, to the last bit.

plain = ShapleyValuator(tree, **settings | {"cache": None}).fit(X, y, X_val=X_val, y_val=y_val)
same = np.array_equal(plain.values_, methods["Shapley, again"].values_)
print(f"same bits without a cache: {same}")

figure, axes = plt.subplots(1, 2, figsize=(9, 3), layout="constrained", sharey=True)
for ax, numbers, label in zip(axes, (trained, seconds), ("models trained", "seconds"), strict=True):
    ax.barh(list(methods), numbers, color="0.75", edgecolor="black")
    ax.set_xlabel(label)
axes[0].invert_yaxis()
plt.show()
