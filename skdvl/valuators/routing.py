"""Where metadata go: to the estimator inside, or nowhere."""

import inspect

import sklearn
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, process_routing


def fit_params(valuator, estimator, params):
    """Return what the estimator's `fit` is to be given, or refuse what nobody takes.

    Parameters
    ----------
    valuator : estimator
        With metadata routing enabled, its requests decide.
    estimator : estimator
    params : dict

    Returns
    -------
    params : dict
    """
    if sklearn.get_config()["enable_metadata_routing"]:
        return dict(process_routing(valuator, "fit", **params).estimator.fit)
    check_accepted(valuator, estimator, params)
    return params


def check_accepted(valuator, estimator, params):
    """Refuse parameters that the `fit` of the estimator inside does not take."""
    accepted = inspect.signature(estimator.fit).parameters
    unknown = [name for name in params if name not in accepted]
    if unknown and not any(p.kind is p.VAR_KEYWORD for p in accepted.values()):
        raise TypeError(
            f"{type(valuator).__name__}.fit() got {unknown}, and takes X, y, X_val, y_val and "
            f"groups; anything else goes to {type(estimator).__name__}.fit(), which does "
            "not take it."
        )


def fit_router(valuator, estimator):
    """Return the router of a valuator that hands metadata to its estimator's `fit`."""
    mapping = MethodMapping().add(caller="fit", callee="fit")
    router = MetadataRouter(owner=valuator).add_self_request(valuator)
    return router.add(estimator=estimator, method_mapping=mapping)
