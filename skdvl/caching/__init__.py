"""Where scores of coalitions are kept: never wrong, and never the end of a fit."""

from .base import Cache, CacheStats
from .disk import DiskCache
from .memcached import MemcachedCache
from .memory import MemoryCache
from .recall import make_recall as make_recall
from .shared import open_cache as open_cache
from .shared import shared_disk, shared_memory

__all__ = [
    "Cache",
    "CacheStats",
    "DiskCache",
    "MemcachedCache",
    "MemoryCache",
    "shared_disk",
    "shared_memory",
]
