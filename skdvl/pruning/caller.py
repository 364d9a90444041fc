"""Who asked for the transform: the user, or a pipeline that keeps y to itself."""

import sys

# The one place where Pipeline, FeatureUnion and ColumnTransformer fit a step that others follow.
_FITS_A_STEP = ("sklearn.pipeline", "_fit_transform_one")


def pipeline_calls(pruner):
    """Whether the method of the pruner that runs now was called for a step of a pipeline.

    `sklearn.pipeline.Pipeline` hands the y that it was given to every step, whatever the steps
    before did to X, and tells a step nothing of where it stands. Only the stack knows.
    """
    frame = sys._getframe(1)
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        if (module, frame.f_code.co_name) == _FITS_A_STEP:
            return True
        own = frame.f_locals.get("self") is pruner  # methods of subclasses included
        if not own and module.split(".")[0] != "sklearn":
            return False
        frame = frame.f_back
    return False
