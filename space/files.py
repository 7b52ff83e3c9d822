"""The few file operations that a space needs, passed in so that faults can be injected.

An open file is its descriptor, an int. Every error is the operating system's OSError.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from space.place import Entry


class Files(Protocol):
    """What a space does to files, and nothing more."""

    def make_folder(self, path: Path) -> None:
        """Make the folder and those above it, durably; no error if it exists."""
        ...

    def list(self, folder: Path) -> list[Entry]:
        """The regular files in the folder, sorted by name; empty if there is no such folder.

        The version of each is its time of change.
        """
        ...

    def entry(self, path: Path) -> Entry:
        """The regular file at `path`. Raises FileNotFoundError."""
        ...

    def create(self, path: Path) -> int:
        """Make a new file, open for reading and writing and locked by this process until closed.

        Raises FileExistsError if there is one.
        """
        ...

    def open(self, path: Path) -> int:
        """Open an existing file for reading."""
        ...

    def close(self, file: int) -> None: ...

    def write(self, file: int, content: bytes | bytearray | memoryview) -> None:
        """Append all of `content`."""
        ...

    def read(self, file: int, offset: int, size: int) -> bytes:
        """The bytes from `offset` on: `size` of them, fewer only where the file ends."""
        ...

    def sync(self, file: int) -> None:
        """Return when the content is on the disk itself."""
        ...

    def sync_folder(self, folder: Path) -> None:
        """Return when the names in the folder are on the disk itself."""
        ...

    def rename(self, old: Path, new: Path) -> None:
        """Give the file its name in one step, over any file that has it now."""
        ...

    def remove(self, path: Path) -> None:
        """Remove the name; no error if there is none."""
        ...

    def abandoned(self, path: Path) -> bool:
        """Whether the file exists and no living process holds it as its `create`d one."""
        ...


class LocalFiles:
    """The operating system's files (POSIX)."""

    def make_folder(self, path: Path) -> None:
        made = [folder for folder in (path, *path.parents) if not folder.exists()]
        path.mkdir(parents=True, exist_ok=True)
        for folder in made:
            self.sync_folder(folder.parent)

    def list(self, folder: Path) -> list[Entry]:
        try:
            found = os.scandir(folder)
        except FileNotFoundError:
            return []
        with found:
            return sorted(entry for each in found if (entry := _entry(each)))

    def entry(self, path: Path) -> Entry:
        stat = path.lstat()
        return Entry(path.name, stat.st_size, str(stat.st_mtime_ns))

    def create(self, path: Path) -> int:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return file

    def open(self, path: Path) -> int:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    def close(self, file: int) -> None:
        os.close(file)

    def write(self, file: int, content: bytes | bytearray | memoryview) -> None:
        rest = memoryview(content)
        while rest:
            rest = rest[os.write(file, rest) :]

    def read(self, file: int, offset: int, size: int) -> bytes:
        # Not mmap: a file that a sync client cuts short under a map kills the process (SIGBUS).
        return os.pread(file, size, offset)

    def sync(self, file: int) -> None:
        full = getattr(fcntl, "F_FULLFSYNC", None)  # macOS: fsync alone leaves it in the drive's cache
        if full is None:
            os.fsync(file)
        else:
            fcntl.fcntl(file, full)

    def sync_folder(self, folder: Path) -> None:
        file = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(file)
        finally:
            os.close(file)

    def rename(self, old: Path, new: Path) -> None:
        old.replace(new)

    def remove(self, path: Path) -> None:
        path.unlink(missing_ok=True)

    def abandoned(self, path: Path) -> bool:
        try:
            file = self.open(path)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:  # held, or a file system without locks: leave it alone
            return False
        finally:
            os.close(file)
        return True


LOCAL_FILES: Files = LocalFiles()


def _entry(found: os.DirEntry[str]) -> Entry | None:
    try:
        if not found.is_file(follow_symlinks=False):
            return None
        stat = found.stat(follow_symlinks=False)
    except FileNotFoundError:  # gone since it was listed
        return None
    return Entry(found.name, stat.st_size, str(stat.st_mtime_ns))


@contextmanager
def held(path: Path) -> Generator[None]:
    """Wait for, then hold, the one lock of this machine that `path` names; a crash lets it go."""
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
    finally:
        os.close(file)
