"""The objects in a space's folder: each appears whole, durable and under its final name, or not at all.

An object is written to a temporary file, which is locked while its process lives. One that nobody
holds was left by a crash and is removed; only by a process of the same home, since another
machine's file may be seen here through syncing while it is still being written there.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from space.files import Entry, Files, held
from space.guard import guarded
from space.layout import HEADS, SHARDS, is_temporary_of, temporary

ROOMS = ("", SHARDS, HEADS)


class Draft:
    """An object that is being written; not there for anybody else until it is renamed."""

    def __init__(self, files: Files, path: Path) -> None:
        self._files = files
        self.path = path
        self.file = files.create(path)

    def write(self, content: bytes | bytearray | memoryview) -> None:
        """Append `content`."""
        self._files.write(self.file, content)

    def read(self, offset: int, size: int) -> bytes:
        """What was written there."""
        return self._files.read(self.file, offset, size)

    def rename(self, new: Path) -> None:
        """Give it its final name; durable once the folder is synced too."""
        self._files.rename(self.path, new)
        self._files.close(self.file)
        self.file = -1

    def sync(self) -> None:
        """Its content is on the disk on return."""
        self._files.sync(self.file)

    def drop(self) -> None:
        """Remove it, unless it has its final name."""
        if self.file >= 0:
            self._files.remove(self.path)
            self._files.close(self.file)
            self.file = -1


class Objects:
    """Reads and writes the objects of one folder."""

    def __init__(self, folder: Path, files: Files, *, home: str, lock: Path) -> None:
        """home: marks this machine's temporary files. lock: a path of this machine, not in the folder."""
        self.folder = folder
        self.files = files
        self._home = home
        self._lock = lock

    def make_rooms(self) -> None:
        """Make the folder and what it is divided into."""
        for room in ROOMS:
            self.files.make_folder(self.folder / room)

    def path(self, room: str, name: str) -> Path:
        """Where an object is."""
        return self.folder / room / name

    def sync(self, room: str) -> None:
        """The names of a room are durable on return."""
        self.files.sync_folder(self.folder / room)

    def list(self, room: str) -> list[Entry]:
        """The files of a room, sorted by name, without those that are being written."""
        return [entry for entry in self.files.list(self.folder / room) if not entry.name.startswith("~")]

    def load(self, room: str, name: str, limit_bytes: int) -> bytes | None:
        """A small object's bytes, at most `limit_bytes` and one; None if it is not there (any more)."""
        with guarded(f"reading {name}"):
            try:
                file = self.files.open(self.path(room, name))
            except FileNotFoundError:
                return None
            try:
                return self.files.read(file, 0, limit_bytes + 1)
            finally:
                self.files.close(file)

    @contextmanager
    def reading(self, room: str, name: str) -> Generator[Callable[[int, int], bytes]]:
        """Reads of an open object: offset and size to bytes. Raises OSError, FileNotFoundError among it."""
        file = self.files.open(self.path(room, name))
        try:
            yield partial(self.files.read, file)
        finally:
            self.files.close(file)

    def draft(self, room: str) -> Draft:
        """A new object for `room`."""
        with held(self._lock):  # or `sweep` might take it for abandoned before it is locked
            return Draft(self.files, temporary(self.folder / room, self._home))

    def store(self, room: str, name: str, content: bytes) -> None:
        """Write a small object, over the one that has the name; durable on return (S2)."""
        with guarded(f"writing {name}"):
            draft = self.draft(room)
            try:
                draft.write(content)
                draft.sync()
                draft.rename(self.path(room, name))
            finally:
                draft.drop()
            self.sync(room)

    def sweep(self) -> None:
        """Remove what crashed processes of this home were writing."""
        with held(self._lock):
            for room in ROOMS:
                for entry in self.files.list(self.folder / room):
                    path = self.folder / room / entry.name
                    if is_temporary_of(entry.name, self._home) and self.files.abandoned(path):
                        self.files.remove(path)
