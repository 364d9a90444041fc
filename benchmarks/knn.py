"""Values of the nearest-neighbour game beside a textbook loop, pyDVL, OpenDataVal and cleanlab.

Run it with ``python benchmarks/knn.py [training rows] [validation rows]``. Every method runs in a
process of its own, on one thread, and tells its processor time, that of a pair of rows, and the
memory that it takes above the data. The loop and pyDVL take as many validation rows as they can
in about ten seconds each, and are scaled up; with ``--whole`` they take all. cleanlab values
training rows that score each other, by their 10 nearest; OpenDataVal takes single precision.
"""

import argparse
import contextlib
import os
import resource
import warnings
from multiprocessing import get_context
from time import process_time

import numpy as np

_SECONDS = 10
_PAIR = {"textbook loop": 1e-6, "pyDVL": 4e-6, "OpenDataVal": 4e-6}  # seconds, about
TOLERANCE = {"OpenDataVal": 1e-6}
_K = 5


def data(n, n_val, n_features=20):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(n + n_val, n_features)), rng.integers(0, 10, n + n_val)
    X[:, 0] += y / 3
    return X[:n], y[:n], X[n:], y[n:]


def of_skdvl(X, y, X_val, y_val, **options):
    from skdvl import KNNShapleyValuator

    return KNNShapleyValuator(_K, **options).fit(X, y, X_val=X_val, y_val=y_val).values_


def of_beta(*sets):
    from skdvl.semivalues import BetaShapley

    return of_skdvl(*sets, semivalue=BetaShapley(16, 1))


def of_loop(X, y, X_val, y_val):
    """Write down the recursion of the paper."""
    n, values = len(X), np.zeros(len(X))
    for row, label in zip(X_val, y_val, strict=True):
        order = np.argsort(((X - row) ** 2).sum(axis=1), kind="stable")
        right = (y[order] == label).astype(float)
        value = right[-1] / max(_K, n)
        values[order[-1]] += value
        for i in range(n - 2, -1, -1):
            value += (right[i] - right[i + 1]) / _K * min(_K, i + 1) / (i + 1)
            values[order[i]] += value
    return values / len(X_val)


def of_pydvl(X, y, X_val, y_val):
    from pydvl.valuation import Dataset, KNNShapleyValuation
    from sklearn.neighbors import KNeighborsClassifier

    model = KNeighborsClassifier(n_neighbors=_K)
    valuation = KNNShapleyValuation(model, Dataset(X_val, y_val), progress=False)
    valuation.fit(Dataset(X, y))
    result = valuation.result
    values = np.empty(len(X))
    values[result.indices] = result.values
    return values


def of_opendataval(X, y, X_val, y_val):
    import torch
    from opendataval.dataval import KNNShapley

    labels = [torch.eye(10)[torch.tensor(part)] for part in (y, y_val)]
    rows = [torch.tensor(part, dtype=torch.float32) for part in (X, X_val)]
    valuation = KNNShapley(k_neighbors=_K)
    valuation.input_data(rows[0], labels[0], rows[1], labels[1])
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stderr(nowhere):
        return valuation.train_data_values().evaluate_data_values()


def of_each_other(X, y, X_val, y_val):
    """Value rows that score each other, as cleanlab does."""
    from skdvl import KNNShapleyValuator

    return KNNShapleyValuator(10).fit(X, y).values_


def of_cleanlab(X, y, X_val, y_val):
    from cleanlab.data_valuation import data_shapley_knn

    return data_shapley_knn(y, features=X, k=10)


METHODS = {
    "skdvl": of_skdvl,
    "skdvl float32": lambda *sets: of_skdvl(*sets, dtype="float32"),
    "skdvl Beta(16, 1)": of_beta,
    "skdvl max_rank=1000": lambda *sets: of_skdvl(*sets, max_rank=1000),
    "textbook loop": of_loop,
    "pyDVL": of_pydvl,
    "OpenDataVal": of_opendataval,
    "skdvl, by each other": of_each_other,
    "cleanlab": of_cleanlab,
}


def _run(name, n, n_val, answer):
    """Time a method in this process, and send what it said; None if it is not installed."""
    sets = data(n, n_val)
    small = [part[: max(300, n // 1000)] for part in sets]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            METHODS[name](*small)  # imports, and first calls
        except ImportError:
            answer.send(None)
            return
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        began = process_time()
        values = METHODS[name](*sets)
        seconds = process_time() - began
    extra = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    answer.send((seconds, extra / 1024, values))


def measure(name, n, n_val):
    """Return seconds, megabytes and values of a method, or None."""
    ours, theirs = (context := get_context("spawn")).Pipe()
    process = context.Process(target=_run, args=(name, n, n_val, theirs))
    process.start()
    theirs.close()
    try:
        return ours.recv()
    except EOFError:
        return None
    finally:
        process.join()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("n", type=lambda text: int(float(text)), nargs="?", default=10_000)
    parser.add_argument("n_val", type=lambda text: int(float(text)), nargs="?", default=300)
    parser.add_argument("--whole", action="store_true", help="all validation rows for everybody")
    parser.add_argument("--only", nargs="*", default=list(METHODS), help="names of methods")
    given = parser.parse_args()
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"
    print(f"{given.n} training rows, {given.n_val} validation rows, 20 columns, {_K} neighbours")
    reference = None
    for name in given.only:
        n_val = given.n_val
        if name in _PAIR and not given.whole:
            n_val = min(n_val, max(1, int(_SECONDS / _PAIR[name] / given.n)))
        told = measure(name, given.n, n_val)
        if told is None:
            print(f"{name:22} not installed")
            continue
        seconds, extra, values = told
        pairs = given.n * (given.n if METHODS[name] in (of_cleanlab, of_each_other) else n_val)
        each = seconds / pairs
        whole = "" if n_val == given.n_val else f" ({n_val} validation rows, scaled)"
        seconds *= given.n_val / n_val
        reference = reference or each
        print(
            f"{name:22} {seconds:9.2f} s  {1e9 * each:8.1f} ns a pair  {extra:7.0f} MB more  "
            f"{each / reference:7.1f} times skdvl{whole}"
        )
        if name in _PAIR and "skdvl" in given.only:
            exact = measure("skdvl", given.n, n_val)[2]
            print(
                f"{'':22} largest difference from skdvl's values {np.abs(values - exact).max():.1e}"
            )


if __name__ == "__main__":
    main()
