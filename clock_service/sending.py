"""What to send along with events, so that a clock can read and check them: parts, and pail shards.

A clock takes an event whose ancestors it has or is given (C3), and recomputes its root where it
is given the pail shards that the operation touches (C6).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from clock_service.examination import EVENT_BYTES, MAX_EFFORT
from clock_service.policy import writes
from pail import CID, Block, PailError, Reader, TooLarge, Walk, run
from pail.event import Event, decode_event
from pail.history import history
from pail.operation import decode_operation
from pail.shard import EMPTY, decode_shard

MAX_PART_EVENTS = 128
"""Events of one advance; a longer history goes in parts, oldest first."""

MAX_PART_BYTES = 4 << 20
"""Of a part's blocks; a larger one has a single event. A service's limit on a request is 16 MiB."""

MAX_PART_BLOCKS = 1 << 10
"""Of a part. Each takes 102 bytes of the invocation's fact, and a UCAN is 128 KiB at most."""

MAX_PART_EFFORT = MAX_EFFORT // 2
"""Of proving a part; a service that has less cached than we reads more. Where one event takes more than
that, or more than MAX_PART_BLOCKS, its shards stay at home.
"""

MAX_TOUCHED = 1 << 14
"""Pail shards that go along with one event; with more on its way none go."""

MAX_REPLAYED = 1 << 12
"""Events that a service is asked to replay; shards for a merge of more stay at home."""


class Part(NamedTuple):
    """One advance: its event, and the blocks to send along, the event's own among them."""

    event: CID
    blocks: tuple[Block, ...]


def parts(events: Sequence[CID], read: Reader) -> Iterator[Part]:
    """What to advance by, in this order, so that a clock has all of `events` in the end.

    events: parents first; parents that are not among them are known to the clock.
    Raises MissingBlock for an event that cannot be had. A shard that cannot be had does not go along.
    """
    part: dict[CID, Event] = {}
    blocks: dict[CID, dict[CID, bytes]] = {}
    along = set[CID]()
    size = effort = 0
    for cid in events:
        (data,) = read([cid])
        event = decode_event(data)
        shards, cost = _shards(event, read)
        touched = {cid: data, **shards}
        size += sum(map(len, touched.values()))
        effort += cost
        along |= touched.keys()
        if (
            len(part) == MAX_PART_EVENTS
            or len(along) > MAX_PART_BLOCKS
            or size > MAX_PART_BYTES
            or effort > MAX_PART_EFFORT
        ):
            yield from _by_tips(part, blocks)
            part, blocks, along = {}, {}, set(touched)
            size, effort = sum(map(len, touched.values())), cost
        part[cid], blocks[cid] = event, touched
    yield from _by_tips(part, blocks)


def _by_tips(part: dict[CID, Event], blocks: dict[CID, dict[CID, bytes]]) -> Iterator[Part]:
    """Each event that none of the part supersedes, with those below it that no earlier one brought."""
    superseded = {parent for event in part.values() for parent in event.parents}
    sent: set[CID] = set()
    for tip in part:
        if tip in superseded:
            continue
        below: list[CID] = []
        wanted = {tip}
        for cid in reversed(part):
            if cid in wanted and cid not in sent:
                below.append(cid)
                wanted.update(part[cid].parents)
        sent.update(below)
        along = {cid: data for each in reversed(below) for cid, data in blocks[each].items()}
        yield Part(tip, tuple(Block(cid, data) for cid, data in along.items()))


def _shards(event: Event, read: Reader) -> tuple[dict[CID, bytes], int]:
    """The pail shards to send along, and what proving the event by them costs."""
    cost = 0

    def counted(cids: Sequence[CID]) -> Sequence[bytes]:
        nonlocal cost
        blocks = read(cids)
        cost += sum(1 + len(data) // EVENT_BYTES for data in blocks)
        return blocks

    try:
        shards = run(touched(event), counted)
    except PailError:
        return {}, 0  # no operation on a pail, or its shards are not here: the clock decides what it needs
    fits = cost <= MAX_PART_EFFORT and len(shards) < MAX_PART_BLOCKS
    return (shards, cost) if fits else ({}, 0)


def touched(event: Event) -> Walk[dict[CID, bytes]]:
    """The pail shards that are read when `event` is done again on the state of its parents.

    Cached ones too: what one process has in memory another has not.
    Raises TooLarge past MAX_REPLAYED, DecodeError where the events are no operations.
    """
    keys = _keys(event)
    root = EMPTY.cid
    if event.parents:
        past = yield from history(event.parents)
        if len(past.events) > MAX_REPLAYED:
            raise TooLarge(f"more than {MAX_REPLAYED} events to replay")
        if past.ancestor is not None:
            root = decode_operation(decode_event((yield past.ancestor)).data)[1]
        keys += [key for replayed in past.events for key in _keys(replayed)]
    return (yield from _ways(root, keys))


def _keys(event: Event) -> list[str]:
    return [write.key for write in writes(decode_operation(event.data)[0])]


def _ways(root: CID, keys: Sequence[str]) -> Walk[dict[CID, bytes]]:
    """Every shard on the way from `root` to each of `keys`, its block by CID."""
    if root == EMPTY.cid:  # nobody asks a store for it; that it comes along says there is nothing to add
        return {EMPTY.cid: EMPTY.data}
    found: dict[CID, bytes] = {}
    links: dict[CID, dict[str, CID]] = {}
    for key in keys[:MAX_TOUCHED]:
        cid: CID | None = root
        for char in key or [""]:
            if cid is None:
                break
            if cid not in found:
                found[cid] = yield cid
                shard = decode_shard(found[cid])
                links[cid] = {first: each.shard for first, each in shard.entries.items() if each.shard}
            cid = links[cid].get(char)
    return found
