"""The caches that names stand for, one of each for the whole process."""

from functools import cache

from .disk import DiskCache
from .memory import MemoryCache


@cache
def shared_memory():
    """Return the cache that ``cache="memory"`` stands for.

    Returns
    -------
    cache : MemoryCache

    Examples
    --------
    >>> from skdvl import ShapleyValuator
    >>> from skdvl.caching import shared_memory
    >>> from skdvl.games import AirportGame
    >>> before = len(shared_memory())
    >>> valuator = ShapleyValuator(cache="memory").fit_utility(AirportGame([2, 3, 5, 7]))
    >>> len(shared_memory()) - before
    16
    """
    return MemoryCache()


@cache
def shared_disk():
    """Return the cache that ``cache="disk"`` stands for.

    Returns
    -------
    cache : DiskCache

    Examples
    --------
    >>> from skdvl.caching import shared_disk
    >>> shared_disk() is shared_disk()  # nothing is opened before a valuator asks for scores
    True
    """
    return DiskCache()


def open_cache(given):
    """Return the cache that a valuator was given, or that it was given the name of.

    Parameters
    ----------
    given : "memory", "disk", Cache or None

    Returns
    -------
    cache : Cache or None
    """
    if isinstance(given, str):
        return {"memory": shared_memory, "disk": shared_disk}[given]()
    return given
