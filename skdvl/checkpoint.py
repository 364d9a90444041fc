"""The file format of a run: named arrays and nothing else, written whole or not at all.

A file is a magic number, the length of a JSON header, the header (format version,
fingerprint, and name, dtype and shape of every array), the raw arrays, and a digest over all
of it. There is no pickle in it, so reading a file cannot run code; a file that is cut short
or changed by one bit is refused.
"""

import glob
import hashlib
import json
import os
from pathlib import Path

import numpy as np

from .processes import is_alive

MAGIC = b"skdvlrun"
VERSION = 4
_DIGEST = 16
_KINDS = "biuf"  # booleans, integers, floats; an object array would need pickle


def write_arrays(path, arrays, fingerprint):
    """Write named arrays atomically: the file at `path` is the old one or the new one.

    Parameters
    ----------
    path : str or path-like
    arrays : dict of str to ndarray
        Boolean, integer or floating arrays.
    fingerprint : str
        What computation the arrays belong to.
    """
    arrays = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    if any(array.dtype.kind not in _KINDS for array in arrays.values()):
        raise TypeError("Only boolean, integer and floating arrays are written.")
    described = [[name, a.dtype.str, list(a.shape)] for name, a in arrays.items()]
    header = json.dumps({"version": VERSION, "fingerprint": fingerprint, "arrays": described})
    header = header.encode()
    body = b"".join([MAGIC, len(header).to_bytes(8, "little"), header])
    body += b"".join(a.tobytes() for a in arrays.values())
    path = Path(path)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with open(temporary, "wb") as file:
            file.write(body)
            file.write(hashlib.blake2b(body, digest_size=_DIGEST).digest())
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def remove_leftovers(path):
    """Remove what processes that were killed amid a `write_arrays` to `path` have left there."""
    path = Path(path)
    for part in path.parent.glob(f"{glob.escape(path.name)}.*.part"):
        pid = part.name[len(path.name) + 1 : -len(".part")]
        if pid.isdigit() and not is_alive(int(pid)):
            part.unlink(missing_ok=True)


def read_arrays(path, fingerprint):
    """Read what `write_arrays` wrote, or refuse.

    Parameters
    ----------
    path : str or path-like
    fingerprint : str
        The computation that asks; a file of another one is refused.

    Returns
    -------
    arrays : dict of str to ndarray

    Raises
    ------
    ValueError
        If the file is damaged, has another format version, or belongs to another computation.
    """
    blob = Path(path).read_bytes()
    body, digest = blob[:-_DIGEST], blob[-_DIGEST:]
    intact = hashlib.blake2b(body, digest_size=_DIGEST).digest() == digest
    if not intact or not body.startswith(MAGIC):
        raise ValueError(
            f"Checkpoint {os.fspath(path)!r} is damaged or is not a skdvl checkpoint. Remove it "
            "to begin anew, or point `checkpoint` elsewhere."
        )
    begin = len(MAGIC) + 8
    end = begin + int.from_bytes(body[len(MAGIC) : begin], "little")
    header = json.loads(body[begin:end])
    if header["version"] != VERSION:
        raise ValueError(
            f"Checkpoint {os.fspath(path)!r} has format version {header['version']}; this "
            f"skdvl reads version {VERSION}. Remove it to begin anew."
        )
    if header["fingerprint"] != fingerprint:
        raise ValueError(
            f"Checkpoint {os.fspath(path)!r} belongs to another computation: the data, the "
            "estimator, the sampler, the semivalue, the scoring, the folds, the seed or the "
            "library versions differ. Remove it to begin anew, or point `checkpoint` elsewhere."
        )
    arrays = {}
    for name, dtype, shape in header["arrays"]:
        dtype, count = np.dtype(dtype), int(np.prod(shape, dtype=np.int64))
        arrays[name] = np.frombuffer(body, dtype, count, end).reshape(shape).copy()
        end += count * dtype.itemsize
    return arrays
