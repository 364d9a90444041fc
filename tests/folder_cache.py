"""A cache of one's own, as docs/add_a_cache.md shows it."""

from pathlib import Path
from uuid import uuid4

from skdvl.caching import Cache


class FolderCache(Cache):
    """Each score in a file of its own."""

    def __init__(self, folder):
        self.folder = folder

    def _path(self, key):
        return Path(self.folder) / f"{key.hex()}.score"

    def _read(self, keys):
        paths = {key: self._path(key) for key in keys}
        return {key: path.read_bytes() for key, path in paths.items() if path.exists()}

    def _write(self, records):
        for key, record in records.items():
            half = self._path(key).with_suffix(f".{uuid4().hex}")  # other threads write too
            half.write_bytes(record)
            half.replace(self._path(key))

    def _clear(self):
        for path in Path(self.folder).glob("*.score"):
            path.unlink()
