"""Logistic regression, iteration by iteration as scikit-learn goes."""

from .logistic import LogisticRegressionKernel

__all__ = ["LogisticRegressionKernel"]
