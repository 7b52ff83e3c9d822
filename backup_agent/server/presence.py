"""Which workers have a process on this machine, and the end of those that were declared dead.

A frozen process keeps the locks that it holds on this machine's caches, so it would stop all others
that come to the same spaces. Each worker holds a lock on a file of its own in the cache folder: so
the file says which process it is, and the lock that this process is there still.
"""

from __future__ import annotations

import fcntl
import logging
import os
import signal
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

SUFFIX = ".worker"

log = logging.getLogger(__name__)


class Presence:
    """Of the worker `worker`, among all of the cache `folder`."""

    def __init__(self, folder: Path, worker: str) -> None:
        self._folder = folder
        self._path = folder / f"{worker}{SUFFIX}"
        self._file = -1

    def begin(self) -> None:
        """Be here until `end`, or until the process ends. Raises OSError."""
        self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._file, fcntl.LOCK_EX)
        os.write(self._file, f"{os.getpid()} {_processes()}".encode())

    def end(self) -> None:
        if self._file >= 0:
            self._path.unlink(missing_ok=True)
            os.close(self._file)
            self._file = -1

    def end_others(self, dead: Iterable[str]) -> None:
        """Kill what is left on this machine of the workers `dead`: nothing that they have is theirs now."""
        for worker in dead:
            path = self._folder / f"{worker}{SUFFIX}"
            try:
                if path != self._path and _is_held(path):
                    _kill(path.read_text())
                    log.warning("killed a frozen worker", extra={"worker": worker})
                path.unlink(missing_ok=True)
            except FileNotFoundError:
                continue
            except OSError as error:
                log.warning("a dead worker is still there", extra={"worker": worker, "why": str(error)})


def _is_held(path: Path) -> bool:
    """Raises FileNotFoundError."""
    file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(file)
    return False


def _kill(said: str) -> None:
    """Raises PermissionError for a process that only another container can name."""
    process, _, processes = said.partition(" ")
    if processes != _processes():
        raise PermissionError("it runs in another container, which has to be restarted")
    os.kill(int(process), signal.SIGKILL)


def _processes() -> str:
    """Which numbering of processes this one is counted in; containers may share a folder, and not that."""
    with suppress(OSError):
        return str(Path("/proc/self/ns/pid").readlink())
    return ""
