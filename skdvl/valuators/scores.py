"""Mean scores of rows, and of groups of rows, over models that each score some of them."""

import numpy as np

from ..notices import warn_caller

_CELLS = 2**22  # entries of a matrix of scores that wait to be summed up
_MODELS = 64  # that wait, at most


class RowScores:
    """Sums over models of what each says of some rows.

    Parameters
    ----------
    n_rows : int
    player_of_row : ndarray of int of shape (n_rows,)
        The row's own number, or that of its group.
    """

    def __init__(self, n_rows, player_of_row):
        self.player_of_row = player_of_row
        self.counts = np.zeros(n_rows, dtype=np.int64)
        self._total, self._square = np.zeros(n_rows), np.zeros(n_rows)
        alone = np.array_equal(player_of_row, np.arange(n_rows))
        self._kept = None if alone else []  # errors of groups need the scores side by side

    def add(self, rows, scores):
        """Add what one more model says of some rows, each of them once."""
        is_scored, placed = np.zeros(len(self.counts), dtype=bool), np.zeros(len(self.counts))
        is_scored[rows], placed[rows] = True, scores  # whole arrays are added in less time
        self.counts += is_scored
        self._total += placed
        self._square += placed**2
        if self._kept is not None:
            self._kept.append((rows, scores))

    def attributes(self):
        """Return values and errors, of rows and of players, by the names of fitted attributes."""
        values, stderr = mean_and_error(self.counts, self._total, self._square)
        of_players = values, stderr
        if self._kept is not None:
            of_players = self._of_groups(values)
        names = "values_", "stderr_", "counts_", "group_values_", "group_stderr_"
        return dict(zip(names, (values, stderr, self.counts, *of_players), strict=True))

    def _of_groups(self, values):
        """Return sums over the rows of each group, and errors: a model errs on many at once."""
        n_groups, known = self.player_of_row.max() + 1, self.counts > 0
        size, valued = (
            np.bincount(players, minlength=n_groups)
            for players in (self.player_of_row, self.player_of_row[known])
        )
        filled = np.divide(size, valued, out=np.full(n_groups, np.nan), where=valued > 0)
        total = np.bincount(self.player_of_row[known], weights=values[known], minlength=n_groups)
        borrowed = pooled_variance(self.counts, self._total, self._square)
        with np.errstate(divide="ignore", invalid="ignore"):
            weight = np.where(self.counts > 1, 1 / self.counts, np.inf)
            variance = np.bincount(
                self.player_of_row[known], weights=borrowed * weight[known] ** 2, minlength=n_groups
            )
            for rows, scores in self._kept:
                left = (scores - values[rows]) * weight[rows]
                left = np.bincount(self.player_of_row[rows], weights=left, minlength=n_groups)
                variance += left**2
        stderr = np.sqrt(variance) * filled
        return total * filled, np.where(np.isnan(stderr), np.inf, stderr)


def publish(valuator, told, names, player_of_row):
    """Set what `RowScores.attributes` told on a valuator, as fitted attributes.

    Parameters
    ----------
    valuator : BaseValuator
    told : dict
    names : ndarray of shape (n_groups,) or None
    player_of_row : ndarray of int of shape (n_rows,)
    """
    for name in ("groups_", "group_values_", "group_stderr_", "_row_groups"):
        vars(valuator).pop(name, None)
    vars(valuator).update(told)
    if names is None:
        del valuator.group_values_, valuator.group_stderr_
    else:
        size = np.bincount(player_of_row)
        valuator.groups_, valuator._row_groups = names, names[player_of_row]
        valuator.values_ = (valuator.group_values_ / size)[player_of_row]
        valuator.stderr_ = (valuator.group_stderr_ / size)[player_of_row]
    valuator.n_unvalued_ = int(np.count_nonzero(np.isnan(valuator.values_)))


def warn_of_unvalued(valuator, reason):
    """Say how many rows have no value, if there are some, and why."""
    if valuator.n_unvalued_:
        warn_caller(
            f"{valuator.n_unvalued_} of {len(valuator.values_)} rows have no value (NaN): "
            f"{reason}.",
        )


class CellScores:
    """Sums over models of what each says of some rows, for every column that it uses.

    Sums are matrix products, of the scores of some models and of the columns that they use.

    Parameters
    ----------
    n_rows, n_features : int
    """

    def __init__(self, n_rows, n_features):
        shape, size = (n_rows, n_features), int(np.clip(_CELLS // n_rows, 1, _MODELS))
        self._counts, self._total, self._square = np.zeros(shape), np.zeros(shape), np.zeros(shape)
        self._is_scored, self._scores = np.zeros((size, n_rows)), np.zeros((size, n_rows))
        self._uses, self._n_waiting = np.zeros((size, n_features)), 0

    def add(self, rows, scores, features):
        """Add what one more model says of some rows; `features` are its columns, None for all."""
        j = self._n_waiting
        self._is_scored[j, rows], self._scores[j, rows] = 1, scores
        self._uses[j, slice(None) if features is None else features] = 1
        self._n_waiting += 1
        if self._n_waiting == len(self._uses):
            self._sum_up()

    def _sum_up(self):
        self._counts += self._is_scored.T @ self._uses
        self._total += self._scores.T @ self._uses
        self._square += (self._scores**2).T @ self._uses
        for waiting in (self._is_scored, self._scores, self._uses):
            waiting[:] = 0
        self._n_waiting = 0

    def attributes(self):
        """Return values, errors and counts by the names of fitted attributes."""
        self._sum_up()
        values, stderr = mean_and_error(self._counts, self._total, self._square)
        counts = self._counts.astype(np.int64)
        return {"cell_values_": values, "cell_stderr_": stderr, "cell_counts_": counts}


def mean_and_error(counts, total, square):
    """Return means, NaN of nothing, and their standard errors, inf of less than two.

    Few models that agree prove little: one pseudo-observation is borrowed from the variance
    over all rows.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = total / counts
        left, borrowed = (
            np.maximum(square - total * mean, 0),
            pooled_variance(counts, total, square),
        )
        stderr = np.where(counts > 1, np.sqrt((left + borrowed) / counts / counts), np.inf)
    return mean, stderr


def pooled_variance(counts, total, square):
    """Return the variance of what models say of a row, over all rows that several speak of."""
    many = counts > 1
    left = square[many] - total[many] ** 2 / counts[many]
    return np.maximum(left, 0).sum() / max((counts[many] - 1).sum(), 1)
