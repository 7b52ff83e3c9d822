"""Finds events in the shards that no head reaches, as when the head objects were lost.

No block is decoded but those that begin like an event, so the cost is one reading of the shards.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pail import CID, DAG_CBOR, PailError
from pail.cid import cid_prefix
from pail.event import Event, Head, decode_event
from pail.operation import decode_operation
from space.errors import CorruptBlock
from space.index import ShardRow, State
from space.packed import open_shard
from space.readable import prove_readable
from space.space import Space
from space.stock import chunks

START = b"\xa2\x64data"
"""What the canonical form of `{data, parents}` begins with; in a CAR its CID stands before it."""

MAX_EVENTS = 1 << 20
"""Events that one look may meet."""

_CID_HEAD = cid_prefix(DAG_CBOR)
_CID_BYTES = len(_CID_HEAD) + 32
_KEPT = _CID_BYTES + len(START) - 1


def unreached(space: Space, head: Head) -> list[CID]:
    """The readable events in whole shards that neither `head` nor another of them reaches (C3)."""
    rows = space.index.shards().values()
    found = events_in(space, [row for row in rows if row.state in (State.WHOLE, State.DAMAGED, State.LISTED)])
    reached = _below(space, head, found)
    lost = {cid: event for cid, event in found.items() if cid not in reached and _readable(space, cid)}
    named = {parent for event in lost.values() for parent in event.parents}
    return sorted(lost.keys() - named)


def events_in(space: Space, rows: Iterable[ShardRow]) -> dict[CID, Event]:
    """The events of a pail in these shards, which are read whole; those of vanished ones not."""
    found: dict[CID, Event] = {}
    for row in rows:
        try:
            pieces = chunks(open_shard(space.place, row.entry))
            for cid in _named(pieces):
                if cid not in found and (event := _event(space, cid)) and len(found) < MAX_EVENTS:
                    found[cid] = event
        except FileNotFoundError:
            continue
    return found


def _named(pieces: Iterable[bytes]) -> Iterator[CID]:
    """The CID before each START, wherever the pieces are cut."""
    window = b""
    for piece in pieces:
        window += piece
        at = window.find(START, _CID_BYTES)
        while at >= 0:
            cid = window[at - _CID_BYTES : at]
            if cid.startswith(_CID_HEAD):
                yield CID(cid)
            at = window.find(START, at + 1)
        window = window[-_KEPT:]


def _event(space: Space, cid: CID) -> Event | None:
    """The event `cid`, None if it is none of a pail, or what looked like its CID is no block here."""
    try:
        event = decode_event(space.get([cid])[0])
        decode_operation(event.data)
    except (PailError, CorruptBlock):
        return None
    return event


def _below(space: Space, head: Head, found: dict[CID, Event]) -> set[CID]:
    reached, frontier = set[CID](), list(head)
    while frontier and len(reached) < MAX_EVENTS:
        cid = frontier.pop()
        if cid in reached:
            continue
        reached.add(cid)
        event = found.get(cid) or _event(space, cid)
        frontier += event.parents if event else ()
    return reached


def _readable(space: Space, event: CID) -> bool:
    try:
        prove_readable(space, event)
    except (PailError, CorruptBlock):
        return False
    return True
