"""What becomes of coefficients, predictions and losses when a row goes."""

import numpy as np

from .linear_fit import each_pulled_back
from .measures import OwnLoss
from .scorings import measure
from .second_order import Turn

_SINGULAR = 1e-10  # a row with a leverage this near to 1 has its own coefficient
_CELLS = 2**22
_HELD = 2**26  # entries of an array that errors are worth


class Effects:
    """Effects of the removal of single rows on a `LinearFit`.

    The coefficients move by a step of Newton's method from those of all rows. With ``newton=False``
    the Hessian stays that of all rows, so that the step is only right for rows that matter little.

    Parameters
    ----------
    fit : LinearFit
    inverse : Inverse or alike
        Of its Hessian.
    newton : bool, default=True
    scoring : str or None, default=None
        What is lost on rows; None for the loss that the model minimises.
    """

    def __init__(self, fit, inverse, newton=True, scoring=None):
        self.fit, self.inverse, self.newton, self.scoring = fit, inverse, newton, scoring
        self._own = _own_measure(fit, scoring)
        self.drift = None if fit.pull is None else inverse.solve(fit.pull)
        n, m = len(fit), fit.coef.shape[1]
        self.push = np.empty((n, m))  # what a row's going adds to the gradient, by its predictors
        self.eta_without = np.full((n, m), np.nan)  # its predictors when it is gone
        self.self_influence = np.full(n, np.nan)
        for where in fit.blocks(inverse.width):
            self._look_at(where)

    def _look_at(self, where):
        fit, Z = self.fit, self.fit.rows(where)
        slopes = fit.slopes(where, Z)
        if not self.newton:
            self.push[where] = slopes
            return
        leverages, bends = self.inverse.leverages(Z), fit.bends(where, Z)
        own = np.einsum("iab,ib->ia", leverages, slopes)  # where its own pull leads its predictors
        drift = 0
        if self.drift is not None:
            drift = fit.share[where, None] * (Z @ self.drift)
            own = own + drift
        bare = self._own.slope(fit.y[where], Z @ fit.coef) * self._own.per_unit(0.0)
        self.self_influence[where] = (bare * own).sum(axis=1)
        pushed = slopes + np.einsum("iab,ib->ia", bends, np.broadcast_to(drift, slopes.shape))
        self.push[where] = _corrected(bends @ leverages, pushed)
        moved = np.einsum("iab,ib->ia", leverages, self.push[where]) + drift
        self.eta_without[where] = Z @ fit.coef + moved

    def steps(self, where):
        """Return how coefficients move when each of these rows goes, of shape (P, m, b)."""
        told = self.inverse.solve(each_pulled_back(self.fit.rows(where), self.push[where]))
        if self.drift is not None:
            told += self.drift[:, :, None] * self.fit.share[where]
        return told

    def on_losses(self, where, target, first_order):
        """Return what the going of each row adds to the losses of a target.

        Parameters
        ----------
        where : slice or ndarray of int
            b rows.
        target : Target
        first_order : bool
            By the slope of the loss; otherwise by the loss itself at the new predictors.

        Returns
        -------
        added : ndarray of shape (b, n_target)
        """
        added = target.added(self.steps(where), first_order)
        return target.counted(added, first_order)

    def blocks(self, n_target=0):
        """Return slices of rows whose effects on so many others fit into memory at once."""
        m = self.fit.coef.shape[1]
        return self.fit.blocks(max(n_target * m * 3, self.fit.coef.size * 2))

    def mean_on_losses(self, target, first_order, player_of_row=None):
        """Return the mean over a target of what each row's going adds, and its standard error.

        Parameters
        ----------
        target : Target
        first_order : bool
            As in `on_losses`.
        player_of_row : ndarray of int of shape (n,) or None
            Groups whose effects are summed up; None for each row by itself.

        Returns
        -------
        mean, stderr : ndarray of shape (n,) or (n_groups,)
            The target is taken as a sample; the error is infinite if it has but one row.
        """
        n = target.Z.shape[0]
        told = self._slopes(target) if first_order else self._differences(target)
        if player_of_row is None:
            parts = [_mean_and_error(mean, sides, n) for _, mean, sides in told]
            return tuple(map(np.concatenate, zip(*parts, strict=True)))
        n_groups, totals = player_of_row.max() + 1, None
        for where, mean, sides in told:
            if totals is None:
                totals = np.zeros((n_groups, 1 + sides.shape[1]))
            np.add.at(totals, player_of_row[where], np.hstack([mean[:, None], sides]))
        return _mean_and_error(totals[:, 0], totals[:, 1:], n)

    def _differences(self, target):
        """Yield rows, their mean effects on a target, and those on each of its rows."""
        turn = self._turn(target)
        for where in self.blocks(target.Z.shape[0]):
            steps = self.steps(where)
            added = target.added(steps, False)
            mean = added.mean(axis=1)
            if turn is not None:
                mean -= turn.error(where, steps)
            times = target.measure.per_unit(mean)
            yield where, mean * times, added * np.reshape(times, (-1, 1))

    def _turn(self, target):
        """Return how the Hessian changes along the way that the mean loss of a target rises.

        None if it does not, or is too large to be held.
        """
        if self.fit.loss.steady or not self.inverse.is_direct:
            return None
        mean_slope = target.Z.T @ target.slopes() / len(target.y)
        return Turn(self.fit, self.inverse.solve(mean_slope))

    def _slopes(self, target):
        """Do the same to first order, without an array of all pairs.

        Gradients are followed back to each row, their mean, and some whose squared effects sum to
        those of all.
        """
        fit, n = self.fit, target.Z.shape[0]
        slopes = target.slopes() * target.measure.per_unit(0.0)
        directions = [(target.Z.T @ slopes / n)[:, :, None]]
        held = fit.coef.size * min(n, fit.coef.size) <= _HELD
        if n > 1 and self.inverse.knows_leverages and held:
            directions.append(_root_of_squares(target.Z, slopes))
        directions = np.concatenate(directions, axis=2)
        back = self.inverse.solve(directions)
        for where in fit.blocks(2 * directions.shape[2]):
            told = self._followed(where, directions, back)
            yield where, told[:, 0], told[:, 1:]

    def _followed(self, where, directions, back):
        """Return the steps of rows along k directions of shape (P, m, k), of shape (b, k)."""
        Z, push = self.fit.rows(where), self.push[where]
        told = sum((Z @ back[:, a]) * push[:, a, None] for a in range(back.shape[1]))
        if self.drift is not None:
            along = np.tensordot(self.drift, directions, axes=2)
            told = told + self.fit.share[where, None] * along
        return told


def _own_measure(fit, scoring):
    """Return what is lost on the rows of a model themselves."""
    if scoring is None:
        return OwnLoss(fit.loss)  # with weights of classes
    eta = np.concatenate([fit.rows(where) @ fit.coef for where in fit.blocks()])
    return measure(scoring, fit.loss, fit.y, eta)


def _mean_and_error(mean, sides, n):
    """Return means, and errors from effects whose squares sum to those on n rows."""
    if not sides.shape[1] or n < 2:
        return mean, np.full(len(mean), np.inf)
    variance = np.maximum((sides**2).sum(axis=1) / n - mean**2, 0)
    return mean, np.sqrt(variance / (n - 1))


def _corrected(bent, slopes):
    """Solve ``(1 - bent) push = slopes`` for each row; NaN where a row alone decides something."""
    m = slopes.shape[1]
    if m == 1:
        left = 1 - bent[:, 0]
        return np.divide(slopes, left, out=np.full_like(slopes, np.nan), where=left > _SINGULAR)
    left = np.eye(m) - bent
    alone = np.linalg.det(left) <= _SINGULAR
    left[alone] = np.eye(m)
    push = np.linalg.solve(left, slopes[:, :, None])[:, :, 0]
    push[alone] = np.nan
    return push


def _root_of_squares(Z, slopes):
    """Return directions whose squared effects sum to those of the gradients of all rows."""
    P, m = Z.shape[1], slopes.shape[1]
    if Z.shape[0] <= P * m:
        return each_pulled_back(Z, slopes)
    root, size = np.empty((0, P * m)), max(P * m, _CELLS // (P * m))
    for start in range(0, Z.shape[0], size):
        rows = slice(start, start + size)
        block = each_pulled_back(Z[rows], slopes[rows]).reshape(P * m, -1).T
        root = np.linalg.qr(np.vstack([root, block]), mode="r")
    return root.T.reshape(P, m, -1)
