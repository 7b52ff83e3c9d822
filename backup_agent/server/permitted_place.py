"""A place that asks before each write, and counts what is written."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from backup_agent.server.permit import Permit
from space import Place
from space.layout import LEASE_SUFFIX
from space.place import Draft, Entry, Opened, Span


class MeteredDraft:
    """A `space.place.Draft` that counts against what the space may take today."""

    def __init__(self, inner: Draft, permit: Permit) -> None:
        self.inner, self._permit = inner, permit

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def write(self, content: bytes | bytearray | memoryview) -> None:
        self._permit.spend(len(content))
        self.inner.write(content)


class TimedReads:
    """A `space.place.Opened` that is read until the run must be over."""

    def __init__(self, inner: Opened, permit: Permit) -> None:
        self._inner, self._permit = inner, permit
        self.size, self.close = inner.size, inner.close

    def read(self, offset: int, size: int) -> bytes:
        self._permit.deadline.check()
        return self._inner.read(offset, size)

    def read_many(self, spans: Sequence[Span]) -> list[bytes]:
        self._permit.deadline.check()
        return self._inner.read_many(spans)


class PermittedPlace:
    """A `space.Place` that asks before anything becomes visible, and does nothing after the run's time;
    all else is the inner place's.
    """

    def __init__(self, inner: Place, permit: Permit) -> None:
        self._inner, self._permit = inner, permit

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def list(self, room: str) -> list[Entry]:
        self._permit.deadline.check()
        return self._inner.list(room)

    def load(self, room: str, name: str, limit_bytes: int) -> bytes | None:
        self._permit.deadline.check()
        return self._inner.load(room, name, limit_bytes)

    def open(self, room: str, entry: Entry) -> Opened:
        self._permit.deadline.check()
        return TimedReads(self._inner.open(room, entry), self._permit)

    def draft(self, room: str) -> Draft:
        return cast(Draft, MeteredDraft(self._inner.draft(room), self._permit))

    def publish(self, room: str, drafts: Sequence[tuple[Draft, str]]) -> list[Entry]:
        """Asked for each object of a bucket, since each may take minutes; a folder gives all their names in
        a moment, and a provider itself sees whether what it is sent is delegated still.
        """
        bare = [(each.inner if isinstance(each, MeteredDraft) else each, name) for each, name in drafts]
        entries: list[Entry] = []
        for part in ([each] for each in bare) if self._inner.packs else [bare]:
            if part:
                self._permit()
            entries += self._inner.publish(room, part)
        return entries

    def store(self, room: str, name: str, content: bytes) -> None:
        """Asked as late as can be: whoever freezes after it may write when it has lost the account."""
        if not self._inner.is_near:
            self._permit()
            self._inner.store(room, name, content)
            return
        draft = self._inner.draft(room)
        try:
            draft.write(content)
            draft.sync()
            self._permit()
            self._inner.publish(room, [(draft, name)])
        finally:
            draft.drop()

    def remove(self, room: str, name: str) -> None:
        """A lease alone, which says who writes: a server agent deletes nothing else (S5)."""
        assert (room, Path(name).suffix) == ("", LEASE_SUFFIX), name
        self._inner.remove(room, name)
