"""
The same values on a Ray cluster
================================

``parallel_config(backend="ray")`` sends models to all nodes of a cluster, or starts Ray on this
machine if there is none. Values do not depend on where they were computed: they have the same bits
as in this very process. Without Ray (``pip install "skdvl[ray]"``), this example shows joblib's own
workers.
"""

import joblib
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.tree import DecisionTreeClassifier

import skdvl
from skdvl.plotting import ValuesDisplay
from skdvl.stopping import MaxEvaluations

try:
    import ray
except ImportError:
    ray = None

X, y = load_breast_cancer(return_X_y=True)
X, y, X_val, y_val = X[:80], y[:80], X[80:], y[80:]
tree = DecisionTreeClassifier(max_depth=3, random_state=0)


def value(backend, n_jobs):
    """Return a valuator that was fitted with some workers."""
    valuator = skdvl.ShapleyValuator(tree, stopping=MaxEvaluations(1000), random_state=0)
    with joblib.parallel_config(backend=backend, n_jobs=n_jobs):
        return valuator.fit(X, y, X_val=X_val, y_val=y_val)


here = value("sequential", 1)

# %%
# ``ray.init(address="auto")`` would join a cluster that is there. Here it starts two workers.

if ray is None:
    backend = "loky"
else:
    local = {"_node_ip_address": "127.0.0.1", "include_dashboard": False}
    ray.init(num_cpus=2, log_to_driver=False, **local)
    skdvl.register_ray()
    backend = "ray"
there = value(backend, 2)
if ray is not None:
    ray.shutdown()
print(f"same bits with {backend}: {np.array_equal(here.values_, there.values_)}")

# %%
# The values, with intervals of 95 %.

ValuesDisplay.from_estimator(there, labels=y)
plt.show()
