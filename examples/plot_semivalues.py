"""
Shapley, Banzhaf or Beta Shapley under a noisy score
====================================================

Training is often random, and validation sets are small: the score of a set of rows is noisy. Then
the ranks of values differ from run to run. How much depends on the semivalue, that is, on which set
sizes it looks at. Here ten rows are valued by all 1024 sets of them, so that nothing is sampled
and the noise of the score is the only noise there is.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import spearmanr
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from skdvl import SemivalueValuator
from skdvl.samplers import ExhaustiveSampler
from skdvl.semivalues import Banzhaf, BetaShapley, LeaveOneOut, Shapley
from skdvl.utilities import ModelUtility, Utility

X, y = load_breast_cancer(return_X_y=True)
X = StandardScaler().fit_transform(X)[:, :5]
X, X_val, y, y_val = train_test_split(X, y, train_size=10, random_state=1, stratify=y)

# %%
# The score of every set of rows, once. Small models are trained quicker by one thread.

N = len(y)
everything = (np.arange(2**N)[:, None] >> np.arange(N) & 1).astype(bool)
with threadpool_limits(1):
    scores = ModelUtility(LogisticRegression(), X, y, X_val, y_val, "neg_log_loss")(everything)


class Table(Utility):
    """Scores of all sets, looked up."""

    n_players = N

    def __init__(self, scores):
        self.scores = scores

    def __call__(self, masks):
        return self.scores[masks @ (1 << np.arange(N))]


def values(semivalue, scores):
    valuator = SemivalueValuator(semivalue=semivalue, sampler=ExhaustiveSampler())
    return valuator.fit_utility(Table(scores)).values_


# %%
# Normal noise is added to every score, in several sizes: shares of the spread of all
# scores. How well do the ranks agree with those without noise?

SEMIVALUES = {
    "Banzhaf": Banzhaf(),
    "Shapley": Shapley(),
    "Beta Shapley (16, 1)": BetaShapley(16, 1),
    "Beta Shapley (4, 1)": BetaShapley(4, 1),
    "leave one out": LeaveOneOut(),
}
NOISE, DRAWS = np.array([0.1, 0.3, 1.0, 3.0]), 8
rng = np.random.default_rng(0)
agreement = {name: [] for name in SEMIVALUES}
weights = {}
for name, semivalue in SEMIVALUES.items():
    exact = values(semivalue, scores)
    weights[name] = semivalue.size_pmf(N)
    for noise in NOISE * scores.std():
        noisy = scores + noise * rng.standard_normal((DRAWS, 2**N))
        found = [spearmanr(exact, values(semivalue, told)).statistic for told in noisy]
        agreement[name].append(np.mean(found))
    told = " ".join(f"{one:6.2f}" for one in agreement[name])
    print(f"{name:22}{told}")

# %%
# Banzhaf values give the same weight to every set, and most noise averages out. Shapley values
# give a tenth of their weight to the one empty set, and another to the one set of all other rows;
# leave-one-out values are one difference of two scores, and drown first.

figure, axes = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
styles = zip(SEMIVALUES, ("o-", "s--", "^-.", "v:", "D-"), strict=True)
for name, style in styles:
    axes[0].plot(np.arange(N), weights[name], style, label=name, markersize=4)
    axes[1].plot(NOISE, agreement[name], style, label=name, markersize=4)
axes[0].set(xlabel="size of the set that a row joins", ylabel="weight", yscale="log")
axes[0].set_ylim(1e-4, 1.5)
axes[1].set(xlabel="noise, in spreads of the score", ylabel="rank correlation", xscale="log")
axes[1].legend()
plt.show()

for name in ("Banzhaf", "Shapley", "leave one out"):
    print(f"mean rank correlation of {name}: {np.mean(agreement[name]):.3f}")
