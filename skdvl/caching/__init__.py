"""Where scores of coalitions are kept: never wrong, and never the end of a fit."""

from .base import Cache, CacheStats
from .memory import MemoryCache, shared_memory
from .recall import make_recall

__all__ = ["Cache", "CacheStats", "MemoryCache", "make_recall", "shared_memory"]
