"""What is reached from events and from the values of a pail: all of that stays (S5).

Nodes are read to follow their links, each once however many snapshots share it; records, leaves of
files and other blocks without links are not read. A block that was reached as one kind may be
reached as another: a record may have the bytes of a tree node, so each kind is followed for itself.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from enum import Enum
from typing import NamedTuple

from backup_agent.atproto.commit import decode_commit
from backup_agent.atproto.errors import AtprotoError
from backup_agent.atproto.mst_node import Place, decode_node
from backup_agent.errors import PruneRefused
from backup_agent.snapshot import decode_backup, decode_identity, parse_backup_key
from pail import CID, DAG_CBOR, DAG_PB, RAW, PailError, Reader, TooLarge, Value, decode_dag_cbor
from pail.dag_pb import decode_dag_pb
from pail.event import decode_event
from pail.shard import EMPTY, decode_shard
from pail.unixfs_node import decode_file_node
from space import SpaceError

MAX_LIVE = 1 << 25
"""Blocks that may be reached; some 130 bytes of memory each."""

BATCH = 256
"""Nodes asked for at once."""


class Kind(Enum):
    """What a block is in its place, which says what its links are."""

    LEAF = b"l"
    EVENT = b"e"
    SHARD = b"s"
    """Of the space's pail; its values are for `keep` to take."""
    BACKUP = b"b"
    COMMIT = b"c"
    NODE = b"n"
    BLOBS = b"p"
    """A shard of a Backup's pail of blobs."""
    FILE = b"f"
    IDENTITY = b"i"
    OTHER = b"o"
    """A value that is no Backup: all that it links to, as far as it is here."""


class Step(NamedTuple):
    """A block to follow. place: of a NODE."""

    kind: Kind
    cid: CID
    place: Place | None = None


class Reach:
    """Grows by what it is told to keep. get: hashes what it gives; has: those of CIDs that are here."""

    def __init__(self, get: Reader, has: Callable[[Collection[CID]], set[CID]]) -> None:
        self._get = get
        self._has = has
        self._opened: set[bytes] = set()
        self.live: set[bytes] = set()
        """Digests of all that was reached."""

    def keep_events(self, events: Iterable[CID]) -> None:
        """Keep `events` and all their ancestors, not the pails they name. Raises PruneRefused."""
        self._follow([Step(Kind.EVENT, cid) for cid in events])

    def keep_pail(self, root: CID) -> None:
        """Keep all shards of a pail, and not what its keys name. Raises PruneRefused."""
        self._follow([Step(Kind.SHARD, root)])

    def keep_values(self, entries: Iterable[tuple[str, CID]]) -> None:
        """Keep all below each value of the space's pail. Raises PruneRefused."""
        self._follow(
            [Step(Kind.BACKUP if parse_backup_key(key) else Kind.OTHER, cid) for key, cid in entries]
        )

    def _follow(self, stack: list[Step]) -> None:
        while stack:
            batch = [step for step in stack[-BATCH:] if self._is_new(step)]
            del stack[-BATCH:]
            batch = self._without_absent(batch)
            for step, data in zip(batch, self._read(batch), strict=True):
                stack += self._links(step, data)

    def _is_new(self, step: Step) -> bool:
        """Whether the block must be read; it is live from now on."""
        digest = step.cid[-32:]
        self.live.add(digest)
        if len(self.live) > MAX_LIVE:
            raise TooLarge(f"more than {MAX_LIVE} blocks are to be kept")
        opened = step.kind.value + digest
        if _has_no_links(step) or opened in self._opened:
            return False
        self._opened.add(opened)
        return True

    def _without_absent(self, batch: list[Step]) -> list[Step]:
        """Nobody says that what an unknown value links to is in the space."""
        other = [step.cid for step in batch if step.kind is Kind.OTHER]
        here = self._has(other) if other else set[CID]()
        return [step for step in batch if step.kind is not Kind.OTHER or step.cid in here]

    def _read(self, batch: list[Step]) -> Collection[bytes]:
        try:
            return self._get([step.cid for step in batch]) if batch else ()
        except (PailError, SpaceError) as error:
            raise PruneRefused(
                f"what a kept snapshot needs cannot be followed: {error}; run `skypail repair` and "
                "`skypail backup`, or see `skypail verify --all` for the snapshot"
            ) from error

    def _links(self, step: Step, data: bytes) -> list[Step]:
        try:
            return list(_links(step, data))
        except (PailError, AtprotoError) as error:
            raise PruneRefused(f"block {step.cid} cannot be followed: {error}") from error


def _has_no_links(step: Step) -> bool:
    kind, cid = step.kind, step.cid
    return kind is Kind.LEAF or cid.codec == RAW or (kind is Kind.SHARD and cid == EMPTY.cid)


def _links(step: Step, data: bytes) -> Iterator[Step]:
    kind, cid, place = step
    match kind:
        case Kind.EVENT:
            yield from (Step(Kind.EVENT, parent) for parent in decode_event(data).parents)
        case Kind.SHARD | Kind.BLOBS:
            yield from _shard_links(kind, data)
        case Kind.BACKUP:
            yield from _backup_links(data)
        case Kind.COMMIT:
            root = decode_commit(cid, data).root
            yield Step(Kind.NODE, root, Place(root))
        case Kind.NODE:
            assert place is not None
            yield from _node_links(place, data)
        case Kind.IDENTITY:
            identity = decode_identity(data)
            yield from (Step(Kind.LEAF, part) for part in (identity.did_document, identity.plc_log) if part)
        case Kind.FILE:
            yield from (Step(Kind.FILE, child.cid) for child in decode_file_node(cid, data)[1])
        case Kind.OTHER:
            yield from (Step(Kind.OTHER, link) for link in _any_links(cid, data))
        case Kind.LEAF:
            raise AssertionError("a leaf is not read")


def _shard_links(kind: Kind, data: bytes) -> Iterator[Step]:
    for entry in decode_shard(data).entries.values():
        if entry.shard is not None:
            yield Step(kind, entry.shard)
        if entry.value is not None and kind is Kind.BLOBS:
            yield Step(Kind.FILE, entry.value)


def _backup_links(data: bytes) -> Iterator[Step]:
    backup, certificate = decode_backup(data)
    yield Step(Kind.LEAF, certificate)  # its link `previous` is weak
    yield Step(Kind.COMMIT, backup.repo)
    yield Step(Kind.BLOBS, backup.blobs)
    yield Step(Kind.IDENTITY, backup.identity)
    yield from (Step(Kind.FILE, sealed) for sealed in (backup.preferences, backup.conversations) if sealed)


def _node_links(place: Place, data: bytes) -> Iterator[Step]:
    node = decode_node(place, data)
    yield from (Step(Kind.LEAF, record) for _, record in node.entries)
    yield from (Step(Kind.NODE, child.cid, child) for child in node.children() if child is not None)


def _any_links(cid: CID, data: bytes) -> Iterator[CID]:
    if cid.codec == DAG_PB:
        yield from (link.cid for link in decode_dag_pb(data).links)
    elif cid.codec == DAG_CBOR:
        stack: list[Value] = [decode_dag_cbor(data)]
        while stack:
            value = stack.pop()
            if isinstance(value, CID):
                yield value
            elif isinstance(value, dict):
                stack += value.values()
            elif isinstance(value, list):
                stack += value
