"""What the nearest-neighbour games are given: parameters that fit, rows and labels as numbers."""

import numpy as np
from scipy.sparse import issparse
from sklearn.utils import check_array

from ..neighbors import EUCLIDEAN

_ENCODE = (
    "KNNShapleyValuator takes distances between rows of numbers: encode the columns first, or use "
    "a valuator with an estimator that takes them."
)


def check_parameters(valuator, classifier):
    """Refuse parameters that do not go together."""
    if valuator.semivalue is not None:
        valuator.semivalue._validate_params()
    if (valuator.radius is None) == (valuator.utility == "radius"):
        raise ValueError(
            f"utility={valuator.utility!r} was given radius={valuator.radius!r}; pass a radius "
            "with utility='radius', and with no other."
        )
    if valuator.metric in EUCLIDEAN and valuator.metric_params:
        raise ValueError(
            f"metric={valuator.metric!r} takes no parameters, and got "
            f"metric_params={valuator.metric_params!r}. Weights of columns, say, go with "
            "metric='minkowski', metric_params={'p': 2, 'w': weights}."
        )
    if valuator.utility != "jia" and not classifier:
        raise ValueError(
            f"utility={valuator.utility!r} scores labels, and this is a regression. Leave "
            "utility='jia', or pass task='classification' if y holds labels."
        )
    if valuator.max_rank is None:
        return
    if valuator.utility == "radius":
        raise ValueError(
            f"max_rank={valuator.max_rank} and utility='radius' do not go together: rows beyond "
            "the radius are left out anyway, and their values are exact. Leave max_rank=None."
        )
    if valuator.utility == "soft" and valuator.weights != "uniform":
        raise ValueError(
            f"With utility='soft' and weights, far rows count by their distance, which max_rank="
            f"{valuator.max_rank} leaves out. Leave max_rank=None, or weights='uniform'."
        )
    if valuator.max_rank < valuator.n_neighbors:
        raise ValueError(
            f"max_rank={valuator.max_rank} is less than n_neighbors={valuator.n_neighbors}, all of "
            f"whom are asked. Pass max_rank={valuator.n_neighbors} or more."
        )


def as_numbers(valuator, X, name):
    """Return X as numbers that distances can be taken of."""
    finite = "allow-nan" if valuator.metric == "nan_euclidean" else True
    dtype = X.dtype if issparse(X) else np.asarray(X).dtype
    try:
        numbers = check_array(
            X,
            accept_sparse="csr",
            order="C",
            ensure_all_finite=finite,
            estimator=valuator,
            input_name=name,
        )
    except ValueError as error:
        if dtype.kind in "biuf":
            if "contains NaN" in str(error) and not issparse(X):
                raise ValueError(
                    f"Input {name} contains NaN, and metric={valuator.metric!r} takes numbers "
                    "only. Impute them, or pass metric='nan_euclidean'."
                ) from error
            raise
        raise ValueError(f"{error}. {_ENCODE}") from error
    if numbers.dtype.kind not in "biuf":
        raise ValueError(f"{name} holds {numbers.dtype}. {_ENCODE}")
    if valuator.metric in EUCLIDEAN and not issparse(numbers):
        return numbers.astype(np.float64, copy=False)
    return numbers


def codes(y, y_val):
    """Labels as integers."""
    classes, found = np.unique(y, return_inverse=True)
    dtype = np.min_scalar_type(len(classes))  # small numbers are gathered quickly
    codes_val = None if y_val is None else np.searchsorted(classes, y_val).astype(dtype)
    return found.astype(dtype), codes_val


def centred(y, y_val):
    """Targets as floats around 0, so that missing neighbours count as the mean of y."""
    y, y_val = _floats(y, "y"), None if y_val is None else _floats(y_val, "y_val")
    return y - y.mean(), None if y_val is None else y_val - y.mean()


def _floats(y, name):
    try:
        return y.astype(np.float64)
    except ValueError as error:
        raise ValueError(
            f"{name} holds {y.dtype} and not numbers, and this is a regression. Pass "
            'task="classification" if these are labels.'
        ) from error
