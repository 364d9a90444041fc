"""A memcached on a port of the loopback address, for tests; and caches that wait for it."""

import os
import random
import signal
import subprocess
import time
from contextlib import suppress

from pymemcache import Client, MemcacheError

from skdvl.caching import MemcachedCache

# Below those that the system gives to whoever connects: nobody takes one by chance.
PORTS = range(20_000, 30_000)


class Server:
    """A memcached of our own: one that answers on its port, but has another id, is somebody's."""

    def __init__(self, port=None, memory=16):
        for _ in range(50):
            self.port = port or random.SystemRandom().choice(PORTS)
            self.address = f"127.0.0.1:{self.port}"
            command = ["memcached", "-l", "127.0.0.1", "-p", str(self.port), "-U", "0"]
            self.process = subprocess.Popen(
                [*command, "-u", "root", "-m", str(memory)], stderr=subprocess.DEVNULL
            )
            while self.process.poll() is None:  # it ends if the port is taken
                if self._answers():
                    return
                time.sleep(0.05)
            time.sleep(0.1)
        raise RuntimeError("memcached did not start")

    def _answers(self):
        client = Client(self.address, timeout=60, connect_timeout=60)
        with suppress(OSError, MemcacheError):
            try:
                return client.stats().get(b"pid") == self.process.pid
            finally:
                client.close()
        return False

    def stand_still(self):
        """Stop the process, and wait until all its threads have stopped."""
        self.process.send_signal(signal.SIGSTOP)
        os.waitpid(self.process.pid, os.WUNTRACED)

    def stop(self):
        self.process.send_signal(signal.SIGCONT)
        self.process.kill()
        self.process.wait()


def patient(*servers, **params):
    """Return a cache that waits for servers, however busy the machine is."""
    settings = {"timeout": 60.0, "deadline": 120.0} | params
    return MemcachedCache([server.address for server in servers], **settings)
