"""A place without any file system, for tests: rooms are dicts."""

from __future__ import annotations

import errno
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

from space.place import Draft, Entry, Span


class MemoryDraft:
    def __init__(self) -> None:
        self.content = bytearray()

    @property
    def size(self) -> int:
        return len(self.content)

    def write(self, content: bytes | bytearray | memoryview) -> None:
        self.content += content

    def read(self, offset: int, size: int) -> bytes:
        return bytes(self.content[offset : offset + size])

    def sync(self) -> None:
        pass

    def drop(self) -> None:
        self.content.clear()


class OpenedBytes:
    """Looks its object up at each read, as a bucket does."""

    def __init__(self, room: dict[str, tuple[str, bytes]], name: str) -> None:
        self._room = room
        self._name = name

    @property
    def size(self) -> int:
        return len(self._content)

    @property
    def _content(self) -> bytes:
        if self._name not in self._room:
            raise FileNotFoundError(errno.ENOENT, self._name)
        return self._room[self._name][1]

    def read(self, offset: int, size: int) -> bytes:
        return self._content[offset : offset + size]

    def read_many(self, spans: Sequence[Span]) -> list[bytes]:
        return [self.read(offset, size) for offset, size in spans]

    def close(self) -> None:
        pass


@dataclass
class MemoryPlace:
    """Several instances over the same `rooms` are several machines."""

    rooms: dict[str, dict[str, tuple[str, bytes]]] = field(
        default_factory=lambda: {"": {}, "shards": {}, "heads": {}}
    )
    title: str = "memory"
    is_near: bool = False
    shares_leases: bool = True
    packs: bool = False
    keeps_parity: bool = True
    at_once: int = 1
    versions: itertools.count[int] = field(default_factory=itertools.count)

    def make_ready(self) -> None:
        pass

    def list(self, room: str) -> list[Entry]:
        found = self.rooms[room].items()
        return sorted(Entry(name, len(content), version) for name, (version, content) in found)

    def load(self, room: str, name: str, limit_bytes: int) -> bytes | None:
        found = self.rooms[room].get(name)
        return found[1][: limit_bytes + 1] if found else None

    def open(self, room: str, entry: Entry) -> OpenedBytes:
        return OpenedBytes(self.rooms[room], entry.name)

    def draft(self, room: str) -> MemoryDraft:
        return MemoryDraft()

    def publish(self, room: str, drafts: Sequence[tuple[Draft, str]]) -> list[Entry]:
        for draft, name in drafts:
            if name not in self.rooms[room]:
                self.store(room, name, bytes(cast(MemoryDraft, draft).content))
        names = [name for _, name in drafts]
        return [entry for name in names for entry in self.list(room) if entry.name == name]

    def store(self, room: str, name: str, content: bytes) -> None:
        self.rooms[room][name] = (str(next(self.versions)), content)

    def remove(self, room: str, name: str) -> None:
        self.rooms[room].pop(name, None)

    def close(self) -> None:
        pass
