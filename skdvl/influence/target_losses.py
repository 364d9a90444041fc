"""Losses of targets, by a predictor of their mean."""

import numpy as np
from scipy.special import xlogy

from .losses import Loss, PointLoss


class SquaredError(PointLoss):
    """Half the squared error."""

    unit = 2.0
    steady = True

    def at(self, y, eta):
        return (y - eta) ** 2 / 2

    def slope(self, y, eta):
        return eta - y

    def bend(self, y, eta):
        return np.ones_like(eta)


class Huber(PointLoss):
    """Half the squared error up to `epsilon`, and linear from there on."""

    steady = True

    def __init__(self, epsilon):
        self.epsilon = epsilon

    def at(self, y, eta):
        size = np.abs(y - eta)
        near = np.minimum(size, self.epsilon)
        return near * (size - near / 2)

    def slope(self, y, eta):
        return np.clip(eta - y, -self.epsilon, self.epsilon)

    def bend(self, y, eta):
        return (np.abs(y - eta) <= self.epsilon).astype(np.float64)


class SquaredInsensitive(PointLoss):
    """The square of what an error is more than `epsilon`."""

    steady = True

    def __init__(self, epsilon):
        self.epsilon = epsilon

    def at(self, y, eta):
        return np.maximum(np.abs(y - eta) - self.epsilon, 0) ** 2

    def slope(self, y, eta):
        return 2 * np.sign(eta - y) * np.maximum(np.abs(y - eta) - self.epsilon, 0)

    def bend(self, y, eta):
        return 2.0 * (np.abs(y - eta) > self.epsilon)


class ScaledHuber(Loss):
    """Half the loss of `HuberRegressor`, whose second predictor is the scale of the errors.

    Parameters
    ----------
    epsilon : float
        In units of the scale.
    """

    n_outputs = 2
    unit = 2.0

    def __init__(self, epsilon):
        self.epsilon = epsilon

    def _parts(self, y, eta):
        error, scale = y - eta[:, 0], eta[:, 1]
        return error, scale, np.abs(error) <= self.epsilon * scale

    def value(self, y, eta):
        error, scale, near = self._parts(y, eta)
        far = self.epsilon * np.abs(error) - self.epsilon**2 * scale / 2
        return np.where(near, error**2 / scale / 2, far) + scale / 2

    def gradient(self, y, eta):
        error, scale, near = self._parts(y, eta)
        by_mean = np.where(near, -error / scale, -self.epsilon * np.sign(error))
        by_scale = np.where(near, -((error / scale) ** 2), -(self.epsilon**2)) / 2
        return np.column_stack([by_mean, by_scale + 1 / 2])

    def hessian(self, y, eta):
        error, scale, near = self._parts(y, eta)
        way = np.column_stack([np.ones_like(error), error / scale])
        return way[:, :, None] * way[:, None, :] * (near / scale)[:, None, None]

    def turn(self, y, eta, way):
        error, scale, near = self._parts(y, eta)
        by_mean, by_scale = way.T
        ray = np.column_stack([np.ones_like(error), error / scale])
        turned = -ray * (by_scale / scale)[:, None] / 2
        turned[:, 1] -= (by_mean + error / scale * by_scale) / scale
        told = ray[:, :, None] * turned[:, None, :]
        return (told + told.transpose(0, 2, 1)) * (near / scale)[:, None, None]

    def predict(self, eta):
        return eta[:, 0]

    def rise(self, eta):
        return np.column_stack([np.ones(len(eta)), np.zeros(len(eta))])


class Tweedie(PointLoss):
    """Half the deviance of a Tweedie distribution.

    Parameters
    ----------
    power : float
        0 is the normal, 1 the Poisson and 2 the gamma distribution.
    log : bool
        Whether the predictor is the logarithm of the mean, or the mean itself.
    """

    unit = 2.0

    def __init__(self, power, log):
        self.power, self.log = power, log

    def checked(self, y):
        is_fine = y > 0 if self.power >= 2 else y >= 0
        if self.power >= 1 and not is_fine.all():
            least = "above 0" if self.power >= 2 else "at least 0"
            raise ValueError(
                f"Targets to be valued on hold {y[~is_fine][0]}; the deviance of power "
                f"{self.power} that this model minimises takes numbers {least}. Leave such rows "
                "out, or choose a model of another power."
            )
        return y

    def at(self, y, eta):
        p, mean = self.power, self.predict(eta[:, None])
        if p == 1:
            return xlogy(y, y / mean) - y + mean
        if p == 2:
            return np.log(mean / y) + y / mean - 1
        own = np.maximum(y, 0) ** (2 - p) / ((1 - p) * (2 - p))
        return own - y * mean ** (1 - p) / (1 - p) + mean ** (2 - p) / (2 - p)

    def slope(self, y, eta):
        p, mean = self.power, self.predict(eta[:, None])
        return (mean - y) * mean ** (1 - p if self.log else -p)

    def bend(self, y, eta):
        p, mean = self.power, self.predict(eta[:, None])
        if self.log:
            return (2 - p) * mean ** (2 - p) - (1 - p) * y * mean ** (1 - p)
        return (1 - p) * mean**-p + p * y * mean ** (-p - 1)

    def predict(self, eta):
        return np.exp(eta[:, 0]) if self.log else eta[:, 0]

    def rise(self, eta):
        return np.exp(eta) if self.log else np.ones_like(eta)
