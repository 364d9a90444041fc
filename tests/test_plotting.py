"""What is drawn is what was asked: the numbers of lines, bands and images."""

import subprocess
import sys

import numpy as np
import pytest
from matplotlib.figure import Figure
from sklearn.datasets import load_iris
from sklearn.model_selection import train_test_split
from sklearn.naive_bayes import GaussianNB

from skdvl import DataOOBValuator, KNNShapleyValuator, ShapleyValuator, TMCShapleyValuator
from skdvl.experiments import addition_curve, detection_curve, flip_labels, removal_curve
from skdvl.plotting import (
    ConvergenceDisplay,
    DetectionCurveDisplay,
    InfluenceDisplay,
    RemovalCurveDisplay,
    ValuesDisplay,
)
from skdvl.stopping import MaxRounds


@pytest.fixture
def ax():
    return Figure().subplots()


@pytest.fixture(scope="module")
def iris():
    X, y = load_iris(return_X_y=True)
    return train_test_split(X, y, test_size=60, random_state=0, stratify=y)


@pytest.fixture(scope="module")
def shapley(iris):
    X, X_val, y, y_val = iris
    valuator = ShapleyValuator(
        GaussianNB(), stopping=MaxRounds(6), store_history=True, random_state=0
    )
    return valuator.fit(X, y, X_val=X_val, y_val=y_val)


def _differ(lines):
    """Whether lines differ in more than their colour."""
    told = {(line.get_linestyle(), line.get_marker(), line.get_fillstyle()) for line in lines}
    return len(told) == len(lines)


def _labelled(display):
    ax = display.ax_
    assert display.figure_ is ax.figure and ax.get_xlabel() and ax.get_ylabel()
    display.figure_.draw_without_rendering()


# ------------------------------------------------------------------ values


def test_values_in_order_with_intervals_and_classes(iris, shapley, ax):
    y = iris[2]
    display = ValuesDisplay.from_estimator(shapley, labels=y, level=0.9, ax=ax)
    _labelled(display)
    order = np.argsort(shapley.values_, kind="stable")
    np.testing.assert_array_equal(display.order_, order)
    for label, points in display.points_.items():
        x, values = points.get_data()
        np.testing.assert_array_equal(values, shapley.values_[order[x]])
        assert (y[order[x]] == label).all()
    assert sum(len(points.get_xdata()) for points in display.points_.values()) == len(y)
    assert _differ(list(display.points_.values()))
    ends = np.array([segment[:, 1] for segment in display.intervals_.get_segments()])
    np.testing.assert_allclose(ends, shapley.confidence_interval(0.9)[order])
    texts = [text.get_text() for text in ax.get_legend().get_texts()]
    assert set(texts) == {"0", "1", "2", "90 % intervals"}


def test_groups_are_drawn_as_groups(iris, ax):
    X, _, y, _ = iris
    groups = np.array(["north", "south", "west"])[np.random.default_rng(0).integers(0, 3, len(y))]
    valuator = DataOOBValuator(random_state=0).fit(X, y, groups=groups)
    display = ValuesDisplay.from_estimator(valuator, ax=ax)
    _labelled(display)
    order = np.argsort(valuator.group_values_)
    np.testing.assert_array_equal(display.points_[None].get_ydata(), valuator.group_values_[order])
    assert [tick.get_text() for tick in ax.get_xticklabels()] == valuator.groups_[order].tolist()


def test_labels_of_groups_may_be_those_of_their_rows(iris, ax):
    X, _, y, _ = iris
    groups = np.array(["b", "a", "c"])[y].astype("<U2")
    groups[::2] = np.char.add(groups[::2], "2")
    valuator = DataOOBValuator(random_state=0).fit(X, y, groups=groups)
    display = ValuesDisplay.from_estimator(valuator, labels=y, ax=ax)
    assert valuator.groups_.tolist() == ["a", "a2", "b", "b2", "c", "c2"]
    assert np.asarray(display.labels).tolist() == [1, 1, 0, 0, 2, 2]
    with pytest.raises(ValueError, match="group a2? has rows of several labels"):
        ValuesDisplay.from_estimator(valuator, labels=np.arange(len(y)) % 4, ax=ax)
    with pytest.raises(ValueError, match=r"shape \(7,\), and the players of this valuator are 6"):
        ValuesDisplay.from_estimator(valuator, labels=range(7), ax=ax)


def test_intervals_of_groups_are_those_of_their_sums(iris, ax):
    X, _, y, _ = iris
    shapley = ShapleyValuator(GaussianNB(), stopping=MaxRounds(3), cv=5, random_state=0)
    shapley.fit(X, y, groups=np.arange(len(y)) // 5)
    display = ValuesDisplay.from_estimator(shapley, ax=ax)
    ends = np.array([segment[:, 1] for segment in display.intervals_.get_segments()])
    assert len(ends) == 18 and np.ptp(ends, axis=1).min() > 0
    rows = shapley.confidence_interval()[::5]
    np.testing.assert_allclose(ends, 5 * rows[display.order_])


def test_without_intervals_and_without_values(iris, ax):
    X, X_val, y, y_val = iris
    truncated = TMCShapleyValuator(GaussianNB(), stopping=MaxRounds(1), random_state=0)
    truncated.fit(X, y, X_val=X_val, y_val=y_val)
    assert ValuesDisplay.from_estimator(truncated, ax=ax).intervals_ is None
    assert ValuesDisplay.from_values([1.0, 2.0], [0.0, 0.0], ax=ax).intervals_ is None
    odd = ValuesDisplay.from_values([1.0, 2.0, 3.0], labels=[None, "a", np.nan], ax=ax)
    assert sorted(odd.points_) == ["None", "a", "nan"]
    display = ValuesDisplay.from_values([np.nan, 2.0, 1.0], [1.0, np.inf, 0.5], ax=ax)
    np.testing.assert_array_equal(display.order_, [2, 1])
    (segment,) = display.intervals_.get_segments()
    np.testing.assert_allclose(segment, [[0, 1 - 0.98], [0, 1 + 0.98]], atol=1e-3)


# ------------------------------------------------------------------ curves


def test_removal_curves(iris, ax):
    X, X_test, y, y_test = iris
    methods = {"KNN": KNNShapleyValuator(), "Data-OOB": DataOOBValuator(random_state=0)}
    options = {"fractions": [0, 0.2, 0.4], "random_state": 0}
    rows = X, y, X_test, y_test
    display = RemovalCurveDisplay.from_estimator(GaussianNB(), methods, *rows, ax=ax, **options)
    _labelled(display)
    curves = removal_curve(GaussianNB(), methods, *rows, **options)
    for name, curve in curves.items():
        x, scores = display.lines_[name].get_data()
        np.testing.assert_allclose(x, 100 * curve.fractions)
        np.testing.assert_array_equal(scores, curve.scores)
    np.testing.assert_array_equal(display.random_line_.get_ydata(), curves["KNN"].random_mean)
    band = display.random_band_.get_paths()[0].vertices[:, 1]
    lower, upper = curves["KNN"].random_band()
    assert band.min() == pytest.approx(lower.min()) and band.max() == pytest.approx(upper.max())
    assert _differ([*display.lines_.values(), display.random_line_])
    assert (ax.get_xlabel(), ax.get_ylabel()) == (
        "rows dropped, lowest values first (%)",
        "accuracy on test rows",
    )
    values = {"KNN": KNNShapleyValuator().fit(X, y).values_}
    given = RemovalCurveDisplay.from_values(values, GaussianNB(), *rows, ax=ax, **options)
    np.testing.assert_array_equal(given.lines_["KNN"].get_ydata(), curves["KNN"].scores)
    added = addition_curve(GaussianNB(), KNNShapleyValuator(), *rows, fractions=[0.5])
    assert "added, highest" in RemovalCurveDisplay.from_curves(added, ax=ax).ax_.get_xlabel()
    with pytest.raises(ValueError, match="from one end"):
        RemovalCurveDisplay.from_curves({"a": added, "b": curves["KNN"]}, ax=ax)


def test_detection_curves(iris, ax):
    X, _, y, _ = iris
    y, is_flipped = flip_labels(y, 0.2, random_state=0)
    valuator = KNNShapleyValuator().fit(X, y)
    values = {"KNN": valuator, "first": np.arange(len(y))}
    display = DetectionCurveDisplay.from_values(values, is_flipped, ax=ax)
    _labelled(display)
    curve = detection_curve(valuator.values_, is_flipped)
    x, found = display.lines_["KNN"].get_data()
    np.testing.assert_allclose(x, 100 * curve.inspected)
    np.testing.assert_allclose(found, 100 * curve.found)
    best = np.interp(100 * curve.inspected, *display.best_line_.get_data())
    ideal = detection_curve(-is_flipped.astype(float), is_flipped)
    np.testing.assert_allclose(best, 100 * ideal.found)
    band = display.random_band_.get_paths()[0].vertices[:, 1]
    assert band.min() == 0 and band.max() == 100
    assert _differ(list(display.lines_.values()))
    alone = DetectionCurveDisplay.from_estimator(valuator, is_flipped, ax=Figure().subplots())
    assert list(alone.lines_) == ["KNNShapleyValuator"]
    other = detection_curve(valuator.values_, np.arange(len(y)) < 3)
    with pytest.raises(ValueError, match="same wrong rows"):
        DetectionCurveDisplay.from_curves({"a": curve, "b": other}, ax=ax)


# ------------------------------------------------------------------ convergence


def test_convergence_of_values(shapley, ax):
    display = ConvergenceDisplay.from_estimator(shapley, rows=[3, 1], ax=ax)
    _labelled(display)
    for line, row in zip(display.lines_, [3, 1], strict=True):
        x, values = line.get_data()
        np.testing.assert_array_equal(x, shapley.history_evaluations_)
        np.testing.assert_array_equal(values, shapley.history_[:, row])
    assert x[-1] == shapley.n_evaluations_ and values[-1] == shapley.values_[1]
    assert len(display.bands_) == 2 and _differ(display.lines_)
    everything = ConvergenceDisplay.from_estimator(shapley, ax=Figure().subplots())
    order = np.argsort(shapley.values_, kind="stable")
    np.testing.assert_array_equal(everything.rows_, [*order[:3], *order[-3:]])


def test_convergence_of_errors(ax):
    stderr = np.outer([4.0, 2.0, 1.0], [1, 2, 3])
    stderr[0, 2] = np.inf
    evaluations = [10, 20, 40]
    display = ConvergenceDisplay.from_values(
        evaluations, np.zeros((3, 3)), stderr, kind="stderr", ax=ax
    )
    _labelled(display)
    np.testing.assert_array_equal(display.lines_[0].get_data(), [evaluations, [8, 4, 2]])
    assert ax.get_xscale() == ax.get_yscale() == "log"


def test_convergence_of_groups(iris, ax):
    X, X_val, y, y_val = iris
    groups = np.array([f"vendor {j}" for j in range(12)])[np.arange(len(y)) * 7 % 12]
    shapley = ShapleyValuator(
        GaussianNB(), stopping=MaxRounds(3), store_history=True, random_state=0
    )
    shapley.fit(X, y, X_val=X_val, y_val=y_val, groups=groups)
    display = ConvergenceDisplay.from_estimator(shapley, ax=ax)
    _labelled(display)
    n = len(shapley.groups_)
    lines = dict(zip(display.rows_, display.lines_, strict=True))
    assert len(lines) == min(n, 6)
    for place, line in lines.items():
        assert line.get_label() == f"group {shapley.groups_[place]}"
        np.testing.assert_allclose(line.get_ydata()[-1], shapley.group_values_[place])
    np.testing.assert_allclose(display.stderr[-1], shapley.group_stderr_)


def test_convergence_of_what_is_exact_or_unknown(ax):
    exact = ConvergenceDisplay.from_values([1, 2], [[1.0], [1.0]], [[0.0], [0.0]], ax=ax)
    exact.plot(Figure().subplots(), kind="stderr")
    _labelled(exact)
    unknown = np.full((2, 2), np.nan)
    _labelled(ConvergenceDisplay.from_values([1, 2], unknown, ax=Figure().subplots()))
    told = ConvergenceDisplay.from_values(
        [1, 2], [[1.0, 2.0]] * 2, rows=[False, True], ax=Figure().subplots()
    )
    assert told.rows_.tolist() == [1]


# ------------------------------------------------------------------ influence


def test_influence(ax):
    influence = np.random.default_rng(0).standard_normal((60, 5)) / 10
    influence[[2, 50]] += [[-3], [2]]
    influence[0, 0] = np.nan
    display = InfluenceDisplay.from_values(influence, max_rows=4, ax=ax, label="effect")
    _labelled(display)
    strongest = np.sort(np.argsort(-np.nansum(np.abs(influence), axis=1))[:4])
    np.testing.assert_array_equal(display.rows, strongest)
    assert {2, 50} <= set(display.rows)
    np.testing.assert_array_equal(display.image_.get_array(), influence[strongest])
    low, high = display.image_.get_clim()
    assert -low == high == np.abs(influence[strongest]).max()
    assert len(display.signs_) == (influence[strongest] < low / 4).sum()
    assert display.colorbar_.ax.get_ylabel() == "effect"


def test_signs_can_be_read_on_any_cell(ax):
    display = InfluenceDisplay.from_values([[-1.0, -0.3], [0.5, 1.0]], ax=ax)
    assert [sign.get_color() for sign in display.signs_] == ["white", "black"]
    from matplotlib.colors import SymLogNorm

    norm = SymLogNorm(0.1, vmin=-1, vmax=1)
    display = InfluenceDisplay.from_values([[-1.0]], norm=norm, ax=Figure().subplots())
    assert display.image_.norm is norm


def test_influence_of_a_valuator(ax):
    class Mine:
        def influence_matrix(self, X_test, y_test):
            return np.outer([1.0, -1.0], y_test)

    display = InfluenceDisplay.from_estimator(Mine(), None, [1.0, 2.0], ax=ax)
    np.testing.assert_array_equal(display.image_.get_array(), [[1, 2], [-1, -2]])
    with pytest.raises(TypeError, match="has no influence_matrix"):
        InfluenceDisplay.from_estimator(KNNShapleyValuator(), None, None)


# ------------------------------------------------------------------ manners


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda ax: ValuesDisplay.from_values([[1.0]], ax=ax), "values has shape"),
        (lambda ax: ValuesDisplay.from_values([1.0, 2.0], [1.0], ax=ax), r"stderr.*\(2,\)"),
        (lambda ax: ValuesDisplay.from_values([1.0], labels=[1, 2], ax=ax), "labels has shape"),
        (lambda ax: ValuesDisplay.from_values([1.0], level=95, ax=ax), "level"),
        (lambda ax: InfluenceDisplay.from_values([1.0], ax=ax), "n_predictions"),
        (lambda ax: ConvergenceDisplay.from_values([1], [1.0], ax=ax), "n_rounds"),
        (lambda ax: ConvergenceDisplay.from_values([1], [[1.0]], [[1.0] * 2], ax=ax), "the same"),
        (
            lambda ax: ConvergenceDisplay.from_values([1], [[1.0]], kind="stderr", ax=ax),
            "none were passed",
        ),
        (lambda ax: ConvergenceDisplay.from_values([1], [[1.0]], kind="x", ax=ax), "kind must"),
        (
            lambda ax: ConvergenceDisplay.from_estimator(
                KNNShapleyValuator().fit(*load_iris(return_X_y=True)), ax=ax
            ),
            "store_history=True",
        ),
        (lambda ax: ValuesDisplay.from_values([1.0, 2.0], [1.0, -1.0], ax=ax), "negative"),
        (lambda ax: ConvergenceDisplay.from_values([1], [[1.0]], rows=[7], ax=ax), "the 1 rows"),
        (lambda ax: ConvergenceDisplay.from_values([1], [[1.0]], rows=[0.5], ax=ax), "the 1 rows"),
        (lambda ax: ConvergenceDisplay.from_values([1], [[1.0]], names="ab", ax=ax), "names has"),
        (lambda ax: DetectionCurveDisplay.from_values({}, [0, 1], ax=ax), "values is an empty"),
        (lambda ax: RemovalCurveDisplay.from_curves({}, ax=ax), "empty dict"),
        (lambda ax: InfluenceDisplay.from_values([[1.0]], max_rows=0, ax=ax), "max_rows"),
        (lambda ax: InfluenceDisplay.from_values([[1.0]], max_columns=2.5, ax=ax), "max_columns"),
    ],
)
def test_refusals(ax, call, match):
    with pytest.raises(ValueError, match=match):
        call(ax)


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda v: ValuesDisplay.from_estimator([1.0]), "got a list. Pass arrays to ValuesDisplay"),
        (lambda v: ConvergenceDisplay.from_estimator([1.0]), "ConvergenceDisplay.from_values"),
        (lambda v: RemovalCurveDisplay.from_curves([v]), "dict of names to these; got a list"),
        (lambda v: RemovalCurveDisplay.from_curves({"a": v}), "must be a ScoreCurve of"),
        (lambda v: DetectionCurveDisplay.from_curves(v), "must be a DetectionCurve"),
        (lambda v: RemovalCurveDisplay.from_estimator(v, [1.0], [[1.0]], [1]), "in each other's"),
    ],
)
def test_other_things_are_not_drawn(call, match):
    with pytest.raises(TypeError, match=match):
        call(KNNShapleyValuator())


def test_keywords_of_lines_may_be_short():
    def ax():
        return Figure().subplots()

    short = {"c": "k", "ls": "--", "ms": 3}
    values = ValuesDisplay.from_values([1.0, 2.0], ax=ax(), **short)
    settling = ConvergenceDisplay.from_values([1, 2], np.zeros((2, 1)), ax=ax(), **short)
    errors = settling.from_values(
        [1, 2], np.zeros((2, 1)), np.ones((2, 1)), kind="stderr", ax=ax(), **short
    )
    found = DetectionCurveDisplay.from_values([1.0, -1.0], [0, 1], ax=ax(), **short)
    lines = values.points_[None], *settling.lines_, *errors.lines_, found.lines_["values"]
    for line in lines:
        assert line.get_color() == "k" and line.get_linestyle() == "--"
        assert line.get_markersize() == 3


def test_lines_after_the_fifth_have_empty_markers():
    values = np.arange(6.0)[None].repeat(2, axis=0)
    display = ConvergenceDisplay.from_values([1, 2], values, ax=Figure().subplots())
    faces = [line.get_markerfacecolor() for line in display.lines_]
    assert faces[5] == "white" and "white" not in faces[:5]


def test_axes_must_be_axes():
    with pytest.raises(TypeError, match="ax must be axes"):
        ValuesDisplay.from_values([1.0, 2.0], ax="here")


def test_no_state_of_matplotlib_is_touched():
    """Given axes, pyplot is not even imported; without, it makes one figure and nothing else."""
    code = """
import sys
from skdvl.plotting import DetectionCurveDisplay, InfluenceDisplay, ValuesDisplay
assert "matplotlib" not in sys.modules
from matplotlib import rcParams
from matplotlib.figure import Figure

def settings():  # to look at the backend would choose one, by pyplot
    return {name: rcParams[name] for name in rcParams if not name.startswith("backend")}

before = settings()
ValuesDisplay.from_values([1.0, -1.0], [0.1, 0.1], labels=["a", "b"], ax=Figure().subplots())
DetectionCurveDisplay.from_values([1.0, -1.0], [0, 1], ax=Figure().subplots())
InfluenceDisplay.from_values([[1.0, -1.0]], ax=Figure().subplots())
assert "matplotlib.pyplot" not in sys.modules and settings() == before
display = ValuesDisplay.from_values([1.0, -1.0])
import matplotlib.pyplot as plt
assert plt.get_fignums() == [1] and plt.figure(1) is display.figure_
assert settings() == before
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_without_matplotlib_there_is_a_way_out():
    code = (
        "import sys; sys.modules['matplotlib'] = None\n"
        "from skdvl.plotting import ValuesDisplay\n"
        "ValuesDisplay.from_values([1.0, -1.0])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert 'ImportError: ValuesDisplay needs matplotlib: pip install "skdvl[plot]"' in done.stderr
