"""What a score loses on each row, and its slope by the linear predictors."""

from abc import ABC, abstractmethod

import numpy as np

from .losses import PointLoss
from .target_losses import SquaredError

_LEAST = np.finfo(np.float64).eps  # of a probability; scikit-learn's log loss takes none below


class Measure(ABC):
    """What is lost on some rows: their mean, or a function of it, is what a score falls by."""

    @abstractmethod
    def value(self, y, eta):
        """Return what is lost on each row, of shape (n,)."""

    @abstractmethod
    def slope(self, y, eta):
        """Return first derivatives by the predictors, of shape (n, m)."""

    def per_unit(self, rise):
        """Return what the score falls by for each unit that the mean rises by, if it does by that.

        Parameters
        ----------
        rise : float or ndarray
            0 for the slope.
        """
        return 1.0


class OwnLoss(Measure):
    """The loss that a model minimises, in units of :mod:`sklearn.metrics`."""

    def __init__(self, loss):
        self.loss = loss

    def value(self, y, eta):
        return self.loss.unit * self.loss.value(y, eta)

    def slope(self, y, eta):
        return self.loss.unit * self.loss.gradient(y, eta)


class OfTargets(Measure):
    """A loss of predicted targets, whatever loss the model minimises.

    Parameters
    ----------
    loss : Loss
        That of the model, which says what it predicts.
    judge : PointLoss
        Of a prediction.
    times : float, default=1.0
    """

    def __init__(self, loss, judge, times=1.0):
        self.loss, self.judge, self.unit = loss, judge, times * judge.unit

    def value(self, y, eta):
        return self.unit * self.judge.at(y, self.loss.predict(eta))

    def slope(self, y, eta):
        slope = self.unit * self.judge.slope(y, self.loss.predict(eta))
        return slope[:, None] * self.loss.rise(eta)


class RootMean(OfTargets):
    """Squared errors of which the root of the mean counts.

    Parameters
    ----------
    loss : Loss
    y, eta : ndarray of shape (n,) and (n, m)
        The rows, and their predictors under the model of all rows. If that errs nowhere, the root
        has a corner there, and 0 stands for its slope.
    """

    def __init__(self, loss, y, eta):
        super().__init__(loss, SquaredError())
        self.before = self.value(y, eta).mean()

    def per_unit(self, rise):
        both = np.sqrt(self.before) + np.sqrt(np.maximum(self.before + rise, 0))
        return np.divide(1, both, out=np.zeros_like(both), where=both > 0)


class AbsoluteError(PointLoss):
    """The size of an error; of the corner at 0 the middle of its slopes is taken, 0."""

    def at(self, y, eta):
        return np.abs(y - eta)

    def slope(self, y, eta):
        return np.sign(eta - y)

    def bend(self, y, eta):
        return np.zeros_like(eta)


class OfProbabilities(Measure):
    """A loss of the probabilities that a model gives to the classes.

    Parameters
    ----------
    loss : Loss
        That of the model, which says what it predicts.
    """

    def __init__(self, loss):
        self.loss = loss


class LogLoss(OfProbabilities):
    """Minus the logarithm of the probability of the label, which is flat below `_LEAST`."""

    def value(self, y, eta):
        return -np.log(np.maximum(self._of_label(y, eta), _LEAST))

    def slope(self, y, eta):
        told = self._of_label(y, eta)
        rise = self.loss.rise(eta)[np.arange(len(y)), :, y]
        return -rise / np.maximum(told, _LEAST)[:, None] * (told > _LEAST)[:, None]

    def _of_label(self, y, eta):
        return self.loss.predict(eta)[np.arange(len(y)), y]


class Brier(OfProbabilities):
    """Squared errors of all probabilities, or half of them, as scikit-learn has it of two."""

    def value(self, y, eta):
        error = self._errors(y, eta)
        return _half_of_two(error) * (error**2).sum(axis=1)

    def slope(self, y, eta):
        error = self._errors(y, eta)
        return 2 * _half_of_two(error) * np.einsum("nk,nmk->nm", error, self.loss.rise(eta))

    def _errors(self, y, eta):
        told = self.loss.predict(eta)
        return told - (y[:, None] == np.arange(told.shape[1]))


def _half_of_two(error):
    return 0.5 if error.shape[1] == 2 else 1.0
