"""The line search of Moré and Thuente, one evaluation at a time, as L-BFGS-B does it."""

from math import sqrt

DECREASE, CURVATURE, BRACKET = 1e-3, 0.9, 0.1
LONGEST = 1e10


class LineSearch:
    """A line search whose first step was not accepted.

    It looks for a step where a function falls by a share of what its first slope promises, and
    where its slope has become smaller in size. What to take note of is where scipy departs from
    the paper: it gives up as soon as the bracket is small, and takes the step that it was at.

    Parameters
    ----------
    value, slope : float
        At the beginning.
    step : float
        The first one, which has been evaluated and is to be passed to `advance`.
    """

    def __init__(self, value, slope, step):
        self.start, self.slope, self.step = value, slope, step
        self.n_trials = 0
        self.is_first_stage, self.is_bracketed = True, False
        self.width, self.last_width = LONGEST, 2 * LONGEST
        self.best = self.other = (0.0, value, slope)  # step, value, slope
        self.low, self.high = 0.0, 5 * step

    def advance(self, value, slope):
        """Take what the function is at `step`; return whether it stays, or move it.

        Returns
        -------
        is_over : bool
        """
        self.n_trials += 1
        limit = self.start + self.step * DECREASE * self.slope
        if self.is_first_stage and value <= limit and slope >= 0:
            self.is_first_stage = False
        if value <= limit and abs(slope) <= -CURVATURE * self.slope or self._gives_up():
            return True
        # In the first stage the function less its promised fall may be what is interpolated.
        tilt = 0.0
        if self.is_first_stage and limit < value <= self.best[1]:
            tilt = DECREASE * self.slope
        step = self._interpolate(_tilted((self.step, value, slope), -tilt), tilt)
        if self.is_bracketed:
            best, other = self.best[0], self.other[0]
            if abs(other - best) >= 0.66 * self.last_width:
                step = best + 0.5 * (other - best)
            self.last_width, self.width = self.width, abs(other - best)
            self.low, self.high = min(best, other), max(best, other)
        else:
            self.low = step + 1.1 * (step - self.best[0])
            self.high = step + 4.0 * (step - self.best[0])
        self.step = min(max(step, 0.0), LONGEST)
        if self._gives_up():
            self.step = self.best[0]
        return False

    def _gives_up(self):
        if not self.is_bracketed:
            return False
        is_outside = not self.low < self.step < self.high
        return is_outside or self.high - self.low <= BRACKET * self.high

    def _interpolate(self, new, tilt):
        """Return the next step, and take the new one as an end of the interval."""
        best, other = _tilted(self.best, -tilt), _tilted(self.other, -tilt)
        turns = (new[2] > 0 and best[2] < 0) or (new[2] < 0 and best[2] > 0)
        if new[1] > best[1]:
            step = _step_when_higher(best, new)
        elif turns:
            step = _step_when_slope_turns(best, new)
        elif abs(new[2]) < abs(best[2]):
            step = self._step_when_slope_shrinks(best, other, new)
        elif self.is_bracketed:
            step = _cubic(new, other)
        else:
            step = self.high if new[0] > best[0] else self.low
        if new[1] > best[1]:
            other = new
        else:
            other = best if turns else other
            best = new
        self.is_bracketed |= new[1] > self.best[1] - tilt * self.best[0] or turns
        self.best, self.other = _tilted(best, tilt), _tilted(other, tilt)
        return step

    def _step_when_slope_shrinks(self, best, other, new):
        """Return a step beyond the new one, towards which the function goes on falling."""
        ahead = new[0] > best[0]
        cubic = _cubic_beyond(best, new)
        if cubic is None:
            cubic = self.high if ahead else self.low
        secant = _secant(new, best)
        is_nearer = abs(cubic - new[0]) < abs(secant - new[0])
        if not self.is_bracketed:
            is_farther = abs(cubic - new[0]) > abs(secant - new[0])
            return min(max(cubic if is_farther else secant, self.low), self.high)
        step, bound = cubic if is_nearer else secant, new[0] + 0.66 * (other[0] - new[0])
        return min(bound, step) if ahead else max(bound, step)


def _tilted(point, tilt):
    """Add a linear function of the step."""
    return point[0], point[1] + point[0] * tilt, point[2] + tilt


def _step_when_higher(best, new):
    """Return a step where the function rose: near the best, by a cubic and a parabola."""
    cubic = _cubic(best, new)
    chord = (best[1] - new[1]) / (new[0] - best[0])
    parabola = best[0] + best[2] / (chord + best[2]) / 2.0 * (new[0] - best[0])
    if abs(cubic - best[0]) <= abs(parabola - best[0]):
        return cubic
    return cubic + (parabola - cubic) / 2.0


def _step_when_slope_turns(best, new):
    """Return the farther of two minima, by a cubic and by the slopes alone."""
    cubic, secant = _cubic(new, best), _secant(new, best)
    return cubic if abs(cubic - new[0]) > abs(secant - new[0]) else secant


def _secant(new, best):
    return new[0] + new[2] / (new[2] - best[2]) * (best[0] - new[0])


def _cubic_parts(near, far):
    """Return how far a cubic's slope swings, and the square of its root, scaled."""
    theta = 3.0 * (near[1] - far[1]) / (far[0] - near[0]) + near[2] + far[2]
    scale = max(abs(theta), abs(near[2]), abs(far[2]))
    return theta, scale, (theta / scale) ** 2 - near[2] / scale * (far[2] / scale)


def _cubic(near, far):
    """Return the minimum of the cubic through two points, reckoned from the first."""
    theta, scale, square = _cubic_parts(near, far)
    root = scale * sqrt(max(square, 0.0))
    if far[0] < near[0]:
        root = -root
    share = ((root - near[2]) + theta) / (((root - near[2]) + root) + far[2])
    return near[0] + share * (far[0] - near[0])


def _cubic_beyond(best, new):
    """Return the cubic's minimum where it lies beyond the new step, else None."""
    theta, scale, square = _cubic_parts(new, best)
    root = scale * sqrt(max(square, 0.0))
    if new[0] > best[0]:
        root = -root
    share = ((root - new[2]) + theta) / ((root + (best[2] - new[2])) + root)
    if share < 0 and root != 0:
        return new[0] + share * (best[0] - new[0])
    return None
