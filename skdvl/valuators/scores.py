"""Mean scores of rows, and of groups of rows, over models that each score some of them."""

import numpy as np


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
        self.counts[rows] += 1
        self._total[rows] += scores
        self._square[rows] += scores if scores.dtype == bool else scores**2
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
        """Sums over the rows of each group, and their errors: a model errs on many rows at once."""
        n_groups, known = self.player_of_row.max() + 1, self.counts > 0
        size, valued = (
            np.bincount(players, minlength=n_groups)
            for players in (self.player_of_row, self.player_of_row[known])
        )
        filled = np.divide(size, valued, out=np.full(n_groups, np.nan), where=valued > 0)
        total = np.bincount(self.player_of_row[known], weights=values[known], minlength=n_groups)
        variance = np.zeros(n_groups)
        with np.errstate(divide="ignore", invalid="ignore"):
            weight = 1 / np.sqrt(self.counts * (self.counts - 1.0))
            for rows, scores in self._kept:
                left = (scores - values[rows]) * weight[rows]
                left = np.bincount(self.player_of_row[rows], weights=left, minlength=n_groups)
                variance += left**2
        stderr = np.sqrt(variance) * filled
        return total * filled, np.where(np.isnan(stderr), np.inf, stderr)


def mean_and_error(counts, total, square):
    """Return means, NaN of nothing, and their standard errors, inf of less than two."""
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = total / counts
        variance = np.maximum(square - total * mean, 0) / (counts - 1)
        stderr = np.where(counts > 1, np.sqrt(variance / counts), np.inf)
    return mean, stderr
