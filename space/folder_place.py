"""A place that is a local or synced folder: each object a file that appears whole, durable and named."""

from __future__ import annotations

import errno
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import cast

from space.drafts import Drafts, FileDraft
from space.errors import SpaceUnavailable
from space.files import Files
from space.guard import guarded
from space.layout import HEADS, SHARDS
from space.place import Draft, Entry, Span

ROOMS = ("", SHARDS, HEADS)

_CLOSED = {
    errno.EROFS: "{} is read-only, and this writes there: make it writable, or name a copy with --space",
    errno.EACCES: "this user may not write in {}, and this has to: give it the right",
}


class OpenedFile:
    """An `Opened` file."""

    def __init__(self, files: Files, path: Path, size: int) -> None:
        self._files = files
        self._file = files.open(path)
        self.size = size

    def read(self, offset: int, size: int) -> bytes:
        return self._files.read(self._file, offset, size)

    def read_many(self, spans: Sequence[Span]) -> list[bytes]:
        return [self._files.read(self._file, offset, size) for offset, size in spans]

    def close(self) -> None:
        self._files.close(self._file)


class FolderPlace:
    """The `Place` that is the folder `folder`."""

    is_near = True
    shares_leases = True
    packs = False
    keeps_parity = True
    at_once = 1

    def __init__(self, folder: Path, files: Files, *, home: str, lock: Path) -> None:
        """home: marks this machine's temporary files. lock: a path of this machine, not in the folder."""
        self.folder = folder
        self._files = files
        self._drafts = Drafts(files, home=home, lock=lock)

    @property
    def title(self) -> str:
        return str(self.folder)

    def make_ready(self) -> None:
        for room in ROOMS:  # a sync client may bring the space file before the folders
            self._files.make_folder(self.folder / room)
        self._drafts.sweep([self.folder / room for room in ROOMS])

    def list(self, room: str) -> list[Entry]:
        return [entry for entry in self._files.list(self.folder / room) if not entry.name.startswith("~")]

    def load(self, room: str, name: str, limit_bytes: int) -> bytes | None:
        with guarded(f"reading {name}"):
            try:
                file = self._files.open(self._path(room, name))
            except FileNotFoundError:
                return None
            try:
                return self._files.read(file, 0, limit_bytes + 1)
            finally:
                self._files.close(file)

    def open(self, room: str, entry: Entry) -> OpenedFile:
        return OpenedFile(self._files, self._path(room, entry.name), entry.size)

    def draft(self, room: str) -> FileDraft:
        with self._writing():
            return self._drafts.new(self.folder / room)

    def publish(self, room: str, drafts: Sequence[tuple[Draft, str]]) -> list[Entry]:
        for draft, _ in drafts:
            cast(FileDraft, draft).sync()
        for draft, name in drafts:
            cast(FileDraft, draft).rename(self._path(room, name))
        self._files.sync_folder(self.folder / room)
        return [self._files.entry(self._path(room, name)) for _, name in drafts]

    def store(self, room: str, name: str, content: bytes) -> None:
        with guarded(f"writing {name}"):
            draft = self.draft(room)
            try:
                draft.write(content)
                self.publish(room, [(draft, name)])
            finally:
                draft.drop()

    def remove(self, room: str, name: str) -> None:
        with guarded(f"removing {name}"), self._writing():
            self._files.remove(self._path(room, name))
            self._files.sync_folder(self.folder / room)

    def close(self) -> None:
        pass

    @contextmanager
    def _writing(self) -> Generator[None]:
        """Raise SpaceUnavailable, which names the folder, where nothing may be written."""
        try:
            yield
        except OSError as error:
            if why := _CLOSED.get(error.errno or 0):
                raise SpaceUnavailable(why.format(self.folder)) from error
            raise

    def _path(self, room: str, name: str) -> Path:
        return self.folder / room / name
