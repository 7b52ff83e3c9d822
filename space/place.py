"""Where a space lies: what it needs of a folder, a bucket, or whatever else keeps objects.

A place has three rooms: `""`, `shards` and `heads` (`space.layout`). An object there is immutable
but for an agent's own head and a process's own lease, and appears whole, durable and under its name,
or not at all. Objects are bytes here: what they mean, and whether they are compressed, is the space's
business.

Every method may raise SpaceUnavailable, and OSError where the operating system is asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol


class Entry(NamedTuple):
    """An object as listed. size: in bytes, as it rests. version: changes when its bytes do."""

    name: str
    size: int
    version: str


class Span(NamedTuple):
    """`size` bytes of an object from `offset` on."""

    offset: int
    size: int


class Opened(Protocol):
    """An object that is read by ranges, as often as wanted."""

    @property
    def size(self) -> int:
        """In bytes."""
        ...

    def read(self, offset: int, size: int) -> bytes:
        """The bytes from `offset` on: `size` of them, fewer only where the object ends.

        Raises FileNotFoundError if it is gone.
        """
        ...

    def read_many(self, spans: Sequence[Span]) -> list[bytes]:
        """As `read` of each span, in order, in few requests."""
        ...

    def close(self) -> None: ...


class Draft(Protocol):
    """An object that is being written: there for nobody else until it is published."""

    @property
    def size(self) -> int:
        """Bytes written so far."""
        ...

    def write(self, content: bytes | bytearray | memoryview) -> None:
        """Append `content`. Raises OSError, as of a full disk."""
        ...

    def read(self, offset: int, size: int) -> bytes:
        """What was written there."""
        ...

    def sync(self) -> None:
        """What was written so far costs `publish` no more waiting for this machine's disk."""
        ...

    def drop(self) -> None:
        """Remove it, unless it was published. Any number of times."""
        ...


class Place(Protocol):
    """Keeps the objects of one space. One thread at a time; any number of processes and machines."""

    @property
    def title(self) -> str:
        """What to call it to people: a path or a URL, without secrets."""
        ...

    @property
    def is_near(self) -> bool:
        """Whether listing and reading are this machine's own work. Else each is a request, and counts."""
        ...

    @property
    def at_once(self) -> int:
        """How many objects may be read from at once, each by a thread of its own."""
        ...

    @property
    def shares_leases(self) -> bool:
        """Whether other machines see a lease, as soon or late as they see all else."""
        ...

    @property
    def packs(self) -> bool:
        """Whether shards rest compressed here, and an index object lies beside the large ones alone.

        Their drafts are plain: `publish` packs what gets the name of a packed shard.
        """
        ...

    @property
    def keeps_parity(self) -> bool:
        """Whether an object may lie beside a shard under the shard's name: parity does."""
        ...

    def make_ready(self) -> None:
        """Make what must be there to write to, remove what crashed processes of this home were writing."""
        ...

    def list(self, room: str) -> list[Entry]:
        """The objects of a room, sorted by name, without those that are being written."""
        ...

    def load(self, room: str, name: str, limit_bytes: int) -> bytes | None:
        """A small object's bytes, at most `limit_bytes` and one; None if it is not there (any more)."""
        ...

    def open(self, room: str, entry: Entry) -> Opened:
        """An object to read from. Raises FileNotFoundError here or at the first read."""
        ...

    def draft(self, room: str) -> Draft:
        """A new object for `room`."""
        ...

    def publish(self, room: str, drafts: Sequence[tuple[Draft, str]]) -> list[Entry]:
        """Give immutable objects their names, in this order; all are durable on return (S1, S2).

        One whose name is taken is not written over unless that makes no difference: names of
        immutable objects say what is in them. The entries are those that `list` will give.
        """
        ...

    def store(self, room: str, name: str, content: bytes) -> None:
        """Write a small object, over the one that has the name; durable on return (S2).

        Where the place can tell, a head object only over the one that this process listed last, or as the
        first: else it raises HeadOvertaken.
        """
        ...

    def remove(self, room: str, name: str) -> None:
        """Remove an object, durably; no error if there is none. `prune` alone calls this (S5)."""
        ...

    def close(self) -> None:
        """Let go of files and connections. Nothing is lost by not doing so."""
        ...
