"""Reads places in shard files, keeping the last few files open. Takes no lock."""

from __future__ import annotations

from pathlib import Path

from space.files import Files

MAX_OPEN_FILES = 64


class ShardFiles:
    """The open shard files of one folder."""

    def __init__(self, folder: Path, files: Files) -> None:
        self._folder = folder
        self._files = files
        self._open: dict[str, int] = {}  # the one used last is last

    def read(self, name: str, offset: int, size: int) -> bytes:
        """The bytes at a place; fewer where the file ends. Raises OSError, FileNotFoundError among it."""
        file = self._open.pop(name, None)
        if file is None:
            if len(self._open) >= MAX_OPEN_FILES:
                self.drop(next(iter(self._open)))
            file = self._files.open(self._folder / name)
        self._open[name] = file
        return self._files.read(file, offset, size)

    def drop(self, name: str) -> None:
        """Open the file anew at the next read: it may have been replaced."""
        file = self._open.pop(name, None)
        if file is not None:
            self._files.close(file)

    def close(self) -> None:
        """Let go of all files."""
        while self._open:
            self._files.close(self._open.popitem()[1])
