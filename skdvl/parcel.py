"""What every task needs, sent to each worker once.

Objects are pickled apart from their arrays, and the arrays laid behind one another. Workers on
this machine map them from a file, so that all of them share its pages; a cluster is given one
flat array, which its backend sends once. A worker opens a parcel at its first task and
keeps it for the next ones.
"""

import os
import pickle
import shutil
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import uuid4

import numpy as np
from joblib.externals.loky.backend import resource_tracker
from joblib.parallel import BACKENDS

try:
    import cloudpickle  # joblib needs it
except ImportError:  # and had its own before 1.6
    from joblib.externals import cloudpickle

_ALIGNED = 64  # bytes
_OWN = 2**20  # bytes; smaller arrays are copied, and may be written to
_SHARED_MEMORY = Path("/dev/shm")

_opened = (None, None, None)  # token, contents and file of the last parcel of this process


@dataclass(frozen=True)
class Parcel:
    """Objects on their way to workers.

    Attributes
    ----------
    token : str
        Tells it from other parcels.
    content : ndarray of uint8
        A pickle, and behind it the buffers of its arrays.
    places : list of (int, int)
        Where the pickle and each buffer begin and end.
    sign : str or None
        Path of a file beside the content, there as long as somebody waits for results; None where
        workers of other machines could not see it.
    """

    token: str
    content: np.ndarray
    places: list
    sign: str | None = None

    def open(self):
        """Return the objects; their arrays are views of the content, and read-only."""
        global _opened
        opened = _opened  # another thread may let go of it meanwhile
        if opened[0] != self.token:
            content = np.asarray(self.content).view()
            content.flags.writeable = False  # others have the same pages
            parts = [content[first:last] for first, last in self.places]
            buffers = [part if part.nbytes >= _OWN else bytearray(part) for part in parts[1:]]
            file = getattr(self.content, "filename", None)
            opened = _opened = self.token, pickle.loads(parts[0], buffers=buffers), file
        return opened[1]

    def call_off(self):
        """Tell workers that nobody waits for their results any more."""
        if self.sign is not None:
            Path(self.sign).unlink(missing_ok=True)

    def is_called_off(self):
        """Whether nobody waits for results any more, as far as a worker can know."""
        return self.sign is not None and not os.path.exists(self.sign)

    def with_content(self, content):
        """Return the same parcel around the same bytes elsewhere, as in a cluster's store."""
        return replace(self, content=content)


def forget_gone():
    """Let go of the last parcel if its file is gone: pages live as long as somebody maps them."""
    global _opened
    file = _opened[2]
    if file is not None and not os.path.exists(file):
        _opened = (None, None, None)


@contextmanager
def carried(shared, backend):
    """Yield something whose `open` gives `shared` in every worker of a joblib backend.

    It can be called off, which workers may look at between two tasks.

    Parameters
    ----------
    shared : tuple
    backend : joblib backend
    """
    if getattr(backend, "supports_sharedmem", False):
        yield _InHand(shared)
        return
    buffers = []
    head = cloudpickle.dumps(shared, protocol=5, buffer_callback=buffers.append)
    parts = [memoryview(head), *(buffer.raw() for buffer in buffers)]
    ends = np.cumsum([-(-part.nbytes // _ALIGNED) * _ALIGNED for part in parts])
    starts = [0, *ends[:-1].tolist()]
    places = [(start, start + part.nbytes) for start, part in zip(starts, parts, strict=True)]
    here = any(type(backend) is BACKENDS.get(name) for name in ("loky", "multiprocessing"))
    with _room(int(ends[-1]), on_disk=here) as (content, sign):
        for (first, last), part in zip(places, parts, strict=True):
            content[first:last] = np.frombuffer(part, np.uint8)
        yield Parcel(uuid4().hex, content, places, sign)


@contextmanager
def _room(n_bytes, on_disk):
    """Yield bytes to write to, of a file that goes away afterwards, and a sign beside it.

    Or bytes of this process, and None.
    """
    if not on_disk:
        yield np.empty(n_bytes, np.uint8), None
        return
    folder = tempfile.mkdtemp(prefix="skdvl-", dir=_folder(n_bytes))
    resource_tracker.register(folder, "folder")  # removes it if this process is killed
    try:
        sign = Path(folder) / "wanted"
        sign.touch()
        content = np.memmap(Path(folder) / "parcel", np.uint8, mode="w+", shape=n_bytes)
        yield content, str(sign)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        resource_tracker.unregister(folder, "folder")


def _folder(n_bytes):
    """Return the folder for temporary files: in memory if there is plenty of room."""
    if "JOBLIB_TEMP_FOLDER" in os.environ:
        return os.environ["JOBLIB_TEMP_FOLDER"]
    if _SHARED_MEMORY.is_dir() and os.access(_SHARED_MEMORY, os.W_OK):
        if shutil.disk_usage(_SHARED_MEMORY).free > 4 * n_bytes:
            return str(_SHARED_MEMORY)
    return None


class _InHand:
    """Objects that workers in this process take as they are."""

    def __init__(self, shared):
        self._shared, self._is_called_off = shared, False

    def open(self):
        return self._shared

    def call_off(self):
        self._is_called_off = True

    def is_called_off(self):
        return self._is_called_off
