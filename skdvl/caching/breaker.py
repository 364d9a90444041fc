"""When to leave a cache alone, so that a fit does not wait at every block for what is gone."""

from time import monotonic

_FAULTS = 3  # in a row, before a place is left alone
_PAUSE = 30.0  # seconds, until it is tried again


class Breaker:
    """What became of the last operations at one place, such as a server.

    Where reading fails, nothing is written either. Where only writing fails, a server that is full
    say, what was read in between does not count in its favour.
    """

    def __init__(self):
        self._n_faults = {"read": 0, "write": 0}
        self._closed_until = {"read": 0.0, "write": 0.0}

    def is_closed(self, operation):
        """Whether an operation, "read" or "write", is not worth trying."""
        kinds = ("read",) if operation == "read" else ("read", "write")
        return any(monotonic() < self._closed_until[kind] for kind in kinds)

    def worked(self, operation):
        """Take note of an operation that did what it should."""
        for kind in ("read",) if operation == "read" else ("read", "write"):
            self._n_faults[kind] = 0

    def failed(self, operation):
        """Take note of an operation that failed."""
        for kind in ("read",) if operation == "read" else ("read", "write"):
            self._n_faults[kind] += 1
            if self._n_faults[kind] >= _FAULTS:
                self._closed_until[kind] = monotonic() + _PAUSE
