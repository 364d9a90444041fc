"""Whether another process of this machine still lives."""

import os
import socket

HOST = socket.gethostname()


def is_alive(pid):
    """Whether a process lives; yes, where there is no telling.

    Parameters
    ----------
    pid : int

    Returns
    -------
    is_alive : bool
    """
    if os.name != "posix":
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # it is somebody else's
        return True
    return True
