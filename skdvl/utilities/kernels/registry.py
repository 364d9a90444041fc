"""Which kernels stand for the refits of an estimator, built in or of others."""

from functools import cache
from importlib.metadata import entry_points

from ...notices import warn_caller
from .base import Kernel

_registered: dict[type, list] = {}  # class of estimators: its kernels, the newest first


def register_kernel(estimator_class, kernel_class):
    """Let a kernel stand for the refits of a class of estimators.

    Packages may instead name their kernels as entry points of the group ``skdvl.kernels``, or
    give the estimator a class method ``__skdvl_kernel__`` that returns its kernel class; it
    holds for that very class, and not for subclasses.

    Parameters
    ----------
    estimator_class : type
        The kernel is asked for instances of this very class.
    kernel_class : type
        Subclass of `skdvl.utilities.kernels.Kernel`. It comes before those that are known already.

    Examples
    --------
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from skdvl.utilities import register_kernel
    >>> from skdvl.utilities.kernels import GaussianNBKernel, find_kernels
    >>> class LoggedNB(GaussianNB):
    ...     '''Of which we know that it fits as its parent does.'''
    >>> register_kernel(LoggedNB, GaussianNBKernel)
    >>> [kernel.name for kernel in find_kernels(LoggedNB(), built_in=[])]
    ['naive_bayes']
    """
    if not (isinstance(kernel_class, type) and issubclass(kernel_class, Kernel)):
        raise TypeError(f"kernel_class must be a subclass of Kernel; got {kernel_class!r}.")
    if not isinstance(estimator_class, type):
        raise TypeError(f"estimator_class must be a class; got {estimator_class!r}.")
    others = [other for other in _registered.get(estimator_class, []) if other != kernel_class]
    _registered[estimator_class] = [kernel_class, *others]


def find_kernels(estimator, built_in):
    """Return the kernels for an estimator, those to be asked first coming first.

    Parameters
    ----------
    estimator : estimator
    built_in : list of type

    Returns
    -------
    kernels : list of type
    """
    kind, found = type(estimator), []
    if "__skdvl_kernel__" in vars(kind):
        found += _loaded(f"{kind.__name__}.__skdvl_kernel__", estimator.__skdvl_kernel__)
    found += _registered.get(kind, [])
    found += [kernel for kernel in (*_plugins(), *built_in) if kind in kernel.estimators]
    return found


@cache
def _plugins():
    """Return the kernels of installed packages; one that cannot be loaded is left out."""
    found = []
    for entry in entry_points(group="skdvl.kernels"):
        found += _loaded(entry.value, entry.load)
    return found


def _loaded(name, load):
    """Return the kernel of somebody else's in a list, or warn and leave it out: it ends no fit."""
    try:
        kernel = load()
        if isinstance(kernel, type) and issubclass(kernel, Kernel):
            return [kernel]
        words = f"it is {kernel!r}, and no subclass of Kernel"
    except Exception as error:
        words = f"{type(error).__name__}: {error}"
    warn_caller(f"The kernel {name!r} cannot be loaded: {words}.", RuntimeWarning)
    return []
