"""Objects that are being written, each in a temporary file.

The file is locked while its process lives. One that nobody holds was left by a crash and is
removed; only by a process of the same home, since in a synced folder another machine's file may be
seen here while it is still being written there.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from space.files import Files, held
from space.layout import is_temporary_of, temporary


class FileDraft:
    """A `Draft` in a temporary file beside the file that it will be."""

    def __init__(self, files: Files, path: Path) -> None:
        self._files = files
        self.path = path
        self.file = files.create(path)
        self.size = 0
        """Bytes written so far."""
        self._synced = False

    def write(self, content: bytes | bytearray | memoryview) -> None:
        self._synced = False
        self._files.write(self.file, content)
        self.size += len(content)

    def read(self, offset: int, size: int) -> bytes:
        return self._files.read(self.file, offset, size)

    def sync(self) -> None:
        """Its content is on the disk on return."""
        if not self._synced:
            self._files.sync(self.file)
            self._synced = True

    def rename(self, new: Path) -> None:
        """Give it its final name; durable once the folder is synced too."""
        self._files.rename(self.path, new)
        self._files.close(self.file)
        self.file = -1

    def drop(self) -> None:
        if self.file >= 0:
            self._files.remove(self.path)
            self._files.close(self.file)
            self.file = -1


class Drafts:
    """Makes drafts, and removes those of crashed processes."""

    def __init__(self, files: Files, *, home: str, lock: Path) -> None:
        """home: marks this machine's temporary files. lock: a path of this machine, never synced."""
        self._files = files
        self._home = home
        self._lock = lock

    def new(self, folder: Path) -> FileDraft:
        """A draft in `folder`."""
        with held(self._lock):  # or `sweep` might take it for abandoned before it is locked
            return FileDraft(self._files, temporary(folder, self._home))

    def sweep(self, folders: Iterable[Path]) -> None:
        """Remove what crashed processes of this home were writing."""
        with held(self._lock):
            for folder in folders:
                for entry in self._files.list(folder):
                    path = folder / entry.name
                    if is_temporary_of(entry.name, self._home) and self._files.abandoned(path):
                        self._files.remove(path)
