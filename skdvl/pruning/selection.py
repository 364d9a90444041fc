"""Which rows go: a pure function of the values."""

import numpy as np

_Z = 2.0  # standard errors below zero that make "auto" sure


def check_amount(quantile, threshold, n_drop, default):
    """Return how much to drop as one (kind, amount) pair.

    `quantile` has a default, which gives way to the other two; any other choice of two of the
    three is refused.

    Returns
    -------
    kind : {"quantile", "threshold", "n_drop", "auto"}
    amount : int, float or None
    """
    given = {"threshold": threshold, "n_drop": n_drop}
    given = {name: value for name, value in given.items() if value is not None}
    if quantile is not None and not (given and quantile == default):
        given["quantile"] = quantile
    if len(given) > 1:
        told = " and ".join(f"{name}={value!r}" for name, value in sorted(given.items()))
        raise ValueError(
            f"DataPruner was given {told}; each says how much to drop. Pass one of quantile, "
            "threshold and n_drop, and leave the others at their defaults."
        )
    if not given:
        return "n_drop", 0
    ((kind, amount),) = given.items()
    return ("auto", None) if isinstance(amount, str) else (kind, amount)


def keep_rows(values, stderr, kind, amount, memberships=(), min_rows=(), certified=None):
    """Choose the rows to keep.

    Parameters
    ----------
    values, stderr : ndarray of shape (n,)
        Rows without a value (NaN) are kept.
    kind, amount : str and number
        From `check_amount`.
    memberships : sequence of ndarray of int of shape (n,)
        Partitions of the rows, such as classes or groups: every part keeps at least some of its
        rows, the best ones, or all if it has fewer.
    min_rows : sequence of (int or float)
        For each partition: an int is a number of rows, a float a share of the part's rows.
    certified : ndarray of bool of shape (n,) or None, default=None
        Rows that may go; None means all.

    Returns
    -------
    mask : ndarray of bool of shape (n,)

    Raises
    ------
    ValueError
        If every row would go.
    """
    order = np.argsort(values, kind="stable")  # ties in row order; NaN last
    order = order[: np.count_nonzero(~np.isnan(values))]
    wanted, limit = _wanted(values, stderr, order, kind, amount)
    if len(wanted) == limit == len(values):
        raise ValueError(
            f"{kind}={amount!r} would drop every row: all {len(values)} values lie between "
            f"{values.min():.3g} and {values.max():.3g}. Choose a lower {kind}."
        )
    if certified is not None:
        wanted = wanted[certified[wanted]]
    spare = [_spare(parts, at_least) for parts, at_least in zip(memberships, min_rows, strict=True)]
    mask = np.ones(len(values), dtype=bool)
    dropped = 0
    for row in wanted:
        if dropped >= limit:
            break
        if all(rows[parts[row]] > 0 for rows, parts in zip(spare, memberships, strict=True)):
            mask[row] = False
            dropped += 1
            for rows, parts in zip(spare, memberships, strict=True):
                rows[parts[row]] -= 1
    return mask


def _spare(parts, at_least):
    """Return how many rows each part can lose."""
    size = np.bincount(parts)
    share = isinstance(at_least, float)
    kept = np.ceil(at_least * size - 1e-9).astype(int) if share else at_least
    return size - np.maximum(kept, 1)


def _wanted(values, stderr, order, kind, amount):
    """Rows that may go, lowest first, and how many of them."""
    if kind == "threshold":
        rows = order[values[order] < amount]
        return rows, len(rows)
    if kind == "auto":
        with np.errstate(invalid="ignore"):  # an error that is infinite or unknown proves nothing
            rows = order[values[order] + _Z * stderr[order] < 0]
        return rows, min(len(rows), len(values) // 2)
    return order, drop_count(len(values), kind, amount)


def drop_count(n_rows, kind, amount):
    """Return how many rows a quantile or a number asks for, and refuse if that is all of them."""
    if kind == "n_drop" and amount >= n_rows:
        raise ValueError(
            f"n_drop={amount} would drop every one of the {n_rows} rows. Choose a lower number, or "
            "a quantile."
        )
    if kind == "quantile":
        return int(amount * n_rows + 1e-9)  # 0.29 * 100 is 28.999999999999996
    return int(amount) if kind == "n_drop" else n_rows
