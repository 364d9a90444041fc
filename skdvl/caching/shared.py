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
    """
    return MemoryCache()


@cache
def shared_disk():
    """Return the cache that ``cache="disk"`` stands for.

    Returns
    -------
    cache : DiskCache
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
