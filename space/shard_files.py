"""Reads places in shards, keeping the last few open. Takes no lock."""

from __future__ import annotations

from collections.abc import Sequence

from space.packed import open_shard
from space.place import Entry, Opened, Place, Span

MAX_OPEN_FILES = 64


class ShardFiles:
    """The open shards of one place."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._open: dict[str, Opened] = {}  # the one used last is last

    def read_many(self, entry: Entry, spans: Sequence[Span]) -> list[bytes]:
        """The bytes of each span; fewer where the shard ends. Raises OSError, FileNotFoundError among it."""
        opened = self._open.pop(entry.name, None)
        if opened is None:
            if len(self._open) >= MAX_OPEN_FILES:
                self.drop(next(iter(self._open)))
            opened = open_shard(self._place, entry)
        self._open[entry.name] = opened
        return opened.read_many(spans)

    def drop(self, name: str) -> None:
        """Open the shard anew at the next read: it may have been replaced."""
        opened = self._open.pop(name, None)
        if opened is not None:
            opened.close()

    def close(self) -> None:
        """Let go of all shards."""
        while self._open:
            self._open.popitem()[1].close()
