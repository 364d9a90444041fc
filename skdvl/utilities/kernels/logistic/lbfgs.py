"""Many small problems minimised in lockstep, each as scipy's L-BFGS-B does it without bounds.

The corrections that are kept, the line search and the tests for when to stop are the same, and
so are the points that are visited, but for rounding. scikit-learn's options are built in.
"""

import numpy as np

from .line_search import CURVATURE, DECREASE, LONGEST, LineSearch

EPS = np.finfo(float).eps
MEMORY = 10  # corrections that are kept
FALL = 64 * EPS  # of a function, relative, with which scikit-learn has done
TRIALS = 20  # of a line search, of which rounding decides none
CLOSE = 1e-6  # relative; a decision by less hangs on rounding
NOISE = 1e-13  # of a function, relative


class Minimum:
    """What became of problems.

    Attributes
    ----------
    x : ndarray of shape (B, size)
        Zeros where a decision was not clear.
    n_iter, n_trials : ndarray of int of shape (B,)
    is_clear : ndarray of bool of shape (B,)
        Whether no decision was so close that rounding might have turned it around.
    spread : ndarray of shape (B,)
        Largest curvature along a step by the smallest.
    blur : ndarray of shape (B,)
        How many times as large as the difference of two values that tells where to go on with a
        line search the values were, at most.
    """

    def __init__(self, n_problems, size):
        self.x = np.zeros((n_problems, size))
        self.n_iter = np.zeros(n_problems, dtype=np.intp)
        self.n_trials = np.zeros(n_problems, dtype=np.intp)
        self.is_clear = np.zeros(n_problems, dtype=bool)
        self.spread, self.blur = np.zeros((2, n_problems))


def minimize(loss, size, tol, max_iter):
    """Minimise from zero on.

    Parameters
    ----------
    loss : object
        Called with x of shape (B, size), it returns values and gradients; ``keep(places)`` leaves
        the problems of these places, in this order. ``len(loss)`` is their number.
    size : int
    tol : float
        Of the largest entry of the gradient, with which it stops.
    max_iter : int

    Returns
    -------
    minimum : Minimum
    """
    with np.errstate(all="ignore"):
        lanes = _Lanes(loss, size, tol, max_iter)
        while len(lanes.problem):
            lanes.advance()
    return lanes.minimum


class _Lanes:
    """The problems that are not done yet, each in an iteration and a line search of its own."""

    _ARRAYS = (
        "problem x value gradient direction trial step slope n_updates n_iter n_trials is_clear "
        "is_going vectors inverse squares least most blur"
    ).split()

    def __init__(self, loss, size, tol, max_iter):
        B = len(loss)
        self.loss, self.tol, self.max_iter = loss, tol, max_iter
        self.minimum, self.problem = Minimum(B, size), np.arange(B)
        self.searches = {}  # by problem
        self.x = np.zeros((B, size))
        self.value, self.gradient = loss(self.x)
        self.n_updates, self.n_iter, self.n_trials = np.zeros((3, B), dtype=np.intp)
        self.is_going, self.is_clear = np.ones((2, B), dtype=bool)
        self.vectors = np.zeros((B, 2 * MEMORY, size))  # steps, changes of gradients: in a ring
        self.inverse = np.zeros((B, MEMORY, MEMORY))  # of the upper triangle of their products
        self.squares = np.zeros((B, MEMORY, MEMORY))  # products of changes, the oldest first
        self.least, self.most = np.full(B, np.inf), np.zeros(B)
        self.blur = np.zeros(B)
        self.direction = -self.gradient
        self.slope = -_dot(self.gradient, self.gradient)
        self.step = np.minimum(1 / np.sqrt(-self.slope), LONGEST)
        self.trial = self.direction * self.step[:, None]
        self._stop(np.arange(B), self._is_flat(np.arange(B)))

    def advance(self):
        """Evaluate all trials; go on with line searches, or to the next iterations."""
        value, gradient = self.loss(self.trial)
        slope = _dot(gradient, self.direction)
        self.n_trials += 1
        is_over = self._is_accepted(value, slope) | ~self.is_clear
        for lane in np.flatnonzero(~is_over & self.is_going):
            is_over[lane] = self._search(lane, value[lane], slope[lane])
        moving = np.flatnonzero(is_over & self.is_going)
        if len(moving) == len(is_over):
            self._move(slice(None), value, gradient, slope)
        elif len(moving):
            self._move(moving, value[moving], gradient[moving], slope[moving])
        n_going = np.count_nonzero(self.is_going)
        if n_going <= 0.75 * len(self.is_going):
            self._keep(np.flatnonzero(self.is_going))

    def _keep(self, lanes):
        self.loss.keep(lanes)
        for name in self._ARRAYS:
            setattr(self, name, getattr(self, name)[lanes])

    # ------------------------------------------------------------------ line search

    def _is_accepted(self, value, slope):
        """Whether a step will do; a near decision is remembered."""
        limit = self.value + self.step * DECREASE * self.slope
        bound = -CURVATURE * self.slope
        self.is_clear &= np.abs(value - limit) > NOISE * np.maximum(np.abs(value), np.abs(limit))
        self.is_clear &= np.abs(np.abs(slope) - bound) > CLOSE * bound
        return (value <= limit) & (np.abs(slope) <= bound)

    def _search(self, lane, value, slope):
        """Go on with a line search; return whether it is over."""
        problem = self.problem[lane]
        search = self.searches.get(problem)
        if search is None:
            search = LineSearch(
                float(self.value[lane]), float(self.slope[lane]), float(self.step[lane])
            )
            self.searches[problem] = search
        blur = abs(value) / max(abs(value - search.best[1]), EPS * abs(value))
        self.blur[lane] = max(self.blur[lane], blur)
        try:
            is_over = search.advance(float(value), float(slope))
        except ZeroDivisionError:
            is_over = self.is_clear[lane] = False
        self.is_clear[lane] &= search.n_trials <= TRIALS
        if not self.is_clear[lane]:
            return True
        self.step[lane] = search.step
        self.trial[lane] = search.step * self.direction[lane] + self.x[lane]
        return is_over

    # ------------------------------------------------------------------ iterations

    def _move(self, lanes, value, gradient, slope):
        """Begin the next iteration where line searches are over."""
        for problem in self.problem[lanes]:
            self.searches.pop(problem, None)
        step, old = self.step[lanes].copy(), self.value[lanes].copy()
        change = gradient - self.gradient[lanes]
        curvature = (slope - self.slope[lanes]) * step
        self.x[lanes], self.value[lanes], self.gradient[lanes] = self.trial[lanes], value, gradient
        self.n_iter[lanes] += 1
        fall, size = old - value, np.maximum(np.maximum(np.abs(old), np.abs(value)), 1)
        self.is_clear[lanes] &= fall > 16 * FALL * size
        self.is_clear[lanes] &= curvature > CLOSE * -self.slope[lanes] * step
        is_done = self._is_flat(lanes) | ~self.is_clear[lanes]
        is_done |= self.n_iter[lanes] >= self.max_iter
        taken = self.direction[lanes] * step[:, None]
        self._remember(lanes, taken, change, curvature)
        self._stop(lanes, is_done)

    def _is_flat(self, lanes):
        steepest = np.abs(self.gradient[lanes]).max(axis=1)
        self.is_clear[lanes] &= np.abs(steepest - self.tol) > CLOSE * self.tol
        return steepest <= self.tol

    def _remember(self, lanes, taken, change, curvature):
        """Keep a correction in place of the oldest; find the direction that follows."""
        count = self.n_updates[lanes]
        rows = np.arange(len(self.problem))[lanes]
        slot = count % MEMORY
        vectors, inverse, squares = self.vectors, self.inverse, self.squares
        vectors[rows, slot], vectors[rows, MEMORY + slot] = taken, change
        count += 1
        self.n_updates[lanes] = count
        order = (count[:, None] + np.arange(MEMORY)) % MEMORY  # the oldest first
        order = rows[:, None] * (2 * MEMORY) + np.hstack([order, MEMORY + order])
        # Products with the vectors of all lanes, since a copy of some would take longer.
        pair = np.zeros((len(vectors), 2, change.shape[1]))
        pair[lanes, 0], pair[lanes, 1] = change, self.gradient[lanes]
        products = (vectors @ pair.swapaxes(1, 2)).reshape(-1, 2).take(order, axis=0)
        recent, inverse = _shifted(squares[lanes]), _shifted(inverse[lanes])
        recent[:, -1] = recent[:, :, -1] = products[:, MEMORY:, 0]
        column = np.einsum("bij,bj->bi", inverse, products[:, :MEMORY, 0])
        inverse[:, :, -1] = column / -curvature[:, None]
        inverse[:, -1, -1] = 1 / curvature
        self.squares[lanes], self.inverse[lanes] = recent, inverse
        gamma = curvature / recent[:, -1, -1]
        self.least[lanes] = np.minimum(self.least[lanes], gamma)
        self.most[lanes] = np.maximum(self.most[lanes], gamma)
        weights = self._weights(inverse, recent, gamma[:, None], products[:, :, 1])
        of_vectors = np.zeros((len(vectors), 1, 2 * MEMORY))
        of_vectors.reshape(-1)[order] = weights
        direction = (of_vectors @ vectors)[lanes, 0]
        direction -= gamma[:, None] * self.gradient[lanes]
        self.direction[lanes] = direction
        self.step[lanes] = 1.0
        self.slope[lanes] = slope = _dot(direction, self.gradient[lanes])
        self.is_clear[lanes] &= slope < 0
        self.trial[lanes] = self.x[lanes] + direction

    def _weights(self, inverse, squares, gamma, products):
        """Return with which weights steps and changes make up the direction.

        This is the compact form of the inverse of a limited-memory BFGS matrix.
        """
        by_steps, by_changes = products[:, :MEMORY], products[:, MEMORY:]
        first = np.einsum("bij,bj->bi", inverse, by_steps)
        diagonal = np.einsum("bii->bi", inverse)
        inner = first / np.where(diagonal == 0, 1, diagonal)
        inner += gamma * (np.einsum("bij,bj->bi", squares, first) - by_changes)
        second = np.einsum("bji,bj->bi", inverse, inner)
        return np.hstack([-second, gamma * first])

    def _stop(self, lanes, is_done):
        """Write down the results of lanes that are done."""
        done = np.arange(len(self.problem))[lanes][is_done]
        if not len(done):
            return
        problem, minimum = self.problem[done], self.minimum
        minimum.x[problem] = np.where(self.is_clear[done, None], self.x[done], 0)
        minimum.n_iter[problem], minimum.n_trials[problem] = self.n_iter[done], self.n_trials[done]
        minimum.is_clear[problem], minimum.blur[problem] = self.is_clear[done], self.blur[done]
        minimum.spread[problem] = self.most[done] / self.least[done]
        self.is_going[done] = False


def _dot(a, b):
    return np.einsum("bi,bi->b", a, b)


def _shifted(square):
    """Return a copy without the oldest row and column, and with zeros for the newest."""
    shifted = np.zeros_like(square)
    shifted[:, :-1, :-1] = square[:, 1:, 1:]
    return shifted
