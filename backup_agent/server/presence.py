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
MAX_SAID_BYTES = 200
BOOT = Path("/proc/sys/kernel/random/boot_id")
NUMBERING = Path("/proc/self/ns/pid")

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
                if path != self._path and _end(path):
                    log.warning("killed a frozen worker", extra={"worker": worker})
                path.unlink(missing_ok=True)
            except FileNotFoundError:
                continue
            except (OSError, ValueError) as error:
                log.warning("a dead worker is still there", extra={"worker": worker, "why": str(error)})


def _end(path: Path) -> bool:
    """Whether there was a process to kill, which has the lock: it is taken by its number before it is asked
    who has that, so that no other can have come by the number meanwhile.

    Raises FileNotFoundError, ValueError if nothing is named, PermissionError if it is counted elsewhere.
    """
    file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        if not _is_held(file):
            return False
        process, _, processes = os.read(file, MAX_SAID_BYTES).decode().partition(" ")
        if processes != _processes():
            raise PermissionError("it runs on another machine or in another container: restart that")
        return _kill(int(process), file)
    finally:
        os.close(file)


def _is_held(file: int) -> bool:
    """Shared, so that two who ask at once do not take each other for the worker."""
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False


def _kill(process: int, file: int) -> bool:
    if not hasattr(os, "pidfd_open"):  # macOS
        os.kill(process, signal.SIGKILL)
        return True
    with suppress(ProcessLookupError):
        named = os.pidfd_open(process)
        try:
            if _is_held(file):
                signal.pidfd_send_signal(named, signal.SIGKILL)
                return True
        finally:
            os.close(named)
    return False


def _processes() -> str:
    """Which numbering of processes this one is counted in. Containers and machines may share a folder, and
    not that; the first of each machine has the same name as that of any other.
    """
    with suppress(OSError):
        return f"{BOOT.read_text().strip()} {NUMBERING.readlink()}"
    return ""
