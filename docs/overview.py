"""Draw the picture of the README: ``python docs/overview.py``."""

from pathlib import Path

from matplotlib.figure import Figure
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

from skdvl import DataOOBValuator, KNNShapleyValuator
from skdvl.experiments import flip_labels
from skdvl.plotting import DetectionCurveDisplay, RemovalCurveDisplay

X, y = load_digits(return_X_y=True)
X, X_test, y, y_test = train_test_split(X / 16, y, test_size=500, random_state=0, stratify=y)
y, is_flipped = flip_labels(y, 0.15, random_state=0)
methods = {
    "KNN-Shapley": KNNShapleyValuator(),
    "Data-OOB": DataOOBValuator(random_state=0),
}
values = {name: method.fit(X, y).values_ for name, method in methods.items()}
figure = Figure(figsize=(9, 3.4), layout="constrained")
left, right = figure.subplots(1, 2)
DetectionCurveDisplay.from_values(values, is_flipped, ax=left)
model = LogisticRegression(max_iter=500)
data = X, y, X_test, y_test
RemovalCurveDisplay.from_estimator(model, values, *data, random_state=0, n_random=5, ax=right)
figure.savefig(Path(__file__).parent / "images" / "overview.png", dpi=110)
