"""What users pass to `fit`, checked once at the door.

X is never converted: a data frame reaches the estimator as a data frame. Whether the numbers
in it are fit for the estimator is for the estimator to say, in its fit on all rows.
"""

from copy import deepcopy
from numbers import Real

import numpy as np
from sklearn.base import is_classifier, is_regressor
from sklearn.model_selection import check_cv
from sklearn.utils import indexable
from sklearn.utils._missing import is_pandas_na
from sklearn.utils.metadata_routing import get_routing_for_object
from sklearn.utils.validation import _num_samples, assert_all_finite, column_or_1d, validate_data

_FEW_LABELS = 4


def check_rows(valuator, X, y):
    """Check X and y against each other, and record the features on the valuator.

    Returns
    -------
    X : indexable of n rows
    y : ndarray of shape (n,) or (n, n_outputs)
    """
    name = type(valuator).__name__
    if y is None:
        raise ValueError(f"{name} requires y to be passed, but the target y is None.")
    X, y = indexable(X, y)
    n = _num_samples(X)
    if n < 2:
        raise ValueError(
            f"Found array with {n} sample(s) (n_samples={n}); {name} needs at least 2 rows, since "
            "the value of a row is what it adds to others."
        )
    validate_data(valuator, X, skip_check_array=True)
    return X, check_target(y)


def row_index(X):
    """Return the row labels of a pandas data frame, None for anything else."""
    return X.index if hasattr(X, "iloc") else None


def check_target(y, name="y"):
    """Return labels or targets as an array without missing values."""
    y = np.asarray(y)
    if y.ndim != 2 or y.shape[1] == 1:
        y = column_or_1d(y, warn=True)
    if _missing(y):
        raise ValueError(f"Input {name} contains NaN or None; every row needs a label or target.")
    if y.dtype.kind in "fc":
        assert_all_finite(y, input_name=name)
    return y


def _missing(array):
    """Whether labels have holes; NaN is the one value that differs from itself."""
    if array.dtype.kind == "O":
        return any(
            value is None or is_pandas_na(value) or value != value
            for value in array.ravel().tolist()
        )
    return array.dtype.kind in "fc" and bool(np.isnan(array).any())


def task_of_target(y):
    """Return whether y looks like labels, "classification", or like targets, "regression".

    Whole numbers can be either. They are taken for labels if few differ, or if they are the codes
    of a label encoder with some rows each; counts, ages and prices have gaps or single rows.
    """
    if y.dtype.kind == "O":  # numbers may have come as objects
        y = np.array(y.tolist())
    if y.dtype.kind not in "iuf":
        return "classification"
    if y.dtype.kind == "f" and (y != np.floor(y)).any():
        return "regression"
    distinct = np.unique(y)
    codes = np.array_equal(distinct - distinct[0], np.arange(len(distinct)))
    codes &= distinct[0] in (0, 1) and len(y) >= 5 * len(distinct)
    return "classification" if len(distinct) <= 20 or codes else "regression"


def task_of_model(model, y):
    """Return "classification" or "regression", as the model says, or else as y looks."""
    if is_classifier(model):
        return "classification"
    return "regression" if is_regressor(model) else task_of_target(y)


def check_validation(valuator, X_val, y_val, y, classifier):
    """Check an explicit validation set against the training rows.

    Returns
    -------
    X_val, y_val : or (None, None) if there is none
    """
    if X_val is None and y_val is None:
        return None, None
    if X_val is None or y_val is None:
        given, missing = ("y_val", "X_val") if X_val is None else ("X_val", "y_val")
        raise ValueError(
            f"{given} was passed without {missing}. Pass both, or neither to value rows on each "
            "other."
        )
    X_val, y_val = indexable(X_val), indexable(y_val)
    (X_val,), (y_val,) = X_val, y_val
    if _num_samples(X_val) != _num_samples(y_val):
        raise ValueError(
            f"X_val has {_num_samples(X_val)} rows and y_val has {_num_samples(y_val)} entries; "
            "they have inconsistent numbers of samples."
        )
    if not _num_samples(X_val):
        raise ValueError("X_val has 0 rows; a score needs at least one.")
    validate_data(valuator, X_val, reset=False, skip_check_array=True)
    y_val = check_target(y_val, "y_val")
    if y_val.shape[1:] != y.shape[1:]:
        raise ValueError(
            f"y_val has shape {y_val.shape} and y has shape {y.shape}; they must have the same "
            "outputs."
        )
    if classifier and y.ndim == 1:
        unseen = sorted(labels_of(y_val) - labels_of(y), key=str)
        if unseen:
            raise ValueError(
                f"y_val holds labels that y never does: {unseen}. No training row could be "
                "worth anything for them; drop these rows, or correct the labels."
            )
    return X_val, y_val


def labels_of(y):
    """Return the labels that y holds, as a set; a few are found sooner than a list is made."""
    labels, rest = set(), y
    while len(rest) and len(labels) < _FEW_LABELS:
        labels.update(rest[:1].tolist())
        rest = rest[rest != rest[0]]
    return labels.union(rest.tolist())


def check_classes(y):
    """Refuse labels of one class only."""
    if y.ndim == 1 and (y == y[0]).all():
        raise ValueError(
            f"y holds one class only, {str(y[0])!r}; a classifier needs rows of at least 2 classes."
        )


def check_level(level):
    """Refuse what is no probability of an interval."""
    if not (isinstance(level, Real) and 0 < level < 1):
        raise ValueError(f"level must be a number between 0 and 1, such as 0.95; got {level!r}.")


def check_groups(groups, n_rows):
    """Players from group labels.

    Returns
    -------
    names : ndarray of shape (n_groups,) or None
    player_of_row : ndarray of int of shape (n_rows,)
    """
    if groups is None:
        return None, np.arange(n_rows)
    groups = np.asarray(groups)
    if groups.shape != (n_rows,):
        raise ValueError(
            f"groups has shape {groups.shape} and X has {n_rows} rows; pass the group of every "
            f"row, shape ({n_rows},)."
        )
    if _missing(groups):
        raise ValueError("groups holds missing values; name the group of every row.")
    names, player_of_row = np.unique(groups, return_inverse=True)
    if len(names) < 2:
        raise ValueError(
            f"groups holds one group only, {str(names[0])!r}; the value of a group is what it adds "
            "to others, so pass at least 2."
        )
    return names, player_of_row


def make_splitter(valuator, y, classifier):
    """Return the splitter of `cv`; a shuffle without a seed gets that of the valuator.

    Otherwise the same `random_state` would give other folds, and other values, each time.
    """
    cv = valuator.cv
    if isinstance(cv, type):
        raise ValueError(f"cv={cv.__name__} is a class; write cv={cv.__name__}().")
    splitter = check_cv(cv, y, classifier=classifier)
    unseeded = hasattr(splitter, "random_state") and getattr(splitter, "shuffle", True)
    if not unseeded or isinstance(splitter.random_state, (int, np.integer)):
        return splitter
    if isinstance(valuator.random_state, (int, np.integer)):
        splitter = deepcopy(splitter)
        splitter.random_state = int(valuator.random_state)
    elif any(getattr(valuator, name, None) for name in ("checkpoint", "warm_start")):
        raise ValueError(
            f"cv={cv!r} draws other folds each time, so that checkpoint and warm_start cannot go "
            "on. Give it, or the valuator, an integer random_state."
        )
    return splitter


def takes_groups(cv):
    """Whether a splitter asks for groups; the others would warn of them."""
    if not hasattr(cv, "split"):
        return False
    request = get_routing_for_object(cv)
    return getattr(request, "split", None) is None or request.split.requests.get("groups") is True


def make_splits(splitter, X, y, *, may_validate=True, **split_params):
    """Training and held-out rows of every fold, as a list of pairs of index arrays.

    `may_validate` is whether X_val and y_val would do instead.
    """
    n = _num_samples(X)
    try:
        splits = [tuple(map(np.asarray, pair)) for pair in splitter.split(X, y, **split_params)]
    except (ValueError, TypeError) as error:
        way_out = "Pass groups" if "groups" in str(error) else "Choose fewer folds"
        if may_validate:
            way_out += ", or pass X_val and y_val"
        raise ValueError(f"cv={splitter!r} cannot split {n} rows: {error} {way_out}.") from error
    if not splits:
        raise ValueError(f"cv={splitter!r} gives no folds.")
    for pair in splits:
        if len(pair) != 2 or not all(rows.ndim == 1 and len(rows) for rows in pair):
            raise ValueError(
                f"cv={splitter!r} gives a fold without training or without held-out rows; expected "
                "pairs of arrays of row numbers."
            )
        for rows in pair:
            known = rows.dtype.kind == "b" and len(rows) == n
            if not known and not (rows.dtype.kind in "iu" and -n <= rows.min() <= rows.max() < n):
                raise ValueError(
                    f"cv={splitter!r} gives rows that X does not have; expected integers from 0 to "
                    f"{n - 1}."
                )
    # Rows in data order, whatever the order of a shuffle: players are numbered by it.
    everything = np.arange(n)
    splits = [tuple(np.sort(everything[rows]) for rows in pair) for pair in splits]
    for train, _ in splits:
        if (np.diff(train) == 0).any():
            raise ValueError(
                f"cv={splitter!r} gives a fold that trains on a row twice; a row is one player. "
                "Draw the rows of a fold without replacement."
            )
    return splits
